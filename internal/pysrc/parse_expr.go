package pysrc

// expressions parses one expression or a tuple of them, with stars.
func (p *parser) expressions() Expr {
	return p.tuple(p.starred, p.at())
}

// tuple parses elements; a comma makes a tuple of them.
func (p *parser) tuple(element func() Expr, start int32) Expr {
	first := element()
	if p.peek() != symComma {
		return first
	}
	from := p.begin()
	p.push(first)
	for p.accept(symComma) && p.begins() {
		p.push(element())
	}
	return p.newSequence(start, Tuple, p.elements(from))
}

// begins reports whether an expression begins here.
func (p *parser) begins() bool {
	switch p.peek() {
	case symName, symNumber, symString, symFStart, symLParen, symLBracket, symLBrace, symEllipsis,
		symPlus, symMinus, symTilde, symStar, symNot, symLambda, symAwait, symYield,
		symTrue, symFalse, symNone:
		return true
	default:
		return false
	}
}

// starred parses *value, or a named expression.
func (p *parser) starred() Expr {
	if p.peek() == symStar {
		start := p.at()
		p.take()
		v := p.binary(0)
		return &Starred{isExpr{p.span(start)}, v}
	}
	return p.named()
}

// named parses an expression, or name := expression.
func (p *parser) named() Expr {
	start := p.at()
	e := p.expression()
	if p.peek() != symWalrus {
		return e
	}
	name, ok := e.(*Name)
	if !ok {
		p.fail("only a name can stand before :=")
		return e
	}
	p.take()
	v := p.expression()
	return &Walrus{isExpr{p.span(start)}, name, v}
}

// yielded parses a yield expression, or expressions.
func (p *parser) yielded() Expr {
	if p.peek() != symYield {
		return p.expressions()
	}
	start := p.at()
	p.take()
	y := &Yield{}
	if p.accept(symFrom) {
		y.From = true
		y.Value = p.expression()
	} else if p.begins() {
		y.Value = p.expressions()
	}
	y.Span = p.span(start)
	return y
}

// expression parses a conditional expression or a lambda.
func (p *parser) expression() Expr {
	defer p.leave()
	if !p.enter() {
		return p.newConst(p.span(p.last), "None")
	}
	if p.peek() == symLambda {
		return p.lambda()
	}
	start := p.at()
	e := p.or()
	if p.peek() != symIf {
		return e
	}
	p.take()
	test := p.or()
	p.expect(symElse, "an else is missing")
	other := p.expression()
	return &IfExpr{isExpr{p.span(start)}, test, e, other}
}

func (p *parser) lambda() Expr {
	start := p.at()
	p.take()
	params := p.params(symColon, false)
	p.expect(symColon, "a colon is missing")
	body := p.expression()
	return &Lambda{isExpr{p.span(start)}, params, body}
}

func (p *parser) or() Expr {
	start := p.at()
	e := p.and()
	if p.peek() != symOr {
		return e
	}
	values := []Expr{e}
	for p.accept(symOr) {
		values = append(values, p.and())
	}
	return &Bool{isExpr{p.span(start)}, "or", values}
}

func (p *parser) and() Expr {
	start := p.at()
	e := p.not()
	if p.peek() != symAnd {
		return e
	}
	values := []Expr{e}
	for p.accept(symAnd) {
		values = append(values, p.not())
	}
	return &Bool{isExpr{p.span(start)}, "and", values}
}

func (p *parser) not() Expr {
	if p.peek() != symNot {
		return p.comparison()
	}
	defer p.leave()
	if !p.enter() {
		return p.newConst(p.span(p.last), "None")
	}
	start := p.at()
	p.take()
	v := p.not()
	return &Unary{isExpr{p.span(start)}, "not", v}
}

func (p *parser) comparison() Expr {
	start := p.at()
	e := p.binary(0)
	op := p.comparator()
	if op == "" {
		return e
	}
	c := &Compare{Values: []Expr{e}}
	for ; op != ""; op = p.comparator() {
		c.Ops = append(c.Ops, op)
		c.Values = append(c.Values, p.binary(0))
	}
	c.Span = p.span(start)
	return c
}

// comparator takes an operator of a comparison.
func (p *parser) comparator() string {
	switch s := p.peek(); s {
	case symEqual, symNotEqual, symLess, symGreater, symLessEqual, symGreaterEqual, symIn:
		t := p.take()
		return p.src[t.start:t.end]
	case symIs:
		p.take()
		if p.accept(symNot) {
			return "is not"
		}
		return "is"
	case symNot:
		if p.second() == symIn {
			p.take()
			p.take()
			return "not in"
		}
	default:
	}
	return ""
}

// precedence is how tight a binary operator binds; 0 is no operator.
func precedence(s sym) int {
	switch s {
	case symPipe:
		return 1
	case symCaret:
		return 2
	case symAmp:
		return 3
	case symShiftLeft, symShiftRight:
		return 4
	case symPlus, symMinus:
		return 5
	case symStar, symSlash, symDoubleSlash, symPercent, symAt:
		return 6
	default:
		return 0
	}
}

// binary parses operators that bind tighter than floor, by climbing.
func (p *parser) binary(floor int) Expr {
	start := p.at()
	left := p.unary()
	for {
		prec := precedence(p.peek())
		if prec <= floor {
			return left
		}
		t := p.take()
		right := p.binary(prec)
		left = p.newBinary(start, p.src[t.start:t.end], left, right)
	}
}

func (p *parser) unary() Expr {
	switch p.peek() {
	case symPlus, symMinus, symTilde:
	default:
		return p.power()
	}
	defer p.leave()
	if !p.enter() {
		return p.newConst(p.span(p.last), "None")
	}
	t := p.take()
	v := p.unary()
	return &Unary{isExpr{p.span(t.start)}, p.src[t.start:t.end], v}
}

func (p *parser) power() Expr {
	start := p.at()
	base := p.awaited()
	if p.peek() != symDoubleStar {
		return base
	}
	defer p.leave()
	if !p.enter() {
		return base
	}
	p.take()
	exp := p.unary()
	return p.newBinary(start, "**", base, exp)
}

func (p *parser) awaited() Expr {
	if p.peek() != symAwait {
		return p.primary()
	}
	start := p.at()
	p.take()
	v := p.primary()
	return &Await{isExpr{p.span(start)}, v}
}

// primary parses an atom and what follows it: attributes, calls, subscripts.
func (p *parser) primary() Expr {
	start := p.at()
	e := p.atom()
	for {
		switch p.peek() {
		case symDot:
			p.take()
			name := p.identifier()
			a := p.arena.attributes.next(p.arena.room)
			a.Span, a.Value, a.Attr = p.span(start), e, name
			e = a
		case symLParen:
			e = p.call(start, e)
		case symLBracket:
			p.take()
			index := p.index()
			p.expect(symRBracket, "a bracket is not closed")
			s := p.arena.subscripts.next(p.arena.room)
			s.Span, s.Value, s.Index = p.span(start), e, index
			e = s
		default:
			return e
		}
	}
}

// index parses what stands within the brackets of a subscript.
func (p *parser) index() Expr {
	start := p.at()
	first := p.slice()
	if p.peek() != symComma {
		return first
	}
	from := p.begin()
	p.push(first)
	for p.accept(symComma) && p.peek() != symRBracket {
		p.push(p.slice())
	}
	return p.newSequence(start, Tuple, p.elements(from))
}

func (p *parser) slice() Expr {
	if p.peek() == symStar {
		return p.starred()
	}
	start := p.at()
	s := &Slice{}
	if p.peek() != symColon {
		s.Low = p.named()
		if p.peek() != symColon {
			return s.Low
		}
	}
	p.take()
	s.High = p.bound()
	if p.accept(symColon) {
		s.Step = p.bound()
	}
	s.Span = p.span(start)
	return s
}

func (p *parser) bound() Expr {
	if !p.begins() {
		return nil
	}
	return p.expression()
}

// call parses the arguments of a call of f.
func (p *parser) call(start int32, f Expr) Expr {
	p.take()
	c := p.arena.calls.next(p.arena.room)
	c.Func = f
	from := p.begin()
	for p.peek() != symRParen && !p.failed {
		p.argument(c, from)
		if !p.accept(symComma) {
			break
		}
	}
	c.Args = p.elements(from)
	p.expect(symRParen, "a bracket is not closed")
	c.Broken = p.failed
	c.Span = p.span(start)
	return c
}

// argument parses one of a call, of which those by place are pending.
func (p *parser) argument(c *Call, from int) {
	start := p.at()
	switch {
	case p.accept(symDoubleStar):
		v := p.expression()
		c.Keywords = append(c.Keywords, Keyword{p.span(start), "", v})
	case p.accept(symStar):
		v := p.expression()
		p.push(&Starred{isExpr{p.span(start)}, v})
	case p.peek() == symName && p.second() == symAssign:
		name := p.identifier()
		p.take()
		v := p.expression()
		c.Keywords = append(c.Keywords, Keyword{p.span(start), name, v})
	default:
		e := p.named()
		if p.clausesNext() {
			e = p.comprehension(start, Generator, nil, e)
			if p.begin() == from && len(c.Keywords) == 0 { // ast gives it the call's brackets
				e.(*Comprehension).Start--
			}
		}
		p.push(e)
	}
}

func (p *parser) clausesNext() bool {
	return p.peek() == symFor || p.peek() == symAsync && p.second() == symFor
}

func (p *parser) comprehension(start int32, kind Bracket, key, elem Expr) Expr {
	c := &Comprehension{Kind: kind, Key: key, Elem: elem}
	for p.clausesNext() {
		p.accept(symAsync)
		p.take()
		var cl Clause
		cl.Target = p.targets()
		p.expect(symIn, "an in is missing")
		cl.Iter = p.or()
		for p.accept(symIf) {
			cl.Ifs = append(cl.Ifs, p.condition())
		}
		c.Clauses = append(c.Clauses, cl)
	}
	c.Span = p.span(start)
	return c
}

// condition parses the test of a clause, which may be named but not conditional.
func (p *parser) condition() Expr {
	start := p.at()
	e := p.or()
	name, ok := e.(*Name)
	if !ok || p.peek() != symWalrus {
		return e
	}
	p.take()
	v := p.or()
	return &Walrus{isExpr{p.span(start)}, name, v}
}

// targets parses what a for binds: no comparison, because in ends it.
func (p *parser) targets() Expr {
	return p.tuple(func() Expr {
		start := p.at()
		if p.accept(symStar) {
			v := p.binary(0)
			return &Starred{isExpr{p.span(start)}, v}
		}
		return p.binary(0)
	}, p.at())
}

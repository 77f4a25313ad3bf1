package pysrc

// compound parses a compound statement, or the simple statements of a line.
func (p *parser) compound(list []Stmt) []Stmt {
	var s Stmt
	start := p.at()
	switch p.peek() {
	case symIf:
		s = p.ifStmt()
	case symFor:
		s = p.forStmt(start, false)
	case symWhile:
		s = p.whileStmt()
	case symTry:
		s = p.tryStmt()
	case symWith:
		s = p.withStmt(start, false)
	case symDef:
		s = p.function(start, nil, false)
	case symClass:
		s = p.class(start, nil)
	case symAt:
		s = p.decorated()
	case symAsync:
		s = p.async(nil)
	default:
		if p.soft("match") {
			if s = p.match(); s != nil {
				return append(list, s)
			}
		}
		return p.simple(list)
	}
	if s == nil {
		return list
	}
	return append(list, s)
}

func (p *parser) async(decorators []Expr) Stmt {
	start := p.at()
	p.take()
	switch p.peek() {
	case symDef:
		return p.function(start, decorators, true)
	case symFor:
		if decorators == nil {
			return p.forStmt(start, true)
		}
	case symWith:
		if decorators == nil {
			return p.withStmt(start, true)
		}
	default:
	}
	p.fail("async stands before def, for and with only")
	return nil
}

func (p *parser) decorated() Stmt {
	var list []Expr
	for p.accept(symAt) {
		list = append(list, p.named())
		p.expect(symNewline, "the decorator does not end here")
	}
	start := p.at()
	switch p.peek() {
	case symDef:
		return p.function(start, list, false)
	case symClass:
		return p.class(start, list)
	case symAsync:
		return p.async(list)
	default:
		p.fail("a decorator stands before def and class only")
		return nil
	}
}

func (p *parser) ifStmt() Stmt {
	start := p.at()
	s := &If{}
	for {
		p.take()
		test := p.named()
		s.Branches = append(s.Branches, Branch{test, p.suite()})
		if p.peek() != symElif {
			break
		}
	}
	s.Else = p.otherwise(symElse)
	s.Span = p.span(start)
	return s
}

// otherwise parses the block behind else or finally, where there is one.
func (p *parser) otherwise(s sym) []Stmt {
	if !p.accept(s) {
		return nil
	}
	return p.suite()
}

func (p *parser) forStmt(start int32, async bool) Stmt {
	p.take()
	s := &For{Async: async}
	s.Target = p.targets()
	p.expect(symIn, "an in is missing")
	s.Iter = p.expressions()
	s.Body = p.suite()
	s.Else = p.otherwise(symElse)
	s.Span = p.span(start)
	return s
}

func (p *parser) whileStmt() Stmt {
	start := p.at()
	p.take()
	s := &While{Test: p.named()}
	s.Body = p.suite()
	s.Else = p.otherwise(symElse)
	s.Span = p.span(start)
	return s
}

func (p *parser) tryStmt() Stmt {
	start := p.at()
	p.take()
	s := &Try{Body: p.suite()}
	for p.peek() == symExcept {
		s.Handlers = append(s.Handlers, p.handler())
	}
	s.Else = p.otherwise(symElse)
	s.Finally = p.otherwise(symFinally)
	if len(s.Handlers) == 0 && s.Finally == nil {
		p.fail("an except or a finally is missing")
	}
	s.Span = p.span(start)
	return s
}

func (p *parser) handler() Handler {
	start := p.at()
	p.take()
	p.accept(symStar)
	var h Handler
	if p.peek() != symColon {
		h.Type = p.tuple(p.expression, p.at()) // PEP 758: no brackets are needed
		if p.accept(symAs) {
			h.Name = p.identifier()
		}
	}
	h.Body = p.suite()
	h.Span = p.span(start)
	return h
}

func (p *parser) withStmt(start int32, async bool) Stmt {
	p.take()
	s := &With{Async: async}
	if p.peek() != symLParen || !p.try(func() bool { s.Items = p.bracketedItems(); return p.peek() == symColon }) {
		s.Items = p.items()
	}
	s.Body = p.suite()
	s.Span = p.span(start)
	return s
}

func (p *parser) items() []WithItem {
	var list []WithItem
	for {
		list = append(list, p.withItem())
		if !p.accept(symComma) {
			return list
		}
	}
}

func (p *parser) bracketedItems() []WithItem {
	p.take()
	var list []WithItem
	for p.peek() != symRParen && !p.failed {
		list = append(list, p.withItem())
		if !p.accept(symComma) {
			break
		}
	}
	p.expect(symRParen, "a bracket is not closed")
	if len(list) == 0 {
		p.fail("an item is missing")
	}
	return list
}

func (p *parser) withItem() WithItem {
	item := WithItem{Context: p.expression()}
	if p.accept(symAs) {
		item.Target = p.targetOf()
	}
	return item
}

// targetOf parses one target: a name, an attribute, a subscript, a bracket of them.
func (p *parser) targetOf() Expr {
	e := p.primary()
	if !assignable(e) {
		p.fail("this cannot be assigned to")
	}
	return e
}

func (p *parser) function(start int32, decorators []Expr, async bool) Stmt {
	p.take()
	s := &FunctionDef{Decorators: decorators, Async: async, NameAt: p.at()}
	s.Name = p.identifier()
	s.TypeParams = p.typeParams()
	p.expect(symLParen, "a bracket is missing")
	s.Params = p.params(symRParen, true)
	p.expect(symRParen, "a bracket is not closed")
	if p.accept(symArrow) {
		s.Returns = p.expressions()
	}
	s.Body = p.suite()
	s.Span = p.span(start)
	return s
}

// params parses parameters up to an end, which it leaves.
func (p *parser) params(end sym, annotated bool) *Params {
	ps := &Params{}
	list := &ps.Plain
	for p.peek() != end && !p.failed {
		switch p.peek() {
		case symSlash:
			p.take()
			ps.PosOnly, ps.Plain = ps.Plain, nil
			list = &ps.Plain
		case symStar:
			p.take()
			if p.peek() == symName {
				a := p.param(annotated, true)
				ps.Star = &a
			}
			list = &ps.KwOnly
		case symDoubleStar:
			p.take()
			a := p.param(annotated, false)
			ps.StarStar = &a
		default:
			*list = append(*list, p.param(annotated, false))
		}
		if !p.accept(symComma) {
			break
		}
	}
	return ps
}

func (p *parser) param(annotated, star bool) Param {
	start := p.at()
	a := Param{Name: p.identifier()}
	if annotated && p.accept(symColon) {
		if star {
			a.Annotation = p.starred() // PEP 646: *args: *Ts
		} else {
			a.Annotation = p.expression()
		}
	}
	if p.accept(symAssign) {
		a.Default = p.expression()
	}
	a.Span = p.span(start)
	return a
}

func (p *parser) class(start int32, decorators []Expr) Stmt {
	p.take()
	s := &ClassDef{Decorators: decorators, NameAt: p.at()}
	s.Name = p.identifier()
	s.TypeParams = p.typeParams()
	if p.peek() == symLParen {
		c, ok := p.call(p.at(), nil).(*Call)
		if ok {
			s.Bases, s.Keywords = c.Args, c.Keywords
		}
	}
	s.Body = p.suite()
	s.Span = p.span(start)
	return s
}

// typeParams parses [T: Bound = Default, *Ts, **P], where there is one.
func (p *parser) typeParams() []TypeParam {
	if !p.accept(symLBracket) {
		return nil
	}
	var list []TypeParam
	for p.peek() != symRBracket && !p.failed {
		if !p.accept(symStar) {
			p.accept(symDoubleStar)
		}
		t := TypeParam{Name: p.identifier()}
		if p.accept(symColon) {
			t.Bound = p.expression()
		}
		if p.accept(symAssign) {
			t.Default = p.starred()
		}
		list = append(list, t)
		if !p.accept(symComma) {
			break
		}
	}
	p.expect(symRBracket, "a bracket is not closed")
	return list
}

package pysrc

// match parses a match statement. Match is a name like any other unless a subject,
// a colon and a block of cases follow it; where they do not, nothing is taken.
func (p *parser) match() Stmt {
	start := p.at()
	s := &Match{}
	header := func() bool {
		p.take()
		if !p.begins() {
			return false
		}
		s.Subject = p.expressions()
		return p.accept(symColon) && p.accept(symNewline) && p.peek() == symIndent
	}
	if !p.try(func() bool { return header() && p.caseFollows() }) {
		return nil
	}
	p.take()
	for p.peek() != symDedent && p.peek() != symEOF {
		n := p.i
		if s.Cases = append(s.Cases, p.oneCase()); p.failed {
			s.Cases[len(s.Cases)-1].Body = p.lostCase(n)
		}
	}
	p.accept(symDedent)
	s.Span = p.span(start)
	return s
}

// caseFollows reports whether case stands behind the indent.
func (p *parser) caseFollows() bool {
	t := p.toks[min(p.i+1, len(p.toks)-1)]
	return t.sym == symName && p.src[t.start:t.end] == "case"
}

// lostCase recovers from a case that does not parse.
func (p *parser) lostCase(start int) []Stmt {
	p.failed, p.tries = false, 0
	bad := &Bad{}
	bad.Start = p.toks[start].start
	p.recover(bad)
	if p.i == start {
		p.i++
	}
	bad.End = max(bad.Start, p.last)
	return []Stmt{bad}
}

func (p *parser) oneCase() Case {
	if !p.soft("case") {
		p.fail("a case is missing")
		return Case{}
	}
	p.take()
	c := Case{Pattern: p.patterns()}
	if p.accept(symIf) {
		c.Guard = p.named()
	}
	c.Body = p.suite()
	return c
}

// patterns parses an open sequence of patterns, or one.
func (p *parser) patterns() *Pattern {
	start := p.at()
	first := p.starPattern()
	if p.peek() != symComma {
		return first
	}
	seq := &Pattern{Parts: []*Pattern{first}}
	for p.accept(symComma) && p.peek() != symColon && p.peek() != symIf {
		seq.Parts = append(seq.Parts, p.starPattern())
	}
	seq.Span = p.span(start)
	return seq
}

func (p *parser) starPattern() *Pattern {
	if p.peek() != symStar {
		return p.pattern()
	}
	start := p.at()
	p.take()
	return p.capture(start)
}

// capture parses a name that is bound, or the wildcard.
func (p *parser) capture(start int32) *Pattern {
	out := &Pattern{}
	if name := p.identifier(); name != "_" {
		out.Names = []string{name}
	}
	out.Span = p.span(start)
	return out
}

// pattern parses alternatives, and as.
func (p *parser) pattern() *Pattern {
	start := p.at()
	defer p.leave()
	if !p.enter() {
		return &Pattern{}
	}
	first := p.closed()
	out := first
	if p.peek() == symPipe {
		out = &Pattern{Parts: []*Pattern{first}}
		for p.accept(symPipe) {
			out.Parts = append(out.Parts, p.closed())
		}
	}
	if p.accept(symAs) {
		out = &Pattern{Parts: []*Pattern{out}, Names: []string{p.identifier()}}
	}
	out.Span = p.span(start)
	return out
}

func (p *parser) closed() *Pattern {
	start := p.at()
	switch p.peek() {
	case symLParen:
		return p.group(symRParen)
	case symLBracket:
		return p.group(symRBracket)
	case symLBrace:
		return p.mapping()
	case symName:
		return p.nameOrClass()
	case symNumber, symMinus, symPlus, symString, symFStart, symNone, symTrue, symFalse:
		v := p.binary(precedence(symShiftLeft)) // -1+2j, and no | of alternatives
		return &Pattern{Span: p.span(start), Value: v}
	default:
		p.fail("a pattern is missing")
		return &Pattern{}
	}
}

func (p *parser) group(end sym) *Pattern {
	start := p.at()
	p.take()
	out := &Pattern{Parts: p.parts(end)}
	out.Span = p.span(start)
	return out
}

// parts parses patterns up to a closing bracket, which it takes.
func (p *parser) parts(end sym) []*Pattern {
	var list []*Pattern
	for p.peek() != end && !p.failed {
		if p.peek() == symName && p.second() == symAssign { // of a class pattern
			p.take()
			p.take()
		}
		list = append(list, p.starPattern())
		if !p.accept(symComma) {
			break
		}
	}
	p.expect(end, "a bracket is not closed")
	return list
}

func (p *parser) mapping() *Pattern {
	start := p.at()
	p.take()
	out := &Pattern{}
	for p.peek() != symRBrace && !p.failed {
		if p.accept(symDoubleStar) {
			out.Names = append(out.Names, p.identifier())
		} else {
			out.Keys = append(out.Keys, p.binary(0))
			p.expect(symColon, "a colon is missing")
			out.Parts = append(out.Parts, p.pattern())
		}
		if !p.accept(symComma) {
			break
		}
	}
	p.expect(symRBrace, "a bracket is not closed")
	out.Span = p.span(start)
	return out
}

// nameOrClass parses a capture, a dotted value, or a class with its patterns.
func (p *parser) nameOrClass() *Pattern {
	start := p.at()
	if s := p.second(); s != symDot && s != symLParen {
		return p.capture(start)
	}
	t := p.take()
	var v Expr = &Name{isExpr{p.span(start)}, p.word(t)}
	for p.accept(symDot) {
		name := p.identifier()
		v = &Attribute{isExpr{p.span(start)}, v, name}
	}
	out := &Pattern{Value: v}
	if p.accept(symLParen) {
		out.Parts = p.parts(symRParen)
	}
	out.Span = p.span(start)
	return out
}

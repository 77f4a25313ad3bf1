package pysrc

import "slices"

func (p *parser) atom() Expr {
	start := p.at()
	switch s := p.peek(); s {
	case symName:
		name := p.word(p.take())
		return p.newName(start, name)
	case symNumber:
		t := p.take()
		e := p.arena.numbers.next(p.arena.room)
		e.Span, e.Text = p.span(start), p.src[t.start:t.end]
		return e
	case symString, symFStart:
		return p.strings()
	case symNone, symTrue, symFalse, symEllipsis:
		t := p.take()
		return p.newConst(p.span(start), p.src[t.start:t.end])
	case symLParen, symLBracket, symLBrace:
		return p.bracketed(s)
	default:
		p.fail("an expression is missing")
		return p.newConst(Span{start, start}, "None")
	}
}

// bracketed counts a level of nesting around a bracket; symBang stands for the brace of
// a field.
func (p *parser) bracketed(open sym) Expr {
	start := p.at()
	defer p.leave()
	if !p.enter() {
		return p.newConst(p.span(p.last), "None")
	}
	p.take()
	switch open {
	case symLParen:
		return p.parenthesised(start)
	case symLBracket:
		return p.list(start)
	case symBang:
		return p.field(start)
	default:
		return p.braced(start)
	}
}

func (p *parser) parenthesised(start int32) Expr {
	if p.accept(symRParen) {
		return p.newSequence(start, Tuple, nil)
	}
	if p.peek() == symYield {
		e := p.yielded()
		p.expect(symRParen, "a bracket is not closed")
		return e
	}
	first := p.starred()
	if p.clausesNext() {
		e := p.comprehension(start, Generator, nil, first).(*Comprehension)
		p.expect(symRParen, "a bracket is not closed")
		e.End = p.last
		return e
	}
	if p.peek() != symComma {
		p.expect(symRParen, "a bracket is not closed")
		return first
	}
	elems := p.rest(first, symRParen)
	return p.newSequence(start, Tuple, elems)
}

// rest parses elements behind the first up to a closing bracket, which it takes.
func (p *parser) rest(first Expr, end sym) []Expr {
	from := p.begin()
	p.push(first)
	for p.accept(symComma) && p.peek() != end {
		p.push(p.starred())
	}
	p.expect(end, "a bracket is not closed")
	return p.elements(from)
}

func (p *parser) list(start int32) Expr {
	if p.accept(symRBracket) {
		return p.newSequence(start, List, nil)
	}
	first := p.starred()
	if p.clausesNext() {
		e := p.comprehension(start, List, nil, first).(*Comprehension)
		p.expect(symRBracket, "a bracket is not closed")
		e.End = p.last
		return e
	}
	elems := p.rest(first, symRBracket)
	return p.newSequence(start, List, elems)
}

// braced parses a dictionary or a set.
func (p *parser) braced(start int32) Expr {
	if p.accept(symRBrace) {
		return &Dict{isExpr: isExpr{p.span(start)}}
	}
	if p.peek() == symDoubleStar {
		return p.dict(start, nil)
	}
	first := p.starred()
	if p.peek() == symColon {
		return p.dict(start, first)
	}
	if p.clausesNext() {
		e := p.comprehension(start, Set, nil, first).(*Comprehension)
		p.expect(symRBrace, "a bracket is not closed")
		e.End = p.last
		return e
	}
	elems := p.rest(first, symRBrace)
	return p.newSequence(start, Set, elems)
}

// dict parses a dictionary whose first key was read, or that begins with **.
func (p *parser) dict(start int32, key Expr) Expr {
	d := &Dict{}
	for {
		p.item(d, key)
		if len(d.Keys) == 1 && p.clausesNext() {
			e := p.comprehension(start, Dictionary, d.Keys[0], d.Values[0]).(*Comprehension)
			p.expect(symRBrace, "a bracket is not closed")
			e.End = p.last
			return e
		}
		if !p.accept(symComma) || p.peek() == symRBrace {
			break
		}
		if key = nil; p.peek() != symDoubleStar {
			key = p.expression()
		}
	}
	p.expect(symRBrace, "a bracket is not closed")
	d.Span = p.span(start)
	return d
}

func (p *parser) item(d *Dict, key Expr) {
	if key == nil {
		p.expect(symDoubleStar, "a key is missing")
		d.Keys, d.Values = append(d.Keys, nil), append(d.Values, p.binary(0))
		return
	}
	p.expect(symColon, "a colon is missing")
	d.Keys, d.Values = append(d.Keys, key), append(d.Values, p.expression())
}

// strings parses adjacent literals.
func (p *parser) strings() Expr {
	start := p.at()
	if next := p.second(); p.peek() == symString && next != symString && next != symFStart { // one alone, as nearly all are
		return p.literal(p.take())
	}
	var parts []Expr
	template, joined := false, false
	for {
		switch p.peek() {
		case symString:
			parts = append(parts, p.literal(p.take()))
			continue
		case symFStart:
			joined = true
			template = template || p.toks[p.i].flag&flagTemplate != 0
			parts = p.fstring(parts)
			continue
		default:
		}
		break
	}
	if joined {
		return &Joined{isExpr{p.span(start)}, parts, template}
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return join(parts, p.span(start))
}

// join makes one of adjacent literals.
func join(parts []Expr, span Span) Expr {
	s := &Str{isExpr: isExpr{span}}
	var n int
	for _, e := range parts {
		n += len(e.(*Str).Value)
	}
	b := make([]byte, 0, n)
	for _, e := range parts {
		part := e.(*Str)
		b = append(b, part.Value...)
		s.Bytes, s.Inexact = part.Bytes, s.Inexact || part.Inexact
	}
	s.Value = string(b)
	return s
}

// literal reads a string token.
func (p *parser) literal(t token) Expr {
	s := p.src[t.start:t.end]
	for s[0] != '"' && s[0] != '\'' {
		s = s[1:]
	}
	n := 1
	if t.flag&flagTriple != 0 {
		n = 3
	}
	e := p.newStr(Span{t.start, t.end})
	e.Bytes = t.flag&flagBytes != 0
	e.Value, e.Inexact = unescape(s[n:len(s)-n], t.flag)
	return e
}

// fstring parses one f-string and adds its parts.
func (p *parser) fstring(parts []Expr) []Expr {
	p.take()
	parts = p.pieces(parts, symFEnd)
	p.expect(symFEnd, "an f-string has no end")
	return parts
}

// pieces parses text and fields up to an end, which it leaves.
func (p *parser) pieces(parts []Expr, end sym) []Expr {
	for p.peek() != end && !p.failed {
		switch p.peek() {
		case symFMiddle:
			t := p.take()
			e := p.newStr(Span{t.start, t.end})
			e.Value, e.Inexact = unescape(p.src[t.start:t.end], t.flag)
			if t.flag&flagSpec == 0 {
				e.Value = braces(e.Value)
			}
			parts = append(parts, e)
		case symLBrace:
			parts = append(parts, p.bracketed(symBang))
		default:
			p.fail("an f-string does not parse")
		}
	}
	return parts
}

// field parses {value=!r:spec} behind its brace.
func (p *parser) field(start int32) Expr {
	f := &Field{Value: p.yielded()}
	p.accept(symAssign)
	if p.accept(symBang) {
		if c := p.identifier(); !slices.Contains([]string{"r", "s", "a"}, c) {
			p.fail("a conversion other than r, s and a")
		}
	}
	if p.peek() == symColon {
		colon := p.at()
		p.take()
		spec := &Joined{Parts: p.pieces(nil, symRBrace)}
		spec.Span = p.span(colon)
		f.Spec = spec
	}
	p.expect(symRBrace, "a field of an f-string is not closed")
	f.Span = p.span(start)
	return f
}

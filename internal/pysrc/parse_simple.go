package pysrc

import "strings"

// simple parses the simple statements of one line.
func (p *parser) simple(list []Stmt) []Stmt {
	for {
		list = append(list, p.small())
		if !p.accept(symSemi) || p.peek() == symNewline {
			break
		}
	}
	if p.peek() != symEOF {
		p.expect(symNewline, "the statement does not end here")
	}
	return list
}

func (p *parser) small() Stmt {
	start := p.at()
	switch s := p.peek(); s {
	case symPass, symBreak, symContinue:
		t := p.take()
		return &Bare{isStmt{p.span(start)}, p.src[t.start:t.end]}
	case symReturn, symDel, symRaise, symAssert:
		return p.keyworded()
	case symGlobal, symNonlocal:
		return p.scoping()
	case symImport:
		return p.imports()
	case symFrom:
		return p.importFrom()
	default:
	}
	if p.soft("type") && p.second() == symName {
		var alias Stmt
		if p.try(func() bool { alias = p.typeAlias(); return alias != nil }) {
			return alias
		}
	}
	return p.assignment()
}

func (p *parser) keyworded() Stmt {
	start := p.at()
	t := p.take()
	s := &Keyworded{Word: p.src[t.start:t.end]}
	if p.begins() {
		if t.sym == symRaise || t.sym == symAssert {
			s.Values = append(s.Values, p.expression())
		} else {
			s.Values = append(s.Values, p.expressions())
		}
		if t.sym == symRaise && p.accept(symFrom) || t.sym == symAssert && p.accept(symComma) {
			s.Values = append(s.Values, p.expression())
		}
	}
	if len(s.Values) == 0 && (t.sym == symDel || t.sym == symAssert) {
		p.fail("an expression is missing")
	}
	s.Span = p.span(start)
	return s
}

func (p *parser) scoping() Stmt {
	start := p.at()
	s := &Scoping{Global: p.take().sym == symGlobal}
	for {
		s.Names = append(s.Names, p.identifier())
		if !p.accept(symComma) {
			break
		}
	}
	s.Span = p.span(start)
	return s
}

func (p *parser) imports() Stmt {
	start := p.at()
	p.take()
	s := &Import{}
	for {
		at := p.at()
		a := Alias{Name: p.dotted()}
		if p.accept(symAs) {
			a.As = p.identifier()
		}
		a.Span = p.span(at)
		s.Names = append(s.Names, a)
		if !p.accept(symComma) {
			break
		}
	}
	s.Span = p.span(start)
	return s
}

func (p *parser) dotted() string {
	parts := []string{p.identifier()}
	for p.accept(symDot) {
		parts = append(parts, p.identifier())
	}
	return strings.Join(parts, ".")
}

func (p *parser) importFrom() Stmt {
	start := p.at()
	p.take()
	s := &ImportFrom{}
	for {
		dots := p.dots()
		if dots == 0 {
			break
		}
		s.Level += dots
	}
	if p.peek() != symImport || s.Level == 0 {
		s.Module = p.dotted()
	}
	p.expect(symImport, "an import is missing")
	s.Names = p.importedNames()
	s.Span = p.span(start)
	return s
}

// dots takes a token of dots and counts them.
func (p *parser) dots() int {
	switch {
	case p.accept(symDot):
		return 1
	case p.accept(symEllipsis):
		return 3
	}
	return 0
}

func (p *parser) importedNames() []Alias {
	at := p.at()
	if p.accept(symStar) {
		return []Alias{{p.span(at), "*", ""}}
	}
	open := p.accept(symLParen)
	var list []Alias
	for {
		at := p.at()
		a := Alias{Name: p.identifier()}
		if p.accept(symAs) {
			a.As = p.identifier()
		}
		a.Span = p.span(at)
		list = append(list, a)
		if !p.accept(symComma) || open && p.peek() == symRParen {
			break
		}
	}
	if open {
		p.expect(symRParen, "a bracket is not closed")
	}
	return list
}

func (p *parser) typeAlias() Stmt {
	start := p.at()
	p.take()
	at := p.at()
	name := p.identifier()
	s := &TypeAlias{Name: &Name{isExpr{p.span(at)}, name}}
	s.TypeParams = p.typeParams()
	if !p.accept(symAssign) {
		return nil
	}
	s.Value = p.expression()
	s.Span = p.span(start)
	return s
}

// assignment parses an expression, or what it is assigned to.
func (p *parser) assignment() Stmt {
	start := p.at()
	e := p.yielded()
	switch p.peek() {
	case symAssign:
		return p.assign(start, e)
	case symAugAssign:
		p.take()
		v := p.yielded()
		return &AugAssign{isStmt{p.span(start)}, e, v}
	case symColon:
		return p.annotated(start, e)
	default:
		s := p.arena.effects.next(p.arena.room)
		s.Span, s.Value = p.span(start), e
		return s
	}
}

func (p *parser) assign(start int32, first Expr) Stmt {
	list := []Expr{first}
	for p.accept(symAssign) {
		list = append(list, p.yielded())
	}
	n := len(list) - 1
	for _, t := range list[:n] {
		if !assignable(t) {
			p.fail("this cannot be assigned to")
		}
	}
	s := p.arena.assigns.next(p.arena.room)
	s.Span, s.Targets, s.Value = p.span(start), list[:n], list[n]
	return s
}

func assignable(e Expr) bool {
	switch e := e.(type) {
	case *Name, *Attribute, *Subscript, *Starred:
		return true
	case *Sequence:
		return e.Kind != Set
	}
	return false
}

func (p *parser) annotated(start int32, target Expr) Stmt {
	switch target.(type) {
	case *Name, *Attribute, *Subscript:
	default:
		p.fail("this cannot be annotated")
	}
	p.take()
	s := &AnnAssign{Target: target, Annotation: p.expression()}
	if p.accept(symAssign) {
		s.Value = p.yielded()
	}
	s.Span = p.span(start)
	return s
}

package torchscript

import "fmt"

// parser is a recursive-descent parser. The first error of a statement makes
// every later look at the input see its end, so all loops stop; the statement
// loop then recovers.
type parser struct {
	lx      *lexer
	v       visitor
	lim     Limits
	arena   arena
	stack   []*expr // lists being built
	depth   int
	start   token // of the statement being parsed
	bad     bool
	inClass bool // the statement belongs to the body of a class
	errTok  token
	errMsg  string
	errLim  bool
	report  func(SyntaxError)
	errors  int
	errEnd  bool // after an error, indentation may be anything
}

func parse(src string, lim Limits, v visitor, report func(SyntaxError)) {
	p := &parser{lx: newLexer(src, lim.MaxDepth), v: v, lim: lim, report: report}
	if t := p.lx.cur; t.kind == tIdent && p.text(t) == "op_version_set" {
		p.opVersion()
	}
	for p.lx.cur.kind != tEOF && !v.stopped() {
		p.item()
		if p.bad {
			p.recover()
		}
	}
	if p.errors > lim.MaxErrors {
		t := p.lx.cur
		report(SyntaxError{
			Line: int(t.line), Col: int(t.col), Limit: true,
			Msg: fmt.Sprintf("%d more syntax errors", p.errors-lim.MaxErrors),
		})
	}
}

func (p *parser) opVersion() {
	p.start = p.next()
	p.expect(charKind('='), "=")
	p.expect(tNumber, "a number")
	p.expect(tNewline, "the end of the line")
	if p.bad {
		p.recover()
	}
}

// item parses what may stand at the top of a unit. torch accepts only import,
// class and def there; other statements are reported and visited all the same.
func (p *parser) item() {
	p.arena.reset()
	p.start = p.lx.cur
	switch p.kind() {
	case tImport:
		for k := p.kind(); k != tNewline && k != tEOF; k = p.kind() {
			p.next()
		}
		p.expect(tNewline, "the end of the line")
	case tClass:
		p.class()
	case tDef:
		p.def()
	case tNewline, tDedent:
		if !p.errEnd {
			p.note(p.start, "unexpected indentation")
		}
		p.next()
	default:
		p.note(p.start, "statement outside a class or function")
		p.stmt()
	}
}

// kind is the current token's, or the end once the statement is broken.
func (p *parser) kind() kind {
	if p.bad {
		return tEOF
	}
	return p.lx.cur.kind
}

func (p *parser) next() token {
	if p.bad {
		return token{kind: tEOF}
	}
	return p.lx.next()
}

func (p *parser) text(t token) string { return p.lx.src[t.pos:t.end] }

func (p *parser) is(c byte) bool { return p.kind() == charKind(c) }

func (p *parser) accept(k kind) bool {
	if p.kind() != k {
		return false
	}
	p.next()
	return true
}

func (p *parser) expect(k kind, what string) token {
	if p.kind() != k {
		p.fail("expected %s", what)
		return token{}
	}
	return p.lx.next()
}

func (p *parser) expectChar(c byte) token { return p.expect(charKind(c), string(rune(c))) }

func (p *parser) ident() token { return p.expect(tIdent, "a name") }

func (p *parser) fail(format string, args ...any) {
	if p.bad {
		return
	}
	p.errTok = p.lx.cur
	p.errMsg = fmt.Sprintf(format, args...)
	p.errLim = false
	if p.errTok.kind == tBad {
		p.errMsg = "not a token of the language"
		if p.errTok.end-p.errTok.pos > maxName {
			p.errMsg, p.errLim = fmt.Sprintf("name of more than %d bytes", maxName), true
		}
	}
	p.bad = true
}

func (p *parser) failLimit(what string, n int) {
	p.fail("%s exceed the limit of %d", what, n)
	p.errLim = true
}

// note reports an error that does not stop the statement.
func (p *parser) note(t token, msg string) {
	if p.errors < p.lim.MaxErrors {
		p.report(SyntaxError{Line: int(t.line), Col: int(t.col), Msg: msg})
	}
	p.errors++
}

// recover reports the error, hands the broken text over and goes on with the
// next line after the error.
func (p *parser) recover() {
	if p.errors < p.lim.MaxErrors {
		p.report(SyntaxError{Line: int(p.errTok.line), Col: int(p.errTok.col), Msg: p.errMsg, Limit: p.errLim})
	}
	p.errors++
	end := int(p.errTok.pos)
	if k := p.errTok.kind; k != tNewline && k != tIndent && k != tDedent {
		end = p.lx.resync(p.errTok)
	}
	if from := int(p.start.pos); from < end {
		p.v.broken(p.lx.src[from:end], p.start)
	}
	p.bad, p.depth, p.stack = false, 0, p.stack[:0]
	p.errEnd = true
	if p.lx.cur.kind == tNewline {
		p.lx.next()
	}
}

func (p *parser) class() {
	at := p.next()
	name := p.ident()
	base := ""
	if p.accept(charKind('(')) {
		if e := p.expr(0); e != nil && e.kind == eName {
			base = e.name
		}
		p.expectChar(')')
	}
	p.expectChar(':')
	if p.bad {
		return
	}
	p.v.beginClass(p.text(name), base, at)
	outer := p.inClass
	p.inClass = true
	p.block()
	p.inClass = outer
	p.v.endClass()
}

func (p *parser) def() {
	at := p.next()
	name := p.ident()
	params := p.params()
	if p.accept(tArrow) {
		p.expr(0)
	}
	p.expectChar(':')
	if p.bad {
		return
	}
	p.v.beginFunc(p.text(name), params, at)
	outer := p.inClass
	p.inClass = false
	if p.kind() == tIndent {
		p.next()
		if p.kind() == tTypeComment {
			p.typeComment()
			p.expect(tNewline, "the end of the line")
			if p.bad {
				p.recover()
			}
		}
		p.stmts()
	} else {
		if p.kind() == tTypeComment {
			p.typeComment()
		}
		p.stmt()
		if p.bad {
			p.recover()
		}
	}
	p.inClass = outer
	p.v.endFunc()
}

func (p *parser) params() []param {
	var params []param
	p.expectChar('(')
	for !p.bad && !p.is(')') {
		if !p.accept(charKind('*')) {
			params = append(params, p.param())
		}
		if !p.accept(charKind(',')) {
			break
		}
	}
	p.expectChar(')')
	return params
}

func (p *parser) param() param {
	f := param{name: p.text(p.ident())}
	if p.accept(charKind(':')) {
		f.annotation = p.expr(0)
	}
	if p.accept(charKind('=')) {
		f.value = p.expr(0)
	}
	return f
}

// typeComment is "# type: (Tensor, int) -> Tensor".
func (p *parser) typeComment() {
	p.next()
	p.expectChar('(')
	p.exprs(charKind(')'))
	p.expectChar(')')
	if p.accept(tArrow) {
		p.expr(0)
	}
}

// block is an indented body.
func (p *parser) block() {
	p.expect(tIndent, "an indented block")
	if !p.bad {
		p.stmts()
	}
}

// stmts parses until the end of the block.
func (p *parser) stmts() {
	for !p.v.stopped() {
		switch p.lx.cur.kind {
		case tDedent:
			p.lx.next()
			return
		case tEOF:
			return
		}
		p.stmt()
		if p.bad {
			p.recover()
		}
	}
}

func (p *parser) stmt() {
	p.arena.reset()
	p.start = p.lx.cur
	if k := p.start.kind; p.inClass && k >= tClass && k != tPass {
		p.note(p.start, "statement in the body of a class")
	}
	switch p.start.kind {
	case tIf:
		p.ifStmt()
	case tWhile:
		p.whileStmt()
	case tFor:
		p.forStmt()
	case tWith:
		p.withStmt()
	case tDef:
		p.def()
	case tClass:
		p.note(p.start, "class inside a function")
		p.class()
	case tIndent:
		// Only after a broken header; its body is looked at as plain statements.
		p.next()
		if !p.errEnd {
			p.note(p.start, "unexpected indentation")
		}
		p.stmts()
	case tNewline:
		p.next()
		if !p.errEnd {
			p.note(p.start, "unexpected end of line")
		}
	default:
		p.simple()
	}
}

// bodyOf parses the block of a header that has been visited.
func (p *parser) bodyOf() {
	if !p.bad {
		p.block()
	}
}

func (p *parser) visit(e *expr) {
	if e != nil && !p.bad {
		p.v.value(e)
	}
}

func (p *parser) simple() {
	switch p.start.kind {
	case tReturn:
		p.next()
		p.v.leaves(tReturn)
		if p.kind() != tNewline {
			p.visit(p.tuple())
		}
	case tRaise:
		p.next()
		p.v.leaves(tRaise)
		p.visit(p.expr(0))
	case tAssert:
		p.next()
		cond := p.expr(0)
		p.visit(cond)
		if holds, known := p.v.literalTruth(cond, 0); !known || !holds {
			p.v.leaves(tAssert)
		}
		if p.accept(charKind(',')) {
			p.visit(p.expr(0))
		}
	case tBreak:
		p.next()
		p.v.leaves(tBreak)
	case tContinue, tPass:
		p.next()
	case tDel, tGlobal:
		p.next()
		for _, e := range p.exprs(tNewline) {
			if p.start.kind == tDel || e.kind != eName {
				p.visit(e)
			}
		}
	default:
		p.assignment()
	}
	p.expect(tNewline, "the end of the line")
}

func (p *parser) assignment() {
	lhs := p.tuple()
	if k := p.kind(); k == tNewline || k == tEOF {
		if p.inClass && !p.bad {
			p.note(p.start, "expression in the body of a class")
		}
		p.visit(lhs)
		return
	}
	var buf [4]*expr
	targets := append(buf[:0], lhs)
	var annotation, value *expr
	if p.accept(charKind(':')) {
		annotation = p.expr(0)
	}
	augmented := false
	switch {
	case p.accept(tAugAssign):
		augmented = true
		value = p.tuple()
	case p.accept(charKind('=')):
		value = p.tuple()
		for p.accept(charKind('=')) {
			targets = append(targets, value)
			value = p.tuple()
		}
	case annotation == nil:
		p.fail("expected an assignment or the end of the line")
	}
	if !p.bad {
		p.v.assign(targets, annotation, value, augmented)
	}
}

func (p *parser) ifStmt() {
	for {
		p.next()
		cond := p.expr(0)
		p.visit(cond)
		truth, known := p.v.literalTruth(cond, 0)
		p.expectChar(':')
		p.branch(known && !truth)
		if p.bad {
			return
		}
		p.start = p.lx.cur
		if p.start.kind != tElif {
			break
		}
		p.arena.reset()
	}
	if p.accept(tElse) {
		p.expectChar(':')
		p.bodyOf()
	}
}

// branch parses the block of a condition.
func (p *parser) branch(never bool) {
	if never {
		p.v.skip(1)
		defer p.v.skip(-1)
	}
	p.bodyOf()
}

func (p *parser) whileStmt() {
	p.next()
	cond := p.expr(0)
	p.visit(cond)
	p.expectChar(':')
	if p.bad {
		return
	}
	p.v.whileLoop(cond)
	p.bodyOf()
	p.v.endLoop()
}

func (p *parser) forStmt() {
	p.next()
	// Targets bind tighter than "in".
	targets := p.list(tIn, 4)
	p.expect(tIn, "in")
	iters := p.exprs(charKind(':'))
	p.expectChar(':')
	if p.bad {
		return
	}
	p.v.loop(targets, iters)
	p.bodyOf()
	p.v.endLoop()
}

func (p *parser) withStmt() {
	p.next()
	for !p.bad && !p.is(':') {
		item, as := p.expr(0), ""
		if p.accept(tAs) {
			as = p.text(p.ident())
		}
		if !p.bad {
			p.v.with(item, as)
		}
		if !p.accept(charKind(',')) {
			break
		}
	}
	p.expectChar(':')
	p.bodyOf()
}

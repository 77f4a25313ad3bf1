package pysrc

import (
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// parser is a recursive-descent parser over tokens. After an error every token
// reads as one that no rule takes, so that all rules end at once; the statement
// then recovers.
type parser struct {
	src    string
	toks   []token
	i      int
	last   int32 // where the last token that was taken ends
	depth  int
	most   int
	failed bool
	errs   *errorList
	tries  int // to read a part of the statement that failed

	arena   arena
	pending []Expr // elements of what is being read, innermost last
}

func (p *parser) peek() sym {
	if p.failed {
		return symError
	}
	return p.toks[p.i].sym
}

// second is the token behind the next.
func (p *parser) second() sym {
	if p.failed || p.i+1 >= len(p.toks) {
		return symError
	}
	return p.toks[p.i+1].sym
}

func (p *parser) at() int32 { return p.toks[p.i].start }

func (p *parser) take() token {
	t := p.toks[p.i]
	if !p.failed && p.i < len(p.toks)-1 {
		p.i++
		if t.sym < symNewline || t.sym > symDedent { // a statement ends with its code
			p.last = t.end
		}
	}
	return t
}

func (p *parser) accept(s sym) bool {
	if p.peek() != s {
		return false
	}
	p.take()
	return true
}

func (p *parser) expect(s sym, what string) {
	if !p.accept(s) {
		p.fail(what)
	}
}

// fail ends the statement. The lexer has told of an error token already.
func (p *parser) fail(what string) {
	if p.failed {
		return
	}
	if p.toks[p.i].sym != symError {
		p.errs.add(int(p.at()), what)
	}
	p.failed = true
}

func (p *parser) span(start int32) Span { return Span{start, max(start, p.last)} }

// enter counts a level of nesting; the caller leaves it whatever it says.
func (p *parser) enter() bool {
	p.depth++
	if p.depth > p.most {
		p.fail("expressions or statements are nested too deep")
		return false
	}
	return !p.failed
}

func (p *parser) leave() { p.depth-- }

// try parses something that may turn out to be something else; it reports whether
// it parsed and was followed as ok wants, and otherwise goes back.
func (p *parser) try(parse func() bool) bool {
	i, last, errs := p.i, p.last, *p.errs
	if parse() && !p.failed {
		return true
	}
	p.i, p.last, p.failed = i, last, false
	*p.errs = errs
	return false
}

// identifier takes a name.
func (p *parser) identifier() string {
	if p.peek() != symName {
		p.fail("a name is missing")
		return ""
	}
	return p.word(p.take())
}

// word is the text of a token in the form NFKC, as Python compares names.
func (p *parser) word(t token) string {
	s := p.src[t.start:t.end]
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return norm.NFKC.String(s)
		}
	}
	return s
}

// soft reports whether the next token is a name with this text.
func (p *parser) soft(word string) bool {
	if p.peek() != symName {
		return false
	}
	t := p.toks[p.i]
	return p.src[t.start:t.end] == word
}

// file parses everything.
func (p *parser) file() []Stmt {
	var body []Stmt
	for p.toks[p.i].sym != symEOF {
		n := p.i
		body = p.statement(body)
		if p.i == n { // nothing takes a stray dedent
			p.take()
		}
	}
	return body
}

// statement parses one statement, or the simple statements of one line, and adds
// them to list. One that does not parse is there as far as it was read, and a Bad
// behind it has the rest.
func (p *parser) statement(list []Stmt) []Stmt {
	start, depth := p.i, p.depth
	list = p.compound(list)
	if !p.failed {
		return list
	}
	p.failed, p.depth, p.tries = false, depth, 0
	bad := &Bad{}
	bad.Start = p.toks[start].start
	p.recover(bad)
	bad.End = max(bad.Start, p.last)
	return append(list, bad)
}

// recover goes on behind the line that does not parse, and reads the block that
// follows it, if one does.
func (p *parser) recover(bad *Bad) {
	for {
		switch p.toks[p.i].sym {
		case symEOF, symDedent:
			return
		case symIndent:
			bad.Body = append(bad.Body, p.block()...)
			return
		case symNewline:
			p.take()
			if p.toks[p.i].sym == symIndent {
				bad.Body = append(bad.Body, p.block()...)
			}
			return
		default:
			p.skip(bad)
		}
	}
}

// skip passes over a token, or reads a call that begins there: what a broken line
// calls counts as well.
func (p *parser) skip(bad *Bad) {
	if p.toks[p.i].sym != symName || p.tries >= maxSalvaged {
		p.i++
		return
	}
	p.tries++
	var e Expr
	i := p.i
	if p.try(func() bool { e = p.primary(); return true }) && p.i > i {
		bad.Read = append(bad.Read, e)
		return
	}
	p.i = i + 1
}

// maxSalvaged bounds what is read of one broken line, each part of which may be
// tried to its end.
const maxSalvaged = 64

// block parses an indented block whose indent is next.
func (p *parser) block() []Stmt {
	p.take()
	var body []Stmt
	if !p.enter() {
		p.leave()
		return body
	}
	for p.peek() != symDedent && p.peek() != symEOF {
		n := p.i
		body = p.statement(body)
		if p.i == n {
			p.take()
		}
	}
	p.leave()
	p.accept(symDedent)
	return body
}

// suite parses what stands behind a colon: a block, or simple statements.
func (p *parser) suite() []Stmt {
	p.expect(symColon, "a colon is missing")
	if !p.accept(symNewline) {
		return p.simple(nil)
	}
	if p.peek() != symIndent {
		p.fail("an indented block is missing")
		return nil
	}
	return p.block()
}

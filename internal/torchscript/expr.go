package torchscript

import "strings"

// binaryPrec are the precedences of torch's lexer.cpp; zero is no operator.
// It is an array so that looking up a token costs nothing.
var binaryPrec = [256]int8{
	tIf: 1, tFor: 1,
	tAnd: 2, tOr: 2,
	tIn: 4, tNotIn: 4, tIs: 4, tIsNot: 4, tEq: 4, tLe: 4, tGe: 4, tNe: 4,
	'<' | 0x80: 4, '>' | 0x80: 4,
	'|' | 0x80: 5, '^' | 0x80: 6, '&' | 0x80: 7,
	tShl: 8, tShr: 8,
	'+' | 0x80: 9, '-' | 0x80: 9,
	'*' | 0x80: 10, '/' | 0x80: 10, tFloorDiv: 10, '%' | 0x80: 10, '@' | 0x80: 10,
	tPow: 11,
}

var unaryPrec = [256]int8{tNot: 3, '~' | 0x80: 3, '-' | 0x80: 10, '*' | 0x80: 10}

func (p *parser) node(k exprKind, t token) *expr {
	if p.arena.used >= p.lim.MaxNodes {
		p.failLimit("tree nodes of one statement", p.lim.MaxNodes)
	}
	e := p.arena.node()
	e.kind, e.line, e.col, e.pos, e.end = k, t.line, t.col, t.pos, t.end
	return e
}

// tuple is expr or expr, expr, ...
func (p *parser) tuple() *expr {
	t := p.lx.cur
	first := p.expr(0)
	if !p.is(',') {
		return first
	}
	mark := len(p.stack)
	p.stack = append(p.stack, first)
	for p.accept(charKind(',')) {
		if k := p.kind(); k == tNewline || k == tAugAssign || k == charKind('=') || k == charKind(')') {
			break
		}
		p.push(mark, p.expr(0))
	}
	e := p.node(eTuple, t)
	p.take(e, mark)
	return e
}

// exprs is a possibly empty list of expressions up to but not including end.
func (p *parser) exprs(end kind) []*expr { return p.list(end, 0) }

func (p *parser) list(end kind, prec int8) []*expr {
	mark := len(p.stack)
	for !p.bad && p.kind() != end {
		p.push(mark, p.expr(prec))
		if !p.accept(charKind(',')) {
			break
		}
	}
	var e expr
	p.take(&e, mark)
	return e.list
}

// push adds to the list being built; a broken statement has emptied nothing
// yet, so the mark stays valid.
func (p *parser) push(mark int, e *expr) {
	if len(p.stack) >= mark && e != nil {
		p.stack = append(p.stack, e)
	}
}

func (p *parser) take(e *expr, mark int) {
	e.list = p.arena.keep(p.stack[mark:])
	p.stack = p.stack[:mark]
	for _, x := range e.list {
		e.depth = max(e.depth, x.depth+1)
	}
}

// grow sets the depth of a node over its operands and checks it: the tree is
// walked recursively.
func (p *parser) grow(e *expr, over ...*expr) *expr {
	for _, x := range over {
		if x != nil {
			e.depth = max(e.depth, x.depth+1)
		}
	}
	if int(e.depth) > maxTreeDepth {
		p.failLimit("nested expressions", maxTreeDepth)
	}
	return e
}

// maxTreeDepth bounds chains like a.b.c… or a+b+c…, which nest to the left
// without recursion in the parser.
const maxTreeDepth = 5000

// expr parses the longest expression whose operators bind tighter than prec.
func (p *parser) expr(prec int8) *expr {
	if p.depth++; p.depth > p.lim.MaxDepth {
		p.failLimit("nested expressions", p.lim.MaxDepth)
	}
	left := p.unary()
	for !p.bad {
		t := p.lx.cur
		b := binaryPrec[t.kind]
		if b == 0 || b <= prec {
			break
		}
		p.next()
		left = p.binary(left, t, b)
	}
	p.depth--
	return left
}

func (p *parser) unary() *expr {
	t := p.lx.cur
	if p.bad {
		return p.node(eConst, t)
	}
	u := unaryPrec[t.kind]
	if u == 0 {
		return p.postfix()
	}
	p.next()
	x := p.expr(u)
	e := p.node(eUnary, t)
	if t.kind == charKind('*') {
		e.kind = eStar
	}
	e.op, e.x = t.kind, x
	e.end = endOf(x, t)
	return p.grow(e, x)
}

func endOf(e *expr, t token) int32 {
	if e == nil {
		return t.end
	}
	return e.end
}

func (p *parser) binary(left *expr, t token, b int8) *expr {
	e := p.node(eBinary, t)
	e.op, e.x = t.kind, left
	if left != nil {
		e.pos = left.pos
	}
	switch t.kind {
	case tIf:
		e.kind = eCond
		e.y = p.expr(0)
		p.expect(tElse, "else")
		e.z = p.expr(0)
	case tFor:
		e.kind = eComp
		e.y = p.expr(4)
		p.expect(tIn, "in")
		e.z = p.expr(0)
	case tPow:
		e.y = p.expr(b - 1)
	default:
		e.y = p.expr(b)
	}
	e.end = max(endOf(e.y, t), endOf(e.z, t))
	return p.grow(e, e.x, e.y, e.z)
}

// postfix is a base followed by attributes, calls and subscripts.
func (p *parser) postfix() *expr {
	base := p.base()
	for !p.bad {
		t := p.lx.cur
		switch t.kind {
		case charKind('.'):
			p.next()
			name := p.ident()
			e := p.node(eAttr, name)
			e.name, e.x = p.text(name), base
			e.pos = base.pos
			base = p.grow(e, base)
		case charKind('('):
			base = p.call(base)
		case charKind('['):
			base = p.index(base)
		default:
			return base
		}
	}
	return base
}

func (p *parser) call(fn *expr) *expr {
	t := p.next()
	mark := len(p.stack)
	for !p.bad && !p.is(')') {
		p.push(mark, p.argument())
		if !p.accept(charKind(',')) {
			break
		}
	}
	last := p.expectChar(')')
	e := p.node(eCall, t)
	p.take(e, mark)
	e.x, e.line, e.col, e.pos, e.end = fn, fn.line, fn.col, fn.pos, last.end
	return p.grow(e, fn)
}

func (p *parser) argument() *expr {
	t := p.lx.cur
	if t.kind != tIdent || p.lx.ahead() != charKind('=') {
		return p.expr(0)
	}
	p.next()
	p.next()
	x := p.expr(0)
	e := p.node(eKeyword, t)
	e.name, e.x = p.text(t), x
	e.end = endOf(x, t)
	return p.grow(e, x)
}

func (p *parser) index(x *expr) *expr {
	t := p.next()
	mark := len(p.stack)
	for !p.bad && !p.is(']') {
		p.push(mark, p.subscript())
		if !p.accept(charKind(',')) {
			break
		}
	}
	last := p.expectChar(']')
	e := p.node(eIndex, t)
	p.take(e, mark)
	e.x, e.pos, e.end = x, x.pos, last.end
	return p.grow(e, x)
}

// subscript is an expression or a slice.
func (p *parser) subscript() *expr {
	t := p.lx.cur
	mark := len(p.stack)
	if t.kind != charKind(':') {
		first := p.expr(0)
		if !p.is(':') {
			return first
		}
		p.push(mark, first)
	}
	for range 2 {
		if !p.accept(charKind(':')) {
			break
		}
		if !p.is(',') && !p.is(']') && !p.is(':') {
			p.push(mark, p.expr(0))
		}
	}
	e := p.node(eSlice, t)
	p.take(e, mark)
	return e
}

// base is a literal, a name or something bracketed.
func (p *parser) base() *expr {
	t := p.lx.cur
	switch t.kind {
	case tNumber, tTrue, tFalse, tNone, tNoneType, tEllipsis, tDots:
		p.next()
		return p.node(eConst, t)
	case tString:
		return p.str()
	case tIdent:
		p.next()
		e := p.node(eName, t)
		e.name = p.text(t)
		return e
	case charKind('('):
		return p.paren()
	case charKind('['):
		return p.bracket()
	case charKind('{'):
		return p.dict()
	}
	p.fail("expected an expression")
	return p.node(eConst, t)
}

func (p *parser) paren() *expr {
	t := p.next()
	if p.is(')') {
		e := p.node(eTuple, t)
		e.end = p.next().end
		return e
	}
	x := p.tuple()
	last := p.expectChar(')')
	if x != nil && !p.bad {
		x.pos, x.end = t.pos, last.end
	}
	return x
}

func (p *parser) bracket() *expr {
	t := p.next()
	e := p.node(eList, t)
	mark := len(p.stack)
	for !p.bad && !p.is(']') {
		p.push(mark, p.expr(0))
		if !p.accept(charKind(',')) {
			break
		}
	}
	p.take(e, mark)
	e.end = p.expectChar(']').end
	return p.grow(e)
}

func (p *parser) dict() *expr {
	t := p.next()
	e := p.node(eDict, t)
	mark := len(p.stack)
	for !p.bad && !p.is('}') {
		p.push(mark, p.expr(0))
		p.expectChar(':')
		p.push(mark, p.expr(0))
		if !p.accept(charKind(',')) {
			break
		}
	}
	p.take(e, mark)
	e.end = p.expectChar('}').end
	return p.grow(e)
}

// str joins adjacent literals, as the language does.
func (p *parser) str() *expr {
	t := p.next()
	e := p.node(eString, t)
	e.name = p.unquote(t)
	if p.kind() != tString {
		return e
	}
	var b strings.Builder
	b.WriteString(e.name)
	for p.kind() == tString {
		t := p.next()
		b.WriteString(p.unquote(t))
		e.end = t.end
	}
	e.name = b.String()
	return e
}

// unquote is the text of a string literal. torch knows only the escapes of one
// letter and three octal digits; others are reported and kept as written.
func (p *parser) unquote(t token) string {
	s := p.text(t)
	q := 1
	if len(s) >= 6 && s[1] == s[0] && s[2] == s[0] {
		q = 3
	}
	s = s[q : len(s)-q]
	if !strings.Contains(s, `\`) {
		return s
	}
	out, ok := unescape(s)
	if !ok {
		p.note(t, "string escape that torch does not know")
	}
	return out
}

const (
	escaped = "abfnvt"
	escapes = "\a\b\f\n\v\t"
)

func unescape(s string) (string, bool) {
	var b strings.Builder
	ok := true
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		c := s[i]
		if at := strings.IndexByte(escaped, c); at >= 0 {
			b.WriteByte(escapes[at])
			continue
		}
		if n, fits := octal(s[i:]); fits {
			b.WriteByte(n)
			i += 2
			continue
		}
		if c != '\\' && c != '\'' && c != '"' && c != '\n' {
			ok = false
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String(), ok
}

// octal is the value of three octal digits.
func octal(s string) (byte, bool) {
	if len(s) < 3 {
		return 0, false
	}
	n := 0
	for _, c := range []byte(s[:3]) {
		if c < '0' || c > '7' {
			return 0, false
		}
		n = n*8 + int(c-'0')
	}
	return byte(n), n < 256
}

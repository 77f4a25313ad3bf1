package pysrc

import "sync"

// arena makes the nodes of one file, many at a time: a file has some thousand small
// ones, which live and die together.
type arena struct {
	names      slab[Name]
	consts     slab[Const]
	numbers    slab[Number]
	strs       slab[Str]
	attributes slab[Attribute]
	calls      slab[Call]
	subscripts slab[Subscript]
	sequences  slab[Sequence]
	binaries   slab[Binary]
	effects    slab[ExprStmt]
	assigns    slab[Assign]

	lists []Expr // what is left of the space that lists of expressions are made in
	room  int    // how much space is made at once
}

// Of a file of a few lines no more is made than it may need.
func newArena(size int) arena { return arena{room: min(max(size/256, 4), 128)} }

type slab[T any] struct{ left []T }

func (s *slab[T]) next(room int) *T {
	if len(s.left) == 0 {
		s.left = make([]T, room)
	}
	x := &s.left[0]
	s.left = s.left[1:]
	return x
}

// list is a copy of expressions that nothing grows.
func (a *arena) list(from []Expr) []Expr {
	n := len(from)
	if n == 0 {
		return nil
	}
	if n > a.room {
		return append(make([]Expr, 0, n), from...)
	}
	if len(a.lists) < n {
		a.lists = make([]Expr, 2*a.room)
	}
	out := a.lists[:n:n]
	a.lists = a.lists[n:]
	copy(out, from)
	return out
}

func (p *parser) newName(start int32, id string) *Name {
	e := p.arena.names.next(p.arena.room)
	e.Span, e.ID = p.span(start), id
	return e
}

func (p *parser) newConst(span Span, word string) *Const {
	e := p.arena.consts.next(p.arena.room)
	e.Span, e.Word = span, word
	return e
}

func (p *parser) newStr(span Span) *Str {
	e := p.arena.strs.next(p.arena.room)
	e.Span = span
	return e
}

func (p *parser) newSequence(start int32, kind Bracket, elems []Expr) *Sequence {
	e := p.arena.sequences.next(p.arena.room)
	e.Span, e.Kind, e.Elems = p.span(start), kind, elems
	return e
}

func (p *parser) newBinary(start int32, op string, left, right Expr) *Binary {
	e := p.arena.binaries.next(p.arena.room)
	e.Span, e.Op, e.Left, e.Right = p.span(start), op, left, right
	return e
}

// elements are the expressions that a rule has read so far, in space that all rules
// share: begin notes where they start, and elements takes them off.
func (p *parser) begin() int { return len(p.pending) }

func (p *parser) push(e Expr) { p.pending = append(p.pending, e) }

func (p *parser) elements(from int) []Expr {
	list := p.arena.list(p.pending[from:])
	clear(p.pending[from:])
	p.pending = p.pending[:from]
	return list
}

// tokenSpace keeps the space of tokens for the next file: none is needed once a file is
// parsed.
var tokenSpace = sync.Pool{New: func() any { return new([]token) }}

// mostTokens is how many are kept for that.
const mostTokens = 1 << 20

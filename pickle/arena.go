package pickle

import "io"

// chunkBits sets the length of an arena's chunks. Chunks are never copied, so
// growth costs what is added.
const chunkBits = 8

// arena is a list that grows by chunks.
type arena[T any] struct {
	chunks []*[1 << chunkBits]T
	n      uint32
}

func (a *arena[T]) at(i uint32) *T {
	return &a.chunks[i>>chunkBits][i&(1<<chunkBits-1)]
}

func (a *arena[T]) add(v T) uint32 {
	i := a.n
	if int(i>>chunkBits) == len(a.chunks) {
		a.chunks = append(a.chunks, new([1 << chunkBits]T))
	}
	*a.at(i) = v
	a.n++
	return i
}

// node is a value. What a, b and c hold depends on the kind:
//
//	Bool                   a: 0 or 1
//	Int                    flag inlineInt: b, c the number; else read on demand
//	Float                  b, c: the bits
//	Str, Bytes, ByteArray  b, c: the length of the payload in the input
//	Tuple                  a: first item, c: number of items
//	List, Dict, Set, ...   a, b, c: a run
//	Global                 a: index of the Global
//	Object                 a: callee, b: args, c: index of the extra, plus one
//	Persistent             a: the id
//	Ext                    b, c: the code
type node struct {
	off     int64
	a, b, c uint32
	kind    Kind
	op      Code
	flag    uint8
}

const (
	inlineInt uint8 = 1 << iota
	cutLine         // the text line has no newline
)

func (n *node) num() int64     { return int64(uint64(n.b) | uint64(n.c)<<32) }
func (n *node) setNum(v int64) { n.b, n.c = uint32(v), uint32(uint64(v)>>32) }

// run lists the items of a container: a chain of segments.
type run struct{ first, last, n uint32 } // first and last: segment index plus one

// segment is a stretch of the item arena.
type segment struct{ start, n, next uint32 }

// extra is what an Object has beside its callee and arguments.
type extra struct {
	kwargs uint32
	states run
	items  run
	pairs  run
}

// store holds the values of a trace. References are indices of nodes; 0 is no
// value.
type store struct {
	r       io.ReaderAt
	size    int64
	maxText int64
	nodes   arena[node]
	items   arena[uint32]
	segs    arena[segment]
	extras  arena[extra]
	globals []Global
}

func (s *store) reset() {
	s.nodes.n, s.items.n, s.segs.n, s.extras.n = 0, 0, 0, 0
	s.globals = s.globals[:0]
	s.nodes.add(node{})
}

// extend appends refs to a run.
func (s *store) extend(r *run, refs ...uint32) {
	if len(refs) == 0 {
		return
	}
	start := s.items.n
	for _, ref := range refs {
		s.items.add(ref)
	}
	n := uint32(len(refs))
	r.n += n
	if r.last != 0 {
		last := s.segs.at(r.last - 1)
		if last.start+last.n == start {
			last.n += n
			return
		}
	}
	seg := s.segs.add(segment{start: start, n: n}) + 1
	if r.last == 0 {
		r.first = seg
	} else {
		s.segs.at(r.last - 1).next = seg
	}
	r.last = seg
}

// each calls f for every item of a run until f returns false.
func (s *store) each(r run, f func(ref uint32) bool) {
	for seg := r.first; seg != 0; {
		g := *s.segs.at(seg - 1)
		for i := range g.n {
			if !f(*s.items.at(g.start + i)) {
				return
			}
		}
		seg = g.next
	}
}

// extraOf returns the extra of an Object, making it when there is none.
func (s *store) extraOf(n *node) *extra {
	if n.c == 0 {
		n.c = s.extras.add(extra{}) + 1
	}
	return s.extras.at(n.c - 1)
}

func (n *node) run() run     { return run{n.a, n.b, n.c} }
func (n *node) setRun(r run) { n.a, n.b, n.c = r.first, r.last, r.n }

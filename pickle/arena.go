package pickle

import (
	"encoding/binary"
	"io"

	"github.com/andiron-dev/andiron/internal/scratch"
)

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

func (n node) num() int64      { return int64(uint64(n.b) | uint64(n.c)<<32) }
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
	nodes   *scratch.Array[node]
	items   *scratch.Array[uint32]
	segs    *scratch.Array[segment]
	extras  *scratch.Array[extra]
	globals []Global
}

func newStore(space *scratch.Space) store {
	return store{
		nodes: scratch.NewArray(space, nodeCodec), items: scratch.NewArray(space, scratch.Uint32),
		segs: scratch.NewArray(space, segmentCodec), extras: scratch.NewArray(space, extraCodec),
	}
}

func (s *store) reset() {
	s.nodes.Reset()
	s.items.Reset()
	s.segs.Reset()
	s.extras.Reset()
	s.globals = s.globals[:0]
	s.nodes.Append(node{})
}

// extend appends refs to a run.
func (s *store) extend(r *run, refs ...uint32) {
	if len(refs) == 0 {
		return
	}
	start := uint32(s.items.Len())
	for _, ref := range refs {
		s.items.Append(ref)
	}
	n := uint32(len(refs))
	r.n += n
	if r.last != 0 {
		last := s.segs.At(int(r.last - 1))
		if last.start+last.n == start {
			last.n += n
			s.segs.Set(int(r.last-1), last)
			return
		}
	}
	seg := uint32(s.segs.Append(segment{start: start, n: n})) + 1
	if r.last == 0 {
		r.first = seg
	} else {
		last := s.segs.At(int(r.last - 1))
		last.next = seg
		s.segs.Set(int(r.last-1), last)
	}
	r.last = seg
}

// each calls f for every item of a run until f returns false.
func (s *store) each(r run, f func(ref uint32) bool) {
	for seg := r.first; seg != 0; {
		g := s.segs.At(int(seg - 1))
		for i := range g.n {
			if !f(s.items.At(int(g.start + i))) {
				return
			}
		}
		seg = g.next
	}
}

// change changes the extra of an Object, making it when there is none.
func (s *store) change(object uint32, f func(x *extra)) {
	n := s.nodes.At(int(object))
	if n.c == 0 {
		n.c = uint32(s.extras.Append(extra{})) + 1
		s.nodes.Set(int(object), n)
	}
	i := n.c
	x := s.extras.At(int(i - 1))
	f(&x)
	s.extras.Set(int(i-1), x)
}

func (n node) run() run      { return run{n.a, n.b, n.c} }
func (n *node) setRun(r run) { n.a, n.b, n.c = r.first, r.last, r.n }

var le = binary.LittleEndian

var nodeCodec = scratch.Codec[node]{
	Size: 24,
	Put: func(b []byte, n *node) {
		le.PutUint64(b, uint64(n.off))
		le.PutUint32(b[8:], n.a)
		le.PutUint32(b[12:], n.b)
		le.PutUint32(b[16:], n.c)
		b[20], b[21], b[22], b[23] = byte(n.kind), byte(n.op), n.flag, 0
	},
	Get: func(b []byte, n *node) {
		n.off, n.a, n.b, n.c = int64(le.Uint64(b)), le.Uint32(b[8:]), le.Uint32(b[12:]), le.Uint32(b[16:])
		n.kind, n.op, n.flag = Kind(b[20]), Code(b[21]), b[22]
	},
}

var segmentCodec = scratch.Codec[segment]{
	Size: 12,
	Put:  func(b []byte, s *segment) { putRefs(b, s.start, s.n, s.next) },
	Get: func(b []byte, s *segment) {
		s.start, s.n, s.next = le.Uint32(b), le.Uint32(b[4:]), le.Uint32(b[8:])
	},
}

var extraCodec = scratch.Codec[extra]{
	Size: 40,
	Put: func(b []byte, x *extra) {
		putRefs(b, x.kwargs, x.states.first, x.states.last, x.states.n, x.items.first, x.items.last, x.items.n, x.pairs.first, x.pairs.last, x.pairs.n)
	},
	Get: func(b []byte, x *extra) {
		x.kwargs = le.Uint32(b)
		for i, r := range []*run{&x.states, &x.items, &x.pairs} {
			at := b[4+12*i:]
			r.first, r.last, r.n = le.Uint32(at), le.Uint32(at[4:]), le.Uint32(at[8:])
		}
	},
}

func putRefs(b []byte, refs ...uint32) {
	for i, ref := range refs {
		le.PutUint32(b[4*i:], ref)
	}
}

package pickle

import (
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/scratch"
)

// Defaults of Limits.
const (
	defaultMaxOps  = 64 << 20
	baseMaxValues  = 1 << 20
	capMaxValues   = 32 << 20
	baseMaxEvents  = 256 << 10
	defaultMaxText = 1 << 20
	maxNotes       = 1000
	maxMarks       = 64 << 10 // what is nested deeper exhausts the C stack of whoever walks it
	maxProto       = 5
)

func (l Limits) withDefaults(size int64) Limits {
	perSize := min(baseMaxValues+max(size, 0)/8, capMaxValues)
	perEvent := baseMaxEvents + max(size, 0)/16
	if l.MaxValues > 0 {
		perEvent = l.MaxValues // who raises the one limit means the other
	}
	set := func(v *int64, def int64) {
		if *v <= 0 {
			*v = def
		}
	}
	set(&l.MaxOps, defaultMaxOps)
	set(&l.MaxValues, perSize)
	set(&l.MaxMemo, perSize)
	set(&l.MaxEvents, min(l.MaxValues, perEvent))
	set(&l.MaxText, defaultMaxText)
	l.MaxValues = min(l.MaxValues, math.MaxUint32/2) // references have 32 bits
	return l
}

// Run interprets one stream. It never returns nil.
func Run(r io.ReaderAt, size int64, opt Options) *Trace {
	m := newMachine(r, size, opt)
	m.run(opt.Start)
	return m.t
}

// A machine is CPython's unpickler over symbolic values.
type machine struct {
	d     decoder
	lim   Limits
	opt   Options
	t     *Trace
	s     *store // &t.st
	op    Op     // the instruction at work
	err   error  // the first failure; nothing runs after it
	stack []uint32
	marks []uint32 // heights of the stack at each MARK
	fence uint32   // the topmost mark
	memo  memo

	proto    uint8
	frameEnd int64
	stopped  bool
	names    map[string]string // interned
	globals  map[qualifiedGlobal]uint32
	nameLeft int64 // bytes of names that may still be read
	ext      map[int64]qualifiedName
	none     uint32
	yes, no  uint32
	empty    uint32
	small    [256]uint32
	wroteMem uint8 // 1 after PUT, 2 after MEMOIZE, 3 both
	agreed   int   // events before readings part; -1 while they agree
}

type qualifiedGlobal struct {
	qualifiedName
	mapped   bool
	computed bool
}

func newMachine(r io.ReaderAt, size int64, opt Options) *machine {
	size = max(size, 0)
	return &machine{
		d:       decoder{in: window{r: r, size: size}},
		lim:     opt.Limits.withDefaults(size),
		opt:     opt,
		names:   map[string]string{},
		globals: map[qualifiedGlobal]uint32{},
		ext:     map[int64]qualifiedName{},
		memo:    memo{dense: scratch.NewArray(opt.Scratch, scratch.Uint32)},
	}
}

// begin makes the machine ready for the stream at start. A trace that nobody
// keeps is used again.
func (m *machine) begin(start int64, reuse *Trace) {
	t := &Trace{}
	if reuse != nil {
		*t = Trace{st: reuse.st, events: reuse.events, Notes: reuse.Notes[:0]}
		t.events.Reset()
	} else {
		t.st, t.events = newStore(m.opt.Scratch), scratch.NewArray(m.opt.Scratch, eventCodec)
	}
	t.Start, t.End, t.Proto = start, start, -1
	t.st.r, t.st.size, t.st.maxText = m.d.in.r, m.d.in.size, m.lim.MaxText
	t.st.reset()
	m.t, m.s = t, &t.st
	m.none, m.yes, m.no, m.empty = 0, 0, 0, 0
	m.small = [256]uint32{}
	m.nameLeft = 64<<20 + m.d.in.size
	m.agreed = -1
	clear(m.globals)
	clear(m.names)
	m.rewind(start)
}

// rewind goes to the start of a stream and keeps the values made so far.
func (m *machine) rewind(start int64) {
	m.stack, m.marks, m.fence = m.stack[:0], m.marks[:0], 0
	m.memo.reset()
	m.proto, m.frameEnd, m.stopped, m.err, m.wroteMem = 0, 0, false, nil, 0
	m.d.pos = start
}

// run interprets the stream at start into m.t.
func (m *machine) run(start int64) {
	m.begin(start, nil)
	m.loop()
	m.finish()
	m.readAgain()
}

func (m *machine) loop() {
	for n := int64(0); !m.stopped; n++ {
		if n == m.lim.MaxOps {
			m.op = Op{Offset: m.d.pos}
			m.fail(bounded.Exceeded("pickle opcodes", m.lim.MaxOps))
			return
		}
		if err := m.d.next(&m.op); err != nil {
			if m.frameEnd > m.op.Offset {
				m.split() // the argument may lie behind the frame
			}
			m.fail(err)
			return
		}
		m.t.Ops[m.op.Code]++
		if m.frameEnd > 0 && m.d.pos > m.frameEnd {
			m.leaveFrame()
		}
		m.step()
		if m.err != nil {
			return
		}
	}
}

// finish settles what is known only at the end.
func (m *machine) finish() {
	t := m.t
	for c, n := range t.Ops {
		if n > 0 {
			t.HighestProto = max(t.HighestProto, int(codes[c].proto))
		}
	}
	t.End = m.d.pos
	if m.err != nil {
		t.End = m.op.Offset
		t.Err = &SyntaxError{m.op.Offset, m.d.opName(&m.op), m.err}
		return
	}
	if n := len(m.stack); n > 0 {
		m.note(NoteUnusedValue, "the stack holds %d more values at STOP", n)
	}
	if m.frameEnd > t.End {
		t.ends = append(t.ends, m.frameEnd)
		m.note(NoteFrameOverrun, "the frame ends %d bytes after STOP", m.frameEnd-t.End)
	}
	if m.memo.holes() {
		m.note(NoteMemoHole, "the memo has %d entries but its highest index is %d", m.memo.count, m.memo.highest)
	}
}

func (m *machine) fail(err error) {
	if m.err == nil {
		m.err = err
	}
}

func (m *machine) failf(format string, args ...any) { m.fail(fmt.Errorf(format, args...)) }

func (m *machine) note(kind NoteKind, format string, args ...any) {
	switch n := len(m.t.Notes); {
	case n < maxNotes:
		m.t.Notes = append(m.t.Notes, Note{kind, m.op.Offset, fmt.Sprintf(format, args...)})
	case n == maxNotes:
		m.t.Notes = append(m.t.Notes, Note{NoteMore, m.op.Offset, "more oddities follow"})
	}
}

// at returns an offset from which the payload of the instruction is found. It is
// the instruction's, unless bytes between opcode and payload were dropped.
func (m *machine) at() int64 {
	if m.d.file == nil || m.op.ArgLen == 0 {
		return m.op.Offset
	}
	return m.op.ArgOffset - int64(headLen[codes[m.op.Code].arg]) - 1
}

// make adds a value of the instruction at work.
func (m *machine) make(n node) uint32 {
	if int64(m.s.nodes.Len()) > m.lim.MaxValues || int64(m.s.items.Len()) > 2*m.lim.MaxValues {
		m.fail(bounded.Exceeded("pickle values", m.lim.MaxValues))
		return 0
	}
	n.off, n.op = m.op.Offset, m.op.Code
	return uint32(m.s.nodes.Append(n))
}

func (m *machine) push(ref uint32) {
	if int64(len(m.stack)) >= m.lim.MaxValues {
		m.fail(bounded.Exceeded("pickle stack", m.lim.MaxValues))
		return
	}
	m.stack = append(m.stack, ref)
}

// need reports whether the stack has n values above the topmost mark.
func (m *machine) need(n int) bool {
	have := len(m.stack) - int(m.fence)
	if have >= n {
		return true
	}
	m.failf("stack has %d %s, needs %d", have, plural(have, "value"), n)
	return false
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

func (m *machine) top() uint32 { return m.stack[len(m.stack)-1] }

func (m *machine) pop() uint32 {
	ref := m.top()
	m.stack = m.stack[:len(m.stack)-1]
	return ref
}

func (m *machine) mark() {
	if most := min(maxMarks, m.lim.MaxValues); int64(len(m.marks)) >= most {
		m.fail(bounded.Exceeded("open pickle marks", most))
		return
	}
	m.fence = uint32(len(m.stack))
	m.marks = append(m.marks, m.fence)
}

var errNoMark = errors.New("no MARK on the stack")

// popMark takes the values above the topmost mark, and the mark. The result is
// valid until the next push.
func (m *machine) popMark() ([]uint32, bool) {
	if len(m.marks) == 0 {
		m.fail(errNoMark)
		return nil, false
	}
	items := m.stack[m.fence:]
	m.stack = m.stack[:m.fence]
	m.marks = m.marks[:len(m.marks)-1]
	m.fence = 0
	if n := len(m.marks); n > 0 {
		m.fence = m.marks[n-1]
	}
	return items, true
}

func (m *machine) node(ref uint32) node   { return m.s.nodes.At(int(ref)) }
func (m *machine) kind(ref uint32) Kind   { return m.node(ref).kind }
func (m *machine) value(ref uint32) Value { return Value{m.t, ref} }

// event records what the instruction at work does.
func (m *machine) event(kind EventKind, target, args, result uint32) {
	// An event takes many times the memory of a value, and of the bytes that
	// made it: honest pickles spend dozens on each, hostile ones two.
	if int64(m.t.events.Len()) >= m.lim.MaxEvents {
		m.fail(bounded.Exceeded("pickle events", m.lim.MaxEvents))
		return
	}
	m.t.events.Append(event{kind: kind, op: m.op.Code, off: m.op.Offset, target: target, args: args, result: result})
}

// moved sets where the payload of a value lies that is not at its instruction.
func (m *machine) moved(ref uint32) {
	n := m.node(ref)
	n.off = m.at()
	m.s.nodes.Set(int(ref), n)
}

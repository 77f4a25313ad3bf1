package pickle

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/scratch"
)

// An instruction that crosses the end of its frame is read in several ways.
// From bytes, C reads on. From a file, C has the frame in a buffer: where the
// buffer was filled by read, C drops what is left of it and reads the whole
// argument behind it; where it was filled by peek, C reads on. Which of them
// fills the buffer depends on the file: io.BytesIO, which torch.load hands over,
// has no peek, and an open file peeks at what its own buffer holds. Python stops.

// bufferSizes are the files that are read again when a frame ends inside an
// instruction: without peek, and with the buffers that open() makes.
var bufferSizes = []int64{0, 4096, 8192, 128 << 10}

// prefetch is the length up to which C peeks.
const prefetch = 16 << 10

// fileReading follows what C's unpickler holds of a file.
//
// Modules/_pickle.c: _Unpickler_ReadImpl, _Unpickler_ReadFromFile,
// _Unpickler_SkipConsumed, _Unpickler_Readline. Modules/_io/bufferedio.c:
// _bufferedreader_peek_unlocked, _bufferedreader_read_generic.
type fileReading struct {
	size    int64 // of the input
	block   int64 // size of the file's own buffer; 0 for a file without peek
	next    int64 // what C reads next, if its buffer holds it
	end     int64 // of C's buffer
	peeked  bool  // the buffer was peeked at: the file is still at its start
	pos     int64 // of the file
	held    int64 // end of the file's own buffer
	dropped bool  // bytes were dropped
}

// seek goes to an offset with empty buffers.
func (f *fileReading) seek(off int64) {
	f.next, f.end, f.pos, f.held, f.peeked = off, off, off, off, false
}

// give empties C's buffer. What is left of one that was read is lost.
func (f *fileReading) give() {
	if f.peeked {
		f.pos = f.next
		return
	}
	f.dropped = f.dropped || f.next < f.end
}

// take returns where the next n bytes lie.
func (f *fileReading) take(n int64) (int64, error) {
	if n > f.end-f.next {
		f.give()
		f.next, f.end, f.peeked = f.pos, f.pos, false
		if f.block > 0 && n < prefetch {
			if f.held <= f.pos {
				f.held = min(f.pos+f.block, f.size)
			}
			f.end, f.peeked = f.held, true
		}
	}
	if n > f.end-f.next {
		if n > f.size-f.pos {
			return 0, fmt.Errorf("the argument has %d bytes, %d are left: %w", n, f.size-f.pos, io.ErrUnexpectedEOF)
		}
		f.next, f.peeked = f.pos, false
		f.read(n)
		f.end = f.pos
	}
	at := f.next
	f.next += n
	return at, nil
}

// read moves the file behind n bytes that are there.
func (f *fileReading) read(n int64) {
	have := max(0, f.held-f.pos)
	if n <= have {
		f.pos += n
		return
	}
	f.held = f.pos + n
	if f.block > 0 {
		if rest := (n - have) % f.block; rest > 0 {
			f.held = min(f.held-rest+f.block, f.size)
		}
	}
	f.pos += n
}

// takeInto is take for bytes and bytearrays, which _Unpickler_ReadInto puts
// together from the buffer and the file.
func (f *fileReading) takeInto(n int64) (int64, error) {
	if n <= f.end-f.next {
		return f.take(n)
	}
	at := f.next
	if n > f.size-at {
		return 0, fmt.Errorf("the argument has %d bytes, %d are left: %w", n, f.size-at, io.ErrUnexpectedEOF)
	}
	if f.peeked {
		f.pos = f.end
	}
	f.readInto(at + n - f.pos)
	f.next, f.end, f.peeked = f.pos, f.pos, false
	return at, nil
}

// readInto is read for readinto, which fills the file's buffer only for what is
// shorter.
//
// Modules/_io/bufferedio.c: _buffered_readinto_generic.
func (f *fileReading) readInto(n int64) {
	have := max(0, f.held-f.pos)
	f.pos += n
	switch rest := n - have; {
	case rest <= 0:
	case rest > f.block:
		f.held = f.pos
	default:
		f.held = min(f.pos-rest+f.block, f.size)
	}
}

// takeLine returns where the text of the next line lies.
func (f *fileReading) takeLine(in *window) (at, n int64, err error) {
	end, found, err := in.lineEnd(f.next)
	if err == nil && (!found || end >= f.end) {
		f.give()
		f.next = f.pos
		end, found, err = in.lineEnd(f.pos)
		if err == nil && found {
			f.line(end)
		}
	}
	if err == nil && !found {
		err = errNoNewline
	}
	if err != nil {
		return 0, 0, err
	}
	at = f.next
	f.next = end + 1
	return at, end - at, nil
}

// line moves the file behind the newline at end.
func (f *fileReading) line(end int64) {
	if f.block > 0 && end >= f.held {
		f.held = max(f.held, f.pos)
		f.held = min(f.held+((end-f.held)/f.block+1)*f.block, f.size)
	}
	f.pos, f.end, f.peeked = end+1, end+1, false
}

// fromFile decodes the instruction at op.Offset as a file gives it. err is what
// reading it as it lies gave.
func (d *decoder) fromFile(op *Op, err error) error {
	f := d.file
	if op.Size == 0 {
		return err
	}
	if err == nil && d.cut == 0 && op.Offset+op.Size <= f.end {
		f.next = op.Offset + op.Size
		return nil
	}
	d.cut = 0
	if _, err = f.take(1); err != nil {
		return err
	}
	switch arg := codes[op.Code].arg; arg {
	case argNone:
	case argLine, argLine2:
		op.ArgOffset, op.ArgLen, err = f.takeLine(&d.in)
		op.Int = op.ArgLen
		if err == nil && arg == argLine2 {
			d.second, d.secondLen, err = f.takeLine(&d.in)
		}
	default:
		err = d.binaryFromFile(op, arg)
	}
	d.pos = f.next
	op.Size = max(1, d.pos-op.Offset)
	return err
}

func (d *decoder) binaryFromFile(op *Op, arg argKind) error {
	head := headLen[arg]
	at, err := d.file.take(int64(head))
	if err != nil {
		return err
	}
	b, err := d.in.at(at, head)
	if err != nil {
		return err
	}
	op.Int, op.ArgOffset, op.ArgLen = decodeHead(arg, b), at, int64(head)
	switch arg {
	case argN1, argNS4, argN4, argN8:
		op.ArgLen = op.Int
	case argF8:
		op.ArgLen = 8
	default:
		return nil
	}
	switch {
	case op.ArgLen < 0:
		return errNegative
	case op.Code == BYTEARRAY8, op.Code == BINBYTES, op.Code == SHORT_BINBYTES, op.Code == BINBYTES8:
		op.ArgOffset, err = d.file.takeInto(op.ArgLen)
	default:
		op.ArgOffset, err = d.file.take(op.ArgLen)
	}
	return err
}

// decodeHead decodes a fixed argument or length.
func decodeHead(arg argKind, b []byte) int64 {
	switch headLen[arg] {
	case 1:
		return int64(b[0])
	case 2:
		return int64(binary.LittleEndian.Uint16(b))
	case 4:
		if arg == argI4 || arg == argNS4 {
			return int64(int32(binary.LittleEndian.Uint32(b)))
		}
		return int64(binary.LittleEndian.Uint32(b))
	case 8:
		return int64(binary.LittleEndian.Uint64(b)) // negative: too large
	}
	return 0
}

// enterFrame opens a frame. C only reads ahead; Python reads from the frame
// until it is used up, and takes one that is longer than the input.
func (m *machine) enterFrame() {
	if m.d.file != nil {
		m.bufferFrame()
		return
	}
	if m.frameEnd > m.d.pos {
		m.note(NoteFrameNested, "a frame starts %d bytes before the end of the frame around it", m.frameEnd-m.d.pos)
		m.split()
	}
	m.frameEnd = 0
	left := m.d.in.size - m.d.pos
	if m.op.Int > left {
		m.note(NoteFrameOverrun, "the frame has %d bytes, %d are left", m.op.Int, left)
		return
	}
	m.frameEnd = m.d.pos + m.op.Int
}

// bufferFrame reads a frame into the buffer and goes back to its start.
func (m *machine) bufferFrame() {
	at, err := m.d.file.take(m.op.Int)
	if err != nil {
		m.fail(err)
		return
	}
	m.d.file.next = at
	m.d.pos = at
}

// leaveFrame notes an instruction that does not end inside its frame.
func (m *machine) leaveFrame() {
	if m.op.Offset < m.frameEnd {
		m.note(NoteFrameShort, "%s crosses the end of the frame at %#x", m.op.Code, m.frameEnd)
		m.split()
	}
	m.frameEnd = 0
}

// split remembers how far all readings agree.
func (m *machine) split() {
	if m.agreed < 0 {
		m.agreed = m.t.Len()
	}
}

// readAgain adds to a trace what the readings of a file do after the point where
// they part from the first.
func (m *machine) readAgain() {
	if m.agreed < 0 || m.agreed > m.t.Len() {
		return
	}
	suffixes := []suffix{{m.t.events, m.agreed, m.t.Len()}}
	for _, block := range bufferSizes {
		other, ok := m.readFile(block)
		if !ok {
			continue
		}
		m.merge(&other)
		s := suffix{other.events, m.agreed, other.Len()}
		if s.from >= s.to || slices.ContainsFunc(suffixes, func(known suffix) bool { return m.sameEvents(known, s) }) {
			continue
		}
		suffixes = append(suffixes, s)
		m.op.Offset = s.of.At(s.from).off
		m.note(NoteFrameShort, "from event %d on: what C does with a file of buffer size %d", m.t.Len(), block)
		for i := s.from; i < s.to; i++ {
			m.t.events.Append(s.of.At(i))
		}
	}
}

// suffix is what one reading does from where they part.
type suffix struct {
	of       *scratch.Array[event]
	from, to int
}

// readFile runs the stream as read from a file, into the same values. It reports
// whether that differs from reading bytes.
func (m *machine) readFile(block int64) (other Trace, ok bool) {
	t := m.t
	first := *t
	t.events, t.Notes, t.Ops, t.Err = scratch.NewArray(m.opt.Scratch, eventCodec), nil, [256]int64{}, nil
	m.rewind(t.Start)
	f := &fileReading{size: m.d.in.size, block: block}
	f.seek(t.Start)
	m.d.file = f
	m.loop()
	m.finish()
	m.d.file = nil
	other = *t
	*t = first
	t.st = other.st
	return other, f.dropped
}

// merge takes over how another reading ends, where it ends better.
func (m *machine) merge(other *Trace) {
	t := m.t
	for i, n := range other.Ops {
		t.Ops[i] = max(t.Ops[i], n)
	}
	t.HighestProto = max(t.HighestProto, other.HighestProto)
	if other.Err == nil {
		t.ends = append(t.ends, other.End)
	}
	switch {
	case errors.Is(other.Err, bounded.ErrLimit):
		t.Err = other.Err
	case t.Err != nil && !errors.Is(t.Err, bounded.ErrLimit) && other.Err == nil:
		t.End, t.Result, t.Err = other.End, other.Result, nil
		t.Notes = append(t.Notes, other.Notes...)
	}
}

// sameEvents reports whether two readings do the same at the same places.
func (m *machine) sameEvents(a, b suffix) bool {
	if a.to-a.from != b.to-b.from {
		return false
	}
	for i := range a.to - a.from {
		x, y := a.of.At(a.from+i), b.of.At(b.from+i)
		gx, _ := m.value(x.target).Global()
		gy, _ := m.value(y.target).Global()
		if x.kind != y.kind || x.op != y.op || x.off != y.off || gx != gy {
			return false
		}
	}
	return true
}

package pickle

import (
	"bytes"
	"io"
	"slices"

	"github.com/andiron-dev/andiron/internal/bounded"
)

const (
	maxStreams   = 4096
	lookAhead    = 1 << 10 // the longest opening that is recognised after junk
	minJunkProto = 12      // the shortest stream without imports that counts after junk
	minNames     = 6       // the shortest module and name together that count after junk
	lookBack     = 256     // how far in front of INST a MARK is looked for
)

// RunAll interprets the stream at opt.Start, which is always the first trace,
// and every stream after it: those that follow a STOP, those that follow the
// frame a STOP stands in, and those that follow other bytes. After other bytes a
// stream counts if it imports something, or starts with PROTO and runs to STOP.
// The limits on opcodes and values hold for all streams together, and the search
// is linear; where either is used up the last trace says so in its Err.
func RunAll(r io.ReaderAt, size int64, opt Options) []*Trace {
	m := newMachine(r, size, opt)
	s := &search{
		m:      m,
		in:     window{r: r, size: m.d.in.size},
		budget: 8*m.d.in.size + 16<<20,
		seen:   map[int64]bool{opt.Start: true},
	}
	m.run(opt.Start)
	s.keep(m.t)
	pos := m.t.End
	if m.t.Err != nil {
		pos++
	}
	for pos >= 0 && pos < s.in.size {
		if len(s.found) >= maxStreams || s.budget <= 0 || m.lim.MaxOps <= 0 || m.lim.MaxValues <= 0 {
			s.giveUp(pos)
			break
		}
		pos = s.next(pos)
	}
	return s.found
}

// search looks for further streams.
type search struct {
	m        *machine
	in       window // of the search; the machine has its own
	found    []*Trace
	seen     map[int64]bool // starts of what was found
	spare    *Trace         // of a failed attempt, to use again
	budget   int64          // bytes that failed attempts may still cost
	adjacent bool           // pos follows a STOP
	low      int64          // nothing before is looked at
}

func (s *search) keep(t *Trace) {
	s.found = append(s.found, t)
	s.seen[t.Start] = true
	for _, n := range t.Ops {
		s.m.lim.MaxOps -= n
	}
	s.m.lim.MaxValues -= int64(t.st.nodes.Len())
	s.adjacent = t.Err == nil
	s.low = t.End
}

func (s *search) giveUp(pos int64) {
	what, limit := "bytes searched for further pickles", 8*s.in.size+16<<20
	if len(s.found) >= maxStreams {
		what, limit = "pickles in one input", maxStreams
	}
	t := &Trace{Start: pos, End: pos, Proto: -1, Err: &SyntaxError{pos, "", bounded.Exceeded(what, limit)}}
	s.found = append(s.found, t)
}

// next finds at most one stream at or after pos and returns where to go on.
func (s *search) next(pos int64) int64 {
	if s.adjacent {
		s.adjacent = false
		last := s.found[len(s.found)-1]
		t := s.try(pos)
		counts := t != nil && (t.Err == nil || imports(t))
		if counts {
			s.keep(t)
		} else {
			s.drop(t)
		}
		s.otherEnds(last)
		if counts {
			return s.after(t)
		}
	}
	starts, pos := s.candidates(pos)
	for _, start := range starts {
		t := s.try(start)
		if t != nil && counts(t) {
			s.keep(t)
			return s.after(t)
		}
		s.drop(t)
	}
	return pos
}

func (s *search) after(t *Trace) int64 {
	if t.Err != nil {
		return t.End + 1
	}
	return t.End
}

// otherEnds runs what stands where other loaders are after t: behind the frame,
// for one that reads whole frames, or where another reading of t ends.
func (s *search) otherEnds(t *Trace) {
	for _, end := range t.ends {
		if end == t.End || end >= s.in.size {
			continue
		}
		other := s.try(end)
		if other == nil || !imports(other) {
			s.drop(other)
			continue
		}
		adjacent, low := s.adjacent, s.low
		s.keep(other)
		s.adjacent, s.low = adjacent, low
	}
}

// try runs the stream at start, or returns nil if that was done.
func (s *search) try(start int64) *Trace {
	if s.seen[start] {
		return nil
	}
	before := s.m.d.in.cost
	s.m.begin(start, s.spare)
	s.spare = nil
	s.m.loop()
	s.m.finish()
	s.m.readAgain()
	t := s.m.t
	s.budget -= s.m.d.in.cost - before + 16
	for _, n := range t.Ops {
		s.budget -= n
	}
	return t
}

func (s *search) drop(t *Trace) {
	if t != nil {
		s.spare = t
	}
}

func imports(t *Trace) bool {
	for e := range t.Events() {
		if e.Kind == EventImport {
			return true
		}
	}
	return false
}

// counts reports whether a stream after junk is worth a trace.
func counts(t *Trace) bool {
	extension := t.Ops[EXT1]+t.Ops[EXT2]+t.Ops[EXT4] > 0
	return imports(t) || t.Err == nil && t.Proto >= 0 && (extension || t.End-t.Start >= minJunkProto)
}

// opening marks the bytes that a recognised opening starts with.
var opening = [256]bool{byte(PROTO): true, byte(GLOBAL): true, byte(INST): true, byte(SHORT_BINUNICODE): true, byte(BINUNICODE): true, byte(SHORT_BINSTRING): true}

// candidates returns the starts to try for the next opening at or after pos, and
// where to go on when none of them counts.
func (s *search) candidates(pos int64) ([]int64, int64) {
	for pos < s.in.size {
		b, err := s.in.at(pos, lookAhead)
		if err != nil || len(b) == 0 {
			return nil, s.in.size
		}
		whole := pos+int64(len(b)) >= s.in.size
		for i, c := range b {
			if !opening[c] {
				continue
			}
			if len(b)-i < lookAhead && !whole {
				pos += int64(i)
				b = nil
				break
			}
			if opens(b[i:min(len(b), i+lookAhead)]) {
				at := pos + int64(i)
				return s.starts(at, c), at + 1
			}
		}
		pos += int64(len(b))
	}
	return nil, s.in.size
}

// starts returns where a stream with an opening at pos may begin: INST and OBJ
// need the MARK in front.
func (s *search) starts(pos int64, code byte) []int64 {
	back := int64(0)
	switch Code(code) {
	case INST:
		back = lookBack
	case GLOBAL:
		back = 1
	}
	from := max(pos-back, s.low)
	var starts []int64
	if from < pos {
		b := make([]byte, pos-from)
		if err := readFull(s.in.r, b, from); err != nil {
			return []int64{pos}
		}
		for i, v := range slices.Backward(b) {
			if Code(v) == MARK {
				starts = append(starts, from+int64(i))
			}
		}
	}
	return append(starts, pos)
}

// opens reports whether b starts like a stream.
func opens(b []byte) bool {
	switch Code(b[0]) {
	case PROTO:
		return len(b) > 2 && b[1] <= maxProto && codes[b[2]].name != ""
	case GLOBAL, INST:
		module, rest, ok := bytes.Cut(b[1:], []byte{'\n'})
		if !ok {
			return false
		}
		name, _, ok := bytes.Cut(rest, []byte{'\n'})
		return ok && isName(module) && isName(name) && len(module)+len(name) >= minNames
	}
	rest, ok := cutName(b)
	if !ok {
		return false
	}
	rest, ok = cutName(rest)
	return ok && len(rest) > 0 && Code(rest[0]) == STACK_GLOBAL
}

// cutName takes a string opcode that holds a name, and its memo opcode, off b.
func cutName(b []byte) ([]byte, bool) {
	if len(b) < 2 {
		return nil, false
	}
	head, n := 2, int(b[1])
	switch Code(b[0]) {
	case SHORT_BINUNICODE, SHORT_BINSTRING:
	case BINUNICODE:
		if len(b) < 5 || b[2] != 0 || b[3] != 0 || b[4] != 0 {
			return nil, false
		}
		head = 5
	default:
		return nil, false
	}
	if len(b) < head+n || !isName(b[head:head+n]) {
		return nil, false
	}
	b = b[head+n:]
	switch {
	case len(b) > 0 && Code(b[0]) == MEMOIZE:
		b = b[1:]
	case len(b) > 1 && Code(b[0]) == BINPUT:
		b = b[2:]
	case len(b) > 4 && Code(b[0]) == LONG_BINPUT:
		b = b[5:]
	}
	return b, true
}

// isName reports whether b looks like a dotted Python name.
func isName(b []byte) bool {
	if len(b) == 0 || len(b) > 255 || b[0] == '.' || isDigit(b[0]) {
		return false
	}
	for _, c := range b {
		if !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'z') && c != '_' && c != '.' && c < 0x80 {
			return false
		}
	}
	return true
}

package oip

import (
	"encoding/base64"
	"encoding/binary"
	"math"
	"slices"
	"strconv"

	"github.com/andiron-dev/andiron/internal/tensor"
)

// sink takes the elements of one tensor out of lists of JSON.
type sink struct {
	dtype tensor.DType
	size  int // bytes of an element, 0 for text
	whole whole
	buf   []byte
	n     int64 // elements
	most  int64 // elements that there may be
	over  Code  // what more of them are

	objects bool // texts may be {"b64": "…"}
	base64  bool // they are
}

// inJSON reports whether data of a type can be in JSON. Servers differ in what
// they make of 16-bit floats there, and refuse them.
func inJSON(d tensor.DType) bool {
	return d.V2() != "" && d != tensor.Float16 && d != tensor.BFloat16
}

func newSink(d tensor.DType, most int64, over Code) *sink {
	return &sink{dtype: d, size: d.Size(), most: most, over: over, whole: wholeOf(d)}
}

// wholeOf is the range of a type of integers. That of uint64 ends with int64.
func wholeOf(d tensor.DType) whole {
	size := d.Size()
	bits := uint(8 * size)
	switch d {
	case tensor.Int64, tensor.Int32, tensor.Int16, tensor.Int8:
		return whole{-1 << (bits - 1), 1<<(bits-1) - 1, size}
	case tensor.Uint64:
		return whole{0, math.MaxInt64, size}
	case tensor.Uint32, tensor.Uint16, tensor.Uint8:
		return whole{0, 1<<bits - 1, size}
	default:
		return whole{}
	}
}

// quick reads as many as it can of n elements of which each is followed by a comma
// or, in rows, by another row. The text bounds what is allocated: an element takes
// two bytes of it.
func (s *sink) quick(b []byte, p int, n int64, r rows) (end int) {
	n = min(n, s.most-s.n, int64(len(b)-p+1)/2)
	if s.size == 0 || n <= 0 {
		_, p = r.end(0, p)
		return p
	}
	from := len(s.buf)
	dst := s.grow(n)
	var k int
	switch {
	case s.whole.size > 0:
		k, p = integers(dst, b, p, s.whole, r)
	case s.dtype == tensor.Float32:
		k, p = singles(dst, b, p, r)
	case s.dtype == tensor.Float64:
		k, p = doubles(dst, b, p, r)
	default:
		k, p = bools(dst, b, p, r)
	}
	s.buf = s.buf[:from+k*s.size]
	s.n += int64(k)
	return p
}

// chunk is how many elements are made room for at once where their number is not
// known.
const chunk = 4096

// grow makes room for n elements, or for as many as is worth it, and for one more,
// which is read by element.
func (s *sink) grow(n int64) []byte {
	from := len(s.buf)
	if int64(cap(s.buf)-from) < min(n, chunk/4)*int64(s.size) { // twice as much each time
		s.buf = slices.Grow(s.buf, int(min(n, max(chunk, s.n))+1)*s.size)
	}
	n = min(n, int64(cap(s.buf)-from)/int64(s.size))
	s.buf = s.buf[:from+int(n)*s.size]
	return s.buf[from:]
}

// element reads one.
func (s *sink) element(l *lexer) (err error) {
	if s.n == s.most {
		return l.fault(s.over, "more than %d elements", s.most)
	}
	l.next()
	if cap(s.buf)-len(s.buf) < s.size { // append alone would copy more often
		s.buf = slices.Grow(s.buf, max(len(s.buf), chunk/16))
	}
	switch {
	case s.dtype == tensor.Bytes:
		err = s.text(l)
	case s.dtype == tensor.Bool:
		var v bool
		v, err = l.bool()
		s.buf = append(s.buf, 0)
		if v {
			s.buf[len(s.buf)-1] = 1
		}
	case s.whole.size > 0:
		err = s.integer(l)
	case s.dtype == tensor.Float32:
		err = s.single(l)
	default:
		err = s.double(l)
	}
	if err == nil {
		s.n++
	}
	return err
}

func (s *sink) single(l *lexer) error {
	if d, end, ok := quick(l.b, l.p); ok {
		if f, ok := d.single(); ok && endsNumber(l.b[end]) {
			l.p = end
			s.buf = binary.LittleEndian.AppendUint32(s.buf, f|signOf(d)<<31)
			return nil
		}
	}
	f, err := s.slow(l, 32)
	s.buf = binary.LittleEndian.AppendUint32(s.buf, math.Float32bits(float32(f)))
	return err
}

func (s *sink) double(l *lexer) error {
	if d, end, ok := quick(l.b, l.p); ok {
		if f, ok := d.double(); ok && endsNumber(l.b[end]) {
			l.p = end
			s.buf = binary.LittleEndian.AppendUint64(s.buf, f|uint64(signOf(d))<<63)
			return nil
		}
	}
	f, err := s.slow(l, 64)
	s.buf = binary.LittleEndian.AppendUint64(s.buf, math.Float64bits(f))
	return err
}

func signOf(d decimal) uint32 {
	if d.neg {
		return 1
	}
	return 0
}

// endsNumber reports whether a number may end here. What quick did not read to its
// end is read again by those who say what is wrong.
func endsNumber(c byte) bool {
	switch c {
	case ',', ']', '}', ' ', '\n', '\r', '\t':
		return true
	}
	return false
}

func (s *sink) slow(l *lexer, size int) (float64, error) {
	text, _, err := l.number()
	if err != nil {
		return 0, err
	}
	f, ok := slow(text, size)
	if !ok {
		return 0, s.beyond(l, text)
	}
	return f, nil
}

// beyond is the error for a number that the type does not have.
func (s *sink) beyond(l *lexer, text []byte) error {
	return faultAt(l.p-len(text), CodeNumber, "%s is no %s", clip(string(text)), s.dtype)
}

// integer reads one: digits, and a minus where it changes something.
func (s *sink) integer(l *lexer) error {
	text, integer, err := l.number()
	if err != nil {
		return err
	}
	if !integer || string(text) == "-0" {
		return s.beyond(l, text)
	}
	if s.dtype == tensor.Uint64 {
		u, err := strconv.ParseUint(string(text), 10, 64)
		if err != nil {
			return s.beyond(l, text)
		}
		s.buf = binary.LittleEndian.AppendUint64(s.buf, u)
		return nil
	}
	v, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil || v < s.whole.lo || v > s.whole.hi {
		return s.beyond(l, text)
	}
	s.buf = append(s.buf, make([]byte, s.size)...)
	s.whole.put(s.buf[len(s.buf)-s.size:], v)
	return nil
}

// text reads an element of bytes: a string, or an object with one in base64.
func (s *sink) text(l *lexer) (err error) {
	at := len(s.buf)
	s.buf = append(s.buf, 0, 0, 0, 0)
	encoded := s.objects && l.next() == '{'
	if s.n > 0 && encoded != s.base64 {
		return l.fault(CodeType, "texts and base64 in one message")
	}
	if s.base64 = encoded; encoded {
		err = s.decode(l)
	} else {
		s.buf, err = l.appendText(s.buf, len(l.b))
	}
	if err != nil {
		return err
	}
	binary.LittleEndian.PutUint32(s.buf[at:], uint32(len(s.buf)-at-4))
	return nil
}

func (s *sink) decode(l *lexer) error {
	at := l.p
	seen, err := l.object([]string{"b64"}, func(int) error {
		l.next()
		start := l.p
		text, err := l.appendText(nil, len(l.b))
		if err != nil {
			return err
		}
		s.buf, err = base64.StdEncoding.Strict().AppendDecode(s.buf, text)
		if err != nil || slices.Contains(text, '\n') || slices.Contains(text, '\r') {
			return faultAt(start, CodeText, "the text is no base64")
		}
		return nil
	})
	if err == nil && seen == 0 {
		return faultAt(at, CodeMissing, "member %q is missing", "b64")
	}
	return err
}

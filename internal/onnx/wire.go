package onnx

import (
	"errors"
	"fmt"
	"io"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// SyntaxError says where the bytes stop being protobuf.
type SyntaxError struct {
	Offset int64
	Err    error
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("onnx: at offset %#x: %v", e.Offset, e.Err) }

// Unwrap returns what is wrong without the position.
func (e *SyntaxError) Unwrap() error { return e.Err }

// source reads a file through a window, so that stepping over tensors reads
// nothing of them.
type source struct {
	r    io.ReaderAt
	size int64
	buf  []byte
	at   int64 // file offset of buf[0]
}

const windowSize = 16 << 10

// window returns the bytes at off, at least n of them unless the file ends.
func (s *source) window(off int64, n int) []byte {
	if off >= s.at && off+int64(n) <= s.at+int64(len(s.buf)) {
		return s.buf[off-s.at:]
	}
	if s.buf == nil {
		s.buf = make([]byte, 0, windowSize)
	}
	k, _ := s.r.ReadAt(s.buf[:min(windowSize, max(s.size-off, 0))], off)
	s.buf, s.at = s.buf[:k], off
	return s.buf
}

// span is a message: a range of the file.
type span struct{ off, end int64 }

func (s span) len() int64 { return s.end - s.off }

// field is one field of a message.
type field struct {
	num  protowire.Number
	typ  protowire.Type
	off  int64  // of its tag
	val  uint64 // varint and fixed
	data span   // bytes
}

var errEnd = errors.New("the message ends inside a field")

// next reads the field at m.off and moves m.off behind it.
func (s *source) next(m *span) (field, error) {
	f := field{off: m.off}
	tag, err := s.varint(m)
	if err != nil {
		return f, err
	}
	f.num, f.typ = protowire.DecodeTag(tag)
	if f.num < protowire.MinValidNumber {
		return f, &SyntaxError{f.off, errors.New("a field with an invalid number")}
	}
	switch f.typ {
	case protowire.VarintType:
		f.val, err = s.varint(m)
	case protowire.Fixed32Type:
		err = s.skip(m, 4)
	case protowire.Fixed64Type:
		err = s.skip(m, 8)
	case protowire.BytesType:
		var n uint64
		if n, err = s.varint(m); err == nil {
			f.data.off = m.off
			err = s.skip(m, n)
			f.data.end = m.off
		}
	default: // groups are not in proto3
		err = &SyntaxError{f.off, fmt.Errorf("wire type %d", f.typ)}
	}
	return f, err
}

func (s *source) varint(m *span) (uint64, error) {
	b := s.window(m.off, protowire.SizeVarint(1<<63))
	b = b[:min(int64(len(b)), max(m.len(), 0))]
	v, n := protowire.ConsumeVarint(b)
	if n < 0 {
		return 0, &SyntaxError{m.off, protowire.ParseError(n)}
	}
	m.off += int64(n)
	return v, nil
}

func (s *source) skip(m *span, n uint64) error {
	if n > uint64(max(m.len(), 0)) {
		return &SyntaxError{m.off, errEnd}
	}
	m.off += int64(n)
	return nil
}

// text reads a string field.
func (s *source) text(d span, limit int64) (string, error) {
	if d.len() > limit {
		return "", &SyntaxError{d.off, bounded.Exceeded("bytes of an ONNX string", limit)}
	}
	if w := s.window(d.off, int(min(d.len(), windowSize))); int64(len(w)) >= d.len() {
		return string(w[:d.len()]), nil
	}
	b, err := bounded.ReadRange(s.r, s.size, d.off, d.len(), limit)
	if err != nil {
		return "", &SyntaxError{d.off, err}
	}
	return string(b), nil
}

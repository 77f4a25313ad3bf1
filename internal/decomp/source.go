package decomp

import "io"

// source reads a file forwards and counts what the decoders take. It is an
// io.ByteReader, so that they take no more than they use.
type source struct {
	r    io.ReaderAt
	size int64
	off  int64 // file offset of buf[0]
	buf  []byte
	pos  int
	err  error
}

func newSource(r io.ReaderAt, size int64) *source {
	return &source{r: r, size: size, buf: make([]byte, 0, 32<<10)}
}

// consumed returns the offset of the next byte.
func (s *source) consumed() int64 { return s.off + int64(s.pos) }

func (s *source) left() int64 { return max(s.size-s.consumed(), 0) }

// peek returns up to n of the next bytes; fewer only at the end.
func (s *source) peek(n int) []byte {
	if len(s.buf)-s.pos < n && s.err == nil {
		s.off, s.pos = s.consumed(), 0
		want := min(int64(cap(s.buf)), max(s.size-s.off, 0))
		k, err := s.r.ReadAt(s.buf[:want], s.off)
		s.buf = s.buf[:k]
		if int64(k) < want {
			if s.err = err; err == nil || err == io.EOF {
				s.err = io.ErrUnexpectedEOF // the file is shorter than it was
			}
		}
	}
	return s.buf[s.pos:min(len(s.buf), s.pos+n)]
}

func (s *source) skip(n int) { s.pos += n }

func (s *source) end() error {
	if s.err != nil {
		return s.err
	}
	return io.EOF
}

// ReadByte implements io.ByteReader.
func (s *source) ReadByte() (byte, error) {
	if s.pos >= len(s.buf) && len(s.peek(1)) == 0 {
		return 0, s.end()
	}
	s.pos++
	return s.buf[s.pos-1], nil
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if s.pos >= len(s.buf) && len(s.peek(1)) == 0 {
		return 0, s.end()
	}
	n := copy(p, s.buf[s.pos:])
	s.pos += n
	return n, nil
}

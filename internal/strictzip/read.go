package strictzip

import (
	"compress/flate"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"

	"github.com/andiron-dev/andiron/internal/bounded"
)

func quote(s string) string {
	if len(s) > 200 {
		s = s[:200]
	}
	return strconv.Quote(s)
}

// raw returns the bytes of entry i as they lie in the file.
func (a *Archive) raw(i int) (*io.SectionReader, error) {
	if i < 0 || i >= a.Len() {
		return nil, fmt.Errorf("zip: no entry %d", i)
	}
	e := a.Entry(i)
	if e.DataOffset < 0 {
		return nil, fmt.Errorf("zip: %s has no local header", quote(e.Name))
	}
	n := e.CompressedSize
	if e.Method == Stored {
		n = e.Size // what PyTorch's reader copies
	}
	if n > a.size-e.DataOffset {
		return nil, fmt.Errorf("zip: %s has %d bytes at %#x: %w", quote(e.Name), n, e.DataOffset, io.ErrUnexpectedEOF)
	}
	return io.NewSectionReader(a.r, e.DataOffset, n), nil
}

// Section returns the bytes of a stored entry, which need not be read to be
// addressed.
func (a *Archive) Section(i int) (*io.SectionReader, error) {
	s, err := a.raw(i)
	if err == nil && a.entries.At(i).Method != Stored {
		return nil, fmt.Errorf("zip: %s is compressed by method %d", quote(a.Entry(i).Name), a.entries.At(i).Method)
	}
	return s, err
}

// Open returns a reader of the content of entry i, which ends after the size
// that the directory gives; an early end is io.ErrUnexpectedEOF. Flags and CRC
// are not looked at.
func (a *Archive) Open(i int) (io.Reader, error) {
	s, err := a.raw(i)
	if err != nil {
		return nil, err
	}
	switch e := a.Entry(i); e.Method {
	case Stored:
		return s, nil
	case Deflated:
		return &exact{r: flate.NewReader(s), left: e.Size}, nil
	default:
		return nil, fmt.Errorf("zip: %s is compressed by method %d, which PyTorch does not read", quote(e.Name), e.Method)
	}
}

// exact ends a stream after left bytes.
type exact struct {
	r    io.Reader
	left int64
}

func (x *exact) Read(p []byte) (int, error) {
	if x.left <= 0 {
		return 0, io.EOF
	}
	if int64(len(p)) > x.left {
		p = p[:x.left]
	}
	n, err := x.r.Read(p)
	x.left -= int64(n)
	if err == io.EOF && x.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// Read returns the content of entry i, at most limit bytes.
func (a *Archive) Read(i int, limit int64) ([]byte, error) {
	r, err := a.Open(i)
	if err != nil {
		return nil, err
	}
	if a.entries.At(i).Size > limit {
		return nil, bounded.Exceeded("bytes of "+quote(a.Entry(i).Name), limit)
	}
	if s, ok := r.(*io.SectionReader); ok {
		return bounded.ReadRange(s, s.Size(), 0, s.Size(), limit)
	}
	return bounded.ReadAll(r, limit)
}

// VerifyCRC reads entry i and compares its CRC-32 with the directory's.
// PyTorch does not, and can write files that have none.
func (a *Archive) VerifyCRC(i int) (bool, error) {
	r, err := a.Open(i)
	if err != nil {
		return false, err
	}
	h := crc32.NewIEEE()
	if _, err := io.CopyBuffer(h, struct{ io.Reader }{r}, make([]byte, 32<<10)); err != nil {
		return false, err
	}
	return h.Sum32() == a.entries.At(i).CRC, nil
}

package testkit

import (
	"errors"
	"io"

	"github.com/andiron-dev/andiron/internal/scratch"
)

// Cramped returns a space that holds next to nothing in memory, so that what it is
// given goes through its file, which is in memory.
func Cramped() *scratch.Space {
	return scratch.New(1, 1, func() (scratch.File, error) { return new(MemoryFile), nil })
}

// MemoryFile is a file of a scratch space. It takes no more than Limit bytes, unless
// that is 0, and gives nothing back when it is Broken.
type MemoryFile struct {
	Bytes  []byte
	Limit  int
	Broken bool
}

var errFull, errBroken = errors.New("the file is full"), errors.New("the file is broken")

// ReadAt gives back what was written.
func (f *MemoryFile) ReadAt(b []byte, off int64) (int, error) {
	if f.Broken {
		return 0, errBroken
	}
	if off >= int64(len(f.Bytes)) {
		return 0, io.EOF
	}
	n := copy(b, f.Bytes[off:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt takes bytes.
func (f *MemoryFile) WriteAt(b []byte, off int64) (int, error) {
	end := int(off) + len(b)
	if f.Limit > 0 && end > f.Limit {
		return 0, errFull
	}
	if grow := end - len(f.Bytes); grow > 0 {
		f.Bytes = append(f.Bytes, make([]byte, grow)...)
	}
	return copy(f.Bytes[off:], b), nil
}

package safetensors

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// writeBuffer is what small tensors are gathered in.
const writeBuffer = 256 << 10

// Write streams a file: the header, then every tensor in order, whose bytes the
// function tensor puts into the writer that it is given. Fewer or more bytes
// than the layout says are an error. Memory does not grow with the tensors.
//
// The writer has a ReadFrom: what io.Copy copies from an io.LimitedReader of a
// file can go into another file by the kernel alone.
func (l *Layout) Write(w io.Writer, tensor func(w io.Writer, t Tensor) error) error {
	b := &body{w: bufio.NewWriterSize(w, writeBuffer)}
	if err := l.WriteHeader(b); err != nil {
		return err
	}
	for t := range l.Tensors() {
		b.n = 0
		if err := tensor(b, t); err != nil {
			return err
		}
		if want := t.End - t.Begin; b.n != want {
			return fmt.Errorf("safetensors: tensor %s: %d bytes were written, it has %d", quote(t.Name), b.n, want)
		}
	}
	return b.w.Flush()
}

// body counts what goes into a buffered writer.
type body struct {
	w *bufio.Writer
	n int64
}

func (b *body) Write(p []byte) (int, error) {
	n, err := b.w.Write(p)
	b.n += int64(n)
	return n, err
}

// ReadFrom hands a long read of known length on to the file that is written,
// which may have the kernel copy it. Others fill the buffer: the buffered writer
// would hand on the shortest read whenever it is empty.
func (b *body) ReadFrom(r io.Reader) (total int64, err error) {
	defer func() { b.n += total }()
	if l, ok := r.(*io.LimitedReader); ok && l.N >= writeBuffer {
		return b.w.ReadFrom(r)
	}
	for {
		if b.w.Available() == 0 {
			if err := b.w.Flush(); err != nil {
				return total, err
			}
		}
		n, err := r.Read(b.w.AvailableBuffer()[:b.w.Available()])
		if _, werr := b.w.Write(b.w.AvailableBuffer()[:n]); werr != nil {
			return total, werr
		}
		total += int64(n)
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
	}
}

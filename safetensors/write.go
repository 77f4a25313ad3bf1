package safetensors

import (
	"bufio"
	"fmt"
	"io"
)

// writeBuffer is what small tensors are gathered in.
const writeBuffer = 256 << 10

// Write streams a file: the header, then every tensor in order, whose bytes the
// function tensor puts into the writer that it is given. Fewer or more bytes
// than the layout says are an error. Memory does not grow with the tensors.
//
// The writer has a ReadFrom, so that a file that is copied into another by
// io.Copy can go there by the kernel alone.
func (l *Layout) Write(w io.Writer, tensor func(w io.Writer, t Tensor) error) error {
	b := &body{w: bufio.NewWriterSize(w, writeBuffer)}
	if _, err := b.Write(l.Header); err != nil {
		return err
	}
	for _, t := range l.Tensors {
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

// ReadFrom lets the buffered writer, which knows how to, hand a long read on to
// the file that it writes to.
func (b *body) ReadFrom(r io.Reader) (int64, error) {
	n, err := b.w.ReadFrom(r)
	b.n += n
	return n, err
}

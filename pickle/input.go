package pickle

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// windowSize is how much of the input is held at once.
const windowSize = 64 << 10

// window is a sliding view of the input.
type window struct {
	r    io.ReaderAt
	size int64
	base int64  // offset of buf[0]
	buf  []byte // what is held
	cost int64  // bytes read or searched so far
}

// at returns the bytes from off to the end of the window: at least n, or all
// that are left. n is at most windowSize.
func (w *window) at(off int64, n int) ([]byte, error) {
	i := off - w.base
	if i >= 0 && i <= int64(len(w.buf)) {
		b := w.buf[i:]
		if len(b) >= n || off+int64(len(b)) >= w.size {
			return b, nil
		}
	}
	if err := w.fill(off); err != nil {
		return nil, err
	}
	return w.buf, nil
}

// fill moves the window to off.
func (w *window) fill(off int64) error {
	n := min(int64(windowSize), w.size-off)
	if n <= 0 {
		w.base, w.buf = off, w.buf[:0]
		return nil
	}
	if int64(cap(w.buf)) < n {
		w.buf = make([]byte, n)
	}
	w.base, w.buf = off, w.buf[:n]
	w.cost += n
	if err := readFull(w.r, w.buf, off); err != nil {
		w.buf = w.buf[:0]
		return err
	}
	return nil
}

// lineEnd returns the offset of the first newline at or after off, or the size
// of the input and false.
func (w *window) lineEnd(off int64) (int64, bool, error) {
	for off < w.size {
		b, err := w.at(off, 1)
		if err != nil {
			return 0, false, err
		}
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			w.cost += int64(i)
			return off + int64(i), true, nil
		}
		off += int64(len(b))
		w.cost += int64(len(b))
	}
	return w.size, false, nil
}

// readFull reads len(b) bytes at off.
func readFull(r io.ReaderAt, b []byte, off int64) error {
	n, err := r.ReadAt(b, off)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("reading %d bytes at %#x: %w", len(b), off, err)
}

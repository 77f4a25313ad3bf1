package engine

import (
	"io"
	"iter"

	"golang.org/x/sync/errgroup"
)

// The buffers go round, so that they stay in the processor's shared cache from the
// copy out of the page cache to the hash, and are large enough that handing them
// over costs little.
const (
	aheadBuffers = 4
	aheadBytes   = 512 << 10
)

// block is what one read gave.
type block struct {
	b   []byte
	err error
}

// readAhead yields size bytes of r in order. While the caller works on a block, a
// goroutine reads the next; it has ended when the iteration has. A block is valid
// until the next.
func readAhead(r io.ReaderAt, size int64) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		free := make(chan []byte, aheadBuffers)
		full := make(chan block, aheadBuffers)
		for range min(aheadBuffers, size/aheadBytes+1) {
			free <- make([]byte, min(aheadBytes, size))
		}
		var group errgroup.Group
		group.Go(func() error {
			defer close(full)
			fill(r, size, free, full)
			return nil
		})
		defer func() { _ = group.Wait() }() // it returns no error
		defer close(free)
		for x := range full {
			if !yield(x.b, x.err) {
				return
			}
			free <- x.b[:cap(x.b)]
		}
	}
}

// fill reads into the free buffers until the end, an error, or no more buffers.
// There are never more blocks than full has room for.
func fill(r io.ReaderAt, size int64, free <-chan []byte, full chan<- block) {
	for off := int64(0); off < size; {
		buf, ok := <-free
		if !ok {
			return
		}
		n, err := r.ReadAt(buf[:min(int64(len(buf)), size-off)], off)
		if off += int64(n); off == size {
			err = nil // io.EOF may come with the last bytes
		}
		if full <- (block{buf[:n], err}); err != nil {
			return
		}
	}
}

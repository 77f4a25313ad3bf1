package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

// pieceSize is how much is copied at once, and pieces how many of those are on their way.
const (
	pieceSize = 1 << 20
	pieces    = 6
)

// piece is a part of what is copied, with how many still need it.
type piece struct {
	room, b []byte
	left    atomic.Int32
}

// copyHashed copies what a reader gives, and returns its SHA-256. Reading, writing and
// the digest go on beside each other: each takes about as long as the others together on
// one processor. It reads no more than so many bytes.
func copyHashed(w io.Writer, r io.Reader, most int64) (n int64, digest string, err error) {
	h := sha256.New()
	free := make(chan *piece, pieces)
	for range min(pieces, most/pieceSize+1) {
		free <- &piece{room: make([]byte, min(pieceSize, most))}
	}
	var all sync.WaitGroup
	var failed atomic.Pointer[error]
	each := func(do func(b []byte) (int, error)) chan<- *piece {
		in := make(chan *piece, pieces)
		all.Go(func() {
			for p := range in {
				if failed.Load() == nil {
					if _, err := do(p.b); err != nil {
						failed.Store(&err)
					}
				}
				if p.left.Add(-1) == 0 {
					free <- p
				}
			}
		})
		return in
	}
	hash, write := each(h.Write), each(w.Write)
	for err == nil && n < most && failed.Load() == nil {
		p := <-free
		var k int
		k, err = fill(r, p.room[:min(int64(len(p.room)), most-n)])
		p.b, n = p.room[:k], n+int64(k)
		p.left.Store(2)
		hash <- p
		write <- p
	}
	close(hash)
	close(write)
	all.Wait()
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if e := failed.Load(); e != nil {
		err = *e
	}
	return n, hex.EncodeToString(h.Sum(nil)), err
}

// fill reads until there is no room, or there is an error, which io.EOF is as well.
func fill(r io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var k int
		k, err = r.Read(b[n:])
		n += k
	}
	return n, err
}

package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
)

// pieceSize is how much is copied at once, and pieces how many of those are on their way
// to the digest.
const (
	pieceSize = 1 << 20
	pieces    = 4
)

// copyHashed copies what a reader gives, and returns its SHA-256, which is worked out
// beside that: a digest takes longer than a copy. It reads no more than so many bytes.
func copyHashed(w io.Writer, r io.Reader, most int64) (n int64, digest string, err error) {
	h := sha256.New()
	free, full, done := make(chan []byte, pieces), make(chan []byte, pieces), make(chan struct{})
	for range min(pieces, most/pieceSize+1) {
		free <- make([]byte, min(pieceSize, most))
	}
	go func() {
		defer close(done)
		for b := range full {
			_, _ = h.Write(b) // a hash takes everything
			free <- b[:cap(b)]
		}
	}()
	for err == nil && n < most {
		b := <-free
		var k int
		if k, err = fill(r, b[:min(int64(len(b)), most-n)]); k > 0 {
			full <- b[:k]
			_, e := w.Write(b[:k])
			n, err = n+int64(k), errors.Join(e, err)
		}
	}
	close(full)
	<-done
	if errors.Is(err, io.EOF) {
		err = nil
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

package torchfile

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// TestCache reads at random and gets what is there, and where it ends.
func TestCache(t *testing.T) {
	data := make([]byte, 1<<20+77)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range data {
		data[i] = byte(rng.Uint32())
	}
	c := newCache(bytes.NewReader(data), int64(len(data)))
	for range 20_000 {
		off, n := rng.Int64N(int64(len(data))+100), rng.IntN(2*cacheLine)
		b := make([]byte, n)
		want := data[min(off, int64(len(data))):]
		got, err := c.ReadAt(b, off)
		if got != min(n, len(want)) || !bytes.Equal(b[:got], want[:got]) || (err == nil) != (got == n) && n > 0 {
			t.Fatalf("%d bytes at %d: %d, %v", n, off, got, err)
		}
	}
	short := newCache(bytes.NewReader(data[:10]), 20)
	if _, err := short.ReadAt(make([]byte, 15), 0); err == nil {
		t.Error("a source that is shorter than it was is read as if it were not")
	}
}

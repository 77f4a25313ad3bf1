//go:build !purego

package rawread

import "testing"

// All of it is read: a bit in the first word of any vector is seen.
func TestRead(t *testing.T) {
	data := make([]byte, 64*41)
	if _, name := Read(data); name == "" {
		t.Fatal("this processor has neither AVX2 nor AVX-512, so that nothing is compared")
	}
	for at := 0; at < len(data); at += 64 {
		data[at] = 1
		if got, name := Read(data); got != 1 {
			t.Errorf("%s: byte %d: got %d, want 1", name, at, got)
		}
		data[at] = 0
	}
}

package engine

import (
	"bytes"
	"errors"
	"io"
	"testing"
)

func TestReadAhead(t *testing.T) {
	for _, size := range []int64{0, 1, aheadBytes - 1, aheadBytes, aheadBytes + 1, 7 * aheadBytes, 9*aheadBytes + 5} {
		want := make([]byte, size)
		for i := range want {
			want[i] = byte(i * 7 >> 3)
		}
		var got []byte
		for b, err := range readAhead(bytes.NewReader(want), size) {
			if err != nil {
				t.Fatalf("%d bytes: %v", size, err)
			}
			got = append(got, b...)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%d bytes: %d came, or not the same", size, len(got))
		}
	}
}

var errDisk = errors.New("disk on fire")

// burning is a file that cannot be read from some offset on.
type burning struct{ from int64 }

func (f burning) ReadAt(b []byte, off int64) (int, error) {
	if n := f.from - off; n < int64(len(b)) {
		return int(max(n, 0)), errDisk
	}
	return len(b), nil
}

func TestReadAheadError(t *testing.T) {
	for _, from := range []int64{0, 5, aheadBytes, 6*aheadBytes + 1} {
		var n int64
		var last error
		for b, err := range readAhead(burning{from}, 20*aheadBytes) {
			n += int64(len(b))
			last = err
		}
		if n != from || !errors.Is(last, errDisk) {
			t.Errorf("from %d: %d bytes, %v", from, n, last)
		}
	}
	short := readAhead(bytes.NewReader(make([]byte, 10)), 20) // cut off after it was measured
	for _, err := range short {
		if !errors.Is(err, io.EOF) {
			t.Errorf("short: %v", err)
		}
	}
}

// A caller that goes away takes the goroutine with it: readAhead returns only
// when that has ended.
func TestReadAheadBreak(t *testing.T) {
	for stop := range 8 {
		n := 0
		for _, err := range readAhead(burning{1 << 40}, 1<<40) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n > stop {
				break
			}
		}
	}
}

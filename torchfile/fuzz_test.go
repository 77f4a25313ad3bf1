package torchfile

import (
	"bytes"
	"io"
	"reflect"
	"slices"
	"testing"

	"github.com/andiron-dev/andiron/internal/strictzip"
	"github.com/andiron-dev/andiron/internal/testkit"
	"github.com/andiron-dev/andiron/pickle"
)

var fuzzOptions = Options{
	Zip:        strictzip.Limits{MaxEntries: 500},
	Pickle:     pickle.Limits{MaxOps: 20_000, MaxValues: 20_000},
	MaxInflate: 1 << 20, MaxTensors: 500, MaxNested: 2,
}

// readAll does everything that a caller can do with a file.
func readAll(t *testing.T, b []byte) *File {
	t.Helper()
	f, err := Open(bytes.NewReader(b), int64(len(b)), fuzzOptions)
	if err != nil {
		return nil
	}
	budget := int64(1 << 20)
	f.All(func(_ string, f *File) bool {
		for i := range f.Tensors {
			x := &f.Tensors[i]
			if x.NBytes() > budget {
				continue
			}
			r, err := f.TensorData(x)
			if err != nil {
				continue
			}
			n, err := io.Copy(io.Discard, r)
			budget -= n
			if err == nil && n != x.NBytes() {
				t.Fatalf("%q: %d bytes, want %d", x.Name, n, x.NBytes())
			}
		}
		return true
	})
	return f
}

func check(t *testing.T, b []byte) {
	f := readAll(t, b)
	if f == nil {
		return
	}
	again := readAll(t, b)
	if again == nil || !slices.Equal(f.Facts, again.Facts) || len(f.Tensors) != len(again.Tensors) || !reflect.DeepEqual(slices.Collect(f.Records()), slices.Collect(again.Records())) {
		t.Fatal("two runs differ")
	}
}

func seed(f *testing.F, size int, containers ...string) {
	f.Helper()
	testkit.Goldens(f, goldenDir, func(path string, m testkit.Golden) {
		if !slices.Contains(containers, m.Container) {
			return
		}
		if b := mustRead(f, path); len(b) <= size {
			f.Add(b)
		}
	})
}

// FuzzOpen wants -fuzzminimizetime 10x: an execution takes about 0.1 ms, but
// before Go keeps an input it tries to leave out each run of its bytes, which is
// the square of 2,000 bytes and looks like a stall for a minute.
func FuzzOpen(f *testing.F) {
	seed(f, 3000, "torch-zip", "torchscript", "pt2", "torch-package")
	f.Fuzz(check)
}

func FuzzLegacy(f *testing.F) {
	seed(f, 2500, "torch-legacy")
	seed(f, 12000, "torch-tar")
	f.Fuzz(check)
}

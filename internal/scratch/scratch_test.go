package scratch_test

import (
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/andiron-dev/andiron/internal/scratch"
	"github.com/andiron-dev/andiron/internal/testkit"
)

var numbers = scratch.Codec[uint64]{
	Size: 8,
	Put:  func(b []byte, v *uint64) { binary.LittleEndian.PutUint64(b, *v) },
	Get:  func(b []byte, v *uint64) { *v = binary.LittleEndian.Uint64(b) },
}

// same compares an array with what was put into it.
func same(t *testing.T, a *scratch.Array[uint64], want []uint64) {
	t.Helper()
	if a.Len() != len(want) {
		t.Fatalf("the array has %d elements, want %d", a.Len(), len(want))
	}
	for i, v := range want {
		if got := a.At(i); got != v {
			t.Fatalf("element %d is %d, want %d", i, got, v)
		}
	}
}

// TestArrays does the same at random to arrays that share a space and to slices.
func TestArrays(t *testing.T) {
	for _, limit := range []int64{1, 40 << 10, 1 << 30} {
		file := new(testkit.MemoryFile)
		space := scratch.New(limit, (limit+1)/2, func() (scratch.File, error) { return file, nil })
		rng := rand.New(rand.NewPCG(1, uint64(limit)))
		var arrays [3]*scratch.Array[uint64]
		var want [3][]uint64
		for i := range arrays {
			arrays[i] = scratch.NewArray(space, numbers)
		}
		for range 100_000 {
			k := rng.IntN(len(arrays))
			a, w := arrays[k], &want[k]
			switch n := rng.IntN(100); {
			case n < 60 || len(*w) == 0:
				v := rng.Uint64()
				if i := a.Append(v); i != len(*w) {
					t.Fatalf("element %d was appended as %d", len(*w), i)
				}
				*w = append(*w, v)
			case n < 80:
				i, v := rng.IntN(len(*w)), rng.Uint64()
				a.Set(i, v)
				(*w)[i] = v
			case n == 98:
				i := len(*w) - rng.IntN(min(len(*w), 100))
				a.Truncate(i)
				*w = (*w)[:i]
			case n < 99 || len(*w) < 9000:
				if i := rng.IntN(len(*w)); a.At(i) != (*w)[i] {
					t.Fatalf("element %d is %d, want %d", i, a.At(i), (*w)[i])
				}
			default:
				a.Reset()
				*w = (*w)[:0]
			}
		}
		for i := range arrays {
			same(t, arrays[i], want[i])
		}
		if spilled := space.Used() > 0; spilled != (limit < 1<<30) || int64(len(file.Bytes)) > space.Used() {
			t.Errorf("limit %d: %d bytes were written, %d are used", limit, len(file.Bytes), space.Used())
		}
		if err := space.Err(); err != nil {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
}

// TestExtend makes an array longer by zeros, over what was there before a Reset.
func TestExtend(t *testing.T) {
	a := scratch.NewArray(testkit.Cramped(), numbers)
	for i := range uint64(5000) {
		a.Append(i + 1)
	}
	a.Reset()
	a.Extend(3000)
	same(t, a, make([]uint64, 3000))
}

// TestFullDisk keeps in memory what the file does not take.
func TestFullDisk(t *testing.T) {
	for _, open := range []func() (scratch.File, error){
		func() (scratch.File, error) { return &testkit.MemoryFile{Limit: 20 << 10}, nil },
		func() (scratch.File, error) { return nil, errors.New("no room") },
	} {
		space := scratch.New(1, 1, open)
		a := scratch.NewArray(space, numbers)
		var want []uint64
		for i := range uint64(50_000) {
			a.Append(i)
			want = append(want, i)
		}
		same(t, a, want)
		if err := space.Err(); err != nil {
			t.Error(err)
		}
	}
}

// TestLostFile says that what was taken did not come back, and goes on.
func TestLostFile(t *testing.T) {
	file := new(testkit.MemoryFile)
	space := scratch.New(1, 1, func() (scratch.File, error) { return file, nil })
	a := scratch.NewArray(space, numbers)
	for i := range uint64(50_000) {
		a.Append(i + 1)
	}
	file.Broken = true
	if got := a.At(3); got != 0 {
		t.Errorf("a lost element is %d", got)
	}
	if space.Err() == nil {
		t.Error("nothing is said about what was lost")
	}
}

// TestNoSpace keeps everything in memory.
func TestNoSpace(t *testing.T) {
	a := scratch.NewArray(nil, numbers)
	var want []uint64
	for i := range uint64(10_000) {
		a.Append(i)
		want = append(want, i)
	}
	same(t, a, want)
	if err := (*scratch.Space)(nil).Err(); err != nil {
		t.Error(err)
	}
	var none *scratch.Array[uint64]
	if none.Len() != 0 {
		t.Error("no array has elements")
	}
}

package tensor

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// elementsOf are all elements of a small type, and of a large one those next to the
// edges, those of all sizes, and what is no number.
func elementsOf(d DType, edges []rational) []byte {
	size := d.Size()
	var data []byte
	add := func(bits uint64) {
		var b [8]byte
		binary.LittleEndian.PutUint64(b[:], bits)
		data = append(data, b[:size]...)
	}
	if size <= 2 {
		for i := range uint64(1) << (8 * size) {
			add(i)
		}
		return data
	}
	values := []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), -math.MaxFloat64, math.SmallestNonzeroFloat64}
	for _, e := range edges {
		values = append(values, e.float())
	}
	for _, x := range values {
		for _, bits := range []uint64{math.Float64bits(x), uint64(math.Float32bits(float32(x))), uint64(int64(min(max(x, -1<<62), 1<<62)))} {
			for i := range uint64(5) {
				add(bits + i - 2)
			}
		}
	}
	add(math.MaxUint64)
	add(1 << 63)
	r := rand.New(rand.NewPCG(1, 2))
	for range 10000 {
		add(r.Uint64() >> r.IntN(64))
	}
	return data
}

// TestBins: for each type the table says what comparing with each edge says, also
// where two edges lie between two neighbours, or all above the largest value.
func TestBins(t *testing.T) {
	for _, texts := range [][]string{
		{"-1e30", "-0.1", "0", "1e-40", "0.3", "1", "1.0000001", "65504"},
		{"0.2", "0.5", "3"},
		{"-7"},
		{"1e300"},
		{"-1e300", "0.1", "100", "30000", "1e19", "1e299"},
		{"0.05", "0.1", "0.15", "0.2", "0.25", "0.3", "0.35", "0.4", "0.45", "0.5"},
	} {
		var edges []rational
		for _, s := range texts {
			edges = append(edges, mustReal(s))
		}
		for _, d := range DTypes() {
			if d == Bytes {
				continue
			}
			data := elementsOf(d, edges)
			in := &Tensor{DType: d, Data: data}
			want := make([]int64, len(edges)+1)
			for i, keyOf := 0, in.keys(); i < int(in.len()); i++ {
				key := keyOf(i)
				x := d.float(key)
				if math.IsNaN(x) || formats[d].fnuz && key == -1 {
					continue
				}
				bin := 0
				for bin < len(edges) && x >= edges[bin].float() {
					bin++
				}
				want[bin]++
			}
			if got := newBins(d, edges).count(data); !slices.Equal(got, want) {
				t.Errorf("%s, edges %v: got %d, want %d", d, texts, got, want)
			}
		}
	}
}

// TestCounted: what several goroutines count at once and add one after another is
// what one that adds tensor by tensor finds.
func TestCounted(t *testing.T) {
	s, err := Parse([]byte(`andiron: tensor/v1
inputs:
  ids: {dtype: int64, shape: [_], drift: {edges: [10, 20], shares: [0.4, 0.3, 0.3], psi: 0.1, window: 40}}
  x: {dtype: [float32, float64], shape: [_], drift: {edges: [0.5], shares: [0.5, 0.5], ks: 0.2, window: 40}}
labels:
  y: {dtype: int32, shape: [_], values: [0, 1], balance: {psi: 0.1}}
`))
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	var requests [][]Tensor
	for i := range 40 {
		var ids, x []byte
		for range 50 {
			ids = binary.LittleEndian.AppendUint64(ids, r.Uint64N(30))
			x = binary.LittleEndian.AppendUint32(x, math.Float32bits(r.Float32()/2))
		}
		in := []Tensor{{Name: "ids", DType: Int64, Shape: []int64{50}, Data: ids}, {Name: "x", DType: Float32, Shape: []int64{50}, Data: x}}
		requests = append(requests, in[:1+i%2])
		requests = append(requests, in[1:2-i%2])
	}
	one, many := s.Windows(Inputs), s.Windows(Inputs)
	var want, got []Violation
	for _, in := range requests {
		want = append(want, one.Add(in)...)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, in := range requests {
		wg.Go(func() {
			c := many.Count(in)
			mu.Lock()
			defer mu.Unlock()
			got = append(got, many.AddCounted(c)...)
		})
	}
	wg.Wait()
	if len(want) != 1 || want[0].Input != "x" {
		t.Fatalf("one by one: %v", want)
	}
	if len(got) != 1 || got[0].Input != "x" || got[0].Code != CodeDrift || got[0].Got != want[0].Got {
		t.Errorf("got %v, want %v", got, want)
	}
}

// BenchmarkDriftCount counts the elements of an input of 602 KB in 20 bins.
func BenchmarkDriftCount(b *testing.B) {
	var edges []rational
	for i := range 19 {
		edges = append(edges, mustReal(strconv.Itoa(i+1)+"e3"))
	}
	for _, d := range []DType{Float32, Float64, Float16, Int64, Int32, Uint8} {
		data := make([]byte, 602112)
		r := rand.New(rand.NewPCG(5, 6))
		for i := 0; i < len(data); i += d.Size() {
			x := r.IntN(20000)
			bits := uint64(x)
			switch d {
			case Float32:
				bits = uint64(math.Float32bits(float32(x)))
			case Float64:
				bits = math.Float64bits(float64(x))
			default:
			}
			var one [8]byte
			binary.LittleEndian.PutUint64(one[:], bits)
			copy(data[i:i+d.Size()], one[:])
		}
		b.Run(strings.ToLower(d.String()), func(b *testing.B) {
			bs := newBins(d, edges)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				bs.count(data)
			}
		})
	}
}

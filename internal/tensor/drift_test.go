package tensor

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestBinsOfFloat32: the table says what searching says, next to edges, for numbers
// of all sizes, and for what is no number.
func TestBinsOfFloat32(t *testing.T) {
	s, err := Parse([]byte(`andiron: tensor/v1
inputs:
  x: {dtype: float32, shape: [_], nonfinite: allow, tiny: allow, drift: {edges: [-1e30, -0.1, 0, 1e-40, 0.3, 1, 1.0000001, 65504], shares: [0, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.2], psi: 1}}
`))
	if err != nil {
		t.Fatal(err)
	}
	b := newBins(s.find(Inputs, "x"))
	var values []uint32
	for _, e := range b.edges {
		at := math.Float32bits(float32(e))
		for d := range uint32(5) {
			values = append(values, at+d-2)
		}
	}
	for _, x := range []float64{0, math.Copysign(0, -1), math.Inf(1), math.Inf(-1), math.NaN(), -math.MaxFloat32, math.SmallestNonzeroFloat32} {
		values = append(values, math.Float32bits(float32(x)))
	}
	values = append(values, 0xffffffff, 0x7f800001, 0xff800001)
	r := rand.New(rand.NewPCG(1, 2))
	for range 200000 {
		values = append(values, r.Uint32())
	}
	var data []byte
	want := make([]int64, 9)
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, v)
		x := float64(math.Float32frombits(v))
		if math.IsNaN(x) {
			continue
		}
		bin := 0
		for bin < len(b.edges) && x >= b.edges[bin] {
			bin++
		}
		want[bin]++
	}
	got := &window{bins: make([]int64, 9)}
	got.add(b, &Tensor{DType: Float32, Shape: []int64{int64(len(values))}, Data: data})
	if !slices.Equal(got.bins, want) {
		t.Errorf("got %d, want %d", got.bins, want)
	}
}

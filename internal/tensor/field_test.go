package tensor

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFields(t *testing.T) {
	s, err := Parse([]byte("andiron: tensor/v1\ndims: {B: 1..8}\ninputs:\n  y: {dtype: bytes, shape: [], optional: true}\n  x: {dtype: [float32, float16], shape: [B, 3, _]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Field{
		{Name: "x", DTypes: []DType{Float16, Float32}, Least: []int64{1, 3, 1}, Most: []int64{8, 3, maxDim}},
		{Name: "y", DTypes: []DType{Bytes}, Optional: true},
	}
	if diff := cmp.Diff(want, s.Fields(Inputs)); diff != "" {
		t.Error(diff)
	}
	if got := s.Fields(Outputs); len(got) != 0 {
		t.Errorf("outputs = %v, want none", got)
	}
}

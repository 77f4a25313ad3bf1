package guard

import (
	"strconv"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/oip"
	"github.com/andiron-dev/andiron/internal/tensor"
)

const bigSchema = `andiron: tensor/v1
model: image
inputs:
  x: {dtype: float32, shape: [1, 3, 224, 224], range: [0, 1]}
`

// BenchmarkCheck is what validation adds to passing on 602 KB: reading the header,
// looking at every element, writing the header.
func BenchmarkCheck(b *testing.B) {
	s, err := tensor.Parse([]byte(bigSchema))
	if err != nil {
		b.Fatal(err)
	}
	head := `{"inputs":[{"name":"x","shape":[1,3,224,224],"datatype":"FP32","parameters":{"binary_data_size":602112}}]}`
	values := make([]float32, 3*224*224)
	for i := range values {
		values[i] = float32(i%255) / 255
	}
	body := append([]byte(head), floats(values...)...)
	n := strconv.Itoa(len(head))
	scratch := make([]byte, 4<<10)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		req, err := oip.ParseBinary(body, n, oip.Options{})
		if err != nil {
			b.Fatal(err)
		}
		if r := s.Check(tensor.Inputs, req.Inputs, nil, nil); !r.OK() {
			b.Fatal(r.Violations)
		}
		if _, _, err := req.AppendBinary(scratch[:0]); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkDrift is what a baseline of 20 bins adds.
func BenchmarkDrift(b *testing.B) {
	var edges, shares []string
	for i := range 19 {
		edges = append(edges, strconv.FormatFloat(float64(i+1)/20, 'g', -1, 64))
	}
	for range 20 {
		shares = append(shares, "0.05")
	}
	text := strings.Replace(bigSchema, "range: [0, 1]", "range: [0, 1], drift: {edges: ["+strings.Join(edges, ", ")+"], shares: ["+strings.Join(shares, ", ")+"], psi: 0.2}", 1)
	s, err := tensor.Parse([]byte(text))
	if err != nil {
		b.Fatal(err)
	}
	values := make([]float32, 3*224*224)
	for i := range values {
		values[i] = float32(i%255) / 255
	}
	in := []tensor.Tensor{{Name: "x", DType: tensor.Float32, Shape: []int64{1, 3, 224, 224}, Data: floats(values...)}}
	w := s.Windows(tensor.Inputs)
	b.SetBytes(602112)
	for b.Loop() {
		w.Add(in)
	}
}

package pyrun

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/npy"
)

// Tensor is an input: elements in C order, little-endian.
type Tensor struct {
	DType string // as torch calls it
	Shape []int64
	Data  []byte
}

// Sample is what forward() is called with once.
type Sample struct {
	Name    string // "given", "seed 0"
	Tensors []Tensor
}

// inputLimit is the most that the tensors of all samples take.
const inputLimit = 256 << 20

// CheckSize complains about more inputs than are held.
func CheckSize(samples []Sample) error {
	var total int64
	for _, s := range samples {
		for _, t := range s.Tensors {
			total += int64(len(t.Data))
		}
	}
	if total > inputLimit {
		return fmt.Errorf("inputs: %w", bounded.Exceeded("bytes of all samples", inputLimit))
	}
	return nil
}

// kinds has the names of NumPy's types without a byte order.
var kinds = map[string]string{
	"b1": "bool", "?": "bool", "u1": "uint8", "i1": "int8", "u2": "uint16", "i2": "int16", "u4": "uint32", "i4": "int32",
	"u8": "uint64", "i8": "int64", "f2": "float16", "f4": "float32", "f8": "float64", "c8": "complex64", "c16": "complex128",
}

// ReadNPY reads an array of numbers. One that may hold Python objects is refused.
func ReadNPY(r io.ReaderAt, size int64) (Tensor, error) {
	h, err := npy.Open(r, size, npy.Limits{})
	if err != nil {
		return Tensor{}, err
	}
	order, name := ">", h.DType.Name
	if !strings.HasPrefix(name, ">") {
		order = "<"
	}
	dtype, ok := kinds[strings.TrimLeft(name, "<>=|")]
	switch {
	case h.PickleOffset >= 0:
		return Tensor{}, fmt.Errorf("dtype %.80q may hold Python objects, which only a pickle stores", name)
	case !ok:
		return Tensor{}, fmt.Errorf("dtype %.80q is none that torch has", name)
	case h.DataSize < 0 || slices.ContainsFunc(h.Shape, func(n int64) bool { return n < 0 }):
		return Tensor{}, fmt.Errorf("no size can be made of shape %v", h.Shape)
	case h.Trailing > 0:
		return Tensor{}, fmt.Errorf("%d bytes follow the array", h.Trailing)
	}
	data, err := bounded.ReadRange(r, size, h.DataOffset, h.DataSize, inputLimit)
	if err != nil {
		return Tensor{}, fmt.Errorf("array of %d bytes: %w", h.DataSize, err)
	}
	t := Tensor{DType: dtype, Shape: h.Shape, Data: data}
	if order == ">" {
		t.swap()
	}
	if h.Fortran {
		t.reorder()
	}
	if dtype == "bool" {
		for i, b := range t.Data {
			t.Data[i] = min(b, 1)
		}
	}
	return t, nil
}

// swap turns big-endian elements round; a complex number is two.
func (t *Tensor) swap() {
	n := elements[t.DType].size
	if strings.HasPrefix(t.DType, "complex") {
		n /= 2
	}
	for b := t.Data; len(b) >= n; b = b[n:] {
		slices.Reverse(b[:n])
	}
}

// reorder puts the elements of Fortran order, first index fastest, in C order.
func (t *Tensor) reorder() {
	size := int64(elements[t.DType].size)
	stride := make([]int64, len(t.Shape))
	step := int64(1)
	for i, dim := range t.Shape {
		stride[i] = step
		step *= dim
	}
	out := make([]byte, 0, len(t.Data))
	index := make([]int64, len(t.Shape))
	for at := int64(0); len(out) < len(t.Data); {
		out = append(out, t.Data[at*size:(at+1)*size]...)
		for i := len(index) - 1; i >= 0; i-- {
			index[i]++
			at += stride[i]
			if index[i] < t.Shape[i] {
				break
			}
			at -= stride[i] * t.Shape[i]
			index[i] = 0
		}
	}
	t.Data = out
}

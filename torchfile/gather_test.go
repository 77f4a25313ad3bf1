package torchfile

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"sync/atomic"
	"testing"
)

// gathered reads a view of b through a File.
func gathered(tb testing.TB, b []byte, t *Tensor) []byte {
	tb.Helper()
	f := viewFile(bytes.NewReader(b), int64(len(b)), t)
	r, err := f.TensorData(t)
	if err != nil {
		tb.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		tb.Fatalf("shape %v stride %v: %v", t.Shape, t.Stride, err)
	}
	return out
}

func viewFile(r io.ReaderAt, size int64, t *Tensor) *File {
	f := &File{r: r, spare: new(atomic.Pointer[[]byte])}
	f.shelf = newShelf(nil)
	f.shelf.put(Storage{DType: t.DType, RecordSize: size, entry: -1, file: f})
	t.Storage, t.Layout = 0, "strided"
	return f
}

// oneByOne is what gather must give: element by element.
func oneByOne(b []byte, t *Tensor) []byte {
	item := itemSizes[t.DType]
	n, _ := t.numel()
	out := make([]byte, 0, n*item)
	index := make([]int64, len(t.Shape))
	for range n {
		off := t.StorageOffset
		for i, k := range index {
			off += k * t.Stride[i]
		}
		out = append(out, b[off*item:(off+1)*item]...)
		for d := len(index) - 1; d >= 0; d-- {
			if index[d]++; index[d] < t.Shape[d] {
				break
			}
			index[d] = 0
		}
	}
	return out
}

// TestGatherViews holds views of any form against the plain way to read them.
func TestGatherViews(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	b := make([]byte, 3<<20)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	dtypes := []string{"uint8", "float16", "float32", "float64", "complex128"}
	for k := range 600 {
		v := &Tensor{DType: dtypes[k%len(dtypes)]}
		left := int64(len(b)) / itemSizes[v.DType]
		v.StorageOffset = rng.Int64N(left / 2)
		left -= v.StorageOffset + 1
		numel := int64(1)
		for range rng.IntN(5) {
			n := 1 + rng.Int64N(min(9, 1+100_000/numel))
			if rng.IntN(12) == 0 {
				n = min(1+rng.Int64N(9000), 1+200_000/numel)
			}
			stride := int64(0)
			if n > 1 {
				stride = rng.Int64N(min(left/(n-1), []int64{3, 40, 5000, 1 << 20}[rng.IntN(4)]) + 1)
			}
			v.Shape, v.Stride = append(v.Shape, n), append(v.Stride, stride)
			left -= (n - 1) * stride
			numel *= n
		}
		if got, want := gathered(t, b, v), oneByOne(b, v); !bytes.Equal(got, want) {
			t.Fatalf("%s shape %v stride %v offset %d: the bytes differ", v.DType, v.Shape, v.Stride, v.StorageOffset)
		}
	}
}

// A view of several slabs, and a source that is too short.
func TestGatherSlabs(t *testing.T) {
	const n = 2100
	b := make([]byte, n*n*4)
	rng := rand.New(rand.NewPCG(5, 6))
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	for _, v := range []*Tensor{
		{DType: "float32", Shape: []int64{n, n}, Stride: []int64{1, n}},
		{DType: "float32", Shape: []int64{7, n, n / 7}, Stride: []int64{1, n, 7}},
		{DType: "uint8", Shape: []int64{2, slabBytes + 5}, Stride: []int64{slabBytes / 2, 1}},
		{DType: "uint8", Shape: []int64{3, 1 << 22}, Stride: []int64{1, 3}},
	} {
		if !bytes.Equal(gathered(t, b, v), oneByOne(b, v)) {
			t.Errorf("shape %v stride %v: the bytes differ", v.Shape, v.Stride)
		}
	}
	v := &Tensor{DType: "float32", Shape: []int64{n, n}, Stride: []int64{1, n}}
	r, err := viewFile(bytes.NewReader(b[:len(b)-1]), int64(len(b)), v).TensorData(v)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, r); err == nil {
		t.Error("a source that ends early is read without an error")
	}
}

func BenchmarkGather(b *testing.B) {
	src := make([]byte, 256<<20)
	for _, v := range []Tensor{
		{DType: "float32", Shape: []int64{8192, 8192}, Stride: []int64{1, 8192}},
		{DType: "bfloat16", Shape: []int64{16384, 8192}, Stride: []int64{1, 16384}},
		{DType: "float32", Shape: []int64{256, 256 << 10}, Stride: []int64{1, 256}},
		{DType: "float32", Shape: []int64{2048, 2048, 4, 4}, Stride: []int64{32768, 1, 8192, 2048}},
		{DType: "float32", Shape: []int64{8192, 4096}, Stride: []int64{8192, 2}},
		{DType: "uint8", Shape: []int64{1 << 20, 3}, Stride: []int64{256, 1}},
	} {
		b.Run(fmt.Sprint(v.DType, v.Shape, v.Stride), func(b *testing.B) {
			f := viewFile(bytes.NewReader(src), int64(len(src)), &v)
			b.SetBytes(v.NBytes())
			for b.Loop() {
				r, err := f.TensorData(&v)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, r, make([]byte, 256<<10)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

package torchfile

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync/atomic"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// ErrNoData says that a tensor has no bytes of its own: sparse, nested and meta
// tensors, and those with a Problem.
var ErrNoData = errors.New("torchfile: tensor has no data")

// NBytes is the length of what TensorData gives, 0 when it has none.
func (t *Tensor) NBytes() int64 {
	n, ok1 := t.numel()
	b, ok2 := bounded.Mul(n, itemSizes[t.DType])
	if !ok1 || !ok2 {
		return 0
	}
	return b
}

// TensorData streams the elements of a dense tensor in row-major order, little
// endian, with conjugation and negation applied: what t.contiguous() holds.
// Quantized tensors give their integers. Memory stays bounded.
func (f *File) TensorData(t *Tensor) (io.Reader, error) {
	if t.Problem != "" {
		return nil, fmt.Errorf("%w: %q: %s", ErrNoData, t.Name, t.Problem)
	}
	n, ok := t.numel()
	item := itemSizes[t.DType]
	if t.Layout != "strided" || t.Storage < 0 || !ok || item == 0 {
		return nil, fmt.Errorf("%w: %q is %s on %s", ErrNoData, t.Name, t.Layout, t.Device)
	}
	if n == 0 {
		return bytes.NewReader(nil), nil
	}
	f = t.home(f)
	s := f.nameless(t.Storage)
	var r io.Reader
	if t.contiguous() {
		at, err := s.stream(t.StorageOffset * item)
		if err != nil {
			return nil, err
		}
		r = &whole{r: at, left: n * item}
	} else {
		at, size, err := s.open()
		if err != nil {
			return nil, err
		}
		r = newGather(f, &window{r: at, size: size}, t, item)
	}
	return f.fixed(r, t, item), nil
}

// View streams the elements of a view of r's bytes, of which there are size, in row-major
// order. An element has item bytes; stride and offset count elements.
func View(r io.ReaderAt, size, item int64, shape, stride []int64, offset int64) (io.Reader, error) {
	t := &Tensor{Shape: shape, Stride: stride, StorageOffset: offset}
	n, err := t.within(size, item)
	switch {
	case err != nil:
		return nil, err
	case n == 0:
		return bytes.NewReader(nil), nil
	case t.contiguous():
		return io.NewSectionReader(r, offset*item, n*item), nil
	}
	return newGather(&File{spare: new(atomic.Pointer[[]byte])}, &window{r: r, size: size}, t, item), nil
}

// within returns how many elements there are, which lie within so many bytes.
func (t *Tensor) within(size, item int64) (int64, error) {
	n, ok := t.numel()
	if _, fits := bounded.Mul(n, item); !ok || !fits || item == 0 || len(t.Stride) != len(t.Shape) || t.StorageOffset < 0 {
		return 0, fmt.Errorf("torchfile: no view: the shape %v with the strides %v at %d", t.Shape, t.Stride, t.StorageOffset)
	}
	if n == 0 {
		return 0, nil
	}
	last := t.StorageOffset
	for i, dim := range t.Shape {
		step, ok := bounded.Mul(dim-1, t.Stride[i])
		if !ok || last > math.MaxInt64-step {
			return 0, fmt.Errorf("torchfile: no view: the shape %v with the strides %v at %d", t.Shape, t.Stride, t.StorageOffset)
		}
		last += step
	}
	if last >= size/item {
		return 0, fmt.Errorf("torchfile: a view of element %d, of %d", last, size/item)
	}
	return n, nil
}

// home is the file that has the tensor's storage.
func (t *Tensor) home(f *File) *File {
	if t.file != nil {
		return t.file
	}
	return f
}

// Extent returns where the bytes that TensorData gives lie, if they lie there as
// they are, in one piece. Where f is a container in another one, r is what that
// one was opened from. It is false of an empty tensor.
func (f *File) Extent(t *Tensor) (r io.ReaderAt, off int64, ok bool) {
	n := t.NBytes()
	if t.Problem != "" || t.Layout != "strided" || t.Storage < 0 || n == 0 || !t.contiguous() {
		return nil, 0, false
	}
	f = t.home(f)
	s := f.nameless(t.Storage)
	if s.RecordSize < 0 || s.Offset < 0 || f.changes(t) {
		return nil, 0, false
	}
	off = s.Offset + t.StorageOffset*itemSizes[t.DType]
	return outermost(f.r, off, n)
}

// outermost looks through sections at what they are sections of.
func outermost(r io.ReaderAt, off, n int64) (io.ReaderAt, int64, bool) {
	for {
		s, ok := r.(*io.SectionReader)
		if !ok {
			return r, off, true
		}
		outer, base, size := s.Outer()
		if off > size || n > size-off {
			return nil, 0, false
		}
		r, off = outer, base+off
	}
}

// Place is where a view lies, and what of. Two tensors of a file are the same view
// of the same bytes if their places are equal. The zero Place is none.
type Place struct {
	file    *File
	storage int
	off     int64
	view    string // dtype, shape and the like: few differ in a file
}

// File is the container that the bytes are in.
func (p Place) File() *File { return p.file }

// Append appends what tells places of one container apart.
func (p Place) Append(b []byte) []byte {
	b = binary.AppendVarint(binary.AppendVarint(b, int64(p.storage)), p.off)
	return append(b, p.view...)
}

// Place returns the place of a tensor. One without bytes has none.
func (f *File) Place(t *Tensor) (place Place, ok bool) {
	if t.Problem != "" || t.Storage < 0 || t.NBytes() == 0 {
		return Place{}, false
	}
	f = t.home(f)
	s := f.nameless(t.Storage)
	off, storage := t.StorageOffset*itemSizes[t.DType], t.Storage
	if s.Offset >= 0 { // views of a storage are storages of their own in a legacy file
		off, storage = off+s.Offset, -1
	}
	strides := slices.Clone(t.Stride)
	for i, n := range t.Shape {
		if n == 1 {
			strides[i] = 0
		}
	}
	view := fmt.Sprint(t.DType, t.Shape, strides, t.Conj, t.Neg)
	if kept, ok := f.views[view]; ok {
		view = kept
	} else if len(f.views) < mostViews {
		f.views[view] = view
	}
	return Place{f, storage, off, view}, true
}

// mostViews bounds the views that share their text.
const mostViews = 1000

// fixed adds the changes of bytes that a tensor needs.
func (f *File) fixed(r io.Reader, t *Tensor, item int64) io.Reader {
	if !f.changes(t) {
		return r
	}
	unit, isComplex := unitOf(t.DType)
	swap := f.Big && unit > 1
	conj := t.Conj && isComplex
	return &mapped{r: r, item: int(item), each: func(e []byte) {
		if swap {
			for i := int64(0); i < item; i += unit {
				reverse(e[i : i+unit])
			}
		}
		if conj {
			e[item-1] ^= 0x80
		}
		if t.Neg {
			for i := unit - 1; i < item; i += unit {
				e[i] ^= 0x80
			}
		}
	}}
}

// unitOf is how many bytes are one number.
func unitOf(dtype string) (unit int64, isComplex bool) {
	if half, ok := complexHalf[dtype]; ok {
		return half, true
	}
	return itemSizes[dtype], false
}

// changes reports whether bytes have to be changed.
func (f *File) changes(t *Tensor) bool {
	unit, isComplex := unitOf(t.DType)
	return f.Big && unit > 1 || t.Conj && isComplex || t.Neg
}

func reverse(b []byte) {
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
}

// contiguous reports whether the elements lie in row-major order without gaps.
func (t *Tensor) contiguous() bool {
	want := int64(1)
	for i, v := range slices.Backward(t.Shape) {
		if v != 1 && t.Stride[i] != want {
			return false
		}
		want *= v
	}
	return true
}

// whole reads exactly left bytes.
type whole struct {
	r    io.Reader
	left int64
}

func (x *whole) Read(p []byte) (int, error) {
	if x.left == 0 {
		return 0, io.EOF
	}
	n, err := x.r.Read(p[:min(int64(len(p)), x.left)])
	x.left -= int64(n)
	if errors.Is(err, io.EOF) && x.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// mapped changes every element of a stream.
type mapped struct {
	r    io.Reader
	item int
	each func([]byte)
	buf  []byte
	have []byte
}

func (m *mapped) Read(p []byte) (int, error) {
	if len(m.have) == 0 {
		if m.buf == nil {
			m.buf = make([]byte, 32<<10/m.item*m.item)
		}
		n, err := io.ReadFull(m.r, m.buf)
		if n == 0 {
			return 0, err
		}
		if n%m.item != 0 {
			return 0, io.ErrUnexpectedEOF
		}
		m.have = m.buf[:n]
		for i := 0; i < n; i += m.item {
			m.each(m.have[i : i+m.item])
		}
	}
	n := copy(p, m.have)
	m.have = m.have[n:]
	return n, nil
}

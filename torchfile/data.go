package torchfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

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
	if t.file != nil {
		f = t.file
	}
	s := &f.Storages[t.Storage]
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
		r = &gather{src: newBlocks(at, size), t: t, item: item, left: n, index: make([]int64, len(t.Shape))}
	}
	return f.fixed(r, t, item), nil
}

// fixed adds the changes of bytes that a tensor needs.
func (f *File) fixed(r io.Reader, t *Tensor, item int64) io.Reader {
	half, isComplex := complexHalf[t.DType]
	unit := item
	if isComplex {
		unit = half
	}
	swap := f.Big && unit > 1
	conj := t.Conj && isComplex
	if !swap && !conj && !t.Neg {
		return r
	}
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

// gather reads the elements of a view one after another.
type gather struct {
	src   *blocks
	t     *Tensor
	item  int64
	left  int64 // elements
	index []int64
	buf   []byte
	have  []byte
}

func (g *gather) Read(p []byte) (int, error) {
	if len(g.have) == 0 {
		if g.left == 0 {
			return 0, io.EOF
		}
		if err := g.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, g.have)
	g.have = g.have[n:]
	return n, nil
}

func (g *gather) fill() error {
	n := min(g.left, 16<<10/g.item)
	if g.buf == nil {
		g.buf = make([]byte, n*g.item)
	}
	off := g.t.StorageOffset
	for i, k := range g.index {
		off += k * g.t.Stride[i]
	}
	for k := range n {
		if err := g.src.read(g.buf[k*g.item:(k+1)*g.item], off*g.item); err != nil {
			return err
		}
		off = g.next(off)
	}
	g.left -= n
	g.have = g.buf[:n*g.item]
	return nil
}

// next moves the index on and returns the offset of the element there.
func (g *gather) next(off int64) int64 {
	for d := len(g.index) - 1; d >= 0; d-- {
		g.index[d]++
		off += g.t.Stride[d]
		if g.index[d] < g.t.Shape[d] {
			return off
		}
		off -= g.index[d] * g.t.Stride[d]
		g.index[d] = 0
	}
	return off
}

// blocks caches blocks of a source, so that a transposed walk does not read the
// same block for each of its elements.
type blocks struct {
	r    io.ReaderAt
	size int64
	tags []int64
	data [][]byte
	bits uint
}

const (
	blockBits = 12
	blockSize = 1 << blockBits
	maxSlots  = 13 // bits: 8192 blocks, 32 MiB
)

func newBlocks(r io.ReaderAt, size int64) *blocks {
	bits := uint(0)
	for bits < maxSlots && int64(blockSize)<<bits < size {
		bits++
	}
	b := &blocks{r: r, size: size, bits: bits, tags: make([]int64, 1<<bits), data: make([][]byte, 1<<bits)}
	for i := range b.tags {
		b.tags[i] = -1
	}
	return b
}

// read fills p, which is at most one element, from off.
func (b *blocks) read(p []byte, off int64) error {
	for len(p) > 0 {
		blk, at := off>>blockBits, off&(blockSize-1)
		data, err := b.block(blk)
		if err != nil {
			return err
		}
		if at >= int64(len(data)) {
			return io.ErrUnexpectedEOF
		}
		n := copy(p, data[at:])
		p, off = p[n:], off+int64(n)
	}
	return nil
}

func (b *blocks) block(blk int64) ([]byte, error) {
	slot := uint64(blk) * 0x9e3779b97f4a7c15 >> (64 - b.bits)
	if b.bits == 0 {
		slot = 0
	}
	if b.tags[slot] == blk {
		return b.data[slot], nil
	}
	off := blk << blockBits
	n := min(int64(blockSize), b.size-off)
	if n <= 0 {
		return nil, io.ErrUnexpectedEOF
	}
	if b.data[slot] == nil {
		b.data[slot] = make([]byte, blockSize)
	}
	buf := b.data[slot][:n]
	b.tags[slot] = -1
	if k, err := b.r.ReadAt(buf, off); int64(k) < n {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	b.data[slot] = buf[:n:blockSize]
	b.tags[slot] = blk
	return buf, nil
}

package torchfile

import (
	"errors"
	"io"
	"slices"
)

const (
	slabBytes   = 8 << 20   // of output that is put together at once
	windowBytes = 256 << 10 // most that is read ahead
	leastRead   = 512
)

// gather gives the elements of a view in row-major order. It fills one slab of
// the output after another, and each in the order in which the elements lie in
// the source, so that a transposed view costs a read for a run of elements and
// not one for each.
type gather struct {
	f      *File
	src    *window
	item   int64
	shape  []int64 // without dimensions that have one element or go with the next
	stride []int64 // in elements
	dim    int     // a slab is a part of this dimension, and all of those after it
	rows   int64   // of dim in a slab
	index  []int64 // of the next slab, up to dim
	off    int64   // of the storage, in elements
	slab   []byte
	have   []byte
	done   bool
}

func newGather(f *File, src *window, t *Tensor, item int64) *gather {
	g := &gather{f: f, src: src, item: item, off: t.StorageOffset}
	g.shape, g.stride = collapse(t.Shape, t.Stride)
	inner := item
	g.dim = len(g.shape) - 1
	for g.dim > 0 && inner*g.shape[g.dim] <= slabBytes {
		inner *= g.shape[g.dim]
		g.dim--
	}
	g.rows = min(g.shape[g.dim], max(slabBytes/inner, 1))
	g.index = make([]int64, g.dim+1)
	return g
}

// collapse leaves out dimensions of one element and joins those that are one
// run of a common stride. No dimension is empty.
func collapse(shape, stride []int64) (s, t []int64) {
	for i, n := range shape {
		last := len(s) - 1
		switch {
		case n == 1:
		case last >= 0 && t[last] == stride[i]*n:
			s[last], t[last] = s[last]*n, stride[i]
		default:
			s, t = append(s, n), append(t, stride[i])
		}
	}
	if len(s) == 0 {
		return []int64{1}, []int64{1}
	}
	return s, t
}

func (g *gather) Read(p []byte) (int, error) {
	if len(g.have) == 0 {
		if g.done {
			return 0, io.EOF
		}
		if err := g.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(p, g.have)
	g.have = g.have[n:]
	if g.done && len(g.have) == 0 {
		g.f.spare.Store(&g.slab)
	}
	return n, nil
}

// fill makes the next slab and moves the index on.
func (g *gather) fill() error {
	rows := min(g.rows, g.shape[g.dim]-g.index[g.dim])
	box := slices.Clone(g.shape[g.dim:])
	box[0] = rows
	size := g.item
	for _, n := range box {
		size *= n
	}
	off := g.off
	for i, k := range g.index {
		off += k * g.stride[i]
	}
	g.have = g.room(size)
	if err := g.copyBox(box, off); err != nil {
		g.have = nil
		return err
	}
	g.index[g.dim] += rows
	for d := g.dim; g.index[d] == g.shape[d]; d-- {
		if d == 0 {
			g.done = true
			break
		}
		g.index[d] = 0
		g.index[d-1]++
	}
	return nil
}

// room is memory for a slab, that of the tensor before if there is one. The
// first slab is the largest.
func (g *gather) room(size int64) []byte {
	if g.slab == nil {
		if old := g.f.spare.Swap(nil); old != nil && int64(len(*old)) >= size {
			g.slab = *old
		} else {
			g.slab = make([]byte, size)
		}
	}
	return g.slab[:size]
}

// axis is a dimension of a box: how far apart its elements lie in the source
// and in the slab.
type axis struct{ n, from, to int64 }

// axes are sorted so that the last lies densest in the source. What is repeated
// comes first.
func (g *gather) axes(box []int64) []axis {
	axes := make([]axis, len(box))
	to := g.item
	for i := len(box) - 1; i >= 0; i-- {
		axes[i] = axis{box[i], g.stride[g.dim+i], to}
		to *= box[i]
	}
	slices.SortStableFunc(axes, func(a, b axis) int {
		switch {
		case a.from == b.from:
			return 0
		case a.from == 0 || b.from != 0 && a.from > b.from:
			return -1
		}
		return 1
	})
	return axes
}

func (g *gather) copyBox(box []int64, off int64) error {
	axes := g.axes(box)
	outer, run := axes[:len(axes)-1], axes[len(axes)-1]
	index := make([]int64, len(outer))
	to := int64(0)
	for {
		if err := g.copyRun(run, off, to); err != nil {
			return err
		}
		d := len(outer) - 1
		for ; d >= 0; d-- {
			a := outer[d]
			index[d]++
			off, to = off+a.from, to+a.to
			if index[d] < a.n {
				break
			}
			off, to = off-a.n*a.from, to-a.n*a.to
			index[d] = 0
		}
		if d < 0 {
			return nil
		}
	}
}

// copyRun copies the elements of one axis, as many at once as fit the window.
func (g *gather) copyRun(a axis, off, to int64) error {
	step := a.from * g.item
	most := a.n
	if step > 0 {
		most = max((windowBytes-g.item)/step+1, 1)
	}
	for done := int64(0); done < a.n; done += most {
		n := min(most, a.n-done)
		b, err := g.src.bytes((off+done*a.from)*g.item, (n-1)*step+g.item)
		if err != nil {
			return err
		}
		scatter(g.slab[to+done*a.to:], b, n, a.to, step, g.item)
	}
	return nil
}

// scatter copies n elements of item bytes that are from apart to places that are
// to apart.
func scatter(dst, src []byte, n, to, from, item int64) {
	if to == item && from == item {
		copy(dst[:n*item], src)
		return
	}
	switch item {
	case 1:
		for i, j := int64(0), int64(0); n > 0; n, i, j = n-1, i+to, j+from {
			dst[i] = src[j]
		}
	case 2:
		for i, j := int64(0), int64(0); n > 0; n, i, j = n-1, i+to, j+from {
			*(*[2]byte)(dst[i:]) = *(*[2]byte)(src[j:])
		}
	case 4:
		for i, j := int64(0), int64(0); n > 0; n, i, j = n-1, i+to, j+from {
			*(*[4]byte)(dst[i:]) = *(*[4]byte)(src[j:])
		}
	case 8:
		for i, j := int64(0), int64(0); n > 0; n, i, j = n-1, i+to, j+from {
			*(*[8]byte)(dst[i:]) = *(*[8]byte)(src[j:])
		}
	default:
		for i, j := int64(0), int64(0); n > 0; n, i, j = n-1, i+to, j+from {
			copy(dst[i:i+item], src[j:])
		}
	}
}

// window reads a source ahead where it is read in order, and only what is asked
// for where it is not.
type window struct {
	r     io.ReaderAt
	size  int64
	buf   []byte
	start int64 // of what buf holds
	have  int64
	ahead int64
}

// bytes returns n bytes at off, which hold until the next call. n is at most
// windowBytes.
func (w *window) bytes(off, n int64) ([]byte, error) {
	if at := off - w.start; at >= 0 && n <= w.have-at {
		return w.buf[at : at+n], nil
	}
	near := off >= w.start && off-w.start-w.have <= n+leastRead
	if w.ahead *= 2; !near {
		w.ahead = leastRead
	}
	w.ahead = min(max(w.ahead, n), windowBytes)
	if off > w.size || n > w.size-off {
		return nil, io.ErrUnexpectedEOF
	}
	want := min(w.ahead, w.size-off)
	if int64(len(w.buf)) < want {
		w.buf = make([]byte, max(want, min(w.size, 2*int64(len(w.buf)))))
	}
	w.start, w.have = off, 0
	k, err := w.r.ReadAt(w.buf[:want], off)
	if w.have = int64(k); w.have < n {
		if err == nil || errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return w.buf[:n], nil
}

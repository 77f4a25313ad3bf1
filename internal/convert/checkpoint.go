package convert

import (
	"bufio"
	"fmt"
	"io"
	"slices"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/torchfile"
)

// plainItem is an item of a checkpoint that is no tensor.
type plainItem struct {
	name string
	file *torchfile.File
}

// checkpoint puts the tensors of a distributed checkpoint together.
func (c *collector) checkpoint(f *torchfile.File) {
	for i := range f.Items {
		if c.err != nil {
			return
		}
		it := &f.Items[i]
		path := split(it.Name)
		if it.Tensor {
			c.sharded(f, it, path)
			continue
		}
		if it.Chunks[0].Nested < 0 {
			c.fail(refuse("", "the item %q is in no shard", it.Name))
			return
		}
		g := f.Nested[it.Chunks[0].Nested].File
		if g.Object < 0 {
			c.fail(refuse("", "the item %q holds no object", it.Name))
			return
		}
		if !c.opt.NoExtra {
			c.items = append(c.items, plainItem{it.Name, g})
		}
		c.checkPickle(g, g.Object)
		w := c.walker(g, g.Object, path)
		if v := g.Pickles[g.Object].Trace.Result; !w.walk(v) {
			c.drop(path, v)
		}
	}
}

// sharded adds a tensor that lies in chunks.
func (c *collector) sharded(f *torchfile.File, it *torchfile.Item, path []key) {
	g := &grid{shape: it.Shape}
	first := (*torchfile.Tensor)(nil)
	for i := range it.Chunks {
		ch := &it.Chunks[i]
		file, t, err := chunkTensor(f, it, ch)
		if err != nil {
			c.fail(err)
			return
		}
		if first == nil {
			first = t
		}
		if t.DType != first.DType {
			c.fail(refuse("", "%q has chunks of %s and of %s", it.Name, first.DType, t.DType))
			return
		}
		g.chunks = append(g.chunks, &chunk{start: ch.Start, size: ch.Size, from: dense{file, t}})
	}
	if first == nil {
		c.fail(refuse("", "%q has no chunks", it.Name))
		return
	}
	whole := *first
	whole.Shape = it.Shape
	x := candidate{reason: unsupported(&whole), shape: shapeOf(&whole), dtype: dtypes[first.DType], from: g}
	if x.reason == "" {
		if err := g.check(c.steps); err != nil {
			c.fail(fmt.Errorf("%q: %w", it.Name, err))
			return
		}
		g.item = torchfile.ItemSize(first.DType)
		if one := g.chunks[0]; len(g.chunks) == 1 && slices.Equal(one.size, g.shape) {
			x.from = one.from
		}
	}
	c.add(path, x)
}

// chunkTensor is the tensor that holds a chunk.
func chunkTensor(f *torchfile.File, it *torchfile.Item, ch *torchfile.Chunk) (*torchfile.File, *torchfile.Tensor, error) {
	if ch.Nested < 0 {
		return nil, nil, refuse("", "the chunk of %q at %v is in no shard", it.Name, ch.Start)
	}
	g := f.Nested[ch.Nested].File
	if g.Object < 0 || len(g.Tensors) != 1 || len(g.Tensors[0].Path) > 0 {
		return nil, nil, refuse("", "the chunk of %q at %v is no tensor", it.Name, ch.Start)
	}
	t := &g.Tensors[0]
	switch {
	case t.Layout == "strided" && !slices.Equal(t.Shape, ch.Size):
		return nil, nil, refuse("", "the chunk of %q at %v has the shape %v, the metadata say %v", it.Name, ch.Start, t.Shape, ch.Size)
	case it.DType != "" && it.DType != t.DType:
		return nil, nil, refuse("", "the chunk of %q at %v is of %s, the metadata say %s", it.Name, ch.Start, t.DType, it.DType)
	case t.Problem != "" && unsupported(t) == "":
		return nil, nil, refuse("", "the chunk of %q at %v: %s", it.Name, ch.Start, t.Problem)
	}
	return g, t, nil
}

// chunk is a box of a tensor.
type chunk struct {
	start, size []int64
	from        dense
	src         *bufio.Reader // while it is copied
}

// grid is a tensor in boxes, each of which holds its elements in the order in
// which the whole has them.
type grid struct {
	shape  []int64
	chunks []*chunk
	item   int64
}

// check proves that every element is in one chunk.
func (g *grid) check(steps *bounded.Budget) error {
	for _, c := range g.chunks {
		if len(c.start) != len(g.shape) || len(c.size) != len(g.shape) {
			return fmt.Errorf("the chunk at %v of %v is not of %d dimensions", c.start, c.size, len(g.shape))
		}
		for d, at := range c.start {
			if end, ok := bounded.Add(at, c.size[d]); !ok || end > g.shape[d] {
				return fmt.Errorf("the chunk at %v of %v reaches outside of %v", c.start, c.size, g.shape)
			}
		}
	}
	if slices.Contains(g.shape, 0) {
		return nil
	}
	full := slices.DeleteFunc(slices.Clone(g.chunks), func(c *chunk) bool { return slices.Contains(c.size, 0) })
	return g.cover(full, nil, steps)
}

// cover goes through the dimensions: between two cuts, the same chunks share
// what is there.
func (g *grid) cover(in []*chunk, at []int64, steps *bounded.Budget) error {
	d := len(at)
	switch {
	case len(in) == 0:
		return fmt.Errorf("no chunk has the elements at %v", at)
	case d == len(g.shape) && len(in) > 1:
		return fmt.Errorf("the chunks at %v and %v overlap", in[0].start, in[1].start)
	case d == len(g.shape):
		return nil
	}
	for _, s := range spans(in, d, g.shape[d]) {
		if err := steps.Spend(int64(len(in))); err != nil {
			return err
		}
		if err := g.cover(s.in, append(slices.Clone(at), s.start), steps); err != nil {
			return err
		}
	}
	return nil
}

// span is a part of a dimension that is not cut.
type span struct {
	start, n int64
	in       []*chunk
}

func spans(in []*chunk, d int, size int64) []span {
	cuts := []int64{0, size}
	for _, c := range in {
		cuts = append(cuts, c.start[d], c.start[d]+c.size[d])
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	out := make([]span, 0, len(cuts))
	for i, start := range cuts[:len(cuts)-1] {
		s := span{start: start, n: cuts[i+1] - start}
		for _, c := range in {
			if c.start[d] <= start && start < c.start[d]+c.size[d] {
				s.in = append(s.in, c)
			}
		}
		out = append(out, s)
	}
	return out
}

const (
	chunkBuffers = 8 << 20 // bytes of all buffers together
	leastBuffer  = 4 << 10
	mostBuffer   = 256 << 10
)

func (g *grid) copyTo(w io.Writer, step func(int64) error) error {
	if slices.Contains(g.shape, 0) {
		return nil
	}
	live := slices.DeleteFunc(slices.Clone(g.chunks), func(c *chunk) bool { return slices.Contains(c.size, 0) })
	size := max(leastBuffer, min(mostBuffer, chunkBuffers/len(live)))
	for _, c := range live {
		r, err := c.from.file.TensorData(c.from.t)
		if err != nil {
			return err
		}
		c.src = bufio.NewReaderSize(&stepped{r, step}, size)
	}
	defer func() {
		for _, c := range live {
			c.src = nil
		}
	}()
	return g.copy(w, live, 0)
}

// copy writes the elements of the dimensions from d on, in order.
func (g *grid) copy(w io.Writer, in []*chunk, d int) error {
	tail := g.item
	for _, n := range g.shape[min(d+1, len(g.shape)):] {
		tail *= n
	}
	if d == len(g.shape) {
		return copyExactly(w, in[0].src, g.item)
	}
	for _, s := range spans(in, d, g.shape[d]) {
		if len(s.in) == 1 { // it then has all of the dimensions that follow
			if err := copyExactly(w, s.in[0].src, s.n*tail); err != nil {
				return err
			}
			continue
		}
		for range s.n {
			if err := g.copy(w, s.in, d+1); err != nil {
				return err
			}
		}
	}
	return nil
}

func copyExactly(w io.Writer, r io.Reader, n int64) error {
	k, err := io.Copy(w, &limited{r, n})
	if err == nil && k < n {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// limited is an io.LimitedReader that no writer takes for a part of a file.
type limited struct {
	r io.Reader
	n int64
}

func (l *limited) Read(b []byte) (int, error) {
	if l.n <= 0 {
		return 0, io.EOF
	}
	n, err := l.r.Read(b[:min(int64(len(b)), l.n)])
	l.n -= int64(n)
	return n, err
}

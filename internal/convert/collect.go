package convert

import (
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/pickle"
	"github.com/andiron-dev/andiron/safetensors"
	"github.com/andiron-dev/andiron/torchfile"
)

// rootName is what a tensor is called that is the whole object.
const rootName = "tensor"

// candidate is a tensor that may be written.
type candidate struct {
	name   string
	path   []key // nil if it is what split makes of the name
	dtype  safetensors.DType
	shape  []int64
	place  torchfile.Place // equal for two names of one tensor; zero where that is not known
	reason string          // why it cannot be represented
	from   origin
}

// origin gives the bytes of a tensor.
type origin interface {
	copyTo(w io.Writer, step func(n int64) error) error
}

// root is an object that was walked, for the plain values in it.
type root struct {
	file   *torchfile.File
	pickle int
	prefix []key
}

// collector is a conversion while its tensors are collected.
type collector struct {
	opt        Options
	file       *torchfile.File // nil of safetensors
	tensors    *table
	left       Listing // tensors that are in no state_dict
	dropped    Listing // what is no tensor
	notes      Listing
	unselected int
	integers   int
	hits       []int // by selector
	tops       []string
	roots      []root
	items      []plainItem
	names      map[*torchfile.File]map[valueID]string // of tensors, for the plain values
	steps      *bounded.Budget
	empty      bool // a file without tensors is converted as well
	err        error
}

type valueID struct {
	pickle int
	key    uint32
}

const (
	leastSteps = 4 << 20
	mostSteps  = 64 << 20
)

func newCollector(opt Options, size int64) *collector {
	return &collector{
		opt: opt, tensors: newTable(opt.Torch.Scratch), hits: make([]int, len(opt.Select)), names: map[*torchfile.File]map[valueID]string{},
		steps: bounded.NewBudget("values of the object", min(leastSteps+size/16, mostSteps)),
	}
}

func (c *collector) fail(err error) {
	if c.err == nil {
		c.err = err
	}
}

// drop lists what is no tensor.
func (c *collector) drop(path []key, v pickle.Value) {
	c.dropped.add(Item{nameOf(path), kindOf(v)})
}

func nameOf(path []key) string {
	if len(path) == 0 {
		return "(all)"
	}
	return join(path)
}

// chosen returns the part of a path that names the tensor, and how many keys of
// the path were selected.
func (c *collector) chosen(path []key) (rest []key, depth int, ok bool) {
	if len(path) > 0 && len(c.tops) < 20 && (len(c.tops) == 0 || c.tops[len(c.tops)-1] != path[0].text) {
		c.tops = append(c.tops, path[0].text)
	}
	if len(c.opt.Select) == 0 {
		return path, 0, true
	}
	for i, s := range c.opt.Select {
		n := s.match(path)
		if n == 0 {
			continue
		}
		c.hits[i]++
		switch {
		case len(c.opt.Select) > 1:
			return path, n, true
		case n == len(path):
			return path[n-1:], n, true
		}
		return path[n:], n, true
	}
	return nil, 0, false
}

// named keeps the name of a tensor for the plain values.
func (c *collector) named(f *torchfile.File, id valueID, name string) {
	if c.opt.NoExtra {
		return
	}
	if c.names[f] == nil {
		c.names[f] = map[valueID]string{}
	}
	c.names[f][id] = name
}

// tensor adds a tensor of a container, whose bytes from gives if they do not lie in
// one piece.
func (c *collector) tensor(path []key, f *torchfile.File, t *torchfile.Tensor, from origin) string {
	x := candidate{reason: unsupported(t), shape: shapeOf(t), dtype: dtypes[t.DType]}
	x.place, _ = f.Place(t)
	if r, off, ok := f.Extent(t); ok {
		x.from = extent{r, off, t.NBytes()} // the file and its tensors need not be kept for it
	} else {
		x.from = from
	}
	name, took := c.add(path, x)
	switch {
	case !took:
	case x.reason == "" && t.Problem != "":
		c.fail(refuse("andiron scan says more", "tensor %q (%s): %s", name, describe(f, t), t.Problem))
	case t.Class != "" && x.reason == "":
		c.notes.add(Item{name, "was of the class " + t.Class + ", and is a plain tensor now"})
	}
	return name
}

// add adds a tensor if it is selected, and returns its name.
func (c *collector) add(path []key, x candidate) (name string, took bool) {
	rest, _, ok := c.chosen(path)
	if !ok {
		c.unselected++
		return "", false
	}
	if x.name = join(rest); len(rest) == 0 && len(path) == 0 && x.dtype != "" {
		x.name = rootName
	}
	if !slices.Equal(path, split(x.name)) {
		x.path = append([]key{}, path...)
	}
	integer := false
	for _, k := range rest {
		integer = integer || k.kind == intKey
		if k.kind == oddKey && x.reason == "" {
			x.reason = fmt.Sprintf("one of its keys is %s, which makes no name", k.text)
		}
	}
	switch {
	case x.reason != "":
	case !utf8.ValidString(x.name):
		x.reason = "its name is not valid Unicode"
	case x.name == "__metadata__":
		x.reason = "safetensors keeps this name for itself"
	}
	if integer && x.reason == "" {
		c.integers++
	}
	c.tensors.add(&x)
	return x.name, true
}

package convert

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/safetensors"
	"github.com/andiron-dev/andiron/torchfile"
)

// skippedKey is where the header lists what was left out.
const skippedKey = "andiron.skipped"

// Item is something of a file, and what there is to say about it.
type Item struct {
	Name string `json:"name"`
	What string `json:"what"`
}

// Listing counts items and keeps the first of them.
type Listing struct {
	Count int    `json:"count"`
	First []Item `json:"first"`
}

const keptItems = 100

func (l *Listing) add(it Item) {
	if l.Count++; len(l.First) < keptItems {
		l.First = append(l.First, it)
	}
}

// Join adds the items of another listing.
func (l *Listing) Join(more Listing) {
	for _, it := range more.First {
		l.add(it)
	}
	l.Count += more.Count - len(more.First)
}

// Plan is a conversion that can be carried out.
type Plan struct {
	Format     string
	Layout     *safetensors.Layout
	Aliases    map[string]string // a name that is not written, and that of the same tensor
	Skipped    []Item            // what safetensors cannot represent
	Left       Listing           // tensors that are in no state_dict
	Dropped    Listing           // what is no tensor
	Notes      Listing           // what is odd
	Unselected int
	Integers   int // names with numbers for keys that are no text

	rows    *table // the tensors of the layout
	noExtra bool
	roots   []root
	items   []plainItem
	names   map[*torchfile.File]map[valueID]string
}

// plan turns what was collected into a file.
func (c *collector) plan(format string, metadata map[string]string) (*Plan, error) {
	if c.file != nil {
		c.lateFacts(c.file)
	}
	if c.err != nil {
		return nil, c.err
	}
	c.file, c.tensors.holders = nil, nil // only tensors that need work are read by it, and keep it
	p := &Plan{
		noExtra: c.opt.NoExtra,
		Format:  format, Aliases: map[string]string{}, Left: c.left, Dropped: c.dropped, Notes: c.notes,
		Unselected: c.unselected, Integers: c.integers, roots: c.roots, items: c.items, names: c.names,
	}
	if err := c.checkSelected(); err != nil {
		return nil, err
	}
	if err := c.checkNames(); err != nil {
		return nil, err
	}
	if err := c.split(p); err != nil {
		return nil, err
	}
	p.rows = c.tensors.sorted()
	c.tensors = nil
	if !c.opt.DuplicateShared {
		p.share()
	}
	err := p.layOut(metadata, c.opt.Metadata)
	return p, cmp.Or(c.opt.Torch.Scratch.Err(), err)
}

func (c *collector) checkSelected() error {
	for i, s := range c.opt.Select {
		if c.hits[i] == 0 {
			hint := "a dotted path, or a JSON list of keys"
			if len(c.tops) > 0 {
				hint = "at the top there are " + quoted(c.tops)
			}
			return refuse(hint, "there are no tensors in %q", s)
		}
	}
	if c.tensors.len() > 0 || c.empty {
		return nil
	}
	if c.left.Count > 0 {
		return refuse("--select takes them", "it holds no tensors but %d that are in no state_dict: %q is %s", c.left.Count, c.left.First[0].Name, c.left.First[0].What)
	}
	return refuse("", "it holds no tensors")
}

func quoted(list []string) string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = fmt.Sprintf("%q", s)
	}
	return strings.Join(out, ", ")
}

// checkNames refuses two tensors of one name.
func (c *collector) checkNames() error {
	t := c.tensors
	first, other := 0, -1 // that come to light first
	twins(t.len(), func(i int) (uint64, bool) {
		return maphash.String(seeds[0], t.name(i)), t.rows.At(i).reason == 0
	}, func(i, j int) bool { return t.name(i) == t.name(j) }, func(i, j int) {
		if other < 0 || j < other {
			first, other = i, j
		}
	})
	if other < 0 {
		return nil
	}
	return refuse("--select takes one of them", "two tensors would be called %q: %s and %s", t.name(other), t.display(first), t.display(other))
}

// split lists what cannot be represented.
func (c *collector) split(p *Plan) error {
	t := c.tensors
	for i := range t.len() {
		if why := t.reason(i); why != "" {
			p.Skipped = append(p.Skipped, Item{cmp.Or(t.name(i), t.display(i)), why})
		}
	}
	slices.SortStableFunc(p.Skipped, func(a, b Item) int { return cmp.Compare(a.Name, b.Name) })
	if len(p.Skipped) == 0 || c.opt.SkipUnsupported {
		return nil
	}
	err := refuse("--skip-unsupported leaves them out", "safetensors cannot represent %d of its tensors", len(p.Skipped))
	err.Unsupported = p.Skipped
	return err
}

// share keeps of the names of one tensor the first in order, as safetensors.torch
// does. What is one tensor has one dtype, so the rows are in the order of the names.
func (p *Plan) share() {
	t := p.rows
	again := map[int]bool{}
	twins(t.len(), func(i int) (uint64, bool) {
		place := t.rows.At(i).place
		return place[1], place != [2]uint64{}
	}, func(i, j int) bool { return t.rows.At(i).place == t.rows.At(j).place }, func(i, j int) {
		p.Aliases[t.name(j)] = t.name(i)
		again[j] = true
	})
	t.without(again)
}

func (p *Plan) layOut(metadata, given map[string]string) error {
	all := maps.Clone(metadata)
	if all == nil && len(given)+len(p.Aliases)+len(p.Skipped) > 0 {
		all = map[string]string{}
	}
	maps.Copy(all, given)
	for name, kept := range p.Aliases {
		if old, taken := all[name]; taken && old != kept {
			return refuse("--duplicate-shared needs no such note", "the metadata %q would say both %q and that the tensor of this name is %q", name, old, kept)
		}
		all[name] = kept
	}
	if len(p.Skipped) > 0 {
		b, err := json.Marshal(p.Skipped)
		if err != nil {
			return err
		}
		all[skippedKey] = string(b)
	}
	var err error
	p.Layout, err = safetensors.NewSortedLayout(p.rows.tensors(), all)
	return err
}

// readLimits let the strict reader read whatever can be written.
var readLimits = safetensors.Limits{HeaderBytes: safetensors.MaxHeader, Tensors: 1 << 30}

// Check reads a written file back and compares it with the plan.
func (p *Plan) Check(r io.ReaderAt, size int64) error {
	i, at := 0, p.Layout.HeaderLen
	_, err := safetensors.Each(r, size, readLimits, func(t safetensors.Tensor) error {
		if i == p.rows.len() {
			return errOther
		}
		want := p.rows.tensor(i)
		if t.Name != want.Name || t.DType != want.DType || !slices.Equal(t.Shape, want.Shape) || t.Begin != at {
			return errOther
		}
		i, at = i+1, t.End
		return nil
	})
	switch {
	case p.rows.space.Err() != nil:
		return p.rows.space.Err()
	case errors.Is(err, errOther), err == nil && i < p.rows.len():
		return errOther
	case err != nil:
		return fmt.Errorf("internal error: what was written does not read back: %w", err)
	}
	return nil
}

var errOther = errors.New("internal error: what was written reads back as other tensors")

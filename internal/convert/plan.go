package convert

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
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

	tensors []candidate // until there is a layout
	sources []origin    // of the tensors of the layout
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
	c.file = nil // only tensors that need work are read by it, and keep it
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
	if !c.opt.DuplicateShared {
		p.share()
	}
	for i := range p.tensors {
		p.tensors[i].place = torchfile.Place{} // it keeps the file
	}
	return p, p.layOut(metadata, c.opt.Metadata)
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
	if len(c.tensors) > 0 || c.empty {
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
	seen := make(map[string]int, len(c.tensors))
	for i := range c.tensors {
		x := &c.tensors[i]
		if x.reason != "" {
			continue
		}
		if j, twice := seen[x.name]; twice {
			return refuse("--select takes one of them", "two tensors would be called %q: %s and %s", x.name, c.tensors[j].display(), x.display())
		}
		seen[x.name] = i
	}
	return nil
}

// split takes out what cannot be represented.
func (c *collector) split(p *Plan) error {
	p.tensors = slices.DeleteFunc(c.tensors, func(x candidate) bool {
		if x.reason != "" {
			p.Skipped = append(p.Skipped, Item{nameOr(&x), x.reason})
		}
		return x.reason != ""
	})
	c.tensors = nil
	slices.SortStableFunc(p.Skipped, func(a, b Item) int { return cmp.Compare(a.Name, b.Name) })
	if len(p.Skipped) == 0 || c.opt.SkipUnsupported {
		return nil
	}
	err := refuse("--skip-unsupported leaves them out", "safetensors cannot represent %d of its tensors", len(p.Skipped))
	err.Unsupported = p.Skipped
	return err
}

func nameOr(x *candidate) string {
	if x.name == "" {
		return x.display()
	}
	return x.name
}

// share keeps of the names of one tensor the first in order, as safetensors.torch
// does.
func (p *Plan) share() {
	slices.SortFunc(p.tensors, func(a, b candidate) int { return cmp.Compare(a.name, b.name) })
	kept := map[torchfile.Place]string{}
	p.tensors = slices.DeleteFunc(p.tensors, func(x candidate) bool {
		if x.place == (torchfile.Place{}) {
			return false
		}
		first, seen := kept[x.place]
		if !seen {
			kept[x.place] = x.name
			return false
		}
		p.Aliases[x.name] = first
		return true
	})
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
	tensors := make([]safetensors.Tensor, len(p.tensors))
	from := make(map[string]origin, len(p.tensors))
	for i := range p.tensors {
		x := &p.tensors[i]
		tensors[i] = safetensors.Tensor{Name: x.name, DType: x.dtype, Shape: x.shape}
		from[x.name] = x.from
	}
	p.tensors = nil // the layout and the sources take their place
	var err error
	if p.Layout, err = safetensors.NewLayout(tensors, all); err != nil {
		return err
	}
	p.sources = make([]origin, len(p.Layout.Tensors))
	for i := range p.Layout.Tensors {
		p.sources[i] = from[p.Layout.Tensors[i].Name]
	}
	return nil
}

// readLimits let the strict reader read whatever can be written.
var readLimits = safetensors.Limits{HeaderBytes: safetensors.MaxHeader, Tensors: 1 << 30}

// Check reads a written file back and compares it with the plan.
func (p *Plan) Check(r io.ReaderAt, size int64) error {
	f, err := safetensors.Open(r, size, readLimits)
	if err != nil {
		return fmt.Errorf("internal error: what was written does not read back: %w", err)
	}
	same := slices.EqualFunc(f.Tensors, p.Layout.Tensors, func(a, b safetensors.Tensor) bool {
		return a.Name == b.Name && a.DType == b.DType && slices.Equal(a.Shape, b.Shape) && a.End-a.Begin == b.End-b.Begin
	})
	if !same && len(f.Tensors) == len(p.Layout.Tensors) {
		same = sameSet(f.Tensors, p.Layout.Tensors)
	}
	if !same {
		return errors.New("internal error: what was written reads back as other tensors")
	}
	return nil
}

// sameSet compares in any order: the reader sorts tensors without bytes by name.
func sameSet(a, b []safetensors.Tensor) bool {
	form := func(t *safetensors.Tensor) string { return fmt.Sprint(t.DType, t.Shape, t.Begin, t.End) }
	seen := make(map[string]string, len(a))
	for i := range a {
		seen[a[i].Name] = form(&a[i])
	}
	for i := range b {
		if seen[b[i].Name] != form(&b[i]) {
			return false
		}
	}
	return true
}

// Package infer makes a first schema of tensors from what is there: an exported
// program, an ONNX model, what a server says, weights, and samples.
//
// What was read stands in the schema with a comment that says where; what nobody can
// read, such as how large a batch may get, is marked "decide" and has a value that
// lets through what was seen.
//
// # Security
//
// All sources are hostile. Names that a schema cannot have are refused, and nothing
// of a source gets into the file but such names and numbers, so that no source can
// add a line. What comes out was read back by the reader of schemas.
//
// # Limits
//
// Those of a schema: 64 tensors in a group, 64 symbols. Samples are read as streams,
// a tensor three times at most; of its values 65,536 are kept for their quantiles.
//
// # Specification
//
// docs/spec/tensor-v1.md, "A first schema".
package infer

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/andiron-dev/andiron/internal/safetext"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// Draft is a schema that is being made.
type Draft struct {
	Model   string
	sources []string
	inputs  []*entry
	outputs []*entry
	dims    []*symbol
	rules   []rule // constraints
	whose   [2]naming
}

// entry is a tensor. A fact that is not known yet has its zero value.
type entry struct {
	name     string
	alias    string   // what another source calls it, for the comment
	others   []string // what it is called elsewhere
	dtypes   []tensor.DType
	shape    []string // numbers, symbols
	shaped   bool
	optional bool
	keys     []key // what follows type and shape, in order
	notes    map[string]string
	axis     int // of channels; 0 where it is not known
	seen     *observed
}

// key is a line of a tensor.
type key struct{ name, value, note string }

// symbol is a size with bounds.
type symbol struct {
	name   string
	lo, hi int64
	note   string
	open   bool // the upper bound is a guess
	taken  bool // for one size of all tensors, which no source says it is
}

// rule is a constraint that is about symbols.
type rule struct {
	text, note string
	of         []string
}

// New begins a draft.
func New() *Draft { return &Draft{} }

// learned is the comment of what was read from a source.
func learned(source string) string { return "learned from " + safetext.Plain(source) }

// add begins a tensor, or returns the one of that name that is there.
func (d *Draft) add(to *[]*entry, name string) (*entry, error) {
	for _, e := range *to {
		if e.name == name {
			return e, nil
		}
	}
	if !tensor.IsName(name) {
		return nil, fmt.Errorf("%.80q cannot name a tensor of a schema", name)
	}
	e := &entry{name: name, notes: map[string]string{}}
	*to = append(*to, e)
	return e, nil
}

// size is one dimension as a source has it: fixed, or a symbol.
type size struct {
	n      int64 // -1 is any
	symbol string
}

// describe gives a tensor type and shape, or holds them against what another source
// has said.
func (d *Draft) describe(e *entry, source string, types []tensor.DType, shape []size) error {
	if len(e.dtypes) > 0 && !slices.Equal(e.dtypes, types) {
		return fmt.Errorf("%q is %s in %s, and %s elsewhere (%s)", e.name, spell(types), source, spell(e.dtypes), e.notes["dtype"])
	}
	if len(e.dtypes) == 0 {
		e.dtypes, e.notes["dtype"] = types, learned(source)
	}
	if e.shaped {
		if len(shape) != len(e.shape) {
			return fmt.Errorf("%q has %d dimensions in %s, and %d elsewhere (%s)", e.name, len(shape), source, len(e.shape), e.notes["shape"])
		}
		for i, s := range shape {
			if n, err := strconv.ParseInt(e.shape[i], 10, 64); err == nil && s.n >= 0 && n != s.n {
				return fmt.Errorf("dimension %d of %q is %d in %s, and %d elsewhere (%s)", i, e.name, s.n, source, n, e.notes["shape"])
			}
		}
		d.narrow(e, source, shape)
		return nil
	}
	for i, s := range shape {
		text := s.symbol
		switch {
		case s.n >= 0:
			text = strconv.FormatInt(s.n, 10)
		case text == "":
			text = d.unnamed(e.name, i)
		}
		e.shape = append(e.shape, text)
	}
	e.shaped, e.notes["shape"] = true, learned(source)
	return nil
}

// narrow puts what a source knows of sizes in the place of guesses.
func (d *Draft) narrow(e *entry, source string, shape []size) {
	better := false
	for i, s := range shape {
		was, now := d.find(e.shape[i]), d.find(s.symbol)
		switch {
		case was == nil || !was.open:
			continue
		case s.n >= 0:
			e.shape[i] = strconv.FormatInt(s.n, 10)
		case now != nil && !now.open:
			e.shape[i] = s.symbol
		default:
			continue
		}
		better = true
	}
	if better {
		e.notes["shape"] += " and " + safetext.Plain(source)
	}
}

// spell writes the types as a schema has them.
func spell(types []tensor.DType) string {
	names := make([]string, 0, len(types))
	for _, t := range types {
		names = append(names, t.String())
	}
	if len(names) == 1 {
		return names[0]
	}
	return "[" + strings.Join(names, ", ") + "]"
}

// The guesses for sizes that no source bounds.
const (
	guessBatch = 64
	guessSize  = 4096
)

// unnamed makes a symbol for a size that may be any. The first of a tensor is taken
// for the batch, which is the same for all unless samples show another.
func (d *Draft) unnamed(tensorName string, axis int) string {
	if axis == 0 {
		known := d.find("B") != nil
		s := d.symbol("B", 1, guessBatch, "decide: the model takes any number; "+strconv.Itoa(guessBatch)+" is a guess")
		s.open, s.taken = s.open || !known, s.taken || !known
		return "B"
	}
	name := word(tensorName) + "_" + strconv.Itoa(axis)
	d.symbol(name, 1, guessSize, "decide: the model takes any size; "+strconv.Itoa(guessSize)+" is a guess").open = true
	return name
}

// bound adds a symbol with bounds, in the place of one that was a guess.
func (d *Draft) bound(name string, lo, hi int64, note string) {
	if s := d.symbol(name, lo, hi, note); s.open {
		*s = symbol{name: name, lo: lo, hi: hi, note: note}
	}
}

// symbol adds a symbol, or returns the one of that name.
func (d *Draft) symbol(name string, lo, hi int64, note string) *symbol {
	if s := d.find(name); s != nil {
		return s
	}
	s := &symbol{name: name, lo: lo, hi: hi, note: note}
	d.dims = append(d.dims, s)
	return s
}

func (d *Draft) find(name string) *symbol {
	for _, s := range d.dims {
		if s.name == name {
			return s
		}
	}
	return nil
}

// word makes a symbol of any text: letters, digits and _.
func word(s string) string {
	out := strings.Map(func(r rune) rune {
		if r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, s)
	if out == "" || out == "_" || out[0] >= '0' && out[0] <= '9' {
		out = "s" + out
	}
	return out[:min(len(out), 24)]
}

// set adds a key of a tensor, unless an earlier source has.
func (e *entry) set(name, value, note string) {
	if !slices.ContainsFunc(e.keys, func(k key) bool { return k.name == name }) {
		e.keys = append(e.keys, key{name, value, note})
	}
}

func (e *entry) get(name string) string {
	for _, k := range e.keys {
		if k.name == name {
			return k.value
		}
	}
	return ""
}

// vocabulary says how many rows are looked up by a tensor of numbers.
func (e *entry) vocabulary(rows int64, note string) {
	integer := len(e.dtypes) > 0
	for _, t := range e.dtypes {
		integer = integer && strings.Contains(t.String(), "int")
	}
	if integer && rows > 0 {
		e.set("vocabulary", strconv.FormatInt(rows, 10), note)
	}
}

// used records a source for the heading.
func (d *Draft) used(source string) {
	source = safetext.Plain(source)
	if !slices.Contains(d.sources, source) {
		d.sources = append(d.sources, source)
	}
}

// pattern is a regular expression that is made when it is first used, so that the
// program starts no later for it.
func pattern(s string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(s) })
}

// errNothing is a source that has nothing to learn from.
var errNothing = errors.New("there is nothing in it to learn from")

package infer

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// Schema writes the draft, and reads it back.
func (d *Draft) Schema() ([]byte, *tensor.Schema, error) {
	text, err := d.yaml()
	if err != nil {
		return nil, nil, err
	}
	s, err := tensor.Parse(text)
	if err != nil {
		return text, nil, fmt.Errorf("what was learned makes no schema: %w", err)
	}
	return text, s, nil
}

// Check holds samples against the schema that was learned from them, among others.
func Check(s *tensor.Schema, all []Request) error {
	for _, r := range all {
		res, err := s.CheckSources(tensor.Inputs, r.Tensors, nil, nil)
		if err != nil {
			return fmt.Errorf("%s: %w", r.Source, err)
		}
		if len(res.Violations) > 0 {
			return fmt.Errorf("%s does not fit what the other sources say: %s", r.Source, res.Violations[0])
		}
	}
	return nil
}

func (d *Draft) yaml() ([]byte, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "# A first schema, by andiron guard infer from %s.\n", strings.Join(d.sources, ", "))
	b.WriteString("# What is marked \"decide\" nobody could read: it lets through what was seen.\n")
	b.WriteString("andiron: " + tensor.Form + "\n")
	if tensor.IsName(d.Model) {
		b.WriteString("model: " + quoted(d.Model) + "\n")
	}
	inputs, open := known(d.inputs)
	outputs, openOutputs := known(d.outputs)
	if len(inputs) == 0 {
		return nil, errors.New("no source says type and shape of an input: add a sample (--samples) or a short form (--short)")
	}
	d.writeDims(&b, slices.Concat(inputs, outputs))
	d.writeLimits(&b, inputs)
	b.WriteString("inputs:\n")
	for _, e := range inputs {
		e.write(&b)
		e.missing(&b)
	}
	unknown(&b, open)
	if len(outputs) > 0 {
		b.WriteString("outputs:\n")
		for _, e := range outputs {
			e.write(&b)
		}
		unknown(&b, openOutputs)
	}
	return []byte(b.String()), nil
}

// known parts those of which type and shape are known.
func known(all []*entry) (yes, no []*entry) {
	for _, e := range all {
		if len(e.dtypes) > 0 && e.shaped {
			yes = append(yes, e)
		} else {
			no = append(no, e)
		}
	}
	return yes, no
}

func unknown(b *strings.Builder, all []*entry) {
	for _, e := range all {
		fmt.Fprintf(b, "  # %s:  # decide: nothing says its type and shape; a sample would\n", quoted(e.name))
	}
}

// quoted is a name as YAML has it.
func quoted(s string) string {
	if strings.ContainsAny(s, ":[]#") || word(s) != s && !strings.ContainsAny(s, "-./") {
		return strconv.Quote(s)
	}
	return s
}

// writeDims writes the symbols that a shape has, and the constraints of which all are.
func (d *Draft) writeDims(b *strings.Builder, all []*entry) {
	used := map[string]bool{}
	for _, e := range all {
		for _, s := range e.shape {
			used[s] = true
		}
	}
	head := "dims:\n"
	if i := slices.IndexFunc(d.dims, func(s *symbol) bool { return s.name == "B" }); i > 0 { // the batch first
		s := d.dims[i]
		d.dims = slices.Insert(slices.Delete(d.dims, i, i+1), 0, s)
	}
	for _, s := range d.dims {
		if used[s.name] {
			fmt.Fprintf(b, "%s  %s: %d..%d%s\n", head, s.name, s.lo, s.hi, comment(s.note))
			head = ""
		}
	}
	head = "constraints:\n"
	for _, r := range d.rules {
		if !slices.ContainsFunc(r.of, func(name string) bool { return !used[name] }) {
			fmt.Fprintf(b, "%s  - %s%s\n", head, r.text, comment(r.note))
			head = ""
		}
	}
}

func comment(note string) string {
	if note == "" {
		return ""
	}
	return "  # " + note
}

// writeLimits raises the limits of a request where the least one, or a sample, needs
// more than they are without being written.
func (d *Draft) writeLimits(b *strings.Builder, inputs []*entry) {
	const elements, size = 16 << 20, 64 << 20
	var n, bytes int64
	for _, e := range inputs {
		count := int64(1)
		for i, text := range e.shape {
			side, err := strconv.ParseInt(text, 10, 64)
			if s := d.find(text); err != nil && s != nil {
				side = s.lo
			}
			if e.seen != nil && i < len(e.seen.hi) {
				side = max(side, e.seen.hi[i])
			}
			var ok bool
			if count, ok = bounded.Mul(count, max(side, 1)); !ok {
				count = math.MaxInt32
			}
		}
		n, bytes = n+count, bytes+count*int64(max(e.dtypes[0].Size(), 1))*int64(len(e.dtypes))
	}
	if n <= elements && bytes <= size {
		return
	}
	fmt.Fprintf(b, "limits: {max_elements: %d, max_bytes: %d}  # decide: no smaller request is of use\n", max(power(n), elements), max(power(bytes), size))
}

// power is the next power of two.
func power(n int64) int64 {
	p := int64(1)
	for p < n && p < 1<<40 {
		p *= 2
	}
	return p
}

func (e *entry) write(b *strings.Builder) {
	fmt.Fprintf(b, "  %s:\n    dtype: %s%s\n    shape: [%s]%s\n", quoted(e.name), spell(e.dtypes), comment(e.notes["dtype"]+e.alias), strings.Join(e.shape, ", "), comment(e.notes["shape"]))
	if e.optional {
		b.WriteString("    optional: true\n")
	}
	for _, k := range e.keys {
		fmt.Fprintf(b, "    %s: %s%s\n", k.name, k.value, comment(k.note))
	}
}

// missing says what a person would add first.
func (e *entry) missing(b *strings.Builder) {
	switch name := e.dtypes[0].String(); {
	case e.get("range")+e.get("vocabulary")+e.get("values") != "":
	case name == "bytes":
		b.WriteString("    text: {max_bytes: 64KiB}  # decide: how long, which characters\n")
	case strings.Contains(name, "float"):
		b.WriteString("    # range: [0, 1]  # decide: no source has values\n")
	case strings.Contains(name, "int") && name != "uint8":
		b.WriteString("    # vocabulary: 30522  # decide: for token ids; range for other numbers\n")
	}
}

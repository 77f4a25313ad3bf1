package infer

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/exportir"
	"github.com/andiron-dev/andiron/internal/onnx"
	"github.com/andiron-dev/andiron/internal/tensor"
	"github.com/andiron-dev/andiron/internal/triton"
)

// Export learns from an exported program.
func (d *Draft) Export(source string, p *exportir.Program) error {
	d.used(source)
	if len(p.UserInputs) == 0 {
		return errNothing
	}
	x := &exported{Draft: d, source: source, ranges: map[string]exportir.Range{}, called: map[string]string{}, first: map[string]line{}}
	for _, r := range p.Ranges {
		x.ranges[r.Symbol] = r
	}
	called, err := x.tensors(inGroup, p.Inputs, p.UserInputs)
	if err != nil {
		return err
	}
	if _, err := x.tensors(outGroup, p.Outputs, p.UserOutputs); err != nil {
		return err
	}
	for _, l := range p.Lookups {
		rows, err := strconv.ParseInt(l.Count, 10, 64)
		if i := slices.IndexFunc(d.inputs, func(e *entry) bool { return e.name == called[l.Numbers] }); i >= 0 && err == nil {
			d.inputs[i].vocabulary(rows, learned(source)+": rows of "+safe(l.Rows))
		}
	}
	return nil
}

// safe is a name of a source as a comment may have it.
func safe(name string) string {
	if tensor.IsName(name) {
		return name
	}
	return word(name)
}

// exported is a program while it is learned from.
type exported struct {
	*Draft

	source string
	ranges map[string]exportir.Range
	called map[string]string // sizes by what the program computes
	first  map[string]line   // of those computed of a symbol
}

// tensors adds those of a group, and returns what each is called.
func (x *exported) tensors(g group, all []exportir.Input, user []string) (map[string]string, error) {
	described := map[string]*exportir.Input{}
	for i := range all {
		described[all[i].Name] = &all[i]
	}
	var names []string
	for _, name := range user {
		if in := described[name]; in != nil && in.Kind == "as_tensor" { // no number or text that was fixed
			names = append(names, name)
		}
	}
	called, err := x.align(g, byProgram, x.source, names)
	if err != nil {
		return nil, err
	}
	to, _ := x.group(g)
	for _, name := range names {
		if called[name] == "" {
			continue
		}
		e, err := x.add(to, called[name])
		if err != nil {
			return nil, err
		}
		t := described[name].Tensor
		if t == nil {
			return nil, fmt.Errorf("the program does not describe %.80q", name)
		}
		dtype, err := tensor.ParseDType(t.DType)
		if err != nil || dtype == tensor.Bytes {
			return nil, fmt.Errorf("%q is %.40q, which schemas do not have", name, t.DType)
		}
		var shape []size
		for axis, text := range t.Sizes {
			shape = append(shape, x.size(name, axis, text))
		}
		if err := x.describe(e, x.source, []tensor.DType{dtype}, shape); err != nil {
			return nil, err
		}
	}
	return called, nil
}

var (
	plainSymbol = pattern(`^(?:Symbol\('([A-Za-z_][A-Za-z0-9_]*)'[^()]*\)|([A-Za-z_][A-Za-z0-9_]*))$`)
	multiple    = pattern(`^(?:Mul\(Integer\(([0-9]{1,5})\), Symbol\('([A-Za-z_][A-Za-z0-9_]*)'[^()]*\)\)|([0-9]{1,5})\*([A-Za-z_][A-Za-z0-9_]*))$`)
	more        = pattern(`^(?:Add\((.*), Integer\((-?[0-9]{1,5})\)\)|(.*) ([+-]) ([0-9]{1,5}))$`)
)

// line is a size that is a symbol of the program times a factor, and a number more.
type line struct {
	name         string // of the symbol that it is in the schema
	of           string
	factor, more int64
}

func lineOf(text string) (l line, ok bool) {
	l.factor = 1
	if m := more().FindStringSubmatch(text); m != nil {
		text = m[1] + m[3]
		l.more, _ = strconv.ParseInt(m[2]+m[4]+m[5], 10, 64) // digits
	}
	if m := plainSymbol().FindStringSubmatch(text); m != nil {
		l.of = m[1] + m[2]
	} else if m := multiple().FindStringSubmatch(text); m != nil {
		factor, _ := strconv.ParseInt(m[1]+m[3], 10, 64) // digits
		l.of, l.factor = m[2]+m[4], max(factor, 1)
	}
	return l, l.of != ""
}

// size reads a size as the program has it: a number, a symbol, or what is computed of
// one. What is computed in the same way is the same size. What is more than a multiple of
// a symbol and a number is any size, which a person bounds.
func (x *exported) size(name string, axis int, text string) size {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n >= 0 {
		return size{n: n}
	}
	l, known := lineOf(text)
	if known {
		text = fmt.Sprintf("%d*%s%+d", l.factor, l.of, l.more)
	}
	if s, ok := x.called[text]; ok {
		return size{-1, s}
	}
	l.name = word(name) + "_" + strconv.Itoa(axis)
	switch {
	case !known:
		x.symbol(l.name, 1, guessSize, "decide: the program computes this size; "+strconv.Itoa(guessSize)+" is a guess").open = true
	case l.factor == 1 && l.more == 0:
		l.name = word(l.of)
		x.bounded(l)
	default:
		x.bounded(l)
		x.computed(l)
	}
	x.called[text] = l.name
	return size{-1, l.name}
}

// computed says how a size depends on a symbol, and on the first other one that does.
func (x *exported) computed(l line) {
	note := learned(x.source)
	if l.factor > 1 {
		rest := (l.more%l.factor + l.factor) % l.factor
		x.rules = append(x.rules, rule{fmt.Sprintf("%s %% %d == %d", l.name, l.factor, rest), note, []string{l.name}})
	}
	all := []line{{word(l.of), l.of, 1, 0}}
	if first, ok := x.first[l.of]; ok {
		all = append(all, first)
	} else {
		x.first[l.of] = l
	}
	for _, a := range all {
		more := a.factor*l.more - l.factor*a.more
		text := times(a.factor, l.name) + " == " + times(l.factor, a.name)
		switch {
		case more > 0:
			text += fmt.Sprintf(" + %d", more)
		case more < 0:
			text += fmt.Sprintf(" - %d", -more)
		}
		x.rules = append(x.rules, rule{text, note, []string{a.name, l.name}})
	}
}

func times(factor int64, symbol string) string {
	if factor == 1 {
		return symbol
	}
	return fmt.Sprintf("%d*%s", factor, symbol)
}

// bounded adds a symbol with the bounds that follow from those of one of the program.
func (x *exported) bounded(l line) {
	r := x.ranges[l.of]
	lo, err := strconv.ParseInt(r.Min, 10, 64)
	hi, err2 := strconv.ParseInt(r.Max, 10, 64)
	note := learned(x.source) + ": range of " + l.of
	const most = math.MaxInt32 // torch writes more than that for no bound at all
	if err != nil || lo < 1 || lo > most {
		lo = 1 // the program lets 0 through, which nobody means
	}
	guess := err2 != nil || hi > most || hi < lo
	if guess {
		hi = max(guessBatch, 2*lo)
	}
	least := max(1, lo*l.factor+l.more)
	greatest := max(least, hi*l.factor+l.more)
	if guess {
		note = learned(x.source) + ", which has no upper bound; decide: " + strconv.FormatInt(greatest, 10) + " is a guess"
		x.symbol(l.name, least, greatest, note).open = true
		return
	}
	x.bound(l.name, least, greatest, note)
}

// onnxTypes are the types of TensorProto.
var onnxTypes = map[int64]tensor.DType{
	1: tensor.Float32, 2: tensor.Uint8, 3: tensor.Int8, 4: tensor.Uint16, 5: tensor.Int16, 6: tensor.Int32, 7: tensor.Int64,
	8: tensor.Bytes, 9: tensor.Bool, 10: tensor.Float16, 11: tensor.Float64, 12: tensor.Uint32, 13: tensor.Uint64, 16: tensor.BFloat16,
	17: tensor.Float8E4M3FN, 18: tensor.Float8E4M3FNUZ, 19: tensor.Float8E5M2, 20: tensor.Float8E5M2FNUZ,
}

// ONNX learns from an ONNX model.
func (d *Draft) ONNX(source string, m *onnx.Model) error {
	d.used(source)
	rows := map[string]int64{}
	for _, t := range m.Tensors {
		if len(t.Dims) == 2 && t.Name != "" {
			rows[t.Name] = t.Dims[0]
		}
	}
	weights := map[string]bool{}
	for _, t := range m.Tensors {
		weights[t.Name] = true
	}
	taken := slices.DeleteFunc(slices.Clone(m.Inputs), func(v onnx.Value) bool { return weights[v.Name] })
	if len(taken) == 0 {
		return errNothing
	}
	called, err := d.values(inGroup, source, taken)
	if err != nil {
		return err
	}
	if _, err := d.values(outGroup, source, m.Outputs); err != nil {
		return err
	}
	for _, l := range m.Lookups {
		if i := slices.IndexFunc(d.inputs, func(e *entry) bool { return e.name == called[l.Numbers] }); i >= 0 {
			d.inputs[i].vocabulary(rows[l.Rows], learned(source)+": rows of "+safe(l.Rows))
		}
	}
	return nil
}

// values adds the tensors of a group, and returns what each is called.
func (d *Draft) values(g group, source string, values []onnx.Value) (map[string]string, error) {
	var names []string
	for _, v := range values {
		names = append(names, v.Name)
	}
	called, err := d.align(g, byONNX, source, names)
	if err != nil {
		return nil, err
	}
	to, _ := d.group(g)
	for _, v := range values {
		if called[v.Name] == "" {
			continue
		}
		if err := d.value(to, source, called[v.Name], v); err != nil {
			return nil, err
		}
	}
	return called, nil
}

func (d *Draft) value(to *[]*entry, source, name string, v onnx.Value) error {
	dtype, ok := onnxTypes[v.DType]
	if v.Other || !ok {
		return fmt.Errorf("%.80q is no tensor of a type that schemas have", v.Name)
	}
	if !v.Shaped {
		return fmt.Errorf("the model does not say the shape of %.80q", v.Name)
	}
	e, err := d.add(to, name)
	if err != nil {
		return err
	}
	var shape []size
	for _, x := range v.Dims {
		s := size{n: -1}
		switch {
		case x.Value >= 0:
			s.n = x.Value
		case x.Param != "":
			s.symbol = word(x.Param)
			d.named(s.symbol, source)
		}
		shape = append(shape, s)
	}
	return d.describe(e, source, []tensor.DType{dtype}, shape)
}

// named adds a symbol that a source names and does not bound.
func (d *Draft) named(name, source string) {
	hi := int64(guessSize)
	if name == "B" || name == "N" || strings.Contains(strings.ToLower(name), "batch") {
		hi = guessBatch
	}
	s := d.symbol(name, 1, hi, learned(source)+", which gives no bounds; decide: "+strconv.FormatInt(hi, 10)+" is a guess")
	s.open, s.taken = true, false
}

// Served learns from what a server says.
func (d *Draft) Served(source string, m *triton.Model) error {
	d.used(source)
	if d.Model == "" && tensor.IsName(m.Name) {
		d.Model = m.Name
	}
	if m.MaxBatch > 0 {
		d.bound("B", 1, m.MaxBatch, learned(source)+": max_batch_size")
	}
	for g, list := range [][]triton.Tensor{inGroup: m.Inputs, outGroup: m.Outputs} {
		var names []string
		for _, t := range list {
			names = append(names, t.Name)
		}
		called, err := d.align(group(g), byServer, source, names)
		if err != nil {
			return err
		}
		to, _ := d.group(group(g))
		for _, t := range list {
			if t.Name = called[t.Name]; t.Name == "" {
				continue
			}
			if err := d.served(to, source, m, t); err != nil {
				return err
			}
		}
	}
	return nil
}

func (d *Draft) served(to *[]*entry, source string, m *triton.Model, t triton.Tensor) error {
	e, err := d.add(to, t.Name)
	if err != nil {
		return err
	}
	var shape []size
	if m.MaxBatch > 0 {
		shape = append(shape, size{-1, "B"})
	}
	for i, n := range t.Dims {
		s := size{n: n}
		if n < 0 && m.MaxBatch == 0 && i == 0 {
			d.unnamed(t.Name, 0)
			s.symbol = "B"
		}
		shape = append(shape, s)
	}
	if err := d.describe(e, source, []tensor.DType{t.DType}, shape); err != nil {
		return err
	}
	e.optional = e.optional || t.Optional
	switch t.Format {
	case "NCHW":
		e.axis = len(shape) - 3
	case "NHWC":
		e.axis = len(shape) - 1
	}
	if t.Reshaped {
		e.notes["shape"] += "; the server reshapes it for the model"
	}
	if t.Ragged {
		e.notes["shape"] += "; the sizes of a batch may differ (allow_ragged_batch)"
	}
	return nil
}

// Short takes inputs from their short forms.
func (d *Draft) Short(name, form string) error {
	d.used("--short")
	s, err := tensor.ParseShort(form)
	if err != nil {
		return err
	}
	if _, err := tensor.ParseShorts(map[string]string{name: form}); err != nil {
		return err
	}
	e, err := d.add(&d.inputs, name)
	if err != nil {
		return err
	}
	var shape []size
	for _, text := range s.Shape {
		n, err := strconv.ParseInt(text, 10, 64)
		x := size{n: n}
		if err != nil {
			x = size{-1, text}
			if text != "_" {
				d.named(text, "--short")
			}
		}
		shape = append(shape, x)
	}
	slices.SortFunc(s.DTypes, func(a, b tensor.DType) int { return strings.Compare(a.String(), b.String()) })
	if err := d.describe(e, "--short", s.DTypes, shape); err != nil {
		return err
	}
	if s.Range != nil {
		e.set("range", "["+s.Range[0]+", "+s.Range[1]+"]", learned("--short"))
	}
	return nil
}

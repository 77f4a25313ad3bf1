package pyrun

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
)

// Outputs are what a model returned for each sample, in a file of a child's.
type Outputs struct {
	samples [][]leaf
	file    string
}

// Tolerance is what two numbers may differ by: |a-b| <= Abs + Rel*|a|, a being
// the original's. A negative field stands for the default of the dtype.
type Tolerance struct{ Abs, Rel float64 }

// defaults are those of torch.testing.assert_close; every other dtype is exact.
var defaults = map[string]Tolerance{
	"float16":    {1e-5, 1e-3},
	"bfloat16":   {1e-5, 1.6e-2},
	"float32":    {1e-5, 1.3e-6},
	"float64":    {1e-7, 1e-7},
	"complex64":  {1e-5, 1.3e-6},
	"complex128": {1e-7, 1e-7},
}

func (t Tolerance) of(dtype string) Tolerance {
	d := defaults[dtype]
	if t.Abs >= 0 {
		d.Abs = t.Abs
	}
	if t.Rel >= 0 {
		d.Rel = t.Rel
	}
	return d
}

// Difference is how far one output of the converted model is from the original's,
// over all samples.
type Difference struct {
	Name   string  `json:"name"`
	DType  string  `json:"dtype"`
	MaxAbs float64 `json:"max_abs"`
	// MaxRel is the largest |a-b|/|a| over the elements whose original is not 0.
	MaxRel float64 `json:"max_rel"`
	Atol   float64 `json:"atol"`
	Rtol   float64 `json:"rtol"`
	Count  int64   `json:"elements"`
	// Outside is how many elements are beyond the tolerance, those that are NaN or
	// infinite in one only included.
	Outside int64    `json:"outside"`
	Wrong   []string `json:"wrong"` // what is wrong, and in which sample

	apart int64 // NaN or infinite in one only
}

// OK reports whether the output is within the tolerance.
func (d *Difference) OK() bool { return d.Outside == 0 && len(d.Wrong) == 0 }

// most is how many things that are wrong are kept of one output.
const most = 5

func (d *Difference) wrong(format string, args ...any) {
	if len(d.Wrong) < most {
		d.Wrong = append(d.Wrong, fmt.Sprintf(format, args...))
	}
}

// Compare holds what the converted model returned against what the original
// returned, output by output.
func Compare(original, converted *Outputs, samples []Sample, tol Tolerance) ([]*Difference, error) {
	if len(original.samples) != len(samples) || len(converted.samples) != len(samples) {
		return nil, fmt.Errorf("pyrun: internal error: %d samples, outputs of %d and %d", len(samples), len(original.samples), len(converted.samples))
	}
	c := &comparison{tol: tol, byName: make(map[string]*Difference)}
	err := c.open(original.file, converted.file)
	for i := 0; err == nil && i < len(samples); i++ {
		err = c.sample(samples[i].Name, original.samples[i], converted.samples[i])
	}
	return c.list, errors.Join(err, c.close())
}

type comparison struct {
	tol    Tolerance
	list   []*Difference // in order of the original's outputs
	byName map[string]*Difference
	a, b   *os.File
}

func (c *comparison) open(original, converted string) (err error) {
	if c.a, err = os.Open(original); err != nil { //nolint:gosec // a file of the child's in our folder
		return err
	}
	c.b, err = os.Open(converted) //nolint:gosec // the same
	return err
}

func (c *comparison) close() error {
	var errs []error
	for _, f := range []*os.File{c.a, c.b} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}

// of is the entry of an output.
func (c *comparison) of(l leaf) *Difference {
	d, ok := c.byName[l.Name]
	if !ok {
		t := c.tol.of(l.DType)
		d = &Difference{Name: l.Name, DType: l.DType, Atol: t.Abs, Rtol: t.Rel, Wrong: []string{}}
		c.byName[l.Name] = d
		c.list = append(c.list, d)
	}
	return d
}

func (c *comparison) sample(name string, original, converted []leaf) error {
	for _, a := range original {
		i := slices.IndexFunc(converted, func(b leaf) bool { return b.Name == a.Name })
		if i < 0 {
			c.of(a).wrong("%s: the converted model does not return it", name)
			continue
		}
		if err := c.leaf(name, a, converted[i]); err != nil {
			return err
		}
	}
	for _, b := range converted {
		if !slices.ContainsFunc(original, func(a leaf) bool { return a.Name == b.Name }) {
			c.of(b).wrong("%s: the original does not return it", name)
		}
	}
	return nil
}

func (c *comparison) leaf(sample string, a, b leaf) error {
	d := c.of(a)
	switch {
	case a.Value != nil || b.Value != nil:
		d.Count++
		if text(a) != text(b) {
			d.wrong("%s: %s instead of %s", sample, text(b), text(a))
		}
		return nil
	case a.DType != b.DType || a.Stored != b.Stored || !slices.Equal(a.Shape, b.Shape):
		d.wrong("%s: %s instead of %s", sample, text(b), text(a))
		return nil
	}
	outside, apart := d.Outside, d.apart
	err := d.elements(elements[a.Stored], io.NewSectionReader(c.a, a.Offset, a.Size), io.NewSectionReader(c.b, b.Offset, b.Size))
	if n := d.apart - apart; n > 0 {
		d.wrong("%s: %d elements are NaN or infinite in one only", sample, n)
	}
	if n := d.Outside - outside; n > 0 {
		d.wrong("%s: %d of %d elements are outside of the tolerance", sample, n, a.Size/int64(elements[a.Stored].size))
	}
	return err
}

// text names a value, or the type and shape of a tensor.
func text(l leaf) string {
	if l.Value != nil {
		return fmt.Sprintf("%.80s", *l.Value)
	}
	return "a tensor of " + l.DType + " " + FormatShape(l.Shape)
}

// FormatShape writes a shape as --shape takes it; that of a scalar is "scalar".
func FormatShape(shape []int64) string {
	if len(shape) == 0 {
		return "scalar"
	}
	return strings.Join(strings.Fields(strings.Trim(fmt.Sprint(shape), "[]")), "x")
}

// elements compares the elements of two tensors of one type and size.
func (d *Difference) elements(kind element, a, b io.Reader) error {
	ra, rb := bufio.NewReaderSize(a, 1<<16), bufio.NewReaderSize(b, 1<<16)
	x, y := make([]byte, kind.size), make([]byte, kind.size)
	for {
		_, err := io.ReadFull(ra, x)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			_, err = io.ReadFull(rb, y)
		}
		if err != nil {
			return err
		}
		if d.Count++; !bytes.Equal(x, y) {
			d.pair(kind, x, y)
		}
	}
}

// pair compares two elements whose bytes are not the same.
func (d *Difference) pair(kind element, x, y []byte) {
	ar, ai := kind.read(x)
	br, bi := kind.read(y)
	if special(ar, ai) || special(br, bi) {
		if !same(ar, br) || !same(ai, bi) {
			d.Outside++
			d.apart++
		}
		return
	}
	abs, size := math.Hypot(ar-br, ai-bi), math.Hypot(ar, ai)
	if kind.wide && abs == 0 {
		abs = 1 // they are one float64
	}
	d.MaxAbs = max(d.MaxAbs, min(abs, math.MaxFloat64))
	if size > 0 {
		d.MaxRel = max(d.MaxRel, min(abs/size, math.MaxFloat64))
	}
	if abs > d.Atol+d.Rtol*size {
		d.Outside++
	}
}

func special(re, im float64) bool {
	return math.IsNaN(re) || math.IsInf(re, 0) || math.IsNaN(im) || math.IsInf(im, 0)
}

// same is true for equal numbers and for NaN and NaN.
func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

package tensor

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Tensor is what came: contiguous, row-major, little-endian.
type Tensor struct {
	Name  string
	DType DType
	Shape []int64
	Data  []byte
}

// Result is the outcome of a check.
type Result struct {
	Violations []Violation
	// Dims are the sizes that the symbols had, for the check of the outputs.
	Dims map[string]int64
}

// OK reports whether nothing was violated.
func (r Result) OK() bool { return len(r.Violations) == 0 }

// checker is one check. Violations of the request as a whole come first, then
// those of sizes, then those of elements, each tensor by tensor in the order of
// their names.
type checker struct {
	s     *Schema
	group Group
	scan  Scanner
	dims  map[string]int64
	from  map[string]string // where a symbol got its size
	found []Violation

	sources map[*Tensor]*Source // of tensors that come without their data
	buffer  []byte              // for reading them
}

// Check holds tensors against a group. The sizes in dims, which may be nil, are
// already fixed: those of the inputs when the outputs are checked. scan may be nil
// for ScanKernel. Data are neither kept nor changed.
func (s *Schema) Check(g Group, tensors []Tensor, dims map[string]int64, scan Scanner) Result {
	r, _ := s.checker(g, dims, scan).check(tensors) // nothing is read, so there is no error
	return r
}

// Sizes is Check without a look at elements: what sizes the symbols have, and what is
// wrong with types, sizes and constraints.
func (s *Schema) Sizes(g Group, tensors []Tensor) Result {
	c := s.checker(g, nil, nil)
	if c.budget(tensors) {
		c.structures(c.names(tensors))
	}
	return Result{c.found, c.dims}
}

func (s *Schema) checker(g Group, dims map[string]int64, scan Scanner) *checker {
	c := &checker{s: s, group: g, scan: scan, dims: map[string]int64{}, from: map[string]string{}}
	if scan == nil {
		c.scan = ScanKernel
	}
	for name, n := range dims {
		c.dims[name], c.from[name] = n, "the inputs"
	}
	return c
}

func (c *checker) check(tensors []Tensor) (Result, error) {
	if !c.budget(tensors) {
		return Result{c.found, c.dims}, nil
	}
	for _, in := range c.structures(c.names(tensors)) {
		if err := c.elements(c.s.find(c.group, in.Name), in); err != nil {
			return Result{c.found, c.dims}, fmt.Errorf("%q: %w", in.Name, err)
		}
	}
	return Result{c.found, c.dims}, nil
}

// structures checks what needs no element, and returns the tensors whose elements can be
// looked at.
func (c *checker) structures(present []*Tensor) (sound []*Tensor) {
	for i, t := range c.s.groups[c.group] {
		if in := present[i]; in != nil && c.structure(t, in) {
			sound = append(sound, in)
		}
	}
	c.constraints()
	return sound
}

// size is how many bytes of data a tensor has.
func (c *checker) size(t *Tensor) int64 {
	if src := c.sources[t]; src != nil {
		return src.Bytes
	}
	return int64(len(t.Data))
}

func (c *checker) add(v Violation) { c.found = append(c.found, v) }

// plainly adds a violation that is about no element.
func (c *checker) plainly(code Code, input, got, want, hint string) {
	c.add(Violation{Code: code, Input: input, Flat: -1, Got: got, Want: want, Hint: hint})
}

// budget checks what bounds the work. Nothing else is looked at beyond it.
func (c *checker) budget(tensors []Tensor) bool {
	l := c.s.limits
	most := max(l.inputs, int64(len(c.s.groups[c.group])))
	if c.group == Inputs {
		most = l.inputs
	}
	if int64(len(tensors)) > most {
		c.plainly(CodeInputs, "", fmt.Sprintf("%d tensors", len(tensors)), fmt.Sprintf("at most %d", most), "")
		return false
	}
	var elements, bytes int64
	for i := range tensors {
		t := &tensors[i]
		var ok bool
		if bytes, ok = bounded.Add(bytes, c.size(t)); !ok {
			bytes = math.MaxInt64
		}
		if len(t.Shape) > maxRank { // AT-RANK says so; such a shape is not multiplied
			continue
		}
		n, ok := numel(t.Shape)
		if !ok {
			continue // AT-SHAPE
		}
		if elements, ok = bounded.Add(elements, n); !ok || n < 0 {
			elements = math.MaxInt64
		}
	}
	if elements > l.elements {
		c.plainly(CodeElements, "", spellCount(elements), fmt.Sprintf("at most %d elements", l.elements), "")
	}
	if bytes > l.bytes {
		c.plainly(CodeBytes, "", fmt.Sprintf("%d bytes", bytes), fmt.Sprintf("at most %d", l.bytes), "")
	}
	return len(c.found) == 0
}

func spellCount(n int64) string {
	if n == math.MaxInt64 {
		return "more elements than 63 bits count"
	}
	return fmt.Sprintf("%d elements", n)
}

// numel multiplies from the left; -1 is a product beyond 63 bits, also where a
// later size is 0. ok is false for a size below 0.
func numel(shape []int64) (n int64, ok bool) {
	n = 1
	for _, d := range shape {
		if d < 0 {
			return 0, false
		}
		if n < 0 {
			continue
		}
		if p, fits := bounded.Mul(n, d); fits {
			n = p
		} else {
			n = -1
		}
	}
	return n, true
}

// names finds what is unknown, twice there or missing, and returns the rest, each
// where the schema has it.
func (c *checker) names(tensors []Tensor) []*Tensor {
	group := c.s.groups[c.group]
	present, count := make([]*Tensor, len(group)), make([]int, len(group))
	var unknown []string
	for i := range tensors {
		at, known := c.s.index(c.group, tensors[i].Name)
		if !known {
			unknown = append(unknown, tensors[i].Name)
			continue
		}
		present[at] = &tensors[i]
		count[at]++
	}
	if c.group != Inputs || !c.s.Wire.DropUnknown {
		slices.Sort(unknown)
		for _, name := range slices.Compact(unknown) {
			c.plainly(CodeUnknown, "", strconv.Quote(clip(name)), "one of "+strings.Join(c.s.Names(c.group), ", "), near(name, c.s.Names(c.group)))
		}
	}
	for i, t := range group {
		if count[i] > 1 {
			present[i] = nil
			c.plainly(CodeDuplicate, t.name, "more than one", "one", "")
		}
	}
	for i, t := range group {
		if count[i] == 0 && !t.optional {
			c.plainly(CodeMissing, t.name, "nothing", t.describe(), "")
		}
	}
	return present
}

func near(name string, names []string) string {
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return "did you mean " + strconv.Quote(n) + "?"
		}
	}
	return ""
}

func (t *spec) types() string {
	names := make([]string, 0, len(t.dtypes))
	for _, d := range t.dtypes {
		names = append(names, d.String())
	}
	return strings.Join(names, " or ")
}

func (t *spec) wantShape() string {
	ds := make([]string, 0, len(t.shape))
	for _, d := range t.shape {
		ds = append(ds, d.String())
	}
	return "[" + strings.Join(ds, ", ") + "]"
}

func (t *spec) describe() string { return t.types() + t.wantShape() }

// structure checks everything about a tensor that needs no element, and reports
// whether its elements can be looked at.
func (c *checker) structure(t *spec, in *Tensor) bool {
	before := len(c.found)
	if !slices.Contains(t.dtypes, in.DType) {
		c.plainly(CodeDType, t.name, in.DType.String(), t.types(), t.hintDType(in.DType))
	}
	fixed := false
	if len(in.Shape) != len(t.shape) {
		c.plainly(CodeRank, t.name, sizes(in.Shape), t.wantShape(), t.hintRank(in.Shape))
	} else {
		fixed = c.shape(t, in)
	}
	if n, ok := numel(in.Shape); ok && len(in.Shape) <= maxRank {
		if t.elements > 0 && n > t.elements {
			c.plainly(CodeElements, t.name, spellCount(n), fmt.Sprintf("at most %d elements", t.elements), "")
		}
		if want := n * int64(in.DType.Size()); in.DType.known() && in.DType != Bytes && c.size(in) != want {
			c.plainly(CodeSize, t.name, fmt.Sprintf("%d bytes", c.size(in)), fmt.Sprintf("%d for %s%s", want, in.DType, sizes(in.Shape)), "")
		}
	}
	if t.bytes > 0 && c.size(in) > t.bytes {
		c.plainly(CodeBytes, t.name, fmt.Sprintf("%d bytes", c.size(in)), fmt.Sprintf("at most %d", t.bytes), "")
	}
	sound := len(c.found) == before
	if fixed {
		c.bind(t, in)
	}
	return sound
}

// shape checks the sizes that are no symbols.
func (c *checker) shape(t *spec, in *Tensor) bool {
	for i, d := range t.shape {
		n := in.Shape[i]
		if n >= 0 && (d.symbol != "" || n >= d.lo && n <= d.hi) {
			continue
		}
		c.add(Violation{
			Code: CodeShape, Input: t.name, Flat: -1, Got: sizes(in.Shape), Want: t.wantShape(),
			Hint: t.hintShape(in.Shape, i),
		})
		return false
	}
	return true
}

// bind gives symbols their sizes, or finds that they have another one already.
func (c *checker) bind(t *spec, in *Tensor) {
	for i, d := range t.shape {
		if d.symbol == "" {
			continue
		}
		n := in.Shape[i]
		had, bound := c.dims[d.symbol]
		switch {
		case n < d.lo || n > d.hi:
			c.plainly(CodeDim, t.name, fmt.Sprintf("%s of %d in %s", d.symbol, n, sizes(in.Shape)), d.span.String(), t.hintShape(in.Shape, i))
		case bound && had != n:
			c.plainly(CodeDim, t.name, fmt.Sprintf("%s of %d in %s", d.symbol, n, sizes(in.Shape)), fmt.Sprintf("%d, as in %s", had, c.from[d.symbol]), "")
		case !bound:
			c.dims[d.symbol], c.from[d.symbol] = n, strconv.Quote(t.name)
		}
	}
}

// constraints checks those whose symbols all have a size. One without is in an
// optional tensor that did not come, or its tensor has a violation already.
func (c *checker) constraints() {
	for i, con := range c.s.constraints {
		if i > 0 && con.String() == c.s.constraints[i-1].String() {
			continue
		}
		names := con.r.symbols(con.l.symbols(nil))
		if slices.ContainsFunc(names, func(n string) bool { _, ok := c.dims[n]; return !ok }) {
			continue
		}
		l, r, ok, err := con.holds(c.dims)
		if ok {
			continue
		}
		got := fmt.Sprintf("%d %s %d", l, con.op, r)
		if err != nil {
			got = err.Error()
		}
		sized := make([]string, 0, len(names))
		for _, n := range names {
			sized = append(sized, fmt.Sprintf("%s is %d", n, c.dims[n]))
		}
		c.plainly(CodeConstraint, "", got, con.text+" where "+strings.Join(sized, ", "), "")
	}
}

package exportir

import (
	"cmp"
	"errors"
	"io"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Expression is a string of the program that loading evaluates.
type Expression struct {
	Path string // where in the document
	Text string // at most maxText bytes of it
	Expr Expr
	Err  error // why it is not in the grammar; nil where it is
}

// Range is a constraint of a symbol. Bounds are as written; empty is none.
type Range struct {
	Symbol, Min, Max string
}

// Tensor is the metadata of a value of the graph.
type Tensor struct {
	Name  string
	DType string
	Sizes []string // a number, or an expression as written
}

// Input is an input of the graph.
type Input struct {
	Name string
	Kind string // "as_tensor", "as_sym_int", "as_custom_obj", …
	// Tensor is its metadata, nil where it is no tensor or not described.
	Tensor *Tensor
}

// Lookup is an embedding: whose rows, by which tensor of numbers.
type Lookup struct {
	Rows, Numbers string // names of values of the graph
	Count         string // how many rows, as written; empty where it is not described
}

// TreeSpec is a serialized container layout that names types which loading
// resolves, as defaultdict's factory is imported by name.
type TreeSpec struct {
	Path  string
	Types []string // sorted; those outside the plain containers
	Text  string   // in short
	Err   error    // it is no JSON
}

// CustomObject is a script object that the graph names by class.
type CustomObject struct {
	Path, Class string
}

// Program is what an exported program's document says.
type Program struct {
	Schema       string // "8.2"
	TorchVersion string
	Exprs        []Expression // expr_str and bare expressions
	Guards       []Expression // guards_code
	Targets      []Target
	Ranges       []Range
	Inputs       []Input
	Outputs      []Input
	// UserInputs and UserOutputs are the names of those that are not parameters,
	// buffers, constants or tokens, as the signature has them.
	UserInputs, UserOutputs []string
	Lookups                 []Lookup
	TreeSpecs               []TreeSpec
	Customs                 []CustomObject
	Duplicates              []string // paths of keys that occur twice in one object
}

// maxText is how much of a string is kept as evidence.
const maxText = 400

func shorten(s string) string {
	if len(s) <= maxText {
		return strings.Clone(s)
	}
	return strings.ToValidUTF8(s[:maxText], "") + "…"
}

// maxFacts bounds each list of facts of one document.
const maxFacts = 1 << 18

// ReadProgram reads the JSON of an exported program: serialized_exported_
// program.json of the old layout, models/<name>.json of the new one. More than
// limit bytes are an error. With an error, the program is what was read until
// then.
func ReadProgram(r io.Reader, limit int64) (*Program, error) {
	p := &program{tensors: map[string]*Tensor{}}
	data, err := bounded.ReadAll(r, limit)
	if err != nil {
		return &p.Program, err
	}
	p.w = walker{data: data, visit: p.event, dup: p.duplicate}
	err = p.w.run()
	p.finish()
	return &p.Program, err
}

// program collects facts while a document is walked.
type program struct {
	Program
	w       walker
	tensors map[string]*Tensor
	tensor  *Tensor // being read
	at      int     // depth of the object of tensor
	rng     *Range
	target  string   // of the node being read, if it is an embedding
	args    []string // its tensors so far
	node    int      // its index
	major   string
	minor   string
	kept    int // bytes of text kept as evidence
}

// maxKept bounds the text that is kept as evidence.
const maxKept = 48 << 20

var errFacts = bounded.Exceeded("facts of an exported program", maxFacts)

func (p *program) duplicate(path string) {
	p.kept += len(path)
	if len(p.Duplicates) < maxFacts && p.kept < maxKept {
		p.Duplicates = append(p.Duplicates, path)
	}
}

// key returns the key of the i-th enclosing container, counted from inside:
// 0 is the key of the current value itself.
func (p *program) key(i int) string {
	if n := len(p.w.stack) - 1 - i; n >= 0 && p.w.stack[n].object {
		return p.w.stack[n].key
	}
	return ""
}

// root returns the document's key that the current value is in.
func (p *program) root() string {
	if len(p.w.stack) > 0 {
		return p.w.stack[0].key
	}
	return ""
}

func (p *program) event(e event) error {
	if len(p.Exprs)+len(p.Guards)+len(p.Targets)+len(p.Ranges)+len(p.Inputs)+len(p.Outputs)+len(p.UserInputs)+len(p.UserOutputs)+len(p.Lookups)+len(p.TreeSpecs)+len(p.Customs) > maxFacts || p.kept > maxKept {
		return errFacts
	}
	if e.key == "expr_str" && e.kind != jsonString && e.kind != jsonEnd && e.kind != jsonNull {
		// sympify takes lists and dictionaries of strings too.
		p.kept += 100
		p.Exprs = append(p.Exprs, Expression{Path: p.w.path(), Err: errors.New("expression is not a string")})
	}
	switch e.kind {
	case jsonObject:
		p.begin()
	case jsonString:
		facts := len(p.Exprs) + len(p.Guards) + len(p.Targets) + len(p.TreeSpecs) + len(p.Customs)
		p.str(e)
		if len(p.Exprs)+len(p.Guards)+len(p.Targets)+len(p.TreeSpecs)+len(p.Customs) > facts {
			p.kept += 2*min(len(e.text), maxText) + 100
		}
	case jsonNumber:
		p.num(e)
	}
	return nil
}

// begin starts the object of a tensor or of a range.
func (p *program) begin() {
	n := len(p.w.stack)
	switch {
	case p.key(1) == "tensor_values" && n > 1:
		if len(p.tensors) < maxFacts {
			p.tensor = &Tensor{Name: strings.Clone(p.key(0))}
			p.tensors[p.tensor.Name] = p.tensor
			p.at = n
		}
	case n == 2 && p.root() == "range_constraints":
		p.Ranges = append(p.Ranges, Range{Symbol: strings.Clone(p.key(0))})
		p.rng = &p.Ranges[len(p.Ranges)-1]
	}
}

func (p *program) num(e event) {
	n := len(p.w.stack)
	switch {
	case n == 3 && p.root() == "range_constraints" && p.rng != nil:
		p.bound(e.key, e.text)
	case n == 2 && p.root() == "schema_version":
		switch e.key {
		case "major":
			p.major = strings.Clone(e.text)
		case "minor":
			p.minor = strings.Clone(e.text)
		}
	case p.inTensor() && n == p.at+1 && e.key == "dtype":
		p.tensor.DType = DType(e.text)
	case e.key == "as_int" && p.sizeOf():
		p.tensor.Sizes = append(p.tensor.Sizes, strings.Clone(e.text))
	}
}

func (p *program) bound(key, text string) {
	switch key {
	case "min_val":
		p.rng.Min = strings.Clone(text)
	case "max_val":
		p.rng.Max = strings.Clone(text)
	}
}

// inTensor reports whether the current value is inside the tensor being read.
func (p *program) inTensor() bool {
	return p.tensor != nil && len(p.w.stack) > p.at && p.at > 0 && p.w.stack[p.at-1].key == p.tensor.Name
}

// sizeOf reports whether the current value is a size of the tensor being read:
// tensor.sizes[i].as_int or tensor.sizes[i].as_expr.expr_str.
func (p *program) sizeOf() bool {
	n := len(p.w.stack)
	if !p.inTensor() || p.w.stack[p.at].key != "sizes" {
		return false
	}
	return n == p.at+3 || n == p.at+4 && p.w.stack[n-2].key == "as_expr"
}

func (p *program) str(e event) {
	switch {
	case e.key == "expr_str" || e.key == "as_expr" || e.key == "sym_expr" || e.key == "expr":
		if p.sizeOf() {
			p.tensor.Sizes = append(p.tensor.Sizes, shorten(e.text))
		}
		p.Exprs = append(p.Exprs, p.expression(e.text, ParseExpr))
	case p.root() == "guards_code":
		p.Guards = append(p.Guards, p.expression(e.text, ParseGuard))
	case e.key == "target" && p.key(1) != "metadata" || e.key == "as_operator":
		p.embedding(e.text)
		t := ParseTarget(e.text)
		t.Path = p.w.path()
		p.Targets = append(p.Targets, t)
	case e.key == "in_spec" || e.key == "out_spec" || e.key == "treespec":
		p.treeSpec(e.text)
	case e.key == "class_fqn":
		p.Customs = append(p.Customs, CustomObject{Path: p.w.path(), Class: shorten(e.text)})
	case e.key == "torch_version" && len(p.w.stack) == 1:
		p.TorchVersion = shorten(e.text)
	case p.rng != nil && len(p.w.stack) == 3 && p.root() == "range_constraints":
		p.bound(e.key, shorten(e.text))
	case e.key == "name":
		p.input(e.text)
	}
}

func (p *program) expression(text string, parse func(string) (Expr, error)) Expression {
	x, err := parse(text)
	for _, list := range [][]string{x.Symbols, x.Functions, x.Inputs} {
		for i, s := range list {
			list[i] = strings.Clone(s)
		}
	}
	return Expression{Path: p.w.path(), Text: shorten(text), Expr: x, Err: err}
}

// input records graph_module.graph.inputs[i].<kind>.name.
func (p *program) input(name string) {
	s := p.w.stack
	if len(s) < 6 || s[0].key != "graph_module" || s[3].object {
		return
	}
	end := len(s) == 6 || len(s) == 7
	switch part := s[1].key + "." + s[2].key; {
	case part == "graph.inputs" && end:
		p.Inputs = append(p.Inputs, Input{Name: shorten(name), Kind: shorten(s[4].key)})
	case part == "graph.outputs" && end:
		p.Outputs = append(p.Outputs, Input{Name: shorten(name), Kind: shorten(s[4].key)})
	case part == "signature.input_specs" && s[4].key == "user_input":
		p.UserInputs = append(p.UserInputs, shorten(name))
	case part == "signature.output_specs" && s[4].key == "user_output":
		p.UserOutputs = append(p.UserOutputs, shorten(name))
	case part == "graph.nodes" && s[4].key == "inputs" && p.target != "" && s[3].index == p.node && s[len(s)-2].key == "as_tensor":
		p.args = append(p.args, shorten(name))
		if len(p.args) == 2 {
			p.Lookups = append(p.Lookups, Lookup{Rows: p.args[0], Numbers: p.args[1]})
			p.target = ""
		}
	}
}

// embedding begins a node that looks rows up. Its target stands before its inputs.
func (p *program) embedding(target string) {
	s := p.w.stack
	if len(s) != 5 || s[1].key != "graph" || s[2].key != "nodes" {
		return
	}
	p.target, p.args, p.node = "", nil, s[3].index
	if target == "torch.ops.aten.embedding.default" {
		p.target = target
	}
}

func (p *program) finish() {
	if p.major != "" {
		p.Schema = p.major + "." + p.minor
	}
	for i := range p.Inputs {
		in := &p.Inputs[i]
		if in.Kind == "as_tensor" {
			in.Tensor = p.tensors[in.Name]
		}
	}
	for i := range p.Outputs {
		if out := &p.Outputs[i]; out.Kind == "as_tensor" {
			out.Tensor = p.tensors[out.Name]
		}
	}
	for i := range p.Lookups {
		if t := p.tensors[p.Lookups[i].Rows]; t != nil && len(t.Sizes) == 2 {
			p.Lookups[i].Count = t.Sizes[0]
		}
	}
	slices.SortStableFunc(p.Ranges, func(a, b Range) int { return cmp.Compare(a.Symbol, b.Symbol) })
}

// treeSpec collects the types of a container layout, which is JSON in a
// string: [1, {"type": …, "context": …, "children_spec": […]}].
func (p *program) treeSpec(text string) {
	spec := TreeSpec{Path: p.w.path(), Text: shorten(text)}
	if text == "" {
		return
	}
	var types []string
	w := walker{
		data: []byte(text), dup: func(path string) { p.duplicate(spec.Path + ": " + path) },
		visit: func(e event) error {
			module := e.key == "default_factory_module" || strings.HasSuffix(e.key, "_module")
			if e.kind == jsonString && (e.key == "type" && !treeTypes[e.text] || module) {
				if len(types) < maxUnknownTypes {
					types = append(types, shorten(e.text))
				}
			}

			if e.kind == jsonString && e.key == "context" && strings.Contains(e.text, "default_factory_module") {
				types = append(types, "default_factory_module")
			}
			return nil
		},
	}
	if err := w.run(); err != nil {
		spec.Err = err
		if !errors.Is(err, bounded.ErrLimit) {
			spec.Err = errors.New("tree specification is not JSON")
		}
	}
	spec.Types = uniq(types)
	if len(spec.Types) > 0 || spec.Err != nil {
		p.TreeSpecs = append(p.TreeSpecs, spec)
	}
}

const maxUnknownTypes = 100

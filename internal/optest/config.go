package optest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// ConfigName is where a project says more about its operators.
const ConfigName = "ops-test.yaml"

// Config is what a project says about its operators, in ops-test.yaml.
type Config struct {
	Version   int        `yaml:"version"`
	Tests     []string   `yaml:"tests"`
	Operators []Declared `yaml:"operators"`
}

// Declared is what is said of one operator.
type Declared struct {
	Operator  string    `yaml:"operator"`  // ns::name, or module.function
	Schema    string    `yaml:"schema"`    // of a function that pybind11 binds, as torch writes it
	Reference string    `yaml:"reference"` // dotted name of a Python function that computes the same
	Skip      string    `yaml:"skip"`      // why it is not tested
	Examples  []Example `yaml:"examples"`
}

// Example is one call that is right.
type Example struct {
	Args   []yaml.Node          `yaml:"args"`
	Kwargs map[string]yaml.Node `yaml:"kwargs"`

	call rawCase
}

// ParseConfig reads ops-test.yaml.
func ParseConfig(b []byte) (*Config, error) {
	var c Config
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(&c); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if c.Version != 1 {
		return nil, fmt.Errorf("version is %d, not 1", c.Version)
	}
	seen := map[string]bool{}
	for i := range c.Operators {
		o := &c.Operators[i]
		if o.Operator == "" {
			return nil, fmt.Errorf("operator %d has no name", i+1)
		}
		if seen[o.Operator] {
			return nil, fmt.Errorf("operator %q stands twice", o.Operator)
		}
		seen[o.Operator] = true
		for j := range o.Examples {
			if err := o.Examples[j].read(); err != nil {
				return nil, fmt.Errorf("operator %q, example %d: %w", o.Operator, j+1, err)
			}
		}
	}
	return &c, nil
}

func (e *Example) read() error {
	args, kwargs := []any{}, map[string]any{}
	for i := range e.Args {
		v, err := recipe(&e.Args[i])
		if err != nil {
			return err
		}
		args = append(args, v)
	}
	for name, n := range e.Kwargs {
		v, err := recipe(&n)
		if err != nil {
			return err
		}
		kwargs[name] = v
	}
	b, err := json.Marshal(map[string]any{"args": args, "kwargs": kwargs})
	e.call = b
	return err
}

type object = map[string]any

// recipe is an argument as the runner reads it.
func recipe(n *yaml.Node) (object, error) {
	at := func(format string, args ...any) error {
		return fmt.Errorf("line %d: %s", n.Line, fmt.Sprintf(format, args...))
	}
	switch n.Kind {
	case yaml.SequenceNode:
		list := []any{}
		for _, e := range n.Content {
			v, err := recipe(e)
			if err != nil {
				return nil, err
			}
			list = append(list, v)
		}
		return object{"k": "list", "v": list}, nil
	case yaml.MappingNode:
		var t struct {
			Tensor *tensorExample `yaml:"tensor"`
		}
		if err := n.Decode(&t); err != nil {
			return nil, err
		}
		if t.Tensor == nil || len(n.Content) != 2 {
			return nil, at("a mapping is not tensor: {...}")
		}
		r, err := t.Tensor.recipe()
		if err != nil {
			return nil, at("%v", err)
		}
		return r, nil
	case yaml.ScalarNode:
		return scalar(n)
	case yaml.DocumentNode, yaml.AliasNode:
	}
	return nil, at("an alias cannot be an argument")
}

func scalar(n *yaml.Node) (object, error) {
	switch n.Tag {
	case "!!null":
		return object{"k": "none"}, nil
	case "!!bool":
		var v bool
		err := n.Decode(&v)
		return object{"k": "bool", "v": v}, err
	case "!!int":
		var v int64
		err := n.Decode(&v)
		return object{"k": "int", "v": v}, err
	case "!!float":
		var v float64
		err := n.Decode(&v)
		return object{"k": "float", "v": finite(v)}, err
	}
	return object{"k": "str", "v": n.Value}, nil
}

// finite is a number as JSON can hold it.
func finite(v float64) any {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return strconv.FormatFloat(v, 'g', -1, 64)
	}
	return v
}

type tensorExample struct {
	DType  string    `yaml:"dtype"`
	Shape  []int64   `yaml:"shape"`
	Values []float64 `yaml:"values"`
	Low    *int64    `yaml:"low"`
	High   *int64    `yaml:"high"`
	Sorted bool      `yaml:"sorted"`
	Layout string    `yaml:"layout"`
}

var (
	dtypes = []string{
		"float32", "float64", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "complex64", "complex128",
	}
	layouts = []string{"contiguous", "transposed", "strided", "offset", "expanded", "channels_last"}
)

const mostElements = 1 << 22

func (t *tensorExample) recipe() (object, error) {
	if t.DType == "" {
		t.DType = "float32"
	}
	if t.Layout == "" {
		t.Layout = "contiguous"
	}
	if !slices.Contains(dtypes, t.DType) {
		return nil, fmt.Errorf("dtype %q is none of those that can be made", t.DType)
	}
	if !slices.Contains(layouts, t.Layout) {
		return nil, fmt.Errorf("layout %q is none of those that can be made", t.Layout)
	}
	if t.Values != nil && t.Shape == nil {
		t.Shape = []int64{int64(len(t.Values))}
	}
	n := int64(1)
	for _, s := range t.Shape {
		if s < 0 || s > mostElements || n*max(s, 1) > mostElements {
			return nil, fmt.Errorf("shape %v is too large, or negative", t.Shape)
		}
		n *= s
	}
	fill := object{"how": "random", "seed": 1, "sorted": t.Sorted}
	switch {
	case t.Values != nil:
		if int64(len(t.Values)) != n {
			return nil, fmt.Errorf("there are %d values for shape %v", len(t.Values), t.Shape)
		}
		list := []any{}
		for _, v := range t.Values {
			list = append(list, finite(v))
		}
		fill = object{"how": "list", "v": list}
	default:
		if t.Low != nil {
			fill["low"] = *t.Low
		}
		if t.High != nil {
			fill["high"] = *t.High
		}
	}
	return object{
		"k": "tensor", "dtype": t.DType, "shape": append([]int64{}, t.Shape...), "fill": fill, "layout": t.Layout, "device": "cpu", "grad": false,
	}, nil
}

func (c *Config) of(name string) *Declared {
	for i := range c.Operators {
		if c.Operators[i].Operator == name {
			return &c.Operators[i]
		}
	}
	return nil
}

// apply tells operators what the project says of them.
func (c *Config) apply(list []operator) []operator {
	for i := range list {
		if d := c.of(list[i].Name); d != nil {
			list[i].Reference, list[i].Declared = d.Reference, d.Schema
		}
	}
	return list
}

// references are the functions that operators which are tested are held against.
func (c *Config) references() []string {
	list := []string{}
	for _, d := range c.Operators {
		if d.Reference != "" && d.Skip == "" {
			list = append(list, d.Reference)
		}
	}
	return list
}

func (c *Config) skip(o operator) string {
	if d := c.of(o.Name); d != nil {
		return d.Skip
	}
	return ""
}

// seeds are the examples, by operator.
func (c *Config) seeds() map[string][]rawCase {
	out := map[string][]rawCase{}
	for _, o := range c.Operators {
		for _, e := range o.Examples {
			out[o.Operator] = append(out[o.Operator], e.call)
		}
	}
	return out
}

// unknown are names of operators that the extension does not bring.
func (c *Config) unknown(list []operator) (names []string) {
	for _, o := range c.Operators {
		if !slices.ContainsFunc(list, func(op operator) bool { return op.Name == o.Operator }) {
			names = append(names, o.Operator)
		}
	}
	return names
}

package tensor

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Form is what the first line of a schema says, and what it compiles to.
const Form = "tensor/v1"

const (
	maxTensors     = 64
	maxSymbols     = 64
	maxConstraints = 64
	maxRank        = 16
	maxValues      = 4096
	maxDim         = 1 << 40
	maxElements    = 1 << 40
	maxBytes       = 1 << 43

	defaultElements = 16 << 20
	defaultBytes    = 64 << 20
)

// Group is one of the sets of tensors that a schema describes.
type Group string

// The groups. Labels belong to training data.
const (
	Inputs  Group = "inputs"
	Outputs Group = "outputs"
	Labels  Group = "labels"
)

// Schema is a schema that has been read. It does not change, and several may use
// it at once.
type Schema struct {
	Model string
	Wire  Wire
	// Shadow is true where violations are reported and let through.
	Shadow bool
	// Status is the HTTP status of a refusal.
	Status int64

	dims        map[string]span
	constraints []constraint
	limits      limits
	groups      map[Group][]*spec // sorted by name

	// While it is read.
	files    Files
	declared map[string]*yaml.Node // where each of dims stands
}

// Files gives the content of a file beside the schema. The name has no part that
// leads elsewhere.
type Files func(name string) ([]byte, error)

// Wire is what a gateway lets through.
type Wire struct {
	Accept       []string // protocols, sorted
	ForwardAs    string
	Parameters   []string // names of request parameters that are let through, sorted
	RawBinary    bool
	Compression  bool
	DropUnknown  bool // inputs that are not in the schema are left out, not refused
	UnseenMemory bool // inputs in shared memory, which nobody checks
}

type limits struct{ elements, bytes, inputs int64 }

// span is a closed interval of sizes.
type span struct{ lo, hi int64 }

func (s span) String() string {
	if s.lo == s.hi {
		return strconv.FormatInt(s.lo, 10)
	}
	return fmt.Sprintf("%d..%d", s.lo, s.hi)
}

// Parse reads a schema that needs no other file. What is wrong with it is an error
// with its line.
func Parse(b []byte) (*Schema, error) { return ParseFiles(b, nil) }

// ParseFiles reads a schema, and the files of values that it names. What they hold
// is part of the schema as if it stood there.
func ParseFiles(b []byte, files Files) (*Schema, error) {
	top, err := document(b)
	if err != nil {
		return nil, err
	}
	s := &Schema{
		Status: 400, Wire: Wire{Accept: []string{"v2-binary", "v2-grpc", "v2-json"}, ForwardAs: "same", Parameters: []string{}},
		dims: map[string]span{}, groups: map[Group][]*spec{}, limits: limits{defaultElements, defaultBytes, 0},
		files: files, declared: map[string]*yaml.Node{},
	}
	form, written := "", map[string]*yaml.Node{}
	group := func(g Group) reader { return func(n *yaml.Node) error { return s.group(g, n) } }
	err = keys(top, "", map[string]reader{
		"andiron":      one(&form, Form),
		"model":        s.model,
		"dims":         func(n *yaml.Node) error { return s.symbols(n) },
		"constraints":  func(n *yaml.Node) error { written["constraints"] = n; return nil },
		"limits":       s.limit,
		"inputs":       group(Inputs),
		"outputs":      group(Outputs),
		"labels":       group(Labels),
		"wire":         s.wire,
		"on_violation": s.onViolation,
	})
	switch {
	case err != nil:
		return nil, err
	case form == "":
		return nil, fmt.Errorf("key %q is missing: a schema starts with \"andiron: %s\"", "andiron", Form)
	case len(s.groups[Inputs]) == 0:
		return nil, errors.New("key \"inputs\" is missing: a schema without inputs protects nothing")
	}
	if n := written["constraints"]; n != nil {
		if err := list(n, maxConstraints, s.constraint); err != nil {
			return nil, err
		}
	}
	switch {
	case s.limits.inputs > 0:
	case s.Wire.DropUnknown: // any number of them may come beside those that are known
		s.limits.inputs = maxTensors
	default:
		s.limits.inputs = int64(len(s.groups[Inputs]))
	}
	if err := s.complete(); err != nil {
		return nil, err
	}
	s.files, s.declared = nil, nil
	return s, nil
}

func (s *Schema) model(n *yaml.Node) (err error) {
	if s.Model, err = scalar(n); err == nil && !IsName(s.Model) {
		err = fault(n, "model %q is not a name", clip(s.Model))
	}
	return err
}

// IsName reports whether s can name a tensor: what torch, ONNX and Triton use,
// and nothing that has to be quoted in a message.
func IsName(s string) bool {
	for i := range len(s) {
		c := s[i]
		word := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !word && (i == 0 || !strings.ContainsRune("-.:/[]", rune(c))) {
			return false
		}
	}
	return s != "" && len(s) <= 128
}

func (s *Schema) symbols(n *yaml.Node) error {
	return entries(n, func(name string, k, v *yaml.Node) error {
		if !isSymbol(name) {
			return fault(k, "%q cannot name a size: letters, digits and _, at most 32", clip(name))
		}
		if _, twice := s.dims[name]; twice {
			return fault(k, "symbol %q stands twice", name)
		}
		if len(s.dims) == maxSymbols {
			return fault(k, "%w", bounded.Exceeded("symbols", maxSymbols))
		}
		var sp span
		lo, hi, two := strings.Cut(v.Value, "..")
		if !two {
			hi = lo
		}
		var err, err2 error
		sp.lo, err = whole(lo, 0, maxDim)
		sp.hi, err2 = whole(hi, 0, maxDim)
		if err = errors.Join(err, err2); err != nil || v.Kind != yaml.ScalarNode || sp.lo > sp.hi {
			return fault(v, "sizes %q are not a number or two with .. between them, such as 1..64", clip(v.Value))
		}
		s.dims[name], s.declared[name] = sp, k
		return nil
	})
}

func (s *Schema) constraint(n *yaml.Node) error {
	text, err := scalar(n)
	if err != nil {
		return err
	}
	c, err := parseConstraint(text)
	if err != nil {
		return at(n, err)
	}
	for _, name := range c.r.symbols(c.l.symbols(nil)) {
		if _, ok := s.dims[name]; !ok {
			return fault(n, "symbol %q is not among dims", name)
		}
	}
	s.constraints = append(s.constraints, c)
	return nil
}

func (s *Schema) limit(n *yaml.Node) error {
	return keys(n, "limits.", map[string]reader{
		"max_elements": count(&s.limits.elements, 1, maxElements),
		"max_bytes":    size(&s.limits.bytes, maxBytes),
		"max_inputs":   count(&s.limits.inputs, 1, maxTensors),
	})
}

func (s *Schema) wire(n *yaml.Node) error {
	var memory, raw, compression, unknown string
	w := &s.Wire
	words := func(to *[]string, read func(*string) reader) reader {
		return func(n *yaml.Node) error {
			*to = []string{}
			err := list(n, maxTensors, func(e *yaml.Node) error {
				var word string
				err := read(&word)(e)
				*to = append(*to, word)
				return err
			})
			slices.Sort(*to)
			if err == nil && len(slices.Compact(slices.Clone(*to))) < len(*to) {
				err = fault(n, "a value stands twice")
			}
			return err
		}
	}
	err := keys(n, "wire.", map[string]reader{
		"accept": words(&w.Accept, func(to *string) reader {
			return one(to, "v2-json", "v2-binary", "v2-grpc", "v1-json", "torchserve", "openai")
		}),
		"forward_as": one(&w.ForwardAs, "same", "v2-json", "v2-binary", "v2-grpc"),
		"parameters": words(&w.Parameters, func(to *string) reader {
			return func(n *yaml.Node) (err error) {
				if *to, err = scalar(n); err == nil && !IsName(*to) {
					err = fault(n, "parameter %q is not a name", clip(*to))
				}
				return err
			}
		}),
		"raw_binary":     one(&raw, "deny", "allow"),
		"compression":    one(&compression, "deny", "allow"),
		"unknown_inputs": one(&unknown, "reject", "drop"),
		"shared_memory":  one(&memory, "deny", "allow_unseen"),
	})
	w.RawBinary, w.Compression = raw == "allow", compression == "allow"
	w.DropUnknown, w.UnseenMemory = unknown == "drop", memory == "allow_unseen"
	return err
}

func (s *Schema) onViolation(n *yaml.Node) error {
	mode := ""
	err := keys(n, "on_violation.", map[string]reader{
		"mode":   one(&mode, "enforce", "shadow"),
		"status": count(&s.Status, 400, 499),
	})
	s.Shadow = mode == "shadow"
	return err
}

func (s *Schema) group(g Group, n *yaml.Node) error {
	err := entries(n, func(name string, k, v *yaml.Node) error {
		if !IsName(name) {
			return fault(k, "%q cannot name a tensor", clip(name))
		}
		if len(s.groups[g]) == maxTensors {
			return fault(k, "%w", bounded.Exceeded("tensors in "+string(g), maxTensors))
		}
		t, err := s.tensor(g, name, k, v)
		if err != nil {
			return err
		}
		s.groups[g] = append(s.groups[g], t)
		return nil
	})
	slices.SortFunc(s.groups[g], func(a, b *spec) int { return strings.Compare(a.name, b.name) })
	return err
}

// complete checks what only the whole file shows: every symbol is declared, is
// used, and where one stands for channels it has as many as the statistics.
func (s *Schema) complete() error {
	used := map[string]bool{}
	for _, g := range []Group{Inputs, Outputs, Labels} {
		for _, t := range s.groups[g] {
			for i, d := range t.shape {
				if d.symbol == "" {
					continue
				}
				sp, ok := s.dims[d.symbol]
				if !ok {
					return fmt.Errorf("line %d: symbol %q is not among dims", t.line, d.symbol)
				}
				t.shape[i].span = sp
				used[d.symbol] = true
			}
			if err := t.channels(); err != nil {
				return err
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.dims)) {
		if !used[name] {
			return fault(s.declared[name], "symbol %q is in no shape: its bounds would check nothing", name)
		}
	}
	slices.SortFunc(s.constraints, func(a, b constraint) int { return strings.Compare(a.String(), b.String()) })
	return nil
}

// Names lists the tensors of a group, sorted.
func (s *Schema) Names(g Group) []string {
	names := make([]string, 0, len(s.groups[g]))
	for _, t := range s.groups[g] {
		names = append(names, t.name)
	}
	return names
}

// SHA256 is the digest of the canonical form, in hexadecimal.
func (s *Schema) SHA256() string {
	sum := sha256.Sum256(s.Canonical())
	return hex.EncodeToString(sum[:])
}

// index is where a tensor stands in its group.
func (s *Schema) index(g Group, name string) (i int, ok bool) {
	return slices.BinarySearchFunc(s.groups[g], name, func(t *spec, n string) int { return strings.Compare(t.name, n) })
}

func (s *Schema) find(g Group, name string) *spec {
	i, ok := s.index(g, name)
	if !ok {
		return nil
	}
	return s.groups[g][i]
}

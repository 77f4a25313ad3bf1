package policy

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/bounded"
)

// FileName is where a project keeps its policy.
const FileName = "andiron.yaml"

const maxFile = 1 << 20

// Parse reads a policy file. A key that is not known, stands twice or has a value
// of the wrong form is an error with its line: a misspelt setting must not turn
// into the default unnoticed.
func Parse(b []byte) (Policy, error) {
	if len(b) > maxFile {
		return Policy{}, bounded.Exceeded("bytes of policy", maxFile)
	}
	var doc yaml.Node
	dec := yaml.NewDecoder(strings.NewReader(string(b)))
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return Policy{}, errors.New("the file is empty")
	} else if err != nil {
		return Policy{}, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if dec.Decode(new(yaml.Node)) == nil {
		return Policy{}, errors.New("more than one document")
	}
	var p Policy
	version := false
	known := p.trust()
	maps.Copy(known, map[string]func(*yaml.Node) error{
		"version": func(n *yaml.Node) error {
			version = true
			if n.Value != "1" {
				return fmt.Errorf("line %d: version %q is not 1, the only one that this andiron knows", n.Line, n.Value)
			}
			return nil
		},
		"fail_on": func(n *yaml.Node) (err error) {
			p.FailOn, err = ParseLevel(n.Value)
			return at(n, err)
		},
		"limits":       func(n *yaml.Node) error { return p.Limits.parse(n) },
		"dependencies": p.supply,
		"sandbox":      p.sandbox,
		"code":         p.code,
		"exec":         p.exec,
		"strategies":   p.strategies,
	})
	err := keys(doc.Content[0], "", known)
	if err == nil && !version {
		err = errors.New("key \"version\" is missing")
	}
	if err == nil {
		err = p.complete()
	}
	if err != nil {
		return Policy{}, err
	}
	return p, nil
}

// strategies reads the least that is asked of each.
func (p *Policy) strategies(n *yaml.Node) error {
	p.Required = map[finding.Strategy]finding.Status{}
	known := map[string]func(*yaml.Node) error{}
	for _, s := range finding.Strategies() {
		known[string(s)] = func(n *yaml.Node) error {
			least := finding.Status(n.Value)
			if least != finding.Implemented && least != finding.Partial {
				return fmt.Errorf("line %d: %s: %q is neither implemented nor partial", n.Line, s, n.Value)
			}
			p.Required[s] = least
			return nil
		}
	}
	return keys(n, "strategies.", known)
}

func (l *Limits) parse(n *yaml.Node) error {
	return keys(n, "limits.", map[string]func(*yaml.Node) error{
		"max_depth":    number("max_depth", &l.MaxDepth),
		"max_inflated": size(&l.MaxInflated),
		"max_values":   size(&l.MaxValues),
	})
}

// size reads a number of bytes or other units.
func size(to *int64) func(*yaml.Node) error {
	return func(n *yaml.Node) (err error) {
		*to, err = ParseSize(n.Value)
		return at(n, err)
	}
}

// number reads a whole number above 0.
func number(key string, to *int) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		i, err := strconv.Atoi(n.Value)
		if err != nil || i < 1 {
			return fmt.Errorf("line %d: %s %q is not a number above 0", n.Line, key, n.Value)
		}
		*to = i
		return nil
	}
}

// keys calls the function of each key of a mapping.
func keys(n *yaml.Node, prefix string, known map[string]func(*yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: not a mapping of keys to values", n.Line)
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		read, ok := known[k.Value]
		switch {
		case !ok:
			return fmt.Errorf("line %d: key %q is not known", k.Line, prefix+k.Value)
		case seen[k.Value]:
			return fmt.Errorf("line %d: key %q stands twice", k.Line, prefix+k.Value)
		case v.Kind == yaml.AliasNode:
			return fmt.Errorf("line %d: key %q: aliases are not accepted", k.Line, prefix+k.Value)
		}
		seen[k.Value] = true
		if err := read(v); err != nil {
			return err
		}
	}
	return nil
}

// list calls a function for each element.
func list(n *yaml.Node, each func(*yaml.Node) error) error {
	if n.Kind != yaml.SequenceNode {
		return fmt.Errorf("line %d: not a list", n.Line)
	}
	for _, e := range n.Content {
		if err := each(e); err != nil {
			return err
		}
	}
	return nil
}

// text reads a string that is not empty.
func text(to *string) func(*yaml.Node) error {
	return checked(to, func(string) error { return nil })
}

// checked reads a string that is not empty and that a check has nothing against.
func checked(to *string, check func(string) error) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if n.Kind != yaml.ScalarNode || n.Value == "" {
			return fmt.Errorf("line %d: not a text, or an empty one", n.Line)
		}
		if err := check(n.Value); err != nil {
			return at(n, err)
		}
		*to = n.Value
		return nil
	}
}

// texts reads a list of strings of which there is at least one.
func texts(to *[]string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		err := list(n, func(e *yaml.Node) error {
			var s string
			err := text(&s)(e)
			*to = append(*to, s)
			return err
		})
		if err == nil && len(*to) == 0 {
			err = fmt.Errorf("line %d: the list is empty", n.Line)
		}
		return err
	}
}

// boolean reads true or false, and none of the other words that YAML 1.1 knew.
func boolean(to *bool) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if n.Value != "true" && n.Value != "false" {
			return fmt.Errorf("line %d: %q is neither true nor false", n.Line, n.Value)
		}
		*to = n.Value == "true"
		return nil
	}
}

func naming(n *yaml.Node, key string, err error) error {
	if err != nil {
		return fmt.Errorf("line %d: %s %w", n.Line, key, err)
	}
	return nil
}

func at(n *yaml.Node, err error) error {
	if err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	return nil
}

// ParseSize reads a number above 0, with K, M, G or T, or KiB, MiB, GiB or TiB,
// for powers of 1024.
func ParseSize(s string) (int64, error) {
	num, shift := s, 0
	for i, unit := range []string{"K", "M", "G", "T"} {
		if rest, ok := strings.CutSuffix(strings.TrimSuffix(s, "iB"), unit); ok {
			num, shift = strings.TrimSpace(rest), 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(num, 10, 64)
	if err == nil && n > 0 {
		if total, ok := bounded.Mul(n, 1<<shift); ok {
			return total, nil
		}
	}
	return 0, fmt.Errorf("size %q is not a number above 0 such as 4096, 64MiB or 2G", s)
}

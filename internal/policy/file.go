package policy

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

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
	err := keys(doc.Content[0], "", map[string]func(*yaml.Node) error{
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
		"limits": func(n *yaml.Node) error { return p.Limits.parse(n) },
	})
	if err == nil && !version {
		err = errors.New("key \"version\" is missing")
	}
	if err != nil {
		return Policy{}, err
	}
	return p, nil
}

func (l *Limits) parse(n *yaml.Node) error {
	size := func(to *int64) func(*yaml.Node) error {
		return func(n *yaml.Node) (err error) {
			*to, err = ParseSize(n.Value)
			return at(n, err)
		}
	}
	return keys(n, "limits.", map[string]func(*yaml.Node) error{
		"max_depth": func(n *yaml.Node) error {
			d, err := strconv.Atoi(n.Value)
			if err != nil || d < 1 {
				return fmt.Errorf("line %d: max_depth %q is not a number above 0", n.Line, n.Value)
			}
			l.MaxDepth = d
			return nil
		},
		"max_inflated": size(&l.MaxInflated),
		"max_values":   size(&l.MaxValues),
	})
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
		}
		seen[k.Value] = true
		if err := read(v); err != nil {
			return err
		}
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

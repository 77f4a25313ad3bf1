package tensor

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/andiron-dev/andiron/internal/bounded"
)

const (
	maxFile  = 1 << 20
	maxDepth = 12
)

// fault is an error with its line.
func fault(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("line %d: %w", n.Line, fmt.Errorf(format, args...))
}

func at(n *yaml.Node, err error) error {
	if err != nil {
		return fmt.Errorf("line %d: %w", n.Line, err)
	}
	return nil
}

// clip keeps what a message shows short.
func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}

// document is the top of the one document in b, which has plain YAML only.
func document(b []byte) (*yaml.Node, error) {
	if len(b) > maxFile {
		return nil, bounded.Exceeded("bytes of schema", maxFile)
	}
	src, text, err := newSource(b)
	if err != nil {
		return nil, err
	}
	var doc yaml.Node
	dec := yaml.NewDecoder(strings.NewReader(text))
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty")
	} else if err != nil {
		return nil, syntaxError(err)
	}
	if err := dec.Decode(new(yaml.Node)); err == nil {
		return nil, errors.New("more than one document")
	} else if !errors.Is(err, io.EOF) {
		return nil, syntaxError(err)
	}
	if err := src.plain(doc.Content[0], 0); err != nil {
		return nil, err
	}
	return doc.Content[0], src.comments()
}

// syntaxError is an error of the library. Where its parser says what it did not find, it
// counts the lines before.
func syntaxError(err error) error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	number, what, _ := strings.Cut(strings.TrimPrefix(text, "line "), ": ")
	line, lost := strconv.Atoi(number)
	expected, ok := strings.CutPrefix(what, "did not find expected ")
	if lost != nil || !ok {
		return errors.New(text)
	}
	switch expected {
	case "<document start>", "node content", "'-' indicator", "key", "',' or ']'", "',' or '}'":
		line++
	}
	return fmt.Errorf("line %d: did not find expected %s", line, expected)
}

// plain refuses what makes YAML say more than it shows.
func (s source) plain(n *yaml.Node, depth int) error {
	switch {
	case depth > maxDepth:
		return fault(n, "%w", bounded.Exceeded("levels of schema", maxDepth))
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		return fault(n, "anchors and aliases are not accepted")
	case n.Style&yaml.TaggedStyle != 0:
		return fault(n, "tag %q: tags are not accepted", clip(n.Tag))
	}
	if err := s.scalar(n); err != nil {
		return err
	}
	seen := map[string]bool{}
	for i, c := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			if c.Kind != yaml.ScalarNode {
				return fault(c, "a key is not a text")
			}
			if seen[c.Value] {
				return fault(c, "key %q stands twice", clip(c.Value))
			}
			seen[c.Value] = true
			if err := s.key(c); err != nil {
				return err
			}
		}
		if err := s.plain(c, depth+1); err != nil {
			return err
		}
	}
	return nil
}

type reader func(*yaml.Node) error

// keys calls the function of each key of a mapping.
func keys(n *yaml.Node, prefix string, known map[string]reader) error {
	return entries(n, func(k string, kn, v *yaml.Node) error {
		read, ok := known[k]
		if !ok {
			return fault(kn, "key %q is not known", clip(prefix+k))
		}
		return read(v)
	})
}

// entries calls a function for each key and value.
func entries(n *yaml.Node, each func(key string, k, v *yaml.Node) error) error {
	if n.Kind != yaml.MappingNode {
		return fault(n, "not a mapping of keys to values")
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if err := each(n.Content[i].Value, n.Content[i], n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

// list calls a function for each element, of which there are one to limit.
func list(n *yaml.Node, limit int, each reader) error {
	switch {
	case n.Kind != yaml.SequenceNode:
		return fault(n, "not a list")
	case len(n.Content) == 0:
		return fault(n, "the list is empty")
	case len(n.Content) > limit:
		return fault(n, "%w", bounded.Exceeded("values in a list", int64(limit)))
	}
	for _, e := range n.Content {
		if err := each(e); err != nil {
			return err
		}
	}
	return nil
}

// scalar is the text of a scalar that is not empty.
func scalar(n *yaml.Node) (string, error) {
	if n.Kind != yaml.ScalarNode || n.Value == "" || n.Tag == "!!null" {
		return "", fault(n, "not a text or number, or an empty one")
	}
	return n.Value, nil
}

// one reads one of a few words.
func one(to *string, words ...string) reader {
	return func(n *yaml.Node) error {
		for _, w := range words {
			if n.Kind == yaml.ScalarNode && n.Value == w {
				*to = w
				return nil
			}
		}
		return fault(n, "%q is not one of %s", clip(n.Value), strings.Join(words, ", "))
	}
}

func boolean(to *bool) reader {
	return func(n *yaml.Node) error {
		var word string
		err := one(&word, "true", "false")(n)
		*to = word == "true"
		return err
	}
}

// number reads a real between two bounds.
func number(to *rational, lo, hi rational) reader {
	return func(n *yaml.Node) error {
		s, err := scalar(n)
		if err != nil {
			return err
		}
		x, err := parseReal(s)
		if err == nil && (x.cmp(lo) < 0 || x.cmp(hi) > 0) {
			err = fmt.Errorf("%s is not between %s and %s", clip(s), bound(lo), bound(hi))
		}
		*to = x
		return at(n, err)
	}
}

// count reads a whole number between two bounds.
func count(to *int64, lo, hi int64) reader {
	return func(n *yaml.Node) (err error) {
		*to, err = whole(n.Value, lo, hi)
		return at(n, err)
	}
}

func whole(s string, lo, hi int64) (int64, error) {
	x, err := parseReal(s)
	if err != nil || !x.r.IsInt() || !x.r.Num().IsInt64() || strings.ContainsAny(s, ".eE") {
		return 0, fmt.Errorf("%q is not a whole number", clip(s))
	}
	if n := x.r.Num().Int64(); n >= lo && n <= hi {
		return n, nil
	}
	return 0, fmt.Errorf("%s is not between %d and %d", clip(s), lo, hi)
}

// size reads bytes: 4096, 8KiB, 64MiB, 2GiB, with powers of 1024.
func size(to *int64, limit int64) reader {
	return func(n *yaml.Node) error {
		num, shift := n.Value, 0
		for i, unit := range []string{"KiB", "MiB", "GiB", "TiB"} {
			if rest, ok := strings.CutSuffix(n.Value, unit); ok {
				num, shift = rest, 10*(i+1)
			}
		}
		x, err := whole(num, 1, limit)
		if total, ok := bounded.Mul(x, 1<<shift); err == nil && ok && total <= limit {
			*to = total
			return nil
		}
		return fault(n, "size %q is not a number from 1 to %s, such as 4096 or 64MiB", clip(n.Value), strconv.FormatInt(limit, 10))
	}
}

package tensor

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	maxPattern  = 1024
	defaultText = 64 << 10
	maxText     = 1 << 30
)

func (t *spec) readText(n *yaml.Node, prefix string) error {
	x := &textRules{maxBytes: defaultText, utf8: true, deny: []string{}}
	t.text = x
	utf8 := "strict"
	known := slices.Sorted(maps.Keys(classes()))
	err := keys(n, prefix+"text.", map[string]reader{
		"max_bytes": size(&x.maxBytes, maxText), "max_chars": count(&x.maxChars, 1, maxText), "min_chars": count(&x.minChars, 1, maxText),
		"utf8": one(&utf8, "strict", "any"),
		"deny": func(n *yaml.Node) error {
			return list(n, len(known), func(e *yaml.Node) error {
				var word string
				err := one(&word, known...)(e)
				if err == nil && slices.Contains(x.deny, word) {
					err = fault(e, "%q stands twice", word)
				}
				x.deny = append(x.deny, word)
				return err
			})
		},
		"pattern": func(n *yaml.Node) (err error) {
			if x.pattern, err = scalar(n); err != nil {
				return err
			}
			x.match, err = compilePattern(x.pattern)
			return at(n, err)
		},
	})
	x.utf8 = utf8 == "strict"
	slices.Sort(x.deny)
	for _, word := range x.deny {
		x.denied = append(x.denied, classes()[word]...)
	}
	x.denied = merged(x.denied)
	switch {
	case err != nil:
		return err
	case !x.utf8 && (x.maxChars > 0 || x.minChars > 0 || len(x.deny) > 0 || x.match != nil):
		return fault(n, "with utf8: any there are no characters to check: max_chars, min_chars, deny and pattern need utf8: strict")
	case x.maxChars > 0 && x.minChars > x.maxChars:
		return fault(n, "min_chars is above max_chars")
	}
	return nil
}

// merged sorts spans and joins those that meet.
func merged(spans []span) (out []span) {
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.lo, b.lo) })
	for _, s := range spans {
		if n := len(out); n > 0 && s.lo <= out[n-1].hi+1 {
			out[n-1].hi = max(out[n-1].hi, s.hi)
			continue
		}
		out = append(out, s)
	}
	return out
}

// compilePattern takes what RE2 and the engines of other languages read alike: no
// anchors (a pattern is about the whole text), no flags, no named classes, no
// Unicode properties.
func compilePattern(s string) (*regexp.Regexp, error) {
	if len(s) > maxPattern {
		return nil, fmt.Errorf("a pattern has more than %d bytes", maxPattern)
	}
	class := false
	for i := 0; i < len(s); i++ {
		rest := s[i:]
		switch {
		case rest[0] == '\\':
			if len(rest) < 2 || !strings.ContainsRune(`dDwWsSntr\.+*?()|[]{}^$/-`, rune(rest[1])) {
				return nil, fmt.Errorf("pattern %q: escape %q is not portable", s, rest[:min(2, len(rest))])
			}
			i++
		case class && strings.HasPrefix(rest, "[:"), class && rest[0] == '[':
			return nil, fmt.Errorf("pattern %q: a [ within a class is written \\[", s)
		case class:
			class = rest[0] != ']'
		case rest[0] == '[':
			class = true
			if after := strings.TrimPrefix(rest[1:], "^"); strings.HasPrefix(after, "]") {
				return nil, fmt.Errorf("pattern %q: a class starts with ], which is written \\]", s)
			}
		case strings.HasPrefix(rest, "(?") && !strings.HasPrefix(rest, "(?:"):
			return nil, fmt.Errorf("pattern %q: flags and named groups are not portable", s)
		case rest[0] == '^' || rest[0] == '$':
			return nil, fmt.Errorf("pattern %q: it is about the whole text and needs no %q", s, rest[:1])
		}
	}
	if _, err := regexp.Compile(s); err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	return regexp.Compile(`\A(?:` + s + `)\z`)
}

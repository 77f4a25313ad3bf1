package convert

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Selector names a part of a checkpoint.
type Selector struct {
	text string
	keys []string // of a list of keys; nil of a dotted path
}

// ParseSelector reads a dotted path, or a JSON list of keys and indices for keys
// that are not told apart by dots.
func ParseSelector(s string) (Selector, error) {
	if !strings.HasPrefix(s, "[") {
		if s == "" {
			return Selector{}, fmt.Errorf("%q names nothing", s)
		}
		return Selector{text: s}, nil
	}
	var list []any
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	if err := d.Decode(&list); err != nil || d.More() || len(list) == 0 {
		return Selector{}, fmt.Errorf(`%q is no list of keys such as ["state_dict", 0]`, s)
	}
	out := Selector{text: s}
	for _, x := range list {
		switch x := x.(type) {
		case string:
			out.keys = append(out.keys, x)
		case json.Number:
			out.keys = append(out.keys, x.String())
		default:
			return Selector{}, fmt.Errorf("%q has a key that is neither text nor a number", s)
		}
	}
	return out, nil
}

// String returns the selector as it was given.
func (s Selector) String() string { return s.text }

// match returns how many keys of a path the selector names, 0 if the path is not
// below them.
func (s Selector) match(path []key) int {
	if s.keys != nil {
		if len(path) < len(s.keys) {
			return 0
		}
		for i, k := range s.keys {
			if path[i].text != k {
				return 0
			}
		}
		return len(s.keys)
	}
	rest := s.text
	for i, k := range path {
		after, ok := strings.CutPrefix(rest, k.text)
		if !ok {
			return 0
		}
		if after == "" {
			return i + 1
		}
		if rest, ok = strings.CutPrefix(after, "."); !ok {
			return 0
		}
	}
	return 0
}

// key is a step of a path.
type key struct {
	text string
	kind keyKind
}

type keyKind byte

const (
	textKey keyKind = iota
	intKey          // a whole number, or an index
	oddKey          // another value, which makes no name
)

// split is the path of a name in a format that keeps names and no objects.
func split(name string) []key {
	parts := strings.Split(name, ".")
	path := make([]key, len(parts))
	for i, s := range parts {
		path[i] = key{text: s}
	}
	return path
}

func join(path []key) string {
	parts := make([]string, len(path))
	for i, k := range path {
		parts[i] = k.text
	}
	return strings.Join(parts, ".")
}

// display is a path for people, in which "0" and 0 are not the same.
func display(path []key) string {
	parts := make([]string, len(path))
	for i, k := range path {
		if parts[i] = k.text; k.kind == textKey {
			parts[i] = strconv.Quote(k.text)
		}
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

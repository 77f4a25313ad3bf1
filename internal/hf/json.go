package hf

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// kind is a kind of JSON value.
type kind byte

const (
	null kind = iota
	boolean
	number
	text
	array
	object
)

// node is a JSON value with its place in the file.
type node struct {
	kind  kind
	off   int64
	str   string // of text, number and boolean
	items []node
	keys  []key // of an object, beside items
}

type key struct {
	name string
	off  int64
	dup  bool
}

// SyntaxError says where a file stops being JSON.
type SyntaxError struct {
	Offset int64
	Err    error
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("hf: at offset %#x: %v", e.Offset, e.Err) }

// Unwrap returns what is wrong without the position.
func (e *SyntaxError) Unwrap() error { return e.Err }

// parser reads JSON as CPython's json module does: NaN and Infinity are
// numbers, half surrogates are characters, keys may repeat.
type parser struct {
	s     string
	pos   int
	depth int // levels left
	most  int
	nodes *bounded.Budget
}

func parse(b []byte, lim Limits) (node, error) {
	p := &parser{s: string(b), depth: lim.Depth, most: lim.Depth, nodes: bounded.NewBudget("JSON values", lim.Values)}
	if !utf8.Valid(b) {
		return node{}, p.fail(errors.New("not UTF-8"))
	}
	n, err := p.value()
	if err == nil && (p.peek() != 0 || p.pos < len(p.s)) {
		err = p.fail(errors.New("bytes behind the JSON value"))
	}
	return n, err
}

func (p *parser) fail(err error) error { return &SyntaxError{int64(p.pos), err} }

func (p *parser) peek() byte {
	for p.pos < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.pos]) >= 0 {
		p.pos++
	}
	if p.pos >= len(p.s) {
		return 0
	}
	return p.s[p.pos]
}

func (p *parser) value() (node, error) {
	c := p.peek()
	n := node{off: int64(p.pos)}
	if err := p.nodes.Spend(1); err != nil {
		return n, p.fail(err)
	}
	if p.depth--; p.depth < 0 {
		return n, p.fail(bounded.Exceeded("nested JSON values", int64(p.most)))
	}
	defer func() { p.depth++ }()
	var err error
	switch c {
	case '{':
		n.kind = object
		err = p.list('}', func() error { return p.member(&n) })
		markDuplicates(n.keys)
	case '[':
		n.kind = array
		err = p.list(']', func() error {
			v, err := p.value()
			n.items = append(n.items, v)
			return err
		})
	case '"':
		n.kind = text
		n.str, err = p.str()
	default:
		err = p.word(&n)
	}
	return n, err
}

func (p *parser) list(end byte, item func() error) error {
	p.pos++
	if p.peek() == end {
		p.pos++
		return nil
	}
	for {
		if err := item(); err != nil {
			return err
		}
		switch p.peek() {
		case end:
			p.pos++
			return nil
		case ',':
			p.pos++
		default:
			return p.fail(fmt.Errorf("no ',' and no %q", end))
		}
	}
}

func (p *parser) member(n *node) error {
	if p.peek() != '"' {
		return p.fail(errors.New("a key is not a string"))
	}
	k := key{off: int64(p.pos)}
	var err error
	if k.name, err = p.str(); err != nil {
		return err
	}
	if p.peek() != ':' {
		return p.fail(errors.New("no ':' behind a key"))
	}
	p.pos++
	v, err := p.value()
	n.keys = append(n.keys, k)
	n.items = append(n.items, v)
	return err
}

func markDuplicates(keys []key) {
	if len(keys) < 2 {
		return
	}
	seen := make(map[string]bool, len(keys))
	for i := range keys {
		keys[i].dup = seen[keys[i].name]
		seen[keys[i].name] = true
	}
}

func (p *parser) word(n *node) error {
	end := p.pos
	for end < len(p.s) && strings.IndexByte(",]} \t\r\n", p.s[end]) < 0 && end-p.pos < 4096 {
		end++
	}
	w := p.s[p.pos:end]
	switch w {
	case "null":
	case "true", "false":
		n.kind = boolean
	case "NaN", "Infinity", "-Infinity":
		n.kind = number
	default:
		n.kind = number
		if w == "" || strings.Trim(w, "+-.0123456789eE") != "" || w[0] != '-' && (w[0] < '0' || w[0] > '9') {
			return p.fail(fmt.Errorf("%.20q is not JSON", w))
		}
	}
	n.str = w
	p.pos = end
	return nil
}

func (p *parser) str() (string, error) {
	p.pos++
	start := p.pos
	i := strings.IndexAny(p.s[start:], "\"\\")
	if i >= 0 && p.s[start+i] == '"' {
		p.pos = start + i + 1
		return p.s[start : start+i], nil
	}
	var out []byte
	for p.pos < len(p.s) {
		c := p.s[p.pos]
		switch {
		case c == '"':
			p.pos++
			return string(out), nil
		case c != '\\':
			out = append(out, c)
			p.pos++
		default:
			var err error
			if out, err = p.escape(out); err != nil {
				return "", err
			}
		}
	}
	return "", p.fail(errors.New("the file ends inside a string"))
}

func (p *parser) escape(out []byte) ([]byte, error) {
	if p.pos+1 >= len(p.s) {
		return nil, p.fail(errors.New("the file ends inside a string"))
	}
	if i := strings.IndexByte(`"\/bfnrt`, p.s[p.pos+1]); i >= 0 {
		p.pos += 2
		return append(out, "\"\\/\b\f\n\r\t"[i]), nil
	}
	r, ok := p.unit(p.pos)
	if !ok {
		return nil, p.fail(errors.New("unknown escape in a string"))
	}
	p.pos += 6
	if low, ok := p.unit(p.pos); ok && utf16.IsSurrogate(r) {
		if full := utf16.DecodeRune(r, low); full != utf8.RuneError {
			p.pos += 6
			r = full
		}
	}
	return utf8.AppendRune(out, r), nil // half a pair becomes U+FFFD
}

func (p *parser) unit(at int) (rune, bool) {
	if at+6 > len(p.s) || p.s[at] != '\\' || p.s[at+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(p.s[at+2:at+6], 16, 32)
	return rune(n), err == nil
}

package triton

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/bounded"
)

type kind uint8

const (
	text   kind = iota + 1 // a string
	word                   // a name: an enum, true, inf
	number                 // as written
)

// node is a field, or an element of its list.
type node struct {
	name     string
	line     int
	kind     kind
	value    string
	list     bool
	message  bool
	children []*node // fields of a message, or elements of a list
}

// each gives the elements of a list, or the field itself, which is the same to
// protobuf.
func (n *node) each() []*node {
	if n.list {
		return n.children
	}
	return []*node{n}
}

// maxNodes bounds the memory that a document takes.
const maxNodes = 200_000

type parser struct {
	s     string
	pos   int
	line  int
	nodes int
}

// parse reads the fields of a document.
func parse(b []byte) ([]*node, error) {
	if len(b) > MaxBytes {
		return nil, bounded.Exceeded("bytes of a configuration", MaxBytes)
	}
	if !utf8.Valid(b) {
		return nil, errors.New("the configuration is no UTF-8")
	}
	p := &parser{s: string(b), line: 1}
	fs, err := p.fields(0)
	if err == nil && p.peek() != 0 {
		err = p.fault("%q closes nothing", p.s[p.pos:p.pos+1])
	}
	return fs, err
}

func (p *parser) fault(format string, args ...any) error {
	return fmt.Errorf("line %d: %w", p.line, fmt.Errorf(format, args...))
}

// peek skips space and comments and gives the next byte, 0 at the end.
func (p *parser) peek() byte {
	for p.pos < len(p.s) {
		switch c := p.s[p.pos]; c {
		case '\n':
			p.line++
			p.pos++
		case ' ', '\t', '\r', '\v', '\f':
			p.pos++
		case '#':
			end := strings.IndexByte(p.s[p.pos:], '\n')
			if end < 0 {
				end = len(p.s) - p.pos
			}
			p.pos += end
		case 0:
			return 1 // no byte that begins anything
		default:
			return c
		}
	}
	return 0
}

func (p *parser) node(name string) (*node, error) {
	if p.nodes++; p.nodes > maxNodes {
		return nil, p.fault("%w", bounded.Exceeded("fields of a configuration", maxNodes))
	}
	return &node{name: name, line: p.line}, nil
}

// fields reads fields up to a brace or the end.
func (p *parser) fields(depth int) (all []*node, err error) {
	if depth > maxDepth {
		return nil, p.fault("%w", bounded.Exceeded("levels of a configuration", maxDepth))
	}
	for {
		c := p.peek()
		if c == 0 || c == '}' || c == ']' {
			return all, nil
		}
		name := p.name()
		if name == "" {
			return nil, p.fault("%q begins no field", p.s[p.pos:p.pos+1])
		}
		n, err := p.node(name)
		if err != nil {
			return nil, err
		}
		colon := p.peek() == ':'
		if colon {
			p.pos++
		}
		if err := p.value(n, colon, depth); err != nil {
			return nil, err
		}
		if c := p.peek(); c == ',' || c == ';' {
			p.pos++
		}
		all = append(all, n)
	}
}

func isLetter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

func (p *parser) name() string {
	start := p.pos
	for p.pos < len(p.s) && (isLetter(p.s[p.pos]) || p.pos > start && isDigit(p.s[p.pos])) {
		p.pos++
	}
	return p.s[start:p.pos]
}

// value reads what a field has. Without a colon it is a message or a list of them.
func (p *parser) value(n *node, colon bool, depth int) error {
	switch c := p.peek(); {
	case c == '{':
		return p.message(n, depth)
	case c == '[':
		return p.elements(n, colon, depth)
	case !colon:
		return p.fault("field %q has no value", clip(n.name))
	}
	return p.scalar(n)
}

func (p *parser) message(n *node, depth int) (err error) {
	p.pos++
	n.message = true
	if n.children, err = p.fields(depth + 1); err != nil {
		return err
	}
	if p.peek() != '}' {
		return p.fault("the message %q has no end", clip(n.name))
	}
	p.pos++
	return nil
}

func (p *parser) elements(n *node, colon bool, depth int) error {
	p.pos++
	n.list = true
	for p.peek() != ']' {
		if len(n.children) > 0 {
			if p.peek() != ',' {
				return p.fault("the list %q has no end", clip(n.name))
			}
			p.pos++
		}
		e, err := p.node(n.name)
		if err != nil {
			return err
		}
		if p.peek() == '[' {
			return p.fault("a list in the list %q", clip(n.name))
		}
		if err := p.value(e, colon, depth); err != nil {
			return err
		}
		n.children = append(n.children, e)
	}
	p.pos++
	return nil
}

func (p *parser) scalar(n *node) error {
	switch c := p.peek(); {
	case c == '"' || c == '\'':
		n.kind = text
		for c := p.peek(); c == '"' || c == '\''; c = p.peek() { // strings beside each other are one
			s, err := p.quoted(c)
			if err != nil {
				return err
			}
			n.value += s
		}
		return nil
	case isLetter(c):
		n.kind, n.value = word, p.name()
		return nil
	case isDigit(c) || c == '-' || c == '.' || c == '+':
		return p.number(n)
	}
	return p.fault("field %q has no value", clip(n.name))
}

func (p *parser) number(n *node) error {
	start := p.pos
	if p.s[p.pos] == '-' {
		p.pos++
		p.peek() // space may follow the sign
		if isLetter(p.s[min(p.pos, len(p.s)-1)]) {
			n.kind, n.value = word, "-"+p.name()
			return nil
		}
	}
	digits := p.pos
	for p.pos < len(p.s) && (isDigit(p.s[p.pos]) || isLetter(p.s[p.pos]) || strings.IndexByte(".+-", p.s[p.pos]) >= 0) {
		p.pos++
	}
	if digits == p.pos {
		return p.fault("field %q has no value", clip(n.name))
	}
	n.kind, n.value = number, p.s[digits:p.pos]
	if p.s[start] == '-' {
		n.value = "-" + n.value
	}
	return nil
}

// quoted reads one string. Of the escapes it knows those that are one character.
func (p *parser) quoted(quote byte) (string, error) {
	p.pos++
	var b strings.Builder
	for p.pos < len(p.s) {
		c := p.s[p.pos]
		p.pos++
		switch {
		case c == quote:
			return b.String(), nil
		case c == '\n':
			return "", p.fault("a string goes over the end of a line")
		case c != '\\':
			b.WriteByte(c)
		case p.pos == len(p.s):
			return "", p.fault("a string has no end")
		default:
			i := strings.IndexByte(`nrt"'\`, p.s[p.pos])
			if i < 0 {
				return "", p.fault("the escape %q is not read", `\`+p.s[p.pos:p.pos+1])
			}
			b.WriteByte("\n\r\t\"'\\"[i])
			p.pos++
		}
	}
	return "", p.fault("a string has no end")
}

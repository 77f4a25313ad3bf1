package npy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// The values of literals: string, int64, bool, nil, tuple, list, dict. Bytes
// are not among them: no header has them.
type (
	tuple []any
	list  []any
	dict  []entry
	entry struct {
		key, value any
		at         int64
	}
)

// literal is a parser of the part of Python that headers are written in.
type literal struct {
	s     string
	pos   int
	base  int64
	depth int // levels left
	most  int
	longs bool // Python 2 wrote 3L; NumPy takes that out in versions 1 and 2
}

func parseLiteral(text []byte, base int64, depth int, latin1 bool) (any, error) {
	p := &literal{s: string(text), base: base, depth: depth, most: depth, longs: latin1}
	if !latin1 && !utf8.Valid(text) {
		return nil, p.fail(errors.New("the header is not UTF-8"))
	}
	v, err := p.value()
	if err != nil {
		return nil, err
	}
	if c := p.peek(); c != 0 || p.pos < len(p.s) {
		return nil, p.fail(fmt.Errorf("%q behind the literal", c))
	}
	return v, nil
}

func (p *literal) fail(err error) error { return &FormatError{p.base + int64(p.pos), err} }

func (p *literal) peek() byte {
	for p.pos < len(p.s) && strings.IndexByte(" \t\r\n\f", p.s[p.pos]) >= 0 {
		p.pos++
	}
	if p.pos >= len(p.s) {
		return 0
	}
	return p.s[p.pos]
}

func (p *literal) value() (any, error) {
	if p.depth--; p.depth < 0 {
		return nil, p.fail(bounded.Exceeded("nested literals", int64(p.most)))
	}
	defer func() { p.depth++ }()
	switch c := p.peek(); {
	case c == '{':
		return p.dict()
	case c == '[':
		items, _, err := p.items(']')
		return list(items), err
	case c == '(':
		items, comma, err := p.items(')')
		if len(items) == 1 && !comma {
			return items[0], err // parentheses around a value
		}
		return tuple(items), err
	case c == '\'' || c == '"':
		return p.str(c)
	case c == '-' || c >= '0' && c <= '9':
		return p.number()
	default:
		return p.word()
	}
}

// items reads values up to end; comma says whether there was one.
func (p *literal) items(end byte) (out []any, comma bool, err error) {
	p.pos++
	for {
		if p.peek() == end {
			p.pos++
			return out, comma, nil
		}
		v, err := p.value()
		if err != nil {
			return out, comma, err
		}
		out = append(out, v)
		switch c := p.peek(); c {
		case ',':
			p.pos++
			comma = true
		case end:
		default:
			return out, comma, p.fail(fmt.Errorf("%q where ',' or %q must stand", c, end))
		}
	}
}

func (p *literal) dict() (any, error) {
	p.pos++
	d := dict{}
	for {
		if p.peek() == '}' {
			p.pos++
			return d, nil
		}
		e := entry{at: p.base + int64(p.pos)}
		var err error
		if e.key, err = p.value(); err != nil {
			return d, err
		}
		if p.peek() != ':' {
			return d, p.fail(errors.New("no ':' behind a key"))
		}
		p.pos++
		if e.value, err = p.value(); err != nil {
			return d, err
		}
		d = append(d, e)
		switch p.peek() {
		case ',':
			p.pos++
		case '}':
		default:
			return d, p.fail(errors.New("no ',' between entries"))
		}
	}
}

func (p *literal) number() (any, error) {
	start := p.pos
	p.pos++
	for p.pos < len(p.s) && p.s[p.pos] >= '0' && p.s[p.pos] <= '9' {
		p.pos++
	}
	n, err := strconv.ParseInt(p.s[start:p.pos], 10, 64)
	if err != nil {
		p.pos = start
		return nil, p.fail(errors.New("not an integer of 64 bits"))
	}
	if p.longs && p.pos < len(p.s) && p.s[p.pos] == 'L' {
		p.pos++
	}
	if p.pos < len(p.s) && (p.s[p.pos] == '.' || p.s[p.pos] == '_' || isAlnum(p.s[p.pos])) {
		return nil, p.fail(errors.New("a number other than a decimal integer"))
	}
	return n, nil
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

func (p *literal) word() (any, error) {
	for text, v := range map[string]any{"True": true, "False": false, "None": nil} {
		rest, ok := strings.CutPrefix(p.s[p.pos:], text)
		if ok && (rest == "" || !isAlnum(rest[0]) && rest[0] != '_' && rest[0] < 0x80) {
			p.pos += len(text)
			return v, nil
		}
	}
	if p.pos >= len(p.s) {
		return nil, p.fail(errors.New("the header ends inside the literal"))
	}
	return nil, p.fail(fmt.Errorf("%q does not begin a literal that NumPy writes", p.s[p.pos]))
}

// str reads a short string with the escapes that repr writes.
func (p *literal) str(quote byte) (any, error) {
	var out []byte
	for p.pos++; p.pos < len(p.s); p.pos++ {
		switch c := p.s[p.pos]; c {
		case quote:
			p.pos++
			if next := p.peek(); next == '\'' || next == '"' {
				return nil, p.fail(errors.New("two strings in a row"))
			}
			return string(out), nil
		case '\n':
			return nil, p.fail(errors.New("a line ends inside a string"))
		case '\\':
			r, _, rest, err := strconv.UnquoteChar(p.s[p.pos:], quote)
			if err != nil {
				return nil, p.fail(errors.New("an escape that is not in headers"))
			}
			out = utf8.AppendRune(out, r)
			p.pos = len(p.s) - len(rest) - 1
		default:
			out = append(out, c)
		}
	}
	return nil, p.fail(errors.New("the header ends inside a string"))
}

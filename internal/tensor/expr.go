package tensor

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// expr is a node of a constraint: a number, a symbol, or an operation on two.
type expr struct {
	op   string // + - * %, or empty
	name string // of a symbol, or empty
	n    int64
	l, r *expr
}

// A constraint compares two expressions.
type constraint struct {
	op   string
	l, r *expr
	text string // as it stands in the schema
}

const (
	maxConstraint = 256 // bytes
	maxNesting    = 16  // parentheses within parentheses
)

func (e *expr) String() string {
	switch {
	case e.op != "":
		return "(" + e.l.String() + e.op + e.r.String() + ")"
	case e.name != "":
		return e.name
	}
	return strconv.FormatInt(e.n, 10)
}

func (c constraint) String() string { return c.l.String() + c.op + c.r.String() }

// symbols appends the names in e.
func (e *expr) symbols(names []string) []string {
	switch {
	case e.op != "":
		return e.r.symbols(e.l.symbols(names))
	case e.name != "" && !slices.Contains(names, e.name):
		return append(names, e.name)
	}
	return names
}

// eval is the value, unless it leaves int64 or divides by zero or less.
func (e *expr) eval(dims map[string]int64) (int64, error) {
	switch {
	case e.name != "":
		return dims[e.name], nil
	case e.op == "":
		return e.n, nil
	}
	a, err := e.l.eval(dims)
	if err != nil {
		return 0, err
	}
	b, err := e.r.eval(dims)
	if err != nil {
		return 0, err
	}
	var v int64
	ok := true
	switch e.op {
	case "+":
		v = a + b
		ok = (v > a) == (b > 0)
	case "-":
		v = a - b
		ok = (v < a) == (b > 0)
	case "*":
		v, ok = product(a, b)
	case "%":
		if b <= 0 {
			return 0, fmt.Errorf("the remainder of a division by %d is not defined", b)
		}
		v = (a%b + b) % b
	}
	if !ok {
		return 0, fmt.Errorf("%d %s %d leaves 64 bits", a, e.op, b)
	}
	return v, nil
}

func product(a, b int64) (int64, bool) {
	neg := (a < 0) != (b < 0)
	if a == -a && a != 0 || b == -b && b != 0 { // the smallest int64 has no opposite
		return 0, false
	}
	v, ok := bounded.Mul(max(a, -a), max(b, -b))
	if neg {
		v = -v
	}
	return v, ok
}

// holds evaluates both sides and compares them.
func (c constraint) holds(dims map[string]int64) (l, r int64, ok bool, err error) {
	if l, err = c.l.eval(dims); err != nil {
		return l, r, false, err
	}
	if r, err = c.r.eval(dims); err != nil {
		return l, r, false, err
	}
	switch c.op {
	case "==":
		ok = l == r
	case "!=":
		ok = l != r
	case "<=":
		ok = l <= r
	case ">=":
		ok = l >= r
	case "<":
		ok = l < r
	case ">":
		ok = l > r
	}
	return l, r, ok, nil
}

// parser reads tokens from the left.
type parser struct {
	tokens []string
	depth  int
}

var token = regexp.MustCompile(`^(?:[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[=!<>]=|[<>()+*%-])`)

func tokens(s string) ([]string, error) {
	var ts []string
	for s = strings.TrimLeft(s, " "); s != ""; s = strings.TrimLeft(s, " ") {
		t := token.FindString(s)
		if t == "" {
			return nil, fmt.Errorf("%q is not understood", clip(s))
		}
		ts, s = append(ts, t), s[len(t):]
	}
	return ts, nil
}

// parseConstraint reads two expressions with a comparison between them.
func parseConstraint(s string) (c constraint, err error) {
	if len(s) > maxConstraint {
		return c, bounded.Exceeded("bytes of a constraint", maxConstraint)
	}
	c.text = s
	p := &parser{}
	if p.tokens, err = tokens(s); err != nil {
		return c, err
	}
	if c.l, err = p.sum(); err != nil {
		return c, err
	}
	if c.op = p.take("==", "!=", "<=", ">=", "<", ">"); c.op == "" {
		return c, fmt.Errorf("%q does not compare: it needs one of == != <= >= < >", s)
	}
	if c.r, err = p.sum(); err != nil {
		return c, err
	}
	if len(p.tokens) > 0 {
		return c, fmt.Errorf("%q is not expected there", p.tokens[0])
	}
	if len(c.r.symbols(c.l.symbols(nil))) == 0 {
		return c, fmt.Errorf("%q has no symbol", s)
	}
	return c, nil
}

func (p *parser) take(which ...string) string {
	if len(p.tokens) > 0 && slices.Contains(which, p.tokens[0]) {
		t := p.tokens[0]
		p.tokens = p.tokens[1:]
		return t
	}
	return ""
}

func (p *parser) sum() (*expr, error) { return p.chain(p.term, "+", "-") }

func (p *parser) term() (*expr, error) { return p.chain(p.atom, "*", "%") }

func (p *parser) chain(next func() (*expr, error), ops ...string) (*expr, error) {
	e, err := next()
	for err == nil {
		op := p.take(ops...)
		if op == "" {
			break
		}
		var r *expr
		r, err = next()
		e = &expr{op: op, l: e, r: r}
	}
	return e, err
}

func (p *parser) atom() (*expr, error) {
	if p.take("(") != "" {
		if p.depth++; p.depth > maxNesting {
			return nil, bounded.Exceeded("parentheses within parentheses", maxNesting)
		}
		e, err := p.sum()
		if err == nil && p.take(")") == "" {
			err = errors.New("a parenthesis is not closed")
		}
		p.depth--
		return e, err
	}
	if len(p.tokens) == 0 {
		return nil, errors.New("it ends where a number or symbol is expected")
	}
	t := p.tokens[0]
	p.tokens = p.tokens[1:]
	if isSymbol(t) {
		return &expr{name: t}, nil
	}
	n, err := whole(t, 0, maxDim)
	if err != nil {
		return nil, err
	}
	return &expr{n: n}, nil
}

// isSymbol reports whether s can name a size. A lone underscore is any size.
func isSymbol(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && s != "_" && len(s) <= 32
}

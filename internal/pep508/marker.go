package pep508

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/pep440"
)

// Marker says which environments a requirement is for.
type Marker struct {
	atoms []atom
	ors   []int // the atoms that stand after an "or"; before others is an "and"
}

// atom is a comparison, or a marker in parentheses.
type atom struct {
	group      *Marker
	comparison comparison
}

type comparison struct {
	left  operand
	op    string
	right operand
}

type operand struct {
	text     string // of a variable, its name
	variable bool
}

// The variables that are not text as others are.
const (
	extra  = "extra"             // one of the extras that are asked for
	extras = "extras"            // all of them, in lock files
	groups = "dependency_groups" // in lock files
)

// ParseMarker reads a marker that stands alone.
func ParseMarker(s string) (*Marker, error) {
	if err := checkText(s); err != nil {
		return nil, err
	}
	p := parser{s: s}
	m, err := p.marker()
	if err != nil {
		return nil, err
	}
	if !p.done() {
		return nil, p.fail(`expected "and", "or" or the end`)
	}
	return m, nil
}

// String is the marker in the form of packaging: single spaces, double quotes
// where that is possible, no parentheses around one comparison. A backslash
// stands for itself in it, so a string with one may not parse to the same.
func (m *Marker) String() string {
	var b strings.Builder
	m.write(&b, true)
	return b.String()
}

func (m *Marker) write(b *strings.Builder, outermost bool) {
	for len(m.atoms) == 1 && m.atoms[0].group != nil {
		m = m.atoms[0].group
	}
	paren := !outermost && len(m.atoms) > 1
	if paren {
		b.WriteByte('(')
	}
	ors := m.ors
	for i, a := range m.atoms {
		switch {
		case len(ors) > 0 && ors[0] == i:
			b.WriteString(" or ")
			ors = ors[1:]
		case i > 0:
			b.WriteString(" and ")
		}
		if a.group != nil {
			a.group.write(b, false)
			continue
		}
		a.comparison.left.write(b)
		b.WriteString(" " + a.comparison.op + " ")
		a.comparison.right.write(b)
	}
	if paren {
		b.WriteByte(')')
	}
}

func (o operand) write(b *strings.Builder) {
	switch {
	case o.variable:
		b.WriteString(o.text)
	case !strings.Contains(o.text, `"`):
		b.WriteString(`"` + o.text + `"`)
	case !strings.Contains(o.text, "'"):
		b.WriteString("'" + o.text + "'")
	default: // packaging cannot write it
		b.WriteString(`"` + strings.ReplaceAll(o.text, `"`, `\x22`) + `"`)
	}
}

// Extra returns the extras and groups that the marker mentions, sorted.
func (m *Marker) Extra() []string {
	var names []string
	for _, a := range m.atoms {
		if a.group != nil {
			names = append(names, a.group.Extra()...)
			continue
		}
		c := a.comparison
		if c.left.variable && !c.right.variable && c.left.named() {
			names = append(names, Normalize(c.right.text))
		} else if c.right.variable && !c.left.variable && c.right.named() {
			names = append(names, Normalize(c.left.text))
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// named reports whether what a variable is compared with is a name.
func (o operand) named() bool { return o.text == extra || o.text == extras || o.text == groups }

// normalize gives the names of extras their normal form.
func (c *comparison) normalize() {
	switch {
	case c.left.variable && c.left.text == extra && !c.right.variable:
		c.right.text = Normalize(c.right.text)
	case c.right.variable && c.right.named() && !c.left.variable:
		c.left.text = Normalize(c.left.text)
	}
}

// Eval reports whether the requirement is for an environment. What cannot be
// decided is taken to be so: Evaluate says why.
func (m *Marker) Eval(env Environment) bool {
	ok, err := m.Evaluate(env)
	return ok || err != nil
}

// Evaluate decides the marker. It is an error if any comparison in it has no
// meaning, or is about what env does not say.
func (m *Marker) Evaluate(env Environment) (bool, error) {
	return m.any(func(c comparison) (bool, error) { return c.evaluate(env) })
}

// Possible reports whether the marker may hold in some environment that has what
// env says; what that does not say may be anything. Comparisons are taken one by
// one: that two of them exclude each other is not seen.
func (m *Marker) Possible(env Environment) bool {
	ok, _ := m.any(func(c comparison) (bool, error) {
		ok, err := c.evaluate(env)
		return ok || err != nil, nil
	})
	return ok
}

// any reports whether all comparisons hold between some two "or"s. There is no
// short cut: an error anywhere is one.
func (m *Marker) any(holds func(comparison) (bool, error)) (bool, error) {
	result, all := false, true
	ors := m.ors
	for i, a := range m.atoms {
		if len(ors) > 0 && ors[0] == i {
			result = result || all
			all, ors = true, ors[1:]
		}
		var ok bool
		var err error
		if a.group != nil {
			ok, err = a.group.any(holds)
		} else {
			ok, err = holds(a.comparison)
		}
		if err != nil {
			return false, err
		}
		all = all && ok
	}
	return result || all, nil
}

// evaluate compares. If the left side is text, then the right side names what it
// is compared with, even if it is text too; if both are variables, the right one
// is its name. So it is in packaging.
func (c comparison) evaluate(env Environment) (bool, error) {
	key := c.right.text
	if c.left.variable {
		key = c.left.text
	}
	switch key {
	case extras, groups:
		return c.evaluateSet(key, env)
	case extra:
		if env.AnyExtra {
			return false, errors.New("which extras are asked for is not known")
		}
		if len(env.Extras) > 1 {
			return c.evaluateExtras(env.Extras)
		}
	}
	value, ok := env.value(key)
	if !ok {
		return false, fmt.Errorf("%q is not known", clip(key))
	}
	if c.left.variable {
		return compare(key, value, c.op, c.right.text)
	}
	return compare(key, c.left.text, c.op, value)
}

// evaluateExtras compares with extra when several extras are asked for.
func (c comparison) evaluateExtras(names []string) (bool, error) {
	text := c.left.text
	if c.left.variable {
		text = c.right.text
	}
	has := slices.ContainsFunc(names, func(n string) bool { return Normalize(n) == text })
	switch c.op {
	case "==":
		return has, nil
	case "!=":
		return !has, nil
	}
	return false, undefined(extra, c.op, text)
}

// evaluateSet compares with all extras, or all groups.
func (c comparison) evaluateSet(key string, env Environment) (bool, error) {
	if c.left.variable {
		return false, fmt.Errorf("%s cannot stand on the left of %s", key, c.op)
	}
	if env.AnyExtra {
		return false, fmt.Errorf("which %s are asked for is not known", key)
	}
	names := env.Extras
	if key == groups {
		names = env.Groups
	}
	text := Normalize(c.left.text)
	has := slices.ContainsFunc(names, func(n string) bool { return Normalize(n) == text })
	switch c.op {
	case "in":
		return has, nil
	case "not in":
		return !has, nil
	case "!=": // a name is no set
		return true, nil
	case "~=", "===":
		return false, undefined(key, c.op, text)
	}
	return false, nil
}

// compare compares versions where the variable is one and the text on the right
// makes a specifier; text otherwise, of which none is before another.
func compare(key, left, op, right string) (bool, error) {
	switch key {
	case "implementation_version", "platform_release", "python_full_version", "python_version":
		if spec, err := pep440.ParseSpecifier(op + right); err == nil {
			return spec.Matches(left), nil
		}
	}
	switch op {
	case "in":
		return strings.Contains(right, left), nil
	case "not in":
		return !strings.Contains(right, left), nil
	case "==", "<=", ">=":
		return left == right, nil
	case "!=":
		return left != right, nil
	case "<", ">":
		return false, nil
	}
	return false, undefined(key, op, right)
}

func undefined(key, op, text string) error {
	return fmt.Errorf("%s %s %q has no meaning", clip(key), op, clip(text))
}

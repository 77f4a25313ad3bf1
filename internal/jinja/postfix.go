package jinja

import (
	"slices"
	"strings"
)

// postfix reads what follows a value: attributes, subscripts, calls, filters
// and tests.
func (p *parser) postfix(v value) value {
	for !p.broke {
		t := p.peek()
		switch {
		case p.accept("."):
			a := p.next()
			p.attribute(a)
			if p.accept("(") {
				p.method(v, a, p.args())
			}
			v = value{at: t.at, num: -1}
		case p.accept("["):
			p.subscript()
			v = value{at: t.at, num: -1}
		case p.accept("("):
			p.function(v, t, p.args())
			v = value{at: t.at, num: -1}
		case p.accept("|"):
			v = p.filter(v)
		case p.accept("is"):
			p.test()
			v = value{at: t.at, num: -1}
		default:
			return v
		}
	}
	return v
}

// attribute judges the name behind a dot. Jinja also takes an integer there.
func (p *parser) attribute(t token) {
	switch {
	case t.kind != word && t.kind != number:
		p.pos--
		p.fail("no attribute name")
	case strings.HasPrefix(t.text, "_") || strings.Contains(t.text, "__"):
		p.add(Underline, t.text, t.at)
	}
}

// subscript judges a key. Names, numbers and literals are plain; strings that
// an operation makes are not, since nobody can say what they spell.
func (p *parser) subscript() {
	for !p.broke && !p.accept("]") {
		if p.accept(":") || p.accept(",") {
			continue
		}
		v := p.expr()
		switch {
		case v.built:
			p.add(Built, "a key", v.at)
		case v.lit && strings.HasPrefix(v.text, "_") && !strings.Contains(v.text, "__"):
			p.add(Underline, v.text, v.at)
		}
	}
}

// arg is an argument of a call.
type arg struct {
	value
	keyword string
}

// args reads arguments behind "(".
func (p *parser) args() []arg {
	var out []arg
	for !p.broke && !p.accept(")") {
		var a arg
		if !p.accept("**") {
			p.accept("*")
		}
		if t := p.peek(); t.kind == word && p.pos+1 < len(p.toks) && p.toks[p.pos+1].text == "=" && p.toks[p.pos+1].kind == op {
			a.keyword = t.text
			p.pos += 2
		}
		a.value = p.expr()
		out = append(out, a)
		if !p.is(")") {
			p.expect(",")
		}
	}
	return out
}

func (p *parser) method(on value, name token, args []arg) {
	if (!methods[name.text] || p.attrs[name.text]) && !strings.HasPrefix(name.text, "_") {
		p.add(Method, name.text, name.at)
	}
	if name.text == "format" && (!on.lit || fields(on.text)) {
		p.add(Format, on.text, name.at)
	}
	p.sizes(args, name)
}

// fields says whether a format string looks into its arguments.
func fields(s string) bool {
	for {
		_, rest, ok := strings.Cut(s, "{")
		if !ok {
			return false
		}
		field, tail, _ := strings.Cut(rest, "}")
		if name, _, _ := strings.Cut(field, ":"); strings.ContainsAny(name, ".[") || strings.Contains(field, "{") {
			return true
		}
		s = tail
	}
}

func (p *parser) function(v value, t token, args []arg) {
	switch {
	case v.name == "":
		p.add(Call, "", t.at)
	case (!functions[v.name] && !p.macros[v.name] || p.bound[v.name]) && !objects[v.name]:
		p.add(Function, v.name, v.at)
	}
	if v.name == "namespace" && slices.ContainsFunc(args, func(a arg) bool { return a.keyword == "" }) {
		p.add(Function, "namespace of values", v.at) // its attributes cannot be told
	}
	if v.name == "range" {
		for _, a := range args {
			if a.num > 100_000 {
				p.add(Huge, "range", v.at)
			}
		}
	}
}

// sizes looks for widths that make long strings of short ones.
func (p *parser) sizes(args []arg, name token) {
	for _, a := range args {
		if a.num > 100_000 {
			p.add(Huge, name.text, name.at)
		}
	}
}

// filter reads a filter behind "|". A filter on a string makes a new one.
func (p *parser) filter(v value) value {
	t := p.next()
	if t.kind != word {
		p.pos--
		p.fail("no filter name")
		return v
	}
	name := t.text
	for p.accept(".") {
		name += "." + p.next().text
	}
	var args []arg
	if p.accept("(") {
		args = p.args()
	}
	switch {
	case name == "attr":
		p.add(Attr, name, t.at)
	case !filters[name]:
		p.add(Filter, name, t.at)
	}
	p.byName(name, args, t)
	p.sizes(args, t)
	numeric := name == "length" || name == "count" || name == "int"
	return value{at: v.at, num: -1, built: !numeric && (v.lit || v.built || name == "join" || name == "format" || name == "replace" || name == "reverse")}
}

// byName judges filters that take the name of an attribute or filter.
func (p *parser) byName(name string, args []arg, t token) {
	attribute := map[string]bool{"selectattr": true, "rejectattr": true, "groupby": true}[name]
	for i, a := range args {
		takes := a.keyword == "attribute" || attribute && i == 0
		switch {
		case takes && (!a.lit && a.num < 0 || a.built):
			p.add(Attr, name, t.at)
		case takes && privatePart(a.text):
			p.add(Underline, a.text, a.at)
		case name == "map" && i == 0 && a.keyword == "" && (!a.lit || a.built || a.text == "attr" || !filters[a.text]):
			p.add(Attr, name, t.at)
		}
	}
}

// privatePart finds "a._b"; "__" was reported where the literal was read.
func privatePart(path string) bool {
	if strings.Contains(path, "__") {
		return false
	}
	for part := range strings.SplitSeq(path, ".") {
		if strings.HasPrefix(part, "_") {
			return true
		}
	}
	return false
}

// test reads what follows "is": a name, and perhaps an argument.
func (p *parser) test() {
	defer p.enter()()
	p.accept("not")
	if t := p.next(); t.kind != word {
		p.pos--
		p.fail("no test name")
		return
	}
	if p.accept("(") {
		p.args()
		return
	}
	t := p.peek()
	operand := t.kind == str || t.kind == number || t.kind == op && (t.text == "[" || t.text == "{") ||
		t.kind == word && !strings.Contains(" and or not if else is in ", " "+t.text+" ")
	if operand {
		p.postfix(p.primary())
	}
}

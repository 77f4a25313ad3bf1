package jinja

import (
	"strconv"
	"strings"
)

// functions, filters and methods are those of plain templates: they read and
// shape text, lists and dictionaries.
var (
	functions = set("range namespace dict raise_exception strftime_now caller super loop zip enumerate len")
	filters   = set(`abs batch capitalize center count d default dictsort e escape filesizeformat first float forceescape
		format from_json fromjson groupby indent int items join last length list lower map max min pprint random reject
		rejectattr replace reverse round safe select selectattr slice sort split startswith endswith string striptags sum title tojson trim
		truncate unique upper urlencode urlize wordcount wordwrap xmlattr`)
	methods = set(`append capitalize changed copy count cycle endswith extend find format get index insert isalpha isdigit isalnum islower
		isspace isupper items join keys ljust lower lstrip partition pop removeprefix removesuffix replace rfind rjust rpartition
		rsplit rstrip split splitlines startswith strftime strip swapcase title update upper values zfill isoformat`)
	// objects are globals of Jinja, Flask and their kin that lead to modules.
	objects = set("lipsum cycler joiner self request url_for get_flashed_messages environment __builtins__ __import__ builtins os subprocess sys eval exec open")
	// settings are too, but plain templates use the names for their own.
	settings = set("config context session g application app globals locals vars getattr")
)

func set(s string) map[string]bool {
	m := make(map[string]bool)
	for f := range strings.FieldsSeq(s) {
		m[f] = true
	}
	return m
}

// value is what is known about an expression.
type value struct {
	at    int
	lit   bool   // a string literal, or some put together
	text  string // of lit
	name  string // of a lone name
	built bool   // made by an operation on strings
	num   int64  // of an integer literal, else -1
}

type parser struct {
	*judge
	toks  []token
	pos   int
	end   int
	depth int
	broke bool
}

func (p *parser) peek() token {
	if p.pos < len(p.toks) {
		return p.toks[p.pos]
	}
	return token{kind: eof, at: p.end}
}

func (p *parser) next() token {
	t := p.peek()
	p.pos++
	return t
}

func (p *parser) is(text string) bool {
	t := p.peek()
	return t.text == text && (t.kind == op || t.kind == word)
}

func (p *parser) accept(text string) bool {
	ok := p.is(text)
	if ok {
		p.pos++
	}
	return ok
}

func (p *parser) expect(text string) {
	if !p.accept(text) {
		p.fail("no " + text)
	}
}

// fail reports the first error of a block and ends its parsing.
func (p *parser) fail(what string) {
	if t := p.peek(); !p.broke && t.kind != bad { // a bad token was reported
		p.add(Syntax, what, t.at)
	}
	p.broke = true
	p.pos = len(p.toks)
}

// enter counts a level of nesting; what it returns leaves it.
func (p *parser) enter() func() {
	if p.depth++; p.depth > p.lim.Depth {
		p.fail("nested too deeply")
	}
	return func() { p.depth-- }
}

func (p *parser) finish() {
	if p.pos < len(p.toks) && !p.broke {
		p.fail("unexpected " + p.peek().text)
	}
}

func (p *parser) exprOnly() {
	p.tuple()
	p.finish()
}

// tuple reads expressions with commas between them.
func (p *parser) tuple() {
	p.expr()
	for p.accept(",") {
		if t := p.peek(); t.kind == eof || t.text == ")" || t.text == "=" {
			return
		}
		p.expr()
	}
}

func (p *parser) target() {
	defer p.enter()()
	for !p.broke {
		switch t := p.next(); {
		case t.text == "(":
			p.target()
			p.expect(")")
		case t.kind != word:
			p.fail("no target")
		case p.accept("."): // namespace
			p.attribute(p.next())
		}
		if !p.accept(",") {
			return
		}
	}
}

func (p *parser) forTag() {
	p.target()
	p.expect("in")
	// Without a condition here: "if" filters the loop.
	p.binary(0)
	for p.accept(",") {
		p.binary(0)
	}
	if p.accept("if") {
		p.expr()
	}
	p.accept("recursive")
}

func (p *parser) setTag() {
	p.target()
	if p.accept("=") {
		p.tuple()
		return
	}
	for p.accept("|") {
		p.filter(value{num: -1})
	}
}

func (p *parser) withTag() {
	for p.peek().kind == word {
		p.target()
		p.expect("=")
		p.expr()
		p.accept(",")
	}
}

func (p *parser) macroTag() {
	if p.next().kind != word {
		p.fail("a macro without name")
	}
	p.expect("(")
	p.params()
}

func (p *parser) params() {
	for !p.broke && !p.accept(")") {
		if p.next().kind != word {
			p.fail("no parameter")
		}
		if p.accept("=") {
			p.expr()
		}
		if !p.is(")") {
			p.expect(",")
		}
	}
}

func (p *parser) callTag() {
	if p.accept("(") {
		p.params()
	}
	p.expr()
}

func (p *parser) filterTag() {
	p.filter(value{num: -1})
	for p.accept("|") {
		p.filter(value{num: -1})
	}
}

// expr reads a conditional expression.
func (p *parser) expr() value {
	v := p.binary(0)
	for p.accept("if") {
		p.binary(0)
		if p.accept("else") {
			w := p.expr()
			v = value{at: v.at, built: v.built || w.built, num: -1}
		}
	}
	return v
}

// levels are the binary operators, loosest first.
var levels = [][]string{{"or"}, {"and"}, {"not"}, {"==", "!=", "<", ">", "<=", ">=", "in", "not"}, {"+", "-"}, {"~"}, {"*", "/", "//", "%"}}

func (p *parser) binary(level int) value {
	if level == 0 {
		defer p.enter()()
	}
	if level == len(levels) {
		return p.unary()
	}
	if level == 2 { // not is a prefix
		nots := 0
		for p.accept("not") {
			nots++
		}
		v := p.binary(level + 1)
		if nots > 0 {
			v = value{at: v.at, num: -1}
		}
		return v
	}
	v := p.binary(level + 1)
	for !p.broke {
		o := p.operator(level)
		if o == "" {
			return v
		}
		v = p.combine(v, o, p.binary(level+1))
	}
	return v
}

func (p *parser) operator(level int) string {
	for _, o := range levels[level] {
		if !p.is(o) {
			continue
		}
		p.pos++
		if o == "not" && !p.accept("in") {
			p.fail("not without in")
		}
		return o
	}
	return ""
}

// combine works out what an operation makes of two values. Strings that are
// put together are read as one, so that '__cla' ~ 'ss__' is seen.
func (p *parser) combine(a value, o string, b value) value {
	out := value{at: a.at, num: -1}
	switch o {
	case "+", "~":
		out.built = a.lit || b.lit || a.built || b.built
		if a.lit && b.lit {
			out.lit, out.text = true, joined(a.text, b.text)
			if strings.Contains(out.text, "__") && !strings.Contains(a.text, "__") && !strings.Contains(b.text, "__") {
				p.add(Underline, out.text, a.at)
			}
		}
	case "%", "*":
		out.built = a.lit || b.lit || a.built || b.built
		if o == "*" && (a.lit && b.num > 10_000 || b.lit && a.num > 10_000) {
			p.add(Huge, "a repeated string", a.at)
		}
	}
	return out
}

// joined puts two strings together. Only the end of a long one is kept: what
// matters is what it may become with the next, and long chains stay linear.
func joined(a, b string) string {
	if len(a) > 256 {
		a = a[len(a)-256:]
	}
	return a + b
}

func (p *parser) unary() value {
	t := p.peek()
	defer p.enter()()
	if p.accept("-") || p.accept("+") {
		p.unary()
		return value{at: t.at, num: -1}
	}
	v := p.postfix(p.primary())
	if p.accept("**") {
		b := p.unary()
		if b.num > 100 || v.num > 1000 && b.num > 10 {
			p.add(Huge, "a power", t.at)
		}
		v = value{at: t.at, num: -1}
	}
	return v
}

func (p *parser) primary() value {
	t := p.next()
	v := value{at: t.at, num: -1}
	switch t.kind {
	case str:
		return p.literal(t)
	case number:
		v.num = p.integer(t)
	case word:
		v.name = t.text
		p.global(t)
	case op:
		switch t.text {
		case "(":
			if p.accept(")") {
				return v
			}
			inner := p.expr()
			if !p.is(",") {
				p.expect(")")
				return inner
			}
			for p.accept(",") {
				if !p.is(")") {
					p.expr()
				}
			}
			p.expect(")")
		case "[":
			p.items("]")
		case "{":
			p.items("}")
		default:
			p.pos--
			p.fail("unexpected " + t.text)
		}
	default:
		p.pos--
		p.fail("an expression is missing")
	}
	return v
}

// items reads the rest of a list or dictionary.
func (p *parser) items(end string) {
	for !p.broke && !p.accept(end) {
		p.expr()
		if end == "}" {
			p.expect(":")
			p.expr()
		}
		if !p.is(end) {
			p.expect(",")
		}
	}
}

// literal reads a string and those right behind it, which Jinja joins.
func (p *parser) literal(t token) value {
	v := value{at: t.at, lit: true, text: t.text, num: -1}
	escaped, under := t.escaped, strings.Contains(t.text, "__")
	for p.peek().kind == str {
		n := p.next()
		v.text = joined(v.text, n.text)
		under = under || strings.Contains(v.text, "__")
		v.built = true
		escaped = escaped || n.escaped
	}
	if under {
		p.add(Underline, v.text, t.at)
	}
	if escaped {
		p.add(Built, v.text, t.at)
	}
	return v
}

func (p *parser) integer(t token) int64 {
	n, err := strconv.ParseInt(strings.ReplaceAll(t.text, "_", ""), 0, 64)
	if err == nil && n > 1_000_000_000 || err != nil && !strings.ContainsAny(t.text, ".eE") && !strings.HasPrefix(t.text, "0") {
		p.add(Huge, t.text, t.at)
	}
	if err != nil {
		return -1
	}
	return n
}

func (p *parser) global(t token) {
	if objects[t.text] || settings[t.text] && !p.assigned[t.text] {
		p.add(Global, t.text, t.at)
	}
	if strings.Contains(t.text, "__") && !objects[t.text] {
		p.add(Underline, t.text, t.at)
	}
}

// Package jinja judges whether a chat template uses only what plain chat
// templates use. Templates are programs: outside of a sandbox, reaching one
// dunder attribute is enough to run anything (CVE-2024-34359).
//
// # Security
//
// This package is made for hostile input: it never panics and renders nothing.
// It does not look for attacks. It knows the tags, filters, functions and
// methods of plain templates, and lists every construct that is none of them,
// with its place. A template that does not parse is not plain.
//
// # Limits
//
// Limits bounds the length, the number of constructs that are listed and the
// nesting of expressions. Exceeding one is an error that wraps
// bounded.ErrLimit.
//
// # Specification
//
// Jinja 3.1 "Template Designer Documentation" with default delimiters and no
// line statements; the tags break, continue and generation, the functions
// raise_exception and strftime_now, and the filter tojson as transformers v4.50
// utils/chat_template_utils.py adds them.
package jinja

import (
	"cmp"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Limits bounds what Judge does. Zero fields have defaults.
type Limits struct {
	Bytes      int // 1 MiB
	Constructs int // 1,000
	Depth      int // of expressions: 200
}

func (l Limits) withDefaults() Limits {
	l.Bytes = cmp.Or(l.Bytes, 1<<20)
	l.Constructs = cmp.Or(l.Constructs, 1000)
	l.Depth = cmp.Or(l.Depth, 200)
	return l
}

// Kind says in what way a construct is not plain.
type Kind string

// The kinds of constructs.
const (
	Syntax    Kind = "syntax"             // does not parse
	Underline Kind = "private attribute"  // .__class__, ['_x'], a literal with "__"
	Attr      Kind = "attribute by name"  // |attr(…), map(attribute=expression)
	Built     Kind = "built string"       // a key or format put together or escaped so that it cannot be read
	Global    Kind = "global object"      // lipsum, cycler, self, request, config, …
	Load      Kind = "loads a template"   // import, include, extends, from
	Tag       Kind = "unknown tag"        // a tag of an extension
	Filter    Kind = "unknown filter"     //
	Function  Kind = "unknown function"   //
	Method    Kind = "unknown method"     // x.popen(…)
	Call      Kind = "call of a result"   // f()(), x['a']()
	Format    Kind = "format with fields" // '{0.a}'.format(…), expression.format(…)
	Huge      Kind = "huge number"        // range(10**9)
)

// Construct is something that plain templates do not have.
type Construct struct {
	Kind   Kind
	Name   string // the attribute, tag, filter, …; cut to 80 bytes
	Offset int    // in the template, in bytes
	Line   int    // from 1
}

// Judge returns the constructs of a template that are not plain, in order.
func Judge(text string, lim Limits) ([]Construct, error) {
	lim = lim.withDefaults()
	if len(text) > lim.Bytes {
		return nil, bounded.Exceeded("bytes of a template", int64(lim.Bytes))
	}
	j := &judge{text: text, lim: lim, assigned: make(map[string]bool), macros: make(map[string]bool), bound: make(map[string]bool), attrs: make(map[string]bool)}
	blocks := j.split()
	for _, b := range blocks {
		j.declare(b)
	}
	for _, b := range blocks {
		if j.err == nil {
			j.block(b)
		}
	}
	j.lines()
	return j.out, j.err
}

type judge struct {
	text     string
	lim      Limits
	assigned map[string]bool // names that the template gives a value
	macros   map[string]bool // of those, names of macros
	bound    map[string]bool // of those, names of values: calling one calls whatever it holds
	attrs    map[string]bool // attributes that the template sets, as in namespace(x=…) and {% set ns.x = … %}
	out      []Construct
	err      error
}

func (j *judge) add(k Kind, name string, at int) {
	if len(j.out) >= j.lim.Constructs {
		j.err = bounded.Exceeded("constructs of a template", int64(j.lim.Constructs))
		return
	}
	if n := len(j.out); k == Syntax && n > 0 && j.out[n-1].Kind == Syntax && j.out[n-1].Offset == at {
		return
	}
	if len(name) > 80 {
		name = name[:80]
	}
	j.out = append(j.out, Construct{Kind: k, Name: name, Offset: at})
}

// lines puts the constructs in order and sets their line numbers.
func (j *judge) lines() {
	slices.SortStableFunc(j.out, func(a, b Construct) int { return cmp.Compare(a.Offset, b.Offset) })
	line, at := 1, 0
	for i := range j.out {
		c := &j.out[i]
		line += strings.Count(j.text[at:c.Offset], "\n")
		at = c.Offset
		c.Line = line
	}
}

// block is what stands between delimiters, as tokens.
type block struct {
	tag    bool // {% %}
	tokens []token
	at     int
}

// tags are those of plain templates, and how their contents are read.
var tags = map[string]func(*parser){
	"if": (*parser).exprOnly, "elif": (*parser).exprOnly,
	"for": (*parser).forTag, "set": (*parser).setTag, "macro": (*parser).macroTag,
	"call": (*parser).callTag, "filter": (*parser).filterTag, "with": (*parser).withTag,
	"else": nil, "endif": nil, "endfor": nil, "endset": nil, "endmacro": nil, "endcall": nil, "endfilter": nil, "endwith": nil,
	"break": nil, "continue": nil, "generation": nil, "endgeneration": nil,
}

// loaders bring in other templates.
var loaders = map[string]bool{"import": true, "include": true, "extends": true, "from": true}

func (j *judge) block(b block) {
	p := &parser{judge: j, toks: b.tokens, end: b.at}
	if !b.tag {
		p.exprOnly()
		return
	}
	name := p.next()
	read, ok := tags[name.text]
	switch {
	case name.kind != word:
		j.add(Syntax, "a tag without a name", b.at)
		return
	case loaders[name.text]:
		j.add(Load, name.text, name.at)
		return
	case !ok:
		j.add(Tag, name.text, name.at)
		return
	}
	if read != nil {
		read(p)
	}
	p.finish()
}

// declare notes the names that a tag assigns.
func (j *judge) declare(b block) {
	j.namespaces(b.tokens)
	if !b.tag || len(b.tokens) < 2 {
		return
	}
	tag, ts := b.tokens[0].text, b.tokens[1:]
	if tag == "macro" && ts[0].kind == word {
		j.macros[ts[0].text], j.assigned[ts[0].text] = true, true
		ts = ts[1:]
	}
	switch tag {
	case "set", "for", "call": // what stands before "=", "in", or the end
		for i, t := range ts {
			if t.text == "=" || t.text == "in" || t.text == "|" || tag == "call" && (i == 0 && t.text != "(" || t.text == ")") {
				break
			}
			dotted := i > 0 && ts[i-1].text == "."
			j.assign(t, dotted)
			if dotted {
				j.attrs[t.text] = true
			}
		}
	case "with", "macro": // names and parameters
		for i, t := range ts {
			end := i+1 < len(ts) && strings.Contains(" = , ( ) ", " "+ts[i+1].text+" ")
			begin := i == 0 || ts[i-1].text == "," || ts[i-1].text == "("
			j.assign(t, !end || !begin)
		}
	}
}

// namespaces notes the attributes that calls of namespace set.
func (j *judge) namespaces(ts []token) {
	depth := 0 // of brackets in such a call
	for i, t := range ts {
		switch {
		case t.kind != op:
		case t.text == "(" && (depth > 0 || i > 0 && ts[i-1].text == "namespace"):
			depth++
		case t.text == ")" && depth > 0:
			depth--
		case t.text == "=" && depth > 0:
			j.attrs[ts[i-1].text] = true
		}
	}
}

func (j *judge) assign(t token, isNot bool) {
	if t.kind == word && !isNot {
		j.assigned[t.text], j.bound[t.text] = true, true
	}
}

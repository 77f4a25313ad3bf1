package code

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/andiron-dev/andiron/internal/pysrc"
)

// boundedTypes are types of which no value is a path that somebody chose.
var boundedTypes = []string{
	"int", "float", "bool", "complex", "uuid.UUID", "decimal.Decimal", "datetime.date", "datetime.datetime", "datetime.time", "datetime.timedelta",
	"pydantic.PositiveInt", "pydantic.NonNegativeInt", "pydantic.UUID4", "click.INT", "click.FLOAT", "click.BOOL", "click.UUID",
}

// boundedMakers give such a type, as click.Choice(["a", "b"]) does.
var boundedMakers = []string{"click.Choice", "click.IntRange", "click.FloatRange", "click.DateTime"}

// wrapped are types around others; of Annotated only the first is a type.
var wrapped = []string{"Optional", "Union", "Annotated", "List", "Set", "Sequence", "Tuple", "list", "set", "tuple"}

// bounded reports whether every value of a type is one of a few, or a number.
func (t *tracer) bounded(e pysrc.Expr, s *pysrc.Scope, depth int) bool { // one case per expression
	if e == nil || depth > mostTurns {
		return false
	}
	all := func(list ...pysrc.Expr) bool {
		return !slices.ContainsFunc(list, func(e pysrc.Expr) bool { return !t.bounded(e, s, depth+1) })
	}
	switch e := e.(type) {
	case *pysrc.Const:
		return e.Word == "None"
	case *pysrc.Binary: // int | None
		return e.Op == "|" && all(e.Left, e.Right)
	case *pysrc.Call:
		return slices.ContainsFunc(t.m.Names(e.Func, s), func(n string) bool { return slices.Contains(boundedMakers, n) })
	case *pysrc.Subscript:
		name, inner := chain(e.Value), []pysrc.Expr{e.Index}
		name = name[strings.LastIndexByte(name, '.')+1:]
		if q, ok := e.Index.(*pysrc.Sequence); ok {
			inner = q.Elems
		}
		if name == "Annotated" && len(inner) > 0 {
			if slices.ContainsFunc(inner[1:], unenforced) {
				return false
			}
			inner = inner[:1]
		}
		return name == "Literal" || slices.Contains(wrapped, name) && all(inner...)
	case *pysrc.Name, *pysrc.Attribute:
		for _, v := range t.m.Eval(e, s) {
			if !(v.Kind == pysrc.Ref && slices.Contains(boundedTypes, v.Name) || v.Kind == pysrc.Class && t.enumeration(v.Def)) {
				return false
			}
		}
		return true
	}
	return false
}

// unenforced reports whether a remark on a type has nothing hold a value against it.
func unenforced(e pysrc.Expr) bool {
	if c, ok := e.(*pysrc.Call); ok {
		e = c.Func
	}
	name := chain(e)
	return slices.Contains([]string{"SkipValidation", "PlainValidator", "WrapValidator"}, name[strings.LastIndexByte(name, '.')+1:])
}

// enumeration reports whether a class of the file has a few values only, and no method that
// makes more of them.
func (t *tracer) enumeration(class *pysrc.Scope) bool {
	return !t.makesMembers(class) && slices.ContainsFunc(class.Class.Bases, func(b pysrc.Expr) bool {
		return slices.ContainsFunc(t.m.Names(b, class.Parent), func(n string) bool {
			return slices.Contains([]string{"enum.Enum", "enum.StrEnum", "enum.IntEnum"}, n)
		})
	})
}

// makesMembers reports whether an enumeration makes members of what is none.
func (t *tracer) makesMembers(class *pysrc.Scope) bool {
	return len(class.Bindings("_missing_")) > 0 || slices.ContainsFunc(class.Class.Bases, func(b pysrc.Expr) bool {
		return slices.ContainsFunc(t.m.Eval(b, class.Parent), func(v pysrc.Value) bool {
			return v.Kind == pysrc.Class && len(v.Def.Bindings("_missing_")) > 0
		})
	})
}

// enforcing begin the names of decorators of which the framework holds arguments against
// their annotations; Flask and others do not.
var enforcing = []string{"fastapi.", "litestar", "ninja.", "typer."}

// enforces reports whether the framework that calls a function holds its arguments against
// their annotations.
func (t *tracer) enforces(fn *pysrc.Scope) bool {
	enforced, known := false, false
	for _, d := range fn.Func.Decorators {
		if c, ok := d.(*pysrc.Call); ok {
			d = c.Func
		}
		for _, n := range t.m.Names(d, fn.Parent) {
			known = known || slices.Contains(frameworks, n[:max(strings.LastIndexByte(n, '.'), 0)])
			enforced = enforced || slices.ContainsFunc(enforcing, func(e string) bool { return strings.HasPrefix(n, e) })
		}
	}
	return enforced || !known && strings.Contains(t.f.Text, "fastapi") // of a router that is imported
}

// few reports whether a parameter that a request or the command line fills holds a number
// or one of a few values.
func (t *tracer) few(p *pysrc.Param, fn *pysrc.Scope) bool {
	var routes []string
	for _, d := range fn.Func.Decorators {
		if c, ok := d.(*pysrc.Call); ok {
			routes = append(routes, t.routesIn(c, fn.Parent)...)
			if bounds, is := t.option(c, fn.Parent); is && slices.Contains(optionNames(c), p.Name) {
				return bounds
			}
		}
	}
	return t.enforces(fn) && t.bounded(p.Annotation, fn.Parent, 0) || converted(p.Name, routes)
}

// routesIn are the texts that a call is given first.
func (t *tracer) routesIn(c *pysrc.Call, s *pysrc.Scope) (out []string) {
	if len(c.Args) == 0 {
		return nil
	}
	for _, v := range t.m.Eval(c.Args[0], s) {
		if v.Kind == pysrc.Text {
			out = append(out, v.Name)
		}
	}
	return out
}

var (
	placeRE     = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`[<{]([^<>{}]*)[>}]`) })
	converterRE = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^(?:int|float|uuid|any)(?:\(.*\))?$`) })
)

// converted reports whether addresses give a parameter through a converter to a number or
// one of a few: <int:n> of Flask and Django, <n:int> of Bottle and Sanic, {n:int} of
// Starlette.
func converted(name string, routes []string) (yes bool) {
	for _, r := range routes {
		for _, m := range placeRE().FindAllStringSubmatch(r, -1) {
			a, b, _ := strings.Cut(m[1], ":")
			switch {
			case b == name && converterRE().MatchString(a), a == name && converterRE().MatchString(b):
				yes = true
			case a == name, b == name:
				return false
			}
		}
	}
	return yes
}

// option says whether a call that defines an option of the command line takes numbers or
// a few values only. It is one of argparse, of click, or of what is built like them.
func (t *tracer) option(c *pysrc.Call, s *pysrc.Scope) (few, is bool) {
	a, ok := c.Func.(*pysrc.Attribute)
	if !(ok && slices.Contains([]string{"add_argument", "option", "argument"}, a.Attr) ||
		slices.ContainsFunc(t.m.Names(c.Func, s), func(n string) bool { return n == "click.option" || n == "click.argument" })) {
		return false, false
	}
	for _, k := range c.Keywords {
		text, _ := k.Value.(*pysrc.Str)
		word, _ := k.Value.(*pysrc.Const)
		switch k.Name {
		case "choices":
			few = true
		case "type":
			few = few || t.bounded(k.Value, s, 0)
		case "action":
			few = few || text != nil && (strings.HasPrefix(text.Value, "store_") || text.Value == "count")
		case "is_flag", "count":
			few = few || word != nil && word.Word == "True"
		}
	}
	return few, true
}

// optionNames are the names that an option may be read by.
func optionNames(c *pysrc.Call) (out []string) {
	for _, k := range c.Keywords {
		if text, ok := k.Value.(*pysrc.Str); ok && k.Name == "dest" {
			return []string{text.Value}
		}
	}
	for _, a := range c.Args {
		if text, ok := a.(*pysrc.Str); ok {
			for part := range strings.SplitSeq(text.Value, "/") { // --half/--no-half of click
				out = append(out, strings.ReplaceAll(strings.TrimLeft(part, "-"), "-", "_"))
			}
		}
	}
	return out
}

// options are the names that parsers of the file take, and whether numbers or a few
// values only.
func (t *tracer) options() {
	t.parsed = map[string]bool{}
	for _, c := range t.m.Calls {
		if c.Method() != "add_argument" || c.Deferred {
			continue
		}
		few, _ := t.option(c.Node, c.Scope)
		for _, n := range optionNames(c.Node) {
			before, known := t.parsed[n]
			t.parsed[n] = few && (before || !known)
		}
	}
}

// parsedNames are what people call what a parser gives where they hand it on.
var parsedNames = []string{"args", "arguments", "opt", "opts", "options", "flags", "ns", "namespace", "params"}

// fewOf reports whether a part of what a parser gives is a number or one of a few values:
// args.n, or args["n"].
func (t *tracer) fewOf(base pysrc.Expr, part string, s *pysrc.Scope, labels []label) bool {
	if !t.parsed[part] {
		return false
	}
	name, is := base.(*pysrc.Name)
	if is && s.Self(name.ID) != nil {
		return false
	}
	gives := is && slices.Contains(parsedNames, name.ID)
	for _, l := range labels {
		if l.kind == ofSource {
			if !strings.Contains(t.out.sources[l.at].text, "parse_") {
				return false
			}
			gives = true
		}
	}
	return gives
}

// fewByType reports whether a call names the type of what it gives:
// request.args.get("n", type=int).
func (t *tracer) fewByType(e *pysrc.Call, s *pysrc.Scope) bool {
	a, ok := e.Func.(*pysrc.Attribute)
	return ok && (a.Attr == "get" || a.Attr == "getlist") && slices.ContainsFunc(e.Keywords, func(k pysrc.Keyword) bool {
		return k.Name == "type" && t.bounded(k.Value, s, 0)
	})
}

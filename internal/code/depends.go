package code

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/pysrc"
)

// dependencies mark the parameters that FastAPI fills with what a function gives, which it
// calls with what a request brings.
var dependencies = []string{
	"fastapi.Depends", "fastapi.Security", "fastapi.params.Depends", "fastapi.params.Security", "fastapi.param_functions.Depends", "fastapi.param_functions.Security",
}

// depended keeps the calls of the functions that the file has FastAPI call, and which names
// of the module stand for a type with such a mark.
func (t *tracer) depended() {
	if !t.marks {
		return
	}
	for _, c := range t.m.Calls {
		if c.Is(dependencies...) && !c.Deferred {
			t.depends(c.Node, c.Scope, nil)
		}
	}
	t.out.injects = map[string]int{}
	for _, name := range t.m.Top.BoundNames() {
		if mark := t.annotated(&pysrc.Name{ID: name}, t.m.Top, 0); mark != nil {
			t.out.injects[t.word(name)] = t.passingOf(mark)
		}
	}
}

// depends keeps that FastAPI calls what a mark names, or else the type of the parameter,
// with what a request brings.
func (t *tracer) depends(mark *pysrc.Call, s *pysrc.Scope, typ pysrc.Expr) {
	f := typ
	if len(mark.Args) > 0 {
		f = mark.Args[0]
	}
	for i := range mark.Keywords {
		if k := &mark.Keywords[i]; k.Name == "dependency" {
			f = k.Value
		}
	}
	if _, known := t.known[mark]; known || f == nil {
		return
	}
	call := &pysrc.Call{Func: f}
	call.Span = mark.Span
	names, defs := t.callees(f, s)
	at := t.passing(call, s, names, defs)
	t.known[mark] = at
	if at >= 0 {
		p := t.out.passings[at]
		p.asks = true
		p.args = []argument{{position: -1, name: "**", labels: t.source(fromRequest, "what a request brings to "+t.shown(f), f)}}
	}
}

// passingOf is the passing of a call, or -1.
func (t *tracer) passingOf(e *pysrc.Call) int {
	if at, ok := t.known[e]; ok {
		return at
	}
	return -1
}

// marked is the mark of a parameter that FastAPI fills with what a function gives, or nil.
func (t *tracer) marked(p *pysrc.Param, s *pysrc.Scope) *pysrc.Call {
	if !t.marks {
		return nil
	}
	if mark := t.markOf(p.Default, s); mark != nil {
		t.depends(mark, s, p.Annotation)
		return mark
	}
	return t.annotated(p.Annotation, s, 0)
}

// annotated is the mark in Annotated[Type, Depends(f)], or in what a name stands for; nil
// where there is none.
func (t *tracer) annotated(e pysrc.Expr, s *pysrc.Scope, depth int) *pysrc.Call {
	if depth > mostTurns {
		return nil
	}
	switch e := e.(type) {
	case *pysrc.Name:
		if owner := s.Owner(e.ID); owner != nil {
			list := owner.Bindings(e.ID)
			if b := list[len(list)-1]; b.Kind == pysrc.Assigned {
				return t.annotated(b.Value, b.Scope, depth+1)
			}
		}
	case *pysrc.Subscript:
		name := chain(e.Value)
		parts, ok := e.Index.(*pysrc.Sequence)
		if !ok || len(parts.Elems) == 0 || name[strings.LastIndexByte(name, '.')+1:] != "Annotated" {
			return nil
		}
		for _, part := range parts.Elems[1:] {
			if mark := t.markOf(part, s); mark != nil {
				t.depends(mark, s, parts.Elems[0])
				return mark
			}
		}
		return t.annotated(parts.Elems[0], s, depth+1)
	}
	return nil
}

// markOf is an expression that is such a mark, or nil.
func (t *tracer) markOf(e pysrc.Expr, s *pysrc.Scope) *pysrc.Call {
	c, ok := e.(*pysrc.Call)
	if !ok || !slices.ContainsFunc(t.m.Names(c.Func, s), func(n string) bool { return slices.Contains(dependencies, n) }) {
		return nil
	}
	return c
}

// typeElsewhere is the dotted name of another file that a parameter is annotated with: it
// may stand for a type with a mark.
func (t *tracer) typeElsewhere(p *pysrc.Param, s *pysrc.Scope) string {
	switch p.Annotation.(type) {
	case *pysrc.Name, *pysrc.Attribute:
		for _, n := range t.m.Names(p.Annotation, s) {
			if ref := ofProject(n); ref != "" {
				return t.word(ref)
			}
		}
	}
	return ""
}

// injection is the call by which FastAPI makes what fills a parameter; at is -1 where that
// is of no file of the project.
type injection struct {
	file *Flow
	at   int
}

// inject finds the parameters that FastAPI fills because of what another file says of their
// type: settings: deps.SettingsDep; and the fields that are what a class says of them.
func (w *follower) inject() {
	w.injected = map[parameter]injection{}
	for _, f := range w.order {
		for i, r := range f.routines {
			for at, ref := range r.typed {
				if x, ok := w.injectionOf(f.names, ref, 0); ok {
					w.injected[parameter{f, i, at}] = x
				}
			}
		}
		for i := range f.sources {
			s := &f.sources[i]
			if s.typed != "" {
				_, s.injected = w.injectionOf(f.names, s.typed, 0)
			}
			s.injected = s.injected || w.fewField(f, s)
		}
	}
}

func (w *follower) injectionOf(f *Modules, ref string, depth int) (injection, bool) {
	to, name := w.locate(f, ref)
	if to == nil || depth > mostHops {
		return injection{}, false
	}
	if at, ok := w.files[to].injects[name]; ok {
		return injection{w.files[to], at}, true
	}
	for _, next := range to.aliases[name] {
		if x, ok := w.injectionOf(to, next, depth+1); ok {
			return x, true
		}
	}
	return injection{}, false
}

// injects says of what the parameters are made that FastAPI fills by what another file says.
func (w *follower) injects(e entry, part int) (out []made) {
	for at := range e.file.routines[e.fn].params {
		if x, ok := w.injected[parameter{e.file, e.fn, at}]; ok && x.at >= 0 && w.passes(e, at, part) {
			out = with(out, w.results[x.file.passings[x.at]]...)
		}
	}
	return out
}

// linkInjected adds those to the graph of who fills which parameters.
func (w *follower) linkInjected() {
	for _, f := range w.order {
		for i, r := range f.routines {
			for at := range r.params {
				if x, ok := w.injected[parameter{f, i, at}]; ok && x.at >= 0 {
					w.fill(x.file, x.file.passings[x.at], parameter{f, i, at}, argument{position: -1, labels: []label{{ofPassing, 0, x.at}}})
				}
			}
		}
	}
}

// takes lists the parameters that an argument of a call may fill, without those that
// FastAPI fills otherwise where it calls.
func (w *follower) takes(p *passing, e entry, a argument) []int {
	out := e.takes(p, a)
	if !p.asks {
		return out
	}
	return slices.DeleteFunc(out, func(at int) bool {
		_, injected := w.injected[parameter{e.file, e.fn, at}]
		return injected || slices.Contains(e.file.routines[e.fn].own, at)
	})
}

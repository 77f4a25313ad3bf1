package ops

import (
	"path"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/pysrc"
)

// written are the strings that an expression of Python lists, as far as they are written
// out. Of a path that is put together they are its end.
type written struct {
	list    []string
	unknown bool // there are more than these
	m       *pysrc.Module
	steps   int
	seen    map[boundName]bool
}

// listed takes the strings that a call is given for a parameter.
func listed(m *pysrc.Module, c *pysrc.Invocation, position int, name string) *written {
	w := &written{m: m, steps: mostInline, seen: map[boundName]bool{}}
	args, open := c.Arg(position, name)
	w.unknown = open && len(args) == 0
	for _, a := range args {
		w.follow(a.Expr, a.Scope)
	}
	return w
}

func (w *written) follow(e pysrc.Expr, s *pysrc.Scope) {
	if w.steps--; w.steps < 0 {
		w.unknown = true
		return
	}
	switch e := e.(type) {
	case *pysrc.Const: // None
	case *pysrc.Sequence:
		w.each(e.Elems, s)
	case *pysrc.Dict:
		w.each(e.Keys, s)
	case *pysrc.Starred:
		w.follow(e.Value, s)
	case *pysrc.IfExpr:
		w.follow(e.Body, s)
		w.follow(e.Else, s)
	case *pysrc.Name:
		w.name(e, s)
	case *pysrc.Call:
		w.call(e, s)
	case *pysrc.Comprehension:
		w.unknown = true
		if c := e.Clauses[0]; len(e.Clauses) == 1 && len(c.Ifs) == 0 { // [os.path.join(here, s) for s in ("a.cpp", "b.cpp")]
			w.follow(c.Iter, s)
		}
	default:
		w.text(e, s)
	}
}

func (w *written) each(list []pysrc.Expr, s *pysrc.Scope) {
	for _, e := range list {
		if e == nil { // ** in a dictionary
			w.unknown = true
			continue
		}
		w.follow(e, s)
	}
}

// text takes a string, or what is added to one.
func (w *written) text(e pysrc.Expr, s *pysrc.Scope) {
	if v := w.m.Eval(e, s); len(v) == 1 && v[0].Kind == pysrc.Text {
		w.list = append(w.list, v[0].Name)
		return
	}
	b, ok := e.(*pysrc.Binary)
	w.unknown = w.unknown || !ok || b.Op != "+"
	switch {
	case !ok:
	case b.Op == "/": // here / "a.cpp"
		w.follow(b.Right, s)
	case b.Op == "+":
		if end, ok := b.Right.(*pysrc.Str); ok { // here + "/a.cpp", and not name + "_kernel.cpp"
			if w.unknown = true; strings.HasPrefix(end.Value, "/") {
				w.list = append(w.list, end.Value)
			}
			return
		}
		w.follow(b.Left, s)
		w.follow(b.Right, s)
	}
}

// name takes what a name is bound to.
func (w *written) name(e *pysrc.Name, s *pysrc.Scope) {
	list, all := boundTo(e, s, w.seen)
	w.unknown = w.unknown || !all
	for _, b := range list {
		w.follow(b.Value, b.Scope)
	}
}

// call takes what a call gives that leaves strings as they are, or puts something before.
func (w *written) call(e *pysrc.Call, s *pysrc.Scope) {
	called, on := "", pysrc.Expr(nil)
	switch f := e.Func.(type) {
	case *pysrc.Name:
		called = f.ID
	case *pysrc.Attribute:
		called, on = f.Attr, f.Value
	}
	switch {
	case on != nil && slices.Contains([]string{"resolve", "absolute", "as_posix"}, called) && len(e.Args) == 0:
		w.follow(on, s)
	case slices.Contains([]string{"str", "list", "tuple", "sorted", "set", "Path", "fspath", "abspath", "realpath"}, called) && len(e.Args) == 1:
		w.follow(e.Args[0], s)
	case called == "joinpath" && len(e.Args) > 0, called == "join" && len(e.Args) > 1:
		w.unknown = true
		w.follow(e.Args[len(e.Args)-1], s)
	default:
		w.text(e, s)
	}
}

// awaits notes the sources that an extension is built of, where they are written out.
func (p *Project) awaits(m *pysrc.Module, c *pysrc.Invocation, at finding.Where) {
	if isTest(at.Path) {
		return // sources of tests are not judged
	}
	for _, name := range listed(m, c, 1, "sources").list {
		if compiled(name) {
			p.awaited = append(p.awaited, place{at, name})
		}
	}
}

// compiled reports whether a string is the name of a source that is compiled, and no
// pattern of such.
func compiled(name string) bool {
	if strings.ContainsAny(name, "*?[]{}%\n") || strings.HasPrefix(path.Base(name), ".") {
		return false
	}
	return cpp(name) || slices.Contains([]string{".c", ".m", ".mm", ".pyx"}, strings.ToLower(path.Ext(name)))
}

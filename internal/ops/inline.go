package ops

import (
	"path"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/cppsrc"
	"github.com/andiron-dev/andiron/internal/pysrc"
)

// piece is a string of a file of Python, and the line that it begins at, from 0.
type piece struct {
	text string
	line int
}

// inlined are the strings that load_inline is given: of each source the pieces that it is
// put together of.
type inlined struct {
	m       *pysrc.Module
	f       *pysrc.File
	sources [][]piece
	files   []string // sources that are read where they lie
	unknown bool     // there is more than these
	steps   int
	seen    map[boundName]bool
}

// boundName is a name of a scope.
type boundName struct {
	scope *pysrc.Scope
	name  string
}

// mostInline bounds the expressions that are followed for one call.
const mostInline = 2000

// inline reads the C++ that load_inline is given as text.
func (p *Project) inline(m *pysrc.Module, f *pysrc.File, c *pysrc.Invocation, at finding.Where) {
	w := &inlined{m: m, f: f, steps: mostInline, seen: map[boundName]bool{}}
	for position, name := range []string{1: "cpp_sources", 2: "cuda_sources"} {
		if name == "" {
			continue
		}
		args, open := c.Arg(position, name)
		w.unknown = w.unknown || open && len(args) == 0
		for _, a := range args {
			w.begin()
			w.follow(a.Expr, a.Scope)
		}
	}
	functions := listed(m, c, 3, "functions")
	for _, s := range w.sources {
		p.inlineSource(at.Path, s, functions.list)
	}
	if isTest(at.Path) {
		return // sources of tests are not judged
	}
	for _, name := range w.files {
		p.awaited = append(p.awaited, place{at, name})
		p.bound[name] = append(p.bound[name], functions.list...)
	}
	switch {
	case w.unknown:
		p.unread = append(p.unread, notRead.Undetermined(at, "what load_inline builds is put together as the program runs, and was not read"))
	case functions.unknown:
		p.unread = append(p.unread, notRead.Undetermined(at, "which functions load_inline gives to Python is only known as the program runs, and they were not looked at as operators"))
	}
}

// inlineSource reads one source, some of whose functions Python can call. Its pieces are
// read one by one, because then the lines are those of the file, unless one is no C++ by
// itself.
func (p *Project) inlineSource(name string, pieces []piece, functions []string) {
	if p.bytes > mostBytes {
		p.unseen(name, "the project has more sources than are looked at")
		return
	}
	if slices.ContainsFunc(pieces, func(x piece) bool {
		f, err := cppsrc.Parse([]byte(x.text), cppsrc.Limits{})
		return err != nil || len(f.Errors) > 0
	}) {
		whole := pieces[0]
		for _, x := range pieces[1:] {
			whole.text += x.text
		}
		pieces = []piece{whole}
	}
	for _, x := range pieces {
		if s := p.source(name, []byte(x.text), x.line); s != nil {
			s.torch, s.bound = true, functions
		}
	}
}

// begin is where another source begins.
func (w *inlined) begin() { w.sources = append(w.sources, nil) }

// add takes a string that stands in an expression.
func (w *inlined) add(e pysrc.Expr, text string) {
	if strings.TrimSpace(text) == "" {
		return
	}
	at := e.Where()
	first := at.Start
	if n := strings.Index(w.f.Text[at.Start:at.End], text); n >= 0 {
		first += int32(n)
	}
	line, _ := w.f.Place(first)
	last := &w.sources[len(w.sources)-1]
	*last = append(*last, piece{text, line - 1})
}

// follow takes the strings of an expression.
func (w *inlined) follow(e pysrc.Expr, s *pysrc.Scope) {
	if w.steps--; w.steps < 0 {
		w.unknown = true
		return
	}
	switch e := e.(type) {
	case *pysrc.Str:
		if e.Bytes || e.Inexact {
			w.unknown = true
			return
		}
		w.add(e, e.Value)
	case *pysrc.Const: // None
		w.unknown = w.unknown || e.Word != "None"
	case *pysrc.Sequence:
		for _, one := range e.Elems {
			w.begin()
			w.follow(one, s)
		}
	case *pysrc.Starred:
		w.follow(e.Value, s)
	case *pysrc.IfExpr:
		w.follow(e.Body, s)
		w.follow(e.Else, s)
	case *pysrc.Binary:
		if e.Op != "+" {
			w.unknown = true
			return
		}
		w.follow(e.Left, s)
		w.follow(e.Right, s)
	case *pysrc.Name:
		w.name(e, s)
	case *pysrc.Call:
		w.call(e, s)
	default:
		w.value(e, s)
	}
}

// value takes what an expression stands for, where that is known.
func (w *inlined) value(e pysrc.Expr, s *pysrc.Scope) {
	for _, v := range w.m.Eval(e, s) {
		switch v.Kind {
		case pysrc.Text:
			w.add(e, v.Name)
		case pysrc.Listing:
			w.follow(v.Arg.Expr, v.Arg.Scope)
		default:
			w.unknown = true
		}
	}
}

// name takes all that a name is bound to.
func (w *inlined) name(e *pysrc.Name, s *pysrc.Scope) {
	list, all := boundTo(e, s, w.seen)
	w.unknown = w.unknown || !all
	for _, b := range list {
		w.follow(b.Value, b.Scope)
	}
}

// boundTo lists the values that a name is bound to, if it was not asked about before, and
// says whether it is any of them and no part of one.
func boundTo(e *pysrc.Name, s *pysrc.Scope, seen map[boundName]bool) (list []pysrc.Binding, all bool) {
	owner := s.Owner(e.ID)
	key := boundName{owner, e.ID}
	if owner == nil || seen[key] {
		return nil, owner != nil
	}
	seen[key], all = true, true
	for _, b := range owner.Bindings(e.ID) {
		all = all && b.Part == 0 && (b.Kind == pysrc.Assigned || b.Kind == pysrc.Looped || b.Kind == pysrc.Other) && b.Value != nil
		if b.Value != nil {
			list = append(list, b)
		}
	}
	return list, all
}

// call takes what a call gives that leaves a text as it is, or puts several together.
func (w *inlined) call(e *pysrc.Call, s *pysrc.Scope) {
	a, method := e.Func.(*pysrc.Attribute)
	n, plain := e.Func.(*pysrc.Name)
	switch {
	case method && slices.Contains([]string{"strip", "lstrip", "rstrip", "expandtabs"}, a.Attr):
		w.follow(a.Value, s)
	case len(e.Args) > 0 && (method && slices.Contains([]string{"join", "dedent", "cleandoc"}, a.Attr) || plain && slices.Contains([]string{"dedent", "cleandoc", "list", "tuple"}, n.ID)):
		w.follow(e.Args[0], s)
	default:
		if !w.file(e, s, mostSteps) {
			w.value(e, s)
		}
	}
}

// file takes the names of sources in an expression that reads one: open("op.cpp").read().
func (w *inlined) file(e pysrc.Expr, s *pysrc.Scope, depth int) (found bool) {
	pysrc.Walk(e, func(n pysrc.Expr) bool {
		if w.steps--; w.steps < 0 || depth == 0 {
			return false
		}
		switch n := n.(type) {
		case *pysrc.Str:
			if cpp(n.Value) && !strings.ContainsAny(n.Value, "\n;{") {
				w.files, found = append(w.files, path.Base(n.Value)), true
			}
		case *pysrc.Name:
			if owner := s.Owner(n.ID); owner != nil {
				for _, b := range owner.Bindings(n.ID) {
					found = b.Value != nil && w.file(b.Value, b.Scope, depth-1) || found
				}
			}
		}
		return true
	})
	return found
}

// missing are the sources that a file of Python reads or builds and that were not read,
// and the extensions of a project that has no sources at all.
func (p *Project) missing() {
	there := func(name string) bool {
		name = path.Clean(strings.TrimLeft(name, "./"))
		return slices.ContainsFunc(p.sources, func(s *source) bool { return strings.HasSuffix("/"+s.path, "/"+name) })
	}
	for _, f := range p.awaited {
		if !there(f.text) {
			p.unread = append(p.unread, notRead.Undetermined(f.where, f.text+" is built here, and is not among the sources that were read"))
		}
	}
	if len(p.sources) > 0 || len(p.unread) > 0 {
		return
	}
	for _, b := range p.extensions {
		if isTest(b.where.Path) {
			continue
		}
		p.unread = append(p.unread, notRead.Undetermined(b.where, b.text+", and no source of it was found"))
	}
}

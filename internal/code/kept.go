package code

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/pysrc"
)

// objectsIn is a file with objects, and by what they are loaded. One that is named, or an
// expression, has no scope.
type objectsIn struct {
	variable

	named bool // by a text that is known
	by    loadedBy
}

// loadedBy says which loads read a file.
type loadedBy byte

const (
	byTorch loadedBy = iota
	byNumPy
	byYAML
)

// all stands for all files with such objects, and some for those of them of which the name
// is not known, each of which may be any other.
func (by loadedBy) all() objectsIn  { return objectsIn{named: true, by: by} }
func (by loadedBy) some() objectsIn { return objectsIn{by: by} }

// kept is where objects are saved, and whether they only may be some.
type kept struct {
	where finding.Where
	maybe bool
}

// beside is the place as a sentence on a load has it.
func (k kept) beside(load finding.Where) string {
	if k.where.Path == load.Path && k.where.Member == load.Member {
		return "line " + itoa(k.where.Line)
	}
	return k.where.Line1(k.where.Line, 0).String()
}

// does is what is done there, which a load of a file would not be able to read any more.
func (k kept) does(by loadedBy, elsewhere bool) string {
	what, file := "objects", "the same file"
	if k.maybe {
		what = "what may be objects"
	}
	if elsewhere {
		file = "what may be the same file"
	}
	if by == byYAML {
		return " has YAML build objects, which safe_load refuses"
	}
	return " saves " + what + " to " + file + ", which only unpickling reads"
}

// settled reports whether a load may be rewritten: nothing saves objects to what it reads,
// and nothing takes one out of it, which would be refused. It says why not.
func (x *fixer) settled(load *pysrc.Invocation) bool {
	files := x.filesOf(load)
	if len(files) == 0 {
		return true
	}
	where := x.l.place(x.at(load.Node))
	if files[0].by == byNumPy && x.takenAsObject(load) {
		x.l.leave(where, "what is loaded is taken for an object, which allow_pickle=False refuses, so it is not rewritten")
		return false
	}
	for i, file := range files {
		if at, ok := x.objectsAt(file); ok {
			x.l.leave(where, at.beside(where)+at.does(file.by, i > 0)+", so it is not rewritten")
			return false
		}
	}
	if x.l.opt.Again == nil && x.to.Together && (files[0].by != byTorch || files[0].scope == nil) {
		x.l.flow.hold = true
		return false
	}
	return true
}

// objectsAt is where the file itself saves objects to a file, or else the project does.
func (v *view) objectsAt(file objectsIn) (at kept, ok bool) {
	if at, ok = v.objectsKept()[file]; !ok && v.l.opt.Again != nil {
		at, ok = v.l.opt.Again.objects[file]
	}
	return at, ok
}

// filesOf are the files that a load may read, itself the first, as far as that decides
// whether it may be rewritten.
func (v *view) filesOf(load *pysrc.Invocation) []objectsIn {
	if load.Is(yamlLoads...) {
		return []objectsIn{byYAML.all()}
	}
	by := byTorch
	if load.Is(numpyLoads...) {
		by = byNumPy
	} else if !load.Is(torchLoad...) {
		return nil
	}
	file := by.some()
	if args := load.Every(); len(args) > 0 {
		file = v.fileAt(args[0])
		file.by = by
	}
	switch {
	case by == byTorch:
		return []objectsIn{file}
	case file.named:
		return []objectsIn{file, by.some()}
	}
	return []objectsIn{file, by.all()}
}

// objectsKept lists the files that objects are saved to, and where.
func (v *view) objectsKept() map[objectsIn]kept {
	if v.kept != nil {
		return v.kept
	}
	v.kept = map[objectsIn]kept{}
	for _, c := range v.m.Calls {
		switch {
		case c.Is(torchSave...):
			is, may := v.savesObjects(c)
			if is = is || given(c, 2, "pickle_module"); is || may {
				v.keep(byTorch, c, 1, "f", !is)
			}
		case v.objectsSaved(c) != "":
			v.keep(byNumPy, c, 0, "file", false)
		}
	}
	return v.kept
}

func (v *view) keep(by loadedBy, c *pysrc.Invocation, position int, keyword string, maybe bool) {
	files := []objectsIn{by.all()}
	to, _ := c.Arg(position, keyword)
	for _, a := range to {
		file := v.fileAt(a)
		file.by = by
		files = append(files, file)
		if !file.named {
			files = append(files, by.some())
		}
	}
	if len(to) == 0 {
		files = append(files, by.some())
	}
	for _, file := range files {
		v.kept[file] = kept{v.l.place(v.at(c.Node)), maybe}
	}
}

// savesObjects reports whether torch.save is given objects that only unpickling gets back,
// or what may be some.
func (v *view) savesObjects(c *pysrc.Invocation) (is, may bool) {
	if len(v.wholes(c)) > 0 {
		return true, true
	}
	args, _ := c.Arg(0, "obj")
	return false, slices.ContainsFunc(args, func(a pysrc.Arg) bool {
		return v.mayBeObject(a) || slices.ContainsFunc(v.elements(a, c.Node.Start), func(x element) bool { return v.mayBeObject(x.Arg) })
	})
}

// fileAt is what stands for a file that is saved to or loaded from: its name where that is
// written out, else the variable or the expression that is.
func (v *view) fileAt(a pysrc.Arg) objectsIn {
	for range mostTurns {
		values := v.m.Eval(a.Expr, a.Scope)
		if len(values) == 1 && values[0].Kind == pysrc.Text {
			name := strings.TrimSuffix(strings.TrimSuffix(values[0].Name, ".npy"), ".npz") // which numpy.save adds
			return objectsIn{variable: variable{nil, strings.Clone(name)}, named: true}
		}
		if n, ok := a.Expr.(*pysrc.Name); ok && a.Scope.Owner(n.ID) != nil {
			owner, last := a.Scope.Owner(n.ID), pysrc.Binding{}
			for _, b := range owner.Bindings(n.ID) {
				if b.At < n.Start && b.Value != nil && b.Kind != pysrc.Parameter {
					last = b
				}
			}
			if of := v.pathIn(pysrc.Arg{Expr: last.Value, Scope: last.Scope}); of.Expr != nil {
				a = of
				continue
			}
			return objectsIn{variable: variable{owner, n.ID}}
		}
		of := v.pathIn(a)
		if of.Expr == nil {
			break
		}
		a = of
	}
	return objectsIn{variable: variable{nil, strings.Clone(v.f.Source(a.Expr))}}
}

// pathIn is the path that a call opens or makes another form of, or nothing.
func (v *view) pathIn(a pysrc.Arg) (of pysrc.Arg) {
	c, ok := a.Expr.(*pysrc.Call)
	if !ok {
		return of
	}
	if len(c.Args) > 0 && slices.ContainsFunc(v.m.Names(c.Func, a.Scope), func(n string) bool {
		return slices.Contains(passes, n) && (len(c.Args) == 1 || strings.HasSuffix(n, "open"))
	}) {
		return pysrc.Arg{Expr: c.Args[0], Scope: a.Scope}
	}
	if m, ok := c.Func.(*pysrc.Attribute); ok && m.Attr == "open" {
		return pysrc.Arg{Expr: m.Value, Scope: a.Scope}
	}
	return of
}

// takenAsObject reports whether an object is taken out of what numpy.load gives, which is
// then an array of one: np.load(p).item(), np.load(p)[()].
func (x *fixer) takenAsObject(load *pysrc.Invocation) bool {
	if x.objects == nil {
		x.objects = map[*pysrc.Call]bool{}
		x.findTaken()
	}
	return x.objects[load.Node]
}

func (x *fixer) findTaken() {
	for _, c := range x.m.Calls {
		if m, ok := c.Node.Func.(*pysrc.Attribute); ok && m.Attr == "item" && len(c.Node.Args) == 0 {
			if _, number := m.Value.(*pysrc.Subscript); !number { // as z["loss"].item() mostly is
				x.takes(m.Value, c.Scope)
			}
		}
	}
	asked := map[string][]int32{} // where [()] is asked of a name
	x.everyExpr(x.f.Body, func(e pysrc.Expr) {
		s, ok := e.(*pysrc.Subscript)
		if !ok {
			return
		}
		if index, ok := s.Index.(*pysrc.Sequence); !ok || index.Kind != pysrc.Tuple || len(index.Elems) > 0 {
			return
		}
		if n, ok := part(s.Value).(*pysrc.Name); ok && (asked[n.ID] != nil || len(asked) < mostNames) {
			asked[n.ID] = append(asked[n.ID], n.Start)
		}
		x.takes(s.Value, nil)
	})
	for _, c := range x.m.Calls {
		if !c.Is(numpyLoads...) {
			continue
		}
		for id, places := range asked {
			if fn := c.Scope.Function(); fn != nil && !slices.ContainsFunc(places, func(at int32) bool { return holds(fn.Func.Span, at) }) {
				continue
			}
			owner := c.Scope.Owner(id)
			x.objects[c.Node] = x.objects[c.Node] || owner != nil &&
				slices.ContainsFunc(owner.Bindings(id), func(b pysrc.Binding) bool { return part(b.Value) == pysrc.Expr(c.Node) })
		}
	}
}

// takes notes the calls that give what an object is taken out of.
func (x *fixer) takes(e pysrc.Expr, s *pysrc.Scope) {
	switch e := part(e).(type) {
	case *pysrc.Call:
		x.objects[e] = true
	case *pysrc.Name:
		if s == nil || s.Owner(e.ID) == nil {
			return
		}
		for _, b := range s.Owner(e.ID).Bindings(e.ID) {
			if c, ok := part(b.Value).(*pysrc.Call); ok {
				x.objects[c] = true
			}
		}
	}
}

// part is what an expression is an item of: z of z["x"].
func part(e pysrc.Expr) pysrc.Expr {
	for {
		s, ok := e.(*pysrc.Subscript)
		if !ok {
			return e
		}
		e = s.Value
	}
}

package code

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/pysrc"
)

// field is what an annotation in a class says of an attribute of its objects.
type field struct {
	few bool   // it is a number or one of a few values
	ref string // or else what may be a class of the project
}

// validating are classes of which objects are held against their annotations when they are
// made, and validatingBy what decorates others.
var (
	validating   = []string{"pydantic.BaseModel", "pydantic.main.BaseModel", "pydantic.v1.BaseModel", "pydantic.generics.GenericModel", "ninja.Schema"}
	validatingBy = []string{"pydantic.dataclasses.dataclass", "pydantic.v1.dataclasses.dataclass"}
)

// fields notes what the classes of the file say of the attributes of their objects.
func (t *tracer) fields() {
	t.m.Top.Each(func(s *pysrc.Scope) {
		c := t.out.names.classes[t.local[s]]
		if s.Kind != pysrc.ClassScope || c == nil || len(s.Class.Bases)+len(s.Class.Decorators) == 0 {
			return
		}
		for _, d := range s.Class.Decorators {
			if call, ok := d.(*pysrc.Call); ok {
				d = call.Func
			}
			c.validated = c.validated || nameIn(t.m.Names(d, s.Parent), validatingBy) != ""
		}
		put := func(name string, f field) {
			if c.fields == nil {
				c.fields = map[string]field{}
			}
			c.fields[t.word(name)] = f
		}
		for _, stmt := range s.Class.Body[:min(len(s.Class.Body), mostFields)] {
			switch a := stmt.(type) {
			case *pysrc.AnnAssign:
				if name, ok := a.Target.(*pysrc.Name); ok {
					few := len(s.Attributes(name.ID)) == 0 && t.bounded(a.Annotation, s, 0) // no method sets it
					put(name.ID, field{few, t.classOf(a.Annotation, s)})
				}
			case *pysrc.FunctionDef: // a property, which is no field of a class above any more
				put(a.Name, field{})
				for _, d := range a.Decorators {
					t.validator(c, d, s)
				}
			case *pysrc.Assign:
				for _, to := range a.Targets {
					if name, ok := to.(*pysrc.Name); ok {
						put(name.ID, field{})
					}
				}
				if call, ok := a.Value.(*pysrc.Call); ok { // validator("n")(function)
					t.validator(c, call.Func, s)
				}
			}
		}
	})
}

// mostFields is how many statements of a class are looked through for its fields.
const mostFields = 200

// validators are decorators of methods that put something else in the place of fields, which
// nothing holds against their annotations; anyField stands for all.
var validators = []string{"validator", "field_validator", "root_validator", "model_validator"}

const anyField = "*"

// validator notes of which fields a decorator has a method give what they hold.
func (t *tracer) validator(c *class, d pysrc.Expr, s *pysrc.Scope) {
	var args []pysrc.Expr
	call, ok := d.(*pysrc.Call)
	if ok {
		d, args = call.Func, call.Args
	}
	last := func(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }
	if !slices.Contains(validators, last(chain(d))) && !slices.ContainsFunc(t.m.Names(d, s), func(n string) bool { return slices.Contains(validators, last(n)) }) {
		return
	}
	if c.set == nil {
		c.set = map[string]bool{}
	}
	for _, a := range args {
		name, ok := a.(*pysrc.Str)
		if !ok {
			c.set[anyField] = true
			continue
		}
		c.set[t.word(name.Value)] = true
	}
	if len(args) == 0 { // of the model as a whole
		c.set[anyField] = true
	}
}

// sets reports whether a method of a class, or of one that it derives from, gives what a
// field holds.
func (w *follower) sets(d def, name string, depth int) bool {
	if set := d.class().set; set[name] || set[anyField] {
		return true
	}
	return depth <= mostHops && slices.ContainsFunc(w.bases(d), func(b def) bool { return w.sets(b, name, depth+1) })
}

// classOf is the one class of the project that an annotation may be of, as other files name
// it; else empty.
func (t *tracer) classOf(e pysrc.Expr, s *pysrc.Scope) string {
	for range mostTurns {
		switch x := e.(type) {
		case *pysrc.Binary: // In | None
			if none, ok := x.Right.(*pysrc.Const); !ok || none.Word != "None" {
				return ""
			}
			e = x.Left
		case *pysrc.Subscript:
			name := chain(x.Value)
			if name = name[strings.LastIndexByte(name, '.')+1:]; name != "Annotated" && name != "Optional" {
				return ""
			}
			e = x.Index
			if q, ok := e.(*pysrc.Sequence); ok && len(q.Elems) > 0 {
				e = q.Elems[0]
			}
		case *pysrc.Name, *pysrc.Attribute:
			v := t.m.Eval(x, s)
			switch {
			case len(v) != 1:
				return ""
			case v[0].Kind == pysrc.Class:
				return t.local[v[0].Def]
			case v[0].Kind == pysrc.Ref:
				return t.word(ofProject(v[0].Name))
			}
			return ""
		default:
			return ""
		}
	}
	return ""
}

// fieldsOf says what an attribute is made of, by which field it is of an object that the
// framework made of a request.
func (t *tracer) fieldsOf(e *pysrc.Attribute, s *pysrc.Scope, labels []label) []label {
	of := func(l label) bool { return l.kind == ofSource && t.out.sources[l.at].model != "" }
	if !slices.ContainsFunc(labels, of) || t.partsSet()[e.Attr] {
		return labels
	}
	if n, ok := e.Value.(*pysrc.Name); ok && s.Self(n.ID) != nil { // it is the object
		return labels
	}
	var out []label
	for _, l := range labels {
		if of(l) {
			x := t.out.sources[l.at]
			if x.field != "" {
				x.field += "."
			}
			x.field = t.word(x.field + e.Attr)
			if strings.Count(x.field, ".") >= mostTurns {
				return labels
			}
			if more := t.keep(x); more != nil {
				out = t.join(out, more)
				continue
			}
		}
		out = t.join(out, []label{l})
	}
	return out
}

// partsSet are the attributes of objects that something in the file sets, against which
// nothing holds them.
func (v *view) partsSet() map[string]bool {
	if v.set != nil {
		return v.set
	}
	v.set = map[string]bool{}
	note := func(to pysrc.Expr) {
		if a, ok := to.(*pysrc.Attribute); ok {
			v.set[a.Attr] = true
		}
	}
	var look func([]pysrc.Stmt)
	look = func(list []pysrc.Stmt) {
		for _, s := range list {
			switch s := s.(type) {
			case *pysrc.Assign:
				for _, to := range s.Targets {
					note(to)
				}
			case *pysrc.AnnAssign:
				note(s.Target)
			case *pysrc.AugAssign:
				note(s.Target)
			}
			pysrc.Blocks(s, look)
		}
	}
	look(v.f.Body)
	for _, c := range v.m.Calls {
		if c.Is("setattr") {
			if name, ok := v.text(c, 1, ""); ok {
				v.set[name] = true
			}
		}
	}
	return v.set
}

// fewField reports whether a field of what a request brings holds a number or one of a few
// values, because its class says so and is held against that.
func (w *follower) fewField(f *Flow, s *source) bool {
	return s.field != "" && w.fewPart(f.names, s.model, strings.Split(s.field, "."))
}

func (w *follower) fewPart(f *Modules, ref string, path []string) bool {
	defs := w.resolve(f, ref).defs
	return len(defs) > 0 && !slices.ContainsFunc(defs, func(d def) bool {
		if d.class() == nil || w.sets(d, path[0], 0) {
			return true
		}
		of, x := w.fieldOf(d, path[0], 0)
		switch {
		case x.few:
			return false
		case len(path) == 1 || x.ref == "":
			return true
		}
		return !w.fewPart(of.file, x.ref, path[1:])
	})
}

// fieldOf finds what a class that is held against its annotations says of an attribute, or
// the first that it derives from.
func (w *follower) fieldOf(d def, name string, depth int) (def, field) {
	if x, ok := d.class().fields[name]; ok {
		if !d.class().validated && !w.derives(d, isValidating, 0) {
			x = field{}
		}
		return d, x
	}
	if depth <= mostHops {
		for _, b := range w.bases(d) {
			if of, x := w.fieldOf(b, name, depth+1); x != (field{}) || b.class().fields != nil {
				return of, x
			}
		}
	}
	return d, field{}
}

func isValidating(ref string) bool { return slices.Contains(validating, ref) }

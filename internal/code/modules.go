package code

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/pysrc"
)

// Modules is what one file says about models: the classes that may be modules, where
// they are made and handed on, and what is guarded. [Forwards] puts files together.
//
// A reference is a dotted name as the file has it, or # and the offset of a class or
// function of the file itself.
type Modules struct {
	where     finding.Where
	moved     func(finding.Where) finding.Where // as in looker
	classes   map[string]*class                 // by reference
	functions map[string][]origin               // by reference: what they return
	titles    map[string][]string               // dotted names within the file -> references
	aliases   map[string][]string               // names of the module that stand for others -> references
	stars     []string                          // modules of which all names are imported
	sites     []site                            // calls
	handed    []handed                          // arguments
	guards    []guard                           // calls of andiron.guard, and of a decorator of andiron.validate
	data      []check                           // calls that hold training data against a schema
	uses      []use                             // what is done with a model
	server    string                            // the package for servers that the file imports
	text      string                            // of a file that was not looked at yet
	imports   []string                          // what such a file imports
	torch     bool                              // it imports torch, or what builds on it
	untrue    []string                          // names that are False, or may be
}

// class is a class, whatever it derives from.
type class struct {
	title    string
	where    finding.Where
	bases    [][]string // what each may be; an empty word is something that is not seen
	forwards []forward  // of its own: more than one where it depends on something
	fields   map[string]field
	// validated says that a decorator has its objects held against its annotations.
	validated bool
	set       map[string]bool // the fields that a method of it gives
}

// forward is a method of that name.
type forward struct {
	where  finding.Where
	params []string // those that have to be given, and may be tensors
	checks []check
	own    []int // lines of its own checks, as inputChecks has them
}

// check is something that may be andiron.guard or andiron.validate, and its schema.
type check struct {
	refs     []string
	where    finding.Where
	schema   schemaArg
	only     []string // names that short forms are given to
	first    int      // how many of the first parameters have a short form
	partial  bool     // what has no short form is not checked
	inactive bool     // it only logs
}

// schemaArg is a schema as the code names it.
type schemaArg struct {
	path  string // of a file; empty for a short form and for what is not seen
	short string
}

// origin is a call that made a value, or the class that it is an object of.
type origin struct {
	ref string
	at  int32
}

// inside says in which method of a class, or else in which function, something
// stands; both are empty for the module.
type inside struct{ class, function string } // as references

// site is a call of something. Of calls that make nothing themselves the first of a
// kind is kept.
type site struct {
	ref string
	at  int32
	spot
	in inside
}

// spot is a place in the text of a file.
type spot struct{ line, column int32 }

// at is the place of a spot in a file, or in the cell of a notebook.
func (m *Modules) at(s spot) finding.Where {
	w := m.where.Line1(int(s.line), int(s.column))
	if m.moved != nil {
		return m.moved(w)
	}
	return w
}

// handed is an argument that is a class, or something that was made.
type handed struct {
	to      []string
	classes []string
	made    []origin
	spot
	in inside
}

type guard struct {
	check

	made []origin
}

// use is something that shows a model to be one that is put to use.
type use struct {
	what  string
	made  []origin
	where finding.Where
}

const (
	mostSites   = 20_000  // of calls, that are kept of one file
	mostDefs    = 5_000   // classes and functions
	mostUses    = 2_000   // guards, and places where models are put to use
	mostOrigins = 16      // that one value may have
	mostReturns = 64      // origins of what a function returns
	mostChecked = 100     // decorators of a function
	originSteps = 400     // to find where one value comes from
	originWork  = 1 << 20 // for all values of a file
)

// familiar is a call of one thing in one function.
type familiar struct {
	ref string
	in  inside
}

// collector gathers Modules from a view.
type collector struct {
	*view

	out     *Modules
	named   map[string]bool // names of classes of the file
	known   map[familiar]bool
	imports map[string]bool // names that are imported
	callers map[*pysrc.Scope][]*pysrc.Invocation
	locals  map[*pysrc.Scope]string
	within  map[*pysrc.Scope]inside
	words   map[string]string // references that are kept, without the text of the file
	steps   int
	left    int
	cut     bool
}

// speaksOf are words of which a file has one that makes models, or guards them.
var speaksOf = []string{"torch", "andiron", "lightning", "transformers", "timm", "mlflow"}

// modules gathers what Forwards needs, at once or where it proves to be needed.
func (v *view) modules() {
	if slices.ContainsFunc(speaksOf, func(word string) bool { return strings.Contains(v.f.Text, word) }) {
		v.l.modules = v.gather()
		return
	}
	imports := v.imports()
	left := v.l.opt.Memory
	switch {
	case len(imports) == 0:
	case v.l.moved == nil && left != nil && left.Add(-int64(len(v.f.Text))) >= 0:
		v.l.modules = &Modules{where: v.where, text: v.f.Text, imports: imports}
	default:
		v.l.modules = v.gather()
	}
}

// imports lists what a file imports that may be of the project.
func (v *view) imports() (list []string) {
	kept := map[string]bool{}
	keep := func(ref string) {
		if top, _, _ := strings.Cut(ref, "."); !foreign[top] && !kept[ref] && len(kept) < mostDefs {
			kept[ref] = true
			list = append(list, strings.Clone(ref))
		}
	}
	for _, s := range v.m.Stars() {
		keep(s)
	}
	v.m.Top.Each(func(s *pysrc.Scope) {
		for _, ref := range s.Imports() {
			keep(ref)
		}
	})
	return list
}

// read gathers, of a file whose text was kept.
func (m *Modules) read(report func(finding.Finding)) *Modules {
	f, err := pysrc.Parse([]byte(m.text), pysrc.Limits{})
	if err != nil { // it was read before
		report(notRead.Undetermined(m.where, fmt.Sprintf("the file could not be read as Python: %v", err)))
		return &Modules{where: m.where}
	}
	l := &looker{out: report, kept: map[string]int{}}
	return newView(l, f, m.where).gather()
}

func (v *view) gather() *Modules {
	x := &collector{
		view: v, named: map[string]bool{}, known: map[familiar]bool{}, imports: map[string]bool{}, callers: map[*pysrc.Scope][]*pysrc.Invocation{},
		words: map[string]string{}, locals: map[*pysrc.Scope]string{}, within: map[*pysrc.Scope]inside{}, left: originWork,
		out: &Modules{
			where: v.where, moved: v.l.moved, classes: map[string]*class{}, functions: map[string][]origin{},
			titles: map[string][]string{}, aliases: map[string][]string{},
		},
	}
	for _, s := range v.m.Stars() {
		x.out.stars = append(x.out.stars, x.word(s))
	}
	for _, c := range v.m.Calls {
		for _, d := range c.Defs {
			if d.Func != nil {
				x.callers[d] = append(x.callers[d], c)
			}
		}
	}
	x.names()
	v.m.Top.Each(x.definition)
	v.m.Top.Each(func(s *pysrc.Scope) {
		if s.Kind == pysrc.FunctionScope {
			x.defaults(s)
		}
	})
	for _, c := range v.m.Calls {
		x.call(c)
	}
	if x.cut {
		v.l.report(notRead.Undetermined(v.where, "the file has so many classes, functions or calls that which models it makes was not looked at in full"))
	}
	return x.out
}

// word is a string that does not keep the text of the file in memory.
func (x *collector) word(s string) string {
	w, ok := x.words[s]
	if !ok {
		w = strings.Clone(s)
		x.words[w] = w
	}
	return w
}

// place is where a node is, in a notebook too.
func (x *collector) place(n pysrc.Node) finding.Where { return x.l.place(x.at(n)) }

func (x *collector) spot(n pysrc.Node) spot {
	line, column := x.f.Place(n.Where().Start)
	return spot{int32(line), int32(column)}
}

// names notes what the names of the module stand for.
func (x *collector) names() {
	for _, name := range x.m.Top.BoundNames() {
		for _, b := range x.m.Top.Bindings(name) {
			switch b.Kind {
			case pysrc.Imported:
				x.imports[name] = true
				x.alias(name, x.word(b.Ref))
				x.imported(b.Ref)
			case pysrc.Assigned:
				switch value := b.Value.(type) {
				case *pysrc.Name, *pysrc.Attribute:
					x.alias(name, x.refs(b.Value, b.Scope)...)
				case *pysrc.Const:
					if value.Word == "False" {
						x.out.untrue = append(x.out.untrue, x.word(name))
					}
				}
			default:
			}
		}
	}
	for _, s := range x.out.stars {
		x.imported(s)
	}
}

func (x *collector) alias(name string, refs ...string) {
	name = x.word(name)
	x.out.aliases[name] = append(x.out.aliases[name], refs...)
}

// servers are packages with which code takes requests.
var servers = []string{
	"fastapi", "flask", "quart", "starlette", "aiohttp.web", "sanic", "tornado", "bottle", "falcon", "litestar", "django", "uvicorn", "grpc",
	"kserve", "ts", "bentoml", "litserve", "mlserver", "gradio", "streamlit", "ray.serve", "triton_python_backend_utils", "pytriton", "mosec", "seldon_core",
}

// behind are those of them whose server a gateway can stand before.
var behind = []string{"kserve", "ts", "mlserver", "triton_python_backend_utils", "pytriton", "grpc", "seldon_core", "uvicorn"}

func (x *collector) imported(ref string) {
	top, _, _ := strings.Cut(ref, ".")
	x.out.torch = x.out.torch || slices.ContainsFunc(speaksOf, func(word string) bool { return strings.Contains(top, word) })
	for _, s := range servers {
		if ref == s || strings.HasPrefix(ref, s+".") {
			if x.out.server == "" || slices.Contains(behind, x.out.server) {
				x.out.server = s
			}
		}
	}
}

// local is the reference of a class or a function.
func (x *collector) local(s *pysrc.Scope) string {
	ref, ok := x.locals[s]
	if !ok {
		var n pysrc.Node = s.Func
		if s.Class != nil {
			n = s.Class
		}
		ref = "#" + strconv.Itoa(int(n.Where().Start))
		x.locals[s] = ref
	}
	return ref
}

// refs are the references that an expression may be; an empty word is anything else.
func (x *collector) refs(e pysrc.Expr, s *pysrc.Scope) (out []string) {
	for _, v := range x.m.Eval(e, s) {
		switch v.Kind {
		case pysrc.Ref:
			out = append(out, x.word(v.Name))
		case pysrc.Class, pysrc.Function:
			out = append(out, x.local(v.Def))
		default:
			out = append(out, "")
		}
	}
	return out
}

// definition notes a class or a function.
func (x *collector) definition(s *pysrc.Scope) {
	if s.Kind != pysrc.ClassScope && s.Kind != pysrc.FunctionScope {
		return
	}
	if len(x.out.classes)+len(x.out.functions) >= mostDefs {
		x.cut = true
		return
	}
	if s.Kind == pysrc.FunctionScope {
		if in := x.enclosing(s); in.class == "" {
			x.title(s)
			if made := x.returned(s); len(made) > 0 {
				x.out.functions[x.local(s)] = made
			}
		}
		return
	}
	x.title(s)
	x.named[s.Class.Name] = true
	c := &class{title: x.word(s.Title()), where: x.place(s.Class)}
	for _, b := range s.Class.Bases {
		if sub, ok := b.(*pysrc.Subscript); ok { // Generic[T]
			b = sub.Value
		}
		c.bases = append(c.bases, x.refs(b, s.Parent))
	}
	for _, b := range s.Bindings("forward") {
		x.forward(c, s, b)
	}
	x.out.classes[x.local(s)] = c
}

func (x *collector) title(s *pysrc.Scope) {
	t := x.word(s.Title())
	x.out.titles[t] = append(x.out.titles[t], x.local(s))
}

// forward notes a method of that name, defined or assigned.
func (x *collector) forward(c *class, s *pysrc.Scope, b pysrc.Binding) {
	switch {
	case b.Kind == pysrc.Defined && b.Def.Func != nil:
		if has(b.Def.Func, "staticmethod") {
			return
		}
		f := forward{where: x.place(b.Def.Func), params: x.tensors(b.Def.Func), own: x.ownChecks(b.Def)}
		for _, d := range b.Def.Func.Decorators[:min(len(b.Def.Func.Decorators), mostChecked)] {
			if k, ok := x.check(d, s); ok {
				f.checks = append(f.checks, k)
			}
		}
		c.forwards = append(c.forwards, f)
	case b.Kind == pysrc.Assigned:
		f := forward{where: x.place(pysrc.Span{Start: b.At, End: b.At})}
		if outer, ok := b.Value.(*pysrc.Call); ok { // forward = validate(...)(function)
			if k, ok := x.check(outer.Func, s); ok {
				f.checks = append(f.checks, k)
			}
		}
		c.forwards = append(c.forwards, f)
	}
}

// tensors are the parameters of a method that have to be given and may be tensors.
func (x *collector) tensors(f *pysrc.FunctionDef) (names []string) {
	for i, p := range f.Params.All() {
		if n, ok := p.Annotation.(*pysrc.Name); ok && slices.Contains([]string{"int", "float", "bool", "str"}, n.ID) {
			continue
		}
		if i > 0 && p.Default == nil && p != f.Params.Star && p != f.Params.StarStar {
			names = append(names, x.word(p.Name))
		}
	}
	return names
}

func has(f *pysrc.FunctionDef, decorator string) bool {
	return slices.ContainsFunc(f.Decorators[:min(len(f.Decorators), mostChecked)], func(e pysrc.Expr) bool {
		n, ok := e.(*pysrc.Name)
		return ok && n.ID == decorator
	})
}

// enclosing says in which method, or else in which function, a scope is. Class
// methods and static ones are functions.
func (x *collector) enclosing(s *pysrc.Scope) inside {
	in, ok := x.within[s]
	if !ok {
		in = x.surrounding(s)
		x.within[s] = in
	}
	return in
}

func (x *collector) surrounding(s *pysrc.Scope) (in inside) {
	for ; s != nil; s = s.Parent {
		switch {
		case s.Kind == pysrc.ClassScope:
			return inside{class: x.local(s)}
		case s.Kind != pysrc.FunctionScope:
		case s.Parent.Kind != pysrc.ClassScope:
			in.function = x.local(s)
		case has(s.Func, "staticmethod"), has(s.Func, "classmethod"):
			return inside{function: x.local(s)}
		default:
			return inside{class: x.local(s.Parent)}
		}
	}
	return in
}

// check reads a decorator that is called, there or where its name is bound.
func (x *collector) check(d pysrc.Expr, s *pysrc.Scope) (check, bool) {
	if n, ok := d.(*pysrc.Name); ok {
		owner := s.Owner(n.ID)
		if owner == nil || len(owner.Bindings(n.ID)) != 1 {
			return check{}, false
		}
		b := owner.Bindings(n.ID)[0]
		if b.Kind != pysrc.Assigned {
			return check{}, false
		}
		d, s = b.Value, b.Scope
	}
	c, ok := d.(*pysrc.Call)
	if !ok {
		return check{}, false
	}
	k := check{refs: slices.DeleteFunc(x.refs(c.Func, s), func(r string) bool { return !mayCheck(r) }), where: x.place(c)}
	if len(k.refs) == 0 {
		return check{}, false
	}
	if len(c.Args) > 0 {
		k.schema = x.schema(c.Args[0], s)
	}
	k.partial = len(c.Args) == 0 || k.schema.short != ""
	k.first = len(c.Args)
	for _, w := range c.Keywords {
		switch {
		case w.Name == "": // what is passed is not seen
			k.partial = false
		case k.partial:
			k.only = append(k.only, x.word(w.Name))
			if k.schema.short == "" {
				k.schema = x.schema(w.Value, s)
			}
		}
	}
	if slices.ContainsFunc(c.Args, func(e pysrc.Expr) bool { _, star := e.(*pysrc.Starred); return star }) {
		k.partial = false
	}
	return k, true
}

// mayCheck reports whether a reference may be andiron's, by itself or through a file
// of the project.
func mayCheck(ref string) bool {
	return strings.HasSuffix(ref, ".guard") || strings.HasSuffix(ref, ".validate")
}

// schema says which schema an argument is: a short form, or the last path that is
// written in it.
func (x *collector) schema(e pysrc.Expr, s *pysrc.Scope) schemaArg {
	for range 8 {
		if v := x.m.Eval(e, s); len(v) == 1 && v[0].Kind == pysrc.Text {
			return schemaOf(strings.Clone(v[0].Name))
		}
		n, ok := e.(*pysrc.Name)
		if !ok {
			break
		}
		owner := s.Owner(n.ID)
		if owner == nil || len(owner.Bindings(n.ID)) != 1 || owner.Bindings(n.ID)[0].Kind != pysrc.Assigned {
			return schemaArg{}
		}
		b := owner.Bindings(n.ID)[0]
		e, s = b.Value, b.Scope
	}
	var last string
	steps := 200
	pysrc.Walk(e, func(e pysrc.Expr) bool {
		if t, ok := e.(*pysrc.Str); ok && !t.Bytes {
			last = t.Value
		}
		steps--
		return steps > 0
	})
	return schemaOf(strings.Clone(last))
}

func schemaOf(text string) schemaArg {
	if len(text) > 500 {
		return schemaArg{}
	}
	if strings.Contains(text, "[") {
		return schemaArg{short: text}
	}
	return schemaArg{path: text}
}

// returned lists what the return statements of a function make.
func (x *collector) returned(fn *pysrc.Scope) (out []origin) {
	var look func([]pysrc.Stmt)
	look = func(list []pysrc.Stmt) {
		for _, s := range list {
			switch s := s.(type) {
			case *pysrc.FunctionDef, *pysrc.ClassDef:
				continue
			case *pysrc.Keyworded:
				if s.Word == "return" && len(s.Values) == 1 && len(out) < mostReturns {
					out = append(out, x.lasts(x.origins(s.Values[0], fn))...)
				}
			}
			pysrc.Blocks(s, look)
		}
	}
	look(fn.Func.Body)
	return out
}

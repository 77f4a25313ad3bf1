package code

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/pysrc"
)

// Flow is what one file says of what comes from outside and of where it goes: what
// its functions hand on to each other, what they return, and what is loaded. [Flows]
// puts files together.
type Flow struct {
	names      *Modules
	routines   []*routine
	sources    []source
	passings   []*passing
	sinks      []*sink
	retriables []retriable
	signs      signs
	uses       []string            // dotted names that may be of other files, and are called or imported
	said       map[reportedAt]bool // where what was reported
	does       map[string]does     // by reference, what functions do with digests
	injects    map[string]int      // names of the module that are types with a dependency: its passing, or -1
	hold       bool                // it has to be looked at again
	objects    map[objectsIn]kept  // files that objects are saved to, and where, where code may be rewritten
	torch      Torch               // what the project allows, where the file is
	byRef      map[string]int      // routines by their reference; made by Flows
}

// Path is the file's, as findings name it.
func (f *Flow) Path() string { return f.names.where.Path }

// routine is a function of a file, or what stands in none: the first of its file.
type routine struct {
	ref    string // empty for what stands in no function
	title  string
	params []string
	places int // how many of them take arguments by position
	star   int // which one takes all others, or -1
	stars  int // which one takes all other names, or -1
	first  firstPlace
	sets   bool    // it says something of weights_only itself
	gives  []label // what it returns
	// parts are what the elements of the tuples are made of that it returns, and rest
	// what other things are that it returns.
	parts  [][]label
	rest   []label
	writes []written
	// own are the parameters that FastAPI, where it calls the routine, fills with what no
	// request brings: what a dependency gives, a number, or one of a few values.
	own   []int
	typed map[int]string // parameters by which names of other files they are annotated with
}

// firstPlace says what the first parameter of a routine takes.
type firstPlace byte

const (
	firstArgument firstPlace = iota
	firstObject              // that it is called on
	firstClass               // also where it is called on the class
)

// part is what one element of the result is made of, from 1; 0 is the whole.
func (r *routine) part(n int) []label {
	if n == 0 || n > len(r.parts) {
		return r.gives
	}
	return append(slices.Clip(r.parts[n-1]), r.rest...)
}

// written is what a routine puts into the file that a parameter of it names.
type written struct {
	at     int // the parameter
	labels []label
}

// label says what a value is made of, within one file.
type label struct {
	kind labelKind
	fn   int // of a parameter: whose; of what a call writes: which of its places; of what it gives: which part, or 0
	at   int // which parameter, source or passing
}

type labelKind byte

const (
	ofParam   labelKind = iota
	ofSource            // it comes from outside
	ofPassing           // it is what a call of the project gives
	ofWriting           // it is what such a call writes to the file that it is given
)

// source is where something comes in.
type source struct {
	kind sourceKind
	text string
	spot

	typed    string // the name of another file that a parameter is annotated with
	injected bool   // that stands for a dependency, so that nothing comes in

	model string // the class of which the framework makes a parameter, where it holds that against it
	field string // the attribute of it that is taken, dotted
}

// passing is a call of something that may be of the project.
type passing struct {
	refs  []string // what may be called
	fn    int      // the routine that it stands in
	bound bool     // it is called on an object
	asks  bool     // FastAPI calls it, with what a request brings
	shown string
	args  []argument
	// places are the arguments that may name a file that is written.
	places []argument
	parts  []int    // of its result that are taken by themselves
	again  bool     // it is the unsafe one of two loads, and said to be
	only   bool     // it is given weights_only
	rest   bool     // it is given names that are not seen
	ahead  int      // where it is: how many arguments it is given by position
	others []string // and by which names
	spot
}

// argument is what a call is given.
type argument struct {
	position int // or -1
	name     string
	labels   []label
	word     string // True, False or None, where it is one of these
}

// sink is a call that does what it is told: it loads, builds or evaluates.
type sink struct {
	name   string
	worse  string // what may be called as well, and runs what it is given
	what   action
	shown  string
	fn     int
	labels []label // of what it is given
	// unsafe says that what it is given runs code; else it is only read.
	unsafe bool
	// loose says that it may be given weights_only=False.
	loose bool
	// model says that it loads models, and held that it does so in the sandbox.
	model, held bool
	// checked says that a digest is compared before.
	checked bool
	// flags are parameters that say whether torch.load reads safely.
	flags []label
	// open says that it may be among names that are handed on, and else is not given.
	open bool
	// refs are what else in the project may say that.
	refs     []string
	reported bool
	fix      string // what does instead of it; empty for torch.load
	spot
}

// variable is a name in the scope that binds it, or an attribute of a class, which
// begins with a dot.
type variable struct {
	scope *pysrc.Scope
	name  string
}

const (
	mostTurns    = 8       // through the assignments of a function
	mostRounds   = 3       // through all functions of a file
	mostLabels   = 12      // of one value
	mostWritings = 4       // of these, what calls write to it
	mostPassings = 20_000  // of one file
	mostSources  = 2_000   // of one file
	mostWork     = 1 << 23 // expressions that are looked at for it, in one file
	mostDepth    = 40      // of expressions
)

// tracer finds what the values of a file are made of.
type tracer struct {
	*view

	out     *Flow
	from    map[variable][]label
	since   map[variable][]int32 // from which place on, label by label
	at      int32                // the place of what is looked at
	loops   map[*pysrc.Scope][]pysrc.Span
	fns     map[*pysrc.Scope]int // routines by their function; nil is that of the file
	scopes  []*pysrc.Scope       // and the other way round
	bound   map[*pysrc.Scope][]bindingOf
	puts    map[*pysrc.Scope][]pysrc.Put
	items   map[variable][]variable         // of containers
	lambdas bool                            // the file has some
	inner   map[pysrc.Expr]*pysrc.Scope     // of comprehensions and lambdas
	kin     map[*pysrc.Scope][]*pysrc.Scope // a class, and those of the file that it derives from
	known   map[*pysrc.Call]int             // passings by their call
	said    map[source]int
	words   map[string]string
	local   map[*pysrc.Scope]string
	grown   bool
	serves  bool                    // a function of the file answers requests
	web     map[*pysrc.Scope][]*web // what classes of frameworks a class derives from
	// viewFile says that the file imports what only those do that answer requests.
	viewFile bool
	marks    bool            // the file speaks of dependencies of FastAPI
	parsed   map[string]bool // options of parsers, and whether they are numbers or one of a few
	vetting  bool            // it looks at what a list is made of
	brings   []string        // prefixes of dotted names that come from outside, of which the file speaks
}

// bindingOf is a name and how it is bound.
type bindingOf struct {
	variable

	pysrc.Binding
}

// trace finds what a file hands on, and where it comes from.
func (v *view) trace() {
	t := &tracer{
		view: v, out: &Flow{}, from: map[variable][]label{}, since: map[variable][]int32{}, loops: map[*pysrc.Scope][]pysrc.Span{}, fns: map[*pysrc.Scope]int{}, bound: map[*pysrc.Scope][]bindingOf{},
		known: map[*pysrc.Call]int{}, said: map[source]int{}, words: map[string]string{}, web: map[*pysrc.Scope][]*web{},
		puts: map[*pysrc.Scope][]pysrc.Put{}, items: map[variable][]variable{}, inner: map[pysrc.Expr]*pysrc.Scope{}, kin: map[*pysrc.Scope][]*pysrc.Scope{},
	}
	t.out.names, t.local = v.titles()
	t.fields()
	t.filter()
	t.viewFile = t.speaksOfViews()
	t.marks = strings.Contains(t.f.Text, "Depends") || strings.Contains(t.f.Text, "Security")
	t.options()
	t.routines()
	t.depended()
	t.filled()
	t.served()
	t.gather()
	for range mostRounds {
		t.grown = false
		for i := range t.scopes {
			t.spread(i)
		}
		if !t.grown {
			break
		}
	}
	t.arrivals()
	t.out.retriables = t.retriables()
	t.results()
	t.out.signs = t.signs()
	t.out.uses, t.out.said, t.out.torch = t.uses(), t.l.said, t.l.opt.Torch
	t.out.does, t.out.hold = t.does(), t.l.hold
	if t.work < 0 {
		v.l.report(notRead.Undetermined(v.where, "the file is made so that what comes from outside could not be followed to its end"))
	}
	v.l.flow = t.out
}

// routines lists the functions of the file, and marks what fills their parameters.
func (t *tracer) routines() {
	t.add(nil)
	t.m.Top.Each(func(s *pysrc.Scope) {
		if s.Kind == pysrc.FunctionScope && len(t.scopes) < mostDefs {
			t.add(s)
		}
	})
	for i, s := range t.scopes[1:] {
		t.entry(s, i+1)
	}
}

func (t *tracer) add(s *pysrc.Scope) {
	r := &routine{star: -1, stars: -1}
	t.fns[s] = len(t.scopes)
	t.scopes = append(t.scopes, s)
	t.out.routines = append(t.out.routines, r)
	if s == nil {
		return
	}
	switch {
	case s.Parent.Kind != pysrc.ClassScope || has(s.Func, "staticmethod"):
	case has(s.Func, "classmethod"):
		r.first = firstClass
	default:
		r.first = firstObject
	}
	r.ref, r.title = t.local[s], t.word(s.Title())
	r.places = len(s.Params.PosOnly) + len(s.Params.Plain)
	all := s.Params.All()
	for i, p := range all[:min(len(all), mostParams)] {
		r.params = append(r.params, t.word(p.Name))
		switch p {
		case s.Params.Star:
			r.star = i
		case s.Params.StarStar:
			r.stars, r.sets = i, settles(s.Func.Body, "weights_only")
		}
		t.mark(variable{s, p.Name}, label{ofParam, t.fns[s], i})
	}
}

// mostParams is how many parameters of a function are followed.
const mostParams = 200

func (t *tracer) word(s string) string {
	w, ok := t.words[s]
	if !ok {
		w = strings.Clone(s)
		t.words[w] = w
	}
	return w
}

// mark adds what a variable is made of.
func (t *tracer) mark(v variable, labels ...label) {
	have, since := t.from[v], t.since[v]
	writings := 0
	for _, l := range have {
		if l.kind == ofWriting {
			writings++
		}
	}
	for _, l := range labels {
		if l.kind == ofWriting {
			writings++
		}
		if i := slices.Index(have, l); i >= 0 {
			if t.at < since[i] {
				since[i], t.grown = t.at, true
			}
			continue
		}
		if len(have) < mostLabels && (l.kind != ofWriting || writings <= mostWritings) {
			have, since = append(have, l), append(since, t.at)
			t.grown = true
		}
	}
	if len(have) > 0 {
		t.from[v], t.since[v] = have, since
	}
}

// until is what a variable of a function is made of at a place of it, of what is bound
// from another place on: what is bound further down counts only in a loop around both.
func (t *tracer) until(v variable, fn *pysrc.Scope, from, at int32) []label {
	have, since := t.from[v], t.since[v]
	own := v.scope.Func != nil && v.scope == fn
	if !own && from == 0 {
		return have
	}
	later := func(i int) bool {
		return since[i] < from || own && since[i] > at && !slices.ContainsFunc(t.loopsOf(fn), func(l pysrc.Span) bool {
			return l.Start <= at && at < l.End && l.Start <= since[i] && since[i] < l.End
		})
	}
	out := have
	for i := range have {
		if !later(i) {
			continue
		}
		out = nil
		for j, l := range have {
			if !later(j) {
				out = append(out, l)
			}
		}
		break
	}
	return out
}

// loopsOf are the loops of a function.
func (t *tracer) loopsOf(fn *pysrc.Scope) []pysrc.Span {
	list, ok := t.loops[fn]
	if !ok {
		var look func([]pysrc.Stmt)
		look = func(body []pysrc.Stmt) {
			for _, s := range body {
				switch s.(type) {
				case *pysrc.For, *pysrc.While:
					list = append(list, s.Where())
				case *pysrc.FunctionDef, *pysrc.ClassDef:
					continue
				}
				pysrc.Blocks(s, look)
			}
		}
		look(fn.Func.Body)
		t.loops[fn] = list
	}
	return list
}

// gather sorts the bindings of the file by the function that they stand in.
func (t *tracer) gather() {
	for _, p := range t.m.Puts {
		fn := p.Scope.Function()
		t.puts[fn] = append(t.puts[fn], p)
	}
	t.m.Top.Each(func(s *pysrc.Scope) {
		fn := s.Function()
		if s.Of != nil {
			t.inner[s.Of] = s
			t.lambdas = t.lambdas || s.Kind == pysrc.LambdaScope
		}
		for _, name := range s.BoundNames() {
			for _, b := range s.Bindings(name) {
				if b.Kind != pysrc.Parameter && b.Value != nil {
					t.bound[fn] = append(t.bound[fn], bindingOf{variable{s, name}, b})
				}
			}
		}
		if s.Kind != pysrc.ClassScope {
			return
		}
		for _, name := range s.AttributeNames() {
			for _, b := range s.Attributes(name) {
				if b.Value != nil {
					at := b.Scope.Function()
					t.bound[at] = append(t.bound[at], bindingOf{variable{s, "." + name}, b})
				}
			}
		}
	})
}

// spread follows the assignments of one function.
func (t *tracer) spread(i int) {
	fn := t.scopes[i]
	outer := t.grown
	for range mostTurns {
		t.grown = false
		for _, b := range t.bound[fn] {
			t.at = b.At
			if b.Kind == pysrc.Assigned {
				t.contents(b.Value, b.Binding.Scope, 0, func(key string, labels []label) { t.put(b.variable, key, labels) })
				continue
			}
			t.mark(b.variable, t.partOf(b.Binding, t.taint(b.Value, b.Binding.Scope, 0))...)
		}
		t.stores(fn)
		t.writes(fn)
		t.at = 0
		if !t.grown {
			break
		}
		outer = true
	}
	t.grown = outer
}

// partOf narrows what a value is made of to the part of it that a binding takes: of
// a, b = f() what f returns second is in b alone.
func (t *tracer) partOf(b pysrc.Binding, labels []label) []label {
	call, ok := b.Value.(*pysrc.Call)
	if b.Part == 0 || b.Part > mostElements || !ok {
		return labels
	}
	at, known := t.known[call]
	if !known || at < 0 {
		return labels
	}
	out := slices.Clone(labels)
	for i, l := range out {
		if l == (label{ofPassing, 0, at}) {
			out[i].fn = int(b.Part)
			if p := t.out.passings[at]; !slices.Contains(p.parts, int(b.Part)) {
				p.parts = append(p.parts, int(b.Part))
			}
		}
	}
	return out
}

// mostElements is how many elements of a result are told apart.
const mostElements = 16

// taint says what an expression is made of.
func (t *tracer) taint(e pysrc.Expr, s *pysrc.Scope, depth int) []label { // one case per expression
	if t.work--; e == nil || depth > mostDepth || t.work < 0 {
		return nil
	}
	depth++
	switch e := e.(type) {
	case *pysrc.Name:
		return t.named(e, anyItem, s, depth)
	case *pysrc.Str:
		return t.until(fileOf(e, s), s.Function(), 0, e.Start)
	case *pysrc.Attribute:
		out := t.attribute(e, anyItem, s, depth)
		if t.vettedPart(e, s, out, depth) || t.fewOf(e.Value, e.Attr, s, out) {
			return nil
		}
		return t.fieldsOf(e, s, out)
	case *pysrc.Subscript:
		key := keyOf(e.Index)
		out := t.itemOf(e.Value, key, s, depth)
		if t.fewOf(e.Value, key, s, out) {
			return nil
		}
		return out
	case *pysrc.Call:
		return t.called(e, s, depth)
	case *pysrc.Await:
		return t.taint(e.Value, s, depth)
	case *pysrc.Starred:
		return t.taint(e.Value, s, depth)
	case *pysrc.Walrus:
		return t.taint(e.Value, s, depth)
	case *pysrc.Field:
		return t.taint(e.Value, s, depth)
	case *pysrc.Binary:
		return t.any(s, depth, e.Left, e.Right)
	case *pysrc.IfExpr:
		return t.any(s, depth, e.Body, e.Else)
	case *pysrc.Joined:
		return t.any(s, depth, e.Parts...)
	case *pysrc.Bool:
		return t.any(s, depth, e.Values...)
	case *pysrc.Sequence:
		return t.any(s, depth, e.Elems...)
	case *pysrc.Dict:
		return t.all(e, s, depth)
	case *pysrc.Comprehension:
		if inner := t.inner[e]; inner != nil {
			return t.taint(e.Elem, inner, depth)
		}
	}
	return nil
}

// all is what a container is made of, whatever the key.
func (t *tracer) all(e pysrc.Expr, s *pysrc.Scope, depth int) (out []label) {
	t.contents(e, s, depth, func(_ string, labels []label) { out = t.join(out, labels) })
	return out
}

func (t *tracer) join(a, b []label) []label {
	if len(a) == 0 {
		return b
	}
	out := slices.Clone(a)
	for _, l := range b {
		if len(out) < mostLabels && !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}

func (t *tracer) any(s *pysrc.Scope, depth int, list ...pysrc.Expr) (out []label) {
	for _, e := range list {
		if more := t.taint(e, s, depth); len(more) > 0 {
			out = t.join(out, more)
		}
	}
	return out
}

// named is what a name is made of, or an item of it.
func (t *tracer) named(e *pysrc.Name, key string, s *pysrc.Scope, depth int) []label {
	owner := s.Owner(e.ID)
	if owner == nil {
		return nil
	}
	v := variable{owner, e.ID}
	out := t.join(t.brought(e, s), t.held(v, key, s.Function(), 0, e.Start))
	if text := constantOf(e, owner, s); text != nil {
		out = t.join(out, t.until(fileOf(text, s), s.Function(), 0, e.Start))
	}
	if from, ok := t.vetted(e, owner, s, out, depth); ok {
		return t.held(v, key, s.Function(), from, e.Start)
	}
	return out
}

// attribute is what an attribute is made of, or an item of it.
func (t *tracer) attribute(e *pysrc.Attribute, key string, s *pysrc.Scope, depth int) []label {
	out := t.brought(e, s)
	if n, ok := e.Value.(*pysrc.Name); ok {
		if class := s.Self(n.ID); class != nil { // the object itself is whoever made it
			out = t.join(out, t.carried(class, e))
			for _, c := range t.family(class) {
				out = t.join(out, t.held(variable{c, "." + e.Attr}, key, nil, 0, 0))
				out = t.join(out, t.held(variable{c, e.Attr}, key, nil, 0, 0))
			}
			return out
		}
	}
	if notTheirs(e) {
		return out
	}
	return t.join(out, t.taint(e.Value, s, depth))
}

// called says what the result of a call is made of.
func (t *tracer) called(e *pysrc.Call, s *pysrc.Scope, depth int) []label {
	names, defs := t.callees(e.Func, s)
	if t.fewByType(e, s) {
		return nil
	}
	if out := t.gives(e, s, names); out != nil {
		return out
	}
	if slices.ContainsFunc(names, func(n string) bool { return slices.Contains(passes, n) }) {
		out := t.any(s, depth, e.Args...)
		for i := range e.Keywords {
			out = t.join(out, t.taint(e.Keywords[i].Value, s, depth))
		}
		return out
	}
	a, method := e.Func.(*pysrc.Attribute)
	if method && slices.Contains(opaque, a.Attr) {
		return nil
	}
	if at := t.passing(e, s, names, defs); at >= 0 {
		out := []label{{ofPassing, 0, at}}
		if method && len(defs) == 0 {
			out = t.join(out, t.taint(a, s, depth))
		}
		return out
	}
	if slices.Contains(names, "map") && len(e.Args) > 1 {
		return t.mapped(e, s, depth)
	}
	if list := t.lambdasOf(e.Func, s); len(list) > 0 {
		return t.bodies(list, depth)
	}
	if !method {
		return nil
	}
	if slices.Contains(lookups, a.Attr) && len(e.Args) > 0 {
		return t.join(t.looked(a, e, s, depth), t.any(s, depth, e.Args[1:]...))
	}
	out := t.taint(a, s, depth)
	if name := nameIn(names, unpacks); name != "" {
		out = t.join(out, t.source(fromFile, "what "+name+" read", e))
	}
	if slices.Contains(joins, a.Attr) {
		out = t.join(out, t.any(s, depth, e.Args...))
	}
	return out
}

// family is a class, and those of the file that it derives from.
func (t *tracer) family(class *pysrc.Scope) []*pysrc.Scope {
	if list, ok := t.kin[class]; ok {
		return list
	}
	out := []*pysrc.Scope{class}
	for i := 0; i < len(out) && len(out) < mostEntries; i++ {
		bases := out[i].Class.Bases
		for _, b := range bases[:min(len(bases), mostEntries)] {
			for _, v := range t.m.Eval(b, out[i].Parent) {
				if v.Kind == pysrc.Class && !slices.Contains(out, v.Def) {
					out = append(out, v.Def)
				}
			}
		}
	}
	t.kin[class] = out
	return out
}

// callees are the dotted names and the functions and classes that may be called.
func (t *tracer) callees(f pysrc.Expr, s *pysrc.Scope) (names []string, defs []*pysrc.Scope) {
	object := false
	for _, v := range t.m.Eval(f, s) {
		switch v.Kind {
		case pysrc.Ref:
			names = append(names, v.Name)
		case pysrc.Function, pysrc.Class:
			defs = append(defs, v.Def)
		case pysrc.Instance, pysrc.Result:
			object = true
		default:
		}
	}
	a, ok := f.(*pysrc.Attribute)
	if object && len(names)+len(defs) == 0 && (!ok || a.Attr != objectCall) {
		if class := ownClass(f, s); class != nil {
			return nil, []*pysrc.Scope{class}
		}
		return t.callees(&pysrc.Attribute{Value: f, Attr: objectCall}, s)
	}
	if ok && len(names)+len(defs) == 0 {
		for _, v := range t.m.Eval(a.Value, s) {
			if v.Kind == pysrc.Instance {
				names = append(names, t.inherited(v.Def, a.Attr)...)
			}
		}
	}
	return names, defs
}

// objectCall is the method that a call of an object calls.
const objectCall = "__call__"

// ownClass is the class that a name stands for within a method of it: cls.
func ownClass(f pysrc.Expr, s *pysrc.Scope) *pysrc.Scope {
	n, ok := f.(*pysrc.Name)
	if !ok {
		return nil
	}
	if class := s.Self(n.ID); class != nil && has(s.Owner(n.ID).Func, "classmethod") {
		return class
	}
	return nil
}

// inherited are the methods of a name that a class of the file may have from classes of
// other files of the project.
func (t *tracer) inherited(class *pysrc.Scope, name string) (out []string) {
	for _, b := range class.Class.Bases[:min(len(class.Class.Bases), mostEntries)] {
		for _, n := range t.m.Names(b, class.Parent) {
			if ofProject(n) != "" {
				out = append(out, n+"()."+name)
			}
		}
	}
	return out
}

// passing keeps a call of something that may be of the project, and says which it is.
func (t *tracer) passing(e *pysrc.Call, s *pysrc.Scope, names []string, defs []*pysrc.Scope) int {
	if at, ok := t.known[e]; ok {
		return at
	}
	p := &passing{fn: t.fns[s.Function()]}
	for _, n := range names {
		if ref := ofProject(n); ref != "" {
			p.refs = append(p.refs, t.word(ref))
			p.bound = p.bound || strings.Contains(n, "().")
		}
	}
	for _, d := range defs {
		if ref := t.local[d]; ref != "" {
			p.refs = append(p.refs, ref)
			p.bound = p.bound || t.method(e, d)
		}
	}
	at := -1
	if len(p.refs) > 0 && len(t.out.passings) < mostPassings {
		at = len(t.out.passings)
		p.spot, p.shown = t.spot(e), strings.Clone(t.shown(e))
		p.again = t.done[placed{loadRetry.ID, e.Start}]
		t.out.passings = append(t.out.passings, p)
	}
	t.known[e] = at
	return at
}

// method reports whether a call is of a method of an object, which is then its first
// argument.
func (t *tracer) method(e *pysrc.Call, d *pysrc.Scope) bool {
	a, ok := e.Func.(*pysrc.Attribute)
	if d.Func != nil && d.Func.Name == objectCall && (!ok || a.Attr != objectCall) {
		return d.Parent.Kind == pysrc.ClassScope
	}
	if !ok || d.Func == nil || d.Parent.Kind != pysrc.ClassScope || has(d.Func, "staticmethod") {
		return false
	}
	if has(d.Func, "classmethod") {
		return true
	}
	n, ok := a.Value.(*pysrc.Name)
	return !ok || len(n.ID) == 0 || !slices.ContainsFunc(t.m.Eval(n, d.Parent), func(v pysrc.Value) bool { return v.Kind == pysrc.Class })
}

// ofProject is a dotted name as one that may be of the project, or empty.
func ofProject(name string) string {
	name = strings.ReplaceAll(name, "().", ".")
	top, _, dotted := strings.Cut(name, ".")
	if !dotted || foreign[top] || strings.HasSuffix(name, ")") {
		return ""
	}
	return name
}

func (t *tracer) spot(n pysrc.Node) spot {
	line, column := t.f.Place(n.Where().Start)
	return spot{int32(line), int32(column)}
}

// arrivals notes what calls are given, now that all is known of what values are made of.
func (t *tracer) arrivals() {
	for _, c := range t.m.Calls {
		if t.work < 0 {
			return
		}
		if !c.Deferred {
			t.taint(c.Node, c.Scope, 0) // so that it is known
		}
		at, ok := t.known[c.Node]
		if c.Deferred {
			at, ok = t.later(c)
		}
		if ok && at >= 0 {
			t.given(t.out.passings[at], c)
		}
		if s := t.sinkOf(c); s != nil {
			t.out.sinks = append(t.out.sinks, s)
		}
	}
}

// later is the passing of a call that another arranges for.
func (t *tracer) later(c *pysrc.Invocation) (int, bool) {
	p := &passing{fn: t.fns[c.Scope.Function()], spot: t.spot(c.Node), shown: strings.Clone(t.shown(c.Node))}
	for _, n := range c.Names {
		if ref := ofProject(n); ref != "" {
			p.refs = append(p.refs, t.word(ref))
		}
	}
	for _, d := range c.Defs {
		if ref := t.local[d]; ref != "" {
			p.refs = append(p.refs, ref)
			p.bound = p.bound || d.Func != nil && d.Parent.Kind == pysrc.ClassScope && !has(d.Func, "staticmethod")
		}
	}
	if len(p.refs) == 0 || len(t.out.passings) >= mostPassings {
		return -1, false
	}
	t.out.passings = append(t.out.passings, p)
	return len(t.out.passings) - 1, true
}

// given notes the arguments of a call.
func (t *tracer) given(p *passing, c *pysrc.Invocation) {
	if len(p.args) > 0 {
		return
	}
	c.Each(func(position int, name string, a pysrc.Arg) {
		p.only, p.rest = p.only || name == "weights_only", p.rest || name == "**"
		if name == "**" {
			t.spreadInto(p, a)
			return
		}
		arg := argument{position: position, name: t.word(name), labels: t.taint(a.Expr, a.Scope, 0), word: t.constant(a)}
		if len(arg.labels) > 0 || arg.word != "" {
			p.args = append(p.args, arg)
		}
	})
	if p.rest {
		p.ahead = len(c.Positional())
		c.Each(func(_ int, name string, _ pysrc.Arg) {
			if name != "" && name != "**" {
				p.others = append(p.others, t.word(name))
			}
		})
	}
}

// spreadInto notes what stands behind ** as an argument of a call: by name where that is
// written out.
func (t *tracer) spreadInto(p *passing, a pysrc.Arg) {
	t.contents(a.Expr, a.Scope, 0, func(key string, labels []label) {
		if key == anyItem {
			key = "**"
		}
		if len(labels) > 0 {
			p.args = append(p.args, argument{position: -1, name: t.word(key), labels: labels})
		}
	})
}

// constant is True, False or None where an argument is that.
func (t *tracer) constant(a pysrc.Arg) string {
	switch a.Expr.(type) {
	case *pysrc.Const, *pysrc.Name:
	default:
		return ""
	}
	v := t.m.Eval(a.Expr, a.Scope)
	if len(v) == 1 && v[0].Kind == pysrc.Word && v[0].Name != "..." {
		return v[0].Name
	}
	return ""
}

// results notes what functions return.
func (t *tracer) results() {
	for i, fn := range t.scopes {
		if fn == nil {
			continue
		}
		r := t.out.routines[i]
		returns(fn.Func.Body, func(e pysrc.Expr) {
			r.gives = t.join(r.gives, t.taint(e, fn, 0))
			t.element(r, e, fn)
		})
		yields(fn.Func.Body, func(e pysrc.Expr) {
			more := t.taint(e, fn, 0)
			r.gives, r.rest = t.join(r.gives, more), t.join(r.rest, more)
		})
		if t.verifies(fn) { // what it returns or writes is what somebody chose before
			download := func(l label) bool { return l.kind == ofSource && t.out.sources[l.at].kind == fromDownload }
			r.gives, r.rest = slices.DeleteFunc(r.gives, download), slices.DeleteFunc(r.rest, download)
			for i := range r.parts {
				r.parts[i] = slices.DeleteFunc(r.parts[i], download)
			}
			for i := range r.writes {
				r.writes[i].labels = slices.DeleteFunc(r.writes[i].labels, download)
			}
		}
	}
}

// element notes what the elements of a tuple are made of that a function returns.
func (t *tracer) element(r *routine, e pysrc.Expr, fn *pysrc.Scope) {
	tuple, ok := e.(*pysrc.Sequence)
	starred := func(e pysrc.Expr) bool { _, is := e.(*pysrc.Starred); return is }
	if !ok || len(tuple.Elems) < 2 || len(tuple.Elems) > mostElements || slices.ContainsFunc(tuple.Elems, starred) {
		r.rest = t.join(r.rest, t.taint(e, fn, 0))
		return
	}
	for len(r.parts) < len(tuple.Elems) {
		r.parts = append(r.parts, nil)
	}
	for i, part := range tuple.Elems {
		r.parts[i] = t.join(r.parts[i], t.taint(part, fn, 0))
	}
}

// verifies reports whether a function compares a digest and refuses.
func (t *tracer) verifies(fn *pysrc.Scope) bool {
	hashed, ok := t.hashed[fn]
	return ok && t.refusal(fn.Func.Body, pysrc.Span{Start: hashed, End: fn.Func.End}) != nil
}

// returns calls f with what a function returns.
func returns(list []pysrc.Stmt, f func(pysrc.Expr)) {
	for _, s := range list {
		switch s := s.(type) {
		case *pysrc.FunctionDef, *pysrc.ClassDef:
			continue
		case *pysrc.Keyworded:
			if s.Word == "return" {
				for _, e := range s.Values {
					f(e)
				}
			}
		}
		pysrc.Blocks(s, func(inner []pysrc.Stmt) { returns(inner, f) })
	}
}

// yields calls f with what a function yields by a statement of its own.
func yields(list []pysrc.Stmt, f func(pysrc.Expr)) {
	for _, s := range list {
		switch s.(type) {
		case *pysrc.FunctionDef, *pysrc.ClassDef:
			continue
		}
		pysrc.Exprs(s, func(e pysrc.Expr) {
			if y, ok := e.(*pysrc.Yield); ok && y.Value != nil {
				f(y.Value)
			}
		})
		pysrc.Blocks(s, func(inner []pysrc.Stmt) { yields(inner, f) })
	}
}

// titles is what the names of a file stand for, and the references of its definitions.
func (v *view) titles() (*Modules, map[*pysrc.Scope]string) {
	x := &collector{
		view: v, named: map[string]bool{}, imports: map[string]bool{}, words: map[string]string{}, locals: map[*pysrc.Scope]string{},
		out: &Modules{
			where: v.where, moved: v.l.moved, classes: map[string]*class{}, titles: map[string][]string{}, aliases: map[string][]string{},
		},
	}
	for _, s := range v.m.Stars() {
		x.out.stars = append(x.out.stars, x.word(s))
	}
	x.names()
	n := 0
	v.m.Top.Each(func(s *pysrc.Scope) {
		if s.Kind != pysrc.ClassScope && s.Kind != pysrc.FunctionScope {
			return
		}
		if n++; n > 2*mostDefs {
			return
		}
		x.title(s)
		if s.Kind == pysrc.ClassScope {
			c := &class{title: x.word(s.Title()), where: finding.Where{Path: v.where.Path}}
			for _, b := range s.Class.Bases {
				c.bases = append(c.bases, x.refs(b, s.Parent))
			}
			x.out.classes[x.local(s)] = c
		}
	})
	return x.out, x.locals
}

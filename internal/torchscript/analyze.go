package torchscript

import (
	"cmp"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// analyzer evaluates the statements of all units symbolically. It is the
// visitor of the parser: nothing of a tree outlives its statement.
type analyzer struct {
	lim                      Limits
	prog                     Program
	err                      error
	names                    map[string]string // interned, so that facts do not pin the source
	classes                  []*class
	funcs                    []*function
	uses                     []use
	dynamics                 []dynamic
	modules                  []string // of the units
	unresolved               []unresolved
	heavies                  []heavy
	loops                    []loopFrame
	skipped                  int     // depth of branches that are never taken
	vals                     []value // arguments of the calls being evaluated
	edges                    int
	nFuncs, nClasses, nAttrs int

	// The unit being read.
	src      string
	unitName string
	qual     string
	cls      *class
	fn       *function // nil outside functions
	outer    []*function
	loose    *function // the unit's statements that are in no function
}

// class is a class of the archive as the linker needs it.
type class struct {
	name    string
	fact    int // index into prog.Classes
	attrs   map[string][]string
	leaf    map[string]bool // attributes whose type has no methods
	methods map[string][]int
}

// function is a function of the archive as the linker needs it.
type function struct {
	index int // in analyzer.funcs
	name  string
	unit  string
	line  int
	load  bool // runs at load by itself
	env   map[string]value
	edges map[edge]struct{}
	order []edge // edges as found
}

// edge is a call whose target is looked up once all units are read.
type edge struct {
	// recv is the class of the receiver, or the qualified name called when
	// method is empty. Empty recv is a receiver of unknown type.
	recv, path, method string
}

// use is an OpUse before linking.
type use struct {
	op        string
	via       via
	risk      Category
	fn        int
	line, col int32
	args      []string
	recv      *edge // drop the use if this resolves to a method of the archive
}

// dynamic is a Dynamic before linking.
type dynamic struct {
	Dynamic
	fn int
}

func newAnalyzer(lim Limits) *analyzer {
	return &analyzer{lim: lim, names: map[string]string{}}
}

func (a *analyzer) intern(s string) string {
	if t, ok := a.names[s]; ok {
		return t
	}
	s = strings.Clone(s)
	a.names[s] = s
	return s
}

func (a *analyzer) unit(u Unit) {
	a.src, a.unitName = string(u.Source), a.intern(u.Name)
	a.qual = Qualifier(a.unitName)
	a.modules = append(a.modules, a.qual)
	a.cls, a.fn, a.loose, a.outer = nil, nil, nil, nil
	a.loops, a.skipped = nil, 0
	uses := len(a.uses)
	parse(a.src, a.lim, a, func(e SyntaxError) {
		e.Unit = a.unitName
		a.prog.Errors = append(a.prog.Errors, e)
	})
	a.src = ""
	slices.SortStableFunc(a.uses[uses:], func(u, v use) int {
		return cmp.Or(cmp.Compare(u.line, v.line), cmp.Compare(u.col, v.col))
	})
}

func (a *analyzer) beginClass(name, base string, at token) {
	c := &class{
		name: a.intern(a.qual + "." + name), fact: len(a.prog.Classes),
		attrs: map[string][]string{}, leaf: map[string]bool{}, methods: map[string][]int{},
	}
	a.prog.Classes = append(a.prog.Classes, Class{
		Name: c.name, Kind: a.intern(base), Unit: a.unitName, Line: int(at.line),
	})
	a.count(&a.nClasses, "classes")
	a.classes = append(a.classes, c)
	a.cls = c
}

func (a *analyzer) endClass() { a.cls = nil }

func (a *analyzer) newFunction(name string, line int) *function {
	f := &function{
		index: len(a.funcs), name: a.intern(name), unit: a.unitName, line: line,
		env: map[string]value{}, edges: map[edge]struct{}{},
	}
	a.count(&a.nFuncs, "functions")
	a.funcs = append(a.funcs, f)
	return f
}

func (a *analyzer) beginFunc(name string, params []param, at token) {
	a.outer = append(a.outer, a.fn)
	a.enterLoops()
	if a.fn != nil {
		// A closure: its body counts as the enclosing function's.
		a.bind(name, value{}, nil)
		a.params(params, false)
		return
	}
	owner := a.qual
	if a.cls != nil {
		owner = a.cls.name
	}
	f := a.newFunction(owner+"."+name, int(at.line))
	if a.cls != nil {
		c := a.cls
		f.load = name == "__setstate__"
		n := a.intern(name)
		c.methods[n] = append(c.methods[n], len(a.funcs)-1)
		fact := &a.prog.Classes[c.fact]
		fact.Methods = append(fact.Methods, n)
		fact.HasSetState = fact.HasSetState || f.load
	}
	a.fn = f
	a.params(params, a.cls != nil)
}

func (a *analyzer) params(params []param, method bool) {
	for i, p := range params {
		v := a.typed(p.annotation)
		if i == 0 && method {
			v = value{kind: vInst, s: a.cls.name}
		}
		if p.value != nil {
			v, _ = union(v, a.eval(p.value))
		}
		a.bind(p.name, v, nil)
	}
}

// typed is a value of an annotated type.
func (a *analyzer) typed(t *expr) value {
	if t == nil {
		return value{}
	}
	var names []string
	typeNames(t, &names)
	v := value{kind: vLeaf}
	if mentionsAny(t) {
		v = value{}
	}
	for _, n := range names {
		a.mention(n, t)
		v, _ = union(v, value{kind: vInst, s: a.intern(n)})
	}
	return v
}

// mentionsAny reports whether a type can hold instances it does not name.
func mentionsAny(t *expr) bool {
	if t == nil {
		return false
	}
	if t.kind == eName && (t.name == "Any" || t.name == "Future" || t.name == "Await") {
		return true
	}
	if slices.ContainsFunc(t.list, mentionsAny) {
		return true
	}
	return mentionsAny(t.x) || mentionsAny(t.y)
}

const customPrefix = "__torch__.torch.classes."

// mention records a custom class that a dotted name stands for.
func (a *analyzer) mention(q string, e *expr) {
	if !strings.HasPrefix(q, customPrefix) {
		return
	}
	name := q[len(customPrefix):]
	if ns, rest, ok := strings.Cut(name, "."); ok {
		cls, _, _ := strings.Cut(rest, ".")
		name = ns + "." + cls
	}
	fn := ""
	if a.fn != nil {
		fn = a.fn.name
	}
	if len(a.prog.CustomClasses) >= a.lim.MaxUses {
		a.over("custom class mentions")
		return
	}
	a.prog.CustomClasses = append(a.prog.CustomClasses, CustomClass{
		Name: a.intern(name), Risk: ClassRisk(name), Unit: a.unitName, Line: int(e.line), Func: fn,
	})
}

func (a *analyzer) stopped() bool { return a.err != nil }

func (a *analyzer) count(n *int, what string) {
	if *n++; *n > a.lim.MaxUses {
		a.over(what)
	}
}

func (a *analyzer) over(what string) {
	a.fail(bounded.Exceeded("TorchScript "+what, int64(a.lim.MaxUses)))
}

func (a *analyzer) fail(err error) {
	if a.err == nil {
		a.err = err
	}
}

func (a *analyzer) endFunc() {
	a.leaveLoops()
	last := len(a.outer) - 1
	if a.outer[last] == nil && a.fn != nil {
		a.fn.env = nil
	}
	a.fn = a.outer[last]
	a.outer = a.outer[:last]
}

// function is where a statement belongs. Statements outside functions, which
// torch refuses, are taken to run at load.
func (a *analyzer) function() *function {
	if a.fn != nil {
		return a.fn
	}
	if a.loose == nil {
		a.loose = a.newFunction(a.qual, 1)
		a.loose.load = true
	}
	return a.loose
}

func (a *analyzer) assign(targets []*expr, annotation, val *expr, augmented bool) {
	if a.cls != nil && a.fn == nil && len(targets) == 1 && a.attribute(targets[0], annotation, val) {
		return
	}
	v := a.typed(annotation)
	if val != nil {
		v = a.eval(val)
		if c, ok := a.constant(val); ok && v.kind < vModule && !augmented {
			v = c
		}
		if t := a.typed(annotation); t.kind != vUnknown && t.kind != vLeaf {
			v, _ = union(v, t)
		}
	}
	if augmented {
		a.eval(targets[0])
		a.anyMethod(augmentedMethods...)
	}
	for _, t := range targets {
		a.store(t, v)
	}
}

// attribute records name: type, name: Final[type] = constant and
// __annotations__["name"] = type of a class.
func (a *analyzer) attribute(target, annotation, val *expr) bool {
	var name string
	typ := annotation
	switch {
	case target.kind == eName:
		name = target.name
	case target.kind == eIndex && target.x.kind == eName && target.x.name == "__annotations__" &&
		len(target.list) == 1 && target.list[0].kind == eString:
		name, typ = target.list[0].name, val
	default:
		return false
	}
	if val != nil && typ != val {
		a.eval(val)
	}
	fact := &a.prog.Classes[a.cls.fact]
	if typ == nil {
		// __parameters__ = […], an Enum's member: no type.
		return true
	}
	var names []string
	typeNames(typ, &names)
	for i, n := range names {
		names[i] = a.intern(n)
		a.mention(n, typ)
	}
	a.count(&a.nAttrs, "attributes")
	name = a.intern(name)
	if len(a.cls.attrs[name]) <= maxUnion { // more is as good as unknown
		a.cls.attrs[name] = append(a.cls.attrs[name], names...)
	}
	a.cls.leaf[name] = len(names) == 0 && !mentionsAny(typ)
	fact.Attrs = append(fact.Attrs, Attr{Name: name, Type: a.intern(a.text(typ, maxString))})
	return true
}

// text is the source of e, at most n bytes of it.
func (a *analyzer) text(e *expr, n int) string {
	if e.pos < 0 || int(e.end) > len(a.src) || e.pos >= e.end {
		return ""
	}
	s := a.src[e.pos:e.end]
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

func (a *analyzer) value(e *expr) { a.eval(e) }

func (a *analyzer) loop(targets, iters []*expr) {
	a.forLoop(iters)
	a.anyMethod("__iter__", "__next__", "__len__", "__getitem__")
	for i, it := range iters {
		v := a.element(a.eval(it), -1)
		if i < len(targets) && len(iters) == len(targets) {
			a.store(targets[i], v)
			continue
		}
		for _, t := range targets {
			a.store(t, v)
		}
	}
}

func (a *analyzer) with(item *expr, as string) {
	v := a.eval(item)
	a.anyMethod("__enter__", "__exit__")
	if as != "" {
		a.bind(as, v, item)
	}
}

// element is what iterating over or subscripting v yields; at is the constant
// index or -1.
func (a *analyzer) element(v value, at int) value {
	switch v.kind {
	case vUnknown, vConst, vString, vBuiltin:
		return value{}
	case vLeaf, vInst, vModule, vOps, vOp, vNamespace:
		return v
	}
	var out value
	first := true
	join := func(w value) {
		if first {
			out, first = w, false
			return
		}
		out, _ = union(out, w)
	}
	v.each(func(e value) {
		switch {
		case e.kind == vTuple && at >= 0 && at < len(e.elems):
			join(e.elems[at])
		case e.kind == vTuple:
			for _, x := range e.elems {
				join(x)
			}
		case e.kind == vLeaf || e.kind == vInst || e.kind == vModule || e.kind == vOps || e.kind == vOp || e.kind == vNamespace:
			join(e)
		default:
			join(value{})
		}
	})
	return out
}

// store assigns v to what target names.
func (a *analyzer) store(target *expr, v value) {
	switch target.kind {
	case eName:
		a.bind(target.name, v, target)
	case eTuple, eList:
		for i, t := range target.list {
			if t.kind == eStar {
				a.store(t.x, anyPart(nil, v))
				continue
			}
			a.store(t, a.element(v, i))
		}
	case eAttr:
		a.eval(target.x)
		a.anyMethod("__setattr__")
	case eIndex:
		a.eval(target.x)
		for _, x := range target.list {
			a.eval(x)
		}
		a.anyMethod("__setitem__")
	default:
		a.eval(target)
	}
}

// bind adds v to what the variable can be. Values are never forgotten: the
// order in which branches and loops run is not followed.
func (a *analyzer) bind(name string, v value, at *expr) {
	f := a.function()
	v = aliased(v)
	if old, ok := f.env[name]; ok {
		joined, fits := union(old, v)
		if !fits && at != nil {
			a.dynamic(at)
		}
		v = joined
	}
	f.env[name] = v
}

// aliased marks that a name was found through a variable.
func aliased(v value) value {
	if v.kind == vModule || v.kind == vOps || v.kind == vOp {
		v.via = viaAlias
	}
	if (v.kind == vUnion || v.kind == vTuple) && v.via != viaAlias {
		v.via = viaAlias
		elems := make([]value, len(v.elems))
		for i, e := range v.elems {
			elems[i] = aliased(e)
		}
		v.elems = elems
	}
	return v
}

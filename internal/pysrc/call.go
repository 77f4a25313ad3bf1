package pysrc

import (
	"slices"
	"strings"
)

// Invocation is a call, or something that stands for one: a function that is
// handed to another with its arguments.
type Invocation struct {
	Node  *Call
	Scope *Scope
	Names []string // dotted names of what may be called, sorted
	Defs  []*Scope // functions and classes of the file that may be called

	// Deferred says that it is called later by what Node calls, which may add
	// arguments: functools.partial(torch.load, weights_only=True).
	Deferred bool
	// Partial says that what is called is a functools.partial, whose arguments are
	// among those here.
	Partial bool

	args     []Arg
	keywords []named
	open     bool // there may be more arguments than these
}

type named struct {
	name string
	arg  Arg
	sure bool // nothing else can be passed by this name
}

// unsure are arguments that whoever calls later may give anew.
func unsure(list []named) []named {
	list = slices.Clone(list)
	for i := range list {
		list[i].sure = false
	}
	return list
}

// Use is a dotted name that is handed on as a value.
type Use struct {
	Expr  Expr
	Scope *Scope
	Names []string
	By    string // what it is handed to, if that has a dotted name
}

// Is reports whether one of names may be called.
func (v *Invocation) Is(names ...string) bool {
	return slices.ContainsFunc(v.Names, func(n string) bool { return slices.Contains(names, n) })
}

// Method is the attribute that is called, or empty: load in self.x.load().
func (v *Invocation) Method() string {
	if a, ok := v.Node.Func.(*Attribute); ok && !v.Deferred {
		return a.Attr
	}
	return ""
}

// Arg lists what may be passed for a parameter by its position, below 0 for none,
// or its name. Open says that something which is not seen may be passed as well.
func (v *Invocation) Arg(position int, name string) (list []Arg, open bool) {
	open = v.open
	for i, a := range v.args {
		if i > position {
			break
		}
		if _, star := a.Expr.(*Starred); star {
			open = true
			break
		}
		if i == position {
			list = append(list, a)
		}
	}
	for _, k := range v.keywords {
		if k.name == name && name != "" {
			if k.sure {
				return []Arg{k.arg}, false
			}
			list = append(list, k.arg)
		}
	}
	return list, open
}

// Positional lists the arguments that are passed by position.
func (v *Invocation) Positional() []Arg { return v.args }

// Every lists all arguments.
func (v *Invocation) Every() []Arg {
	out := slices.Clone(v.args)
	for _, k := range v.keywords {
		out = append(out, k.arg)
	}
	return out
}

// Each calls f with every argument: its position, or -1 and its name; ** has that name.
// Items of dictionaries behind ** that are known have names of their own.
func (v *Invocation) Each(f func(position int, name string, a Arg)) {
	for i, a := range v.args {
		f(i, "", a)
	}
	for _, k := range v.keywords {
		f(-1, k.name, k.arg)
	}
	for i := range v.Node.Keywords {
		if k := &v.Node.Keywords[i]; k.Name == "" {
			f(-1, "**", Arg{k.Value, v.Scope})
		}
	}
}

// invocations makes what a call stands for.
func (m *Module) invocations(c site) {
	v := &Invocation{Node: c.node, Scope: c.scope}
	for _, a := range c.node.Args {
		v.args = append(v.args, Arg{a, c.scope})
	}
	for i := range c.node.Keywords {
		m.keyword(v, &c.node.Keywords[i], c.scope)
	}
	v.open = v.open || c.node.Broken
	m.callees(v, m.Eval(c.node.Func, c.scope))
	m.Calls = append(m.Calls, v)
	if d := m.deferred(v); d != nil {
		m.Calls = append(m.Calls, d)
		return
	}
	for _, a := range v.Every() {
		m.use(a, v)
	}
}

// callees sets what may be called; arguments of a partial are added.
func (m *Module) callees(v *Invocation, values []Value) {
	for _, f := range values {
		switch f.Kind {
		case Ref:
			v.Names = append(v.Names, f.Name)
		case Function, Class:
			v.Defs = append(v.Defs, f.Def)
		case Bound:
			m.partial(v, f)
		default:
		}
	}
	slices.Sort(v.Names)
	v.Names = slices.Compact(v.Names)
}

func (m *Module) partial(v *Invocation, f Value) {
	c, ok := f.Arg.Expr.(*Call)
	if !ok || len(c.Args) == 0 || v.Partial {
		return
	}
	v.Partial = true
	for _, k := range c.Keywords {
		if !slices.ContainsFunc(v.keywords, func(n named) bool { return n.name == k.Name }) {
			m.keyword(v, &k, f.Arg.Scope)
		}
	}
	v.keywords = unsure(v.keywords)
	bound := make([]Arg, 0, len(c.Args)+len(v.args))
	for _, a := range c.Args[1:] {
		bound = append(bound, Arg{a, f.Arg.Scope})
	}
	v.args = append(bound, v.args...)
	for _, inner := range m.Eval(c.Args[0], f.Arg.Scope) {
		switch inner.Kind {
		case Ref:
			v.Names = append(v.Names, inner.Name)
		case Function, Class:
			v.Defs = append(v.Defs, inner.Def)
		default:
		}
	}
}

// keyword adds a keyword argument, or those of a dictionary behind **.
func (m *Module) keyword(v *Invocation, k *Keyword, s *Scope) {
	if k.Name != "" {
		v.keywords = append(v.keywords, named{name: k.Name, arg: Arg{k.Value, s}})
		return
	}
	if d, ok := k.Value.(*Dict); ok {
		m.literal(v, d, s)
		return
	}
	for _, d := range m.Eval(k.Value, s) {
		if d.Kind != Mapping || !m.spread(v, d.Arg) {
			v.open = true
		}
	}
	if name, ok := k.Value.(*Name); ok {
		if _, at := s.find(name.ID); at != nil {
			for _, item := range at.items[name.ID] {
				if item.key == anyKey {
					v.open = true
					continue
				}
				v.keywords = append(v.keywords, named{name: item.key, arg: item.arg})
			}
		}
	}
}

// literal adds the items of a dictionary that stands behind ** itself. One that nothing
// comes behind replaces what is spread before it: **{**k, "x": 1}.
func (m *Module) literal(v *Invocation, d *Dict, s *Scope) {
	sure := true
	added := make([]named, 0, len(d.Keys))
	for i, k := range slices.Backward(d.Keys) {
		if k == nil {
			m.keyword(v, &Keyword{Value: d.Values[i]}, s)
		}
		key, ok := k.(*Str)
		if !ok || key.Inexact {
			v.open = v.open || k != nil
			sure = false
			continue
		}
		added = append(added, named{key.Value, Arg{d.Values[i], s}, sure})
	}
	slices.Reverse(added)
	v.keywords = append(v.keywords, added...)
}

// spread adds the items of a dictionary, and reports whether all are known.
func (m *Module) spread(v *Invocation, d Arg) bool {
	switch e := d.Expr.(type) {
	case *Dict:
		for i, k := range e.Keys {
			key, ok := k.(*Str)
			if !ok || key.Inexact {
				return false
			}
			v.keywords = append(v.keywords, named{name: key.Value, arg: Arg{e.Values[i], d.Scope}})
		}
		return true
	case *Call: // dict(a=1)
		for _, k := range e.Keywords {
			if k.Name == "" {
				return false
			}
			v.keywords = append(v.keywords, named{name: k.Name, arg: Arg{k.Value, d.Scope}})
		}
		return len(e.Args) == 0
	}
	return false
}

// deferred is the call that a call arranges for, or nil.
func (m *Module) deferred(v *Invocation) *Invocation {
	at := -1
	switch {
	case v.Is("functools.partial", "asyncio.to_thread", "anyio.to_thread.run_sync", "starlette.concurrency.run_in_threadpool",
		"fastapi.concurrency.run_in_threadpool", "atexit.register", "map") || v.Method() == "submit" || v.Method() == "apply_async":
		at = 0
	case v.Method() == "run_in_executor":
		at = 1
	}
	if at < 0 || len(v.args) <= at {
		return nil
	}
	d := &Invocation{Node: v.Node, Scope: v.Scope, Deferred: true, args: v.args[at+1:], keywords: unsure(v.keywords)}
	if v.Is("map") { // which has no names to hand on
		d.keywords = nil
	}
	d.open = v.open || v.Is("functools.partial")
	m.callees(d, m.Eval(v.args[at].Expr, v.args[at].Scope))
	if len(d.Names) == 0 && len(d.Defs) == 0 {
		return nil
	}
	return d
}

// use notes an argument that is a dotted name, so that what is called through it
// is not missed.
func (m *Module) use(a Arg, by *Invocation) {
	switch a.Expr.(type) {
	case *Name, *Attribute:
	default:
		return
	}
	names := m.Names(a.Expr, a.Scope)
	if slices.ContainsFunc(names, func(n string) bool { return strings.Contains(n, ".") }) {
		u := Use{Expr: a.Expr, Scope: a.Scope, Names: names}
		if len(by.Names) > 0 {
			u.By = by.Names[0]
		}
		m.Uses = append(m.Uses, u)
	}
}

// result says what a call gives.
func (m *Module) result(e *Call, s *Scope, depth int) (out []Value) {
	var called []Value
	if a, ok := e.Func.(*Attribute); ok && a.Attr == "get" && len(e.Args) > 0 {
		of := m.eval(a.Value, s, depth+1)
		out, called = m.got(of, e, s, depth), m.attribute(of, a.Attr, depth)
	} else {
		called = m.eval(e.Func, s, depth)
	}
	for _, f := range called {
		switch f.Kind {
		case Ref:
			out = merge(out, m.resultOf(f.Name, e, s, depth)...)
		case Class:
			out = merge(out, Value{Kind: Instance, Def: f.Def})
		default:
			out = merge(out, Value{})
		}
	}
	return out
}

func (m *Module) resultOf(name string, e *Call, s *Scope, depth int) []Value {
	switch name {
	case "getattr":
		if len(e.Args) >= 2 {
			return m.getattr(e, s, depth)
		}
	case "importlib.import_module", "__import__":
		if len(e.Args) >= 1 {
			return m.imported(name, e, s, depth)
		}
	case "functools.partial":
		return one(Value{Kind: Bound, Arg: Arg{e, s}})
	case "staticmethod":
		if len(e.Args) == 1 {
			return m.eval(e.Args[0], s, depth)
		}
	case "dict":
		return one(Value{Kind: Mapping, Arg: Arg{e, s}})
	case "vars":
		if len(e.Args) == 1 {
			return m.attribute(m.eval(e.Args[0], s, depth), "__dict__", depth)
		}
	}
	if len(name) > maxText {
		return one(Value{})
	}
	return one(Value{Kind: Result, Name: name})
}

func (m *Module) getattr(e *Call, s *Scope, depth int) (out []Value) {
	of := m.eval(e.Args[0], s, depth)
	for _, attr := range m.eval(e.Args[1], s, depth) {
		if attr.Kind != Text {
			out = merge(out, Value{})
			continue
		}
		out = merge(out, m.attribute(of, attr.Name, depth)...)
	}
	return out
}

func (m *Module) imported(by string, e *Call, s *Scope, depth int) (out []Value) {
	for _, v := range m.eval(e.Args[0], s, depth) {
		if v.Kind != Text {
			out = merge(out, Value{})
			continue
		}
		name := v.Name
		if by == "__import__" && len(e.Args) < 4 && len(e.Keywords) == 0 {
			name, _, _ = strings.Cut(name, ".")
		}
		out = merge(out, Value{Kind: Ref, Name: name})
	}
	return out
}

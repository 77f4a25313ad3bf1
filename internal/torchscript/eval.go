package torchscript

import (
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// augmentedMethods are what an augmented assignment calls on an instance.
var augmentedMethods = []string{
	"__iadd__", "__isub__", "__imul__", "__itruediv__", "__imod__", "__ipow__",
	"__iand__", "__ior__", "__ixor__", "__ilshift__", "__irshift__",
	"__add__", "__sub__", "__mul__", "__truediv__",
}

// operatorMethods are what an operator calls on an instance of a class.
var operatorMethods = map[kind][]string{
	charKind('+'): {"__add__", "__radd__"}, charKind('-'): {"__sub__", "__rsub__", "__neg__"},
	charKind('*'): {"__mul__", "__rmul__"}, charKind('/'): {"__truediv__", "__rtruediv__"},
	charKind('%'): {"__mod__"}, charKind('@'): {"__matmul__"}, tPow: {"__pow__"},
	tFloorDiv: {"__floordiv__"}, tShl: {"__lshift__"}, tShr: {"__rshift__"},
	charKind('&'): {"__and__"}, charKind('|'): {"__or__"}, charKind('^'): {"__xor__"},
	charKind('~'): {"__invert__"}, tEq: {"__eq__"}, tNe: {"__ne__"},
	charKind('<'): {"__lt__"}, charKind('>'): {"__gt__"}, tLe: {"__le__"}, tGe: {"__ge__"},
	tIn: {"__contains__"}, tNotIn: {"__contains__"},
	tAnd: {"__bool__"}, tOr: {"__bool__"}, tNot: {"__bool__"},
}

// eval evaluates e, recording operator uses and calls on the way.
func (a *analyzer) eval(e *expr) value {
	switch e.kind {
	case eName:
		v := a.variable(e.name)
		if v.kind == vNamespace && v.s == e.name {
			a.unresolvedName(v.s, e)
		}
		return v
	case eString:
		if len(e.name) <= maxString {
			return value{kind: vString, s: e.name}
		}
	case eAttr:
		v := a.attrs(e)
		a.reference(v, e)
		if v.kind == vNamespace {
			a.mention(v.s, e)
		}
		return v
	case eCall:
		return a.call(e)
	case eIndex:
		return a.subscript(e)
	case eTuple, eList, eDict:
		if constants(e.list) {
			return value{kind: vLeaf}
		}
		elems := make([]value, len(e.list))
		for i, x := range e.list {
			elems[i] = a.eval(x)
		}
		return tuple(elems)
	case eSlice:
		for _, x := range e.list {
			a.eval(x)
		}
	case eUnary:
		if a.eval(e.x); e.x.kind != eConst {
			a.anyMethod(operatorMethods[e.op]...)
		}
	case eStar, eKeyword:
		return a.eval(e.x)
	case eBinary:
		return a.binary(e)
	case eCond:
		v := a.eval(e.x)
		a.eval(e.y)
		a.anyMethod("__bool__")
		v, _ = union(v, a.eval(e.z))
		return v
	case eComp:
		v := a.element(a.eval(e.z), -1)
		a.anyMethod("__iter__", "__len__", "__getitem__")
		a.store(e.y, v)
		return tuple([]value{a.eval(e.x)})
	}
	return value{}
}

func constants(list []*expr) bool {
	for _, x := range list {
		if x.kind != eConst {
			return false
		}
	}
	return true
}

// binary walks a chain of operators without recursion to the left.
func (a *analyzer) binary(e *expr) value {
	var chain []*expr
	for e.kind == eBinary {
		chain = append(chain, e)
		e = e.x
	}
	v := a.eval(e)
	for _, c := range slices.Backward(chain) {
		op := c.op
		w := a.eval(c.y)
		a.anyMethod(operatorMethods[op]...)
		if op == charKind('*') {
			if n := a.repeated(c.x, c.y); n >= largeSize {
				h := a.place(c)
				h.Cost, h.Count, h.Op = Large, n, "aten::mul"
				a.addHeavy(h)
			}
		}
		switch {
		case op == charKind('+') && v.kind == vString && w.kind == vString && len(v.s)+len(w.s) <= maxString:
			v = value{kind: vString, s: v.s + w.s}
		case v.kind >= vModule && v.kind != vString || w.kind >= vModule && w.kind != vString:
			v = anyPart([]value{v}, w)
		default:
			v = value{}
		}
	}
	return v
}

func (a *analyzer) subscript(e *expr) value {
	v := a.eval(e.x)
	at := -1
	for _, x := range e.list {
		a.eval(x)
		if x.kind == eConst && len(e.list) == 1 && x.pos < x.end && int(x.end) <= len(a.src) {
			if n, err := strconv.Atoi(a.src[x.pos:x.end]); err == nil {
				at = n
			}
		}
	}
	a.anyMethod("__getitem__")
	return a.element(v, at)
}

// variable is what a name stands for. A local does not hide torch, ops and
// __torch__: it may be bound on another path only.
func (a *analyzer) variable(name string) value {
	local, bound := a.function().env[name]
	var global value
	switch name {
	case "torch":
		global = value{kind: vModule, s: "aten", via: viaTorch}
	case "ops":
		global = value{kind: vOps, via: viaOps}
	case "__torch__":
		global = value{kind: vNamespace, s: name}
	default:
		if bound {
			return local
		}
		if bareModule(name) {
			return value{kind: vModule, s: name, via: viaOps}
		}
		if _, ok := builtins[name]; ok {
			return value{kind: vBuiltin, s: name}
		}
		if name == "CONSTANTS" {
			return value{kind: vLeaf}
		}
		// Old archives name classes and functions without a qualifier.
		return value{kind: vNamespace, s: name}
	}
	if bound {
		global, _ = union(global, local)
	}
	return global
}

// attrs evaluates a.b.c from the left, without recursion.
func (a *analyzer) attrs(e *expr) value {
	var buf [8]*expr
	names, whole := buf[:0], e
	for e.kind == eAttr {
		names = append(names, e)
		e = e.x
	}
	v := a.root(e)
	for i := len(names) - 1; i >= 0; i-- {
		if v.kind == vNamespace {
			var b strings.Builder
			b.WriteString(v.s)
			for ; i >= 0; i-- {
				b.WriteByte('.')
				b.WriteString(names[i].name)
			}
			if b.Len() > maxQual {
				a.fail(bounded.Exceeded("bytes of a qualified name", maxQual))
				return value{}
			}
			v.s = b.String()
			break
		}
		v = a.attr(v, names[i].name)
	}
	if v.kind == vNamespace {
		a.unresolvedName(v.s, whole)
	}
	return v
}

// root is what a dotted name begins with.
func (a *analyzer) root(e *expr) value {
	if e.kind != eName {
		return a.eval(e)
	}
	v := a.variable(e.name)
	if _, bound := a.function().env[e.name]; v.kind == vModule && bareModule(e.name) && !bound {
		a.unresolvedName(e.name, e)
	}
	return v
}

// attr is v.name.
func (a *analyzer) attr(v value, name string) value {
	switch v.kind {
	case vModule:
		if name == "autograd" {
			// BuiltinModule::attr: a module over the aten operators again.
			return value{kind: vModule, s: "aten", via: v.via}
		}
		return value{kind: vOp, s: v.s + "::" + name, via: v.via}
	case vOps:
		return value{kind: vModule, s: name, via: v.via}
	case vOp:
		// An overload, or nothing that torch resolves; an operator of that name
		// in the same namespace is the reading to be afraid of.
		ns, _, _ := strings.Cut(v.s, "::")
		if op := ns + "::" + name; opTable()[op] != 0 {
			v.s = op
		}
		return v
	case vNamespace:
		if len(v.s)+len(name) > maxQual {
			a.fail(bounded.Exceeded("bytes of a qualified name", maxQual))
			return value{}
		}
		v.s += "." + name
		return v
	case vInst:
		return v.attr(name)
	case vLeaf:
		return v
	case vUnion:
		out := value{}
		for i, e := range v.elems {
			w := a.attr(e, name)
			if i == 0 {
				out = w
				continue
			}
			out, _ = union(out, w)
		}
		return out
	}
	return value{}
}

// reference records operators that are named without being called: they may
// be called where this analysis does not see it.
func (a *analyzer) reference(v value, e *expr) {
	if v.kind < vModule && riskyOps["aten::"+e.name] == None {
		return
	}
	v.each(func(w value) {
		op := "aten::" + e.name
		switch {
		case w.kind == vOp:
			a.use(w.s, viaReference, e, nil, edge{})
		case e.kind != eAttr || riskyOps[op] == None || notMethods[op]:
		case w.kind < vModule:
			a.use(op, viaReference, e, nil, edge{})
		case w.kind == vInst:
			at := strings.LastIndexByte(w.path, 0)
			a.use(op, viaReference, e, nil, edge{recv: w.s, path: w.path[:max(at, 0)], method: a.intern(e.name)})
		}
	})
}

// args evaluates the arguments of a call onto the analyzer's stack; the caller
// drops them with popArgs.
func (a *analyzer) args(e *expr) []value {
	at := len(a.vals)
	for _, x := range e.list {
		v := a.eval(x)
		a.vals = append(a.vals, v)
	}
	return a.vals[at:len(a.vals):len(a.vals)]
}

func (a *analyzer) popArgs(args []value) { a.vals = a.vals[:len(a.vals)-len(args)] }

func (a *analyzer) call(e *expr) value {
	method := e.x.kind == eAttr
	var fn value
	if method {
		fn = a.base(e.x)
	} else {
		fn = a.eval(e.x)
	}
	args := a.args(e)
	defer a.popArgs(args)
	one := func(f value) value {
		if method {
			return a.method(f, e.x.name, e, args)
		}
		return a.apply(f, e, args)
	}
	if fn.kind != vUnion {
		return one(fn)
	}
	out := one(fn.elems[0])
	for _, f := range fn.elems[1:] {
		out, _ = union(out, one(f))
	}
	return out
}

// base evaluates what a method is called on.
func (a *analyzer) base(e *expr) value {
	if e.x.kind == eAttr {
		return a.attrs(e.x)
	}
	return a.root(e.x)
}

// method is base.name(args).
func (a *analyzer) method(base value, name string, e *expr, args []value) value {
	switch base.kind {
	case vModule, vOp:
		return a.apply(a.attr(base, name), e, args)
	case vOps:
		return a.apply(value{kind: vModule, s: name}, e, args)
	case vNamespace:
		w := a.attr(base, name)
		a.mention(w.s, e)
		a.unresolvedName(w.s, e)
		return a.apply(w, e, args)
	case vInst:
		edge := edge{recv: base.s, path: base.path, method: a.intern(name)}
		a.edge(edge)
		a.methodOp(name, e, args, edge)
	case vTuple, vUnknown:
		a.anyMethod(name)
		a.methodOp(name, e, args, edge{})
	default:
		a.methodOp(name, e, args, edge{})
	}
	return anyPart(args, base)
}

// methodOp records the operator that x.name(args) is on a tensor.
func (a *analyzer) methodOp(name string, e *expr, args []value, recv edge) {
	op := "aten::" + name
	switch {
	case opTable()[op] != 0 && !notMethods[op]:
		a.use(op, viaMethod, e, args, recv)
	case recv.method == "":
		if name == "data_ptr" { // as Python's tensors have it
			a.use("mkldnn::data_ptr", viaMethod, e, args, recv)
		}
		a.unresolvedMethod(name, e)
	}
}

// apply is f(args).
func (a *analyzer) apply(f value, e *expr, args []value) value {
	switch f.kind {
	case vOp:
		a.use(f.s, f.via, e, args, edge{})
		return value{}
	case vBuiltin:
		return a.builtin(f.s, e, args)
	case vNamespace:
		q := a.intern(f.s)
		a.edge(edge{recv: q})
		if !strings.HasPrefix(q, "__torch__.") {
			a.edge(edge{recv: a.intern(a.qual + "." + q)})
		}
		return value{kind: vInst, s: q}
	case vInst:
		// The path may end in a method, or be an instance that is called.
		if at := strings.LastIndexByte(f.path, 0); at >= 0 {
			a.edge(edge{recv: f.s, path: f.path[:at], method: f.path[at+1:]})
		}
		a.edge(edge{recv: f.s, path: f.path, method: "forward"})
		a.edge(edge{recv: f.s, path: f.path, method: "__call__"})
	case vUnknown, vTuple:
		a.anyMethod("forward", "__call__")
	}
	return anyPart(args, f)
}

// builtin is a call of a global name of the language.
func (a *analyzer) builtin(name string, e *expr, args []value) value {
	b := builtins[name]
	if b.op != "" {
		a.use(b.op, viaBuiltin, e, args, edge{})
	}
	if b.magic != "" {
		a.anyMethod(b.magic)
	}
	switch name {
	case "getattr":
		return a.getattr(e, args)
	case "fork", "awaitable":
		if len(args) > 0 {
			args[0].each(func(f value) { a.apply(f, e, args[1:]) })
		}
		return value{}
	case "annotate", "unchecked_cast":
		if len(args) > 1 {
			if name == "unchecked_cast" && a.byPlace(e.list[0]) {
				a.use(castOp, viaBuiltin, e, args, edge{})
			}
			v := args[1]
			if t := a.typed(e.list[0]); t.kind == vInst || t.kind == vUnion {
				v, _ = union(v, t)
			}
			return v
		}
	case "uninitialized", "isinstance", "hasattr":
		return value{}
	}
	return anyPart(args, value{})
}

// byPlace reports whether code reads parts of a value of the type by their
// place: tuples and the classes of the archive.
func (a *analyzer) byPlace(t *expr) bool {
	if t.kind == eIndex && t.x.kind == eName && t.x.name == "Tuple" {
		return true
	}
	var names []string
	typeNames(t, &names)
	return slices.ContainsFunc(names, func(n string) bool { return !strings.HasPrefix(n, customPrefix) })
}

// getattr is getattr(x, "name"[, default]). torch wants a literal name;
// constants are followed further than that.
func (a *analyzer) getattr(e *expr, args []value) value {
	if len(args) < 2 {
		return anyPart(args, value{})
	}
	var out value
	for i, d := range args[2:] {
		if i == 0 {
			out = d
		} else {
			out, _ = union(out, d)
		}
	}
	args[1].each(func(n value) {
		if n.kind != vString {
			if args[0].module() {
				a.dynamic(e)
			}
			n = value{}
			out, _ = union(out, anyPart(nil, args[0]))
			return
		}
		args[0].each(func(b value) {
			w := a.attr(b, n.s)
			if w.kind == vOp || w.kind == vModule {
				w.via = viaGetattr
				a.reference(w, e)
			}
			if w.kind == vNamespace {
				a.mention(w.s, e)
			}
			out, _ = union(out, w)
		})
	})
	return out
}

// anyMethod records calls of methods on receivers of unknown type.
func (a *analyzer) anyMethod(names ...string) {
	for _, n := range names {
		a.edge(edge{method: n})
	}
}

func (a *analyzer) edge(g edge) {
	f := a.function()
	if _, ok := f.edges[g]; ok {
		return
	}
	if a.edges++; a.edges > a.lim.MaxUses {
		a.over("call edges")
		return
	}
	g.method, g.path = a.intern(g.method), a.intern(g.path)
	g.recv = a.intern(g.recv)
	f.edges[g] = struct{}{}
	f.order = append(f.order, g)
}

// use records an operator.
func (a *analyzer) use(op string, how via, e *expr, args []value, recv edge) {
	if len(a.uses) >= a.lim.MaxUses {
		a.over("operator uses")
		return
	}
	u := use{op: a.intern(op), via: how, risk: Risk(op), fn: a.function().index, line: e.line, col: e.col}
	if recv.method != "" {
		u.recv = &recv
	}
	if u.risk != None && e.kind == eCall {
		u.args = a.render(e, args)
	}
	switch {
	case op == "prim::RaiseException":
		a.leaves(tRaise)
	case e.kind == eCall && how != viaReference && how != viaBroken:
		a.allocation(op, e)
	}
	a.uses = append(a.uses, u)
}

// dynamic records an operator chosen by a name that is not constant.
func (a *analyzer) dynamic(e *expr) {
	if len(a.dynamics) >= a.lim.MaxUses {
		a.over("dynamic operators")
		return
	}
	f := a.function()
	a.dynamics = append(a.dynamics, dynamic{fn: f.index, Dynamic: Dynamic{
		Unit: a.unitName, Line: int(e.line), Col: int(e.col), Func: f.name, Expr: strings.Clone(a.text(e, 120)),
	}})
}

// render shortens the arguments of a call for a report.
func (a *analyzer) render(e *expr, args []value) []string {
	const maxArgs, maxText = 8, 80
	var out []string
	for i, x := range e.list {
		if i == maxArgs {
			return append(out, "…")
		}
		s := strings.Clone(a.text(x, maxText))
		if i < len(args) && args[i].kind == vString && x.kind != eString && x.kind != eKeyword {
			t := args[i].s
			if len(t) > maxText {
				t = t[:maxText] + "…"
			}
			s = strconv.Quote(t)
		}
		out = append(out, s)
	}
	return out
}

// broken searches source that does not parse for the names of risky operators,
// as attributes or as strings, and for operators of unknown namespaces.
func (a *analyzer) broken(text string, at token) {
	lx := newLexer(text, 1)
	at.col = max(at.col, 1)
	var prev, prev2, prev3 token
	word := func(t token) string { return text[t.pos:t.end] }
	for t := lx.next(); t.kind != tEOF; t = lx.next() {
		e := &expr{kind: eName, line: at.line + t.line - 1, col: t.col}
		if t.line == 1 {
			e.col = at.col + t.col - 1
		}
		switch {
		case t.kind == tIdent && prev.kind == charKind('.'):
			name := word(t)
			if prev2.kind == tIdent && prev3.kind == charKind('.') {
				if op := word(prev2) + "::" + name; NamespaceKnown(word(prev2)) {
					a.brokenOp(op, e)
				}
			}
			a.brokenOp(riskyNames()[name], e)
		case t.kind == tString && t.end-t.pos >= 2:
			name, _ := unescape(strings.Trim(word(t), `"'`))
			a.brokenOp(riskyNames()[name], e)
		}
		prev3, prev2, prev = prev2, prev, t
	}
}

func (a *analyzer) brokenOp(op string, e *expr) {
	if op != "" && Risk(op) != None {
		a.use(op, viaBroken, e, nil, edge{})
	}
}

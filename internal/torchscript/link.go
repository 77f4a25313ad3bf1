package torchscript

import (
	"slices"
	"strconv"
	"strings"
)

// linker resolves edges and finds what each entry point reaches. Graph nodes
// are the functions, then one node for each method name, which stands for
// every method of that name: unknown receivers cost one edge, not many.
type linker struct {
	a       *analyzer
	byKey   map[string][]*class // qualified name, module part in lower case
	funcs   map[string][]int    // the same for free functions
	named   map[string]int      // node of a method name or of a group
	methods [][]int             // functions of each name node
	next    [][]int             // edges of the function nodes
	dropped map[edge]bool
	from    []int // predecessor + 1 of each node; 0 is not reached, -1 an entry
	paths   map[int][]string
}

// key folds the module part of a name: torch finds the record of a module
// without regard to letter case, but the name inside it exactly.
func key(q string) string {
	at := strings.LastIndexByte(q, '.')
	if at < 0 {
		return q
	}
	return strings.ToLower(q[:at]) + q[at:]
}

// link fills the functions, uses and paths of the program.
func (a *analyzer) link() {
	l := &linker{
		a: a, byKey: map[string][]*class{}, funcs: map[string][]int{},
		named: map[string]int{}, dropped: map[edge]bool{}, paths: map[int][]string{},
	}
	isMethod := make([]bool, len(a.funcs))
	for _, c := range a.classes {
		l.byKey[key(c.name)] = append(l.byKey[key(c.name)], c)
		for name, fns := range c.methods {
			for _, f := range fns {
				isMethod[f] = true
			}
			l.addNamed(name, fns)
		}
	}
	for _, fns := range l.methods {
		slices.Sort(fns) // they come from maps
	}
	for i, f := range a.funcs {
		if !isMethod[i] {
			l.funcs[key(f.name)] = append(l.funcs[key(f.name)], i)
		}
	}
	l.resolveAll()
	l.reach()
	l.uses()
}

func (l *linker) addNamed(name string, fns []int) {
	n, ok := l.named[name]
	if !ok {
		n = len(l.methods)
		l.named[name] = n
		l.methods = append(l.methods, nil)
	}
	l.methods[n] = append(l.methods[n], fns...)
}

func (l *linker) resolveAll() {
	l.next = make([][]int, len(l.a.funcs))
	for i, f := range l.a.funcs {
		for _, g := range f.order {
			l.next[i] = append(l.next[i], l.resolve(g)...)
		}
	}
}

// resolve returns the nodes that an edge leads to. Name nodes are numbered
// after the functions.
func (l *linker) resolve(g edge) []int {
	if g.method == "" {
		return l.callee(g.recv)
	}
	if g.recv == "" {
		return l.anyOf(g.method)
	}
	classes, leaf := l.follow(g)
	if leaf {
		return nil
	}
	var out []int
	known := len(classes) > 0
	for _, c := range classes {
		if strings.HasSuffix(l.a.prog.Classes[c.fact].Kind, "Interface") {
			known = false
		}
		if fns := c.methods[g.method]; len(fns) > 0 {
			l.dropped[g] = true
			out = append(out, l.group("m\x00"+strconv.Itoa(c.fact)+"\x00"+g.method, fns)...)
		}
	}
	if !known {
		out = append(out, l.anyOf(g.method)...)
	}
	return out
}

func (l *linker) anyOf(method string) []int {
	if n, ok := l.named[method]; ok {
		return []int{len(l.a.funcs) + n}
	}
	return nil
}

// group stands for many functions by one node, named by id, so that calls of
// a name that is defined very often stay cheap.
func (l *linker) group(id string, fns []int) []int {
	if len(fns) <= maxUnion {
		return fns
	}
	if _, ok := l.named[id]; !ok {
		l.addNamed(id, fns)
	}
	return l.anyOf(id)
}

// callee is what a qualified name calls: a free function, the constructor of a
// class, or a method named through its class.
func (l *linker) callee(q string) []int {
	out := slices.Clone(l.group("f\x00"+key(q), l.funcs[key(q)]))
	out = append(out, l.methodOf(key(q), "__init__")...)
	out = append(out, l.methodOf(key(q), "__new__")...)
	if at := strings.LastIndexByte(q, '.'); at > 0 {
		out = append(out, l.methodOf(key(q[:at]), q[at+1:])...)
	}
	return out
}

// methodOf is the method of the class, or of the classes of the same name.
func (l *linker) methodOf(class, method string) []int {
	classes := l.byKey[class]
	if len(classes) > maxUnion {
		return l.anyOf(method)
	}
	var out []int
	for _, c := range classes {
		out = append(out, l.group("m\x00"+strconv.Itoa(c.fact)+"\x00"+method, c.methods[method])...)
	}
	return out
}

// follow returns the classes that a receiver can be; leaf is a receiver that
// is known to have no methods of the archive.
func (l *linker) follow(g edge) (classes []*class, leaf bool) {
	classes = l.byKey[key(g.recv)]
	if len(classes) > maxUnion {
		return nil, false
	}
	if g.path == "" {
		return classes, len(classes) == 0 && strings.HasPrefix(g.recv, customPrefix)
	}
	for name := range strings.SplitSeq(g.path[1:], "\x00") {
		var types []string
		leaf = len(classes) > 0
		for _, c := range classes {
			types = append(types, c.attrs[name]...)
			leaf = leaf && c.leaf[name]
		}
		if leaf {
			return nil, true
		}
		classes = nil
		for i, t := range types {
			if i == maxUnion {
				return nil, false
			}
			classes = append(classes, l.byKey[key(t)]...)
		}
		if len(classes) == 0 {
			return nil, false
		}
		if len(classes) > maxUnion {
			return nil, false
		}
	}
	return classes, false
}

// attribute reports whether the receiver's class has an attribute or a method
// of the edge's name.
func (l *linker) attribute(g edge) bool {
	classes, _ := l.follow(g)
	for _, c := range classes {
		if _, ok := c.leaf[g.method]; ok || len(c.methods[g.method]) > 0 {
			return true
		}
	}
	return false
}

// reach finds when each function runs and by which path: first from what runs
// at load, then from forward methods, then from every function by itself.
func (l *linker) reach() {
	a := l.a
	n := len(a.funcs)
	l.from = make([]int, n+len(l.methods))
	from := l.from
	when := make([]When, n)
	var queue []int
	run := func(w When) {
		for len(queue) > 0 {
			at := queue[0]
			queue = queue[1:]
			if at < n {
				when[at] = w
			}
			for _, to := range l.out(at) {
				if from[to] == 0 {
					from[to] = at + 1
					queue = append(queue, to)
				}
			}
		}
	}
	start := func(w When, pick func(*function) bool) {
		for i, f := range a.funcs {
			if from[i] == 0 && pick(f) {
				from[i] = -1
				queue = append(queue, i)
			}
		}
		run(w)
	}
	start(Load, func(f *function) bool { return f.load })
	start(Call, func(f *function) bool { return strings.HasSuffix(f.name, ".forward") })
	start(Call, func(*function) bool { return true })
	for i, f := range a.funcs {
		a.prog.Functions = append(a.prog.Functions, Function{
			Name: f.name, Unit: f.unit, Line: f.line, When: when[i],
		})
	}
}

func (l *linker) out(node int) []int {
	if n := len(l.a.funcs); node >= n {
		return l.methods[node-n]
	}
	return l.next[node]
}

// maxPathLen bounds the path that is reported; longer ones lose their begin.
const maxPathLen = 16

// path is the functions from an entry point to the function at.
func (l *linker) path(at int) []string {
	if p, ok := l.paths[at]; ok {
		return p
	}
	var out []string
	fn := at
	for {
		if at < len(l.a.funcs) {
			out = append(out, l.a.funcs[at].name)
		}
		if l.from[at] <= 0 {
			break
		}
		if len(out) == maxPathLen {
			out = append(out, "…")
			break
		}
		at = l.from[at] - 1
	}
	slices.Reverse(out)
	l.paths[fn] = out
	return out
}

// uses gives every use its time and path.
func (l *linker) uses() {
	a := l.a
	a.prog.Ops = make([]OpUse, 0, len(a.uses))
	for _, u := range a.uses {
		if u.recv != nil && (l.dropped[*u.recv] || u.via == viaReference && l.attribute(*u.recv)) {
			continue
		}
		f := &a.prog.Functions[u.fn]
		op := OpUse{
			Op: u.op, Risk: u.risk, Unit: f.Unit, Line: int(u.line), Col: int(u.col), Func: f.Name,
			Via: viaText[u.via], When: f.When, Args: u.args,
		}
		if u.risk != None {
			op.Path = l.path(u.fn)
		}
		a.prog.Ops = append(a.prog.Ops, op)
	}
	for _, d := range a.dynamics {
		f := &a.prog.Functions[d.fn]
		d.When, d.Path = f.When, l.path(d.fn)
		a.prog.Dynamic = append(a.prog.Dynamic, d.Dynamic)
	}
	for _, h := range a.heavies {
		f := &a.prog.Functions[h.fn]
		h.When, h.Path = f.When, l.path(h.fn)
		a.prog.Heavy = append(a.prog.Heavy, h.Heavy)
	}
	l.lookUp()
}

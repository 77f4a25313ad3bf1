package ops

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/cppsrc"
)

// source is one file of C++ or CUDA.
type source struct {
	path   string
	f      *cppsrc.File
	funcs  []*fn
	test   bool                     // it lies where tests do
	torch  bool                     // it is about tensors or kernels
	line   int                      // of the file that it begins at, from 0, where it is text in another one
	macros map[string]*cppsrc.Macro // of the file
	bound  []string                 // functions that load_inline gives to Python
	types  typeNames
}

// fn is a function and what is known of it.
type fn struct {
	p     *world
	src   *source
	f     *cppsrc.File
	def   *cppsrc.Function
	vars  map[string][]*variable
	nodes []*node

	calls    []*call
	accesses []*access
	subs     []*subscript
	checks   []*check
	launches []*launch
	entries  []*registration // that name this function
	callers  []*call

	byPointer map[string]*access // what pointers and accessors are of, by name
	derived   map[string]*derived
	reachable bool // an operator is it, or calls it
	states    map[string]aspect
	roots     map[rootKey]rooted
	keys      map[*variable][]bool // which subscripts of it are keys
}

// call is a call of a function of the project.
type call struct {
	by   *fn
	to   []*fn
	name string
	at   int
	args []span
}

// launch is kernel<<<grid, block, shared, stream>>>(args).
type launch struct {
	name   string
	at     int // of <<<
	config []span
	args   []span
}

// newFn reads a function.
func newFn(p *world, src *source, def *cppsrc.Function) *fn {
	a := &fn{
		p: p, src: src, f: src.f, def: def, vars: map[string][]*variable{},
		byPointer: map[string]*access{}, derived: map[string]*derived{}, states: map[string]aspect{}, roots: map[rootKey]rooted{},
		keys: map[*variable][]bool{},
	}
	for i, par := range def.Params {
		a.add(&variable{name: par.Name, typ: par.Type, at: par.At, scope: def.Body, param: i})
	}
	a.flatten(def.Stmts, nil, nil, false)
	a.assignments()
	return a
}

func (a *fn) kernel() bool { return a.def.Is(a.f, "__global__") }

// device reports whether it runs on a GPU.
func (a *fn) device() bool { return a.kernel() || a.def.Is(a.f, "__device__") }

// each visits the tokens of the function's body.
func (a *fn) each(visit func(i int)) {
	if !a.spend(a.def.Body.Last - a.def.Body.First) {
		return
	}
	for i := a.def.Body.First; i < a.def.Body.Last; i++ {
		visit(i)
	}
}

// spend takes steps from what the project may take, and reports whether there are any
// left. Without them less is found, and the looker says so.
func (a *fn) spend(steps int) bool {
	a.p.work -= steps
	return a.p.work > 0
}

// paramsOf are the parameters of a kind.
func (a *fn) paramsOf(kinds ...kind) (list []*variable) {
	for _, par := range a.def.Params {
		if par.Name != "" && slices.Contains(kinds, kindOf(par.Type)) {
			list = append(list, a.vars[par.Name][0])
		}
	}
	return list
}

// callOf reads the call whose name is at i, or nil: f(...), f<T>(...), ns::f(...).
func (a *fn) argsAt(i int) (open int, ok bool) {
	if !a.f.IsIdent(i) {
		return 0, false
	}
	j := i + 1
	if a.f.Is(j, "<") {
		if j = a.f.Angles(j); a.f.Is(j-1, "<") {
			return 0, false
		}
	}
	return j, a.f.Is(j, "(") && a.f.Mate(j) > j
}

// member reports whether a name stands behind . or ->.
func (a *fn) member(i int) bool { return a.f.Is(i-1, ".") || a.f.Is(i-1, "->") }

// findCalls finds calls of the project's functions, and launches of kernels.
func (a *fn) findCalls() {
	a.each(func(i int) {
		if a.f.Is(i, "<<<") && a.f.Mate(i) > i {
			a.launch(i)
			return
		}
		if !a.f.IsIdent(i) || a.member(i) {
			return
		}
		name := a.f.Word(i)
		if name == "apply" && a.f.Is(i-1, "::") { // of a torch::autograd::Function
			name = a.f.Word(i-2) + "::forward"
		}
		to := a.p.byName[name]
		if len(to) == 0 {
			return
		}
		open, ok := a.argsAt(i)
		if !ok {
			return
		}
		args := a.f.Split(span{First: open + 1, Last: a.f.Mate(open)})
		if strings.HasSuffix(name, "::forward") {
			args = append([]span{{}}, args...)
		}
		a.calls = append(a.calls, &call{by: a, to: near(to, a, len(args)), name: name, at: i, args: args})
	})
	for _, c := range a.calls {
		for _, to := range c.to {
			if to != a {
				to.callers = append(to.callers, c)
			}
		}
	}
}

// near are the functions of a name that a call may mean: those of the same file
// before others, and those that take as many arguments before others.
func near(list []*fn, a *fn, args int) []*fn {
	list = list[:min(len(list), mostOfAName)]
	for _, pick := range []func(*fn) bool{
		func(b *fn) bool { return b.src == a.src && b.takes(args) },
		func(b *fn) bool { return b.takes(args) },
		func(b *fn) bool { return b.src == a.src },
	} {
		var out []*fn
		for _, b := range list {
			if pick(b) {
				out = append(out, b)
			}
		}
		if len(out) > 0 {
			return out[:min(len(out), mostTargets)]
		}
	}
	return list[:min(len(list), mostTargets)]
}

// mostOfAName bounds the functions of one name that are looked at for a call.
const mostOfAName = 64

// mostTargets bounds the functions that one call is taken for.
const mostTargets = 8

func (a *fn) takes(args int) bool {
	least := 0
	for _, p := range a.def.Params {
		if !p.Default {
			least++
		}
	}
	return args >= least && args <= len(a.def.Params)
}

func (a *fn) launch(i int) {
	end := a.f.Mate(i)
	l := &launch{at: i, config: a.f.Split(span{First: i + 1, Last: end})}
	at := i - 1
	if a.f.Is(at, ">") || a.f.Is(at, ">>") { // kernel<T><<<
		for n := 0; at > a.def.Body.First && n < 64 && !a.f.Is(at, "<"); n++ {
			at--
		}
		at--
	}
	l.name = a.f.Word(at)
	if a.f.Is(end+1, "(") {
		l.args = a.f.Split(span{First: end + 2, Last: a.f.Mate(end + 1)})
	}
	a.launches = append(a.launches, l)
}

// chain is what a member is asked of: x.contiguous().data_ptr has the base x and the
// link contiguous.
type chain struct {
	base  string
	at    int      // the token of the base
	first int      // where the whole begins: at ns in ns::f(x).data_ptr
	links []string // names of members between, with () where they are called and [] for subscripts
	call  bool     // the base is a call: f(x).data_ptr
}

// mostLinks bounds how far a chain is followed.
const mostLinks = 64

// chainBefore reads the expression that ends before the . or -> at i.
func (a *fn) chainBefore(i int) (c chain, ok bool) {
	j, suffix, outer := i-1, "", -1
	for n := 0; n < mostLinks && j >= a.def.Body.First; n++ {
		switch w := a.f.Word(j); {
		case w == ")" || w == "]":
			m := a.f.Mate(j)
			if m < a.def.Body.First {
				return c, false
			}
			if first, of := a.handle(m); w == ")" && of > 0 && a.behind(of) == j { // what is cast is asked
				outer, j = first, j-1
				continue
			}
			suffix = map[bool]string{true: "()", false: "[]"}[w == ")"] + suffix
			j = m - 1
			if w == ")" && !a.f.IsIdent(j) && !a.f.Is(j, ">") { // (*x).data_ptr
				c, ok = a.parenthesised(m, c)
				return c.from(outer), ok
			}
			if a.f.Is(j, ">") {
				for k := 0; k < 32 && j > a.def.Body.First && !a.f.Is(j, "<"); k++ {
					j--
				}
				j--
			}
		case a.f.IsIdent(j):
			if a.member(j) {
				c.links = append(c.links, w+suffix)
				suffix = ""
				j -= 2
				continue
			}
			c.base, c.at, c.first = w, j, j
			if suffix != "" {
				c.call = strings.HasPrefix(suffix, "()")
				if !c.call {
					c.links = append(c.links, suffix)
				}
			}
			for a.f.Is(c.first-1, "::") {
				c.first -= 2
			}
			slices.Reverse(c.links)
			return c.from(outer), true
		default:
			return c, false
		}
	}
	return c, false
}

// from is a chain that a cast begins, if there is one.
func (c chain) from(first int) chain {
	if first >= 0 {
		c.first = first
	}
	return c
}

// handle reads a cast to Tensor, which copies the handle and shares the memory, by a bracket
// of it: ((at::Tensor)x), static_cast<at::Tensor>(x), at::Tensor(x). It gives where the cast
// begins, and the token of what is cast; 0 if it is none.
func (a *fn) handle(open int) (first, of int) {
	name := open - 1 // the end of the type
	switch first, of = open, open+1; {
	case a.f.Is(of, "(") && a.f.Mate(of) > of:
		name, of = a.f.Mate(of)-1, a.f.Mate(of)+1
		for a.f.Is(name, "&") || a.f.Is(name, "const") {
			name--
		}
	case a.f.Is(name, ">") && a.f.Is(a.callee(open), "static_cast"):
		first = a.callee(open)
		for name--; a.f.Is(name, "&") || a.f.Is(name, "const"); {
			name--
		}
	default:
		for first = name; a.f.Is(first-1, "::"); {
			first -= 2
		}
	}
	if !a.f.Is(name, "Tensor") || a.member(name) {
		return 0, 0
	}
	if a.f.Is(of, "*") {
		of++
	}
	return first, of
}

// parenthesised reads (*x).member and (x).member.
func (a *fn) parenthesised(open int, c chain) (chain, bool) {
	j := open + 1
	if a.f.Is(j, "*") {
		j++
	}
	if !a.f.IsIdent(j) || a.f.Mate(open) != j+1 { // (x - y).sum(1)
		c.base, c.at, c.first, c.call = "(", open, open, true
		slices.Reverse(c.links)
		return c, !a.f.IsIdent(open - 1)
	}
	c.base, c.at, c.first = a.f.Word(j), j, open
	slices.Reverse(c.links)
	return c, true
}

// makesCopy reports whether a member gives a tensor that may have memory of its own.
func makesCopy(link string) bool {
	name, called := strings.CutSuffix(link, "()")
	return called && !sameMemory[name]
}

// sameMemory are the members of a tensor that give a view of it, or no tensor.
var sameMemory = words("view view_as flatten unflatten squeeze unsqueeze squeeze_ unsqueeze_ select slice narrow t transpose transpose_ permute expand expand_as detach data variable_data as_strided diagonal unfold split chunk unbind alias get value operator* size sizes stride strides numel dim options at index_select_view swapaxes movedim ravel_view real imag contiguous_view resize_ zero_ fill_ copy_ add_ mul_ toTensor toBackend unsafeGetTensorImpl impl storage front back begin grad mutable_grad tensor accessor")

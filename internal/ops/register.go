package ops

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/cppsrc"
)

// registration makes a function an operator.
type registration struct {
	src    *source
	at     int
	name   string // of the operator
	space  string // its namespace, or the module
	schema string // as it is declared; empty if it is inferred
	key    string // of the dispatcher: CPU, CUDA, Autograd; empty for all
	python bool   // by pybind11
	to     []*fn
	def    bool  // it declares the operator, and not only an implementation
	other  bool  // what is registered is of torch: autogradNotImplementedFallback()
	unread []int // lambdas of it that could not be read
}

// registrations finds what a file registers.
func (p *world) registrations(src *source) {
	for _, d := range src.f.Functions {
		r, ok := p.heads(src, d)
		if !ok {
			continue
		}
		if d.Macro {
			p.modules = append(p.modules, module{src: src, at: d.At, body: d.Body, python: r.python, impl: r.key != "", name: r.space})
		}
		for i := d.Body.First; i < d.Body.Last; i++ {
			if p.registers(r, i) { // a lambda in it registers nothing
				i = max(i, src.f.Mate(i+1))
			}
		}
	}
	for _, a := range src.funcs {
		if a.def.Class == "" && slices.Contains(src.bound, a.def.Name) {
			p.enter(&registration{src: src, at: a.def.At, name: a.def.Name, python: true, def: true, to: []*fn{a}})
		}
	}
	for i := range src.f.Tokens { // torch::RegisterOperators("ns::f", &f).op("ns::g", &g)
		if src.f.Is(i, "RegisterOperators") {
			open := i + 1
			if src.f.IsIdent(open) { // torch::RegisterOperators r("ns::f", &f);
				open++
			}
			if first := open + 1; (src.f.Is(open, "(") || src.f.Is(open, "{")) && first < len(src.f.Tokens) && src.f.Tokens[first].Kind == cppsrc.Text {
				p.names(registration{src: src, at: i, def: true}, open)
			}
			for j := i; j < min(len(src.f.Tokens), i+4000) && !src.f.Is(j, ";"); j++ {
				if src.f.Is(j, "op") {
					p.registers(registration{src: src}, j)
				}
				if src.f.Is(j, "(") {
					j = max(j, src.f.Mate(j)) // a lambda has semicolons
				}
			}
		}
	}
}

// heads says what the body of a definition registers: of a block that a macro heads, or
// of a function that is given the module, void bind(py::module& m).
func (p *world) heads(src *source, d *cppsrc.Function) (r registration, ok bool) {
	if d.Macro {
		var args []string
		for _, arg := range src.f.Split(d.Args) {
			args = append(args, src.f.Source(arg))
		}
		return p.block(src, d.Name, args, 0)
	}
	for _, par := range d.Params {
		for w := range strings.FieldsSeq(par.Type) {
			if w == "module" || w == "module_" {
				return registration{src: src, space: d.Name, python: true}, true
			}
		}
	}
	return r, false
}

// block says what a macro registers: one of torch or pybind11, one whose name has theirs in
// it, as TORCH_LIBRARY_EXPAND has, or one of the project that expands to one.
func (p *world) block(src *source, name string, args []string, depth int) (r registration, ok bool) {
	if len(args) == 0 || depth > mostSteps {
		return r, false
	}
	r = registration{src: src, space: args[0], python: strings.Contains(name, "PYBIND11_MODULE") || name == "NB_MODULE"}
	if strings.Contains(name, "TORCH_LIBRARY_IMPL") && len(args) > 1 {
		r.key = args[1][strings.LastIndexByte(args[1], ':')+1:]
	}
	if r.python || strings.Contains(name, "TORCH_LIBRARY") {
		return r, true
	}
	m := p.macro(src, name)
	if m == nil {
		return r, false
	}
	for i := range m.Body.Tokens {
		if p.work--; p.work <= 0 || !m.Body.IsIdent(i) || !m.Body.Is(i+1, "(") || m.Body.Mate(i+1) < i {
			continue
		}
		var inner []string
		for _, s := range m.Body.Split(span{First: i + 2, Last: m.Body.Mate(i + 1)}) {
			arg := m.Body.Source(s)
			if k := slices.Index(m.Params, arg); k >= 0 && k < len(args) {
				arg = args[k]
			}
			inner = append(inner, arg)
		}
		if r, ok := p.block(src, m.Body.Word(i), inner, depth+1); ok {
			return r, true
		}
	}
	return r, false
}

// module is a TORCH_LIBRARY, a PYBIND11_MODULE or an NB_MODULE.
type module struct {
	src    *source
	at     int
	body   span
	python bool
	impl   bool // of operators that are declared elsewhere
	name   string
}

// mute reports whether a module has something in it, and no operator was recognised there,
// nor in a source with a function that it calls.
func (p *world) mute(m *module) bool {
	f, srcs := m.src.f, map[*source]bool{m.src: true}
	for i := m.body.First; i < m.body.Last && p.work > 0; i++ {
		if f.IsIdent(i) && f.Is(i+1, "(") {
			p.work -= len(p.byName[f.Word(i)])
			for _, a := range p.byName[f.Word(i)] {
				srcs[a.src] = true
			}
		}
	}
	p.work -= m.body.Last - m.body.First + len(p.entries)
	some := slices.ContainsFunc(f.Tokens[m.body.First:m.body.Last], func(t cppsrc.Token) bool { return t.Kind == cppsrc.Ident })
	return some && !m.impl && p.work > 0 && !slices.ContainsFunc(p.entries, func(r *registration) bool { return srcs[r.src] })
}

// registers reads m.def("f(Tensor x) -> Tensor", f) or m.impl("f", f) at i, if that is what
// stands there.
func (p *world) registers(r registration, i int) bool {
	f := r.src.f
	w := f.Word(i)
	if (w != "def" && w != "def_static" && w != "impl" && w != "op") || !f.Is(i-1, ".") || !f.Is(i+1, "(") {
		return false
	}
	r.at, r.def = i, w != "impl"
	p.names(r, i+1)
	return true
}

// names reads what a bracket says of a registration: its name or schema, and the functions.
func (p *world) names(r registration, open int) {
	f := r.src.f
	if f.Mate(open) < open {
		return
	}
	args := f.Split(span{First: open + 1, Last: f.Mate(open)})
	if len(args) == 0 {
		return
	}
	text := literals(f, args[0])
	if text == "" {
		if strings.HasPrefix(r.key, "Autograd") {
			p.listed(r, r.at)
		}
		return
	}
	r.name = text
	if name, _, ok := strings.Cut(text, "("); ok {
		r.name, r.schema = strings.TrimSpace(name), text
	}
	if n := strings.LastIndex(r.name, "::"); n >= 0 {
		r.space, r.name = r.name[:n], r.name[n+2:]
	}
	for _, arg := range args[1:] {
		p.target(&r, arg)
	}
	p.enter(&r)
}

// enter adds a registration, also to the functions that it is of.
func (p *world) enter(r *registration) {
	for _, to := range r.to {
		to.entries = append(to.entries, r)
	}
	p.entries = append(p.entries, r)
}

// mostListed is how far the list is looked for that an implementation is registered
// for.
const mostListed = 4000

// listed notes the names of for (auto name : {"f", "g"}) { m.impl(name, ...); }, or
// the whole namespace where it is not seen for which ones.
func (p *world) listed(r registration, i int) {
	f := r.src.f
	for j := i; j > max(0, i-mostListed); j-- {
		if !f.Is(j, "for") || !f.Is(j+1, "(") {
			continue
		}
		for k := j + 2; k < f.Mate(j+1); k++ {
			if f.Tokens[k].Kind == cppsrc.Text {
				p.autograd[r.space+"::"+literals(f, span{First: k, Last: k + 1})] = true
			}
		}
		return
	}
	p.autograd[r.space] = true
}

// target finds the functions that an argument names.
func (p *world) target(r *registration, arg span) {
	f := r.src.f
	for i := arg.First; i < arg.Last; i++ {
		switch w := f.Word(i); {
		case f.Is(i, "[") && !f.IsIdent(i-1) && !f.Is(i-1, ")") && !f.Is(i-1, "]") && !f.Is(i-1, ">"):
			if i = p.lambda(r, i); len(r.unread) > 0 {
				return // where it ends is not known either
			}
		case strings.HasPrefix(w, "autogradNotImplemented"), w == "makeFallthrough":
			r.other = true
		case w == "DispatchKey" && f.Is(i+1, "::"):
			r.key = f.Word(i + 2)
		case strings.HasPrefix(w, "k") && (w == "kCPU" || w == "kCUDA"):
			r.key = w[1:]
		case f.IsIdent(i) && !f.Is(i-1, ".") && !f.Is(i+1, "::"):
			if at := p.held(r, w); at >= 0 {
				p.lambda(r, at)
				continue
			}
			r.to = append(r.to, p.named(r.src, i)...)
		}
	}
}

// named are the functions that the name at i may mean.
func (p *world) named(src *source, i int) []*fn {
	name := src.f.Word(i)
	if src.f.Is(i-1, "::") && name == "apply" {
		name = src.f.Word(i-2) + "::forward"
	}
	return nearest(p.byName[name], src)
}

// lambda makes the lambda at i an operator, as if it were a function, and gives where it
// ends. One that only hands its arguments on stands for the functions that it names.
func (p *world) lambda(r *registration, i int) (end int) {
	f := r.src.f
	var def *cppsrc.Function
	if p.work > 0 {
		def = f.Lambda(i)
	}
	if def == nil {
		p.work -= len(f.Tokens)
		r.unread = append(r.unread, i)
		return i
	}
	p.work -= lambdaWork * (def.Body.Last - i)
	if to := p.handsOn(r.src, def); len(to) > 0 {
		r.to = append(r.to, to...)
		return def.Body.Last
	}
	def.Name = r.name
	a := newFn(p, r.src, def)
	a.read()
	r.src.funcs = append(r.src.funcs, a)
	r.to = append(r.to, a)
	return def.Body.Last
}

// lambdaWork is what reading a token of a lambda takes once more: those within it are read
// with it.
const lambdaWork = 16

// handsOn are the functions that a lambda calls which does nothing else:
// [](Tensor x) { return f(x, 1); }
func (p *world) handsOn(src *source, def *cppsrc.Function) (to []*fn) {
	if len(def.Stmts) != 1 {
		return nil
	}
	for i := def.Body.First; i < def.Body.Last; i++ {
		switch src.f.Word(i) {
		case ".", "->", "[", "{":
			return nil
		}
		if src.f.IsIdent(i) && src.f.Is(i+1, "(") {
			to = append(to, p.named(src, i)...)
		}
	}
	return to
}

// held is where the lambda begins that a name holds where something is registered, or -1:
// auto f = [](Tensor x) { ... };
func (p *world) held(r *registration, name string) int {
	f := r.src.f
	for i, n := r.at, 0; i >= 0 && n < mostListed && p.work > 0; i, n = i-1, n+1 {
		p.work--
		if f.Is(i, name) && f.Is(i+1, "=") && f.Is(i+2, "[") {
			return i + 2
		}
		if m := f.Mate(i); m >= 0 && m < i { // what is declared in brackets that end before is not meant
			i = m
		}
	}
	return -1
}

// unread says which lambdas were not looked at.
func (p *world) unread(l *looker) {
	done := map[*source]map[int]bool{}
	for _, r := range p.entries {
		if done[r.src] == nil {
			done[r.src] = map[int]bool{}
		}
		for _, i := range r.unread {
			if done[r.src][i] {
				continue
			}
			done[r.src][i] = true
			line, column := r.src.f.Place(i)
			l.out(notRead.Undetermined(finding.Where{Path: r.src.path}.Line1(line+r.src.line, column), "the lambda that is registered as "+r.name+" could not be read, so what it does is not known"))
		}
	}
}

// nearest are the functions of a name in a file, or else all of them.
func nearest(list []*fn, src *source) (out []*fn) {
	for _, a := range list {
		if a.src == src {
			out = append(out, a)
		}
	}
	if len(out) == 0 {
		out = list
	}
	return out[:min(len(out), mostTargets)]
}

// literals joins the strings of an argument.
func literals(f *cppsrc.File, s span) string {
	var b strings.Builder
	for i := s.First; i < s.Last; i++ {
		if f.Tokens[i].Kind != cppsrc.Text {
			continue
		}
		w := f.Word(i)
		if open := strings.IndexByte(w, '('); strings.Contains(w[:strings.IndexByte(w+`"`, '"')], "R") && open >= 0 {
			w = w[open+1:]
			w = w[:max(strings.LastIndexByte(w, ')'), 0)]
		} else {
			w = strings.Trim(w[strings.IndexAny(w+`"`, `"'`):], `"'`)
		}
		b.WriteString(w)
	}
	return b.String()
}

// guarded reports whether the dispatcher makes sure of the device: every
// registration is for one backend.
func (a *fn) guarded() bool {
	for _, r := range a.entries {
		switch r.key {
		case "CPU", "CUDA", "HIP", "XPU", "MPS", "QuantizedCPU", "SparseCPU", "SparseCUDA", "PrivateUse1", "Meta":
		default:
			return false
		}
	}
	return len(a.entries) > 0
}

// declaredMutable are the arguments that a schema says are written to, by position.
func (r *registration) declaredMutable() (mutable map[int]bool, count int) {
	mutable = map[int]bool{}
	open := strings.IndexByte(r.schema, '(')
	if open < 0 {
		return mutable, 0
	}
	depth, start := 0, open+1
	for i := open; i < len(r.schema); i++ {
		switch r.schema[i] {
		case '(', '[':
			depth++
		case ')', ']':
			depth--
		}
		if depth == 1 && r.schema[i] == ',' || depth == 0 {
			arg := strings.TrimSpace(r.schema[start:i])
			if arg != "" && arg != "*" {
				mutable[count] = strings.Contains(arg, "!")
				count++
			}
			start = i + 1
		}
		if depth == 0 {
			break
		}
	}
	return mutable, count
}

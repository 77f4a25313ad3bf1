package ops

import (
	"slices"
	"strings"

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
	def    bool // it declares the operator, and not only an implementation
	lambda bool
	other  bool // what is registered is of torch: autogradNotImplementedFallback()
}

// registrations finds what a file registers.
func (p *world) registrations(src *source) {
	for _, d := range src.f.Functions {
		if !d.Macro {
			continue
		}
		args := src.f.Split(d.Args)
		if len(args) == 0 {
			continue
		}
		r := registration{src: src, space: src.f.Source(args[0])}
		switch {
		case d.Name == "PYBIND11_MODULE":
			r.python = true
		case strings.HasSuffix(d.Name, "TORCH_LIBRARY_IMPL") && len(args) > 1:
			r.key = src.f.Source(args[1])
			r.key = r.key[strings.LastIndexByte(r.key, ':')+1:]
		case strings.HasSuffix(d.Name, "TORCH_LIBRARY"), strings.HasSuffix(d.Name, "TORCH_LIBRARY_FRAGMENT"):
		default:
			continue
		}
		p.modules = append(p.modules, module{src: src, at: d.At, python: r.python, name: r.space})
		for i := d.Body.First; i < d.Body.Last; i++ {
			p.registers(r, i)
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
			}
		}
	}
}

// module is a TORCH_LIBRARY or a PYBIND11_MODULE.
type module struct {
	src    *source
	at     int
	python bool
	name   string
}

// registers reads m.def("f(Tensor x) -> Tensor", f) or m.impl("f", f) at i.
func (p *world) registers(r registration, i int) {
	f := r.src.f
	w := f.Word(i)
	if (w != "def" && w != "impl" && w != "op") || !f.Is(i-1, ".") || !f.Is(i+1, "(") {
		return
	}
	r.at, r.def = i, w != "impl"
	p.names(r, i+1)
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
		case f.Is(i, "[") && (i == arg.First || f.Is(i-1, "(") || f.Is(i-1, ",")):
			r.lambda = true
		case strings.HasPrefix(w, "autogradNotImplemented"), w == "makeFallthrough":
			r.other = true
		case w == "DispatchKey" && f.Is(i+1, "::"):
			r.key = f.Word(i + 2)
		case strings.HasPrefix(w, "k") && (w == "kCPU" || w == "kCUDA"):
			r.key = w[1:]
		case f.IsIdent(i) && !f.Is(i-1, ".") && !f.Is(i+1, "::"):
			name := w
			if f.Is(i-1, "::") && w == "apply" {
				name = f.Word(i-2) + "::forward"
			}
			r.to = append(r.to, nearest(p.byName[name], r.src)...)
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

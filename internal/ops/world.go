package ops

import (
	"slices"

	"github.com/andiron-dev/andiron/internal/cppsrc"
)

// world is all sources of a project together.
type world struct {
	sources  []*source
	byName   map[string][]*fn // also by Class::name
	macros   map[string]*cppsrc.Macro
	aliases  map[string][]string               // what the names of types stand for
	alike    map[*cppsrc.Macro][]*cppsrc.Macro // all definitions of the name in its file
	says     map[*cppsrc.Macro][]aspect
	noreturn map[string]bool // functions that are declared so
	entries  []*registration
	autograd map[string]bool // namespaces and operators that are registered for autograd in a loop
	modules  []module
	python   pythonFacts
	freeing  map[string][]release
	classes  map[string][]string
	work     int // steps that are left
}

// mostWork bounds the steps of looking at a project, each of a token or a condition.
const mostWork = 1 << 28

// newWorld reads what the sources say together.
func newWorld(sources []*source, steps int) *world {
	p := &world{sources: sources, byName: map[string][]*fn{}, macros: map[string]*cppsrc.Macro{}, alike: map[*cppsrc.Macro][]*cppsrc.Macro{}, aliases: map[string][]string{}, says: map[*cppsrc.Macro][]aspect{}, noreturn: map[string]bool{}, autograd: map[string]bool{}, work: steps}
	for _, src := range sources {
		src.macros = map[string]*cppsrc.Macro{}
		src.types = readTypes(src.f)
		defined := map[string][]*cppsrc.Macro{}
		for name, words := range src.types.aliases {
			means(p.aliases, name, words)
		}
		for i := range src.f.Macros {
			m := &src.f.Macros[i]
			if m.Params == nil {
				continue
			}
			src.macros[m.Name] = m
			defined[m.Name] = append(defined[m.Name], m)
			if p.macros[m.Name] == nil {
				p.macros[m.Name] = m
			}
		}
		declaredNoreturn(p.noreturn, src.f)
		for _, list := range defined {
			for _, m := range list {
				p.alike[m] = list
			}
		}
		for _, d := range src.f.Functions {
			if d.Macro {
				continue
			}
			a := newFn(p, src, d)
			src.funcs = append(src.funcs, a)
			p.byName[d.Name] = append(p.byName[d.Name], a)
			if d.Class != "" {
				key := d.Class + "::" + d.Name
				p.byName[key] = append(p.byName[key], a)
			}
		}
	}
	for _, a := range p.all() {
		a.read()
	}
	for _, src := range sources {
		p.registrations(src)
	}
	for _, a := range p.all() { // now with the lambdas that are registered
		a.findCalls()
	}
	p.reach()
	return p
}

// declaredNoreturn notes the functions that are declared [[noreturn]], or with the attribute
// of that name.
func declaredNoreturn(to map[string]bool, f *cppsrc.File) {
	for i := range f.Tokens {
		if w := f.Word(i); w != "noreturn" && w != "__noreturn__" && w != "_Noreturn" {
			continue
		}
		for j := i + 1; j < len(f.Tokens) && j < i+mostCondition && !f.Is(j, ";") && !f.Is(j, "{"); j++ {
			if f.IsIdent(j) && f.Is(j+1, "(") && f.Word(j) != "__attribute__" {
				to[f.Word(j)] = true
				break
			}
		}
	}
}

// read finds what a function does with tensors.
func (a *fn) read() {
	a.findAccesses()
	a.findSubscripts()
	a.findChecks()
}

func (p *world) all() (list []*fn) {
	for _, src := range p.sources {
		list = append(list, src.funcs...)
	}
	return list
}

// macro finds a macro with parameters: that of the file before one of another.
func (p *world) macro(src *source, name string) *cppsrc.Macro {
	if m := src.macros[name]; m != nil {
		return m
	}
	return p.macros[name]
}

// reach marks the functions that operators call.
func (p *world) reach() {
	var todo []*fn
	for _, r := range p.entries {
		todo = append(todo, r.to...)
	}
	for len(todo) > 0 {
		a := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if a.reachable {
			continue
		}
		a.reachable = true
		for _, c := range a.calls {
			todo = append(todo, c.to...)
		}
		for _, l := range a.launches {
			todo = append(todo, p.byName[l.name][:min(len(p.byName[l.name]), mostTargets)]...)
		}
	}
}

// everyCaller reports whether a function or all that call it satisfy a condition.
func (a *fn) everyCaller(ok func(*fn) bool) bool {
	seen := map[*fn]bool{}
	var all func(a *fn, depth int) bool
	all = func(a *fn, depth int) bool {
		if seen[a] || ok(a) {
			return true
		}
		seen[a] = true
		if depth == 0 || len(a.callers) == 0 || len(a.entries) > 0 {
			return false
		}
		return !slices.ContainsFunc(a.callers, func(c *call) bool { return !all(c.by, depth-1) })
	}
	return all(a, mostSteps)
}

// below reports whether a function or one that it calls satisfies a condition.
func (a *fn) below(ok func(*fn) bool) bool {
	if !a.spend(1) {
		return false
	}
	seen := map[*fn]bool{}
	var look func(a *fn, depth int) bool
	look = func(a *fn, depth int) bool {
		if seen[a] {
			return false
		}
		seen[a] = true
		if ok(a) {
			return true
		}
		if depth == 0 {
			return false
		}
		for _, c := range a.calls {
			if a.spend(1) && slices.ContainsFunc(c.to, func(to *fn) bool { return look(to, depth-1) }) {
				return true
			}
		}
		return false
	}
	return look(a, mostSteps)
}

package ops

import (
	"path"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/pysrc"
)

// pythonFacts are what the Python code of a project says about its operators.
type pythonFacts struct {
	autograd map[string]bool            // operators that a backward is registered for
	tested   map[string]finding.Where   // names that tests call or hand on
	callers  map[string]map[string]bool // functions and classes that call a name
	checks   []place                    // gradcheck and opcheck in tests
}

func newPythonFacts() pythonFacts {
	return pythonFacts{autograd: map[string]bool{}, tested: map[string]finding.Where{}, callers: map[string]map[string]bool{}}
}

// builders are the calls that build an extension.
var builders = []string{
	"torch.utils.cpp_extension.CppExtension", "torch.utils.cpp_extension.CUDAExtension", "torch.utils.cpp_extension.SyclExtension",
	"torch.utils.cpp_extension.load", "torch.utils.cpp_extension.load_inline", "CppExtension", "CUDAExtension",
}

// pythonFile reads what one file of Python says.
func (p *Project) pythonFile(name string, b []byte) {
	text := string(b)
	test := isTest(name)
	if base := path.Base(name); base == "setup.py" || base == "noxfile.py" {
		p.settings(name, text)
	}
	if !test && !strings.Contains(text, "ext") && !strings.Contains(text, "torch") && !strings.Contains(text, "_C") {
		return
	}
	f, err := pysrc.Parse(b, pysrc.Limits{})
	if err != nil { // the code room says so
		return
	}
	m := pysrc.Resolve(f)
	for _, c := range m.Calls {
		line, column := f.Place(c.Node.Start)
		at := finding.Where{Path: name}.Line1(line, column)
		p.pythonCall(m, f, c, at, test)
	}
	if test {
		p.python.values(m, name)
	}
}

func (p *Project) pythonCall(m *pysrc.Module, f *pysrc.File, c *pysrc.Invocation, at finding.Where, test bool) {
	called := c.Method()
	if n, ok := c.Node.Func.(*pysrc.Name); ok {
		called = n.ID
	}
	for _, n := range c.Names {
		if called == "" || called == "apply" {
			called = n[strings.LastIndexByte(n, '.')+1:]
		}
	}
	if a, ok := c.Node.Func.(*pysrc.Attribute); ok && a.Attr == "apply" { // Function.apply
		if base, ok := a.Value.(*pysrc.Name); ok {
			called = base.ID
		}
	}
	switch {
	case c.Is(builders...):
		p.builds = append(p.builds, place{at, called + " builds an extension"})
		if strings.HasSuffix(called, "load_inline") {
			p.inlines = append(p.inlines, place{at, called + " builds an extension"})
			p.inline(m, f, c, at)
		} else {
			p.extensions = append(p.extensions, place{at, called + " builds an extension"})
			p.awaits(m, c, at)
		}
	case called == "gradcheck" || called == "gradgradcheck" || called == "opcheck":
		p.python.checks = append(p.python.checks, place{at, called + " is called"})
	case called == "register_autograd" || called == "register_kernel":
		if args := c.Positional(); len(args) > 0 {
			for _, v := range m.Eval(args[0].Expr, args[0].Scope) {
				p.python.autograd[v.Name[strings.LastIndexByte(v.Name, ':')+1:]] = true
			}
		}
	}
	for _, n := range append(meant(c.Node.Func), called) {
		if test {
			p.python.isTested(n, at)
		}
		p.python.calledIn(n, c.Scope)
	}
}

func (p *pythonFacts) isTested(name string, at finding.Where) {
	if _, ok := p.tested[name]; !ok {
		p.tested[name] = at
	}
}

// calledIn notes the functions and classes around a call.
func (p *pythonFacts) calledIn(called string, s *pysrc.Scope) {
	for ; s != nil; s = s.Parent {
		by := ""
		switch {
		case s.Func != nil:
			by = s.Func.Name
		case s.Class != nil:
			by = s.Class.Name
		}
		if by != "" && by != called {
			if p.callers[called] == nil {
				p.callers[called] = map[string]bool{}
			}
			p.callers[called][by] = true
		}
	}
}

// meant are the operators that an attribute may be: d for x.d, for ops.ns.d.overload and
// for x.d.default.
func meant(e pysrc.Expr) (names []string) {
	var chain []string // the last first
	for {
		a, ok := e.(*pysrc.Attribute)
		if !ok {
			break
		}
		chain, e = append(chain, a.Attr), a.Value
	}
	if n, ok := e.(*pysrc.Name); ok {
		chain = append(chain, n.ID)
	}
	for i, w := range chain {
		if i == 0 || i == 1 && chain[0] == "default" || i+2 < len(chain) && chain[i+2] == "ops" {
			names = append(names, w)
		}
	}
	return names
}

// values notes what a test uses without calling it there: gradcheck(ops.f, inputs),
// parametrize("op", [ops.f, g]), getattr(ops, name) for the words of the file.
func (p *pythonFacts) values(m *pysrc.Module, file string) {
	place := func(e pysrc.Expr) finding.Where {
		line, column := m.File.Place(e.Where().Start)
		return finding.Where{Path: file}.Line1(line, column)
	}
	var words []*pysrc.Str
	chosen := false // by a name that is not written there
	within := map[pysrc.Expr]bool{}
	look := func(e pysrc.Expr) bool {
		switch e := e.(type) {
		case *pysrc.Attribute:
			if !within[e] {
				for _, n := range meant(e) {
					p.isTested(n, place(e))
				}
			}
			within[e.Value] = true
		case *pysrc.Name:
			for _, n := range m.Names(e, m.Top) {
				if i := strings.LastIndexByte(n, '.'); i >= 0 && !within[e] { // it is imported
					p.isTested(n[i+1:], place(e))
				}
			}
		case *pysrc.Str:
			words = append(words, e)
		case *pysrc.Call:
			if n, ok := e.Func.(*pysrc.Name); ok && n.ID == "getattr" {
				chosen = true
			}
		}
		return true
	}
	var block func([]pysrc.Stmt)
	block = func(list []pysrc.Stmt) {
		for _, s := range list {
			if a, ok := s.(*pysrc.Assign); ok {
				for _, t := range a.Targets {
					within[t] = true
				}
			}
			pysrc.Exprs(s, func(e pysrc.Expr) { pysrc.Walk(e, look) })
			pysrc.Blocks(s, block)
		}
	}
	block(m.File.Body)
	for _, w := range words {
		if chosen {
			p.isTested(w.Value, place(w))
		}
	}
}

// testedAs finds a test that calls an operator, itself or through functions of the
// project.
func (p *pythonFacts) testedAs(name string) (finding.Where, bool) {
	todo, seen := []string{name}, map[string]bool{name: true}
	for _, suffix := range []string{"_forward", "_fwd", "_cuda", "_cpu"} {
		if s, ok := strings.CutSuffix(name, suffix); ok {
			todo = append(todo, s)
		}
	}
	for steps := 0; len(todo) > 0 && steps < mostNames; steps++ {
		n := todo[0]
		todo = todo[1:]
		if at, ok := p.tested[n]; ok {
			return at, true
		}
		var more []string
		for by := range p.callers[n] {
			if !seen[by] && by != "forward" && by != "__init__" && by != "main" {
				seen[by] = true
				more = append(more, by)
			}
		}
		slices.Sort(more)
		todo = append(todo, more...)
	}
	return finding.Where{}, false
}

// mostNames bounds the functions that are followed from an operator to its tests.
const mostNames = 200

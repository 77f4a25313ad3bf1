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
	tested   map[string]finding.Where   // names that tests call
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
	if test {
		if _, ok := p.python.tested[called]; !ok {
			p.python.tested[called] = at
		}
	}
	for s := c.Scope; s != nil; s = s.Parent {
		by := ""
		switch {
		case s.Func != nil:
			by = s.Func.Name
		case s.Class != nil:
			by = s.Class.Name
		}
		if by != "" && by != called {
			if p.python.callers[called] == nil {
				p.python.callers[called] = map[string]bool{}
			}
			p.python.callers[called][by] = true
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

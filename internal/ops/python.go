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
	tested   map[string]finding.Where   // names that tests call or hand on, of what may be an extension
	methods  map[string]finding.Where   // names that tests call, of anything
	callers  map[string]map[string]bool // functions and classes that call a name
	checks   []place                    // gradcheck and opcheck in tests
}

func newPythonFacts() pythonFacts {
	return pythonFacts{autograd: map[string]bool{}, tested: map[string]finding.Where{}, methods: map[string]finding.Where{}, callers: map[string]map[string]bool{}}
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
		p.python.values(m, scopes(m), name)
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
			note(p.python.methods, n, at)
			if ofExtension(m, c) {
				note(p.python.tested, n, at)
			}
		}
		p.python.calledIn(n, c.Scope)
	}
}

func note(to map[string]finding.Where, name string, at finding.Where) {
	if _, ok := to[name]; !ok {
		to[name] = at
	}
}

// ofExtension reports whether what is called may be of an extension: a function by its
// name, or an attribute of what may be one.
func ofExtension(m *pysrc.Module, c *pysrc.Invocation) bool {
	switch f := c.Node.Func.(type) {
	case *pysrc.Name:
		return true
	case *pysrc.Attribute:
		_, plain := f.Value.(*pysrc.Name)
		return plain && f.Attr == "apply" || extension(m, f, c.Scope, true)
	}
	return slices.ContainsFunc(c.Names, ofOperators)
}

// extension reports whether an attribute is one of torch.ops, of a module that is imported,
// or of what a call loads; never of another object. A parameter may be an extension where
// the attribute is called.
func extension(m *pysrc.Module, a *pysrc.Attribute, s *pysrc.Scope, called bool) bool {
	for _, v := range m.Eval(a.Value, s) {
		switch {
		case v.Kind == pysrc.Ref && ofOperators(v.Name+"."+a.Attr), v.Kind == pysrc.Result && ofOperators(v.Name+"()."+a.Attr):
			return true
		case v.Kind == pysrc.Unknown && called && parameter(a.Value, s):
			return true
		}
	}
	return false
}

// ofOperators reports whether a dotted name may be an operator: one of torch has ops in
// it, and what a call gives is a module only where that loads one.
func ofOperators(name string) bool {
	if before, _, ok := strings.Cut(name, "()"); ok {
		by := before[strings.LastIndexByte(before, '.')+1:]
		return strings.HasPrefix(by, "load") || strings.HasPrefix(by, "import")
	}
	return !strings.HasPrefix(name, "torch.") || strings.HasPrefix(name, "torch.ops.")
}

// parameter reports whether an expression is an attribute of a parameter, or one itself,
// and that is not self.
func parameter(e pysrc.Expr, s *pysrc.Scope) bool {
	for {
		a, ok := e.(*pysrc.Attribute)
		if !ok {
			break
		}
		e = a.Value
	}
	n, ok := e.(*pysrc.Name)
	if !ok || s.Self(n.ID) != nil {
		return false
	}
	owner := s.Owner(n.ID)
	return owner != nil && slices.ContainsFunc(owner.Bindings(n.ID), func(b pysrc.Binding) bool { return b.Kind == pysrc.Parameter })
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

// scopes are those that functions, classes and expressions of a file make.
func scopes(m *pysrc.Module) map[any]*pysrc.Scope {
	of := map[any]*pysrc.Scope{}
	m.Top.Each(func(s *pysrc.Scope) {
		switch {
		case s.Func != nil:
			of[s.Func] = s
		case s.Class != nil:
			of[s.Class] = s
		case s.Of != nil:
			of[s.Of] = s
		}
	})
	return of
}

// hands are the calls whose arguments are called.
var hands = words("compile gradcheck gradgradcheck opcheck partial map script trace vmap grad jacobian parametrize")

// values notes what a test uses without calling it there: gradcheck(ops.f, inputs),
// parametrize("op", [ops.f, g]), getattr(ops, name) for the words that the file goes
// through.
func (p *pythonFacts) values(m *pysrc.Module, scope map[any]*pysrc.Scope, file string) {
	place := func(e pysrc.Expr) finding.Where {
		line, column := m.File.Place(e.Where().Start)
		return finding.Where{Path: file}.Line1(line, column)
	}
	var words []*pysrc.Str
	chosen := false // by a name that is not written there
	within, handed := map[pysrc.Expr]bool{}, map[pysrc.Expr]bool{}
	look := func(e pysrc.Expr, s *pysrc.Scope) {
		switch e := e.(type) {
		case *pysrc.Attribute:
			if !within[e] && extension(m, e, s, handed[e]) {
				for _, n := range meant(e) {
					note(p.tested, n, place(e))
				}
			}
			within[e.Value] = true
		case *pysrc.Name:
			for _, n := range m.Names(e, s) {
				if i := strings.LastIndexByte(n, '.'); i >= 0 && !within[e] && ofOperators(n) { // it is imported
					note(p.tested, n[i+1:], place(e))
				}
			}
		case *pysrc.Comprehension:
			for _, c := range e.Clauses {
				words = append(words, through(m, c.Iter, s)...)
			}
		case *pysrc.Call:
			called := calledAs(e)
			for _, arg := range e.Args {
				handed[arg] = hands[called]
			}
			switch {
			case called == "parametrize" && len(e.Args) > 1:
				words = append(words, through(m, e.Args[1], s)...)
			case called == "getattr" && len(e.Args) > 1:
				if w, ok := e.Args[1].(*pysrc.Str); ok {
					note(p.tested, w.Value, place(w))
				} else {
					chosen = true
				}
			}
		}
	}
	var expr func(e pysrc.Expr, s *pysrc.Scope)
	expr = func(e pysrc.Expr, s *pysrc.Scope) {
		pysrc.Walk(e, func(x pysrc.Expr) bool {
			if in := scope[x]; in != nil && in != s {
				expr(x, in)
				return false
			}
			look(x, s)
			return true
		})
	}
	var block func(list []pysrc.Stmt, s *pysrc.Scope)
	block = func(list []pysrc.Stmt, s *pysrc.Scope) {
		for _, stmt := range list {
			switch stmt := stmt.(type) {
			case *pysrc.Assign:
				for _, t := range stmt.Targets {
					within[t] = true
				}
			case *pysrc.For:
				words = append(words, through(m, stmt.Iter, s)...)
			}
			pysrc.Exprs(stmt, func(e pysrc.Expr) { expr(e, s) })
			in := s
			if inner := scope[stmt]; inner != nil {
				in = inner
			}
			pysrc.Blocks(stmt, func(list []pysrc.Stmt) { block(list, in) })
		}
	}
	block(m.File.Body, m.Top)
	for _, w := range words {
		if chosen {
			note(p.tested, w.Value, place(w))
		}
	}
}

// calledAs is the last name of what a call calls.
func calledAs(c *pysrc.Call) string {
	switch f := c.Func.(type) {
	case *pysrc.Name:
		return f.ID
	case *pysrc.Attribute:
		return f.Attr
	}
	return ""
}

// through lists the strings that going through an expression gives: those of a list or a
// tuple, or of one in it, or that pytest.param has; and the keys of a dictionary.
func through(m *pysrc.Module, e pysrc.Expr, s *pysrc.Scope) (list []*pysrc.Str) {
	if c, ok := e.(*pysrc.Call); ok {
		of, method := c.Func.(*pysrc.Attribute)
		switch called := calledAs(c); {
		case method && (called == "items" || called == "keys"):
			return through(m, of.Value, s)
		case !method && len(c.Args) > 0 && (called == "sorted" || called == "list"):
			return through(m, c.Args[0], s)
		}
	}
	for _, v := range m.Eval(e, s) {
		if d, ok := v.Arg.Expr.(*pysrc.Dict); ok && v.Kind == pysrc.Mapping {
			for _, k := range d.Keys {
				if w, ok := k.(*pysrc.Str); ok {
					list = append(list, w)
				}
			}
		}
		seq, ok := v.Arg.Expr.(*pysrc.Sequence)
		if v.Kind != pysrc.Listing || !ok {
			continue
		}
		for _, one := range seq.Elems {
			inner := []pysrc.Expr{one}
			switch one := one.(type) {
			case *pysrc.Sequence:
				inner = one.Elems
			case *pysrc.Call:
				inner = one.Args
			}
			for _, e := range inner {
				if w, ok := e.(*pysrc.Str); ok {
					list = append(list, w)
				}
			}
		}
	}
	return list
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
	for own, steps := len(todo), 0; len(todo) > 0 && steps < mostNames; steps++ {
		n := todo[0]
		todo = todo[1:]
		if at, ok := p.tested[n]; ok {
			return at, true
		}
		if at, ok := p.methods[n]; ok && steps >= own { // a function that calls it may be one of any object
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

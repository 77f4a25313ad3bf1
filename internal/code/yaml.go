package code

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/pysrc"
)

// yamlLoads are functions of PyYAML that build objects, by how much they do.
var yamlLoads = []string{"yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.unsafe_load_all", "yaml.full_load", "yaml.full_load_all"}

// yamlOpen reports whether a load of YAML builds any object that the text names.
func (v *view) yamlOpen(c *pysrc.Invocation) bool { return v.yamlKind(c) == "open" }

// yamlKind says what a load of YAML builds: "open" for any object, "full" for those of
// names that are imported already, "safe", or "" where that is decided elsewhere.
func (v *view) yamlKind(c *pysrc.Invocation) string {
	name := nameOf(c, yamlLoads...)
	switch {
	case strings.Contains(name, "unsafe"):
		return "open"
	case strings.Contains(name, "full"):
		return "full"
	}
	args, open := c.Arg(1, "Loader")
	if len(args) == 0 {
		if open {
			return ""
		}
		return "open"
	}
	var names []string
	for _, a := range args {
		names = append(names, v.m.Names(a.Expr, a.Scope)...)
	}
	is := func(ends ...string) bool {
		return slices.ContainsFunc(names, func(n string) bool {
			return strings.HasPrefix(n, "yaml.") && slices.Contains(ends, n[strings.LastIndexByte(n, '.')+1:])
		})
	}
	switch {
	case is("Loader", "CLoader", "UnsafeLoader"):
		return "open"
	case is("FullLoader", "CFullLoader"):
		return "full"
	case is("SafeLoader", "CSafeLoader", "BaseLoader", "CBaseLoader"):
		return "safe"
	}
	return ""
}

// texts reports text that builds objects or is run.
func (v *view) texts() {
	for _, c := range v.m.Calls {
		switch {
		case c.Partial:
		case c.Is(yamlLoads...):
			v.yaml(c)
		case c.Is("ruamel.yaml.YAML"):
			if typ, ok := v.text(c, 0, "typ"); ok && typ == "unsafe" {
				v.found(yamlLoad, c.Node, `ruamel.yaml.YAML(typ="unsafe") builds whatever object a text names, which runs code`)
			}
		case c.Is("eval", "exec") && !c.Deferred:
			v.evaluated(c)
		}
	}
}

func (v *view) yaml(c *pysrc.Invocation) {
	name := nameOf(c, yamlLoads...)
	switch v.yamlKind(c) {
	case "open":
		v.found(yamlLoad, c.Node, name+" builds whatever object the text names, which runs code")
	case "full":
		v.foundAs(yamlLoad, finding.Low, c.Node, name+" builds objects that the text names, and was got around more than once")
	}
}

// evaluated judges eval and exec.
func (v *view) evaluated(c *pysrc.Invocation) {
	args := c.Positional()
	if len(args) == 0 || v.constantText(args[0], 0) || v.numeric(c, args[0]) {
		return
	}
	name := nameOf(c, "eval", "exec")
	v.found(evaluated, c.Node, name+" runs the text that "+v.shown(args[0].Expr)+" holds")
}

// constantText reports whether an argument is a text that is written out, or what is read
// from a file whose name is.
func (v *view) constantText(a pysrc.Arg, depth int) bool {
	if depth > mostTurns {
		return false
	}
	values := v.m.Eval(a.Expr, a.Scope)
	if !slices.ContainsFunc(values, func(x pysrc.Value) bool { return x.Kind != pysrc.Text }) {
		return true
	}
	switch e := a.Expr.(type) {
	case *pysrc.Call:
		if f, ok := e.Func.(*pysrc.Attribute); ok && (f.Attr == "read" || f.Attr == "read_text") {
			return v.constantText(pysrc.Arg{Expr: f.Value, Scope: a.Scope}, depth+1)
		}
		if names := v.m.Names(e.Func, a.Scope); len(e.Args) > 0 && slices.ContainsFunc(names, func(n string) bool {
			return slices.Contains([]string{"open", "io.open", "compile", "pathlib.Path", "os.path.join", "os.path.dirname", "os.path.abspath"}, n)
		}) {
			for i, arg := range e.Args {
				if i > 0 && slices.Contains(names, "compile") {
					break
				}
				if !v.constantText(pysrc.Arg{Expr: arg, Scope: a.Scope}, depth+1) && !isFile(arg) {
					return false
				}
			}
			return true
		}
	case *pysrc.Name:
		owner := a.Scope.Owner(e.ID)
		if owner == nil || len(owner.Bindings(e.ID)) != 1 {
			return false
		}
		b := owner.Bindings(e.ID)[0]
		return b.Value != nil && (b.Kind == pysrc.Assigned || b.Kind == pysrc.Entered) && v.constantText(pysrc.Arg{Expr: b.Value, Scope: b.Scope}, depth+1)
	}
	return false
}

// isFile reports whether an expression is the name of the file itself.
func isFile(e pysrc.Expr) bool {
	n, ok := e.(*pysrc.Name)
	return ok && n.ID == "__file__"
}

// numbers are methods of text that say that it is a number.
var numbers = []string{"isnumeric", "isdigit", "isdecimal"}

// numeric reports whether a call runs a text that was seen to be a number:
// eval(s) if s.isnumeric() else s, and the like in an if.
func (v *view) numeric(c *pysrc.Invocation, a pysrc.Arg) bool {
	n, ok := a.Expr.(*pysrc.Name)
	if !ok {
		return false
	}
	tests := func(test pysrc.Expr) (yes bool) {
		pysrc.Walk(test, func(e pysrc.Expr) bool {
			m, ok := e.(*pysrc.Attribute)
			if of, is := attributeOf(m, ok); is && of == n.ID && slices.Contains(numbers, m.Attr) {
				yes = true
			}
			return !yes
		})
		return yes
	}
	body := v.f.Body
	if fn := c.Scope.Function(); fn != nil {
		body = fn.Func.Body
	}
	return guardedBy(body, c.Node, tests)
}

func attributeOf(a *pysrc.Attribute, ok bool) (string, bool) {
	if !ok {
		return "", false
	}
	n, ok := a.Value.(*pysrc.Name)
	if !ok {
		return "", false
	}
	return n.ID, true
}

// guardedBy reports whether a node stands in the branch of a condition that a test is
// true of.
func guardedBy(list []pysrc.Stmt, n pysrc.Node, test func(pysrc.Expr) bool) (yes bool) {
	for _, s := range list {
		if w := s.Where(); n.Where().Start < w.Start || n.Where().End > w.End {
			continue
		}
		if branch, ok := s.(*pysrc.If); ok {
			for _, b := range branch.Branches {
				yes = yes || len(b.Body) > 0 && within(n, pysrc.Span{Start: b.Body[0].Where().Start, End: b.Body[len(b.Body)-1].Where().End}) && test(b.Test)
			}
		}
		pysrc.Exprs(s, func(e pysrc.Expr) {
			pysrc.Walk(e, func(e pysrc.Expr) bool {
				if c, ok := e.(*pysrc.IfExpr); ok && within(n, pysrc.Span{Start: c.Body.Where().Start, End: c.Body.Where().End}) && test(c.Test) {
					yes = true
				}
				return !yes
			})
		})
		pysrc.Blocks(s, func(inner []pysrc.Stmt) { yes = yes || guardedBy(inner, n, test) })
	}
	return yes
}

// tagOfPython begins the tags of YAML that name something of Python.
const tagOfPython = "!!python"

// yamlSigns notes where a file has YAML build objects, or writes some, which safe_load
// refuses.
func (v *view) yamlSigns(saved map[objectsIn]kept) {
	if !strings.Contains(v.f.Text, "yaml") {
		return
	}
	note := func(at int32) { saved[byYAML.all()] = kept{where: v.l.place(v.where.Line1(v.f.Place(at)))} }
	if strings.Contains(v.f.Text, tagOfPython) { // perhaps in a comment only
		v.everyText(v.f.Body, func(s *pysrc.Str) {
			if strings.Contains(s.Value, tagOfPython) {
				note(s.Start)
			}
		})
	}
	v.m.Top.Each(func(s *pysrc.Scope) {
		if s.Class != nil && v.derives(s, func(name string) bool { return name == "yaml.YAMLObject" }, 0) && !v.safeToo(s) {
			note(s.Class.Start)
		}
	})
	for _, c := range v.m.Calls {
		if v.yamlAdds(c) || v.yamlDumps(c) {
			note(c.Node.Start)
		}
	}
}

// safeToo reports whether a class of YAML is one that safe_load builds.
func (v *view) safeToo(class *pysrc.Scope) bool {
	list := class.Bindings("yaml_loader")
	return len(list) == 1 && list[0].Value != nil && v.safeLoader(pysrc.Arg{Expr: list[0].Value, Scope: list[0].Scope})
}

func (v *view) safeLoader(a pysrc.Arg) bool {
	names := v.m.Names(a.Expr, a.Scope)
	return len(names) > 0 && !slices.ContainsFunc(names, func(n string) bool { return n != "yaml.SafeLoader" && n != "yaml.CSafeLoader" })
}

// yamlAdders tell a loader what to make of some text.
var yamlAdders = []string{"add_constructor", "add_multi_constructor", "add_implicit_resolver", "add_path_resolver"}

// yamlAdds reports whether a call tells that to a loader other than the one of safe_load.
func (v *view) yamlAdds(c *pysrc.Invocation) bool {
	adds := func(name string) bool {
		parts := strings.Split(name, ".")
		last := len(parts) - 1
		return parts[0] == "yaml" && slices.Contains(yamlAdders, parts[last]) && parts[last-1] != "SafeLoader" && parts[last-1] != "CSafeLoader"
	}
	to, _ := c.Arg(-1, "Loader")
	return slices.ContainsFunc(c.Names, adds) && (len(to) != 1 || !v.safeLoader(to[0]))
}

// yamlDumps reports whether a call writes objects as YAML, or tuples, which get a tag too.
func (v *view) yamlDumps(c *pysrc.Invocation) bool {
	if !c.Is("yaml.dump", "yaml.dump_all") {
		return false
	}
	by, _ := c.Arg(2, "Dumper")
	for _, a := range by {
		if slices.ContainsFunc(v.m.Names(a.Expr, a.Scope), func(n string) bool { return strings.HasSuffix(n, "SafeDumper") }) {
			return false
		}
	}
	args, _ := c.Arg(0, "data")
	return slices.ContainsFunc(args, func(a pysrc.Arg) bool {
		return v.isObject(a) || slices.ContainsFunc(v.elements(a, c.Node.Start), func(x element) bool {
			list, ok := x.Expr.(*pysrc.Sequence)
			return ok && list.Kind == pysrc.Tuple || v.isObject(x.Arg)
		})
	})
}

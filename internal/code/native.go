package code

import (
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/pysrc"
)

// natives reports native code that is opened or built at run time.
func (v *view) natives() {
	for _, c := range v.m.Calls {
		switch {
		case c.Partial:
		case c.Is("torch.ops.load_library", "torch.classes.load_library"):
			args, _ := c.Arg(0, "path")
			for _, a := range args {
				if !v.fixedPath(a, 0) {
					v.found(nativeLibrary, c.Node, c.Names[0]+" runs the native code of "+v.shown(a.Expr)+", which is decided elsewhere")
				}
			}
		case c.Is("torch.utils.cpp_extension.load", "torch.utils.cpp_extension.load_inline"):
			v.built(c)
		}
	}
}

// fixedPath reports whether a path is written out, or put together beside the code.
func (v *view) fixedPath(a pysrc.Arg, depth int) bool {
	if depth > mostTurns {
		return false
	}
	if v.constantText(a, 0) || isFile(a.Expr) {
		return true
	}
	all := func(list ...pysrc.Expr) bool {
		for _, e := range list {
			if !v.fixedPath(pysrc.Arg{Expr: e, Scope: a.Scope}, depth+1) {
				return false
			}
		}
		return true
	}
	switch e := a.Expr.(type) {
	case *pysrc.Call:
		f, method := e.Func.(*pysrc.Attribute)
		if method && len(v.m.Names(e.Func, a.Scope)) == 0 || method && strings.Contains(strings.Join(v.m.Names(e.Func, a.Scope), " "), "()") {
			return all(f.Value) && all(e.Args...) // Path(__file__).with_name("x.so")
		}
		return len(e.Args) > 0 && all(e.Args...)
	case *pysrc.Attribute:
		return all(e.Value)
	case *pysrc.Binary:
		return all(e.Left, e.Right)
	case *pysrc.Name:
		owner := a.Scope.Owner(e.ID)
		if owner == nil || len(owner.Bindings(e.ID)) != 1 {
			return false
		}
		b := owner.Bindings(e.ID)[0]
		return b.Value != nil && b.Kind == pysrc.Assigned && v.fixedPath(pysrc.Arg{Expr: b.Value, Scope: b.Scope}, depth+1)
	}
	return false
}

// writable are folders that everybody on a machine can write to.
var writable = []string{"/tmp", "/var/tmp", "/dev/shm"}

// built judges an extension that is built where the program runs.
func (v *view) built(c *pysrc.Invocation) {
	name := nameOf(c, "torch.utils.cpp_extension.load", "torch.utils.cpp_extension.load_inline")
	if dir, ok := v.text(c, -1, "build_directory"); ok {
		for _, w := range writable {
			if dir == w || strings.HasPrefix(dir, w+"/") {
				v.foundAs(builtAtRun, finding.High, c.Node, name+" builds in "+w+", where everybody on the machine can put what it then loads")
				return
			}
		}
	}
	if strings.HasSuffix(name, "_inline") {
		for _, param := range []struct {
			position int
			name     string
		}{{1, "cpp_sources"}, {2, "cuda_sources"}} {
			args, _ := c.Arg(param.position, param.name)
			for _, a := range args {
				if v.madeUp(a) {
					v.foundAs(builtAtRun, finding.High, c.Node, name+" builds source that is put together at run time: "+v.shown(a.Expr))
					return
				}
			}
		}
	}
	v.found(builtAtRun, c.Node, name+" builds C++ where the program runs")
}

// madeUp reports whether a text is put together of what is not written out.
func (v *view) madeUp(a pysrc.Arg) bool {
	if seq, ok := a.Expr.(*pysrc.Sequence); ok {
		for _, e := range seq.Elems {
			if v.madeUp(pysrc.Arg{Expr: e, Scope: a.Scope}) {
				return true
			}
		}
		return false
	}
	switch e := a.Expr.(type) {
	case *pysrc.Joined, *pysrc.Binary:
		return !v.constantText(a, 0)
	case *pysrc.Call:
		f, ok := e.Func.(*pysrc.Attribute)
		return ok && (f.Attr == "format" || f.Attr == "join" || f.Attr == "replace" || f.Attr == "substitute" || f.Attr == "render")
	case *pysrc.Name:
		owner := a.Scope.Owner(e.ID)
		if owner == nil {
			return false
		}
		for _, b := range owner.Bindings(e.ID) {
			if b.Kind == pysrc.Parameter {
				return true
			}
			if b.Kind == pysrc.Assigned && b.Value != nil && b.Value != a.Expr {
				if n, same := b.Value.(*pysrc.Name); (!same || n.ID != e.ID) && v.madeUpOnce(b) {
					return true
				}
			}
		}
	}
	return false
}

// madeUpOnce looks at what a name is bound to, and no further.
func (v *view) madeUpOnce(b pysrc.Binding) bool {
	switch b.Value.(type) {
	case *pysrc.Joined, *pysrc.Binary, *pysrc.Call:
		return v.madeUp(pysrc.Arg{Expr: b.Value, Scope: b.Scope})
	}
	return false
}

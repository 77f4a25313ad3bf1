package code

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/pysrc"
)

// natives reports native code that is opened or built at run time.
func (v *view) natives() {
	for _, c := range v.m.Calls {
		switch {
		case c.Partial:
		case c.Is(nativeLoads...):
			v.native(c)
		case c.Is("torch.utils.cpp_extension.load", "torch.utils.cpp_extension.load_inline"):
			v.built(c)
		}
	}
}

// nativeLoads run native code of a file, as soon as they open it.
var nativeLoads = []string{"torch.ops.load_library", "torch.classes.load_library"}

func (v *view) native(c *pysrc.Invocation) {
	args, _ := c.Arg(0, "path")
	for _, a := range args {
		text, constant := v.text(c, 0, "path")
		switch dir := v.shared(a, 0); {
		case dir != "":
			v.foundAs(nativeLibrary, finding.High, c.Node, nameOf(c, nativeLoads...)+" runs the native code of a file in "+dir+", where everybody on the machine can put one")
		case !v.fixedPath(a, 0) && v.l.test: // whoever runs it has just built what it names
		case !v.fixedPath(a, 0):
			v.found(nativeLibrary, c.Node, nameOf(c, nativeLoads...)+" runs the native code of "+v.shown(a.Expr)+", which is decided elsewhere")
		case constant && !strings.HasPrefix(text, "/"):
			v.foundAs(nativeLibrary, finding.Low, c.Node, nameOf(c, nativeLoads...)+" runs the native code of "+v.shown(a.Expr)+", which is looked for where the program is started")
		}
	}
}

// shared is the folder that everybody can write to in which a path lies, or empty.
func (v *view) shared(a pysrc.Arg, depth int) string {
	if depth > mostTurns {
		return ""
	}
	in := func(e pysrc.Expr) string { return v.shared(pysrc.Arg{Expr: e, Scope: a.Scope}, depth+1) }
	switch e := a.Expr.(type) {
	case *pysrc.Str:
		return sharedText(e.Value)
	case *pysrc.Joined:
		if len(e.Parts) > 0 {
			return in(e.Parts[0])
		}
	case *pysrc.Field:
		return in(e.Value)
	case *pysrc.Binary: // "/tmp/%s" % x, "/tmp/" + x, Path("/tmp") / x
		return in(e.Left)
	case *pysrc.Sequence:
		for _, x := range e.Elems {
			if dir := in(x); dir != "" {
				return dir
			}
		}
	case *pysrc.Call:
		names := v.m.Names(e.Func, a.Scope)
		if slices.Contains(names, "tempfile.gettempdir") {
			return "the folder for temporary files"
		}
		made := slices.ContainsFunc(names, func(n string) bool { return n == "os.path.join" || n == "str" || strings.HasPrefix(n, "pathlib.") })
		if made && len(e.Args) > 0 {
			return in(e.Args[0])
		}
		if f, ok := e.Func.(*pysrc.Attribute); ok && (f.Attr == "format" || f.Attr == "joinpath" || f.Attr == "as_posix" || f.Attr == "with_name") {
			return in(f.Value)
		}
	case *pysrc.Name:
		owner := a.Scope.Owner(e.ID)
		if owner == nil {
			return ""
		}
		for _, b := range owner.Bindings(e.ID) {
			if b.Kind == pysrc.Assigned && b.Value != nil {
				if dir := v.shared(pysrc.Arg{Expr: b.Value, Scope: b.Scope}, depth+1); dir != "" {
					return dir
				}
			}
		}
	}
	return ""
}

// sharedText is the folder that everybody can write to in which a path that is written
// out lies, or empty.
func sharedText(path string) string {
	for _, w := range writable {
		if path == w || strings.HasPrefix(path, w+"/") {
			return w
		}
	}
	return ""
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

// buildPlace is the variable that says where extensions are built.
const buildPlace = "TORCH_EXTENSIONS_DIR"

// writable are folders that everybody on a machine can write to.
var writable = []string{"/tmp", "/var/tmp", "/dev/shm"}

// built judges an extension that is built where the program runs.
func (v *view) built(c *pysrc.Invocation) {
	name := nameOf(c, "torch.utils.cpp_extension.load", "torch.utils.cpp_extension.load_inline")
	for _, param := range []struct {
		position       int
		name, of, does string
	}{{5, "build_directory", "", "builds in "}, {1, "sources", "load", "builds sources that lie in "}, {-1, "extra_include_paths", "", "includes headers from "}} {
		args, _ := c.Arg(param.position, param.name)
		for _, a := range args {
			if dir := v.shared(a, 0); dir != "" && strings.HasSuffix(name, param.of) && (param.position != 5 || given(c, -1, param.name)) {
				v.foundAs(builtAtRun, finding.High, c.Node, name+" "+param.does+dir+", where everybody on the machine can put what is then built or loaded")
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

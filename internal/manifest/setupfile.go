package manifest

import (
	"strings"

	"github.com/andiron-dev/andiron/internal/pysrc"
)

// fileLines recognises the lines of a file: open(f).readlines(),
// open(f).read().splitlines(), Path(f).read_text().splitlines().
func (s *setupPy) fileLines(e pysrc.Expr, scope *pysrc.Scope, depth int) (string, bool) {
	c, ok := e.(*pysrc.Call)
	if !ok || depth > 8 {
		return "", false
	}
	attr, ok := c.Func.(*pysrc.Attribute)
	if !ok {
		return "", false
	}
	switch attr.Attr {
	case "readlines":
		return s.file(attr.Value, scope, depth+1)
	case "split", "splitlines":
		return s.content(attr.Value, scope, depth+1)
	}
	return "", false
}

// content recognises the text of a file: open(f).read(), Path(f).read_text(), and
// the same stripped.
func (s *setupPy) content(e pysrc.Expr, scope *pysrc.Scope, depth int) (string, bool) {
	if depth > 8 {
		return "", false
	}
	if n, ok := e.(*pysrc.Name); ok {
		if b, ok := s.single(n, scope); ok {
			return s.content(b.Value, b.Scope, depth+1)
		}
		return "", false
	}
	c, ok := e.(*pysrc.Call)
	if !ok {
		return "", false
	}
	attr, ok := c.Func.(*pysrc.Attribute)
	if !ok {
		return "", false
	}
	switch attr.Attr {
	case "read":
		return s.file(attr.Value, scope, depth+1)
	case "strip", "rstrip", "decode":
		return s.content(attr.Value, scope, depth+1)
	case "read_text":
		return s.path(attr.Value, scope, depth+1)
	}
	return "", false
}

// file recognises an open file: open(f), Path(f).open(), and a name for one.
func (s *setupPy) file(e pysrc.Expr, scope *pysrc.Scope, depth int) (string, bool) {
	if depth > 8 {
		return "", false
	}
	switch e := e.(type) {
	case *pysrc.Name:
		if b, ok := s.single(e, scope); ok {
			return s.file(b.Value, b.Scope, depth+1)
		}
	case *pysrc.Call:
		for _, f := range s.m.Names(e.Func, scope) {
			if (f == "open" || f == "io.open" || f == "codecs.open") && len(e.Args) > 0 {
				return s.path(e.Args[0], scope, depth+1)
			}
		}
		if attr, ok := e.Func.(*pysrc.Attribute); ok && attr.Attr == "open" {
			return s.path(attr.Value, scope, depth+1)
		}
	}
	return "", false
}

// single is the one thing that a name is bound to by = or with.
func (s *setupPy) single(n *pysrc.Name, scope *pysrc.Scope) (pysrc.Binding, bool) {
	owner := scope.Owner(n.ID)
	if owner == nil {
		return pysrc.Binding{}, false
	}
	list := owner.Bindings(n.ID)
	if len(list) != 1 || list[0].Value == nil || list[0].Kind != pysrc.Assigned && list[0].Kind != pysrc.Entered {
		return pysrc.Binding{}, false
	}
	return list[0], true
}

// path recognises a path that is written out, or that begins with the folder of
// the file itself.
func (s *setupPy) path(e pysrc.Expr, scope *pysrc.Scope, depth int) (string, bool) {
	if depth > 8 {
		return "", false
	}
	if text, ok := s.text(pysrc.Arg{Expr: e, Scope: scope}); ok {
		return text, true
	}
	switch e := e.(type) {
	case *pysrc.Name:
		if b, ok := s.single(e, scope); ok {
			return s.path(b.Value, b.Scope, depth+1)
		}
	case *pysrc.Binary:
		if e.Op == "/" && s.here(e.Left, scope) {
			return s.path(e.Right, scope, depth+1)
		}
	case *pysrc.Call:
		return s.joined(e, scope, depth)
	}
	return "", false
}

// joined recognises Path("a") and os.path.join(here, "a", "b").
func (s *setupPy) joined(e *pysrc.Call, scope *pysrc.Scope, depth int) (string, bool) {
	for _, f := range s.m.Names(e.Func, scope) {
		switch {
		case f == "pathlib.Path" && len(e.Args) == 1:
			return s.path(e.Args[0], scope, depth+1)
		case f == "os.path.join" && len(e.Args) > 1:
			args := e.Args
			if s.here(args[0], scope) {
				args = args[1:]
			}
			var parts []string
			for _, a := range args {
				text, ok := s.text(pysrc.Arg{Expr: a, Scope: scope})
				if !ok {
					return "", false
				}
				parts = append(parts, text)
			}
			return strings.Join(parts, "/"), true
		}
	}
	return "", false
}

// here reports an expression for the folder that the file is in.
func (s *setupPy) here(e pysrc.Expr, scope *pysrc.Scope) bool {
	if n, ok := e.(*pysrc.Name); ok {
		b, ok := s.single(n, scope)
		if !ok {
			return false
		}
		e = b.Value
	}
	src := s.f.Source(e)
	return len(src) < 200 && strings.Contains(src, "__file__") && (strings.Contains(src, "dirname") || strings.Contains(src, ".parent")) &&
		strings.Count(src, "dirname")+strings.Count(src, ".parent") == 1
}

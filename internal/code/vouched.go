package code

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/pysrc"
)

// byDigest is what is known where a test of a digest holds: that what the digest is of is what
// somebody chose before. The other side of the test may not be theirs whose it is.
func (x *lister) byDigest(digest, other pysrc.Expr) (out []listed) {
	if len(x.hashers.kinds) == 0 || x.isDigest(pysrc.Arg{Expr: other, Scope: x.scope()}, 0) {
		return nil
	}
	hash := x.hashIn(digest, 0)
	if hash == nil {
		return nil
	}
	for _, e := range x.hashedBy(hash) {
		if x.boundAfter(e, hash.Start) { // as the last block of a file is
			continue
		}
		out = append(out, listed{of: chain(e), lists: []pysrc.Expr{other}, from: hash.Start, digest: true, scope: x.scope()})
	}
	return out
}

// scope is that of the function that is looked through, or of the module.
func (x *lister) scope() *pysrc.Scope {
	if x.fn == nil {
		return x.m.Top
	}
	return x.fn
}

// local is what a name of the function itself is bound to, where that is one thing only.
func (x *lister) local(e pysrc.Expr) pysrc.Expr {
	n, ok := e.(*pysrc.Name)
	if !ok {
		return nil
	}
	if list := x.scope().Bindings(n.ID); len(list) == 1 && (list[0].Kind == pysrc.Assigned || list[0].Kind == pysrc.Entered) {
		return list[0].Value
	}
	return nil
}

// hashIn is the call that takes the digest that an expression is, in some form, or nil.
func (x *lister) hashIn(e pysrc.Expr, depth int) *pysrc.Call {
	if depth > mostHashers {
		return nil
	}
	switch e := e.(type) {
	case *pysrc.Name:
		if to := x.local(e); to != nil {
			return x.hashIn(to, depth+1)
		}
	case *pysrc.Walrus:
		return x.hashIn(e.Value, depth+1)
	case *pysrc.Await:
		return x.hashIn(e.Value, depth+1)
	case *pysrc.Call:
		if x.hashers.kinds[e] == strongHasher && !x.hashers.verdicts[e] {
			return e
		}
		if a, ok := e.Func.(*pysrc.Attribute); ok && slices.Contains([]string{"hexdigest", "digest", "lower", "upper", "strip", "hex"}, a.Attr) {
			return x.hashIn(a.Value, depth+1)
		}
	}
	return nil
}

// hashedBy are the names, and attributes of names, of which a call takes a digest of the whole:
// data in sha256(data), path in sha256(open(path, "rb").read()), and both of data = f.read().
func (x *lister) hashedBy(hash *pysrc.Call) []pysrc.Expr {
	names := x.m.Names(hash.Func, x.scope())
	switch {
	case len(hash.Args) > 0 && (nameIn(names, hashes) != "" || len(hash.Args) == 1 && len(hash.Keywords) == 0):
		for _, v := range x.m.Eval(hash.Func, x.scope()) {
			if v.Kind == pysrc.Function && !x.hashesWhole(v.Def) {
				return nil
			}
		}
		return x.wholes(hash.Args[0], hash.Start, 0)
	case len(hash.Args) > 0:
		return nil
	}
	var fed *pysrc.Invocation // h = sha256(); h.update(data)
	for _, c := range x.searched(x.fn) {
		a, ok := c.Node.Func.(*pysrc.Attribute)
		if !ok || a.Attr != "update" || x.local(a.Value) != pysrc.Expr(hash) {
			continue
		}
		if fed != nil || len(c.Node.Args) != 1 {
			return nil
		}
		fed = c
	}
	if fed == nil {
		return nil
	}
	return x.wholes(fed.Node.Args[0], fed.Node.Start, 0)
}

// hashesWhole reports whether a function of the file gives a digest of the whole of its first
// parameter, or of the file that it names.
func (x *lister) hashesWhole(fn *pysrc.Scope) bool {
	all := fn.Params.All()
	if fn.Parent.Kind == pysrc.ClassScope || len(all) == 0 || x.inner >= mostHashers {
		return false
	}
	y := &lister{view: x.view, fn: fn, inner: x.inner + 1}
	n, whole := 0, true
	returns(fn.Func.Body, func(e pysrc.Expr) {
		n++
		hash := y.hashIn(e, 0)
		whole = whole && hash != nil && slices.ContainsFunc(y.hashedBy(hash), func(e pysrc.Expr) bool { return chain(e) == all[0].Name && !y.boundAfter(e, 0) })
	})
	return n > 0 && whole
}

// wholes are the names, and attributes of names, that an expression at a place is the whole
// content of, or the whole file of.
func (x *lister) wholes(e pysrc.Expr, at int32, depth int) (out []pysrc.Expr) {
	if depth > mostTurns {
		return nil
	}
	switch e := e.(type) {
	case *pysrc.Await:
		return x.wholes(e.Value, at, depth+1)
	case *pysrc.Attribute:
		if of, ok := e.Value.(*pysrc.Name); ok && x.scope().Self(of.ID) == nil { // others may set it of the object itself
			return []pysrc.Expr{e}
		}
	case *pysrc.Name:
		to := x.local(e)
		if c, ok := to.(*pysrc.Call); ok {
			return append(x.contentOf(c, at, depth+1), e)
		}
		if list := x.scope().Bindings(e.ID); len(list) == 1 && list[0].Kind == pysrc.Looped { // for block in iter(lambda: f.read(n), b"")
			return x.blocksOf(list[0].Value, at, depth)
		}
		return []pysrc.Expr{e}
	case *pysrc.Call:
		return x.contentOf(e, at, depth+1)
	}
	return nil
}

// blocksOf is what is read to its end, block by block.
func (x *lister) blocksOf(e pysrc.Expr, at int32, depth int) []pysrc.Expr {
	c, ok := e.(*pysrc.Call)
	if !ok || len(c.Args) != 2 || chain(c.Func) != "iter" {
		return nil
	}
	if l, ok := c.Args[0].(*pysrc.Lambda); ok {
		if read, ok := l.Body.(*pysrc.Call); ok {
			return x.contentOf(read, at, depth+1)
		}
	}
	return nil
}

// contentOf is what a call opens, or reads to the end of: of a file that the function opened.
func (x *lister) contentOf(c *pysrc.Call, at int32, depth int) []pysrc.Expr {
	if base := pathBase(c); base != pysrc.Expr(c) {
		return x.wholes(base, at, depth)
	}
	if e := opens(c); e != nil {
		return x.wholes(e, at, depth)
	}
	if nameIn(x.m.Names(c.Func, x.scope()), []string{"io.BytesIO"}) != "" && len(c.Args) == 1 {
		return x.wholes(c.Args[0], at, depth)
	}
	a, ok := c.Func.(*pysrc.Attribute)
	switch {
	case !ok:
	case a.Attr == "read_bytes":
		return x.wholes(a.Value, at, depth)
	case a.Attr == "read" && (len(c.Args)+len(c.Keywords) == 0 || x.toItsEnd(c, at)):
		file, ok := a.Value.(*pysrc.Call)
		if !ok {
			file, ok = x.local(a.Value).(*pysrc.Call)
		}
		if ok && opens(file) != nil {
			return x.wholes(opens(file), at, depth)
		}
	}
	return nil
}

// toItsEnd reports whether a call that reads a part stands with a place in a loop that goes on
// until nothing comes any more, and that nothing else leaves.
func (x *lister) toItsEnd(read *pysrc.Call, at int32) bool {
	var loop pysrc.Stmt // the innermost
	var look func([]pysrc.Stmt)
	look = func(list []pysrc.Stmt) {
		for _, s := range list {
			if !holds(s.Where(), at) {
				continue
			}
			switch s.(type) {
			case *pysrc.For, *pysrc.While:
				loop = s
			}
			pysrc.Blocks(s, look)
		}
	}
	look(x.bodyOf(x.fn))
	reads := func(e pysrc.Expr) bool {
		if a, ok := e.(*pysrc.Await); ok {
			e = a.Value
		}
		return e == pysrc.Expr(read)
	}
	switch s := loop.(type) {
	case *pysrc.For: // for block in iter(lambda: f.read(n), b"")
		return holds(s.Iter.Where(), read.Start) && calledBy(s.Iter, func(f pysrc.Expr) bool { return chain(f) == "iter" }) && breaks(s.Body) == 0
	case *pysrc.While:
		test := s.Test
		if c, ok := test.(*pysrc.Compare); ok && len(c.Ops) == 1 && c.Ops[0] == "!=" { // while (block := f.read(n)) != b""
			test = c.Values[0]
		}
		if w, ok := test.(*pysrc.Walrus); ok {
			return reads(w.Value) && breaks(s.Body) == 0
		}
		if _, ok := test.(*pysrc.Const); !ok || len(s.Body) < 2 || breaks(s.Body) != 1 {
			return false
		}
		set, ok := s.Body[0].(*pysrc.Assign) // while True: block = f.read(n); if not block: break
		if !ok || len(set.Targets) != 1 || !reads(set.Value) {
			return false
		}
		i, ok := s.Body[1].(*pysrc.If)
		if !ok || len(i.Branches) != 1 || breaks(i.Branches[0].Body) != 1 {
			return false
		}
		not, ok := i.Branches[0].Test.(*pysrc.Unary)
		return ok && not.Op == "not" && chain(not.Value) != "" && chain(not.Value) == chain(set.Targets[0])
	}
	return false
}

// breaks counts what leaves a loop.
func breaks(list []pysrc.Stmt) (n int) {
	for _, s := range list {
		if b, ok := s.(*pysrc.Bare); ok && b.Word == "break" {
			n++
		}
		pysrc.Blocks(s, func(inner []pysrc.Stmt) { n += breaks(inner) })
	}
	return n
}

// boundAfter reports whether a name, or that of which an attribute is taken, is bound or set
// behind a place, other than as a parameter.
func (x *lister) boundAfter(e pysrc.Expr, at int32) bool {
	for {
		a, ok := e.(*pysrc.Attribute)
		if !ok {
			break
		}
		e = a.Value
	}
	n, ok := e.(*pysrc.Name)
	return !ok || slices.ContainsFunc(x.scope().Bindings(n.ID), func(b pysrc.Binding) bool { return b.Kind != pysrc.Parameter && b.At > at })
}

// fixed reports whether what a digest is compared with is the project's own: a text that is
// written out, or what a module or the environment names and nothing in the file sets. What
// an unknown call gives may come from whom the file comes from.
func (v *view) fixed(e pysrc.Expr, s *pysrc.Scope, depth int) bool { // one case per expression
	if depth > mostTurns {
		return false
	}
	all := func(list []pysrc.Expr) bool {
		return !slices.ContainsFunc(list, func(e pysrc.Expr) bool {
			switch e.(type) {
			case *pysrc.Number, *pysrc.Const:
				return false
			}
			return !v.fixed(e, s, depth+1)
		})
	}
	switch e := e.(type) {
	case *pysrc.Str:
		return true
	case *pysrc.Sequence:
		return all(e.Elems)
	case *pysrc.Dict:
		return !slices.Contains(e.Keys, nil) && all(e.Keys) && all(e.Values)
	case *pysrc.Subscript:
		return v.fixedItems(e.Value, s, depth+1)
	case *pysrc.Name:
		owner := s.Owner(e.ID)
		if owner == nil || owner.Kind == pysrc.ClassScope || v.grows(e.ID) {
			return false
		}
		list := owner.Bindings(e.ID)
		switch {
		case len(list) != 1:
		case list[0].Kind == pysrc.Imported:
			return isConstant(e.ID)
		case owner.Kind == pysrc.ModuleScope && list[0].Scope.Function() != nil: // global
		default:
			return list[0].Kind == pysrc.Assigned && list[0].Part == 0 && v.fixed(list[0].Value, list[0].Scope, depth+1)
		}
	case *pysrc.Attribute: // config.DIGEST
		n, ok := e.Value.(*pysrc.Name)
		return ok && isConstant(e.Attr) && v.isImported(n, s) && !v.partsSet()[e.Attr]
	case *pysrc.Call:
		if nameIn(v.m.Names(e.Func, s), []string{"os.getenv", "os.environ.get"}) != "" {
			return len(e.Args) > 0 && len(e.Keywords) == 0 && all(e.Args[1:])
		}
		if nameIn(v.m.Names(e.Func, s), []string{"set", "frozenset", "tuple", "list", "dict", "bytes.fromhex"}) != "" {
			return len(e.Args) == 1 && len(e.Keywords) == 0 && v.fixed(e.Args[0], s, depth+1)
		}
		a, ok := e.Func.(*pysrc.Attribute)
		switch {
		case !ok || len(e.Keywords) > 0:
		case a.Attr == "get":
			return len(e.Args) == 1 && v.fixedItems(a.Value, s, depth+1)
		case slices.Contains([]string{"lower", "upper", "strip", "casefold", "encode", "keys", "values"}, a.Attr):
			return len(e.Args) == 0 && v.fixed(a.Value, s, depth+1)
		}
	}
	return false
}

// fixedItems reports whether the items of a container are the project's own. One that is
// imported may grow where it is from.
func (v *view) fixedItems(e pysrc.Expr, s *pysrc.Scope, depth int) bool {
	switch of := e.(type) {
	case *pysrc.Name:
		return !v.isImported(of, s) && v.fixed(e, s, depth)
	case *pysrc.Attribute:
		return nameIn(v.m.Names(e, s), []string{"os.environ"}) != ""
	case *pysrc.Dict, *pysrc.Sequence, *pysrc.Subscript:
		return v.fixed(e, s, depth)
	case *pysrc.Call:
		_, method := of.Func.(*pysrc.Attribute)
		return method && v.fixed(e, s, depth)
	}
	return false
}

func (v *view) isImported(n *pysrc.Name, s *pysrc.Scope) bool {
	owner := s.Owner(n.ID)
	return owner != nil && slices.ContainsFunc(owner.Bindings(n.ID), func(b pysrc.Binding) bool { return b.Kind == pysrc.Imported })
}

// isConstant reports whether a name is written as that of a constant.
func isConstant(name string) bool {
	return strings.ToUpper(name) == name && strings.ToLower(name) != name
}

// grows reports whether something in the file puts something into a container of that name.
func (v *view) grows(name string) bool {
	const all = "globals" // globals()["WANT"] = x
	if v.hashers.grown == nil {
		v.hashers.grown = map[string]bool{}
		puts := func(e pysrc.Expr) {
			for {
				switch of := e.(type) {
				case *pysrc.Subscript:
					e = of.Value
				case *pysrc.Attribute:
					e = of.Value
				case *pysrc.Call:
					e = of.Func
				case *pysrc.Name:
					if of.ID == "vars" || of.ID == "sys" { // sys.modules[__name__].WANT
						of = &pysrc.Name{ID: all}
					}
					v.hashers.grown[of.ID] = true
					return
				default:
					return
				}
			}
		}
		for _, p := range v.m.Puts {
			puts(p.To.Value)
		}
		for _, c := range v.m.Calls {
			if a, ok := c.Node.Func.(*pysrc.Attribute); ok && (slices.Contains(adders, a.Attr) || a.Attr == "__setitem__" || a.Attr == "__ior__") {
				puts(a.Value)
			}
		}
	}
	return v.hashers.grown[name] || v.hashers.grown[all]
}

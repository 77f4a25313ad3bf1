package code

import (
	"slices"

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
		if x.boundAfter(e, hash.Start) {
			return nil
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
	for _, c := range x.calls[x.fn] {
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
	case a.Attr == "read" && (len(c.Args) == 0 || x.looped(at)):
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

// looped reports whether a place stands in a loop.
func (x *lister) looped(at int32) bool {
	in := false
	var look func([]pysrc.Stmt)
	look = func(list []pysrc.Stmt) {
		for _, s := range list {
			switch s.(type) {
			case *pysrc.For, *pysrc.While:
				in = in || holds(s.Where(), at)
			}
			if !in && holds(s.Where(), at) {
				pysrc.Blocks(s, look)
			}
		}
	}
	look(x.bodyOf(x.fn))
	return in
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

// fixed reports whether what a digest is compared with is the project's own: it is written
// out, or read from what the project names, and no part of what is loaded.
func (t *tracer) fixed(e pysrc.Expr, s *pysrc.Scope, depth int) bool {
	if depth > mostHashers || !t.leaves(e, s, depth) {
		return false
	}
	t.vetting = true
	labels := t.taint(e, s, 0)
	t.vetting = false
	return !slices.ContainsFunc(labels, func(l label) bool { return l.kind != ofSource || t.out.sources[l.at].kind == fromRequest })
}

// leaves reports whether all names in an expression are of the module, or stand for such
// expressions; which item is taken is of no matter.
func (t *tracer) leaves(e pysrc.Expr, s *pysrc.Scope, depth int) bool {
	fine := true
	pysrc.Walk(e, func(e pysrc.Expr) bool {
		switch e := e.(type) {
		case *pysrc.Subscript:
			fine = fine && t.leaves(e.Value, s, depth)
			return false
		case *pysrc.Call:
			if a, ok := e.Func.(*pysrc.Attribute); ok && a.Attr == "get" {
				fine = fine && t.leaves(a.Value, s, depth)
				return false
			}
		case *pysrc.Name:
			owner := s.Owner(e.ID)
			if owner == nil || s.Self(e.ID) != nil {
				return fine
			}
			list := owner.Bindings(e.ID)
			if owner.Kind == pysrc.ModuleScope {
				fine = fine && !t.grows(e.ID) && !slices.ContainsFunc(list, func(b pysrc.Binding) bool { return b.Scope != nil && b.Scope.Function() != nil })
				return fine
			}
			fine = fine && len(list) > 0 && !slices.ContainsFunc(list, func(b pysrc.Binding) bool {
				return b.Kind != pysrc.Assigned && b.Kind != pysrc.Entered || depth > mostHashers || !t.leaves(b.Value, b.Scope, depth+1)
			})
		case *pysrc.Lambda, *pysrc.Comprehension, *pysrc.Yield:
			fine = false
		}
		return fine
	})
	return fine
}

// grows reports whether something in the file puts something into a container of the module.
func (t *tracer) grows(name string) bool {
	is := func(e pysrc.Expr) bool { n, ok := e.(*pysrc.Name); return ok && n.ID == name }
	return slices.ContainsFunc(t.m.Puts, func(p pysrc.Put) bool { return is(p.To.Value) }) ||
		slices.ContainsFunc(t.m.Calls, func(c *pysrc.Invocation) bool {
			a, ok := c.Node.Func.(*pysrc.Attribute)
			return ok && slices.Contains(adders, a.Attr) && is(a.Value)
		})
}

package code

import (
	"slices"

	"github.com/andiron-dev/andiron/internal/pysrc"
)

// uptake is where a function takes something up that may have been verified before: a load
// does, and so does a return.
type uptake struct {
	pysrc.Span

	fn   *pysrc.Scope
	of   pysrc.Arg   // what is taken up
	args []pysrc.Arg // all that says what that is
	back bool        // it is returned
}

// loaded is what a call loads: its first argument.
func loaded(c *pysrc.Invocation) uptake {
	u := uptake{Span: c.Node.Span, fn: c.Scope.Function(), args: c.Every()}
	if len(u.args) > 0 {
		u.of = u.args[0]
	}
	return u
}

// verified reports whether what is taken up was verified before: the function compares a
// digest of it and refuses, or has another do so; or it is given a download of a known
// hash or commit, or what another function verified. At is where a digest is compared, or
// nil where that is not in the code.
func (v *view) verified(u uptake) (at pysrc.Node, ok bool) {
	if at = v.verifiedBy(u, pysrc.Span{End: u.Start}); at != nil {
		return at, true
	}
	if at = v.comparedBefore(u); at != nil {
		return at, true
	}
	for _, c := range v.searched(u.fn) {
		if c.Node.Start < u.Start && v.pinnedTo(c) {
			if to, _ := c.Arg(1, "dst"); meets(v.about(to), v.about(u.args)) {
				return nil, true
			}
		}
	}
	calls, only := v.givenBy(u.of, map[variable]bool{})
	for _, a := range calls {
		where, fine := v.verifiedCall(a)
		if !fine {
			return nil, false
		}
		if where != nil {
			at = where
		}
	}
	return at, only && len(calls) > 0
}

// comparedBefore is where a function itself compares a digest of what it takes up, and
// refuses, before it does; or nil.
func (v *view) comparedBefore(u uptake) pysrc.Node {
	hashed, ok := v.hashed[u.fn]
	if !ok || hashed > u.Start {
		return nil
	}
	body := v.bodyOf(u.fn)
	for _, h := range v.hashers.calls[u.fn] {
		if v.sought >= mostSought {
			break
		}
		if h.Node.Start > u.Start || !v.strong(h) {
			continue
		}
		v.sought++
		if at := v.refusal(body, pysrc.Span{Start: h.Node.Start, End: u.Start}); at != nil && v.ofWhat(u, h) && !v.looksUpOther(at, u) && !v.passedOver(u, at.Where().Start) {
			return at
		}
	}
	return nil
}

// ofWhat reports whether a digest may be of what is taken up. What a function returns is
// seen to be that, or what became of it; a load beside a comparison is taken to be.
func (v *view) ofWhat(u uptake, hash *pysrc.Invocation) bool {
	switch same := v.digestOf(u, hash); {
	case same == maybeSame && u.back:
		return v.movedBetween(u.fn, v.about(u.args), v.about(hash.Every()))
	default:
		return same != isOther
	}
}

// givenBy lists the calls that give what an expression is, through names and other forms
// of a path, and reports whether nothing else does.
func (v *view) givenBy(a pysrc.Arg, seen map[variable]bool) (calls []pysrc.Arg, only bool) {
	if v.hashers.work--; v.hashers.work < 0 || a.Expr == nil {
		return nil, false
	}
	if n := pathName(a.Expr); n != nil {
		owner := a.Scope.Owner(n.ID)
		if owner == nil || len(seen) > mostNames {
			return nil, false
		}
		at := variable{owner, n.ID}
		if seen[at] { // p = str(p)
			return nil, true
		}
		seen[at] = true
		list := owner.Bindings(n.ID)
		only = len(list) <= mostTurns
		for _, b := range list[:min(len(list), mostTurns)] {
			if b.Kind != pysrc.Assigned && b.Kind != pysrc.Entered {
				return nil, false
			}
			more, ok := v.givenBy(pysrc.Arg{Expr: b.Value, Scope: b.Scope}, seen)
			calls, only = append(calls, more...), only && ok
		}
		return calls, only
	}
	switch e := a.Expr.(type) {
	case *pysrc.Await:
		return v.givenBy(pysrc.Arg{Expr: e.Value, Scope: a.Scope}, seen)
	case *pysrc.Call:
		if len(e.Args) > 0 && slices.ContainsFunc(v.m.Names(e.Func, a.Scope), func(n string) bool { return slices.Contains(passes, n) }) {
			return v.givenBy(pysrc.Arg{Expr: e.Args[0], Scope: a.Scope}, seen)
		}
		if m, ok := e.Func.(*pysrc.Attribute); ok && m.Attr == "open" { // path.open("rb")
			return v.givenBy(pysrc.Arg{Expr: m.Value, Scope: a.Scope}, seen)
		}
		return []pysrc.Arg{a}, true
	}
	return nil, false
}

// verifiedCall reports whether what a call gives was verified by what it calls.
func (v *view) verifiedCall(a pysrc.Arg) (at pysrc.Node, ok bool) {
	c := a.Expr.(*pysrc.Call)
	for _, callee := range v.m.Eval(c.Func, a.Scope) {
		gift, known := gifts[callee.Name]
		switch {
		case callee.Kind == pysrc.Function:
			if at, ok = v.givesVerified(callee.Def); !ok {
				return nil, false
			}
		case callee.Kind != pysrc.Ref:
			return nil, false
		case known && gift.kind == fromDownload && v.pinned(c, a.Scope):
		case v.l.opt.Again != nil && v.l.opt.Again.does(callee.Name).verified:
			at = c
		default:
			return nil, false
		}
	}
	return at, true
}

// proof is what is known of a function: whether all that it returns was verified, and
// where it compares a digest.
type proof struct {
	at pysrc.Node
	ok bool
}

// givesVerified reports whether a function verifies all that it returns, whatever it is
// called with.
func (v *view) givesVerified(fn *pysrc.Scope) (at pysrc.Node, ok bool) {
	if p, known := v.hashers.verified[fn]; known || v.hashers.within >= mostHashers {
		return p.at, p.ok
	}
	v.hashers.verified[fn] = proof{} // for a function that calls itself
	v.hashers.within++
	all, n := true, 0
	returns(fn.Func.Body, func(e pysrc.Expr) {
		a := pysrc.Arg{Expr: e, Scope: fn}
		if _, nothing := e.(*pysrc.Const); nothing {
			return
		}
		n++
		where, fine := v.verified(uptake{Span: e.Where(), fn: fn, of: a, args: []pysrc.Arg{a}, back: true})
		all = all && fine && (where == nil || !optional(fn, where))
		if where != nil {
			at = where
		}
	})
	v.hashers.within--
	if n == 0 || !all {
		return nil, false
	}
	v.hashers.verified[fn] = proof{at, true}
	return at, true
}

// optional reports whether a comparison is with a parameter that need not be given, so
// that a caller may do without it: def fetch(url, path, sha256=None).
func optional(fn *pysrc.Scope, test pysrc.Node) bool {
	e, ok := test.(pysrc.Expr)
	if !ok {
		return false
	}
	names := namesIn([]pysrc.Arg{{Expr: e, Scope: fn}})
	return slices.ContainsFunc(fn.Params.All(), func(p *pysrc.Param) bool {
		none, ok := p.Default.(*pysrc.Const)
		return ok && none.Word == "None" && slices.Contains(names, p.Name)
	})
}

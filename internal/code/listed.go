package code

import (
	"cmp"
	"slices"

	"github.com/andiron-dev/andiron/internal/pysrc"
)

// listed is an expression that is known to be on a list within a span, unless its name is
// bound anew there.
type listed struct {
	pysrc.Span

	of    string       // as it stands there: name, or body.name
	lists []pysrc.Expr // it is on one of these
	from  int32        // what is bound from here on is not what was looked up
	// digest says that a digest of it is what stands there, as it does in a scope.
	digest bool
	scope  *pysrc.Scope
}

// mostListed is how much of a function is known to be on lists.
const mostListed = 1000

// lister finds what the tests of a function know.
type lister struct {
	*view

	fn    *pysrc.Scope // nil for the module
	inner int          // functions that are looked through, one within the other
	out   []listed
}

// listings are what a function, or a module outside of functions, looks up on lists.
func (v *view) listings(fn *pysrc.Scope) []listed {
	known, ok := v.listed[fn]
	if !ok {
		x := &lister{view: v, fn: fn}
		body := v.f.Body
		if fn != nil {
			body = fn.Func.Body
		}
		x.block(body)
		known = x.out
		v.listed[fn] = known
	}
	return known
}

// keep says what is known in a span.
func (x *lister) keep(known []listed, span pysrc.Span) {
	for _, k := range known {
		if len(x.out) >= mostListed {
			return
		}
		k.Span = span
		x.out = append(x.out, k)
	}
}

// block looks through statements, and gives what is known behind them.
func (x *lister) block(list []pysrc.Stmt) (known []listed) {
	for _, s := range list {
		var more []listed
		switch s := s.(type) {
		case *pysrc.FunctionDef, *pysrc.ClassDef:
			continue
		case *pysrc.If:
			more = x.branches(s)
		case *pysrc.While:
			x.keep(x.knows(s.Test, true), spanOf(s.Body))
			pysrc.Blocks(s, func(inner []pysrc.Stmt) { x.block(inner) })
		case *pysrc.With:
			if more = x.block(s.Body); x.suppresses(s) {
				more = nil
			}
		case *pysrc.Try:
			more = x.block(s.Body)
			for _, h := range s.Handlers {
				x.block(h.Body)
				if !x.ends(h.Body) {
					more = nil
				}
			}
			x.block(s.Else)
			x.block(s.Finally)
		case *pysrc.Keyworded:
			if s.Word == "assert" && len(s.Values) > 0 {
				more = x.knows(s.Values[0], true)
			}
		default:
			pysrc.Blocks(s, func(inner []pysrc.Stmt) { x.block(inner) })
		}
		x.within(s)
		x.keep(more, pysrc.Span{Start: s.Where().End, End: list[len(list)-1].Where().End})
		known = append(known, more...)
	}
	return known
}

// branches looks through an if. Behind it is known what every way through it knows or
// sets, apart from those that end.
func (x *lister) branches(s *pysrc.If) (known []listed) {
	var before []listed
	open := false // a way was seen that goes on
	way := func(facts []listed, body []pysrc.Stmt) {
		if len(body) > 0 {
			x.keep(facts, spanOf(body))
		}
		facts = append(slices.Clip(facts), x.block(body)...)
		switch set := sets(body); {
		case x.ends(body):
		case !open:
			open, known = true, facts
			for name := range set {
				known = append(known, listed{of: name})
			}
		default:
			known = both(known, facts, set)
		}
	}
	for _, b := range s.Branches {
		way(append(slices.Clip(before), x.knows(b.Test, true)...), b.Body)
		if len(before) < mostEntries {
			before = append(before, x.knows(b.Test, false)...)
		}
	}
	way(before, s.Else)
	for i := range known {
		if !known[i].digest {
			known[i].from = s.Branches[0].Test.Where().End
		}
	}
	return slices.DeleteFunc(known, func(k listed) bool { return k.lists == nil }) // it is what it is set to
}

// both is what two ways know, the second of which sets names besides.
func both(a, b []listed, set map[string]bool) (out []listed) {
	for _, k := range a {
		i := slices.IndexFunc(b, func(o listed) bool { return o.of == k.of })
		if i >= 0 {
			k.lists = append(slices.Clip(k.lists), b[i].lists...)
			k.from, k.digest, k.scope = min(k.from, b[i].from), k.digest || b[i].digest, cmp.Or(k.scope, b[i].scope)
		}
		if i >= 0 || set[k.of] {
			out = append(out, k)
		}
	}
	return out
}

// sets are the names that statements bind, whatever happens.
func sets(list []pysrc.Stmt) map[string]bool {
	out := map[string]bool{}
	for _, s := range list {
		a, ok := s.(*pysrc.Assign)
		if !ok {
			continue
		}
		for _, to := range a.Targets {
			switch to.(type) {
			case *pysrc.Name, *pysrc.Attribute:
				out[chain(to)] = true
			}
		}
	}
	return out
}

// within looks through the expressions of a statement that hold a test.
func (x *lister) within(s pysrc.Stmt) {
	look := func(e pysrc.Expr) bool {
		switch e := e.(type) {
		case *pysrc.IfExpr:
			x.keep(x.knows(e.Test, true), e.Body.Where())
			x.keep(x.knows(e.Test, false), e.Else.Where())
		case *pysrc.Bool: // name in LIST and load(name)
			for i, b := range e.Values[:len(e.Values)-1] {
				x.keep(x.knows(b, e.Op == "and"), pysrc.Span{Start: e.Values[i+1].Where().Start, End: e.End})
			}
		case *pysrc.Comprehension:
			for _, c := range e.Clauses {
				for _, test := range c.Ifs {
					known := x.knows(test, true)
					x.keep(known, e.Elem.Where())
					if e.Key != nil {
						x.keep(known, e.Key.Where())
					}
				}
			}
		}
		return true
	}
	pysrc.Exprs(s, func(e pysrc.Expr) { pysrc.Walk(e, look) })
}

// knows is what is on a list where a test is true, or where it is not.
func (x *lister) knows(test pysrc.Expr, holds bool) (out []listed) {
	switch test := test.(type) {
	case *pysrc.Unary:
		if test.Op == "not" {
			return x.knows(test.Value, !holds)
		}
	case *pysrc.Bool:
		if (test.Op == "and") == holds {
			for _, v := range test.Values {
				out = append(out, x.knows(v, holds)...)
			}
			return out
		}
		out = x.knows(test.Values[0], holds)
		for _, v := range test.Values[1:] {
			out = both(out, x.knows(v, holds), nil)
		}
		return out
	case *pysrc.Call:
		if a, ok := test.Func.(*pysrc.Attribute); ok && holds && a.Attr == "compare_digest" && len(test.Args) == 2 {
			if out = x.byDigest(test.Args[0], test.Args[1]); out == nil {
				out = x.byDigest(test.Args[1], test.Args[0])
			}
			return out
		}
	case *pysrc.Compare:
		if len(test.Ops) != 1 {
			return nil
		}
		word := map[bool]string{true: "in", false: "not in"}[holds]
		same := map[bool]string{true: "==", false: "!="}[holds]
		left, list := test.Values[0], test.Values[1]
		if w, ok := left.(*pysrc.Walrus); ok {
			left = w.Target
		}
		switch test.Ops[0] {
		case word:
			if x.hashers.lookups[test] != nil {
				out = x.byDigest(left, list)
			}
		case same:
			if out = x.byDigest(left, list); out == nil {
				out = x.byDigest(list, left)
			}
		}
		if out != nil {
			return out
		}
		_, text := list.(*pysrc.Str)
		if of := chain(left); of != "" && (test.Ops[0] == word && !text || test.Ops[0] == same && text) {
			return []listed{{of: of, lists: []pysrc.Expr{list}, from: test.End}}
		}
	}
	return nil
}

// chain is a name, or a name and attributes of it, as it is written; else empty.
func chain(e pysrc.Expr) string {
	switch e := e.(type) {
	case *pysrc.Name:
		return e.ID
	case *pysrc.Attribute:
		if of := chain(e.Value); of != "" {
			return of + "." + e.Attr
		}
	}
	return ""
}

// vetted says from which place on something is made of what is bound, because it was on a
// list before. A list does not count that the same hand gives.
func (t *tracer) vetted(e pysrc.Expr, owner, s *pysrc.Scope, have []label, depth int) (from int32, yes bool) {
	if t.vetting || len(have) == 0 {
		return 0, false
	}
	at, of := e.Where().Start, ""
	for _, k := range t.listings(owner.Function()) {
		if k.Start > at || k.End <= at {
			continue
		}
		if of == "" {
			if of = chain(e); of == "" {
				return 0, false
			}
		}
		if k.of == of && k.from > from && !slices.ContainsFunc(k.lists, func(list pysrc.Expr) bool {
			if k.digest {
				return !t.fixed(list, k.scope, 0)
			}
			return !t.isList(list, s, have, depth)
		}) {
			from, yes = k.from, true
		}
	}
	return from, yes
}

// isList reports whether what something is looked up in is a list, and not given by whom
// that comes from.
func (t *tracer) isList(e pysrc.Expr, s *pysrc.Scope, have []label, depth int) bool {
	if _, is := e.(*pysrc.Str); is { // it is compared with one text
		return true
	}
	if slices.ContainsFunc(t.m.Eval(e, s), func(v pysrc.Value) bool { return v.Kind == pysrc.Text }) {
		return false // a part of a text is no entry of a list
	}
	t.vetting = true
	list := t.taint(e, s, depth)
	t.vetting = false
	return !slices.ContainsFunc(list, func(l label) bool {
		if l.kind != ofSource {
			return false
		}
		kind := t.out.sources[l.at].kind
		return kind == fromRequest || slices.ContainsFunc(have, func(h label) bool { return h.kind == ofSource && t.out.sources[h.at].kind == kind })
	})
}

// vettedPart is vetted of an attribute of a name, such as body.model.
func (t *tracer) vettedPart(e *pysrc.Attribute, s *pysrc.Scope, have []label, depth int) bool {
	var first pysrc.Expr = e
	for {
		a, ok := first.(*pysrc.Attribute)
		if !ok {
			break
		}
		first = a.Value
	}
	name, ok := first.(*pysrc.Name)
	if !ok || len(have) == 0 {
		return false
	}
	owner := s.Owner(name.ID)
	if owner == nil {
		return false
	}
	from, yes := t.vetted(e, owner, s, have, depth)
	return yes && !slices.ContainsFunc(owner.Bindings(name.ID), func(b pysrc.Binding) bool { return from < b.At && b.At < e.Start })
}

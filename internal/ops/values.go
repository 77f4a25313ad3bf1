package ops

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/cppsrc"
)

// eachHeld reports whether nothing that comes to a token gets there unless each element of a
// tensor is no less than 0 and below a size: by a loop over all of them, by a function that is
// handed the tensor, or by what every caller did before.
func (a *fn) eachHeld(tensor string, before int) bool { return a.eachHeldBy(tensor, before, 0) }

func (a *fn) eachHeldBy(tensor string, before, depth int) bool {
	if depth > mostHelpers || a.device() || !a.spend(1+len(a.checks)+len(a.calls)) || a.changesValues(tensor) {
		return false
	}
	if a.loopHolds(tensor, before) {
		return true
	}
	for _, c := range a.calls {
		if c.at < before && a.passes(c.at, before) && c.holds(tensor, depth) {
			return true
		}
	}
	v := a.lookup(tensor, before)
	if v == nil || v.param < 0 || len(a.callers) == 0 || len(a.entries) > 0 {
		return false
	}
	return !slices.ContainsFunc(a.callers, func(c *call) bool {
		name, ok := c.tensorAt(v.param)
		return !ok || !c.by.eachHeldBy(name, c.at, depth+1)
	})
}

// mostHelpers bounds how many calls a tensor is followed through.
const mostHelpers = 3

// tensorAt is the tensor that a call hands over, if the argument is no more than one.
func (c *call) tensorAt(k int) (name string, ok bool) {
	if k >= len(c.args) || c.args[k].Last != c.args[k].First+1 {
		return "", false
	}
	i := c.args[k].First
	return c.by.root(c.by.f.Word(i), i).name, c.by.tensorNamed(c.by.f.Word(i), i)
}

// holds reports whether a call only comes back if each element of a tensor is held.
func (c *call) holds(tensor string, depth int) bool {
	for k := range c.args {
		if name, ok := c.tensorAt(k); !ok || name != tensor || len(c.to) == 0 {
			continue
		}
		if !slices.ContainsFunc(c.to, func(to *fn) bool {
			return k >= len(to.def.Params) || !to.eachHeldBy(to.def.Params[k].Name, to.def.Body.Last, depth+1)
		}) {
			return true
		}
	}
	return false
}

// loopHolds is eachHeld for the loops of the function itself.
func (a *fn) loopHolds(tensor string, before int) bool {
	if len(a.accesses) == 0 {
		return false
	}
	var as aspect
	for _, c := range a.checks {
		if !c.hard || c.at >= before || !a.spend(1+c.cond.Last-c.cond.First) || !a.throws(c) {
			continue
		}
		n := a.straightLoop(c)
		if n == nil || n.stmt.All.Last > before || !a.passes(n.stmt.All.First, before) {
			continue
		}
		for _, i := range a.names(c.cond) {
			if a.eachOf(i, tensor, n) {
				as |= c.tensors[a.f.Word(i)]&(hasLower|hasUpper) | a.inside(c, i)
			}
		}
	}
	return as&hasLower != 0 && as&hasUpper != 0
}

// straightLoop is the loop around a check that each round of it comes to, or nil.
func (a *fn) straightLoop(c *check) *node {
	own := a.nodeAt(c.at)
	for n := own; n != nil && n.lambda == nil && n.up != nil; n = n.up {
		switch n.up.stmt.Kind {
		case cppsrc.Block:
		case cppsrc.For:
			if a.leavesRound(n.up) {
				return nil
			}
			return n.up
		default:
			return nil
		}
	}
	return nil
}

// leavesRound reports whether something in a loop ends a round of it, or all of them, and
// does not throw.
func (a *fn) leavesRound(loop *node) bool {
	return slices.ContainsFunc(a.nodes, func(n *node) bool {
		s := n.stmt
		return s.All.First >= loop.stmt.All.First && s.All.Last <= loop.stmt.All.Last && a.spend(1) &&
			(s.Kind == cppsrc.Jump || s.Kind == cppsrc.Return && !a.f.Is(s.All.First, "throw"))
	})
}

// passes reports whether what comes to a token has come through an earlier one: no branch,
// loop or lambda is around that and not around both, and no return is before it.
func (a *fn) passes(at, to int) bool {
	n := a.nodeAt(at)
	if n == nil {
		return false
	}
	if to >= a.def.Body.Last && slices.ContainsFunc(a.nodes, func(n *node) bool {
		return n.stmt.Kind == cppsrc.Return && n.lambda == nil && n.stmt.All.First < at && !a.f.Is(n.stmt.All.First, "throw") && !a.forNothing(n)
	}) {
		return false
	}
	for ; n.up != nil; n = n.up {
		if n.lambda != nil {
			if to < n.lambda.All.First || to >= n.lambda.All.Last {
				return false
			}
			continue
		}
		list := n.up.stmt.Body
		if n.other {
			list = n.up.stmt.Else
		}
		if n.up.stmt.Kind != cppsrc.Block && (n.up.stmt.Kind == cppsrc.Switch ||
			!slices.ContainsFunc(list, func(s *cppsrc.Stmt) bool { return to >= s.All.First && to < s.All.Last })) {
			return false
		}
	}
	return true
}

// forNothing reports whether a return is for a tensor without elements: if (x.numel() == 0) return;
func (a *fn) forNothing(n *node) bool {
	for n = n.up; n != nil && n.stmt.Kind == cppsrc.Block; {
		n = n.up
	}
	if n == nil || n.stmt.Kind != cppsrc.If {
		return false
	}
	s := n.stmt.Head
	return s.Last-s.First == 7 && a.f.Is(s.First+2, "numel") && a.f.Is(s.Last-2, "==") && a.f.Is(s.Last-1, "0")
}

// changesValues reports whether a function writes to a tensor, through a pointer or as a whole.
func (a *fn) changesValues(tensor string) bool {
	if !a.spend(len(a.subs)) {
		return true
	}
	for _, s := range a.subs {
		if x, _ := a.ofSubscript(s); s.write && x != nil && x.tensor != "" && a.root(x.tensor, x.at).name == tensor {
			return true
		}
	}
	changes := false
	a.each(func(i int) {
		if a.f.Is(i, tensor) && !a.member(i) && a.f.Is(i+1, ".") && strings.HasSuffix(a.f.Word(i+2), "_") && a.f.Is(i+3, "(") && !a.f.Is(i+2, "requires_grad_") {
			changes = true
		}
	})
	return changes
}

// inside is from which sides a check leaves nothing beyond for the name at a token: k >= 0 and not
// k >= -1 or k != -1. What one of several parts says is not said by the whole.
func (a *fn) inside(c *check, i int) (as aspect) {
	parts := "||"
	if c.leaves {
		parts = "&&"
	}
	if a.has(c.cond, parts) || a.has(c.cond, "!") || a.has(c.cond, "?") || a.f.Is(i-1, "%") || a.f.Is(i-1, "/") || a.f.Is(i-1, "-") {
		return 0
	}
	for _, side := range []int{1, -1} {
		sign, other := signBeside(a.f, c, i, side)
		if sign != "<" && sign != "<=" && sign != ">" && sign != ">=" {
			continue
		}
		w := a.f.Word(other)
		minus := w == "-" || side < 0 && a.f.Is(other-1, "-")
		equal := (len(sign) == 2) != c.leaves // the other one is left as well
		switch greater := ((sign[0] == '>') == (side > 0)) != c.leaves; {
		case greater && !minus && w != "" && digit(w[0]), greater && !equal && minus && (w == "1" || a.f.Is(other+1, "1")):
			as |= hasLower
		case !greater && !minus && w != "0":
			as |= hasUpper
		}
	}
	if as&hasUpper != 0 && a.natural(i) {
		as |= hasLower
	}
	return as
}

// throws reports whether a check that fails ends more than the round of a loop.
func (a *fn) throws(c *check) bool {
	n := a.nodeAt(c.at)
	return !c.leaves || n != nil && (n.stmt.Kind != cppsrc.If || throwsBehind(a.f, n.stmt.Head.Last+1))
}

// eachOf reports whether a name stands, in a loop over all elements of a tensor, for one after
// the other: p[i], or a variable that begins as that and stays it.
func (a *fn) eachOf(i int, tensor string, loop *node) bool {
	if open := i + 1; a.f.Is(open, "[") {
		x, via := a.accessOf(a.f.Word(i))
		return x != nil && x.tensor != "" && len(via) == 0 && a.root(x.tensor, x.at).name == tensor &&
			loop.loop != nil && a.f.Mate(open) == open+2 && a.f.Is(open+1, loop.loop.name) && !a.f.Is(open+3, "[") && a.overAll(loop, tensor, x)
	}
	v := a.lookup(a.f.Word(i), i)
	if v == nil || v.param >= 0 || len(v.assigned) > 0 || v.at < loop.stmt.All.First || a.changed(v.name, loop.stmt.All, v.at) {
		return false
	}
	return slices.ContainsFunc(a.loads(v.init), func(e load) bool {
		if a.kindOf(v) == integer32 && e.x != nil && kindOf(e.x.typ) != integer32 {
			return false // a part of the element
		}
		return e.at == v.init.First && a.f.Is(e.at+1, "[") && a.f.Mate(e.at+1) == v.init.Last-1 && a.eachOf(e.at, tensor, loop)
	})
}

// overAll reports whether a loop goes over all elements of a tensor: from 0, one by one, to its
// numel() or, where there is one dimension as far as can be seen, to its size(0).
func (a *fn) overAll(n *node, tensor string, x *access) bool {
	l, s := n.loop, n.stmt
	first, zero := a.literal(l.start)
	if l.op != "<" && l.op != "!=" || l.start.First < l.start.Last && (!zero || first != "0") {
		return false
	}
	if parts := a.parts(s.Head, ";"); len(parts) == 3 {
		step := strings.Join(a.wordsOf(parts[2]), "")
		if l.bound.Last != parts[1].Last || step != "++"+l.name && step != l.name+"++" && step != l.name+"+=1" || l.start.First >= l.start.Last {
			return false
		}
	}
	if a.changed(l.name, span{First: s.Head.Last, Last: s.All.Last}, -1) {
		return false
	}
	b := a.inner(l.bound)
	for range mostSteps {
		v := a.lookup(a.f.Word(b.First), b.First)
		if b.Last != b.First+1 || v == nil || v.param >= 0 || len(v.assigned) > 0 || a.changed(v.name, a.def.Body, v.at) {
			break
		}
		b = a.inner(v.init)
	}
	of, end := b.First, b.Last
	if v := a.f.Word(of); !a.f.Is(of+1, ".") || v != x.pointer && a.root(v, of).name != tensor {
		return false
	}
	return a.f.Is(of+2, "numel") && end == of+5 || a.f.Is(of+2, "size") && end == of+6 && a.f.Is(of+4, "0") && (x.accessor() || !a.severalSizes(tensor))
}

// severalSizes reports whether a function asks for another size of a tensor than the first.
func (a *fn) severalSizes(tensor string) (several bool) {
	a.each(func(i int) {
		if a.f.Is(i, "size") && a.member(i) && a.f.Is(i+1, "(") && !a.f.Is(i+2, "0") && a.root(a.f.Word(i-2), i-2).name == tensor {
			several = true
		}
	})
	return several
}

// changed reports whether anything is done to a name in a span but where it is declared.
func (a *fn) changed(name string, s span, declared int) bool {
	if !a.spend(s.Last - s.First) {
		return true
	}
	for i := s.First; i < s.Last; i++ {
		if !a.f.Is(i, name) || i == declared || a.member(i) {
			continue
		}
		switch w := a.f.Word(i + 1); {
		case a.f.Is(i-1, "++"), a.f.Is(i-1, "--"), w == "++", w == "--", w == "=", w == ">>=", w == "<<=", len(w) == 2 && w[1] == '=' && strings.ContainsAny(w[:1], "+-*/%&|^"):
			return true
		}
	}
	return false
}

// natural reports whether a condition takes a name, or an element, for a number that is not
// negative, and for the whole of it: (uint64_t)p[i] < n.
func (a *fn) natural(i int) bool {
	own, to := "", a.castOf(i)
	if x, _ := a.accessOf(a.f.Word(i)); x != nil {
		own = x.typ
	} else if v := a.lookup(a.f.Word(i), i); v != nil {
		own = a.typeOf(v)
	}
	if to == "" {
		return natural(own)
	}
	return natural(to) && (kindOf(to) == integer64 || kindOf(to) == integer32 && kindOf(own) == integer32)
}

// castOf is the type that a name, or an element, is cast to, or empty: (T)p[i],
// static_cast<T>(k), T(k).
func (a *fn) castOf(i int) string {
	first, last := i, i
	if a.f.Is(i+1, "[") {
		last = max(i, a.f.Mate(i+1))
	}
	for range mostSteps {
		open := first - 1
		if m := a.f.Mate(open); a.f.Is(open, ")") && m > a.def.Body.First && m < open && !a.f.IsIdent(m-1) {
			return strings.Join(a.wordsOf(span{First: m + 1, Last: open}), " ")
		}
		if !a.f.Is(open, "(") || a.f.Mate(open) != last+1 {
			return ""
		}
		if a.f.IsIdent(open - 1) {
			return a.f.Word(open - 1)
		}
		if callee := a.callee(open); a.castTo(open-1) && callee > a.def.Body.First {
			return strings.Join(a.wordsOf(span{First: callee + 2, Last: open - 1}), " ")
		}
		first, last = open, last+1
	}
	return ""
}

package ops

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/cppsrc"
)

// eachHeld reports whether a loop that ends before a token throws unless each element of a tensor is
// no less than 0 and below a size.
func (a *fn) eachHeld(tensor string, before int) bool {
	if a.device() || len(a.accesses) == 0 {
		return false
	}
	var as aspect
	for _, c := range a.checks {
		if !c.hard || !a.spend(1+c.cond.Last-c.cond.First) || a.loopEnd(c.at) > before || !a.throws(c) {
			continue
		}
		for _, i := range a.names(c.cond) {
			if a.eachOf(i, tensor) {
				as |= c.tensors[a.f.Word(i)] | a.signsAt(c, i)
			}
		}
	}
	return as&hasLower != 0 && as&hasUpper != 0
}

// loopEnd is where the outermost loop around a token ends, or the token itself.
func (a *fn) loopEnd(at int) int {
	end := at
	for n := a.nodeAt(at); n != nil; n = n.up {
		if n.loops() {
			end = n.stmt.All.Last
		}
	}
	return end
}

// throws reports whether a check that fails ends more than the round of a loop.
func (a *fn) throws(c *check) bool {
	n := a.nodeAt(c.at)
	return !c.leaves || n != nil && (n.stmt.Kind != cppsrc.If || throwsBehind(a.f, n.stmt.Head.Last+1))
}

// eachOf reports whether a name stands for one element after the other of a tensor: p[i],
// or a variable that begins as that.
func (a *fn) eachOf(i int, tensor string) bool {
	if a.f.Is(i+1, "[") {
		x, _ := a.accessOf(a.f.Word(i))
		return x != nil && x.tensor != "" && a.root(x.tensor, x.at).name == tensor && a.counted(span{First: i + 2, Last: a.f.Mate(i + 1)})
	}
	v := a.lookup(a.f.Word(i), i)
	if v == nil || v.param >= 0 || len(v.assigned) > 0 {
		return false
	}
	return slices.ContainsFunc(a.loads(v.init), func(e load) bool {
		if a.kindOf(v) == integer32 && e.x != nil && kindOf(e.x.typ) != integer32 {
			return false // a part of the element
		}
		return e.at == v.init.First && a.f.Is(e.at+1, "[") && a.f.Mate(e.at+1) == v.init.Last-1 && a.eachOf(e.at, tensor)
	})
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

package ops

import (
	"slices"

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
				as |= c.tensors[a.f.Word(i)] | signs(a.f, c, i)
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
		return e.at == v.init.First && a.f.Is(e.at+1, "[") && a.f.Mate(e.at+1) == v.init.Last-1 && a.eachOf(e.at, tensor)
	})
}

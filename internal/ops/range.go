package ops

import (
	"slices"

	"github.com/andiron-dev/andiron/internal/cppsrc"
)

// use is where something is used as an index.
type use struct {
	into  *access
	at    int
	needs aspect // from which sides it has to be held against something
	start span   // of the range whose end is asked about, which is no bound of that

	part    bool // it is not the whole of the index
	shifted bool // a number is added to it, taken away, or it is multiplied by one
}

// made is what a variable is made of, and from which sides that has to be held against
// something.
type made struct {
	use
	of span
}

// madeOf lists what a variable is made of. One that a loop counts lies between the start,
// which then needs a bound from below alone, and the end, which needs one from above. Where
// the end is one of its values, or the index another number, a check of e <= n says too little.
func (a *fn) madeOf(u use, v *variable, at int) (list []made) {
	n := a.loopOf(v.name, at)
	from, to := u, u
	if n != nil && !u.shifted && a.halfOpen(n) {
		from.needs &= hasLower
		to.needs &= hasUpper
		to.start = n.loop.start
	}
	if n != nil && n.stmt.Kind != cppsrc.While {
		list = []made{{from, n.loop.start}, {to, n.loop.bound}}
	} else {
		for _, s := range slices.Concat([]span{v.init}, v.assigned, a.putInto(v, at)) {
			list = append(list, made{from, s})
		}
		if n != nil {
			list = append(list, made{to, n.loop.bound})
		}
	}
	return slices.DeleteFunc(list, func(m made) bool { return m.needs == 0 })
}

// halfOpen reports whether a loop ends before its end: i < e, and i = e - 1 that goes down.
func (a *fn) halfOpen(n *node) bool {
	switch b := n.loop.bound; n.loop.op {
	case "<":
		return true
	case ">=":
		return b.Last-b.First > 2 && a.f.Is(b.Last-2, "-") && a.f.Is(b.Last-1, "1")
	default:
		return false
	}
}

// offBy reports whether an index adds a number to a name, takes one away or multiplies it.
func (a *fn) offBy(s span) bool {
	for i := s.First; i < s.Last; i++ {
		if a.f.Is(i, "[") {
			i = max(i, a.f.Mate(i))
			continue
		}
		if a.f.Tokens[i].Kind != cppsrc.Number || a.f.Is(i, "0") {
			continue
		}
		for _, j := range []int{i - 1, i + 1} {
			if j >= s.First && j < s.Last && (a.f.Is(j, "+") || a.f.Is(j, "-") || a.f.Is(j, "*")) {
				return true
			}
		}
	}
	return false
}

// bounds reports whether a variable is held against something from the sides that it needs.
func (a *fn) bounds(u use, v *variable, i int) bool {
	at := max(u.at, i)
	below, above := a.compared(v.name, at)
	if u.needs == hasUpper {
		above = above && a.endsBefore(u, v.name, at)
	}
	return (below || u.needs&hasLower == 0) && (above || u.needs&hasUpper == 0)
}

// endsBefore reports whether a check says that the end of a range is no more than something
// else: e <= n, and not b <= e alone.
func (a *fn) endsBefore(u use, name string, at int) bool {
	for _, c := range a.checks {
		if c.at >= at || !c.names[name] || !a.spend(1+c.cond.Last-c.cond.First) {
			continue
		}
		if c.tensors[name]&hasUpper != 0 || slices.ContainsFunc(a.names(c.cond), func(i int) bool { return a.f.Is(i, name) && a.saysLess(c, i, u) }) {
			return true
		}
	}
	return slices.ContainsFunc(a.calls, func(c *call) bool { return c.at < at && c.inside(at, name)&hasUpper != 0 })
}

// saysLess reports whether a condition says that the name at a token is no more than
// something that does not stand at the start of its range.
func (a *fn) saysLess(c *check, i int, u use) bool {
	if signs(a.f, c, i)&hasUpper == 0 {
		return false
	}
	yes, known := a.reachedIf(c, u.at)
	yes = yes != negated(a.f, c, i)
	if minus(a.f, i) { // n - e >= 0
		return !a.has(u.start, a.f.Word(i-2))
	}
	for _, side := range []int{1, -1} {
		sign, other := signBeside(a.f, c, i, side)
		if sign == "" || a.has(u.start, a.f.Word(other)) {
			continue
		}
		less := (sign[0] == '<') == (side > 0)
		switch w := a.f.Word(other); sign {
		case "==", "!=":
			return w != "0" && w != "-"
		case "<", "<=", ">", ">=":
			if w != "0" && w != "-" && (!known || less == yes) {
				return true
			}
		}
	}
	return false
}

// reachedIf reports whether a token is only reached where a condition holds, or where it
// does not, as far as that is known.
func (a *fn) reachedIf(c *check, at int) (holds, known bool) {
	if c.hard {
		return !c.leaves, true
	}
	n := a.nodeAt(c.at)
	if n == nil || n.stmt.Kind != cppsrc.If && n.stmt.Kind != cppsrc.While {
		return false, false
	}
	in := func(list []*cppsrc.Stmt) bool {
		return slices.ContainsFunc(list, func(s *cppsrc.Stmt) bool { return at >= s.All.First && at < s.All.Last })
	}
	return in(n.stmt.Body), in(n.stmt.Body) || in(n.stmt.Else)
}

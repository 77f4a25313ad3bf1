package ops

import (
	"slices"

	"github.com/andiron-dev/andiron/internal/cppsrc"
)

// typedLater reports whether a void* is kept, in a variable or a member of one, and the
// dtype of its tensor is checked before that is used:
// void* p = x.data_ptr(); AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), ...).
func (a *fn) typedLater(x *access) bool {
	uses, ok := a.usesOf(x)
	if !ok {
		return false
	}
	root := a.root(x.tensor, x.at).name
	for _, c := range a.checks {
		if c.at < x.at || len(uses) > 0 && uses[0] < c.at || (c.tensors[x.tensor]|c.tensors[root])&hasType == 0 || !a.spend(1+len(uses)) {
			continue
		}
		if n := a.nodeAt(c.at); n != nil && (c.hard && !a.ofKind(c.cond) || a.exhausts(n.stmt, x.tensor, root)) && a.reached(n, x.at, uses) {
			return true
		}
	}
	return false
}

// usesOf lists where what a void* was assigned to is used, but for members that are assigned
// to and comparisons of the pointer. It is false where the pointer is not kept so.
func (a *fn) usesOf(x *access) (uses []int, ok bool) {
	c, ok := a.chainBefore(x.at - 1)
	to := c.first - 2
	if !ok || !a.f.Is(c.first-1, "=") || !a.f.IsIdent(to) {
		return nil, false
	}
	if a.member(to) { // params.x = x.data_ptr();
		of, ok := a.chainBefore(to - 1)
		if !ok || of.call || len(of.links) > 0 {
			return nil, false
		}
		to = of.at
	}
	name := a.f.Word(to)
	v := a.lookup(name, to)
	if v == nil || v.param >= 0 {
		return nil, false
	}
	a.each(func(i int) {
		if i <= x.at || !a.f.Is(i, name) || a.member(i) || a.lookup(name, i) != v {
			return
		}
		assigned := a.f.Is(i+1, ".") && a.f.Is(i+3, "=")
		if !assigned && !a.f.Is(i+1, "==") && !a.f.Is(i+1, "!=") {
			uses = append(uses, i)
		}
	})
	return uses, true
}

// reached reports whether a check is made wherever both from was and one of uses comes: each
// statement that it depends on is around from, or around all uses.
func (*fn) reached(check *node, from int, uses []int) bool {
	for up := check.up; up != nil; up = up.up {
		in := func(i int) bool { return i >= up.stmt.All.First && i < up.stmt.All.Last }
		if !in(from) && slices.ContainsFunc(uses, func(i int) bool { return !in(i) }) {
			return false
		}
	}
	return true
}

// exhausts reports whether an if whose condition is not met goes on to others, and at last
// leaves: if (t == kFloat) ... else if (t == kDouble) ... else TORCH_CHECK(false). Each of
// them has to ask for the dtype of the tensor.
func (a *fn) exhausts(s *cppsrc.Stmt, tensor, root string) bool {
	for range mostSteps {
		if s.Kind != cppsrc.If || len(s.Else) == 0 || !slices.ContainsFunc(a.checks, func(c *check) bool {
			return c.at == s.Head.First && (c.tensors[tensor]|c.tensors[root])&hasType != 0
		}) {
			return false
		}
		if s.Else[0].Kind != cppsrc.If {
			return throwsIn(a.f, s.Else[0].All.First, s.Else[len(s.Else)-1].All.Last)
		}
		s = s.Else[0]
	}
	return false
}

// ofKind reports whether a condition asks only of which kind a dtype is, which leaves more
// than one.
func (a *fn) ofKind(cond span) bool {
	has := func(w string) bool { return a.has(cond, w) }
	return slices.ContainsFunc([]string{"is_floating_point", "isFloatingType", "isIntegralType", "is_complex"}, has) && !has("==")
}

// refuses reports whether a switch leaves the function where none of its cases is met.
func (a *fn) refuses(s *cppsrc.Stmt) bool {
	open := s.Head.Last + 1
	end := a.f.Mate(open)
	if !a.f.Is(open, "{") || !a.spend(end-open) {
		return false
	}
	for i := open + 1; i < end; i++ {
		if a.f.Is(i, "{") {
			i = max(i, a.f.Mate(i))
		}
		if !a.f.Is(i, "default") || !a.f.Is(i+1, ":") {
			continue
		}
		last := i
		for last < end && !a.f.Is(last, "case") {
			if a.f.Is(last, "{") {
				last = max(last, a.f.Mate(last))
			}
			last++
		}
		return a.f.Is(i+2, "return") || throwsIn(a.f, i+2, last)
	}
	return false
}

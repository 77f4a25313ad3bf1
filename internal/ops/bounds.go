package ops

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/cppsrc"
)

// bound is what a number depends on.
type bound struct {
	tensors map[string]bool // whose sizes
	params  map[string]bool // parameters that are numbers
	sizes   map[string]bool // the sizes, as they are written: x.size(0)
	rank    bool            // a number of dimensions
	loaded  bool            // an element of a tensor
	numbers bool            // it has a literal in it
}

func newBound() *bound {
	return &bound{tensors: map[string]bool{}, params: map[string]bool{}, sizes: map[string]bool{}}
}

// empty reports whether nothing is known of it.
func (b *bound) empty() bool {
	return len(b.tensors)+len(b.params) == 0 && !b.rank && !b.loaded
}

// boundOf follows the names of an expression to sizes and parameters.
func (a *fn) boundOf(s span) *bound {
	b := newBound()
	a.follows(b, s, 0, map[*variable]bool{})
	return b
}

var sizeMembers = words("size sizes sym_size numel stride strides nbytes dim ndimension sym_sizes")

func (a *fn) follows(b *bound, s span, depth int, seen map[*variable]bool) {
	if depth > mostSteps || !a.spend(s.Last-s.First) {
		return
	}
	for i := s.First; i < s.Last; i++ {
		if a.f.Tokens[i].Kind == cppsrc.Number {
			b.numbers = true
		}
		if !a.f.IsIdent(i) || a.f.Is(i+1, "::") {
			continue
		}
		if a.member(i) {
			a.sizeMember(b, i)
			continue
		}
		v := a.lookup(a.f.Word(i), i)
		if v == nil || seen[v] {
			continue
		}
		seen[v] = true
		if a.f.Is(i+1, "[") && a.pointsIn(v) {
			b.loaded = true
			i = max(i, a.f.Mate(i+1))
			continue
		}
		if v.param >= 0 && kindOf(v.typ).integer() {
			b.params[v.name] = true
		}
		a.follows(b, v.init, depth+1, seen)
		for _, s := range v.assigned {
			a.follows(b, s, depth+1, seen)
		}
	}
}

// pointsIn reports whether a variable is a pointer into a tensor, or an accessor.
func (a *fn) pointsIn(v *variable) bool {
	x, _ := a.accessOf(v.name)
	return x != nil
}

// sizeMember notes x.size(0) at i.
func (a *fn) sizeMember(b *bound, i int) {
	w := a.f.Word(i)
	if w == "item" {
		b.loaded = true
	}
	if !sizeMembers[w] {
		return
	}
	c, ok := a.chainBefore(i - 1)
	if !ok || c.call {
		return
	}
	b.rank = b.rank || w == "dim" || w == "ndimension"
	b.tensors[a.rootName(c.base, i)] = true
	if open, ok := a.argsAt(i); ok {
		b.sizes[a.rootName(c.base, i)+"."+a.f.Source(span{First: i, Last: a.f.Mate(open) + 1})] = true
	}
}

// rootName is the name of the tensor that a local one comes from; one that was made
// here is called as it is.
func (a *fn) rootName(name string, at int) string {
	r := a.root(name, at)
	if r.at&isMade != 0 {
		return name
	}
	return r.name
}

// loopOf gives the loop that a name counts in at a token, or nil.
func (a *fn) loopOf(name string, at int) *node {
	for n := a.nodeAt(at); n != nil; n = n.up {
		if n.loop != nil && n.loop.name == name {
			return n
		}
	}
	return nil
}

// reach is what the values of an index depend on: the bounds of the loops that its
// names count in, and the names themselves.
func (a *fn) reach(s span) *bound {
	b := newBound()
	a.reaches(b, s, 0, map[string]bool{})
	return b
}

func (a *fn) reaches(b *bound, s span, depth int, seen map[string]bool) {
	if depth > mostSteps || !a.spend(s.Last-s.First+1) {
		return
	}
	a.follows(b, s, depth, map[*variable]bool{})
	for _, i := range a.direct(s) {
		name := a.f.Word(i)
		if seen[name] {
			continue
		}
		seen[name] = true
		if n := a.loopOf(name, i); n != nil {
			a.reaches(b, n.loop.bound, depth+1, seen)
			continue
		}
		if v := a.lookup(name, i); v != nil && v.param < 0 {
			a.reaches(b, v.init, depth+1, seen)
		}
	}
}

// direct lists the names of a span but for those that only choose which element of a
// tensor or of a map is read: k and not i in k + index[i].
func (a *fn) direct(s span) (list []int) {
	end, keys := 0, a.keysIn(s)
	for _, i := range a.names(s) {
		if i < end || slices.ContainsFunc(keys, func(k span) bool { return i >= k.First && i < k.Last }) {
			continue
		}
		if v := a.lookup(a.f.Word(i), i); a.f.Is(i+1, "[") && v != nil && (a.pointsIn(v) || kindOf(v.typ) == pointer) {
			end = a.f.Mate(i + 1)
			continue
		}
		list = append(list, i)
	}
	return list
}

// counted reports whether an index has a name that a loop counts, or that is bounded
// by one.
func (a *fn) counted(s span) bool {
	for _, i := range a.direct(s) {
		if a.loopOf(a.f.Word(i), i) != nil {
			return true
		}
		if v := a.lookup(a.f.Word(i), i); v != nil && (v.loop || v.param < 0 && a.counts(v.init)) {
			return true
		}
	}
	return false
}

// counts is counted for what a variable begins as, one step deep.
func (a *fn) counts(s span) bool {
	for _, i := range a.direct(s) {
		if a.loopOf(a.f.Word(i), i) != nil {
			return true
		}
	}
	return false
}

// literal reports whether a span is one number, and which.
func (a *fn) literal(s span) (string, bool) {
	if s.Last == s.First+1 && a.f.Tokens[s.First].Kind == cppsrc.Number {
		return strings.TrimRight(a.f.Word(s.First), "lLuU"), true
	}
	return "", false
}

// inParts reports whether a token is in a loop over the parts of a size that a number of
// elements has: for (i = 0; i < x.size(0) / k; ++i). There k is no more than the size.
func (a *fn) inParts(name string, at int) bool {
	for n := a.nodeAt(at); n != nil; n = n.up {
		if n.loop != nil && n.loop.op == "<" && a.dividedBy(n.loop.bound, name, 0) {
			return true
		}
	}
	return false
}

// dividedBy reports whether an expression is a size divided by a name, and is not rounded up.
func (a *fn) dividedBy(s span, name string, depth int) bool {
	s = a.inner(s)
	if depth > mostSteps || s.First >= s.Last || !a.spend(s.Last-s.First) {
		return false
	}
	if v := a.lookup(a.f.Word(s.First), s.First); s.Last == s.First+1 {
		return v != nil && v.param < 0 && len(v.assigned) == 0 && a.dividedBy(v.init, name, depth+1)
	}
	if !a.f.Is(s.Last-1, name) || !a.f.Is(s.Last-2, "/") {
		return false
	}
	s.Last -= 2
	b := a.boundOf(s)
	return !a.has(s, "+") && !a.has(s, name) && len(b.params) == 0 && !b.loaded
}

// sizesGiven lists the tensors whose sizes a function of the project gives back, where an
// expression is a call of it: shape(x).
func (a *fn) sizesGiven(s span) (list []string) {
	open, ok := a.argsAt(s.First)
	if !ok || a.f.Mate(open) != s.Last-1 {
		return nil
	}
	args := a.f.Split(span{First: open + 1, Last: s.Last - 1})
	to := a.p.byName[a.f.Word(s.First)]
	for k, arg := range args {
		if len(to) > 0 && arg.Last == arg.First+1 && a.tensorNamed(a.f.Word(arg.First), arg.First) && !slices.ContainsFunc(near(to, a, len(args)), func(b *fn) bool { return !b.givesSizes(k) }) {
			list = append(list, a.rootName(a.f.Word(arg.First), arg.First))
		}
	}
	return list
}

// givesSizes reports whether a function gives back sizes of a parameter: return {x.size(0), x.size(1)}.
func (a *fn) givesSizes(param int) bool {
	return param < len(a.def.Params) && slices.ContainsFunc(a.nodes, func(n *node) bool {
		if n.stmt.Kind != cppsrc.Return || n.lambda != nil {
			return false
		}
		b := a.boundOf(n.stmt.Head)
		return b.tensors[a.def.Params[param].Name] && !b.rank
	})
}

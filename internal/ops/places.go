package ops

import "slices"

// What torch gives that are places in a tensor or in a range: x.argsort(),
// at::randperm(n). Of pairs the second part is, as of x.sort().
var (
	placeMakers = words("argsort nonzero nonzero_numpy argwhere argmax argmin randperm arange multinomial")
	pairMakers  = words("sort topk max min mode median kthvalue cummax cummin unique _unique _unique2 unique_dim unique_consecutive")
)

// placeKeepers are members that give some of the places, or all in another order.
var placeKeepers = words("contiguous to toType cpu cuda clone detach squeeze squeeze_ unsqueeze view reshape flatten flip slice narrow select index index_select t transpose permute unbind item")

// placed reports whether an element that is used as an index is a place that torch found
// in what is indexed, in something of a size that was compared with it, or in what was
// made here.
func (a *fn) placed(e load, into *access, at int) bool {
	b, ok := newBound(), false
	if e.x != nil {
		ok = a.placesOf(b, e.x.tensor, e.x.at, false, 0)
	} else if c, chained := a.chainBefore(e.at - 1); a.member(e.at) && chained { // x.argmax().item<int64_t>()
		ok = a.placesIn(b, span{First: c.first, Last: e.at - 1}, false, 0)
	}
	if !ok || into == nil || into.tensor == "" {
		return ok
	}
	r := a.root(into.tensor, into.at)
	return b.tensors[r.name] || r.at&isMade != 0 || a.state(into.tensor, at)&hasSize != 0
}

// placesOf reports whether a local tensor, or the second part of one, holds places, and
// notes the tensors that they are in.
func (a *fn) placesOf(b *bound, name string, at int, second bool, depth int) bool {
	v := a.lookup(name, at)
	if v == nil || v.param >= 0 || depth > mostSteps || !a.spend(1) {
		return false
	}
	list := slices.DeleteFunc(slices.Clone(v.assigned), func(s span) bool { return s.Last > at })
	if v.init.First < v.init.Last {
		list = append([]span{v.init}, list...)
	}
	return len(list) > 0 && !slices.ContainsFunc(list, func(s span) bool {
		return !a.placesIn(b, s, second || a.secondOf(v, s), depth+1)
	})
}

// secondOf reports whether a variable is the second part of what it begins as or is
// assigned: auto [values, order] = x.sort(), std::tie(values, order) = x.sort().
func (a *fn) secondOf(v *variable, s span) bool {
	if s == v.init {
		return a.f.Is(v.at-1, ",") && a.f.Is(v.at-3, "[")
	}
	open := a.f.Mate(s.First - 2)
	return a.f.Is(s.First-2, ")") && a.f.Is(open+2, ",") && a.f.Is(open+3, v.name)
}

// placesIn reports whether an expression gives places.
func (a *fn) placesIn(b *bound, s span, second bool, depth int) bool {
	if depth > mostSteps || !a.spend(s.Last-s.First+1) || slices.ContainsFunc([]string{"+", "-", "*", "/"}, func(w string) bool { return len(a.parts(s, w)) > 1 }) {
		return false
	}
	for i := s.First; i < s.Last; i++ {
		w := a.f.Word(i)
		open, called := a.argsAt(i)
		switch {
		case called && w == "get" && a.f.Is(i+1, "<"):
			second = a.f.Is(i+2, "1")
		case called && (placeMakers[w] || pairMakers[w] && second):
			a.sources(b, s, 0)
			return a.keepsPlaces(span{First: a.f.Mate(open), Last: s.Last})
		}
	}
	for _, i := range a.outer(s) {
		if v := a.lookup(a.f.Word(i), i); v != nil {
			return v.at != i && a.keepsPlaces(span{First: i, Last: s.Last}) && a.placesOf(b, v.name, i, second, depth)
		}
	}
	return false
}

// keepsPlaces reports whether all that is asked of places gives places.
func (a *fn) keepsPlaces(s span) bool {
	for i := s.First + 1; i < s.Last; i++ {
		if a.f.Is(i, "(") {
			i = max(i, a.f.Mate(i))
		} else if a.member(i) && !placeKeepers[a.f.Word(i)] {
			return false
		}
	}
	return true
}

// sources notes the tensors that an expression is made of.
func (a *fn) sources(b *bound, s span, depth int) {
	if depth > mostSteps || !a.spend(s.Last-s.First+1) {
		return
	}
	a.follows(b, s, 0, map[*variable]bool{})
	for _, i := range a.names(s) {
		if v := a.lookup(a.f.Word(i), i); v != nil && v.at != i && a.tensorNamed(v.name, i) {
			b.tensors[a.rootName(v.name, i)] = true
			if v.param < 0 {
				a.sources(b, v.init, depth+1)
			}
		}
	}
}

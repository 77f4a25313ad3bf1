package ops

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/cppsrc"
)

// keeper is what may hold memory when the function has ended: a member, or a variable that
// is not of the function.
type keeper struct {
	object string // that it is a member of; empty for one of the class, and for a global
	name   string
	at     int
	away   bool // it is of the caller, or nobody can say whose
}

// keeper is what stands before = or behind & and ends at a token, if it outlasts the function.
func (a *fn) keeper(i int) (k keeper, ok bool) {
	k = keeper{name: a.f.Word(i), at: i}
	if a.member(i) {
		c, _ := a.chainBefore(i - 1)
		if k.object = c.base; c.base == "this" {
			k.object = ""
		}
		k.away = c.base == "" || c.call
		return k, true
	}
	v := a.lookup(k.name, i)
	k.away = a.f.Is(i, "]") || v != nil && v.at != i && (a.f.Is(i-1, "*") || strings.Contains(v.typ, "&"))
	return k, k.away || v == nil && a.f.IsIdent(i)
}

// kept reports whether memory is given at once to what somebody else frees.
func (a *fn) kept(x allocation, freed int) bool {
	k, ok := a.keeper(x.to)
	if v := a.lookup(x.name, x.to); v != nil && x.what != "new[]" && !a.f.Is(x.to+1, "=") && !a.f.Is(a.whole(x.to).First-1, "&") { // cudaMalloc(out, n)
		k.away = strings.Count(v.typ, "*") > 1
		ok = k.away
	}
	return ok && a.released(k, x, freed)
}

// release is a place where memory of a name is freed that is no variable of the function.
type release struct {
	by *fn
	at int
}

// releases are those of the project, by the name of what is freed. What a local pointer
// begins as, or is set to, is freed with it: for (void* p = base; p; ) free(p).
func (p *world) releases() map[string][]release {
	if p.freeing != nil {
		return p.freeing
	}
	p.freeing = map[string][]release{}
	params := map[*variable]bool{} // that their functions free
	for _, a := range p.all() {
		a.each(func(i int) {
			if !a.f.IsIdent(i) || !a.frees(i) {
				return
			}
			of := []span{{First: i, Last: i + 1}}
			if v := a.lookup(a.f.Word(i), i); v != nil && !a.member(i) {
				params[v] = v.param >= 0
				of = append(slices.Clone(v.assigned), v.init)
			}
			for _, s := range of {
				for j := s.First; j < s.Last && a.spend(1); j++ {
					if w := a.f.Word(j); a.f.IsIdent(j) && (a.member(j) || a.lookup(w, j) == nil) {
						p.freeing[w] = append(p.freeing[w], release{by: a, at: j})
					}
				}
			}
		})
	}
	for _, a := range p.all() {
		for _, c := range a.calls {
			for n, arg := range c.args {
				if i := arg.Last - 1; a.f.IsIdent(i) && (a.member(i) || a.lookup(a.f.Word(i), i) == nil) && slices.ContainsFunc(c.to, func(b *fn) bool {
					return n < len(b.def.Params) && params[b.lookup(b.def.Params[n].Name, b.def.Body.First)]
				}) {
					p.freeing[a.f.Word(i)] = append(p.freeing[a.f.Word(i)], release{by: a, at: i})
				}
			}
		}
	}
	return p.freeing
}

// released reports whether somebody else frees what a keeper is given of an allocation: the
// class, for one of its members, and for a member of another object who is given that. freed
// is where the function itself frees it later, or -1.
func (a *fn) released(k keeper, x allocation, freed int) bool {
	v := a.lookup(k.object, k.at)
	outlasts := v == nil || a.f.Is(k.at-1, "->") || strings.ContainsAny(v.typ, "*&") || strings.Contains(v.typ, "auto")
	foreign := false     // a class of another project may free it
	var classes []string // of the project, that the object may be of
	switch {
	case v != nil:
		classes = a.classesOf(v)
		foreign = outlasts && len(classes) == 0
	case k.object != "":
		foreign = a.f.Is(k.at-1, "->")
	}
	if k.object == "" && !k.away && a.overwrites(k, mostSteps) {
		return false
	}
	if v != nil && v.param < 0 {
		foreign = foreign || a.givenUp(k.object, k.at)
	}
	return (k.away || foreign) && freed < 0 || slices.ContainsFunc(a.p.releases()[k.name], func(r release) bool {
		b := r.by
		switch {
		case b == a && freed >= 0 || !a.spend(1):
			return false
		case k.object == "":
			mine, its := a.class(), b.class()
			return mine == its || b.member(r.at) && !b.f.Is(r.at-2, "this") || a.p.derives(mine, its) || a.p.derives(its, mine)
		case outlasts:
			its := r.classes()
			return len(classes) == 0 || len(its) == 0 || slices.ContainsFunc(classes, func(c string) bool {
				return slices.ContainsFunc(its, func(o string) bool { return c == o || a.p.derives(c, o) || a.p.derives(o, c) })
			})
		case b.destructor():
			return slices.Contains(strings.Fields(v.typ), b.class())
		default: // an object of the function: Buffer b; b.data = p;
			on := a.handsOn(k.object, k.at, b.def.Name)
			x.name, x.at = k.name, max(x.at, k.at)
			return on >= 0 && a.leavesBetween(x, on) < 0
		}
	})
}

// givenUp reports whether the last that is done with an object after a token is to hand its
// address to a function that is not seen: lib_destroy(&h).
func (a *fn) givenUp(object string, at int) bool {
	last := at
	a.each(func(i int) {
		if i > at && a.f.Is(i, object) && !a.member(i) {
			last = i
		}
	})
	open := last - 1
	if a.f.Is(open, "&") {
		open--
	} else if v := a.lookup(object, at); !strings.Contains(v.typ, "*") {
		return false
	}
	for last > at && a.f.Is(open, ",") && !a.f.Is(open-1, ")") {
		open -= 2
	}
	w := a.f.Word(open - 1)
	return last > at && a.f.Is(open, "(") && a.f.IsIdent(open-1) && (a.f.Is(last+1, ")") || a.f.Is(last+1, ",")) && w != "free" &&
		!a.member(open-1) && len(a.p.byName[w]) == 0 && a.p.macro(a.src, w) == nil && !notTypes[w] && !throwing(w) &&
		!strings.HasPrefix(w, "mem") && !strings.HasPrefix(w, "cuda") && !strings.HasPrefix(w, "hip") && w != "assert"
}

// classesOf are the classes of the project that a variable may be of. That of auto is the one
// that it begins as: new State(), std::make_unique<State>(), list.back().
func (a *fn) classesOf(v *variable) []string {
	of := strings.Fields(v.typ)
	if slices.Contains(of, "auto") {
		for i := v.init.First; i < v.init.Last && a.spend(1); i++ {
			w := a.f.Word(i)
			of = append(of, w)
			if o := a.lookup(w, i); o != nil && o != v && !a.member(i) {
				of = append(of, strings.Fields(o.typ)...)
			}
			for _, b := range a.p.byName[w] {
				of = append(of, b.wordsOf(b.def.Result)...)
			}
		}
	}
	return slices.DeleteFunc(of, func(w string) bool { return !a.p.defines(w) })
}

// classes are those whose member is freed.
func (r release) classes() []string {
	if b := r.by; b.member(r.at) && !b.f.Is(r.at-2, "this") {
		if v := b.lookup(b.f.Word(r.at-2), r.at); v != nil {
			return b.classesOf(v)
		}
		return nil
	}
	if c := r.by.class(); c != "" {
		return []string{c}
	}
	return nil
}

// overwrites reports whether a function that works on tensors, and so runs more than once,
// gives memory to a member or a global that may still hold what the last call gave it.
func (a *fn) overwrites(k keeper, depth int) bool {
	if depth == 0 || !a.spend(1) || a.def.Name == a.class() || a.emptied(k) {
		return false
	}
	return len(a.paramsOf(tensor, maybeTensor)) > 0 || slices.ContainsFunc(a.callers, func(c *call) bool {
		return c.by.overwrites(keeper{name: k.name, at: c.at}, depth-1)
	})
}

// emptied reports whether a keeper holds no memory at a token: that is asked, or a flag that
// outlasts the function, or it was freed or put elsewhere before.
func (a *fn) emptied(k keeper) (out bool) {
	for n := a.nodeAt(k.at); n != nil; n = n.up {
		head := n.stmt.Head
		if a.f.Is(head.First, "static") || a.has(head, "call_once") || n.stmt.Kind == cppsrc.Expr && a.has(head, "realloc") {
			return true
		}
		if up := n.up; up != nil && up.stmt.Kind == cppsrc.If && a.ofEach(up.stmt.Head, "||", "&&", func(s span) bool { return a.unset(s, n.other) }) {
			return true
		}
	}
	for _, c := range a.checks { // if (buffer != nullptr) return;
		if c.leaves && c.at < k.at && slices.ContainsFunc(a.parts(a.inner(c.cond), "||"), func(s span) bool { return a.unset(s, true) }) {
			return true
		}
	}
	freeing := a.p.releases()[k.name]
	a.each(func(i int) {
		switch open, called := a.argsAt(i); {
		case i >= k.at || out || !a.f.IsIdent(i):
		case a.f.Is(i, k.name):
			s := a.whole(i)
			out = a.frees(i) || a.f.Is(s.First-1, "=") && a.f.Is(s.Last, ";")
		case called && a.f.Mate(open) < k.at:
			out = len(freeing) > 0 && slices.ContainsFunc(a.p.byName[a.f.Word(i)], func(b *fn) bool {
				return b != a && b.below(func(c *fn) bool {
					return slices.ContainsFunc(freeing, func(r release) bool { return r.by == c })
				})
			}) || a.f.Is(a.f.Mate(open)-1, k.name) && len(a.names(span{First: open + 1, Last: a.f.Mate(open)})) == 1 && !notTypes[a.f.Word(i)] && !throwing(a.f.Word(i))
		}
	})
	return out
}

// unset reports whether an expression asks whether something that outlasts the function is
// not set, !done or buffer == nullptr, or whether it is.
func (a *fn) unset(s span, set bool) bool {
	named := false
	for i := s.First; i < s.Last; i++ {
		switch w := a.f.Word(i); w {
		case "!", "==":
			set = !set
		case "(", ")", "!=", "nullptr", "NULL", "0", "false", "this", "->", ".":
		default:
			v := a.lookup(w, i)
			if named && !a.member(i) || !a.f.IsIdent(i) || a.f.Is(i+1, "(") || v != nil && !a.member(i) && !strings.Contains(v.typ, "static") {
				return false
			}
			named = true
		}
	}
	return named && set
}

// handsOn is the statement after a token by which an object is given back, or given to a
// function, or -1.
func (a *fn) handsOn(object string, at int, to string) int {
	on, first := false, -1
	a.each(func(i int) {
		if i < at || on {
			return
		}
		open, called := a.argsAt(i)
		on = a.f.Is(i, object) && (a.f.Is(i-1, "return") || a.f.Is(i-1, "=")) && !elementOrTest[a.f.Word(i+1)] ||
			called && a.f.Is(i, to) && (a.member(i) && a.f.Is(i-2, object) || a.has(span{First: open, Last: a.f.Mate(open)}, object)) ||
			called && (a.f.Is(i, "move") || a.f.Is(i, "push_back")) && a.f.Is(open+1, object)
		if on {
			first = a.nodeAt(i).stmt.All.First
		}
	})
	return first
}

func (a *fn) destructor() bool { return a.f.Is(a.def.Result.Last-1, "~") }

// class is the class of a member function, or empty.
func (a *fn) class() string {
	at := a.def.At
	switch {
	case a.destructor():
		return a.def.Name
	case a.f.Is(at-1, "::") && a.f.Is(at-2, ">"): // Pool<T>::get
		for at -= 2; at > a.def.Result.First && !a.f.Is(at, "<"); {
			at--
		}
		return a.f.Word(at - 1)
	}
	return a.def.Class
}

// derives reports whether a class names another one among its bases.
func (p *world) derives(class, base string) bool {
	return class != "" && base != "" && slices.Contains(p.bases()[class], base)
}

// defines reports whether a class is one of the project.
func (p *world) defines(class string) bool {
	_, ok := p.bases()[class]
	return ok
}

// bases are the classes of the project, each with the words between its name and its braces:
// struct A final : public B {
func (p *world) bases() map[string][]string {
	if p.classes != nil {
		return p.classes
	}
	p.classes = map[string][]string{}
	for _, src := range p.sources {
		f := src.f
		if p.work -= len(f.Tokens); p.work <= 0 {
			break
		}
		for i := range f.Tokens {
			if !f.IsIdent(i) || !f.Is(i-1, "class") && !f.Is(i-1, "struct") {
				continue
			}
			var list []string
			for j := i + 1; j < i+mostLinks && !f.Is(j, ";"); j++ {
				if f.Is(j, "{") {
					p.classes[f.Word(i)] = append(p.classes[f.Word(i)], list...)
					break
				}
				list = append(list, f.Word(j))
			}
		}
	}
	return p.classes
}

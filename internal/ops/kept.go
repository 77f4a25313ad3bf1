package ops

import (
	"slices"
	"strings"
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
	return ok && a.released(k, freed)
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
	for _, a := range p.all() {
		a.each(func(i int) {
			if !a.f.IsIdent(i) || !a.frees(i) {
				return
			}
			of := []span{{First: i, Last: i + 1}}
			if v := a.lookup(a.f.Word(i), i); v != nil && !a.member(i) {
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
	return p.freeing
}

// released reports whether somebody else frees what a keeper is given: the class, for one of
// its members, and for a member of another object who is given that. freed is where the
// function itself frees it later, or -1.
func (a *fn) released(k keeper, freed int) bool {
	v := a.lookup(k.object, k.at)
	outlasts := v == nil || a.f.Is(k.at-1, "->") || strings.ContainsAny(v.typ, "*&") || strings.Contains(v.typ, "auto")
	foreign := false // a class of another project may free it
	switch {
	case v != nil:
		foreign = outlasts && !slices.ContainsFunc(strings.Fields(v.typ), a.p.defines)
	case k.object != "":
		foreign = a.f.Is(k.at-1, "->")
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
			return true
		case b.destructor():
			return slices.Contains(strings.Fields(v.typ), b.class())
		default: // an object of the function: Buffer b; b.data = p;
			return a.handsOn(k.object, k.at, b.def.Name)
		}
	})
}

// handsOn reports whether an object is given back, or given to a function after a token.
func (a *fn) handsOn(object string, at int, to string) (on bool) {
	a.each(func(i int) {
		if i < at || on {
			return
		}
		open, called := a.argsAt(i)
		on = a.f.Is(i, object) && (a.f.Is(i-1, "return") || a.f.Is(i-1, "=")) && !elementOrTest[a.f.Word(i+1)] ||
			called && a.f.Is(i, to) && (a.member(i) && a.f.Is(i-2, object) || a.has(span{First: open, Last: a.f.Mate(open)}, object)) ||
			called && (a.f.Is(i, "move") || a.f.Is(i, "push_back")) && a.f.Is(open+1, object)
	})
	return on
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

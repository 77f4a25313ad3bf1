package ops

import (
	"strings"

	"github.com/andiron-dev/andiron/internal/cppsrc"
)

// access is a raw pointer or an accessor of a tensor.
type access struct {
	tensor  string // the name that it is taken of; empty for an expression
	method  string // data_ptr, accessor, packed_accessor32
	typ     string // of its elements, where it is named
	at      int
	pointer string // the variable that holds it, or empty
	call    bool   // it is of the result of a call
	copy    string // the member whose result it is of, if that has memory of its own
	moved   bool   // only handed on to another function or kernel
}

func (x *access) raw() bool      { return strings.HasSuffix(x.method, "data_ptr") || x.method == "data" }
func (x *access) untyped() bool  { return x.raw() && x.typ == "" }
func (x *access) accessor() bool { return !x.raw() }

var accessMethods = words("data_ptr const_data_ptr mutable_data_ptr accessor packed_accessor packed_accessor32 packed_accessor64 generic_packed_accessor data")

// derived is a pointer into the memory of another one.
type derived struct {
	from  string
	index span
}

// subscript is an element of what a pointer, an accessor or an array names.
type subscript struct {
	name    string
	at      int
	indices []span
	write   bool
	read    bool
}

func (a *fn) findAccesses() {
	a.each(func(i int) {
		if !a.f.IsIdent(i) || !accessMethods[a.f.Word(i)] || !a.member(i) {
			return
		}
		open, ok := a.argsAt(i)
		if !ok || a.f.Is(i, "data") && !a.f.Is(i+1, "<") {
			return
		}
		c, ok := a.chainBefore(i - 1)
		if !ok {
			return
		}
		x := &access{method: a.f.Word(i), at: i, call: c.call}
		if a.f.Is(i+1, "<") {
			x.typ = a.f.Source(span{First: i + 2, Last: open - 1})
			if n := strings.IndexByte(x.typ, ','); n > 0 {
				x.typ = x.typ[:n]
			}
		}
		if !c.call {
			if !a.tensorish(c, i) {
				return
			}
			x.tensor = c.base
		}
		for _, l := range c.links {
			if makesCopy(l) {
				x.copy = l
			}
		}
		a.accesses = append(a.accesses, x)
		a.holder(x, c.first, a.f.Mate(open)+1)
	})
	a.findDerived()
}

// tensorish reports whether a chain may be one of a tensor: it begins with one, or
// with something that is not declared here.
func (a *fn) tensorish(c chain, at int) bool {
	v := a.lookup(c.base, at)
	if v == nil {
		return c.base != "this"
	}
	switch kindOf(v.typ) {
	case tensor, maybeTensor, tensorList:
		return true
	case otherKind:
		return strings.Contains(v.typ, "auto") && (a.givesTensor(v.init, 0) || v.init.First >= v.init.Last)
	default:
		return false
	}
}

// holder finds the variable that a pointer goes to. What stands between its = and
// the pointer may be a cast.
func (a *fn) holder(x *access, first, end int) {
	for i := first - 1; i > a.def.Body.First && i > first-16; i-- {
		switch w := a.f.Word(i); {
		case w == "=":
			if a.f.IsIdent(i - 1) {
				if a.f.Is(end, "[") { // float v = x.data_ptr<float>()[0];
					return
				}
				x.pointer = a.f.Word(i - 1)
				a.byPointer[x.pointer] = x
			}
			return
		case w == "(" || w == ",":
			if w == "(" && (a.castTo(i-1) || a.cast(i)) {
				continue
			}
			x.moved = true
			return
		case w == ";" || w == "{" || w == "}" || w == "return" || w == "*" && !a.f.Is(i+1, ")") && !a.f.Is(i+1, ">"):
			return
		}
	}
}

// castTo reports whether static_cast<float*> or its like ends at a token.
func (a *fn) castTo(i int) bool {
	if !a.f.Is(i, ">") {
		return false
	}
	for j := i; j > i-32 && j > a.def.Body.First; j-- {
		if a.f.Is(j, "<") && strings.HasSuffix(a.f.Word(j-1), "_cast") {
			return true
		}
	}
	return false
}

// cast reports whether a parenthesis belongs to a C-style cast, or to float* p(x).
func (a *fn) cast(open int) bool {
	m := a.f.Mate(open)
	return m > open && a.f.Is(m-1, "*")
}

// findDerived finds pointers that are made from others: T* row = p + i * n.
func (a *fn) findDerived() {
	for name, list := range a.vars {
		for _, v := range list {
			if v.init.First >= v.init.Last || a.byPointer[name] != nil || v.param >= 0 {
				continue
			}
			i := v.init.First
			if a.f.Is(i, "&") {
				i++
			}
			k := kindOf(v.typ)
			base := a.f.Word(i)
			if k != pointer && !strings.Contains(v.typ, "auto") || !a.isPointer(base, i) {
				continue
			}
			if w := a.f.Word(i + 1); i+1 == v.init.Last || w == "+" || w == "-" || w == "[" {
				if w == "[" && a.f.Is(i-1, "&") || w != "[" || a.isAccessor(base) {
					a.derived[name] = &derived{from: base, index: span{First: min(i+1, v.init.Last), Last: v.init.Last}}
				}
			}
		}
	}
}

func (a *fn) isPointer(name string, at int) bool {
	if a.byPointer[name] != nil {
		return true
	}
	if v := a.lookup(name, at); v != nil {
		k := kindOf(v.typ)
		return k == pointer || k == accessor
	}
	return false
}

func (a *fn) isAccessor(name string) bool {
	x := a.byPointer[name]
	return x != nil && x.accessor()
}

// accessOf gives what a pointer points into, through those it is made from, and the
// indices on the way.
func (a *fn) accessOf(name string) (x *access, via []span) {
	for range mostSteps {
		if x := a.byPointer[name]; x != nil {
			return x, via
		}
		d := a.derived[name]
		if d == nil {
			return nil, via
		}
		via = append(via, d.index)
		name = d.from
	}
	return nil, via
}

func (a *fn) findSubscripts() {
	a.each(func(i int) {
		switch {
		case a.f.Is(i, "[") && a.f.IsIdent(i-1) && !a.member(i-1) && a.f.Mate(i) > i:
			a.subscript(i)
		case a.f.Is(i, "[") && a.f.Is(i-1, ")") && a.f.Mate(i) > i: // x.data_ptr<float>()[i]
			a.unnamed(i)
		case a.f.Is(i, "*") && a.f.Is(i+1, "(") && a.f.IsIdent(i+2) && (a.f.Is(i+3, "+") || a.f.Is(i+3, "-")) && a.f.Mate(i+1) > i:
			end := a.f.Mate(i + 1)
			s := &subscript{name: a.f.Word(i + 2), at: i + 2, indices: []span{{First: i + 4, Last: end}}}
			a.use(s, end+1)
		}
	})
}

func (a *fn) subscript(i int) {
	s := &subscript{name: a.f.Word(i - 1), at: i - 1}
	if v := a.lookup(s.name, i); v != nil && v.at == i-1 {
		return // a declaration: float a[3]
	}
	for a.f.Is(i, "[") && a.f.Mate(i) > i {
		if !a.isKey(i) {
			s.indices = append(s.indices, span{First: i + 1, Last: a.f.Mate(i)})
		}
		i = a.f.Mate(i) + 1
	}
	if len(s.indices) > 0 {
		a.use(s, i)
	}
}

// unnamed reads x.data_ptr<float>()[i].
func (a *fn) unnamed(i int) {
	if !a.spend(len(a.accesses)) {
		return
	}
	for _, x := range a.accesses {
		if open, ok := a.argsAt(x.at); ok && a.f.Mate(open) == i-1 {
			s := &subscript{name: "", at: x.at, indices: []span{{First: i + 1, Last: a.f.Mate(i)}}}
			a.use(s, a.f.Mate(i)+1)
		}
	}
}

// use says whether an element is read or written, from what follows it.
func (a *fn) use(s *subscript, next int) {
	switch a.f.Word(next) {
	case "=":
		s.write = true
	case "+=", "-=", "*=", "/=", "|=", "&=", "^=", "%=", "++", "--":
		s.write, s.read = true, true
	default:
		s.read = true
		if a.f.Is(s.at-1, "++") || a.f.Is(s.at-1, "--") {
			s.write = true
		}
		if a.f.Is(s.at-1, "&") { // atomicAdd(&out[i], v)
			s.write = true
		}
	}
	a.subs = append(a.subs, s)
}

// ofSubscript gives what an element is of, and all that its place depends on.
func (a *fn) ofSubscript(s *subscript) (x *access, indices []span) {
	indices = append(indices, s.indices...)
	if s.name == "" && !a.spend(len(a.accesses)) || !a.spend(1) {
		return nil, nil
	}
	if s.name == "" {
		for _, x := range a.accesses {
			if x.at == s.at {
				return x, indices
			}
		}
		return nil, indices
	}
	x, via := a.accessOf(s.name)
	return x, append(indices, via...)
}

// outer lists the free names of a span that are in no subscript.
func (a *fn) outer(s span) (list []int) {
	end := 0
	for _, i := range a.names(s) {
		if i < end {
			continue
		}
		list = append(list, i)
		if a.f.Is(i+1, "[") {
			end = a.f.Mate(i + 1)
		}
	}
	return list
}

// names lists the free names of a span: not members, not what stands before ::.
func (a *fn) names(s span) (list []int) {
	for i := s.First; i < s.Last; i++ {
		if a.f.IsIdent(i) && !a.member(i) && !a.f.Is(i+1, "::") && !a.f.Is(i-1, "::") && a.f.Tokens[i].Kind == cppsrc.Ident {
			list = append(list, i)
		}
	}
	return list
}

package ops

import (
	"fmt"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/cppsrc"
)

// allocation is memory that malloc and its like gave.
type allocation struct {
	at   int
	what string
	name string
	fail string // holds an error code where it failed: int e = posix_memalign(&p, 64, n);
	last int    // where that is assigned to again
	to   int    // the token of the name, or -1
}

var allocators = words("malloc calloc realloc aligned_alloc posix_memalign cudaMalloc cudaMallocHost cudaMallocManaged cudaMallocAsync hipMalloc")

func (a *fn) allocated() (list []allocation) {
	a.each(func(i int) {
		w := a.f.Word(i)
		switch {
		case allocators[w] && !a.member(i) && a.f.Is(i+1, "("):
			x := allocation{at: i, what: w, to: -1}
			if strings.HasPrefix(w, "cuda") || strings.HasPrefix(w, "hip") || w == "posix_memalign" {
				if args := a.f.Split(span{First: i + 2, Last: a.f.Mate(i + 1)}); len(args) > 0 {
					x.to = a.addressed(args[0])
				}
				x.fail = a.f.Word(a.target(i))
				for x.last = i; x.last < a.def.Body.Last && a.spend(1) && (!a.f.Is(x.last, x.fail) || !a.f.Is(x.last+1, "=")); {
					x.last++
				}
			} else {
				x.to = a.target(i)
			}
			if x.name = a.f.Word(x.to); !a.owned(i, x.name) {
				list = append(list, x)
			}
		case w == "new" && a.newArray(i):
			x := allocation{at: i, what: "new[]", to: a.target(i)}
			if x.name = a.f.Word(x.to); !a.owned(i, x.name) {
				list = append(list, x)
			}
		}
	})
	return list
}

// newArray reports whether new at i is of an array.
func (a *fn) newArray(i int) bool {
	for j := i + 1; j < i+12; j++ {
		switch a.f.Word(j) {
		case "[":
			return true
		case "(", ";", ")", "{", ",":
			return false
		}
	}
	return false
}

// target is the variable that what stands at i is assigned to, or -1.
func (a *fn) target(i int) int {
	for j := i - 1; j > a.def.Body.First && j > i-16; j-- {
		switch a.f.Word(j) {
		case "=":
			if a.f.IsIdent(j - 1) {
				return j - 1
			}
			return -1
		case ";", "{", "}", ",":
			return -1
		}
	}
	return -1
}

// addressed is the name of the pointer that an argument is the address of, behind casts:
// (void**)&p, reinterpret_cast<void**>(&s.p). Where no address is taken it is the last name.
func (a *fn) addressed(s span) int {
	i := s.First
	for i < s.Last && !a.f.Is(i, "&") {
		i++
	}
	if i == s.Last {
		if names := a.names(s); len(names) > 0 {
			return names[len(names)-1]
		}
		return -1
	}
	for i++; a.f.Is(i, "("); {
		i++
	}
	for a.f.IsIdent(i+2) && (a.f.Is(i+1, "->") || a.f.Is(i+1, ".") || a.f.Is(i+1, "::")) {
		i += 2
	}
	return i
}

// whole is a name with what it is a member of, and with casts and parentheses around it.
func (a *fn) whole(i int) span {
	s := span{First: i, Last: i + 1}
	for a.member(s.First) && a.f.IsIdent(s.First-2) {
		s.First -= 2
	}
	for a.spend(1) {
		open := s.First - 1
		plain := func(i int) bool { return !a.f.IsIdent(i) || a.f.Is(i, "return") } // what stands here calls nothing
		switch around, m := a.f.Is(open, "(") && a.f.Mate(open) == s.Last, a.f.Mate(open); {
		case a.f.Is(open, ")") && m > 0 && (a.cast(m) || plain(m-1) && a.f.IsIdent(open-1)): // (float*)p, (int64_t)p
			s.First = m
		case around && a.castTo(open-1): // static_cast<float*>(p)
			for s.First = open; !strings.HasSuffix(a.f.Word(s.First), "_cast"); {
				s.First--
			}
			s.Last++
		case around && plain(open-1) && !a.f.Is(open-1, ">"):
			s = span{First: open, Last: s.Last + 1}
		default:
			return s
		}
	}
	return s
}

// owned reports whether a smart pointer takes what new or malloc gives.
func (a *fn) owned(i int, name string) bool {
	for j := i - 1; j > a.def.Body.First && j > i-mostLinks; j-- {
		switch w := a.f.Word(j); {
		case w == "reset" || strings.HasSuffix(w, "_ptr") && a.f.Is(j+1, "<") && !accessMethods[w]:
			return true
		case w == ";" || w == "{" || w == "}":
			return false
		}
	}
	v := a.lookup(name, i)
	return v != nil && strings.Contains(v.typ, "_ptr")
}

// allocations is OPS011 and OPS012.
func (l *looker) allocations(a *fn) {
	if a.device() || a.def.Name == "main" {
		return
	}
	for _, x := range a.allocated() {
		freed := a.freed(x)
		lost, kept := a.leavesBetween(x, freed), a.kept(x, freed)
		switch {
		case x.name != "" && freed < 0 && a.givesAway(x):
		case x.name != "" && freed < 0 && !kept && !a.escapes(x):
			l.found(lostMemory, a, x.at, fmt.Sprintf("what %s gives to %s is never freed", x.what, x.name))
		case lost >= 0 && !kept:
			l.found(lostMemory, a, x.at, fmt.Sprintf("what %s gives to %s is lost when line %d leaves the function before it is freed", x.what, x.name, a.line(lost)))
		default:
			l.found(manualMemory, a, x.at, x.what+" allocates memory that no tensor and no container holds")
		}
	}
}

func (a *fn) line(at int) int { line, _ := a.f.Place(at); return line }

// freed is where memory is freed first, or -1. One after a try goes before those of its
// handlers.
func (a *fn) freed(x allocation) int {
	at, handled := -1, false
	a.each(func(i int) {
		if (at < 0 || handled) && i > x.at && a.f.Is(i, x.name) && a.frees(i) {
			at, handled = i, a.handled(i)
		}
	})
	return at
}

// frees reports whether the name at a token is freed there.
func (a *fn) frees(i int) bool {
	if a.f.Is(i+1, ".") || a.f.Is(i+1, "->") {
		return false
	}
	i = a.whole(i).First
	switch w := a.f.Word(i - 2); a.f.Word(i - 1) {
	case "(":
		return freeing(w) || strings.HasSuffix(w, "FreeHost") || strings.HasSuffix(w, "FreeAsync")
	case "]":
		return a.f.Is(i-3, "delete")
	case "delete":
		return true
	}
	return false
}

// freeing reports whether a name says that it frees: cudaFree, SAFE_FREE, SAFE_DELETE_ARRAY.
func freeing(w string) bool {
	w = strings.ToLower(w)
	return strings.HasSuffix(w, "free") || strings.Contains(w, "delete")
}

// handled reports whether a token is in a handler of a try.
func (a *fn) handled(i int) bool {
	for n := a.nodeAt(i); n != nil && n.up != nil; n = n.up {
		if n.other && n.up.stmt.Kind == cppsrc.Try {
			return true
		}
	}
	return false
}

// elementOrTest are what follows a pointer where it is not the pointer that is handed on.
var elementOrTest = words("[ -> . == != ? && ||")

// escapes reports whether a pointer is handed to somebody who may free it.
func (a *fn) escapes(x allocation) bool {
	out := false
	a.each(func(i int) {
		if i <= x.at || !a.f.Is(i, x.name) {
			return
		}
		s := a.whole(i)
		if elementOrTest[a.f.Word(s.Last)] { // y[i] = p[i]
			return
		}
		switch a.f.Word(s.First - 1) {
		case "return":
			out = true
		case "=":
			k, ok := a.keeper(s.First - 2)
			out = out || ok && a.released(k, x, -1)
		case "(", ",":
			if v := a.lookup(x.name, i); v != nil && v.at == i {
				return
			}
			for j := i - 1; j > i-24 && j > a.def.Body.First; j-- {
				if w := a.f.Word(j); w == "from_blob" || strings.Contains(w, "_ptr") && w != "data_ptr" || w == "push_back" || w == "emplace_back" || w == "reset" {
					out = true
				}
				if a.f.Is(j, ";") {
					break
				}
			}
		}
	})
	return out
}

// givesAway reports whether a tensor takes memory and knows how to free it:
// from_blob(p, {n}, free).
func (a *fn) givesAway(x allocation) (away bool) {
	a.each(func(i int) {
		if !a.f.Is(i, "from_blob") || !a.f.Is(i+1, "(") || i < x.at {
			return
		}
		args := a.f.Split(span{First: i + 2, Last: a.f.Mate(i + 1)})
		away = away || len(args) > 2 && a.has(args[0], x.name) && slices.ContainsFunc(args[2:], func(s span) bool {
			nothing := a.f.Is(s.First+1, "]") && a.f.Is(s.Last-2, "{") // [](void*) {}
			return a.f.Is(s.First, "[") && !nothing || slices.ContainsFunc(a.wordsOf(s), freeing)
		})
	})
	return away
}

// leavesBetween finds what may leave the function after memory was taken and before it is
// freed, or -1.
func (a *fn) leavesBetween(x allocation, freed int) int {
	if !a.spend(freed - x.at) {
		return -1
	}
	for i := x.at; i < freed; i++ {
		if a.f.IsIdent(i) && a.leavesAt(i, i > x.at+2) && !a.failed(x, i, freed) && !a.caught(x, i) {
			return i
		}
	}
	return -1
}

// leavesAt reports whether the function may be left at a token.
func (a *fn) leavesAt(i int, calls bool) bool {
	switch w := a.f.Word(i); {
	case w == "throw" || throwing(w) || w == "AT_ERROR" || w == "item":
		return true
	case w == "return":
		return !a.inLambda(i)
	case (w == "at" || w == "torch") && a.f.Is(i+1, "::") && a.f.IsIdent(i+2) && (a.f.Is(i+3, "(") || factories[a.f.Word(i+2)]):
		return calls
	case accessMethods[w] && a.member(i) && a.f.Is(i+1, "<"):
		c, ok := a.chainBefore(i - 1)
		return !strings.HasSuffix(w, "data_ptr") || !ok || c.call || len(c.links) > 0 || !a.typed(c.base, i, map[string]bool{})
	case w == "contiguous" && a.member(i):
		return true
	default:
		m := a.p.macro(a.src, w)
		return m != nil && slices.ContainsFunc(a.p.macroSays(a.src, m, 0), func(as aspect) bool { return as != 0 })
	}
}

// failed reports whether the function is left at a token only where there is no memory:
// TORCH_CHECK(p != nullptr), if (!p) return, if ((p = malloc(n)) == nullptr) return.
func (a *fn) failed(x allocation, i, freed int) bool {
	if open, ok := a.argsAt(i); ok {
		args := a.f.Split(span{First: open + 1, Last: a.f.Mate(open)})
		if len(args) > 0 && a.ofEach(args[0], "&&", "||", func(s span) bool { return a.tests(x, s, false) }) {
			return true
		}
	}
	for n := a.nodeAt(i); n != nil && n.up != nil; n = n.up {
		up := n.up.stmt
		if up.Kind != cppsrc.If || n.other {
			continue
		}
		if x.at >= up.Head.First && x.at < up.Head.Last && freed >= up.All.Last || a.ofEach(up.Head, "||", "&&", func(s span) bool { return a.tests(x, s, true) }) {
			return true
		}
	}
	return false
}

// ofEach reports whether of each part of a condition one part satisfies something.
func (a *fn) ofEach(cond span, each, one string, ok func(span) bool) bool {
	return !slices.ContainsFunc(a.parts(a.inner(cond), each), func(s span) bool {
		return !slices.ContainsFunc(a.parts(a.inner(s), one), ok)
	})
}

// inner is an expression without the parentheses around it.
func (a *fn) inner(s span) span {
	for a.f.Is(s.First, "(") && a.f.Mate(s.First) == s.Last-1 {
		s = span{First: s.First + 1, Last: s.Last - 1}
	}
	return s
}

// tests reports whether an expression says that there is no memory, or that there is,
// and nothing else.
func (a *fn) tests(x allocation, s span, none bool) bool {
	name := ""
	for i := s.First; i < s.Last; i++ {
		switch w := a.f.Word(i); w {
		case "!", "==":
			none = !none
		case "(", ")", "!=", ",", "nullptr", "NULL", "0", "cudaSuccess", "hipSuccess", ".", "->":
		default:
			if a.f.Is(i+1, ".") || a.f.Is(i+1, "->") { // !b.data
				continue
			}
			if name != "" || !a.f.IsIdent(i) {
				return false
			}
			name = w
		}
	}
	return name != "" && (name == x.name && !none || name == x.fail && none && s.First < x.last)
}

// caught reports whether a handler frees the memory that an exception at a token, or in
// the handler itself, would lose.
func (a *fn) caught(x allocation, i int) bool {
	for n := a.nodeAt(i); n != nil && n.up != nil; n = n.up {
		handlers := n.up.stmt.Else
		if n.up.stmt.Kind != cppsrc.Try || !n.other && a.f.Is(i, "return") {
			continue
		}
		if n.other {
			handlers = []*cppsrc.Stmt{n.stmt}
		}
		if slices.ContainsFunc(handlers, func(h *cppsrc.Stmt) bool {
			return slices.ContainsFunc(a.names(h.All), func(j int) bool { return a.f.Is(j, x.name) && a.frees(j) })
		}) {
			return true
		}
	}
	return false
}

func (a *fn) inLambda(at int) bool {
	for n := a.nodeAt(at); n != nil; n = n.up {
		if n.lambda != nil {
			return true
		}
	}
	return false
}

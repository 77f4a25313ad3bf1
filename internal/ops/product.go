package ops

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/cppsrc"
)

// products is OPS021: the gravest of a function, and of several the first.
func (l *looker) products(a *fn) {
	if a.device() || a.knowsLimits() {
		return
	}
	at, worst, message := -1, finding.Info, ""
	for i := a.def.Body.First + 1; i+1 < a.def.Body.Last; i++ {
		if where := a.multiplies(i); where != "" && narrowProduct.Severity > worst {
			at, worst, message = i, narrowProduct.Severity, a.f.Word(i-1)+" is multiplied in 32 bits by each size and says "+where
		}
		if !a.f.Is(i, "*") || !a.narrow(i-1) || !a.narrow(i+1) || a.f.Is(i+2, ".") || a.f.Is(i+2, "(") || a.widened(i) || a.small(i-1) || a.small(i+1) {
			continue
		}
		where := a.takesMemory(i)
		looped := a.loopOf(a.f.Word(i-1), i) != nil || a.loopOf(a.f.Word(i+1), i) != nil
		if where == "" || looped && !a.rows(i) {
			continue
		}
		sev := narrowProduct.Severity
		if looped || strings.HasPrefix(where, "what") {
			sev = finding.Medium
		}
		if sev > worst {
			at, worst, message = i, sev, fmt.Sprintf("%s * %s is computed in 32 bits and says %s", a.f.Word(i-1), a.f.Word(i+1), where)
		}
	}
	if at >= 0 {
		l.foundAs(narrowProduct, worst, a.src, at, message)
	}
}

// multiplies reports what memory is taken by a number of 32 bits that is multiplied by
// the sizes of a tensor in a loop: for (auto n : x.sizes()) total *= n.
func (a *fn) multiplies(i int) string {
	if !a.f.Is(i, "*=") || !a.f.IsIdent(i-1) || !a.inLoop(i) {
		return ""
	}
	v := a.lookup(a.f.Word(i-1), i)
	b := a.boundOf(a.argument(i + 1))
	if v == nil || a.kindOf(v) != integer32 || len(b.tensors) == 0 || b.rank || a.smallOf([]string{v.name}, b, a.def.Body.Last) {
		return ""
	}
	for j := i + 1; j < a.def.Body.Last && a.spend(1); j++ {
		if a.f.Is(j, v.name) && a.lookup(v.name, j) == v {
			if where := a.takesMemory(j); strings.HasPrefix(where, "how") {
				return where
			}
		}
	}
	return ""
}

// narrow reports whether a name is a number of 32 bits that comes from sizes or from
// the caller, or that a loop counts up to one.
func (a *fn) narrow(i int) bool {
	if !a.f.IsIdent(i) || a.member(i) {
		return false
	}
	v := a.lookup(a.f.Word(i), i)
	if v == nil || a.kindOf(v) != integer32 {
		return false
	}
	b := a.grows(i)
	return len(b.tensors)+len(b.params) > 0
}

// grows is what a factor may become as large as: the bound of its loop, or what it is.
func (a *fn) grows(i int) *bound {
	if n := a.loopOf(a.f.Word(i), i); n != nil {
		return a.boundOf(n.loop.bound)
	}
	return a.boundOf(span{First: i, Last: i + 1})
}

// rows reports whether a product with the variable of a loop goes over the elements of
// something: both factors are sizes of tensors, or what is added counts up to one of
// them, as in i * cols + j. A loop over outputs times a step is no such product, nor is
// one over parts times what each has, which was divided before.
func (a *fn) rows(i int) bool {
	if a.divided(i-1) || a.divided(i+1) {
		return false
	}
	if len(a.grows(i-1).tensors) > 0 && len(a.grows(i+1).tensors) > 0 {
		return true
	}
	for j := i + 2; j+1 < a.def.Body.Last && j < i+mostLinks && a.f.Is(j, "+"); j += 2 {
		n := a.loopOf(a.f.Word(j+1), j+1)
		if n != nil && a.spend(n.loop.bound.Last-n.loop.bound.First) && (a.has(n.loop.bound, a.f.Word(i+1)) || a.has(n.loop.bound, a.f.Word(i-1))) {
			return true
		}
	}
	return false
}

// divided reports whether a factor, or the bound of its loop, is a part of something.
func (a *fn) divided(i int) bool {
	made := func(i int) bool {
		v := a.lookup(a.f.Word(i), i)
		return v != nil && a.has(v.init, "/")
	}
	if n := a.loopOf(a.f.Word(i), i); n != nil {
		if !a.spend(n.loop.bound.Last - n.loop.bound.First) {
			return true
		}
		return a.has(n.loop.bound, "/") || slices.ContainsFunc(a.names(n.loop.bound), made)
	}
	return made(i)
}

// widened reports whether a factor before is of 64 bits: static_cast<int64_t>(a) * b * c,
// (int64_t)a * b, 1LL * a * b.
func (a *fn) widened(i int) bool {
	j := i
	for range mostLinks {
		if a.f.Is(j-2, ")") && a.wideCast(j-2) {
			return true
		}
		j -= 2
		if j <= a.def.Body.First || !a.f.Is(j, "*") {
			return false
		}
		if a.f.Is(j-1, ")") || a.f.Tokens[j-1].Kind == cppsrc.Number && strings.ContainsAny(a.f.Word(j-1), "lL") {
			return true
		}
		if v := a.lookup(a.f.Word(j-1), j); v != nil && kindOf(v.typ) == integer64 {
			return true
		}
	}
	return false
}

// wideCast reports whether a parenthesis that ends at a token is a cast to 64 bits.
func (a *fn) wideCast(end int) bool {
	open := a.f.Mate(end)
	return open > a.def.Body.First && open < end && end-open <= mostCast && !a.f.IsIdent(open-1) && kindOf(strings.Join(a.wordsOf(span{First: open + 1, Last: end}), " ")) == integer64
}

// mostCast bounds the words of a type that a cast names.
const mostCast = 8

// small reports whether a factor, or the bound of its loop, or the tensor whose size it
// is, was held against a constant: TORCH_CHECK(n <= 4096).
func (a *fn) small(i int) bool {
	names := []string{a.f.Word(i)}
	if n := a.loopOf(names[0], i); n != nil {
		for _, j := range a.names(n.loop.bound) {
			names = append(names, a.f.Word(j))
		}
	}
	return a.smallOf(names, a.grows(i), i)
}

// smallOf is small for some names and what they depend on.
func (a *fn) smallOf(names []string, b *bound, at int) bool {
	return slices.ContainsFunc(a.checks, func(c *check) bool {
		if !a.spend(1 + c.cond.Last - c.cond.First) {
			return true
		}
		return c.hard && c.at < at && a.atMost(c, math.MaxInt32, func(j int) bool {
			if a.member(j) {
				ch, ok := a.chainBefore(j - 1)
				return ok && sizeMembers[a.f.Word(j)] && !a.f.Is(j, "dim") && b.tensors[a.rootName(ch.base, j)]
			}
			return slices.Contains(names, a.f.Word(j)) || b.params[a.f.Word(j)]
		})
	})
}

// atMost reports whether a condition holds one of some names against a constant from
// above, and against none that is known to be above a number.
func (a *fn) atMost(c *check, most int64, is func(int) bool) bool {
	for i := c.cond.First; i < c.cond.Last; i++ {
		if !a.f.IsIdent(i) || !is(i) {
			continue
		}
		end := i + 1
		if open, ok := a.argsAt(i); ok {
			end = a.f.Mate(open) + 1
		}
		if w := a.f.Word(end + 1); (a.f.Is(end, "+") || a.f.Is(end, "-")) && w != "" && digit(w[0]) { // x.dim() - 1 < 4
			end += 2
		}
		first := i
		if a.member(i) {
			if ch, ok := a.chainBefore(i - 1); ok {
				first = ch.first
			}
		}
		if c.above(a.f.Word(end), true) && a.caps(end+1, most) || c.above(a.f.Word(first-1), false) && a.caps(first-2, most) {
			return true
		}
	}
	return false
}

// above reports whether a sign says that what stands before it, or behind it, is no more
// than what stands on the other side. An if that leaves says so the other way round, and
// one that does not may do either.
func (c *check) above(sign string, before bool) bool {
	if sign == "," {
		sign = c.sign
	}
	switch sign {
	case "<", "<=":
		return !c.hard || before != c.leaves
	case ">", ">=":
		return !c.hard || before == c.leaves
	case "==":
		return !c.leaves
	case "!=":
		return c.leaves || !c.hard
	}
	return false
}

// caps reports whether a token is a number that is not above another one, or a constant
// that has a name.
func (a *fn) caps(i int, most int64) bool {
	for a.f.Is(i, "(") {
		i++
	}
	if i < 0 || i >= len(a.f.Tokens) {
		return false
	}
	if n, ok := a.number(span{First: i, Last: i + 1}); ok {
		if w := a.f.Word(i + 2); a.f.Is(i+1, "<<") && w != "" && digit(w[0]) { // 1 << 20
			shift, _ := a.number(span{First: i + 2, Last: i + 3})
			return shift < 63 && n <= most>>shift
		}
		return n <= most
	}
	return a.f.IsIdent(i) && !a.f.Is(i+1, ".") && !a.f.Is(i+1, "(") && a.fixed(i) && !a.member(i)
}

// takesMemory says what a product is for, where that matters.
func (a *fn) takesMemory(i int) string {
	for j := i - 1; j > a.def.Body.First && j > i-60; j-- {
		switch w := a.f.Word(j); {
		case w == ";" || w == "}" || w == "<<<":
			return ""
		case (w == "(" || w == "{") && a.f.Mate(j) > i:
			if a.allocates(j) {
				return "how much memory is taken"
			}
			if throwing(a.f.Word(j - 1)) {
				return ""
			}
		case w == "new":
			return "how much memory is taken"
		case w == "[" && a.f.Mate(j) > i && !a.f.Is(j-1, "new"):
			return "which element is taken"
		case w == "+" && a.movesPointer(j):
			return "which element is taken"
		case w == "=":
			if v := a.lookup(a.f.Word(j-1), j); v != nil && a.kindOf(v).integer() && v.at == j-1 {
				return "what " + v.name + " is"
			}
			return ""
		}
	}
	return ""
}

// allocates reports whether what is in a bracket says how much memory is taken.
func (a *fn) allocates(open int) bool {
	at := open - 1
	if a.f.Is(open, "{") && a.f.Is(at, "(") {
		at--
	}
	before := a.f.Word(at)
	switch {
	case allocators[before] || factories[before] || before == "resize" || before == "reserve" || strings.Contains(before, "memcpy") || strings.Contains(before, "memset") || before == "resize_":
		return true
	case a.f.IsIdent(open-1) && a.f.Is(open-2, ">"): // std::vector<float> v(a * b)
		return true
	case a.f.Is(at, ">") || a.f.Is(at, ">>"): // std::make_unique<float[]>(a * b), std::vector<float>(a * b)
		depth := 0
		for j := at; j > a.def.Body.First && j > at-mostLinks; j-- {
			switch a.f.Word(j) {
			case ">":
				depth++
			case ">>":
				depth += 2
			case "<":
				depth--
			}
			if depth <= 0 {
				return owners32[a.f.Word(j-1)]
			}
		}
	}
	return false
}

// owners32 are the templates that take memory for as many elements as they are called with.
var owners32 = words("vector make_unique make_shared make_unique_for_overwrite unique_ptr SmallVector valarray")

// moves gives what a pointer is moved by at a token: p + i, or p += i of one into a tensor;
// nothing where none is. Others go on through memory whose parts somebody counted.
func (a *fn) moves(i int) span {
	switch w := a.f.Word(i); {
	case (w == "+" || w == "-") && a.movesPointer(i), (w == "+=" || w == "-=") && a.pointerBefore(i) != nil:
		return a.argument(i + 1)
	}
	return span{}
}

// movesPointer reports whether the + at a token moves a pointer: p + i, x.data_ptr<float>() + i.
func (a *fn) movesPointer(i int) bool {
	if a.f.IsIdent(i-1) && !a.member(i-1) {
		name := a.f.Word(i - 1)
		return a.isPointer(name, i-1) || a.derived[name] != nil
	}
	return a.pointerBefore(i) != nil
}

// pointerBefore is what the pointer that stands before a token points into, or nil.
func (a *fn) pointerBefore(i int) *access {
	if a.f.IsIdent(i-1) && !a.member(i-1) {
		x, _ := a.accessOf(a.f.Word(i - 1))
		return x
	}
	if !a.f.Is(i-1, ")") || !a.spend(len(a.accesses)) {
		return nil
	}
	for _, x := range a.accesses {
		if open, ok := a.argsAt(x.at); ok && x.raw() && a.f.Mate(open) == i-1 {
			return x
		}
	}
	return nil
}

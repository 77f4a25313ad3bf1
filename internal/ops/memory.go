package ops

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/cppsrc"
)

// temporaries is OPS010.
func (l *looker) temporaries(a *fn) {
	for _, x := range a.accesses {
		if x.pointer == "" || x.moved {
			continue
		}
		of := x.copy
		if of == "" && x.call && a.byValue(x) {
			of = "a call"
		}
		if of == "" {
			continue
		}
		of = strings.TrimSuffix(of, "()")
		if x.copy != "" {
			of += "()"
		}
		l.found(temporaryPointer, a, x.at, fmt.Sprintf("%s is kept in %s, but what %s gives ends with the statement", x.method, x.pointer, of))
	}
}

// moved is OPS010 for a pointer that is used after its tensor got other memory.
func (l *looker) moved(a *fn) {
	for _, x := range a.accesses {
		if x.pointer == "" || x.tensor == "" || !a.spend(a.def.Body.Last-x.at) {
			continue
		}
		at, held, of := -1, a.lookup(x.pointer, x.at), a.lookup(x.tensor, x.at)
		for i := x.at; i < a.def.Body.Last; i++ {
			pointer := a.f.Is(i, x.pointer) && a.lookup(x.pointer, i) == held // and none of an inner scope
			if pointer && a.f.Is(i+1, "=") {                                  // it is taken anew
				break
			}
			if at >= 0 && pointer {
				l.found(temporaryPointer, a, x.at, fmt.Sprintf("%s is used after line %d gave %s other memory", x.pointer, a.line(at), x.tensor))
				break
			}
			if at < 0 && a.f.Is(i, x.tensor) && !a.member(i) && a.lookup(x.tensor, i) == of && a.replaced(i, x) {
				at = i
			}
		}
	}
}

// replaced reports whether the tensor at i gets other memory there.
func (a *fn) replaced(i int, x *access) bool {
	if a.f.Is(i+1, ".") {
		return a.f.Is(i+2, "resize_") || a.f.Is(i+2, "set_") || a.f.Is(i+2, "set_data")
	}
	n := a.nodeAt(i)
	return a.f.Is(i+1, "=") && n != nil && n.stmt.All.First == i && n != a.nodeAt(x.at)
}

// byValue reports whether an access is of a call that gives a tensor of its own.
func (a *fn) byValue(x *access) bool {
	c, ok := a.chainBefore(x.at - 1)
	if !ok || !c.call || len(c.links) > 0 {
		return false
	}
	if factories[c.base] || c.base == "(" || a.f.Is(c.at-1, "::") && (a.f.Is(c.at-2, "at") || a.f.Is(c.at-2, "torch")) {
		return true
	}
	for _, to := range a.p.byName[c.base] {
		result := strings.Join(wordsIn(to.f, to.def.Result), " ")
		if kindOf(result) == tensor && !strings.Contains(result, "&") {
			return true
		}
	}
	return false
}

// fixedArrays is OPS013.
func (l *looker) fixedArrays(a *fn) {
	if a.device() || !a.hasTensors() {
		return // the caller of a helper says how much it is given
	}
	for _, list := range a.vars {
		for _, v := range list {
			if v.param >= 0 || v.array.First >= v.array.Last || kindOf(v.typ) == tensor {
				continue
			}
			if b := a.boundOf(v.array); !b.empty() {
				l.found(fixedArray, a, v.at, fmt.Sprintf("the array %s lies on the stack and is as large as %s", v.name, reaching(b)))
				continue
			}
			if at, b := a.overrun(v); at >= 0 {
				l.found(fixedArray, a, at, fmt.Sprintf("the array %s has %s elements, and is indexed as far as %s", v.name, a.f.Source(v.array), rankOr(b)))
			}
		}
	}
}

func rankOr(b *bound) string {
	if b.rank {
		return "the number of dimensions says"
	}
	return reaching(b)
}

// overrun finds a subscript of an array that goes as far as a tensor or a parameter
// says, and no check holds that against anything.
func (a *fn) overrun(v *variable) (int, *bound) {
	most, known := a.number(v.array)
	if !known {
		most = math.MaxInt64
	}
	for _, s := range a.subs {
		if s.name != v.name || a.lookup(s.name, s.at) != v || len(s.indices) == 0 || !a.counted(s.indices[0]) {
			continue
		}
		if b := a.reach(s.indices[0]); !b.empty() && !b.loaded && !a.limited(s.indices[0], b, s.at, most) {
			return s.at, b
		}
	}
	at, found := -1, newBound()
	a.each(func(i int) {
		if at >= 0 || !strings.HasSuffix(a.f.Word(i), "memcpy") || !a.f.Is(i+1, "(") {
			return
		}
		args := a.f.Split(span{First: i + 2, Last: a.f.Mate(i + 1)})
		if len(args) == 3 && a.f.Is(args[0].First, v.name) && args[0].Last == args[0].First+1 {
			if b := a.boundOf(args[2]); !b.empty() && !a.limited(args[2], b, i, math.MaxInt64) { // which counts bytes
				at, found = i, b
			}
		}
	})
	return at, found
}

// limited reports whether a condition before at is about what an index goes up to, and no
// number in it is above one.
func (a *fn) limited(index span, b *bound, at int, most int64) bool {
	if a.bounded(index, most, 0) {
		return true
	}
	for _, c := range a.checks {
		if c.at >= at || !a.constant(c.cond) || a.compares(c) && !a.atMost(c, most, func(i int) bool { return a.sizeOf(i, b) }) {
			continue
		}
		for name := range b.tensors {
			if as := c.tensors[name]; b.rank && as&hasRank != 0 || !b.rank && as&hasSize != 0 {
				return true
			}
		}
	}
	for name := range b.params {
		is := func(i int) bool { return !a.member(i) && a.f.Is(i, name) }
		if _, above := a.compared(name, at); above && !slices.ContainsFunc(a.checks, func(c *check) bool {
			return c.at < at && a.atMost(c, math.MaxInt64, is) && !a.atMost(c, most, is)
		}) {
			return true
		}
	}
	return false
}

// compares reports whether a condition has a sign, and is no call that says it by its name.
func (a *fn) compares(c *check) bool {
	return c.sign != "" || slices.ContainsFunc([]string{"<", "<=", "==", "!=", ">", ">="}, func(sign string) bool { return a.has(c.cond, sign) })
}

// sizeOf reports whether a name is a size, or the number of dimensions, that a bound is of.
func (a *fn) sizeOf(i int, b *bound) bool {
	if a.member(i) {
		c := &check{tensors: map[string]aspect{}}
		a.saysOfMember(c, i)
		for name, as := range c.tensors {
			if b.tensors[name] && (b.rank && as&hasRank != 0 || !b.rank && as&hasSize != 0) {
				return true
			}
		}
		return false
	}
	for name := range a.boundOf(span{First: i, Last: i + 1}).tensors {
		if b.tensors[name] {
			return true
		}
	}
	return false
}

// bounded reports whether an expression bounds what it gives, or what a name in it counts
// up to or begins as is bounded: const int64_t n = std::min(x.dim(), int64_t{4}).
func (a *fn) bounded(s span, most int64, depth int) bool {
	if depth > mostSteps || !a.spend(s.Last-s.First+1) {
		return false
	}
	return a.clampedTo(s, most) || slices.ContainsFunc(a.names(s), func(i int) bool {
		if n := a.loopOf(a.f.Word(i), i); n != nil {
			return a.bounded(n.loop.bound, most, depth+1)
		}
		v := a.lookup(a.f.Word(i), i)
		return v != nil && v.param < 0 && len(v.assigned) == 0 && kindOf(v.typ) != tensor && a.bounded(v.init, most, depth+1)
	})
}

// clampedTo is clamped where min has an argument that is no size of a tensor and no
// parameter, and is not above a number, as far as it is known.
func (a *fn) clampedTo(s span, most int64) bool {
	for i := s.First; i < s.Last; i++ {
		open, ok := a.argsAt(i)
		if !a.f.Is(i, "min") || !ok {
			if a.clamped(span{First: i, Last: i + 1}) {
				return true
			}
			continue
		}
		if a.f.Is(open+1, "{") { // std::min({a, b, c})
			open++
		}
		if slices.ContainsFunc(a.f.Split(span{First: open + 1, Last: a.f.Mate(open)}), func(arg span) bool {
			n, known := a.number(arg)
			return known && n <= most || !known && a.boundOf(arg).empty()
		}) {
			return true
		}
	}
	return false
}

// number gives what an expression is, if it is a number, or a constant that is one.
func (a *fn) number(s span) (int64, bool) {
	s = a.inner(s)
	if a.f.IsIdent(s.First) && (a.f.Is(s.First+1, "{") || a.f.Is(s.First+1, "(")) && a.f.Mate(s.First+1)+1 == s.Last { // int64_t{4}
		s = span{First: s.First + 2, Last: s.Last - 1}
	}
	text, ok := a.literal(s)
	if v := a.constantAt(s.First); !ok && s.Last == s.First+1 && v != nil {
		text, ok = a.literal(v.init)
	}
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(text, "'", ""), 0, 64)
	if errors.Is(err, strconv.ErrRange) {
		return math.MaxInt64, true
	}
	return n, err == nil
}

// constant reports whether a condition names a number other than 0, or a constant.
func (a *fn) constant(s span) bool {
	for i := s.First; i < s.Last; i++ {
		w := a.f.Word(i)
		if a.f.Tokens[i].Kind == cppsrc.Number && w != "0" {
			return true
		}
		if a.f.IsIdent(i) && a.fixed(i) && !a.member(i) && !a.f.Is(i-1, "<") && !a.f.Is(i+1, "(") && !a.f.Is(i+1, "::") && !a.f.Is(i+1, "<") {
			return true
		}
	}
	return false
}

// fixed reports whether a name is no variable: one that is declared elsewhere, or a
// constant that is a number.
func (a *fn) fixed(i int) bool {
	return a.lookup(a.f.Word(i), i) == nil || a.constantAt(i) != nil
}

// constantAt is the constant that a name means which is a number, or nil.
func (a *fn) constantAt(i int) *variable {
	v := a.lookup(a.f.Word(i), i)
	if v == nil || v.param >= 0 || !strings.Contains(v.typ, "const") {
		return nil
	}
	if _, ok := a.literal(v.init); !ok {
		return nil
	}
	return v
}

// unwritten is OPS014.
func (l *looker) unwritten(a *fn) {
	if a.device() {
		return
	}
	if n := len(a.def.Stmts) - 1; n >= 0 && a.computes() && a.def.Stmts[n].Kind == cppsrc.Return && a.madeEmpty(a.def.Stmts[n].Head) {
		l.found(partlyWritten, a, a.def.Stmts[n].All.First, a.operator()+" returns what at::empty made, and nothing writes it")
	}
	for name, list := range a.vars {
		for _, v := range list {
			if v.param >= 0 || !a.madeEmpty(v.init) {
				continue
			}
			w := &writes{a: a, tensor: name, names: a.pointersInto(name), after: v.at, sizes: a.boundOf(v.init)}
			if w.early(v) {
				l.found(partlyWritten, a, v.at, name+" is made by at::empty and returned before anything is written")
				continue
			}
			if len(w.names) == 0 && !w.touched() || a.cut(name) {
				continue
			}
			if w.any() && !w.covers(a.def.Stmts) {
				l.found(partlyWritten, a, v.at, name+" is made by at::empty, and not every path writes all of it")
			}
		}
	}
}

// early reports whether a branch that is not taken for an empty tensor returns the tensor
// before it is named anywhere else.
func (w *writes) early(v *variable) bool {
	a := w.a
	for i := v.init.Last; i < a.def.Body.Last && a.spend(1); i++ {
		if !a.f.Is(i, v.name) || a.lookup(v.name, i) != v {
			continue
		}
		n := a.nodeAt(i)
		if n == nil || n.stmt.Kind != cppsrc.Return || n.stmt.Head != (span{First: i, Last: i + 1}) || n.up == nil {
			return false
		}
		for up := n.up; up != nil && up.stmt.All.First > v.at; up = up.up {
			if up.stmt.Kind != cppsrc.If || !w.mode(up.stmt.Head) {
				return false
			}
		}
		return true
	}
	return false
}

// cut reports whether only a part of a tensor goes on: out.narrow(0, 0, n).
func (a *fn) cut(name string) bool {
	found := false
	a.each(func(i int) {
		if a.f.Is(i, name) && a.f.Is(i+1, ".") {
			switch a.f.Word(i + 2) {
			case "narrow", "slice", "index", "resize_", "slice_scatter":
				found = true
			}
		}
	})
	return found
}

// computes reports whether a function is the kernel of an operator for a device, which one
// for tensors without memory (Meta) is not, nor one that is there to take memory.
func (a *fn) computes() bool {
	return a.hasTensors() && len(a.entries) > 0 && !slices.ContainsFunc(a.entries, func(r *registration) bool {
		takes := slices.ContainsFunc([]string{"empty", "alloc", "new"}, func(w string) bool { return strings.Contains(r.name, w) })
		return takes || r.key != "CPU" && r.key != "CUDA"
	})
}

// madeEmpty reports whether an expression is at::empty(...) or its like.
func (a *fn) madeEmpty(s span) bool {
	for i := s.First; i < s.Last && i < s.First+8; i++ {
		switch a.f.Word(i) {
		case "empty", "empty_like", "new_empty", "empty_strided":
			open, ok := a.argsAt(i)
			return ok && a.f.Mate(open)+1 == s.Last
		case "(", "{":
			return false
		}
	}
	return false
}

// pointersInto lists the pointers and accessors of a tensor, and those made of them.
func (a *fn) pointersInto(tensor string) (names []string) {
	if !a.spend(len(a.vars)) {
		return nil
	}
	for name := range a.vars {
		if x, _ := a.accessOf(name); x != nil && x.tensor == tensor {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// writes says where the elements of one tensor are written.
type writes struct {
	a      *fn
	tensor string
	names  []string // of pointers into it
	after  int      // where it was declared
	sizes  *bound   // what its sizes depend on
}

func (w *writes) touched() bool {
	return slices.ContainsFunc(w.a.accesses, func(x *access) bool { return x.tensor == w.tensor })
}

// any reports whether there is a write by a subscript.
func (w *writes) any() bool {
	return slices.ContainsFunc(w.a.subs, func(s *subscript) bool {
		x, _ := w.a.ofSubscript(s)
		return s.write && x != nil && x.tensor == w.tensor
	})
}

// covers reports whether every path through statements writes the tensor in full.
func (w *writes) covers(list []*cppsrc.Stmt) bool {
	for _, s := range list {
		switch s.Kind {
		case cppsrc.Expr, cppsrc.Return:
			if s.Head.Last > w.after && w.writesIn(s) {
				return true
			}
		case cppsrc.For, cppsrc.While, cppsrc.Headed:
			if w.covers(s.Body) && w.whole(s) {
				return true
			}
		case cppsrc.If:
			then := w.covers(s.Body)
			if then && len(s.Else) > 0 && w.covers(s.Else) {
				return true
			}
			if !then && s.All.First > w.after && w.skips(s) {
				return false
			}
		default:
			if w.covers(s.Body) {
				return true
			}
		}
	}
	return false
}

// skips reports whether the body of an if goes on to the next round of a loop, or
// returns the tensor, without a write.
func (w *writes) skips(s *cppsrc.Stmt) bool {
	for _, b := range s.Body {
		switch b.Kind {
		case cppsrc.Jump:
			return true
		case cppsrc.Return:
			gives := b.Head.First >= b.Head.Last || w.a.has(b.Head, w.tensor)
			if gives && !w.a.f.Is(b.All.First, "throw") && !w.emptiness(s.Head) {
				return true
			}
		default:
		}
	}
	return false
}

// mode reports whether a condition is about arguments alone that say nothing of how large
// the tensor is.
func (w *writes) mode(s span) bool {
	names := w.a.names(s)
	return len(names) > 0 && !slices.ContainsFunc(names, func(i int) bool {
		v := w.a.lookup(w.a.f.Word(i), i)
		if v == nil { // a constant
			return w.a.f.Is(i+1, "(") || w.a.f.Is(i+1, ".")
		}
		k := kindOf(v.typ)
		return v.param < 0 || w.sizes.params[v.name] || !k.integer() && k != floating && !strings.Contains(v.typ, "bool") && !strings.Contains(v.typ, "string")
	})
}

// emptiness reports whether a condition asks whether something is 0, and that is no mode.
func (w *writes) emptiness(s span) bool {
	if w.mode(s) {
		return false
	}
	for i := s.First; i < s.Last; i++ {
		if w.a.f.Is(i, "0") || w.a.f.Is(i, "is_empty") || w.a.f.Is(i, "empty") {
			return true
		}
	}
	return false
}

// whole reports whether a loop goes over all that it indexes.
func (w *writes) whole(s *cppsrc.Stmt) bool {
	if !w.a.spend(len(w.a.nodes)) {
		return true
	}
	for _, n := range w.a.nodes {
		if n.stmt != s || n.loop == nil || s.Kind == cppsrc.While { // which begins where another one ended
			continue
		}
		if start, ok := w.a.literal(n.loop.start); ok && start != "0" && !w.first(start) || w.triangle(n) {
			return false
		}
		b := n.loop.bound
		if b.Last-b.First >= 3 && w.a.f.Is(b.Last-2, "-") && w.a.f.Tokens[b.Last-1].Kind == cppsrc.Number && n.loop.op == "<" && !w.last() {
			return false
		}
	}
	return true
}

// triangle reports whether a loop starts where one around it is: for c = r.
func (w *writes) triangle(n *node) bool {
	s := n.loop.start
	if s.Last != s.First+1 || !w.a.f.IsIdent(s.First) || n.up == nil {
		return false
	}
	name := w.a.f.Word(s.First)
	for up := n.up; up != nil; up = up.up {
		if up.loop != nil && up.loop.name == name {
			return !w.a.has(n.loop.bound, name)
		}
	}
	return false
}

// first reports whether there is a write to an element before the one that a loop
// starts at, or by an index that is moved.
func (w *writes) first(start string) bool {
	return slices.ContainsFunc(w.a.subs, func(s *subscript) bool {
		x, _ := w.a.ofSubscript(s)
		if !s.write || x == nil || x.tensor != w.tensor {
			return false
		}
		return slices.ContainsFunc(s.indices, func(i span) bool {
			n, ok := w.a.literal(i)
			return ok && n < start || w.a.f.Is(i.Last-2, "-")
		})
	})
}

// last reports whether there is a write to a last element.
func (w *writes) last() bool {
	return slices.ContainsFunc(w.a.subs, func(s *subscript) bool {
		x, _ := w.a.ofSubscript(s)
		return s.write && x != nil && x.tensor == w.tensor && slices.ContainsFunc(s.indices, func(i span) bool { return w.a.f.Is(i.Last-2, "-") || w.a.f.Is(i.Last-2, "+") })
	})
}

// writesIn reports whether a statement writes the tensor, or hands it on to somebody
// who may.
func (w *writes) writesIn(s *cppsrc.Stmt) bool {
	if !w.a.spend(len(w.a.subs) + s.Head.Last - s.Head.First) {
		return true
	}
	for _, l := range s.Lambdas {
		if w.covers(l.Body) {
			return true
		}
	}
	inLambda := func(i int) bool {
		return slices.ContainsFunc(s.Lambdas, func(l *cppsrc.Lambda) bool { return i >= l.All.First && i < l.All.Last })
	}
	for _, sub := range w.a.subs {
		if sub.write && sub.at >= s.Head.First && sub.at < s.Head.Last && !inLambda(sub.at) {
			if x, _ := w.a.ofSubscript(sub); x != nil && x.tensor == w.tensor {
				return true
			}
		}
	}
	for i := s.Head.First; i < s.Head.Last; i++ {
		if !inLambda(i) && w.handsOn(s, i) {
			return true
		}
	}
	return false
}

// handsOn reports whether the token at i is the tensor or a pointer into it, and is
// written through or given to a call.
func (w *writes) handsOn(s *cppsrc.Stmt, i int) bool {
	a := w.a
	word := a.f.Word(i)
	if word == w.tensor && !a.member(i) {
		if a.f.Is(i+1, ".") {
			return strings.HasSuffix(a.f.Word(i+2), "_") || a.f.Is(i+2, "data_ptr") && w.argument(s, i) || a.f.Is(i+2, "mutable_data_ptr") && w.argument(s, i)
		}
		return w.argument(s, i)
	}
	if !slices.Contains(w.names, word) {
		return false
	}
	if v := a.lookup(word, i); v != nil && v.at == i { // it is declared here
		return false
	}
	star := a.f.Is(i-1, "*") && (i-1 == s.Head.First || !a.f.IsIdent(i-2)) && (a.f.Is(i+1, "=") || a.f.Is(i+1, "++"))
	return star || w.argument(s, i) && !a.f.Is(i+1, "[")
}

// argument reports whether a token is in the arguments of a call that is not a check.
func (w *writes) argument(s *cppsrc.Stmt, i int) bool {
	for j := i - 1; j >= s.Head.First && j > i-200; j-- {
		if w.a.f.Is(j, "(") && w.a.f.Mate(j) > i && w.a.f.IsIdent(j-1) {
			return !throwing(w.a.f.Word(j - 1))
		}
		if w.a.f.Is(j, ">>>") {
			return true
		}
	}
	return false
}

// offByOne is OPS015.
func (l *looker) offByOne(a *fn) {
	for _, s := range a.subs {
		x, indices := a.ofSubscript(s)
		if x == nil && !a.pointerParam(s) {
			continue
		}
		for _, index := range indices {
			if message := a.past(x, index, s.at); message != "" {
				l.found(pastEnd, a, s.at, message)
			}
		}
	}
}

func (a *fn) pointerParam(s *subscript) bool {
	v := a.lookup(s.name, s.at)
	return v != nil && kindOf(v.typ) == pointer
}

// past says how an index goes beyond the end, or nothing.
func (a *fn) past(x *access, index span, at int) string {
	for _, i := range a.names(index) {
		n := a.loopOf(a.f.Word(i), i)
		if n == nil {
			continue
		}
		b := a.boundOf(n.loop.bound)
		whole := !a.has(n.loop.bound, "-") && !a.has(n.loop.bound, "/") && len(b.tensors)+len(b.params) > 0 && !a.resolvesMinus(n.loop.bound, 0)
		asked := slices.ContainsFunc(a.checks, func(c *check) bool { return c.names[n.loop.name] && c.at < at && c.at >= n.stmt.Head.Last })
		alone := index.Last == index.First+1 || index.Last == index.First+2 && (a.f.Is(index.First, "++") || a.f.Is(index.Last-1, "++"))
		switch {
		case n.loop.op == ">=" && whole && alone && !asked:
			return fmt.Sprintf("%s begins at %s, which is one beyond the end", n.loop.name, a.f.Source(n.loop.bound))
		case n.loop.op == ">=":
		case n.loop.op == "<=" && (whole || a.partEnd(n.loop.bound)) && (alone || a.plain(index, i)) && !asked:
			return fmt.Sprintf("%s runs up to and with %s, which is one beyond the end", n.loop.name, a.f.Source(n.loop.bound))
		case asked || !whole || n.loop.op == "<=" || x == nil || !b.tensors[a.rootName(x.tensor, x.at)] || len(b.tensors) > 1:
		case a.shifted(index, i, "+"):
			return fmt.Sprintf("%s is used as an index, which in the last round of the loop over %s is one beyond the end", a.f.Source(index), n.loop.name)
		case a.shifted(index, i, "-") && a.startsAt0(n):
			return fmt.Sprintf("%s is used as an index, which in the first round of the loop over %s is below 0", a.f.Source(index), n.loop.name)
		}
	}
	if x == nil || index.Last != index.First+1 && !a.has(index, "size") && !a.has(index, "numel") {
		return ""
	}
	return a.exactSize(x, index)
}

// exactSize says that an index is the size of what it indexes.
func (a *fn) exactSize(x *access, index span) string {
	s := index
	if index.Last == index.First+1 {
		v := a.lookup(a.f.Word(index.First), index.First)
		if v == nil || v.loop || v.param >= 0 || len(v.assigned) > 0 || a.loopOf(v.name, index.First) != nil {
			return ""
		}
		s = v.init
	}
	last := a.lastMember(s)
	if (last == "size" || last == "numel") && a.f.IsIdent(s.First) && a.f.Is(s.First+1, ".") && a.f.Mate(s.First+3)+1 == s.Last &&
		a.rootName(a.f.Word(s.First), s.First) == a.rootName(x.tensor, x.at) {
		return a.f.Source(index) + " is used as an index, which is the size and one beyond the end"
	}
	return ""
}

func (a *fn) has(s span, word string) bool {
	for i := s.First; i < s.Last; i++ {
		if a.f.Is(i, word) {
			return true
		}
	}
	return false
}

// partEnd reports whether a bound is the end that at::parallel_for hands on, where the next
// part begins.
func (a *fn) partEnd(s span) bool {
	v := a.lookup(a.f.Word(s.First), s.First)
	return s.Last == s.First+1 && v != nil && v.lambda && v.init.First < v.init.Last
}

// resolvesMinus reports whether a bound is a variable that is less than a size, or stands for
// one, as the end that at::parallel_for hands on.
func (a *fn) resolvesMinus(s span, depth int) bool {
	return depth <= mostSteps && a.spend(s.Last-s.First+1) && slices.ContainsFunc(a.names(s), func(i int) bool {
		v := a.lookup(a.f.Word(i), i)
		if v == nil || v.at == i {
			return false
		}
		return a.has(v.init, "-") || a.has(v.init, "/") || v.init.Last == v.init.First+1 && a.resolvesMinus(v.init, depth+1)
	})
}

// plain reports whether a name is added as it is: base + i.
func (a *fn) plain(index span, i int) bool {
	before, after := a.f.Word(i-1), a.f.Word(i+1)
	return (i == index.First || before == "+") && (i+1 == index.Last || after == "+")
}

// shifted reports whether a name has a number added or taken away: i + 1.
func (a *fn) shifted(index span, i int, sign string) bool {
	if i+2 >= len(a.f.Tokens) || i+2 >= index.Last || !a.f.Is(i+1, sign) || a.f.Tokens[i+2].Kind != cppsrc.Number {
		return false
	}
	return (i == index.First || a.f.Is(i-1, "+")) && a.f.Word(i+2) != "0" && (i+3 >= index.Last || !a.f.Is(i+3, "*"))
}

func (a *fn) startsAt0(n *node) bool {
	start, ok := a.literal(n.loop.start)
	return ok && start == "0"
}

package ops

import (
	"fmt"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/cppsrc"
)

// taken lists the raw pointers and accessors of tensors that were not made here.
func (a *fn) taken() (list []*access) {
	for _, x := range a.accesses {
		if x.tensor != "" && a.known(x.tensor, x.at)&isMade == 0 {
			list = append(list, x)
		}
	}
	return list
}

// hasTensors reports whether a function takes tensors.
func (a *fn) hasTensors() bool { return len(a.paramsOf(tensor, maybeTensor, tensorList)) > 0 }

// nothingChecked is OPS001.
func (l *looker) nothingChecked(a *fn) {
	if len(a.entries) == 0 || !a.hasTensors() || !a.takesAny() {
		return
	}
	var names []string
	for _, v := range a.paramsOf(tensor, maybeTensor, tensorList) {
		names = append(names, v.name)
	}
	l.found(nothingChecked, a, a.def.At, fmt.Sprintf("the operator %s takes raw pointers of its arguments and checks nothing about them", a.operator()),
		"tensors: "+strings.Join(names, ", "))
}

// takesAny reports whether a function takes raw pointers and checks nothing, itself or in
// what it calls.
func (a *fn) takesAny() bool {
	raw := a.below(func(b *fn) bool { return slices.ContainsFunc(b.taken(), (*access).raw) && !b.device() })
	return raw && !a.below(func(b *fn) bool {
		return slices.ContainsFunc(b.checks, func(c *check) bool { return c.hard && len(c.tensors) > 0 })
	}) && !a.below(func(b *fn) bool {
		return slices.ContainsFunc(b.taken(), func(x *access) bool { return b.state(x.tensor, x.at)&hasLayout != 0 })
	})
}

// operator is what Python calls a function, or its own name.
func (a *fn) operator() string {
	if len(a.entries) > 0 {
		return a.entries[0].name
	}
	return a.def.Name
}

// untypedPointers is OPS002.
func (l *looker) untypedPointers(a *fn) {
	for _, x := range a.taken() {
		if !x.untyped() || a.state(x.tensor, x.at)&hasType != 0 || a.bytesOnly(x) || a.typedLater(x) {
			continue
		}
		l.found(untypedPointer, a, x.at, fmt.Sprintf("%s() gives the memory of %s, whose dtype nothing has checked", x.method, x.tensor))
	}
}

// bytesOnly reports whether a pointer goes where types do not matter.
func (a *fn) bytesOnly(x *access) bool {
	n := a.nodeAt(x.at)
	if n == nil {
		return false
	}
	for i := n.stmt.Head.First; i < x.at; i++ {
		if w := a.f.Word(i); strings.Contains(w, "memcpy") || strings.Contains(w, "Memcpy") || strings.Contains(w, "emset") || w == "printf" || w == "from_blob" {
			return true
		}
	}
	for _, w := range []string{"==", "!="} { // x.data_ptr() == y.data_ptr()
		if end := a.f.Mate(x.at+1) + 1; a.f.Is(end, w) || a.f.Is(x.at-3, w) {
			return true
		}
	}
	return false
}

// devices is OPS003.
func (l *looker) devices(a *fn) {
	if a.device() || a.everyCaller((*fn).guarded) || !a.reachable {
		return
	}
	var open []string
	at := -1
	for _, x := range a.taken() {
		v := a.lookup(a.root(x.tensor, x.at).name, x.at)
		if v == nil || v.param < 0 || a.state(x.tensor, x.at)&hasDevice != 0 || slices.Contains(open, v.name) {
			continue
		}
		if open = append(open, v.name); at < 0 {
			at = x.at
		}
	}
	if len(open) > 0 {
		l.found(deviceOpen, a, at, fmt.Sprintf("nothing checks on which device %s, before the memory is used", lies(open)))
	}
}

func lies(names []string) string {
	if len(names) == 1 {
		return names[0] + " lies"
	}
	return strings.Join(names, ", ") + " lie"
}

// copies is OPS004 for memcpy and its like.
func (l *looker) copies(a *fn, done map[string]bool) {
	a.each(func(i int) {
		open, ok := a.argsAt(i)
		c, known := copiers[a.f.Word(i)]
		if !ok || !known || a.member(i) {
			return
		}
		args := a.f.Split(span{First: open + 1, Last: a.f.Mate(open)})
		if len(args) <= max(c.size, c.pointers[0], c.pointers[1]) {
			return
		}
		b := a.boundOf(args[c.size])
		for _, k := range c.pointers {
			x := a.pointerIn(args[k])
			if x == nil || x.tensor == "" || x.copy != "" && !a.linked(x) || a.known(x.tensor, x.at)&(isMade|hasSize) != 0 {
				continue
			}
			r := a.root(x.tensor, x.at)
			if done[r.name] || b.tensors[r.name] || b.tensors[x.tensor] || len(b.tensors)+len(b.params) == 0 || a.state(x.tensor, i)&hasSize != 0 {
				continue
			}
			done[r.name] = true
			l.found(sizesOpen, a, i, fmt.Sprintf("%s goes over %s as far as %s, and its size is never compared with that", a.f.Word(i), r.name, reaching(b)))
		}
	})
}

// copier says which arguments of a function are pointers, and which says how far they are
// followed.
type copier struct {
	pointers [2]int
	size     int
}

var copiers = map[string]copier{
	"memcpy": {[2]int{0, 1}, 2}, "memmove": {[2]int{0, 1}, 2}, "cudaMemcpy": {[2]int{0, 1}, 2}, "cudaMemcpyAsync": {[2]int{0, 1}, 2},
	"memset": {[2]int{0, 0}, 2}, "copy_n": {[2]int{0, 2}, 1}, "copy": {[2]int{0, 2}, 1}, "fill_n": {[2]int{0, 0}, 1},
}

// pointerIn is the access that an argument is, or begins with: p, p + i, x.data_ptr().
func (a *fn) pointerIn(s span) *access {
	if s.Last <= s.First || !a.spend(len(a.accesses)) {
		return nil
	}
	for _, x := range a.accesses {
		if x.raw() && x.at >= s.First && x.at < s.Last {
			return x
		}
	}
	x, _ := a.accessOf(a.f.Word(s.First))
	if x == nil || !x.raw() {
		return nil
	}
	return x
}

// sizes is OPS004.
func (l *looker) sizes(a *fn) {
	done := map[string]bool{}
	l.copies(a, done)
	for _, s := range a.subs {
		x, indices := a.ofSubscript(s)
		if x == nil || x.tensor == "" || a.known(x.tensor, x.at)&(isMade|hasSize) != 0 {
			continue
		}
		r := a.root(x.tensor, x.at)
		b, counts := newBound(), false
		for _, i := range indices {
			a.reaches(b, i, 0, map[string]bool{})
			counts = counts || a.counted(i)
		}
		if !counts || done[r.name] || b.tensors[r.name] || b.tensors[x.tensor] || len(b.tensors)+len(b.params) == 0 || a.state(x.tensor, s.at)&hasSize != 0 {
			continue
		}
		done[r.name] = true
		l.found(sizesOpen, a, s.at, fmt.Sprintf("%s is indexed as far as %s, and its size is never compared with that", r.name, reaching(b)))
	}
}

func reaching(b *bound) string {
	var list []string
	for name := range b.tensors {
		list = append(list, "the size of "+name)
	}
	for name := range b.params {
		list = append(list, "the argument "+name)
	}
	slices.Sort(list)
	return strings.Join(list, " and ") + map[bool]string{true: " says", false: " say"}[len(list) == 1]
}

// layouts is OPS005.
func (l *looker) layouts(a *fn) {
	done := map[string]bool{}
	for _, x := range a.taken() {
		r := a.root(x.tensor, x.at)
		if !x.raw() || done[r.name] || a.state(x.tensor, x.at)&hasLayout != 0 || a.linked(x) || a.strided(r.name, x.tensor) || !a.linear(x) {
			continue
		}
		done[r.name] = true
		l.found(layoutOpen, a, x.at, r.name+" is read through a raw pointer, and nothing makes sure that it is contiguous")
	}
}

// linked reports whether the pointer is of x.contiguous() itself.
func (*fn) linked(x *access) bool {
	return strings.HasPrefix(x.copy, "contiguous") || strings.HasPrefix(x.copy, "expect_contiguous")
}

// strided reports whether a function asks for the strides of a tensor.
func (a *fn) strided(names ...string) bool {
	found := false
	a.each(func(i int) {
		if w := a.f.Word(i); (w == "stride" || w == "strides") && a.member(i) {
			if c, ok := a.chainBefore(i - 1); ok && slices.Contains(names, c.base) {
				found = true
			}
		}
	})
	return found
}

// linear reports whether elements are taken from a pointer by a place that is more
// than one number, or it is handed on.
func (a *fn) linear(x *access) bool {
	if !a.spend(len(a.subs)) {
		return false
	}
	if x.moved {
		return true
	}
	for _, s := range a.subs {
		of, indices := a.ofSubscript(s)
		if of != x {
			continue
		}
		for _, i := range indices {
			if _, one := a.literal(i); !one {
				return true
			}
		}
	}
	if x.pointer == "" {
		return false
	}
	handed := false
	a.each(func(i int) {
		if a.f.Is(i, x.pointer) && i > x.at && (a.f.Is(i-1, "(") || a.f.Is(i-1, ",")) && (a.f.Is(i+1, ",") || a.f.Is(i+1, ")") || a.f.Is(i+1, "+")) {
			handed = true
		}
	})
	return handed
}

// load is an element of integers that an expression takes.
type load struct {
	x    *access // nil for a parameter that is a pointer, and for item()
	name string  // of the tensor or the parameter
	at   int
}

// loads lists the elements of integers that a span takes, but for those that only choose
// which one is taken.
func (a *fn) loads(s span) (list []load) {
	for i := s.First; i < s.Last; i++ {
		if end := a.behindKey(i); end > i {
			i = end
			continue
		}
		e := a.loadAt(i)
		if e.name == "" {
			continue
		}
		list = append(list, e)
		if a.f.Is(i+1, "[") {
			i = max(i, a.f.Mate(i+1))
		}
	}
	return list
}

// loadAt is the element that is taken at a token; without a name it is none.
func (a *fn) loadAt(i int) load {
	if !a.f.IsIdent(i) {
		return load{}
	}
	if a.f.Is(i+1, "[") {
		if x, _ := a.accessOf(a.f.Word(i)); x != nil && integers(x.typ) {
			return load{x, x.tensor, i}
		}
		if v := a.lookup(a.f.Word(i), i); v != nil && v.param >= 0 {
			if k := kindOf(v.typ); (k == pointer || k == accessor) && integers(v.typ) {
				return load{nil, v.name, i}
			}
		}
	}
	if accessMethods[a.f.Word(i)] && a.member(i) && a.spend(len(a.accesses)) { // idx.data_ptr<int64_t>()[k]
		for _, x := range a.accesses {
			if open, ok := a.argsAt(i); x.at == i && ok && integers(x.typ) && a.f.Is(a.f.Mate(open)+1, "[") {
				return load{x, x.tensor, i}
			}
		}
	}
	if w := a.f.Word(i); a.member(i) && (w == "item" && a.integerItem(i) || w == "toLong" || w == "toInt") {
		if c, ok := a.chainBefore(i - 1); ok && !c.call && (w == "item" || slices.Contains(c.links, "item()")) {
			return load{nil, c.base, i}
		}
	}
	return load{}
}

func (a *fn) integerItem(i int) bool {
	return a.f.Is(i+1, "<") && integers(a.f.Source(span{First: i + 2, Last: a.f.Angles(i+1) - 1}))
}

// integers reports whether a type is one of integers, as an index has.
func integers(typ string) bool {
	for _, w := range strings.FieldsFunc(typ, func(r rune) bool {
		return !(r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9')
	}) {
		switch w {
		case "int64_t", "int32_t", "int", "long", "index_t", "idx_t", "int16_t", "IndexType":
			return true
		}
	}
	return false
}

// indexValues is OPS006.
func (l *looker) indexValues(a *fn) {
	reported := map[string]bool{}
	sev := indexOpen.Severity
	if a.device() {
		sev = finding.Medium
	}
	for _, s := range a.subs {
		x, indices := a.ofSubscript(s)
		for _, index := range indices {
			from, at, ok := a.unchecked(index, x, s.at)
			if !ok || reported[from] {
				continue
			}
			reported[from] = true
			l.foundAs(indexOpen, sev, a.src, at, fmt.Sprintf("an element of %s is used as an index and is not held against both 0 and a size", from))
		}
	}
	a.each(func(i int) { // T* q = p + k; memcpy(o, p + k, n);
		by := a.moves(i)
		if from, at, ok := a.unchecked(by, a.pointerBefore(i), i); ok && !reported[from] {
			reported[from] = true
			l.foundAs(indexOpen, sev, a.src, at, fmt.Sprintf("an element of %s moves a pointer and is not held against both 0 and a size", from))
		}
	})
}

// argument is what stands from a token to the end of its argument or statement.
func (a *fn) argument(first int) span {
	for i := first; i < a.def.Body.Last; i++ {
		switch a.f.Word(i) {
		case ",", ";", ")", "]", "}":
			return span{First: first, Last: i}
		case "(", "[", "{":
			i = max(i, a.f.Mate(i))
		}
	}
	return span{First: first, Last: first}
}

// unchecked follows an index into something to an element of a tensor that nothing was
// asked about.
func (a *fn) unchecked(index span, into *access, at int) (from string, where int, found bool) {
	for _, e := range a.loads(index) {
		if !a.held(e, index, at, a.bareLoad(e, index)) && !a.placed(e, into, at) {
			return e.name, index.First, true
		}
	}
	return a.uncheckedNames(use{into: into, at: at, needs: hasLower | hasUpper}, index, 0, map[string]aspect{})
}

// held reports whether something was asked about an element of an expression: about the
// values of its tensor, about the element as it stands, p[i] >= 0 && p[i] < n, or by what
// the expression does with it. What a loop says of all elements is only said of one as it stands.
func (a *fn) held(e load, s span, at int, whole bool) bool {
	at = max(at, e.at) // p[checked(q[i], n)]
	switch below, above := a.compared(a.f.Word(e.at), at); {
	case e.x != nil && (a.state(e.x.tensor, at)&hasValues != 0 || whole && a.eachHeld(a.root(e.x.tensor, e.x.at).name, at)):
		return true
	case e.x == nil && !a.device() && a.state(e.name, at)&hasValues != 0:
		return true
	case a.f.Is(e.at+1, "[") && below && above:
		return true
	}
	return a.clampedAt(s, e.at)
}

// bareLoad reports whether an expression is an element and nothing more, but for a cast.
func (a *fn) bareLoad(e load, s span) bool {
	s = a.inner(s)
	if a.f.Is(s.First, "(") && a.f.Mate(s.First) > 0 && a.f.Mate(s.First) < s.Last-1 && a.castOf(e.at) != "" { // (int)q[i]
		s.First = a.f.Mate(s.First) + 1
	}
	if open := a.f.Mate(s.Last - 1); a.f.Is(s.Last-1, ")") && open > s.First && a.castTo(open-1) { // static_cast<int>(q[i])
		s = a.inner(span{First: open, Last: s.Last})
	}
	return e.at == s.First && a.f.Is(e.at+1, "[") && a.f.Mate(e.at+1) == s.Last-1 || e.x != nil && e.x.at == e.at && a.f.Is(s.Last-1, "]")
}

func (a *fn) uncheckedNames(u use, index span, depth int, seen map[string]aspect) (from string, where int, found bool) {
	if depth > mostSteps || !a.spend(index.Last-index.First+1) {
		return "", 0, false
	}
	for _, i := range a.direct(index) {
		u, name := u, a.f.Word(i)
		u.part = u.part || a.inner(index).Last-a.inner(index).First != 1
		u.shifted = u.shifted || a.offBy(index)
		if a.f.Is(i-1, "-") { // a bound from below of what is taken away is one from above of the rest
			u.needs = hasLower | hasUpper
		}
		v := a.lookup(name, i)
		if v == nil || seen[name]&u.needs == u.needs || v.param >= 0 || a.clampedAt(index, i) {
			continue
		}
		if seen[name] |= u.needs; a.bounds(u, v, i) {
			continue
		}
		for _, m := range a.madeOf(u, v, i) {
			for _, e := range a.loads(m.of) {
				if !a.held(e, m.of, u.at, !u.part && a.bareLoad(e, m.of)) && !a.placed(e, u.into, u.at) {
					return e.name, i, true
				}
			}
			if from, _, ok := a.uncheckedNames(m.use, m.of, depth+1, seen); ok {
				return from, i, true
			}
		}
	}
	return "", 0, false
}

var clampers = words("clamp min max maybe_wrap_dim")

// clampedAt reports whether an expression bounds what a token in it is a part of:
// p[i] % n, std::min(p[i], n), x.clamp(0, n).data_ptr<int64_t>()[i].
func (a *fn) clampedAt(s span, at int) bool {
	for first, last := at, at; a.spend(s.Last - s.First); {
		open, left := a.clampsLeft(s, first)
		if left || a.clampsRight(s, last) {
			return true
		}
		if open < s.First || a.f.Mate(open) < last {
			return false
		}
		if clampers[a.f.Word(a.callee(open))] {
			return true
		}
		first, last = open, a.f.Mate(open)
	}
	return true
}

// clampsLeft looks at what stands before a part of an expression, and gives the bracket
// that both are in.
func (a *fn) clampsLeft(s span, first int) (open int, clamps bool) {
	operand, argument := true, true // what is looked at belongs to the same one
	for i := first - 1; i >= s.First; i-- {
		switch w := a.f.Word(i); w {
		case ")", "]", "}":
			i = min(i, a.f.Mate(i))
		case "(", "[", "{":
			return i, false
		case ",", ";", "?", ":", "=":
			operand, argument = false, false
		case "&":
			if argument && a.binary(i) {
				return i, true
			}
			operand = false
		case "%":
			if operand {
				return i, true
			}
		case "+", "-", "*", "/":
			operand = false
		default:
			if operand && a.member(i) && clampers[w] {
				return i, true
			}
		}
	}
	return s.First - 1, false
}

// clampsRight looks at what stands behind a part of an expression.
func (a *fn) clampsRight(s span, last int) bool {
	term := true
	for i := last + 1; i < s.Last; i++ {
		switch w := a.f.Word(i); w {
		case "(", "[", "{":
			i = max(i, a.f.Mate(i))
		case ")", "]", "}", ",", ";", "?", ":":
			return false
		case "&":
			return true
		case "+", "-":
			term = false
		default:
			if term && (w == "%" || a.member(i) && clampers[w]) {
				return true
			}
		}
	}
	return false
}

// binary reports whether the sign at a token stands between two operands.
func (a *fn) binary(i int) bool {
	return a.f.IsIdent(i-1) && !notTypes[a.f.Word(i-1)] || a.f.Is(i-1, ")") || a.f.Is(i-1, "]") || a.f.Tokens[i-1].Kind == cppsrc.Number
}

// callee is the token of the name that stands before a bracket: min in std::min<int>(.
func (a *fn) callee(open int) int {
	i := open - 1
	if a.f.Is(i, ">") {
		for n := 0; n < mostCast && i > a.def.Body.First && !a.f.Is(i, "<"); n++ {
			i--
		}
		i--
	}
	return i
}

// clamped reports whether an expression bounds what it gives from above.
func (a *fn) clamped(s span) bool {
	for i := s.First; i < s.Last; i++ {
		switch a.f.Word(i) {
		case "%", "clamp", "min", "maybe_wrap_dim", "&":
			return true
		}
	}
	return false
}

// scalars is OPS007.
func (l *looker) scalars(a *fn) {
	if a.device() || !a.hasTensors() || len(a.callers) > 0 && len(a.entries) == 0 || !a.reachable && len(a.p.entries) > 0 {
		return
	}
	for _, v := range a.paramsOf(integer32, integer64) {
		if at := a.indexedBy(v.name); at >= 0 {
			l.found(scalarOpen, a, at, fmt.Sprintf("the argument %s is used as an index and is held against nothing before", v.name))
		}
	}
}

// indexedBy finds a subscript whose index is a parameter that was not checked, or a
// pointer that is moved by it.
func (a *fn) indexedBy(name string) int {
	at := -1
	a.each(func(i int) {
		if at >= 0 {
			return
		}
		for _, j := range a.names(a.placeAt(i)) {
			if !a.f.Is(j, name) && !a.isOnly(a.f.Word(j), name, j) || a.f.Is(j-1, "%") || a.f.Is(j-1, "/") {
				continue
			}
			below, above := a.compared(name, j)
			if below && (above || a.inParts(name, j)) || a.wrapped(name, j) {
				return
			}
			at = j
		}
	})
	return at
}

// placeAt is what says, at a token, which element is taken: k of p[k] and of p + k. What
// was made here may be as large as the argument says, and p + k be its end.
func (a *fn) placeAt(i int) span {
	switch {
	case !a.f.Is(i, "["):
		if by := a.moves(i); by.First < by.Last {
			if x := a.pointerBefore(i); x != nil && x.tensor != "" && a.known(x.tensor, x.at)&isMade == 0 {
				return by
			}
		}
	case a.f.Mate(i) < i || !a.f.IsIdent(i-1) && !a.f.Is(i-1, ")") && !a.f.Is(i-1, "]"):
	case a.f.IsIdent(i-1) && a.tensorNamed(a.f.Word(i-1), i): // x[k] of a tensor checks by itself
	case a.isKey(i):
	default:
		return span{First: i + 1, Last: a.f.Mate(i)}
	}
	return span{}
}

// isOnly reports whether a local begins as another name.
func (a *fn) isOnly(local, name string, at int) bool {
	v := a.lookup(local, at)
	return v != nil && v.param < 0 && v.init.Last == v.init.First+1 && a.f.Is(v.init.First, name)
}

// wrapped reports whether torch was asked about a number before: x.size(dim) throws.
func (a *fn) wrapped(name string, before int) bool {
	if !a.spend(before - a.def.Body.First) {
		return true
	}
	for i := a.def.Body.First; i < before; i++ {
		if !a.f.Is(i, name) || !a.f.Is(i-1, "(") && !a.f.Is(i-1, ",") {
			continue
		}
		for j := i - 1; j > i-12 && j > a.def.Body.First && !a.f.Is(j, ";"); j-- {
			switch a.f.Word(j) {
			case "size", "maybe_wrap_dim", "select", "narrow", "stride", "unsqueeze", "clamp", "sum", "transpose":
				return true
			}
		}
	}
	return false
}

// optionals is OPS008.
func (l *looker) optionals(a *fn) {
	for _, par := range a.def.Params {
		if !strings.Contains(par.Type, "optional") || par.Name == "" {
			continue
		}
		if at := a.dereferenced(par.Name); at >= 0 {
			l.found(optionalOpen, a, at, par.Name+" is used without asking whether it has a value")
		}
	}
}

func (a *fn) dereferenced(name string) int {
	at := -1
	a.each(func(i int) {
		if at >= 0 || !a.f.Is(i, name) || a.member(i) {
			return
		}
		star := a.f.Is(i-1, "*") && !a.f.IsIdent(i-2) && !a.f.Is(i-2, ")") && !a.f.Is(i-2, "]")
		if !star && !a.f.Is(i+1, "->") {
			return
		}
		asked := slices.ContainsFunc(a.checks, func(c *check) bool { return c.names[name] && c.at <= i })
		if !asked {
			at = i
		}
	})
	return at
}

// firstElements is OPS009.
func (l *looker) firstElements(a *fn) {
	if a.device() {
		return
	}
	a.each(func(i int) { // *std::max_element(p, p + n)
		w := a.f.Word(i)
		if w != "max_element" && w != "min_element" || !a.f.Is(i-3, "*") && !a.f.Is(i-1, "*") || !a.f.Is(i+1, "(") {
			return
		}
		x, _ := a.accessOf(a.f.Word(i + 2))
		if x != nil && x.tensor != "" && a.state(x.tensor, i)&(hasElements|isMade) == 0 {
			l.found(firstOpen, a, i, fmt.Sprintf("%s of %s is used, and nothing asks whether it is empty", w, a.root(x.tensor, x.at).name))
		}
	})
	for _, s := range a.subs {
		x, indices := a.ofSubscript(s)
		if x == nil || x.tensor == "" || len(indices) == 0 || !a.edge(indices) || a.inLoop(s.at) {
			continue
		}
		if a.state(x.tensor, s.at)&(hasElements|isMade) == 0 && a.elementsOf(x.tensor, s.at) {
			l.found(firstOpen, a, s.at, fmt.Sprintf("an element of %s is used, and nothing asks whether it is empty", a.root(x.tensor, x.at).name))
		}
	}
}

// elementsOf reports whether no number that is made from the sizes of a tensor is held
// against nothing.
func (a *fn) elementsOf(tensor string, at int) bool {
	for _, c := range a.checks {
		if c.at >= at || !c.hard {
			continue
		}
		for _, i := range a.names(c.cond) {
			if a.f.Is(i+2, "0") && a.boundOf(span{First: i, Last: i + 1}).tensors[a.root(tensor, at).name] {
				return false
			}
		}
	}
	return true
}

// edge reports whether an element is the first or the last one.
func (a *fn) edge(indices []span) bool {
	for _, s := range indices {
		if n, ok := a.literal(s); ok && n == "0" {
			continue
		}
		if s.Last-s.First >= 3 && a.f.Is(s.Last-1, "1") && a.f.Is(s.Last-2, "-") && !a.counted(s) && len(a.boundOf(s).tensors) > 0 {
			continue
		}
		return false
	}
	return true
}

func (a *fn) inLoop(at int) bool {
	for n := a.nodeAt(at); n != nil; n = n.up {
		if n.loops() || n.lambda != nil {
			return true
		}
	}
	return false
}

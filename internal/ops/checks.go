package ops

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/cppsrc"
)

// check is a condition that what follows depends on.
type check struct {
	at      int
	cond    span
	tensors map[string]aspect // what it says about tensors, by name
	names   map[string]bool   // every name in it
	hard    bool              // it throws or returns
	leaves  bool              // where it holds, and not where it does not: if (k < 0) return
	sign    string            // that stands between two arguments: < of TORCH_CHECK_LT(a, b)
}

// signOf is what macros of torch that compare two arguments end with.
var signOf = map[string]string{"_EQ": "==", "_NE": "!=", "_LE": "<=", "_LT": "<", "_GE": ">=", "_GT": ">"}

// throwing reports whether a name is a macro or a function that throws unless its
// argument holds.
func throwing(name string) bool {
	switch {
	case strings.Contains(name, "DEBUG_ONLY"), strings.HasPrefix(name, "TORCH_WARN"):
		return false
	case strings.HasPrefix(name, "TORCH_CHECK"), strings.HasPrefix(name, "TORCH_INTERNAL_ASSERT"), strings.HasPrefix(name, "STD_TORCH_CHECK"),
		strings.HasPrefix(name, "AT_ASSERT"), strings.HasPrefix(name, "AT_CHECK"), strings.HasPrefix(name, "C10_CHECK"),
		strings.HasPrefix(name, "CUDA_KERNEL_ASSERT"): // which NDEBUG does not turn off, as it does assert
		return true
	}
	return false
}

// aspectOf is what a member or a word of a condition says something about.
var aspectOf = map[string]aspect{
	"scalar_type": hasType, "dtype": hasType, "is_floating_point": hasType, "is_complex": hasType, "typeMetaToScalarType": hasType,
	"type": hasType | hasDevice, "options": hasType | hasDevice, "itemsize": hasType, "element_size": hasType, "isIntegralType": hasType, "isFloatingType": hasType,
	"is_cuda": hasDevice, "is_cpu": hasDevice, "device": hasDevice, "device_type": hasDevice, "get_device": hasDevice, "is_hip": hasDevice, "is_xpu": hasDevice, "is_mps": hasDevice, "is_privateuseone": hasDevice,
	"dim": hasRank, "ndimension": hasRank,
	"size": hasSize, "sizes": hasSize | hasRank, "numel": hasSize, "sym_size": hasSize, "sym_sizes": hasSize | hasRank, "is_same_size": hasSize | hasRank, "nbytes": hasSize, "equal": hasSize | hasValues,
	"is_contiguous": hasLayout, "stride": hasLayout, "strides": hasLayout, "is_non_overlapping_and_dense": hasLayout, "suggest_memory_format": hasLayout,
	"min": hasValues, "max": hasValues, "all": hasValues, "any": hasValues, "item": hasValues, "aminmax": hasValues, "lt": hasValues, "ge": hasValues, "le": hasValues, "gt": hasValues,
	"defined": isThere, "has_value": isThere,
}

// everything is what a check is taken for that is not seen: a macro of a header that
// lies elsewhere.
const everything = hasType | hasDevice | hasRank | hasSize | hasElements | hasLayout | hasValues | isThere | hasLower | hasUpper

// findChecks finds the conditions of a function.
func (a *fn) findChecks() {
	a.each(func(i int) {
		open, ok := a.argsAt(i)
		if !ok || a.member(i) {
			return
		}
		name := a.f.Word(i)
		inner := span{First: open + 1, Last: a.f.Mate(open)}
		args := a.f.Split(inner)
		switch m := a.p.macro(a.src, name); {
		case len(args) == 0:
		case throwing(name):
			cond := args[0]
			if name != "TORCH_CHECK" && len(args) > 1 { // TORCH_CHECK_EQ(a, b)
				cond.Last = args[1].Last
			}
			a.condition(cond, true).sign = signOf[name[max(0, len(name)-3):]]
		case m != nil:
			a.expanded(m, args, i)
		case strings.HasPrefix(name, "AT_DISPATCH") || strings.HasPrefix(name, "THO_DISPATCH"):
			a.condition(args[0], true)
		case checksByName(name) && len(a.p.byName[name]) == 0:
			a.unseen(i, inner)
		}
	})
	for _, n := range a.nodes {
		if n.stmt.Kind == cppsrc.If || n.stmt.Kind == cppsrc.While {
			c := a.condition(n.stmt.Head, n.stmt.Kind == cppsrc.If && a.leaves(n.stmt.Body))
			c.leaves = c.hard
		}
		if n.stmt.Kind == cppsrc.Switch && a.refuses(n.stmt) {
			a.condition(n.stmt.Head, true)
		}
	}
	a.ternaries()
	slices.SortStableFunc(a.checks, func(x, y *check) int { return x.at - y.at })
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// ternaries notes the conditions of c ? x : y.
func (a *fn) ternaries() {
	a.each(func(i int) {
		if !a.f.Is(i, "?") {
			return
		}
		first := i
		for n := 0; n < mostCondition && first > a.def.Body.First; n++ {
			w := a.f.Word(first - 1)
			if w == ")" || w == "]" {
				if m := a.f.Mate(first - 1); m >= a.def.Body.First {
					first = m
					continue
				}
			}
			if w == "(" || w == "[" || w == ";" || w == "{" || w == "}" || w == "=" || w == "," || w == "return" {
				break
			}
			first--
		}
		a.condition(span{First: first, Last: i}, false)
	})
}

// mostCondition bounds how far the beginning of a condition is looked for.
const mostCondition = 64

// checksByName reports whether a name that is not defined here says that it checks.
func checksByName(name string) bool {
	l := strings.ToLower(name)
	return (strings.HasPrefix(l, "check") || strings.Contains(l, "_check") || strings.HasPrefix(l, "expect_") || strings.HasPrefix(l, "validate")) &&
		!strings.Contains(l, "launch") && !strings.Contains(l, "error") && !strings.HasPrefix(l, "cuda")
}

// leaves reports whether statements end the function or the round of a loop.
func (a *fn) leaves(list []*cppsrc.Stmt) bool {
	for _, s := range list {
		switch s.Kind {
		case cppsrc.Return, cppsrc.Jump:
			return true
		case cppsrc.Expr:
			w := a.f.Word(s.Head.First)
			if throwing(w) || w == "AT_ERROR" || w == "TORCH_CHECK" {
				return true
			}
		case cppsrc.Block:
			if a.leaves(s.Body) {
				return true
			}
		default:
		}
	}
	return false
}

// condition notes what a condition says.
func (a *fn) condition(s span, hard bool) *check {
	c := &check{at: s.First, cond: s, tensors: map[string]aspect{}, names: map[string]bool{}, hard: hard}
	for i := s.First; i < s.Last; i++ {
		if !a.f.IsIdent(i) || a.f.Is(i+1, "::") {
			continue
		}
		w := a.f.Word(i)
		if a.member(i) {
			a.saysOfMember(c, i)
			continue
		}
		if open, ok := a.argsAt(i); ok && vendor(w) {
			i = a.f.Mate(open)
			continue
		}
		c.names[w] = true
		v := a.lookup(w, i)
		if v == nil {
			continue
		}
		switch kindOf(v.typ) {
		case tensor, maybeTensor:
			if !a.f.Is(i+1, ".") && !a.f.Is(i+1, "->") {
				c.tensors[w] |= isThere | a.bare(s, i)
			}
		case integer32, integer64, otherKind:
			for name := range a.boundOf(span{First: i, Last: i + 1}).tensors {
				c.tensors[name] |= a.sizeOr0(i + 1)
			}
			for _, name := range a.sizesGiven(v.init) { // auto s = shape(x); TORCH_CHECK(s.height == n)
				end := i + 1
				for a.f.Is(end, ".") && a.f.IsIdent(end+1) {
					end += 2
				}
				c.tensors[name] |= a.sizeOr0(end)
			}
			for j := v.init.First; j < v.init.Last; j++ { // auto type = x.scalar_type();
				if a.member(j) && aspectOf[a.f.Word(j)]&hasSize == 0 {
					a.saysOfMember(c, j)
				}
			}
		default:
		}
		a.asksValues(c, v.init, 0)
	}
	a.checks = append(a.checks, c)
	return c
}

// asksValues notes the tensors whose values made a variable that a condition names:
// auto [lo, hi] = at::aminmax(x), Tensor lo = x.min().
func (a *fn) asksValues(c *check, s span, depth int) {
	if depth > mostSteps || !a.spend(s.Last-s.First+1) {
		return
	}
	for i := s.First; i < s.Last; i++ {
		w := a.f.Word(i)
		open, called := a.argsAt(i)
		switch {
		case called && aspectOf[w] == hasValues && a.member(i):
			a.saysOfMember(c, i)
		case called && aspectOf[w] == hasValues && a.p.torchCall(a, i):
			for _, j := range a.outer(span{First: open + 1, Last: a.f.Mate(open)}) {
				c.says(a, j, hasValues)
			}
		case a.f.IsIdent(i) && !a.member(i):
			if v := a.lookup(w, i); v != nil && v.param < 0 && v.at != i {
				a.asksValues(c, v.init, depth+1)
			}
		}
	}
}

// says notes something of what a name stands for, and of the tensor that it comes from.
func (c *check) says(a *fn, i int, as aspect) {
	c.tensors[a.f.Word(i)] |= as
	c.tensors[a.rootName(a.f.Word(i), i)] |= as
}

// bare is what a call in a condition says of a tensor that it is given: at::equal(x, y),
// is_same_shape(x, y), at::isFloatingType(x).
func (a *fn) bare(s span, i int) aspect {
	for j := i - 1; j > s.First && j > i-40; j-- {
		if a.f.Is(j, "(") && a.f.Mate(j) > i {
			if as := aspectOf[a.f.Word(j-1)]; as != 0 {
				return as
			}
			if a.f.IsIdent(j - 1) {
				return everything &^ isThere
			}
		}
	}
	return 0
}

func (a *fn) saysOfMember(c *check, i int) {
	as, ok := aspectOf[a.f.Word(i)]
	if !ok {
		return
	}
	ch, ok := a.chainBefore(i - 1)
	if !ok || ch.call {
		return
	}
	if as&hasSize != 0 {
		end := i + 1
		if open, ok := a.argsAt(i); ok {
			end = a.f.Mate(open) + 1
		}
		as = as&^hasSize | a.sizeOr0(end)
	}
	for _, l := range ch.links { // x.sizes().size(), idx.max().item()
		as |= aspectOf[strings.TrimSuffix(l, "()")]
	}
	if v := a.lookup(ch.base, i); v != nil && !a.tensorNamed(ch.base, i) {
		c.tensors[ch.base] |= as
		for name := range a.boundOf(v.init).tensors {
			c.tensors[name] |= as
		}
		return
	}
	c.tensors[ch.base] |= as
	c.tensors[a.rootName(ch.base, i)] |= as
}

// sizeOr0 says whether a size is held against something or only against nothing.
func (a *fn) sizeOr0(i int) aspect {
	for a.f.Is(i, ")") {
		i++
	}
	switch a.f.Word(i) {
	case ">", "!=", "==", ">=", "<", "<=":
		w := a.f.Word(i + 1)
		if w == "0" || w == "1" && (a.f.Is(i, ">=") || a.f.Is(i, "<")) {
			return hasElements
		}
		if w != "" && digit(w[0]) && !a.f.Is(i, "<") && !a.f.Is(i, "<=") {
			return hasSize | hasElements
		}
	}
	return hasSize
}

// unseen is a check by a macro or a function that lies elsewhere.
func (a *fn) unseen(at int, args span) {
	c := &check{at: at, cond: args, tensors: map[string]aspect{}, names: map[string]bool{}, hard: true}
	for _, i := range a.told(a.names(args)) {
		c.names[a.f.Word(i)] = true
	}
	for _, i := range a.told(a.outer(args)) {
		c.says(a, i, everything)
	}
	a.checks = append(a.checks, c)
}

// state is what is known of a tensor where it is used: by how it came about, by the
// checks before, by those of functions that it was handed to, and by what every
// caller made sure of.
func (a *fn) state(name string, at int) aspect {
	r := a.root(name, at)
	as := r.at
	if !a.spend(len(a.checks) + len(a.calls)) {
		return everything
	}
	for _, c := range a.checks {
		if c.at < at {
			as |= c.tensors[name] | c.tensors[r.name]
		}
	}
	for _, c := range a.calls {
		if c.at < at {
			as |= c.inside(at, name, r.name)
		}
	}
	if v := a.lookup(r.name, at); v != nil && v.param >= 0 {
		as |= a.fromCallers(v)
	}
	return as
}

// inside is what a called function checks of a tensor that it is given, and what it says of
// that where at is only reached if it says so.
func (c *call) inside(at int, names ...string) (as aspect) {
	for k, arg := range c.args {
		if !slices.ContainsFunc(c.by.outer(arg), func(i int) bool { return slices.Contains(names, c.by.f.Word(i)) }) {
			continue
		}
		for n, to := range c.to {
			if k >= len(to.def.Params) {
				continue
			}
			one := to.ofParam(to.def.Params[k].Name)
			says, within, beyond := to.ofResult(to.def.Params[k].Name)
			if says != 0 && (within == beyond || !slices.Contains(to.wordsOf(to.def.Result), "bool") || c.asked(at, beyond)) {
				one |= says
			}
			if n > 0 {
				one &= as
			}
			as = one
		}
	}
	return as
}

// ofParam is what a function, or one that it calls, checks of a parameter.
func (a *fn) ofParam(name string) (as aspect) {
	key := "in " + name
	if got, ok := a.states[key]; ok {
		return got
	}
	a.states[key] = 0
	for _, c := range a.checks {
		if c.hard {
			as |= c.tensors[name] | a.signsOf(c, name)
		}
	}
	for _, c := range a.calls {
		as |= c.inside(a.def.Body.Last, name)
	}
	a.states[key] = as
	return as
}

// ofResult is what a function gives back about a parameter, return k >= 0 && k < n, and
// whether that says that it is within, or that it is not.
func (a *fn) ofResult(name string) (as aspect, within, beyond bool) {
	for _, n := range a.nodes {
		cond := n.stmt.Head
		if n.stmt.Kind != cppsrc.Return || !a.spend(1+cond.Last-cond.First) {
			continue
		}
		as |= a.signsOf(&check{cond: cond}, name)
		for _, i := range a.names(cond) {
			for _, side := range []int{1, -1} {
				sign, other := a.f.Word(i+side), a.f.Word(i+2*side)
				if !a.f.Is(i, name) || sign == "" || !strings.ContainsAny(sign[:1], "<>") {
					continue
				}
				less := (sign[0] == '<') == (side > 0)
				if ok := less != (other == "0" || other == "-"); ok != a.f.Is(cond.First, "!") {
					within = true
				} else {
					beyond = true
				}
			}
		}
	}
	return as, within, beyond
}

// asked reports whether what a call says of an index decides whether at is reached. Where
// the index is within the call gives true, or false if beyond says so.
func (c *call) asked(at int, beyond bool) bool {
	a, first := c.by, c.at
	n := a.nodeAt(c.at)
	for a.f.Is(first-1, "::") {
		first -= 2
	}
	for a.f.Is(first-1, "(") && !a.f.IsIdent(first-2) {
		first--
	}
	holds := a.f.Is(first-1, "!") == beyond
	if n == nil {
		return false
	}
	in := func(list []*cppsrc.Stmt) bool {
		return slices.ContainsFunc(list, func(s *cppsrc.Stmt) bool { return at >= s.All.First && at < s.All.Last })
	}
	switch n.stmt.Kind {
	case cppsrc.If:
		if holds {
			return in(n.stmt.Body) || a.leaves(n.stmt.Else)
		}
		return in(n.stmt.Else) || a.leaves(n.stmt.Body)
	case cppsrc.Expr:
	default: // a loop, or what goes back to a caller that asks
		return true
	}
	for i := first - 1; i >= n.stmt.Head.First; i-- {
		if w := a.f.Word(i); a.f.Is(i+1, "(") && a.f.Mate(i+1) > c.at && a.f.IsIdent(i) {
			return holds && throwing(w) || !throwing(w) && a.p.macro(a.src, w) != nil
		}
	}
	if a.nodeAt(at) == n { // within(k, n) ? p[k] : 0
		return true
	}
	for _, o := range a.checks { // bool ok = within(k, n);
		if o.at > c.at && o.at < at && slices.ContainsFunc(a.names(o.cond), func(i int) bool {
			v := a.lookup(a.f.Word(i), i)
			return v != nil && slices.ContainsFunc(append(slices.Clone(v.assigned), v.init), func(s span) bool { return c.at >= s.First && c.at < s.Last })
		}) {
			return true
		}
	}
	return false
}

// fromCallers is what all callers make sure of. An operator that is registered is
// called by others than those that are seen.
func (a *fn) fromCallers(v *variable) aspect {
	if len(a.callers) == 0 || len(a.entries) > 0 {
		return 0
	}
	key := "from " + v.name
	if got, ok := a.states[key]; ok {
		return got
	}
	a.states[key] = 0
	as := everything
	for _, c := range a.callers {
		if v.param >= len(c.args) {
			return 0
		}
		arg := c.args[v.param]
		r, ok := c.by.follow(arg, 0)
		var one aspect
		if ok {
			one = r.at
		}
		if first := c.by.names(arg); len(first) > 0 {
			one |= c.by.state(c.by.f.Word(first[0]), c.at)
		}
		as &= one
	}
	a.states[key] = as
	return as
}

// compared reports whether a name is in a condition before at, in a macro or a function
// that checks it as well, and which signs stand beside it.
func (a *fn) compared(name string, at int) (below, above bool) {
	if !a.spend(len(a.checks) + len(a.calls)) {
		return true, true
	}
	var as aspect
	for _, c := range a.checks {
		if c.at < at && c.names[name] {
			as |= c.tensors[name] | a.signsOf(c, name)
		}
	}
	for _, c := range a.calls {
		if c.at < at {
			as |= c.inside(at, name)
		}
	}
	return as&hasLower != 0, as&hasUpper != 0
}

// signsOf looks for comparisons of a name in a condition.
func (a *fn) signsOf(c *check, name string) (as aspect) {
	for _, i := range a.names(c.cond) {
		if a.f.Is(i, name) {
			as |= a.signsAt(c, i)
		}
	}
	return as
}

// signsAt is signs, where a number that is never negative needs no comparison from below.
func (a *fn) signsAt(c *check, i int) aspect {
	as := signs(a.f, c, i)
	if as&hasUpper != 0 && a.natural(i) {
		as |= hasLower
	}
	return as
}

// signs looks for comparisons of the name at a token of a condition: with 0 or a negative
// number from below, and with anything else but a literal from above.
func signs(f *cppsrc.File, c *check, i int) (as aspect) {
	if f.Is(i-1, "%") || f.Is(i-1, "/") { // n % name == 0
		return 0
	}
	if minus(f, i) {
		return belowDifference(f, c, i)
	}
	if f.Is(i-1, "-") {
		return 0
	}
	for _, side := range []int{1, -1} {
		sign, at := signBeside(f, c, i, side)
		switch other := f.Word(at); sign {
		case "<", "<=", ">", ">=":
			switch {
			case other == "0" || other == "-":
				as |= hasLower
			case other != "" && digit(other[0]):
				as |= c.beside(sign, other, side)
			default:
				as |= hasUpper
			}
		case "==", "!=":
			as |= hasLower
			if other != "-" && other != "0" {
				as |= hasUpper
			}
		}
	}
	return as
}

// minus reports whether the name at a token is taken from something: n - name.
func minus(f *cppsrc.File, i int) bool {
	return f.Is(i-1, "-") && (f.IsIdent(i-2) && !f.Is(i-2, "return") || f.Is(i-2, ")") || f.Is(i-2, "]"))
}

// belowDifference is what n - name >= m says of the name: that it is no more than n - m, and
// nothing of 0. Where that has to be so for what follows, n - name <= m says nothing.
func belowDifference(f *cppsrc.File, c *check, i int) aspect {
	sign, other := signBeside(f, c, i, 1)
	switch sign {
	case "<", "<=", ">", ">=":
		if !f.Is(other, "-") && (!c.hard || (sign[0] == '>') == (c.leaves == negated(f, c, i))) {
			return hasUpper
		}
	case "==":
		if !f.Is(other, "-") && !c.leaves {
			return hasUpper
		}
	}
	return 0
}

// negated reports whether a name of a condition stands in the parentheses of a !.
func negated(f *cppsrc.File, c *check, i int) (yes bool) {
	for j := c.cond.First; j < i; j++ {
		if f.Is(j, "!") && f.Is(j+1, "(") && f.Mate(j+1) > i {
			yes = !yes
		}
	}
	return yes
}

// signBeside is the sign on one side of the name at a token, and the token behind that.
func signBeside(f *cppsrc.File, c *check, i, side int) (sign string, other int) {
	at := i + side
	if side > 0 && f.Is(at, "[") { // p[k] < n
		at = max(at, f.Mate(at)+1)
	}
	if f.Is(at, ")") || f.Is(at, "(") {
		at += side
	}
	if sign = f.Word(at); sign == "," && c.sign != "" {
		sign = c.sign
	}
	return sign, at + side
}

// beside says from which side a literal bounds what it is compared with. An if that does
// not leave may do so from either side, and only 1 is taken for a lower bound there.
func (c *check) beside(sign, literal string, side int) aspect {
	lower := (sign[0] == '>') == (side > 0) // it says that the name is no less
	switch {
	case c.leaves:
		lower = !lower
	case !c.hard:
		lower = literal == "1" && lower == (len(sign) == 2)
	}
	if lower {
		return hasLower
	}
	return hasUpper
}

package ops

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/cppsrc"
)

// knowsLimits reports whether a function says anything about 32 bits.
func (a *fn) knowsLimits() bool {
	found := false
	a.each(func(i int) {
		switch w := a.f.Word(i); w {
		case "INT_MAX", "INT32_MAX", "canUse32BitIndexMath", "numeric_limits", "UINT_MAX":
			found = true
		}
	})
	return found
}

// narrowed is OPS020.
func (l *looker) narrowed(a *fn) {
	if a.device() || a.knowsLimits() {
		return
	}
	worst := finding.Low
	var names []string
	var places []int
	note := func(i int, name string, s finding.Severity) {
		places = append(places, i)
		worst = max(worst, s)
		names = append(names, name)
	}
	for name, list := range a.vars {
		for _, v := range list {
			if v.param >= 0 || a.kindOf(v) != integer32 {
				continue
			}
			if s, ok := a.sizeIn(v.init); ok {
				note(v.at, name, s)
			}
		}
	}
	for _, n := range a.nodes {
		if n.loop == nil || n.stmt.Kind != cppsrc.For {
			continue
		}
		v := a.lookup(n.loop.name, n.stmt.Head.First+2)
		if v == nil || kindOf(v.typ) != integer32 {
			continue
		}
		if s, ok := a.wideBound(n.loop.bound); ok {
			note(v.at, v.name, s)
		}
	}
	if len(places) == 0 {
		return
	}
	slices.Sort(names)
	names = slices.Compact(names)
	l.foundAll(narrowedSize, worst, a, places, fmt.Sprintf("%s %s in 32 bits what is 64 bits in torch", strings.Join(names, ", "), map[bool]string{true: "keeps", false: "keep"}[len(names) == 1]))
}

// kindOf is the kind of a variable; auto is that of a cast that it begins as.
func (a *fn) kindOf(v *variable) kind { return kindOf(a.typeOf(v)) }

// typeOf is the type of a variable, or of the cast that auto begins as.
func (a *fn) typeOf(v *variable) string {
	i := v.init.First
	if kindOf(v.typ) != otherKind || !strings.Contains(v.typ, "auto") || i >= v.init.Last {
		return v.typ
	}
	inner, value := span{}, i+1
	switch {
	case a.f.Is(i, "(") && a.f.Mate(i) > i: // (int)x.numel()
		inner, value = span{First: i + 1, Last: a.f.Mate(i)}, a.f.Mate(i)+1
	case a.f.Is(i, "static_cast") && a.f.Is(i+1, "<"):
		inner = span{First: i + 2, Last: a.f.Angles(i+1) - 1}
		value = inner.Last + 1
	case a.f.Is(i+1, "(") || a.f.Is(i+1, "{"): // int(x.numel())
		inner = span{First: i, Last: i + 1}
	}
	if inner.First >= inner.Last || inner.Last-inner.First > mostCast || value >= v.init.Last || a.behind(value) < v.init.Last {
		return v.typ // the cast is only a part of it
	}
	return strings.Join(a.wordsOf(inner), " ")
}

// behind is where the operand that begins at a token ends: (x), x.numel(), ns::f(x)[0].
func (a *fn) behind(i int) int {
	for range mostLinks {
		switch w := a.f.Word(i); {
		case w == "(" || w == "[" || w == "{":
			m := a.f.Mate(i)
			if m < i {
				return i
			}
			i = m + 1
		case w == "." || w == "->" || w == "::" || a.f.IsIdent(i):
			i++
		default:
			return i
		}
	}
	return i
}

// checkedConversions throw where a number does not fit.
var checkedConversions = words("checked_convert safe_downcast numeric_cast narrow")

// sizeIn looks for a size of a tensor in an expression that a number begins as.
func (a *fn) sizeIn(s span) (worst finding.Severity, ok bool) {
	for i := s.First; i < s.Last; i++ {
		if checkedConversions[a.f.Word(i)] && a.f.Is(i+1, "<") && !a.member(i) {
			return 0, false
		}
		if !a.member(i) {
			continue
		}
		w := a.f.Word(i)
		if !sizeMembers[w] || w == "dim" || w == "ndimension" || w == "sizes" && !a.f.Is(i+3, "[") || w == "size" && a.f.Is(i+2, ")") {
			continue
		}
		if w == "numel" || w == "nbytes" || a.has(s, "*") {
			worst = finding.Medium
		}
		ok = true
	}
	return max(worst, finding.Low), ok
}

// wideBound reports whether a bound is a number of elements in 64 bits.
func (a *fn) wideBound(s span) (finding.Severity, bool) {
	if worst, ok := a.sizeIn(s); ok {
		return worst, true
	}
	for _, i := range a.names(s) {
		if v := a.lookup(a.f.Word(i), i); v != nil && !v.loop && kindOf(v.typ) != integer32 {
			if worst, ok := a.sizeIn(v.init); ok && worst == finding.Medium {
				return worst, true
			}
		}
	}
	return 0, false
}

// packed32 is OPS022.
func (l *looker) packed32(a *fn) {
	if a.everyCaller((*fn).knowsLimits) {
		return
	}
	var names []string
	at := -1
	for _, x := range a.accesses {
		if x.method != "packed_accessor32" || slices.ContainsFunc(a.checks, func(c *check) bool {
			return c.hard && c.at < x.at && c.tensors[x.tensor]&hasSize != 0 && a.has(c.cond, "numel")
		}) {
			continue
		}
		if at < 0 {
			at = x.at
		}
		if x.tensor != "" && !slices.Contains(names, x.tensor) {
			names = append(names, x.tensor)
		}
	}
	if at >= 0 {
		l.found(narrowAccessor, a, at, fmt.Sprintf("packed_accessor32 of %s, and nothing makes sure that 32 bits are enough", strings.Join(names, ", ")))
	}
}

// divisions is OPS023.
func (l *looker) divisions(a *fn) {
	if a.device() || !a.hasTensors() {
		return // the caller of a helper says how much it is given
	}
	var at []int
	var by []string
	for i := a.def.Body.First + 1; i+1 < a.def.Body.Last; i++ {
		switch a.f.Word(i) {
		case "/", "%", "/=", "%=":
		default:
			continue
		}
		s := a.divisor(i + 1)
		if s.First >= s.Last || a.floats(i-1) || a.floatTarget(i) {
			continue
		}
		b := a.boundOf(s)
		if len(b.tensors)+len(b.params) == 0 && !b.loaded || b.rank || b.numbers && a.neverZero(s) || a.nonZero(s, b, i) {
			continue
		}
		at = append(at, i)
		if name := a.f.Source(s); !slices.Contains(by, name) {
			by = append(by, name)
		}
	}
	switch {
	case len(by) == 1:
		l.foundAll(zeroDivisor, zeroDivisor.Severity, a, at, by[0]+" is divided by, and nothing asks whether it is 0")
	case len(by) > 1:
		l.foundAll(zeroDivisor, zeroDivisor.Severity, a, at, strings.Join(by, ", ")+" are divided by, and nothing asks whether they are 0")
	}
}

// neverZero reports whether a local is made so that it is not 0: std::max(n, 1).
func (a *fn) neverZero(s span) bool {
	if a.has(s, "max") {
		return true
	}
	for _, i := range a.names(s) {
		if v := a.lookup(a.f.Word(i), i); v != nil && (a.has(v.init, "max") || a.has(v.init, "+")) {
			return true
		}
	}
	return false
}

// divisor gives what stands behind a division: a whole number that has a name, or a
// size; nothing for others.
func (a *fn) divisor(i int) span {
	if !a.f.IsIdent(i) || a.f.Is(i+1, "(") || a.f.Is(i+1, "::") || a.f.Is(i+1, "<") {
		return span{}
	}
	if a.f.Is(i+1, ".") {
		if open, ok := a.argsAt(i + 2); ok && sizeMembers[a.f.Word(i+2)] && a.tensorNamed(a.f.Word(i), i) {
			return span{First: i, Last: a.f.Mate(open) + 1}
		}
		return span{}
	}
	v := a.lookup(a.f.Word(i), i)
	if v == nil || v.loop || !kindOf(v.typ).integer() && !(strings.Contains(v.typ, "auto") && a.integral(v.init)) {
		return span{}
	}
	return span{First: i, Last: i + 1}
}

// integral reports whether what an auto begins as is a size or an element of integers.
func (a *fn) integral(s span) bool {
	last := a.lastMember(s)
	if last == "size" || last == "numel" {
		return true
	}
	return len(a.loads(s)) > 0
}

// floats reports whether the operand that ends at i is a floating number.
func (a *fn) floats(i int) bool {
	if a.f.Is(i, ")") {
		m := a.f.Mate(i)
		if a.f.Is(m-1, ">") {
			for j := m - 1; j > m-8; j-- {
				if w := a.f.Word(j); kindOf(w) == floating {
					return true
				}
			}
		}
		return strings.Contains(a.f.Source(span{First: max(m, 0), Last: i}), "float") || a.anyFloat(span{First: max(m, 0), Last: i})
	}
	if i >= 0 && i < len(a.f.Tokens) && a.f.Tokens[i].Kind == cppsrc.Number {
		return strings.ContainsAny(a.f.Word(i), ".f") && !strings.HasPrefix(a.f.Word(i), "0x")
	}
	if a.f.Is(i, "]") {
		i = a.f.Mate(i) - 1
		if x, _ := a.accessOf(a.f.Word(i)); x != nil {
			return !integers(x.typ)
		}
	}
	v := a.lookup(a.f.Word(i), i)
	return v != nil && (kindOf(v.typ) == floating || kindOf(v.typ) == pointer && !integers(v.typ))
}

func (a *fn) anyFloat(s span) bool {
	return slices.ContainsFunc(a.names(s), func(i int) bool {
		v := a.lookup(a.f.Word(i), i)
		return v != nil && kindOf(v.typ) == floating
	})
}

// floatTarget reports whether the left side of x /= n is a floating number.
func (a *fn) floatTarget(i int) bool {
	return strings.HasSuffix(a.f.Word(i), "=") && a.floats(i-1)
}

// nonZero reports whether a divisor cannot be 0 where it is used: it was compared, or
// stands in a loop that would not run.
func (a *fn) nonZero(s span, b *bound, at int) bool {
	for _, i := range a.names(s) {
		below, above := a.compared(a.f.Word(i), at)
		if below || above {
			return true
		}
		if v := a.lookup(a.f.Word(i), i); v != nil {
			for _, j := range a.names(v.init) {
				if below, above := a.compared(a.f.Word(j), at); below || above {
					return true
				}
			}
		}
	}
	for name := range b.tensors {
		if a.state(name, at)&hasElements != 0 {
			return true
		}
	}
	for n := a.nodeAt(at); n != nil; n = n.up {
		if n.loop != nil && a.implies(a.reach(n.loop.bound), b) {
			return true
		}
		if n.lambda != nil && a.lambdaImplies(n, b) {
			return true
		}
	}
	return false
}

// lambdaImplies is implies for the bounds of at::parallel_for.
func (a *fn) lambdaImplies(n *node, b *bound) bool {
	return slices.ContainsFunc(n.lambda.Params, func(p cppsrc.Param) bool {
		v := a.lookup(p.Name, p.At)
		return v != nil && v.init.First < v.init.Last && a.implies(a.reach(v.init), b)
	})
}

// implies reports whether a loop that runs at all has a divisor that is not 0.
func (*fn) implies(loop, divisor *bound) bool {
	for name := range divisor.params {
		if loop.params[name] {
			return true
		}
	}
	for size := range divisor.sizes {
		tensor, _, _ := strings.Cut(size, ".")
		if loop.sizes[size] || loop.sizes[tensor+".numel()"] {
			return true
		}
	}
	return false
}

// kernelIndices is OPS024.
func (l *looker) kernelIndices(a *fn) {
	if !a.kernel() || a.knowsLimits() {
		return
	}
	narrow := map[int]string{}
	for _, list := range a.vars {
		for _, v := range list {
			if v.param < 0 && a.narrowIndex(v) {
				narrow[v.at] = v.name
			}
		}
	}
	a.each(func(i int) { // CUDA_KERNEL_LOOP(i, n), of the project
		if m := a.p.macro(a.src, a.f.Word(i)); m != nil && loops32(m) && a.f.IsIdent(i+2) && a.f.Is(i+1, "(") {
			narrow[i+2] = a.f.Word(i + 2)
		}
	})
	for _, s := range a.subs {
		if slices.ContainsFunc(s.indices, a.blockProduct) {
			narrow[s.at] = "an index of " + s.name
		}
	}
	if len(narrow) == 0 {
		return
	}
	if callers := a.p.launchers(a.def.Name); len(callers) > 0 && !slices.ContainsFunc(callers, func(c *fn) bool { return !c.everyCaller((*fn).knowsLimits) && !c.launchesFew(a.def.Name) }) {
		return
	}
	for at, name := range narrow {
		l.found(narrowKernelIndex, a, at, name+" is computed in 32 bits, and nothing makes sure that there are no more elements")
	}
}

// narrowIndex reports whether a variable is an index of a kernel in 32 bits, or begins as
// one and is widened too late. One that goes on by the size of the grid may start with few.
func (a *fn) narrowIndex(v *variable) bool {
	switch kindOf(v.typ) {
	case integer32:
		return a.has(v.init, "blockIdx") && a.has(v.init, "blockDim") && !a.has(v.init, "int64_t")
	case integer64:
		return !v.loop && a.blockProduct(v.init) && !a.has(a.def.Body, "gridDim")
	default:
		return false
	}
}

// loops32 reports whether a macro is a loop over the threads of a grid that counts in 32
// bits.
func loops32(m *cppsrc.Macro) bool {
	has := map[string]bool{}
	for i := range m.Body.Tokens {
		has[m.Body.Word(i)] = true
	}
	return has["for"] && has["int"] && has["blockIdx"] && has["blockDim"] && !has["int64_t"] && !has["size_t"] && !has["long"]
}

// launchesFew reports whether each size that a function gives to a kernel, as an argument
// or in the number of blocks, was held against a constant from above.
func (a *fn) launchesFew(kernel string) bool {
	return !slices.ContainsFunc(a.launches, func(l *launch) bool {
		if l.name != kernel {
			return false
		}
		b := newBound()
		for _, s := range slices.Concat(l.config, l.args) {
			a.follows(b, s, 0, map[*variable]bool{})
		}
		for size := range b.sizes {
			if tensor, _, _ := strings.Cut(size, "."); !a.few(size, l.at) && !a.few(tensor+".numel()", l.at) {
				return true
			}
		}
		return len(b.sizes) == 0
	})
}

// few reports whether a condition before a token holds a size, or a number that is made
// of it, against a constant from above.
func (a *fn) few(size string, at int) bool {
	return slices.ContainsFunc(a.checks, func(c *check) bool {
		if !a.spend(1 + c.cond.Last - c.cond.First) {
			return true
		}
		return c.hard && c.at < at && a.atMost(c, math.MaxInt32, func(i int) bool {
			b := newBound()
			if a.member(i) {
				a.sizeMember(b, i)
			} else {
				a.follows(b, span{First: i, Last: i + 1}, 0, map[*variable]bool{})
			}
			return b.sizes[size]
		})
	})
}

// blockProduct reports whether blockIdx.x * blockDim.x stands in a span without a cast.
func (a *fn) blockProduct(s span) bool {
	for i := s.First; i < s.Last; i++ {
		if a.f.Is(i, "blockIdx") && a.f.Is(i+3, "*") && a.f.Is(i+4, "blockDim") || a.f.Is(i, "blockDim") && a.f.Is(i+3, "*") && a.f.Is(i+4, "blockIdx") {
			return !a.f.Is(i-1, ")") && !a.f.Is(i-1, "*")
		}
	}
	return false
}

// launchers are the functions that launch a kernel.
func (p *world) launchers(kernel string) (list []*fn) {
	for _, a := range p.all() {
		if slices.ContainsFunc(a.launches, func(l *launch) bool { return l.name == kernel }) {
			list = append(list, a)
		}
	}
	return list
}

// launches is OPS030, OPS031 and OPS032.
func (l *looker) launches(a *fn) {
	for n, x := range a.launches {
		end := a.def.Body.Last
		if n+1 < len(a.launches) {
			end = max(a.launches[n+1].at, x.at)
		}
		if !a.asksError(x.at, end) && !a.asksError(x.at, a.def.Body.Last) && !a.everyCallerAsks() {
			l.found(launchOpen, a, x.at, fmt.Sprintf("nobody asks whether %s was launched", x.name))
		}
		if len(x.config) < 4 || len(x.config) == 4 && a.f.Source(x.config[3]) == "0" {
			l.found(defaultStream, a, x.at, x.name+" is launched on the default stream and not on the current one of torch")
		}
	}
	if len(a.launches) > 0 && !a.everyCaller((*fn).guardsDevice) && a.reachable {
		x := a.launches[0]
		l.found(noGuard, a, x.at, x.name+" is launched without a guard for the device that its tensors lie on")
	}
}

// asksError reports whether the error of a launch is asked for between two tokens.
func (a *fn) asksError(from, to int) bool {
	if !a.spend(to - from) {
		return true
	}
	for i := from; i < to; i++ {
		w := a.f.Word(i)
		if !a.f.IsIdent(i) {
			continue
		}
		if asksForError(w) {
			return true
		}
		if m := a.p.macro(a.src, w); m != nil {
			for j := range m.Body.Tokens {
				if asksForError(m.Body.Word(j)) {
					return true
				}
			}
		}
	}
	return false
}

func asksForError(w string) bool {
	return strings.Contains(w, "LAUNCH_CHECK") || w == "cudaGetLastError" || w == "cudaPeekAtLastError" || w == "hipGetLastError" || w == "AT_CUDA_CHECK" || w == "C10_CUDA_CHECK" || w == "CUDA_CHECK" || w == "gpuErrchk"
}

func (a *fn) everyCallerAsks() bool {
	return len(a.callers) > 0 && a.everyCaller(func(b *fn) bool { return b != a && b.asksError(b.def.Body.First, b.def.Body.Last) })
}

func (a *fn) guardsDevice() bool {
	found := false
	a.each(func(i int) {
		w := a.f.Word(i)
		if strings.HasSuffix(w, "CUDAGuard") || strings.HasSuffix(w, "DeviceGuard") || w == "device_guard" || w == "cudaSetDevice" || strings.HasSuffix(w, "HIPGuard") || strings.HasSuffix(w, "HIPGuardMasqueradingAsCUDA") {
			found = true
		}
	})
	return found
}

// kernelBounds is OPS033.
func (l *looker) kernelBounds(a *fn) {
	if !a.kernel() {
		return
	}
	for name, list := range a.vars {
		for _, v := range list {
			if v.param >= 0 || v.loop || !a.has(v.init, "blockIdx") || !a.has(v.init, "threadIdx") || a.comparedAnywhere(name) || len(v.assigned) == 0 && a.remainder(v.init) {
				continue
			}
			for _, s := range a.subs {
				if s.at > v.at && slices.ContainsFunc(s.indices, func(i span) bool { return a.dependsOn(i, name) }) {
					l.found(kernelOpen, a, s.at, name+" is computed from the block and the thread, and is used as an index without being compared with anything")
					break
				}
			}
		}
	}
	if a.comparedAnywhere("blockIdx") || a.comparedAnywhere("threadIdx") {
		return
	}
	for _, s := range a.subs { // x[blockIdx.x * blockDim.x + threadIdx.x]
		if slices.ContainsFunc(s.indices, func(i span) bool {
			return a.has(i, "blockIdx") && a.has(i, "blockDim") && a.has(i, "threadIdx") && !a.remainder(i)
		}) {
			l.found(kernelOpen, a, s.at, "an index of "+s.name+" is computed from the block and the thread, without being compared with anything")
			return
		}
	}
}

// remainder reports whether an expression is what a division leaves, which is less than what
// is divided by: e % c, (e % c) / d, or e - q * c where q is e / c.
func (a *fn) remainder(s span) bool {
	s = a.uncast(s)
	if minus := a.parts(s, "-"); len(minus) > 1 {
		return a.rest(span{First: s.First, Last: minus[len(minus)-1].First - 1}, minus[len(minus)-1])
	}
	if slices.ContainsFunc([]string{"+", "?", "<<", "|", "^"}, func(w string) bool { return len(a.parts(s, w)) > 1 }) {
		return false
	}
	if by := a.parts(s, "%"); len(by) > 1 {
		return len(a.parts(by[len(by)-1], "*")) == 1
	}
	by := a.parts(s, "/")
	return len(by) > 1 && len(a.parts(s, "*")) == 1 && a.remainder(by[0])
}

// rest reports whether what is taken from e is q * c, where q is e / c.
func (a *fn) rest(e, taken span) bool {
	by := a.parts(taken, "*")
	if len(by) != 2 || len(a.parts(taken, "+")) > 1 {
		return false
	}
	for k, s := range by {
		v := a.lookup(a.f.Word(s.First), s.First)
		if s.Last != s.First+1 || v == nil || len(v.assigned) > 0 {
			continue
		}
		q := a.uncast(v.init)
		of := a.parts(q, "/")
		if len(of) == 2 && len(a.parts(q, "+"))+len(a.parts(q, "-")) == 2 && a.same(of[0], e) && a.same(of[1], by[1-k]) {
			return true
		}
	}
	return false
}

// same reports whether two expressions are written alike.
func (a *fn) same(s, t span) bool {
	return slices.Equal(a.wordsOf(a.inner(s)), a.wordsOf(a.inner(t)))
}

// uncast is an expression without the brackets and casts around all of it.
func (a *fn) uncast(s span) span {
	for range mostSteps {
		s = a.inner(s)
		open := s.First
		switch {
		case a.f.Is(open, "("): // (int)(e)
			open = a.f.Mate(open) + 1
		case a.f.Is(open, "static_cast") && a.f.Is(open+1, "<"):
			open = a.f.Angles(open + 1)
		default:
			return s
		}
		if !a.f.Is(open, "(") || a.f.Mate(open) != s.Last-1 {
			return s
		}
		s = span{First: open, Last: s.Last}
	}
	return s
}

// comparedAnywhere reports whether a name, or one made of it, is in a condition.
func (a *fn) comparedAnywhere(name string) bool {
	related := map[string]bool{name: true}
	for other, list := range a.vars {
		if slices.ContainsFunc(list, func(v *variable) bool { return v.param < 0 && a.has(v.init, name) }) {
			related[other] = true
		}
	}
	for _, c := range a.checks {
		for n := range c.names {
			if related[n] {
				return true
			}
		}
	}
	return slices.ContainsFunc(a.nodes, func(n *node) bool {
		return n.stmt.Kind == cppsrc.For && a.has(n.stmt.Head, name)
	})
}

// dependsOn reports whether an index has a name, or a local that is made of it.
func (a *fn) dependsOn(s span, name string) bool {
	for _, i := range a.names(s) {
		if a.f.Is(i, name) {
			return true
		}
		if v := a.lookup(a.f.Word(i), i); v != nil && v.param < 0 && a.has(v.init, name) {
			return true
		}
	}
	return false
}

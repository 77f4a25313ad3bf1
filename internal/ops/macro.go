package ops

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/cppsrc"
)

// expanded is a check by a macro of the project: CHECK_INPUT(x), REQUIRE(x.dim() == 2).
func (a *fn) expanded(m *cppsrc.Macro, args []span, at int) {
	says := a.p.macroSays(a.src, m, 0)
	if len(says) == 0 {
		return
	}
	c := &check{at: at, cond: span{First: args[0].First, Last: args[len(args)-1].Last}, tensors: map[string]aspect{}, names: map[string]bool{}, hard: true}
	compared := 0
	for _, as := range says {
		if as&(hasLower|hasUpper) != 0 {
			compared++
		}
	}
	for i, arg := range args {
		if i >= len(says) {
			break
		}
		if compared == 1 && says[i]&(mustHold|mustFail) == 0 && a.result(arg) {
			continue // CUDA_CHECK(f(x.numel())) holds what f gives back against cudaSuccess
		}
		for _, j := range a.told(a.names(arg)) {
			c.names[a.f.Word(j)] = true
		}
		for _, j := range a.told(a.outer(arg)) {
			c.says(a, j, says[i]&^(mustHold|mustFail))
		}
		if says[i]&(mustHold|mustFail|hasUpper) != 0 { // what x.size(0) of CHECK_EQ(x.size(0), n) says is checked as well
			a.condition(arg, true).leaves = says[i]&mustFail != 0
		}
	}
	a.checks = append(a.checks, c)
}

// result reports whether an argument is what a function gives back, and no conversion, and
// no size of a tensor.
func (a *fn) result(s span) bool {
	for a.f.Is(s.First, "(") && a.f.Mate(s.First) == s.Last-1 {
		s.First++
		s.Last--
	}
	for a.f.Is(s.First, "::") || a.f.Is(s.First+1, "::") {
		s.First++
	}
	w := a.f.Word(s.First)
	open, ok := a.argsAt(s.First)
	return ok && a.f.Mate(open) == s.Last-1 && aspectOf[w] == 0 && !notTypes[w] && kindOf(w) == otherKind
}

// told lists those of some names that do not stand in a call of a function of CUDA, which
// gives back a status: what it was given is held against nothing.
func (a *fn) told(names []int) (list []int) {
	end := 0
	for _, i := range names {
		if i < end {
			continue
		}
		if open, ok := a.argsAt(i); ok && vendor(a.f.Word(i)) {
			end = a.f.Mate(open)
			continue
		}
		list = append(list, i)
	}
	return list
}

// vendors are what the names of functions begin with that give back a status.
var vendors = []string{"cuda", "cublas", "cublasLt", "cudnn", "cusparse", "cusolver", "cusolverDn", "cufft", "curand", "nccl", "cu", "hip", "hipblas", "miopen"}

// vendor reports whether a name is one of a function of CUDA or of a library beside it.
func vendor(name string) bool {
	return slices.ContainsFunc(vendors, func(v string) bool {
		rest, ok := strings.CutPrefix(name, v)
		return ok && rest != "" && rest[0] >= 'A' && rest[0] <= 'Z'
	})
}

// macroSays gives what a macro checks of each of its arguments. Where a file defines it
// several times, for one build and another, that is what it checks in all of them.
func (p *world) macroSays(src *source, m *cppsrc.Macro, depth int) []aspect {
	if got, ok := p.says[m]; ok {
		return got
	}
	p.says[m] = nil
	var says []aspect
	some := false
	for _, one := range p.alike[m] {
		got, unseen := p.definitionSays(src, one, depth)
		switch {
		case got == nil && unseen: // it may check as the others do
		case !some:
			says, some = got, true
		default:
			says = says[:min(len(says), len(got))]
			for k := range says {
				says[k] &= got[k]
			}
		}
	}
	p.says[m] = says
	return says
}

// definitionSays gives what one definition checks of each parameter, or nil if it checks
// nothing, and whether it hands them to what is not seen.
func (p *world) definitionSays(src *source, m *cppsrc.Macro, depth int) (says []aspect, unseen bool) {
	says = make([]aspect, len(m.Params))
	checks := false
	for i := range m.Body.Tokens {
		w := m.Body.Word(i)
		checks = checks || ends[w]
		if !m.Body.Is(i+1, "(") || !m.Body.IsIdent(i) || m.Body.Mate(i+1) < i {
			continue
		}
		args := m.Body.Split(span{First: i + 2, Last: m.Body.Mate(i + 1)})
		other := p.macro(src, w)
		switch {
		case len(args) == 0:
		case w == "if":
			if throwsBehind(m.Body, m.Body.Mate(i+1)+1) || p.leavesBehind(src, m, i) {
				checks = checks || names(m, args[0])
				p.give(m, args[0], mustFail, says)
			}
		case throwing(w) && signOf[w[max(0, len(w)-3):]] != "":
			checks = true
			for _, arg := range args[:min(2, len(args))] {
				for j := arg.First; j < arg.Last; j++ {
					if k := paramAt(m, j); k >= 0 {
						says[k] |= signs(m.Body, &check{sign: signOf[w[len(w)-3:]]}, j)
					}
				}
			}
		case throwing(w):
			checks = true
			p.give(m, args[0], mustHold, says)
		case other != nil && other != m && depth < mostSteps:
			inner := p.macroSays(src, other, depth+1)
			for k, arg := range args[:min(len(args), len(inner))] {
				p.give(m, arg, inner[k], says)
				checks = checks || inner[k] != 0
			}
		default:
			unseen = unseen || p.mayCheck(w) && slices.ContainsFunc(args, func(arg span) bool { return names(m, arg) })
		}
	}
	switch {
	case checks:
		p.direct(m, says)
	case unseen && checksByName(m.Name): // what it calls is looked at elsewhere
		for i := range says {
			says[i] = everything | mustHold
		}
	default:
		return nil, unseen
	}
	return says, unseen
}

// mayCheck reports whether a call in a macro may throw: that of a function which does, or
// which is not seen. assert is not there in a build for release.
func (p *world) mayCheck(name string) bool {
	if list := p.byName[name]; len(list) > 0 {
		return p.mayThrow(list, 0)
	}
	return !notTypes[name] && !likely(name) && !saysOnly[name] && !strings.HasPrefix(name, "TORCH_WARN") && !strings.Contains(name, "DEBUG") && !strings.Contains(name, "LOG")
}

// mostThrough is through how many functions one is looked for that throws.
const mostThrough = 2

// mayThrow reports whether one of some functions, or what they call, throws.
func (p *world) mayThrow(list []*fn, depth int) bool {
	return slices.ContainsFunc(list[:min(len(list), mostTargets)], func(a *fn) bool {
		throws := false
		a.each(func(i int) {
			w := a.f.Word(i)
			throws = throws || ends[w] || throwing(w) || p.macro(a.src, w) != nil || checksByName(w)
			if other := p.byName[w]; !throws && a.f.Is(i+1, "(") && (len(other) > 0 && depth < mostThrough || raises(w)) {
				throws = len(other) == 0 || p.mayThrow(other, depth+1)
			}
		})
		return throws
	})
}

// raises reports whether a name says that the function does not come back.
func raises(name string) bool {
	l := strings.ToLower(name)
	return slices.ContainsFunc([]string{"throw", "raise", "fatal", "panic", "abort", "pybind11_fail"}, func(s string) bool { return strings.Contains(l, s) })
}

// neverReturns reports whether a call of a function ends what calls it: one that is
// declared so, whose statements throw, or that is not seen and has a name that says so.
func (p *world) neverReturns(name string, depth int) bool {
	if p.noreturn[name] {
		return true
	}
	list := p.byName[name]
	if len(list) == 0 {
		return raises(name)
	}
	return !slices.ContainsFunc(list[:min(len(list), mostTargets)], func(a *fn) bool {
		return !slices.ContainsFunc(a.def.Stmts, func(s *cppsrc.Stmt) bool {
			return (s.Kind == cppsrc.Expr || s.Kind == cppsrc.Return || s.Kind == cppsrc.Block) && a.spend(1+s.All.Last-s.All.First) &&
				(throwsIn(a.f, s.All.First, s.All.Last) || depth < mostThrough && p.neverReturns(called(a.f, s.All.First), depth+1))
		})
	})
}

// called is the function that a statement calls, which begins at a token.
func called(f *cppsrc.File, i int) string {
	for f.Is(i, "::") || f.Is(i+1, "::") {
		i++
	}
	if !f.IsIdent(i) || !f.Is(i+1, "(") {
		return ""
	}
	return f.Word(i)
}

// leavesBehind reports whether what an if of a macro is about ends the function, or the
// round of the loop, that the macro stands in.
func (p *world) leavesBehind(src *source, m *cppsrc.Macro, at int) bool {
	f := m.Body
	inner, loop := false, false // in a lambda, or in a loop, of the macro's own
	for i := range at {
		inner = inner || f.Is(i, "[") && !f.IsIdent(i-1) && !f.Is(i-1, ")") && !f.Is(i-1, "]")
		loop = loop || f.Is(i, "do") || f.Is(i, "for") || f.Is(i, "while")
	}
	i := f.Mate(at+1) + 1
	one := !f.Is(i, "{")
	for end := max(i+1, f.Mate(i)); i < end || one && i < len(f.Tokens); i++ {
		for f.Is(i, "{") {
			i++
		}
		switch w := f.Word(i); w {
		case "return":
			return !inner && !goesOn(m, i)
		case "goto":
			return !inner
		case "continue":
			return !inner && !loop
		case "if", "for", "while", "switch", "do":
			return false
		}
		if w := called(f, i); w != "" {
			fatal := w == "LOG" && f.Is(i+2, "FATAL")
			unseen := checksByName(m.Name) && len(p.byName[w]) == 0 && p.macro(src, w) == nil && p.mayCheck(w) && !reports(w)
			if fatal || unseen || p.neverReturns(w, 0) {
				return true
			}
		}
		for i < len(f.Tokens) && !f.Is(i, ";") && !f.Is(i, "}") {
			i = max(i, f.Mate(i)) + 1
		}
		if one {
			break
		}
	}
	return false
}

// goesOn reports whether a return of a macro hands a parameter to a function, or calls it:
// that is what the macro is for, and no refusal.
func goesOn(m *cppsrc.Macro, i int) bool {
	f := m.Body
	for ; i < len(f.Tokens) && !f.Is(i, ";"); i++ {
		if paramAt(m, i) >= 0 && f.Is(i+1, "(") {
			return true
		}
		if f.Is(i, "(") && f.Mate(i) > i {
			for j := i + 1; j < f.Mate(i); j++ {
				if paramAt(m, j) >= 0 && !f.Is(j-1, "#") {
					return true
				}
			}
		}
	}
	return false
}

// reports tells by its name that a function says what is wrong, and comes back.
func reports(name string) bool {
	l := strings.ToLower(name)
	return slices.ContainsFunc([]string{"log", "warn", "print", "report", "trace", "debug", "note", "pyerr_", "perror", "message"}, func(s string) bool { return strings.Contains(l, s) })
}

// saysOnly are functions and macros that go on whatever they are given.
var saysOnly = words("assert printf fprintf puts fputs void bool decltype VLOG DCHECK log warn")

// likely reports whether a name stands for its first argument: C10_UNLIKELY(!(cond)).
func likely(name string) bool {
	return name == "__builtin_expect" || strings.Contains(strings.ToLower(name), "likely")
}

// ends are the words that nothing goes on behind.
var ends = words("throw AT_ERROR C10_THROW_ERROR exit _exit quick_exit abort terminate __trap")

// throwsBehind reports whether what follows the head of an if throws, whatever else is so.
func throwsBehind(f *cppsrc.File, i int) bool {
	end := f.Mate(i)
	if !f.Is(i, "{") {
		for end = i; end < len(f.Tokens) && !f.Is(end, ";"); end++ {
			end = max(end, f.Mate(end))
		}
	}
	return throwsIn(f, i, end)
}

// throwsIn reports whether statements throw, whatever else is so.
func throwsIn(f *cppsrc.File, i, end int) bool {
	for ; i < end; i++ {
		switch w := f.Word(i); {
		case ends[w], throwing(w) && (f.Is(i+2, "false") || f.Is(i+2, "0")):
			return true
		case w == "if", w == "for", w == "while", w == "switch", w == "?":
			return false
		}
	}
	return false
}

// paramAt is the position of the parameter that a token of a macro is, or -1.
func paramAt(m *cppsrc.Macro, i int) int {
	if m.Body.Is(i, "__VA_ARGS__") {
		return slices.Index(m.Params, "...")
	}
	return slices.Index(m.Params, m.Body.Word(i))
}

// names reports whether a part of a macro names a parameter.
func names(m *cppsrc.Macro, s span) bool {
	for i := s.First; i < s.Last; i++ {
		if paramAt(m, i) >= 0 {
			return true
		}
	}
	return false
}

// give adds what is said of the parameters that an argument names. That it has to hold is
// said of one alone: (cond), !(cond), C10_UNLIKELY(!(cond)).
func (*world) give(m *cppsrc.Macro, arg span, as aspect, says []aspect) {
	for i := arg.First; i < arg.Last; i++ {
		if k := paramAt(m, i); k >= 0 {
			says[k] |= as &^ (mustHold | mustFail)
		}
	}
	as &= mustHold | mustFail
	for arg.First < arg.Last && as != 0 {
		i := arg.First
		switch w := m.Body.Word(i); {
		case w == "!":
			arg.First++
			if as != mustHold|mustFail {
				as ^= mustHold | mustFail
			}
		case w == "(" && m.Body.Mate(i) == arg.Last-1:
			arg = span{First: i + 1, Last: arg.Last - 1}
		case likely(w) && m.Body.Is(i+1, "(") && m.Body.Mate(i+1) == arg.Last-1:
			list := m.Body.Split(span{First: i + 2, Last: arg.Last - 1})
			if len(list) == 0 {
				return
			}
			arg = list[0]
		default:
			if k := paramAt(m, i); k >= 0 && arg.Last == i+1 {
				says[k] |= as
			}
			return
		}
	}
}

// direct adds what a macro's own condition says of its parameters.
func (*world) direct(m *cppsrc.Macro, says []aspect) {
	for i := range m.Body.Tokens {
		k := slices.Index(m.Params, m.Body.Word(i))
		if k < 0 {
			continue
		}
		says[k] |= signs(m.Body, &check{}, i)
		j := i + 1
		for m.Body.Is(j, ")") { // (x).is_cuda()
			j++
		}
		if m.Body.Is(j, ".") || m.Body.Is(j, "->") {
			says[k] |= aspectOf[m.Body.Word(j+1)]
		} else if m.Body.Is(i-1, "(") || m.Body.Is(i-1, ",") {
			says[k] |= aspectOf[m.Body.Word(i-2)]
		}
	}
}

package ops

import (
	"slices"

	"github.com/andiron-dev/andiron/internal/cppsrc"
)

// expanded is a check by a macro of the project: CHECK_INPUT(x).
func (a *fn) expanded(m *cppsrc.Macro, args []span, at, depth int) {
	says := a.p.macroSays(a.src, m, depth)
	if len(says) == 0 {
		return
	}
	c := &check{at: at, cond: span{First: args[0].First, Last: args[len(args)-1].Last}, tensors: map[string]aspect{}, names: map[string]bool{}, hard: true}
	for i, arg := range args {
		if i >= len(says) {
			break
		}
		for _, j := range a.names(arg) {
			c.names[a.f.Word(j)] = true
		}
		for _, j := range a.outer(arg) {
			c.says(a, j, says[i])
		}
	}
	a.checks = append(a.checks, c)
}

// macroSays gives what a macro checks of each of its arguments.
func (p *world) macroSays(src *source, m *cppsrc.Macro, depth int) []aspect {
	if got, ok := p.says[m]; ok {
		return got
	}
	p.says[m] = nil
	says := make([]aspect, len(m.Params))
	checks := false
	for i := range m.Body.Tokens {
		w := m.Body.Word(i)
		checks = checks || w == "throw"
		if !m.Body.Is(i+1, "(") || !m.Body.IsIdent(i) {
			continue
		}
		if throwing(w) || w == "AT_ERROR" {
			checks = true
		}
		if other := p.macro(src, w); other != nil && other != m && depth < mostSteps {
			inner := p.macroSays(src, other, depth+1)
			for k, arg := range m.Body.Split(span{First: i + 2, Last: m.Body.Mate(i + 1)}) {
				if k < len(inner) {
					p.give(m, arg, inner[k], says)
					checks = checks || inner[k] != 0
				}
			}
		}
	}
	if checks {
		p.direct(m, says)
		p.says[m] = says
	} else if checksByName(m.Name) && len(m.Params) > 0 { // it calls a function that is looked at elsewhere
		for i := range says {
			says[i] = everything
		}
		p.says[m] = says
	}
	return p.says[m]
}

// give adds what is said of the parameters that an argument names.
func (*world) give(m *cppsrc.Macro, arg span, as aspect, says []aspect) {
	for i := arg.First; i < arg.Last; i++ {
		if k := slices.Index(m.Params, m.Body.Word(i)); k >= 0 {
			says[k] |= as
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

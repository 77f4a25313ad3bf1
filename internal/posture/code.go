package posture

import (
	"fmt"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
)

// The code room's rules that are evidence of what is in place.
var (
	goodLoads = []string{inSandbox, untrustedHeld, "PY090", "PY091", "PY092", "PY094"}
	goodSaves = []string{"PY093"}
)

// The code room's rules on services: under andiron exec, and not.
const (
	serviceHeld = "PY082"
	serviceOpen = "PY083"
)

// The code room's rules on loads in the sandbox, on those of what nobody trusts, and on
// the latter outside of it.
const (
	inSandbox     = "PY081"
	untrustedHeld = "PY084"
	untrustedOpen = "PY085"
)

// fromCode reports whether a finding is of the code room.
func fromCode(f finding.Finding) bool { return strings.HasPrefix(f.Rule, "PY0") }

func notCode(fs []finding.Finding) []finding.Finding { return slices.DeleteFunc(fs, fromCode) }

func onlyCode(fs []finding.Finding) []finding.Finding {
	return slices.DeleteFunc(fs, func(f finding.Finding) bool { return !fromCode(f) })
}

// codeSaving is the code room's view of safe serialization.
func codeSaving(in Input) view {
	return view{
		implemented: sites(informing(in, goodSaves)),
		missing:     sites(onlyCode(findings(in, finding.SafeSerialization))),
	}
}

// codeLoading is the code room's view of secure loading: which loads are verified,
// and where the others remain.
func codeLoading(in Input) view {
	more := map[finding.Where]bool{}
	for _, f := range informing(in, []string{untrustedHeld}) {
		more[f.Where] = true
	}
	good := slices.DeleteFunc(informing(in, goodLoads), func(f finding.Finding) bool { return f.Rule == inSandbox && more[f.Where] })
	return view{
		implemented: sites(good),
		missing:     append(sites(onlyCode(findings(in, finding.SecureLoading))), remaining(in, untrustedOpen)...),
	}
}

// remaining is what a rule says that remains to be done, though it is but information.
func remaining(in Input, rule string) (out []finding.Evidence) {
	open := slices.DeleteFunc(informing(in, []string{rule}), func(f finding.Finding) bool { return f.Waived != nil })
	for i, e := range sites(open) {
		e.Fix = open[i].Fix
		out = append(out, e)
	}
	return out
}

// codeSources is the code room's view of trusted sources: what comes from places
// that nobody fixed, and which services the kernel holds. A project that has no model
// and loads none has no service that could open one.
func codeSources(in Input) view {
	v := view{implemented: sites(informing(in, []string{serviceHeld})), missing: sites(onlyCode(findings(in, finding.TrustedSources)))}
	loads := len(in.Artifacts) > 0 || len(loading(in)) > 0
	if loads {
		v.missing = append(v.missing, remaining(in, serviceOpen)...)
	}
	return v
}

// loading are the findings on calls that load something, verified or not.
func loading(in Input) []finding.Finding {
	out := informing(in, goodLoads)
	for _, s := range aboutModels {
		out = append(out, onlyCode(findings(in, s))...)
	}
	slices.SortStableFunc(out, finding.Compare)
	return out
}

// informing are the findings of rules that say what is in place, by place.
func informing(in Input, rules []string) []finding.Finding {
	var out []finding.Finding
	for f := range every(in) {
		if slices.Contains(rules, f.Rule) && f.Outcome == finding.Present {
			out = append(out, f)
		}
	}
	slices.SortStableFunc(out, finding.Compare)
	return out
}

// every yields all findings, of artifacts and of none.
func every(in Input) func(yield func(finding.Finding) bool) {
	return func(yield func(finding.Finding) bool) {
		for _, a := range in.Artifacts {
			for _, f := range a.Findings {
				if !yield(f) {
					return
				}
			}
		}
		for _, f := range in.Findings {
			if !yield(f) {
				return
			}
		}
	}
}

// mostSites is how many places of one rule are listed.
const mostSites = 50

// sites makes one piece of evidence for each place, because each is to be changed.
func sites(fs []finding.Finding) []finding.Evidence {
	var out []finding.Evidence
	seen, last := map[string]int{}, map[string]int{}
	for _, f := range fs {
		if seen[f.Rule]++; seen[f.Rule] > mostSites {
			continue
		}
		text := f.Message
		fix := f.Fix
		if f.Outcome == finding.Undetermined {
			text = unsure + text
		}
		if !matters(f) {
			fix = ""
		}
		last[f.Rule] = len(out)
		out = append(out, finding.Evidence{Text: text, Where: f.Where, Fix: fix})
	}
	for rule, n := range seen {
		if n > mostSites {
			out[last[rule]].Text += fmt.Sprintf(" (and %d more of %s)", n-mostSites, rule)
		}
	}
	return out
}

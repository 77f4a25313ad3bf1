package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/safetext"
)

// headline says how the run ended, in one line: "2 of 5 artifacts do not pass".
func headline(r *run) string {
	var parts []string
	if aboutModels(r.config.Verb, r.summary) {
		parts = append(parts, modelHeadline(r))
	}
	if r.summary.Dependencies != nil || len(parts) == 0 {
		parts = append(parts, packageHeadline(r))
	}
	s := strings.Join(parts, "; ")
	if r.summary.Incomplete {
		s += ", and not everything could be looked at"
	}
	return s
}

func modelHeadline(r *run) string {
	bad := 0
	for _, a := range r.artifacts {
		if !a.Verdict.Passes() {
			bad++
		}
	}
	s := "every artifact passes"
	switch {
	case len(r.artifacts) == 0:
		s = "no model artifacts"
	case bad == 1:
		s = "1 of " + count(len(r.artifacts), "artifact", "artifacts") + " does not pass"
	case bad > 1:
		s = fmt.Sprintf("%d of %d artifacts do not pass", bad, len(r.artifacts))
	}
	return s
}

// worstFirst orders artifacts for a reader: what does not pass comes first.
func worstFirst(as []finding.Artifact) []finding.Artifact {
	return slices.SortedStableFunc(slices.Values(as), func(a, b finding.Artifact) int {
		return cmp.Or(cmp.Compare(b.Verdict, a.Verdict), strings.Compare(a.Path, b.Path))
	})
}

// ruleLink is where a rule is explained, for rules that the catalogue has.
func (r *run) ruleLink(id string) string {
	if r.opt.Catalogue.Find(id) == nil {
		return ""
	}
	return project + "/blob/main/docs/rules/" + id + ".md"
}

func (r *run) title() string {
	verb := r.config.Verb
	if verb == "" {
		verb = "report"
	}
	return "andiron " + safetext.Plain(verb)
}

// evidence is the evidence of a finding as people are shown it.
func evidence(f finding.Finding) []string {
	const most = 8
	out := each(f.Evidence[:min(len(f.Evidence), most)], func(e string) string { return brief(e, maxEvidence) })
	if n := len(f.Evidence) - most; n > 0 {
		out = append(out, fmt.Sprintf("… %d more", n))
	}
	return out
}

// matters is false for what is only information, and for what somebody answers for.
func matters(f finding.Finding) bool {
	return f.Waived == nil && (f.Severity > finding.Info || f.Outcome == finding.Undetermined)
}

// matter counts those that do.
func matter(fs []finding.Finding) (n int) {
	for _, f := range fs {
		if matters(f) {
			n++
		}
	}
	return n
}

// badge is the severity of a finding, or that it was waived.
func badge(f finding.Finding) string {
	if f.Waived != nil {
		return "waived"
	}
	return f.Severity.String()
}

// waiver says who answers for a finding; empty where nobody does.
func waiver(f finding.Finding) string {
	if f.Waived == nil {
		return ""
	}
	return brief(fmt.Sprintf("waived by %s until %s: %s", f.Waived.Owner, f.Waived.Expires, f.Waived.Reason), maxMessage)
}

func isWaived(f finding.Finding) bool { return f.Waived != nil }

// perRule is how many findings of one rule in one artifact people are shown.
const perRule = 8

// group is the findings of one rule in one artifact.
type group struct {
	rule     string
	severity finding.Severity
	waived   bool
	shown    []finding.Finding
	left     int
	fixes    []string
}

// groupFindings puts the worst first, then the rules in order, then the places; what
// was waived comes last.
func groupFindings(fs []finding.Finding, onlyMatters bool) []group {
	fs = sorted(fs)
	slices.SortStableFunc(fs, func(a, b finding.Finding) int {
		if isWaived(a) != isWaived(b) {
			return waivedLast(a)
		}
		if a.Severity != b.Severity {
			return int(b.Severity) - int(a.Severity)
		}
		return strings.Compare(a.Rule, b.Rule)
	})
	var out []group
	for _, f := range fs {
		if onlyMatters && !matters(f) {
			continue
		}
		if n := len(out); n == 0 || out[n-1].rule != f.Rule || out[n-1].severity != f.Severity || out[n-1].waived != isWaived(f) {
			out = append(out, group{rule: f.Rule, severity: f.Severity, waived: isWaived(f)})
		}
		g := &out[len(out)-1]
		if !g.waived && f.Fix != "" && !slices.Contains(g.fixes, f.Fix) && len(g.fixes) < perRule {
			g.fixes = append(g.fixes, f.Fix)
		}
		if len(g.shown) == perRule {
			g.left++
			continue
		}
		g.shown = append(g.shown, f)
	}
	return out
}

func waivedLast(a finding.Finding) int {
	if isWaived(a) {
		return 1
	}
	return -1
}

// cut leaves as much evidence as people can read.
func cut(es []finding.Evidence) (shown []finding.Evidence, left int) {
	const most = 20
	if len(es) <= most {
		return es, 0
	}
	return es[:most], len(es) - most
}

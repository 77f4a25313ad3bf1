package report

import (
	"fmt"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/safetext"
)

// mostGone is how many findings that are gone people are shown.
const mostGone = 20

// short says that a strategy is less in place than the policy asks for.
func short(p finding.Posture) string {
	switch {
	case p.Short():
		return fmt.Sprintf("the policy asks for %s: this is less", p.Required)
	case p.Required != "" && p.Status == finding.Undecided:
		return fmt.Sprintf("the policy asks for %s: nobody knows whether it is", p.Required)
	case p.Required != "":
		return fmt.Sprintf("the policy asks for %s", p.Required)
	}
	return ""
}

// baselineTotals is how a run compares with an earlier report, in one line.
func baselineTotals(s finding.Summary) string {
	b := s.Baseline
	out := fmt.Sprintf("compared with %s: %d new, %d known, %d gone", safetext.Plain(b.Report), b.New, b.Known, len(b.Gone))
	if s.Incomplete && len(b.Gone) > 0 {
		out += ", unless they are where nobody looked"
	}
	return out
}

func goneLine(f finding.Finding) string {
	return strings.TrimSpace(fmt.Sprintf("%s %s %s: %s", f.Severity, safetext.Plain(f.Rule), safetext.Plain(f.Where.String()), brief(f.Message, maxMessage)))
}

func trendHead(t finding.Trend) string {
	s := "since the last audit on record, at " + safetext.Plain(t.Since)
	if t.Commit != "" {
		s += fmt.Sprintf(", commit %.12s", safetext.Plain(t.Commit))
	}
	if !t.Complete {
		s += ", which could not look at everything"
	}
	return s + ":"
}

// trendLines say what changed: of each strategy, and of the findings by severity.
func trendLines(s finding.Summary) (out []string) {
	for _, t := range s.Trend.Strategies {
		switch {
		case t.Was != t.Is:
			out = append(out, fmt.Sprintf("%s: %s, was %s (%s missing, was %d)", t.Strategy, t.Is, safetext.Plain(string(t.Was)), count(t.MissingIs, "point", "points"), t.MissingWas))
		case t.MissingWas != t.MissingIs:
			out = append(out, fmt.Sprintf("%s: %s as before (%s missing, was %d)", t.Strategy, t.Is, count(t.MissingIs, "point", "points"), t.MissingWas))
		}
	}
	var parts []string
	for _, v := range finding.Severities() {
		if now, was := s.Severities[v], s.Trend.Severities[v]; v > finding.Info && now != was {
			parts = append(parts, fmt.Sprintf("%d %s, was %d", now, v, was))
		}
	}
	if len(parts) > 0 {
		out = append(out, "findings: "+strings.Join(parts, "; "))
	}
	if len(out) == 0 {
		out = []string{"nothing changed"}
	}
	return out
}

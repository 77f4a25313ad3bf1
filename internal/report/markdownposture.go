package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/andiron-dev/andiron/finding"
)

// maxDocument keeps the document of an audit within what people and services open.
const maxDocument = 1 << 20

// mostEvidence is how much of one kind the document of an audit lists for a strategy.
const mostEvidence = 200

// writePosture writes an audit as a document that a security review can adopt: an
// overview, each strategy with what is in place, what is missing, how to close it and
// what remains, and then the findings behind it.
func writePosture(w io.Writer, r *run) error {
	m := markdown{run: r, most: maxDocument}
	m.printf("# Security posture of %s\n\n%s: %s.\n", paths(r.config.Paths), prose(r.title()), headline(r))
	m.totals()
	m.overview()
	m.compared()
	for i, p := range r.posture {
		m.strategy(i+1, p)
	}
	m.printf("\n## Findings\n")
	passing := m.failing()
	m.packages()
	m.loose()
	m.passing(passing)
	return m.end(w)
}

// sentence writes text that stands alone: it begins with a capital and has an end.
func sentence(s string) string {
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		s = strings.ToUpper(s[:1]) + s[1:]
	}
	if s = prose(s); !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, ":") {
		s += "."
	}
	return s
}

func paths(list []string) string {
	return strings.Join(each(list, code), ", ")
}

// overview is a table of the strategies.
func (m *markdown) overview() {
	var s strings.Builder
	s.WriteString("\n## Overview\n\n| | strategy | status | policy asks for | implemented | missing | mitigates |\n| ---: | --- | --- | --- | ---: | ---: | --- |\n")
	for i, p := range m.posture {
		status := prose(string(p.Status))
		if p.Short() {
			status = "**" + status + "**"
		}
		fmt.Fprintf(&s, "| %d | %s | %s | %s | %d | %d | %s |\n", i+1, prose(p.Title), status, prose(string(p.Required)), len(p.Implemented), len(p.Missing), prose(threats(p)))
	}
	m.printf("%s", s.String())
}

// compared says what became of an earlier report, and what changed since the last audit.
func (m *markdown) compared() {
	if b := m.summary.Baseline; b != nil {
		s := "\n## Since the baseline\n\n" + sentence(baselineTotals(m.summary)) + "\n\n"
		for _, f := range b.Gone[:min(len(b.Gone), mostEvidence)] {
			s += "- gone: " + prose(goneLine(f)) + "\n"
		}
		if n := len(b.Gone) - mostEvidence; n > 0 {
			s += fmt.Sprintf("- … %d more\n", n)
		}
		m.printf("%s", s)
	}
	if m.summary.Trend != nil {
		s := "\n## Trend\n\n" + sentence(trendHead(*m.summary.Trend)) + "\n\n"
		for _, line := range trendLines(m.summary) {
			s += "- " + prose(line) + "\n"
		}
		m.printf("%s", s)
	}
}

// strategy is one section of the document. What does not fit is left out point by
// point, so that each section keeps its form.
func (m *markdown) strategy(n int, p finding.Posture) {
	s := fmt.Sprintf("\n## %d. %s: %s\n\n", n, prose(p.Title), prose(string(p.Status)))
	if line := short(p); line != "" {
		s += "**" + sentence(line) + "**\n\n"
	}
	s += "**Strategy.** " + prose(string(p.Strategy)) + "\n\n**Description.** " + prose(p.Text) + "\n\n**Threats mitigated**\n\n"
	for _, t := range p.Threats {
		s += fmt.Sprintf("- %s (severity: %s)\n", prose(t.Name), t.Severity)
	}
	s += "\n**Impact.** " + prose(p.Impact) + "\n"
	m.printf("%s", s)
	m.evidence("Currently implemented", "Nothing was found that puts it into effect.", p, p.Implemented)
	m.evidence("Missing implementation", "Nothing is known to be missing.", p, p.Missing)
	if p.Reason != "" {
		title := "Left open"
		if p.Status == finding.NotApplicable {
			title = "Searched"
		}
		m.printf("\n**%s.** %s\n", title, sentence(p.Reason))
	}
	if p.Residual != "" {
		m.printf("\n**Residual risk.** %s\n", prose(p.Residual))
	}
}

func (m *markdown) evidence(title, none string, p finding.Posture, es []finding.Evidence) {
	m.printf("\n**%s**\n\n", title)
	switch {
	case len(es) == 0 && p.Status == finding.NotApplicable:
		none = "Not applicable."
		fallthrough
	case len(es) == 0:
		m.printf("%s\n", none)
	}
	for _, e := range es[:min(len(es), mostEvidence)] {
		s := "- "
		if at := e.Where.String(); at != "" {
			s += code(at) + ": "
		}
		s += prose(brief(e.Text, maxMessage)) + "\n"
		if e.Fix != "" {
			s += "  - **Fix:** " + code(brief(e.Fix, maxMessage)) + "\n"
		}
		m.printf("%s", s)
	}
	if n := len(es) - mostEvidence; n > 0 {
		m.printf("- … %d more\n", n)
	}
}

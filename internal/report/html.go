package report

import (
	_ "embed"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/safetext"
)

//go:embed report.html.tmpl
var page string

// writeHTML writes one page that needs nothing else: no script, no font, no
// image, no address that is opened before the reader clicks on it.
func writeHTML(w io.Writer, r *run) error {
	// Parsed here and not at start: most runs write no HTML.
	t, err := template.New("report").Funcs(template.FuncMap{
		"upper":  func(v finding.Verdict) string { return strings.ToUpper(v.String()) },
		"plain":  safetext.Plain,
		"brief":  func(s string) string { return brief(s, maxMessage) },
		"size":   size,
		"place":  place,
		"where":  func(w finding.Where) string { return safetext.Plain(w.String()) },
		"link":   r.ruleLink,
		"count":  count,
		"status": func(s finding.Status) string { return strings.ReplaceAll(string(s), " ", "-") },

		"evidence":     evidence,
		"undetermined": undetermined,
		"matters":      matters,
		"badge":        badge,
		"waiver":       waiver,
	}).Parse(page)
	if err != nil {
		return err
	}
	return t.Execute(w, htmlView(r))
}

// htmlPage is what the template sees.
type htmlPage struct {
	Title, Headline, Totals string
	Bad                     bool
	Verdicts                []tally
	Severities              []tally
	Config                  config
	Tool                    tool
	Incomplete              bool
	Reasons                 []string
	Artifacts               []htmlArtifact
	Findings                []finding.Finding
	Posture                 []htmlPosture
}

type tally struct {
	Name string
	N    int
}

type htmlArtifact struct {
	finding.Artifact
	Groups []htmlGroup
	Open   bool
}

type htmlGroup struct {
	Rule  string
	Path  string // of the artifact
	Shown []finding.Finding
	Left  int
	Fixes []string
}

type htmlPosture struct {
	finding.Posture
	Lists []htmlEvidence
}

type htmlEvidence struct {
	Title, Class string
	Shown        []finding.Evidence
	Left         int
}

func htmlView(r *run) htmlPage {
	sum := normalSummary(r.summary)
	p := htmlPage{
		Title: r.title(), Headline: headline(r), Totals: totals(sum),
		Config: configOf(r.config), Tool: toolOf(r.config),
		Incomplete: sum.Incomplete, Reasons: sum.Reasons, Findings: r.findings,
	}
	p.Bad = sum.Incomplete
	for _, v := range slices.Backward(finding.Verdicts()) { // the worst first, as everywhere on the page
		p.Verdicts = append(p.Verdicts, tally{v.String(), sum.Verdicts[v]})
	}
	for _, s := range finding.Severities() {
		p.Severities = append(p.Severities, tally{s.String(), sum.Severities[s]})
	}
	for _, a := range worstFirst(r.artifacts) {
		p.Bad = p.Bad || !a.Verdict.Passes()
		p.Artifacts = append(p.Artifacts, htmlArtifact{a, htmlGroups(a), !a.Verdict.Passes()})
	}
	for _, s := range r.posture {
		p.Posture = append(p.Posture, htmlPosture{s, evidenceLists(s)})
	}
	return p
}

func htmlGroups(a finding.Artifact) []htmlGroup {
	return each(groupFindings(a.Findings, false), func(g group) htmlGroup {
		fixes := g.fixes
		if g.severity == finding.Info {
			fixes = nil
		}
		return htmlGroup{g.rule, a.Path, g.shown, g.left, fixes}
	})
}

func evidenceLists(p finding.Posture) []htmlEvidence {
	var out []htmlEvidence
	for _, l := range []htmlEvidence{
		{"Implemented", "have", p.Implemented, 0},
		{"Missing", "lack", p.Missing, 0},
	} {
		if len(l.Shown) > 0 {
			l.Shown, l.Left = cut(l.Shown)
			out = append(out, l)
		}
	}
	return out
}

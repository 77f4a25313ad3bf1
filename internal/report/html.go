package report

import (
	"slices"

	"github.com/andiron-dev/andiron/finding"
)

// htmlPage is what is on the page.
type htmlPage struct {
	Title, Headline, Tone string // Tone is the class of the headline
	Totals, Packages      string
	Models                bool // it has something to say about model files
	Verdicts              []tally
	Severities            []tally
	Statuses              []tally // of packages
	Config                config
	Tool                  tool
	Incomplete            bool
	Reasons               []string
	Artifacts             []htmlArtifact
	Tables                []htmlTable
	Unauditable           []blind
	LeftReasons           int // reasons that are left out
	Findings              []finding.Finding
	Posture               []htmlPosture
	Operators             *finding.Operators // that were run
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

// htmlTable is a table of advisories.
type htmlTable struct {
	Title    string
	Versions bool
	Shown    []finding.Finding
	Left     int
	Fixes    []string
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
		Title: r.title(), Headline: headline(r), Totals: totals(sum), Packages: packageTotals(sum),
		Models: aboutModels(r.config.Verb, sum), Config: configOf(r.config), Tool: toolOf(r.config),
		Incomplete: sum.Incomplete, Reasons: sum.Reasons,
	}
	p.Tone, p.Operators = tone(r), sum.Operators
	for _, v := range slices.Backward(finding.Verdicts()) { // the worst first, as everywhere on the page
		p.Verdicts = append(p.Verdicts, tally{v.String(), sum.Verdicts[v]})
	}
	for _, s := range finding.Severities() {
		p.Severities = append(p.Severities, tally{s.String(), sum.Severities[s]})
	}
	for _, a := range worstFirst(r.artifacts) {
		p.Artifacts = append(p.Artifacts, htmlArtifact{a, htmlGroups(a), !a.Verdict.Passes()})
	}
	for _, s := range r.posture {
		p.Posture = append(p.Posture, htmlPosture{s, evidenceLists(s)})
	}
	p.packages(r)
	return p
}

// packages fills in what the page says about dependencies.
func (p *htmlPage) packages(r *run) {
	const most = 200
	var vulnerable, may []finding.Finding
	vulnerable, may, p.Findings = byAdvisory(r.findings)
	for _, t := range []htmlTable{
		{Title: "Vulnerable packages", Versions: true, Shown: vulnerable},
		{Title: "Ranges that may resolve to a vulnerable version", Shown: may},
	} {
		if len(t.Shown) == 0 {
			continue
		}
		t.Fixes = fixes(t.Shown)
		t.Left = max(0, len(t.Shown)-maxPackages)
		t.Shown = t.Shown[:len(t.Shown)-t.Left]
		p.Tables = append(p.Tables, t)
	}
	p.Unauditable, p.LeftReasons = blinds(r.dependencies, most)
	if r.summary.Dependencies == nil {
		return
	}
	for _, s := range statuses() {
		p.Statuses = append(p.Statuses, tally{string(s), r.summary.Dependencies[s]})
	}
}

// tone is how the page shows its headline: good only where everything was looked at
// and all of it is.
func tone(r *run) string {
	by := r.summary.Dependencies
	bad := r.summary.Incomplete || (ran(r) || r.summary.Tensors != nil) && slices.ContainsFunc(r.findings, matters) || by[finding.Vulnerable]+by[finding.MayResolve] > 0 ||
		slices.ContainsFunc(r.artifacts, func(a finding.Artifact) bool { return !a.Verdict.Passes() }) ||
		slices.ContainsFunc(r.findings, func(f finding.Finding) bool { return (f.Package != nil || f.Code != "") && matters(f) })
	switch {
	case bad:
		return "dangerous"
	case by[finding.Unauditable] > 0:
		return "unknown"
	}
	return "safe"
}

// ran is true of a run that made programs run, and found what it did by that.
func ran(r *run) bool { return r.summary.Operators != nil }

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

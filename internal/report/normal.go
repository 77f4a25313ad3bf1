package report

import (
	"maps"
	"slices"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/safetext"
)

// A normal message is what JSON carries: it has no nil slice or map, its findings
// are sorted, its text is valid UTF-8, and it shares nothing with the sender's.

func normalConfig(m finding.Config, opt Options) finding.Config {
	if m.Tool == "" {
		m.Tool = "andiron"
	}
	if m.Version == "" {
		m.Version = opt.Version
	}
	m.Paths = validAll(m.Paths)
	return m
}

func normalArtifact(m finding.Artifact) finding.Artifact {
	m.Path, m.Format = safetext.Valid(m.Path), safetext.Valid(m.Format)
	m.Findings = each(sorted(m.Findings), normalFinding)
	return m
}

func normalFinding(f finding.Finding) finding.Finding {
	f.Message, f.Fix = safetext.Valid(f.Message), safetext.Valid(f.Fix)
	f.Where = normalWhere(f.Where)
	f.Evidence = validAll(f.Evidence)
	if f.Flow != nil {
		f.Flow = each(f.Flow, func(s finding.Step) finding.Step {
			return finding.Step{Where: normalWhere(s.Where), Text: safetext.Valid(s.Text)}
		})
	}
	if f.Edits != nil {
		f.Edits = each(f.Edits, func(e finding.Edit) finding.Edit { e.Text = safetext.Valid(e.Text); return e })
	}
	f.Code, f.Input = safetext.Valid(f.Code), safetext.Valid(f.Input)
	if p := f.Package; p != nil {
		q := normalPackage(*p)
		f.Package = &q
	}
	if a := f.Advisory; a != nil {
		f.Advisory = &finding.Advisory{
			ID: safetext.Valid(a.ID), Aliases: validAll(a.Aliases), Fixed: safetext.Valid(a.Fixed), Class: safetext.Valid(a.Class), Reach: safetext.Valid(a.Reach),
		}
	}
	if w := f.Waived; w != nil {
		f.Waived = &finding.Waiver{
			Rule: safetext.Valid(w.Rule), Owner: safetext.Valid(w.Owner), Reason: safetext.Valid(w.Reason), Expires: safetext.Valid(w.Expires),
		}
	}
	return f
}

func normalWhere(w finding.Where) finding.Where {
	w.Path, w.Member = safetext.Valid(w.Path), safetext.Valid(w.Member)
	return w
}

func normalDependency(d finding.Dependency) finding.Dependency {
	d.Package, d.Status = normalPackage(d.Package), finding.DependencyStatus(safetext.Valid(string(d.Status)))
	d.Reason, d.Requested = safetext.Valid(d.Reason), safetext.Valid(d.Requested)
	d.Advisories = validAll(d.Advisories)
	d.Where = normalWhere(d.Where)
	return d
}

func normalPackage(p finding.Package) finding.Package {
	return finding.Package{Name: safetext.Valid(p.Name), Version: safetext.Valid(p.Version), PURL: safetext.Valid(p.PURL)}
}

func normalPosture(p finding.Posture) finding.Posture {
	p.Threats = append([]finding.Threat{}, p.Threats...)
	p.Implemented = normalEvidence(p.Implemented)
	p.Missing = normalEvidence(p.Missing)
	p.Reason, p.Residual = safetext.Valid(p.Reason), safetext.Valid(p.Residual)
	return p
}

func normalEvidence(es []finding.Evidence) []finding.Evidence {
	return each(es, func(e finding.Evidence) finding.Evidence {
		e.Text, e.Fix, e.Where = safetext.Valid(e.Text), safetext.Valid(e.Fix), normalWhere(e.Where)
		return e
	})
}

// normalSummary names every verdict and severity, and every status where packages were
// looked at, so that a reader need not ask whether a missing one means zero.
func normalSummary(m finding.Summary) finding.Summary {
	verdicts := make(map[finding.Verdict]int)
	for _, v := range finding.Verdicts() {
		verdicts[v] = 0
	}
	severities := make(map[finding.Severity]int)
	for _, s := range finding.Severities() {
		severities[s] = 0
	}
	maps.Copy(verdicts, m.Verdicts)
	maps.Copy(severities, m.Severities)
	m.Verdicts, m.Severities = verdicts, severities
	if m.Dependencies != nil {
		by := make(map[finding.DependencyStatus]int)
		for _, d := range statuses() {
			by[d] = 0
		}
		for d, n := range m.Dependencies {
			by[finding.DependencyStatus(safetext.Valid(string(d)))] = n
		}
		m.Dependencies = by
	}
	m.Database = safetext.Valid(m.Database)
	if m.Tensors != nil {
		t := *m.Tensors
		t.Schema = safetext.Valid(t.Schema)
		m.Tensors = &t
	}
	m.Baseline, m.Trend = normalBaseline(m.Baseline), normalTrend(m.Trend)
	m.Operators = normalOperators(m.Operators)
	m.Reasons = validAll(m.Reasons)
	slices.Sort(m.Reasons)
	return m
}

func normalBaseline(b *finding.Baseline) *finding.Baseline {
	if b == nil {
		return nil
	}
	return &finding.Baseline{Report: safetext.Valid(b.Report), Known: b.Known, New: b.New, Gone: each(sorted(b.Gone), normalFinding)}
}

func normalTrend(t *finding.Trend) *finding.Trend {
	if t == nil {
		return nil
	}
	out := *t
	out.Since, out.Commit = safetext.Valid(t.Since), safetext.Valid(t.Commit)
	out.Strategies = append([]finding.Turn{}, t.Strategies...)
	out.Severities = map[finding.Severity]int{}
	for _, s := range finding.Severities() {
		out.Severities[s] = t.Severities[s]
	}
	return &out
}

func validAll(ss []string) []string { return each(ss, safetext.Valid) }

// each returns f of every element; it is never nil.
func each[T, U any](in []T, f func(T) U) []U {
	out := make([]U, 0, len(in))
	for _, v := range in {
		out = append(out, f(v))
	}
	return out
}

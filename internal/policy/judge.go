package policy

import (
	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

// Judge is a handler that listens to a run and knows its exit code.
type Judge struct {
	policy   Policy
	rules    rule.Catalogue
	verdicts bool

	failed, incomplete, summed bool
}

// NewJudge returns a judge of a run of a verb. For scan and trust check, a verdict
// other than safe and framework fails the run whatever the severities are.
func NewJudge(p Policy, verb string, rules rule.Catalogue) *Judge {
	return &Judge{policy: p, rules: rules, verdicts: verb == "scan" || verb == "trust check"}
}

// Config has no part in the judgement.
func (j *Judge) Config(finding.Config) error { return nil }

// Progress has no part in the judgement.
func (j *Judge) Progress(finding.Progress) error { return nil }

// Dependency has no part in the judgement: what is wrong with a package is a finding.
func (j *Judge) Dependency(finding.Dependency) error { return nil }

// Posture judges a strategy that the policy asks for. What else it says is missing was
// found before.
func (j *Judge) Posture(p finding.Posture) error {
	switch {
	case p.Short() && !j.policy.FailOn.none:
		j.failed = true
	case p.Required != "" && p.Status == finding.Undecided:
		j.incomplete = true
	}
	return nil
}

// Artifact judges one artifact.
func (j *Judge) Artifact(a finding.Artifact) error {
	j.verdict(a.Verdict)
	for _, f := range a.Findings {
		j.one(f)
	}
	return nil
}

// Finding judges what belongs to no artifact as if it were all of one.
func (j *Judge) Finding(f finding.Finding) error {
	j.verdict(Verdict([]finding.Finding{f}, j.rules))
	j.one(f)
	return nil
}

// Summary ends the run; one that never came makes it incomplete.
func (j *Judge) Summary(s finding.Summary) error {
	j.summed = true
	j.incomplete = j.incomplete || s.Incomplete
	return nil
}

// ExitCode is the code of the run so far.
func (j *Judge) ExitCode() int {
	switch {
	case j.failed:
		return ExitFindings
	case j.incomplete || !j.summed:
		return ExitIncomplete
	}
	return ExitClean
}

func (j *Judge) verdict(v finding.Verdict) {
	switch {
	case v == finding.Unreadable:
		j.incomplete = true
	case !v.Passes() && j.verdicts && !j.policy.FailOn.none:
		j.failed = true
	}
}

func (j *Judge) one(f finding.Finding) {
	switch {
	case f.Waived != nil, f.Known && f.Outcome == finding.Present:
	case f.Outcome != finding.Present:
		j.incomplete = true
	case j.policy.FailOn.reached(f.Severity):
		j.failed = true
	}
}

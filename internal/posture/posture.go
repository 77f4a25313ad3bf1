// Package posture says how a project stands on the eight mitigation strategies:
// what each is, what it mitigates, what is in place and what is missing, with
// evidence for both.
//
// It looks at nothing itself. Other rooms look and make findings; this one sorts
// what they found by strategy. A strategy that no room has anything to say about is
// not assessed, and one that is looked at only in part says what was left out: nothing
// here is a guess, and nothing unseen counts as good.
//
// # Security
//
// Paths and messages come from hostile files and go out as they are; reports make
// them safe to read. Paths in commands are quoted for a POSIX shell.
//
// # Limits
//
// One piece of evidence for each artifact, or for each rule in an artifact, so that
// memory is that of the findings.
//
// # Specification
//
// The strategies are those of docs/architecture.md; the shape of the result is
// docs/spec/report-v1.md.
package posture

import (
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
)

// Input is what the rooms found in a project.
type Input struct {
	Root       string // the folder that was audited, as the user named it
	Artifacts  []finding.Artifact
	Findings   []finding.Finding // those that belong to no artifact
	Other      int               // files that are not model files
	Python     int               // of them, files of Python code that were looked at
	Incomplete bool              // something could not be looked at
}

// Assess gives all eight strategies in order.
func Assess(in Input) []finding.Posture {
	var out []finding.Posture
	for _, s := range strategies {
		out = append(out, s.assess(in))
	}
	return out
}

// A room's view of one strategy.
type view struct {
	implemented []finding.Evidence
	missing     []finding.Evidence
	open        []string // what the room did not look at
	reason      string   // why it has nothing to say
}

// assess joins the views of all rooms that look at a strategy.
func (s strategy) assess(in Input) finding.Posture {
	p := finding.Posture{
		Strategy: s.id, Title: s.title, Text: s.text, Threats: slices.Clone(s.threats), Impact: s.impact,
		Implemented: []finding.Evidence{}, Missing: []finding.Evidence{},
	}
	var open, reasons []string
	for _, look := range s.rooms {
		v := look(in)
		p.Implemented = append(p.Implemented, v.implemented...)
		p.Missing = append(p.Missing, v.missing...)
		open = append(open, v.open...)
		if v.reason != "" {
			reasons = append(reasons, v.reason)
		}
	}
	p.Status = status(p, open)
	if p.Status == finding.NotAssessed {
		open = reasons
	}
	if in.Incomplete {
		open = append(open, "the run is incomplete: something could not be looked at")
		if p.Status == finding.Implemented {
			p.Status = finding.Partial
		}
	}
	p.Reason = strings.Join(open, "; ")
	return p
}

// status is no better than what was looked at: with something left open a strategy
// is in place in part at most.
func status(p finding.Posture, open []string) finding.Status {
	switch {
	case len(p.Implemented) == 0 && len(p.Missing) == 0:
		return finding.NotAssessed
	case len(p.Implemented) == 0:
		return finding.Missing
	case len(p.Missing) == 0 && len(open) == 0:
		return finding.Implemented
	}
	return finding.Partial
}

// findings lists those of a strategy that are more than information, from artifacts and
// from elsewhere, by place.
func findings(in Input, s finding.Strategy) []finding.Finding {
	var out []finding.Finding
	keep := func(fs []finding.Finding) {
		for _, f := range fs {
			if f.Strategy == s && matters(f) {
				out = append(out, f)
			}
		}
	}
	for _, a := range in.Artifacts {
		keep(a.Findings)
	}
	keep(in.Findings)
	slices.SortStableFunc(out, finding.Compare)
	return out
}

func matters(f finding.Finding) bool {
	return f.Waived == nil && (f.Severity > finding.Info || f.Outcome == finding.Undetermined)
}

// Package posture says how a project stands on the eight mitigation strategies:
// what each is, what it mitigates, what is in place and what is missing, with
// evidence for both.
//
// It looks at nothing itself. Other rooms look and make findings; this one sorts
// what they found by strategy. A strategy is not applicable only where everything was
// looked at and there is nothing that it is about; it then says what was searched. One
// that could not be looked at is undetermined and names what was not read, and one that
// was looked at in part is in place in part at most: nothing here is a guess, and
// nothing unseen counts as good.
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
	"fmt"
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
	Sources    int               // files that were read for custom operators
	Incomplete bool              // something could not be looked at

	Interrupted bool                                // the run ended before everything was looked at
	Required    map[finding.Strategy]finding.Status // the least that the policy asks for
}

// files is how many files the project has, as they were counted.
func (in *Input) files() string { return count(in.Other+len(in.Artifacts), "file", "files") }

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// Assess gives all eight strategies in order.
func Assess(in Input) []finding.Posture {
	var out []finding.Posture
	for i := range strategies {
		out = append(out, strategies[i].assess(in))
	}
	return out
}

// A room's view of one strategy.
type view struct {
	implemented []finding.Evidence
	missing     []finding.Evidence
	open        []string // what the room did not look at
	reason      string   // why it cannot say anything
	searched    string   // where it searched, and found nothing that the strategy is about
}

// assess joins the views of all rooms that look at a strategy.
func (s *strategy) assess(in Input) finding.Posture {
	p := finding.Posture{
		Strategy: s.id, Title: s.title, Text: s.text, Threats: slices.Clone(s.threats), Impact: s.impact,
		Required: in.Required[s.id], Implemented: []finding.Evidence{}, Missing: []finding.Evidence{},
	}
	var open, reasons, searched []string
	for _, look := range s.rooms {
		v := look(in)
		p.Implemented = append(p.Implemented, v.implemented...)
		p.Missing = append(p.Missing, v.missing...)
		open = append(open, v.open...)
		if v.reason != "" {
			reasons = append(reasons, v.reason)
		}
		if v.searched != "" {
			searched = append(searched, v.searched)
		}
	}
	if unread := in.unread(s.id); unread != "" {
		open, reasons = append(open, unread), append(reasons, unread)
	}
	p.Status = status(p, len(open) > 0, len(reasons) > 0)
	switch p.Status {
	case finding.Undecided:
		open = reasons
	case finding.NotApplicable:
		open = searched
	case finding.Implemented, finding.Partial, finding.Missing:
	}
	slices.Sort(open)
	p.Reason = strings.Join(slices.Compact(open), "; ")
	p.Residual = s.remains(p)
	return p
}

// status is no better than what was looked at: with something left open a strategy
// is in place in part at most, and what nobody could look at is neither missing nor
// without a subject.
func status(p finding.Posture, open, blind bool) finding.Status {
	unsure := slices.ContainsFunc(p.Missing, isUnsure)
	missing := slices.ContainsFunc(p.Missing, func(e finding.Evidence) bool { return !isUnsure(e) })
	switch {
	case len(p.Implemented) == 0 && missing:
		return finding.Missing
	case len(p.Implemented) == 0 && (blind || unsure):
		return finding.Undecided
	case len(p.Implemented) == 0:
		return finding.NotApplicable
	case len(p.Missing) == 0 && !open:
		return finding.Implemented
	}
	return finding.Partial
}

// unsure begins the text of what could not be looked at.
const unsure = "undetermined: "

func isUnsure(e finding.Evidence) bool { return strings.HasPrefix(e.Text, unsure) }

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

// Package policy judges: it turns findings into a verdict on an artifact and a
// run into an exit code. It is pure: no clock, no files, no network.
//
// # Security
//
// What the policy does not know counts as not looked at: a finding of a rule that
// is not in the catalogue makes an artifact unreadable, never safe. A run without
// a summary is incomplete. The zero Policy is the default one, and the strictest
// that needs no settings.
//
// # Limits
//
// A policy file of more than 1 MiB is refused.
//
// # Specification
//
// docs/spec/policy-v1.md describes andiron.yaml; the exit codes are those of every
// verb: 0 clean, 1 findings at or above the level, 2 usage, 3 incomplete.
package policy

import (
	"fmt"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/allowance"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/internal/source"
	"github.com/andiron-dev/andiron/internal/supply"
	"github.com/andiron-dev/andiron/internal/waiver"
)

// The exit codes, the same for every verb and format.
const (
	ExitClean      = 0
	ExitFindings   = 1
	ExitUsage      = 2
	ExitIncomplete = 3
)

// Policy is what a project asks for. The zero value is the default.
type Policy struct {
	FailOn  Level
	Limits  Limits
	Sources source.Policy
	Waivers []waiver.Waiver
	Supply  supply.Policy
	// CodeRules say what counts of the findings in Python code; of those that match the
	// last decides.
	CodeRules []CodeRule
	Sandbox   allowance.Policy
	Exec      Exec
	Required  map[finding.Strategy]finding.Status // the least that is asked of strategies
}

// Limits are the most that looking at one artifact may take; zero means the
// default of the part that has the limit.
type Limits struct {
	MaxDepth    int   // containers within containers
	MaxInflated int64 // bytes that come out of compressed data
	MaxValues   int64 // values that one pickle makes
}

// Level is the mildest severity that fails a run. The zero value is high.
type Level struct {
	set  bool
	none bool
	at   finding.Severity
}

// ParseLevel reads critical, high, medium, low or none.
func ParseLevel(s string) (Level, error) {
	if s == "none" {
		return Level{set: true, none: true}, nil
	}
	var sev finding.Severity
	if err := sev.UnmarshalText([]byte(s)); err != nil || sev == finding.Info {
		return Level{}, fmt.Errorf("fail level %q is not one of %s", s, strings.Join(Levels(), ", "))
	}
	return Level{set: true, at: sev}, nil
}

// Levels lists what ParseLevel reads.
func Levels() []string { return []string{"critical", "high", "medium", "low", "none"} }

func (l Level) String() string {
	switch {
	case l.none:
		return "none"
	case l.set:
		return l.at.String()
	}
	return finding.High.String()
}

// reached reports whether a finding that is present fails the run.
func (l Level) reached(s finding.Severity) bool {
	if l.none {
		return false
	}
	if !l.set {
		return s >= finding.High
	}
	return s >= l.at
}

// Verdict judges an artifact by the worst of what was found in it and nobody
// answers for.
func Verdict(findings []finding.Finding, rules rule.Catalogue) finding.Verdict {
	worst := finding.Safe
	for _, f := range findings {
		if f.Waived != nil {
			continue
		}
		v := finding.Unreadable
		if r := rules.Find(f.Rule); r != nil && f.Outcome == finding.Present {
			v = r.Verdict
		}
		worst = max(worst, v)
	}
	return worst
}

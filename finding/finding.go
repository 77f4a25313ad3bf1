// Package finding holds what andiron says: findings, where they are, and the
// stream of messages that carries them to reports, stores and exit codes.
//
// A finding is plain data; making one cannot fail. Facts come before it (the
// readers make those), judgement comes after it (the policy makes that).
package finding

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Finding is one thing that is true of one place.
type Finding struct {
	Rule     string   `json:"rule"`     // PKL001; explained by andiron rules PKL001
	Strategy Strategy `json:"strategy"` // which of the eight it belongs to
	Severity Severity `json:"severity"`
	Outcome  Outcome  `json:"outcome"`
	Message  string   `json:"message"` // one sentence that reads well alone, no final period
	Where    Where    `json:"where"`
	Evidence []string `json:"evidence"` // how we know, in order
	Fix      string   `json:"fix"`
	// Flow is how something comes here, step by step: where it comes from first, and
	// what is done with it last.
	Flow []Step `json:"flow,omitempty"`
	// Edits put it right, all together and without changing what else stands in the file.
	Edits []Edit `json:"edits,omitempty"`
	// Package and Advisory are set where a finding is about a dependency.
	Package  *Package  `json:"package,omitempty"`
	Advisory *Advisory `json:"advisory,omitempty"`
	// Code and Input are set where a finding is about tensors: which check, and which
	// tensor, where it is about one.
	Code  string `json:"code,omitempty"`
	Input string `json:"input,omitempty"`
	// Waived says who answers for this. A waived finding stays visible and counts
	// neither for a verdict nor for an exit code.
	Waived *Waiver `json:"waived,omitempty"`
	// Known says that the report that the run was compared with has it as well. It stays
	// visible, and counts for a verdict, but for no exit code.
	Known bool `json:"known,omitempty"`
}

// Step is a place that something passes on its way.
type Step struct {
	Where Where  `json:"where"`
	Text  string `json:"text"` // what happens there, or the source itself
}

// Edit replaces a part of the file that a finding is in; an empty part is an insertion.
// Lines and columns are from 1, columns in characters; the end is the place behind the part.
type Edit struct {
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"end_line"`
	EndColumn int    `json:"end_column"`
	Text      string `json:"text"`
}

// Waiver is an exception: somebody answers for a finding, until a day.
type Waiver struct {
	Rule    string `json:"rule"`
	Owner   string `json:"owner"`
	Reason  string `json:"reason"`
	Expires string `json:"expires"` // the last day on which it counts, 2027-01-31
}

// Package is a package that a project depends on.
type Package struct {
	Name    string `json:"name"`    // normalised as in PEP 503
	Version string `json:"version"` // empty where a range is asked for
	PURL    string `json:"purl"`
}

// Advisory is a published vulnerability of a package.
type Advisory struct {
	ID      string   `json:"id"`
	Aliases []string `json:"aliases"`         // other names of it, sorted
	Fixed   string   `json:"fixed"`           // the lowest version without it; empty where there is none
	Class   string   `json:"class,omitempty"` // what goes wrong, "memory-safety"
	Reach   string   `json:"reach,omitempty"` // what it takes: a "file", the program's own "code", the "network", to "install" it
}

// Compare orders findings by place, then rule, then text, so that output is the
// same between runs.
func Compare(a, b Finding) int {
	return cmp.Or(
		a.Where.compare(b.Where),
		cmp.Compare(b.Severity, a.Severity),
		cmp.Compare(a.Rule, b.Rule),
		cmp.Compare(a.Message, b.Message),
		slices.Compare(a.Evidence, b.Evidence),
	)
}

// Where is a place: model.pt!archive/data.pkl@0x1f or train.py:12:5.
type Where struct {
	Path   string `json:"path"`             // slash-separated, as the user named it
	Member string `json:"member,omitempty"` // inside of an archive; "!" between levels
	Offset *int64 `json:"offset,omitempty"` // bytes from the start of the member or file
	Line   int    `json:"line,omitempty"`   // from 1
	Column int    `json:"column,omitempty"` // from 1
}

// In returns the place of a member of w.
func (w Where) In(member string) Where {
	m := member
	if w.Member != "" {
		m = w.Member + "!" + member
	}
	return Where{Path: w.Path, Member: m}
}

// At returns w at a byte offset.
func (w Where) At(offset int64) Where {
	w.Offset = &offset
	return w
}

// Line1 returns w at a line and column, both from 1.
func (w Where) Line1(line, column int) Where {
	w.Line, w.Column = line, column
	return w
}

func (w Where) String() string {
	var b strings.Builder
	b.WriteString(w.Path)
	if w.Member != "" {
		b.WriteString("!" + w.Member)
	}
	if w.Offset != nil {
		fmt.Fprintf(&b, "@%#x", *w.Offset)
	}
	if w.Line > 0 {
		b.WriteString(":" + strconv.Itoa(w.Line))
		if w.Column > 0 {
			b.WriteString(":" + strconv.Itoa(w.Column))
		}
	}
	return b.String()
}

func (w Where) compare(v Where) int {
	off := func(p *int64) int64 {
		if p == nil {
			return -1
		}
		return *p
	}
	return cmp.Or(
		cmp.Compare(w.Path, v.Path),
		cmp.Compare(w.Member, v.Member),
		cmp.Compare(w.Line, v.Line),
		cmp.Compare(w.Column, v.Column),
		cmp.Compare(off(w.Offset), off(v.Offset)),
	)
}

// Outcome says whether a thing was seen, or could not be looked at.
type Outcome string

// The outcomes.
const (
	Present      Outcome = "present"
	Undetermined Outcome = "undetermined"
)

// Severity is how bad a finding is. The zero value is Info.
type Severity int

// The severities, mildest first.
const (
	Info Severity = iota
	Low
	Medium
	High
	Critical
)

var severityNames = []string{"info", "low", "medium", "high", "critical"}

// Severities lists all of them, worst first.
func Severities() []Severity { return []Severity{Critical, High, Medium, Low, Info} }

func (s Severity) String() string { return name(severityNames, int(s)) }

// MarshalText gives the name.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a name.
func (s *Severity) UnmarshalText(b []byte) error {
	return parse(severityNames, (*int)(s), "severity", b)
}

// Verdict is what a model artifact is judged to be, by policy, from findings.
type Verdict int

// The verdicts, from best to worst. A worse one outranks a better one.
const (
	Safe       Verdict = iota // proved: only what the contracts allow, every byte accounted for
	Framework                 // runs the code of named, reviewed packages only
	Unknown                   // calls something nobody has reviewed
	Unreadable                // broken, over a limit, or not supported
	Suspicious                // evidence of intent, short of proof
	Dangerous                 // loading it does harm
)

var verdictNames = []string{"safe", "framework", "unknown", "unreadable", "suspicious", "dangerous"}

// Verdicts lists all of them, best first.
func Verdicts() []Verdict {
	return []Verdict{Safe, Framework, Unknown, Unreadable, Suspicious, Dangerous}
}

func (v Verdict) String() string { return name(verdictNames, int(v)) }

// Passes reports whether the default policy lets the verdict pass.
func (v Verdict) Passes() bool { return v == Safe || v == Framework }

// MarshalText gives the name.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads a name.
func (v *Verdict) UnmarshalText(b []byte) error { return parse(verdictNames, (*int)(v), "verdict", b) }

func name(names []string, i int) string {
	if i < 0 || i >= len(names) {
		return "invalid(" + strconv.Itoa(i) + ")"
	}
	return names[i]
}

func parse(names []string, p *int, what string, b []byte) error {
	i := slices.Index(names, string(b))
	if i < 0 {
		return fmt.Errorf("%s %q is not one of %s", what, b, strings.Join(names, ", "))
	}
	*p = i
	return nil
}

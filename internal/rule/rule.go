// Package rule holds the shape of a rule and the catalogue made of rules.
//
// A rule is a literal beside its check. Its id is never used again for another
// meaning; help, the website and SARIF are made from it.
package rule

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
)

// Rule says what a check looks for and what to do about it.
type Rule struct {
	ID       string
	Title    string // a short noun phrase
	Strategy finding.Strategy
	Severity finding.Severity
	// Verdict is what a finding of this rule raises a model artifact to. Safe
	// leaves it as it is; an undetermined finding raises it to Unreadable.
	Verdict finding.Verdict
	Text    string // what it means and why it matters; paragraphs split by blank lines
	Fix     string // what to do, one sentence
	Since   string // the release that brought it
	Refs    []string
}

// Finding makes a finding of this rule.
func (r *Rule) Finding(where finding.Where, message string, evidence ...string) finding.Finding {
	return finding.Finding{
		Rule:     r.ID,
		Strategy: r.Strategy,
		Severity: r.Severity,
		Outcome:  finding.Present,
		Message:  message,
		Where:    where,
		Evidence: evidence,
		Fix:      r.Fix,
	}
}

// Undetermined makes a finding that says this could not be looked at.
func (r *Rule) Undetermined(where finding.Where, message string, evidence ...string) finding.Finding {
	f := r.Finding(where, message, evidence...)
	f.Outcome = finding.Undetermined
	return f
}

// Catalogue is a set of rules, in order of id.
type Catalogue []*Rule

// prefixes are those of all ids; three digits follow.
const prefixes = " PKL ZIP TAR NPY TS PT2 ST GGUF ONNX HF FMT TRC DEP PIN UPD PY OPS TRU TEN "

func isID(s string) bool {
	n := len(s) - 3
	if n < 1 || strings.Trim(s[n:], "0123456789") != "" || strings.Contains(s, " ") {
		return false
	}
	return strings.Contains(prefixes, " "+s[:n]+" ")
}

// NewCatalogue joins the rooms' lists. A rule that is incomplete or whose id
// stands twice is a fault of ours.
func NewCatalogue(lists ...[]*Rule) (Catalogue, error) {
	c := Catalogue(slices.Concat(lists...))
	slices.SortFunc(c, func(a, b *Rule) int { return cmp.Compare(a.ID, b.ID) })
	for i, r := range c {
		if !isID(r.ID) {
			return nil, fmt.Errorf("rule %q: the id is not of the form ABC123", r.ID)
		}
		if i > 0 && c[i-1].ID == r.ID {
			return nil, fmt.Errorf("rule %q: the id stands twice", r.ID)
		}
		if r.Title == "" || r.Text == "" || r.Fix == "" || r.Since == "" || r.Strategy == "" {
			return nil, fmt.Errorf("rule %q: title, text, fix, since or strategy is empty", r.ID)
		}
	}
	return c, nil
}

// Find returns the rule with an id, or nil.
func (c Catalogue) Find(id string) *Rule {
	i, ok := slices.BinarySearchFunc(c, id, func(r *Rule, id string) int { return cmp.Compare(r.ID, id) })
	if !ok {
		return nil
	}
	return c[i]
}

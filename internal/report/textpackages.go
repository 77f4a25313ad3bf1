package report

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/safetext"
)

// packageFinding holds a finding about a package until one about another comes, so
// that each package is one block.
func (t *text) packageFinding(f finding.Finding) error {
	if len(t.held) > 0 && !samePackage(t.held[0], f) {
		t.release()
	}
	t.held = append(t.held, f)
	return t.flush()
}

// release writes the block that is held: the package and where it is asked for, its
// findings, the worst first, then what to do.
func (t *text) release() {
	fs := t.held
	t.held = nil
	if len(fs) == 0 {
		return
	}
	t.heading("Dependencies")
	t.apart(true)
	slices.SortStableFunc(fs, worstPackage)
	shown := fs[:min(len(fs), perPackage)]
	t.name(fs[0])
	for _, f := range shown {
		t.advisory(f)
	}
	if n := len(fs) - len(shown); n > 0 {
		fmt.Fprintf(&t.b, "%11s… %d more; --format json lists all of them\n", "", n)
	}
	for _, fix := range fixes(fs) {
		t.item("fix: ", brief(fix, maxMessage), 2)
	}
}

func (t *text) name(f finding.Finding) {
	words := split(packageName(*f.Package))
	col := utf8.RuneCountInString(words[0])
	t.b.WriteString(t.paint(bold, words[0]))
	words[0] = "" // it is written
	if at := safetext.Plain(f.Where.String()); at != "" {
		words = append(words, "("+at+")")
	}
	t.fill(t.opt.Width, col, 4, words)
}

// advisory writes one finding of a package: severity, id, class, fixed version and
// message; then, dim, its rule and other names. One without an advisory has its rule
// in place of the id.
func (t *text) advisory(f finding.Finding) {
	const indent, hang = 2, 11
	fmt.Fprintf(&t.b, "%*s%s ", indent, "", t.paint(badgeColor(f), fmt.Sprintf("%-8s", badge(f))))
	words := []string{safetext.Plain(f.Rule) + ":"}
	also := ""
	if a := f.Advisory; a != nil {
		what := fixedIn(*a)
		if class := class(*a); class != "" {
			what = class + "; " + what
		}
		// The block says which package it is.
		f.Message = strings.TrimPrefix(f.Message, packageName(*f.Package)+" has "+a.ID+": ")
		words = append([]string{brief(a.ID, maxName)}, split("("+what+"):")...)
		also = "rule " + safetext.Plain(f.Rule)
		if names := aliases(*a); names != "" {
			also += "; also " + names
		}
	}
	t.fill(t.opt.Width, hang, hang, append(words, split(undetermined(f)+brief(f.Message, maxMessage))...))
	if also != "" {
		t.faint(also, hang)
	}
	if w := waiver(f); w != "" {
		t.item("- ", w, hang)
	}
	if !matters(f) {
		return
	}
	for _, e := range evidence(f) {
		t.item("- ", e, hang)
	}
}

// faint writes a line that few read.
func (t *text) faint(s string, indent int) {
	fmt.Fprintf(&t.b, "%*s", indent, "")
	start := t.b.Len()
	t.fill(t.opt.Width, indent, indent, split(s))
	lines := strings.TrimSuffix(string(t.b.Bytes()[start:]), "\n")
	t.b.Truncate(start)
	t.b.WriteString(t.paint(dim, lines) + "\n") // painted last, so that the colour has no width
}

// Dependency keeps what nobody could look at for the list at the end. A vulnerable
// package has findings, and a clean one is a number in the summary.
func (t *text) Dependency(d finding.Dependency) error {
	t.release()
	if d.Status == finding.Unauditable && !t.opt.Quiet {
		t.blind = append(t.blind, d)
	}
	return t.flush()
}

// unauditable writes one line for each reason, with the packages that it is true of.
func (t *text) unauditable() {
	list, left := blinds(t.blind, perReason)
	t.blind = nil
	if len(list) == 0 {
		return
	}
	const title = "Unauditable packages"
	t.heading(title)
	t.apart(true)
	if t.verb != "audit" {
		fmt.Fprintf(&t.b, "%s\n", t.paint(bold, title))
	}
	t.loose = false
	for _, b := range list {
		names := strings.Join(b.Names, ", ")
		if b.Left > 0 {
			names += fmt.Sprintf(" and %d more", b.Left)
		}
		t.b.WriteString("  ")
		t.fill(t.opt.Width, 2, 4, split(names+": "+b.Reason))
	}
	if left > 0 {
		fmt.Fprintf(&t.b, "  … %s; --format json lists all of them\n", count(left, "more reason", "more reasons"))
	}
}

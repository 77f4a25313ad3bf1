package report

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/safetext"
)

// text writes for a person at a terminal, as the run goes.
type text struct {
	w       io.Writer
	opt     Options
	verb    string
	last    string // the last heading of an audit
	below   bool   // something stands above, in the same part
	tall    bool   // and it has findings that matter
	loose   bool   // a finding without an artifact was written
	written bool
	held    []finding.Finding      // of one package, whose block is not written yet
	blind   []finding.Dependency   // what nobody could look at
	states  map[finding.Status]int // of the strategies
	b       bytes.Buffer           // what is written at the end of each message
}

func newText(w io.Writer, opt Options) *text {
	return &text{w: w, opt: opt, states: map[finding.Status]int{}}
}

func (t *text) Config(m finding.Config) error {
	t.verb = m.Verb
	return nil
}

func (t *text) Progress(finding.Progress) error { return nil }

func (t *text) Artifact(a finding.Artifact) error {
	t.release()
	groups := groupFindings(a.Findings, t.opt.Quiet)
	if t.opt.Quiet && a.Verdict.Passes() && len(groups) == 0 {
		return t.flush()
	}
	t.heading("Model files")
	t.apart(slices.ContainsFunc(a.Findings, matters))
	name := strings.ToUpper(a.Verdict.String())
	fmt.Fprintf(&t.b, "%s  ", t.paint(verdictColor(a.Verdict), fmt.Sprintf("%-10s", name)))
	words := []string{safetext.Plain(a.Path), " (" + about(a) + ")"}
	if what, sum, ok := strings.Cut(words[1], ", sha256 "); ok { // the longest part may go on a line of its own
		words = append(words[:1], what+",", "sha256 "+sum)
	}
	t.fill(t.opt.Width, 12, 4, words)
	for _, g := range groups {
		t.group(g, a.Path)
	}
	return t.flush()
}

func (t *text) Finding(f finding.Finding) error {
	if t.opt.Quiet && !matters(f) {
		return nil
	}
	if f.Package != nil {
		return t.packageFinding(f)
	}
	t.release()
	t.heading("Other findings")
	t.apart(!t.loose) // from the artifacts
	t.loose, t.tall = true, false
	t.finding(f, "", 0, 0)
	if matters(f) {
		t.fix(f.Fix, 0)
	}
	return t.flush()
}

// group writes the findings of one rule, then how to fix them.
func (t *text) group(g group, path string) {
	places := map[string]int{} // of what is only information: it is said once, at its first place
	for _, f := range g.shown {
		if !matters(f) && !isWaived(f) {
			places[f.Message]++
		}
	}
	for _, f := range g.shown {
		if matters(f) || isWaived(f) {
			t.finding(f, path, 2, 0)
		} else if n := places[f.Message]; n > 0 {
			t.finding(f, path, 2, n-1)
			places[f.Message] = 0
		}
	}
	if g.left > 0 {
		fmt.Fprintf(&t.b, "%11s… %d more of %s; --format json lists all of them\n", "", g.left, safetext.Plain(g.rule))
	}
	if g.severity > finding.Info {
		for _, fix := range g.fixes {
			t.fix(fix, 2)
		}
	}
}

// finding writes one finding: severity, rule, place, message, then how we know.
// Information takes no more than that; more is in how many other places it is true.
func (t *text) finding(f finding.Finding, path string, indent, more int) {
	hang := indent + 9
	fmt.Fprintf(&t.b, "%*s%s ", indent, "", t.paint(badgeColor(f), fmt.Sprintf("%-8s", badge(f))))
	words := []string{safetext.Plain(f.Rule)}
	at := place(f.Where, path)
	switch {
	case at != "" && more > 0:
		words = append(words, at, "and", count(more, "more place:", "more places:"))
	case at != "":
		words = append(words, at+":")
	}
	t.fill(t.opt.Width, hang, hang, append(words, split(undetermined(f)+brief(f.Message, maxMessage))...))
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

func (t *text) fix(fix string, indent int) {
	if fix != "" {
		t.item("fix: ", brief(fix, maxMessage), indent+9)
	}
}

// item writes a line under what it belongs to. The mark is dim, and what does not
// fit on the line goes on right of it.
func (t *text) item(mark, s string, indent int) {
	fmt.Fprintf(&t.b, "%*s%s ", indent, "", t.paint(dim, strings.TrimSpace(mark)))
	hang := indent + len(mark)
	t.fill(t.opt.Width, hang, hang, split(s))
}

// Posture writes one strategy. Quiet leaves out those with nothing missing.
func (t *text) Posture(p finding.Posture) error {
	t.release()
	t.unauditable()
	t.states[p.Status]++
	if t.opt.Quiet && len(p.Missing) == 0 && !p.Short() {
		return t.flush()
	}
	t.heading("Posture")
	fmt.Fprintf(&t.b, "\n%s: %s\n", t.paint(bold, safetext.Plain(p.Title)), t.paint(statusColor(p.Status), safetext.Plain(string(p.Status))))
	if line := short(p); line != "" {
		t.prose(line)
	}
	if p.Reason != "" {
		t.prose(p.Reason)
	}
	t.prose(p.Text)
	t.item("mitigates: ", threats(p), 2)
	t.prose("impact: " + p.Impact)
	t.evidence("implemented", "+", p.Implemented)
	t.evidence("missing", "-", p.Missing)
	if p.Residual != "" {
		t.prose("remains: " + p.Residual)
	}
	return t.flush()
}

func (t *text) evidence(title, mark string, es []finding.Evidence) {
	if len(es) == 0 {
		return
	}
	fmt.Fprintf(&t.b, "  %s\n", title)
	shown, left := cut(es)
	for _, e := range shown {
		var at []string
		if w := safetext.Plain(e.Where.String()); w != "" {
			at = []string{w + ":"}
		}
		fmt.Fprintf(&t.b, "    %s ", mark)
		t.fill(t.opt.Width, 6, 6, append(at, split(brief(e.Text, maxMessage))...))
		if e.Fix != "" {
			t.item("fix: ", brief(e.Fix, maxMessage), 6)
		}
	}
	if left > 0 {
		fmt.Fprintf(&t.b, "    … %d more; --format json lists all of them\n", left)
	}
}

// compared says what became of an earlier report, and what changed since the last audit.
func (t *text) compared(s finding.Summary) {
	if b := s.Baseline; b != nil {
		t.fill(t.opt.Width, 0, 2, split(baselineTotals(s)))
		for _, f := range b.Gone[:min(len(b.Gone), mostGone)] {
			t.item("gone: ", goneLine(f), 2)
		}
		if n := len(b.Gone) - mostGone; n > 0 {
			fmt.Fprintf(&t.b, "  … %d more; --format json lists all of them\n", n)
		}
	}
	if s.Trend != nil {
		t.fill(t.opt.Width, 0, 2, split(trendHead(*s.Trend)))
		for _, line := range trendLines(s) {
			t.b.WriteString("  ")
			t.fill(t.opt.Width, 2, 4, split(line))
		}
	}
}

// Summary ends the report. Quiet says only what could not be looked at.
func (t *text) Summary(s finding.Summary) error {
	s = normalSummary(s)
	t.release()
	t.unauditable()
	if s.Operators != nil && !t.opt.Quiet {
		t.operators(s.Operators)
	}
	if (t.written || t.b.Len() > 0) && (!t.opt.Quiet || s.Incomplete) {
		t.b.WriteByte('\n')
	}
	if !t.opt.Quiet {
		if aboutModels(t.verb, s) {
			t.fill(t.opt.Width, 0, 2, split(totals(s)))
		}
		if line := packageTotals(s) + noneScanned(t.verb, s); line != "" {
			t.fill(t.opt.Width, 0, 2, split(line))
		}
		if line := severityTotals(s); line != "" {
			fmt.Fprintf(&t.b, "findings: %s\n", line)
		}
		if line := t.stateTotals(); line != "" {
			fmt.Fprintf(&t.b, "strategies: %s\n", line)
		}
		t.compared(s)
	}
	if s.Incomplete {
		fmt.Fprintf(&t.b, "%s\n", t.paint(yellow, "incomplete: not everything could be looked at"))
		for _, r := range s.Reasons {
			t.b.WriteString("  ")
			t.fill(t.opt.Width, 2, 4, split(brief(r, maxMessage)))
		}
	}
	return t.flush()
}

// heading starts a part of an audit; a scan has none.
func (t *text) heading(name string) {
	if t.verb != "audit" || t.last == name {
		return
	}
	if t.last != "" {
		t.b.WriteByte('\n')
	}
	t.last, t.below = name, false
	fmt.Fprintf(&t.b, "%s\n", t.paint(bold, name))
}

// apart leaves a blank line around an artifact that needs attention, so that the
// eye finds it among those that do not.
func (t *text) apart(tall bool) {
	if t.below && (t.tall || tall) {
		t.b.WriteByte('\n')
	}
	t.below, t.tall = true, tall
}

func (t *text) flush() error {
	if t.b.Len() == 0 {
		return nil
	}
	t.written = true
	_, err := t.w.Write(t.b.Bytes())
	t.b.Reset()
	return err
}

// prose writes a paragraph, broken where it is best read.
func (t *text) prose(s string) {
	const widest = 88
	width := widest
	if t.opt.Width > 0 {
		width = min(width, t.opt.Width)
	}
	t.b.WriteString("  ")
	t.fill(width, 2, 2, strings.Fields(safetext.Plain(s)))
}

// fill writes words and a newline. The line has col columns already; a word that
// would not fit into width goes on the next line, at column hang. A word is never
// cut, because people copy paths; width 0 breaks no line.
func (t *text) fill(width, col, hang int, words []string) {
	const narrowest = 40 // under that, breaking lines helps nobody
	width = max(width, min(width, 1)*narrowest)
	for i, w := range words {
		n := utf8.RuneCountInString(w)
		switch {
		case i == 0:
		case width > 0 && col+1+n > width:
			w = strings.TrimLeft(w, " ")
			fmt.Fprintf(&t.b, "\n%*s", hang, "")
			col = hang
		default:
			t.b.WriteByte(' ')
			col++
		}
		t.b.WriteString(w)
		col += n
	}
	t.b.WriteByte('\n')
}

// split keeps runs of spaces, which a quoted name may have.
func split(s string) []string { return strings.Split(s, " ") }

// A color is what stands between ESC [ and m.
type color string

const (
	none    color = ""
	bold    color = "1"
	dim     color = "2"
	boldRed color = "1;31"
	red     color = "31"
	green   color = "32"
	yellow  color = "33"
	magenta color = "35"
	cyan    color = "36"
)

func (t *text) paint(c color, s string) string {
	if !t.opt.Color || c == none {
		return s
	}
	return "\x1b[" + string(c) + "m" + s + "\x1b[0m"
}

func badgeColor(f finding.Finding) color {
	if isWaived(f) {
		return dim
	}
	return severityColor(f.Severity)
}

func severityColor(s finding.Severity) color {
	switch s {
	case finding.Critical:
		return boldRed
	case finding.High:
		return red
	case finding.Medium:
		return yellow
	case finding.Low:
		return cyan
	case finding.Info:
	}
	return dim
}

func verdictColor(v finding.Verdict) color {
	switch v {
	case finding.Safe, finding.Framework:
		return green
	case finding.Unreadable:
		return magenta
	case finding.Suspicious:
		return red
	case finding.Dangerous:
		return boldRed
	case finding.Unknown:
	}
	return yellow
}

func statusColor(s finding.Status) color {
	switch s {
	case finding.Implemented:
		return green
	case finding.Partial:
		return yellow
	case finding.Missing:
		return red
	case finding.Undecided, finding.NotApplicable:
	}
	return dim
}

func threats(p finding.Posture) string {
	var out []string
	for _, h := range p.Threats {
		out = append(out, safetext.Plain(h.Name)+" ("+h.Severity.String()+")")
	}
	return strings.Join(out, ", ")
}

// about says what an artifact is: "torch-zip, 1.2 KiB".
func about(a finding.Artifact) string {
	format := safetext.Plain(a.Format)
	if format == "" {
		format = "unknown format"
	}
	s := format + ", " + size(a.Size)
	if a.SHA256 != "" {
		s += ", sha256 " + safetext.Plain(a.SHA256)
	}
	return s
}

func undetermined(f finding.Finding) string {
	switch {
	case f.Outcome == finding.Undetermined:
		return "undetermined: "
	case f.Known:
		return "known: "
	}
	return ""
}

// totals writes "5 artifacts: 2 safe, 1 dangerous; 12 other files are not models".
func totals(s finding.Summary) string {
	out := count(s.Artifacts, "artifact", "artifacts")
	if s.Artifacts == 0 {
		out = "no model artifacts"
	}
	var parts []string
	for _, v := range finding.Verdicts() {
		if n := s.Verdicts[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	if len(parts) > 0 {
		out += ": " + strings.Join(parts, ", ")
	}
	if s.Other > 0 {
		out += "; " + count(s.Other, "other file is not a model", "other files are not models")
	}
	return out
}

func (t *text) stateTotals() string {
	var parts []string
	for _, s := range finding.Statuses() {
		if n := t.states[s]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, s))
		}
	}
	return strings.Join(parts, ", ")
}

func severityTotals(s finding.Summary) string {
	var parts []string
	for _, v := range finding.Severities() {
		if n := s.Severities[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	if s.Waived > 0 {
		parts = append(parts, fmt.Sprintf("%d waived", s.Waived))
	}
	return strings.Join(parts, ", ")
}

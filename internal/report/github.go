package report

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/safetext"
)

// maxNotices leaves room for the closing one: GitHub Actions shows the first ten
// annotations of each kind of a step, and keeps all of them in its log.
const maxNotices = 9

// writeGitHub writes workflow commands of GitHub Actions, which makes annotations of
// them: errors first, then warnings, then notices, each kind worst first. What is
// only information is left out. The last line is a notice with the totals.
//
// The form is that of the Actions toolkit, packages/core/src/command.ts:
// ::error file=a.txt,line=1,title=t::message.
func writeGitHub(w io.Writer, r *run) error {
	cs := r.commands()
	if r.summary.Incomplete {
		cs = append(cs, command{kind: warningKind, rank: finding.Critical + 1, title: "incomplete", text: incomplete(r.summary)})
	}
	slices.SortStableFunc(cs, func(a, b command) int {
		return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(b.rank, a.rank))
	})
	notices := slices.IndexFunc(cs, func(c command) bool { return c.kind == noticeKind })
	left := 0
	if notices >= 0 {
		left = max(0, len(cs)-notices-maxNotices)
		cs = cs[:len(cs)-left]
	}
	cs = append(cs, command{kind: noticeKind, title: r.title(), text: r.closing(left)})
	var b strings.Builder
	for _, c := range cs {
		b.WriteString(c.String())
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// kind is the name of a command. They sort as they are written.
type kind int

const (
	errorKind kind = iota
	warningKind
	noticeKind
)

// command is one annotation. Its texts are plain already; only text may hold
// newlines.
type command struct {
	kind         kind
	rank         finding.Severity // the worst of a kind comes first
	file         string           // as it is
	line, column int
	title, text  string
}

func (c command) String() string {
	var properties []string
	add := func(name, value string) {
		if value != "" {
			properties = append(properties, name+"="+escapeProperty(value))
		}
	}
	add("file", safetext.Plain(c.file))
	if c.file != "" && c.line > 0 {
		add("line", strconv.Itoa(c.line))
		if c.column > 0 {
			add("col", strconv.Itoa(c.column))
		}
	}
	add("title", c.title)
	name := [...]string{"error", "warning", "notice"}[c.kind]
	if len(properties) > 0 {
		name += " " + strings.Join(properties, ",")
	}
	return "::" + name + "::" + escapeData(c.text) + "\n"
}

// escapeData writes a message, which ends with its line.
func escapeData(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

// escapeProperty writes a value between the command's name and its message, where a
// colon could end the command and a comma the value.
func escapeProperty(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}

// commands are those of what was found.
func (r *run) commands() []command {
	var out []command
	for _, a := range r.artifacts {
		told := false
		for _, f := range a.Findings {
			if matters(f) || isWaived(f) {
				told = told || matters(f)
				out = append(out, r.command(f))
			}
		}
		if !a.Verdict.Passes() && !told { // it makes the exit code 1, so it is said
			out = append(out, command{
				kind: errorKind, rank: finding.High, file: annotated(a.Path), title: "verdict " + a.Verdict.String(),
				text: brief(a.Path, maxMessage) + " is judged " + a.Verdict.String(),
			})
		}
	}
	for _, f := range r.findings {
		if matters(f) || isWaived(f) {
			out = append(out, r.command(f))
		}
	}
	for _, p := range r.posture {
		c := command{title: "strategy " + string(p.Strategy), text: safetext.Plain(p.Title) + " is " + safetext.Plain(string(p.Status)) + ": " + short(p), kind: errorKind, rank: finding.High}
		switch {
		case p.Short(): // it makes the exit code 1, so it is said
			out = append(out, c)
		case p.Required != "" && p.Status == finding.Undecided:
			c.kind = warningKind
			out = append(out, c)
		}
	}
	return out
}

func (r *run) command(f finding.Finding) command {
	c := command{
		kind: kindOf(f), rank: f.Severity, file: annotated(f.Where.Path),
		line: f.Where.Line, column: f.Where.Column, title: r.commandTitle(f),
		text: undetermined(f) + brief(f.Message, maxMessage),
	}
	if f.Where.Member != "" || f.Where.Offset != nil || c.file == "" && f.Where.Path != "" {
		c.text += " (" + brief(f.Where.String(), maxMessage) + ")"
	}
	if a := f.Advisory; a != nil {
		c.text += "\n" + fixedIn(*a)
		if class := class(*a); class != "" {
			c.text += "; " + class
		}
		if names := aliases(*a); names != "" {
			c.text += "; also " + names
		}
	}
	if w := waiver(f); w != "" {
		c.text += "\n" + w
	} else if f.Fix != "" {
		c.text += "\nfix: " + brief(f.Fix, maxMessage)
	}
	return c
}

// annotated is the path that an annotation names: relative to the repository, where
// the user did so. Standard input is no file.
func annotated(path string) string {
	for strings.HasPrefix(path, "./") {
		path = path[2:]
	}
	if path == "-" {
		return ""
	}
	return path
}

// commandTitle says what a finding is about: "CVE-2025-32434 in torch 2.1.0" or
// "PKL001: Runs a command".
func (r *run) commandTitle(f finding.Finding) string {
	title := brief(f.Rule, maxName)
	switch rule := r.opt.Catalogue.Find(f.Rule); {
	case f.Advisory != nil && f.Package != nil:
		title = brief(f.Advisory.ID, maxName) + " in " + packageName(*f.Package)
	case f.Package != nil:
		title += ": " + packageName(*f.Package)
	case rule != nil:
		title += ": " + safetext.Plain(rule.Title)
	}
	return title
}

func kindOf(f finding.Finding) kind {
	switch {
	case isWaived(f), f.Known:
		return noticeKind
	case f.Outcome == finding.Undetermined:
		return warningKind
	}
	switch f.Severity {
	case finding.Critical, finding.High:
		return errorKind
	case finding.Medium:
		return warningKind
	case finding.Low, finding.Info:
	}
	return noticeKind
}

// incomplete says why not everything was looked at.
func incomplete(s finding.Summary) string {
	const most = 20
	out := "not everything could be looked at, and what could not is not known to be safe"
	for _, reason := range s.Reasons[:min(len(s.Reasons), most)] {
		out += "\n" + brief(reason, maxMessage)
	}
	if n := len(s.Reasons) - most; n > 0 {
		out += fmt.Sprintf("\n… %d more", n)
	}
	return out
}

// closing is the summary of the run, and how many notices were left out.
func (r *run) closing(left int) string {
	lines := []string{headline(r)}
	if aboutModels(r.config.Verb, r.summary) {
		lines = append(lines, totals(r.summary))
	}
	if s := packageTotals(r.summary); s != "" {
		lines = append(lines, s)
	}
	if s := severityTotals(r.summary); s != "" {
		lines = append(lines, "findings: "+s)
	}
	if left > 0 {
		lines = append(lines, count(left, "notice was", "notices were")+" left out; --format json has everything")
	}
	return strings.Join(slices.Compact(lines), "\n") // where there is nothing, two say so
}

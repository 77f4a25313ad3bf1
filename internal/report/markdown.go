package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/safetext"
)

// maxMarkdown keeps a report within a pull-request comment (65,536 characters
// on GitHub), with room for the summary.
const maxMarkdown = 56_000

// writeMarkdown writes a report that fits a pull-request comment: what does not
// pass in full, what passes in a folded list. An audit is a document of its own.
func writeMarkdown(w io.Writer, r *run) error {
	if len(r.posture) > 0 {
		return writePosture(w, r)
	}
	m := markdown{run: r, most: maxMarkdown}
	m.printf("## %s: %s\n", prose(r.title()), headline(r))
	m.totals()
	passing := m.failing()
	m.packages()
	m.operators(normalOperators(m.run.summary.Operators))
	m.loose()
	m.passing(passing)
	return m.end(w)
}

// totals says how much was looked at, and what was not.
func (m *markdown) totals() {
	if aboutModels(m.config.Verb, m.summary) {
		m.printf("\n%s.\n", prose(totals(m.summary)))
	}
	if line := packageTotals(m.summary); line != "" {
		m.printf("\n%s.\n", prose(line))
	}
	if m.summary.Incomplete {
		m.printf("\n> **Incomplete:** what could not be looked at is not known to be safe.\n")
		for _, reason := range m.summary.Reasons {
			m.printf("> - %s\n", prose(brief(reason, maxMessage)))
		}
	}
}

func (m *markdown) end(w io.Writer) error {
	if m.left > 0 {
		fmt.Fprintf(&m.b, "\n_%s left out to keep this short; `--format json` has everything._\n",
			count(m.left, "part was", "parts were"))
	}
	_, err := io.WriteString(w, m.b.String())
	return err
}

type markdown struct {
	*run
	b    strings.Builder
	most int // bytes that fit
	left int // parts that did not
}

// printf adds one part, or counts it where it does not fit.
func (m *markdown) printf(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	if m.b.Len()+len(s) > m.most {
		m.left++
		return
	}
	m.b.WriteString(s)
}

// failing writes the artifacts that do not pass or have findings that matter,
// and returns the others.
func (m *markdown) failing() []finding.Artifact {
	var rest []finding.Artifact
	for _, a := range worstFirst(m.artifacts) {
		groups := groupFindings(a.Findings, false)
		if a.Verdict.Passes() && !slices.ContainsFunc(a.Findings, matters) && !slices.ContainsFunc(a.Findings, isWaived) {
			rest = append(rest, a)
			continue
		}
		m.printf("\n### %s %s\n\n%s\n\n", strings.ToUpper(a.Verdict.String()), code(a.Path), prose(about(a)))
		for _, g := range groups {
			m.printf("%s", m.group(g, a.Path))
		}
	}
	return rest
}

func (m *markdown) group(g group, path string) string {
	var s strings.Builder
	for _, f := range g.shown {
		s.WriteString(m.finding(f, path))
	}
	if g.left > 0 {
		fmt.Fprintf(&s, "- … %d more of %s\n", g.left, prose(g.rule))
	}
	if g.severity == finding.Info || g.waived {
		return s.String()
	}
	for _, fix := range g.fixes {
		fmt.Fprintf(&s, "- **Fix for %s:** %s\n", prose(g.rule), prose(brief(fix, maxMessage)))
	}
	return s.String()
}

func (m *markdown) finding(f finding.Finding, path string) string {
	id := prose(f.Rule)
	if link := m.ruleLink(f.Rule); link != "" {
		id = "[" + id + "](" + link + ")"
	}
	s := fmt.Sprintf("- **%s** %s: %s%s", badge(f), id, undetermined(f), prose(brief(f.Message, maxMessage)))
	if at := place(f.Where, path); at != "" {
		s += " (" + code(at) + ")"
	}
	s += "\n"
	if w := waiver(f); w != "" {
		s += "  - " + prose(w) + "\n"
	}
	if !matters(f) {
		return s
	}
	for _, e := range evidence(f) {
		s += "  - " + code(e) + "\n"
	}
	return s
}

func (m *markdown) loose() {
	_, _, others := byAdvisory(m.findings)
	if len(others) == 0 {
		return
	}
	m.printf("\n### Other findings\n\n")
	for _, f := range others {
		s := m.finding(f, "")
		if f.Fix != "" && matters(f) {
			s += "  - **Fix:** " + prose(brief(f.Fix, maxMessage)) + "\n"
		}
		m.printf("%s", s)
	}
}

func (m *markdown) passing(as []finding.Artifact) {
	if len(as) == 0 {
		return
	}
	const most = 200
	out := fmt.Sprintf("\n<details><summary>%s</summary>\n\n| verdict | artifact | format | size |\n| --- | --- | --- | ---: |\n",
		count(len(as), "artifact passes", "artifacts pass"))
	for _, a := range as[:min(len(as), most)] {
		out += fmt.Sprintf("| %s | %s | %s | %s |\n", a.Verdict, cell(code(a.Path)), prose(a.Format), size(a.Size))
	}
	if len(as) > most {
		out += fmt.Sprintf("\n… %d more\n", len(as)-most)
	}
	m.printf("%s\n</details>\n", out)
}

// code is a code span. Within one, no renderer looks for links, mentions or HTML;
// its fence is longer than any run of backticks inside.
func code(s string) string {
	s = safetext.Plain(s)
	if strings.TrimSpace(s) == "" {
		return "`(empty)`"
	}
	fence := "`"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	if len(fence) > 1 || s[0] == ' ' || s[len(s)-1] == ' ' {
		s = " " + s + " " // CommonMark takes one space off both ends
	}
	return fence + s + fence
}

// cell makes a code span fit a table: there, a bar ends the cell even in code. One after
// a backslash is spelled out, because escaping it could escape the backslash instead.
func cell(s string) string {
	return strings.ReplaceAll(strings.ReplaceAll(s, `\|`, `\\x7c`), "|", `\|`)
}

// prose writes text that a renderer shows as it is.
func prose(s string) string {
	const mark = "\\`*[]<>|~$"
	var b strings.Builder
	s = safetext.Plain(s)
	for i := range len(s) {
		c := s[i]
		switch {
		case c == '&':
			b.WriteString("&amp;")
			continue
		case strings.IndexByte(mark, c) >= 0, c == '_' && !insideWord(s, i):
			b.WriteByte('\\')
		}
		b.WriteByte(c)
		if active(s, i) {
			b.WriteString(apart)
		}
	}
	return b.String()
}

// apart separates what it stands between, and shows nothing. Escapes end at the
// Markdown; services look for mentions, issue numbers and addresses in what was
// rendered.
const apart = "<!-- -->"

// active is true where a service may begin to see more than text in s[i:].
func active(s string, i int) bool {
	switch s[i] {
	case '@', '#':
		return true
	case ':':
		return strings.HasPrefix(s[i:], "://")
	case '.':
		return strings.HasSuffix(strings.ToLower(s[:i]), "www")
	}
	return false
}

// insideWord is true for the underscore of weights_only, which needs no escape.
func insideWord(s string, i int) bool {
	word := func(i int) bool {
		return i >= 0 && i < len(s) && (s[i] >= 'a' && s[i] <= 'z' || s[i] >= 'A' && s[i] <= 'Z' || s[i] >= '0' && s[i] <= '9')
	}
	return word(i-1) && word(i+1)
}

package report

import (
	"fmt"
	"strings"

	"github.com/andiron-dev/andiron/finding"
)

// packages writes a table of the packages with advisories and one of the ranges that
// may resolve to such, then folded what nobody could look at.
func (m *markdown) packages() {
	vulnerable, may, _ := byAdvisory(m.findings)
	m.table("Vulnerable packages", vulnerable, true)
	m.table("Ranges that may resolve to a vulnerable version", may, false)
	m.unauditable()
}

func (m *markdown) table(title string, fs []finding.Finding, versions bool) {
	if len(fs) == 0 {
		return
	}
	version, rule := "", ""
	if versions {
		version, rule = " version |", " --- |"
	}
	var s strings.Builder
	fmt.Fprintf(&s, "\n### %s\n\n| package |%s advisory | severity | fixed in | where |\n| --- |%s --- | --- | --- | --- |\n", title, version, rule)
	shown := fs[:min(len(fs), maxPackages)]
	left := len(fs) - len(shown)
	for i, f := range shown {
		row := row(f, versions)
		if m.b.Len()+s.Len()+len(row) > maxMarkdown-reserve {
			left += len(shown) - i
			shown = shown[:i]
			break
		}
		s.WriteString(row)
	}
	if left > 0 {
		fmt.Fprintf(&s, "\n… %d more; `--format json` lists all of them\n", left)
	}
	m.printf("%s", s.String())
	m.answers(shown, fixes(fs))
	m.messages(shown)
}

// answers lists who answers for advisories of a table, and what to do about the others.
func (m *markdown) answers(fs []finding.Finding, fixes []string) {
	first := "\n"
	for _, f := range fs {
		if w := waiver(f); w != "" {
			m.printf("%s- %s of %s: %s\n", first, code(brief(f.Advisory.ID, maxName)), code(packageName(*f.Package)), prose(w))
			first = ""
		}
	}
	for _, fix := range fixes {
		m.printf("%s- **Fix:** %s\n", first, prose(brief(fix, maxMessage)))
		first = ""
	}
}

// reserve is the room that a table of packages leaves for what comes after it.
const reserve = 8_000

func row(f finding.Finding, versions bool) string {
	s := "| " + cell(code(brief(f.Package.Name, maxName))) + " | "
	if versions {
		s += cell(code(brief(f.Package.Version, maxName))) + " | "
	}
	fixed, at := "none", ""
	if f.Advisory.Fixed != "" {
		fixed = cell(code(brief(f.Advisory.Fixed, maxName)))
	}
	if w := f.Where.String(); w != "" {
		at = cell(code(brief(w, maxMessage)))
	}
	return s + cell(code(brief(f.Advisory.ID, maxName))) + " | " + badge(f) + " | " + fixed + " | " + at + " |\n"
}

// messages says, folded, what each advisory of a table is, once.
func (m *markdown) messages(fs []finding.Finding) {
	var s strings.Builder
	seen := map[string]bool{}
	s.WriteString("\n<details><summary>What the advisories say</summary>\n\n")
	for _, f := range fs {
		line := "- " + code(brief(f.Advisory.ID, maxName))
		var more []string
		if class := class(*f.Advisory); class != "" {
			more = append(more, prose(class))
		}
		if names := aliases(*f.Advisory); names != "" {
			more = append(more, "also "+prose(names))
		}
		if more != nil {
			line += " (" + strings.Join(more, "; ") + ")"
		}
		line += ": " + undetermined(f) + prose(brief(f.Message, maxMessage)) + "\n"
		if seen[line] {
			continue
		}
		seen[line] = true
		if m.b.Len()+s.Len()+len(line) > maxMarkdown-reserve {
			m.left++
			continue
		}
		s.WriteString(line)
	}
	m.printf("%s\n</details>\n", s.String())
}

// unauditable lists, folded, by reason, the packages that nobody could look at, as many
// as there is room for.
func (m *markdown) unauditable() {
	s := ""
	for _, most := range []int{50, 8, 1} {
		if s = m.unauditableBy(most); m.b.Len()+len(s) <= maxMarkdown {
			break
		}
	}
	m.printf("%s", s)
}

func (m *markdown) unauditableBy(most int) string {
	list, left := blinds(m.dependencies, most)
	if len(list) == 0 {
		return ""
	}
	var s strings.Builder
	fmt.Fprintf(&s, "\n<details><summary>%s</summary>\n\n",
		count(m.summary.Dependencies[finding.Unauditable], "package is unauditable", "packages are unauditable"))
	for _, b := range list {
		names := strings.Join(each(b.Names, code), ", ")
		if b.Left > 0 {
			names += fmt.Sprintf(" and %d more", b.Left)
		}
		fmt.Fprintf(&s, "- %s: %s\n", prose(b.Reason), names)
	}
	if left > 0 {
		fmt.Fprintf(&s, "- … %s\n", count(left, "more reason", "more reasons"))
	}
	return s.String() + "\n</details>\n"
}

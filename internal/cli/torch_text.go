package cli

import (
	"fmt"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/deps"
	"github.com/andiron-dev/andiron/internal/family"
	"github.com/andiron-dev/andiron/internal/safetext"
)

func (r *torchReport) text() string {
	var b strings.Builder
	s := r.Status
	fmt.Fprintf(&b, "latest stable: torch %s%s (%s, as of %s)\n", s.Latest.Version, dated(s.Latest.Date), s.Source, s.AsOf)
	fmt.Fprintf(&b, "advisories: %s\n", safetext.Plain(r.Database))
	if len(s.Uses) == 0 {
		b.WriteString("\nno file that was read names torch\n")
	}
	for i := range s.Uses {
		useText(&b, &s.Uses[i])
	}
	if len(r.Findings) > 0 {
		b.WriteString("\n")
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "%s%s%s %s %s\n", placed(safetext.Plain(f.Where.String())), undetermined(f), f.Severity, f.Rule, safetext.Plain(f.Message))
		if f.Waived != nil {
			fmt.Fprintf(&b, "  waived by %s until %s: %s\n", safetext.Plain(f.Waived.Owner), f.Waived.Expires, safetext.Plain(f.Waived.Reason))
		}
	}
	return b.String()
}

func undetermined(f finding.Finding) string {
	if f.Outcome == finding.Undetermined {
		return "undetermined, "
	}
	return ""
}

// placed is the place of a finding before its message; some have none.
func placed(where string) string {
	if where == "" {
		return ""
	}
	return where + ": "
}

func dated(day string) string {
	if day == "" {
		return ""
	}
	return ", " + day
}

func named(u *deps.UseStatus) string {
	if u.Version != "" {
		return "torch " + u.Version
	}
	return "torch" + u.Specifier
}

func useText(b *strings.Builder, u *deps.UseStatus) {
	fmt.Fprintf(b, "\n%s  %s\n", safetext.Plain(named(u)), safetext.Plain(u.Where.String()))
	if u.Unknown != "" {
		fmt.Fprintf(b, "  %s\n", safetext.Plain(u.Unknown))
	} else {
		fmt.Fprintf(b, "  %s\n", supportText(u))
	}
	if len(u.Advisories) > 0 {
		fmt.Fprintf(b, "  %s\n", advisoriesTitle(u))
	}
	for _, a := range u.Advisories {
		fmt.Fprintf(b, "    %s  %s\n", safetext.Plain(advisoryLine(a)), safetext.Plain(a.Summary))
	}
	for _, line := range u.Changelog() {
		fmt.Fprintf(b, "  %s\n", safetext.Plain(line))
	}
	if len(u.Candidates) > 0 {
		b.WriteString("  newer releases\n")
	}
	for _, c := range u.Candidates {
		fmt.Fprintf(b, "    %s\n", safetext.Plain(candidateText(u, c)))
	}
	for _, d := range u.Deprecations {
		fmt.Fprintf(b, "  %s: %s\n", deprecationText(d), d.Text)
	}
}

func deprecationText(d deps.Deprecation) string {
	if d.Ahead {
		return "from " + d.Since
	}
	return "since " + d.Since
}

func supportText(u *deps.UseStatus) string {
	text := "release train " + u.Train
	if u.Date != "" {
		text += ", released " + u.Date
	}
	switch {
	case u.Newer:
		text += ", newer than what is known"
	case u.Supported:
		text += ", which gets repairs"
	default:
		text += ", without repairs since " + u.EndedBy + dated(u.EndedOn)
	}
	if u.Pre {
		text += "; a pre-release"
	}
	if u.Accelerator != "" {
		text += "; built for " + u.Accelerator
	}
	return text
}

func advisoriesTitle(u *deps.UseStatus) string {
	text := quantity(int64(len(u.Advisories)), "known vulnerability", "known vulnerabilities")
	if u.Unknown != "" {
		text += " of versions that it may resolve to"
	}
	return text
}

func advisoryLine(a deps.Vulnerable) string {
	parts := []string{a.ID, a.Severity.String()}
	for _, part := range [][2]string{{"reached by ", a.Reach}, {"fixed in ", a.Fixed}, {"unclear: ", a.Unclear}, {"named by the changelog of the distribution, ", a.Repaired}} {
		if part[1] != "" {
			parts = append(parts, part[0]+part[1])
		}
	}
	return strings.Join(parts, ", ")
}

func candidateText(u *deps.UseStatus, c deps.Candidate) string {
	text := fmt.Sprintf("%s%s: closes %d of %d", c.Version, dated(c.Date), len(c.Closes), len(u.Advisories))
	if len(c.Brings) > 0 {
		text += fmt.Sprintf(", brings %d (%s)", len(c.Brings), strings.Join(c.Brings, ", "))
	}
	if c.NoBuild {
		text += ", no wheels for " + u.Accelerator
	}
	if c.Smallest {
		text += ", the smallest step that closes all that any closes"
	}
	if with := moves(c.Train); with != "" {
		text += "; with " + with
	}
	return text
}

// moves are the packages that a train of torch takes along.
func moves(train string) string {
	var list []string
	for _, name := range []string{"torchvision", "torchaudio", "triton"} {
		if series, ok := family.Series(name, train); ok {
			list = append(list, name+" "+series)
		}
	}
	return strings.Join(list, ", ")
}

// markdown is the report for a ticket or a pull request.
func (r *torchReport) markdown() string {
	var b strings.Builder
	s := r.Status
	fmt.Fprintf(&b, "# PyTorch\n\nLatest stable: **%s**%s (%s, as of %s). Advisories: %s.\n", s.Latest.Version, dated(s.Latest.Date), s.Source, s.AsOf, cell(r.Database))
	if len(s.Uses) == 0 {
		b.WriteString("\nNo file that was read names torch.\n")
	}
	for i := range s.Uses {
		u := &s.Uses[i]
		text := u.Unknown
		if text == "" {
			text = supportText(u)
		}
		fmt.Fprintf(&b, "\n## %s in %s\n\n%s.\n", cell(named(u)), cell(u.Where.String()), cell(text))
		if len(u.Advisories) > 0 {
			b.WriteString("\n| vulnerability | severity | reached by | fixed in | summary |\n| --- | --- | --- | --- | --- |\n")
		}
		for _, a := range u.Advisories {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", cell(a.ID), a.Severity, cell(a.Reach), cell(a.Fixed), cell(strings.TrimSpace(a.Summary+" "+a.Unclear)))
		}
		if len(u.Candidates) > 0 {
			b.WriteString("\n| release | date | closes | leaves | brings | moves with it | note |\n| --- | --- | --- | --- | --- | --- | --- |\n")
		}
		for _, c := range u.Candidates {
			fmt.Fprintf(&b, "| %s | %s | %d | %s | %s | %s | %s |\n", c.Version, c.Date, len(c.Closes), cell(strings.Join(c.Remains, ", ")), cell(strings.Join(c.Brings, ", ")), moves(c.Train), candidateNote(u, c))
		}
	}
	if len(r.Findings) > 0 {
		b.WriteString("\n## Findings\n\n")
	}
	for _, f := range r.Findings {
		fmt.Fprintf(&b, "- %s **%s%s** %s%s\n", f.Rule, undetermined(f), f.Severity, placed(cell(f.Where.String())), cell(f.Message))
	}
	return b.String()
}

func candidateNote(u *deps.UseStatus, c deps.Candidate) string {
	switch {
	case c.NoBuild:
		return "no wheels for " + cell(u.Accelerator)
	case c.Smallest:
		return "smallest step that closes all that any closes"
	}
	return ""
}

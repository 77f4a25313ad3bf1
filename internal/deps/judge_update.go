package deps

import (
	"fmt"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/finding"
)

// JudgeTorch says what is true of a status, as findings.
func JudgeTorch(s *TorchStatus, report func(finding.Finding)) {
	for i := range s.Uses {
		u := &s.Uses[i]
		if u.Unknown != "" {
			report(torchOpen.Undetermined(u.Where, "which torch is used cannot be told: "+u.Unknown, mayHave(u)...))
			continue
		}
		u.judgeVulnerable(report)
		u.judgeSupport(s, report)
		if u.Pre {
			report(torchPre.Finding(u.Where, fmt.Sprintf("torch %s is a pre-release", u.Version)))
		}
		if u.Distribution {
			u.judgeDistribution(report)
		}
		for _, d := range u.Deprecations {
			when := "torch " + d.Since + " changes this: "
			if !d.Ahead {
				when = "since torch " + d.Since + ", and so here: "
			}
			report(torchDeprecated.Finding(u.Where, when+d.Text))
		}
		switch {
		case s.Old:
			report(torchUnknown.Undetermined(u.Where, fmt.Sprintf("whether torch %s is current cannot be told: the releases are those of %s", u.Version, s.AsOf)))
		case u.Newer:
			report(torchUnknown.Undetermined(u.Where, fmt.Sprintf("torch %s is newer than %s, the latest release known on %s", u.Version, s.Latest.Version, s.AsOf)))
		}
	}
}

// judgeDistribution says what the changelog of a distribution names. It is no proof: a
// changelog may name what is not repaired, and repair what it does not name.
func (u *UseStatus) judgeDistribution(report func(finding.Finding)) {
	f := torchDistribution.Undetermined(u.Where, fmt.Sprintf("torch %s is of the distribution, whose repairs its number does not show", u.Version))
	f.Evidence = u.Changelog()
	if len(u.Repairs) == 0 {
		f.Evidence = []string{"there is no changelog of the distribution that names a vulnerability"}
	}
	report(f)
}

// Changelog says what the distribution's changelog names, a line for each entry.
func (u *TorchUse) Changelog() (lines []string) {
	ids := map[string][]string{}
	var versions []string
	for _, r := range u.Repairs {
		if ids[r.Version] == nil {
			versions = append(versions, r.Version)
		}
		ids[r.Version] = append(ids[r.Version], r.ID)
	}
	for _, v := range versions {
		lines = append(lines, fmt.Sprintf("the distribution's changelog names in the entry of %s: %s", v, strings.Join(ids[v], ", ")))
	}
	return lines
}

func (u *UseStatus) judgeVulnerable(report func(finding.Finding)) {
	var best *Candidate
	for i := range u.Candidates {
		if u.Candidates[i].Smallest {
			best = &u.Candidates[i]
		}
	}
	closed := map[string]bool{}
	if best != nil {
		f := torchVulnerable.Finding(u.Where, "")
		f.Severity = finding.Low
		if u.Update != "" {
			f.Fix = "run: " + u.Update + andFamily
		}
		for _, id := range best.Closes {
			closed[id] = true
		}
		for _, a := range u.Advisories {
			if closed[a.ID] {
				f.Severity = max(f.Severity, a.Severity)
				f.Evidence = append(f.Evidence, a.text())
			}
		}
		f.Message = fmt.Sprintf("torch %s has %s that %s closes", u.Version, vulnerabilityCount(len(best.Closes)), best.Version)
		if best.NoBuild {
			f.Message += ", which has no wheels for " + u.Accelerator
		}
		report(f)
	}
	var open []string
	for _, a := range u.Advisories {
		if !closed[a.ID] {
			open = append(open, a.text())
		}
	}
	if len(open) > 0 {
		report(torchNoFix.Finding(u.Where, fmt.Sprintf("torch %s has %s that no release is known to close", u.Version, vulnerabilityCount(len(open))), open...))
	}
}

func (u *UseStatus) judgeSupport(s *TorchStatus, report func(finding.Finding)) {
	switch {
	case !u.Supported:
		on := ""
		if u.EndedOn != "" {
			on = " on " + u.EndedOn
		}
		report(torchEnded.Finding(u.Where, fmt.Sprintf("torch %s gets no repairs since %s came out%s; the latest is %s", u.Version, u.EndedBy, on, s.Latest.Version),
			"releases: "+s.Source+", as of "+s.AsOf))
	case u.Patch == "" && !u.Pre && !u.Newer && !s.Old:
		report(torchIsLatest.Finding(u.Where, fmt.Sprintf("torch %s is the latest release", u.Version), "releases: "+s.Source+", as of "+s.AsOf))
	}
	if u.Patch != "" {
		f := torchPatch.Finding(u.Where, fmt.Sprintf("torch %s has a newer patch, %s", u.Version, u.Patch))
		if u.Lock != "" {
			f.Fix = fmt.Sprintf("set torch to %s where it is asked for, and then: %s", u.Patch, u.Lock)
		}
		report(f)
	}
}

func (a Vulnerable) text() string {
	parts := []string{a.ID, a.Severity.String()}
	if a.Reach != "" {
		parts = append(parts, "reached by "+a.Reach)
	}
	if a.Fixed != "" {
		parts = append(parts, "fixed in "+a.Fixed)
	}
	if a.Unclear != "" {
		parts = append(parts, "unclear: "+a.Unclear)
	}
	if a.Repaired != "" {
		parts = append(parts, "named by the changelog of the distribution, "+a.Repaired)
	}
	return strings.Join(parts, ", ") + ": " + a.Summary
}

func mayHave(u *UseStatus) (list []string) {
	for _, a := range u.Advisories {
		list = append(list, "some allowed version has "+a.text())
	}
	return list
}

func vulnerabilityCount(n int) string {
	if n == 1 {
		return "1 known vulnerability"
	}
	return fmt.Sprintf("%d known vulnerabilities", n)
}

// daysBetween counts days; ok is false if one of them is none.
func daysBetween(from, to string) (n int, ok bool) {
	a, err := time.Parse(time.DateOnly, from)
	b, err2 := time.Parse(time.DateOnly, to)
	if err != nil || err2 != nil {
		return 0, false
	}
	return int(b.Sub(a).Hours() / 24), true
}

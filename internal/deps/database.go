package deps

import (
	"fmt"
	"time"

	"github.com/andiron-dev/andiron/finding"
)

// database reports that the advisories are missing, old or incomplete.
func (s *scanner) database() {
	if len(s.out.Dependencies) == 0 {
		return
	}
	src := s.opt.Source
	where := finding.Where{}
	switch {
	case s.opt.Advisories == nil || src.Builtin:
		text := "only the facts about PyTorch that are built into andiron were at hand"
		if n := s.beyond(); n > 0 {
			text += fmt.Sprintf(", so that %s held against nothing", count(n, "package was", "packages were"))
		}
		s.report(advisories.Undetermined(where, text))
	default:
		for _, f := range Dated(s.opt) {
			s.report(f)
		}
	}
	if src.Rejected > 0 {
		f := advisories.Finding(where, count(src.Rejected, "record", "records")+" of the database could not be read", "andiron db status lists them")
		f.Severity = finding.Low
		s.report(f)
	}
}

// Dated reports that the advisories are older than the project allows, or have a date
// that cannot be. Those that are built in count as old when a release of torch must be
// missing in them.
func Dated(opt Options) []finding.Finding {
	src, fresh := opt.Source, opt.Policy.Fresh()
	if src.Builtin {
		fresh = freshFor * 24 * time.Hour
	}
	const skew = 24 * time.Hour // clocks differ
	age := opt.Now.Sub(src.Date)
	switch {
	case age >= -skew && age <= fresh:
		return nil
	case age < 0:
		return []finding.Finding{advisories.Undetermined(finding.Where{}, fmt.Sprintf("the advisories at hand are of %s, which is not yet: how old they are cannot be told", src.Date.UTC().Format(time.DateOnly)), src.Name)}
	}
	return []finding.Finding{advisories.Undetermined(finding.Where{}, fmt.Sprintf("the newest advisory at hand is of %s, %s ago", src.Date.UTC().Format(time.DateOnly), days(age)), src.Name)}
}

// beyond counts the packages of which the built-in facts know nothing.
func (s *scanner) beyond() (n int) {
	for _, d := range s.out.Dependencies {
		if d.Reason == ofNobody {
			n++
		}
	}
	return n
}

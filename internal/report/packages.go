package report

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/safetext"
)

const (
	maxName     = 200 // characters of a name, a version or an id that people are shown
	perPackage  = 30  // findings of one package at one place that people are shown
	perReason   = 8   // packages that are unauditable for one reason
	maxReasons  = 20  // reasons
	maxPackages = 200 // rows of a table of packages
)

// statuses lists how packages end, worst first.
func statuses() []finding.DependencyStatus {
	return []finding.DependencyStatus{finding.Vulnerable, finding.MayResolve, finding.Clean, finding.Unauditable}
}

// statusWords says it for people.
func statusWords(s finding.DependencyStatus) string {
	if s == finding.MayResolve {
		return "may resolve to a vulnerable version"
	}
	return safetext.Plain(string(s))
}

// compareDependencies orders packages by name, version and place.
func compareDependencies(a, b finding.Dependency) int {
	return cmp.Or(
		cmp.Compare(a.Name, b.Name),
		cmp.Compare(a.Version, b.Version),
		finding.Compare(finding.Finding{Where: a.Where}, finding.Finding{Where: b.Where}),
		cmp.Compare(a.Requested, b.Requested),
		cmp.Compare(a.Status, b.Status),
		cmp.Compare(a.Reason, b.Reason),
	)
}

// aboutModels is false for a run that looked at dependencies and at nothing else.
// An audit looks at both, also where a project has no models.
func aboutModels(verb string, s finding.Summary) bool {
	return s.Artifacts > 0 || verb == "audit" || s.Dependencies == nil && s.Tensors == nil && s.Code == nil && !strings.HasPrefix(verb, "deps ") && !strings.HasPrefix(verb, "ops ")
}

// packageTotals writes "packages: 3 vulnerable, 40 clean; advisories: OSV of
// 2026-11-20", or what tensors or code were looked at; it is empty for a run that
// looked at none of these.
func packageTotals(s finding.Summary) string {
	if s.Tensors != nil {
		return tensorTotals(*s.Tensors)
	}
	if s.Code != nil {
		return codeTotals(*s.Code)
	}
	if s.Operators != nil {
		return operatorTotals(s)
	}
	if s.Dependencies == nil {
		return ""
	}
	var parts []string
	for _, d := range statuses() {
		if n := s.Dependencies[d]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, statusWords(d)))
		}
	}
	out := "packages: none"
	if len(parts) > 0 {
		out = "packages: " + strings.Join(parts, ", ")
	}
	if s.Database != "" {
		out += "; advisories: " + brief(s.Database, maxMessage)
	}
	return out
}

// packageHeadline says in one line how the packages ended. What nobody could look
// at is never part of a good end.
func packageHeadline(r *run) string {
	by := r.summary.Dependencies
	all := 0
	for _, n := range by {
		all += n
	}
	if r.summary.Tensors != nil {
		return tensorHeadline(r)
	}
	if r.summary.Code != nil {
		return codeHeadline(r)
	}
	if r.summary.Operators != nil {
		return operatorHeadline(r)
	}
	if none := noneScanned(r.config.Verb, r.summary); none != "" {
		return none
	}
	if by == nil {
		return count(len(r.findings), "finding", "findings")
	}
	of := " of " + count(all, "package", "packages")
	n := 0
	for _, f := range r.findings {
		if f.Package != nil && matters(f) {
			n++
		}
	}
	switch bad, may, blind := by[finding.Vulnerable], by[finding.MayResolve], by[finding.Unauditable]; {
	case bad > 0:
		return strconv.Itoa(bad) + of + plural(bad, " is vulnerable", " are vulnerable")
	case may > 0:
		return strconv.Itoa(may) + of + " may resolve to a vulnerable version"
	case n > 0:
		return count(n, "finding", "findings") + " about packages"
	case all == 0:
		return "no packages"
	case blind == all:
		return "no package could be audited"
	case blind > 0:
		return strconv.Itoa(blind) + of + " could not be audited, and the others have no known vulnerability"
	}
	return "no package has a known vulnerability"
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// packageName writes "torch 2.1.0+cu118".
func packageName(p finding.Package) string {
	return strings.TrimSpace(brief(p.Name, maxName) + " " + brief(p.Version, maxName))
}

// fixedIn says which version is without an advisory.
func fixedIn(a finding.Advisory) string {
	if a.Fixed == "" {
		return "no fixed version"
	}
	return "fixed in " + brief(a.Fixed, maxName)
}

// class says what goes wrong and what it takes to reach it: "memory-safety, reached
// by a crafted file".
func class(a finding.Advisory) string {
	words := brief(a.Class, maxName)
	by := map[string]string{
		"file": "by a crafted file", "code": "by the program's own code alone", "network": "by a peer that may connect", "install": "by installing it",
	}[a.Reach]
	if words != "" && by != "" {
		words += ", reached " + by
	}
	return words
}

// aliases are the other names of an advisory, as many as people read.
func aliases(a finding.Advisory) string {
	const most = 8
	out := each(a.Aliases[:min(len(a.Aliases), most)], func(s string) string { return brief(s, maxName) })
	if n := len(a.Aliases) - most; n > 0 {
		out = append(out, fmt.Sprintf("… %d more", n))
	}
	return strings.Join(out, ", ")
}

// samePackage reports whether two findings are about one package at one place.
func samePackage(a, b finding.Finding) bool {
	return a.Package.Name == b.Package.Name && a.Package.Version == b.Package.Version && a.Where.String() == b.Where.String()
}

// worstPackage orders the findings of a package for a reader: what nobody answers
// for comes first, then the worst, then by advisory.
func worstPackage(a, b finding.Finding) int {
	if isWaived(a) != isWaived(b) {
		return waivedLast(a)
	}
	id := func(f finding.Finding) string {
		if f.Advisory == nil {
			return ""
		}
		return f.Advisory.ID
	}
	return cmp.Or(cmp.Compare(b.Severity, a.Severity), strings.Compare(id(a), id(b)), finding.Compare(a, b))
}

// fixes are the different things to do, in order.
func fixes(fs []finding.Finding) []string {
	var out []string
	for _, f := range fs {
		if matters(f) && f.Fix != "" && !slices.Contains(out, f.Fix) && len(out) < perRule {
			out = append(out, f.Fix)
		}
	}
	return out
}

// byAdvisory splits findings: advisories of packages with a version, advisories of
// ranges that may resolve to a vulnerable one, and all others.
func byAdvisory(fs []finding.Finding) (vulnerable, may, others []finding.Finding) {
	for _, f := range fs {
		switch {
		case f.Package == nil || f.Advisory == nil:
			others = append(others, f)
		case f.Package.Version == "":
			may = append(may, f)
		default:
			vulnerable = append(vulnerable, f)
		}
	}
	return worstPackages(vulnerable), worstPackages(may), others
}

// worstPackages keeps the findings of a package together: that with the worst of them
// comes first, so that a table that is cut loses the mildest.
func worstPackages(fs []finding.Finding) []finding.Finding {
	worst := map[finding.Package]finding.Severity{}
	for _, f := range fs {
		if !isWaived(f) {
			worst[*f.Package] = max(worst[*f.Package], f.Severity)
		}
	}
	slices.SortStableFunc(fs, func(a, b finding.Finding) int {
		return cmp.Or(
			cmp.Compare(worst[*b.Package], worst[*a.Package]),
			strings.Compare(a.Package.Name, b.Package.Name),
			strings.Compare(a.Package.Version, b.Package.Version),
			finding.Compare(finding.Finding{Where: a.Where}, finding.Finding{Where: b.Where}),
			worstPackage(a, b),
		)
	})
	return fs
}

// blind is the packages that nobody could look at for one reason.
type blind struct {
	Reason string
	Names  []string // each once, with its version, by name
	Left   int      // more of them
}

// blinds groups the unauditable packages by reason; left is how many reasons more
// there are.
func blinds(ds []finding.Dependency, most int) (out []blind, left int) {
	ds = slices.SortedStableFunc(slices.Values(ds), func(a, b finding.Dependency) int {
		return cmp.Or(strings.Compare(a.Reason, b.Reason), compareDependencies(a, b))
	})
	last := finding.Dependency{}
	for _, d := range ds {
		if d.Status != finding.Unauditable {
			continue
		}
		same := len(out)+left > 0 && d.Reason == last.Reason
		again := same && d.Package == last.Package
		last = d
		switch {
		case again, same && left > 0:
			continue
		case !same && len(out) == maxReasons:
			left++
			continue
		case !same:
			reason := brief(d.Reason, maxMessage)
			if reason == "" {
				reason = "no reason is known"
			}
			out = append(out, blind{Reason: reason})
		}
		if b := &out[len(out)-1]; len(b.Names) == most {
			b.Left++
		} else {
			b.Names = append(b.Names, packageName(d.Package))
		}
	}
	return out, left
}

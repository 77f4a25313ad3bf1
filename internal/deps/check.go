package deps

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/manifest"
	"github.com/andiron-dev/andiron/internal/pep440"
	"github.com/andiron-dev/andiron/internal/supply"
)

// Check says whether versions, files and the places that they come from are fixed.
func Check(p *Project, opt Options) []finding.Finding {
	c := &checker{project: p, opt: opt}
	pins := false
	for _, s := range p.Sets {
		list := p.statements(s)
		if len(list) == 0 && len(s.Indexes) == 0 {
			continue
		}
		c.indexes(s, list)
		switch {
		case s.Kind == manifest.Installed || s.Kind == manifest.CondaInstalled:
		case s.Kind.Locked() || s.Kind == manifest.Requirements || s.Kind == manifest.Dockerfile:
			pins = c.set(s, list) || pins
		default:
			c.manifest(s, list)
		}
		c.family(s, list)
		c.age(list)
	}
	if pins {
		c.review()
	}
	slices.SortStableFunc(c.out, finding.Compare)
	return c.out
}

type checker struct {
	project *Project
	opt     Options
	out     []finding.Finding
}

func (c *checker) report(f finding.Finding) { c.out = append(c.out, f) }

// set checks what is installed as it is written: every version exact, every file
// with a hash. It returns whether there is a pin.
func (c *checker) set(s *Set, list []*statement) (pins bool) {
	var bare []*statement
	open := 0
	for _, st := range list {
		switch {
		case st.fixedElsewhere():
			c.source(st)
			if st.Source.Type == manifest.AtURL && len(st.Hashes) == 0 {
				continue
			}
			pins = true
		case st.locked != nil:
		case !st.exact:
			open++
			c.unpinned(st)
		default:
			pins = true
			if !st.complete() {
				bare = append(bare, st)
			}
		}
	}
	c.hashes(list, bare)
	if pins && open == 0 {
		c.report(pinned.Finding(finding.Where{Path: s.Path}, fmt.Sprintf("%s pinned to the exact version", count(len(list), "package is", "packages are"))))
		if len(bare) == 0 {
			c.report(hashed.Finding(finding.Where{Path: s.Path}, "every package has a hash"))
		}
	}
	return pins
}

// fixedElsewhere reports whether an address or a repository says what a package is,
// and not its version.
func (st *statement) fixedElsewhere() bool {
	return st.Source.Type == manifest.AtURL || st.Source.Type == manifest.VCS || st.Source.Type == manifest.Path
}

// complete reports whether every file of a package that may be installed has a hash.
func (st *statement) complete() bool {
	if st.Source.Type == manifest.Conda && st.file.Kind != manifest.CondaLock {
		return false
	}
	if len(st.Wheels) > 0 {
		return !slices.ContainsFunc(st.Wheels, func(a manifest.Artifact) bool { return a.Hash.Digest == "" })
	}
	return len(st.Hashes) > 0
}

func (c *checker) unpinned(st *statement) {
	what := "no version is fixed"
	if st.Specifier != "" {
		what = "no lock says which version of the range is installed"
	}
	f := notPinned.Finding(st.where(), st.shown()+" is not pinned: "+what, st.circumstances()...)
	if slices.Contains(st.Groups, "build-system") {
		f.Severity = finding.Low
	}
	c.about(&f, st)
}

func (c *checker) about(f *finding.Finding, st *statement) {
	version := st.Version
	if st.by != nil {
		version = st.by.Version
	}
	f.Package = &finding.Package{Name: st.called(), Version: version, PURL: purl("pypi", st.Name, version)}
	c.report(*f)
}

// hashes reports the packages without a hash: one by one, or all of a file at once.
func (c *checker) hashes(list, bare []*statement) {
	exact := 0
	for _, st := range list {
		if st.exact && !st.fixedElsewhere() {
			exact++
		}
	}
	if len(bare) > 1 && len(bare) == exact {
		c.report(noHashes.Finding(bare[0].where(), fmt.Sprintf("none of the %d pinned packages has a hash", len(bare))))
		return
	}
	for _, st := range bare {
		var evidence []string
		for _, a := range st.Wheels {
			if a.Hash.Digest == "" {
				evidence = append(evidence, a.File+" has none")
			}
		}
		f := noHashes.Finding(st.where(), st.shown()+" has no hash for every file that may be installed", named(evidence)...)
		if len(evidence) == 0 {
			f.Message = st.shown() + " has no hash"
		}
		c.about(&f, st)
	}
}

// source reports an address or a repository whose content can change.
func (c *checker) source(st *statement) {
	switch st.Source.Type {
	case manifest.VCS:
		if st.Source.Commit == "" {
			what := "no commit"
			if st.Source.Reference != "" {
				what = fmt.Sprintf("%q, which can be moved", st.Source.Reference)
			}
			f := notFixed.Finding(st.where(), fmt.Sprintf("%s comes from a repository at %s", st.called(), what), st.Source.URL)
			c.about(&f, st)
		}
	case manifest.AtURL:
		if len(st.Hashes) == 0 {
			f := notFixed.Finding(st.where(), fmt.Sprintf("%s comes from an address without a hash", st.called()), st.Source.URL)
			c.about(&f, st)
		}
	case manifest.AnyIndex, manifest.OneIndex, manifest.Path, manifest.Editable, manifest.Virtual, manifest.Conda:
	}
}

// manifest checks a file that asks for ranges: a lock has to fix them.
func (c *checker) manifest(s *Set, list []*statement) {
	locks := c.project.locksOf(s)
	for _, st := range list {
		if st.fixedElsewhere() && len(locks) == 0 {
			c.source(st)
		}
	}
	if len(locks) == 0 {
		var evidence []string
		for _, st := range list {
			if !st.exact {
				evidence = append(evidence, st.shown())
			}
		}
		c.report(noLock.Finding(finding.Where{Path: s.Path}, fmt.Sprintf("%s in this file, and no lock says what is installed",
			count(len(list), "package is asked for", "packages are asked for")), named(evidence)...))
		return
	}
	c.stale(s, list, locks)
}

// stale reports what a lock does not have, or has in a version that was not asked for.
func (c *checker) stale(s *Set, list []*statement, locks []*manifest.File) {
	for _, st := range list {
		if slices.Contains(st.Groups, "build-system") || st.fixedElsewhere() || st.problem != "" {
			continue
		}
		var there []string
		fits := false
		for _, l := range locks {
			for i := range l.Packages {
				if p := &l.Packages[i]; p.Name == st.Name {
					there = append(there, p.Version)
					fits = fits || st.fits(p)
				}
			}
		}
		switch {
		case fits:
		case len(there) == 0:
			f := staleLock.Finding(st.where(), fmt.Sprintf("%s is asked for, and %s does not have it", st.shown(), locks[0].Path), st.circumstances()...)
			c.about(&f, st)
		default:
			f := staleLock.Finding(st.where(), fmt.Sprintf("%s is asked for, and %s has %s", st.shown(), locks[0].Path, strings.Join(slices.Compact(there), ", ")))
			c.about(&f, st)
		}
	}
}

// fits reports whether an entry of a lock is what was asked for. One without a
// version comes from elsewhere, and the lock says from where.
func (st *statement) fits(p *manifest.Package) bool {
	v, err := pep440.Parse(p.Version)
	if p.Version == "" || err != nil {
		return true
	}
	if st.exact {
		return pep440.Compare(v, st.version) == 0 || st.version.Local() == "" && pep440.Compare(v.Public(), st.version) == 0
	}
	s, err := pep440.ParseSpecifiers(st.Specifier)
	return err != nil || s.Contains(v, true)
}

// age reports releases that are younger than their cooldown, where the lock knows.
func (c *checker) age(list []*statement) {
	for _, st := range list {
		first := time.Time{}
		for _, a := range st.Wheels {
			t, err := time.Parse(time.RFC3339, a.Upload)
			if err == nil && (first.IsZero() || t.Before(first)) {
				first = t
			}
		}
		if age := c.opt.Now.Sub(first); !first.IsZero() && age < c.opt.Policy.Cool() {
			f := young.Finding(st.where(), fmt.Sprintf("%s was uploaded %s ago, and the cooldown is %s", st.shown(), days(age), days(c.opt.Policy.Cool())), "uploaded "+first.UTC().Format(time.RFC3339))
			c.about(&f, st)
		}
	}
}

func days(d time.Duration) string {
	if d < 48*time.Hour {
		return count(max(0, int(d.Hours())), "hour", "hours")
	}
	return count(int(d.Hours()/24), "day", "days")
}

// review reports pins that nobody went through for a quarter.
func (c *checker) review() {
	where := finding.Where{Path: c.opt.PolicyFile}
	if where.Path == "" {
		where.Path = path.Join(c.project.Root, "andiron.yaml")
	}
	last := c.opt.Policy.Reviewed
	if last.IsZero() {
		c.report(notReviewed.Finding(where, "no day is written down on which somebody went through the pins"))
		return
	}
	if last.Over(c.opt.Now.Add(-supply.Quarter)) {
		c.report(notReviewed.Finding(where, fmt.Sprintf("the pins were last reviewed on %s, more than a quarter ago", last)))
	}
}

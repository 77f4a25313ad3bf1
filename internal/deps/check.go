package deps

import (
	"cmp"
	"fmt"
	"path"
	"reflect"
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
	c := &checker{project: p, opt: opt, loose: map[string]*loosely{}}
	pins := false
	together := map[string]*whole{} // by the first file
	for _, s := range p.Sets {
		list := p.statements(s)
		if len(list) == 0 && len(s.Indexes) == 0 {
			continue
		}
		c.indexes(s, list)
		c.age(list)
		c.published(list)
		if together[s.Path] == nil {
			together[s.Path] = &whole{set: s, files: map[string]*manifest.File{}}
		}
		together[s.Path].add(s, list)
	}
	for _, w := range together {
		list, locks := distinctly(w.list), bindings(p.locksOf(w.set))
		for _, f := range w.files {
			pins = c.one(f, list, locks) || pins
		}
		c.family(list)
	}
	c.confused()
	if pins {
		c.review()
	}
	return once(c.out)
}

// whole is what one file installs, with all of its commands.
type whole struct {
	set   *Set // the first of them
	list  []*statement
	files map[string]*manifest.File
}

func (w *whole) add(s *Set, list []*statement) {
	w.list = append(w.list, list...)
	for _, f := range s.files() {
		w.files[f.Path] = f
	}
}

// distinctly leaves out what two commands of a file both install.
func distinctly(list []*statement) []*statement {
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(st *statement) bool {
		key := st.where().String() + " " + st.shown()
		again := seen[key]
		seen[key] = true
		return again
	})
}

// once sorts findings, and leaves out those that are there already: a file that two
// others name is in two sets, and what mends it in one of them is said.
func once(list []finding.Finding) []finding.Finding {
	slices.SortStableFunc(list, func(a, b finding.Finding) int { return cmp.Or(finding.Compare(a, b), strings.Compare(a.Fix, b.Fix)) })
	return slices.CompactFunc(list, func(a, b finding.Finding) bool {
		a.Fix = b.Fix
		return reflect.DeepEqual(a, b)
	})
}

type checker struct {
	project *Project
	opt     Options
	out     []finding.Finding
	loose   map[string]*loosely // by the index that is searched beside others
}

func (c *checker) report(f finding.Finding) { c.out = append(c.out, f) }

// one checks what one file of a set says, which locks may fix, and returns whether there
// is a pin.
func (c *checker) one(f *manifest.File, list []*statement, locks bound) (pins bool) {
	if f.Kind == manifest.Installed || f.Kind == manifest.CondaInstalled {
		return false
	}
	list = slices.DeleteFunc(slices.Clone(list), func(st *statement) bool { return st.file.Path != f.Path })
	switch {
	case len(list) == 0:
		return false
	case f.Kind.Locked(), f.Kind == manifest.Requirements, f.Kind == manifest.Dockerfile, f.Kind == manifest.Notebook:
		return c.set(f, list, locks)
	}
	c.manifest(f, list, locks)
	return false
}

// set checks what is installed as it is written: every version exact, every file
// with a hash. It returns whether there is a pin.
func (c *checker) set(file *manifest.File, list []*statement, locks bound) (pins bool) {
	if len(locks) > 0 {
		c.stale(list, locks)
	}
	var exact, bare []*statement
	open := 0
	for _, st := range list {
		switch {
		case st.locked != nil:
		case st.fixedElsewhere():
			if !c.source(st) {
				open++
			}
		case !st.exact && st.Version == "":
			if open++; len(locks) == 0 {
				c.unpinned(st, "")
			}
		default:
			exact = append(exact, st)
			if !st.complete() {
				bare = append(bare, st)
			}
		}
	}
	c.hashes(exact, bare)
	if len(exact) > 0 && open == 0 {
		c.report(pinned.Finding(finding.Where{Path: file.Path}, count(len(exact), "package is", "packages are")+" pinned to the exact version"))
		if len(bare) == 0 {
			c.report(hashed.Finding(finding.Where{Path: file.Path}, "every package has a hash"))
		}
	}
	return len(exact) > 0
}

// fixedElsewhere reports whether an address or a repository says what a package is,
// and not its version.
func (st *statement) fixedElsewhere() bool {
	return st.Source.Type == manifest.AtURL || st.Source.Type == manifest.VCS || st.Source.Type == manifest.Path
}

// complete reports whether every file of a package that may be installed has a hash.
func (st *statement) complete() bool {
	if st.Source.Type == manifest.Conda && st.file.Kind != manifest.CondaLock && st.file.Kind != manifest.CondaExplicit {
		return false
	}
	if len(st.Wheels) > 0 {
		return !slices.ContainsFunc(st.Wheels, func(a manifest.Artifact) bool { return a.Hash.Digest == "" })
	}
	return len(st.Hashes) > 0
}

// unpinned reports a range of which no lock says a version; flags are those with which a
// lock does.
func (c *checker) unpinned(st *statement, flags string) {
	what := "no version is fixed"
	if st.Specifier != "" {
		what = "no lock says which version of the range is installed"
	}
	f := notPinned.Finding(st.where(), st.shown()+" is not pinned: "+what, st.circumstances()...)
	if slices.Contains(st.Groups, "build-system") {
		f.Severity = finding.Low
	}
	f.Fix = cmp.Or(c.project.relock(st.set, st.file, flags), f.Fix)
	if st.ofHatch() {
		f.Fix = "name the exact version here: no lock has the environments of hatch"
	}
	c.about(&f, st)
}

func (c *checker) concern(f finding.Finding, st *statement) { c.about(&f, st) }

func (c *checker) about(f *finding.Finding, st *statement) {
	version := st.Version
	if st.by != nil {
		version = st.by.Version
	}
	f.Package = &finding.Package{Name: st.called(), Version: version, PURL: purl("pypi", st.Name, version)}
	c.report(*f)
}

// hashes reports the packages without a hash: one by one, or all of a file at once.
func (c *checker) hashes(exact, bare []*statement) {
	if len(bare) > 1 && len(bare) == len(exact) {
		text := fmt.Sprintf("none of the %d pinned packages has a hash", len(bare))
		if bare[0].file.Kind == manifest.CondaExplicit && len(bare[0].Hashes) > 0 {
			text += " but an MD5, of which two files can be made"
		}
		f := noHashes.Finding(bare[0].where(), text)
		f.Fix = cmp.Or(c.project.relock(bare[0].set, bare[0].file, ""), f.Fix)
		c.report(f)
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
		switch {
		case len(st.Hashes) > 0 && len(evidence) == 1 && st.Source.Type == manifest.Conda:
			f.Message = st.shown() + " has an MD5 alone, of which two files can be made"
		case len(evidence) == 0:
			f.Message = st.shown() + " has no hash"
		}
		f.Fix = cmp.Or(c.project.relock(st.set, st.file, ""), f.Fix)
		c.about(&f, st)
	}
}

// source reports an address or a repository whose content can change. It returns
// whether what is there is fixed.
func (c *checker) source(st *statement) bool {
	switch {
	case st.Source.Type == manifest.VCS && st.Source.Commit == "":
		what := "no commit"
		if st.Source.Reference != "" {
			what = fmt.Sprintf("%q, which can be moved", st.Source.Reference)
		}
		f := notFixed.Finding(st.where(), fmt.Sprintf("%s comes from a repository at %s", st.called(), what), st.Source.URL)
		c.about(&f, st)
		return false
	case st.Source.Type == manifest.AtURL && len(st.Hashes) == 0:
		f := notFixed.Finding(st.where(), st.called()+" comes from an address without a hash", st.Source.URL)
		c.about(&f, st)
		return false
	}
	return true
}

// manifest checks a file that asks for ranges: a lock has to fix them.
func (c *checker) manifest(f *manifest.File, list []*statement, locks bound) {
	list = slices.DeleteFunc(list, func(st *statement) bool { return slices.Contains(st.Groups, "build-system") }) // no lock has those
	for _, st := range list {
		if st.fixedElsewhere() && st.locked == nil {
			c.source(st)
		}
	}
	switch {
	case len(list) == 0:
	case len(locks) > 0:
		c.stale(list, locks)
	default:
		var evidence []string
		for _, st := range list {
			if !st.exact {
				evidence = append(evidence, st.shown())
			}
		}
		asked := count(places(list), "package is asked for", "packages are asked for") + " in this file, and "
		if l := c.project.broken(f); l != "" {
			c.report(noLock.Undetermined(finding.Where{Path: f.Path}, asked+l+" could not be read", named(evidence)...))
			return
		}
		none := noLock.Finding(finding.Where{Path: f.Path}, asked+"no lock says what is installed", named(evidence)...)
		none.Fix = cmp.Or(c.project.relock(list[0].set, f, ""), none.Fix)
		c.report(none)
	}
}

// places counts what is asked for; what constraints fix may be several statements.
func places(list []*statement) int {
	at := map[string]bool{}
	for _, st := range list {
		at[st.where().String()+" "+st.called()] = true
	}
	return len(at)
}

// broken is a lock of a manifest of which nothing could be read, or "".
func (p *Project) broken(f *manifest.File) string {
	for _, u := range p.Unread {
		kind, ok := manifest.Identify(u.Path, nil)
		if ok && fixes(&manifest.File{Kind: kind, Path: u.Path}, f) && !slices.ContainsFunc(p.Sets, func(s *Set) bool { return s.Path == u.Path }) {
			return u.Path
		}
	}
	return ""
}

// stale reports what a lock does not have, or has in a version that was not asked for.
func (c *checker) stale(list []*statement, locks bound) {
	for _, st := range list {
		if st.fixedElsewhere() {
			continue
		}
		var there []string
		fits := false
		for _, l := range locks {
			for _, p := range l.packages[st.Name] {
				there = append(there, p.Version)
				fits = fits || st.fits(p)
			}
		}
		switch {
		case fits:
		case st.elsewhere(locks):
			if !st.exact {
				c.unpinned(st, " --universal")
			}
		case len(there) > 0:
			slices.Sort(there)
			c.outdated(st, fmt.Sprintf("%s has %s", locks[0].lock.Path, strings.Join(slices.Compact(there), ", ")))
		case st.exact && st.file.Kind != manifest.Requirements:
		case st.beside(locks):
			c.unpinned(st, "")
		default:
			c.outdated(st, locks[0].lock.Path+" does not have it", st.circumstances()...)
		}
	}
}

func (c *checker) outdated(st *statement, what string, evidence ...string) {
	f := staleLock.Finding(st.where(), st.shown()+" is asked for, and "+what, evidence...)
	f.Fix = cmp.Or(c.project.relock(st.set, st.file, ""), f.Fix)
	c.about(&f, st)
}

// elsewhere reports whether a line of requirements may be meant for another platform than
// the one that their lock was made for.
func (st *statement) elsewhere(locks bound) bool {
	return st.Marker != "" && st.file.Kind == manifest.Requirements && locks.compiledOnly()
}

// beside reports whether a statement is of a group that the locks are not made for: one
// of hatch, or one that a requirements file leaves out.
func (st *statement) beside(locks bound) bool {
	return st.ofHatch() || len(st.Groups) > 0 && locks.compiledOnly()
}

func (st *statement) ofHatch() bool {
	return slices.ContainsFunc(st.Groups, func(g string) bool { return strings.HasPrefix(g, "hatch:") })
}

// fits reports whether an entry of a lock is what was asked for. One without a
// version comes from elsewhere, and the lock says from where. A release of an index is
// not what was asked for of a repository or an address.
func (st *statement) fits(p *manifest.Package) bool {
	elsewhere := st.Source.Type == manifest.VCS || st.Source.Type == manifest.AtURL
	if elsewhere && p.Version != "" && (p.Source.Type == manifest.AnyIndex || p.Source.Type == manifest.OneIndex) {
		return false
	}
	v, err := pep440.Parse(p.Version)
	if p.Version == "" || err != nil {
		return true
	}
	if want, err := pep440.Parse(st.Version); st.Version != "" && err == nil {
		return pep440.Compare(v, want) == 0 || want.Local() == "" && pep440.Compare(v.Public(), want) == 0
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
		if !first.IsZero() {
			c.cooling(st, first)
		}
	}
}

// cooling reports a release that was uploaded too short a time ago.
func (c *checker) cooling(st *statement, first time.Time) {
	if age := c.opt.Now.Sub(first); age < c.opt.Policy.Cool() {
		f := young.Finding(st.where(), fmt.Sprintf("%s was uploaded %s ago, and the cooldown is %s", st.shown(), days(age), days(c.opt.Policy.Cool())), "uploaded "+first.UTC().Format(time.RFC3339))
		c.about(&f, st)
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

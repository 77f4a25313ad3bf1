package deps

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/family"
	"github.com/andiron-dev/andiron/internal/manifest"
)

// placed is an index, and the file that names it.
type placed struct {
	manifest.Index

	file *manifest.File
}

func (p *placed) where() finding.Where {
	return finding.Where{Path: p.file.Path}.Line1(p.Line, 0)
}

// indexes checks the places that a set's packages come from.
func (c *checker) indexes(s *Set, list []*statement) {
	var all []placed
	for _, f := range s.files() {
		for _, ix := range f.Indexes {
			all = append(all, placed{ix, f})
		}
	}
	for i := range all {
		c.insecure(&all[i])
		c.allowed(all[i].where(), all[i].URL, all[i].Role)
	}
	c.merged(s, all, list)
	c.rehosted(all, list)
	c.sources(list)
	c.bound(s, all, list)
}

// insecure reports an index that anyone on the way can answer for.
func (c *checker) insecure(p *placed) {
	host := p.URL
	if u, err := url.Parse(p.URL); err == nil && u.Host != "" {
		host = u.Host
	}
	switch {
	case p.Role == manifest.Trusted:
		c.report(insecureIndex.Finding(p.where(), fmt.Sprintf("the certificate of %q is not checked", host)))
	case strings.HasPrefix(p.URL, "http://"):
		c.report(insecureIndex.Finding(p.where(), fmt.Sprintf("packages come from %q over plain HTTP", p.URL)))
	case p.Secret:
		f := insecureIndex.Finding(p.where(), fmt.Sprintf("the address of the index at %q has credentials in it", host))
		f.Severity = finding.Medium
		c.report(f)
	}
}

// allowed reports a place that the policy does not name.
func (c *checker) allowed(where finding.Where, addr string, role manifest.IndexRole) {
	switch role {
	case manifest.NoIndex, manifest.BestMatch, manifest.Trusted, manifest.Channel:
		return
	case manifest.Primary, manifest.Extra, manifest.FindLinks:
	}
	if len(c.opt.Policy.Indexes) == 0 || addr == "" || !strings.Contains(addr, "://") || c.covers(addr) {
		return
	}
	c.report(otherIndex.Finding(where, fmt.Sprintf("packages come from %q, which the policy does not name", addr)))
}

func (c *checker) covers(addr string) bool {
	return slices.ContainsFunc(c.opt.Policy.Indexes, func(p string) bool {
		p = strings.TrimSuffix(p, "/")
		return addr == p || strings.HasPrefix(addr, p+"/")
	})
}

// merged reports packages that any of several places may deliver. uv and Poetry ask
// their indexes in order and take the first that has the name; pip merges them.
func (c *checker) merged(s *Set, all []placed, list []*statement) {
	var extra []placed
	first := false // of the main indexes: Poetry may have several, and merges them
	merges := merging(s, all)
	for _, p := range all {
		switch p.Role {
		case manifest.BestMatch:
			merges = true
			c.report(bestMatch.Finding(p.where(), "the highest version of all indexes wins (unsafe-best-match)"))
		case manifest.Extra, manifest.FindLinks:
			if !p.Explicit && strings.Contains(p.URL, "://") {
				extra = append(extra, p)
			}
		case manifest.Primary:
			if first && !p.Explicit && s.Kind == manifest.PyProject {
				extra = append(extra, p)
			}
			first = true
		case manifest.NoIndex, manifest.Trusted, manifest.Channel:
		}
	}
	if !merges || len(extra) == 0 || onlyPlace(all) {
		return
	}
	var loose []string
	for _, st := range list {
		if st.Source.Type == manifest.AnyIndex && len(st.Hashes) == 0 && st.locked == nil && !slices.Contains(st.Groups, "build-system") {
			loose = append(loose, st.shown())
		}
	}
	if len(loose) == 0 {
		return
	}
	key := extra[0].where().String() + " " + extra[0].URL
	if c.loose[key] == nil {
		c.loose[key] = &loosely{place: extra[0]}
	}
	c.loose[key].names = append(c.loose[key].names, loose...)
}

// loosely is the packages that an index beside others may deliver.
type loosely struct {
	place placed
	names []string
}

// confused reports them: once of each index, however many commands of a file search it.
func (c *checker) confused() {
	for _, l := range c.loose {
		slices.Sort(l.names)
		l.names = slices.Compact(l.names)
		c.report(confusion.Finding(l.place.where(), fmt.Sprintf("%s from whichever index has the highest version: %q is searched beside the others",
			count(len(l.names), "package comes", "packages come"), l.place.URL), named(l.names)...))
	}
}

// merging reports whether the tool that reads a set takes the best of all its indexes:
// pip does, and so do PDM with all of its sources and Poetry with all main ones.
func merging(s *Set, all []placed) bool {
	switch s.Kind {
	case manifest.Requirements, manifest.Dockerfile, manifest.Notebook, manifest.Pipfile, manifest.PipfileLock, manifest.CondaEnv:
		return true
	case manifest.PyProject:
		mains := 0
		for _, p := range all {
			if p.Role == manifest.Primary && !p.Explicit {
				mains++
			}
		}
		return s.Tool == "pdm" || s.Tool == "poetry" && mains > 1
	default:
		return false
	}
}

// onlyPlace reports whether the index is switched off and one place is left.
func onlyPlace(all []placed) bool {
	off, places := false, 0
	for _, p := range all {
		off = off || p.Role == manifest.NoIndex
		if p.Role == manifest.Extra || p.Role == manifest.FindLinks {
			places++
		}
	}
	return off && places == 1
}

// rehosted reports an index of builds of PyTorch that everything comes from.
func (c *checker) rehosted(all []placed, list []*statement) {
	var main *placed
	for i := range all {
		switch p := &all[i]; {
		case p.Role == manifest.Primary && !p.Explicit && main == nil:
			main = p
		case p.Role == manifest.Primary && !p.Explicit && main.URL != p.URL:
			return
		case p.Role == manifest.Extra && !p.Explicit:
			return
		}
	}
	if main == nil || family.Accelerator(main.URL) == "" {
		return
	}
	var others []string
	for _, st := range list {
		if st.Source.Type == manifest.AnyIndex && !family.Member(st.Name) && !strings.HasPrefix(st.Name, "nvidia-") && st.locked == nil {
			others = append(others, st.shown())
		}
	}
	if len(others) == 0 {
		return
	}
	slices.Sort(others)
	c.report(rehosted.Finding(main.where(), fmt.Sprintf("%q is the only index, and %s from its copies",
		main.URL, count(len(others), "package that is not of the family comes", "packages that are not of the family come")), named(others)...))
}

// sources checks the places that a lock names for each package.
func (c *checker) sources(list []*statement) {
	said := map[string]bool{}
	for _, st := range list {
		addr := st.Source.URL
		if addr == "" || said[addr] || st.Source.Type == manifest.Path {
			continue
		}
		said[addr] = true
		if strings.HasPrefix(addr, "http://") {
			c.report(insecureIndex.Finding(st.where(), fmt.Sprintf("%s comes from %q over plain HTTP", st.Name, addr)))
		}
		c.allowed(st.where(), addr, manifest.Primary)
	}
}

// bound says that a file binds packages of the family to an index of their own.
func (c *checker) bound(s *Set, all []placed, list []*statement) {
	if s.Kind.Locked() {
		return
	}
	var names []string
	for _, st := range list {
		if st.Source.Type == manifest.OneIndex && slices.ContainsFunc(all, func(p placed) bool { return p.Name == st.Source.Index && p.Explicit }) {
			names = append(names, st.Name)
		}
	}
	if len(names) > 0 {
		slices.Sort(names)
		names = slices.Compact(names)
		c.report(oneIndex.Finding(finding.Where{Path: s.Path}, fmt.Sprintf("%s: %s",
			count(len(names), "package comes from an index of its own", "packages come each from an index of their own"), strings.Join(names, ", "))))
	}
}

package deps

import (
	"cmp"
	"path"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/manifest"
	"github.com/andiron-dev/andiron/internal/pep440"
)

// statement is one package of one file, and what fixes its version.
type statement struct {
	*manifest.Package

	file    *manifest.File
	set     *Set
	version pep440.Version
	exact   bool              // version is the one that is installed
	by      *manifest.Package // the constraint that fixes the version, if it is not the line itself
	locked  *manifest.File    // the lock that fixes it
	allowed pep440.Specifiers // what it asks for, if it is not exact
	problem string            // why neither is known
}

func (s *statement) where() finding.Where {
	return finding.Where{Path: s.file.Path}.Line1(s.Line, s.Column)
}

// shown is the package as messages name it.
func (s *statement) shown() string {
	switch {
	case s.Version != "":
		return s.called() + " " + s.Version
	case s.by != nil:
		return s.called() + " " + s.by.Version
	case s.Specifier != "":
		return s.called() + s.Specifier
	}
	return s.called()
}

// called is the name of a package, or where it comes from if nothing tells its name.
func (s *statement) called() string { return cmp.Or(s.Name, s.Source.URL) }

// own reports whether a package is the project's own code, which nobody publishes.
func own(p *manifest.Package) bool {
	switch p.Source.Type {
	case manifest.Virtual, manifest.Editable:
		return true
	case manifest.Path:
		return !artifactName(p.Source.URL)
	case manifest.AnyIndex, manifest.OneIndex, manifest.AtURL, manifest.VCS, manifest.Conda:
	}
	return false
}

// artifactName reports whether a path is one of a built package.
func artifactName(p string) bool {
	return strings.HasSuffix(p, ".whl") || strings.HasSuffix(p, ".tar.gz") || strings.HasSuffix(p, ".zip") || strings.HasSuffix(p, ".tar.bz2")
}

// statements lists what a set asks for or binds, without its constraints.
func (p *Project) statements(s *Set) []*statement {
	limits := constraints(s)
	locks := p.locksOf(s)
	var out []*statement
	for _, f := range s.files() {
		for i := range f.Packages {
			pkg := &f.Packages[i]
			if pkg.Constraint || own(pkg) || pkg.Name == s.Name && s.Name != "" && s.Kind.Locked() && pkg.Source.Type == manifest.Path {
				continue
			}
			st := &statement{Package: pkg, file: f, set: s}
			st.resolve(limits, locks)
			out = append(out, st)
		}
	}
	return out
}

// files are the set's own file and those that it names.
func (s *Set) files() []*manifest.File {
	return append([]*manifest.File{s.File}, s.Named...)
}

// constraints are the versions that a set's constraints fix, by name.
func constraints(s *Set) map[string]*manifest.Package {
	out := map[string]*manifest.Package{}
	for _, f := range s.files() {
		for i := range f.Packages {
			if p := &f.Packages[i]; p.Constraint && p.Version != "" {
				out[p.Name] = p
			}
		}
	}
	return out
}

func (st *statement) resolve(limits map[string]*manifest.Package, locks []*manifest.File) {
	text := st.Version
	if c := limits[st.Name]; text == "" && c != nil && st.Source.Type != manifest.VCS && st.Source.Type != manifest.AtURL {
		st.by, text = c, c.Version
	}
	if text != "" {
		v, err := pep440.Parse(text)
		if err != nil {
			st.problem = "its version " + quote(text) + " is not one that PEP 440 orders"
			return
		}
		st.version, st.exact = v, true
		return
	}
	for _, l := range locks {
		if slices.ContainsFunc(l.Packages, func(p manifest.Package) bool { return p.Name == st.Name && p.Version != "" }) {
			st.locked = l
			return
		}
	}
	if st.Source.Type == manifest.VCS || st.Source.Type == manifest.AtURL || st.Source.Type == manifest.Path {
		return
	}
	s, err := pep440.ParseSpecifiers(st.Specifier)
	if err != nil {
		st.problem = "its range " + quote(st.Specifier) + " is not one that PEP 440 knows"
		return
	}
	st.allowed = s
}

// locksOf are the locks that fix what a manifest asks for: beside it, or above it
// where a workspace has one lock for its members. A requirements file has the one
// that was compiled from it.
func (p *Project) locksOf(s *Set) []*manifest.File {
	var out []*manifest.File
	for _, l := range p.Sets {
		if l != s && fixes(l.File, s.File) {
			out = append(out, l.File)
		}
	}
	return out
}

func fixes(lock, of *manifest.File) bool {
	here, there := path.Dir(of.Path), path.Dir(lock.Path)
	switch of.Kind {
	case manifest.PyProject, manifest.SetupCfg, manifest.SetupPy:
		switch lock.Kind {
		case manifest.UVLock, manifest.PoetryLock, manifest.PDMLock, manifest.PyLock:
			return here == there || there == "." || strings.HasPrefix(here, there+"/")
		case manifest.Requirements:
			return here == there && compiled(lock)
		default:
			return false
		}
	case manifest.Pipfile:
		return lock.Kind == manifest.PipfileLock && here == there
	case manifest.CondaEnv:
		return lock.Kind == manifest.CondaLock && here == there
	case manifest.Requirements:
		return lock.Kind == manifest.Requirements && here == there && strings.HasSuffix(of.Path, ".in") &&
			strings.TrimSuffix(path.Base(of.Path), ".in") == strings.TrimSuffix(path.Base(lock.Path), ".txt")
	default:
		return false
	}
}

// compiled reports whether a requirements file is a lock: the tool that wrote it says
// so, and every line is exact.
func compiled(f *manifest.File) bool {
	return f.Tool != "" && len(f.Packages) > 0 && !slices.ContainsFunc(f.Packages, func(p manifest.Package) bool { return p.Version == "" })
}

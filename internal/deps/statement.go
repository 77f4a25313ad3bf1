package deps

import (
	"cmp"
	"fmt"
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
	instead *manifest.Package // what the file asks for, if something else takes its place
	locked  *manifest.File    // the lock that fixes it
	allowed pep440.Specifiers // what it asks for, if it is not exact
	problem string            // why neither is known
}

func (st *statement) where() finding.Where {
	p := st.file.Path
	if st.file.Kind == manifest.Installed && strings.HasSuffix(p, ".dist-info") {
		p = path.Join(p, "METADATA")
	}
	return finding.Where{Path: p}.Line1(st.Line, st.Column)
}

// place is what says it: the file, or the folder that a package is installed in.
func (st *statement) place() string {
	if st.file.Kind == manifest.Installed || st.file.Kind == manifest.CondaInstalled {
		return path.Dir(st.file.Path)
	}
	return st.file.Path
}

// shown is the package as messages name it.
func (st *statement) shown() string {
	switch {
	case st.Version != "":
		return st.called() + " " + st.Version
	case st.by != nil:
		return st.called() + " " + st.by.Version
	case st.Specifier != "" && st.Specifier[0] >= '0' && st.Specifier[0] <= '9': // of conda
		return st.called() + " " + st.Specifier
	case st.Specifier != "":
		return st.called() + st.Specifier
	}
	return st.called()
}

// called is the name of a package, or where it comes from if nothing tells its name.
func (st *statement) called() string { return cmp.Or(st.Name, st.Source.URL) }

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
	return slices.ContainsFunc([]string{".whl", ".tar.gz", ".tgz", ".zip", ".tar.bz2", ".tar.xz", ".conda"}, func(end string) bool { return strings.HasSuffix(p, end) })
}

// statements lists what a set asks for or binds, without its constraints.
func (p *Project) statements(s *Set) []*statement {
	limits := constraints(s)
	locks := bindings(p.locksOf(s))
	left := mostMarkers
	var out []*statement
	for _, f := range s.files() {
		for i := range f.Packages {
			pkg := &f.Packages[i]
			if ofDistribution(f, pkg) {
				copied := *pkg
				copied.Source = manifest.Source{} // the folder in which it was built tells nothing
				pkg = &copied
			}
			if pkg.Constraint || f.Kind != manifest.Installed && own(pkg) || pkg.Source.Type == manifest.Editable || itself(f, pkg) {
				continue
			}
			asked := &statement{Package: pkg, file: f, set: s}
			if len(limits[pkg.Name]) > mostLimits && locks.of(asked) == nil {
				asked.problem = fmt.Sprintf("there are more than %d constraints of it", mostLimits)
				out = append(out, asked)
				continue
			}
			for _, st := range asked.overridden(limits[pkg.Name]) {
				if st.locked = locks.of(st); st.locked != nil {
					out = append(out, st)
					continue
				}
				out = append(out, st.resolve(limits[pkg.Name], &left)...)
			}
		}
	}
	return out
}

// ofDistribution reports a package that an operating system brings: it is built from a
// folder, and is the project of its name all the same.
func ofDistribution(f *manifest.File, p *manifest.Package) bool {
	return f.Kind == manifest.Installed && p.Source.Type == manifest.Path && strings.Contains("/"+f.Path, "/dist-packages/")
}

// itself reports whether a project asks for itself, as it does for its own extras.
func itself(f *manifest.File, p *manifest.Package) bool {
	if f.Name == "" || p.Name != f.Name {
		return false
	}
	return p.Source.Type == manifest.Path || p.Source.Type == manifest.AnyIndex && !f.Kind.Locked()
}

// files are the set's own file and those that it names.
func (s *Set) files() []*manifest.File {
	return append([]*manifest.File{s.File}, s.Named...)
}

// binding is what the locks of a set have, by name.
type binding struct {
	lock     *manifest.File
	packages map[string][]*manifest.Package
}

type bound []binding

func bindings(locks []*manifest.File) (out bound) {
	for _, l := range locks {
		b := binding{l, map[string][]*manifest.Package{}}
		for i := range l.Packages {
			p := &l.Packages[i]
			b.packages[p.Name] = append(b.packages[p.Name], p)
		}
		out = append(out, b)
	}
	return out
}

// of is the lock that fixes the version of a package. Requirements are installed as they
// are as well, so that a lock with another version than they ask for does not fix theirs.
func (b bound) of(st *statement) *manifest.File {
	fixes := func(p *manifest.Package) bool {
		return p.Version != "" && (st.file.Kind != manifest.Requirements || st.fits(p))
	}
	for _, l := range b {
		if l.lock != st.file && slices.ContainsFunc(l.packages[st.Name], fixes) {
			return l.lock
		}
	}
	return nil
}

// compiledOnly reports whether all locks are requirements, which are made for one
// platform and without groups unless somebody asks for more.
func (b bound) compiledOnly() bool {
	return !slices.ContainsFunc(b, func(l binding) bool { return l.lock.Kind != manifest.Requirements })
}

// constraints are what limits the versions of a set, by name.
func constraints(s *Set) map[string][]*manifest.Package {
	out := map[string][]*manifest.Package{}
	for _, f := range s.files() {
		for i := range f.Packages {
			p := &f.Packages[i]
			same := func(o *manifest.Package) bool {
				return o.Version == p.Version && o.Specifier == p.Specifier && o.Marker == p.Marker && o.Override == p.Override && o.Source == p.Source
			}
			list := out[p.Name]
			if p.Constraint && len(list) <= mostLimits && !slices.Contains(p.Groups, "build-system") && !slices.ContainsFunc(list, same) {
				out[p.Name] = append(list, p)
			}
		}
	}
	return out
}

// mostLimits is how many different constraints and overrides of one package are told
// apart: each exact one makes a statement of its own of every line that asks for it.
const mostLimits = 64

// resolve says which version a statement is about. Where constraints fix several,
// under different markers, it is about each.
func (st *statement) resolve(limits []*manifest.Package, left *int) []*statement {
	if st.Version != "" {
		st.fix(st.Version)
		return []*statement{st}
	}
	if st.fixedElsewhere() {
		return []*statement{st}
	}
	if st.Source.Type == manifest.Conda {
		st.allowed, _ = pep440.ParseSpecifiers(ofConda(st.Specifier)) // else it may be any
		return []*statement{st}
	}
	var out []*statement
	var exact []*manifest.Package
	spec := st.Specifier
	for _, c := range limits {
		switch {
		case c.Override:
		case c.Version != "":
			one := *st
			one.by = c
			one.fix(c.Version)
			out, exact = append(out, &one), append(exact, c)
		case c.Marker == "" && c.Specifier != "":
			spec = strings.Trim(spec+","+c.Specifier, ",")
		}
	}
	if len(out) > 0 && st.everywhere(exact, left) {
		return out
	}
	st.allow(spec)
	return append(out, st)
}

// overridden is what a statement is about where the project has it that something
// else is asked for instead, whatever it was.
func (st *statement) overridden(limits []*manifest.Package) (out []*statement) {
	for _, o := range limits {
		if !o.Override || slices.Contains(st.Groups, "build-system") {
			continue
		}
		pkg := *st.Package
		pkg.Version, pkg.Specifier, pkg.Hashes = o.Version, o.Specifier, o.Hashes
		if o.Source.Type != manifest.AnyIndex {
			pkg.Source = o.Source
		}
		one := *st
		one.Package, one.instead = &pkg, st.Package
		out = append(out, &one)
	}
	if len(out) == 0 {
		return []*statement{st}
	}
	return out
}

func (st *statement) allow(spec string) {
	s, err := pep440.ParseSpecifiers(spec)
	if err != nil {
		st.problem = "its range " + quote(spec) + " is not one that PEP 440 knows"
		return
	}
	st.allowed = s
}

// fix says that the version is the one that is installed.
func (st *statement) fix(version string) {
	v, err := pep440.Parse(version)
	if err != nil {
		st.problem = "its version " + quote(version) + " is not one that PEP 440 orders"
		return
	}
	st.version, st.exact = v, true
}

// ofConda writes a range of conda as PEP 440 has it: "=1.26" and "1.26.*" are
// "==1.26.*", and a build that follows does not count.
func ofConda(s string) string {
	var out []string
	for c := range strings.SplitSeq(s, ",") {
		c = strings.TrimSpace(c)
		v := strings.TrimLeft(c, "=<>!~")
		op := c[:len(c)-len(v)]
		v = strings.TrimSpace(v)
		if i := strings.IndexAny(v, " ="); i >= 0 {
			v = v[:i]
		}
		switch {
		case v == "*" || v == "":
			continue
		case op == "=" || op == "" && strings.HasSuffix(v, "*"):
			op, v = "==", strings.TrimSuffix(strings.TrimSuffix(v, "*"), ".")+".*"
		case op == "":
			op = "=="
		}
		out = append(out, op+v)
	}
	return strings.Join(out, ",")
}

// locksOf are the locks that fix what a manifest asks for: beside it, or above it
// where a workspace has one lock for its members. A requirements file has the one
// that was compiled from it.
func (p *Project) locksOf(s *Set) []*manifest.File {
	if s.Kind.Locked() {
		return nil
	}
	var out []*manifest.File
	for _, other := range p.Sets {
		for _, l := range other.files() {
			if l.Path != s.Path && fixes(l, s.File) && !slices.ContainsFunc(out, func(o *manifest.File) bool { return o.Path == l.Path }) {
				out = append(out, l)
			}
		}
	}
	return out
}

func fixes(lock, of *manifest.File) bool {
	here, there := path.Dir(of.Path), path.Dir(lock.Path)
	switch of.Kind {
	case manifest.PyProject, manifest.SetupCfg, manifest.SetupPy:
		switch lock.Kind {
		case manifest.UVLock, manifest.PDMLock:
			return here == there || member(lock, of, here, there)
		case manifest.PoetryLock, manifest.PyLock:
			return here == there
		case manifest.Requirements:
			return here == there && compiled(lock)
		default:
			return false
		}
	case manifest.Pipfile:
		return lock.Kind == manifest.PipfileLock && here == there
	case manifest.CondaEnv:
		return (lock.Kind == manifest.CondaLock || lock.Kind == manifest.CondaExplicit) && here == there
	case manifest.Requirements:
		return lock.Kind == manifest.Requirements && lock.Path == manifest.LockName(of.Path)
	default:
		return false
	}
}

// member reports whether a lock above a project is that of its workspace: it has the
// project, by its place or by its name.
func member(lock, of *manifest.File, here, there string) bool {
	if there != "." && !strings.HasPrefix(here, there+"/") {
		return false
	}
	return slices.ContainsFunc(lock.Packages, func(p manifest.Package) bool {
		return own(&p) && (p.Name == of.Name && of.Name != "" || path.Join(there, p.Source.URL) == here)
	})
}

// compiled reports whether a requirements file is a lock: every line is exact, and the
// tool that wrote it says so or pip holds every file to its hash.
func compiled(f *manifest.File) bool {
	published := slices.DeleteFunc(slices.Clone(f.Packages), func(p manifest.Package) bool { return own(&p) || p.Source.Commit != "" })
	if len(f.Packages) == 0 || slices.ContainsFunc(published, func(p manifest.Package) bool { return p.Version == "" }) {
		return false
	}
	return f.Tool != "" || len(published) > 0 && !slices.ContainsFunc(published, func(p manifest.Package) bool { return len(p.Hashes) == 0 })
}

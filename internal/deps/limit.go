package deps

import (
	"slices"
	"sync"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/manifest"
	"github.com/andiron-dev/andiron/internal/pep440"
	"github.com/andiron-dev/andiron/internal/pep508"
)

// environments are those that markers of constraints are tried in: where none of them
// holds, a package is as open as without them.
var environments = sync.OnceValue(func() (out []pep508.Environment) {
	for _, python := range []string{"3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14"} {
		for _, platform := range []string{"linux-x86_64", "linux-aarch64", "darwin-arm64", "darwin-x86_64", "windows-amd64"} {
			if env, err := pep508.NewEnvironment(python, platform); err == nil {
				out = append(out, env)
			}
		}
	}
	return out
})

// mostMarkers is how many bytes of markers a set has tried in all environments. Beyond
// that a constraint under a marker counts as one that leaves something open.
const mostMarkers = 4 << 20

// everywhere reports whether one of the constraints holds in every environment that a
// package is asked for in.
func (st *statement) everywhere(limits []*manifest.Package, left *int) bool {
	var markers []*pep508.Marker
	*left -= len(st.Marker)
	for _, l := range limits {
		if l.Marker == "" {
			return true
		}
		if *left -= len(l.Marker); *left < 0 {
			return false
		}
		if m, err := pep508.ParseMarker(l.Marker); err == nil {
			markers = append(markers, m)
		}
	}
	asked, err := pep508.ParseMarker(st.Marker)
	for _, env := range environments() {
		if st.Marker != "" && err == nil && !asked.Eval(env) || !runsOn(st.file, env) {
			continue
		}
		if !slices.ContainsFunc(markers, func(m *pep508.Marker) bool { return m.Eval(env) }) {
			return false
		}
	}
	return true
}

// runsOn reports whether a file is for the Python of an environment.
func runsOn(f *manifest.File, env pep508.Environment) bool {
	s, err := pep440.ParseSpecifiers(f.Python)
	v, bad := pep440.Parse(env.Values["python_full_version"])
	return err != nil || bad != nil || s.Contains(v, true)
}

// unasked are the exact versions that a set is limited to where nothing in it asks for
// the package by its name: what it asks for may need it, and gets that version.
func (p *Project) unasked(s *Set) (out []*statement) {
	if s.Kind.Locked() || len(p.locksOf(s)) > 0 {
		return nil
	}
	asked := map[string]bool{}
	for _, f := range s.files() {
		for i := range f.Packages {
			if !f.Packages[i].Constraint {
				asked[f.Packages[i].Name] = true
			}
		}
	}
	if len(asked) == 0 {
		return nil
	}
	for _, f := range s.files() {
		if f.Path != s.Path && slices.ContainsFunc(p.Sets, func(o *Set) bool { return o.Path == f.Path }) {
			continue // it is looked at for itself
		}
		for i := range f.Packages {
			if l := &f.Packages[i]; l.Constraint && l.Version != "" && !asked[l.Name] && !slices.Contains(l.Groups, "build-system") {
				out = append(out, limit(l, f, s))
			}
		}
	}
	return out
}

// limit is a statement of a constraint, as the range of one version that it is.
func limit(l *manifest.Package, f *manifest.File, s *Set) *statement {
	pkg := *l
	pkg.Version = ""
	st := &statement{Package: &pkg, file: f, set: s}
	st.allow(pkg.Specifier)
	return st
}

// limited reports what a constraint may have installed.
func (s *scanner) limited(st *statement) error {
	hits, err := s.hits(st)
	if err != nil {
		return err
	}
	if hits, _ = st.divide(hits); len(hits) == 0 {
		return nil
	}
	d := finding.Dependency{Package: s.identity(st), Where: st.where(), Requested: st.Specifier, Status: finding.MayResolve, Advisories: []string{}}
	for _, h := range hits {
		d.Advisories = append(d.Advisories, h.ID)
	}
	s.mayResolve(st, d.Package, hits)
	s.out.Dependencies = append(s.out.Dependencies, d)
	return nil
}

package deps

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/family"
	"github.com/andiron-dev/andiron/internal/manifest"
)

// family reports torch and what goes with it from different releases, or for
// different accelerators.
func (c *checker) family(list []*statement) {
	var members []family.Package
	for _, st := range list {
		name := st.Name
		if st.Source.Type == manifest.Conda {
			name = family.FromConda(name)
		}
		if !family.Member(name) || st.locked != nil {
			continue
		}
		version, when := st.Version, st.Marker
		if st.by != nil {
			version, when = st.by.Version, when+"\x00"+st.by.Marker
		}
		index := st.indexOf(st.set)
		members = append(members, family.Package{
			Name: name, Version: version, Index: index, Path: st.where().Path, Line: st.Line,
			Plain: st.file.Kind.Locked() && st.Source.Type == manifest.OneIndex && index != "" && family.Accelerator(index) == "",
			When:  strings.Join([]string{when, strings.Join(st.Groups, " "), strconv.Itoa(st.set.stage)}, "\x00"),
		})
	}
	for _, p := range family.Coherent(members) {
		r := trains
		if p.Kind == family.Accelerators {
			r = accelerators
		}
		first := p.Packages[0]
		var evidence []string
		for _, m := range p.Packages {
			evidence = append(evidence, m.String())
		}
		f := r.Finding(finding.Where{Path: first.Path}.Line1(first.Line, 0), p.Text, evidence...)
		if p.Kind == family.Unknown {
			f.Outcome, f.Severity = finding.Undetermined, finding.Low
		}
		c.report(f)
	}
}

// indexOf is the address of the index that a package comes from, where it is known.
func (st *statement) indexOf(s *Set) string {
	if st.Source.URL != "" || st.Source.Type != manifest.AnyIndex {
		if st.Source.Index == "" {
			return st.Source.URL
		}
		for _, f := range s.files() {
			for _, ix := range f.Indexes {
				if ix.Name == st.Source.Index {
					return ix.URL
				}
			}
		}
		return st.Source.URL
	}
	for _, f := range s.files() {
		if i := slices.IndexFunc(f.Indexes, func(ix manifest.Index) bool { return ix.Role == manifest.Primary && !ix.Explicit }); i >= 0 {
			return f.Indexes[i].URL
		}
	}
	return ""
}

// Chain is how a package came into a project: the names from one that somebody asked
// for to the package itself.
type Chain struct {
	File  string
	Line  int // of the package
	Names []string
}

// mostChains is how many ways to a package are told of one file.
const mostChains = 10

// Why returns the shortest ways to a package, by file. A file without edges between
// its packages gives the package alone.
func Why(p *Project, name string) []Chain {
	var out []Chain
	for _, s := range p.Sets {
		for _, f := range s.files() {
			out = append(out, ways(f, name)...)
		}
	}
	slices.SortStableFunc(out, func(a, b Chain) int {
		if c := strings.Compare(a.File, b.File); c != 0 {
			return c
		}
		if len(a.Names) != len(b.Names) {
			return len(a.Names) - len(b.Names)
		}
		return slices.Compare(a.Names, b.Names)
	})
	return slices.CompactFunc(out, func(a, b Chain) bool { return a.File == b.File && slices.Equal(a.Names, b.Names) })
}

// ways searches breadth first from the package upwards.
func ways(f *manifest.File, name string) (out []Chain) {
	at := slices.IndexFunc(f.Packages, func(p manifest.Package) bool { return p.Name == name && !p.Constraint })
	if at < 0 {
		return nil
	}
	needed := map[string][]string{} // who needs it, by name
	direct := map[string]bool{}
	for i := range f.Packages {
		p := &f.Packages[i]
		direct[p.Name] = direct[p.Name] || p.Direct || p.Source.Type == manifest.Virtual || p.Source.Type == manifest.Editable
		for _, r := range p.Requires {
			needed[r] = append(needed[r], p.Name)
		}
	}
	line := f.Packages[at].Line
	seen := map[string]bool{name: true}
	for queue := [][]string{{name}}; len(queue) > 0 && len(out) < mostChains; queue = queue[1:] {
		way := queue[0]
		up := needed[way[0]]
		if direct[way[0]] || len(up) == 0 {
			out = append(out, Chain{File: path.Clean(f.Path), Line: line, Names: way})
		}
		for _, u := range up {
			if !seen[u] {
				seen[u] = true
				queue = append(queue, append([]string{u}, way...))
			}
		}
	}
	return out
}

package code

import (
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/pysrc"
)

// Again is a second look at a file, in which names that other files of the project bind
// stand for what they are bound to: torch.load is as well what "from compat import load"
// imports, where compat.py says "load = torch.load"; and what functions of other files do
// with digests is known. Only what is new is reported.
type Again struct {
	names func(string) []string
	does  func(string) does
	said  map[reportedAt]bool
	// objects are files that the project saves objects to, and where it does.
	objects map[objectsIn]kept
}

// stands is what names stand for; nil in a first look.
func (a *Again) stands() func(string) []string {
	if a == nil {
		return nil
	}
	return a.names
}

// reportedAt is what of a file was reported where.
type reportedAt struct {
	rule, member string
	line, column int
}

// fresh notes a finding, and reports whether the first look did not report it already.
func (l *looker) fresh(f finding.Finding) bool {
	at := reportedAt{f.Rule, f.Where.Member, f.Where.Line, f.Where.Column}
	if l.opt.Again != nil && l.opt.Again.said[at] {
		return false
	}
	if l.said != nil { // nil where nothing is looked at again
		l.said[at] = true
	}
	return true
}

// Revisit says which files have to be looked at again, by the names of their paths,
// because names in them stand for what other files bind, or what they load may have been
// verified by a function of another file. The files are those of one project, root.
func Revisit(root string, files []*Flow) map[string]*Again {
	if root == "" {
		root = "."
	}
	names := make([]*Modules, len(files))
	for i, f := range files {
		names[i] = f.names
	}
	p := newProject(path.Clean(root), names)
	of := map[*Modules]*Flow{}
	for _, f := range files {
		of[f.names] = f
	}
	out := map[string]*Again{}
	objects := map[objectsIn]kept{}
	for _, f := range files {
		maps.Copy(objects, f.objects)
	}
	for _, f := range files {
		stands := func(name string) []string { return p.elsewhere(f.names, name) }
		digests := func(name string) (d does) {
			if name = ofProject(name); name == "" {
				return d
			}
			for _, x := range p.resolve(f.names, name).defs {
				d = d.or(of[x.file].does[x.ref])
			}
			return d
		}
		if f.hold || slices.ContainsFunc(f.uses, func(name string) bool { return len(stands(name)) > 0 }) {
			out[f.names.where.Path] = &Again{names: stands, does: digests, said: f.said, objects: objects}
		}
	}
	return out
}

// elsewhere is what a dotted name of a file stands for, if another file says so.
func (p *project) elsewhere(f *Modules, name string) []string {
	if ofProject(name) == "" {
		return nil
	}
	m := p.resolve(f, name)
	out := slices.DeleteFunc(slices.Clone(m.outside), func(n string) bool { return n == name || n == "" || n[0] == '.' || tame(n) })
	if len(out) > 0 && len(m.defs) > 0 {
		out = append(out, name)
	}
	return out
}

// tame reports whether a dotted name is of a package that no rule speaks of.
func tame(name string) bool {
	top, _, _ := strings.Cut(name, ".")
	return slices.Contains([]string{"logging", "typing", "typing_extensions", "abc", "enum", "dataclasses", "functools", "itertools", "collections", "math", "time", "re", "warnings", "contextlib"}, top)
}

// mostAsked is how many names of a file are asked for in other files.
const mostAsked = 20_000

// uses lists the names that other files may bind.
func (t *tracer) uses() (out []string) {
	seen := map[string]bool{}
	note := func(name string) {
		if name = ofProject(name); name != "" && !seen[name] && len(out) < mostAsked {
			seen[name] = true
			out = append(out, t.word(name))
		}
	}
	for _, c := range t.m.Calls {
		for _, n := range c.Names {
			note(n)
		}
	}
	t.m.Top.Each(func(s *pysrc.Scope) {
		for _, ref := range s.Imports() {
			note(ref)
		}
	})
	return out
}

// settles reports whether statements have a word as a text or as the name of an argument.
func settles(list []pysrc.Stmt, word string) (yes bool) {
	for _, s := range list {
		pysrc.Exprs(s, func(e pysrc.Expr) {
			pysrc.Walk(e, func(e pysrc.Expr) bool {
				switch e := e.(type) {
				case *pysrc.Str:
					yes = yes || e.Value == word
				case *pysrc.Call:
					yes = yes || slices.ContainsFunc(e.Keywords, func(k pysrc.Keyword) bool { return k.Name == word })
				}
				return !yes
			})
		})
		pysrc.Blocks(s, func(inner []pysrc.Stmt) { yes = yes || settles(inner, word) })
		if yes {
			return true
		}
	}
	return false
}

package manifest

import (
	"strings"

	"github.com/andiron-dev/andiron/internal/pep440"
)

// pipSources are the indexes of a Pipfile or its lock, by name.
type pipSources map[string]Source

// pipSources reads the sources. The first is where everything comes from that
// names no other.
func (r *reader) pipSources(list value, merged bool) pipSources {
	out := make(pipSources)
	for v := range r.elements(list, table, "sources") {
		x := Index{Name: v.get("name").text(), Role: Extra, Explicit: !merged, Line: v.line()}
		if x.URL, x.Secret = address(r.strict(v.get("url"), "url")); len(out) == 0 {
			x.Role, x.Explicit = Primary, false
		}
		out[x.Name] = Source{Type: OneIndex, URL: x.URL, Index: x.Name}
		r.index(x)
		if ssl := v.get("verify_ssl"); ssl.kind() == boolean && !ssl.truth() {
			r.index(Index{URL: hostOf(x.URL), Role: Trusted, Line: ssl.line()})
		}
	}
	return out
}

// readPipfile reads a Pipfile.
//
// pipenv 2025, docs/pipfile and utils/dependencies.py.
func (r *reader) readPipfile(t *tree) {
	root := t.root()
	r.file.Tool = "pipenv"
	requires := root.get("requires")
	if v := requires.get("python_full_version").text(); v != "" {
		r.file.Python = "==" + v
	} else if v := requires.get("python_version").text(); v != "" {
		r.file.Python = "==" + v + ".*"
	}
	sources := r.pipSources(root.get("source"), root.get("pipenv", "install_search_all_sources").truth())
	for section := range root.each() {
		switch section.key() {
		case "source", "requires", "pipenv", "scripts", "build-system":
			continue
		}
		for v := range r.want(section, table, section.key()).each() {
			r.pipfileEntry(v, pipGroup(section.key()), sources, false)
		}
	}
}

// pipGroup names the group of a section of a Pipfile or its lock.
func pipGroup(section string) []string {
	switch section {
	case "packages", "default":
		return nil
	case "dev-packages", "develop":
		return []string{"dev"}
	}
	return []string{section}
}

// readPipfileLock reads a Pipfile.lock.
func (r *reader) readPipfileLock(t *tree) {
	root := t.root()
	r.file.Tool = "pipenv"
	meta := root.get("_meta")
	if v := meta.get("requires", "python_version").text(); v != "" {
		r.file.Python = "==" + v + ".*"
	}
	sources := r.pipSources(meta.get("sources"), false)
	for section := range root.each() {
		if section.key() == "_meta" {
			continue
		}
		for v := range r.want(section, table, section.key()).each() {
			r.pipfileEntry(v, pipGroup(section.key()), sources, true)
		}
	}
}

func (r *reader) pipfileEntry(v value, groups []string, sources pipSources, locked bool) {
	p := Package{Spelled: v.key(), Name: normalize(v.key()), Groups: groups, Direct: !locked, Optional: locked && groups != nil}
	p.Line, p.Column = v.place()
	switch v.kind() {
	case text:
		r.pipVersion(&p, v.text(), v.line(), locked)
	case table:
		r.pipVersion(&p, v.get("version").text(), v.line(), locked)
		r.pipEntryTable(&p, v, sources)
	default:
		r.problem(v.line(), "%q is %s, not a string or a table", v.key(), v.kind().String())
		return
	}
	r.add(p)
}

// pipVersion reads "*", "==1.0" or another specifier.
func (r *reader) pipVersion(p *Package, s string, line int, locked bool) {
	if s = strings.TrimSpace(s); s == "*" || s == "" {
		return
	}
	p.Specifier = s
	set, err := pep440.ParseSpecifiers(s)
	if err != nil {
		r.problem(line, "%q of %q is no specifier: %s", s, p.Spelled, err.Error())
		return
	}
	if v, ok := set.Exact(); ok {
		if p.Version = exact(s); p.Version == "" {
			p.Version = v.String()
		}
	}
	if locked {
		p.Specifier = ""
	}
}

func (r *reader) pipEntryTable(p *Package, v value, sources pipSources) {
	p.Extras = r.texts(v.get("extras"), "extras")
	p.Marker = v.get("markers").text()
	for m := range v.each() {
		switch m.key() {
		case "sys_platform", "os_name", "platform_machine", "platform_python_implementation", "platform_release",
			"platform_system", "platform_version", "python_version", "python_full_version", "implementation_name", "implementation_version":
			p.Marker = conjunction(p.Marker, m.key()+" "+m.text()) // sys_platform = "== 'win32'"
		}
	}
	for h := range r.elements(v.get("hashes"), text, "hashes") {
		if d := digest(h.text()); d.Digest != "" {
			p.Hashes = append(p.Hashes, d)
		} else {
			r.problem(h.line(), "%q is no hash", h.text())
		}
	}
	if index := v.get("index").text(); index != "" {
		s, ok := sources[index]
		if !ok {
			r.problem(v.line(), "%q names the index %q, which is not there", p.Spelled, index)
			s = Source{Type: OneIndex, Index: index}
		}
		p.Source = s
	}
	r.pipDirect(p, v)
}

// conjunction joins markers by "and".
func conjunction(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "":
		return a
	}
	return "(" + a + ") and (" + b + ")"
}

func (r *reader) pipDirect(p *Package, v value) {
	for m := range v.each() {
		s := m.text()
		switch m.key() {
		case "git", "hg", "svn", "bzr":
			l := linkOf(m.key() + "+" + strings.TrimPrefix(s, m.key()+"+"))
			p.Source = l.source
			if ref := v.get("ref").text(); ref != "" {
				p.Source.Reference, p.Source.Commit = ref, ""
				if isCommit(ref) {
					p.Source.Commit = lower(ref)
				}
			}
			p.Source.Subdir = v.get("subdirectory").text()
		case "path", "file", "uri", "url":
			l := linkOf(s)
			p.Source = l.source
			p.Hashes = append(p.Hashes, l.hashes...)
			if p.Version == "" {
				_, p.Version = distribution(l.file)
			}
			if v.get("editable").truth() && p.Source.Type == Path {
				p.Source.Type = Editable
			}
		}
	}
}

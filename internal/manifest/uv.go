package manifest

import (
	"slices"
	"strings"
)

// uv reads tool.uv. Its sources apply to what the standard tables ask for.
func (p *pyProject) uv() {
	v := p.r.want(p.tool.get("uv"), table, "tool.uv")
	p.list(v.get("dev-dependencies"), "tool.uv.dev-dependencies", Package{Groups: []string{"dev"}})
	p.uvSources(v, p.uvSettings(v))
}

// readUVConfig reads uv.toml, which has the settings of tool.uv and no dependencies.
//
// uv 0.12 docs/concepts/configuration-files.
func (r *reader) readUVConfig(t *tree) {
	r.file.Tool = "uv"
	p := &pyProject{r: r, root: t.root()}
	p.uvSettings(t.root())
}

// uvSettings reads what limits versions and where packages come from; it returns the
// indexes that have names.
func (p *pyProject) uvSettings(v value) map[string]string {
	for _, key := range [...]string{"constraint-dependencies", "override-dependencies", "build-constraint-dependencies"} {
		base := Package{Constraint: true, Override: key == "override-dependencies"}
		if key == "build-constraint-dependencies" {
			base.Groups = []string{"build-system"}
		}
		p.list(v.get(key), "tool.uv."+key, base)
	}
	named := p.uvIndexes(v)
	p.uvOptions(v)
	p.uvOptions(v.get("pip"))
	return named
}

// uvIndexes reads [[tool.uv.index]].
func (p *pyProject) uvIndexes(v value) map[string]string {
	named := make(map[string]string)
	for e := range p.r.elements(v.get("index"), table, "tool.uv.index") {
		x := Index{Name: e.get("name").text(), Role: Extra, Explicit: e.get("explicit").truth(), Line: e.line()}
		if e.get("default").truth() {
			x.Role = Primary
		}
		if e.get("format").text() == "flat" {
			x.Role = FindLinks
		}
		x.URL, x.Secret = address(p.r.strict(e.get("url"), "url"))
		named[x.Name] = x.URL
		p.r.index(x)
	}
	return named
}

// uvOptions reads the older settings, of uv and of uv pip.
func (p *pyProject) uvOptions(v value) {
	if u := v.get("index-url"); u.there() {
		p.r.indexURL(p.r.strict(u, "index-url"), Primary, u.line())
	}
	for e := range p.r.elements(v.get("extra-index-url"), text, "extra-index-url") {
		p.r.indexURL(e.text(), Extra, e.line())
	}
	for e := range p.r.elements(v.get("find-links"), text, "find-links") {
		p.r.indexURL(e.text(), FindLinks, e.line())
	}
	for e := range p.r.elements(v.get("allow-insecure-host"), text, "allow-insecure-host") {
		p.r.index(Index{URL: e.text(), Role: Trusted, Line: e.line()})
	}
	if n := v.get("no-index"); n.truth() {
		p.r.index(Index{Role: NoIndex, Line: n.line()})
	}
	if s := v.get("index-strategy"); s.text() == string(BestMatch) {
		p.r.index(Index{Role: BestMatch, Line: s.line()})
	}
	if h := v.get("require-hashes"); h.truth() {
		p.r.file.RequireHashes = true
	}
}

// maxAlternatives is how many sources of one package are read.
const maxAlternatives = 16

// uvSources applies tool.uv.sources, which bind packages to where they come from.
func (p *pyProject) uvSources(v value, named map[string]string) {
	bound := make(map[string][]uvSource)
	for entry := range p.r.want(v.get("sources"), table, "tool.uv.sources").each() {
		var list []uvSource
		if entry.kind() == array {
			for e := range p.r.elements(entry, table, "tool.uv.sources") {
				if len(list) == maxAlternatives {
					p.r.problem(e.line(), "%q has more than %d sources; the rest is not read", entry.key(), maxAlternatives)
					break
				}
				list = append(list, p.uvSource(e, named))
			}
		} else if p.r.want(entry, table, "tool.uv.sources").there() {
			list = append(list, p.uvSource(entry, named))
		}
		bound[normalize(entry.key())] = list
	}
	if len(bound) == 0 {
		return
	}
	old := p.r.file.Packages
	p.r.file.Packages = make([]Package, 0, len(old))
	for _, d := range old {
		if p.r.full() {
			return
		}
		list := bound[d.Name]
		if len(list) == 0 || d.Constraint || slices.Contains(d.Groups, "build-system") {
			p.r.add(d)
			continue
		}
		for _, d := range alternatives(d, list) {
			p.r.add(d)
		}
	}
}

// uvSource is where a package comes from, under a condition.
type uvSource struct {
	source Source
	marker string
	group  string // "extra:x" or a group; "" is all
}

func (p *pyProject) uvSource(e value, named map[string]string) uvSource {
	s := uvSource{marker: e.get("marker").text()}
	if x := e.get("extra").text(); x != "" {
		s.group = "extra:" + normalize(x)
	} else if g := e.get("group").text(); g != "" {
		s.group = normalize(g)
	}
	for m := range e.each() {
		switch m.key() {
		case "index":
			url, ok := named[m.text()]
			if !ok {
				p.r.problem(m.line(), "tool.uv.sources names the index %q, which is not in this file", m.text())
			}
			s.source = Source{Type: OneIndex, URL: url, Index: m.text()}
		case "git":
			s.source = gitTable(m.text(), e)
		case "url":
			s.source = linkOf(m.text()).source
		case "path":
			s.source = linkOf(m.text()).source
			if e.get("editable").truth() {
				s.source.Type = Editable
			}
		case "workspace":
			if m.truth() {
				s.source = Source{Type: Virtual}
			}
		}
	}
	if d := e.get("subdirectory").text(); d != "" {
		s.source.Subdir = d
	}
	return s
}

// gitTable reads { git = …, rev | tag | branch = … }, of uv and of poetry.
func gitTable(url string, e value) Source {
	out := linkOf("git+" + strings.TrimPrefix(url, "git+")).source
	for _, key := range [...]string{"rev", "tag", "branch"} {
		if v := e.get(key).text(); v != "" {
			out.Reference, out.Commit = v, ""
			if isCommit(v) {
				out.Commit = lower(v)
			}
			break
		}
	}
	return out
}

// alternatives gives a statement once for each source that applies to it, and once
// more without one where it may be that none does.
func alternatives(old Package, list []uvSource) (out []Package) {
	covered := false
	for _, s := range list {
		if s.group != "" && !slices.Contains(old.Groups, s.group) {
			continue
		}
		next := old
		next.Source = s.source
		next.Marker = conjunction(old.Marker, s.marker)
		if s.group != "" {
			next.Groups = []string{s.group}
		}
		covered = covered || s.marker == "" || s.marker == old.Marker
		out = append(out, next)
	}
	if !covered && !complementary(out, list) {
		out = append(out, old)
	}
	return out
}

// complementary reports that the markers of two sources are a comparison and its
// opposite.
func complementary(out []Package, list []uvSource) bool {
	for i := range list {
		for j := range list[:i] {
			if len(out) > 1 && opposite(list[i].marker, list[j].marker) {
				return true
			}
		}
	}
	return false
}

func opposite(a, b string) bool {
	a, b = squeeze(a), squeeze(b)
	return strings.Contains(a, "==") && strings.Count(a, "==") == 1 && !strings.Contains(a, " ") && strings.Replace(a, "==", "!=", 1) == b ||
		strings.Contains(b, "==") && strings.Count(b, "==") == 1 && !strings.Contains(b, " ") && strings.Replace(b, "==", "!=", 1) == a
}

// squeeze writes a comparison in one way.
func squeeze(s string) string {
	s = strings.ReplaceAll(strings.TrimSpace(s), `"`, "'")
	for _, op := range [...]string{"==", "!="} {
		s = strings.ReplaceAll(strings.ReplaceAll(s, " "+op, op), op+" ", op)
	}
	return s
}

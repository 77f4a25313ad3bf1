package manifest

import (
	"maps"
	"slices"
	"strings"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// readPoetryLock reads poetry.lock of the lock versions 1.0 to 2.1.
//
// poetry 2.2 packages/locker.py.
func (r *reader) readPoetryLock(t *tree) {
	root := t.root()
	r.file.Tool = "poetry"
	r.file.Python = root.get("metadata", "python-versions").text()
	extras := r.poetryExtras(root.get("extras"))
	files := root.get("metadata", "files") // until lock version 1.1
	if !files.there() {
		files = root.get("metadata", "hashes")
	}
	for v := range r.elements(root.get("package"), table, "package") {
		r.poetryPackage(v, files, extras)
	}
}

// poetryExtras says which extras bring a package.
func (r *reader) poetryExtras(v value) map[string][]string {
	out := make(map[string][]string)
	for extra := range r.want(v, table, "extras").each() {
		for e := range r.elements(extra, text, "extras") {
			name := normalize(nameOf(e.text()))
			out[name] = append(out[name], "extra:"+normalize(extra.key()))
		}
	}
	return out
}

// nameOf is what a requirement begins with.
func nameOf(s string) string {
	if i := strings.IndexAny(s, " [(;@<>=!~"); i >= 0 {
		return s[:i]
	}
	return s
}

func (r *reader) poetryPackage(v, files value, extras map[string][]string) {
	var p Package
	if !r.lockedName(&p, v, "a package") {
		return
	}
	p.Optional = v.get("optional").truth()
	groups := r.texts(v.get("groups"), "groups")
	if c := v.get("category").text(); c != "" {
		groups = append(groups, c)
	}
	if slices.Contains(groups, "main") {
		groups = nil
		if p.Optional {
			groups = slices.Clip(extras[p.Name])
		}
	}
	p.Groups, p.Optional = groups, p.Optional || groups != nil
	p.Marker = poetryMarkers(v.get("markers"))
	for d := range r.want(v.get("dependencies"), table, "dependencies").each() {
		p.Requires = append(p.Requires, normalize(d.key()))
	}
	list := v.get("files")
	if old := files.get(p.Spelled); !list.there() && old.there() {
		list = old
	}
	for f := range r.want(list, array, "files").each() {
		if f.kind() == text { // lock version 0: hashes alone
			if h, ok := hashOf("sha256", f.text()); ok {
				p.Hashes = append(p.Hashes, h)
			}
			continue
		}
		p.list(r.artifact(f))
	}
	r.poetrySource(&p, v.get("source"), v.get("develop").truth())
	r.add(p)
}

// poetryMarkers reads a marker for all groups, or one for each.
func poetryMarkers(v value) string {
	if v.kind() != table {
		return v.text()
	}
	var list []string
	for m := range v.each() {
		if m.text() != "" && !slices.Contains(list, m.text()) && len(list) < maxMarkers {
			list = append(list, m.text())
		}
	}
	return union(list)
}

func (r *reader) poetrySource(p *Package, v value, develop bool) {
	if !v.there() {
		return
	}
	clean, secret := address(v.get("url").text())
	p.Source = Source{URL: clean, Secret: secret, Subdir: v.get("subdirectory").text()}
	switch typ := v.get("type").text(); typ {
	case "legacy", "pypi":
		p.Source.Type, p.Source.Index = OneIndex, v.get("reference").text()
	case "git", "hg":
		p.Source.Type, p.Source.Reference = VCS, v.get("reference").text()
		if c := v.get("resolved_reference").text(); isCommit(c) {
			p.Source.Commit = lower(c)
		}
	case "url":
		p.Source.Type = AtURL
	case "directory", "file":
		p.Source.Type = Path
		if develop {
			p.Source.Type = Editable
		}
	default:
		r.problem(v.line(), "the source %q of %q is not one that is known", typ, p.Spelled)
	}
}

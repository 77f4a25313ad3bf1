package manifest

import (
	"slices"
)

// readPDMLock reads pdm.lock of the lock versions 4.0 to 4.5.
//
// pdm 2.26 project/lockfile.
func (r *reader) readPDMLock(t *tree) {
	root := t.root()
	r.file.Tool = "pdm"
	meta := root.get("metadata")
	if targets := meta.get("targets"); targets.count() == 1 {
		for target := range targets.each() {
			r.file.Python = target.get("requires_python").text()
		}
	}
	files := meta.get("files") // until 4.2, by "name version"
	for v := range r.elements(root.get("package"), table, "package") {
		r.pdmPackage(v, files)
	}
}

func (r *reader) pdmPackage(v, files value) {
	var p Package
	if !r.lockedName(&p, v, "a package") {
		return
	}
	p.Extras = r.texts(v.get("extras"), "extras")
	p.Groups = r.texts(v.get("groups"), "groups")
	if slices.Contains(p.Groups, "default") {
		p.Groups = nil
	}
	p.Optional = len(p.Groups) > 0
	p.Marker = v.get("marker").text()
	for d := range r.elements(v.get("dependencies"), text, "dependencies") {
		if name := normalize(nameOf(d.text())); name != p.Name {
			p.Requires = append(p.Requires, name)
		}
	}
	p.Requires = once(p.Requires)
	list := v.get("files")
	if old := files.get(p.Spelled + " " + p.Version); !list.there() && old.there() {
		list = old
	}
	for f := range r.elements(list, table, "files") {
		p.list(r.artifact(f))
	}
	r.pdmSource(&p, v)
	r.add(p)
}

func (r *reader) pdmSource(p *Package, v value) {
	git, url, path := v.get("git").text(), v.get("url").text(), v.get("path").text()
	p.Source.Subdir = v.get("subdirectory").text()
	switch {
	case git != "":
		p.Source.Type, p.Source.Reference = VCS, v.get("ref").text()
		p.Source.URL, p.Source.Secret = address(git)
		if c := v.get("revision").text(); isCommit(c) {
			p.Source.Commit = lower(c)
		}
	case url != "":
		p.Source.Type = AtURL
		p.Source.URL, p.Source.Secret = address(url)
	case path != "":
		p.Source.Type, p.Source.URL = Path, path
		if v.get("editable").truth() {
			p.Source.Type = Editable
		}
	}
}

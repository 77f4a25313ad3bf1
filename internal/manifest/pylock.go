package manifest

import (
	"slices"
	"strings"
)

// readPyLock reads pylock.toml and pylock.NAME.toml.
//
// PEP 751, as the pylock.toml specification of packaging.python.org has it,
// version 1.0.
func (r *reader) readPyLock(t *tree) {
	root := t.root()
	r.file.Python = root.get("requires-python").text()
	if v := root.get("lock-version"); !strings.HasPrefix(v.text(), "1.") {
		r.problem(v.line(), "lock-version %q is not one that is known", v.scalar())
	}
	switch by := strings.ToLower(nameOf(root.get("created-by").text())); by {
	case "uv", "poetry", "pdm", "pipenv", "pip-tools", "pip":
		r.file.Tool = by
	}
	base := r.texts(root.get("default-groups"), "default-groups")
	for v := range r.elements(root.get("packages"), table, "packages") {
		r.pyLockPackage(v, base)
	}
}

func (r *reader) pyLockPackage(v value, base []string) {
	var p Package
	if !r.lockedName(&p, v, "a package") {
		return
	}
	p.Marker = r.strict(v.get("marker"), "a marker")
	p.Groups = pyLockGroups(p.Marker, base)
	p.Optional = len(p.Groups) > 0
	for d := range r.elements(v.get("dependencies"), table, "dependencies") {
		p.Requires = append(p.Requires, normalize(d.get("name").text()))
	}
	if index := r.strict(v.get("index"), "index"); index != "" {
		p.Source.Type = OneIndex
		p.Source.URL, p.Source.Secret = address(index)
	}
	if s := v.get("sdist"); s.kind() == table {
		p.list(r.artifact(s))
	}
	for w := range r.elements(v.get("wheels"), table, "wheels") {
		p.list(r.artifact(w))
	}
	r.pyLockSource(&p, v)
	r.add(p)
}

func (r *reader) pyLockSource(p *Package, v value) {
	for m := range v.each() {
		if m.kind() != table {
			continue
		}
		at := m.get("url").text()
		if at == "" {
			at = m.get("path").text()
		}
		src := Source{Subdir: m.get("subdirectory").text()}
		src.URL, src.Secret = address(at)
		switch m.key() {
		case "vcs":
			src.Type, src.Reference = VCS, m.get("requested-revision").text()
			if c := m.get("commit-id").text(); isCommit(c) {
				src.Commit = lower(c)
			}
		case "directory":
			src.Type = Path
			if m.get("editable").truth() {
				src.Type = Editable
			}
		case "archive":
			src.Type = AtURL
			if m.get("url").text() == "" {
				src.Type = Path
			}
			p.list(r.artifact(m))
		default:
			continue
		}
		if p.Source.Type != AnyIndex {
			r.problem(m.line(), "%q has more than one source", p.Spelled)
		}
		p.Source = src
	}
}

// pyLockGroups finds the extras and groups that a marker asks for: 'gpu' in
// extras, 'dev' in dependency_groups. What is a default is installed for everyone.
func pyLockGroups(marker string, base []string) (out []string) {
	for rest := marker; ; {
		i := strings.Index(rest, " in ")
		if i < 0 {
			slices.Sort(out)
			return slices.Compact(out)
		}
		left, right := strings.TrimRight(rest[:i], " "), strings.TrimLeft(rest[i+len(" in "):], " ")
		rest = right
		name, ok := lastQuoted(left)
		switch {
		case !ok:
		case strings.HasPrefix(right, "extras"):
			out = append(out, "extra:"+normalize(name))
		case strings.HasPrefix(right, "dependency_groups"):
			if name == "default" || slices.Contains(base, name) {
				return nil
			}
			out = append(out, normalize(name))
		}
	}
}

// lastQuoted is the string that a piece of a marker ends with.
func lastQuoted(s string) (string, bool) {
	if s == "" || s[len(s)-1] != '\'' && s[len(s)-1] != '"' {
		return "", false
	}
	from := strings.LastIndexByte(s[:len(s)-1], s[len(s)-1])
	if from < 0 {
		return "", false
	}
	return s[from+1 : len(s)-1], true
}

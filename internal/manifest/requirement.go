package manifest

import (
	"strings"

	"github.com/andiron-dev/andiron/internal/pep440"
	"github.com/andiron-dev/andiron/internal/pep508"
)

// requirement reads a requirement without options, in one of the forms that pip
// takes, into what is known of it already.
func (r *reader) requirement(s string, p Package) {
	s = strings.TrimSpace(s)
	if _, vcs := vcsOf(s); vcs || hasScheme(s) {
		r.linked(s, p)
		return
	}
	if looksLocal(s) {
		r.local(s, p)
		return
	}
	if !r.pep508(s, &p) {
		return
	}
	r.add(p)
}

// pep508 reads a requirement as the standard has it. False says that it is none,
// which is a problem by then.
func (r *reader) pep508(s string, p *Package) bool {
	if r.pinned(s, p) {
		return true
	}
	req, err := pep508.Parse(s)
	if err != nil && strings.Contains(s, "${") && r.unset(s, p) {
		return true
	}
	if err != nil {
		r.problem(p.Line, "%q is no requirement: %s", s, err.Error())
		return false
	}
	p.Name, p.Spelled, p.Extras = req.Name, req.Spelled, req.Extras
	if req.URL != "" {
		from := linkOf(req.URL)
		p.Source = from.source
		p.Hashes = append(p.Hashes, from.hashes...)
		_, p.Version = distribution(from.file)
		_, p.Marker = cutMarker(s, true)
		return true
	}
	_, p.Marker = cutMarker(s, false)
	p.Specifier = strings.TrimSpace(req.SpecifierText)
	if v, ok := req.Specifiers.Exact(); ok {
		p.Version = exact(p.Specifier)
		if p.Version == "" {
			p.Version = v.String()
		}
	}
	return true
}

// pinned reads name==version and nothing else, which is what most lines of a
// compiled file are, without the cost of a parser. False says nothing.
func (r *reader) pinned(s string, p *Package) bool {
	i := strings.IndexByte(s, '=')
	if i <= 0 || !strings.HasPrefix(s[i:], "==") || !pep508.ValidName(s[:i]) {
		return false
	}
	version := s[i+2:]
	for j := range len(version) {
		if c := version[j]; c-'0' > 9 && c-'a' > 25 && c != '.' && c != '+' {
			return false
		}
	}
	if _, err := pep440.Parse(version); err != nil {
		return false
	}
	p.Spelled, p.Name, p.Version, p.Specifier = s[:i], normalize(s[:i]), version, s[i:]
	return true
}

// unset reads a requirement with a variable in its version. That it is not
// determined was said when the line was read.
func (r *reader) unset(s string, p *Package) bool {
	name := nameOf(s)
	req, marker := cutMarker(s, false)
	if !pep508.ValidName(name) || len(req) == len(name) || strings.Contains(name, "$") {
		return false
	}
	r.named(p, name)
	p.Specifier, p.Marker = strings.TrimSpace(req[len(name):]), marker
	if p.Specifier[0] == '[' || p.Specifier[0] == '@' {
		return false
	}
	return true
}

// exact is the version of a specifier of one clause, as it is written.
func exact(spec string) string {
	v, ok := strings.CutPrefix(strings.Trim(spec, "() "), "==")
	if !ok || strings.Contains(v, ",") {
		return ""
	}
	return strings.TrimSpace(strings.TrimPrefix(v, "="))
}

// cutMarker splits a requirement from its marker. After a URL, which may hold a
// semicolon itself, there is a space before it.
func cutMarker(s string, isURL bool) (req, marker string) {
	for i := 0; ; {
		n := strings.IndexByte(s[i:], ';')
		if n < 0 {
			return s, ""
		}
		i += n
		if !isURL || i > 0 && (s[i-1] == ' ' || s[i-1] == '\t') {
			return strings.TrimSpace(s[:i]), strings.TrimSpace(s[i+1:])
		}
		i++
	}
}

// linked reads a bare URL: the name is in its fragment or in the name of its file.
func (r *reader) linked(s string, p Package) {
	addr, marker := s, ""
	if i := strings.Index(s, "; "); i >= 0 { // as pip splits it
		addr, marker = strings.TrimSpace(s[:i]), strings.TrimSpace(s[i+1:])
	}
	l := linkOf(addr)
	r.fromLink(l, marker, p)
}

func (r *reader) fromLink(l link, marker string, p Package) {
	p.Source, p.Marker = l.source, marker
	p.Hashes = append(p.Hashes, l.hashes...)
	name, version := distribution(l.file)
	if l.egg != "" {
		name, p.Extras = cutExtras(l.egg)
	}
	p.Version = version
	r.named(&p, name)
	if p.Name == "" {
		r.problem(p.Line, "%q does not tell the name of its package", l.source.URL)
	}
	r.add(p)
}

// named sets a name that is not part of a requirement.
func (r *reader) named(p *Package, name string) {
	if name != "" {
		p.Spelled, p.Name = name, pep508.Normalize(name)
	}
}

// looksLocal reports what pip takes for a path, if it is there.
func looksLocal(s string) bool {
	if s == "" {
		return false
	}
	if s[0] == '.' || s[0] == '/' || s[0] == '~' || s[0] == '\\' || len(s) > 2 && s[1] == ':' && (s[2] == '\\' || s[2] == '/') {
		return true
	}
	for i := range len(s) {
		switch s[i] {
		case '[', ';', '@', '<', '>', '=', '!', '~', ' ', '(', '\t':
			return isArchive(s[:i])
		case '/', '\\':
			return true
		}
	}
	return isArchive(s)
}

// local reads a path: a folder, a wheel or an archive.
func (r *reader) local(s string, p Package) {
	path, marker := cutMarker(s, false)
	path, extras := cutExtras(path)
	l := linkOf(path)
	p.Extras = extras
	if l.egg == "" && !isArchive(l.file) { // a folder says its name only when it is opened
		l.source.Type = Path
		p.Source, p.Marker = l.source, marker
		p.Hashes = append(p.Hashes, l.hashes...)
		r.add(p)
		return
	}
	r.fromLink(l, marker, p)
}

// cutExtras splits "name[a,b]".
func cutExtras(s string) (rest string, extras []string) {
	rest, inner, ok := strings.Cut(s, "[")
	if !ok || !strings.HasSuffix(inner, "]") {
		return s, nil
	}
	for e := range strings.SplitSeq(strings.TrimSuffix(inner, "]"), ",") {
		if e = strings.TrimSpace(e); e != "" {
			extras = append(extras, e)
		}
	}
	return strings.TrimSpace(rest), extras
}

// editable reads what follows -e: a folder or a repository.
func (r *reader) editable(s string, p Package) {
	s = strings.TrimSpace(s)
	if name, addr, ok := strings.Cut(s, "@"); ok && hasSchemeOrVCS(strings.TrimSpace(addr)) && !strings.ContainsAny(name, ":/") {
		if r.pep508(s, &p) { // name @ git+https://…
			r.add(editedIn(p))
		}
		return
	}
	addr, marker := cutMarker(s, hasSchemeOrVCS(s))
	var extras []string
	if !hasSchemeOrVCS(addr) {
		addr, extras = cutExtras(addr)
	}
	l := linkOf(addr)
	p.Source, p.Marker, p.Extras = l.source, marker, extras
	name := l.egg
	if i := strings.IndexByte(name, '['); i > 0 {
		name, p.Extras = cutExtras(name)
	}
	r.named(&p, name)
	p = editedIn(p)
	if p.Name == "" && p.Source.Type == VCS {
		r.problem(p.Line, "%q does not tell the name of its package", p.Source.URL)
	}
	r.add(p)
}

func editedIn(p Package) Package {
	if p.Source.Type == Path {
		p.Source.Type = Editable
	}
	return p
}

func hasSchemeOrVCS(s string) bool {
	_, vcs := vcsOf(s)
	return vcs || hasScheme(s)
}

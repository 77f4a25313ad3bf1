package manifest

import (
	"slices"
	"strings"
)

// readCondaEnv reads environment.yml.
//
// conda 25 env/env.py, models/match_spec.py (_parse_spec_str).
func (r *reader) readCondaEnv(t *tree) {
	root := t.root()
	r.file.Tool = "conda"
	for c := range r.elements(root.get("channels"), text, "channels") {
		r.channel(c.text(), c.line())
	}
	for e := range r.want(root.get("dependencies"), array, "dependencies").each() {
		switch {
		case r.full():
			return
		case e.kind() == text:
			p := Package{Direct: true}
			p.Line, p.Column = e.place()
			r.matchSpec(e.text(), p)
		case e.kind() == table:
			r.condaSection(e)
		default:
			r.problem(e.line(), "dependencies holds %s", e.kind().String())
		}
	}
}

// condaSection reads the list for another installer. conda writes that of pip into
// a file that it hands to pip install -r.
func (r *reader) condaSection(e value) {
	for section := range e.each() {
		if section.key() != "pip" {
			r.problem(section.line(), "the section %q of dependencies is not read", section.key())
			continue
		}
		for line := range r.elements(section, text, "pip") {
			p := Package{Direct: true}
			p.Line, p.Column = line.place()
			if body, _ := cutComment(line.text()); body != "" {
				r.requirementLine(body, p)
			}
		}
	}
}

func (r *reader) channel(s string, line int) {
	x := Index{Role: Channel, Line: line}
	if x.URL, x.Secret = address(s); !hasScheme(s) {
		x.Name, x.URL = x.URL, ""
	}
	r.index(x)
}

// matchSpec reads channel::name=version=build and its other forms.
func (r *reader) matchSpec(s string, p Package) {
	s, _ = cutComment(s)
	p.Source.Type = Conda
	rest, brackets := cutBrackets(s)
	if ch, r2, ok := strings.Cut(rest, "::"); ok {
		p.Source.URL, p.Source.Secret = address(strings.TrimSpace(ch))
		p.Source.URL, p.Platform = cutSubdir(p.Source.URL)
		rest = strings.TrimSpace(r2)
	}
	if hasScheme(rest) { // a package by its address
		l := linkOf(rest)
		p.Source.URL, p.Source.Secret = l.source.URL, l.source.Secret
		p.Spelled, p.Version = condaFile(l.file)
		p.Name = strings.ToLower(p.Spelled)
		r.add(p)
		return
	}
	end := strings.IndexAny(rest, " =<>!~")
	if end < 0 {
		end = len(rest)
	}
	p.Spelled, p.Specifier = rest[:end], strings.TrimSpace(rest[end:])
	p.Name = strings.ToLower(p.Spelled)
	if p.Name == "" || strings.ContainsAny(p.Name, "$[](){}'\"") {
		r.problem(p.Line, "%q is no package of conda", s)
		return
	}
	p.Version = condaVersion(p.Specifier)
	r.brackets(brackets, &p)
	r.add(p)
}

// cutSubdir splits channel/linux-64.
func cutSubdir(s string) (channel, subdir string) {
	i := strings.LastIndexByte(s, '/')
	last := s[i+1:]
	switch system, _, _ := strings.Cut(last, "-"); {
	case i < 0:
	case last == "noarch", last != system && (system == "linux" || system == "osx" || system == "win"):
		return s[:i], last
	}
	return s, ""
}

// cutBrackets splits name[key=value, …].
func cutBrackets(s string) (rest, inner string) {
	i := strings.IndexByte(s, '[')
	if i < 0 || !strings.HasSuffix(s, "]") {
		return strings.TrimSpace(s), ""
	}
	return strings.TrimSpace(s[:i]), s[i+1 : len(s)-1]
}

func (r *reader) brackets(inner string, p *Package) {
	for len(inner) > 0 {
		key, rest, ok := strings.Cut(inner, "=")
		if !ok {
			r.problem(p.Line, "%q is no condition of %q", inner, p.Spelled)
			return
		}
		v, after := bracketValue(strings.TrimLeft(rest, " "))
		switch inner = after; strings.Trim(key, " ,") {
		case "version":
			p.Specifier, p.Version = v, condaVersion(v)
			if !strings.ContainsAny(v, "=<>!~*,|") {
				p.Specifier, p.Version = "=="+v, v
			}
		case "channel":
			p.Source.URL, p.Source.Secret = address(v)
		case "subdir":
			p.Platform = v
		case "md5", "sha256":
			if h, ok := hashOf(strings.Trim(key, " ,"), v); ok {
				p.Hashes = append(p.Hashes, h)
			} else {
				r.problem(p.Line, "%q is no hash", v)
			}
		}
	}
}

// bracketValue takes a value, quoted or to the next comma.
func bracketValue(s string) (v, rest string) {
	if s != "" && (s[0] == '\'' || s[0] == '"') {
		if end := strings.IndexByte(s[1:], s[0]); end >= 0 {
			return s[1 : end+1], s[end+2:]
		}
	}
	v, rest, _ = strings.Cut(s, ",")
	return strings.TrimSpace(v), rest
}

// condaVersion is the one version that a specifier of conda allows: "==1.2",
// "=1.2=build" and "1.2 build", while "=1.2" stands for all of 1.2.
func condaVersion(s string) string {
	fuzzy := strings.HasPrefix(s, "=") && !strings.HasPrefix(s, "==")
	v := strings.TrimSpace(strings.TrimLeft(s, "="))
	i := strings.IndexAny(v, " =")
	built := i >= 0
	if built {
		v = v[:i]
	}
	if v == "" || fuzzy && !built || strings.ContainsAny(v, "*<>!~|,") || strings.ContainsAny(s, "<>!~|,") {
		return ""
	}
	return v
}

// condaFile gives the name and the version that name-version-build.conda tells.
func condaFile(file string) (name, version string) {
	stem := strings.TrimSuffix(strings.TrimSuffix(file, ".conda"), ".tar.bz2")
	i := strings.LastIndexByte(stem, '-')
	if i < 0 {
		return stem, ""
	}
	j := strings.LastIndexByte(stem[:i], '-')
	if j < 0 {
		return stem, ""
	}
	return stem[:j], stem[j+1 : i]
}

// channelOf is the channel of the address of a package: without its last two parts.
func channelOf(s string) string {
	for range 2 {
		i := strings.LastIndexByte(s, '/')
		if i < 0 {
			return s
		}
		s = s[:i]
	}
	return s
}

// readCondaLock reads conda-lock.yml, the unified form of version 1.
func (r *reader) readCondaLock(t *tree) {
	root := t.root()
	r.file.Tool = "conda"
	if v := root.get("version").scalar(); v != "1" {
		r.problem(root.get("version").line(), "version %q of a conda lock is not one that is known", v)
	}
	for c := range r.want(root.get("metadata", "channels"), array, "channels").each() {
		s := c.text()
		if c.kind() == table {
			s = c.get("url").text()
		}
		r.channel(s, c.line())
	}
	for v := range r.elements(root.get("package"), table, "package") {
		r.condaLocked(v)
	}
}

func (r *reader) condaLocked(v value) {
	p := Package{Spelled: v.get("name").scalar(), Version: v.get("version").scalar(), Platform: v.get("platform").text()}
	if p.Line, p.Column = v.get("name").place(); p.Spelled == "" {
		r.problem(v.line(), "a package has no name")
		return
	}
	if p.Optional = v.get("optional").truth(); v.get("category").text() != "" && v.get("category").text() != "main" {
		p.Groups = []string{v.get("category").text()}
	}
	for h := range v.get("hash").each() {
		if one, ok := hashOf(h.key(), h.scalar()); ok {
			p.Hashes = append(p.Hashes, one)
		} else if h.kind() != null {
			r.problem(h.line(), "%q is no hash", h.scalar())
		}
	}
	pip := v.get("manager").text() == "pip"
	for d := range v.get("dependencies").each() {
		p.Requires = append(p.Requires, condaName(d.key(), pip))
	}
	p.Name = condaName(p.Spelled, pip)
	l := linkOf(v.get("url").text())
	a := Artifact{File: l.file, URL: l.source.URL}
	if i := slices.IndexFunc(p.Hashes, func(h Hash) bool { return h.Algorithm == "sha256" }); i >= 0 {
		a.Hash = p.Hashes[i]
	}
	switch {
	case !pip:
		p.Source = Source{Type: Conda, URL: channelOf(l.source.URL), Secret: l.source.Secret}
	case l.source.Type == VCS:
		p.Source = l.source
	default:
		p.Source.Secret = l.source.Secret
	}
	p.Wheels = []Artifact{a}
	r.add(p)
}

func condaName(s string, pip bool) string {
	if pip {
		return normalize(s)
	}
	return strings.ToLower(s)
}

// condaMetaKeys are what of a record of conda is read: it lists every file of the
// package besides.
var condaMetaKeys = []string{"name", "version", "build", "channel", "url", "subdir", "sha256", "md5", "depends", "requested_spec"}

// readCondaMeta reads conda-meta/NAME-VERSION-BUILD.json.
func (r *reader) readCondaMeta(t *tree) {
	root := t.root()
	r.file.Tool = "conda"
	p := Package{Spelled: r.strict(root.get("name"), "name"), Version: r.strict(root.get("version"), "version")}
	if p.Spelled == "" {
		r.problem(1, "the record has no name")
		return
	}
	p.Name = strings.ToLower(p.Spelled)
	p.Line, p.Column = root.get("name").place()
	p.Source.Type = Conda
	p.Source.URL, p.Source.Secret = address(root.get("channel").text())
	p.Source.URL, _ = cutSubdir(p.Source.URL)
	p.Platform = root.get("subdir").text()
	p.Direct = root.get("requested_spec").text() != "" && root.get("requested_spec").text() != "None"
	for _, alg := range [...]string{"sha256", "md5"} {
		if h, ok := hashOf(alg, root.get(alg).text()); ok {
			p.Hashes = append(p.Hashes, h)
		}
	}
	for d := range r.elements(root.get("depends"), text, "depends") {
		name, _, _ := strings.Cut(d.text(), " ")
		p.Requires = append(p.Requires, strings.ToLower(name))
	}
	if u := root.get("url").text(); u != "" {
		clean, _ := address(u)
		a := Artifact{File: fileOf(clean), URL: clean}
		if len(p.Hashes) > 0 {
			a.Hash = p.Hashes[0]
		}
		p.Wheels = []Artifact{a}
	}
	r.add(p)
}

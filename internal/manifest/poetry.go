package manifest

import (
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/pep440"
)

// poetry reads tool.poetry.
func (p *pyProject) poetry() {
	v := p.r.want(p.tool.get("poetry"), table, "tool.poetry")
	p.standard = make(map[string][]int)
	for i, d := range p.r.file.Packages {
		if d.Source.Type == AnyIndex && !slices.Contains(d.Groups, "build-system") {
			p.standard[d.Name] = append(p.standard[d.Name], i)
		}
	}
	if p.r.file.Name == "" {
		p.r.file.Name = normalize(v.get("name").text())
	}
	named := p.poetrySources(v)
	extras := p.r.poetryExtras(v.get("extras"))
	section := func(list value, groups []string) {
		for e := range p.r.want(list, table, "dependencies of poetry").each() {
			p.poetryEntry(e, groups, extras, named)
		}
	}
	section(v.get("dependencies"), nil)
	section(v.get("dev-dependencies"), []string{"dev"})
	for group := range p.r.tables(v.get("group"), "tool.poetry.group") {
		section(group.get("dependencies"), []string{normalize(group.key())})
	}
	p.list(v.get("requires-plugins"), "tool.poetry.requires-plugins", Package{Groups: []string{"build-system"}})
}

// poetrySources reads [[tool.poetry.source]]. The priorities "default" and
// "secondary" are those of poetry before 2.0.
func (p *pyProject) poetrySources(v value) map[string]string {
	named := make(map[string]string)
	for e := range p.r.elements(v.get("source"), table, "tool.poetry.source") {
		x := Index{Name: e.get("name").text(), Role: Primary, Line: e.line()}
		switch priority := e.get("priority").text(); strings.ToLower(priority) {
		case "explicit":
			x.Role, x.Explicit = Extra, true
		case "supplemental", "secondary":
			x.Role = Extra
		case "", "primary", "default":
			if e.get("secondary").truth() {
				x.Role = Extra
			}
		default:
			p.r.problem(e.line(), "%q is no priority of a source", priority)
		}
		x.URL, x.Secret = address(e.get("url").text())
		named[x.Name] = x.URL
		p.r.index(x)
	}
	return named
}

func (p *pyProject) poetryEntry(e value, groups []string, extras map[string][]string, named map[string]string) {
	name := e.key()
	if name == "python" && groups == nil {
		if s := poetryText(e); p.r.file.Python == "" {
			p.r.file.Python = s
		}
		return
	}
	base := Package{Spelled: name, Name: normalize(name), Groups: groups, Direct: true}
	base.Line, base.Column = e.place()
	switch e.kind() {
	case text:
		p.poetryVersion(&base, e.text())
		p.r.add(base)
	case table:
		p.poetryTable(base, e, extras, named)
	case array:
		for alt := range p.r.elements(e, table, "a dependency of poetry") {
			base.Line, base.Column = alt.place()
			p.poetryTable(base, alt, extras, named)
		}
	default:
		p.r.problem(e.line(), "%q is %s, which says no version", name, e.kind().String())
	}
}

func poetryText(e value) string {
	if e.kind() == table {
		return e.get("version").text()
	}
	return e.text()
}

func (p *pyProject) poetryTable(d Package, e value, extras map[string][]string, named map[string]string) {
	p.poetryVersion(&d, e.get("version").text())
	d.Extras = p.r.texts(e.get("extras"), "extras")
	d.Marker = e.get("markers").text()
	if s := e.get("platform").text(); s != "" {
		d.Marker = conjunction(d.Marker, "sys_platform == '"+s+"'")
	}
	if s := e.get("python").text(); s != "" {
		d.Marker = conjunction(d.Marker, p.poetryPython(s, e.line()))
	}
	if d.Optional = e.get("optional").truth(); d.Optional && d.Groups == nil {
		d.Groups = slices.Clip(extras[d.Name])
	}
	for m := range e.each() {
		switch m.key() {
		case "source":
			url, ok := named[m.text()]
			if !ok && !strings.EqualFold(m.text(), "pypi") {
				p.r.problem(m.line(), "%q names the source %q, which is not there", d.Spelled, m.text())
			}
			d.Source = Source{Type: OneIndex, URL: url, Index: m.text()}
		case "git":
			d.Source = gitTable(m.text(), e)
		case "url", "file", "path":
			l := linkOf(m.text())
			d.Source = l.source
			d.Hashes = l.hashes
			if _, v := distribution(l.file); d.Version == "" {
				d.Version = v
			}
			if e.get("develop").truth() {
				d.Source.Type = Editable
			}
		}
	}
	if s := e.get("subdirectory").text(); s != "" {
		d.Source.Subdir = s
	}
	p.enrich(d, e)
}

// enrich adds a statement; one without a version that says where a dependency of
// the project table comes from becomes a part of that.
func (p *pyProject) enrich(d Package, e value) {
	if e.get("version").there() || d.Source.Type == AnyIndex || d.Groups != nil {
		p.r.add(d)
		return
	}
	list := p.standard[d.Name]
	for _, i := range list {
		p.r.file.Packages[i].Source = d.Source
	}
	if len(list) == 0 {
		p.r.add(d)
	}
}

// poetryVersion translates a constraint of poetry.
func (p *pyProject) poetryVersion(d *Package, s string) {
	if s == "" {
		return
	}
	spec, problem := poetrySpecifier(s)
	if problem != "" {
		p.r.problem(d.Line, "%q of %q: %s", s, d.Spelled, problem)
		return
	}
	d.Specifier = spec
	if set, err := pep440.ParseSpecifiers(spec); err == nil {
		if v, ok := set.Exact(); ok {
			if d.Version = exact(spec); d.Version == "" {
				d.Version = v.String()
			}
		}
	}
}

// poetryPython turns python = "^3.9" into a marker.
func (p *pyProject) poetryPython(s string, line int) string {
	spec, problem := poetrySpecifier(s)
	if problem != "" {
		p.r.problem(line, "python = %q: %s", s, problem)
		return ""
	}
	var parts []string
	for clause := range strings.SplitSeq(spec, ",") {
		i := strings.IndexFunc(clause, func(c rune) bool { return !strings.ContainsRune("<>=!~", c) })
		if i > 0 {
			parts = append(parts, "python_full_version "+clause[:i]+" '"+clause[i:]+"'")
		}
	}
	return strings.Join(parts, " and ")
}

// poetrySpecifier writes a constraint of poetry as PEP 440 has it; what is wrong is
// the second result.
func poetrySpecifier(s string) (spec, problem string) {
	if strings.Contains(s, "|") {
		return poetryUnion(s)
	}
	var out []string
	for _, clause := range poetryClauses(s) {
		c, ok := poetryClause(clause)
		if !ok {
			return "", strconv.Quote(clip(clause)) + " is no version constraint"
		}
		if c != "" {
			out = append(out, c)
		}
	}
	spec = strings.Join(out, ",")
	if _, err := pep440.ParseSpecifiers(spec); err != nil {
		return "", err.Error()
	}
	return spec, ""
}

// poetryClauses splits ">=1.0 <2.0, !=1.5" and leaves ">= 1.0" together.
func poetryClauses(s string) (out []string) {
	for part := range strings.SplitSeq(s, ",") {
		op := ""
		for word := range strings.FieldsSeq(part) {
			if strings.Trim(word, "<>=!~^") == "" {
				op += word
				continue
			}
			out = append(out, op+word)
			op = ""
		}
		if op != "" {
			out = append(out, op)
		}
	}
	return out
}

func poetryClause(c string) (string, bool) {
	switch {
	case c == "*" || c == "x" || c == "==*" || c == "=*":
		return "", true
	case strings.HasPrefix(c, "^"):
		return upTo(c[1:], caretBound)
	case strings.HasPrefix(c, "~=") && strings.Contains(c, "."):
		return c, true
	case strings.HasPrefix(c, "~="): // poetry lets a version of one number stand there
		return upTo(c[2:], tildeBound)
	case strings.HasPrefix(c, "~"):
		return upTo(c[1:], tildeBound)
	case strings.HasPrefix(c, "<"), strings.HasPrefix(c, ">"), strings.HasPrefix(c, "=="), strings.HasPrefix(c, "!="):
		return c, true
	case strings.HasPrefix(c, "="):
		return "=" + c, true
	}
	if c != "" && (c[0] >= '0' && c[0] <= '9' || c[0] == 'v') {
		return "==" + c, true
	}
	return "", false
}

// upTo writes ">=v,<bound".
func upTo(s string, bound func([]int64) []int64) (string, bool) {
	v, err := pep440.Parse(s)
	if err != nil {
		return "", false
	}
	plain := v.Public().String()
	if strings.Contains(plain, "!") {
		return "", false // an epoch
	}
	var parts []int64
	for f := range strings.SplitSeq(plain, ".") {
		digits := f[:len(f)-len(strings.TrimLeft(f, "0123456789"))]
		n, err := strconv.ParseInt(digits, 10, 32)
		if err != nil {
			break
		}
		if parts = append(parts, n); digits != f {
			break
		}
	}
	if len(parts) == 0 {
		return "", false
	}
	var b strings.Builder
	for i, n := range bound(parts) {
		if i > 0 {
			b.WriteByte('.')
		}
		b.WriteString(strconv.FormatInt(n, 10))
	}
	return ">=" + s + ",<" + b.String(), true
}

// caretBound is the next version that may break: the first part that is not zero
// goes up, or the last that is written.
func caretBound(v []int64) []int64 {
	for i, n := range v {
		if n != 0 || i == len(v)-1 || i == 2 {
			return append(slices.Clone(v[:i]), n+1)
		}
	}
	return v
}

// tildeBound lets the part after the second go up.
func tildeBound(v []int64) []int64 {
	if len(v) == 1 {
		return []int64{v[0] + 1}
	}
	return []int64{v[0], v[1] + 1}
}

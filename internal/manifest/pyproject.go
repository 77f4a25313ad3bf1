package manifest

import (
	"strings"
)

// readPyProject reads pyproject.toml.
//
// PEP 518, 621 and 735, and the tables of poetry 2.2, uv 0.9, pdm 2.26, hatch 1.16
// and setuptools 80.
func (r *reader) readPyProject(t *tree) {
	root := t.root()
	p := &pyProject{r: r, root: root, tool: r.want(root.get("tool"), table, "tool")}
	p.project()
	p.groups()
	p.list(root.get("build-system", "requires"), "build-system.requires", Package{Groups: []string{"build-system"}})
	p.setuptools()
	p.poetry()
	p.pdm()
	p.hatch()
	p.flit()
	p.uv()
	p.whose()
}

type pyProject struct {
	r          *reader
	root, tool value
	standard   map[string][]int // statements of the standard tables, by name
}

// whose says which tool the project uses, by its tables and its build system.
func (p *pyProject) whose() {
	if p.r.file.Tool != "" {
		return
	}
	for _, name := range [...]string{"uv", "poetry", "pdm"} {
		if p.tool.get(name).kind() == table {
			p.r.file.Tool = name
			return
		}
	}
	switch p.root.get("build-system", "build-backend").text() {
	case "poetry.core.masonry.api":
		p.r.file.Tool = "poetry"
	case "pdm.backend":
		p.r.file.Tool = "pdm"
	case "uv_build":
		p.r.file.Tool = "uv"
	}
}

// list reads an array of requirements.
func (p *pyProject) list(v value, what string, base Package) {
	for e := range p.r.elements(v, text, what) {
		p.one(e, base)
	}
}

func (p *pyProject) one(e value, base Package) {
	base.Line, base.Column = e.place()
	base.Direct = !base.Constraint
	if p.r.pep508(e.text(), &base) {
		p.r.add(base)
	}
}

// project reads PEP 621.
func (p *pyProject) project() {
	v := p.r.want(p.root.get("project"), table, "project")
	p.r.file.Name = normalize(v.get("name").text())
	p.r.file.Python = v.get("requires-python").text()
	p.list(v.get("dependencies"), "project.dependencies", Package{})
	for extra := range p.r.want(v.get("optional-dependencies"), table, "project.optional-dependencies").each() {
		p.list(extra, "project.optional-dependencies", Package{Groups: []string{"extra:" + normalize(extra.key())}})
	}
	for e := range p.r.elements(v.get("dynamic"), text, "project.dynamic") {
		name := e.text()
		if (name == "dependencies" || name == "optional-dependencies") && !p.declaredElsewhere(name) {
			p.r.problem(e.line(), "undetermined: %s is dynamic: it is computed when the project is built", name)
		}
	}
}

// declaredElsewhere reports dynamic dependencies that a table of a tool holds.
func (p *pyProject) declaredElsewhere(name string) bool {
	return p.tool.get("poetry", name).there() || p.tool.get("setuptools", "dynamic", name).there() || p.hatchFiles(name).there() ||
		name == "optional-dependencies" && p.tool.get("poetry", "extras").there()
}

// setuptools reads which files hold dynamic dependencies.
func (p *pyProject) setuptools() {
	dynamic := p.tool.get("setuptools", "dynamic")
	p.included(dynamic.get("dependencies"))
	for extra := range p.r.want(dynamic.get("optional-dependencies"), table, "tool.setuptools.dynamic.optional-dependencies").each() {
		p.included(extra)
	}
}

func (p *pyProject) included(v value) {
	if !v.there() {
		return
	}
	file := v.get("file")
	if file.kind() == text {
		p.r.include(Include{Path: file.text(), Line: file.line()})
		return
	}
	if file.kind() != array {
		p.r.problem(v.line(), "undetermined: dependencies come from something other than files")
	}
	for e := range p.r.elements(file, text, "file") {
		p.r.include(Include{Path: e.text(), Line: e.line()})
	}
}

// groups reads PEP 735. A statement of a group belongs to every group that
// includes it.
func (p *pyProject) groups() {
	all := p.r.want(p.root.get("dependency-groups"), table, "dependency-groups")
	g := &groupGraph{r: p.r, includes: make(map[string][]string)}
	lines := make(map[string]int)
	for group := range all.each() {
		name := normalize(group.key())
		if _, twice := lines[name]; twice {
			p.r.problem(group.line(), "dependency-groups: %q is there twice", name)
		}
		lines[name] = group.line()
		for e := range p.r.want(group, array, "dependency-groups").each() {
			if e.kind() == table {
				g.includes[name] = append(g.includes[name], normalize(e.get("include-group").text()))
			}
		}
	}
	into := g.invert(sortedKeys(lines), lines)
	for group := range all.each() {
		names := into[normalize(group.key())]
		for e := range group.each() {
			p.groupEntry(e, names, lines)
		}
	}
}

func (p *pyProject) groupEntry(e value, names []string, lines map[string]int) {
	if e.kind() == text {
		p.one(e, Package{Groups: names})
		return
	}
	other := e.get("include-group")
	if e.kind() != table || other.kind() != text || e.count() != 1 {
		p.r.problem(e.line(), "dependency-groups holds %s that is neither a requirement nor an include-group", e.kind().String())
		return
	}
	if _, ok := lines[normalize(other.text())]; !ok {
		p.r.problem(e.line(), "include-group: there is no group %q", other.text())
	}
}

// groupGraph says which group includes which.
type groupGraph struct {
	r        *reader
	includes map[string][]string
}

// maxInclusion bounds the steps that following the includes may take.
const maxInclusion = 1_000_000

// invert gives for each group the groups that its statements belong to: itself,
// and those that include it however far.
func (g *groupGraph) invert(names []string, lines map[string]int) map[string][]string {
	into := make(map[string][]string)
	steps := 0
	for _, top := range names {
		seen := map[string]bool{top: true}
		queue := []string{top}
		for len(queue) > 0 {
			at := queue[len(queue)-1]
			queue = queue[:len(queue)-1]
			into[at] = append(into[at], top)
			for _, next := range g.includes[at] {
				if steps++; steps > maxInclusion {
					g.r.problem(0, "dependency-groups include each other too often to be followed")
					return into
				}
				if next == top {
					g.r.problem(lines[top], "dependency-groups: %q includes itself", top)
				}
				if !seen[next] {
					seen[next] = true
					queue = append(queue, next)
				}
			}
		}
	}
	return into
}

// pdm reads tool.pdm.
func (p *pyProject) pdm() {
	v := p.r.want(p.tool.get("pdm"), table, "tool.pdm")
	for group := range p.r.want(v.get("dev-dependencies"), table, "tool.pdm.dev-dependencies").each() {
		for e := range p.r.elements(group, text, "tool.pdm.dev-dependencies") {
			base := Package{Groups: []string{normalize(group.key())}, Direct: true}
			base.Line, base.Column = e.place()
			// It may begin with -e. The variable is pdm's own, for the project's folder.
			if s := strings.TrimSpace(strings.Replace(e.text(), "file:///${PROJECT_ROOT}/", "./", 1)); s != "" {
				p.r.requirementLine(s, base)
			}
		}
	}
	for s := range p.r.elements(v.get("source"), table, "tool.pdm.source") {
		x := Index{Name: s.get("name").text(), Role: Extra, Line: s.line()}
		if x.Name == "pypi" {
			x.Role = Primary
		}
		if s.get("type").text() == "find_links" {
			x.Role = FindLinks
		}
		x.URL, x.Secret = address(s.get("url").text())
		p.r.index(x)
		if ssl := s.get("verify_ssl"); ssl.kind() == boolean && !ssl.truth() {
			p.r.index(Index{URL: hostOf(x.URL), Role: Trusted, Line: ssl.line()})
		}
	}
	for o := range p.r.want(v.get("resolution", "overrides"), table, "tool.pdm.resolution.overrides").each() {
		p.override(o)
	}
}

// override reads name = "1.0", which stands for a version, a range or a URL.
func (p *pyProject) override(o value) {
	s := strings.TrimSpace(o.text())
	base := Package{Constraint: true, Override: true}
	base.Line, base.Column = o.place()
	switch {
	case hasSchemeOrVCS(s):
		s = o.key() + " @ " + s
	case s != "" && s[0] >= '0' && s[0] <= '9':
		s = o.key() + "==" + s
	default:
		s = o.key() + s
	}
	if p.r.pep508(s, &base) {
		p.r.add(base)
	}
}

// hatch reads the environments of hatch.
func (p *pyProject) hatch() {
	v := p.tool.get("hatch")
	for env := range p.r.want(v.get("envs"), table, "tool.hatch.envs").each() {
		for _, key := range [...]string{"dependencies", "extra-dependencies"} {
			p.list(env.get(key), "tool.hatch.envs", Package{Groups: []string{"hatch:" + env.key()}})
		}
	}
	p.list(v.get("build", "dependencies"), "tool.hatch.build.dependencies", Package{Groups: []string{"build-system"}})
	for e := range p.r.elements(p.hatchFiles("dependencies"), text, "files") {
		p.r.include(Include{Path: e.text(), Line: e.line()})
	}
	for extra := range p.r.want(p.hatchFiles("optional-dependencies"), table, "optional-dependencies").each() {
		for e := range p.r.elements(extra, text, "optional-dependencies") {
			p.r.include(Include{Path: e.text(), Line: e.line()})
		}
	}
}

// hatchFiles are the files that the plugin hatch-requirements-txt takes dynamic
// dependencies from.
func (p *pyProject) hatchFiles(name string) value {
	hook := p.tool.get("hatch", "metadata", "hooks", "requirements_txt")
	if name == "dependencies" {
		return hook.get("files")
	}
	return hook.get(name)
}

// flit reads the metadata of flit before PEP 621.
func (p *pyProject) flit() {
	v := p.tool.get("flit", "metadata")
	p.list(v.get("requires"), "tool.flit.metadata.requires", Package{})
	for extra := range p.r.want(v.get("requires-extra"), table, "tool.flit.metadata.requires-extra").each() {
		p.list(extra, "tool.flit.metadata.requires-extra", Package{Groups: []string{"extra:" + normalize(extra.key())}})
	}
	if r := v.get("requires-python").text(); r != "" && p.r.file.Python == "" {
		p.r.file.Python = r
	}
}

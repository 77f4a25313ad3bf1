package manifest

import (
	"slices"
	"strings"
)

// readUVLock reads uv.lock.
//
// uv 0.9 crates/uv-resolver/src/lock: versions 1, revisions to 5.
func (r *reader) readUVLock(t *tree) {
	root := t.root()
	r.file.Tool = "uv"
	r.file.Python = r.strict(root.get("requires-python"), "requires-python")
	if v := root.get("version").scalar(); v != "1" {
		r.problem(root.get("version").line(), "version %q of uv.lock is not one that is known", v)
	}
	u := &uvLock{r: r, byName: make(map[string][]int32)}
	list := r.want(root.get("package"), array, "package")
	r.file.Packages = make([]Package, 0, min(list.count(), r.lim.Packages))
	u.entries = make([]value, 0, min(list.count(), r.lim.Packages))
	for v := range r.elements(list, table, "package") {
		u.read(v)
	}
	if r.full() {
		return
	}
	u.settle(r.texts(root.get("manifest", "members"), "manifest.members"))
	u.limits(root.get("manifest", "constraints"))
}

type uvLock struct {
	r       *reader
	entries []value            // of each package
	byName  map[string][]int32 // packages by name: several where versions differ by marker
	edges   [][]uvEdge
	roots   []bool
}

// uvEdge goes from a package, or from an extra or a group of it, to another.
type uvEdge struct {
	from   string // "" of the package itself, "extra:x", or a group
	to     int32
	extras []string
	marker string
}

func (u *uvLock) read(v value) {
	var p Package
	if !u.r.lockedName(&p, v, "a package") {
		return
	}
	u.source(&p, v.get("source"))
	if s := v.get("sdist"); s.kind() == table {
		p.list(u.r.artifact(s))
	}
	wheels := v.get("wheels")
	if n := wheels.count(); n > 0 {
		p.Wheels, p.Hashes = slices.Grow(p.Wheels, n), slices.Grow(p.Hashes, n)
	}
	for w := range u.r.elements(wheels, table, "wheels") {
		p.list(u.r.artifact(w))
	}
	p.Marker = union(u.r.texts(v.get("resolution-markers"), "resolution-markers"))
	u.byName[p.Name] = append(u.byName[p.Name], int32(len(u.entries)))
	u.entries = append(u.entries, v)
	u.r.add(p)
}

// source reads { registry = … }, { git = … } and their like.
func (u *uvLock) source(p *Package, v value) {
	if v.kind() != table {
		u.r.problem(p.Line, "%q has no source", p.Spelled)
		return
	}
	for m := range v.each() {
		s := u.r.strict(m, "a source")
		clean, secret := address(s)
		switch m.key() {
		case "registry":
			p.Source = Source{Type: OneIndex, URL: clean, Secret: secret}
		case "url", "direct":
			p.Source = Source{Type: AtURL, URL: clean, Secret: secret, Subdir: v.get("subdirectory").text()}
		case "path", "directory":
			p.Source = Source{Type: Path, URL: clean}
		case "editable":
			p.Source = Source{Type: Editable, URL: clean}
		case "virtual":
			p.Source = Source{Type: Virtual, URL: clean}
		case "git":
			p.Source = gitSource(clean)
			p.Source.Secret = secret
		case "subdirectory":
		default:
			u.r.problem(m.line(), "the source %q of %q is not one that is known", m.key(), p.Spelled)
		}
	}
}

// gitSource reads https://host/repo?rev=v1&subdirectory=d#commit.
func gitSource(s string) Source {
	rest, commit, _ := strings.Cut(s, "#")
	rest, query, _ := strings.Cut(rest, "?")
	out := Source{Type: VCS, URL: rest}
	if isCommit(commit) {
		out.Commit = lower(commit)
	}
	for pair := range strings.SplitSeq(query, "&") {
		switch name, v, _ := strings.Cut(pair, "="); name {
		case "rev", "tag", "branch":
			out.Reference = unescape(v)
		case "subdirectory":
			out.Subdir = unescape(v)
		}
	}
	return out
}

// settle reads the edges, then says what belongs to which group.
func (u *uvLock) settle(members []string) {
	u.edges = make([][]uvEdge, len(u.entries))
	total := 0
	for i, v := range u.entries {
		u.edges[i] = u.edgesOf(v)
		total += len(u.edges[i])
		p := &u.r.file.Packages[i]
		p.Requires = requiresOf(u.edges[i], u.r.file.Packages)
	}
	u.roots = make([]bool, len(u.entries))
	rooted := 0
	for i := range u.entries {
		p := &u.r.file.Packages[i]
		local := p.Source.Type == Editable || p.Source.Type == Virtual
		u.roots[i] = local && (p.Source.URL == "." || slices.Contains(members, p.Name))
		if !u.roots[i] {
			continue
		}
		if rooted++; p.Source.URL == "." {
			u.r.file.Name = p.Name
		}
		for _, e := range u.edges[i] {
			u.r.file.Packages[e.to].Direct = true
		}
	}
	u.markers()
	if rooted > 0 {
		u.groups(total)
	}
}

func requiresOf(edges []uvEdge, packages []Package) (out []string) {
	if len(edges) == 0 {
		return nil
	}
	out = make([]string, 0, len(edges))
	for _, e := range edges {
		out = append(out, packages[e.to].Name)
	}
	return once(out)
}

func (u *uvLock) edgesOf(v value) (out []uvEdge) {
	add := func(from string, list value) {
		for d := range u.r.elements(list, table, "dependencies") {
			out = u.edge(out, from, d)
		}
	}
	add("", v.get("dependencies"))
	for extra := range u.r.want(v.get("optional-dependencies"), table, "optional-dependencies").each() {
		add("extra:"+normalize(extra.key()), extra)
	}
	for _, key := range [...]string{"dev-dependencies", "dependency-groups"} {
		for group := range u.r.want(v.get(key), table, key).each() {
			add(normalize(group.key()), group)
		}
	}
	return out
}

// edge adds the packages that a dependency may be. Where versions differ by
// marker it names the one that it means.
func (u *uvLock) edge(out []uvEdge, from string, d value) []uvEdge {
	name := normalize(d.get("name").text())
	version, marker := d.get("version").text(), d.get("marker").text()
	found := false
	var extras []string
	for _, e := range [...]string{"extra", "extras"} {
		if x := d.get(e); x.kind() == array {
			extras = u.r.texts(x, e)
		}
	}
	candidates := u.byName[name]
	if len(candidates) > 1 && version != "" && len(candidates) > 32 {
		candidates = candidates[:32] // no honest lock has so many versions of one
		u.r.problem(d.line(), "%q has more versions than are told apart", name)
	}
	for _, to := range candidates {
		if version != "" && u.r.file.Packages[to].Version != version {
			continue
		}
		found = true
		out = append(out, uvEdge{from, to, extras, marker})
	}
	if !found {
		u.r.problem(d.line(), "a dependency on %q is not in the lock", d.get("name").text())
	}
	return out
}

// maxMarkers is how many markers of edges one package is given.
const maxMarkers = 8

// markers gives a package the markers of the edges that lead to it, if all of
// them have one.
func (u *uvLock) markers() {
	seen := make([][]string, len(u.entries))
	open := make([]bool, len(u.entries))
	for _, edges := range u.edges {
		for _, e := range edges {
			switch {
			case e.marker == "" || len(seen[e.to]) > maxMarkers:
				open[e.to] = true
			case !slices.Contains(seen[e.to], e.marker):
				seen[e.to] = append(seen[e.to], e.marker)
			}
		}
	}
	for i := range seen {
		if p := &u.r.file.Packages[i]; p.Marker == "" && !open[i] && len(seen[i]) <= maxMarkers {
			p.Marker = union(seen[i])
		}
	}
}

// union joins markers by "or".
func union(markers []string) string {
	if len(markers) <= 1 {
		return strings.Join(markers, "")
	}
	return "(" + strings.Join(markers, ") or (") + ")"
}

// maxWalk bounds the steps that finding the groups may take.
const maxWalk = 10_000_000

// groups follows the edges from the roots: first those that everyone gets, then
// each group and extra.
func (u *uvLock) groups(edges int) {
	always := u.walk("")
	names := make(map[string]bool)
	for i, root := range u.roots {
		for _, e := range u.edges[i] {
			if root && e.from != "" {
				names[e.from] = true
			}
		}
	}
	if len(names)*(edges+1) > maxWalk {
		u.r.problem(0, "%d groups and extras over %d dependencies are not followed", len(names), edges)
		return
	}
	for _, name := range sortedKeys(names) {
		for i, reached := range u.walk(name) {
			if reached && !always[i] && !u.roots[i] {
				p := &u.r.file.Packages[i]
				p.Groups = append(p.Groups, name)
				p.Optional = true
			}
		}
	}
}

// walk says which packages are reached from the roots' edges of one name.
func (u *uvLock) walk(name string) []bool {
	type state struct {
		at    int32
		extra string
	}
	reached := make([]bool, len(u.entries))
	extras := make(map[state]bool)
	var queue []state
	enter := func(e uvEdge) {
		if !reached[e.to] {
			reached[e.to] = true
			queue = append(queue, state{e.to, ""})
		}
		for _, x := range e.extras {
			if s := (state{e.to, "extra:" + normalize(x)}); !extras[s] {
				extras[s] = true
				queue = append(queue, s)
			}
		}
	}
	for i, root := range u.roots {
		for _, e := range u.edges[i] {
			if root && e.from == name {
				enter(e)
			}
		}
	}
	for len(queue) > 0 {
		s := queue[len(queue)-1]
		queue = queue[:len(queue)-1]
		for _, e := range u.edges[s.at] {
			if e.from == s.extra {
				enter(e)
			}
		}
	}
	return reached
}

// limits reads what the project limits without asking for it.
func (u *uvLock) limits(v value) {
	for c := range u.r.elements(v, table, "manifest.constraints") {
		p := Package{Constraint: true}
		if u.r.lockedName(&p, c, "a constraint") {
			p.Version, p.Specifier = "", c.get("specifier").text()
			p.Marker = c.get("marker").text()
			p.Version = exact(p.Specifier)
			u.r.add(p)
		}
	}
}

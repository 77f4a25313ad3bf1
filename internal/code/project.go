package code

import (
	"path"
	"slices"
	"strings"
)

// def is a class or a function of a file of the project.
type def struct {
	file *Modules
	ref  string
}

func (d def) class() *class { return d.file.classes[d.ref] }

// project finds what references of its files stand for.
type project struct {
	root  string
	files map[string]*Modules // by path beneath the root
	order []*Modules
	tops  map[string][]string // first part of a dotted name -> some folders that it is in
	has   map[member]bool     // what each folder holds
	src   map[string]string   // folders that have one of that name, and its path
	known map[lookup]meaning
	stars map[*Modules][]*Modules // of which a file has all names
	kinds map[def]kind
}

// member is a module or a package of a folder.
type member struct{ dir, name string }

type lookup struct {
	file *Modules
	ref  string
}

// meaning is what a reference may be: definitions of the project, and dotted names
// of other packages.
type meaning struct {
	defs    []def
	outside []string
}

const (
	mostParts   = 16  // of a dotted name
	mostHops    = 12  // imports that a name goes through
	mostFolders = 8   // that a package is looked for in, where none above a file has it
	mostMeaning = 64  // definitions that one reference may be
	mostAbove   = 100 // folders above a file
	mostDeep    = 500 // classes that derive from each other, and functions that call each other
)

func newProject(root string, files []*Modules) *project {
	p := &project{root: root, files: map[string]*Modules{}, order: files, tops: map[string][]string{}, has: map[member]bool{}, src: map[string]string{}, known: map[lookup]meaning{}, stars: map[*Modules][]*Modules{}, kinds: map[def]kind{}}
	for _, f := range files {
		rel := p.rel(f.where.Path)
		p.files[rel] = f
		name, ok := strings.CutSuffix(rel, ".py")
		if !ok {
			continue
		}
		for i := range mostAbove {
			dir, base := path.Split(name)
			if dir = path.Clean(dir); base != "__init__" || i > 0 {
				p.top(base, dir)
			}
			if name = dir; dir == "." || dir == "/" {
				break
			}
		}
	}
	return p
}

func (p *project) top(base, dir string) {
	k := member{dir, base}
	if p.has[k] {
		return
	}
	p.has[k] = true
	if path.Base(dir) == "src" {
		p.src[path.Dir(dir)] = dir
	}
	if l := p.tops[base]; len(l) < mostFolders {
		p.tops[base] = append(l, dir)
	}
}

// rel is a path beneath the root of the project.
func (p *project) rel(name string) string { return beneath(p.root, name) }

// beneath is a path beneath a folder.
func beneath(root, name string) string {
	if root == "." || root == "" {
		return name
	}
	return strings.TrimPrefix(strings.TrimPrefix(name, root), "/")
}

// resolve finds what a reference within a file stands for.
func (p *project) resolve(f *Modules, ref string) meaning { return p.hop(f, ref, 0) }

func (p *project) hop(f *Modules, ref string, depth int) meaning {
	if strings.HasPrefix(ref, "#") {
		return meaning{defs: []def{{f, ref}}}
	}
	key := lookup{f, ref}
	if m, ok := p.known[key]; ok {
		return m
	}
	if depth > mostHops {
		return meaning{outside: []string{ref}}
	}
	m := meaning{outside: []string{ref}}
	p.known[key] = m // for names that lead to themselves
	if to, rest := p.locate(f, ref); to != nil && rest != "" {
		m = p.member(to, rest, depth)
	}
	p.known[key] = m
	return m
}

// member finds a name of a module, its own or one that it imports by a star.
func (p *project) member(f *Modules, name string, depth int) meaning {
	m := p.own(f, name, depth)
	if len(m.defs)+len(m.outside) > 0 {
		return m
	}
	for _, g := range p.starred(f) {
		if found := p.own(g, name, depth+1); len(found.defs) > 0 {
			m.add(found)
		}
	}
	return m
}

// own finds a name that a module itself defines or imports.
func (p *project) own(f *Modules, name string, depth int) (m meaning) {
	titled := f.titles[name]
	for _, ref := range titled[:min(len(titled), mostMeaning)] {
		m.defs = append(m.defs, def{f, ref})
	}
	first, rest, dotted := strings.Cut(name, ".")
	for _, ref := range f.aliases[first] {
		if dotted && !strings.HasPrefix(ref, "#") {
			ref += "." + rest
		}
		m.add(p.hop(f, ref, depth+1))
	}
	return m
}

// starred lists the modules of which a module has all names, also through others.
func (p *project) starred(f *Modules) []*Modules {
	if list, ok := p.stars[f]; ok {
		return list
	}
	var list []*Modules
	seen := map[*Modules]bool{f: true}
	for todo := []*Modules{f}; len(todo) > 0; todo = todo[1:] {
		for _, s := range todo[0].stars {
			to, rest := p.locate(todo[0], s)
			if to == nil || rest != "" || seen[to] {
				continue
			}
			seen[to] = true
			list, todo = append(list, to), append(todo, to)
		}
	}
	p.stars[f] = list
	return list
}

func (m *meaning) add(n meaning) {
	if len(m.defs)+len(m.outside) > mostMeaning {
		return
	}
	m.defs = append(m.defs, n.defs...)
	m.outside = append(m.outside, n.outside...)
}

// locate finds the file that a dotted name begins with, and what is left of the name.
// As Python does with a script, it looks beside the file that imports, then above it,
// there also in src, and last wherever in the project there is just one.
func (p *project) locate(f *Modules, ref string) (to *Modules, rest string) {
	dir := path.Dir(p.rel(f.where.Path))
	name := strings.TrimLeft(ref, ".")
	level := len(ref) - len(name)
	parts := strings.Split(name, ".")
	if len(parts) > mostParts {
		return nil, ""
	}
	if level > 0 {
		for range min(level-1, mostAbove) {
			dir = path.Dir(dir)
		}
		if to, rest = p.within(dir, parts); to == nil {
			to, rest = p.files[path.Join(dir, "__init__.py")], name
		}
		return to, rest
	}
	if len(p.tops[parts[0]]) == 0 {
		return nil, ""
	}
	for range mostAbove {
		if to, rest = p.within(dir, parts); to != nil {
			return to, rest
		}
		if at, ok := p.src[dir]; ok {
			if to, rest = p.within(at, parts); to != nil {
				return to, rest
			}
		}
		if dir == "." || dir == "/" {
			break
		}
		dir = path.Dir(dir)
	}
	for _, at := range p.tops[parts[0]] {
		found, left := p.within(at, parts)
		if found != nil && to != nil {
			return nil, ""
		}
		if found != nil {
			to, rest = found, left
		}
	}
	return to, rest
}

// within finds the longest beginning of a dotted name that is a file of a folder.
func (p *project) within(dir string, parts []string) (to *Modules, rest string) {
	if !p.has[member{dir, parts[0]}] {
		return nil, ""
	}
	at := dir
	for i, part := range parts {
		at = path.Join(at, part)
		for _, name := range []string{at + ".py", path.Join(at, "__init__.py")} {
			if f := p.files[name]; f != nil {
				to, rest = f, strings.Join(parts[i+1:], ".")
			}
		}
	}
	return to, rest
}

// kind says whether a class is a module.
type kind byte

const (
	noModule kind = iota
	maybeModule
	isModule
)

// kind of a class is the best that its bases say.
func (p *project) kind(d def) kind { return p.kindOf(d, 0) }

func (p *project) kindOf(d def, depth int) kind {
	if depth > mostDeep {
		return maybeModule
	}
	if k, ok := p.kinds[d]; ok {
		return k
	}
	p.kinds[d] = noModule // for a class that derives from itself
	c := d.class()
	if c == nil {
		return noModule
	}
	var best kind
	for _, base := range c.bases {
		for _, ref := range base {
			if ref == "" {
				best = max(best, maybeModule)
				continue
			}
			m := p.resolve(d.file, ref)
			for _, b := range m.defs {
				best = max(best, p.kindOf(b, depth+1))
			}
			for _, name := range m.outside {
				best = max(best, outsideKind(name))
			}
		}
	}
	p.kinds[d] = best
	return best
}

// bases lists the classes of the project that a class derives from directly.
func (p *project) bases(d def) (out []def) {
	for _, base := range d.class().bases {
		for _, ref := range base {
			for _, b := range p.resolve(d.file, ref).defs {
				if b.class() != nil && len(out) < mostMeaning {
					out = append(out, b)
				}
			}
		}
	}
	return out
}

// forward finds the class whose forward() a class has: its own, or the first that it
// inherits.
func (p *project) forward(d def) (def, bool) {
	seen := map[def]bool{}
	var find func(def) (def, bool)
	find = func(d def) (def, bool) {
		if seen[d] || len(seen) > mostMeaning {
			return def{}, false
		}
		seen[d] = true
		if len(d.class().forwards) > 0 {
			return d, true
		}
		for _, b := range p.bases(d) {
			if f, ok := find(b); ok {
				return f, true
			}
		}
		return def{}, false
	}
	return find(d)
}

// module reports whether a class is taken for a module: for sure, or because
// nothing speaks against it and it has a forward().
func (p *project) module(d def) bool {
	if d.class() == nil {
		return false
	}
	k := p.kind(d)
	return k == isModule || k == maybeModule && d.file.torch && len(d.class().forwards) > 0
}

// outsideKind says what a class of another package is.
func outsideKind(name string) kind {
	last := name[strings.LastIndexByte(name, '.')+1:]
	upper := last != "" && last[0] >= 'A' && last[0] <= 'Z'
	switch {
	case last == "LightningModule":
		return isModule
	case strings.HasPrefix(name, "torch.nn.") && upper && last != "Parameter" && last != "Buffer":
		return isModule
	case !strings.Contains(name, "."): // a builtin
		return noModule
	case slices.ContainsFunc(plainPackages, func(p string) bool { return strings.HasPrefix(name, p) }):
		return noModule
	case upper && slices.ContainsFunc(modulePackages, func(p string) bool { return strings.HasPrefix(name, p) }):
		return isModule
	}
	return maybeModule
}

var (
	// plainPackages have classes that are no modules.
	plainPackages = []string{
		"torch.", "typing.", "abc.", "enum.", "collections.", "dataclasses.", "threading.", "unittest.", "pydantic.", "builtins.", "kserve.",
		"numpy.", "typing_extensions.", "contextlib.", "logging.", "json.",
	}
	// modulePackages have classes that are modules, nearly all of them.
	modulePackages = []string{
		"torchvision.models.", "torchaudio.models.", "transformers.", "diffusers.models.", "timm.", "torch_geometric.nn.", "segmentation_models_pytorch.",
		"monai.networks.", "open_clip.",
	}
)

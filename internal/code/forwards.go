package code

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
)

// Validation is what a project has beside its code to validate inputs with.
type Validation struct {
	Schemas  []Schema
	Gateways []Gateway
}

// Schema is a file of a project that says which tensors a model takes.
type Schema struct {
	Path   string // as findings name it
	SHA256 string // may be empty
	Model  string // that it is about; may be empty
	Shadow bool   // it only reports
	Broken bool   // it cannot be read
}

// Gateway is a place where a gateway is started.
type Gateway struct {
	Where  finding.Where
	Model  string // that the command says the schema is of; may be empty
	Schema string // as the command names it; may be empty
	Shadow bool   // it only reports
}

// Forwards says of the modules of a project, root, which of those that are not a part
// of others hold what reaches their forward() against a schema. Files are in order,
// by name. The error is the context's.
func Forwards(ctx context.Context, root string, files []*Modules, with Validation, report func(finding.Finding)) error {
	if root == "" {
		root = "."
	}
	project, err := complete(ctx, path.Clean(root), files, report)
	if err != nil {
		return err
	}
	j := &judge{
		project: project, with: with, report: report,
		classes: map[def]*module{}, calls: map[def][]place{}, makers: map[def]bool{}, inners: map[def]bool{},
		part: map[madeAt]bool{}, safe: map[madeAt]bool{}, kept: map[string]int{}, lost: map[string]bool{},
		schemas: map[string]*Schema{}, sole: map[string]*Schema{}, behind: map[string]string{},
	}
	for _, step := range []func(){j.index, j.gateways, j.declare, j.called, j.handOn, j.made, j.used, j.guarded, j.decorated, j.theData, j.judge} {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		step()
	}
	return nil
}

// complete looks at the files that were put off and lead, through what they import,
// to one that was not.
func complete(ctx context.Context, root string, files []*Modules, report func(finding.Finding)) (*project, error) {
	p := newProject(root, files)
	by := map[*Modules][]*Modules{} // who imports a file
	var todo []*Modules
	for _, f := range files {
		if f.text == "" {
			if f.torch || len(f.guards)+len(f.data) > 0 {
				todo = append(todo, f)
			}
			continue
		}
		for _, ref := range f.imports {
			switch to := p.imported(f, ref); {
			case to == nil && len(p.tops[ref]) > 0: // a folder
				by[nil] = append(by[nil], f)
			case to != nil && to != f:
				by[to] = append(by[to], f)
			}
		}
	}
	if len(todo) == 0 {
		return newProject(root, nil), nil
	}
	todo = append(todo, nil)
	needed := map[*Modules]bool{}
	for len(todo) > 0 {
		for _, f := range by[todo[0]] {
			if !needed[f] {
				needed[f] = true
				todo = append(todo, f)
			}
		}
		todo = todo[1:]
	}
	var all []*Modules
	for _, f := range files {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if needed[f] {
			f = f.read(report)
		}
		if f.text == "" {
			all = append(all, f)
		}
	}
	return newProject(root, all), nil
}

// imported finds the file that an import is of.
func (p *project) imported(f *Modules, ref string) *Modules {
	to, _ := p.locate(f, ref)
	return to
}

// module is a class that is a module and has a forward().
type module struct {
	def     def
	owner   def // of the forward()
	why     reason
	inner   bool // a method of another module makes one
	derived bool // another module derives from it
	guards  []held
	shadow  []guard
	lost    bool   // a guard or decorator of it names a schema that is not there
	past    string // a server that makes one, and that no gateway stands before
}

// reason says why a module is taken for one that stands by itself; a larger one is
// better known.
type reason struct {
	rank int
	text string
}

const (
	ofNobody = iota
	ofValue
	ofCall
	ofWeights
	ofServer
	ofExport
)

type place struct {
	file *Modules
	in   inside
}

// madeAt is a call that makes something.
type madeAt struct {
	file *Modules
	at   int32
}

// judge goes through a project once.
type judge struct {
	*project

	with    Validation
	report  func(finding.Finding)
	classes map[def]*module
	sorted  []*module
	calls   map[def][]place // of functions
	makers  map[def]bool    // functions that make modules
	inners  map[def]bool    // functions that only modules call
	part    map[madeAt]bool // what is made there is given to another module
	safe    map[madeAt]bool // what is made there is guarded
	unseen  []string        // guards around something that is not seen
	kept    map[string]int
	lost    map[string]bool // places that name a schema that is not there

	schemas map[string]*Schema
	sole    map[string]*Schema // by the name of the file; nil where there are more
	behind  map[string]string  // models that a gateway stands before
	only    string             // what the only gateway's schema says
}

// test reports whether a file is a test.
func (j *judge) test(f *Modules) bool {
	return isTest(j.rel(f.where.Path))
}

// each yields the files that are no tests.
func (j *judge) each(f func(*Modules)) {
	for _, m := range j.order {
		if !j.test(m) {
			f(m)
		}
	}
}

// declare finds the modules.
func (j *judge) declare() {
	j.each(func(f *Modules) {
		for _, ref := range sortedRefs(f.classes) {
			d := def{f, ref}
			if !j.module(d) {
				continue
			}
			if owner, ok := j.forward(d); ok {
				m := &module{def: d, owner: owner}
				j.classes[d] = m
				j.sorted = append(j.sorted, m)
			}
		}
	})
	for _, m := range j.sorted {
		for _, b := range j.bases(m.def) {
			if base := j.classes[b]; base != nil && b != m.def {
				base.derived = true
			}
		}
	}
}

// called notes where functions are called, and which of them make modules.
func (j *judge) called() {
	j.each(func(f *Modules) {
		for _, s := range f.sites {
			for _, d := range j.resolve(f, s.ref).defs {
				switch {
				case d.class() == nil:
					j.calls[d] = append(j.calls[d], place{f, s.in})
				case s.in.function != "" && j.module(d):
					j.makers[def{f, s.in.function}] = true
				}
			}
		}
	})
}

// inner reports whether something stands in a method of a module, or in a function
// that is called from such methods only.
func (j *judge) inner(p place) bool { return j.innerOf(p, 0) }

func (j *judge) innerOf(p place, depth int) bool {
	if p.in.class != "" {
		return j.module(def{p.file, p.in.class})
	}
	if p.in.function == "" || depth > mostDeep {
		return false
	}
	fn := def{p.file, p.in.function}
	if is, ok := j.inners[fn]; ok {
		return is
	}
	j.inners[fn] = false // for functions that call themselves
	is := len(j.calls[fn]) > 0 && !slices.ContainsFunc(j.calls[fn], func(c place) bool { return !j.innerOf(c, depth+1) })
	j.inners[fn] = is
	return is
}

// expand finds the classes of the project that a value may be an object of, and the
// calls of other packages that it may come from.
func (j *judge) expand(f *Modules, list []origin, class func(def), outside func(madeAt)) {
	seen := map[def]bool{}
	var follow func(*Modules, []origin)
	follow = func(f *Modules, list []origin) {
		for _, o := range list {
			m := j.resolve(f, o.ref)
			for _, d := range m.defs {
				if seen[d] || len(seen) > mostMeaning {
					continue
				}
				seen[d] = true
				if d.class() != nil {
					class(d)
				} else {
					follow(d.file, d.file.functions[d.ref])
				}
			}
			if len(m.outside) > 0 && o.at >= 0 {
				outside(madeAt{f, o.at})
			}
		}
	}
	follow(f, list)
}

// handOn notes what is given to other modules, and classes that are handed on.
func (j *judge) handOn() {
	j.each(func(f *Modules) {
		for _, h := range f.handed {
			var to []def
			for _, ref := range h.to {
				to = append(to, j.resolve(f, ref).defs...)
			}
			module := slices.ContainsFunc(to, j.module)
			for _, o := range h.made {
				j.part[madeAt{f, o.at}] = module || j.part[madeAt{f, o.at}]
			}
			inner := module || slices.ContainsFunc(to, func(d def) bool { return j.makers[d] }) || j.inner(place{f, h.in})
			for _, ref := range h.classes {
				for _, d := range j.resolve(f, ref).defs {
					m := j.classes[d]
					switch {
					case m == nil:
					case inner:
						m.inner = true
					default:
						m.because(ofValue, fmt.Sprintf("is handed on as a value at %s, so who makes one is not seen", f.at(h.spot)))
					}
				}
			}
		}
	})
}

// because keeps the reason that is known best, and of those the first.
func (m *module) because(rank int, text string) {
	if m.why.text == "" || rank > m.why.rank {
		m.why = reason{rank, text}
	}
}

// made notes where modules are made.
func (j *judge) made() {
	j.each(func(f *Modules) {
		entered := map[def]bool{}
		for _, s := range f.sites {
			inner := j.part[madeAt{f, s.at}] || j.inner(place{f, s.in})
			for _, d := range j.resolve(f, s.ref).defs {
				if m := j.classes[d]; m != nil {
					m.madeIn(f, f.at(s.spot), inner)
				} else if f.server != "" && d.class() == nil && !inner && !entered[d] {
					entered[d] = true
					j.servedBy(f, s, d)
				}
			}
		}
	})
}

// servedBy notes the modules that a function makes for a server.
func (j *judge) servedBy(f *Modules, s site, fn def) {
	j.expand(fn.file, fn.file.functions[fn.ref], func(d def) {
		if m := j.classes[d]; m != nil {
			m.madeIn(f, f.at(s.spot), false)
		}
	}, func(madeAt) {})
}

func (m *module) madeIn(f *Modules, where finding.Where, inner bool) {
	switch {
	case inner:
		m.inner = true
	case f.server != "":
		m.because(ofServer, fmt.Sprintf("is made at %s, in a file that takes requests (%s)", where, f.server))
		if !slices.Contains(behind, f.server) {
			m.past = fmt.Sprintf("%s takes requests by %s, past any gateway", where.Path, f.server)
		}
	default:
		m.because(ofCall, fmt.Sprintf("is made at %s, outside of other modules", where))
	}
}

// used notes which modules are exported and which are given weights.
func (j *judge) used() {
	j.each(func(f *Modules) {
		for _, u := range f.uses {
			rank := ofExport
			if u.what != "is exported" {
				rank = ofWeights
			}
			j.expand(f, u.made, func(d def) {
				if m := j.classes[d]; m != nil && (rank == ofExport || !m.inner || m.why.rank > ofValue) {
					m.because(rank, fmt.Sprintf("%s at %s", u.what, u.where))
				}
			}, func(madeAt) {})
		}
	})
}

// is reports whether a check is andiron's, and not of the same name.
func (j *judge) is(f *Modules, k check, name string) bool {
	return slices.ContainsFunc(k.refs, func(ref string) bool { return slices.Contains(j.resolve(f, ref).outside, name) })
}

// guarded notes which modules are guarded where they are made.
func (j *judge) guarded() {
	j.each(func(f *Modules) {
		for _, g := range f.guards {
			if !j.is(f, g.check, "andiron.guard") && !j.is(f, g.check, "andiron.validate") {
				continue
			}
			s := j.schema(f, g.schema)
			lost := j.isLost(f, g.where, s, theModel)
			off := g.inactive || s.off()
			seen := false
			j.expand(f, g.made, func(d def) {
				m := j.classes[d]
				if seen = seen || m != nil; m == nil {
					return
				}
				switch {
				case lost:
					m.lost = true
				case off:
					m.shadow = append(m.shadow, g)
				default:
					m.guards = append(m.guards, held{f, g})
				}
			}, func(at madeAt) {
				seen = true
				j.safe[at] = j.safe[at] || lost || !off
			})
			if !seen {
				j.unseen = append(j.unseen, g.where.String())
			}
		}
	})
}

// decorated notes which decorators name a schema that is not there.
func (j *judge) decorated() {
	for _, m := range j.sorted {
		for _, f := range m.owner.class().forwards {
			for _, k := range f.checks {
				if j.is(m.owner.file, k, "andiron.validate") && j.isLost(m.owner.file, k.where, j.schema(m.owner.file, k.schema), theModel) {
					m.lost = true
				}
			}
		}
	}
}

// theData notes which training data are held against a schema that is not there.
func (j *judge) theData() {
	j.each(func(f *Modules) {
		for _, k := range f.data {
			if j.is(f, k, "andiron.checked_dataset") || j.is(f, k, "andiron.checked_collate") {
				j.isLost(f, k.where, j.schema(f, k.schema), theSamples)
			}
		}
	})
}

// What is not made without its schema.
const (
	theModel   = "which the model is guarded by, is not among the schemas of the project; if it is not there when the program runs, no model is made"
	theSamples = "which training data are held against, is not among the schemas of the project; if it is not there when the program runs, none are read"
)

// isLost reports whether a schema is not there, and a place that names it, once.
func (j *judge) isLost(f *Modules, at finding.Where, s namedSchema, what string) bool {
	if !s.lost() {
		return false
	}
	if key := at.String(); !j.lost[key] {
		j.lost[key] = true
		j.keep(f, schemaLost.Finding(at, fmt.Sprintf("%.120q, %s", s.arg.path, what)))
	}
	return true
}

// judge reports.
func (j *judge) judge() {
	var open []*module
	roots := 0
	for _, m := range j.sorted {
		if !m.root() {
			continue
		}
		roots++
		if !j.covered(m) {
			open = append(open, m)
		}
	}
	for _, m := range open {
		if text := j.gateway(m, roots); text != "" {
			j.found(m, forwardGuarded.Finding(m.place(), fmt.Sprintf("what reaches forward() of %s is held against %s", m.def.class().title, text), "it "+m.why.text))
			continue
		}
		if !m.lost {
			j.unguarded(m)
		}
	}
	j.others()
}

// root reports whether a module stands by itself, as far as is seen.
func (m *module) root() bool {
	switch {
	case m.why.text != "" && (m.why.rank > ofValue || !m.inner):
		return true
	case m.inner, m.derived:
		return false
	}
	m.because(ofNobody, "is made by nothing in the project, so whoever imports it may")
	return true
}

// place is that of the class's own forward(), or of the class.
func (m *module) place() finding.Where {
	if c := m.def.class(); len(c.forwards) == 0 {
		return c.where
	}
	return m.def.class().forwards[0].where
}

// covered reports a module that the code guards.
func (j *judge) covered(m *module) bool {
	title := m.def.class().title
	var by []string
	for _, h := range m.guards {
		by = append(by, fmt.Sprintf("%s by andiron.guard at %s", j.schema(h.file, h.schema), h.where))
	}
	if len(by) == 0 {
		var open []string
		by, open = j.validated(m)
		if len(open) > 0 {
			return false
		}
	}
	if len(by) == 0 {
		return false
	}
	by = slices.Compact(by)
	const most = 3
	more := ""
	if len(by) > most {
		more = fmt.Sprintf(", and %d times more", len(by)-most)
	}
	j.found(m, forwardGuarded.Finding(m.place(), fmt.Sprintf("what reaches forward() of %s is held against %s%s", title, strings.Join(by[:min(len(by), most)], ", and "), more), "it "+m.why.text))
	return true
}

// validated says which schemas the decorators of a forward() name, and which
// parameters they leave open. Each definition has to have one.
func (j *judge) validated(m *module) (by, open []string) {
	for _, f := range m.owner.class().forwards {
		i := slices.IndexFunc(f.checks, func(k check) bool { return j.is(m.owner.file, k, "andiron.validate") })
		if i < 0 {
			return nil, nil
		}
		k := f.checks[i]
		s := j.schema(m.owner.file, k.schema)
		if s.off() || s.lost() {
			return nil, nil
		}
		by = append(by, fmt.Sprintf("%s by andiron.validate at %s", s, k.where))
		if !k.partial {
			continue
		}
		for i, p := range f.params {
			if i >= k.first && !slices.Contains(k.only, p) {
				open = append(open, p)
			}
		}
	}
	return by, open
}

// unguarded reports a module that nothing guards.
func (j *judge) unguarded(m *module) {
	title := m.def.class().title
	text := fmt.Sprintf("nothing holds what reaches forward() of %s against a schema, and it %s", title, m.why.text)
	if _, open := j.validated(m); len(open) > 0 {
		text = fmt.Sprintf("forward() of %s checks no %s, and it %s", title, strings.Join(open, ", no "), m.why.text)
	}
	f := forwardOpen.Finding(m.place(), text)
	if m.why.rank <= ofValue {
		f.Severity = finding.Low
	}
	own, all := m.owner.class().forwards[0].checked()
	if own != "" {
		f.Evidence = append(f.Evidence, own)
	}
	if all {
		f.Severity = finding.Low
	}
	if j.kind(m.def) == maybeModule {
		f.Evidence = append(f.Evidence, "what "+title+" derives from is not in the project; it is taken for a module because it has a forward()")
	}
	if m.owner != m.def {
		f.Evidence = append(f.Evidence, fmt.Sprintf("its forward() is that of %s, %s", m.owner.class().title, m.owner.class().forwards[0].where))
	}
	for _, g := range m.shadow[:min(len(m.shadow), 3)] {
		f.Evidence = append(f.Evidence, fmt.Sprintf("the guard at %s refuses nothing: it only logs, or its schema cannot be read", g.where))
	}
	if m.past != "" && len(j.with.Gateways) > 0 {
		f.Evidence = append(f.Evidence, m.past)
	}
	for _, u := range j.unseen[:min(len(j.unseen), 3)] {
		f.Evidence = append(f.Evidence, "which model is guarded at "+u+" is not seen, it may be this one")
	}
	j.found(m, f)
}

// mostForwards bounds the findings of one rule in one file.
const mostForwards = mostKept

func (j *judge) found(m *module, f finding.Finding) { j.keep(m.def.file, f) }

func (j *judge) keep(file *Modules, f finding.Finding) {
	key := f.Rule + file.where.Path
	j.kept[key]++
	switch n := j.kept[key]; {
	case n == mostForwards:
		f.Message += fmt.Sprintf(" (no more findings of %s are listed)", f.Rule)
	case n > mostForwards:
		return
	}
	j.report(f)
}

// gateways finds which models gateways hold against schemas that are in the project.
func (j *judge) gateways() {
	names := map[string]bool{}
	only := ""
	for _, g := range j.with.Gateways {
		names[path.Base(g.Schema)] = true
		s := j.named(path.Dir(g.Where.Path), g.Schema)
		if s.lost() {
			j.report(gatewayElsewhere.Finding(g.Where, fmt.Sprintf("the schema of the gateway that is started here, %.120q, is not among those of the project, and was not looked at", g.Schema)))
		}
		if g.Shadow || s.off() || s.file == nil {
			continue
		}
		text := fmt.Sprintf("%s by the gateway that is started at %s", s, g.Where)
		only = cmp.Or(only, text)
		if name := plainName(cmp.Or(g.Model, s.file.Model)); name != "" && j.behind[name] == "" {
			j.behind[name] = text
		}
	}
	if len(names) == 1 {
		j.only = only
	}
}

// gateway says by which schema a gateway holds what reaches a module, where one does.
func (j *judge) gateway(m *module, roots int) string {
	if m.past != "" {
		return ""
	}
	text := j.behind[plainName(m.def.class().title)]
	if text == "" && roots == 1 {
		text = j.only
	}
	return text
}

// plainName has the letters and digits of a name: classifier for Classifier, resnet50
// for ResNet_50.
func plainName(s string) string {
	s = strings.ToLower(s[strings.LastIndexByte(s, '.')+1:])
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r > 127 {
			return r
		}
		return -1
	}, s)
}

// held is a guard and the file that it is in.
type held struct {
	file *Modules
	guard
}

// namedSchema is a schema as code or a command names it, and the file that it is.
type namedSchema struct {
	arg  schemaArg
	file *Schema
	many bool // there are several of its name
}

// off reports whether a schema enforces nothing.
func (s namedSchema) off() bool { return s.file != nil && (s.file.Shadow || s.file.Broken) }

// lost reports whether a schema that has a path is not there.
func (s namedSchema) lost() bool { return s.arg.path != "" && s.file == nil && !s.many }

func (s namedSchema) String() string {
	switch {
	case s.arg.short != "":
		return fmt.Sprintf("%.120q", s.arg.short)
	case s.file != nil && s.file.SHA256 == "":
		return s.file.Path
	case s.file != nil:
		return fmt.Sprintf("%s (SHA-256 %s)", s.file.Path, s.file.SHA256)
	case s.arg.path != "":
		return fmt.Sprintf("%.120q, of which name the project has several,", s.arg.path)
	}
	return "a schema that is not seen"
}

func (j *judge) schema(f *Modules, a schemaArg) namedSchema {
	if a.short != "" || a.path == "" {
		return namedSchema{arg: a}
	}
	return j.named(path.Dir(f.where.Path), a.path)
}

// named finds a schema by a path: beside the file that names it, beneath the project,
// or the only one of its name.
func (j *judge) named(dir, name string) namedSchema {
	s := namedSchema{arg: schemaArg{path: name}}
	if name == "" {
		return s
	}
	for _, at := range []string{path.Join(dir, name), path.Join(j.root, name)} {
		if s.file = j.schemas[at]; s.file != nil {
			return s
		}
	}
	var known bool
	s.file, known = j.sole[path.Base(name)]
	s.many = known && s.file == nil
	return s
}

// index finds schemas by their paths, and by their names where these are only there once.
func (j *judge) index() {
	for i := range j.with.Schemas {
		s := &j.with.Schemas[i]
		j.schemas[s.Path] = s
		name := path.Base(s.Path)
		if _, twice := j.sole[name]; twice {
			s = nil
		}
		j.sole[name] = s
	}
}

// others reports models whose forward() is in a file or another package.
func (j *judge) others() {
	j.each(func(f *Modules) {
		for _, s := range f.sites {
			m := j.resolve(f, s.ref)
			i := slices.IndexFunc(m.outside, isElsewhere)
			if i < 0 || j.safe[madeAt{f, s.at}] || j.part[madeAt{f, s.at}] || j.inner(place{f, s.in}) {
				continue
			}
			j.keep(f, modelElsewhere.Finding(f.at(s.spot), m.outside[i]+" gives a model whose forward() is not in the code of the project, and no guard around it was seen"))
		}
	})
}

// sortedRefs are the references of a file's definitions, in its order.
func sortedRefs[T any](m map[string]T) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
}

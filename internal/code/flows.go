package code

import (
	"cmp"
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

// Flows follows what comes from outside through the functions of a project, root, to
// where it is loaded, and says which of its calls make torch.load read unsafely
// through functions that hand weights_only on. Files are in order, by name. The error
// is the context's.
func Flows(ctx context.Context, root string, files []*Flow, report func(finding.Finding)) error {
	if root == "" {
		root = "."
	}
	names := make([]*Modules, len(files))
	w := &follower{report: report, files: map[*Modules]*Flow{}, kept: map[string]int{}}
	for i, f := range files {
		names[i], w.files[f.names] = f.names, f
		f.byRef = map[string]int{}
		for n, r := range f.routines {
			f.byRef[r.ref] = n
		}
	}
	w.project, w.order = newProject(path.Clean(root), names), files
	for _, step := range []func(){w.resolveAll, w.inject, w.give, w.link, w.arrive, w.retry, w.loosen, w.training} {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		step()
	}
	return nil
}

// place of a routine's parameter: a node of the graph.
type parameter struct {
	file   *Flow
	fn, at int
}

// entry is a routine of the project that may be called, and which of its parameters
// take the arguments by position first.
type entry struct {
	file  *Flow
	fn    int
	first int
}

// made is what a value is made of: a parameter, or a source.
type made struct {
	parameter

	source *source // nil for a parameter
}

// follower follows values through a project.
type follower struct {
	*project

	report  func(finding.Finding)
	files   map[*Modules]*Flow
	order   []*Flow
	calls   map[*passing][]entry
	plain   map[*passing]bool    // it makes an object that keeps what it is given, without __init__
	gives   map[parameter][]made // by routine, with at -1: what it returns; -2 is the first part of it
	results map[*passing][]made
	parts   map[writing][]made   // of results
	writes  map[parameter][]made // what a routine puts into the file that a parameter names
	written map[writing][]made   // what a call does
	in      map[parameter][]edge // who fills a parameter
	out     map[parameter][]edge
	kept    map[string]int
	called  map[entry][]caller // by routine, with first 0; nil until it is asked for
	// injected are the parameters that FastAPI fills by what another file says of their type.
	injected map[parameter]injection
}

// writing is a place that a call is given.
type writing struct {
	by    *passing
	place int
}

// edge is an argument of a call that fills a parameter.
type edge struct {
	from made
	to   parameter
	by   *passing
	at   *Flow // where it stands
	word string
	name string
}

const (
	mostEdges   = 1_000_000
	mostEntries = 16 // routines that one call may be of
	mostGiven   = 24 // parameters and sources that one value may be of
	giveRounds  = 8  // through all calls and routines
	mostSteps   = 64 // calls that are looked through for the way of one value
)

// resolveAll finds what each call is of.
func (w *follower) resolveAll() {
	w.calls, w.plain = map[*passing][]entry{}, map[*passing]bool{}
	for _, f := range w.order {
		for _, p := range f.passings {
			w.calls[p] = w.entries(f, p)
		}
	}
}

func (w *follower) entries(f *Flow, p *passing) (out []entry) {
	for _, ref := range p.refs {
		for _, d := range w.reach(f, ref) {
			to := w.files[d.file]
			if d.class() != nil {
				if init, ok := w.method(d, "__init__", 0); ok {
					out = append(out, entry{w.files[init.file], w.files[init.file].byRef[init.ref], 1})
				} else if w.keeps(d) && !(p.asks && w.derives(d, isSettings, 0)) {
					w.plain[p] = true
				}
			} else if n, ok := to.byRef[d.ref]; ok {
				e := entry{to, n, 0}
				if r := to.routines[n]; r.first == firstClass || r.first == firstObject && p.bound {
					e.first = 1
				}
				out = append(out, e)
			}
			if len(out) >= mostEntries {
				return out
			}
		}
	}
	return out
}

// reach finds the definitions that a reference may be, also methods that a class
// inherits.
func (w *follower) reach(f *Flow, ref string) []def {
	if m := w.resolve(f.names, ref); len(m.defs) > 0 {
		return m.defs
	}
	i := strings.LastIndexByte(ref, '.')
	if i < 0 || strings.HasPrefix(ref, "#") {
		return nil
	}
	var out []def
	for _, d := range w.resolve(f.names, ref[:i]).defs {
		if d.class() == nil {
			continue
		}
		if m, ok := w.method(d, ref[i+1:], 0); ok {
			out = append(out, m)
		}
	}
	return out
}

// method finds a method of a class, its own or the first that it inherits.
func (w *follower) method(d def, name string, depth int) (def, bool) {
	if depth > mostHops {
		return def{}, false
	}
	for _, ref := range d.file.titles[d.class().title+"."+name] {
		return def{d.file, ref}, true
	}
	for _, b := range w.bases(d) {
		if m, ok := w.method(b, name, depth+1); ok {
			return m, true
		}
	}
	return def{}, false
}

// keeps reports whether an object of a class without __init__ keeps what it is made of, as
// those of dataclasses do; members of an enumeration are chosen from a list, unless it makes
// more of them.
func (w *follower) keeps(d def) bool {
	if !w.derives(d, isEnum, 0) {
		return true
	}
	_, grows := w.method(d, "_missing_", 0)
	return grows
}

func isEnum(ref string) bool {
	return strings.HasPrefix(ref, "enum.") || strings.HasSuffix(ref, "Enum")
}

// isSettings reports whether a dotted name is that of pydantic's classes that read the
// environment.
func isSettings(ref string) bool { return strings.HasSuffix(ref, ".BaseSettings") }

// derives reports whether a class derives from one of which a dotted name says so.
func (w *follower) derives(d def, is func(ref string) bool, depth int) bool {
	for _, base := range d.class().bases {
		if slices.ContainsFunc(base, is) {
			return true
		}
	}
	return depth <= mostHops && slices.ContainsFunc(w.bases(d), func(b def) bool { return w.derives(b, is, depth+1) })
}

// give finds what calls result in and what routines return, each of which is made of
// the others.
func (w *follower) give() {
	w.gives, w.results = map[parameter][]made{}, map[*passing][]made{}
	w.writes, w.written, w.parts = map[parameter][]made{}, map[writing][]made{}, map[writing][]made{}
	for range giveRounds {
		grown := false
		for _, f := range w.order {
			for _, p := range f.passings {
				before := len(w.results[p])
				if list := w.result(f, p, 0); len(list) > before {
					w.results[p], grown = list, true
				}
				for _, n := range p.parts {
					if list := w.result(f, p, n); len(list) > len(w.parts[writing{p, n}]) {
						w.parts[writing{p, n}], grown = list, true
					}
				}
				for i := range p.places {
					at := writing{p, i}
					if list := w.writesTo(f, p, i); len(list) > len(w.written[at]) {
						w.written[at], grown = list, true
					}
				}
			}
			for i, r := range f.routines {
				for n := range len(r.parts) + 1 {
					key := parameter{f, i, -1 - n}
					if list := w.expand(f, r.part(n)); len(list) > len(w.gives[key]) {
						w.gives[key], grown = list, true
					}
				}
				for _, x := range r.writes {
					key := parameter{f, i, x.at}
					if list := w.expand(f, x.labels); len(list) > len(w.writes[key]) {
						w.writes[key], grown = list, true
					}
				}
			}
		}
		if !grown {
			return
		}
	}
}

// expand says of which parameters and sources a value is made, as far as is known yet.
func (w *follower) expand(f *Flow, labels []label) (out []made) {
	for _, l := range labels {
		switch l.kind {
		case ofParam:
			out = with(out, made{parameter{f, l.fn, l.at}, nil})
		case ofSource:
			if s := &f.sources[l.at]; !s.injected {
				out = with(out, made{parameter{f, 0, 0}, s})
			}
		case ofPassing:
			out = with(out, w.resultOf(f, l)...)
		case ofWriting:
			out = with(out, w.written[writing{f.passings[l.at], l.fn}]...)
		}
	}
	return out
}

func with(list []made, more ...made) []made {
	for _, g := range more {
		if len(list) < mostGiven && !slices.Contains(list, g) {
			list = append(list, g)
		}
	}
	return list
}

// resultOf is of what the result of a call, or a part of it, is made.
func (w *follower) resultOf(f *Flow, l label) []made {
	if l.fn > 0 {
		return w.parts[writing{f.passings[l.at], l.fn}]
	}
	return w.results[f.passings[l.at]]
}

// given is what a routine returns, or a part of it.
func (w *follower) given(e entry, part int) []made {
	if part > len(e.file.routines[e.fn].parts) {
		part = 0
	}
	return w.gives[parameter{e.file, e.fn, -1 - part}]
}

// result says of what the result of a call is made, or a part of it.
func (w *follower) result(f *Flow, p *passing, part int) (out []made) {
	if w.plain[p] {
		out = with(out, w.expand(f, argumentLabels(p))...)
	}
	for _, e := range w.calls[p] {
		for _, g := range w.given(e, part) {
			if g.source != nil {
				out = with(out, g)
			}
		}
		for _, a := range p.args {
			if len(a.labels) == 0 {
				continue
			}
			for _, at := range w.takes(p, e, a) {
				if w.passes(e, at, part) {
					out = with(out, w.values(f, a, parameter{e.file, e.fn, at})...)
				}
			}
		}
		if p.asks {
			out = with(out, w.injects(e, part)...)
		}
	}
	return out
}

// writesTo says what a call puts into the file that an argument of it names.
func (w *follower) writesTo(f *Flow, p *passing, place int) (out []made) {
	for _, e := range w.calls[p] {
		for _, g := range w.writes[parameter{e.file, e.fn, e.binds(p.places[place])}] {
			if g.source != nil {
				out = with(out, g)
				continue
			}
			for _, a := range p.args {
				if len(a.labels) > 0 && g.parameter == (parameter{e.file, e.fn, e.binds(a)}) {
					out = with(out, w.expand(f, a.labels)...)
				}
			}
		}
	}
	return out
}

// passes reports whether what a routine gives holds what fills a parameter of it. An
// object holds what it was made of.
func (w *follower) passes(e entry, at, part int) bool {
	if e.first == 1 && strings.HasSuffix(e.file.routines[e.fn].title, ".__init__") {
		return true
	}
	return slices.Contains(w.given(e, part), made{parameter{e.file, e.fn, at}, nil})
}

// binds is the parameter that an argument fills, or -1.
func (e entry) binds(a argument) int {
	r := e.file.routines[e.fn]
	if a.position >= 0 {
		if at := a.position + e.first; at < r.places && at < len(r.params) {
			return at
		}
		return r.star
	}
	if a.name == "**" {
		return r.stars
	}
	if at := slices.Index(r.params, a.name); at >= 0 && at != r.star && at != r.stars {
		return at
	}
	return r.stars
}

// takes lists the parameters that an argument of a call may fill: what stands behind **
// fills all that nothing else does.
func (e entry) takes(p *passing, a argument) (out []int) {
	if a.name != "**" {
		return []int{e.binds(a)}
	}
	r := e.file.routines[e.fn]
	for at, name := range r.params {
		if at >= e.first && (at >= r.places || at >= p.ahead+e.first) && at != r.star && !slices.Contains(p.others, name) {
			out = append(out, at)
		}
	}
	return out
}

// link makes the graph of who fills which parameters.
func (w *follower) link() {
	w.in, w.out = map[parameter][]edge{}, map[parameter][]edge{}
	w.linkInjected()
	n := 0
	for _, f := range w.order {
		for _, p := range f.passings {
			for _, e := range w.calls[p] {
				for _, a := range p.args {
					if n++; n > mostEdges {
						return
					}
					w.fills(f, p, e, a)
				}
			}
		}
	}
}

func (w *follower) fills(f *Flow, p *passing, e entry, a argument) {
	for _, at := range w.takes(p, e, a) {
		if at >= 0 {
			w.fill(f, p, parameter{e.file, e.fn, at}, a)
		}
	}
}

// values says of what an argument is made that fills a parameter: of names that are handed
// on, which one would fill it is not known.
func (w *follower) values(f *Flow, a argument, to parameter) []made {
	out := w.expand(f, a.labels)
	if a.name != "**" || to.at == to.file.routines[to.fn].stars {
		return out
	}
	return slices.DeleteFunc(out, func(g made) bool { return g.source == nil && g.file.routines[g.fn].stars == g.at })
}

func (w *follower) fill(f *Flow, p *passing, to parameter, a argument) {
	if a.word != "" {
		w.in[to] = append(w.in[to], edge{to: to, by: p, at: f, word: a.word, name: a.name})
	}
	for _, g := range w.values(f, a, to) {
		x := edge{from: g, to: to, by: p, at: f, name: a.name}
		w.in[to] = append(w.in[to], x)
		if g.source == nil {
			w.out[g.parameter] = append(w.out[g.parameter], x)
		}
	}
}

// arrive reports what comes from outside to a sink.
func (w *follower) arrive() {
	for kind := fromRequest; kind <= fromUser; kind++ { // the worst first
		by := w.spread(kind)
		for _, f := range w.order {
			for _, s := range f.sinks {
				w.at(f, s, kind, by)
			}
		}
	}
}

// spread finds the parameters that a kind of source comes to, and by which edge.
func (w *follower) spread(kind sourceKind) map[parameter]edge {
	by := map[parameter]edge{}
	var todo []parameter
	for _, f := range w.order {
		for i, r := range f.routines {
			for at := range r.params {
				p := parameter{f, i, at}
				for _, e := range w.in[p] {
					if _, known := by[p]; !known && e.from.source != nil && e.from.source.kind == kind {
						by[p] = e
						todo = append(todo, p)
					}
				}
			}
		}
	}
	for ; len(todo) > 0; todo = todo[1:] {
		for _, e := range w.out[todo[0]] {
			if _, known := by[e.to]; !known {
				by[e.to] = e
				todo = append(todo, e.to)
			}
		}
	}
	return by
}

// at reports one sink that a kind of source comes to; a worse one was reported before.
func (w *follower) at(f *Flow, s *sink, kind sourceKind, by map[parameter]edge) {
	if s.reported || s.checked && kind != fromRequest || s.what == imports && kind == fromUser {
		return
	}
	itself := func(g made) bool { // what a load gives, in a loop around it
		return g.source != nil && g.file == f && g.source.spot == s.spot
	}
	of := slices.DeleteFunc(w.expand(f, s.labels), itself)
	for _, g := range of {
		if path := w.loosely(f, s, g, kind, by); path != nil {
			if start, steps, from := w.wayBy(path, by); !itself(from) {
				w.found(f, s, kind, true, start, steps)
				return
			}
		}
	}
	for _, g := range of {
		if g.source != nil {
			if g.source.kind == kind {
				w.found(f, s, kind, s.unsafe, finding.Step{Where: g.file.names.at(g.source.spot), Text: g.source.text}, w.way(f, s.labels, g))
				return
			}
			continue
		}
		e, ok := by[g.parameter]
		if !ok {
			continue
		}
		start, steps, from := w.wayBy([]edge{e}, by)
		if itself(from) {
			continue
		}
		w.found(f, s, kind, s.unsafe, start, steps)
		return
	}
}

// wayBy is where something comes from that is handed on by edges, the last first, and by
// those before them, and its steps, the first first.
func (w *follower) wayBy(path []edge, by map[parameter]edge) (start finding.Step, steps []finding.Step, from made) {
	for i := 0; ; i++ {
		if i == len(path) {
			path = append(path, by[path[i-1].from.parameter])
		}
		e := path[i]
		steps = append(steps, finding.Step{Where: e.at.names.at(e.by.spot), Text: e.by.shown})
		if e.from.source == nil {
			continue
		}
		before := w.way(e.at, argumentLabels(e.by), e.from)
		slices.Reverse(before)
		steps = append(steps, before...)
		slices.Reverse(steps)
		return finding.Step{Where: e.from.file.names.at(e.from.source.spot), Text: e.from.source.text}, steps, e.from
	}
}

// reached is a parameter on the way back from a load, and those beside it that say how the
// load reads.
type reached struct {
	parameter

	flags []parameter
	path  []edge
}

// loosely finds the calls, the last first, by which a kind of source comes to a load that
// one of them makes read unsafely: load(name, weights_only=False); or nil.
func (w *follower) loosely(f *Flow, s *sink, g made, kind sourceKind, by map[parameter]edge) []edge {
	if s.unsafe || len(s.flags) == 0 || g.source != nil {
		return nil
	}
	first := reached{parameter: g.parameter, flags: w.flagsOf(f, s)}
	seen := map[edge]bool{}
	for todo := []reached{first}; len(todo) > 0; todo = todo[1:] {
		for _, e := range w.in[todo[0].parameter] {
			_, comes := by[e.from.parameter]
			if e.from.source != nil {
				comes = e.from.source.kind == kind
			}
			if !comes || seen[e] {
				continue
			}
			seen[e] = true
			path := append(slices.Clip(todo[0].path), e)
			flags, loose := w.handsFlags(todo[0].flags, e)
			switch {
			case loose:
				return path
			case e.from.source == nil && len(flags) > 0:
				todo = append(todo, reached{e.from.parameter, flags, path})
			}
		}
	}
	return nil
}

// flagsOf are the parameters that say how a load reads.
func (w *follower) flagsOf(f *Flow, s *sink) (out []parameter) {
	for _, l := range s.flags {
		out = append(out, parameter{f, l.fn, l.at})
	}
	return out
}

// handsFlags lists the parameters that a call hands on to some others, and reports whether it
// gives one of these False.
func (w *follower) handsFlags(flags []parameter, by edge) (next []parameter, loose bool) {
	for _, e := range w.calls[by.by] {
		for _, a := range by.by.args {
			for _, at := range w.takes(by.by, e, a) {
				to := parameter{e.file, e.fn, at}
				if !slices.Contains(flags, to) || at == e.file.routines[e.fn].stars && a.name != "weights_only" && a.name != "**" {
					continue
				}
				loose = loose || a.word == "False"
				for _, g := range w.values(by.at, a, to) {
					if g.source == nil {
						next = append(next, g.parameter)
					}
				}
			}
		}
	}
	return next, loose
}

func argumentLabels(p *passing) (out []label) {
	for _, a := range p.args {
		out = append(out, a.labels...)
	}
	return out
}

// way is the calls through which a source comes to be part of a value, the first first.
func (w *follower) way(f *Flow, labels []label, source made) []finding.Step {
	steps, _ := w.wayTo(f, labels, source, map[*passing]bool{})
	return steps
}

func (w *follower) wayTo(f *Flow, labels []label, source made, seen map[*passing]bool) ([]finding.Step, bool) {
	if slices.ContainsFunc(labels, func(l label) bool { return l.kind == ofSource && source.source == &f.sources[l.at] }) {
		return nil, true
	}
	for _, l := range labels {
		if l.kind != ofPassing && l.kind != ofWriting {
			continue
		}
		p := f.passings[l.at]
		have := w.resultOf(f, l)
		if l.kind == ofWriting {
			have = w.written[writing{p, l.fn}]
		}
		if seen[p] || len(seen) >= mostSteps || !slices.Contains(have, source) {
			continue
		}
		seen[p] = true
		steps, ok := w.wayInto(p, l, source, seen)
		if !ok {
			steps, ok = w.wayTo(f, argumentLabels(p), source, seen)
		}
		if ok {
			return append(steps, finding.Step{Where: f.names.at(p.spot), Text: p.shown}), true
		}
	}
	return nil, false
}

// wayInto is the way of a source within what a call is of.
func (w *follower) wayInto(p *passing, l label, source made, seen map[*passing]bool) ([]finding.Step, bool) {
	for _, e := range w.calls[p] {
		r := e.file.routines[e.fn]
		labels := r.part(l.fn)
		if l.kind == ofWriting {
			i := slices.IndexFunc(r.writes, func(x written) bool { return x.at == e.binds(p.places[l.fn]) })
			if i < 0 {
				continue
			}
			labels = r.writes[i].labels
		}
		if steps, ok := w.wayTo(e.file, labels, source, seen); ok {
			return steps, true
		}
	}
	return nil, false
}

// found reports a sink, with the way that something takes to it.
func (w *follower) found(f *Flow, s *sink, kind sourceKind, unsafe bool, start finding.Step, steps []finding.Step) {
	s.reported = true
	name := cmp.Or(s.worse, s.name)
	where := f.names.at(s.spot)
	steps = append(steps, finding.Step{Where: where, Text: s.shown})
	flow := append([]finding.Step{start}, steps...)
	if s.held {
		w.tell(untrustedHeld, untrustedHeld.Severity, where, fmt.Sprintf("%s loads in the sandbox what nobody trusts: %s", s.name, start.Text), flow)
		return
	}
	if s.model && !isTest(w.rel(where.Path)) {
		w.tell(untrustedOpen, untrustedOpen.Severity, where, fmt.Sprintf("%s loads outside of the sandbox what nobody trusts: %s", name, start.Text), flow)
	}
	var r *rule.Rule
	var message, fix string
	severity := finding.High
	switch kind {
	case fromRequest:
		r, message = userModel, fmt.Sprintf("a user decides what %s %s here: %s", name, s.what, start.Text)
		if unsafe {
			severity = finding.Critical
		}
	case fromDownload:
		r, message = downloaded, fmt.Sprintf("%s %s what came over the network and nothing verified: %s", name, s.what, start.Text)
		fix = s.fix
		if !unsafe {
			severity = finding.Medium
		}
	case fromFile:
		r, message = secondHand, fmt.Sprintf("%s %s what another file holds: %s", name, s.what, start.Text)
		if !unsafe {
			severity = finding.Medium
		}
	case fromUser:
		r, message = startedWith, fmt.Sprintf("whoever starts the program decides what %s %s here: %s", name, s.what, start.Text)
		severity, fix = finding.Medium, s.fix
		if !unsafe {
			severity = finding.Low
		}
	}
	w.tellFix(r, severity, where, message, fix, flow)
}

// tell reports a finding with its steps, the first of which is in the message already.
func (w *follower) tell(r *rule.Rule, severity finding.Severity, where finding.Where, message string, flow []finding.Step) {
	w.tellFix(r, severity, where, message, "", flow)
}

// tellFix is tell with a fix of its own, or the rule's.
func (w *follower) tellFix(r *rule.Rule, severity finding.Severity, where finding.Where, message, fix string, flow []finding.Step) {
	var evidence []string
	for _, s := range flow[1:] {
		place := s.Where.String() + ": "
		if s.Where.Path == where.Path && s.Where.Member == "" {
			place = "line " + itoa(s.Where.Line) + ": "
		}
		evidence = append(evidence, place+s.Text)
	}
	x := r.Finding(where, message, evidence...)
	x.Severity, x.Fix, x.Flow = severity, cmp.Or(fix, x.Fix), flow
	if isTest(w.rel(where.Path)) {
		x = tested(x)
	}
	key := r.ID + where.Path
	switch w.kept[key]++; {
	case w.kept[key] == mostKept:
		x.Message += fmt.Sprintf(" (no more findings of %s are listed)", r.ID)
	case w.kept[key] > mostKept:
		return
	}
	w.report(x)
}

// loosen reports the calls that make torch.load read unsafely through functions that
// hand weights_only on.
func (w *follower) loosen() {
	said := map[*passing]bool{}
	for _, f := range w.order {
		for _, s := range f.sinks {
			for _, l := range s.flags {
				w.loosens(f, s, parameter{f, l.fn, l.at}, said)
				if s.open {
					w.omits(f, s, parameter{f, l.fn, l.at}, said)
				}
			}
			for _, ref := range s.refs {
				to, name := w.locate(f.names, ref)
				if to == nil || !slices.Contains(to.untrue, name) {
					continue
				}
				where := f.names.at(s.spot)
				w.tell(loadUnsafe, loadUnsafe.Severity, where, fmt.Sprintf("weights_only is %s of %s, which is False, and then %s runs whatever the file says", name, to.where.Path, s.name),
					[]finding.Step{{Where: where, Text: s.shown}})
				break
			}
		}
	}
}

// loosens follows one parameter of a torch.load back to the constants that it is given.
func (w *follower) loosens(f *Flow, s *sink, p parameter, said map[*passing]bool) {
	by := map[parameter]edge{p: {}}
	for todo := []parameter{p}; len(todo) > 0; todo = todo[1:] {
		at := todo[0]
		keywords := at.at == at.file.routines[at.fn].stars
		for _, e := range w.in[at] {
			switch {
			case keywords && e.name != "weights_only" && e.name != "**":
			case e.word == "False" && !said[e.by] && !e.by.again:
				said[e.by] = true
				w.loosened(f, s, e, at, by)
			case e.word == "" && e.from.source == nil:
				if _, known := by[e.from.parameter]; !known {
					by[e.from.parameter] = e
					todo = append(todo, e.from.parameter)
				}
			}
		}
	}
}

// omits follows the names that a torch.load hands on to the calls that give it no
// weights_only.
func (w *follower) omits(f *Flow, s *sink, p parameter, said map[*passing]bool) {
	if f.torch.AtLeast(2, 6) {
		return
	}
	by := map[parameter]edge{p: {}}
	for todo := []parameter{p}; len(todo) > 0; todo = todo[1:] {
		at := todo[0]
		if r := at.file.routines[at.fn]; at.at != r.stars || r.sets {
			continue
		}
		for _, c := range w.callers(at.file, at.fn) {
			e := edge{by: c.by, at: c.file, to: at}
			switch {
			case c.by.only || said[c.by] || c.by.again:
			case !c.by.rest:
				said[c.by] = true
				w.omitted(f, s, e, at, by)
			default:
				for _, next := range c.handsOn() {
					if _, known := by[next]; !known {
						by[next] = e
						todo = append(todo, next)
					}
				}
			}
		}
	}
}

// caller is a call of a routine.
type caller struct {
	file *Flow
	by   *passing
}

// handsOn lists the parameters whose names a call hands on.
func (c caller) handsOn() (out []parameter) {
	for _, a := range c.by.args {
		for _, l := range a.labels {
			if a.name == "**" && l.kind == ofParam {
				out = append(out, parameter{c.file, l.fn, l.at})
			}
		}
	}
	return out
}

// callers lists the calls of a routine.
func (w *follower) callers(f *Flow, fn int) []caller {
	if w.called == nil {
		w.called = map[entry][]caller{}
		for _, file := range w.order {
			for _, p := range file.passings {
				for _, e := range w.calls[p] {
					e.first = 0
					w.called[e] = append(w.called[e], caller{file, p})
				}
			}
		}
	}
	return w.called[entry{f, fn, 0}]
}

func (w *follower) omitted(f *Flow, s *sink, e edge, at parameter, by map[parameter]edge) {
	where, flow := w.wayOn(f, s, e, at, by)
	message := fmt.Sprintf("no weights_only=True is handed on to %s at %s, and ", s.name, f.names.at(s.spot))
	severity, ends := finding.Medium, "no requirement keeps out torch before 2.6, which then runs whatever the file says"
	if f.torch.Known() {
		severity, ends = loadDefault.Severity, fmt.Sprintf("the project allows torch before 2.6 (%s), which then runs whatever the file says", f.torch.Evidence())
	}
	w.tell(loadDefault, severity, where, message+ends, flow)
}

func (w *follower) loosened(f *Flow, s *sink, e edge, at parameter, by map[parameter]edge) {
	where, flow := w.wayOn(f, s, e, at, by)
	w.tell(loadUnsafe, loadUnsafe.Severity, where, fmt.Sprintf("weights_only=False is handed on to %s at %s, which runs whatever the file says", s.name, f.names.at(s.spot)), flow)
}

// wayOn is where a call stands, and the steps from it to a load.
func (w *follower) wayOn(f *Flow, s *sink, e edge, at parameter, by map[parameter]edge) (finding.Where, []finding.Step) {
	where := e.at.names.at(e.by.spot)
	flow := []finding.Step{{Where: where, Text: e.by.shown}}
	for {
		next := by[at]
		if next.by == nil {
			break
		}
		flow = append(flow, finding.Step{Where: next.at.names.at(next.by.spot), Text: next.by.shown})
		at = next.to
	}
	return where, append(flow, finding.Step{Where: f.names.at(s.spot), Text: s.shown})
}

package contract

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/pickle"
)

// event judges one event.
func (j *judge) event(e *pickle.Event) {
	switch e.Kind {
	case pickle.EventCall, pickle.EventNew:
		j.call(e)
	case pickle.EventBuild:
		j.build(e)
	case pickle.EventSetItem:
		j.setItem(e)
	case pickle.EventAppend, pickle.EventAddItem:
		j.appendTo(e)
	case pickle.EventPersistent:
		j.persistent(e)
	case pickle.EventExtension:
		j.extension(e)
	}
}

// call judges REDUCE, INST, OBJ, NEWOBJ and NEWOBJ_EX.
func (j *judge) call(e *pickle.Event) {
	op := opCall
	if e.Kind == pickle.EventNew {
		op = opNew
	}
	var t target
	f := unwrap(e.Target())
	if n := j.dillType(f); n != nil {
		n.ops |= op
		if j.covered(n, op, e) {
			return
		}
	}
	if f.Kind() == pickle.KindGlobal {
		n := j.name(f, e.Offset)
		if n != nil && !n.computed {
			n.ops |= op
			if j.covered(n, op, e) {
				return
			}
		}
		t = j.resolve(f)
	} else {
		t = j.calledObject(e)
	}
	switch {
	case t.sink != nil:
		j.sinkCall(e, t)
	case t.name != nil && !t.name.computed:
		j.unknownCall(e, t.name)
	case t.name != nil:
		j.lure(j.add("computed", pkl026, t.name.first, "the name of an imported global is computed while loading, so that nobody can tell what is called", j.rendered(e)), e)
	default:
		j.lure(j.add("object", pkl027, e.Offset, fmt.Sprintf("loading would call %s, which is itself computed while loading", e.Target()), j.rendered(e)), e)
	}
	if t.sink == nil {
		j.handed(e.Args(), calleeText(t, e), e)
	}
}

// calledObject resolves a callee that is not a global.
func (j *judge) calledObject(e *pickle.Event) target {
	t := j.resolve(e.Target())
	if t.method != "" && e.Args().Len() >= 1 { // methodcaller("system", ...)(os)
		base := j.resolve(e.Args().Index(0))
		if base.path == "" {
			return target{}
		}
		m := at(base.path + "." + t.method)
		m.bound = t.bound
		return m
	}
	if t.attr != "" {
		m := j.member(e.Args().Index(0), t.attr, maxChain)
		if m.sink == nil { // fetching runs nothing by itself
			return target{path: "operator.attrgetter", sink: findSink(key{"operator", "attrgetter"})}
		}
		return m
	}
	return t
}

// covered reports whether a contract covers a call, and records why not.
func (j *judge) covered(n *name, op ops, e *pickle.Event) bool {
	if n.script {
		n.vouched = true
		return true
	}
	if n.entry == nil {
		return false
	}
	why := ""
	switch {
	case n.entry.ops&op == 0 && !(op == opNew && n.entry.ops&opCall != 0 && n.entry.tier == TierSafe):
		why = "no contract permits to " + map[ops]string{opCall: "call", opNew: "instantiate"}[op] + " it"
	case op == opCall:
		why = n.entry.args.check(j, e.Args(), e.Result().KwArgs())
	}
	if why != "" {
		n.broken = true
		if n.sink == nil {
			r, message := pkl037, fmt.Sprintf("%s is used outside its contract: %s", n.full, why)
			lures := j.lures(e.Args())
			if len(lures) > 0 {
				r, message = pkl043, fmt.Sprintf("loading would hand suspicious data to %s, outside its contract: %s", n.full, why)
			}
			j.add("contract:"+n.full, r, e.Offset, message, append(lures, j.rendered(e))...)
			n.blamed = true
			j.handed(e.Args(), n.full, e)
		}
		return n.sink == nil
	}
	n.vouched = true
	if n.key == (key{"torch.storage", "_load_from_bytes"}) {
		j.nest(e, n.full, "torch")
	}
	if j.doubt && n.entry.tier == TierFramework {
		j.handed(e.Args(), n.full, e)
	}
	return true
}

// unknownCall records a call of a global that nobody reviewed.
func (j *judge) unknownCall(e *pickle.Event, n *name) {
	n.note(j.rendered(e))
	for _, l := range j.lures(e.Args()) {
		n.lure(l)
	}
	if kw := e.Result().KwArgs(); !kw.IsZero() {
		for _, l := range j.lures(kw) {
			n.lure(l)
		}
	}
}

const maxNoted = 8

func (n *name) note(line string) {
	if line != "" && len(n.evidence) < maxNoted {
		n.evidence = append(n.evidence, line)
	}
}

func (n *name) lure(line string) {
	if len(n.lures) < maxNoted {
		n.lures = append(n.lures, line)
	}
}

// lure adds suspicious arguments to an issue.
func (j *judge) lure(is *Issue, e *pickle.Event) {
	for _, l := range j.lures(e.Args()) {
		if len(is.Evidence) < maxEvidence {
			is.Evidence = append(is.Evidence, l)
		}
	}
}

// maxRendered is how many events of one stream are shown as evidence.
const maxRendered = 1 << 12

// rendered shows an event as Python.
func (j *judge) rendered(e *pickle.Event) string {
	if j.shown++; j.shown > maxRendered {
		return ""
	}
	args := e.Args().String()
	if e.Args().Kind() == pickle.KindTuple && strings.HasPrefix(args, "(") {
		args = strings.TrimSuffix(strings.TrimPrefix(args, "("), ")")
		args = strings.TrimSuffix(args, ",")
	}
	return fmt.Sprintf("%v at %#x: %s(%s)", e.Op, e.Offset, e.Target(), args)
}

func calleeText(t target, e *pickle.Event) string {
	if t.path != "" {
		return t.path
	}
	return e.Target().String()
}

// sinkCall judges the call of a known sink.
func (j *judge) sinkCall(e *pickle.Event, t target) {
	s := t.sink
	args := append(append([]pickle.Value{}, t.bound...), tail(e.Args(), 0)...)
	if t.name != nil {
		t.name.blamed = true
	} else {
		j.explain(e.Target())
	}
	if s.cat.helper() {
		if j.handed(e.Args(), s.full, e) {
			if t.name != nil {
				t.name.helper = true
			}
			j.excuse(s)
			return
		}
		if s.cat == catReflection && j.reaches(e.Result()) {
			return // what is reached is judged where it is used
		}
	}
	j.reportSink(e, t, args)
	if !s.cat.helper() {
		j.handed(e.Args(), s.full, e)
	}
}

// reportSink makes the issue of a sink that is called.
func (j *judge) reportSink(e *pickle.Event, t target, args []pickle.Value) {
	s, cat := t.sink, j.effect(t.sink, args)
	arg, hidden := j.mainArgument(args)
	if cat == catNested {
		j.nest(e, s.full, nestedKind(s.full))
	}
	message := "loading would " + s.sentence(arg) + " with " + s.full
	if cat == catRead && s.cat == catWrite {
		message = "loading would open the file " + or(arg, "that its arguments name") + " with " + s.full
	}
	k := "sink:" + s.full
	if cat.helper() {
		k = "helper:" + s.full
	}
	is := j.add(k, ruleOf(cat), e.Offset, message, j.rendered(e), j.how(e, t))
	if hidden {
		is.Evidence = append(is.Evidence, "the argument is put together while loading")
	}
	j.lure(is, e)
	for _, v := range args {
		j.explain(v)
	}
	delete(j.excused, s.full)
}

// how says by which way a sink was reached.
func (j *judge) how(e *pickle.Event, t target) string {
	switch {
	case t.name == nil:
		return fmt.Sprintf("reached through %s, which is %s", e.Target(), t.sink.full)
	case t.name.full != t.sink.full:
		return fmt.Sprintf("%s is %s", t.name.full, t.sink.full)
	}
	return ""
}

// reaches reports whether reflection led to a sink that is judged on its own.
func (j *judge) reaches(v pickle.Value) bool {
	t := j.resolve(v)
	return t.sink != nil && !t.instance && !t.sink.cat.helper()
}

// effect is the category of a call with these arguments: opening a file to read
// it does not write it.
func (j *judge) effect(s *sink, args []pickle.Value) category {
	if s.cat != catWrite {
		return s.cat
	}
	switch s.full {
	case "builtins.open", "io.open", "codecs.open", "io.FileIO", "gzip.open", "bz2.open", "lzma.open", "builtins.file", "gzip.GzipFile", "zipfile.ZipFile", "tarfile.open":
	default:
		return s.cat
	}
	if len(args) < 2 {
		return catRead
	}
	mode, ok := j.textOf(args[1])
	if ok && !strings.ContainsAny(mode, "wax+") {
		return catRead
	}
	return catWrite
}

// mainArgument renders the argument that says most: the first that is text, or a
// list of texts, and whether it is put together while loading.
func (j *judge) mainArgument(args []pickle.Value) (arg string, hidden bool) {
	for _, v := range args {
		if v.Kind() == pickle.KindTuple || v.Kind() == pickle.KindList {
			if words := j.words(v); words != "" {
				return quote(words), false
			}
			continue
		}
		if s, ok := j.textOf(v); ok && s != "" {
			return quote(s), v.Kind() == pickle.KindObject
		}
	}
	return "", false
}

// words joins a command line, or a host and port.
func (j *judge) words(list pickle.Value) string {
	var out []string
	for v := range list.Items() {
		s, ok := j.textOf(v)
		if n, isInt := v.Int(); isInt {
			s, ok = strconv.FormatInt(n, 10), true
		}
		if !ok || len(out) == 32 {
			break
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// maxQuoted is the longest text that a message shows.
const maxQuoted = 160

func quote(s string) string {
	if len(s) > maxQuoted {
		s = s[:maxQuoted] + "..."
	}
	return fmt.Sprintf("%q", s)
}

// nest records the bytes among the arguments that a loader would read.
func (j *judge) nest(e *pickle.Event, loader, kind string) {
	for v := range e.Args().Items() {
		for depth := 0; depth < 4 && v.Kind() == pickle.KindObject; depth++ {
			v = v.Args().Index(0) // BytesIO(bytes), encode(str, 'latin1')
		}
		switch v.Kind() {
		case pickle.KindBytes, pickle.KindByteArray, pickle.KindStr, pickle.KindBuffer:
			j.nested = append(j.nested, Nested{v, loader, kind, e.Offset})
			return
		}
	}
}

// nestedKind says what a loader reads.
func nestedKind(loader string) string {
	switch root, _, _ := strings.Cut(loader, "."); root {
	case "torch", "numpy", "marshal", "yaml", "joblib":
		return root
	case "ruamel":
		return "yaml"
	case "sklearn":
		return "joblib"
	case "plistlib", "xmlrpc", "lxml", "jsonpickle":
		return "text"
	}
	return "pickle"
}

func ruleOf(c category) *rule.Rule {
	if r := categoryRules[c]; r != nil {
		return r
	}
	return pkl020
}

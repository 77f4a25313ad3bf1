package contract

import (
	"fmt"
	"strings"

	"github.com/andiron-dev/andiron/pickle"
)

// build judges BUILD: __setstate__, or an update of the instance's dictionary.
func (j *judge) build(e *pickle.Event) {
	why := j.plants(e.Args(), e.Target().String())
	switch e.Target().Kind() {
	case pickle.KindGlobal:
		n := j.name(e.Target(), e.Offset)
		n.broken, n.blamed = true, true
		j.add("build:"+n.full, pkl031, e.Offset, fmt.Sprintf("loading would set attributes of %s itself, for the whole process", n.full), j.rendered(e))
		j.handed(e.Args(), "BUILD on "+n.full, e)
		return
	case pickle.KindObject:
	default:
		j.add("build", pkl033, e.Offset, fmt.Sprintf("BUILD sets the state of %s, which is no instance", e.Target()), j.rendered(e))
		return
	}
	n := j.classOf(e.Target())
	t := j.suspect(e.Target(), n)
	switch {
	case n == nil || t.sink != nil && (n.entry == nil || n.broken):
		if !t.instance || n == nil {
			j.explain(e.Target())
			j.add("build", pkl031, e.Offset, fmt.Sprintf("loading would set attributes of %s, which is computed while loading", e.Target()), j.rendered(e))
		}
	case n.script:
	case n.entry == nil:
		n.ops |= opBuild
		n.note(j.rendered(e))
	case n.entry.ops&opBuild == 0:
		if f := j.funcName(e.Target()); f == nil || f.entry == nil || f.entry.ops&opBuild == 0 {
			j.outside(n, e, "set the state of an instance of")
		}
	default:
		n.ops |= opBuild
		n.vouched = true
		if n.key == (key{"numpy", "dtype"}) {
			if flaw := dtypeFlaw(e.Target(), e.Args()); flaw != "" {
				n.broken, n.blamed = true, true
				j.add("contract:"+n.full, pkl037, e.Offset, n.full+" is used outside its contract: "+flaw, j.rendered(e))
			}
		}
	}
	if why != "" {
		j.explain(e.Args())
		j.add("plants", pkl032, e.Offset, "loading would plant "+why, j.rendered(e))
	}
	if j.doubt {
		j.handed(e.Args(), "BUILD", e)
	}
}

// suspect resolves an object that is not an instance of a listed class.
func (j *judge) suspect(v pickle.Value, n *name) target {
	if n != nil && n.entry != nil && !n.broken && n.entry.ops&opNever == 0 {
		return target{path: n.full, instance: true}
	}
	return j.resolve(v)
}

// outside reports an operation on an instance that no contract permits.
func (j *judge) outside(n *name, e *pickle.Event, what string) {
	n.broken, n.blamed = true, true
	j.add("contract:"+n.full, pkl037, e.Offset, fmt.Sprintf("%s is used outside its contract: no contract permits to %s it", n.full, what), j.rendered(e))
}

// maxKeys is how many BUILD keys of one stream are looked at.
const maxKeys = 1 << 20

// plants says whether a state plants a special method: __setstate__ in an instance
// dictionary is called by the next BUILD, slots set attributes through the class.
func (j *judge) plants(state pickle.Value, on string) string {
	dict, slots := state, pickle.Value{}
	if state.Kind() == pickle.KindTuple && state.Len() == 2 {
		dict, slots = state.Index(0), state.Index(1)
	}
	for i, d := range []pickle.Value{dict, slots} {
		if d.Kind() != pickle.KindDict && d.Kind() != pickle.KindObject {
			continue
		}
		if attr := j.within(d); attr != "" {
			return fmt.Sprintf("the special attribute %s on %s", attr, or(on, "an instance"))
		}
		for k, v := range d.Pairs() {
			if j.keys++; j.keys > maxKeys {
				j.add("keys", pkl052, state.Offset(), fmt.Sprintf("more than the limit of %d attributes are set", maxKeys)).Undetermined = true
				return ""
			}
			if attr := j.special(k); attr != "" && (i == 1 || callable(v)) {
				return fmt.Sprintf("the special attribute %s on %s", attr, or(on, "an instance"))
			}
		}
	}
	return ""
}

// within returns a special name among what a dictionary was constructed from:
// OrderedDict([("__setstate__", f)]).
func (j *judge) within(d pickle.Value) (attr string) {
	if d.Args().Len() == 0 {
		return ""
	}
	j.walk(d.Args(), map[uint32]struct{}{}, 1<<12, func(v pickle.Value) {
		if s := j.special(v); s != "" {
			attr = s
		}
	})
	return attr
}

func or(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// special returns the text of a key that is a special name.
func (j *judge) special(k pickle.Value) string {
	if k.Kind() == pickle.KindObject {
		s, ok := j.textOf(k)
		if ok && dunder(s) {
			return s
		}
		return ""
	}
	if k.Kind() != pickle.KindStr || k.Len() < 5 || k.Len() > 256 {
		return ""
	}
	if s, ok := k.Text(); ok && dunder(s) {
		return s
	}
	return ""
}

func dunder(s string) bool {
	return len(s) > 4 && strings.HasPrefix(s, "__") && strings.HasSuffix(s, "__")
}

// callable reports whether a value may be callable.
func callable(v pickle.Value) bool {
	switch v.Kind() {
	case pickle.KindGlobal, pickle.KindObject, pickle.KindUnknown, pickle.KindExt, pickle.KindPersistent:
		return true
	}
	return false
}

// setItem judges SETITEM(S) on what is not a plain dict.
func (j *judge) setItem(e *pickle.Event) {
	k, v := e.Args().Index(0), e.Args().Index(1)
	n := j.classOf(e.Target())
	t := j.suspect(e.Target(), n)
	if e.Target().Kind() == pickle.KindGlobal || t.path != "" && !t.instance {
		what := calleeText(t, e)
		if t.name != nil {
			t.name.broken, t.name.blamed = true, true
		}
		j.explain(e.Target())
		j.add("table:"+what, pkl036, e.Offset, fmt.Sprintf("loading would put %s into %s, for the whole process", or(k.String(), "an item"), what), j.rendered(e))
		j.handed(e.Args(), what, e)
		return
	}
	switch {
	case n == nil:
		j.add("setitem", pkl034, e.Offset, fmt.Sprintf("loading would assign items of %s, which is no dictionary", e.Target()), j.rendered(e))
	case isTensor(n):
		j.tensorWrite(e, n)
		return
	case n.script:
	case n.entry == nil:
		n.ops |= opSetItem
		if n.sink == nil {
			n.note(j.rendered(e))
		}
	case n.entry.ops&opSetItem == 0:
		j.outside(n, e, "assign items of an instance of")
	default:
		n.ops |= opSetItem
		if attr := j.special(k); attr != "" && callable(v) && n.entry.tier != TierSafe {
			j.explain(v)
			j.add("plants", pkl032, e.Offset, fmt.Sprintf("loading would plant the special attribute %s on %s", attr, e.Target()), j.rendered(e))
		}
	}
	if j.doubt && (n == nil || n.entry == nil || n.entry.tier != TierSafe) {
		j.handed(e.Args(), "item assignment", e)
	}
}

// isTensor reports whether what a global makes is a tensor.
func isTensor(n *name) bool {
	switch n.module {
	case "torch._utils", "torch._tensor":
		return strings.HasPrefix(n.name, "_rebuild_")
	case "torch":
		return n.name == "Tensor" || strings.HasSuffix(n.name, "Tensor") || strings.HasSuffix(n.name, "Storage")
	case "torch.nn.parameter", "torch.nn":
		return n.name == "Parameter"
	case "numpy":
		return n.name == "ndarray"
	}
	return false
}

// tensorWrite is CVE-2026-24747: an item assignment writes the tensor's memory,
// which may reach beyond its storage when the declared size lies.
func (j *judge) tensorWrite(e *pickle.Event, n *name) {
	j.add("tensorwrite", pkl035, e.Offset, "loading would write into the memory of a tensor by item assignment, which no pickler does", j.rendered(e))
	n.blamed = true
	for _, c := range j.cves {
		if c.ID == "CVE-2026-24747" {
			return
		}
	}
	j.cves = append(j.cves, CVE{"CVE-2026-24747", "2.10.0", e.Offset, "SETITEM on a tensor writes memory while torch.load(weights_only=True) unpickles"})
}

// appendTo judges APPEND(S) and ADDITEMS on what is not a list or set.
func (j *judge) appendTo(e *pickle.Event) {
	n := j.classOf(e.Target())
	switch {
	case e.Target().Kind() == pickle.KindObject && n != nil && n.entry != nil && n.entry.ops&opAppend != 0:
		n.ops |= opAppend
		return
	case n != nil && n.entry != nil && !n.broken:
		j.outside(n, e, "append to an instance of")
	case e.Target().Kind() == pickle.KindObject && n != nil && n.entry == nil && n.sink == nil && !n.computed:
		n.ops |= opAppend
		n.note(j.rendered(e))
	default:
		if n != nil {
			n.blamed = true
		}
		j.explain(e.Target())
		j.add("append", pkl033, e.Offset, fmt.Sprintf("loading would call append, extend or add of %s, which is no list or set", e.Target()), j.rendered(e))
	}
	j.handed(e.Args(), "append", e)
	if n != nil {
		for _, l := range j.lures(e.Args()) {
			n.lure(l)
		}
	}
}

// persistent judges a persistent id.
func (j *judge) persistent(e *pickle.Event) {
	pid := e.Args()
	if j.opt.StorageOK != nil {
		if !j.opt.StorageOK(pid) {
			j.add("pid", pkl045, e.Offset, "a persistent id names no storage of this file", j.rendered(e))
		}
		return
	}
	switch j.opt.Container {
	case "torch-tar":
		return
	case "pickle", "joblib", "npy":
		j.add("pid", pkl045, e.Offset, "a persistent id stands in a pickle whose loader resolves none", j.rendered(e))
		return
	}
	tag := j.tag(pid.Index(0))
	if s, ok := pid.Text(); ok && strings.HasPrefix(s, "('storage', ") {
		return // protocol 0 writes the tuple as text, which no torch loads
	}
	if source, ok := text(pid.Index(3)); tag == "module" && ok && source != "" && !definesClass(source) {
		j.add("pid source", pkl045, e.Offset, "the source that comes with a class is no definition of a class", j.rendered(e))
	}
	known := tag == "storage" || tag == "reduce_package" || tag == "module" && j.opt.Container == "torch-legacy"
	if pid.Kind() != pickle.KindTuple || !known {
		j.add("pid", pkl045, e.Offset, "a persistent id is not the tuple that torch writes for a storage", j.rendered(e))
	}
}

// definesClass reports whether a text is what inspect.getsource gives for a
// class: decorators and comments, then the definition. torch does not run it.
func definesClass(source string) bool {
	for line := range strings.Lines(source) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "class "):
			return true
		case line == "", line[0] == '@', line[0] == '#', line[0] == ')':
		default:
			return false
		}
	}
	return false
}

// tag returns the text of a persistent id's first item; streams write it once.
func (j *judge) tag(v pickle.Value) string {
	if j.tags == nil {
		j.tags = map[uint32]string{}
	}
	s, ok := j.tags[v.Key()]
	if !ok && v.Len() < 32 {
		s, _ = text(v)
		if len(j.tags) < maxKnown {
			j.tags[v.Key()] = s
		}
	}
	return s
}

// extension judges EXT1, EXT2 and EXT4: the meaning of a code is a table of the
// loading process.
func (j *judge) extension(e *pickle.Event) {
	is := j.add("ext", pkl030, e.Offset, "the stream names a global by an extension code, whose meaning depends on the process that loads it", fmt.Sprintf("%v at %#x: code %s", e.Op, e.Offset, e.Args()))
	if n := j.name(e.Result(), e.Offset); n != nil {
		is.Evidence = append(is.Evidence, "the stream itself makes the code mean "+n.full)
	}
}

package convert

import (
	"fmt"
	"strconv"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/pickle"
	"github.com/andiron-dev/andiron/torchfile"
)

const maxDepth = 400

// mode says what to do with the tensors that a walk finds.
type mode struct {
	kind  modeKind
	why   string
	depth int   // of the path where it began; a selection that reaches deeper ends it
	outer *mode // what is left out as a whole, and this a part of it
}

type modeKind byte

const (
	take  modeKind = iota
	leave          // list it
	deny           // there is no name for it
)

// walker goes through the object of one pickle.
type walker struct {
	c         *collector
	file      *torchfile.File
	pickle    int
	path      []key
	mode      mode
	onPath    map[uint32]bool
	barren    map[uint32]bool // containers without tensors
	code      scripts
	constants bool
}

func (c *collector) walker(f *torchfile.File, k int, prefix []key) *walker {
	return &walker{
		c: c, file: f, pickle: k, path: append([]key(nil), prefix...),
		onPath: map[uint32]bool{}, barren: map[uint32]bool{}, code: scripts{file: f},
	}
}

// walk reports whether there are tensors in a value.
func (w *walker) walk(v pickle.Value) bool {
	switch v.Kind() {
	case pickle.KindDict, pickle.KindList, pickle.KindTuple, pickle.KindObject, pickle.KindPersistent, pickle.KindSet, pickle.KindFrozenSet:
	default:
		return false
	}
	if w.c.err != nil || w.barren[v.Key()] {
		return false
	}
	if t := w.file.TensorOf(w.pickle, v); t != nil {
		w.found(v, t)
		return true
	}
	if torchfile.BuildsTensor(v) {
		w.c.fail(refuse("andiron scan says more", "%q is rebuilt with what torch does not write", nameOf(w.path)))
		return false
	}
	if v.Kind() == pickle.KindPersistent || !w.enter(v) {
		return false
	}
	found := w.inside(v)
	delete(w.onPath, v.Key())
	if !found {
		w.barren[v.Key()] = true
	}
	return found
}

// enter counts, and keeps from going in circles.
func (w *walker) enter(v pickle.Value) bool {
	err := w.c.steps.Spend(1)
	if len(w.path) > maxDepth || len(w.onPath) > maxDepth {
		err = bounded.Exceeded("levels of the object", maxDepth)
	}
	if err != nil {
		w.c.fail(err)
	}
	if err != nil || w.onPath[v.Key()] {
		return false
	}
	w.onPath[v.Key()] = true
	return true
}

// found does with a tensor what the mode says.
func (w *walker) found(v pickle.Value, t *torchfile.Tensor) {
	m := w.mode
	if m.outer != nil && !w.selected(*m.outer) {
		m = *m.outer
	}
	if m.kind == leave && w.selected(m) {
		m.kind = take
	}
	switch m.kind {
	case leave:
		w.c.left.add(Item{nameOf(w.path), m.why})
	case deny:
		w.c.add(w.path, candidate{reason: m.why})
	case take:
		name := w.c.tensor(w.path, w.file, t, rebuilt{w.file, w.pickle, v.Key()})
		if name == "" && len(w.path) > 0 {
			return // not selected
		}
		w.c.named(w.file, valueID{w.pickle, v.Key()}, name)
		w.attributes(v, t)
	}
}

// selected reports whether the path is selected by more than what led to a mode.
func (w *walker) selected(m mode) bool {
	_, depth, ok := w.c.chosen(w.path)
	return ok && depth >= m.depth
}

// attributes lists what a tensor had besides its elements.
func (w *walker) attributes(v pickle.Value, t *torchfile.Tensor) {
	state := v.Args().Index(3)
	switch globalOf(v.Func()) {
	case "torch._tensor._rebuild_from_type_v2", "torch.tensor._rebuild_from_type_v2":
	case "torch._utils._rebuild_parameter_with_state":
	default:
		return
	}
	if t.Layout != "wrapper" && (state.Kind() != pickle.KindDict || state.Len() > 0) {
		w.c.dropped.add(Item{nameOf(w.path), "attributes of the tensor"})
	}
}

func (w *walker) inside(v pickle.Value) bool {
	s := &scope{w: w}
	switch v.Kind() {
	case pickle.KindDict:
		s.pairs(v)
	case pickle.KindList, pickle.KindTuple:
		s.items(v)
	case pickle.KindSet, pickle.KindFrozenSet:
		s.nameless(v, "it is in a set, where it has no name")
	default:
		w.object(s, v)
	}
	return s.found
}

// scope is a container whose children are walked. Children without tensors are
// listed only if there are tensors beside them; else the container is one of
// those itself.
type scope struct {
	w       *walker
	found   bool
	waiting Listing
}

func (s *scope) child(k key, v pickle.Value) {
	w := s.w
	w.path = append(w.path, k)
	if w.walk(v) {
		s.hit()
	} else if w.mode.kind == take {
		it := Item{nameOf(w.path), kindOf(v)}
		if s.found {
			w.c.dropped.add(it)
		} else {
			s.waiting.add(it)
		}
	}
	w.path = w.path[:len(w.path)-1]
}

func (s *scope) hit() {
	if !s.found {
		s.found = true
		s.w.c.dropped.Join(s.waiting)
	}
}

// in runs f in another mode, unless there is a stricter one already.
func (s *scope) in(m mode, f func()) {
	old := s.w.mode
	if old.kind < m.kind {
		m.depth = len(s.w.path) + 1
		if old.kind == leave {
			m.outer = &old
		}
		s.w.mode = m
	}
	f()
	s.w.mode = old
}

// nameless walks the items of something that gives them no names.
func (s *scope) nameless(v pickle.Value, why string) {
	s.in(mode{kind: deny, why: why}, func() { s.items(v) })
}

func (s *scope) pairs(v pickle.Value) {
	for k, x := range v.Pairs() {
		if !constant(k.Kind()) {
			s.in(mode{kind: deny, why: "it is the key of a dict, or a part of one"}, func() { s.child(key{k.Kind().String(), oddKey}, k) })
		}
		s.child(keyOf(k), x)
	}
}

func constant(k pickle.Kind) bool { return k >= pickle.KindNone && k <= pickle.KindStr }

func (s *scope) items(v pickle.Value) {
	i := int64(0)
	for x := range v.Items() {
		k := key{strconv.FormatInt(i, 10), intKey}
		if s.w.constants && len(s.w.path) == 1 {
			k = key{"c" + k.text, textKey}
		}
		s.child(k, x)
		i++
	}
}

// keyOf is the step that a key of a dict is.
func keyOf(v pickle.Value) key {
	if s, ok := v.Text(); ok {
		return key{s, textKey}
	}
	if n, ok := v.Int(); ok {
		return key{strconv.FormatInt(n, 10), intKey}
	}
	return key{kindOf(v), oddKey}
}

// kindOf is what a value is, in a few words.
func kindOf(v pickle.Value) string {
	switch v.Kind() {
	case pickle.KindGlobal:
		return "the name " + globalOf(v)
	case pickle.KindObject:
		if name := globalOf(v.Func()); name != "" {
			return "an object of " + name
		}
		return "an object"
	case pickle.KindPersistent:
		return "a storage"
	case pickle.KindList, pickle.KindTuple, pickle.KindDict, pickle.KindSet, pickle.KindFrozenSet:
		return fmt.Sprintf("%s of %d", v.Kind(), v.Len())
	}
	return v.Kind().String()
}

// globalOf returns "module.name" of a Global, "" of anything else.
func globalOf(v pickle.Value) string {
	g, ok := v.Global()
	if !ok || g.Computed {
		return ""
	}
	return g.Module + "." + g.Name
}

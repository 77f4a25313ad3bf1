package torchfile

import (
	"fmt"
	"strings"

	"github.com/andiron-dev/andiron/pickle"
)

const (
	maxDepth = 400       // of containers in an object
	maxSteps = 1_000_000 // containers that are looked at, beside those of large files
)

// walker goes through the object of a pickle and collects its tensors.
type walker struct {
	f       *File
	k       int // in File.Pickles
	record  string
	resolve func(id pickle.Value) int // storage of a persistent id, -1
	keyed   map[string]Tensor         // by persistent id, in a tar
	known   map[uint32]*Tensor        // by value
	open    map[uint32]bool           // values that are being built
	none    bits                      // values that are no tensor
	cheap   bits                      // values whose tensor is built again when it is asked for
	onPath  map[uint32]bool
	barren  map[uint32]bool // costly containers that hold no tensors
	path    []any
	full    bool
}

// readTensors collects the tensors of the pickles that hold objects.
func (f *File) readTensors() {
	for k := range f.Pickles {
		p := &f.Pickles[k]
		if p.Role == "trailing" || p.Role == "debug" {
			continue
		}
		f.zipStorages(k)
		folder, suffix := storageFolder(f.formatFor(p), f.relative(p.Record))
		w := f.walker(k)
		w.resolve = func(id pickle.Value) int {
			key, ok := storageKey(id)
			if !ok {
				return -1
			}
			at, _, _ := f.find(folder, key, suffix)
			return at
		}
		if p.Role == "constants" {
			w.path = append(w.path, "CONSTANTS")
		}
		w.walk(p.Trace.Result)
	}
}

func (f *File) walker(k int) *walker {
	w := &walker{f: f, k: k, record: f.Pickles[k].Record, known: map[uint32]*Tensor{}, open: map[uint32]bool{}, onPath: map[uint32]bool{}, barren: map[uint32]bool{}}
	f.walkers[k] = w
	return w
}

// TensorOf returns the tensor that a value of the pickle k is, nil if it is
// none. Tensors has those that lie where state_dicts have them, unless
// Options.Unlisted keeps them out; this finds others as well. It has no Path and no Name.
func (f *File) TensorOf(k int, v pickle.Value) *Tensor {
	w := f.walkers[k]
	switch {
	case w == nil:
	case v.Kind() == pickle.KindObject:
		return w.tensor(v)
	case v.Kind() == pickle.KindPersistent && w.keyed != nil:
		key, _ := keyText(v.PersistentID())
		if t, ok := w.keyed[key]; ok {
			t.Pickle, t.file = k, f
			return &t
		}
	}
	return nil
}

// BuildsTensor reports whether a value is a call of a function that rebuilds
// tensors, even if the call is not as torch writes it.
func BuildsTensor(v pickle.Value) bool { return builderOf(globalOf(v.Func())) != nil }

// in walks v one key deeper.
func (w *walker) in(key any, v pickle.Value) {
	w.path = append(w.path, key)
	w.walk(v)
	w.path = w.path[:len(w.path)-1]
}

func (w *walker) walk(v pickle.Value) {
	switch v.Kind() {
	case pickle.KindDict, pickle.KindList, pickle.KindTuple, pickle.KindObject:
	default:
		return
	}
	key := v.Key()
	if w.onPath[key] || w.barren[key] || !w.step() {
		return
	}
	start, found := w.f.steps, w.f.tensors
	w.f.steps += int64(v.Len()) / 64
	if v.Kind() == pickle.KindObject {
		if t := w.tensor(v); t != nil {
			w.keep(*t)
			return
		}
	}
	w.onPath[key] = true
	defer func() {
		delete(w.onPath, key)
		if w.f.tensors == found && (w.f.steps-start > 16 || v.Len() > 64) {
			w.barren[key] = true
		}
	}()
	switch v.Kind() {
	case pickle.KindDict:
		w.pairs(v)
	case pickle.KindObject:
		w.object(v)
	default:
		w.items(v)
	}
}

// step counts; it reports false when there is no more to spend.
func (w *walker) step() bool {
	w.f.steps++
	if w.full {
		return false
	}
	if w.f.steps > maxSteps+w.f.Size/16 || len(w.path) > maxDepth || w.f.tensors >= w.f.opt.MaxTensors {
		if len(w.path) <= maxDepth {
			w.full = true
		}
		w.f.fact(Limit, w.record, -1, "the object is too large or too deep to list all of its tensors")
		return false
	}
	return true
}

func (w *walker) keep(t Tensor) {
	if w.f.tensors++; w.f.opt.Unlisted {
		return
	}
	t.Path = append([]any(nil), w.path...)
	t.Name = joinPath(t.Path)
	t.Pickle, t.file = w.k, w.f
	w.f.Tensors = append(w.f.Tensors, t)
}

func joinPath(path []any) string {
	parts := make([]string, len(path))
	for i, p := range path {
		parts[i] = fmt.Sprint(p)
	}
	return strings.Join(parts, ".")
}

func (w *walker) pairs(v pickle.Value) {
	for k, x := range v.Pairs() {
		if hasTensors(x) {
			w.in(pathKey(k), x)
		}
	}
}

func (w *walker) items(v pickle.Value) {
	i := int64(0)
	for x := range v.Items() {
		if hasTensors(x) {
			key := any(i)
			if w.isConstants() {
				key = fmt.Sprintf("c%d", i)
			}
			w.in(key, x)
		}
		i++
	}
}

func (w *walker) isConstants() bool { return len(w.path) == 1 && w.path[0] == "CONSTANTS" }

func hasTensors(v pickle.Value) bool {
	switch v.Kind() {
	case pickle.KindDict, pickle.KindList, pickle.KindTuple, pickle.KindObject:
		return true
	}
	return false
}

// pathKey is a dict key as a path element.
func pathKey(k pickle.Value) any {
	if s, ok := k.Text(); ok {
		return s
	}
	switch k.Kind() {
	case pickle.KindInt:
		if n, ok := k.Int(); ok {
			return n
		}
	case pickle.KindBool:
		if b, ok := k.Bool(); ok {
			return b
		}
	case pickle.KindNone:
		return nil
	}
	return k.String()
}

// object walks what an instance holds: its items, what dict subclasses were
// made of, and its state.
func (w *walker) object(v pickle.Value) {
	g := globalOf(v.Func())
	if g == "torch.jit._pickle.restore_type_tag" {
		w.walk(v.Args().Index(0))
		return
	}
	if g == "collections.OrderedDict" || g == "collections.defaultdict" || g == "collections.Counter" {
		w.fromArgs(v.Args())
	}
	w.pairs(v)
	w.items(v)
	for s := range v.States() {
		switch s.Kind() {
		case pickle.KindDict:
			w.state(s)
		case pickle.KindTuple, pickle.KindList:
			w.items(s)
		}
	}
}

// fromArgs walks OrderedDict([[k, v], …]), as Python 2 wrote it.
func (w *walker) fromArgs(args pickle.Value) {
	for a := range args.Items() {
		switch a.Kind() {
		case pickle.KindDict:
			w.pairs(a)
		case pickle.KindList:
			for pair := range a.Items() {
				if k, x, ok := two(pair); ok && hasTensors(x) {
					w.in(pathKey(k), x)
				}
			}
		}
	}
}

func two(v pickle.Value) (a, b pickle.Value, ok bool) {
	if v.Len() != 2 {
		return a, b, false
	}
	i := 0
	for x := range v.Items() {
		if i == 0 {
			a = x
		} else {
			b = x
		}
		i++
	}
	return a, b, i == 2
}

// state walks the attributes of an instance. Those of a torch.nn.Module are
// named as its state_dict names them.
func (w *walker) state(s pickle.Value) {
	module := false
	for k := range s.Pairs() {
		if name, _ := k.Text(); name == "_modules" {
			module = true
		}
	}
	for k, x := range s.Pairs() {
		name, _ := k.Text()
		switch {
		case !module:
			if hasTensors(x) {
				w.in(pathKey(k), x)
			}
		case name == "_parameters", name == "_buffers", name == "_modules":
			w.walk(x)
		case !strings.HasPrefix(name, "_") && hasTensors(x):
			w.in(pathKey(k), x)
		}
	}
}

// globalOf returns "module.name" of a Global, "" of anything else.
func globalOf(v pickle.Value) string {
	g, ok := v.Global()
	if !ok || g.Computed {
		return ""
	}
	return g.Module + "." + g.Name
}

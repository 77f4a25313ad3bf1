package contract

import (
	"strings"

	"github.com/andiron-dev/andiron/internal/scratch"
	"github.com/andiron-dev/andiron/pickle"
)

// standing reports names that may not be values where they are: what holds a
// class can construct it, and reviewed code calls what the attributes, items and
// hooks of its instances hold. Only the values of one stream are walked, each
// once, and only when the stream imports a name that is not a value.
func (j *judge) standing() {
	w := stander{j: j, todo: newStack(j)}
	for _, n := range j.order {
		w.needed = w.needed || restricted(n)
	}
	if !w.needed {
		return
	}
	w.push(j.t.Result)
	for e := range j.t.Events() {
		switch e.Kind {
		case pickle.EventCall, pickle.EventNew:
			w.push(e.Result())
		case pickle.EventBuild:
			if !classOfArray(e.Target()) {
				w.push(e.Args())
			}
		case pickle.EventSetItem, pickle.EventAppend, pickle.EventAddItem:
			w.push(e.Args())
		}
		w.run()
	}
	w.run()
}

// restricted reports whether a name is listed, and neither a value nor a
// function that is harmless as one.
func restricted(n *name) bool {
	return n.entry != nil && (n.entry.ops&opNever != 0 || n.entry.ops&opValue == 0 && n.entry.ops&(opNew|opBuild) != 0)
}

type stander struct {
	j      *judge
	needed bool
	seen   []uint64
	todo   stack
}

// stack is a stack of values.
type stack struct {
	t    *pickle.Trace
	keys *scratch.Array[uint32]
}

func newStack(j *judge) stack { return stack{j.t, scratch.NewArray(j.opt.Scratch, scratch.Uint32)} }

func (s *stack) len() int { return s.keys.Len() }

func (s *stack) push(v pickle.Value) { s.keys.Append(v.Key()) }

func (s *stack) pop() pickle.Value {
	n := s.keys.Len() - 1
	v := s.t.Value(s.keys.At(n))
	s.keys.Truncate(n)
	return v
}

func (w *stander) push(v pickle.Value) bool {
	if v.IsZero() {
		return true
	}
	i, bit := int(v.Key()>>6), uint64(1)<<(v.Key()&63)
	for i >= len(w.seen) {
		w.seen = append(w.seen, make([]uint64, max(64, len(w.seen)))...)
	}
	if w.seen[i]&bit == 0 {
		w.seen[i] |= bit
		w.todo.push(v)
	}
	return true
}

func (w *stander) run() {
	for w.todo.len() > 0 {
		v := w.todo.pop()
		switch v.Kind() {
		case pickle.KindGlobal:
			w.global(v)
		case pickle.KindDict:
			pairs(v, w.push)
		case pickle.KindObject:
			w.object(v)
		case pickle.KindPersistent:
			w.arguments(v.PersistentID(), true)
		default:
			each(v, w.push)
		}
	}
}

func (w *stander) global(v pickle.Value) {
	n := w.j.name(v, v.Offset())
	if n == nil || !restricted(n) {
		return
	}
	n.broken, n.blamed = true, true
	w.j.add("stands:"+n.full, pkl037, v.Offset(), n.full+" is used outside its contract: it stands as a value, which what holds it may call")
}

func (w *stander) object(v pickle.Value) {
	f := unwrap(v.Func())
	n := w.j.funcName(v)
	if f.Kind() != pickle.KindGlobal {
		w.push(f)
	}
	w.arguments(v.Args(), n != nil && n.takesClass())
	w.push(v.KwArgs())
	for s := range v.States() {
		if classOfArray(v) && s.Kind() == pickle.KindDict { // its subclass is a class
			pairs(s, func(x pickle.Value) bool { return x.Kind() == pickle.KindGlobal || w.push(x) })
			continue
		}
		w.push(s)
	}
	pairs(v, w.push)
	each(v, w.push)
}

// arguments visits arguments; classes among them are not values where the callee
// makes an instance of them, which its contract says.
func (w *stander) arguments(args pickle.Value, classes bool) {
	if args.Kind() != pickle.KindTuple {
		w.push(args)
		return
	}
	each(args, func(x pickle.Value) bool { return classes && x.Kind() == pickle.KindGlobal || w.push(x) })
}

// takesClass reports whether a contract on arguments covers the classes in them.
func (n *name) takesClass() bool {
	if n.entry == nil {
		return false
	}
	if strings.HasPrefix(n.key.name, "__pyx_unpickle_") { // checks the class in C
		return true
	}
	for _, a := range n.entry.args {
		if a.whole != nil && n.key != (key{"functools", "partial"}) || strings.Contains(a.words, "type") {
			return true
		}
	}
	return false
}

// classOfArray reports whether a value is joblib's description of an array.
func classOfArray(v pickle.Value) bool {
	g, ok := v.Func().Global()
	return ok && g.Module == "joblib.numpy_pickle" && g.Name == "NumpyArrayWrapper"
}

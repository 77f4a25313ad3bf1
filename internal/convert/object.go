package convert

import (
	"github.com/andiron-dev/andiron/pickle"
)

// object walks an instance.
func (w *walker) object(s *scope, v pickle.Value) {
	class := globalOf(v.Func())
	state := stateOf(v)
	switch {
	case class == "torch.jit._pickle.restore_type_tag", class == "torch.jit._pickle.build_tensorlist":
		s.found = w.walk(v.Args().Index(0)) // the value itself, with its type
	case isScript(class):
		w.scriptObject(s, v, class)
	case class == "collections.OrderedDict", class == "collections.defaultdict", class == "collections.Counter":
		w.mapping(s, v)
	case isModule(state):
		w.module(s, v, class, state)
	default:
		w.instance(s, v, class)
	}
}

// stateOf is the dict that an instance was given as its state; none if it was
// given something else or more than one.
func stateOf(v pickle.Value) (state pickle.Value) {
	n := 0
	for x := range v.States() {
		state = x
		n++
	}
	if n != 1 || state.Kind() != pickle.KindDict {
		return pickle.Value{}
	}
	return state
}

// field is an attribute in a state.
func field(state pickle.Value, name string) (out pickle.Value) {
	for k, x := range state.Pairs() {
		if got, _ := k.Text(); got == name {
			out = x
		}
	}
	return out
}

// mapping walks a dict of the collections module, and lists the attributes that
// it has besides: torch keeps versions of modules in a state_dict's _metadata.
func (w *walker) mapping(s *scope, v pickle.Value) {
	for a := range v.Args().Items() {
		switch a.Kind() {
		case pickle.KindDict:
			s.pairs(a)
		case pickle.KindList: // OrderedDict([[k, v], …]), as Python 2 wrote it
			for pair := range a.Items() {
				if pair.Len() != 2 {
					s.nameless(a, "it is among the arguments of a dict")
					break
				}
				k, x := two(pair)
				s.child(keyOf(k), x)
			}
		}
	}
	s.pairs(v)
	for state := range v.States() {
		s.in(mode{kind: leave, why: "an attribute of a dict"}, func() {
			before := s.w.c.left.Count
			s.child(key{"(attributes)", textKey}, state)
			if s.w.c.left.Count == before && w.mode.kind == take {
				s.w.c.dropped.add(Item{nameOf(w.path), "attributes of the dict"})
			}
		})
	}
}

func two(v pickle.Value) (a, b pickle.Value) {
	for x := range v.Items() {
		a, b = b, x
	}
	return a, b
}

// isModule reports whether a state is that of a torch.nn.Module.
func isModule(state pickle.Value) bool {
	n := 0
	for k := range state.Pairs() {
		switch name, _ := k.Text(); name {
		case "_parameters", "_buffers", "_modules":
			n++
		}
	}
	return n == 3
}

// module walks what Module.state_dict gives: parameters, buffers that persist,
// and the same of submodules. Other tensors among the attributes are in no
// state_dict.
func (w *walker) module(s *scope, v pickle.Value, class string, state pickle.Value) {
	passing := textsOf(field(state, "_non_persistent_buffers_set"))
	for k, x := range entries(field(state, "_parameters")) {
		s.member(k, x)
	}
	for k, x := range entries(field(state, "_buffers")) {
		if name, _ := k.Text(); passing[name] {
			s.in(mode{kind: leave, why: "a buffer that is not persistent"}, func() { s.member(k, x) })
			continue
		}
		s.member(k, x)
	}
	for k, x := range entries(field(state, "_modules")) {
		s.member(k, x)
	}
	s.in(mode{kind: leave, why: "an attribute of a module, in no state_dict"}, func() {
		for k, x := range state.Pairs() {
			switch name, _ := k.Text(); name {
			case "_parameters", "_buffers", "_modules":
			default:
				s.member(k, x)
			}
		}
		s.pairs(v)
		s.items(v)
	})
	if s.found && w.mode.kind == take {
		w.c.dropped.add(Item{nameOf(w.path), "the other attributes of " + class})
	}
}

// member walks an entry of a module; None is an entry that is not set.
func (s *scope) member(k, x pickle.Value) {
	if x.Kind() != pickle.KindNone {
		s.child(keyOf(k), x)
	}
}

// entries yields the items of a dict or an OrderedDict.
func entries(v pickle.Value) func(func(pickle.Value, pickle.Value) bool) {
	return func(yield func(pickle.Value, pickle.Value) bool) {
		for a := range v.Args().Items() {
			for pair := range a.Items() {
				if pair.Len() == 2 {
					k, x := two(pair)
					if !yield(k, x) {
						return
					}
				}
			}
		}
		for k, x := range v.Pairs() {
			if !yield(k, x) {
				return
			}
		}
	}
}

// textsOf is a set of texts: a set, or a call of set with a list.
func textsOf(v pickle.Value) map[string]bool {
	out := map[string]bool{}
	if v.Kind() == pickle.KindObject {
		v = v.Args().Index(0)
	}
	for x := range v.Items() {
		if s, ok := x.Text(); ok {
			out[s] = true
		}
	}
	return out
}

// instance walks the attributes of any other object by their names. Tensors that
// it was only called with have none.
func (w *walker) instance(s *scope, v pickle.Value, class string) {
	s.nameless(v.Args(), "it is among the arguments of "+class)
	if kw := v.KwArgs(); kw.Kind() == pickle.KindDict {
		s.in(mode{kind: deny, why: "it is among the arguments of " + class}, func() { s.pairs(kw) })
	}
	s.pairs(v)
	s.items(v)
	for state := range v.States() {
		switch {
		case state.Kind() == pickle.KindDict:
			s.pairs(state)
		case state.Kind() == pickle.KindTuple && state.Len() == 2 && isState(state.Index(0)) && isState(state.Index(1)):
			s.pairs(state.Index(0)) // object.__reduce_ex__ of a class with __slots__
			s.pairs(state.Index(1))
		default:
			s.in(mode{kind: deny, why: "it is in a state that only " + class + " understands"}, func() { s.child(key{"(state)", textKey}, state) })
		}
	}
}

func isState(v pickle.Value) bool { return v.Kind() == pickle.KindDict || v.Kind() == pickle.KindNone }

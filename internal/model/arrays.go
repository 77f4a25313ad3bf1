package model

import (
	"errors"
	"fmt"
	"slices"

	"github.com/andiron-dev/andiron/internal/npy"
	"github.com/andiron-dev/andiron/pickle"
)

// npyFile looks at a numpy array file.
func (l *looker) npyFile(v view) (string, bool) {
	h, err := npy.Open(v.r, v.size, npy.Limits{})
	if err != nil {
		l.failed(npyHeader, v.where, err)
	}
	if h == nil {
		return "npy", true
	}
	v.tree.array("array", h.DType.Name, h.Shape, h.DataOffset)
	for _, odd := range h.Exotic {
		l.report(npyHeader.Finding(v.where, "the header is not as numpy writes it: "+odd))
	}
	if h.PickleOffset >= 0 && h.PickleOffset < v.size {
		l.report(npyObject.Finding(v.where.At(h.PickleOffset), fmt.Sprintf("the array of dtype %q is a pickle from here on", h.DType.Name)))
		l.pickleAt(v, h.PickleOffset, "npy")
		return "npy", true
	}
	if h.Trailing > 0 && !zeros(v.r, v.size-h.Trailing, min(h.Trailing, 1<<20)) {
		l.report(fmtTrailing.Finding(v.where.At(v.size-h.Trailing), fmt.Sprintf("%d bytes follow the array", h.Trailing)))
	}
	return "npy", true
}

// pickleAt judges the pickle that starts at an offset of a view, and those after it.
func (l *looker) pickleAt(v view, start int64, container string) {
	l.streams(v, pickle.RunAll(v.r, v.size, l.pickleOptions(start)), container)
}

// arrays skips the array bytes that joblib puts between the opcodes of a pickle.
type arrays struct {
	looker *looker
	view   view
	count  int
	first  int64           // where the bytes of the first array begin
	nested []*pickle.Trace // of object arrays
}

// afterBuild is called after every BUILD; see pickle.Options.
func (a *arrays) afterBuild(_ *pickle.Trace, object, state pickle.Value, next int64) (int64, error) {
	if !isWrapper(object) {
		return 0, nil
	}
	if a.count++; a.count == 1 {
		a.first = next
	}
	w, err := wrapper(object, state)
	if err != nil {
		return 0, err
	}
	b := make([]byte, 1)
	k, _ := a.view.r.ReadAt(b, next)
	p, err := w.Payload(b[:k])
	if err != nil || !p.Pickle {
		return p.Skip, err
	}
	return a.objects(next)
}

// isWrapper reports whether an object is joblib's description of an array,
// whichever protocol made it.
func isWrapper(object pickle.Value) bool {
	class, ok := object.Func().Global()
	if ok && class.Module == "copyreg" {
		class, ok = object.Args().Index(0).Global()
	}
	return ok && slices.Contains(npy.WrapperClasses, class.String())
}

var errWrapper = errors.New("the description of an array is not as joblib writes it, so that nobody can tell where its bytes end")

// wrapper reads the state of a description. Where the bytes of the array end
// decides what the opcodes behind them are, so nothing is guessed.
func wrapper(object, state pickle.Value) (npy.Wrapper, error) {
	w := npy.Wrapper{}
	states := 0
	for range object.States() {
		states++
	}
	if state.Kind() != pickle.KindDict || states != 1 {
		return w, errWrapper
	}
	seen := map[string]bool{}
	for k, v := range state.Pairs() {
		name, ok := k.Text()
		if !ok || seen[name] {
			return w, errWrapper
		}
		seen[name] = true
		switch name {
		case "shape":
			if w.Shape, ok = dims(v); !ok {
				return w, errWrapper
			}
		case "dtype":
			d, err := dtypeOf(v, 0)
			if err != nil {
				return w, err
			}
			w.ItemSize, w.Object = d.Size, d.Object
		case "numpy_array_alignment_bytes":
			if w.Aligned = v.Kind() == pickle.KindInt; !w.Aligned && v.Kind() != pickle.KindNone {
				return w, errWrapper
			}
		}
	}
	if !seen["shape"] || !seen["dtype"] {
		return w, errWrapper
	}
	return w, nil
}

func dims(shape pickle.Value) (out []int64, ok bool) {
	if shape.Kind() != pickle.KindTuple {
		return nil, false
	}
	for dim := range shape.Items() {
		n, ok := dim.Int()
		if !ok || n < 0 {
			return nil, false
		}
		out = append(out, n)
	}
	return out, true
}

// objects runs the pickle of an object array, which stands in the stream. joblib
// reads it with a plain unpickler, for which array bytes are opcodes.
func (a *arrays) objects(next int64) (int64, error) {
	t := pickle.Run(a.view.r, a.view.size, a.looker.pickleOptions(next))
	a.nested = append(a.nested, t)
	if t.Err != nil {
		return 0, t.Err
	}
	return t.End - next, nil
}

// plain runs the stream as pickle.load reads it, which takes array bytes for
// opcodes; nil if that does nothing behind the first array.
func (a *arrays) plain() *pickle.Trace {
	t := pickle.Run(a.view.r, a.view.size, a.looker.pickleOptions(0))
	if n := t.Len(); n > 0 && t.Event(n-1).Offset >= a.first {
		return t
	}
	return nil
}

var errDType = errors.New("the dtype of an array is not as numpy writes it, so that nobody can tell how long its bytes are")

// dtypeOf reads a pickled numpy.dtype: numpy.dtype("f8", False, True) and the
// state that may follow, whose flags say whether it holds objects.
//
// numpy v2.2.0 numpy/_core/src/multiarray/descriptor.c: arraydescr_setstate.
func dtypeOf(v pickle.Value, depth int) (npy.DType, error) {
	g, ok := v.Func().Global()
	name, text := v.Args().Index(0).Text()
	if !ok || !text || g.String() != "numpy.dtype" || depth > 16 {
		return npy.DType{}, errDType
	}
	d := npy.ParseDType(name)
	if !d.Known {
		return d, errDType
	}
	var state pickle.Value
	for s := range v.States() {
		if !state.IsZero() {
			return d, errDType
		}
		state = s
	}
	if state.IsZero() {
		return d, nil
	}
	object, ok := stateHolds(state, depth)
	flags, known := state.Index(7).Int()
	size, sized := state.Index(5).Int()
	version, versioned := state.Index(0).Int()
	if !ok || !known || !sized || !versioned || version < 3 || version > 4 || size != -1 && size != d.Size {
		return d, errDType
	}
	if object = object || d.Object; object != (flags&1 != 0) {
		return d, errDType
	}
	d.Object = object
	return d, nil
}

// stateHolds reports whether the fields, or the element, of a dtype's state are
// objects; false if they cannot be read.
func stateHolds(state pickle.Value, depth int) (object, ok bool) {
	if state.Kind() != pickle.KindTuple || state.Len() < 8 || state.Len() > 9 {
		return false, false
	}
	parts := []pickle.Value{}
	if sub := state.Index(2); sub.Kind() != pickle.KindNone {
		parts = append(parts, sub.Index(0))
	}
	fields := state.Index(4)
	if fields.Kind() != pickle.KindDict && fields.Kind() != pickle.KindNone {
		return false, false
	}
	for _, f := range fields.Pairs() {
		parts = append(parts, f.Index(0))
	}
	for _, p := range parts {
		d, err := dtypeOf(p, depth+1)
		if err != nil {
			return false, false
		}
		object = object || d.Object
	}
	return object, true
}

package model

import (
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
	traces := pickle.RunAll(v.r, v.size, pickle.Options{Limits: l.pickleLimits(), Start: start})
	for i, t := range traces {
		l.judge(stream{view: v, trace: t, container: container, source: v.r, size: v.size})
		if t.Err != nil {
			l.failed(fmtLimit, v.where.At(t.End), t.Err)
		}
		if i > 0 {
			l.further(v, traces[i-1], t)
		}
	}
	l.rest(v, traces[len(traces)-1])
}

// arrays skips the array bytes that joblib puts between the opcodes of a pickle.
type arrays struct {
	looker *looker
	view   view
	count  int
	depth  int
	nested []*pickle.Trace // of object arrays
}

// afterBuild is called after every BUILD; see pickle.Options.
func (a *arrays) afterBuild(_ *pickle.Trace, object, state pickle.Value, next int64) (int64, error) {
	g, ok := object.Func().Global()
	if !ok || !slices.Contains(npy.WrapperClasses, g.String()) || state.Kind() != pickle.KindDict {
		return 0, nil
	}
	a.count++
	var w npy.Wrapper
	for k, v := range state.Pairs() {
		name, _ := k.Text()
		switch name {
		case "shape":
			for dim := range v.Items() {
				n, _ := dim.Int()
				w.Shape = append(w.Shape, n)
			}
		case "dtype":
			d := dtypeOf(v)
			w.ItemSize, w.Object = d.Size, d.Object
		case "numpy_array_alignment_bytes":
			w.Aligned = v.Kind() == pickle.KindInt
		}
	}
	b := make([]byte, 1)
	k, _ := a.view.r.ReadAt(b, next)
	p, err := w.Payload(b[:k])
	if err != nil || !p.Pickle {
		return p.Skip, err
	}
	return a.objects(next)
}

// objects runs the pickle of an object array, which stands in the stream.
func (a *arrays) objects(next int64) (int64, error) {
	const deepest = 16
	if a.depth >= deepest {
		return 0, fmt.Errorf("object arrays lie in each other more than %d deep", deepest)
	}
	a.depth++
	defer func() { a.depth-- }()
	t := pickle.Run(a.view.r, a.view.size, pickle.Options{Limits: a.looker.pickleLimits(), Start: next, AfterBuild: a.afterBuild})
	a.nested = append(a.nested, t)
	if t.Err != nil {
		return 0, t.Err
	}
	return t.End - next, nil
}

// dtypeOf reads a pickled numpy.dtype. One that is not known may hold objects.
func dtypeOf(v pickle.Value) npy.DType {
	name, ok := v.Args().Index(0).Text()
	if !ok {
		return npy.DType{Size: -1, Object: true}
	}
	d := npy.ParseDType(name)
	for s := range v.States() {
		if flags, ok := s.Index(7).Int(); ok && flags&1 != 0 {
			d.Object = true
		}
	}
	return d
}

package tensor

import (
	"fmt"
	"math"
	"slices"
)

// Windows gathers tensors and compares each full window with the baselines of
// the schema, and all labels together with the balance that they should have. It
// belongs to one goroutine.
type Windows struct {
	s      *Schema
	group  Group
	open   map[string]*window
	labels map[string]*window
}

type window struct {
	tensors int64
	bins    []int64
}

// has reports whether a tensor is compared with anything.
func (w *Windows) has(t *spec) bool { return t != nil && (t.drift != nil || t.balance != nil) }

// Windows starts empty windows for a group.
func (s *Schema) Windows(g Group) *Windows {
	return &Windows{s: s, group: g, open: map[string]*window{}, labels: map[string]*window{}}
}

func (w *Windows) window(among map[string]*window, name string, bins int) *window {
	if among[name] == nil {
		among[name] = &window{bins: make([]int64, bins)}
	}
	return among[name]
}

// Finish compares what is compared once, when all tensors have been added. A window
// that is not full is not compared.
func (w *Windows) Finish() []Violation {
	var found []Violation
	for _, t := range w.s.groups[w.group] {
		if win := w.labels[t.name]; win != nil {
			if v, off := t.balance.compare(t, win); off {
				found = append(found, v)
			}
		}
	}
	return found
}

// Add takes tensors that have passed Check, and returns the windows that they
// filled and that drifted. A window that is full starts anew.
func (w *Windows) Add(tensors []Tensor) []Violation {
	var found []Violation
	for i := range tensors {
		in := &tensors[i]
		t := w.s.find(w.group, in.Name)
		if !w.has(t) || !slices.Contains(t.dtypes, in.DType) {
			continue
		}
		if t.balance != nil {
			t.balance.count(t, in, w.window(w.labels, t.name, len(t.balance.shares)))
		}
		if t.drift == nil {
			continue
		}
		win := w.window(w.open, t.name, len(t.drift.shares))
		win.add(t.drift, in)
		if win.tensors == t.drift.window {
			delete(w.open, t.name)
			if v, drifted := win.compare(t); drifted {
				found = append(found, v)
			}
		}
	}
	return found
}

// AddSources is Add for tensors that are read for it, where a baseline asks for them.
func (w *Windows) AddSources(sources []Source) ([]Violation, error) {
	var tensors []Tensor
	for i := range sources {
		src := &sources[i]
		if !w.has(w.s.find(w.group, src.Name)) {
			continue
		}
		data, err := src.whole()
		if err != nil {
			return nil, fmt.Errorf("%q: %w", src.Name, err)
		}
		tensors = append(tensors, Tensor{Name: src.Name, DType: src.DType, Shape: src.Shape, Data: data})
	}
	return w.Add(tensors), nil
}

// add puts each value into the bin behind the last edge that is not above it. A
// NaN is in none.
func (w *window) add(d *drift, in *Tensor) {
	edges := make([]float64, len(d.edges))
	for i, e := range d.edges {
		edges[i] = e.float()
	}
	keyOf := in.keys()
	for i := range len(in.Data) / in.DType.Size() {
		key := keyOf(i)
		x := in.DType.float(key)
		if formats[in.DType].fnuz && key == -1 || math.IsNaN(x) {
			continue
		}
		bin, found := slices.BinarySearch(edges, x)
		if found {
			bin++
		}
		w.bins[bin]++
	}
	w.tensors++
}

// least is what an empty bin counts as, so that no logarithm is infinite.
const least = 1e-4

func (w *window) compare(t *spec) (Violation, bool) {
	v := Violation{Code: CodeDrift, Input: t.name, Flat: -1, Count: w.tensors, Of: w.tensors, Alert: t.drift.action == "alert"}
	psi, ks, ok := w.distance(t.drift.shares)
	if !ok {
		v.Got, v.Want = "a window without a number", "one to compare"
		return v, true
	}
	switch d := t.drift; {
	case d.psi != nil && psi > d.psi.float():
		v.Got, v.Want = "a PSI of "+short(psi), "at most "+bound(*d.psi)
	case d.ks != nil && ks > d.ks.float():
		v.Got, v.Want = "a KS distance of "+short(ks), "at most "+bound(*d.ks)
	default:
		return v, false
	}
	v.Hint = fmt.Sprintf("%d tensors of this window are unlike the baseline", w.tensors)
	return v, true
}

// distance is how far the bins are from a baseline; ok is false where nothing is in
// them.
func (w *window) distance(shares []rational) (psi, ks float64, ok bool) {
	total := 0.0
	for _, n := range w.bins {
		total += float64(n)
	}
	if total == 0 {
		return 0, 0, false
	}
	var a, b float64
	for i, n := range w.bins {
		share, base := float64(n)/total, shares[i].float()
		a, b = a+share, b+base
		ks = max(ks, math.Abs(a-b))
		share, base = max(share, least), max(base, least)
		psi += (share - base) * math.Log(share/base)
	}
	return psi, ks, true
}

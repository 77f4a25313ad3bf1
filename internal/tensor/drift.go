package tensor

import (
	"fmt"
	"math"
	"slices"
)

// Windows gathers tensors and compares each full window with the baselines of
// the schema. It belongs to one goroutine.
type Windows struct {
	s     *Schema
	group Group
	open  map[string]*window
}

type window struct {
	tensors int64
	bins    []int64
}

// Windows starts empty windows for a group.
func (s *Schema) Windows(g Group) *Windows {
	return &Windows{s: s, group: g, open: map[string]*window{}}
}

// Add takes tensors that have passed Check, and returns the windows that they
// filled and that drifted. A window that is full starts anew.
func (w *Windows) Add(tensors []Tensor) []Violation {
	var found []Violation
	for i := range tensors {
		in := &tensors[i]
		t := w.s.find(w.group, in.Name)
		if t == nil || t.drift == nil || !slices.Contains(t.dtypes, in.DType) {
			continue
		}
		win := w.open[t.name]
		if win == nil {
			win = &window{bins: make([]int64, len(t.drift.shares))}
			w.open[t.name] = win
		}
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
		if t := w.s.find(w.group, src.Name); t == nil || t.drift == nil {
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
	total := 0.0
	for _, n := range w.bins {
		total += float64(n)
	}
	v := Violation{Code: CodeDrift, Input: t.name, Flat: -1, Count: w.tensors, Of: w.tensors}
	if total == 0 {
		v.Got, v.Want = "a window without a number", "one to compare"
		return v, true
	}
	var psi, ks, a, b float64
	for i, n := range w.bins {
		share, base := float64(n)/total, t.drift.shares[i].float()
		a, b = a+share, b+base
		ks = max(ks, math.Abs(a-b))
		share, base = max(share, least), max(base, least)
		psi += (share - base) * math.Log(share/base)
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

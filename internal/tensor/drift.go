package tensor

import (
	"fmt"
	"math"
	"slices"
)

// Windows gathers tensors and compares each full window with the baselines of
// the schema, and all labels together with the balance that they should have. It
// belongs to one goroutine, but for Count.
type Windows struct {
	s      *Schema
	group  Group
	open   map[string]*window
	labels map[string]*window
	bins   map[binned]*bins // does not change
}

// binned is a type that a tensor with a baseline may have.
type binned struct {
	name string
	d    DType
}

type window struct {
	tensors int64
	bins    []int64
}

// has reports whether a tensor is compared with anything.
func (w *Windows) has(t *spec) bool { return t != nil && (t.drift != nil || t.balance != nil) }

// None reports whether nothing of the group is compared.
func (w *Windows) None() bool { return !slices.ContainsFunc(w.s.groups[w.group], w.has) }

// Windows starts empty windows for a group.
func (s *Schema) Windows(g Group) *Windows {
	w := &Windows{s: s, group: g, open: map[string]*window{}, labels: map[string]*window{}, bins: map[binned]*bins{}}
	for _, t := range s.groups[g] {
		if t.drift == nil {
			continue
		}
		for _, d := range t.dtypes {
			w.bins[binned{t.name, d}] = newBins(d, t.drift.edges)
		}
	}
	return w
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

// Counted is how many elements of some tensors lie in each bin.
type Counted []counted

type counted struct {
	t              *spec
	drift, balance []int64 // nil where there is nothing to compare with
}

// Count looks at the elements of tensors that have passed Check. Several
// goroutines may call it at once.
func (w *Windows) Count(tensors []Tensor) Counted {
	var all Counted
	for i := range tensors {
		in := &tensors[i]
		t := w.s.find(w.group, in.Name)
		if !w.has(t) || !slices.Contains(t.dtypes, in.DType) {
			continue
		}
		c := counted{t: t}
		if t.balance != nil {
			c.balance = make([]int64, len(t.balance.shares))
			t.balance.count(t, in, c.balance)
		}
		if t.drift != nil {
			c.drift = w.bins[binned{t.name, in.DType}].count(in.Data)
		}
		all = append(all, c)
	}
	return all
}

// AddCounted adds what Count has counted, and returns the windows that it filled
// and that drifted. A window that is full starts anew.
func (w *Windows) AddCounted(all Counted) []Violation {
	var found []Violation
	for _, c := range all {
		if c.balance != nil {
			merge(w.labels, c.t.name, c.balance)
		}
		if c.drift == nil {
			continue
		}
		if win := merge(w.open, c.t.name, c.drift); win.tensors == c.t.drift.window {
			delete(w.open, c.t.name)
			if v, drifted := win.compare(c.t); drifted {
				found = append(found, v)
			}
		}
	}
	return found
}

// merge adds the bins of one more tensor to a window.
func merge(among map[string]*window, name string, bins []int64) *window {
	win := among[name]
	if win == nil {
		win = &window{bins: make([]int64, len(bins))}
		among[name] = win
	}
	win.tensors++
	for i, n := range bins {
		win.bins[i] += n
	}
	return win
}

// Add is Count and AddCounted.
func (w *Windows) Add(tensors []Tensor) []Violation { return w.AddCounted(w.Count(tensors)) }

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

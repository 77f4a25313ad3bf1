package tensor

import "math"

// Rows is how many samples a tensor takes at a time, where its first dimension counts
// them.
type Rows struct {
	Rank        int
	Least, Most int64  // of the first dimension; 1 where the rank is 0
	Symbol      string // of the first dimension, if it has one
}

// Rows says how many samples a tensor of the schema takes at a time; ok is false where
// the schema does not have it.
func (s *Schema) Rows(g Group, name string) (r Rows, ok bool) {
	t := s.find(g, name)
	if t == nil {
		return r, false
	}
	r = Rows{Rank: len(t.shape), Least: 1, Most: 1}
	if len(t.shape) > 0 {
		d := t.shape[0]
		if r.Symbol = d.symbol; d.symbol != "" {
			d.span = s.dims[d.symbol]
		}
		r.Least, r.Most = max(1, d.lo), max(1, d.hi)
	}
	return r, true
}

// Each reports whether all that is asked of the elements of a group is asked of each
// one: then samples may be held against the schema together.
func (s *Schema) Each(g Group) bool {
	for _, t := range s.groups[g] {
		if t.flat != nil || t.stats != nil || t.maxNew > 0 {
			return false
		}
	}
	return true
}

// Alike reports whether samples that differ in nothing but their elements have none
// that breaks a rule. Each tensor has the elements of all of them, one sample after
// the other, and one sample has passed Check. False may mean that it takes a look at
// each.
func (s *Schema) Alike(g Group, all []Tensor) bool {
	c, size := s.checker(g, nil, nil), int64(0)
	for i := range all {
		size += int64(len(all[i].Data))
	}
	for i := range all {
		in := &all[i]
		t := s.find(g, in.Name)
		if t == nil {
			continue
		}
		if !t.alike(in, size > s.limits.bytes) || c.elements(t, in) != nil || len(c.found) > 0 {
			return false
		}
	}
	return s.Each(g)
}

// alike reports whether samples of a tensor may be looked at together: norms are of one
// sample, and texts make it larger than others.
func (t *spec) alike(in *Tensor, large bool) bool {
	norms := t.normalize != nil && t.normalize.kind == "lp" && t.normalize.by == "client"
	return !norms && (in.DType != Bytes || !large && (t.bytes == 0 || int64(len(in.Data)) <= t.bytes))
}

// Types lists the types that a tensor may have, nil where the schema does not have it.
func (s *Schema) Types(g Group, name string) []DType {
	if t := s.find(g, name); t != nil {
		return t.dtypes
	}
	return nil
}

// Channels says where an image of the schema has its channels, by its shape: in the
// last dimension or not, and how many; 0 where any number may come.
func (s *Schema) Channels(g Group, name string) (n int, last bool) {
	t := s.find(g, name)
	if t == nil || len(t.shape) < 3 {
		return 0, false
	}
	fixed := func(d dim) int {
		if d.symbol == "" && d.lo == d.hi && (d.lo == 1 || d.lo == 3) {
			return int(d.lo)
		}
		return 0
	}
	if n := fixed(t.shape[len(t.shape)-1]); n > 0 {
		return n, true
	}
	return fixed(t.shape[len(t.shape)-3]), false
}

// Floating reports whether the elements are floating-point numbers.
func (d DType) Floating() bool { return d.isFloat() }

// Value is the value of a key, rounded to float64; it is not for Bytes.
func Value(d DType, key int64) float64 {
	if formats[d].fnuz && key == -1 { // where others have minus zero, these have their NaN
		return math.NaN()
	}
	return d.float(key)
}

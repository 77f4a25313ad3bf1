package survey

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
)

// BaselineSchema is what a baseline calls itself.
const BaselineSchema = "andiron/data-baseline/v1"

// baselineLimit bounds the size of a baseline.
const baselineLimit = 1 << 30

// Baseline is what is kept of a data set: what it looked like, and which samples it
// had.
type Baseline struct {
	Schema  string           `json:"schema"`
	Tool    string           `json:"tool"`
	Created string           `json:"created"` // RFC 3339
	Sources []string         `json:"sources"`
	Samples int64            `json:"samples"`
	Labels  []LabelCount     `json:"labels,omitempty"`
	Columns []BaselineColumn `json:"columns"`
	// Digests are those of the samples in their order, 16 bytes each, in base64;
	// LabelOf are the numbers of their labels, -1 without one.
	Digests string  `json:"digests"`
	LabelOf []int32 `json:"label_of,omitempty"`
}

// LabelCount is how often a label is there.
type LabelCount struct {
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// BaselineColumn is how the values of a column are distributed.
type BaselineColumn struct {
	Name   string  `json:"name"`
	Values int64   `json:"values"`
	NaN    int64   `json:"nan"`
	Inf    int64   `json:"inf"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Mean   float64 `json:"mean"`
	Std    float64 `json:"std"`
	Histogram

	// Fine is what the distance of Kolmogorov and Smirnov is measured at.
	Fine *Histogram `json:"fine,omitempty"`
}

// Settle ends the gathering. It comes before all that is asked of a survey.
func (s *Survey) Settle() {
	if len(s.rest) > 0 {
		all := append(make([]Sample, 0, s.kept), s.Samples...)
		for i, part := range s.rest {
			all, s.rest[i] = append(all, part...), nil
		}
		s.Samples, s.rest = all, nil
	}
	for _, c := range s.Columns {
		c.settle()
	}
}

// Baseline is what is to be kept. ok is false where the set has more samples than are
// kept a digest of, or the survey is passing.
func (s *Survey) Baseline() (b Baseline, ok bool) {
	b = Baseline{Schema: BaselineSchema, Samples: s.Count, Columns: []BaselineColumn{}}
	for i, name := range s.Labels {
		b.Labels = append(b.Labels, LabelCount{name, s.Counts[i]})
	}
	for _, c := range s.Columns {
		if c.Values == 0 {
			continue
		}
		b.Columns = append(b.Columns, BaselineColumn{c.Name, c.Values, c.NaN, c.Inf, c.Min, c.Max, c.Mean(), c.Std(), c.Histogram(), c.Fine()})
	}
	digests := make([]byte, 0, 16*len(s.Samples))
	for i := range s.Samples {
		digests = append(digests, s.Samples[i].Digest[:]...)
		if len(s.Labels) > 0 {
			b.LabelOf = append(b.LabelOf, s.Samples[i].Label)
		}
	}
	b.Digests = base64.StdEncoding.EncodeToString(digests)
	return b, int64(len(s.Samples)) == s.Count && !s.opt.Passing
}

// ParseBaseline reads a baseline.
func ParseBaseline(b []byte) (*Baseline, error) {
	if len(b) > baselineLimit {
		return nil, fmt.Errorf("it has %d bytes, more than %d", len(b), baselineLimit)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	var base Baseline
	if err := dec.Decode(&base); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows the document")
	}
	if base.Schema != BaselineSchema {
		return nil, fmt.Errorf("schema %.80q, not %q", base.Schema, BaselineSchema)
	}
	return &base, base.check()
}

func (b *Baseline) check() error {
	digests, err := base64.StdEncoding.DecodeString(b.Digests)
	if err != nil || int64(len(digests)) != 16*b.Samples {
		return fmt.Errorf("%d bytes of digests for %d samples", len(digests), b.Samples)
	}
	if len(b.LabelOf) > 0 && int64(len(b.LabelOf)) != b.Samples {
		return fmt.Errorf("%d labels for %d samples", len(b.LabelOf), b.Samples)
	}
	for _, l := range b.LabelOf {
		if l < -1 || int(l) >= len(b.Labels) {
			return fmt.Errorf("a sample has label %d of %d", l, len(b.Labels))
		}
	}
	for i := range b.Columns {
		if err := b.Columns[i].check(); err != nil {
			return fmt.Errorf("column %.80q: %w", b.Columns[i].Name, err)
		}
	}
	return nil
}

func (c *BaselineColumn) check() error {
	if err := c.Histogram.check(); err != nil || c.Fine == nil {
		return err
	}
	if err := c.Fine.check(); err != nil {
		return err
	}
	for _, e := range c.Edges {
		if _, ok := slices.BinarySearch(c.Fine.Edges, e); !ok {
			return fmt.Errorf("the edge %g is not among the fine ones", e)
		}
	}
	return nil
}

func (h *Histogram) check() error {
	if len(h.Shares) != len(h.Edges)+1 || !slices.IsSorted(h.Edges) || len(h.Edges) > 1000 {
		return fmt.Errorf("%d edges that rise and %d shares", len(h.Edges), len(h.Shares))
	}
	for _, f := range slices.Concat(h.Shares, h.Edges) {
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return errors.New("a share or an edge is no number")
		}
	}
	return nil
}

// Diff is how the samples differ from those of a baseline.
type Diff struct {
	Added, Removed, Changed, Relabelled Changes
}

// Changes are samples that differ in one way.
type Changes struct {
	Count   int64
	Samples []int64 // the numbers of some, in the set; of what is removed, in the baseline
	Labels  [][2]string
}

func (c *Changes) add(i int64, labels ...string) {
	c.Count++
	if len(c.Samples) < shown {
		c.Samples = append(c.Samples, i)
		if len(labels) == 2 {
			c.Labels = append(c.Labels, [2]string(labels))
		}
	}
}

// Diff compares the samples with those of a baseline. A sample is the same where its
// digest is, wherever it stands; one that stands where another stood, neither of which
// is anywhere else, has changed.
func (s *Survey) Diff(b *Baseline) (d Diff) {
	raw, _ := base64.StdEncoding.DecodeString(b.Digests) // check has done so before
	was := make(map[Digest][]int32, len(raw)/16)
	for i := range len(raw) / 16 {
		k := Digest(raw[16*i : 16*i+16])
		was[k] = append(was[k], int32(i))
	}
	gone := map[int64]bool{}
	var fresh []int64
	for i := range s.Samples {
		x := &s.Samples[i]
		list := was[x.Digest]
		if len(list) == 0 {
			fresh = append(fresh, x.Number)
			continue
		}
		// Of several that are the same the one with this label, or else the first.
		at := max(0, slices.IndexFunc(list, func(j int32) bool { return b.label(j) == s.label(x.Label) }))
		if old := b.label(list[at]); len(b.LabelOf) > 0 && old != s.label(x.Label) {
			d.Relabelled.add(x.Number, old, s.label(x.Label))
		}
		was[x.Digest] = slices.Delete(slices.Clone(list), at, at+1)
	}
	for _, list := range was {
		for _, i := range list {
			gone[int64(i)] = true
		}
	}
	for _, i := range fresh {
		if gone[i] {
			delete(gone, i)
			d.Changed.add(i)
			continue
		}
		d.Added.add(i)
	}
	for _, i := range slices.Sorted(maps.Keys(gone)) {
		d.Removed.add(i)
	}
	return d
}

func (b *Baseline) label(i int32) string {
	if len(b.LabelOf) == 0 || b.LabelOf[i] < 0 {
		return ""
	}
	return b.Labels[b.LabelOf[i]].Name
}

func (s *Survey) label(n int32) string {
	if n < 0 {
		return ""
	}
	return s.Labels[n]
}

// LabelDrift compares how often labels are there with a baseline.
func (s *Survey) LabelDrift(b *Baseline) (Drift, bool) {
	var total, was int64
	names := map[string]int{}
	for _, l := range b.Labels {
		names[l.Name] = len(names)
		was += l.Count
	}
	for _, name := range s.Labels {
		if _, ok := names[name]; !ok {
			names[name] = len(names)
		}
	}
	bins, base := make([]int64, len(names)), make([]float64, len(names))
	for i, name := range s.Labels {
		bins[names[name]] = s.Counts[i]
		total += s.Counts[i]
	}
	if total == 0 || was == 0 {
		return Drift{}, false
	}
	for _, l := range b.Labels {
		base[names[l.Name]] = float64(l.Count) / float64(was)
	}
	return drift(bins, base, total), true
}

// Package survey looks at a whole data set: which samples are there twice, how labels
// and values are distributed, which samples lie far from the others, and whether a
// patch of pixels tells the label.
//
// # Security
//
// The values are hostile: a set may have been made so that a model that learns it
// obeys whoever made it. Nothing here can show that it was not. What is looked for and
// what is not found stands in docs/spec/data-v1.md.
//
// # Limits
//
// Options bounds the samples that are kept a digest of, and the bytes of pixels that
// the search for patches keeps: of a larger set it looks at the first samples, and says
// so. Memory is 48 bytes for each sample, and what is kept.
//
// # Specification
//
// docs/spec/data-v1.md.
package survey

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"
	"slices"

	"github.com/andiron-dev/andiron/internal/dataset"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// Options bound a survey. The zero value is the defaults.
type Options struct {
	Label   string // the column with the labels; empty is what the format has, or "label" or "y"
	Samples int    // that are kept a digest of, 8 million
	Pixels  int64  // bytes of pixels that are kept, 32 MiB
}

func (o Options) orDefaults() Options {
	if o.Samples == 0 {
		o.Samples = 8_000_000
	}
	if o.Pixels == 0 {
		o.Pixels = 32 << 20
	}
	return o
}

// Digest is the first half of the SHA-256 of a sample without its label.
type Digest [16]byte

// Sample is what is kept of one.
type Sample struct {
	Number     int64 // in its set
	Digest     Digest
	Label      int32 // -1 without one
	Mean, Std  float32
	Near       uint64 // of an image: which of its parts are lighter than those beside them
	comparable bool   // it has a Mean
}

// Survey gathers a data set. It belongs to one goroutine.
type Survey struct {
	opt     Options
	Count   int64
	Samples []Sample
	Labels  []string // what labels there are, in the order of their first samples
	Counts  []int64  // of the labels
	Columns []*Column
	images  *images

	searched *PatchSearch // once it was asked for

	labelOf map[string]int32
	column  map[string]*Column
	hash    hash.Hash
	sum     []byte
	head    []tensor.Tensor
	before  [][]byte
}

// New starts a survey.
func New(opt Options) *Survey {
	return &Survey{opt: opt.orDefaults(), labelOf: map[string]int32{}, column: map[string]*Column{}, hash: sha256.New()}
}

// Add looks at rows that follow those before.
func (s *Survey) Add(rows *dataset.Rows) {
	label := s.labelColumn(rows)
	labels := s.labels(rows, label)
	for i := range rows.Columns {
		if t := &rows.Columns[i]; t != label {
			s.columnOf(t).add(t)
		}
	}
	s.keepImages(rows, label, labels)
	s.heads(rows, label)
	for i := range rows.N {
		if len(s.Samples) < s.opt.Samples {
			s.Samples = append(s.Samples, s.sample(rows, i, labels[i]))
		}
	}
	s.Count += int64(rows.N)
}

// labelColumn is the column with the labels, or nil.
func (s *Survey) labelColumn(rows *dataset.Rows) *tensor.Tensor {
	if s.opt.Label != "" {
		return rows.Column(s.opt.Label)
	}
	for _, name := range []string{rows.Label, "label", "labels", "y", "target"} {
		if t := rows.Column(name); name != "" && t != nil && len(t.Shape) == 1 {
			return t
		}
	}
	return nil
}

// labels are the numbers of the labels of rows, -1 without one.
func (s *Survey) labels(rows *dataset.Rows, t *tensor.Tensor) []int32 {
	list := make([]int32, rows.N)
	for i := range list {
		list[i] = -1
		if t == nil {
			continue
		}
		name := s.labelName(rows, t, i)
		n, ok := s.labelOf[name]
		if !ok {
			n = int32(len(s.Labels))
			s.labelOf[name] = n
			s.Labels = append(s.Labels, name)
			s.Counts = append(s.Counts, 0)
		}
		s.Counts[n]++
		list[i] = n
	}
	return list
}

func (s *Survey) labelName(rows *dataset.Rows, t *tensor.Tensor, i int) string {
	if t.DType == tensor.Bytes {
		return string(rows.Text(t.Name, i))
	}
	key := tensor.Key(t.DType, t.Data, i)
	if t.Name == rows.Label && key >= 0 && key < int64(len(rows.Names)) {
		return rows.Names[key]
	}
	return t.DType.Show(key)
}

func (s *Survey) columnOf(t *tensor.Tensor) *Column {
	c := s.column[t.Name]
	if c == nil {
		c = newColumn(t.Name)
		s.column[t.Name] = c
		s.Columns = append(s.Columns, c)
	}
	return c
}

// heads are the columns as one sample has them, still without its data, and what goes
// before these into the digest; nothing for the label.
func (s *Survey) heads(rows *dataset.Rows, label *tensor.Tensor) {
	s.head, s.before = s.head[:0], s.before[:0]
	for i := range rows.Columns {
		t := rows.Columns[i]
		t.Shape = slices.Clone(t.Shape)
		t.Shape[0] = 1
		var before []byte
		if label == nil || t.Name != label.Name {
			before = []byte(t.DType.String())
			for _, d := range t.Shape {
				before = binary.LittleEndian.AppendUint64(before, uint64(d))
			}
		}
		s.head, s.before = append(s.head, t), append(s.before, before)
	}
}

// sample is what is kept of one.
func (s *Survey) sample(rows *dataset.Rows, i int, n int32) Sample {
	x := Sample{Number: rows.Number(i), Label: n}
	s.hash.Reset()
	s.sum = s.sum[:0]
	for c := range s.head {
		if s.before[c] == nil {
			continue
		}
		t := &s.head[c]
		t.Data = rows.Cell(c, i)
		s.sum = append(s.sum, s.before[c]...)
		if len(t.Data) > 1<<12 || len(s.sum) > 1<<12 { // few calls for small ones, no copy of large ones
			_, _ = s.hash.Write(s.sum) // a hash does not fail
			_, _ = s.hash.Write(t.Data)
			s.sum = s.sum[:0]
		} else {
			s.sum = append(s.sum, t.Data...)
		}
		if !x.comparable && t.DType != tensor.Bytes {
			x.Mean, x.Std = moments(t)
			x.comparable = true
			x.Near = near(t)
		}
	}
	_, _ = s.hash.Write(s.sum)
	copy(x.Digest[:], s.hash.Sum(s.sum[:0]))
	return x
}

// moments are the mean and the standard deviation of the finite values.
func moments(t *tensor.Tensor) (mean, std float32) {
	var n, sum, squares float64
	if t.DType == tensor.Uint8 {
		var a, b uint64
		for _, v := range t.Data {
			a += uint64(v)
			b += uint64(v) * uint64(v)
		}
		n, sum, squares = float64(len(t.Data)), float64(a), float64(b)
	} else {
		each(t, func(x float64) {
			n++
			sum += x
			squares += x * x
		})
	}
	if n == 0 {
		return 0, 0
	}
	m := sum / n
	return float32(m), float32(math.Sqrt(max(0, squares/n-m*m)))
}

// each calls f with the finite values of a tensor.
func each(t *tensor.Tensor, f func(x float64)) {
	size := t.DType.Size()
	switch t.DType {
	case tensor.Uint8:
		for _, v := range t.Data {
			f(float64(v))
		}
	case tensor.Float32:
		for i := 0; i+4 <= len(t.Data); i += 4 {
			if x := math.Float32frombits(binary.LittleEndian.Uint32(t.Data[i:])); x-x == 0 {
				f(float64(x))
			}
		}
	case tensor.Float64:
		for i := 0; i+8 <= len(t.Data); i += 8 {
			if x := math.Float64frombits(binary.LittleEndian.Uint64(t.Data[i:])); x-x == 0 {
				f(x)
			}
		}
	case tensor.Int64:
		for i := 0; i+8 <= len(t.Data); i += 8 {
			f(float64(int64(binary.LittleEndian.Uint64(t.Data[i:]))))
		}
	default:
		for i := range len(t.Data) / size {
			if x := tensor.Value(t.DType, tensor.Key(t.DType, t.Data, i)); x-x == 0 {
				f(x)
			}
		}
	}
}

// Group is samples that are the same, or nearly.
type Group struct {
	Samples []int64 // their numbers, at most 20
	Count   int
	Labels  []string // that they have, in the order of the set
}

const shown = 20

// Duplicates are the samples that are there more than once, those with different
// labels first.
func (s *Survey) Duplicates() []Group {
	order := make([]int32, len(s.Samples))
	for i := range order {
		order[i] = int32(i)
	}
	slices.SortFunc(order, func(a, b int32) int {
		x, y := &s.Samples[a], &s.Samples[b]
		if c := slices.Compare(x.Digest[:], y.Digest[:]); c != 0 {
			return c
		}
		return int(a) - int(b)
	})
	var groups []Group
	for from := 0; from < len(order); {
		to := from + 1
		for to < len(order) && s.Samples[order[to]].Digest == s.Samples[order[from]].Digest {
			to++
		}
		if to-from > 1 {
			groups = append(groups, s.group(order[from:to]))
		}
		from = to
	}
	sortGroups(groups)
	return groups
}

func sortGroups(groups []Group) {
	slices.SortFunc(groups, func(a, b Group) int {
		if x, y := len(a.Labels) > 1, len(b.Labels) > 1; x != y {
			if x {
				return -1
			}
			return 1
		}
		return int(a.Samples[0] - b.Samples[0])
	})
}

func (s *Survey) group(members []int32) Group {
	g := Group{Count: len(members)}
	for _, i := range members {
		if len(g.Samples) < shown {
			g.Samples = append(g.Samples, s.Samples[i].Number)
		}
		if n := s.Samples[i].Label; n >= 0 && !slices.Contains(g.Labels, s.Labels[n]) {
			g.Labels = append(g.Labels, s.Labels[n])
		}
	}
	return g
}

// Outlier is a sample whose mean or deviation lies far from those of the others.
type Outlier struct {
	Sample int64
	Score  float64 // in robust standard deviations
	What   string  // "mean" or "deviation"
}

// outlierScore is how many robust deviations make an outlier.
const outlierScore = 8

// Outliers are the samples of which mean or deviation lie more than eight robust
// standard deviations (1.4826 of the median distance) from the median of the set.
func (s *Survey) Outliers() (list []Outlier) {
	for _, m := range []struct {
		what string
		of   func(*Sample) float32
	}{{"mean", func(x *Sample) float32 { return x.Mean }}, {"deviation", func(x *Sample) float32 { return x.Std }}} {
		var values []float64
		for i := range s.Samples {
			if s.Samples[i].comparable {
				values = append(values, float64(m.of(&s.Samples[i])))
			}
		}
		middle, spread := robust(values)
		if spread == 0 || len(values) < 20 {
			continue
		}
		for i := range s.Samples {
			if d := math.Abs(float64(m.of(&s.Samples[i]))-middle) / spread; s.Samples[i].comparable && d > outlierScore {
				list = append(list, Outlier{s.Samples[i].Number, d, m.what})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b Outlier) int { return int(a.Sample - b.Sample) })
	return list
}

// robust are the median and 1.4826 of the median distance from it.
func robust(values []float64) (middle, spread float64) {
	if len(values) == 0 {
		return 0, 0
	}
	sorted := slices.Sorted(slices.Values(values))
	middle = sorted[len(sorted)/2]
	for i, v := range sorted {
		sorted[i] = math.Abs(v - middle)
	}
	slices.Sort(sorted)
	return middle, 1.4826 * sorted[len(sorted)/2]
}

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
// the search for patches keeps: of a larger set it compares the first samples, and looks
// for patches on as many as fit, drawn from all of them. Both say so. Memory is 48 bytes
// for each sample, 64 more if it has texts and 4 for each of 128 of their pairs of words at
// most, up to 72 while they are compared, and what is kept; the search needs five times
// that beside it, and 16 MiB for each goroutine.
//
// # Specification
//
// docs/spec/data-v1.md.
package survey

import (
	"hash/maphash"

	"github.com/andiron-dev/andiron/internal/dataset"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// Options bound a survey. The zero value is the defaults.
type Options struct {
	Label   string // the column with the labels; empty is what the format has, or "label" or "y"
	Samples int    // that are kept a digest of, 8 million
	Pixels  int64  // bytes of pixels that are kept, of all columns together, 32 MiB
	Passing bool   // no baseline is made or compared with: digests need only tell these samples apart
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

// What is kept of labels and columns, whose names a set chooses.
const (
	mostLabels  = 100_000
	mostLabel   = 1 << 10 // bytes
	mostColumns = 1 << 12
)

// Runner calls do with the numbers below n, in any order and perhaps several at a time,
// and returns when all calls have returned.
type Runner func(n int, do func(i int))

func oneByOne(n int, do func(i int)) {
	for i := range n {
		do(i)
	}
}

// Digest is the first half of the SHA-256 of a sample without its label; of a survey
// that is passing, a hash that is another in each run, so that nobody can make two of
// them equal.
type Digest [16]byte

// Sample is what is kept of one.
type Sample struct {
	Number     int64 // in its set
	Digest     Digest
	Label      int32 // -1 without one
	Mean, Std  float32
	comparable bool   // it has a Mean
	Near       uint64 // of an image: which of its parts are lighter than those beside them
}

// Survey gathers a data set. Its methods belong to one goroutine, but for Look.
type Survey struct {
	opt     Options
	run     Runner
	Count   int64
	Samples []Sample // once the survey is settled
	Labels  []string // what labels there are, in the order of their first samples
	Counts  []int64  // of the labels
	Columns []*Column
	Unkept  struct{ Labels, Columns int64 } // samples with labels beyond what is kept, and looks at columns
	Missing int                             // places of the set that could not be read, for a page to say
	images  []*images                       // of the columns that have some
	small   *images                         // likewise of the first of these, for a page to show
	texts   []text
	bases   map[string]*base // of columns, to count into

	rest  [][]Sample      // samples as they came, which are not moved each time that there are more
	kept  int             // of them
	seeds [2]maphash.Seed // of passing digests

	once answers

	labelOf  map[string]int32
	labelKey map[labelKey]int32 // the same, of labels that are numbers
	column   map[string]*Column
}

// answers are what was asked of a survey before.
type answers struct {
	duplicates, near []Group
	texts            []Group
	outliers         []Outlier
	patches          []PatchSearch
	asked            struct{ duplicates, near, texts, outliers bool }
}

// New starts a survey.
func New(opt Options) *Survey {
	return &Survey{
		opt: opt.orDefaults(), run: oneByOne, bases: map[string]*base{},
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, labelOf: map[string]int32{}, labelKey: map[labelKey]int32{}, column: map[string]*Column{},
	}
}

// Use has the work that can be done side by side done by r. What comes out is the same.
func (s *Survey) Use(r Runner) { s.run = r }

// Add looks at rows that follow those before.
func (s *Survey) Add(rows *dataset.Rows) { s.Take(s.Look(rows)) }

// Take adds what was seen of rows that follow those before.
func (s *Survey) Take(l *Look) {
	labels := s.labels(l)
	for i := range l.columns {
		if c := s.columnOf(l.columns[i].tensor.Name); c != nil {
			c.take(&l.columns[i])
		}
	}
	s.keepImages(l, labels)
	before := s.kept
	kept := l.samples[:min(len(l.samples), max(0, s.opt.Samples-before))]
	for i := range kept {
		kept[i].Label = labels[i]
	}
	s.keep(kept)
	for _, t := range l.texts {
		if t.sample += int32(before); int(t.sample) < s.kept {
			s.texts = append(s.texts, t)
		}
	}
	s.Count += int64(l.rows.N)
}

const blockSamples = 1 << 14

// keep adds samples to what is kept.
func (s *Survey) keep(list []Sample) {
	s.kept += len(list)
	for len(list) > 0 {
		last := len(s.rest) - 1
		if last < 0 || len(s.rest[last]) == cap(s.rest[last]) {
			s.rest = append(s.rest, make([]Sample, 0, blockSamples))
			last++
		}
		n := min(len(list), cap(s.rest[last])-len(s.rest[last]))
		s.rest[last] = append(s.rest[last], list[:n]...)
		list = list[n:]
	}
}

// labelKey is a label that is a number.
type labelKey struct {
	dtype tensor.DType
	key   int64
}

// labels are the numbers of the labels of rows, -1 without one.
func (s *Survey) labels(l *Look) []int32 {
	list := make([]int32, l.rows.N)
	t := l.label
	for i := range list {
		switch {
		case t == nil:
			list[i] = -1
			continue
		case t.DType == tensor.Bytes:
			list[i] = s.labelNumber(string(l.labelCells.text(i)))
		case t.Name == l.rows.Label && len(l.rows.Names) > 0:
			name := t.DType.Show(tensor.Key(t.DType, t.Data, i))
			if key := tensor.Key(t.DType, t.Data, i); key >= 0 && key < int64(len(l.rows.Names)) {
				name = l.rows.Names[key]
			}
			list[i] = s.labelNumber(name)
		default:
			k := labelKey{t.DType, tensor.Key(t.DType, t.Data, i)}
			n, ok := s.labelKey[k]
			if !ok {
				if n = s.labelNumber(t.DType.Show(k.key)); n >= 0 {
					s.labelKey[k] = n
				}
			}
			list[i] = n
		}
		if list[i] >= 0 {
			s.Counts[list[i]]++
		}
	}
	return list
}

// labelNumber is -1 for a label beyond what is kept.
func (s *Survey) labelNumber(name string) int32 {
	n, ok := s.labelOf[name]
	if !ok {
		if len(s.Labels) == mostLabels || len(name) > mostLabel {
			s.Unkept.Labels++
			return -1
		}
		n = int32(len(s.Labels))
		s.labelOf[name] = n
		s.Labels = append(s.Labels, name)
		s.Counts = append(s.Counts, 0)
	}
	return n
}

// columnOf is nil for a column beyond what is kept.
func (s *Survey) columnOf(name string) *Column {
	c := s.column[name]
	if c == nil {
		if len(s.Columns) >= mostColumns {
			s.Unkept.Columns++
			return nil
		}
		c = newColumn(name)
		s.column[name] = c
		s.Columns = append(s.Columns, c)
	}
	return c
}

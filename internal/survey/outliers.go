package survey

import (
	"cmp"
	"math"
	"slices"
)

// Outlier is a sample whose mean or deviation lies far from those of the others.
type Outlier struct {
	Sample int64
	Score  float64 // in robust standard deviations
	What   string  // "mean" or "deviation"
	Label  string  // of the others; empty is all of the set
	OfSet  bool    // the others are all of the set
}

const (
	outlierScore = 8   // robust deviations that make an outlier
	leastOfSet   = 20  // samples that have a median to speak of
	leastOfLabel = 100 // the same of a label: there are many labels
	// A label whose samples are much alike is no reason to call a small difference a
	// large one: its deviation counts as this share of that of the set at least.
	leastSpread = 0.5
)

// Outliers are the samples of which mean or deviation lie more than eight robust
// standard deviations (1.4826 of the median distance) from the median of the set, or of
// the samples with their label. A sample comes once.
func (s *Survey) Outliers() []Outlier {
	if s.once.asked.outliers {
		return s.once.outliers
	}
	measures := []measure{
		{"mean", func(x *Sample) float32 { return x.Mean }},
		{"deviation", func(x *Sample) float32 { return x.Std }},
	}
	found := make([][]Outlier, len(measures))
	s.run(len(measures), func(i int) { found[i] = s.outliersBy(measures[i]) })
	list := slices.Concat(found...)
	slices.SortStableFunc(list, func(a, b Outlier) int {
		if c := cmp.Compare(a.Sample, b.Sample); c != 0 || a.OfSet == b.OfSet {
			return c
		}
		if a.OfSet {
			return -1
		}
		return 1
	})
	list = slices.CompactFunc(list, func(a, b Outlier) bool { return a.Sample == b.Sample })
	s.once.asked.outliers, s.once.outliers = true, list
	return list
}

type measure struct {
	what string
	of   func(*Sample) float32
}

// middle is where a measure is of most samples.
type middle struct{ at, spread float64 }

// far is how many robust deviations a value lies from the middle.
func (m middle) far(x float64) float64 {
	if m.spread == 0 {
		return 0
	}
	return math.Abs(x-m.at) / m.spread
}

func (s *Survey) outliersBy(m measure) (list []Outlier) {
	whole, labels := s.middles(m)
	if whole.spread == 0 {
		return nil
	}
	for i := range s.Samples {
		x := &s.Samples[i]
		if !x.comparable {
			continue
		}
		v := float64(m.of(x))
		if d := whole.far(v); d > outlierScore {
			list = append(list, Outlier{Sample: x.Number, Score: d, What: m.what, OfSet: true})
		} else if x.Label >= 0 {
			if d := labels[x.Label].far(v); d > outlierScore {
				list = append(list, Outlier{Sample: x.Number, Score: d, What: m.what, Label: s.Labels[x.Label]})
			}
		}
	}
	return list
}

// middles are that of the set and those of the labels. Where there are too few samples
// it has no spread.
func (s *Survey) middles(m measure) (whole middle, labels []middle) {
	type value struct {
		v     float32
		label int32
	}
	var sorted []value
	for i := range s.Samples {
		if x := &s.Samples[i]; x.comparable {
			sorted = append(sorted, value{m.of(x), x.Label})
		}
	}
	labels = make([]middle, len(s.Labels))
	if len(sorted) < leastOfSet {
		return middle{}, labels
	}
	slices.SortFunc(sorted, func(a, b value) int { return cmp.Compare(a.v, b.v) })
	// The values of each label, one label after the other, are sorted as well.
	ends := make([]int, len(s.Labels)+1)
	for _, x := range sorted {
		if x.label >= 0 {
			ends[x.label+1]++
		}
	}
	for i := range s.Labels {
		ends[i+1] += ends[i]
	}
	all, parts, next := make([]float32, len(sorted)), make([]float32, ends[len(s.Labels)]), slices.Clone(ends)
	for i, x := range sorted {
		all[i] = x.v
		if x.label >= 0 {
			parts[next[x.label]] = x.v
			next[x.label]++
		}
	}
	whole = robust(all)
	for i := range labels {
		if part := parts[ends[i]:ends[i+1]]; len(part) >= leastOfLabel && len(part) < len(sorted) {
			labels[i] = robust(part)
			labels[i].spread = max(labels[i].spread, leastSpread*whole.spread)
		}
	}
	return whole, labels
}

// robust are the median and 1.4826 of the median distance from it, of sorted values. Its
// spread is 0 where the median is not finite.
func robust(sorted []float32) middle {
	half := len(sorted) / 2
	at := float64(sorted[half])
	if at-at != 0 {
		return middle{}
	}
	// The nearest values lie to both sides: one after the other until half are passed.
	left, right, distance := half-1, half+1, 0.0
	for range half {
		if right == len(sorted) || left >= 0 && at-float64(sorted[left]) <= float64(sorted[right])-at {
			distance = at - float64(sorted[left])
			left--
		} else {
			distance = float64(sorted[right]) - at
			right++
		}
	}
	return middle{at, 1.4826 * distance}
}

package survey

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// Group is samples that are the same, or nearly.
type Group struct {
	Samples []int64 // their numbers, at most 20
	Count   int
	Labels  []string // that they have, in the order of the set
}

const shown = 20

// buckets are the numbers below n in the order of a key, those with the same one in
// their own order.
type buckets struct {
	order  []int32
	starts []uint32 // in order, of each key; the last one is the end
}

// bucketed sorts the numbers below n, those for which key says so, by a key of so many
// bits.
func bucketed(n, bits int, key func(i int32) (uint32, bool)) buckets {
	starts := make([]uint32, 1<<bits+1)
	for i := range int32(n) {
		if k, ok := key(i); ok {
			starts[k+1]++
		}
	}
	for k := range starts[1:] {
		starts[k+1] += starts[k]
	}
	order := make([]int32, starts[1<<bits])
	for i := range int32(n) {
		if k, ok := key(i); ok {
			order[starts[k]] = i
			starts[k]++
		}
	}
	copy(starts[1:], starts) // each has moved to where the next one began
	starts[0] = 0
	return buckets{order, starts}
}

// of returns the numbers with a key.
func (b *buckets) of(key int) []int32 { return b.order[b.starts[key]:b.starts[key+1]] }

// Duplicates are the samples that are there more than once, those with different
// labels first.
func (s *Survey) Duplicates() []Group {
	if !s.once.asked.duplicates {
		s.once.asked.duplicates, s.once.duplicates = true, s.findDuplicates()
	}
	return s.once.duplicates
}

func (s *Survey) findDuplicates() (groups []Group) {
	// Digests are spread evenly, so that hardly any bucket has more than a few.
	width := min(22, bits.Len(uint(len(s.Samples))))
	b := bucketed(len(s.Samples), width, func(i int32) (uint32, bool) {
		return binary.BigEndian.Uint32(s.Samples[i].Digest[:]) >> (32 - width), true
	})
	for k := range 1 << width {
		list := b.of(k)
		if len(list) < 2 {
			continue
		}
		slices.SortStableFunc(list, func(x, y int32) int {
			return slices.Compare(s.Samples[x].Digest[:], s.Samples[y].Digest[:])
		})
		for from := 0; from < len(list); {
			to := from + 1
			for to < len(list) && s.Samples[list[to]].Digest == s.Samples[list[from]].Digest {
				to++
			}
			if to-from > 1 {
				groups = append(groups, s.group(list[from:to]))
			}
			from = to
		}
	}
	sortGroups(groups)
	return groups
}

// sortGroups puts the groups with different labels first. The order of the others, which
// may begin with the same sample, stays.
func sortGroups(groups []Group) {
	slices.SortStableFunc(groups, func(a, b Group) int {
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
	labels := map[int32]bool{}
	for _, i := range members {
		if len(g.Samples) < shown {
			g.Samples = append(g.Samples, s.Samples[i].Number)
		}
		if n := s.Samples[i].Label; n >= 0 && !labels[n] {
			labels[n] = true
			g.Labels = append(g.Labels, s.Labels[n])
		}
	}
	return g
}

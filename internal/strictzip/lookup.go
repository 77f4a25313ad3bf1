package strictzip

import (
	"hash/maphash"
	"iter"
	"math"
	"slices"
)

// Reading names a way that loaders find an entry by its name.
type Reading string

// The ways.
const (
	// Miniz is PyTorch: a binary search over the heap-sorted directory, ASCII
	// letter case ignored. Among equal names the winner depends on how many
	// entries there are and where, so that PyTorch versions, which write
	// different numbers of records, seem to prefer the first or the last.
	Miniz Reading = "miniz"
	// First is the first entry that is equal without letter case and before NUL.
	First Reading = "first"
	// Last is the last such entry.
	Last Reading = "last"
	// Exact is the last entry with just this name: Python's zipfile, and maps
	// that Go programs fill.
	Exact Reading = "exact"
)

// Candidate is an entry that a lookup can give, and the readings that choose it.
type Candidate struct {
	Entry int
	By    []Reading
}

// Lookup returns the entries that loaders get for name, in directory order;
// more than one means that loaders disagree.
func (a *Archive) Lookup(name string) []Candidate {
	var out []Candidate
	add := func(i int, by Reading) {
		if i < 0 {
			return
		}
		k, ok := slices.BinarySearchFunc(out, i, func(c Candidate, i int) int { return c.Entry - i })
		if !ok {
			out = slices.Insert(out, k, Candidate{Entry: i})
		}
		out[k].By = append(out[k].By, by)
	}
	first, last, exact := a.scan(name)
	add(a.Locate(name), Miniz)
	add(first, First)
	add(last, Last)
	add(exact, Exact)
	return out
}

func (a *Archive) scan(name string) (first, last, exact int) {
	first, last, exact = -1, -1, -1
	for i := range a.same(name) {
		if first < 0 {
			first = i
		}
		last = i
		if a.Entry(i).Name == name {
			exact = i
		}
	}
	return first, last, exact
}

// makeIndex sorts the entries by a number that is made from their folded name. The
// seed is another one in each run, so that nobody can make names that share it;
// what shares it is compared.
func (a *Archive) makeIndex() {
	a.index = make([]uint64, a.Len())
	for i := range a.index {
		a.index[i] = tag(fold(string(a.rawName(a.entries.At(i)))))<<32 | uint64(i)
	}
	slices.Sort(a.index)
}

var seed = maphash.MakeSeed()

func tag(folded string) uint64 { return maphash.String(seed, folded) >> 32 }

// collide notes for every entry the first one of its name.
func (a *Archive) collide() {
	a.first = map[int32]int32{}
	for start := 0; start < len(a.index) && !(a.large() && len(a.first) > 0); {
		end := start + 1
		for end < len(a.index) && a.index[end]>>32 == a.index[start]>>32 {
			end++
		}
		if end > start+1 {
			a.compareAll(a.index[start:end])
		}
		start = end
	}
}

func (a *Archive) compareAll(group []uint64) {
	first := map[string]int32{}
	for _, x := range group {
		if a.large() && len(a.first) > 0 {
			return // that is refused
		}
		i := int32(x & math.MaxUint32)
		name := fold(string(a.rawName(a.entries.At(int(i)))))
		if j, seen := first[name]; seen {
			a.first[i] = j
		} else {
			first[name] = i
		}
	}
}

// same yields the entries whose names some loader takes for name.
func (a *Archive) same(name string) iter.Seq[int] {
	return func(yield func(int) bool) {
		folded := fold(name)
		want := tag(folded)
		at, _ := slices.BinarySearch(a.index, want<<32)
		for ; at < len(a.index) && a.index[at]>>32 == want; at++ {
			i := int(a.index[at] & math.MaxUint32)
			if fold(string(a.rawName(a.entries.At(i)))) == folded && !yield(i) {
				return
			}
		}
	}
}

// Variants returns every entry whose name some loader takes for name.
func (a *Archive) Variants(name string) []int { return slices.Collect(a.same(name)) }

// Locate returns the entry that mz_zip_reader_locate_file of miniz 2.1 and 3.0
// finds, which is what PyTorch loads, or -1. Where no names are equal, it is the
// one of this name.
func (a *Archive) Locate(name string) int {
	if a.sorted != nil {
		return a.search(name)
	}
	for i := range a.same(name) {
		if e := a.entries.At(i); !e.Beyond && compareNames(string(a.rawName(e)), name) == 0 {
			return i
		}
	}
	return -1
}

// search is miniz's binary search.
func (a *Archive) search(name string) int {
	for l, h := 0, len(a.sorted)-1; l <= h; {
		m := l + (h-l)>>1
		i := int(a.sorted[m])
		switch c := compareNames(string(a.rawName(a.entries.At(i))), name); {
		case c == 0:
			return i
		case c < 0:
			l = m + 1
		default:
			h = m - 1
		}
	}
	return -1
}

// compareNames orders by ASCII lower-case bytes, then length.
func compareNames(a, b string) int {
	for i := range min(len(a), len(b)) {
		if x, y := lowerByte(a[i]), lowerByte(b[i]); x != y {
			return int(x) - int(y)
		}
	}
	return len(a) - len(b)
}

func lowerByte(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// heapSorted returns the order that miniz gives the entries: a heap sort, which
// is not stable, so the order of equal names is its own.
func (a *Archive) heapSorted() []int32 {
	idx := []int32{}
	names := make([]string, a.Len())
	for i := range names {
		e := a.entries.At(i)
		if names[i] = string(a.rawName(e)); !e.Beyond {
			idx = append(idx, int32(i))
		}
	}
	less := func(x, y int32) bool { return compareNames(names[x], names[y]) < 0 }
	sift := func(root, end int) {
		for {
			child := 2*root + 1
			if child >= end {
				return
			}
			if child+1 < end && less(idx[child], idx[child+1]) {
				child++
			}
			if !less(idx[root], idx[child]) {
				return
			}
			idx[root], idx[child] = idx[child], idx[root]
			root = child
		}
	}
	for start := (len(idx) - 2) / 2; len(idx) > 1 && start >= 0; start-- {
		sift(start, len(idx))
	}
	for end := len(idx) - 1; end > 0; end-- {
		idx[0], idx[end] = idx[end], idx[0]
		sift(0, end)
	}
	return idx
}

package strictzip

import (
	"iter"
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
		if a.Entries[i].Name == name {
			exact = i
		}
	}
	return first, last, exact
}

// same yields the entries whose names some loader takes for name.
func (a *Archive) same(name string) iter.Seq[int] {
	return func(yield func(int) bool) {
		i, ok := a.first[fold(name)]
		for ok && i >= 0 && yield(int(i)) {
			i = a.next[i]
		}
	}
}

// Variants returns every entry whose name some loader takes for name.
func (a *Archive) Variants(name string) []int { return slices.Collect(a.same(name)) }

// Locate returns the entry that mz_zip_reader_locate_file of miniz 2.1 and 3.0
// finds, which is what PyTorch loads, or -1.
func (a *Archive) Locate(name string) int {
	for l, h := 0, len(a.sorted)-1; l <= h; {
		m := l + (h-l)>>1
		i := int(a.sorted[m])
		switch c := compareNames(a.Entries[i].RawName, name); {
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
	for i := range a.Entries {
		if !a.Entries[i].Beyond {
			idx = append(idx, int32(i))
		}
	}
	less := func(x, y int32) bool { return compareNames(a.Entries[x].RawName, a.Entries[y].RawName) < 0 }
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

package tensor

import (
	"encoding/binary"
	"math"
	"slices"
)

// bins finds the bin of an element of one type: the one behind the last edge that
// is not above it. A NaN is in none.
type bins struct {
	d           DType
	first, last int64   // the keys that are no NaN
	from        []int64 // the least key of each bin but the first; later bins have none
	n           int     // bins

	// The keys in cells of 1<<shift: their bin, or unsure where an edge lies in a
	// cell. The cells are those from before the first edge to behind the last one,
	// by the numbers of the first and the last.
	table     []int16
	shift     uint
	base, end int64
}

const (
	mostCells = 1 << 14
	unsure    = -1
)

func newBins(d DType, edges []rational) *bins {
	b := &bins{d: d, n: len(edges) + 1}
	if b.first, b.last = d.extremes(); formats[d].infinite {
		b.first, b.last = b.first-1, b.last+1
	}
	for _, e := range edges {
		key, ok := b.least(e.float())
		if !ok {
			break // nor is any value above the next one
		}
		b.from = append(b.from, key)
	}
	b.fill()
	return b
}

// least is the key of the smallest value that is not below x.
func (b *bins) least(x float64) (key int64, ok bool) {
	if b.d.float(b.last) < x {
		return 0, false
	}
	lo, hi := b.first, b.last
	for lo < hi {
		mid := lo + int64(uint64(hi-lo)/2)
		if b.d.float(mid) < x {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, true
}

// fill makes the table.
func (b *bins) fill() {
	if len(b.from) == 0 {
		b.table = []int16{0}
		return
	}
	lo, hi := b.from[0], b.from[len(b.from)-1]
	for uint64(hi>>b.shift-lo>>b.shift) >= mostCells {
		b.shift++
	}
	b.base = max(lo>>b.shift, b.first>>b.shift+1) - 1
	b.end = min(hi>>b.shift, b.last>>b.shift-1) + 1
	b.table = make([]int16, b.end-b.base+1)
	for i := range b.table {
		least := (b.base + int64(i)) << b.shift
		most := least + (1<<b.shift - 1)
		bin := b.search(max(least, b.first))
		if bin != b.search(min(most, b.last)) {
			bin = unsure
		}
		b.table[i] = int16(bin)
	}
}

// search is the bin of a key, or -1 for NaN.
func (b *bins) search(key int64) int {
	if key < b.first || key > b.last || key == -1 && formats[b.d].fnuz {
		return -1
	}
	bin, found := slices.BinarySearch(b.from, key)
	if !found {
		return bin
	}
	// Two edges between two neighbours have the same key.
	for bin < len(b.from) && b.from[bin] == key {
		bin++
	}
	return bin
}

// lanes count next to each other: one alone would wait for itself where many
// elements lie in one bin.
const lanes = 4

// count is how many elements lie in each bin.
func (b *bins) count(data []byte) []int64 {
	n := b.n + 1 // the first of each lane is that of NaN
	of := make([]int64, lanes*n)
	if b.d.Size() == 1 {
		b.bytes(data, of)
		return of[1:n:n]
	}
	if b.d == Float32 {
		data = b.singles(data, of)
	}
	l, size, at := b.d.layout(), b.d.Size(), 0
	table, shift, base, end := b.table, b.shift&63, b.base, b.end
	for i := range len(data) / size {
		key, bin := l.key(load(data, i, size)), unsure
		if key >= b.first && key <= b.last {
			bin = int(table[min(max(key>>shift, base), end)-base])
		}
		if bin == unsure {
			bin = b.search(key)
		}
		of[at+bin+1]++
		if at += n; at == len(of) {
			at = 0
		}
	}
	for i := range of[n:] {
		of[i%n] += of[n+i]
	}
	return of[1:n:n]
}

// singles is count for float32, as far as there are elements for all lanes. It returns
// the rest.
func (b *bins) singles(data []byte, of []int64) []byte {
	n := b.n + 1
	one, two, three, four := of[:n], of[n:2*n], of[2*n:3*n], of[3*n:4*n]
	table, shift, base := b.table, b.shift&63, b.base
	numbers := uint64(b.last - b.first)
	bin := func(bits uint32) int {
		key := int64(int32(bits) ^ int32(bits)>>31&math.MaxInt32)
		cell := max(key>>shift-base, 0)
		if uint64(key-b.first) <= numbers {
			if in := table[min(int(cell), len(table)-1)]; in != unsure {
				return int(in) + 1
			}
		}
		return b.search(key) + 1
	}
	for ; len(data) >= 16; data = data[16:] {
		x, y := binary.LittleEndian.Uint64(data), binary.LittleEndian.Uint64(data[8:])
		one[bin(uint32(x))]++
		two[bin(uint32(x>>32))]++
		three[bin(uint32(y))]++
		four[bin(uint32(y>>32))]++
	}
	return data
}

// bytes is count for the types of one byte: it counts the bytes first.
func (b *bins) bytes(data []byte, of []int64) {
	var each [256]int64
	for _, c := range data {
		each[c]++
	}
	l := b.d.layout()
	for c, n := range each {
		of[b.search(l.key(uint64(c)))+1] += n
	}
}

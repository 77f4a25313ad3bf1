package tensor

import (
	"encoding/binary"
	"math"
)

// A Scanner looks at every element of a tensor once. The data are whole elements
// of a type other than Bytes.
type Scanner func(data []byte, w Want) Scan

// Want is what is asked of the elements. Values are compared by their keys, which
// are integers in the order of the values: -0 lies right below +0, a NaN beyond
// the infinities. Key gives them.
type Want struct {
	DType  DType
	Lo, Hi int64 // a finite value outside is out of range
	Tiny   int64 // a value other than zero whose magnitude lies below is tiny

	// Extremes asks for Min and Max even where nothing is out of range.
	Extremes bool
}

// Scan is what there was. First is -1 where there was none.
type Scan struct {
	NaN, Inf, Tiny, Out Tally
	// Min and Max are keys of the finite values. Min > Max when there are none, and
	// when nothing is out of range and nobody asked for them.
	Min, Max int64
}

// Tally counts offenders.
type Tally struct {
	Count int64
	First int64 // its number in row-major order
}

func (t *Tally) add(i int) {
	if t.Count++; t.Count == 1 {
		t.First = int64(i)
	}
}

// layout says how keys are made: k = extend(bits ^ pre), and the bits below the
// sign are turned where the sign is set.
type layout struct {
	pre   uint64
	shift uint
	mask  int64
}

func (d DType) layout() layout {
	f := &formats[d]
	w := uint(8 * f.size)
	l := layout{shift: 64 - w}
	switch f.kind {
	case floating:
		l.mask = 1<<(w-1) - 1
	case unsigned:
		l.pre = 1 << (w - 1)
	default:
	}
	return l
}

func (l layout) key(bits uint64) int64 {
	k := int64((bits^l.pre)<<l.shift) >> l.shift
	return k ^ (k>>63)&l.mask
}

// Key is the key of element i.
func Key(d DType, data []byte, i int) int64 {
	return d.layout().key(load(data, i, formats[d].size))
}

// keys are the elements of a tensor by number.
func (in *Tensor) keys() func(i int) int64 {
	l, size, data := in.DType.layout(), formats[in.DType].size, in.Data
	return func(i int) int64 { return l.key(load(data, i, size)) }
}

func load(data []byte, i, size int) uint64 {
	switch size {
	case 8:
		return binary.LittleEndian.Uint64(data[8*i:])
	case 4:
		return uint64(binary.LittleEndian.Uint32(data[4*i:]))
	case 2:
		return uint64(binary.LittleEndian.Uint16(data[2*i:]))
	default:
		return uint64(data[i])
	}
}

// ScanPure is the Scanner in plain Go. The first pass only finds the extremes,
// which decide alone when all is well; the second counts.
func ScanPure(data []byte, w Want) Scan {
	f := &formats[w.DType]
	s := Scan{Min: math.MaxInt64, Max: math.MinInt64}
	for _, t := range []*Tally{&s.NaN, &s.Inf, &s.Tiny, &s.Out} {
		t.First = -1
	}
	lo, hi, least := extremes(data, f.size, w.DType.layout())
	if lo > hi {
		return s
	}
	first, last := w.DType.extremes()
	first, last = max(first, w.Lo), min(last, w.Hi)
	if lo >= first && hi <= last && (w.Tiny == 0 || least >= uint64(w.Tiny)) && !f.fnuz {
		if w.Extremes {
			s.Min, s.Max = lo, hi
		}
		return s
	}
	s.count(data, w)
	if s.Out.Count == 0 && !w.Extremes {
		s.Min, s.Max = math.MaxInt64, math.MinInt64
	}
	return s
}

// extremes finds the smallest and the largest key, and the smallest magnitude
// above zero. Less one, zero is the largest. The loops differ in what they load.
func extremes(data []byte, size int, l layout) (lo, hi int64, least uint64) {
	lo, hi = math.MaxInt64, math.MinInt64
	below := uint64(math.MaxUint64)
	switch size {
	case 8:
		for ; len(data) >= 8; data = data[8:] {
			k := int64(binary.LittleEndian.Uint64(data) ^ l.pre)
			k ^= (k >> 63) & l.mask
			lo, hi, below = min(lo, k), max(hi, k), min(below, uint64(k^k>>63)-1)
		}
	case 4:
		for ; len(data) >= 4; data = data[4:] {
			k := int64(int32(binary.LittleEndian.Uint32(data) ^ uint32(l.pre)))
			k ^= (k >> 63) & l.mask
			lo, hi, below = min(lo, k), max(hi, k), min(below, uint64(k^k>>63)-1)
		}
	case 2:
		for ; len(data) >= 2; data = data[2:] {
			k := int64(int16(binary.LittleEndian.Uint16(data) ^ uint16(l.pre)))
			k ^= (k >> 63) & l.mask
			lo, hi, below = min(lo, k), max(hi, k), min(below, uint64(k^k>>63)-1)
		}
	default:
		for _, b := range data {
			k := int64(int8(b ^ byte(l.pre)))
			k ^= (k >> 63) & l.mask
			lo, hi, below = min(lo, k), max(hi, k), min(below, uint64(k^k>>63)-1)
		}
	}
	if below == math.MaxUint64 {
		return lo, hi, below
	}
	return lo, hi, below + 1
}

func (s *Scan) count(data []byte, w Want) {
	f, l := formats[w.DType], w.DType.layout()
	for i := range len(data) / f.size {
		k := l.key(load(data, i, f.size))
		if f.kind == floating {
			switch m := k ^ k>>63; {
			case f.fnuz && k == -1, f.infinite && m > f.top+1, !f.infinite && m > f.top:
				s.NaN.add(i)
				continue
			case m > f.top:
				s.Inf.add(i)
				continue
			case m > 0 && m < w.Tiny:
				s.Tiny.add(i)
			}
		}
		if k < w.Lo || k > w.Hi {
			s.Out.add(i)
		}
		s.Min, s.Max = min(s.Min, k), max(s.Max, k)
	}
}

// Float is the value of a key. It is exact for all but integers of 64 bits.
func (d DType) Float(key int64) float64 { return d.float(key) }

// Finite reports whether a key is neither NaN nor an infinity.
func (d DType) Finite(key int64) bool { return d.isNumber(key) }

// Show spells the value of a key, exactly.
func (d DType) Show(key int64) string { return d.show(key) }

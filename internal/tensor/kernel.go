package tensor

import (
	"math"

	"github.com/andiron-dev/andiron/internal/kernel"
)

// kernelTypes has the kernel's type of each. A bool is compared like any byte:
// its range is that of the schema, 0 and 1.
var kernelTypes = [...]kernel.DType{
	Float64: kernel.Float64, Float32: kernel.Float32, Float16: kernel.Float16, BFloat16: kernel.BFloat16,
	Float8E4M3FN: kernel.Float8E4M3FN, Float8E5M2: kernel.Float8E5M2,
	Float8E4M3FNUZ: kernel.Float8E4M3FNUZ, Float8E5M2FNUZ: kernel.Float8E5M2FNUZ,
	Int64: kernel.Int64, Int32: kernel.Int32, Int16: kernel.Int16, Int8: kernel.Int8,
	Uint64: kernel.Uint64, Uint32: kernel.Uint32, Uint16: kernel.Uint16, Uint8: kernel.Uint8,
	Bool: kernel.Uint8,
}

// ScanKernel is the Scanner at the speed of memory. It sees what ScanPure sees,
// which is left what the kernel has no words for: a range that is empty, or that
// ends between the two zeros.
func ScanKernel(data []byte, w Want) Scan {
	if want, ok := w.kernel(); ok {
		if st, err := kernel.Scan(kernelTypes[w.DType], data, want); err == nil {
			return scanOf(w, &st)
		}
	}
	return ScanPure(data, w)
}

// kernel says the same in the words of the kernel, which are the bits of elements.
func (w Want) kernel() (want kernel.Want, ok bool) {
	f := &formats[w.DType]
	want.Extremes = w.Extremes
	if f.kind == floating {
		if w.Tiny < 0 {
			return want, false
		}
		want.Tiny = uint64(w.Tiny)
	}
	first, last := w.DType.extremes()
	lo, hi := max(w.Lo, first), min(w.Hi, last)
	if f.fnuz { // -1 is the key of the NaN, and next to it are 0 and -2
		if lo == -1 {
			lo = 0
		}
		if hi == -1 {
			hi = -2
		}
	}
	if lo > hi || f.kind == floating && !f.fnuz && (lo == 0 || hi == -1) {
		return want, false
	}
	if lo > first || hi < last {
		want.In = &kernel.Range{Lo: w.DType.bits(lo), Hi: w.DType.bits(hi)}
	}
	return want, true
}

// bits undoes layout.key.
func (d DType) bits(key int64) uint64 {
	l := d.layout()
	k := uint64(key^(key>>63)&l.mask) ^ l.pre
	return k << l.shift >> l.shift
}

func scanOf(w Want, st *kernel.Stats) Scan {
	s := Scan{
		NaN: tally(st.NaN), Inf: tally(st.PosInf, st.NegInf), Tiny: tally(st.Tiny), Out: tally(st.Below, st.Above),
		Min: math.MaxInt64, Max: math.MinInt64,
	}
	if st.Finite > 0 && (w.Extremes || s.Out.Count > 0) {
		l := w.DType.layout()
		s.Min, s.Max = l.key(st.Min), l.key(st.Max)
	}
	return s
}

// tally adds counts up. The first is that of the first of any.
func tally(counts ...kernel.Count) Tally {
	t := Tally{First: -1}
	for _, c := range counts {
		if c.N > 0 && (t.Count == 0 || c.First < t.First) {
			t.First = c.First
		}
		t.Count += c.N
	}
	return t
}

// Package kernel looks at every element of a tensor once and says what a
// validator asks about values: is there a NaN, an infinity, something out of
// range, something tiny; how many, and which is the first; and what are the
// least and the greatest element.
//
// Memory is the limit. Routines in assembly find the extremes of a block of
// elements at the speed at which one core reads; extremes alone decide that a
// block is clean. Only what is not clean is looked at element by element.
//
// Mostly nobody asks for the extremes of a tensor with which nothing is wrong. Then
// bounds on what a routine finds are enough, and these may be coarse (see fine): of
// float32 the upper halves tell almost always. Where they do not, the rest is looked
// at exactly.
//
// # How extremes decide
//
// Elements are compared as integers, never as floats, so that no setting of
// the processor matters and subnormal numbers are not slow. As an unsigned
// integer a float that is negative is above all that are not, and among
// those of one sign the magnitude decides. Hence of the elements' bits
//
//	smallest unsigned   is the least element, if none is negative;
//	                    the greatest, if all are
//	greatest unsigned   is the least element, if one is negative;
//	                    the greatest, if none is
//	greatest signed     is the greatest element, if one is not negative
//
// Two of the three are enough, and which two depends on whether the signs of
// a block are mixed (see either). A NaN has a magnitude above infinity's,
// so it is itself the least or the greatest: the range check finds NaN and
// infinity as well. A tiny element is one with 0 < m < t for its magnitude m.
// As unsigned integers that is m-1 < t-1, because 0-1 is the greatest of all,
// so the smallest m-1 decides. Where there is no zero, or no sign, less than
// that does (see normal). The fnuz types have their NaN where others
// have minus zero; it is the smallest signed integer.
//
// # Security
//
// This package is made for hostile input. Any bytes are elements, misaligned
// ones too. Time is linear: no contents make a block be read more than fourteen
// times by the routines and once element by element. Nothing is allocated.
// The assembly reads within the slice it is given, and at most 128 KiB a
// call, so that it never keeps the scheduler waiting.
//
// # Limits
//
// There are none but the length of the slice.
//
// # Specification
//
// IEEE 754-2019 §3.4 for binary64, binary32 and binary16; bfloat16 is the upper
// half of binary32. OCP 8-bit Floating Point Specification 1.0 for e4m3 (fn:
// it has no infinity, and one NaN per sign) and e5m2; arXiv:2206.02915 for the
// fnuz types. The names are torch's.
package kernel

import "fmt"

// Range is closed. Its ends are elements of the tensor's type, as their bits:
// an int8 of -1 is 0xff. A float's range that begins or ends at zero holds
// zeros of both signs.
type Range struct{ Lo, Hi uint64 }

// Want says what Scan looks for beside what is wrong in itself, which is a NaN,
// an infinity, and a bool that is neither 0 nor 1.
type Want struct {
	In   *Range // nil: any
	Tiny uint64 // a positive float, as its bits: what is nearer to zero, and not zero, is tiny; 0: nothing is

	// Extremes asks for the least and the greatest element even if none is out of
	// the range. To find them costs a little more than to see that.
	Extremes bool
}

// Count is of elements. First is the index of the first; it means nothing if N
// is 0.
type Count struct{ N, First int64 }

// Stats is what Scan saw.
type Stats struct {
	Elements int64

	// No element is counted by two of these.
	NaN, PosInf, NegInf Count
	Below, Above        Count // out of Want.In, and finite
	NotBool             Count

	Tiny Count // by Want.Tiny, whether in range or not

	// Finite is how many elements are neither NaN nor infinite, nor NotBool.
	// Min and Max are the least and the greatest of those, as their bits. They are
	// 0 if Finite is, and if nothing is Below or Above and Want.Extremes is not set.
	// Minus zero is less than zero.
	Finite   int64
	Min, Max uint64
}

const (
	// block is what a routine gets at once. It fits the second cache.
	block = 128 << 10
	// part is what is looked at element by element, when it is not clean.
	part = 4 << 10
	// sample is how many elements are looked at to guess what the rest is like.
	sample = 8
)

// Scan looks at the elements of data, which is contiguous and little-endian. It
// is an error if there is no such type, if the length is not a multiple of the
// element's, or if want makes no sense for the type.
func Scan(d DType, data []byte, want Want) (s Stats, err error) {
	err = best.scan(&s, d, data, want)
	return s, err
}

// scan sets s, which is zero, and stays so if there is an error. Stats are many
// words: for a small tensor it would be slow to copy them.
func (r *routines) scan(s *Stats, d DType, data []byte, want Want) error {
	f, ok := d.format()
	if !ok {
		return fmt.Errorf("kernel: there is no type %d", uint8(d))
	}
	b, ok := f.bounds(want)
	if !ok {
		if err := f.check(want); err != nil {
			return err
		}
	}
	if len(data)&(f.size-1) != 0 {
		return fmt.Errorf("kernel: %d bytes of %s: not a multiple of %d", len(data), f.name, f.size)
	}
	n := 0
	if ok {
		n = r.fine(f, data, b)
	}
	if n < len(data) {
		r.exact(s, f, data, n, want)
		return nil
	}
	s.Elements = int64(len(data) >> (f.log & 3))
	s.Finite = s.Elements
	return nil
}

// exact looks at what lies behind the n bytes that are fine.
func (r *routines) exact(s *Stats, f *format, data []byte, n int, want Want) {
	p := pass{format: f, routines: r, tiny: want.Tiny, extremal: want.Extremes}
	p.prepare(want)
	p.finite = p.elements(data[:n])
	if f.kind == float {
		p.guess(data)
	}
	for at := n; at < len(data); at += block {
		b := data[at:min(at+block, len(data))]
		if !p.clean(b) {
			p.divide(b, p.elements(data[:at]))
		}
	}
	if p.counts[below].N > 0 || p.counts[above].N > 0 {
		p.extremal = true
		p.revisit(data[:n])
	}
	p.stats(s, p.elements(data))
}

// pass is one call of Scan.
type pass struct {
	*format
	routines *routines
	tiny     uint64
	extremal bool // the extremes are wanted
	mixed    bool // elements of both signs are expected
	zeros    bool // zeros are expected, or what is tiny

	// These are keys: the ends of the range, and of what is wrong in no way.
	lo, hi           uint64
	cleanLo, cleanHi uint64
	least, greatest  uint64 // so far, if finite is not 0

	finite  int64
	counted bool // something was looked at by element
	counts  [faults]Count
}

// stats sets s.
func (p *pass) stats(s *Stats, elements int64) {
	s.Elements, s.Finite = elements, p.finite
	if p.finite > 0 && p.extremal {
		s.Min, s.Max = p.unkey(p.least), p.unkey(p.greatest)
	}
	if !p.counted {
		return
	}
	s.NaN, s.PosInf, s.NegInf = p.counts[nan], p.counts[posInf], p.counts[negInf]
	s.Below, s.Above = p.counts[below], p.counts[above]
	s.NotBool, s.Tiny = p.counts[notBool], p.counts[tiny]
}

// elements is how many are in b.
func (p *pass) elements(b []byte) int64 { return int64(len(b) >> (p.log & 3)) }

// check says what makes no sense.
func (f *format) check(want Want) error {
	if want.In != nil {
		if err := f.checkRange(want.In); err != nil {
			return err
		}
	}
	if want.Tiny != 0 && f.kind != float {
		return fmt.Errorf("kernel: %s has no tiny elements", f.name)
	}
	if want.Tiny > f.huge {
		return fmt.Errorf("kernel: %#x is not a positive %s", want.Tiny, f.name)
	}
	return nil
}

func (f *format) checkRange(in *Range) error {
	for _, end := range [...]uint64{in.Lo, in.Hi} {
		if end > f.mask || !f.ordered(end) {
			return fmt.Errorf("kernel: %#x is not an end of a range of %s", end, f.name)
		}
	}
	if lo, hi := f.ends(in); lo > hi {
		return fmt.Errorf("kernel: the range of %s from %#x to %#x is empty", f.name, in.Lo, in.Hi)
	}
	return nil
}

// ends are keys.
func (f *format) ends(in *Range) (lo, hi uint64) {
	lo, hi = in.Lo, in.Hi
	if f.kind == float && !f.fnuz { // both zeros
		if lo == 0 {
			lo = f.sign
		}
		if hi == f.sign {
			hi = 0
		}
	}
	return f.key(lo), f.key(hi)
}

// prepare makes keys of what is wanted.
func (p *pass) prepare(want Want) {
	p.hi = p.mask
	if want.In != nil {
		p.lo, p.hi = p.ends(want.In)
	}
	p.cleanLo, p.cleanHi = max(p.lo, p.finiteLo), min(p.hi, p.finiteHi)
	p.least, p.greatest = p.mask, 0
}

// divide looks at a block that is not clean in parts.
func (p *pass) divide(b []byte, first int64) {
	if len(b) <= part {
		p.count(b, first)
		return
	}
	for at := 0; at < len(b); at += part {
		c := b[at:min(at+part, len(b))]
		if !p.clean(c) {
			p.count(c, first+p.elements(b[:at]))
		}
	}
}

// revisit takes the extremes of what is fine.
func (p *pass) revisit(data []byte) {
	for at := 0; at < len(data); at += block {
		least, greatest, _ := p.extremes(data[at:min(at+block, len(data))])
		p.least, p.greatest = min(p.least, p.key(least)), max(p.greatest, p.key(greatest))
	}
}

// clean says whether nothing is wrong in b, and then takes its extremes.
func (p *pass) clean(b []byte) bool {
	least, greatest, small := p.extremes(b)
	least, greatest = p.key(least), p.key(greatest)
	if small || least < p.cleanLo || greatest > p.cleanHi {
		return false
	}
	if p.fnuz {
		if nan, _, _ := p.routines.run(opSigned, p.log, b, 0); nan == p.sign {
			return false
		}
	}
	p.least, p.greatest = min(p.least, least), max(p.greatest, greatest)
	p.finite += p.elements(b)
	return true
}

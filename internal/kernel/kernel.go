// Package kernel looks at every element of a tensor once and says what a
// validator asks about values: is there a NaN, an infinity, something out of
// range, something tiny; how many, and which is the first; and what are the
// least and the greatest element.
//
// Memory is the limit. Routines in assembly find the extremes of a block of
// elements at the speed at which one core reads; extremes alone decide that a
// block is clean. Only what is not clean is looked at element by element.
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
// a block are mixed (see extremes). A NaN has a magnitude above infinity's,
// so it is itself the least or the greatest: the range check finds NaN and
// infinity as well. A tiny element is one with 0 < m < t for its magnitude m.
// As unsigned integers that is m-1 < t-1, because 0-1 is the greatest of all,
// so the smallest m-1 decides. The fnuz types have their NaN where others
// have minus zero; it is the smallest signed integer.
//
// # Security
//
// This package is made for hostile input. Any bytes are elements, misaligned
// ones too. Time is linear: no contents make a block be read more than six
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

import (
	"encoding/binary"
	"fmt"
)

// Range is closed. Its ends are elements of the tensor's type, as their bits:
// an int8 of -1 is 0xff. A float's range that begins or ends at zero holds
// zeros of both signs.
type Range struct{ Lo, Hi uint64 }

// Want says what Scan looks for beside what is wrong in itself, which is a NaN,
// an infinity, and a bool that is neither 0 nor 1.
type Want struct {
	In   *Range // nil: any
	Tiny uint64 // a positive float, as its bits: what is nearer to zero, and not zero, is tiny; 0: nothing is
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
	// Min and Max are the least and the greatest of those, as their bits; they
	// mean nothing if Finite is 0. Minus zero is less than zero.
	Finite   int64
	Min, Max uint64
}

const (
	// block is what a routine gets at once. It fits the second cache.
	block = 128 << 10
	// part is what is looked at element by element, when it is not clean.
	part = 4 << 10
)

// Scan looks at the elements of data, which is contiguous and little-endian. It
// is an error if there is no such type, if the length is not a multiple of the
// element's, or if want makes no sense for the type.
func Scan(d DType, data []byte, want Want) (Stats, error) {
	return scan(&best, d, data, want)
}

func scan(r *routines, d DType, data []byte, want Want) (Stats, error) {
	p, err := newPass(r, d, want)
	if err != nil {
		return Stats{}, err
	}
	size := d.Size()
	if len(data)%size != 0 {
		return Stats{}, fmt.Errorf("kernel: %d bytes of %s: not a multiple of %d", len(data), d, size)
	}
	p.stats.Elements = int64(len(data) / size)
	p.guess(data)
	for at := 0; at < len(data); at += block {
		b := data[at:min(at+block, len(data))]
		if !p.clean(b) {
			p.divide(b, int64(at/size))
		}
	}
	return p.stats, nil
}

// pass is one call of Scan.
type pass struct {
	format
	routines *routines
	stats    Stats
	lo, hi   uint64 // keys of the range
	// Keys of the least and greatest element that is wrong in no way.
	floor, ceil uint64
	tiny        uint64
	mixed       bool // elements of both signs are expected
}

func newPass(r *routines, d DType, want Want) (pass, error) {
	f, ok := d.format()
	if !ok {
		return pass{}, fmt.Errorf("kernel: there is no type %d", uint8(d))
	}
	p := pass{format: f, routines: r, tiny: want.Tiny, hi: f.mask()}
	if err := p.setRange(d, want.In); err != nil {
		return pass{}, err
	}
	if want.Tiny != 0 && f.kind != float {
		return pass{}, fmt.Errorf("kernel: %s has no tiny elements", d)
	}
	if want.Tiny > f.huge {
		return pass{}, fmt.Errorf("kernel: %#x is not a positive %s", want.Tiny, d)
	}
	p.floor, p.ceil = p.lo, p.hi
	switch f.kind {
	case float:
		p.floor = max(p.floor, p.key(f.huge|f.sign()))
		p.ceil = min(p.ceil, p.key(f.huge))
	case boolean:
		p.ceil = min(p.ceil, 1)
	case unsigned, signed:
	}
	return p, nil
}

func (p *pass) setRange(d DType, in *Range) error {
	if in == nil {
		return nil
	}
	lo, hi := in.Lo, in.Hi
	for _, end := range []uint64{lo, hi} {
		if end > p.mask() || p.special(end) == isNaN || p.special(end) == isNotBool {
			return fmt.Errorf("kernel: %#x is not an end of a range of %s", end, d)
		}
	}
	if p.kind == float && !p.fnuz { // both zeros
		if lo == 0 {
			lo = p.sign()
		}
		if hi == p.sign() {
			hi = 0
		}
	}
	p.lo, p.hi = p.key(lo), p.key(hi)
	if p.lo > p.hi {
		return fmt.Errorf("kernel: the range of %s from %#x to %#x is empty", d, in.Lo, in.Hi)
	}
	return nil
}

// guess looks at a few elements, since the sign of most decides which routine
// need not be followed by another.
func (p *pass) guess(data []byte) {
	if p.kind != float {
		return
	}
	size := p.bits / 8
	step := max(len(data)/size/8, 1) * size
	seen := 0
	negative := 0
	for at := size - 1; at < len(data); at += step {
		seen++
		negative += int(data[at] >> 7)
	}
	p.mixed = negative > 0 && negative < seen
}

// divide looks at a block that is not clean in parts.
func (p *pass) divide(b []byte, first int64) {
	size := p.bits / 8
	if len(b) <= part {
		p.count(b, first)
		return
	}
	for at := 0; at < len(b); at += part {
		c := b[at:min(at+part, len(b))]
		if !p.clean(c) {
			p.count(c, first+int64(at/size))
		}
	}
}

// clean says whether nothing is wrong in b, and then takes its extremes.
func (p *pass) clean(b []byte) bool {
	least, greatest, tiny := p.extremes(b)
	if p.key(least) < p.floor || p.key(greatest) > p.ceil {
		return false
	}
	if p.tiny != 0 && tiny < p.tiny-1 {
		return false
	}
	if p.fnuz {
		if nan, _, _ := p.routines.run(opSigned, p.bits, b); nan == p.sign() {
			return false
		}
	}
	p.take(least, greatest, int64(len(b)/(p.bits/8)))
	return true
}

// extremes are the least and the greatest element of b, in the order of their
// keys, and the smallest magnitude less one if that is wanted.
func (p *pass) extremes(b []byte) (least, greatest, tiny uint64) {
	if p.kind == signed {
		return p.routines.run(opSigned, p.bits, b)
	}
	plain, split := opPlain, opSplit
	if p.tiny != 0 {
		plain, split = opPlainTiny, opSplitTiny
	}
	sign := p.sign()
	if p.mixed {
		umax, smax, tiny := p.routines.run(split, p.bits, b)
		if umax >= sign && smax < sign {
			return umax, smax, tiny
		}
		p.mixed = false // they all have one sign
	}
	umin, umax, tiny := p.routines.run(plain, p.bits, b)
	switch {
	case p.kind != float || umax < sign:
		return umin, umax, tiny
	case umin >= sign:
		return umax, umin, tiny
	}
	p.mixed = true
	umax, smax, tiny := p.routines.run(split, p.bits, b)
	return umax, smax, tiny
}

// take adds n elements with these extremes, none of which is wrong.
func (p *pass) take(least, greatest uint64, n int64) {
	s := &p.stats
	if s.Finite == 0 || p.key(least) < p.key(s.Min) {
		s.Min = least
	}
	if s.Finite == 0 || p.key(greatest) > p.key(s.Max) {
		s.Max = greatest
	}
	s.Finite += n
}

func (c *Count) add(i int64) {
	if c.N == 0 {
		c.First = i
	}
	c.N++
}

// count looks at every element of b; the first has the index given.
func (p *pass) count(b []byte, first int64) {
	switch p.bits {
	case 8:
		for i, v := range b {
			p.element(uint64(v), first+int64(i))
		}
	case 16:
		for ; len(b) >= 2; b, first = b[2:], first+1 {
			p.element(uint64(binary.LittleEndian.Uint16(b)), first)
		}
	case 32:
		for ; len(b) >= 4; b, first = b[4:], first+1 {
			p.element(uint64(binary.LittleEndian.Uint32(b)), first)
		}
	case 64:
		for ; len(b) >= 8; b, first = b[8:], first+1 {
			p.element(binary.LittleEndian.Uint64(b), first)
		}
	}
}

func (p *pass) element(b uint64, i int64) {
	s := &p.stats
	switch p.special(b) {
	case isNaN:
		s.NaN.add(i)
		return
	case isInf:
		if b&p.sign() != 0 {
			s.NegInf.add(i)
		} else {
			s.PosInf.add(i)
		}
		return
	case isNotBool:
		s.NotBool.add(i)
		return
	case isPlain:
	}
	if k := p.key(b); k < p.lo {
		s.Below.add(i)
	} else if k > p.hi {
		s.Above.add(i)
	}
	if m := b &^ p.sign(); p.tiny != 0 && m != 0 && m < p.tiny {
		s.Tiny.add(i)
	}
	p.take(b, b, 1)
}

type special uint8

const (
	isPlain special = iota
	isNaN
	isInf
	isNotBool
)

func (f *format) special(b uint64) special {
	m := b &^ f.sign()
	switch {
	case f.kind == boolean && b > 1:
		return isNotBool
	case f.kind != float || m <= f.huge && (!f.fnuz || b != f.sign()):
		return isPlain
	case f.inf != 0 && m == f.inf:
		return isInf
	default:
		return isNaN
	}
}

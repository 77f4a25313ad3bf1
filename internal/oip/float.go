package oip

import (
	"math"
	"math/bits"
	"strconv"
)

const maxPower = 64 // the tables have 10^-64 to 10^63

// powers are the powers of ten, each rounded to float64.
var powers = [2 * maxPower]float64{
	1e-64, 1e-63, 1e-62, 1e-61, 1e-60, 1e-59, 1e-58, 1e-57, 1e-56, 1e-55, 1e-54, 1e-53, 1e-52, 1e-51, 1e-50, 1e-49,
	1e-48, 1e-47, 1e-46, 1e-45, 1e-44, 1e-43, 1e-42, 1e-41, 1e-40, 1e-39, 1e-38, 1e-37, 1e-36, 1e-35, 1e-34, 1e-33,
	1e-32, 1e-31, 1e-30, 1e-29, 1e-28, 1e-27, 1e-26, 1e-25, 1e-24, 1e-23, 1e-22, 1e-21, 1e-20, 1e-19, 1e-18, 1e-17,
	1e-16, 1e-15, 1e-14, 1e-13, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1,
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
	1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22, 1e23, 1e24, 1e25, 1e26, 1e27, 1e28, 1e29, 1e30, 1e31,
	1e32, 1e33, 1e34, 1e35, 1e36, 1e37, 1e38, 1e39, 1e40, 1e41, 1e42, 1e43, 1e44, 1e45, 1e46, 1e47,
	1e48, 1e49, 1e50, 1e51, 1e52, 1e53, 1e54, 1e55, 1e56, 1e57, 1e58, 1e59, 1e60, 1e61, 1e62, 1e63,
}

const (
	// The normal numbers of float32, as bits of float64: the rounding of what lies
	// between them is that of the 29 bits that float32 does not have.
	leastNormal32 = 0x3810000000000000 // 2^-126
	mostNormal32  = 0x47efffffe0000000 // the largest float32
	lost          = 1<<29 - 1
	half          = 1 << 28
)

// single rounds to float32. The product is off by less than two units in the last
// place of float64, which decides nothing but close to the middle of two float32:
// ok is false there, and where the result is not a normal number.
func (d decimal) single() (f uint32, ok bool) {
	i := uint(d.exp + maxPower)
	if i >= 2*maxPower {
		return 0, false
	}
	x := float64(int64(d.mant)) * powers[i]
	u := math.Float64bits(x)
	if u-leastNormal32 > mostNormal32-leastNormal32 || u&lost-(half-8) <= 16 {
		return 0, d.mant == 0
	}
	return math.Float32bits(float32(x)), true
}

// double rounds to float64, or reports that it cannot tell. Up to 2^53 and 10^22
// both operands are exact, and so there is one rounding (Clinger, "How to read
// floating point numbers accurately", 1990).
func (d decimal) double() (f uint64, ok bool) {
	if d.mant < 1<<53 && uint(d.exp+22) <= 44 {
		x := float64(int64(d.mant))
		if d.exp < 0 {
			return math.Float64bits(x / powers[maxPower-d.exp]), true
		}
		return math.Float64bits(x * powers[maxPower+d.exp]), true
	}
	return d.wide()
}

// wide multiplies by the first 128 bits of the power, and tells where what they
// lack could change the rounding (after Lemire, "Number parsing at a gigabyte per
// second", 2021, with the doubtful cases left out).
//
// A power is T * 2^e, with T from 2^127 on and rounded down. mant is shifted to
// have its top bit set, so that the product has 191 or 192 bits and is too low by
// less than one unit of its upper 128, which are hi and lo: the true value lies
// from hi:lo to below hi:lo+2.
func (d decimal) wide() (f uint64, ok bool) {
	i := uint(d.exp + maxPower)
	if i >= 2*maxPower || d.mant == 0 {
		return 0, d.mant == 0
	}
	lead := bits.LeadingZeros64(d.mant)
	w := d.mant << (lead & 63)
	t := &wides[i]
	hi, mid := bits.Mul64(w, t[0])
	up, _ := bits.Mul64(w, t[1])
	lo, carry := bits.Add64(mid, up, 0)
	hi += carry

	shift := (9 + hi>>63) & 63 // the mask saves a comparison
	below := uint64(1)<<shift - 1
	m, rest := hi>>shift, hi&below // m has 54 bits: one more than float64 has
	if rest == below && lo >= math.MaxUint64-1 || rest == 0 && lo == 0 && m&3 == 1 {
		return 0, false
	}
	m = (m + m&1) >> 1
	// 217706/2^16 is log2(10), close enough for these powers.
	e := (217706*d.exp)>>16 - 127 - lead + 129 + int(shift) + 1023 + 52
	if m == 1<<53 {
		m >>= 1
		e++
	}
	if e < 1 || e > 2046 {
		return 0, false
	}
	return uint64(e)<<52 | m&(1<<52-1), true
}

// slow rounds what the others leave. ok is false beyond the largest number.
func slow(number []byte, size int) (f float64, ok bool) {
	f, err := strconv.ParseFloat(string(number), size)
	return f, err == nil
}

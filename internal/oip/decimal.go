package oip

import (
	"encoding/binary"
	"math/bits"
)

// decimal is a number as it is written: mant * 10^exp, and a sign. mant is below
// 2^63.
type decimal struct {
	mant uint64
	exp  int
	neg  bool
}

const (
	ones  = 0x0101010101010101
	tops  = 0x80 * ones
	zeros = '0' * ones
	room  = 48          // bytes that a quick reader may look at
	full  = 1<<63 - 1e8 // a mantissa to which eight digits cannot be added
)

// eight is the next eight bytes, combined with '0' by xor: a digit is below 10.
func eight(b []byte, p int) uint64 { return binary.LittleEndian.Uint64(b[p:]) ^ zeros }

// leading counts the digits that stand first in t.
func leading(t uint64) int {
	return bits.TrailingZeros64(((t+0x76*ones)|t)&tops) >> 3
}

// digits says whether all of t are.
func digits(t uint64) bool { return ((t+0x76*ones)|t)&tops == 0 }

// number is the value of the n digits that stand first in t, from 1 to 8.
func number(t uint64, n int) uint64 { return eightDigits(t << ((64 - 8*uint(n)) & 63)) }

// eightDigits is the value of t: pairs of digits, then four, then eight, each by one
// multiplication.
func eightDigits(t uint64) uint64 {
	const pair = 0x000000ff000000ff
	t = t*10 + t>>8
	return ((t&pair)*(100+1000000<<32) + (t>>16&pair)*(1+10000<<32)) >> 32
}

// tens are the powers of ten by which digits are appended.
var tens = [16]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}

// fraction appends the digits at p, of which t has the first eight, to a mantissa
// below 10^7. end is 0 where there are none, or more than 63 bits hold.
func fraction(b []byte, p int, t, mant uint64) (m uint64, exp, end int) {
	n := leading(t)
	if n == 0 {
		return 0, 0, 0
	}
	mant = mant*tens[n&15] + number(t, n)
	if n < 8 {
		return mant, -n, p + n
	}
	t = eight(b, p+8)
	n = leading(t)
	if n == 0 {
		return mant, -8, p + 8
	}
	hi, lo := bits.Mul64(mant, tens[n&15])
	if hi != 0 || lo >= full {
		return 0, 0, 0
	}
	mant = lo + number(t, n)
	if n < 8 {
		return mant, -n - 8, p + 8 + n
	}
	return fractionEnd(b, p+16, mant)
}

// fractionEnd appends digits from the seventeenth on.
func fractionEnd(b []byte, p int, mant uint64) (m uint64, exp, end int) {
	t := eight(b, p)
	n := leading(t)
	if n == 0 {
		return mant, -16, p
	}
	hi, lo := bits.Mul64(mant, tens[n&15])
	if n == 8 || hi != 0 || lo >= full {
		return 0, 0, 0
	}
	return lo + number(t, n), -16 - n, p + n
}

// quick reads a number whose digits fit 63 bits, or reports that it did not: end is
// 0 then. It takes nothing that JSON does not have, and leaves to slow what is rare.
func quick(b []byte, p int) (d decimal, end int, ok bool) {
	if p+room > len(b) {
		return d, 0, false
	}
	if b[p] == '-' {
		d.neg = true
		p++
	}
	t := eight(b, p)
	n := leading(t)
	if n == 0 || n > 1 && byte(t) == 0 {
		return d, 0, false
	}
	if n == 8 {
		p = d.long(b, p)
	} else {
		d.mant = number(t, n)
		p += n
		if b[p] == '.' {
			d.mant, d.exp, p = fraction(b, p+1, eight(b, p+1), d.mant)
		}
	}
	if p == 0 {
		return d, 0, false
	}
	if b[p]|0x20 == 'e' {
		return d.power(b, p+1)
	}
	return d, p, true
}

// long reads digits with a point in or behind them, 18 at most.
func (d *decimal) long(b []byte, p int) (end int) {
	n, point := 0, -1
	for ; n <= 18; p++ {
		c := b[p] - '0'
		if c > 9 {
			if b[p] != '.' || point >= 0 {
				break
			}
			point = n
			continue
		}
		d.mant = d.mant*10 + uint64(c)
		n++
	}
	if n > 18 || point == n {
		return 0
	}
	if point >= 0 {
		d.exp = point - n
	}
	return p
}

// power reads an exponent of at most four digits. end is 0 where there is none.
func (d decimal) power(b []byte, p int) (to decimal, end int, ok bool) {
	minus := b[p] == '-'
	if minus || b[p] == '+' {
		p++
	}
	from, e := p, 0
	for ; b[p]-'0' < 10; p++ {
		if p-from == 4 {
			return d, 0, false
		}
		e = e*10 + int(b[p]-'0')
	}
	if minus {
		e = -e
	}
	if p == from {
		return d, 0, false
	}
	d.exp += e
	return d, p, true
}

// scanNumber finds the end of a number of JSON, and whether it is an integer. ok is
// false where it is none.
func scanNumber(b []byte, p int) (end int, integer, ok bool) {
	at := func(i int) byte {
		if i < len(b) {
			return b[i]
		}
		return 0
	}
	run := func() bool {
		from := p
		for at(p)-'0' < 10 {
			p++
		}
		return p > from
	}
	if at(p) == '-' {
		p++
	}
	if at(p) == '0' {
		p++
	} else if !run() {
		return p, false, false
	}
	integer, ok = true, true
	if at(p) == '.' {
		p++
		integer, ok = false, run()
	}
	if ok && at(p)|0x20 == 'e' {
		if p++; at(p) == '+' || at(p) == '-' {
			p++
		}
		integer, ok = false, run()
	}
	if at(p)-'0' < 10 { // digits behind a leading zero
		ok = false
	}
	return p, integer, ok
}

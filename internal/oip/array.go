package oip

import (
	"encoding/binary"
	"math"
)

// The functions of this file read numbers that are followed by a comma and at most
// one space, as all but the last of a list mostly are. Each stops in front of the
// first that is not, that its type may not have, or for which dst has no room, and
// says how many it read and where it stopped. What they leave is read by element.

// rows are lists of numbers in a list: of so many numbers each, of which so many are
// left in the one that was begun, and of which the bracket of that one is at. Those
// of width 0 are none, but the numbers of one list.
type rows struct{ width, left, at int }

// turn goes from the end of a row, which is wanted at q, to the next one, and returns
// where its bracket is; 0 is nowhere.
func (r *rows) turn(b []byte, q int) int {
	if q+4 >= len(b) || b[q] != ']' || b[q+1] != ',' {
		return 0
	}
	if q += 2; b[q] == ' ' {
		q++
	}
	if b[q] != '[' {
		return 0
	}
	r.at, r.left = q, r.width+1
	return q
}

// end is what is returned of n numbers that end at p. What was read of a row that was
// not finished is left.
func (r *rows) end(n, p int) (int, int) {
	if r.width == 0 {
		return n, p
	}
	return n - (r.width - r.left), r.at
}

// few is how many elements are not worth a window.
const few = 8

// singles reads float32.
func singles(dst, b []byte, p int, r rows) (n, end int) {
	from := len(dst)
	for len(dst) >= 4 && p+room <= len(b) {
		q, d := p, decimal{}
		sign := minus(b[q])
		q += int(sign)
		if c := b[q] - '0'; c <= 9 && b[q+1] == '.' {
			t := eight(b, q+2)
			if n := leading(t); n&7 != 0 { // from 1 to 7 digits
				d.mant, d.exp, q = uint64(c)*tens[n&7]+number(t, n), -n, q+2+n
			} else {
				d.mant, d.exp, q = fraction(b, q+2, t, uint64(c))
			}
			if b[q]|0x20 == 'e' {
				d, q, _ = d.power(b, q+1)
			}
		} else if d, q, _ = quick(b, q); d.neg { // a second sign
			break
		}
		if q <= p || b[q] != ',' && r.left != 1 {
			break
		}
		f, ok := d.single()
		if !ok {
			break
		}
		if r.left == 1 {
			if q = r.turn(b, q); q == 0 {
				break
			}
		}
		r.left--
		binary.LittleEndian.PutUint32(dst, f|uint32(sign)<<31)
		dst = dst[4:]
		if p = q + 1; b[p] == ' ' {
			p++
		}
	}
	return r.end((from-len(dst))/4, p)
}

// minus is 1 for a minus. Signs follow no pattern, so there is no branch.
func minus(c byte) uint64 {
	if c == '-' {
		return 1
	}
	return 0
}

// doubles reads float64: long ones many at once, and what is not as these are one by
// one.
func doubles(dst, b []byte, p int, r rows) (n, end int) {
	if len(dst) < 8*long || r.width > 0 {
		return someDoubles(dst, b, p, r)
	}
	var room [long]spelled
	for {
		k, q := manyDoubles(&room, dst, b, p)
		dst, n = dst[8*k:], n+k
		to := min(len(dst)/8, 1)
		if k == 0 {
			to = min(len(dst)/8, long)
		}
		k, p = someDoubles(dst[:8*to], b, q, r)
		dst, n = dst[8*k:], n+k
		if k < to || to == 0 {
			return n, p
		}
	}
}

func someDoubles(dst, b []byte, p int, r rows) (n, end int) {
	from := len(dst)
	for len(dst) >= 8 && p+room <= len(b) {
		q, d := p, decimal{}
		sign := minus(b[q])
		q += int(sign)
		if c := b[q] - '0'; c <= 9 && b[q+1] == '.' {
			d.mant, d.exp, q = fraction(b, q+2, eight(b, q+2), uint64(c))
			if b[q]|0x20 == 'e' {
				d, q, _ = d.power(b, q+1)
			}
		} else if d, q, _ = quick(b, q); d.neg {
			break
		}
		if q <= p || b[q] != ',' && r.left != 1 {
			break
		}
		f, ok := d.double()
		if !ok {
			break
		}
		if r.left == 1 {
			if q = r.turn(b, q); q == 0 {
				break
			}
		}
		r.left--
		binary.LittleEndian.PutUint64(dst, f|sign<<63)
		dst = dst[8:]
		if p = q + 1; b[p] == ' ' {
			p++
		}
	}
	return r.end((from-len(dst))/8, p)
}

// whole is a range of integers of a size in bytes.
type whole struct {
	lo, hi int64
	size   int
}

func (w whole) put(dst []byte, v int64) {
	switch w.size {
	case 1:
		dst[0] = byte(v)
	case 2:
		binary.LittleEndian.PutUint16(dst, uint16(v))
	case 4:
		binary.LittleEndian.PutUint32(dst, uint32(v))
	default:
		binary.LittleEndian.PutUint64(dst, uint64(v))
	}
}

// integers reads integers. Those beyond 15 digits are left to others. Where few stood
// before one that is not short, such as those with a sign, others like it may follow.
func integers(dst, b []byte, p int, w whole, r rows) (n, end int) {
	if r.width > 0 {
		return integerRows(dst, b, p, w, r)
	}
	for {
		k, q := shorts(dst, b, p, w)
		dst, n, p = dst[k*w.size:], n+k, q
		singly := 1
		if k < few {
			singly = most
		}
		for ; singly > 0; singly-- {
			if len(dst) < w.size || p+room > len(b) {
				return n, p
			}
			q, v, ok := integer(b, p)
			if !ok || v < w.lo || v > w.hi || b[q] != ',' {
				return n, p
			}
			w.put(dst, v)
			dst = dst[w.size:]
			n++
			if p = q + 1; b[p] == ' ' {
				p++
			}
		}
	}
}

// integerRows reads integers in rows.
func integerRows(dst, b []byte, p int, w whole, r rows) (n, end int) {
	for len(dst) >= w.size && p+room <= len(b) {
		q, v, ok := integer(b, p)
		if !ok || v < w.lo || v > w.hi || b[q] != ',' && r.left != 1 {
			break
		}
		if r.left == 1 {
			if q = r.turn(b, q); q == 0 {
				break
			}
		}
		r.left--
		w.put(dst, v)
		dst = dst[w.size:]
		n++
		if p = q + 1; b[p] == ' ' {
			p++
		}
	}
	return r.end(n, p)
}

// integer reads one of at most 15 digits.
func integer(b []byte, p int) (end int, v int64, ok bool) {
	minus := b[p] == '-'
	if minus {
		p++
	}
	t := eight(b, p)
	n := leading(t)
	if n == 0 || byte(t) == 0 && (n > 1 || minus) {
		return p, 0, false
	}
	v = int64(number(t, n))
	p += n
	if n == 8 {
		t = eight(b, p)
		if n = leading(t); n > 0 {
			v = v*int64(tens[n&15]) + int64(number(t, n))
		}
		p += n
	}
	if minus {
		v = -v
	}
	return p, v, n < 8
}

// bools reads true and false.
func bools(dst, b []byte, p int, r rows) (n, end int) {
	if r.width > 0 {
		return boolRows(dst, b, p, r)
	}
	const isTrue, isFalse, comma = 0x65757274, 0x2c65736c6166, ','
	for n < len(dst) && p+room <= len(b) {
		w := binary.LittleEndian.Uint64(b[p:])
		switch {
		case w&math.MaxUint32 == isTrue && b[p+4] == comma:
			dst[n] = 1
			p += 5
		case w&(1<<48-1) == isFalse:
			dst[n] = 0
			p += 6
		default:
			return n, p
		}
		n++
		if b[p] == ' ' {
			p++
		}
	}
	return n, p
}

// boolRows reads them in rows.
func boolRows(dst, b []byte, p int, r rows) (n, end int) {
	const isTrue, isFalse = 0x65757274, 0x65736c6166
	for n < len(dst) && p+room <= len(b) {
		var q int
		var v byte
		switch w := binary.LittleEndian.Uint64(b[p:]); {
		case w&math.MaxUint32 == isTrue:
			q, v = p+4, 1
		case w&(1<<40-1) == isFalse:
			q = p + 5
		default:
			return r.end(n, p)
		}
		if r.left == 1 {
			q = r.turn(b, q)
		} else if b[q] != ',' {
			break
		}
		if q == 0 {
			break
		}
		r.left--
		dst[n] = v
		n++
		if p = q + 1; b[p] == ' ' {
			p++
		}
	}
	return r.end(n, p)
}

package oip

import (
	"encoding/binary"
	"math/bits"
)

// window is a part of the text in which the ends of all elements are found at
// once, so that none waits for the one before. Elements begin in its inner bytes,
// and may reach beyond.
type window [inner + 32]byte

const (
	inner = 64
	most  = inner / 2 // elements of a window: one takes two bytes
)

// word is the eight bytes at p, which is below inner.
func (w *window) word(p int) uint64 { return binary.LittleEndian.Uint64(w[p&(inner-1):]) }

// marks has a bit for each of the inner bytes, which is set where one is a comma, a
// space, a point or a sign, and not where one is a digit.
func (w *window) marks() uint64 {
	return marks(w.word(0)) | marks(w.word(8))<<8 | marks(w.word(16))<<16 | marks(w.word(24))<<24 |
		marks(w.word(32))<<32 | marks(w.word(40))<<40 | marks(w.word(48))<<48 | marks(w.word(56))<<56
}

func marks(x uint64) uint64 { return (^x & (0x10 * ones)) >> 4 * 0x0102040810204080 >> 56 }

// first is the number of the first bit of m that is set. bits.TrailingZeros64 is
// compiled to an instruction that holds up some processors for three cycles.
func first(m uint64) int { return bits.OnesCount64((m-1)&^m) & 63 }

// shorts reads integers of at most seven digits and no sign while there are windows.
func shorts(dst, b []byte, p int, w whole) (n, end int) {
	var values [most]uint64
	for len(dst) >= most*w.size && p+len(window{}) <= len(b) {
		win := (*window)(b[p:])
		var k, s int
		if w.size == 1 && w.lo == 0 {
			k, s = win.bytes((*[most]byte)(dst))
		} else {
			var all uint64
			if k, s, all = win.shorts(&values); all > uint64(w.hi) {
				break
			}
			w.putAll(dst, values[:k])
		}
		if k == 0 {
			break
		}
		dst = dst[k*w.size:]
		n += k
		p += s
	}
	return n, p
}

// shorts calls nothing and has little at hand, so that all of it stays in registers.
// all has the bits of all values.
func (w *window) shorts(to *[most]uint64) (n, s int, all uint64) {
	for m := w.marks(); m != 0; m &= m - 1 {
		e := first(m)
		t := w.word(s) ^ zeros
		size := uint(e - s)
		d := t << ((64 - 8*size) & 63)
		if size-1 >= 8 || !digits(d) || w[e] != ',' || byte(t) == 0 && size > 1 {
			if size == 0 && w[e] == ' ' {
				s++
				continue
			}
			break
		}
		v := eightDigits(d)
		all |= v
		to[n&(most-1)] = v
		n++
		s = e + 1
	}
	return n, s, all
}

// bytes reads what is up to 255.
func (w *window) bytes(to *[most]byte) (n, s int) {
	for m := w.marks(); m != 0; m &= m - 1 {
		e := first(m)
		t := w.word(s) ^ zeros
		size := uint(e - s)
		d := t << ((64 - 8*size) & 63)
		y := uint32(bits.ReverseBytes64(d)) // digits by the byte, as they are written
		if size-1 >= 3 || y > 0x020505 || (y+0x767676|y)&0x808080 != 0 || w[e] != ',' || byte(t) == 0 && size > 1 {
			if size == 0 && w[e] == ' ' {
				s++
				continue
			}
			break
		}
		to[n&(most-1)] = byte(d >> 40 * (100<<16 + 10<<8 + 1) >> 16) // the three products meet in one byte
		n++
		s = e + 1
	}
	return n, s
}

// putAll writes values that the type has.
func (w whole) putAll(dst []byte, values []uint64) {
	switch w.size {
	case 1:
		to := (*[most]byte)(dst)
		for i, v := range values {
			to[i&(most-1)] = byte(v)
		}
	case 2:
		to := (*[2 * most]byte)(dst)
		for i, v := range values {
			binary.LittleEndian.PutUint16(to[2*(i&(most-1)):], uint16(v))
		}
	case 4:
		to := (*[4 * most]byte)(dst)
		for i, v := range values {
			binary.LittleEndian.PutUint32(to[4*(i&(most-1)):], uint32(v))
		}
	default:
		to := (*[8 * most]byte)(dst)
		for i, v := range values {
			binary.LittleEndian.PutUint64(to[8*(i&(most-1)):], v)
		}
	}
}

// stretch is a part of the text as well. Elements begin in its first bytes, and may
// reach beyond.
type stretch [begin + 40]byte

const begin = 256

// word is the eight bytes at p+n, of which p is below begin, and n a small constant.
func (w *stretch) word(p, n int) uint64 { return binary.LittleEndian.Uint64(w[p&(begin-1)+n:]) }

// spelled is a decimal, of which the top bit of mant is the sign, and where it begins.
type spelled struct {
	mant    uint64
	exp, at int32
}

// decimals reads numbers of one digit, a point and from nine to eighteen digits, and
// stops in front of the first that is none. How many digits there are differs from
// one to the next, so that no branch depends on it.
func (w *stretch) decimals(to *[long]spelled, limit int) (n, s int) {
	for s < begin-2 && n < limit { // a space and a sign may come first
		t := w.word(s, 0)
		if byte(t) == ' ' {
			s++
			t = w.word(s, 0)
		}
		sign := minus(byte(t))
		t >>= 8 * sign & 63
		p := s + int(sign)
		mant := uint64(byte(t) - '0')
		if mant > 9 || byte(t>>8) != '.' {
			break
		}
		u, v := w.word(p, 10), w.word(p, 18)
		more := first(marks(u) | marks(v)<<8) // digits behind the first eight; 0 if there is no end
		third := max(more, 8) - 8             // two at most
		second := more - third
		if w[p&(begin-1)+10+more&31] != ',' || second == 0 || third > 2 {
			break
		}
		t = w.word(p, 2) ^ zeros
		u = (u ^ zeros) << ((64 - 8*uint(second)) & 63)
		v = (v ^ zeros) << ((56 - 8*uint(third)) & 63) << 8
		if ((t+0x76*ones)|t|(u+0x76*ones)|u|(v+0x76*ones)|v)&tops != 0 {
			break
		}
		mant = (mant*1e8+eightDigits(t))*tens[second&15] + eightDigits(u)
		mant = mant*tens[third&15] + v>>48&0xff*10 + v>>56
		if mant>>63 != 0 {
			break
		}
		to[n&(long-1)] = spelled{mant | sign<<63, int32(-8 - more), int32(s)}
		n++
		s = p + more + 11
	}
	return n, s
}

// long is how many of them are worth a stretch.
const long = 64

// manyDoubles reads float64 while there are stretches.
func manyDoubles(all *[long]spelled, dst, b []byte, p int) (n, end int) {
	for p+len(stretch{}) <= len(b) {
		k, s := (*stretch)(b[p:]).decimals(all, len(dst)/8)
		for i := range k {
			x := &all[i&(long-1)]
			d := decimal{mant: x.mant << 1 >> 1, exp: int(x.exp)}
			f, ok := d.wide()
			if !ok {
				if f, ok = d.double(); !ok {
					return n, p + int(x.at)
				}
			}
			binary.LittleEndian.PutUint64(dst, f|x.mant>>63<<63)
			dst = dst[8:]
			n++
		}
		if k == 0 {
			break
		}
		p += s
	}
	return n, p
}

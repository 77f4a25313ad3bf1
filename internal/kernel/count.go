package kernel

import "encoding/binary"

// chunk is how many elements are counted at once.
const chunk = 256

// count looks at every element of b; the first has the index given.
func (p *pass) count(b []byte, first int64) {
	var elements [chunk]uint64
	for len(b) > 0 {
		n := min(chunk, len(b)/p.size)
		widen(elements[:n], b, p.size)
		p.tally(elements[:n], first)
		b, first = b[n*p.size:], first+int64(n)
	}
}

// widen makes integers of the bits of elements.
func widen(to []uint64, b []byte, size int) {
	switch size {
	case 1:
		for i := range to {
			to[i] = uint64(b[i])
		}
	case 2:
		for i := range to {
			to[i] = uint64(binary.LittleEndian.Uint16(b[2*i:]))
		}
	case 4:
		for i := range to {
			to[i] = uint64(binary.LittleEndian.Uint32(b[4*i:]))
		}
	case 8:
		for i := range to {
			to[i] = binary.LittleEndian.Uint64(b[8*i:])
		}
	}
}

// tally counts without branches, so that it takes as long whatever there is to
// count. It compares keys only: those of what is not finite lie beyond those
// of what is, but for the NaN of fnuz types.
func (p *pass) tally(elements []uint64, first int64) {
	var finite, below, above, posInf, negInf, tiny uint64
	sign, lo, hi := p.sign(), p.lo, p.hi
	finiteLo, finiteHi := p.finiteLo, p.finiteHi
	always, negative := p.flips()
	least, greatest := p.least, p.greatest
	pos, neg := p.infinities()
	nan := p.key(sign)
	near := max(p.tiny, 1) - 1
	for _, v := range elements {
		k := v ^ (always | negative&-(v>>(p.bits-1)))
		ok := one(k >= finiteLo) & one(k <= finiteHi)
		if p.fnuz {
			ok &= one(k != nan)
		}
		finite += ok
		below += ok & one(k < lo)
		above += ok & one(k > hi)
		posInf += one(k == pos)
		negInf += one(k == neg)
		tiny += ok & one(v&^sign-1 < near)
		least = min(least, k|(ok-1))
		greatest = max(greatest, k&-ok)
	}
	p.least, p.greatest = least&p.mask(), greatest
	if p.inf == 0 {
		posInf, negInf = 0, 0
	}
	s := &p.stats
	s.Finite += int64(finite)
	rest := &s.NaN
	if p.kind == boolean {
		rest = &s.NotBool
	}
	fresh := rest.grow(uint64(len(elements)) - finite - posInf - negInf)
	fresh = s.Below.grow(below) || fresh
	fresh = s.Above.grow(above) || fresh
	fresh = s.PosInf.grow(posInf) || fresh
	fresh = s.NegInf.grow(negInf) || fresh
	fresh = s.Tiny.grow(tiny) || fresh
	if fresh {
		p.firsts(elements, first)
	}
}

// flips are the bits that key turns over, always and of a negative float.
func (p *pass) flips() (always, negative uint64) {
	switch p.kind {
	case signed:
		return p.sign(), 0
	case float:
		return p.sign(), p.mask()
	default:
		return 0, 0
	}
}

// infinities are keys.
func (p *pass) infinities() (pos, neg uint64) {
	return p.key(p.inf), p.key(p.inf | p.sign())
}

// one is 1 for true. It compiles to no branch.
func one(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// grow adds n, and says whether these are the first. Their index is not known
// then, and is -1.
func (c *Count) grow(n uint64) bool {
	fresh := c.N == 0 && n > 0
	c.N += int64(n)
	if fresh {
		c.First = -1
	}
	return fresh
}

// meet gives c its first element, if that is not known.
func (c *Count) meet(i int64) {
	if c.N > 0 && c.First < 0 {
		c.First = i
	}
}

// firsts finds the indices that grow does not know.
func (p *pass) firsts(elements []uint64, first int64) {
	s := &p.stats
	for i, v := range elements {
		at := first + int64(i)
		switch p.special(v) {
		case isNaN:
			s.NaN.meet(at)
			continue
		case isPosInf:
			s.PosInf.meet(at)
			continue
		case isNegInf:
			s.NegInf.meet(at)
			continue
		case isNotBool:
			s.NotBool.meet(at)
			continue
		case isPlain:
		}
		if k := p.key(v); k < p.lo {
			s.Below.meet(at)
		} else if k > p.hi {
			s.Above.meet(at)
		}
		if m := v &^ p.sign(); p.tiny != 0 && m != 0 && m < p.tiny {
			s.Tiny.meet(at)
		}
	}
}

type special uint8

const (
	isPlain special = iota
	isNaN
	isPosInf
	isNegInf
	isNotBool
)

func (f *format) special(b uint64) special {
	m := b &^ f.sign()
	switch {
	case f.kind == boolean && b > 1:
		return isNotBool
	case f.kind != float || m <= f.huge && (!f.fnuz || b != f.sign()):
		return isPlain
	case f.inf == 0 || m != f.inf:
		return isNaN
	case m == b:
		return isPosInf
	default:
		return isNegInf
	}
}

package kernel

import (
	"encoding/binary"
	"math"
	"slices"
)

// chunk is how many elements are counted at once.
const chunk = 256

// fault is one of the counts of Stats.
type fault int

const (
	nan fault = iota
	posInf
	negInf
	below
	above
	notBool
	tiny
	faults
)

// span is of keys, both ends included, that have one fault.
type span struct {
	lo, hi uint64
	fault  fault
}

// count looks at every element of b; the first has the index given.
func (p *pass) count(b []byte, first int64) {
	p.counted = true
	var spans [8]span
	finite, wrong := p.spans(spans[:0])
	var elements [chunk]uint64
	for len(b) > 0 {
		keys := elements[:min(chunk, len(b)/p.size)]
		widen(keys, b, p.size)
		p.keys(keys)
		n := p.extent(keys)
		p.finite += n
		for i := 0; i < len(finite) && n > 0; i++ {
			p.tally(finite[i], keys, first)
		}
		left := int64(len(keys)) - n
		for i := 0; i < len(wrong) && left > 0; i++ {
			left -= p.tally(wrong[i], keys, first)
		}
		b, first = b[len(keys)*p.size:], first+int64(len(keys))
	}
}

// spans says what is counted, of what is finite and of what is not.
func (p *pass) spans(to []span) (finite, wrong []span) {
	if p.lo > p.finiteLo {
		to = append(to, span{p.finiteLo, p.lo - 1, below})
	}
	if p.hi < p.finiteHi {
		to = append(to, span{p.hi + 1, p.finiteHi, above})
	}
	if p.tiny > 1 {
		// A magnitude of m has the key zero+m, or zero-1-m.
		zero := p.sign
		to = append(to, span{zero + 1, zero + p.tiny - 1, tiny}, span{zero - p.tiny, zero - 2, tiny})
	}
	n := len(to)
	switch {
	case p.kind == boolean:
		to = append(to, span{2, p.mask, notBool})
	case p.kind == float && p.inf == 0:
		to = append(to, span{p.finiteHi + 1, math.MaxUint64, nan})
		if p.finiteLo > 0 {
			to = append(to, span{0, p.finiteLo - 1, nan})
		}
	case p.kind == float:
		pos, neg := p.key(p.inf), p.key(p.inf|p.sign)
		to = append(to, span{pos + 1, math.MaxUint64, nan}, span{pos, pos, posInf},
			span{neg, neg, negInf}, span{0, neg - 1, nan})
	}
	return to[:n], to[n:]
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

// keys makes keys of elements. Here the NaN of fnuz types gets one that lies
// beyond all others, as the NaNs of other types do.
func (p *pass) keys(elements []uint64) {
	top, sign, all := p.bits-1, p.sign, p.mask
	switch {
	case p.fnuz:
		for i, v := range elements {
			if v == sign {
				elements[i] = all + 1
			} else {
				elements[i] = p.key(v)
			}
		}
	case p.kind == float:
		for i, v := range elements {
			elements[i] = v ^ (sign | all&-(v>>top))
		}
	case p.kind == signed:
		for i, v := range elements {
			elements[i] = v ^ sign
		}
	}
}

// extent takes the extremes of what is finite, and says how many are. It has no
// branches, so that it takes as long whatever the elements are.
func (p *pass) extent(keys []uint64) int64 {
	lo, width := p.finiteLo, p.finiteHi-p.finiteLo
	least, greatest := p.least, p.greatest
	var n uint64
	for _, k := range keys {
		ok := one(k-lo <= width)
		n += ok
		least = min(least, k|(ok-1))
		greatest = max(greatest, k&-ok)
	}
	p.least, p.greatest = least, greatest
	return int64(n)
}

// tally counts the keys that are in the span; k-lo is more than hi-lo if k is
// below lo.
func (p *pass) tally(s span, keys []uint64, first int64) int64 {
	lo, width := s.lo, s.hi-s.lo
	var n uint64
	for _, k := range keys {
		n += one(k-lo <= width)
	}
	c := &p.counts[s.fault]
	// Two spans may have one fault; chunks come in order, so only within this
	// one can the later span have the earlier element.
	if n > 0 && (c.N == 0 || c.First >= first) {
		at := first + int64(slices.IndexFunc(keys, func(k uint64) bool { return k-lo <= width }))
		if c.N == 0 || at < c.First {
			c.First = at
		}
	}
	c.N += int64(n)
	return int64(n)
}

// one is 1 for true. It compiles to no branch.
func one(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

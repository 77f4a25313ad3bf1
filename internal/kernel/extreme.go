package kernel

// guess looks at a few elements, since the sign of most, and whether there are
// zeros, decides which routine need not be followed by another. The step is odd,
// for tensors that repeat.
func (p *pass) guess(data []byte) {
	step := (len(data)>>(p.log&3)/sample | 1) << (p.log & 3)
	seen, negative, least := 0, 0, byte(0x7f)
	for at := p.size - 1; at < len(data); at += step {
		top := data[at]
		seen++
		negative += int(top >> 7)
		least = min(least, top&0x7f)
	}
	p.mixed = negative > 0 && negative < seen
	if p.tiny == 0 || least > 0 {
		return
	}
	for at := 0; at < len(data) && !p.zeros; at += step {
		p.guessZero(data[at : at+p.size])
	}
}

// guessZero looks at one element that may be zero. If it is, and not minus zero,
// it is an element that the extremes are of.
func (p *pass) guessZero(element []byte) {
	if !p.zero(element) {
		return
	}
	p.zeros = true
	if element[p.size-1] == 0 {
		p.seeZero()
	}
}

// zero says whether an element is, of either sign.
func (f *format) zero(element []byte) bool {
	var v [1]uint64
	widen(v[:], element, f.size)
	return v[0]&^f.sign == 0
}

func (p *pass) seeZero() {
	p.least, p.greatest = min(p.least, p.key(0)), max(p.greatest, p.key(0))
}

// extremes are the least and the greatest element of b, in the order of their
// keys, and whether something is tiny.
func (p *pass) extremes(b []byte) (least, greatest uint64, small bool) {
	switch {
	case p.kind == signed:
		least, greatest, _ = p.routines.run(opSigned, p.log, b, 0)
		return least, greatest, false
	case p.tiny == 0:
		least, greatest, _ = p.either(opPlain, opSplit, b)
		return least, greatest, false
	}
	if least, greatest, ok := p.normal(b); ok {
		return least, greatest, false
	}
	least, greatest, m := p.either(opPlainTiny, opSplitTiny, b)
	return least, greatest, m < p.tiny-1
}

// either takes the routine for elements of one sign, or that for both.
func (p *pass) either(plain, split op, b []byte) (least, greatest, tiny uint64) {
	sign := p.sign
	if p.mixed {
		umax, smax, tiny := p.routines.run(split, p.log, b, 0)
		if umax >= sign && smax < sign {
			return umax, smax, tiny
		}
		p.mixed = false // they all have one sign
	}
	umin, umax, tiny := p.routines.run(plain, p.log, b, 0)
	switch {
	case p.kind != float || umax < sign:
		return umin, umax, tiny
	case umin >= sign:
		return umax, umin, tiny
	}
	p.mixed = true
	umax, smax, tiny := p.routines.run(split, p.log, b, 0)
	return umax, smax, tiny
}

// normal finds the extremes of a block of which it sees at little cost that
// nothing is tiny. ok is false where it does not see that.
func (p *pass) normal(b []byte) (least, greatest uint64, ok bool) {
	sign := p.sign
	switch {
	case p.routines.vector == 0: // to add costs as much as to find what is tiny
		return 0, 0, false
	case p.mixed:
		if p.zeros {
			return 0, 0, false
		}
		return p.apart(b)
	case p.zeros:
		return p.above(b)
	}
	least, greatest, _ = p.routines.run(opPlain, p.log, b, 0)
	switch {
	case greatest < sign && least >= p.tiny:
		return least, greatest, true
	case least >= sign+p.tiny: // all are negative
		return greatest, least, true
	case least < sign && greatest >= sign:
		p.mixed = true
		return p.apart(b)
	}
	p.zeros = true
	if least > 0 || greatest >= sign {
		return 0, 0, false
	}
	p.seeZero()
	return p.above(b)
}

// apart is for elements of both signs and no zeros. Less t, what is not negative
// is below sign-t as a signed integer, or else, being tiny or plus zero, at least
// -t as an unsigned one. What is negative is below -t as an unsigned one, or else,
// being tiny or minus zero, at least sign-t as a signed one. So the two extremes
// are those of the elements, unless one of them says that something is tiny or
// zero.
func (p *pass) apart(b []byte) (least, greatest uint64, ok bool) {
	sign, t := p.sign, p.tiny
	from := -t & p.mask
	umax, smax, _ := p.routines.run(opSplitSum, p.log, b, from)
	if umax >= sign && umax < from && smax < sign-t {
		return umax + t, smax + t, true
	}
	p.zeros = umax >= from || smax >= sign-t && smax < sign
	return 0, 0, false
}

// above is for elements that are not negative, where a zero was seen already, and
// so is the least or above it: the smallest element less one tells whether another
// is tiny.
func (p *pass) above(b []byte) (least, greatest uint64, ok bool) {
	if zero := p.key(0); p.least > zero || p.cleanLo > zero {
		return 0, 0, false
	}
	low, greatest, _ := p.routines.run(opPlainSum, p.log, b, p.mask)
	return 0, greatest, greatest < p.sign && low >= p.tiny-1
}

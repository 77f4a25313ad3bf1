package kernel

const (
	// glance is how much is looked at before it is known that a look does not do.
	glance = 32 << 10
	// few is less than every routine takes, opTops too.
	few = 64
)

// bounds are what an element must keep, as bits. Where lo is negative it is not zero.
type bounds struct{ lo, hi, tiny uint64 }

// bounds makes them of a want. ok is false where fine is not for it, or it makes no
// sense.
func (f *format) bounds(want Want) (b bounds, ok bool) {
	if f.kind != float || f.fnuz || want.Tiny > f.huge || want.Extremes {
		return b, false
	}
	b = bounds{f.sign | f.huge, f.huge, want.Tiny}
	if b.tiny == 1 { // nothing is
		b.tiny = 0
	}
	if want.In == nil {
		return b, true
	}
	lo, hi, top := want.In.Lo, want.In.Hi, max(f.huge, f.inf)
	if lo == f.sign {
		lo = 0
	}
	if hi == f.sign {
		hi = 0
	}
	b.lo, b.hi = min(lo, b.lo), min(hi, b.hi)
	return b, hi <= top && (lo <= hi || lo > f.sign && lo <= f.sign|top)
}

// fine sees of the elements in front that nothing is wrong with them, and says in
// how many bytes. It does not find their extremes, so that it may do with less:
// of a range of both signs it asks only whether it is kept. What comes after need
// not be wrong.
func (r *routines) fine(f *format, data []byte, b bounds) (n int) {
	if len(data) < few || r.vector == 0 {
		return 0
	}
	var l look
	for o := b.first(f, data); o < ops; o = b.next(f, o) {
		if !l.set(r, f, o, b) {
			continue
		}
		for size := glance; n < len(data); size = block {
			part := data[n:]
			if len(part) > size {
				part = part[:size]
			} else if len(part) < few { // to look twice does no harm
				part = data[len(data)-few:]
			}
			x, y, _ := l.routine(part, l.plus)
			if x-l.least > l.width || y^l.turn > l.most {
				break
			}
			n += size
		}
		if n >= len(data) {
			return len(data)
		}
	}
	return n
}

// look is a way to see that nothing is wrong: the extremes x and y that a routine
// finds tell it if x is from least to least+width, and y, of which some bits are
// turned over, at most most.
type look struct {
	routine
	plus, least, width, turn, most uint64
}

// set sets it one word after the other: to copy what was just written so is slow. It
// is false where nothing could keep the bounds.
func (l *look) set(r *routines, f *format, o op, b bounds) bool {
	least := b.tiny
	switch o {
	case opTops: // what keeps bounds that were rounded to upper halves keeps them
		l.routine = r.tops
		return l.apart((b.lo+1)>>16-1, max(b.hi+1, 1<<16)>>16-1, (b.tiny+1<<16-1)>>16, 1<<15, ones[1])
	case opPlain: // no element is negative, nor zero if that could be tiny
		least, l.plus = max(b.lo, least), 0
	case opPlainSum: // no element is negative; 0-1 is the greatest of all
		least, l.plus = least-1, 1<<64-1
	case opTwice: // 0-1 here as well
		l.routine, l.plus = r.by[o][f.log&3], 0
		l.least, l.width = 0, 2*min(b.hi, b.lo-f.sign)
		l.turn, l.most = f.mask, f.mask^(2*b.tiny-1)
		return true
	default: // opSplit, opSplitSum
		l.routine = r.by[o][f.log&3]
		return l.apart(b.lo, b.hi, b.tiny, f.sign, ones[f.log&3])
	}
	l.routine = r.by[o][f.log&3]
	l.least, l.width, l.turn, l.most = least, f.mask-least, 0, b.hi
	return true
}

// apart sets what the extremes of elements less what is not tiny must keep; the
// method of pass of that name says what they are.
func (l *look) apart(lo, hi, tiny, sign, ones uint64) bool {
	if lo < sign+tiny || hi < tiny {
		return false
	}
	l.plus = (-tiny & (sign<<1 - 1)) * ones
	l.least, l.width, l.turn, l.most = 0, lo-tiny, sign, (hi-tiny)^sign
	return true
}

// first is the look with which to begin, or ops.
func (b bounds) first(f *format, data []byte) op {
	signs := b.lo >= f.sign
	switch {
	case b.tiny == 0 && signs:
		return opSplit
	case b.tiny == 0:
		return opPlain
	}
	switch zeros, negative := f.sample(data); {
	case zeros && signs && negative:
		return opTwice
	case zeros:
		return b.next(f, opPlain)
	case !signs:
		return opPlain
	case f.log == 2:
		return opTops
	}
	return opSplitSum
}

// sample looks at four elements.
func (f *format) sample(data []byte) (zeros, negative bool) {
	quarter := len(data) / 4 &^ (f.size - 1)
	for at := f.size - 1; at < 4*quarter; at += quarter {
		top := data[at]
		if top&0x7f == 0 && f.zero(data[at-f.size+1:at+1]) {
			zeros = true
		} else if top >= 0x80 {
			negative = true
		}
	}
	return zeros, negative
}

// next is the look to take where another did not do, or ops. Those that see less
// in less time come first.
func (b bounds) next(f *format, o op) op {
	signs := b.lo >= f.sign
	switch {
	case o == opTops:
		return opSplitSum
	case o == opPlain && b.tiny > 0 && (signs || b.lo == 0):
		return opPlainSum
	case (o == opSplitSum || o == opPlainSum) && signs:
		return opTwice
	}
	return ops
}

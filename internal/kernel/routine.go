package kernel

import "encoding/binary"

// op is what a routine finds of elements of 8 to 64 bits. It returns two
// extremes and, if it is an op for tiny elements, the smallest magnitude less
// one, each in as many bits as an element has.
type op int

const (
	opPlain     op = iota // smallest unsigned, greatest unsigned
	opSplit               // greatest unsigned, greatest signed
	opSigned              // smallest signed, greatest signed
	opPlainTiny           // as opPlain, and tiny
	opSplitTiny           // as opSplit, and tiny
	opPlainSum            // smallest unsigned of elements with a number added, and greatest unsigned of elements
	opTwice               // greatest and smallest magnitude, twice, the smallest less one
	opSplitSum            // greatest unsigned, greatest signed, both of elements with a number added
	ops

	// opTops is as opSplitSum, of the upper halves of elements of 32 bits. It has a
	// routine of its own.
	opTops op = -1
)

// routine does an op. What it gets is at least a vector, and whole elements. What
// is added is there as often as it is in 64 bits.
type routine func(data []byte, plus uint64) (a, b, least uint64)

// routines has a way to do every op, for elements of 8, 16, 32 and 64 bits.
type routines struct {
	name   string
	vector int // bytes: what is shorter is left to portable; 0: everything is
	by     [ops][4]routine
	tops   routine // for elements of 32 bits: 64 bytes or more
}

// feature is what a processor may have.
type feature struct{ avx2, avx512f, avx512bw, avx512vl bool }

// run does an op of b, which has at least one element of 1<<log bytes, with a
// number added to elements where the op does that.
func (r *routines) run(o op, log uint, b []byte, plus uint64) (x, y, least uint64) {
	if len(b) < r.vector || r.vector == 0 {
		return portable(o, 8<<log, b, plus)
	}
	return r.by[o][log&3](b, plus*ones[log&3])
}

// ones have an element of one as often as it is in 64 bits.
var ones = [4]uint64{(1<<64 - 1) / (1<<8 - 1), (1<<64 - 1) / (1<<16 - 1), 1<<32 + 1, 1}

// portable is what every processor can do.
func portable(o op, width int, b []byte, plus uint64) (x, y, least uint64) {
	if o == opPlainSum || o == opSplitSum || o == opTwice {
		return sums(o, width, b, plus)
	}
	var e extreme
	switch width {
	case 8:
		e = extreme8(b)
	case 16:
		e = extreme16(b)
	case 32:
		e = extreme32(b)
	default:
		e = extreme64(b)
	}
	switch o {
	case opSplit, opSplitTiny:
		return e.umax, e.smax, e.least
	case opSigned:
		return e.smin, e.smax, e.least
	default:
		return e.umin, e.umax, e.least
	}
}

// sums is for what is shorter than a vector: Scan adds nothing without routines.
func sums(o op, width int, b []byte, plus uint64) (x, y, least uint64) {
	var element [1]uint64
	all, sign := uint64(1)<<(width-1)<<1-1, uint64(1)<<(width-1)
	x, y = all, 0
	switch o {
	case opSplitSum:
		x, y = 0, sign
	case opTwice:
		x, y = 0, all
	default:
	}
	for ; len(b) > 0; b = b[width/8:] {
		widen(element[:], b, width/8)
		v := element[0]
		s := (v + plus) & all
		switch o {
		case opPlainSum:
			x, y = min(x, s), max(y, v)
		case opTwice:
			x, y = max(x, v<<1&all), min(y, (v<<1-1)&all)
		default:
			x, y = max(x, s), max(y^sign, s^sign)^sign
		}
	}
	return x, y, 0
}

// extreme is of elements: as unsigned integers, as signed ones, and of
// magnitudes less one.
type extreme struct{ umin, umax, smin, smax, least uint64 }

func extreme8(b []byte) extreme {
	u0, u1 := b[0], b[0]
	s0, s1 := int8(b[0]), int8(b[0])
	t := b[0]&0x7f - 1
	for _, v := range b[1:] {
		u0, u1 = min(u0, v), max(u1, v)
		s0, s1 = min(s0, int8(v)), max(s1, int8(v))
		t = min(t, v&0x7f-1)
	}
	return extreme{uint64(u0), uint64(u1), uint64(uint8(s0)), uint64(uint8(s1)), uint64(t)}
}

func extreme16(b []byte) extreme {
	v := binary.LittleEndian.Uint16(b)
	u0, u1, s0, s1, t := v, v, int16(v), int16(v), v&0x7fff-1
	for b = b[2:]; len(b) >= 2; b = b[2:] {
		v := binary.LittleEndian.Uint16(b)
		u0, u1 = min(u0, v), max(u1, v)
		s0, s1 = min(s0, int16(v)), max(s1, int16(v))
		t = min(t, v&0x7fff-1)
	}
	return extreme{uint64(u0), uint64(u1), uint64(uint16(s0)), uint64(uint16(s1)), uint64(t)}
}

func extreme32(b []byte) extreme {
	v := binary.LittleEndian.Uint32(b)
	u0, u1, s0, s1, t := v, v, int32(v), int32(v), v&0x7fff_ffff-1
	for b = b[4:]; len(b) >= 4; b = b[4:] {
		v := binary.LittleEndian.Uint32(b)
		u0, u1 = min(u0, v), max(u1, v)
		s0, s1 = min(s0, int32(v)), max(s1, int32(v))
		t = min(t, v&0x7fff_ffff-1)
	}
	return extreme{uint64(u0), uint64(u1), uint64(uint32(s0)), uint64(uint32(s1)), uint64(t)}
}

func extreme64(b []byte) extreme {
	const magnitude = 1<<63 - 1
	v := binary.LittleEndian.Uint64(b)
	u0, u1, s0, s1, t := v, v, int64(v), int64(v), v&magnitude-1
	for b = b[8:]; len(b) >= 8; b = b[8:] {
		v := binary.LittleEndian.Uint64(b)
		u0, u1 = min(u0, v), max(u1, v)
		s0, s1 = min(s0, int64(v)), max(s1, int64(v))
		t = min(t, v&magnitude-1)
	}
	return extreme{u0, u1, uint64(s0), uint64(s1), t}
}

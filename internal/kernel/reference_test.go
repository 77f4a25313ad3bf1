package kernel

import (
	"encoding/binary"
	"math"
)

// layout is a float type as its specification has it, not as formats does.
type layout struct {
	fraction, bias int
	nan            func(exponent, fraction uint64) bool
	inf            bool
	fnuz           bool
}

var layouts = map[DType]layout{
	Float64:        {fraction: 52, bias: 1023, inf: true},
	Float32:        {fraction: 23, bias: 127, inf: true},
	Float16:        {fraction: 10, bias: 15, inf: true},
	BFloat16:       {fraction: 7, bias: 127, inf: true},
	Float8E5M2:     {fraction: 2, bias: 15, inf: true},
	Float8E4M3FN:   {fraction: 3, bias: 7, nan: func(e, f uint64) bool { return e == 15 && f == 7 }},
	Float8E4M3FNUZ: {fraction: 3, bias: 8, fnuz: true},
	Float8E5M2FNUZ: {fraction: 2, bias: 16, fnuz: true},
}

// decode returns what an element is: NaN for a NaN, an infinity for one, and 0
// and the value for what is finite.
func decode(d DType, b uint64) (class, value float64) {
	l, ok := layouts[d]
	if !ok {
		if d == Bool && b > 1 {
			return math.NaN(), 0
		}
		return 0, 0
	}
	width := 8 * d.Size()
	sign := 1.0
	if b>>(width-1) == 1 {
		sign = -1
	}
	fraction := b & (1<<l.fraction - 1)
	bitsE := width - 1 - l.fraction
	exponent := b >> l.fraction & (1<<bitsE - 1)
	switch {
	case l.fnuz && b == 0x80, l.nan != nil && l.nan(exponent, fraction):
		return math.NaN(), 0
	case l.inf && exponent == 1<<bitsE-1 && fraction == 0:
		return math.Inf(int(sign)), 0
	case l.inf && exponent == 1<<bitsE-1:
		return math.NaN(), 0
	case exponent == 0:
		return 0, math.Copysign(math.Ldexp(float64(fraction), 1-l.bias-l.fraction), sign)
	default:
		return 0, math.Copysign(math.Ldexp(float64(fraction|1<<l.fraction), int(exponent)-l.bias-l.fraction), sign)
	}
}

// value is the value of an element, infinities included.
func value(d DType, b uint64) float64 {
	class, v := decode(d, b)
	if class != 0 {
		return class
	}
	return v
}

// before says whether x is less than y as numbers.
func before(d DType, x, y uint64) bool {
	switch d {
	case Int8:
		return int8(x) < int8(y)
	case Int16:
		return int16(x) < int16(y)
	case Int32:
		return int32(x) < int32(y)
	case Int64:
		return int64(x) < int64(y)
	case Bool, Uint8, Uint16, Uint32, Uint64:
		return x < y
	default:
		return value(d, x) < value(d, y)
	}
}

// sooner is before, with minus zero before zero.
func sooner(d DType, x, y uint64) bool {
	if _, ok := layouts[d]; ok && value(d, x) == value(d, y) {
		return math.Signbit(value(d, x)) && !math.Signbit(value(d, y))
	}
	return before(d, x, y)
}

// reference does what Scan does, element by element and by value.
func reference(d DType, data []byte, want Want) Stats {
	var s Stats
	size := d.Size()
	for i := int64(0); len(data) > 0; i, data = i+1, data[size:] {
		var word [8]byte
		copy(word[:], data[:size])
		b := binary.LittleEndian.Uint64(word[:])
		s.Elements++
		class, v := decode(d, b)
		switch {
		case d == Bool && b > 1:
			add(&s.NotBool, i)
			continue
		case math.IsNaN(class):
			add(&s.NaN, i)
			continue
		case math.IsInf(class, 1):
			add(&s.PosInf, i)
			continue
		case math.IsInf(class, -1):
			add(&s.NegInf, i)
			continue
		}
		if want.In != nil && before(d, b, want.In.Lo) {
			add(&s.Below, i)
		}
		if want.In != nil && before(d, want.In.Hi, b) {
			add(&s.Above, i)
		}
		if want.Tiny != 0 && v != 0 && math.Abs(v) < value(d, want.Tiny) {
			add(&s.Tiny, i)
		}
		if s.Finite == 0 || sooner(d, b, s.Min) {
			s.Min = b
		}
		if s.Finite == 0 || sooner(d, s.Max, b) {
			s.Max = b
		}
		s.Finite++
	}
	return s
}

func add(c *Count, i int64) {
	if c.N == 0 {
		c.First = i
	}
	c.N++
}

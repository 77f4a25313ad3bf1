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
		return 0, sign * math.Ldexp(float64(fraction|1<<l.fraction), int(exponent)-l.bias-l.fraction)
	}
}

// value is the value of an element, infinities included.
func value(d DType, b uint64) float64 {
	switch d { // those that Go has
	case Float64:
		return math.Float64frombits(b)
	case Float32:
		return float64(math.Float32frombits(uint32(b)))
	default:
	}
	class, v := decode(d, b)
	if class != 0 {
		return class
	}
	return v
}

// number is what an element stands for; one of the three is used.
type number struct {
	f float64
	i int64
	u uint64
}

func numberOf(d DType, b uint64) number {
	switch d {
	case Int8:
		return number{i: int64(int8(b))}
	case Int16:
		return number{i: int64(int16(b))}
	case Int32:
		return number{i: int64(int32(b))}
	case Int64:
		return number{i: int64(b)}
	case Bool, Uint8, Uint16, Uint32, Uint64:
		return number{u: b}
	default:
		return number{f: value(d, b)}
	}
}

func (n number) before(m number) bool { return n.f < m.f || n.i < m.i || n.u < m.u }

// sooner is before, with minus zero before zero.
func (n number) sooner(m number) bool {
	return n.before(m) || n == m && math.Signbit(n.f) && !math.Signbit(m.f)
}

func before(d DType, x, y uint64) bool { return numberOf(d, x).before(numberOf(d, y)) }

// reference does what Scan does, element by element and by value.
func reference(d DType, data []byte, want Want) Stats {
	var s Stats
	var lo, hi, least, greatest number
	if want.In != nil {
		lo, hi = numberOf(d, want.In.Lo), numberOf(d, want.In.Hi)
	}
	near := numberOf(d, want.Tiny).f
	size := d.Size()
	for i := int64(0); len(data) > 0; i, data = i+1, data[size:] {
		var word [8]byte
		copy(word[:], data[:size])
		b := binary.LittleEndian.Uint64(word[:])
		s.Elements++
		class, _ := decode(d, b)
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
		n := numberOf(d, b)
		if want.In != nil && n.before(lo) {
			add(&s.Below, i)
		}
		if want.In != nil && hi.before(n) {
			add(&s.Above, i)
		}
		if n.f != 0 && math.Abs(n.f) < near {
			add(&s.Tiny, i)
		}
		if s.Finite == 0 || n.sooner(least) {
			s.Min, least = b, n
		}
		if s.Finite == 0 || greatest.sooner(n) {
			s.Max, greatest = b, n
		}
		s.Finite++
	}
	if !want.Extremes && s.Below.N+s.Above.N == 0 {
		s.Min, s.Max = 0, 0
	}
	return s
}

func add(c *Count, i int64) {
	if c.N == 0 {
		c.First = i
	}
	c.N++
}

package pyrun

import (
	"encoding/binary"
	"math"
)

// element is how one kind of number is stored.
type element struct {
	size int
	wide bool // integers that a float64 does not hold
	// read gives the parts of a number: one, or two of a complex one.
	read func(b []byte) (re, im float64)
}

// elements are the dtypes that are read, by their names in torch.
var elements = map[string]element{
	"bool":     {size: 1, read: func(b []byte) (float64, float64) { return float64(b[0]), 0 }},
	"uint8":    {size: 1, read: func(b []byte) (float64, float64) { return float64(b[0]), 0 }},
	"int8":     {size: 1, read: func(b []byte) (float64, float64) { return float64(int8(b[0])), 0 }},
	"int16":    {size: 2, read: func(b []byte) (float64, float64) { return float64(int16(binary.LittleEndian.Uint16(b))), 0 }},
	"uint16":   {size: 2, read: func(b []byte) (float64, float64) { return float64(binary.LittleEndian.Uint16(b)), 0 }},
	"int32":    {size: 4, read: func(b []byte) (float64, float64) { return float64(int32(binary.LittleEndian.Uint32(b))), 0 }},
	"uint32":   {size: 4, read: func(b []byte) (float64, float64) { return float64(binary.LittleEndian.Uint32(b)), 0 }},
	"int64":    {size: 8, wide: true, read: func(b []byte) (float64, float64) { return float64(int64(binary.LittleEndian.Uint64(b))), 0 }},
	"uint64":   {size: 8, wide: true, read: func(b []byte) (float64, float64) { return float64(binary.LittleEndian.Uint64(b)), 0 }},
	"float16":  {size: 2, read: func(b []byte) (float64, float64) { return half(binary.LittleEndian.Uint16(b)), 0 }},
	"bfloat16": {size: 2, read: func(b []byte) (float64, float64) { return brain(binary.LittleEndian.Uint16(b)), 0 }},
	"float32":  {size: 4, read: func(b []byte) (float64, float64) { return single(b), 0 }},
	"float64":  {size: 8, read: func(b []byte) (float64, float64) { return double(b), 0 }},

	"complex64":  {size: 8, read: func(b []byte) (float64, float64) { return single(b), single(b[4:]) }},
	"complex128": {size: 16, read: func(b []byte) (float64, float64) { return double(b), double(b[8:]) }},
}

func single(b []byte) float64 {
	return float64(math.Float32frombits(binary.LittleEndian.Uint32(b)))
}

func double(b []byte) float64 { return math.Float64frombits(binary.LittleEndian.Uint64(b)) }

// brain is a float32 without its lower half.
func brain(u uint16) float64 { return float64(math.Float32frombits(uint32(u) << 16)) }

// half reads IEEE 754 binary16.
func half(u uint16) float64 {
	sign := 1.0
	if u&0x8000 != 0 {
		sign = -1
	}
	exp, frac := int(u>>10)&0x1f, float64(u&0x3ff)
	switch exp {
	case 0:
		return sign * math.Ldexp(frac, -24)
	case 0x1f:
		if frac != 0 {
			return math.NaN()
		}
		return math.Inf(int(sign))
	}
	return sign * math.Ldexp(1024+frac, exp-25)
}

// putHalf writes the binary16 nearest to f; what is too small for a normal number
// becomes 0, what is too large the largest.
func putHalf(f float64) uint16 {
	const largest = 65504
	frac, exp := math.Frexp(min(math.Abs(f), largest)) // frac from 0.5 to 1
	if frac == 0 || exp < -13 {
		return 0
	}
	u := uint16(exp+14)<<10 + uint16(math.Round((frac*2-1)*1024))
	if f < 0 {
		u |= 0x8000
	}
	return u
}

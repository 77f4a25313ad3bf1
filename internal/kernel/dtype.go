package kernel

import (
	"fmt"
	"math/bits"
)

// DType is the type of a tensor's elements.
type DType uint8

// The zero value is no type.
const (
	Bool DType = iota + 1
	Uint8
	Uint16
	Uint32
	Uint64
	Int8
	Int16
	Int32
	Int64
	Float64
	Float32
	Float16
	BFloat16
	Float8E4M3FN
	Float8E5M2
	Float8E4M3FNUZ
	Float8E5M2FNUZ
)

type kind uint8

const (
	boolean kind = iota + 1
	unsigned
	signed
	float
)

// format says how the bits of an element are to be read. Magnitudes are bits
// without the sign.
type format struct {
	name  string // as torch has it
	bits  int
	kind  kind
	huge  uint64 // the greatest finite magnitude
	inf   uint64 // the magnitude of infinity; 0 if there is none
	least uint64 // the smallest normal magnitude
	fnuz  bool   // there is one zero, and the bits of minus zero are the only NaN

	// The following are set by derive.
	log                uint   // an element has 1<<log bytes
	size               int    // in bytes
	sign, mask         uint64 // the top bit, and all bits
	finiteLo, finiteHi uint64 // the keys of what is finite
}

var formats = derive([...]format{
	Bool:     {name: "bool", bits: 8, kind: boolean},
	Uint8:    {name: "uint8", bits: 8, kind: unsigned},
	Uint16:   {name: "uint16", bits: 16, kind: unsigned},
	Uint32:   {name: "uint32", bits: 32, kind: unsigned},
	Uint64:   {name: "uint64", bits: 64, kind: unsigned},
	Int8:     {name: "int8", bits: 8, kind: signed},
	Int16:    {name: "int16", bits: 16, kind: signed},
	Int32:    {name: "int32", bits: 32, kind: signed},
	Int64:    {name: "int64", bits: 64, kind: signed},
	Float64:  {name: "float64", bits: 64, kind: float, huge: 0x7fef_ffff_ffff_ffff, inf: 0x7ff0_0000_0000_0000, least: 0x0010_0000_0000_0000},
	Float32:  {name: "float32", bits: 32, kind: float, huge: 0x7f7f_ffff, inf: 0x7f80_0000, least: 0x0080_0000},
	Float16:  {name: "float16", bits: 16, kind: float, huge: 0x7bff, inf: 0x7c00, least: 0x0400},
	BFloat16: {name: "bfloat16", bits: 16, kind: float, huge: 0x7f7f, inf: 0x7f80, least: 0x0080},

	Float8E4M3FN:   {name: "float8_e4m3fn", bits: 8, kind: float, huge: 0x7e, least: 0x08},
	Float8E5M2:     {name: "float8_e5m2", bits: 8, kind: float, huge: 0x7b, inf: 0x7c, least: 0x04},
	Float8E4M3FNUZ: {name: "float8_e4m3fnuz", bits: 8, kind: float, huge: 0x7f, least: 0x08, fnuz: true},
	Float8E5M2FNUZ: {name: "float8_e5m2fnuz", bits: 8, kind: float, huge: 0x7f, least: 0x04, fnuz: true},
})

// derive sets what follows from the rest, and would take time in every Scan.
func derive(all [Float8E5M2FNUZ + 1]format) [Float8E5M2FNUZ + 1]format {
	for i := Bool; int(i) < len(all); i++ {
		f := &all[i]
		f.size = f.bits / 8
		f.log = uint(bits.TrailingZeros(uint(f.size)))
		f.sign = 1 << (f.bits - 1)
		f.mask = f.sign<<1 - 1
		f.finiteHi = f.mask
		switch f.kind {
		case float:
			f.finiteLo, f.finiteHi = f.key(f.huge|f.sign), f.key(f.huge)
		case boolean:
			f.finiteHi = 1
		case unsigned, signed:
		}
	}
	return all
}

func (d DType) format() (*format, bool) {
	if d == 0 || int(d) >= len(formats) {
		return &formats[0], false
	}
	return &formats[d], true
}

// String is the name that torch has for the type.
func (d DType) String() string {
	if f, ok := d.format(); ok {
		return f.name
	}
	return fmt.Sprintf("DType(%d)", uint8(d))
}

// Size is how many bytes an element has, 0 for no type.
func (d DType) Size() int {
	f, _ := d.format()
	return f.size
}

// SmallestNormal is the smallest positive element that is not subnormal, as
// its bits. It is 0 for what is not a float type.
func (d DType) SmallestNormal() uint64 {
	f, _ := d.format()
	return f.least
}

// key maps bits to integers that have the order of the elements. Of a float,
// NaNs lie beyond both infinities, and minus zero lies just below zero.
//
//	unsigned  b
//	signed    b with the top bit turned over
//	float     b with the top bit set if it is not negative, otherwise not b
//
// A float's magnitude, read as an integer, grows with its value: a larger
// exponent stands above any fraction, and a larger fraction is a larger
// value. What is negative goes the other way.
func (f *format) key(b uint64) uint64 {
	switch {
	case f.kind == signed, f.kind == float && b&f.sign == 0:
		return b ^ f.sign
	case f.kind == float:
		return ^b & f.mask
	default:
		return b
	}
}

// unkey undoes key.
func (f *format) unkey(k uint64) uint64 {
	switch {
	case f.kind == signed, f.kind == float && k&f.sign != 0:
		return k ^ f.sign
	case f.kind == float:
		return ^k & f.mask
	default:
		return k
	}
}

// ordered says whether b is an element that others are less or greater than:
// one of a float that is no NaN, or a bool that is 0 or 1.
func (f *format) ordered(b uint64) bool {
	switch f.kind {
	case boolean:
		return b <= 1
	case float:
		return b&^f.sign <= max(f.huge, f.inf) && (!f.fnuz || b != f.sign)
	default:
		return true
	}
}

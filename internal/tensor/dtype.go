package tensor

import (
	"fmt"
	"math"
	"strings"
)

// DType is the type of a tensor's elements. The zero value is none.
type DType uint8

// The element types, all little-endian. An element of Bytes is a length of four
// bytes and as many bytes, as in the binary form of the V2 protocol.
const (
	_ DType = iota
	Float64
	Float32
	Float16
	BFloat16
	Float8E4M3FN
	Float8E5M2
	Float8E4M3FNUZ
	Float8E5M2FNUZ
	Int64
	Int32
	Int16
	Int8
	Uint64
	Uint32
	Uint16
	Uint8
	Bool
	Bytes
)

type kind uint8

const (
	floating kind = iota
	signed
	unsigned
	text
)

// format says how the bits of a type are read. A floating type is a sign, an
// exponent and mant bits of fraction; top is the magnitude of its largest finite
// value and infinite says whether the next one is infinity. A type with fnuz has
// one NaN where others have the negative zero (and no infinity).
type format struct {
	name     string
	v2       string
	others   string // further names, separated by spaces
	size     int
	kind     kind
	mant     uint
	bias     int
	top      int64
	infinite bool
	fnuz     bool
}

var formats = [...]format{
	Float64:        {name: "float64", v2: "FP64", others: "double", size: 8, mant: 52, bias: 1023, top: 0x7fefffffffffffff, infinite: true},
	Float32:        {name: "float32", v2: "FP32", others: "float", size: 4, mant: 23, bias: 127, top: 0x7f7fffff, infinite: true},
	Float16:        {name: "float16", v2: "FP16", others: "half", size: 2, mant: 10, bias: 15, top: 0x7bff, infinite: true},
	BFloat16:       {name: "bfloat16", v2: "BF16", size: 2, mant: 7, bias: 127, top: 0x7f7f, infinite: true},
	Float8E4M3FN:   {name: "float8_e4m3fn", size: 1, mant: 3, bias: 7, top: 0x7e},
	Float8E5M2:     {name: "float8_e5m2", size: 1, mant: 2, bias: 15, top: 0x7b, infinite: true},
	Float8E4M3FNUZ: {name: "float8_e4m3fnuz", size: 1, mant: 3, bias: 8, top: 0x7f, fnuz: true},
	Float8E5M2FNUZ: {name: "float8_e5m2fnuz", size: 1, mant: 2, bias: 16, top: 0x7f, fnuz: true},
	Int64:          {name: "int64", v2: "INT64", others: "long", size: 8, kind: signed},
	Int32:          {name: "int32", v2: "INT32", others: "int", size: 4, kind: signed},
	Int16:          {name: "int16", v2: "INT16", others: "short", size: 2, kind: signed},
	Int8:           {name: "int8", v2: "INT8", size: 1, kind: signed},
	Uint64:         {name: "uint64", v2: "UINT64", size: 8, kind: unsigned},
	Uint32:         {name: "uint32", v2: "UINT32", size: 4, kind: unsigned},
	Uint16:         {name: "uint16", v2: "UINT16", size: 2, kind: unsigned},
	Uint8:          {name: "uint8", v2: "UINT8", size: 1, kind: unsigned},
	Bool:           {name: "bool", v2: "BOOL", size: 1, kind: unsigned},
	Bytes:          {name: "bytes", v2: "BYTES", kind: text},
}

// DTypes lists all types.
func DTypes() []DType {
	ds := make([]DType, 0, len(formats)-1)
	for d := Float64; d <= Bytes; d++ {
		ds = append(ds, d)
	}
	return ds
}

// ParseDType reads a name of torch ("float32", "torch.half") or of the V2
// protocol ("FP32").
func ParseDType(s string) (DType, error) {
	short := strings.TrimPrefix(s, "torch.")
	for _, d := range DTypes() {
		f := &formats[d]
		if short == f.name || s == f.v2 && s != "" {
			return d, nil
		}
		for other := range strings.FieldsSeq(f.others) {
			if short == other {
				return d, nil
			}
		}
	}
	return 0, fmt.Errorf("dtype %q is not known: use a name of torch such as float32, or of the V2 protocol such as FP32", clip(s))
}

// String is torch's name.
func (d DType) String() string {
	if !d.known() {
		return "unknown"
	}
	return formats[d].name
}

// V2 is the name in the V2 protocol, or empty.
func (d DType) V2() string {
	if !d.known() {
		return ""
	}
	return formats[d].v2
}

// Size is how many bytes an element takes, or 0 where that differs.
func (d DType) Size() int {
	if !d.known() {
		return 0
	}
	return formats[d].size
}

func (d DType) known() bool     { return d >= Float64 && int(d) < len(formats) }
func (d DType) isFloat() bool   { return d.known() && formats[d].kind == floating }
func (d DType) isInteger() bool { return d.known() && d != Bool && d != Bytes && !d.isFloat() }

// extremes are the keys of the smallest and the largest finite value.
func (d DType) extremes() (lo, hi int64) {
	f := &formats[d]
	if f.kind == floating {
		return ^f.top, f.top
	}
	w := uint(8 * f.size)
	return -1 << (w - 1), 1<<(w-1) - 1
}

// float is the value of a key. It is exact for all but integers of 64 bits.
func (d DType) float(key int64) float64 {
	f := &formats[d]
	switch f.kind {
	case signed:
		return float64(key)
	case unsigned:
		return float64(d.unsigned(key))
	default:
	}
	if key < 0 {
		return -f.magnitude(^key)
	}
	return f.magnitude(key)
}

// unsigned is the value of a key of an unsigned type.
func (d DType) unsigned(key int64) uint64 {
	w := uint(8 * formats[d].size)
	return (uint64(key) + 1<<(w-1)) & (math.MaxUint64 >> (64 - w))
}

// magnitude moves exponent and fraction to where float64 has them. It does no
// arithmetic on subnormal numbers, which hostile data would make slow.
func (f *format) magnitude(m int64) float64 {
	if f.infinite && m == f.top+1 {
		return math.Inf(1)
	}
	if m > f.top {
		return math.NaN()
	}
	if m>>f.mant == 0 && f.mant < 52 {
		return float64(m) * math.Float64frombits(uint64(1024-f.bias-int(f.mant))<<52)
	}
	return math.Float64frombits(uint64(m)<<(52-f.mant) + uint64(1023-f.bias)<<52)
}

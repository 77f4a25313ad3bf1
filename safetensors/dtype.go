package safetensors

import "github.com/andiron-dev/andiron/internal/bounded"

// DType is the name of an element type, as it stands in the header.
type DType string

// dtypeBits has every element type of the format, and how many bits one
// element takes. F4 and F6 are packed.
var dtypeBits = map[DType]int64{
	"BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
	"U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
	"I16": 16, "U16": 16, "F16": 16, "BF16": 16,
	"I32": 32, "U32": 32, "F32": 32,
	"C64": 64, "F64": 64, "I64": 64, "U64": 64,
}

// writeRank is the order in which the reference writer sorts: tensor.rs lists
// the types by rising size, prepare sorts them by falling rank.
var writeRank = rank("U64", "I64", "F64", "C64", "F32", "U32", "I32", "BF16", "F16", "U16", "I16",
	"F8_E5M2FNUZ", "F8_E4M3FNUZ", "F8_E8M0", "F8_E4M3", "F8_E5M2", "I8", "U8", "F6_E3M2", "F6_E2M3", "F4", "BOOL")

func rank(order ...DType) map[DType]int {
	ranks := make(map[DType]int, len(order))
	for i, d := range order {
		ranks[d] = i
	}
	return ranks
}

// Bits returns how many bits one element takes, or 0 for a type that the format
// does not define.
func (d DType) Bits() int64 { return dtypeBits[d] }

// byteSize returns how many bytes a tensor takes, or a reason why it cannot be
// said.
func byteSize(d DType, shape []int64) (int64, string) {
	bits := d.Bits()
	if bits == 0 {
		return 0, "unknown dtype"
	}
	// The reference multiplies in order and refuses on the first product that
	// does not fit, so [huge, huge, 0] is refused although it is empty.
	n := int64(1)
	for _, dim := range shape {
		var ok bool
		if n, ok = bounded.Mul(n, dim); !ok {
			return 0, "the product of the dimensions overflows"
		}
	}
	total, ok := bounded.Mul(n, bits)
	if !ok {
		return 0, "the size in bits overflows"
	}
	if total%8 != 0 {
		return 0, "a sub-byte tensor does not fill whole bytes"
	}
	return total / 8, ""
}

package convert

import (
	"fmt"
	"slices"

	"github.com/andiron-dev/andiron/safetensors"
	"github.com/andiron-dev/andiron/torchfile"
)

// dtypes are the element types of torch that safetensors has.
var dtypes = map[string]safetensors.DType{
	"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16",
	"int64": "I64", "int32": "I32", "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL",
	"uint16": "U16", "uint32": "U32", "uint64": "U64", "complex64": "C64",
	"float8_e5m2": "F8_E5M2", "float8_e4m3fn": "F8_E4M3", "float8_e8m0fnu": "F8_E8M0",
	"float8_e4m3fnuz": "F8_E4M3FNUZ", "float8_e5m2fnuz": "F8_E5M2FNUZ", "float4_e2m1fn_x2": "F4",
}

// signed are the dtypes whose elements are negated by their top bit.
var signed = []string{"float64", "float32", "float16", "bfloat16", "complex64", "float8_e5m2", "float8_e4m3fn"}

// layouts says what the tensors are that have no run of elements.
var layouts = map[string]string{
	"nested": "a nested tensor", "jagged": "a nested tensor of the layout jagged",
	"wrapper": "a tensor subclass that wraps others", "numpy": "a tensor of another device kept as a numpy array",
}

// unsupported says why safetensors cannot represent a tensor, "" if it can.
func unsupported(t *torchfile.Tensor) string {
	if what, ok := layouts[t.Layout]; ok {
		return what
	}
	_, known := dtypes[t.DType]
	switch {
	case t.Layout != "strided":
		return "a sparse tensor of the layout " + t.Layout
	case t.Quantizer != nil:
		return fmt.Sprintf("quantized to %s, %s", t.DType, t.Quantizer.Scheme)
	case t.Device == "meta" && t.Storage < 0:
		return "on the device meta, it has no data"
	case !known:
		return fmt.Sprintf("the dtype %s, which safetensors does not have", t.DType)
	case t.DType == "float4_e2m1fn_x2" && len(t.Shape) == 0:
		return "a scalar of two packed elements"
	case t.Neg && !slices.Contains(signed, t.DType):
		return "a negative view of " + t.DType
	}
	return ""
}

// shapeOf is the shape in a safetensors header, which counts single elements
// where torch counts pairs.
func shapeOf(t *torchfile.Tensor) []int64 {
	if t.DType != "float4_e2m1fn_x2" || len(t.Shape) == 0 {
		return t.Shape
	}
	shape := slices.Clone(t.Shape)
	shape[len(shape)-1] *= 2
	return shape
}

package torchfile

import "strings"

// itemSizes is the bytes of an element of each dtype that torch has had.
var itemSizes = map[string]int64{
	"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2,
	"int64": 8, "int32": 4, "int16": 2, "int8": 1, "uint8": 1, "bool": 1,
	"uint16": 2, "uint32": 4, "uint64": 8,
	"complex128": 16, "complex64": 8, "complex32": 4, "bcomplex32": 4,
	"qint8": 1, "quint8": 1, "qint32": 4, "quint4x2": 1, "quint2x4": 1,
	"float8_e5m2": 1, "float8_e4m3fn": 1, "float8_e5m2fnuz": 1, "float8_e4m3fnuz": 1,
	"float8_e8m0fnu": 1, "float4_e2m1fn_x2": 1,
	"bits8": 1, "bits16": 2, "bits1x8": 1, "bits2x4": 1, "bits4x2": 1,
	"uint1": 1, "uint2": 1, "uint3": 1, "uint4": 1, "uint5": 1, "uint6": 1, "uint7": 1,
	"int1": 1, "int2": 1, "int3": 1, "int4": 1, "int5": 1, "int6": 1, "int7": 1,
}

// dtypeAliases are the second names in the torch module.
var dtypeAliases = map[string]string{
	"double": "float64", "float": "float32", "half": "float16", "long": "int64",
	"int": "int32", "short": "int16", "cdouble": "complex128", "cfloat": "complex64", "chalf": "complex32",
}

// complexHalf is the bytes of the real part of the complex dtypes.
var complexHalf = map[string]int64{"complex128": 8, "complex64": 4, "complex32": 2, "bcomplex32": 2}

// storageTypes are the typed storage classes.
var storageTypes = map[string]string{
	"DoubleStorage": "float64", "FloatStorage": "float32", "HalfStorage": "float16", "BFloat16Storage": "bfloat16",
	"LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16", "CharStorage": "int8",
	"ByteStorage": "uint8", "BoolStorage": "bool",
	"ComplexDoubleStorage": "complex128", "ComplexFloatStorage": "complex64",
	"QInt8Storage": "qint8", "QUInt8Storage": "quint8", "QInt32Storage": "qint32",
	"QUInt4x2Storage": "quint4x2", "QUInt2x4Storage": "quint2x4",
}

// ItemSize returns the bytes of an element of dtype, 0 if it is unknown.
func ItemSize(dtype string) int64 { return itemSizes[dtype] }

// storageDType returns the dtype of a storage class, and whether it is untyped.
// torch takes any name that contains Storage, whatever its module.
func storageDType(name string) (dtype string, untyped, ok bool) {
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		name = name[i+1:]
	}
	if name == "UntypedStorage" || name == "_UntypedStorage" {
		return "uint8", true, true
	}
	dtype, ok = storageTypes[name]
	return dtype, false, ok
}

func dtypeByName(name string) (string, bool) {
	if full, ok := dtypeAliases[name]; ok {
		name = full
	}
	_, ok := itemSizes[name]
	return name, ok
}

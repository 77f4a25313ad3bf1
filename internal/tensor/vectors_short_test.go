package tensor

import (
	"maps"
	"slices"
	"strings"
)

// shorts are forms by the names of their inputs, and the schema that they are.
func shortVectors(c *corpus) {
	same := func(name, yaml string, forms map[string]string) {
		c.write(line{Schema: name, Short: forms, SHA256: c.digest(name, yaml)})
	}
	const free = "1..1099511627776"
	same("a shape and a range", "dims: {B: "+free+"}\ninputs: {x: {dtype: [float32], shape: [B, 3], range: [0, 1]}}\n", map[string]string{"x": "float32[B, 3] in [0, 1]"})
	same("without spaces", "dims: {B: "+free+"}\ninputs: {x: {dtype: [float32], shape: [B, 3], range: [0, 1]}}\n", map[string]string{"x": "float32[B,3]in[0,1]"})
	same("with many spaces", "dims: {B: "+free+"}\ninputs: {x: {dtype: [float32], shape: [B, 3], range: [0, 1]}}\n", map[string]string{"x": "  float32  [  B  ,  3  ]  in  [  0  ,  1  ]  "})
	same("a single number", "inputs: {x: {dtype: int64, shape: []}}\n", map[string]string{"x": "int64[]"})
	same("any size", "inputs: {x: {dtype: int64, shape: [_, 2]}}\n", map[string]string{"x": "int64[_, 2]"})
	same("two types", "inputs: {x: {dtype: [float16, float32], shape: [2]}}\n", map[string]string{"x": "float32 | float16[2]"})
	same("names of torch and of the protocol", "inputs: {x: {dtype: [float32, float64], shape: [2]}}\n", map[string]string{"x": "torch.float|FP64[2]"})
	same("bytes", "dims: {B: "+free+"}\ninputs: {x: {dtype: bytes, shape: [B]}}\n", map[string]string{"x": "bytes[B]"})
	same("an open range", "inputs: {x: {dtype: float32, shape: [2], range: [0, inf]}}\n", map[string]string{"x": "float32[2] in [0, inf]"})
	same("numbers of a schema", "inputs: {x: {dtype: float32, shape: [1_000], range: [-2^-3, 1e-1]}}\n", map[string]string{"x": "float32[1_000] in [-2^-3, 1e-1]"})
	same("several inputs", "dims: {B: "+free+", S: "+free+"}\ninputs:\n  ids: {dtype: int64, shape: [B, S]}\n  mask: {dtype: bool, shape: [B, S]}\n",
		map[string]string{"ids": "int64[B, S]", "mask": "bool[B, S]"})
	same("a size of 0", "inputs: {x: {dtype: int64, shape: [0]}}\n", map[string]string{"x": "int64[0]"})
	same("a symbol that YAML would read otherwise", "dims: {\"y\": "+free+", \"null\": "+free+"}\ninputs: {x: {dtype: int64, shape: [\"y\", \"null\"]}}\n", map[string]string{"x": "int64[y, null]"})
	refused := map[string]string{
		"nothing": "", "no shape": "float32", "no type": "[2]", "an unknown type": "float31[2]", "a type twice": "float|float32[2]",
		"an empty type": "float32|[2]", "a size below 0": "int64[-1]", "an empty size": "int64[2,]", "a fraction": "int64[1.5]",
		"a shape that does not end": "int64[2", "something behind": "int64[2] x", "a range without in": "int64[2] [0, 1]",
		"one bound": "int64[2] in [0]", "three bounds": "int64[2] in [0, 1, 2]", "a range that does not end": "int64[2] in [0, 1",
		"bounds the wrong way": "int64[2] in [1, 0]", "both bounds open": "float32[2] in [-inf, inf]", "no number": "int64[2] in [a, b]",
		"a range that no value has": "int64[2] in [0.1, 0.2]", "a range of bytes": "bytes[2] in [0, 1]", "a range of bool": "bool[2] in [0, 1]",
		"bytes and more": "bytes|int64[2]", "a tab": "int64[2]\tin [0, 1]", "a line": "int64[2]\n", "17 sizes": "int64[" + strings.Repeat("1,", 16) + "1]",
		"brackets in brackets": "int64[[2]]", "too long": "int64[2" + strings.Repeat(" ", 1024) + "]", "a dimension too large": "int64[1099511627777]",
	}
	for _, name := range slices.Sorted(maps.Keys(refused)) {
		c.write(line{Refuse: name, Short: map[string]string{"x": refused[name]}})
	}
	c.write(line{Refuse: "a name that is none", Short: map[string]string{"a b": "int64[2]"}})
}

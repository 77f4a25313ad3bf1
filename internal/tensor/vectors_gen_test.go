package tensor

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the corpus anew")

// TestVectorsFresh holds the committed corpus against the tables here. What is
// wanted stands in the tables and is not asked of the code under test; only the
// digests of the schemas are.
func TestVectorsFresh(t *testing.T) {
	for name, tables := range map[string]func(*corpus){
		"element": elementVectors, "integer": integerVectors, "structure": structureVectors, "text": textVectors,
		"statistic": statisticVectors, "schema": schemaVectors, "short": shortVectors, "label": labelVectors,
	} {
		c := &corpus{t: t}
		tables(c)
		file := filepath.Join(vectors, name+".jsonl")
		if *update {
			if err := os.WriteFile(file, c.out.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if b, err := os.ReadFile(file); err != nil || !bytes.Equal(b, c.out.Bytes()) {
			t.Errorf("%s is not what the tables make: go test ./internal/tensor -run Vectors -update (%v)", file, err)
		}
	}
}

type corpus struct {
	t   *testing.T
	out bytes.Buffer
}

func (c *corpus) write(l line) {
	enc := json.NewEncoder(&c.out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(l); err != nil {
		c.t.Fatal(err)
	}
}

// schema starts cases about a schema, of which the first line is left out.
func (c *corpus) schema(name, yaml string) {
	c.t.Helper()
	c.write(line{Schema: name, YAML: "andiron: tensor/v1\n" + yaml, SHA256: c.digest(name, yaml)})
}

func (c *corpus) digest(name, yaml string) string {
	c.t.Helper()
	s, err := Parse([]byte("andiron: tensor/v1\n" + yaml))
	if err != nil {
		c.t.Fatalf("%s: %v", name, err)
	}
	return s.SHA256()
}

func (c *corpus) check(name string, tensors []sample, want ...offender) {
	c.write(verdict(line{Case: name, Tensors: tensors, Want: want}))
}

func verdict(l line) line {
	l.Verdict = "accept"
	if len(l.Want) > 0 {
		l.Verdict = "reject"
	}
	return l
}

// x is the tensor most cases are about.
func x(dtype string, shape []int64, fill string, set ...patch) []sample {
	return []sample{{Name: "x", DType: dtype, Shape: shape, Fill: fill, Set: set}}
}

func on(code Code, count int64, index ...int64) offender {
	return offender{Code: code, Input: "x", Index: index, Count: count}
}

// bits are the elements of a floating type, in hexadecimal as they lie in memory.
type bits struct {
	dtype                                              string
	half, one, next, before, minus, two, top           string
	nan, negnan, inf, neginf, least, negleast, negzero string
}

// floats were taken from the definitions of the formats: IEEE 754 for the first
// three, bfloat16 as the upper half of float32, OCP 8-bit for e4m3fn and e5m2, and
// those without negative zero as ONNX describes them.
func floats() []bits {
	le := func(v uint64, n int) string { return hex.EncodeToString(binary.LittleEndian.AppendUint64(nil, v)[:n]) }
	f64 := func(f float64) string { return le(math.Float64bits(f), 8) }
	f32 := func(f float32) string { return le(uint64(math.Float32bits(f)), 4) }
	return []bits{
		{
			"float64", f64(.5), f64(1), f64(math.Nextafter(1, 2)), f64(math.Nextafter(1, 0)), f64(-1), f64(2), f64(math.MaxFloat64),
			le(0x7ff8000000000000, 8), le(0xfff8000000000001, 8), le(0x7ff0000000000000, 8), le(0xfff0000000000000, 8), le(1, 8), le(0x8000000000000001, 8), le(1<<63, 8),
		},
		{
			"float32", f32(.5), f32(1), f32(math.Nextafter32(1, 2)), f32(math.Nextafter32(1, 0)), f32(-1), f32(2), f32(math.MaxFloat32),
			le(0x7fc00000, 4), le(0xffc00001, 4), le(0x7f800000, 4), le(0xff800000, 4), le(1, 4), le(0x80000001, 4), le(1<<31, 4),
		},
		{"float16", "0038", "003c", "013c", "ff3b", "00bc", "0040", "ff7b", "007e", "01fe", "007c", "00fc", "0100", "0180", "0080"},
		{"bfloat16", "003f", "803f", "813f", "7f3f", "80bf", "0040", "7f7f", "c07f", "c1ff", "807f", "80ff", "0100", "0180", "0080"},
		{"float8_e4m3fn", "30", "38", "39", "37", "b8", "40", "7e", "7f", "ff", "", "", "01", "81", "80"},
		{"float8_e5m2", "38", "3c", "3d", "3b", "bc", "40", "7b", "7e", "ff", "7c", "fc", "01", "81", "80"},
		{"float8_e4m3fnuz", "38", "40", "41", "3f", "c0", "48", "7f", "80", "80", "", "", "01", "81", ""},
		{"float8_e5m2fnuz", "3c", "40", "41", "3f", "c0", "44", "7f", "80", "80", "", "", "01", "81", ""},
	}
}

func elementVectors(c *corpus) {
	shape := []int64{2, 3, 4}
	for _, b := range floats() {
		c.schema(b.dtype+" in [0, 1]", "dims: {B: 1..8}\ninputs:\n  x: {dtype: "+b.dtype+", shape: [B, 3, 4], range: [0, 1], tiny: {below: 2^-3}}\n")
		for _, e := range []struct {
			what, hex string
			code      Code
		}{
			{"half", b.half, ""},
			{"one, the bound", b.one, ""},
			{"before one", b.before, ""},
			{"negative zero", b.negzero, ""},
			{"after one", b.next, CodeRange},
			{"two", b.two, CodeRange},
			{"the largest", b.top, CodeRange},
			{"minus one", b.minus, CodeRange},
			{"NaN", b.nan, CodeNaN},
			{"negative NaN", b.negnan, CodeNaN},
			{"infinity", b.inf, CodeInf},
			{"negative infinity", b.neginf, CodeInf},
			{"the least above zero", b.least, CodeTiny},
		} {
			switch {
			case e.hex == "":
			case e.code == "":
				c.check(b.dtype+": "+e.what, x(b.dtype, shape, e.hex))
			default:
				c.check(b.dtype+": first "+e.what, x(b.dtype, shape, b.half, patch{0, e.hex}), on(e.code, 1, 0, 0, 0))
				c.check(b.dtype+": two of "+e.what, x(b.dtype, shape, b.half, patch{17, e.hex}, patch{23, e.hex}), on(e.code, 2, 1, 1, 1))
			}
		}
		c.check(b.dtype+": the least below zero", x(b.dtype, shape, b.half, patch{5, b.negleast}), on(CodeTiny, 1, 0, 1, 1), on(CodeRange, 1, 0, 1, 1))
		c.check(b.dtype+": several kinds", x(b.dtype, shape, b.half, patch{1, b.nan}, patch{2, b.least}, patch{3, b.two}, patch{4, b.minus}),
			on(CodeNaN, 1, 0, 0, 1), on(CodeTiny, 1, 0, 0, 2), on(CodeRange, 2, 0, 0, 3))
	}
	negativeVectors(c)
	nonfiniteVectors(c)
	tinyVectors(c)
	roundingVectors(c)
}

// negativeVectors are about a range in which there is no zero: the bits of what is
// negative fall where the values rise.
func negativeVectors(c *corpus) {
	negative := func(h string) string {
		b, err := hex.DecodeString(h)
		if err != nil {
			c.t.Fatal(err)
		}
		b[len(b)-1] |= 0x80
		return hex.EncodeToString(b)
	}
	for _, b := range floats() {
		c.schema(b.dtype+" in [-2, -1]", "inputs:\n  x: {dtype: "+b.dtype+", shape: [3], range: [-2, -1]}\n")
		one, two := negative(b.one), negative(b.two)
		c.check(b.dtype+": the bounds of [-2, -1]", x(b.dtype, []int64{3}, one, patch{1, two}))
		c.check(b.dtype+": all are nearer to 0", x(b.dtype, []int64{3}, negative(b.half)), on(CodeRange, 3, 0))
		c.check(b.dtype+": one is nearer to 0", x(b.dtype, []int64{3}, two, patch{1, negative(b.before)}), on(CodeRange, 1, 1))
		c.check(b.dtype+": all are farther from 0", x(b.dtype, []int64{3}, negative(b.top)), on(CodeRange, 3, 0))
		c.check(b.dtype+": one is not negative", x(b.dtype, []int64{3}, one, patch{2, b.one}), on(CodeRange, 1, 2))
	}
}

func nonfiniteVectors(c *corpus) {
	for _, policy := range []string{"reject", "allow_nan", "allow_inf", "allow"} {
		for _, b := range floats() {
			c.schema(b.dtype+", nonfinite: "+policy, "inputs:\n  x: {dtype: "+b.dtype+", shape: [4], range: [-1, 2], nonfinite: "+policy+"}\n")
			var want []offender
			if policy == "reject" || policy == "allow_inf" {
				want = append(want, on(CodeNaN, 1, 2))
			}
			c.check(b.dtype+" "+policy+": NaN", x(b.dtype, []int64{4}, b.one, patch{2, b.nan}), want...)
			if b.inf == "" {
				continue
			}
			want = nil
			if policy == "reject" || policy == "allow_nan" {
				want = append(want, on(CodeInf, 2, 1))
			}
			c.check(b.dtype+" "+policy+": infinities", x(b.dtype, []int64{4}, b.one, patch{1, b.neginf}, patch{3, b.inf}), want...)
		}
	}
}

func tinyVectors(c *corpus) {
	// 2^-100 and the value before it.
	at := map[string][2]string{"float64": {"000000000000b039", "ffffffffffffaf39"}, "float32": {"0000800d", "ffff7f0d"}, "bfloat16": {"800d", "7f0d"}}
	for _, dtype := range []string{"float64", "float32", "bfloat16"} {
		for _, rule := range []string{"", ", tiny: reject", ", tiny: flush", ", tiny: allow", ", tiny: {below: 2^-101}", ", tiny: {below: 2^-99, action: reject}"} {
			c.schema(dtype+rule, "inputs:\n  x: {dtype: "+dtype+", shape: [2]"+rule+"}\n")
			var below, edge []offender
			if rule == "" || strings.HasSuffix(rule, "reject") || strings.Contains(rule, "-99") {
				below = append(below, on(CodeTiny, 1, 1))
			}
			if strings.Contains(rule, "-99") {
				edge = append(edge, on(CodeTiny, 1, 1))
			}
			zero := strings.Repeat("00", len(at[dtype][0])/2)
			c.check(dtype+rule+": 2^-100", x(dtype, []int64{2}, zero, patch{1, at[dtype][0]}), edge...)
			c.check(dtype+rule+": below 2^-100", x(dtype, []int64{2}, zero, patch{1, at[dtype][1]}), below...)
		}
	}
	c.schema("float16 without a rule", "inputs:\n  x: {dtype: float16, shape: [2]}\n")
	c.check("float16: subnormals are let through", x("float16", []int64{2}, "0100"))
	c.schema("float32, 1e-37", "inputs:\n  x: {dtype: float32, shape: [2], range: [0, 1]}\n")
	c.check("1e-40 everywhere", x("float32", []int64{2}, "c2160100"), on(CodeTiny, 2, 0))
	c.check("1e-37 everywhere", x("float32", []int64{2}, "bd370802"), on(CodeTiny, 2, 0))
}

// roundingVectors are about bounds that the type does not have: 0.1 and 0.3.
func roundingVectors(c *corpus) {
	for _, e := range []struct{ dtype, below1, above1, below3, above3 string }{
		{"float64", "999999999999b93f", "9a9999999999b93f", "333333333333d33f", "343333333333d33f"},
		{"float32", "cccccc3d", "cdcccc3d", "9999993e", "9a99993e"},
		{"float16", "662e", "672e", "cc34", "cd34"},
		{"bfloat16", "cc3d", "cd3d", "993e", "9a3e"},
	} {
		c.schema(e.dtype+" in [0.1, 0.3]", "inputs:\n  x: {dtype: "+e.dtype+", shape: [2], range: [0.1, 0.3]}\n")
		c.check(e.dtype+": right above 0.1", x(e.dtype, []int64{2}, e.above1))
		c.check(e.dtype+": right below 0.1", x(e.dtype, []int64{2}, e.above1, patch{1, e.below1}), on(CodeRange, 1, 1))
		c.check(e.dtype+": right below 0.3", x(e.dtype, []int64{2}, e.below3))
		c.check(e.dtype+": right above 0.3", x(e.dtype, []int64{2}, e.below3, patch{0, e.above3}), on(CodeRange, 1, 0))
	}
	c.schema("open above", "inputs:\n  x: {dtype: [float32, float16], shape: [2], range: [0, inf], nonfinite: allow_inf}\n")
	c.check("the largest", x("float32", []int64{2}, "ffff7f7f"))
	c.check("infinity, which is allowed", x("float32", []int64{2}, "0000807f"))
	c.check("below an open range", x("float16", []int64{2}, "00bc"), on(CodeRange, 2, 0))
	c.schema("open below", "inputs:\n  x: {dtype: float32, shape: [2], range: [-inf, -1]}\n")
	c.check("minus one", x("float32", []int64{2}, "000080bf"))
	c.check("zero", x("float32", []int64{2}, "00000000"), on(CodeRange, 2, 0))
	c.check("negative infinity", x("float32", []int64{2}, "000080ff"), on(CodeInf, 2, 0))
	c.schema("wider than the type", "inputs:\n  x: {dtype: float16, shape: [2], range: [-1e6, 1e6]}\n")
	c.check("65504", x("float16", []int64{2}, "ff7b"))
	c.schema("zero alone", "inputs:\n  x: {dtype: float32, shape: [2], range: [0, 0]}\n")
	c.check("both zeros", x("float32", []int64{2}, "00000000", patch{1, "00000080"}))
	c.check("one", x("float32", []int64{2}, "00000000", patch{1, "0000803f"}), on(CodeRange, 1, 1))
}

func integerVectors(c *corpus) {
	for _, w := range []int{1, 2, 4, 8} {
		for _, sign := range []string{"int", "uint"} {
			dtype := fmt.Sprintf("%s%d", sign, 8*w)
			e := func(v int64) string {
				return hex.EncodeToString(binary.LittleEndian.AppendUint64(nil, uint64(v))[:w])
			}
			c.schema(dtype+" in [10, 100]", "inputs:\n  x: {dtype: "+dtype+", shape: [3, 2], range: [10, 100]}\n")
			c.check(dtype+": the lower bound", x(dtype, []int64{3, 2}, e(10)))
			c.check(dtype+": the upper bound", x(dtype, []int64{3, 2}, e(100)))
			c.check(dtype+": one below", x(dtype, []int64{3, 2}, e(50), patch{3, e(9)}), on(CodeRange, 1, 1, 1))
			c.check(dtype+": one above", x(dtype, []int64{3, 2}, e(50), patch{5, e(101)}), on(CodeRange, 1, 2, 1))
			c.check(dtype+": zero", x(dtype, []int64{3, 2}, e(0)), on(CodeRange, 6, 0, 0))
			c.check(dtype+": all bits", x(dtype, []int64{3, 2}, e(-1)), on(CodeRange, 6, 0, 0))
			c.check(dtype+": the sign bit alone", x(dtype, []int64{3, 2}, e(77), patch{0, e(-1 << (8*w - 1))}), on(CodeRange, 1, 0, 0))
			c.check(dtype+": all but the sign bit", x(dtype, []int64{3, 2}, e(77), patch{1, e(1<<(8*w-1) - 1)}), on(CodeRange, 1, 0, 1))
		}
	}
	c.schema("uint64 up to 2^64-2", "inputs:\n  x: {dtype: uint64, shape: [2], range: [1, 18446744073709551614]}\n")
	c.check("2^64-2", x("uint64", []int64{2}, "feffffffffffffff"))
	c.check("2^64-1", x("uint64", []int64{2}, "ffffffffffffffff"), on(CodeRange, 2, 0))
	c.check("0", x("uint64", []int64{2}, "0000000000000000"), on(CodeRange, 2, 0))
	c.schema("int64 above 2^53", "inputs:\n  x: {dtype: int64, shape: [1], range: [9007199254740993, 9007199254740993]}\n")
	c.check("2^53+1", x("int64", []int64{1}, "0100000000002000"))
	c.check("2^53", x("int64", []int64{1}, "0000000000002000"), on(CodeRange, 1, 0))
	c.schema("fractions", "inputs:\n  x: {dtype: int8, shape: [1], range: [-1.5, 2.5]}\n")
	c.check("-1 is above -1.5", x("int8", []int64{1}, "ff"))
	c.check("2 is below 2.5", x("int8", []int64{1}, "02"))
	c.check("-2 is not", x("int8", []int64{1}, "fe"), on(CodeRange, 1, 0))
	c.check("3 is not", x("int8", []int64{1}, "03"), on(CodeRange, 1, 0))
	for _, dtype := range []string{"int64", "int32", "uint16"} {
		w := map[string]int{"int64": 8, "int32": 4, "uint16": 2}[dtype]
		e := func(v int64) string {
			return hex.EncodeToString(binary.LittleEndian.AppendUint64(nil, uint64(v))[:w])
		}
		c.schema("tokens of "+dtype, "dims: {B: 1..4, S: 1..512}\ninputs:\n  x: {dtype: "+dtype+", shape: [B, S], vocabulary: 30522}\n")
		c.check(dtype+": the last id", x(dtype, []int64{1, 4}, e(30521)))
		c.check(dtype+": the size of the vocabulary", x(dtype, []int64{2, 4}, e(101), patch{6, e(30522)}), on(CodeToken, 1, 1, 2))
		c.check(dtype+": -100", x(dtype, []int64{2, 4}, e(0), patch{1, e(-100)}, patch{7, e(-100)}), on(CodeToken, 2, 0, 1))
	}
	c.schema("values", "inputs:\n  x: {dtype: [int64, int8, float32], shape: [4], values: [1, 0, -2]}\n")
	c.check("all of them", x("int8", []int64{4}, "00", patch{1, "01"}, patch{2, "fe"}))
	c.check("another", x("int8", []int64{4}, "00", patch{1, "02"}, patch{3, "ff"}), on(CodeValue, 2, 1))
	c.check("floating: minus zero is zero", x("float32", []int64{4}, "00000080", patch{3, "000000c0"}))
	c.check("floating: another", x("float32", []int64{4}, "0000803f", patch{3, "0100803f"}), on(CodeValue, 1, 3))
	c.check("floating: a NaN is said once", x("float32", []int64{4}, "0000803f", patch{3, "0000c07f"}), on(CodeNaN, 1, 3))
	c.check("int64: another", x("int64", []int64{4}, "0100000000000000", patch{0, "0100000001000000"}), on(CodeValue, 1, 0))
	c.schema("mask", "inputs:\n  x: {dtype: bool, shape: [4]}\n")
	c.check("zeros", x("bool", []int64{4}, "00"))
	c.check("ones", x("bool", []int64{4}, "01"))
	c.check("a byte of 2", x("bool", []int64{4}, "01", patch{2, "02"}), on(CodeBool, 1, 2))
	c.check("bytes of 255", x("bool", []int64{4}, "ff"), on(CodeBool, 4, 0))
	c.check("a byte of 128", x("bool", []int64{4}, "00", patch{3, "80"}), on(CodeBool, 1, 3))
}

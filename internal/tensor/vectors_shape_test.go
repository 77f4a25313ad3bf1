package tensor

import (
	"encoding/base64"
	"fmt"
	"strings"
)

func req(code Code) offender { return offender{Code: code} }

func named(name string, shape ...int64) sample {
	return sample{Name: name, DType: "uint8", Shape: shape, Fill: "00"}
}

func structureVectors(c *corpus) {
	dtypeVectors(c)
	shapeVectors(c)
	symbolVectors(c)
	constraintVectors(c)
	limitVectors(c)
	nameVectors(c)
}

func dtypeVectors(c *corpus) {
	for _, want := range []string{"float32", "int64", "[float16, bfloat16]"} {
		c.schema("dtype "+want, "inputs:\n  x: {dtype: "+want+", shape: [2]}\n")
		for _, d := range DTypes() {
			if d == Bytes {
				continue
			}
			s := x(d.String(), []int64{2}, strings.Repeat("00", d.Size()))
			if want == d.String() || strings.HasPrefix(want, "[") && (d == Float16 || d == BFloat16) {
				c.check("dtype "+want+": "+d.String(), s)
			} else {
				c.check("dtype "+want+": "+d.String(), s, on(CodeDType, 0))
			}
		}
	}
	c.check("a V2 name", x("FP16", []int64{2}, "0000"))
	c.check("torch's name", x("torch.half", []int64{2}, "0000"))
	c.check("bytes", []sample{{Name: "x", DType: "BYTES", Shape: []int64{2}, Data: "AAAAAAAAAAA="}}, on(CodeDType, 0))
	for _, d := range DTypes() {
		if d == Bytes {
			continue
		}
		c.schema("size of "+d.String(), "inputs:\n  x: {dtype: "+d.String()+", shape: [3, 2]}\n")
		data := func(n int) []sample {
			return []sample{{Name: "x", DType: d.String(), Shape: []int64{3, 2}, Data: base64.StdEncoding.EncodeToString(make([]byte, n))}}
		}
		c.check(d.String()+": whole", data(6*d.Size()))
		c.check(d.String()+": one byte less", data(6*d.Size()-1), on(CodeSize, 0))
		c.check(d.String()+": one byte more", data(6*d.Size()+1), on(CodeSize, 0))
		c.check(d.String()+": no data", data(0), on(CodeSize, 0))
	}
}

func shapeVectors(c *corpus) {
	u := func(shape ...int64) []sample { return []sample{named("x", shape...)} }
	c.schema("image", "dims: {B: 1..4, H: 8..32, W: 8..32}\ninputs:\n  x: {dtype: uint8, shape: [B, 3, H, W]}\n")
	c.check("least", u(1, 3, 8, 8))
	c.check("most", u(4, 3, 32, 32))
	c.check("channels last", u(1, 8, 8, 3), on(CodeShape, 0))
	c.check("no batch", u(3, 8, 8), on(CodeRank, 0))
	c.check("one dimension too many", u(1, 1, 3, 8, 8), on(CodeRank, 0))
	c.check("no dimension", []sample{{Name: "x", DType: "uint8", Fill: "00", Shape: []int64{}}}, on(CodeRank, 0))
	c.check("an empty batch", u(0, 3, 8, 8), on(CodeDim, 0))
	c.check("a batch of 5", u(5, 3, 8, 8), on(CodeDim, 0))
	c.check("too low and too wide", u(1, 3, 7, 33), on(CodeDim, 0), on(CodeDim, 0))
	c.check("four channels", u(1, 4, 8, 8), on(CodeShape, 0))
	c.check("17 dimensions", u(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1), on(CodeRank, 0))
	c.check("a size of -1", []sample{{Name: "x", DType: "uint8", Shape: []int64{-1, 3, 8, 8}}}, on(CodeShape, 0))
	c.check("two sizes below 0", []sample{{Name: "x", DType: "uint8", Shape: []int64{-1, -3, 8, 8}}}, on(CodeShape, 0))
	c.schema("any size", "inputs:\n  x: {dtype: uint8, shape: [_, 2]}\n")
	c.check("one", u(1, 2))
	c.check("a thousand", u(1000, 2))
	c.check("none", u(0, 2), on(CodeShape, 0))
	c.schema("a number", "inputs:\n  x: {dtype: uint8, shape: []}\n")
	c.check("a number", []sample{{Name: "x", DType: "uint8", Fill: "07", Shape: []int64{}}})
	c.check("a list of one", u(1), on(CodeRank, 0))
	c.schema("may be empty", "dims: {N: 0..9}\ninputs:\n  x: {dtype: float32, shape: [N, 4], range: [0, 1]}\n")
	c.check("empty", []sample{{Name: "x", DType: "float32", Shape: []int64{0, 4}}})
	c.check("empty, with data", []sample{{Name: "x", DType: "float32", Shape: []int64{0, 4}, Data: "AAAAAA=="}}, on(CodeSize, 0))
	c.schema("a matrix", "inputs:\n  x: {dtype: uint8, shape: [2, 3]}\n")
	c.check("swapped", u(3, 2), on(CodeShape, 0))
	c.check("both wrong is one violation", u(4, 4), on(CodeShape, 0))
	c.check("type, rank and size", []sample{{Name: "x", DType: "int8", Shape: []int64{6}, Data: "AAAA"}}, on(CodeDType, 0), on(CodeRank, 0), on(CodeSize, 0))
}

func symbolVectors(c *corpus) {
	c.schema("text pair", "dims: {B: 1..8, S: 1..16}\ninputs:\n  a: {dtype: uint8, shape: [B, S]}\n  b: {dtype: uint8, shape: [B, S]}\n  c: {dtype: uint8, shape: [B], optional: true}\n")
	c.check("the same sizes", []sample{named("a", 2, 5), named("b", 2, 5)})
	c.check("in another order", []sample{named("b", 2, 5), named("a", 2, 5)})
	c.check("another batch", []sample{named("a", 2, 5), named("b", 3, 5)}, offender{Code: CodeDim, Input: "b"})
	c.check("both differ", []sample{named("a", 2, 5), named("b", 3, 6)}, offender{Code: CodeDim, Input: "b"}, offender{Code: CodeDim, Input: "b"})
	c.check("the optional one agrees", []sample{named("a", 2, 5), named("b", 2, 5), named("c", 2)})
	c.check("the optional one does not", []sample{named("a", 2, 5), named("b", 2, 5), named("c", 5)}, offender{Code: CodeDim, Input: "c"})
	c.check("a broken one binds nothing", []sample{named("a", 2), named("b", 2, 5)}, offender{Code: CodeRank, Input: "a"})
	c.check("one out of bounds binds nothing", []sample{named("a", 9, 5), named("b", 2, 5)}, offender{Code: CodeDim, Input: "a"})
	c.schema("a square", "dims: {N: 1..9}\ninputs:\n  x: {dtype: uint8, shape: [N, N]}\n")
	c.check("square", []sample{named("x", 4, 4)})
	c.check("not square", []sample{named("x", 4, 5)}, on(CodeDim, 0))
	c.schema("with outputs", "dims: {B: 1..8}\ninputs:\n  x: {dtype: uint8, shape: [B]}\noutputs:\n  y: {dtype: float32, shape: [B, 2]}\nlabels:\n  z: {dtype: int64, shape: [B], range: [0, 9]}\n")
	y := func(set ...patch) []sample {
		return []sample{{Name: "y", DType: "float32", Shape: []int64{3, 2}, Fill: "0000803f", Set: set}}
	}
	out := func(name string, g Group, dims map[string]int64, ts []sample, want ...offender) {
		c.write(verdict(line{Case: name, Group: g, Dims: dims, Tensors: ts, Want: want}))
	}
	out("outputs of the same batch", Outputs, map[string]int64{"B": 3}, y())
	out("outputs of another batch", Outputs, map[string]int64{"B": 2}, y(), offender{Code: CodeDim, Input: "y"})
	out("a NaN comes out", Outputs, map[string]int64{"B": 3}, y(patch{4, "0000c07f"}), offender{Code: CodeNaN, Input: "y", Index: []int64{2, 0}, Count: 1})
	out("an input is no output", Outputs, nil, []sample{named("x", 3)}, req(CodeUnknown), offender{Code: CodeMissing, Input: "y"})
	out("a label", Labels, nil, []sample{{Name: "z", DType: "int64", Shape: []int64{2}, Fill: "0900000000000000"}})
	out("a label beyond", Labels, nil, []sample{{Name: "z", DType: "int64", Shape: []int64{2}, Fill: "0a00000000000000"}}, offender{Code: CodeRange, Input: "z", Index: []int64{0}, Count: 2})
}

func constraintVectors(c *corpus) {
	for _, e := range []struct {
		con  string
		a, b int64
		ok   bool
	}{
		{"A == B", 3, 3, true},
		{"A == B", 3, 4, false},
		{"A != B", 3, 4, true},
		{"A != B", 3, 3, false},
		{"A <= B", 3, 3, true},
		{"A <= B", 4, 3, false},
		{"A < B", 3, 4, true},
		{"A < B", 3, 3, false},
		{"A >= B", 3, 3, true},
		{"A >= B", 3, 4, false},
		{"A > B", 4, 3, true},
		{"A > B", 3, 3, false},
		{"A % 8 == 0", 16, 1, true},
		{"A % 8 == 0", 12, 1, false},
		{"A == 2*B + 1", 7, 3, true},
		{"A == 2*B + 1", 6, 3, false},
		{"A*B <= 12", 3, 4, true},
		{"A*B <= 12", 3, 5, false},
		{"A - B - 1 == 0", 5, 4, true},
		{"A - B - 1 == 0", 5, 5, false},
		{"A - (B - 1) == 2", 5, 4, true},
		{"2 + A * 3 % 4 == B", 3, 3, true},
		{"(2 + A) * 3 % 4 == B", 3, 3, true},
		{"A - B >= 0", 3, 4, false},
		{"(A - B) % 4 == 3", 3, 4, true},
		{"A % B == 0", 6, 3, true},
		{"A % B == 0", 7, 3, false},
		{"A % (B - 3) == 0", 6, 3, false},
		{"A * 1099511627776 * 1099511627776 > B", 6, 3, false},
		{"A*1000000000000*1000000000000 - 1 < B", 9, 3, false},
		{"A*1099511627776*4194304 + A*1099511627776*4194304 < B", 1, 1, false},
		{"0 - A*1099511627776*4194304 - A*1099511627776*4194304 - 1 > B", 1, 1, false},
		{"0 - A*1099511627776*4194304 - A*1099511627776*4194304 < B", 1, 1, true},
	} {
		c.schema("constraint "+e.con, "dims: {A: 1..99, B: 1..99}\nconstraints: [\""+e.con+"\"]\ninputs:\n  a: {dtype: uint8, shape: [A]}\n  b: {dtype: uint8, shape: [B]}\n")
		var want []offender
		if !e.ok {
			want = append(want, req(CodeConstraint))
		}
		c.check(fmt.Sprintf("%s where A is %d, B is %d", e.con, e.a, e.b), []sample{named("a", e.a), named("b", e.b)}, want...)
	}
	c.schema("two constraints", "dims: {A: 1..99, B: 1..99}\nconstraints: [\"A < B\", \"B % 2 == 0\"]\ninputs:\n  a: {dtype: uint8, shape: [A]}\n  b: {dtype: uint8, shape: [B], optional: true}\n")
	c.check("both are broken", []sample{named("a", 9), named("b", 7)}, req(CodeConstraint), req(CodeConstraint))
	c.check("one is", []sample{named("a", 9), named("b", 8)}, req(CodeConstraint))
	c.check("without the optional one", []sample{named("a", 9)})
}

func limitVectors(c *corpus) {
	c.schema("limits", "limits: {max_elements: 10, max_bytes: 16, max_inputs: 2}\ninputs:\n  a: {dtype: uint8, shape: [_]}\n  b: {dtype: float64, shape: [_], optional: true}\n  c: {dtype: uint8, shape: [_], optional: true}\n")
	d := sample{Name: "b", DType: "float64", Shape: []int64{2}, Fill: "0000000000000000"}
	c.check("ten elements", []sample{named("a", 10)})
	c.check("eleven", []sample{named("a", 11)}, req(CodeElements))
	c.check("eleven in two", []sample{named("a", 5), named("c", 6)}, req(CodeElements))
	c.check("17 bytes", []sample{named("a", 1), d}, req(CodeBytes))
	c.check("three tensors", []sample{named("a", 1), named("b", 1), named("c", 1)}, req(CodeInputs))
	c.check("a product beyond 63 bits", []sample{{Name: "a", DType: "uint8", Shape: []int64{1 << 32, 1 << 32}}}, req(CodeElements))
	c.check("and a size of 0 behind it", []sample{{Name: "a", DType: "uint8", Shape: []int64{1 << 62, 4, 0}}}, req(CodeElements))
	c.check("a size of 0 before it", []sample{{Name: "a", DType: "uint8", Shape: []int64{0, 1 << 62, 4}}}, offender{Code: CodeRank, Input: "a"})
	c.check("a product that wraps to 0", []sample{{Name: "a", DType: "uint8", Shape: []int64{1 << 32, 1 << 31, 2}}}, req(CodeElements))
	c.check("two that wrap together", []sample{{Name: "a", DType: "uint8", Shape: []int64{1 << 62}}, {Name: "c", DType: "uint8", Shape: []int64{1 << 62}}}, req(CodeElements))
	c.schema("limits of a tensor", "inputs:\n  a: {dtype: uint8, shape: [_], max_elements: 4}\n  b: {dtype: uint16, shape: [_], max_bytes: 8, optional: true}\n")
	b := func(n int64) sample { return sample{Name: "b", DType: "uint16", Shape: []int64{n}, Fill: "0000"} }
	c.check("within", []sample{named("a", 4), b(4)})
	c.check("elements", []sample{named("a", 5), b(4)}, offender{Code: CodeElements, Input: "a"})
	c.check("bytes", []sample{named("a", 4), b(5)}, offender{Code: CodeBytes, Input: "b"})
}

func nameVectors(c *corpus) {
	c.schema("names", "limits: {max_inputs: 4}\ninputs:\n  a: {dtype: uint8, shape: [1]}\n  input.1: {dtype: uint8, shape: [1], optional: true}\n")
	a, other := named("a", 1), named("A", 1)
	c.check("what must be there", []sample{a})
	c.check("all", []sample{a, named("input.1", 1)})
	c.check("nothing", nil, offender{Code: CodeMissing, Input: "a"})
	c.check("twice", []sample{a, a}, offender{Code: CodeDuplicate, Input: "a"})
	c.check("twice, the first of another type", []sample{{Name: "a", DType: "int8", Shape: []int64{1}, Fill: "00"}, a}, offender{Code: CodeDuplicate, Input: "a"})
	c.check("twice, the second of another size", []sample{a, named("a", 2)}, offender{Code: CodeDuplicate, Input: "a"})
	c.check("three times", []sample{a, a, a}, offender{Code: CodeDuplicate, Input: "a"})
	c.check("unknown", []sample{a, named("z", 1)}, req(CodeUnknown))
	c.check("two unknown, one twice", []sample{named("z", 1), a, named("y", 1), named("z", 1)}, req(CodeUnknown), req(CodeUnknown))
	c.check("another case", []sample{other}, req(CodeUnknown), offender{Code: CodeMissing, Input: "a"})
	c.check("no name", []sample{a, named("", 1)}, req(CodeUnknown))
	c.check("a name that moves the cursor", []sample{a, named("\x1b[2Ja\u202e", 1)}, req(CodeUnknown))
	c.schema("unknown ones are dropped", "limits: {max_inputs: 4}\nwire: {unknown_inputs: drop}\ninputs:\n  a: {dtype: uint8, shape: [1]}\n")
	c.check("dropped", []sample{a, named("z", 7)})
	c.schema("unknown ones are dropped, without a limit", "wire: {unknown_inputs: drop}\ninputs:\n  a: {dtype: uint8, shape: [1]}\n")
	c.check("dropped without a limit", []sample{a, named("z", 7), named("y", 7)})
}

package tensor

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/bounded"
)

func schemaOf(t *testing.T, yaml string) *Schema {
	t.Helper()
	s, err := Parse([]byte("andiron: tensor/v1\n" + yaml))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func f32(values ...float32) (b []byte) {
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func TestMessages(t *testing.T) {
	image := "dims: {B: 1..4}\ninputs: {x: {dtype: float32, shape: [B, 3, 8, 9], range: [0, 1]}}\n"
	three := "inputs: {x: {dtype: float32, shape: [3], range: [0, 1]}}\n"
	tokens := "inputs: {x: {dtype: int32, shape: [3], vocabulary: 100}}\n"
	words := "dims: {B: 1..4}\ninputs: {x: {dtype: bytes, shape: [B]}}\n"
	table := "inputs: {x: {dtype: bytes, shape: [2, 3]}}\n"
	ints := func(vs ...int32) (b []byte) {
		for _, v := range vs {
			b = binary.LittleEndian.AppendUint32(b, uint32(v))
		}
		return b
	}
	for _, e := range []struct {
		schema string
		in     Tensor
		want   string
	}{
		{three, Tensor{DType: Float32, Shape: []int64{3}, Data: f32(0, 255, 12)}, `AT-RANGE "x"[1]: got 255, want in [0, 1] (2 of 3); hint: looks like uint8 data: divide by 255`},
		{three, Tensor{DType: Float32, Shape: []int64{3}, Data: f32(0, -1, 1)}, `AT-RANGE "x"[1]: got -1, want in [0, 1] (1 of 3); hint: looks scaled to [-1, 1]: (x + 1) / 2`},
		{three, Tensor{DType: Float32, Shape: []int64{3}, Data: f32(0, -1.5, 2)}, `AT-RANGE "x"[1]: got -1.5, want in [0, 1] (2 of 3); hint: looks standardised already: the schema is about values before the mean is taken off`},
		{three, Tensor{DType: Float32, Shape: []int64{3}, Data: f32(0, 1.5, 1)}, `AT-RANGE "x"[1]: got 1.5, want in [0, 1] (1 of 3)`},
		{three, Tensor{DType: Float32, Shape: []int64{3}, Data: f32(0, 3e38, 1)}, `AT-RANGE "x"[1]: got 3e+38, want in [0, 1] (1 of 3); hint: looks like data of another type or byte order`},
		{three, Tensor{DType: Uint8, Shape: []int64{3}, Data: []byte{1, 2, 3}}, `AT-DTYPE "x": got uint8, want float32; hint: looks like an image as it was read: x.to(torch.float32) / 255`},
		{"inputs: {x: {dtype: float32, shape: [1], range: [0, 0.3]}}\n", Tensor{DType: Float32, Shape: []int64{1}, Data: f32(0.3)}, `AT-RANGE "x"[0]: got 0.3, want in [0, 0.3] (1 of 1); hint: the bound is no float32, and the nearest one lies outside: write one that has room`},
		{image, Tensor{DType: Float32, Shape: []int64{1, 8, 9, 3}, Data: make([]byte, 864)}, `AT-SHAPE "x": got [1, 8, 9, 3], want [B, 3, 8, 9]; hint: the channels seem to be last: x.permute(0, 3, 1, 2)`},
		{image, Tensor{DType: Float32, Shape: []int64{3, 8, 9}, Data: make([]byte, 864)}, `AT-RANK "x": got [3, 8, 9], want [B, 3, 8, 9]; hint: the batch dimension seems to be missing: x.unsqueeze(0)`},
		{image, Tensor{DType: Float32, Shape: []int64{2, 1, 3, 8, 9}, Data: make([]byte, 1728)}, `AT-RANK "x": got [2, 1, 3, 8, 9], want [B, 3, 8, 9]; hint: there seems to be a dimension of 1 too many: x.squeeze(1)`},
		{words, Tensor{DType: Bytes, Shape: []int64{}, Data: []byte{1, 0, 0, 0, 'a'}}, `AT-RANK "x": got [], want [B]; hint: the batch dimension seems to be missing: a list of one, [x]`},
		{words, Tensor{DType: Bytes, Shape: []int64{1, 2}, Data: make([]byte, 8)}, `AT-RANK "x": got [1, 2], want [B]; hint: there seems to be a dimension of 1 too many`},
		{table, Tensor{DType: Bytes, Shape: []int64{3, 2}, Data: make([]byte, 24)}, `AT-SHAPE "x": got [3, 2], want [2, 3]`},
		{tokens, Tensor{DType: Int32, Shape: []int64{3}, Data: ints(0, 100, 5)}, `AT-TOKEN "x"[1]: got 100, want an id from 0 to 99 (1 of 3); hint: ids count from 0, so the last one is one less than the vocabulary`},
		{tokens, Tensor{DType: Int32, Shape: []int64{3}, Data: ints(0, 1, -100)}, `AT-TOKEN "x"[2]: got -100, want an id from 0 to 99 (1 of 3); hint: an index that a loss ignores, such as -100, is not for an embedding`},
		{tokens, Tensor{DType: Int32, Shape: []int64{3}, Data: ints(0, 100, 5000)}, `AT-TOKEN "x"[1]: got 100, want an id from 0 to 99 (2 of 3); hint: the tokenizer seems to have a larger vocabulary than the model`},
		{tokens, Tensor{DType: Int32, Shape: []int64{3}, Data: ints(0, 5000, 1)}, `AT-TOKEN "x"[1]: got 5000, want an id from 0 to 99 (1 of 3); hint: the tokenizer seems to have a larger vocabulary than the model`},
	} {
		e.in.Name = "x"
		r := schemaOf(t, e.schema).Check(Inputs, []Tensor{e.in}, nil, nil)
		if len(r.Violations) != 1 || r.Violations[0].String() != e.want {
			t.Errorf("got %v\nwant %s", r.Violations, e.want)
		}
	}
}

func TestFlush(t *testing.T) {
	s := schemaOf(t, "inputs: {x: {dtype: float32, shape: [4], tiny: flush}}\n")
	in := Tensor{Name: "x", DType: Float32, Shape: []int64{4}, Data: f32(1, 1e-40, -1e-38, 2e-30)}
	if r := s.Check(Inputs, []Tensor{in}, nil, nil); !r.OK() {
		t.Fatal(r.Violations)
	}
	if n := s.Flush(Inputs, &in); n != 2 || string(in.Data) != string(f32(1, 0, 0, 2e-30)) {
		t.Errorf("flushed %d: %x", n, in.Data)
	}
	if n := schemaOf(t, "inputs: {x: {dtype: float32, shape: [4]}}\n").Flush(Inputs, &in); n != 0 {
		t.Errorf("flushed %d where tiny values are refused", n)
	}
}

// The scanner that is given is the one that decides.
func TestScannerSeam(t *testing.T) {
	s := schemaOf(t, "inputs: {x: {dtype: float32, shape: [2], range: [0, 1]}}\n")
	calls := 0
	scan := func(data []byte, w Want) Scan {
		calls++
		if len(data) != 8 || w.DType != Float32 || w.Lo != -1 || w.Hi != 0x3f800000 || w.Tiny != 0x0d800000 {
			t.Errorf("asked for %+v of %d bytes", w, len(data))
		}
		return Scan{NaN: Tally{Count: 1, First: 1}}
	}
	r := s.Check(Inputs, []Tensor{{Name: "x", DType: Float32, Shape: []int64{2}, Data: f32(0, 1)}}, nil, scan)
	if calls != 1 || len(r.Violations) != 1 || r.Violations[0].Code != CodeNaN {
		t.Errorf("%d calls, %v", calls, r.Violations)
	}
}

// Each of these is at the limit or one beyond it.
func TestLimits(t *testing.T) {
	many := func(n int, line string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, line, i)
		}
		return b.String()
	}
	one := "inputs: {x: {dtype: uint8, shape: [2]}}\n"
	for name, write := range map[string]func(extra int) string{
		"bytes": func(n int) string {
			return one + "#" + strings.Repeat("x", maxFile-len("andiron: tensor/v1\n"+one)-2+n) + "\n"
		},
		"tensors": func(n int) string { return "inputs:\n" + many(maxTensors+n, "  x%d: {dtype: uint8, shape: [2]}\n") },
		"symbols": func(n int) string {
			return "dims:\n" + many(maxSymbols+n, "  S%d: 1\n") + "inputs:\n  x: {dtype: uint8, shape: [" + strings.TrimSuffix(many(16, "S%d, "), ", ") + "]}\n"
		},
		"constraints": func(n int) string {
			return "dims: {B: 1..2}\nconstraints:\n" + many(maxConstraints+n, "  - B < %d\n") + "inputs: {x: {dtype: uint8, shape: [B]}}\n"
		},
		"values": func(n int) string {
			return "inputs:\n  x:\n    dtype: uint16\n    shape: [2]\n    values:\n" + many(maxValues+n, "      - %d\n")
		},
		"nesting": func(n int) string {
			return "dims: {B: 1..2}\nconstraints: [\"" + strings.Repeat("(", maxNesting+n) + "B" + strings.Repeat(")", maxNesting+n) + " < 3\"]\ninputs: {x: {dtype: uint8, shape: [B]}}\n"
		},
	} {
		_, err := Parse([]byte("andiron: tensor/v1\n" + write(0)))
		if name == "symbols" && err != nil && strings.Contains(err.Error(), "is in no shape") {
			err = nil // 64 symbols do not fit into one shape, and that comes later
		}
		if err != nil {
			t.Errorf("%s at the limit: %v", name, err)
		}
		if _, err := Parse([]byte("andiron: tensor/v1\n" + write(1))); !errors.Is(err, bounded.ErrLimit) {
			t.Errorf("%s beyond the limit: %v", name, err)
		}
	}
	for name, yaml := range map[string]string{
		"flow":  strings.Repeat("[", 1<<19),
		"block": strings.Repeat("- ", 1<<18) + "a",
		"keys":  "inputs: " + strings.Repeat("{a: ", 1<<16),
	} {
		if _, err := Parse([]byte(yaml)); err == nil {
			t.Errorf("%s: nesting without end is accepted", name)
		}
	}
}

// Labels, outputs and inputs with one name are three tensors, and what a schema
// does not have is refused whatever it is called.
func TestHostileTensors(t *testing.T) {
	s := schemaOf(t, "inputs: {x: {dtype: bytes, shape: [_, _]}}\n")
	for _, in := range []Tensor{
		{Name: "x", DType: Bytes, Shape: []int64{math.MaxInt64, 1}},
		{Name: "x", DType: Bytes, Shape: []int64{1 << 23, 2}, Data: make([]byte, 4)},
		{Name: "x", DType: Bytes, Shape: []int64{math.MinInt64, math.MinInt64}},
		{Name: "x", DType: DType(200), Shape: []int64{1, 1}},
		{Name: "x", DType: 0, Shape: nil},
		{Name: "x", DType: Float8E5M2, Shape: make([]int64, 1<<16)},
		{Name: strings.Repeat("\x00", 1<<16), DType: Bytes, Shape: []int64{1, 1}},
	} {
		for _, g := range []Group{Inputs, Outputs, Labels, "other"} {
			r := s.Check(g, []Tensor{in}, nil, nil)
			if r.OK() {
				t.Errorf("%v is accepted as %s", in.Shape[:min(3, len(in.Shape))], g)
			}
			for _, v := range r.Violations {
				if len(v.String()) > 1024 {
					t.Errorf("a message of %d bytes", len(v.String()))
				}
			}
		}
		s.Flush(Inputs, &in)
	}
}

// The line of a fault in the syntax is that of the file.
func TestSyntaxErrorLines(t *testing.T) {
	const head = "andiron: tensor/v1\ninputs:\n"
	for text, want := range map[string]string{
		head + "  x: {dtype: float32, shape: [2}\n":    "line 3: did not find expected ',' or ']'",
		head + "  x: {dtype: float32, shape: [2]\n":    "line 3: did not find expected ',' or '}'",
		head + "  x: {dtype: }, shape: [2]}\n":         "line 3: did not find expected key",
		head + "  x: {dtype: @a, shape: [2]}\n":        "line 3: found character that cannot start any token",
		head + "  x:\n    dtype: float32\n   shape: 1": "line 3: did not find expected key",
	} {
		if _, err := Parse([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

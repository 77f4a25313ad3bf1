package onnx

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/tarball"
)

// msg builds a message from alternating field numbers and values.
func msg(args ...any) []byte {
	var b []byte
	for i := 0; i < len(args); i += 2 {
		n := protowire.Number(args[i].(int))
		switch v := args[i+1].(type) {
		case int:
			b = protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), uint64(v))
		case string:
			b = protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), v)
		case []byte:
			b = protowire.AppendBytes(protowire.AppendTag(b, n, protowire.BytesType), v)
		}
	}
	return b
}

func read(b []byte, lim Limits) (*Model, error) { return Read(bytes.NewReader(b), int64(len(b)), lim) }

func sample() []byte {
	weights := msg(1, 2, 1, 3, 2, 1, 8, "w", 9, make([]byte, 20000))
	outside := msg(1, []byte{4, 0x80, 1}, 2, 10, 8, "x", 14, 1,
		13, msg(1, "location", 2, "../../etc/passwd"), 13, msg(1, "length", 2, "9"), 13, msg(1, "offset", 2, "4"))
	inner := msg(1, msg(4, "Evil", 7, "my.domain"), 5, msg(8, "c"))
	graph := msg(1, msg(1, "a", 4, "Add"), 1, msg(4, "Add"), 1, msg(4, "If", 5, msg(1, "then_branch", 6, inner)),
		1, msg(4, "Mine", 7, "local"), 5, weights, 5, outside)
	return msg(1, 8, 2, "pytorch", 3, "2.6.0", 7, graph, 8, msg(1, "", 2, 18), 8, msg(1, "my.domain", 2, 1),
		14, msg(1, "k", 2, "v"), 25, msg(1, "Mine", 7, msg(4, "Relu"), 10, "local"))
}

func TestRead(t *testing.T) {
	got, err := read(sample(), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"my.domain"}, got.CustomDomains()); d != "" {
		t.Error(d)
	}
	for i := range got.Ops {
		got.Ops[i].Offset = 0
	}
	for i := range got.Tensors {
		got.Tensors[i].Offset = 0
	}
	got.Functions[0].Offset, got.Properties[0].Offset = 0, 0
	want := &Model{
		IRVersion: 8, Producer: "pytorch", ProducerVersion: "2.6.0", Graphs: 3,
		Opsets:    []Opset{{"", 18}, {"my.domain", 1}},
		Ops:       []Op{{"", "Add", 0, 2}, {"", "If", 0, 1}, {"", "Relu", 0, 1}, {"local", "Mine", 0, 1}, {"my.domain", "Evil", 0, 1}},
		Functions: []Function{{"local", "Mine", 0}},
		Tensors: []Tensor{
			{Name: "c"},
			{Name: "w", DType: 1, Dims: []int64{2, 3}},
			{Name: "x", DType: 10, Dims: []int64{4, 128}, External: &External{
				Location: "../../etc/passwd", Start: "4", Length: "9", Flaws: []tarball.Flaw{tarball.FlawParent},
			}},
		},
		Properties: []Property{{"k", "v", 0}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestLooks(t *testing.T) {
	full := sample()
	for _, tt := range []struct {
		name string
		b    []byte
		want bool
	}{
		{"model", full, true},
		{"head", full[:64], true},
		{"4 KiB of it", full[:4096], true},
		{"no ir_version", msg(2, "a", 7, msg(1, "")), false},
		{"text", []byte("\x08\x01hello, this is not a model"), false},
		{"pickle", []byte("\x80\x02}q\x00."), false},
		{"zeros", make([]byte, 100), false},
		{"empty", nil, false},
	} {
		if got := Looks(tt.b); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestBroken(t *testing.T) {
	b := sample()
	m, err := read(b[:len(b)-30], Limits{})
	var se *SyntaxError
	if !errors.As(err, &se) || m.IRVersion != 8 || len(m.Tensors) != 3 {
		t.Errorf("cut file: got %+v, %v", m, err)
	}
	if _, err := read([]byte{0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, Limits{}); !errors.As(err, &se) {
		t.Errorf("2^63 bytes: got %v", err)
	}
	if _, err := read(msg(1, 8), Limits{}); err == nil {
		t.Error("no graph: got no error")
	}
}

func TestLimits(t *testing.T) {
	deep := msg(1, msg(4, "Add"))
	for range 100 {
		deep = msg(1, msg(5, msg(6, deep)))
	}
	for _, tt := range []struct {
		b   []byte
		lim Limits
	}{
		{msg(1, 8, 7, deep), Limits{}},
		{sample(), Limits{Fields: 10}},
		{sample(), Limits{Items: 2}},
		{sample(), Limits{StrSize: 3}},
	} {
		if _, err := read(tt.b, tt.lim); !errors.Is(err, bounded.ErrLimit) {
			t.Errorf("%+v: got %v, want a limit", tt.lim, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(sample())
	f.Add(msg(1, 8, 7, msg(1, msg(4, "Add"))))
	f.Fuzz(func(t *testing.T, b []byte) {
		lim := Limits{Fields: 10000, Items: 100}
		got, err := read(b, lim)
		again, err2 := read(b, lim)
		if d := cmp.Diff(got, again); d != "" || (err == nil) != (err2 == nil) {
			t.Error("two answers for one input", d)
		}
		Looks(b)
	})
}

// What real torch wrote: inputs with named sizes, and the table that one of them looks
// rows up in.
func TestInputs(t *testing.T) {
	b, err := os.ReadFile("../infer/testdata/text-1.13.onnx")
	if err != nil {
		t.Fatal(err)
	}
	m, err := Read(bytes.NewReader(b), int64(len(b)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	batch, sequence := Dim{-1, "batch"}, Dim{-1, "sequence"}
	want := []Value{
		{Name: "input_ids", DType: 7, Dims: []Dim{batch, sequence}, Shaped: true},
		{Name: "attention_mask", DType: 1, Dims: []Dim{batch, sequence}, Shaped: true},
	}
	if diff := cmp.Diff(want, m.Inputs); diff != "" {
		t.Errorf("inputs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Value{{Name: "logits", DType: 1, Dims: []Dim{batch, {3, ""}}, Shaped: true}}, m.Outputs); diff != "" {
		t.Errorf("outputs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Lookup{{"tokens.weight", "input_ids"}}, m.Lookups); diff != "" {
		t.Errorf("lookups (-want +got):\n%s", diff)
	}
}

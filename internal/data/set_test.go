package data_test

import (
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/data"
	"github.com/andiron-dev/andiron/internal/dataset"
	"github.com/andiron-dev/andiron/internal/tensor"
)

func floats(values ...float32) []byte {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func texts(values ...string) []byte {
	var b []byte
	for _, v := range values {
		b = append(binary.LittleEndian.AppendUint32(b, uint32(len(v))), v...)
	}
	return b
}

// Samples that are looked at together are found wrong as each by itself is.
func TestTogether(t *testing.T) {
	nan := float32(math.NaN())
	for name, c := range map[string]struct {
		inputs string
		column tensor.Tensor
		wrong  int // samples
	}{
		"sound":                     {"{dtype: float32, shape: [1], range: [0, 1]}", tensor.Tensor{Shape: []int64{4}, Data: floats(0, 1, 0.5, 0.25)}, 0},
		"out of range":              {"{dtype: float32, shape: [1], range: [0, 1]}", tensor.Tensor{Shape: []int64{4}, Data: floats(0, 2, 0.5, -1)}, 2},
		"of no dimension":           {"{dtype: float32, shape: []}", tensor.Tensor{Shape: []int64{3}, Data: floats(0, nan, 1)}, 1},
		"of two":                    {"{dtype: float32, shape: [2], range: [0, 1]}", tensor.Tensor{Shape: []int64{2, 2}, Data: floats(0, 0, 0, 2)}, 1},
		"of the wrong shape":        {"{dtype: float32, shape: [3]}", tensor.Tensor{Shape: []int64{2, 2}, Data: floats(0, 0, 0, 0)}, 2},
		"allowed values":            {"{dtype: float32, shape: [1], values: [0, 1]}", tensor.Tensor{Shape: []int64{3}, Data: floats(0, 1, 2)}, 1},
		"as many elements as may":   {"{dtype: float32, shape: [2], max_elements: 2}", tensor.Tensor{Shape: []int64{3, 2}, Data: floats(0, 0, 0, 0, 0, 0)}, 0},
		"as many bytes as may":      {"{dtype: float32, shape: [2], max_bytes: 8}", tensor.Tensor{Shape: []int64{3, 2}, Data: floats(0, 0, 0, 0, 0, 0)}, 0},
		"constant":                  {"{dtype: float32, shape: [2], flat: {max_constant_fraction: 0.9}}", tensor.Tensor{Shape: []int64{2, 2}, Data: floats(0, 1, 3, 3)}, 1},
		"constant by chance of all": {"{dtype: float32, shape: [2], flat: {max_constant_fraction: 0.9}}", tensor.Tensor{Shape: []int64{2, 2}, Data: floats(3, 3, 3, 3)}, 2},
		"norms":                     {"{dtype: float32, shape: [1, 2], normalize: {kind: lp, by: client, axis: 1}}", tensor.Tensor{Shape: []int64{2, 2}, Data: floats(1, 0, 2, 0)}, 1},
		"texts":                     {"{dtype: bytes, shape: [1], text: {max_bytes: 3}}", tensor.Tensor{DType: tensor.Bytes, Shape: []int64{3}, Data: texts("abc", "abcd", "")}, 1},
		"one text of many bytes":    {"{dtype: bytes, shape: [1], max_bytes: 8}", tensor.Tensor{DType: tensor.Bytes, Shape: []int64{3}, Data: texts("a", "abcdefgh", "b")}, 1},
		"texts of a few bytes each": {"{dtype: bytes, shape: [1], max_bytes: 8}", tensor.Tensor{DType: tensor.Bytes, Shape: []int64{3}, Data: texts("abcd", "abcd", "abcd")}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := tensor.Parse([]byte("andiron: tensor/v1\nmodel: m\ninputs:\n  x: " + c.inputs + "\n"))
			if err != nil {
				t.Fatal(err)
			}
			c.column.Name = "x"
			if c.column.DType == 0 {
				c.column.DType = tensor.Float32
			}
			all := &dataset.Rows{N: int(c.column.Shape[0]), Columns: []tensor.Tensor{c.column}}
			together, each := data.NewSetCheck(s, ""), data.NewSetCheck(s, "")
			together.Add(all)
			for i := range all.N {
				each.Add(&dataset.Rows{First: int64(i), N: 1, Columns: all.Part(i, 1)})
			}
			got, count := finish(together)
			want, _ := finish(each)
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			if count.Rejected != c.wrong {
				t.Errorf("%d samples are wrong, want %d", count.Rejected, c.wrong)
			}
		})
	}
}

// finish has what a person reads of what was found.
func finish(c *data.SetCheck) (said [][]string, count finding.Tensors) {
	count = c.Finish(func(f finding.Finding) {
		said = append(said, slices.Concat([]string{f.Rule, f.Message}, f.Evidence))
	})
	return said, count
}

// A sample with several inputs that the schema does not have counts once, and so does a
// message that is about cells of two kinds.
func TestCounts(t *testing.T) {
	s, err := tensor.Parse([]byte("andiron: tensor/v1\nmodel: m\nlimits: {max_inputs: 3}\ninputs:\n  x: {dtype: float32, shape: [1]}\n"))
	if err != nil {
		t.Fatal(err)
	}
	column := func(name string) tensor.Tensor {
		return tensor.Tensor{Name: name, DType: tensor.Float32, Shape: []int64{2}, Data: floats(1, 2)}
	}
	cell := func(sample int64, empty bool) *dataset.BadCell {
		return &dataset.BadCell{Sample: sample, Name: "x", DType: tensor.Float32, Empty: empty}
	}
	c := data.NewSetCheck(s, "")
	c.Add(&dataset.Rows{N: 2, Columns: []tensor.Tensor{column("x"), column("a"), column("b")}, Bad: []*dataset.BadCell{cell(2, true), cell(3, false)}})
	got, count := finish(c)
	want := [][]string{
		{"TEN001", `2 samples of 4: AT-UNKNOWN: got "a", want one of x`, `sample 0: "a", "b"`, `sample 1: "a", "b"`},
		{"TEN013", `2 samples of 4: a cell of column "x" is empty or no float32`, "sample 2: it is empty", "sample 3: it is no float32"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if count.Requests != 4 || count.Rejected != 4 {
		t.Errorf("%d of %d samples are wrong, want 4 of 4", count.Rejected, count.Requests)
	}
}

// A symbol has the same size in the labels of a sample as in its inputs, whether the
// schema is about a sample or about a batch; a constraint that is broken counts once.
func TestLabelsHaveTheSizesOfTheInputs(t *testing.T) {
	for name, c := range map[string]struct {
		schema string
		mask   []int64
		code   tensor.Code
		wrong  int
	}{
		"a mask":                {"dims: {H: 1..9, W: 1..9}\ninputs: {x: {dtype: uint8, shape: [H, W]}}\nlabels: {m: {dtype: uint8, shape: [H, W]}}\n", []int64{5, 2, 3}, "", 0},
		"a mask of another":     {"dims: {H: 1..9, W: 1..9}\ninputs: {x: {dtype: uint8, shape: [H, W]}}\nlabels: {m: {dtype: uint8, shape: [H, W]}}\n", []int64{5, 3, 2}, tensor.CodeDim, 5},
		"in a batch":            {"dims: {B: 1..2, H: 1..9, W: 1..9}\ninputs: {x: {dtype: uint8, shape: [B, H, W]}}\nlabels: {m: {dtype: uint8, shape: [B, H, W]}}\n", []int64{5, 2, 3}, "", 0},
		"of another in a batch": {"dims: {B: 1..2, H: 1..9, W: 1..9}\ninputs: {x: {dtype: uint8, shape: [B, H, W]}}\nlabels: {m: {dtype: uint8, shape: [B, H, W]}}\n", []int64{5, 3, 3}, tensor.CodeDim, 5},
		"a constraint":          {"dims: {H: 1..9, W: 1..9, K: 1..9}\nconstraints: [H < K]\ninputs: {x: {dtype: uint8, shape: [H, W]}}\nlabels: {m: {dtype: uint8, shape: [K]}}\n", []int64{5, 2}, tensor.CodeConstraint, 5},
		"one of inputs alone":   {"dims: {H: 1..9, W: 1..9, K: 1..9}\nconstraints: [H > W]\ninputs: {x: {dtype: uint8, shape: [H, W]}}\nlabels: {m: {dtype: uint8, shape: [K]}}\n", []int64{5, 2}, tensor.CodeConstraint, 5},
	} {
		s, err := tensor.Parse([]byte("andiron: tensor/v1\n" + c.schema))
		if err != nil {
			t.Fatal(err)
		}
		size := int64(1)
		for _, n := range c.mask {
			size *= n
		}
		check := data.NewSetCheck(s, "")
		check.Add(&dataset.Rows{N: 5, Columns: []tensor.Tensor{
			{Name: "x", DType: tensor.Uint8, Shape: []int64{5, 2, 3}, Data: make([]byte, 30)},
			{Name: "m", DType: tensor.Uint8, Shape: c.mask, Data: make([]byte, size)},
		}})
		found, count := finish(check)
		if count.Rejected != c.wrong || (c.code == "") != (len(found) == 0) {
			t.Errorf("%s: %d samples are wrong, want %d: %+v", name, count.Rejected, c.wrong, found)
		}
		for _, f := range found {
			if !strings.HasPrefix(f[1], "5 samples of 5: "+string(c.code)) || len(f) != 2+5 {
				t.Errorf("%s: %q", name, f)
			}
		}
	}
}

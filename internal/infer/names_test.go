package infer

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/tensor"
	"github.com/andiron-dev/andiron/internal/triton"
)

// served is a model of Triton for torch, whose inputs and outputs have numbers for names.
func served(t *testing.T, d *Draft, inputs, outputs []triton.Tensor) {
	t.Helper()
	if err := d.Served("config.pbtxt", &triton.Model{Name: "m", MaxBatch: 8, Inputs: inputs, Outputs: outputs}); err != nil {
		t.Fatal(err)
	}
}

func file(t *testing.T, d *Draft, name string) error {
	t.Helper()
	b := read(t, name)
	return d.File(name, bytes.NewReader(b), int64(len(b)))
}

// A program and a server name the same inputs differently. They are the same by their
// places, and have the names that come over the wire, whichever was read first.
func TestNamesOfAProgramAndAServer(t *testing.T) {
	in := []triton.Tensor{
		{Name: "INPUT__1", DType: tensor.Float32, Dims: []int64{-1}},
		{Name: "INPUT__0", DType: tensor.Int64, Dims: []int64{-1}},
	}
	out := []triton.Tensor{{Name: "OUTPUT__0", DType: tensor.Float32, Dims: []int64{-1}}}
	for _, order := range []string{"program", "server"} {
		d := New()
		if order == "server" {
			served(t, d, in, out)
		}
		if err := file(t, d, "testdata/text-2.6.pt2"); err != nil {
			t.Fatal(err)
		}
		if order == "program" {
			served(t, d, in, out)
		}
		text, s, err := d.Schema()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"INPUT__0", "INPUT__1"}, s.Names(tensor.Inputs)); diff != "" {
			t.Errorf("%s first (-want +got):\n%s%s", order, diff, text)
		}
		for _, part := range []string{"is input_ids of text-2.6.pt2", "is attention_mask of text-2.6.pt2", "vocabulary: ", "OUTPUT__0:"} {
			if strings.Count(string(text), part) != 1 {
				t.Errorf("%s first: %q is not there once:\n%s", order, part, text)
			}
		}
	}
	d := New()
	served(t, d, in[:1], nil)
	if err := file(t, d, "testdata/text-2.6.pt2"); err == nil || !strings.Contains(err.Error(), "have no name in common with those of config.pbtxt (INPUT__1)") {
		t.Errorf("one input and two: %v", err)
	}
}

// A sample may have the names of any source, but not an input under two of them.
func TestSamplesByOtherNames(t *testing.T) {
	d := New()
	if err := file(t, d, "testdata/text-2.6.pt2"); err != nil {
		t.Fatal(err)
	}
	served(t, d, []triton.Tensor{
		{Name: "INPUT__0", DType: tensor.Int64, Dims: []int64{-1}},
		{Name: "INPUT__1", DType: tensor.Float32, Dims: []int64{-1}},
	}, nil)
	mask := func(name string) tensor.Source { return floats(name, []int64{1, 2}, 0, 1) }
	ids := data("input_ids", tensor.Int64, []int64{1, 2}, make([]byte, 16))
	all := []Request{{"a", []tensor.Source{ids, mask("attention_mask")}}, {"b", []tensor.Source{ids, mask("INPUT__1")}}}
	if got := learn(t, d, all...); !strings.Contains(got, "range: [0, 1]  # learned from 2 samples") {
		t.Errorf("the samples are not in\n%s", got)
	}
	err := d.Samples([]Request{{"c", []tensor.Source{mask("attention_mask"), mask("INPUT__1")}}})
	if err == nil || err.Error() != `c has the input "INPUT__1" twice` {
		t.Errorf("two names of one input: %v", err)
	}
}

// What one source guesses of sizes another one knows.
func TestGuessesGiveWay(t *testing.T) {
	d := New()
	served(t, d, []triton.Tensor{{Name: "image", DType: tensor.Float32, Dims: []int64{3, -1, -1}}}, nil)
	if err := file(t, d, "testdata/image-2.6.pt2"); err != nil {
		t.Fatal(err)
	}
	text, _, err := d.Schema()
	if err != nil || strings.Contains(string(text), "4096") || !strings.Contains(string(text), "learned from config.pbtxt and image-2.6.pt2") {
		t.Errorf("%v\n%s", err, text)
	}
}

package triton

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/tensor"
)

const config = `# how Triton serves it
name: "resnet"
platform: "pytorch_" 'libtorch';
max_batch_size: 8,
input [
  { name: "INPUT__0" data_type: TYPE_FP32 format: FORMAT_NCHW dims: [ 3, 224, -1 ] reshape { shape: [ 3, 224, 224 ] } },
  { name: "TEXT", data_type: TYPE_STRING, dims: 1 dims: -1, optional: true, allow_ragged_batch: true }
]
output: { name: "OUTPUT__0" data_type: TYPE_BF16 dims: [] label_filename: "a\"b\\c\n" }
instance_group [ { count: 1 kind: KIND_GPU gpus: [ 0, 1 ] } ]
dynamic_batching { preferred_batch_size: [ 4, 8 ] max_queue_delay_microseconds: 100 }
parameters { key: "x" value { string_value: "y" } }
version_policy: { latest { num_versions: 1 } }
optimization { priority: - 1.5e3 x: -inf y: .5 }
`

func TestParseConfig(t *testing.T) {
	got, err := ParseConfig([]byte(config))
	if err != nil {
		t.Fatal(err)
	}
	want := &Model{
		Name: "resnet", Platform: "pytorch_libtorch", MaxBatch: 8,
		Inputs: []Tensor{
			{Name: "INPUT__0", DType: tensor.Float32, Dims: []int64{3, 224, -1}, Format: "NCHW", Reshaped: true},
			{Name: "TEXT", DType: tensor.Bytes, Dims: []int64{1, -1}, Optional: true, Ragged: true},
		},
		Outputs: []Tensor{{Name: "OUTPUT__0", DType: tensor.BFloat16}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	// The same message, said over again.
	separate := strings.NewReplacer("input [", "input", "},\n  { name: \"TEXT\"", "}\ninput { name: \"TEXT\"", "true }\n]", "true }").Replace(config)
	if again, err := ParseConfig([]byte(separate)); err != nil || !cmp.Equal(want, again) {
		t.Errorf("%v\n%s", err, cmp.Diff(want, again))
	}
}

func TestParseConfigRefuses(t *testing.T) {
	in := func(s string) string { return "input { name: \"x\" data_type: TYPE_FP32 dims: [ 1 ] " + s + " }" }
	for name, c := range map[string]struct{ text, want string }{
		"nothing":                {"", "there is no input"},
		"only a name":            {`name: "x"`, "there is no input"},
		"a name twice":           {"name: \"x\"\nname: \"y\"", `line 2: field "name" stands twice`},
		"a name that is none":    {`name: x`, `field "name" has "x"`},
		"a type twice":           {in("data_type: TYPE_FP32"), "stands twice"},
		"no type":                {`input { name: "x" }`, `tensor "x" has no data_type`},
		"no name":                {`input { data_type: TYPE_FP32 }`, "a tensor has no name"},
		"a type nobody knows":    {`input { name: "x" data_type: TYPE_FP31 }`, "none that schemas have"},
		"a type of another kind": {`input { name: "x" data_type: FP32 }`, "none that schemas have"},
		"a size below -1":        {in("dims: -2"), `"-2" is no size`},
		"a size that is a text":  {in(`dims: "2"`), `"2" is no size`},
		"a fraction":             {in("dims: 1.5"), `"1.5" is no size`},
		"a batch below 0":        {"max_batch_size: -1", "not a number from 0"},
		"an input that is none":  {"input: 3", `"input" is a message`},
		"no value":               {"name:", "has no value"},
		"no colon":               {"name x", "has no value"},
		"an open message":        {"input {", `the message "input" has no end`},
		"an open list":           {"x: [ 1, 2", `the list "x" has no end`},
		"a list without commas":  {"x: [ 1 2 ]", `the list "x" has no end`},
		"a list of lists":        {"x: [ [ 1 ] ]", "a list in the list"},
		"an open string":         {`name: "x`, "a string has no end"},
		"a string over a line":   {"name: \"x\ny\"", "over the end of a line"},
		"another escape":         {`name: "\x41"`, `the escape "\\x" is not read`},
		"one brace too many":     {"x: 1 }", "closes nothing"},
		"an extension":           {"[a.b]: 1", "closes nothing"},
		"a byte of zero":         {"x: 1 \x00", "begins no field"},
		"no UTF-8":               {"x: \"\xff\"", "no UTF-8"},
		"angles":                 {"x < y: 1 >", "has no value"},
		"optional: maybe":        {in("optional: maybe"), "neither true nor false"},
	} {
		if name == "an extension" {
			c.want = "begins no field"
		}
		if _, err := ParseConfig([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
	for _, text := range []string{strings.Repeat("x {", 40), strings.Repeat(" ", MaxBytes+1), strings.Repeat("x:1 ", maxNodes+1)} {
		if _, err := ParseConfig([]byte(text)); !errors.Is(err, bounded.ErrLimit) {
			t.Errorf("error %v, want a limit", err)
		}
	}
}

func TestParseMetadata(t *testing.T) {
	got, err := ParseMetadata([]byte(`{"name": "m", "versions": ["1"], "platform": "p", "inputs": [{"name": "x", "datatype": "FP32", "shape": [-1, 4], "parameters": {"a": [1, {"b": 2}]}}],
		"outputs": [{"name": "y", "datatype": "BYTES", "shape": []}], "properties": {"x": null}}`))
	want := &Model{
		Name: "m", Platform: "p", Inputs: []Tensor{{Name: "x", DType: tensor.Float32, Dims: []int64{-1, 4}}},
		Outputs: []Tensor{{Name: "y", DType: tensor.Bytes, Dims: []int64{}}},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	in := func(s string) string { return `{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1]` + s + `}]}` }
	for name, c := range map[string]struct{ text, want string }{
		"nothing":             {"", "EOF"},
		"a list":              {"[]", "no metadata of a model"},
		"no inputs":           {`{"name": "x", "inputs": []}`, "have no inputs"},
		"a member twice":      {in(`, "shape": [2]`), `"shape" stands twice`},
		"another case":        {in(`, "Shape": [2]`), `"Shape" stands twice`},
		"a letter like an s":  {in(`, "ſhape": [2]`), "stands twice"},
		"two documents":       {in("") + "{}", "something follows"},
		"a type nobody knows": {`{"inputs": [{"name": "x", "datatype": "float32", "shape": [1]}]}`, "none of the protocol"},
		"a size below -1":     {`{"inputs": [{"name": "x", "datatype": "FP32", "shape": [-2]}]}`, "is no size"},
		"a size of a half":    {`{"inputs": [{"name": "x", "datatype": "FP32", "shape": [0.5]}]}`, "no metadata"},
		"a request":           {in(`, "data": [1]`), "this is a request"},
		"no name":             {`{"inputs": [{"datatype": "FP32", "shape": [1]}]}`, "has no name"},
		"cut off":             {`{"inputs": [`, "EOF"},
		"no UTF-8":            {"{\"a\": \"\xff\"}", "no UTF-8"},
	} {
		if _, err := ParseMetadata([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want %q", name, err, c.want)
		}
	}
	if _, err := ParseMetadata([]byte(strings.Repeat("[", 100))); !errors.Is(err, bounded.ErrLimit) {
		t.Errorf("error %v, want a limit", err)
	}
}

// FuzzParseConfig: no panic; what is read is read the same way again, and every
// tensor is one that a schema can have.
func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(config))
	f.Add([]byte(`input { name: "x" data_type: TYPE_INT64 dims: [ -1 ] }`))
	f.Add([]byte("x: [ { y: 'a' \"b\" } ] # end"))
	f.Fuzz(func(t *testing.T, b []byte) { sound(t, b, ParseConfig) })
}

// FuzzParseMetadata: the same of metadata.
func FuzzParseMetadata(f *testing.F) {
	f.Add([]byte(`{"name":"m","inputs":[{"name":"x","datatype":"FP32","shape":[-1,4]}],"outputs":[]}`))
	f.Add([]byte(`{"a":{"b":[1,2,{"c":null}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) { sound(t, b, ParseMetadata) })
}

func sound(t *testing.T, b []byte, parse func([]byte) (*Model, error)) {
	t.Helper()
	m, err := parse(b)
	if err != nil {
		if err.Error() == "" {
			t.Fatal("an error without a text")
		}
		return
	}
	again, err := parse(b)
	if err != nil || !cmp.Equal(m, again) {
		t.Fatalf("read twice: %v", err)
	}
	for _, x := range append(m.Inputs, m.Outputs...) {
		if x.Name == "" || x.DType == 0 || len(x.Dims) > maxDims {
			t.Fatalf("%+v", x)
		}
	}
}

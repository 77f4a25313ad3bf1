package engine_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/data"
	"github.com/andiron-dev/andiron/internal/engine"
	schema "github.com/andiron-dev/andiron/internal/tensor"
	"github.com/andiron-dev/andiron/safetensors"
)

// arrays is a safetensors file.
func arrays(t *testing.T, tensors ...stored) string {
	t.Helper()
	var heads []safetensors.Tensor
	content := map[string]string{}
	for _, x := range tensors {
		heads = append(heads, safetensors.Tensor{Name: x.name, DType: x.dtype, Shape: x.shape})
		content[x.name] = x.data
	}
	l, err := safetensors.NewLayout(heads, nil)
	if err != nil {
		t.Fatal(err)
	}
	b := strings.Builder{}
	err = l.Write(&b, func(w io.Writer, x safetensors.Tensor) error {
		_, err := io.WriteString(w, content[x.Name])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

type stored struct {
	name  string
	dtype safetensors.DType
	shape []int64
	data  string
}

// floats is a vector of float32, whole one of int64.
func floats(name string, values ...float32) stored {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return stored{name, "F32", []int64{int64(len(values))}, string(b)}
}

func wholes(name string, values ...int64) stored {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return stored{name, "I64", []int64{int64(len(values))}, string(b)}
}

// heldAgainst makes each file of a scene a request of one tensor.
func (s scene) heldAgainst(x string) scene {
	s.schema = "andiron: tensor/v1\ninputs: {x: " + x + "}\n"
	return s
}

func schemaOf(t *testing.T, text string) data.Schema {
	t.Helper()
	s, err := schema.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return data.Schema{Schema: s, Group: schema.Inputs}
}

func requestsOf(paths []string) (list []engine.TensorRequest) {
	for _, p := range paths {
		list = append(list, engine.TensorRequest{Where: finding.Where{Path: p}, Files: []engine.TensorFile{{Path: p}}})
	}
	return list
}

// tensorExamples are those of the data room.
func tensorExamples(t *testing.T) map[string]example {
	t.Helper()
	const plain = "{dtype: float32, shape: [_]}"
	of := func(schema string, fires, quiet stored) example {
		return example{file("a.safetensors", []byte(arrays(t, fires))).heldAgainst(schema), file("a.safetensors", []byte(arrays(t, quiet))).heldAgainst(schema)}
	}
	text := func(s string) []byte { return []byte(npyText(s)) }
	const words = "{dtype: bytes, shape: [1], text: {deny: [bidi]}}"
	return map[string]example{
		"TEN001": of(plain, floats("y", 1), floats("x", 1)),
		"TEN002": of("{dtype: float32, shape: [_], max_elements: 2}", floats("x", 1, 2, 3), floats("x", 1, 2)),
		"TEN003": of(plain, wholes("x", 1), floats("x", 1)),
		"TEN004": of("{dtype: float32, shape: [2]}", floats("x", 1, 2, 3), floats("x", 1, 2)),
		"TEN005": of("{dtype: bool, shape: [_]}", stored{"x", "BOOL", []int64{2}, "\x01\x02"}, stored{"x", "BOOL", []int64{2}, "\x01\x00"}),
		"TEN006": of(plain, floats("x", 1, float32(math.NaN())), floats("x", 1, math.MaxFloat32)),
		"TEN007": of(plain, floats("x", 1, 1e-40), floats("x", 1, 0)),
		"TEN008": of("{dtype: float32, shape: [_], range: [0, 1]}", floats("x", 0.5, 255), floats("x", 0, 1)),
		"TEN009": of("{dtype: int64, shape: [_], vocabulary: 100}", wholes("x", 1, 100), wholes("x", 0, 99)),
		"TEN010": of("{dtype: float32, shape: [_], flat: {max_constant_fraction: 0.9}}", floats("x", 1, 1, 1), floats("x", 1, 1, 2)),
		"TEN011": {file("a.npy", text("a\u202eb")).heldAgainst(words), file("a.npy", text("ab")).heldAgainst(words)},
		"TEN012": of("{dtype: float32, shape: [_], drift: {edges: [0], shares: [0.5, 0.5], psi: 0.1, window: 1}}", floats("x", 1, 2), floats("x", -1, 1)),
		"TEN090": {file("a.npy", []byte("\x93NUMPY\x01\x00")).heldAgainst(plain), file("a.safetensors", []byte(arrays(t, floats("x", 1)))).heldAgainst(plain)},
	}
}

// npyText is a .npy file with one text.
func npyText(s string) string {
	runes := []rune(s)
	head := fmt.Sprintf("{'descr': '<U%d', 'fortran_order': False, 'shape': (1,), }", len(runes))
	head += strings.Repeat(" ", 117-len(head)) + "\n"
	out := "\x93NUMPY\x01\x00" + string([]byte{byte(len(head)), 0}) + head
	for _, r := range runes {
		out += string(binary.LittleEndian.AppendUint32(nil, uint32(r)))
	}
	return out
}

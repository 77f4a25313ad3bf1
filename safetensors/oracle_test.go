//go:build oracle

package safetensors_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/safetensors"
)

// referenceNames are what the reference calls the dtypes; it has no name for
// the two of six bits.
var referenceNames = map[safetensors.DType]string{
	"BOOL": "bool", "F4": "float4_e2m1fn_x2", "U8": "uint8", "I8": "int8", "F8_E5M2": "float8_e5m2",
	"F8_E4M3": "float8_e4m3fn", "F8_E8M0": "float8_e8m0fnu", "F8_E4M3FNUZ": "float8_e4m3fnuz",
	"F8_E5M2FNUZ": "float8_e5m2fnuz", "I16": "int16", "U16": "uint16", "F16": "float16", "BF16": "bfloat16",
	"I32": "int32", "U32": "uint32", "F32": "float32", "C64": "complex64", "F64": "float64", "I64": "int64", "U64": "uint64",
}

type spec struct {
	Metadata map[string]string `json:"metadata"`
	Tensors  [][4]any          `json:"tensors"`

	layout []safetensors.Tensor
	data   map[string][]byte
}

// TestWriterAgainstReference holds what we write against what the reference
// library writes for the same tensors. ANDIRON_SAFETENSORS_ORACLE is the command
// that runs tools/oracle/safetensors_writer.py.
func TestWriterAgainstReference(t *testing.T) {
	command := strings.Fields(os.Getenv("ANDIRON_SAFETENSORS_ORACLE"))
	if len(command) == 0 {
		t.Fatal("ANDIRON_SAFETENSORS_ORACLE is empty: run make oracle")
	}
	rng := rand.New(rand.NewPCG(1, 2))
	var specs []spec
	var lines bytes.Buffer
	for range 2000 {
		s := randomSpec(rng)
		specs = append(specs, s)
		b, err := json.Marshal(s)
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(b, '\n'))
	}
	file := filepath.Join(t.TempDir(), "specs")
	if err := os.WriteFile(file, lines.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(command[0], append(command[1:], file)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewScanner(bytes.NewReader(out))
	answers.Buffer(nil, 1<<24)
	for i, s := range specs {
		if !answers.Scan() {
			t.Fatalf("only %d answers: %v", i, answers.Err())
		}
		want, err := hex.DecodeString(answers.Text())
		if err != nil {
			t.Fatal(err)
		}
		got, err := writeAll(s.layout, s.Metadata, s.data)
		if err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%d: %v\ngot  %.800q\nwant %.800q", i, err, got, want)
		}
	}
}

const alphabet = "ab.Z0_é\u2028\x7f\x00\x01\b\t\n\f\r\x1f\"\\/雪😀~ "

func randomText(rng *rand.Rand, most int) string {
	letters := []rune(alphabet)
	var b strings.Builder
	for range rng.IntN(most) {
		b.WriteRune(letters[rng.IntN(len(letters))])
	}
	return b.String()
}

func randomSpec(rng *rand.Rand) spec {
	s := spec{data: map[string][]byte{}, Tensors: [][4]any{}}
	switch rng.IntN(3) {
	case 0:
		s.Metadata = map[string]string{randomText(rng, 9): randomText(rng, 20)}
	case 1:
		s.Metadata = map[string]string{"format": "pt"}
	}
	var dtypes []safetensors.DType
	for d := range referenceNames {
		dtypes = append(dtypes, d)
	}
	for range rng.IntN(12) {
		name := randomText(rng, 8)
		if _, seen := s.data[name]; seen || name == "__metadata__" {
			continue
		}
		d := dtypes[rng.IntN(len(dtypes))]
		shape, n := []int64{}, int64(1)
		for range rng.IntN(4) {
			dim := int64(rng.IntN(4))
			shape, n = append(shape, dim), n*dim
		}
		asked := append([]int64{}, shape...)
		if d == "F4" { // two in a byte: the reference takes the shape in bytes and doubles the last dimension
			asked, shape, n = append(asked, 3), append(shape, 6), n*6
		}
		data := make([]byte, n*d.Bits()/8)
		for i := range data {
			data[i] = byte(rng.Uint32())
		}
		s.data[name] = data
		s.layout = append(s.layout, safetensors.Tensor{Name: name, DType: d, Shape: shape})
		s.Tensors = append(s.Tensors, [4]any{name, referenceNames[d], asked, fmt.Sprintf("%x", data)})
	}
	return s
}

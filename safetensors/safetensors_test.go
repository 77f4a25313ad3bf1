package safetensors

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/bounded"
)

func file(header string, data int) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	b = append(b, header...)
	return append(b, make([]byte, data)...)
}

func open(b []byte) (*File, error) {
	return Open(bytes.NewReader(b), int64(len(b)), Limits{})
}

func TestOpen(t *testing.T) {
	got, err := open(file(`{"__metadata__":{"format":"pt","\u00e9\ud83d\ude00":"\n"},"b":{"dtype":"F32","shape":[2,1],"data_offsets":[2,10]},`+
		`"a":{"data_offsets":[0,2],"shape":[],"dtype":"F16"},"z":{"dtype":"I64","shape":[0,9],"data_offsets":[10,10]},"q":{"dtype":"F4","shape":[3,2],"data_offsets":[10,13]}}   `, 13))
	if err != nil {
		t.Fatal(err)
	}
	at := got.DataStart
	want := &File{
		HeaderLen: at - 8, DataStart: at,
		Metadata: map[string]string{"format": "pt", "é😀": "\n"},
		Tensors: []Tensor{
			{"a", "F16", []int64{}, at, at + 2},
			{"b", "F32", []int64{2, 1}, at + 2, at + 10},
			{"z", "I64", []int64{0, 9}, at + 10, at + 10},
			{"q", "F4", []int64{3, 2}, at + 10, at + 13},
		},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestHeaderLength(t *testing.T) {
	for _, tt := range []struct {
		n    uint64
		want string
	}{{100_000_001, "more than"}, {1 << 63, "more than"}, {9, "too small"}} {
		b := binary.LittleEndian.AppendUint64(nil, tt.n)
		if _, err := open(append(b, "{}"...)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("length %d: got %v, want %s", tt.n, err, tt.want)
		}
	}
	if _, err := open([]byte("short")); !errors.Is(err, errSize) {
		t.Errorf("five bytes: got %v", err)
	}
}

func TestLimits(t *testing.T) {
	b := file(`{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}`, 0)
	for _, lim := range []Limits{{HeaderBytes: 10}, {Tensors: 1}} {
		if _, err := Open(bytes.NewReader(b), int64(len(b)), lim); !errors.Is(err, bounded.ErrLimit) {
			t.Errorf("%+v: got %v, want a limit", lim, err)
		}
	}
}

// The rest of a broken file is still read.
func TestProblemsKeepGoing(t *testing.T) {
	f, err := open(file(`{"a":{"dtype":"XX","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[3,4]}}`, 4))
	if err == nil || len(f.Tensors) != 2 || len(f.Problems) != 2 {
		t.Errorf("got %+v, %v", f, err)
	}
}

type manifest struct {
	Size    int64
	Tensors []struct {
		Name   string
		Shape  []int64
		DType  string `json:"safetensors_dtype"`
		SHA256 string
	}
}

func TestGolden(t *testing.T) {
	files, err := filepath.Glob("../testdata/golden/torch/*/safetensors/*.safetensors")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var m manifest
		j, err := os.ReadFile(name + ".manifest.json")
		if err == nil {
			err = json.Unmarshal(j, &m)
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := open(b)
		if err != nil || len(got.Tensors) != len(m.Tensors) {
			t.Fatalf("%s: got %v and %d tensors, want %d", name, err, len(got.Tensors), len(m.Tensors))
		}
		checkGolden(t, name, b, got, m)
	}
}

func checkGolden(t *testing.T, name string, b []byte, got *File, m manifest) {
	t.Helper()
	byName := make(map[string]Tensor)
	for _, x := range got.Tensors {
		byName[x.Name] = x
	}
	for _, want := range m.Tensors {
		x := byName[want.Name]
		if want.DType == "F4" { // torch counts pairs: float4_e2m1fn_x2
			want.Shape[len(want.Shape)-1] *= 2
		}
		sum := sha256.Sum256(b[x.Begin:x.End])
		if hex.EncodeToString(sum[:]) != want.SHA256 || string(x.DType) != want.DType || !cmp.Equal(x.Shape, want.Shape) {
			t.Errorf("%s: %s: got %+v", name, want.Name, x)
		}
	}
}

func header300() []byte {
	var h strings.Builder
	h.WriteString("{")
	for i := range 300 {
		if i > 0 {
			h.WriteString(",")
		}
		fmt.Fprintf(&h, `"model.layers.%d.self_attn.q_proj.weight":{"dtype":"F32","shape":[8,4],"data_offsets":[%d,%d]}`, i, i*128, i*128+128)
	}
	h.WriteString("}")
	return file(h.String(), 300*128)
}

func BenchmarkOpen300(b *testing.B) {
	data := header300()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := open(data); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(file(`{"__metadata__":{"a":"\u00e9"},"b":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}  `, 8))
	f.Add(file(`{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}`, 2))
	f.Add(file(`{"a":`, 0))
	f.Fuzz(func(t *testing.T, b []byte) {
		lim := Limits{HeaderBytes: 1 << 16, Tensors: 50}
		got, err := Open(bytes.NewReader(b), int64(len(b)), lim)
		again, err2 := Open(bytes.NewReader(b), int64(len(b)), lim)
		if !cmp.Equal(got, again, cmp.Comparer(func(a, b error) bool { return a.Error() == b.Error() })) || (err == nil) != (err2 == nil) {
			t.Error("two answers for one input")
		}
		if got != nil && len(got.Tensors) > lim.Tensors {
			t.Error("over the limit")
		}
		if err != nil {
			return
		}
		at := got.DataStart
		for _, x := range got.Tensors {
			if x.Begin != at || x.End < at {
				t.Fatalf("accepted a hole at %d", at)
			}
			at = x.End
			if _, err := io.Copy(io.Discard, io.NewSectionReader(bytes.NewReader(b), x.Begin, x.End-x.Begin)); err != nil {
				t.Fatal(err)
			}
		}
		if at != int64(len(b)) {
			t.Error("accepted bytes that belong to no tensor")
		}
	})
}

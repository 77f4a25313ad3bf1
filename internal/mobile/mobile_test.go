package mobile

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/bounded"
)

func golden(t testing.TB) [][]byte {
	t.Helper()
	paths, err := filepath.Glob("../../testdata/golden/torch/*/torchscript/mobile_flatbuffer.ptl")
	if err != nil || len(paths) < 3 {
		t.Fatalf("found %d golden modules, %v", len(paths), err)
	}
	var out [][]byte
	for _, p := range paths {
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b)
	}
	return out
}

func TestReadModuleGolden(t *testing.T) {
	for _, b := range golden(t) {
		m, err := ReadModule(bytes.NewReader(b), int64(len(b)), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if len(m.Functions) == 0 || len(m.Types) == 0 || len(m.Storages) == 0 {
			t.Fatalf("module = %+v", m)
		}
		var ops []string
		for _, f := range m.Functions {
			if !strings.HasPrefix(f.Name, "__torch__") && !strings.Contains(f.Name, ".") {
				t.Errorf("function name %q", f.Name)
			}
			ops = append(ops, f.Operators...)
		}
		if !slices.ContainsFunc(ops, func(s string) bool { return strings.HasPrefix(s, "aten::") }) {
			t.Errorf("operators = %q", ops)
		}
		t.Logf("%+v", m)
	}
}

// TestTensorsGolden: every tensor is what torch says it is.
func TestTensorsGolden(t *testing.T) {
	paths, err := filepath.Glob("../../testdata/golden/torch/*/torchscript/mobile_flatbuffer.ptl")
	if err != nil || len(paths) < 3 {
		t.Fatalf("found %d golden modules, %v", len(paths), err)
	}
	for _, path := range paths {
		var want struct {
			Tensors []struct {
				Name, DType, SHA256 string
				Shape               []int64
			}
		}
		b, err := os.ReadFile(path + ".manifest.json")
		if err == nil {
			err = json.Unmarshal(b, &want)
		}
		if err != nil {
			t.Fatal(err)
		}
		if b, err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
		m, err := ReadModule(bytes.NewReader(b), int64(len(b)), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]Tensor{}
		for _, x := range m.Tensors {
			got[x.Name] = x
		}
		if len(want.Tensors) == 0 || len(m.Tensors) < len(want.Tensors) { // a plain attribute is in no state_dict
			t.Errorf("%s: %d tensors, want at least %d", path, len(m.Tensors), len(want.Tensors))
		}
		for _, w := range want.Tensors {
			g, ok := got[w.Name]
			if !ok || g.DType != w.DType || !slices.Equal(g.Shape, w.Shape) {
				t.Errorf("%s: %q = %+v, want %s %v", path, w.Name, g, w.DType, w.Shape)
				continue
			}
			s := m.Storages[g.Storage]
			sum := sha256.Sum256(b[s.Offset : s.Offset+s.Size]) // each is all of its storage here
			if hex.EncodeToString(sum[:]) != w.SHA256 {
				t.Errorf("%s: the bytes of %q differ", path, w.Name)
			}
		}
	}
}

func TestReadModuleBroken(t *testing.T) {
	b := golden(t)[0]
	if _, err := ReadModule(bytes.NewReader(b), int64(len(b)), Limits{MaxElements: 3}); !errors.Is(err, bounded.ErrLimit) {
		t.Errorf("over the budget: %v", err)
	}
	if _, err := ReadModule(strings.NewReader("PK\x03\x04notone!"), 11, Limits{}); err == nil {
		t.Error("a wrong identifier is accepted")
	}
	for n := range b {
		m, err := ReadModule(bytes.NewReader(b[:n]), int64(n), Limits{})
		if err == nil && n < len(b)/2 {
			t.Fatalf("half of the file reads without an error: %+v", m)
		}
	}
}

func TestReadProgram(t *testing.T) {
	head := make([]byte, 64)
	copy(head[4:], "ET12eh00")
	binary.LittleEndian.PutUint32(head[12:], 24)
	binary.LittleEndian.PutUint64(head[16:], 48)
	binary.LittleEndian.PutUint64(head[24:], 56)
	p, err := ReadProgram(bytes.NewReader(head), 64)
	if err != nil || !p.Extended || p.ProgramSize != 48 || p.SegmentBase != 56 {
		t.Errorf("ReadProgram = %+v, %v", p, err)
	}
	binary.LittleEndian.PutUint64(head[24:], 1<<62)
	if _, err := ReadProgram(bytes.NewReader(head), 64); err == nil {
		t.Error("a segment base beyond the file is accepted")
	}
	if _, err := ReadProgram(strings.NewReader("abc"), 3); err == nil {
		t.Error("three bytes are accepted")
	}
}

func FuzzReadModule(f *testing.F) {
	for _, b := range golden(f) {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		lim := Limits{MaxElements: 10_000, MaxText: 1 << 10}
		m, err := ReadModule(bytes.NewReader(b), int64(len(b)), lim)
		m2, err2 := ReadModule(bytes.NewReader(b), int64(len(b)), lim)
		if (err == nil) != (err2 == nil) || (m == nil) != (m2 == nil) {
			t.Errorf("two reads differ: %v, %v", err, err2)
		}
		_, _ = ReadProgram(bytes.NewReader(b), int64(len(b)))
	})
}

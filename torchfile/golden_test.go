package torchfile

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/testkit"
)

const goldenDir = "../testdata/golden/torch"

func openGolden(t testing.TB, path string) (*File, error) {
	t.Helper()
	if st, err := os.Stat(path); err == nil && st.IsDir() {
		m := mustRead(t, filepath.Join(path, ".metadata"))
		return OpenDCP(bytes.NewReader(m), int64(len(m)), func(rel string) (io.ReaderAt, int64, error) {
			b, err := os.ReadFile(filepath.Join(path, rel))
			return bytes.NewReader(b), int64(len(b)), err
		}, Options{})
	}
	b := mustRead(t, path)
	f, err := Open(bytes.NewReader(b), int64(len(b)), Options{})
	if err == nil {
		openCramped(t, b, f)
	}
	return f, err
}

func mustRead(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// named is every tensor of a file by its name, or by its path as JSON where
// names are ambiguous.
func named(f *File, byName bool) map[string]*Tensor {
	out := map[string]*Tensor{}
	for i := range f.Tensors {
		out[keyOf(f.Tensors[i].Path, byName)] = &f.Tensors[i]
	}
	for _, n := range f.Nested {
		prefix := n.Name
		if strings.HasSuffix(n.Record, "serialized_constants.pt") {
			prefix = "constants"
		}
		for i := range n.File.Tensors {
			path := n.File.Tensors[i].Path
			if prefix != "" {
				path = append([]any{prefix}, path...)
			}
			out[keyOf(path, true)] = &n.File.Tensors[i]
		}
	}
	return out
}

func keyOf(path []any, byName bool) string {
	if byName {
		return joinPath(path)
	}
	if path == nil {
		path = []any{}
	}
	b, _ := json.Marshal(path)
	return string(b)
}

// TestGolden: every tensor is what torch says it is.
func TestGolden(t *testing.T) {
	skip := map[string]string{
		"safetensors":            "not a container of this package",
		"torchscript-flatbuffer": "flatbuffers are only recognised",
	}
	compared := 0
	testkit.Goldens(t, goldenDir, func(path string, m testkit.Golden) {
		if skip[m.Container] != "" {
			return
		}
		f, err := openGolden(t, path)
		if m.Container == "raw-pickle" {
			if !errors.Is(err, ErrFormat) {
				t.Errorf("%s: Open = %v, want ErrFormat", path, err)
			}
			return
		}
		if err != nil {
			t.Errorf("%s: %v", path, err)
			return
		}
		if m.HasData() {
			compared++
			compareTensors(t, path, f, m)
		}
	})
	if compared < 240 {
		t.Errorf("%d files with tensors compared, want at least 240", compared)
	}
	t.Logf("%d files with tensors compared", compared)
}

func compareTensors(t *testing.T, path string, f *File, m testkit.Golden) {
	t.Helper()
	// Names of modules are dotted in manifests: torch gave the state_dict.
	byName := m.Container != "torch-zip" && m.Container != "torch-legacy" || strings.Contains(path, "whole_")
	got := named(f, byName)
	for _, want := range m.Tensors {
		key := keyOf(want.Path, byName)
		x := got[key]
		if x == nil && strings.HasSuffix(path, "script_setstate.pt") {
			x = got["0"] // __setstate__ gets a tuple; the names are in the code
		}
		if x == nil {
			t.Errorf("%s: no tensor %s", path, key)
			continue
		}
		compareTensor(t, path+": "+key, f, x, want, m.Container)
	}
	exact := m.Container == "torch-zip" || m.Container == "torch-legacy" || m.Container == "torch-tar"
	if exact && len(got) != len(m.Tensors) {
		t.Errorf("%s: %d tensors, want %d", path, len(got), len(m.Tensors))
	}
}

func compareTensor(t *testing.T, name string, f *File, x *Tensor, want testkit.GoldenTensor, container string) {
	t.Helper()
	if x.DType != want.DType || want.Shape != nil && !slices.Equal(x.Shape, want.Shape) {
		t.Errorf("%s: %s %v, want %s %v", name, x.DType, x.Shape, want.DType, want.Shape)
		return
	}
	if want.StorageOffset != nil && container == "torch-zip" {
		if !slices.Equal(x.Stride, want.Stride) {
			t.Errorf("%s: strides %v, want %v", name, x.Stride, want.Stride)
		}
		if x.RequiresGrad != want.RequiresGrad || x.Parameter != want.IsParameter || x.Conj != want.Conj || x.Neg != want.Neg {
			t.Errorf("%s: requires_grad %v parameter %v conj %v neg %v, want %v %v %v %v", name,
				x.RequiresGrad, x.Parameter, x.Conj, x.Neg, want.RequiresGrad, want.IsParameter, want.Conj, want.Neg)
		}
	}
	if len(want.Components) > 0 {
		if len(x.Components) != len(want.Components) {
			t.Errorf("%s: %d components, want %d", name, len(x.Components), len(want.Components))
			return
		}
		for i, c := range want.Components {
			compareTensor(t, fmt.Sprintf("%s[%v]", name, c.Path), f, &x.Components[i], c, container)
		}
		return
	}
	if want.SHA256 == "" {
		return
	}
	r, err := f.TensorData(x)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil || n != x.NBytes() || hex.EncodeToString(h.Sum(nil)) != want.SHA256 {
		t.Errorf("%s: %d bytes with SHA-256 %x, %v, want %d with %s", name, n, h.Sum(nil), err, x.NBytes(), want.SHA256)
	}
}

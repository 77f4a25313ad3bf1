package testkit

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Golden is what torch itself said about one of the golden files.
type Golden struct {
	Container string         `json:"container"`
	Tensors   []GoldenTensor `json:"tensors"`
}

// GoldenTensor is one tensor of it. Numbers in Path are json.Number.
type GoldenTensor struct {
	Path             []any          `json:"path"`
	Name             string         `json:"name"`
	DType            string         `json:"dtype"`
	Shape            []int64        `json:"shape"`
	Stride           []int64        `json:"stride"`
	StorageOffset    *int64         `json:"storage_offset"`
	Layout           string         `json:"layout"`
	Device           string         `json:"device"`
	RequiresGrad     bool           `json:"requires_grad"`
	IsParameter      bool           `json:"is_parameter"`
	SHA256           string         `json:"sha256"`
	Conj             bool           `json:"conj"`
	Neg              bool           `json:"neg"`
	SafetensorsDType *string        `json:"safetensors_dtype"` // nil: safetensors has none for it
	Components       []GoldenTensor `json:"components"`        // of sparse, nested and wrapper tensors
}

// HasData reports whether torch gave digests of some tensors' elements.
func (g *Golden) HasData() bool {
	return slices.ContainsFunc(g.Tensors, func(x GoldenTensor) bool { return x.SHA256 != "" || len(x.Components) > 0 })
}

// Goldens calls f for every golden file or folder beneath dir that has a manifest.
func Goldens(t testing.TB, dir string, f func(path string, g Golden)) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(p string, _ fs.DirEntry, err error) error {
		if file, ok := strings.CutSuffix(p, ".manifest.json"); ok && err == nil {
			n++
			f(file, readGolden(t, p))
		}
		return err
	})
	if err != nil || n < 300 {
		t.Fatalf("%d manifests, %v", n, err)
	}
}

func readGolden(t testing.TB, path string) (g Golden) {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(file)
	d.UseNumber()
	err = d.Decode(&g)
	if closed := file.Close(); err != nil || closed != nil {
		t.Fatalf("%s: %v, %v", path, err, closed)
	}
	return g
}

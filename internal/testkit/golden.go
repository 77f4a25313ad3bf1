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
	Container string
	Tensors   []GoldenTensor
}

// GoldenTensor is one tensor of it. Numbers in Path are json.Number.
type GoldenTensor struct {
	Path             []any
	Name             string
	DType            string
	Shape, Stride    []int64
	StorageOffset    *int64 `json:"storage_offset"`
	Layout           string
	Device           string
	RequiresGrad     bool `json:"requires_grad"`
	IsParameter      bool `json:"is_parameter"`
	SHA256           string
	Conj, Neg        bool
	SafetensorsDType *string        `json:"safetensors_dtype"` // nil: safetensors has none for it
	Components       []GoldenTensor // of sparse, nested and wrapper tensors
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

package model

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/testkit"
)

const goldenDir = "../../testdata/golden/torch"

func inspect(t testing.TB, path string) *Tree {
	t.Helper()
	a, err := artifact.Open(path, filepath.Base(path))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	tree, err := Inspect(t.Context(), a, Options{})
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return tree
}

// every returns the tensors of a tree and of the files in it.
func every(tree *Tree) []Tensor {
	all := slices.Clone(tree.Tensors)
	for _, c := range tree.Inside {
		all = append(all, every(c)...)
	}
	return all
}

// TestInspectGolden: andiron inspect lists every tensor that torch lists, with
// its dtype and shape, in every container.
func TestInspectGolden(t *testing.T) {
	files := 0
	testkit.Goldens(t, goldenDir, func(file string, m testkit.Golden) {
		if info, err := os.Stat(file); err != nil || info.IsDir() || len(m.Tensors) == 0 {
			return // a folder is many artifacts
		}
		files++
		compareWithManifest(t, file, m)
	})
	if files < 240 {
		t.Errorf("compared %d files, want at least 240", files)
	}
}

func compareWithManifest(t *testing.T, file string, m testkit.Golden) {
	t.Helper()
	got := map[string]bool{}
	for _, x := range every(inspect(t, file)) {
		got[describe(x.DType, x.Shape)] = true
	}
	for _, want := range m.Tensors {
		if want.Shape == nil || len(want.Components) > 0 {
			continue // torch gives no shape; the parts are compared by torchfile's tests
		}
		dtype := want.DType
		if m.Container == "safetensors" {
			dtype = safetensorsNames[dtype]
		}
		if dtype != "" && !got[describe(dtype, want.Shape)] {
			t.Errorf("%s: no tensor %v of %s %v", file, want.Path, dtype, want.Shape)
		}
	}
}

func describe(dtype string, shape []int64) string {
	return fmt.Sprintf("%s %v", dtype, append([]int64{}, shape...))
}

var safetensorsNames = map[string]string{
	"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "int32": "I32", "int16": "I16",
	"int8": "I8", "uint8": "U8", "bool": "BOOL",
}

func TestInspectProblems(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cut.pkl")
	b := testkit.Pickle("PROTO 2", "GLOBAL collections OrderedDict", "EMPTY_TUPLE", "REDUCE")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	tree := inspect(t, path)
	if len(tree.Problems) == 0 || len(tree.Pickles) != 1 || tree.Pickles[0].Complete {
		t.Errorf("a stream without STOP: %+v", tree)
	}
}

func TestTrace(t *testing.T) {
	a := artifact.FromBytes("evil.pkl", testkit.Pickle("PROTO 2", "GLOBAL os system", "BINUNICODE true", "TUPLE1", "REDUCE", "STOP"))
	var out bytes.Buffer
	if err := Trace(t.Context(), a, Options{}, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"# evil.pkl, pickle at offset 0x0", "from os import system", "system('true')"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the trace lacks %q:\n%s", want, out.String())
		}
	}
	if err := Trace(t.Context(), artifact.FromBytes("a.txt", []byte("hello, world\n")), Options{}, &out); err == nil {
		t.Error("a text has a trace")
	}
}

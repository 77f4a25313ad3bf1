package pickle_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/andiron-dev/andiron/pickle"
)

// A manifest is what torch and pickletools say about a golden file.
type manifest struct {
	Container string
	Pickles   map[string]struct {
		Globals []string
		Opcodes map[string]int64
	}
}

// TestGolden compares the globals and opcodes of every pickle in the golden zip
// files with their manifests.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("..", "testdata", "golden", "torch", "*", "*", "*.manifest.json"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	checked := 0
	for _, path := range paths {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var m manifest
		if err := json.Unmarshal(raw, &m); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if len(m.Pickles) > 0 {
			checked += checkGolden(t, strings.TrimSuffix(path, ".manifest.json"), m)
		}
	}
	if checked < 200 {
		t.Errorf("%d pickles were compared, want at least 200", checked)
	}
}

func checkGolden(t *testing.T, path string, m manifest) (checked int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return 0 // not a zip: TestGoldenLegacy
	}
	for _, f := range archive.File {
		want, ok := m.Pickles[f.Name]
		if !ok || f.Method != zip.Store || strings.Contains(path, "duplicate") { // a manifest has one of two
			continue
		}
		off, err := f.DataOffset()
		if err != nil {
			t.Fatal(err)
		}
		trace := run(data[off:off+int64(f.UncompressedSize64)], pickle.Options{})
		globals, opcodes := counts(trace)
		if trace.Err != nil || len(trace.Notes) > 0 {
			t.Errorf("%s!%s: %v, notes %v", path, f.Name, trace.Err, trace.Notes)
		}
		if diff := cmp.Diff(want.Globals, globals, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("%s!%s: globals (-want +got):\n%s", path, f.Name, diff)
		}
		if diff := cmp.Diff(want.Opcodes, opcodes); diff != "" {
			t.Errorf("%s!%s: opcodes (-want +got):\n%s", path, f.Name, diff)
		}
		checked++
	}
	return checked
}

// counts returns the sorted globals and the count of each opcode of a trace.
func counts(trace *pickle.Trace) ([]string, map[string]int64) {
	globals := map[string]bool{}
	for _, v := range trace.Imports() {
		g, _ := v.Global()
		globals[g.RawModule+" "+g.RawName] = true
	}
	opcodes := map[string]int64{}
	for c, n := range trace.Ops {
		if n > 0 {
			opcodes[pickle.Code(c).String()] = n
		}
	}
	return slices.Sorted(maps.Keys(globals)), opcodes
}

// TestGoldenLegacy finds the five pickles in front of a legacy file's storages.
func TestGoldenLegacy(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join("..", "testdata", "golden", "torch", "*", "legacy", "*.pt"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(data, []byte("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46")) {
			continue
		}
		traces := pickle.RunAll(bytes.NewReader(data), int64(len(data)), pickle.Options{})
		if len(traces) != 5 {
			t.Errorf("%s: %d streams, want 5", path, len(traces))
		}
		for _, trace := range traces {
			if trace.Err != nil {
				t.Errorf("%s: %v", path, trace.Err)
			}
			for _, n := range trace.Notes {
				t.Errorf("%s: note at %#x: %s", path, n.Offset, n.Text)
			}
		}
	}
}

package convert

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
	"github.com/andiron-dev/andiron/safetensors"
)

const goldenDir = "../../testdata/golden/torch"

func planOf(path string, opt Options) (*Plan, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		m, err := os.ReadFile(filepath.Join(path, ".metadata"))
		if err != nil {
			return nil, err
		}
		return OpenCheckpoint(bytes.NewReader(m), int64(len(m)), func(rel string) (io.ReaderAt, int64, error) {
			b, err := os.ReadFile(filepath.Join(path, rel))
			return bytes.NewReader(b), int64(len(b)), err
		}, opt)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return open(b, opt)
}

// written carries a plan out and reads the result back.
func written(t testing.TB, p *Plan) ([]byte, *safetensors.File) {
	t.Helper()
	var b bytes.Buffer
	if err := p.Write(t.Context(), &b, nil); err != nil {
		t.Fatal(err)
	}
	r := bytes.NewReader(b.Bytes())
	if err := p.Check(r, r.Size()); err != nil {
		t.Fatal(err)
	}
	f, err := safetensors.Open(r, r.Size(), safetensors.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), f
}

// TestGolden: every tensor that safetensors can represent comes out with the
// bytes that torch itself says it has, and no other does.
func TestGolden(t *testing.T) {
	samples, tensors, skipped := 0, 0, 0
	testkit.Goldens(t, goldenDir, func(path string, m testkit.Golden) {
		if !m.HasData() || m.Container == "torchscript-flatbuffer" || strings.Contains(path, "protocol0") {
			return // flatbuffers are not read; no torch loads protocol 0
		}
		samples++
		opt := Options{SkipUnsupported: true, DuplicateShared: true}
		if strings.HasSuffix(path, "script_setstate.pt") {
			opt.Select = []Selector{{text: "w"}} // a plain attribute, in no state_dict
		}
		p, err := planOf(path, opt)
		if err != nil {
			if onlyUnsupported(m) {
				skipped += len(m.Tensors)
				return
			}
			t.Errorf("%s: %v", path, err)
			return
		}
		a, b := compareGolden(t, path, m, p)
		tensors, skipped = tensors+a, skipped+b
	})
	if samples != 250 {
		t.Errorf("%d samples, want 250", samples)
	}
	t.Logf("%d samples: %d tensors are right, %d have no form in safetensors", samples, tensors, skipped)
}

// onlyUnsupported is true of files from which nothing can come.
func onlyUnsupported(m testkit.Golden) bool {
	return !slices.ContainsFunc(m.Tensors, representable)
}

func representable(x testkit.GoldenTensor) bool { return x.SafetensorsDType != nil && x.SHA256 != "" }

func compareGolden(t *testing.T, path string, m testkit.Golden, p *Plan) (right, skipped int) {
	t.Helper()
	file, f := written(t, p)
	got := map[string]safetensors.Tensor{}
	for _, x := range f.Tensors {
		got[x.Name] = x
	}
	notes := map[string]string{}
	for _, it := range p.Skipped {
		notes[it.Name] = it.What
	}
	for _, want := range m.Tensors {
		name := goldenName(want)
		if !representable(want) {
			if notes[name] == "" {
				t.Errorf("%s: %s (%s) is not among what was skipped: %v", path, name, want.DType, p.Skipped)
			}
			skipped++
			continue
		}
		x, ok := got[name]
		sum := sha256.Sum256(file[x.Begin:x.End])
		shape := want.Shape
		if *want.SafetensorsDType == "F4" {
			shape = slices.Clone(shape)
			shape[len(shape)-1] *= 2
		}
		if !ok || string(x.DType) != *want.SafetensorsDType || !slices.Equal(x.Shape, shape) || hex.EncodeToString(sum[:]) != want.SHA256 {
			t.Errorf("%s: %s is %v %s %v, want %s %v", path, name, ok, x.DType, x.Shape, *want.SafetensorsDType, shape)
			continue
		}
		right++
	}
	if len(got) != right {
		t.Errorf("%s: %d tensors came out, want %d", path, len(got), right)
	}
	return right, skipped
}

// goldenName is the name that we give to what torch found at a path.
func goldenName(x testkit.GoldenTensor) string {
	if len(x.Path) == 0 {
		return rootName
	}
	parts := make([]string, len(x.Path))
	for i, k := range x.Path {
		parts[i] = fmt.Sprint(k)
	}
	return strings.Join(parts, ".")
}

// TestHostile: each golden file that means harm is refused for its reason, or
// gives just what its loaders agree on.
func TestHostile(t *testing.T) {
	want := map[string]string{
		"bad_crc.pt":                 "contradicts the directory",
		"case_variant_data_pkl.pt":   "torch loads",
		"duplicate_data_pkl.pt":      "loaders find different entries",
		"entry_outside_prefix.pt":    "outside of the folder",
		"legacy_plus_zip.pt":         "a zip of",
		"nested_load_from_bytes.pt":  "it holds no tensors",
		"os_global_inert.pt":         "",
		"pt2_expr_str_call.pt2":      "",
		"raw_pickle_tensor.pkl":      "a plain pickle",
		"setitem_on_tensor.pt":       "changes a tensor after it is built",
		"storage_numel_mismatch.pt":  "the pickle says",
		"trailing_pickle.pt":         "",
		"ts_as_strided_oob.pt":       "it holds no tensors",
		"ts_aten_save_in_forward.pt": "it holds no tensors",
		"ts_from_file_in_forward.pt": "it holds no tensors",
	}
	seen := map[string]bool{}
	testkit.Goldens(t, goldenDir, func(path string, _ testkit.Golden) {
		if !strings.Contains(path, "/hostile/") {
			return
		}
		name := filepath.Base(path)
		text, known := want[name]
		if !known {
			t.Errorf("%s: nobody has said what becomes of it", path)
		}
		seen[name] = true
		p, err := planOf(path, Options{})
		switch {
		case text == "" && err != nil:
			t.Errorf("%s: %v", path, err)
		case text == "":
			written(t, p)
		case err == nil || !strings.Contains(err.Error(), text):
			t.Errorf("%s: %v, want an error about %q", path, err, text)
		}
	})
	if len(seen) != len(want) {
		t.Errorf("%d of %d samples are there", len(seen), len(want))
	}
}

// TestGoldenAliases: tensors that are one are written once.
func TestGoldenAliases(t *testing.T) {
	n := 0
	testkit.Goldens(t, goldenDir, func(path string, m testkit.Golden) {
		if !strings.HasSuffix(path, "state_dict_tied.pt") {
			return
		}
		n++
		p, err := planOf(path, Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, f := written(t, p)
		if len(p.Aliases) == 0 || len(f.Tensors)+len(p.Aliases) != len(m.Tensors) {
			t.Errorf("%s: %d tensors and the aliases %v, want %d", path, len(f.Tensors), p.Aliases, len(m.Tensors))
		}
		for name, kept := range p.Aliases {
			if f.Metadata[name] != kept || kept >= name {
				t.Errorf("%s: %q is noted as %q, want %q", path, name, f.Metadata[name], kept)
			}
		}
	})
	if n == 0 {
		t.Error("there are no tied weights in the golden files")
	}
}

// TestGoldenExtra: the plain values of every golden file come out as JSON.
func TestGoldenExtra(t *testing.T) {
	testkit.Goldens(t, goldenDir, func(path string, _ testkit.Golden) {
		p, err := planOf(path, Options{SkipUnsupported: true})
		if err != nil {
			var e *Error
			if !errors.As(err, &e) && !strings.Contains(err.Error(), "safetensors") {
				t.Errorf("%s: %v", path, err)
			}
			return
		}
		var b bytes.Buffer
		if err := p.WriteExtra(&b); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if !json.Valid(b.Bytes()) {
			t.Errorf("%s: %s", path, b.Bytes())
		}
	})
}

// readSmall is a golden file that is small enough to be a seed.
func readSmall(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(b) > 16<<10 {
		return nil
	}
	return b
}

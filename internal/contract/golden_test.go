package contract

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/testkit"
	"github.com/andiron-dev/andiron/pickle"
)

const golden = "../../testdata/golden/torch"

// judgeFile judges every pickle of a file: those of an archive by name, and the
// streams of a legacy file. Offsets into tensors are the containers' readers' work.
func judgeFile(t *testing.T, path string) []Issue {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(b, []byte("PK\x03\x04")) {
		if len(b) < 2 || b[0] != 0x80 {
			return nil
		}
		return judgeBytes(b, "torch-legacy", 5)
	}
	r, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return nil // one of the archives that only torch opens
	}
	kind := "torch-zip"
	for _, f := range r.File {
		if strings.HasSuffix(f.Name, "/constants.pkl") {
			kind = "torchscript"
		}
	}
	var out []Issue
	for _, f := range r.File {
		if !strings.EqualFold(filepath.Base(f.Name), "data.pkl") {
			continue
		}
		if m, err := f.Open(); err == nil {
			data, _ := io.ReadAll(m) // a wrong checksum comes after the data
			out = append(out, judgeBytes(data, kind, 1)...)
		}
	}
	return out
}

func judgeBytes(b []byte, kind string, streams int) []Issue {
	var out []Issue
	off := int64(0)
	for range streams {
		tr := pickle.Run(bytes.NewReader(b), int64(len(b)), pickle.Options{Start: off})
		j := Judge(tr, Options{Container: kind})
		cramped(b, off, kind, j)
		out = append(out, j.Issues...)
		for _, n := range j.Nested {
			if inner, ok := n.Bytes(); ok {
				out = append(out, judgeBytes(inner, "torch-legacy", 5)...)
			}
		}
		if off = tr.End; tr.Err != nil || off >= int64(len(b)) {
			break
		}
	}
	return out
}

// cramped judges once more with nothing in memory that is not in use, which must make
// no difference.
func cramped(b []byte, off int64, kind string, want Judgement) {
	space := testkit.Cramped()
	tr := pickle.Run(bytes.NewReader(b), int64(len(b)), pickle.Options{Start: off, Scratch: space})
	got := Judge(tr, Options{Container: kind, Scratch: space})
	if !reflect.DeepEqual(got.Issues, want.Issues) || !reflect.DeepEqual(got.Uses, want.Uses) || len(got.Nested) != len(want.Nested) || space.Err() != nil {
		panic(fmt.Sprintf("with nothing in memory: %v, want %v, %v", got.Issues, want.Issues, space.Err()))
	}
}

// Files that torch wrote are not above framework, but for those that name a class
// of their saver's script.
func TestGolden(t *testing.T) {
	files := 0
	err := filepath.WalkDir(golden, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		dir := filepath.Base(filepath.Dir(path))
		if !slices.Contains([]string{"zip", "legacy", "torchscript", "dcp"}, dir) || strings.HasSuffix(path, ".json") || strings.Contains(path, "ancient") {
			return nil
		}
		files++
		for _, is := range judgeFile(t, path) {
			if is.Rule != pkl042 && (is.Rule.Verdict > finding.Framework || is.Undetermined) {
				t.Errorf("%s: %s at %#x: %s %q", path, is.Rule.ID, is.Offset, is.Message, is.Evidence)
			}
		}
		return nil
	})
	if err != nil || files < 100 {
		t.Errorf("%d golden files, %v", files, err)
	}
}

// Hostile golden files whose defect is in the pickle are found for that reason.
func TestGoldenHostile(t *testing.T) {
	for name, id := range map[string]string{
		"os_global_inert.pt": "PKL041", "setitem_on_tensor.pt": "PKL035",
	} {
		paths, _ := filepath.Glob(filepath.Join(golden, "*", "hostile", name))
		if len(paths) == 0 {
			t.Errorf("no golden file %s", name)
		}
		for _, path := range paths {
			issues := judgeFile(t, path)
			if !slices.ContainsFunc(issues, func(is Issue) bool { return is.Rule.ID == id }) {
				t.Errorf("%s: no %s in %v", path, id, issues)
			}
		}
	}
}

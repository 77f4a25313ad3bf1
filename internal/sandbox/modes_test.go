//go:build sandbox

package sandbox_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"

	"github.com/andiron-dev/andiron/internal/sandbox"
)

// loadAs loads a file in a mode, and returns what comes out.
func loadAs(t *testing.T, name string, m sandbox.Mode) ([]byte, *sandbox.Report, error) {
	t.Helper()
	in, err := sandbox.OpenInput(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	r, rep, err := sandbox.Load(t.Context(), in, sandbox.Options{Python: pythons(t)[0], Mode: m})
	if err != nil {
		return nil, rep, err
	}
	defer func() { _ = r.Close() }()
	var b bytes.Buffer
	if _, err := r.CopyTo(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), rep, nil
}

// What is taken by reference is, byte for byte, what comes out otherwise.
func TestModes(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(corpus(t, pythons(t)[0]), "zip", "*.pt"))
	if err != nil || len(files) < 40 {
		t.Fatal(len(files), err)
	}
	same := 0
	for _, name := range files {
		full, _, failed := loadAs(t, name, sandbox.Full)
		refs, rep, err := loadAs(t, name, sandbox.Reference)
		switch {
		case err != nil && (!errors.Is(err, sandbox.ErrFailed) || len(rep.Events) > 0):
			t.Errorf("%s: %v", name, err)
		case err != nil:
			t.Logf("%s: %v; otherwise %v", filepath.Base(name), err, failed)
		case failed != nil || rep.Mode != sandbox.Reference || !bytes.Equal(full, refs):
			t.Errorf("%s: by reference it is another: %v", name, failed)
		default:
			same++
		}
	}
	if t.Logf("%d of %d are the same", same, len(files)); same < 25 {
		t.Errorf("%d of %d are the same", same, len(files))
	}
}

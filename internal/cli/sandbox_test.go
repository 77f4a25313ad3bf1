package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/sandbox"
	"github.com/andiron-dev/andiron/internal/whole"
)

// Each load has a record, also one whose tensors cannot be written.
func TestRecordOfNoOutput(t *testing.T) {
	dir := t.TempDir()
	out, err := whole.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	out.Abandon()
	tensors, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tensors.Close() }() // it was only read
	record := filepath.Join(dir, "record")
	a := &app{stdout: &bytes.Buffer{}}
	l := &loaded{name: "in", out: out, rec: &sandboxRecord{}, result: &sandbox.Result{File: tensors, Size: 1}}
	if err := a.finishLoad(t.Context(), l, &sandboxFlags{output: "out", record: record}); err == nil {
		t.Error("it was written")
	}
	b, err := os.ReadFile(record)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"output": null`, `"error": "output \"out\" cannot be written`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in %s", want, b)
		}
	}
}

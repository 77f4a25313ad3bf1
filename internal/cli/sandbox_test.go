package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/policy"
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

// What is not the fault of a checkpoint is not laid at its door.
func TestNotLoaded(t *testing.T) {
	for _, tt := range []struct {
		err  error
		code int
		hint string
	}{
		{fmt.Errorf("%w: 1 forbidden system call", sandbox.ErrContained), policy.ExitFindings, "do not load this file anywhere else"},
		{sandbox.ErrChanged, 0, "load it again when nobody writes to it"},
		{sandbox.NewPoolError(sandbox.ErrChanged), 0, "load it again when nobody writes to it"},
		{fmt.Errorf("%w: %w", sandbox.ErrFailed, sandbox.ErrLimit), 0, limitHint},
		{fmt.Errorf("%w: %w", sandbox.ErrContained, sandbox.ErrLimit), policy.ExitFindings, limitHint},
		{fmt.Errorf("%w: %w", sandbox.ErrImport, sandbox.ErrFailed), 0, "it was found; while it is imported it may read, and write to a temporary folder, and nothing else"},
		{sandbox.NewPoolError(fmt.Errorf("%w: ModuleNotFoundError", sandbox.ErrImport)), 0, "modules of your own are found where sandbox.path of the policy says that they lie, if --policy names that file"},
		{sandbox.NewPoolError(fmt.Errorf("%w: %w", sandbox.ErrContained, sandbox.ErrLimit)), policy.ExitFindings, limitHint},
	} {
		if got := notLoaded("in", "out", tt.err, nil); got.code != tt.code || got.hint != tt.hint {
			t.Errorf("%v: %d, %s", tt.err, got.code, got.hint)
		}
	}
}

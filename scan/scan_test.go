package scan_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/scan"
)

// A protocol 0 pickle that calls os.system with a word that is no command.
const evil = "cos\nsystem\n(S'andiron-inert'\ntR."

func Example() {
	dir, err := os.MkdirTemp("", "andiron-example-*")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "model.pkl")
	if err := os.WriteFile(path, []byte(evil), 0o600); err != nil {
		panic(err)
	}

	model, err := scan.File(context.Background(), path, scan.Options{})
	if err != nil {
		panic(err)
	}
	fmt.Println(model.Verdict, model.Verdict.Passes())
	// Output: dangerous false
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestFile(t *testing.T) {
	tests := []struct {
		path string
		want finding.Verdict
	}{
		{write(t, "evil.pkl", evil), finding.Dangerous},
		{write(t, "empty_dict.pkl", "\x80\x02}q\x00."), finding.Safe},
		{write(t, "notes.txt", "no model"), finding.Unreadable},
		{filepath.Join(t.TempDir(), "none.pt"), finding.Unreadable},
	}
	for _, tt := range tests {
		got, err := scan.File(t.Context(), tt.path, scan.Options{SHA256: true})
		if err != nil || got.Verdict != tt.want || got.Path != filepath.ToSlash(tt.path) {
			t.Errorf("%s: %v, %v, want %v", tt.path, got, err, tt.want)
		}
	}
}

func TestFileRefuses(t *testing.T) {
	if got, err := scan.File(t.Context(), t.TempDir(), scan.Options{}); err == nil {
		t.Errorf("a folder: %v", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := scan.File(ctx, write(t, "evil.pkl", evil), scan.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v, %v", got, err)
	}
}

package osfile_test

import (
	"os"
	"testing"

	"github.com/andiron-dev/andiron/internal/osfile"
)

// TestTemp gives back what it took, and leaves nothing behind.
func TestTemp(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Setenv("TMP", dir)
	f, err := osfile.NewTemp()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("there"), 1<<20); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 5)
	if _, err := f.ReadAt(b, 1<<20); err != nil || string(b) != "there" {
		t.Errorf("%q, %v", b, err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) > 0 {
		t.Errorf("%v are left, %v", list, err)
	}
}

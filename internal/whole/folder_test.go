package whole_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/andiron-dev/andiron/internal/whole"
)

func put(t *testing.T, f *whole.Folder, name string) {
	t.Helper()
	file, err := f.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteString("x"); err != nil {
		t.Fatal(err)
	}
	if err := file.Commit(); err != nil {
		t.Fatal(err)
	}
}

func entriesOf(t *testing.T, dir string) (names []string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func TestFolder(t *testing.T) {
	dir := t.TempDir()
	for _, empty := range []bool{false, true} {
		name := filepath.Join(dir, "out")
		if err := os.RemoveAll(name); err != nil {
			t.Fatal(err)
		}
		if empty {
			if err := os.Mkdir(name, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		f, err := whole.CreateFolder(name)
		if err != nil {
			t.Fatal(err)
		}
		put(t, f, "a")
		if err := f.Commit(); err != nil {
			t.Fatal(err)
		}
		f.Abandon() // does nothing any more
		if got := entriesOf(t, name); len(got) != 1 || got[0] != "a" {
			t.Errorf("the folder has %q", got)
		}
	}
	if _, err := whole.CreateFolder(filepath.Join(dir, "out")); !errors.Is(err, whole.ErrNotEmpty) {
		t.Errorf("a folder that is not empty: %v", err)
	}
	f, err := whole.CreateFolder(filepath.Join(dir, "other"))
	if err != nil {
		t.Fatal(err)
	}
	put(t, f, "a")
	f.Abandon()
	if got := entriesOf(t, dir); len(got) != 1 {
		t.Errorf("%q are left", got)
	}
}

// What came to be in the meantime is not replaced.
func TestFolderRace(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "out")
	f, err := whole.CreateFolder(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(name, "theirs"), 0o750); err != nil {
		t.Fatal(err)
	}
	if err := f.Commit(); err == nil {
		t.Error("a folder that is not empty was replaced")
	}
	if got := entriesOf(t, dir); len(got) != 1 {
		t.Errorf("%q are left", got)
	}
}

package whole_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/andiron-dev/andiron/internal/whole"
)

func write(t *testing.T, name, text string, end func(*whole.File) error) error {
	t.Helper()
	f, err := whole.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString(text); err != nil {
		t.Fatal(err)
	}
	return end(f)
}

func content(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return string(b)
}

func TestCommitAndAbandon(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "x")
	if err := write(t, name, "one", (*whole.File).Commit); err != nil || content(t, name) != "one" {
		t.Fatalf("%q, %v", content(t, name), err)
	}
	if err := os.Chmod(name, 0o600); err != nil {
		t.Fatal(err)
	}
	abandon := func(f *whole.File) error { f.Abandon(); return nil }
	if err := write(t, name, "two", abandon); err != nil || content(t, name) != "one" {
		t.Fatalf("abandoned: %q, %v", content(t, name), err)
	}
	// Abandon after Commit, as deferred, takes nothing away.
	if err := write(t, name, "three", func(f *whole.File) error { defer f.Abandon(); return f.Commit() }); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if err != nil || info.Mode().Perm() != 0o600 || content(t, name) != "three" {
		t.Errorf("mode %v, content %q, %v", info.Mode(), content(t, name), err)
	}
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 1 {
		t.Errorf("left behind: %v, %v", list, err)
	}
}

// Without the sync a file still appears in one step, with the old permissions.
func TestWithoutSync(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(name, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := write(t, name, "two", func(f *whole.File) error {
		f.WithoutSyncUnsafe()
		if got := content(t, name); got != "one" {
			t.Errorf("before Commit it is %q", got)
		}
		return f.Commit()
	})
	info, stat := os.Stat(name)
	if err != nil || stat != nil || info.Mode().Perm() != 0o600 || content(t, name) != "two" {
		t.Errorf("%q, %v, %v", content(t, name), err, stat)
	}
}

func TestOnlyRegularFilesAreReplaced(t *testing.T) {
	dir := t.TempDir()
	if _, err := whole.Create(dir); !errors.Is(err, whole.ErrNotRegular) {
		t.Errorf("a folder: %v", err)
	}
	if err := whole.WriteFile(filepath.Join(dir, "none", "x"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
}

// A new file appears whole, and replaces nothing: no file, and no link, wherever it leads.
func TestAddFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "new")
	if err := whole.AddFile(name, []byte("one")); err != nil {
		t.Fatal(err)
	}
	dangling := filepath.Join(dir, "link")
	if err := os.Symlink(filepath.Join(dir, "nowhere"), dangling); err != nil {
		t.Fatal(err)
	}
	for _, n := range []string{name, dangling} {
		if err := whole.AddFile(n, []byte("two")); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: %v", n, err)
		}
	}
	if b, err := os.ReadFile(name); err != nil || string(b) != "one" {
		t.Errorf("%q, %v", b, err)
	}
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 2 {
		t.Errorf("%v, %v", list, err)
	}
}

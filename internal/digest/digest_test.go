//go:build linux || darwin

package digest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/andiron-dev/andiron/internal/osfile"
)

var (
	now = time.Date(2027, 1, 10, 12, 0, 0, 0, time.UTC)
	sum = strings.Repeat("ab", 32)
)

func id(n uint64) osfile.ID {
	old := now.Add(-time.Hour).UnixNano()
	return osfile.ID{Device: 1, Inode: n, Size: 3, Modified: old, StatusModified: old}
}

func saved(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "andiron")
	c := Open(dir)
	c.Put(id(1), sum, now)
	if err := c.Save(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestRemembers(t *testing.T) {
	dir := saved(t)
	c := Open(dir)
	if got, ok := c.Get(id(1)); got != sum || !ok {
		t.Errorf("got %q, %v", got, ok)
	}
	for name, change := range map[string]func(*osfile.ID){
		"device": func(i *osfile.ID) { i.Device++ }, "inode": func(i *osfile.ID) { i.Inode++ }, "size": func(i *osfile.ID) { i.Size++ },
		"modified": func(i *osfile.ID) { i.Modified++ }, "status": func(i *osfile.ID) { i.StatusModified++ },
	} {
		other := id(1)
		change(&other)
		if _, ok := c.Get(other); ok {
			t.Errorf("another %s is taken for the same file", name)
		}
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "digests"): 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
}

// A file that was just touched may be written to again without a new time.
func TestTooYoung(t *testing.T) {
	c := Open(filepath.Join(t.TempDir(), "andiron"))
	for i, at := range []time.Time{now.Add(-time.Second), now, now.Add(time.Hour)} {
		young := id(uint64(i))
		young.StatusModified = at.UnixNano()
		c.Put(young, sum, now)
		young.StatusModified, young.Modified = young.Modified, young.StatusModified
		c.Put(young, sum, now)
	}
	if len(c.known) != 0 || c.changed {
		t.Errorf("remembers %d", len(c.known))
	}
}

// What somebody else can write, or broke, is as good as empty.
func TestIgnored(t *testing.T) {
	file := func(dir string) string { return filepath.Join(dir, "digests") }
	for name, spoil := range map[string]func(dir string) error{
		"folder others may enter": func(dir string) error { return os.Chmod(dir, 0o755) },
		"file others may read":    func(dir string) error { return os.Chmod(file(dir), 0o644) },
		"file others may write":   func(dir string) error { return os.Chmod(file(dir), 0o666) },
		"link": func(dir string) error {
			if err := os.Rename(file(dir), file(dir)+"2"); err != nil {
				return err
			}
			return os.Symlink("digests2", file(dir))
		},
		"other version": func(dir string) error {
			return os.WriteFile(file(dir), []byte("andiron digests 2\n"+formatLine(id(1), sum)), 0o600)
		},
		"damaged": func(dir string) error {
			return os.WriteFile(file(dir), []byte(header+"\n\x00"+formatLine(id(1), sum)), 0o600)
		},
		"long line": func(dir string) error {
			return os.WriteFile(file(dir), []byte(header+"\n"+strings.Repeat("a", 1<<20)), 0o600)
		},
		"no file": func(dir string) error { return os.Remove(file(dir)) },
	} {
		dir := saved(t)
		if err := spoil(dir); err != nil {
			t.Fatal(err)
		}
		if _, ok := Open(dir).Get(id(1)); ok {
			t.Errorf("%s: believed", name)
		}
	}
	if Open("") != nil {
		t.Error("no folder has a cache")
	}
}

func TestBounded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "andiron")
	c := Open(dir)
	for i := range uint64(maxFiles + 10) {
		c.Put(id(i), sum, now)
	}
	if err := c.Save(); err != nil {
		t.Fatal(err)
	}
	c = Open(dir)
	if _, first := c.Get(id(0)); len(c.known) != maxFiles || first {
		t.Errorf("%d files, the oldest among them: %v", len(c.known), first)
	}
}

func TestFolder(t *testing.T) {
	for _, tt := range []struct{ xdg, home, want string }{
		{"/x", "/h", "/x/andiron"}, {"", "/h", "/h/.cache/andiron"}, {"rel", "/h", "/h/.cache/andiron"}, {"", "", ""}, {"", "rel", ""},
	} {
		env := map[string]string{"XDG_CACHE_HOME": tt.xdg, "HOME": tt.home}
		if got := Folder(func(k string) string { return env[k] }); got != tt.want {
			t.Errorf("%q, %q: %q", tt.xdg, tt.home, got)
		}
		want := tt.want
		if want != "" {
			want += "/private"
		}
		if got := Private(func(k string) string { return env[k] }); got != want {
			t.Errorf("%q, %q: private %q, want %q", tt.xdg, tt.home, got, want)
		}
	}
}

func TestNoCache(t *testing.T) {
	var c *Cache
	c.Put(id(1), sum, now)
	if _, ok := c.Get(id(1)); ok || c.Save() != nil {
		t.Error("no cache remembers")
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add(formatLine(id(1), sum))
	f.Add("x")
	f.Fuzz(func(t *testing.T, s string) {
		if i, sum, ok := parseLine(s); ok && formatLine(i, sum) != s {
			t.Errorf("%q", s)
		}
	})
}

package artifact

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/bounded"
)

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "model.pt"), "abc")
	link(t, "model.pt", filepath.Join(dir, "link.pt"))
	link(t, "gone", filepath.Join(dir, "dead.pt"))
	link(t, "loop", filepath.Join(dir, "loop"))
	tests := []struct{ name, want string }{
		{"model.pt", ""},
		{"link.pt", ""},
		{"none.pt", `"none.pt": no such file`},
		{"dead.pt", `"dead.pt": no such file`},
		{"loop", `"loop": too many`},
		{".", `"." is a folder, not a regular file`},
	}
	for _, tt := range tests {
		a, err := Open(filepath.Join(dir, tt.name), tt.name)
		if tt.want != "" {
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("Open(%q) = %v, want %s…", tt.name, err, tt.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("Open(%q): %v", tt.name, err)
			continue
		}
		sum, err := a.SHA256()
		if want := hexSum("abc"); sum != want || err != nil || a.Size() != 3 || a.Name() != tt.name || a.Changed() {
			t.Errorf("%q: SHA256 = %s, %v; size %d, name %q, changed %v", tt.name, sum, err, a.Size(), a.Name(), a.Changed())
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := Open(os.DevNull, "null"); err == nil || !strings.Contains(err.Error(), "device") {
		t.Errorf("Open of a device = %v", err)
	}
}

func link(t *testing.T, target, name string) {
	t.Helper()
	if runtime.GOOS == "windows" {
		write(t, name, "")
		return
	}
	if err := os.Symlink(target, name); err != nil {
		t.Fatal(err)
	}
}

func hexSum(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func TestSHA256OfManyBuffers(t *testing.T) {
	text := strings.Repeat("0123456789abcde\n", 3*hashBuffer/16) + "tail"
	sum, err := FromBytes("x", []byte(text)).SHA256()
	if sum != hexSum(text) || err != nil {
		t.Errorf("SHA256 = %s, %v, want %s", sum, err, hexSum(text))
	}
	sum, err = FromBytes("x", nil).SHA256()
	if sum != hexSum("") || err != nil {
		t.Errorf("SHA256 of nothing = %s, %v", sum, err)
	}
}

func TestChanged(t *testing.T) {
	changes := map[string]func(string) error{
		"appended": func(p string) error { return os.WriteFile(p, []byte("longer than it was"), 0o644) },
		"removed":  os.Remove,
		"replaced": func(p string) error {
			if err := os.WriteFile(p+".new", []byte("abc"), 0o644); err != nil {
				return err
			}
			return os.Rename(p+".new", p)
		},
	}
	for name, change := range changes {
		p := filepath.Join(t.TempDir(), "model.pt")
		write(t, p, "abc")
		a, err := Open(p, p)
		if err != nil {
			t.Fatal(err)
		}
		if err := change(p); err != nil {
			t.Fatal(err)
		}
		if !a.Changed() {
			t.Errorf("%s: not seen", name)
		}
		_ = a.Close()
	}
}

func TestTruncatedWhileHashed(t *testing.T) {
	p := filepath.Join(t.TempDir(), "model.pt")
	write(t, p, "abcdef")
	a, err := Open(p, "model.pt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Close() }()
	write(t, p, "ab")
	if sum, err := a.SHA256(); err == nil {
		t.Errorf("SHA256 of a file that became shorter = %s", sum)
	}
}

func TestStopOn(t *testing.T) {
	a := FromBytes("x", []byte("abc"))
	done := make(chan struct{})
	a.StopOn(done)
	r := a.ReaderAt()
	if n, err := r.ReadAt(make([]byte, 3), 0); n != 3 || err != nil {
		t.Errorf("before: %d, %v", n, err)
	}
	close(done)
	if _, err := r.ReadAt(make([]byte, 3), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("after: %v", err)
	}
	if _, err := a.SHA256(); !errors.Is(err, context.Canceled) {
		t.Errorf("SHA256 after: %v", err)
	}
}

func TestFromReader(t *testing.T) {
	big := bytes.Repeat([]byte{7}, inMemory+10)
	tests := []struct {
		name  string
		in    []byte
		limit int64
		file  bool
		err   error
	}{
		{"small", []byte("abc"), 3, false, nil},
		{"over", []byte("abcd"), 3, false, bounded.ErrLimit},
		{"spooled", big, inMemory + 10, true, nil},
		{"spooled over", big, inMemory + 9, false, bounded.ErrLimit},
	}
	for _, tt := range tests {
		t.Setenv("TMPDIR", t.TempDir())
		a, err := FromReader("-", bytes.NewReader(tt.in), tt.limit)
		if !errors.Is(err, tt.err) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.err)
		}
		if err != nil {
			continue
		}
		got, err := io.ReadAll(io.NewSectionReader(a.ReaderAt(), 0, a.Size()))
		if err != nil || !bytes.Equal(got, tt.in) || (a.file != nil) != tt.file || a.Changed() {
			t.Errorf("%s: %d bytes, %v, file %v, changed %v", tt.name, len(got), err, a.file != nil, a.Changed())
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
		if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
			t.Errorf("%s: left %v", tt.name, left)
		}
	}
}

// walked is what a walk met, for comparing.
func walked(t *testing.T, root string, opt WalkOptions) (got []string) {
	t.Helper()
	base := filepath.ToSlash(root) + "/"
	for e, err := range Walk(t.Context(), root, opt) {
		words := []string{strings.TrimSuffix(strings.TrimPrefix(e.Path+"/", base), "/")}
		if e.Dir {
			words[0] += "/"
			for _, f := range e.Files {
				words = append(words, filepath.Base(f.Abs))
			}
		}
		if e.Note != "" {
			words = append(words, "("+string(e.Note)+")")
		}
		if err != nil {
			words = append(words, "error")
		}
		got = append(got, strings.Join(words, " "))
	}
	return got
}

func TestWalk(t *testing.T) {
	root := t.TempDir()
	for _, f := range []string{
		"a.pt", "a/z.pt", "a/b/c.pt", "a-b.pt", ".git/config", "x/__pycache__/m.pt",
		"env/pyvenv.cfg", "env/lib/m.pt", "blobs/abc",
	} {
		write(t, filepath.Join(root, f), "x")
	}
	link(t, "../blobs/abc", filepath.Join(root, "a", "model.bin"))
	link(t, "nowhere", filepath.Join(root, "dead"))
	link(t, "a", filepath.Join(root, "folder"))
	link(t, "round", filepath.Join(root, "round"))
	want := []string{
		"/ a-b.pt a.pt", ".git/ (skipped)", "a-b.pt", "a.pt",
		"a/ model.bin z.pt", "a/b/ c.pt", "a/b/c.pt", "a/model.bin", "a/z.pt",
		"blobs/ abc", "blobs/abc", "dead error", "env/ (skipped)", "folder (folder link)", "round error",
		"x/", "x/__pycache__/ (skipped)",
	}
	if diff := cmp.Diff(want, walked(t, root, WalkOptions{})); diff != "" {
		t.Errorf("walk (-want +got):\n%s", diff)
	}
	all := strings.Join(walked(t, root, WalkOptions{Everything: true}), "\n")
	for _, w := range []string{".git/config", "env/lib/m.pt", "x/__pycache__/m.pt"} {
		if !strings.Contains(all, w) {
			t.Errorf("everything: no %s in\n%s", w, all)
		}
	}
}

func TestWalkExcept(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "model.pt"), "x")
	write(t, filepath.Join(root, "report"), "x")
	link(t, "report", filepath.Join(root, "same"))
	info, err := os.Stat(filepath.Join(root, "report"))
	if err != nil {
		t.Fatal(err)
	}
	got := walked(t, root, WalkOptions{Except: []fs.FileInfo{info}})
	if diff := cmp.Diff([]string{"/ model.pt", "model.pt"}, got); diff != "" {
		t.Errorf("walk (-want +got):\n%s", diff)
	}
}

func TestWalkStops(t *testing.T) {
	root := t.TempDir()
	for _, f := range []string{"a/1", "a/2", "b/1"} {
		write(t, filepath.Join(root, f), "x")
	}
	n := 0
	for _, err := range Walk(t.Context(), root, WalkOptions{}) {
		if n++; n == 2 || err != nil {
			break
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for e, err := range Walk(ctx, root, WalkOptions{}) {
		t.Errorf("walked %v, %v after the context ended", e, err)
	}
	for e, err := range Walk(t.Context(), filepath.Join(root, "none"), WalkOptions{}) {
		if err == nil {
			t.Errorf("walked %v of a folder that does not exist", e)
		}
	}
}

//go:build linux || darwin

package osfile

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"
)

// The identity changes with the content, also where the modification time is put
// back, because the status time cannot be.
func TestIDNoticesRestoredTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.pt")
	if err := os.WriteFile(path, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	before, ok := stat(t, path)
	if again, _ := stat(t, path); !ok || again != before {
		t.Fatalf("%v, %v", before, again)
	}
	when := time.Unix(0, before.Modified)
	after := before
	for deadline := time.Now().Add(5 * time.Second); after.StatusModified == before.StatusModified && time.Now().Before(deadline); {
		if err := os.WriteFile(path, []byte("two"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, when, when); err != nil {
			t.Fatal(err)
		}
		after, _ = stat(t, path)
	}
	if after.Modified != before.Modified || after.Size != before.Size || after == before {
		t.Errorf("before %v, after %v", before, after)
	}
}

func stat(t *testing.T, path string) (ID, bool) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if uid, ok := Owner(info); !ok || int(uid) != os.Getuid() {
		t.Errorf("owner %d, %v", uid, ok)
	}
	return Of(info)
}

func TestCause(t *testing.T) {
	dir := t.TempDir()
	_, open := os.Open(filepath.Join(dir, "none"))
	link := os.Link(filepath.Join(dir, "none"), filepath.Join(dir, "link"))
	for _, err := range []error{open, link, fmt.Errorf("around: %w", open)} {
		if got := Cause(err); !errors.Is(got, os.ErrNotExist) || got.Error() != "no such file or directory" {
			t.Errorf("Cause(%v) = %v", err, got)
		}
	}
	if other := errors.New("other"); !errors.Is(Cause(other), other) || Cause(nil) != nil {
		t.Error("an error of another kind is not itself")
	}
}

func TestLockFolder(t *testing.T) {
	dir := t.TempDir()
	unlock, err := LockFolder(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := LockFolder(ctx, dir); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("held twice: %v", err)
	}
	unlock()
	again, err := LockFolder(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	again()
	if _, err := LockFolder(t.Context(), filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing folder: %v", err)
	}
}

func TestReserve(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if err := Reserve(f, 1<<20); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("head"); err != nil {
		t.Fatal(err)
	}
	WriteBack(f, 0, 4)
	if err := Reserve(f, 1<<62); err == nil && runtime.GOOS == "linux" {
		t.Error("four exbibytes were there")
	}
	b := make([]byte, 4)
	if _, err := f.ReadAt(b, 0); err != nil || string(b) != "head" {
		t.Errorf("%q, %v", b, err)
	}
}

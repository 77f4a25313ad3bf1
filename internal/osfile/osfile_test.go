//go:build linux || darwin

package osfile

import (
	"bytes"
	"context"
	"errors"
	"io"
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

// What is spliced is what was there, also where the two files are not aligned
// alike, and where there is less than was asked for.
func TestSpliced(t *testing.T) {
	want := bytes.Repeat([]byte("0123456789abcde"), 200_000)
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	if err := os.WriteFile(in, want, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name   string
		off, n int64
		source func(*os.File, int64) io.Reader
	}{
		{"a file", 7, 2_500_000, func(f *os.File, n int64) io.Reader { return &io.LimitedReader{R: f, N: n} }},
		{"to its end", 7, 1 << 40, func(f *os.File, n int64) io.Reader { return &io.LimitedReader{R: f, N: n} }},
		{"nothing", 7, 0, func(f *os.File, n int64) io.Reader { return &io.LimitedReader{R: f, N: n} }},
		{"no file", 7, 2_500_000, func(f *os.File, n int64) io.Reader { return io.NewSectionReader(f, 7, n) }},
		{"a limited reader of no file", 7, 100, func(f *os.File, n int64) io.Reader {
			return &io.LimitedReader{R: io.NewSectionReader(f, 7, n), N: n}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			src, err := os.Open(in)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = src.Close() }()
			if _, err := src.Seek(tt.off, io.SeekStart); err != nil {
				t.Fatal(err)
			}
			dst, err := os.Create(out)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = dst.Close() }()
			if _, err := dst.WriteString("head"); err != nil {
				t.Fatal(err)
			}
			part := want[tt.off:min(tt.off+tt.n, int64(len(want)))]
			n, err := Spliced{dst}.ReadFrom(tt.source(src, tt.n))
			if n != int64(len(part)) || err != nil {
				t.Errorf("%d bytes, %v; want %d", n, err, len(part))
			}
			got, err := os.ReadFile(out)
			if err != nil || string(got) != "head"+string(part) {
				t.Errorf("%d bytes were written, %v; want %d", len(got), err, 4+len(part))
			}
		})
	}
}

// A place that takes nothing is an error of that place.
func TestSplicedFull(t *testing.T) {
	in := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(in, make([]byte, 100), 0o600); err != nil {
		t.Fatal(err)
	}
	src, err := os.Open(in)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = src.Close() }()
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("there is no /dev/full")
	}
	defer func() { _ = full.Close() }()
	if n, err := (Spliced{full}).ReadFrom(&io.LimitedReader{R: src, N: 100}); err == nil {
		t.Errorf("%d bytes were taken", n)
	}
}

package child

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"
)

// role is what this program does when it is started as an image.
const role = "ANDIRON_CHILD_TEST"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "echo":
		_, _ = io.Copy(os.Stdout, os.Stdin)
		os.Exit(0)
	case "fail":
		fmt.Fprintln(os.Stderr, "this is why")
		os.Exit(3)
	case "hang":
		_, _ = io.Copy(os.Stdout, os.Stdin)
		time.Sleep(time.Hour)
	}
	os.Exit(m.Run())
}

func image(t *testing.T) *Image {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	return &Image{Name: "inner", Program: b}
}

func TestImage(t *testing.T) {
	m := image(t)
	in := bytes.Repeat([]byte("0123456789"), 20_000)
	t.Setenv(role, "echo")
	if out, err := m.Run(t.Context(), in, int64(len(in))); err != nil || !bytes.Equal(out, in) {
		t.Errorf("%d bytes, %v", len(out), err)
	}
	if _, err := m.Run(t.Context(), in, int64(len(in))-1); err == nil || errors.Is(err, ErrNotStarted) || !strings.Contains(err.Error(), "199999") {
		t.Errorf("too long an answer: %v", err)
	}
	t.Setenv(role, "fail")
	if _, err := m.Run(t.Context(), nil, 10); err == nil || err.Error() != "inner: this is why: exit status 3" {
		t.Errorf("a failure: %v", err)
	}
	t.Setenv(role, "hang")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := m.Run(ctx, nil, 10); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := m.Run(ctx, nil, 10); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("too slow: %v", err)
	}
}

// A file with a name is for where there is none without.
func TestNamed(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	t.Setenv(role, "echo")
	m := image(t)
	path, done, err := named(m)
	if err != nil {
		t.Fatal(err)
	}
	if out, err := m.run(t.Context(), path, []byte("x"), 1); err != nil || string(out) != "x" {
		t.Errorf("%q, %v", out, err)
	}
	done()
	if list, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(list) > 0 {
		t.Errorf("left behind: %v, %v", list, err)
	}
}

func TestNotStarted(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	m := &Image{Name: "inner", Program: []byte("this is no program")}
	_, err := m.Run(t.Context(), nil, 10)
	if !errors.Is(err, ErrNotStarted) || !strings.HasPrefix(err.Error(), "inner: it cannot be started: ") || strings.Contains(err.Error(), "\n") {
		t.Error(err)
	}
	if list, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(list) > 0 {
		t.Errorf("left behind: %v, %v", list, err)
	}
}

//go:build sandbox

package sandbox_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/sandbox"
)

// runsc is of gVisor: make sandbox builds it.
func runsc(t *testing.T) string {
	t.Helper()
	path := os.Getenv("ANDIRON_RUNSC")
	if path == "" {
		t.Fatal("ANDIRON_RUNSC names no runsc of gVisor: run make sandbox")
	}
	return path
}

// gVisor holds what other layers hold, and what is said of it is what it does.
func TestGVisor(t *testing.T) {
	python := pythons(t)[0]
	f := newField(t)
	pick := []string{"read a file", "write a file", "shell", "TCP", "abstract socket", "kill", "write to the checkpoint", "memory", "result without end", "busy", "a forged result that is none", "thread"}
	some := slices.DeleteFunc(slices.Clone(attacks), func(a attack) bool { return !slices.Contains(pick, a.name) })
	if len(some) != len(pick) {
		t.Errorf("%d of %d", len(some), len(pick))
	}
	some = append(some, attack{name: "nothing", code: "x = 1", want: "nothing"})
	plots := checkpoints(t, f, python, some)
	t.Setenv("TMPDIR", t.TempDir())
	t.Cleanup(func() { nothingLeft(t, os.TempDir()) })
	for i, a := range some {
		t.Run(a.name, func(t *testing.T) {
			rep, err := attempt(t, plots[i].file(), sandbox.Options{Python: python, Runsc: runsc(t), Limits: a.limits()})
			if found := plots[i].traces(t); len(found) > 0 || f.hits.Load() > 0 {
				t.Errorf("%q, %d connections", found, f.hits.Load())
			}
			t.Log(rep, err)
			if !slices.Contains(rep.Layers, sandbox.GVisor) || !slices.Contains(rep.Layers, sandbox.Seccomp) {
				t.Error(rep.Layers)
			}
			switch {
			case a.want == "nothing":
				if err != nil {
					t.Error(err)
				}
			case a.name == "memory":
				if !errors.Is(err, sandbox.ErrFailed) || !strings.Contains(err.Error(), "MemoryError") {
					t.Error(err)
				}
			case a.want == "failed" || a.want == "stopped":
				if err == nil {
					t.Error("there is a result")
				}
			case !errors.Is(err, sandbox.ErrContained) || len(rep.Events) != 1 || rep.Events[0].Call != a.want:
				t.Errorf("%v, %v", err, rep.Events)
			}
		})
	}
}

// A folder for temporary files that is relative is no matter: runsc reads the bundle only
// by an absolute path, and fails elsewhere without a reason.
func TestPitfall12BundlePath(t *testing.T) {
	python := pythons(t)[0]
	f := newField(t)
	plots := checkpoints(t, f, python, []attack{{code: "x = 1"}})
	t.Chdir(t.TempDir())
	if err := os.Mkdir("temp", 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", "temp")
	if _, err := attempt(t, plots[0].file(), sandbox.Options{Python: python, Runsc: runsc(t), Limits: limits}); err != nil {
		t.Error(err)
	}
	nothingLeft(t, "temp")
}

// nothingLeft makes sure that folders of workers are gone.
func nothingLeft(t *testing.T, dir string) {
	t.Helper()
	if left, err := filepath.Glob(filepath.Join(dir, "andiron-*")); err != nil || len(left) > 0 {
		t.Errorf("%v, %v is left", left, err)
	}
}

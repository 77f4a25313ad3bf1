package sandbox_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/sandbox"
)

func newPool(t *testing.T, o sandbox.PoolOptions) *sandbox.Pool {
	t.Helper()
	p := sandbox.NewPool(t.Context(), o)
	t.Cleanup(p.Close)
	return p
}

// loadFrom has a pool load what a worker is to do, and says which process it was.
func loadFrom(ctx context.Context, t *testing.T, p *sandbox.Pool, what string, j sandbox.Job) (pid int, meta map[string]string, err error) {
	t.Helper()
	in, err := sandbox.AdoptInput(checkpoint(t, what))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	r, _, err := p.Load(ctx, in, j, func(r *sandbox.Result) (*sandbox.Result, error) { return r, nil })
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = r.Close() }()
	pid, err = strconv.Atoi(r.Header.Metadata["pid"])
	return pid, r.Header.Metadata, err
}

// gone waits until there is no such process.
func gone(t *testing.T, pid int) {
	t.Helper()
	for range 500 {
		if errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("process %d is left", pid)
}

// Each load has a process of its own, of which nothing is left.
func TestPool(t *testing.T) {
	p := newPool(t, standInOptions(t))
	r, err := p.Wait(t.Context())
	if err != nil || r.Torch != "none" {
		t.Fatalf("%+v, %v", r, err)
	}
	seen := map[int]bool{}
	for range 3 {
		pid, meta, err := loadFrom(t.Context(), t, p, "load", sandbox.Job{})
		if err != nil {
			t.Fatal(err)
		}
		if seen[pid] {
			t.Errorf("process %d loaded two", pid)
		}
		seen[pid] = true
		if got, want := meta["data"], strconv.Itoa(1<<30+2*len("load")); got != want {
			t.Errorf("it may have %s bytes, not %s", got, want)
		}
	}
	p.Close()
	for pid := range seen {
		gone(t, pid)
	}
}

// What a client asks for is never more than what the pool has.
func TestPoolLimits(t *testing.T) {
	o := standInOptions(t)
	o.Limits.Memory = 1 << 46
	p := newPool(t, o)
	for _, tc := range []struct{ ask, want int64 }{{0, 1 << 46}, {1 << 45, 1 << 45}, {1 << 47, 1 << 46}} {
		_, meta, err := loadFrom(t.Context(), t, p, "load", sandbox.Job{Limits: sandbox.Limits{Memory: tc.ask}})
		if err != nil {
			t.Fatal(err)
		}
		if got := meta["data"]; got != strconv.FormatInt(tc.want, 10) {
			t.Errorf("asked for %d: %s, want %d", tc.ask, got, tc.want)
		}
	}
	o.Size = 3
	small := newPool(t, o)
	if _, _, err := loadFrom(t.Context(), t, small, "load", sandbox.Job{}); !errors.Is(err, sandbox.ErrFailed) {
		t.Errorf("a checkpoint that is too large: %v", err)
	}
	if _, _, err := loadFrom(t.Context(), t, small, "in", sandbox.Job{}); err != nil {
		t.Errorf("after one that was refused: %v", err)
	}
}

// There are no more workers than places, and a load that is given up makes room.
func TestPoolIsFull(t *testing.T) {
	o := standInOptions(t)
	o.Wait = 300 * time.Millisecond
	p := newPool(t, o)
	if _, err := p.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	hung := make(chan error)
	go func() {
		_, _, err := loadFrom(ctx, t, p, "hang", sandbox.Job{})
		hung <- err
	}()
	time.Sleep(50 * time.Millisecond)
	if _, _, err := loadFrom(t.Context(), t, p, "load", sandbox.Job{}); !errors.Is(err, sandbox.ErrNoWorker) {
		t.Errorf("a second load: %v", err)
	}
	cancel()
	if err := <-hung; !errors.Is(err, context.Canceled) {
		t.Errorf("the first load: %v", err)
	}
	for range 20 {
		if _, _, err := loadFrom(t.Context(), t, p, "load", sandbox.Job{}); err == nil {
			return
		}
	}
	t.Error("nothing loads any more")
}

// A worker that dies gives nothing, and another one takes its place.
func TestPoolWorkersDie(t *testing.T) {
	o := standInOptions(t)
	p := newPool(t, o)
	if _, _, err := loadFrom(t.Context(), t, p, "exit", sandbox.Job{}); !errors.Is(err, sandbox.ErrContained) {
		t.Errorf("a worker that ended: %v", err)
	}
	if _, _, err := loadFrom(t.Context(), t, p, "load", sandbox.Job{}); err != nil {
		t.Error(err)
	}
	die := filepath.Join(filepath.Dir(o.Python), "die")
	if err := os.WriteFile(die, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	o.Wait = 500 * time.Millisecond
	idle := newPool(t, o) // its workers die while they wait
	time.Sleep(300 * time.Millisecond)
	if err := os.Remove(die); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if _, _, err := loadFrom(t.Context(), t, idle, "load", sandbox.Job{}); err == nil {
			return
		}
	}
	t.Error("no worker took the place of one that died")
}

// A worker that dies while it waits may be taken before that is known: another one loads.
func TestPoolWorkerDiesLate(t *testing.T) {
	o := standInOptions(t)
	late := filepath.Join(filepath.Dir(o.Python), "late")
	if err := os.WriteFile(late, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	p := newPool(t, o)
	if _, err := p.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(late); err != nil {
		t.Fatal(err)
	}
	if _, _, err := loadFrom(t.Context(), t, p, "load", sandbox.Job{}); err != nil {
		t.Error(err)
	}
}

// A Python that is not there is said at once.
func TestPoolWithoutPython(t *testing.T) {
	p := newPool(t, sandbox.PoolOptions{Options: sandbox.Options{Python: "/nonexistent/python"}, Places: 2, Wait: time.Hour})
	if _, err := p.Wait(t.Context()); err == nil {
		t.Error("a worker is ready")
	}
	if _, _, err := loadFrom(t.Context(), t, p, "load", sandbox.Job{}); !errors.Is(err, sandbox.ErrNoWorker) {
		t.Error(err)
	}
}

// A python among shims is a script that chooses one, and reads files for that which no
// worker sees: the worker is the Python that it starts.
func TestPoolOfShim(t *testing.T) {
	o := standInOptions(t)
	dir := t.TempDir()
	which := filepath.Join(dir, "which")
	if err := os.WriteFile(which, []byte(o.Python+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o.Python = filepath.Join(dir, "shims", "python")
	if err := os.Mkdir(filepath.Dir(o.Python), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.Python, []byte("#!/bin/sh\nread -r python < "+which+" && exec \"$python\" \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, _, err := loadFrom(t.Context(), t, newPool(t, o), "load", sandbox.Job{}); err != nil {
		t.Error(err)
	}
}

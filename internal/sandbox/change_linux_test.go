package sandbox_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/sandbox"
)

// checkpoint is one that has the worker make an attack.
func (p *plot) checkpoint(t *testing.T, attack string) (name string, content []byte) {
	t.Helper()
	p.target.Attack = attack
	content, err := json.Marshal(p.target)
	if err != nil {
		t.Fatal(err)
	}
	name = p.file()
	p.write(t, name, content)
	return name, content
}

// These two attacks tell by what comes of them which of two checkpoints was loaded.
const good, bad = "nothing", "an end with 0"

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// loads says whether a checkpoint gave tensors.
func loads(t *testing.T, p *plot, in *sandbox.Input) error {
	t.Helper()
	r, _, err := sandbox.Load(t.Context(), in, sandbox.Options{Python: p.python, Limits: limits})
	if err == nil {
		err = r.Close()
	}
	return err
}

// limits are wide enough for a machine that has much else to do.
var limits = sandbox.Limits{Load: 30 * time.Second, Result: 32 << 20}

// T1: what was opened is loaded, whatever has its name by then, and its digest is of
// one file or the other.
func TestReplaced(t *testing.T) {
	p := newField(t).plot(t, good, false)
	name, first := p.checkpoint(t, good)
	in, err := sandbox.OpenInput(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }() // it was only read
	p.target.Attack = bad
	second, _ := json.Marshal(p.target) // as the first
	other := filepath.Join(p.dir, "other")
	p.write(t, other, second)
	if err := os.Rename(other, name); err != nil {
		t.Fatal(err)
	}
	if digestOf(t, in) != digest(first) {
		t.Error("the digest is of something else")
	}
	if err := loads(t, p, in); err != nil {
		t.Error(err)
	}
	stop := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
				_ = os.WriteFile(other, [][]byte{first, second}[n%2], 0o600) // and if not, the next one
				_ = os.Rename(other, name)                                   // likewise
			}
		}
	}()
	for range 200 {
		in, err := sandbox.OpenInput(name)
		if err != nil {
			t.Fatal(err)
		}
		if digestOf(t, in) != digest(first) && digestOf(t, in) != digest(second) {
			t.Error("the digest is of neither")
		}
		_ = in.Close() // it was only read
	}
	close(stop)
	<-done
}

// T2: whoever has the file open for writing, or only a mapping of it, writes to
// something else than what is loaded.
func TestWriters(t *testing.T) {
	for _, mapped := range []bool{false, true} {
		p := newField(t).plot(t, good, false)
		name, first := p.checkpoint(t, good)
		w, err := os.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		write := func(b []byte) error { _, err := w.WriteAt(b, 0); return err }
		if mapped {
			m, err := unix.Mmap(int(w.Fd()), 0, len(first), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
			if err != nil {
				t.Fatal(err)
			}
			_ = w.Close() // the mapping is left
			write = func(b []byte) error { copy(m, b); return nil }
			t.Cleanup(func() { _ = unix.Munmap(m) })
		}
		in, err := sandbox.OpenInput(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := write([]byte(strings.Repeat("x", len(first)))); err != nil {
			t.Fatal(err)
		}
		if in.Kept != "copy" || digestOf(t, in) != digest(first) {
			t.Errorf("mapped %v: %+v", mapped, in)
		}
		if err := loads(t, p, in); err != nil {
			t.Errorf("mapped %v: %v", mapped, err)
		}
		_ = in.Close() // it was only read
		_ = w.Close()  // so that the next one has a lease
	}
}

// T4: somebody who wants to write ends the load, before it begins and while it goes on.
func TestLeaseBroken(t *testing.T) {
	for _, attack := range []string{good, "wait for nobody"} {
		p := newField(t).plot(t, attack, false)
		name, _ := p.checkpoint(t, attack)
		in, err := sandbox.OpenInput(name)
		if err != nil {
			t.Fatal(err)
		}
		if in.Kept != "lease" {
			t.Fatalf("the file system of %s has no leases", name)
		}
		knock := func() {
			if _, err := unix.Open(name, unix.O_WRONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0); !errors.Is(err, unix.EAGAIN) {
				t.Errorf("a writer gets %v", err)
			}
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for attack != good && len(processesOf(p.python)) == 0 {
				time.Sleep(time.Millisecond)
			}
			knock()
		}()
		if attack == good {
			<-done
		}
		r, _, err := sandbox.Load(t.Context(), in, sandbox.Options{Python: p.python, Limits: sandbox.Limits{Load: time.Second}})
		if errors.Is(err, sandbox.ErrContained) || !errors.Is(err, sandbox.ErrChanged) || r != nil { // it is not to blame
			t.Errorf("%s: %v", attack, err)
		}
		<-done
		_ = in.Close() // it was only read
	}
}

// T6: neither links nor what is no file.
func TestNoFile(t *testing.T) {
	dir := t.TempDir()
	file, link, fifo := filepath.Join(dir, "file"), filepath.Join(dir, "link"), filepath.Join(dir, "fifo")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		link: "it is a link, which is not followed", fifo: "it is not a regular file", dir: "it is not a regular file",
		"/dev/zero": "it is not a regular file", filepath.Join(dir, "none"): "no such file",
	} {
		if in, err := sandbox.OpenInput(name); in != nil || err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v, %v", name, in, err)
		}
	}
}

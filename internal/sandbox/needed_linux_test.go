//go:build sandbox

package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/child"
	"github.com/andiron-dev/andiron/internal/seccomp"
	"github.com/andiron-dev/andiron/internal/unotify"
)

// benign has real torch write what people keep in checkpoints.
const benign = `
import sys, os, torch
out = sys.argv[1]
def save(name, value, **how): torch.save(value, os.path.join(out, name + ".pt"), **how)
net = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.BatchNorm1d(64), torch.nn.LSTM(64, 8))
best = torch.optim.Adam(net.parameters())
for p in net.parameters(): p.grad = torch.zeros_like(p)
best.step()
save("state", net.state_dict())
save("optimizer", {"model": net.state_dict(), "optimizer": best.state_dict(), "epoch": 3, "loss": [0.5, float("nan")], "args": ("x", None, True)})
save("module", net)
save("legacy", net.state_dict(), _use_new_zipfile_serialization=False)
save("legacy-module", net, _use_new_zipfile_serialization=False)
save("types", {str(t): torch.zeros(5, dtype=t) for t in (torch.bfloat16, torch.float16, torch.int8, torch.bool, torch.complex64)})
big = {"layer%d" % i: torch.randn(1000, 1000) for i in range(50)}
big["view"] = big["layer0"][:, ::2]
save("large", big)
save("large-legacy", {"a": torch.randn(5000, 1000)}, _use_new_zipfile_serialization=False)
torch.jit.save(torch.jit.script(torch.nn.Linear(3, 3)), os.path.join(out, "script.pt"))
`

// checkpointsOf has a Python write them.
func checkpointsOf(t *testing.T, python string) []string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command(python, "-c", benign, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	names, err := filepath.Glob(filepath.Join(dir, "*.pt"))
	if err != nil || len(names) != 9 {
		t.Fatal(names, err)
	}
	return names
}

func torches(t *testing.T) []string {
	t.Helper()
	list := filepath.SplitList(os.Getenv("ANDIRON_TORCH_PYTHONS"))
	if len(list) == 0 {
		t.Fatal("ANDIRON_TORCH_PYTHONS names no Python with torch: run make sandbox")
	}
	return list
}

// D10: what real torch writes loads without one call that the filter lacks.
func TestRealCheckpoints(t *testing.T) {
	for _, python := range torches(t) {
		for _, name := range checkpointsOf(t, python) {
			in, err := OpenInput(name)
			if err != nil {
				t.Fatal(err)
			}
			r, rep, err := Load(t.Context(), in, Options{Python: python})
			if err != nil || len(rep.Events) > 0 {
				t.Errorf("torch %s, %s: %v, %v", rep.Torch, filepath.Base(name), err, rep.Events)
			} else {
				_ = r.Close() // its tensors are the matter of others
			}
			_ = in.Close() // it was only read
		}
	}
}

// unneeded are the calls that these checkpoints do without, and who is known not to.
// A call that has no rule is an event, and an event ends a load that is benign.
var unneeded = map[string]string{
	"fstat":           "the allocator and files of Python, of a glibc that has no newfstatat for it",
	"pread64":         "readers that do not move",
	"readv":           "the same, in pieces",
	"madvise":         "allocators that give memory back",
	"getcwd":          "the modules of a legacy file",
	"rt_sigreturn":    "the end of a signal",
	"rt_sigprocmask":  "the C library around signals",
	"rt_sigaction":    "faulthandler and the C library",
	"sigaltstack":     "the same",
	"restart_syscall": "a worker that was stopped and goes on",
	"clock_gettime":   "machines whose clock is not read in user space",
	"gettimeofday":    "the same",
	"getpid":          "random numbers and logging of Python",
	"gettid":          "threads of libraries",
	"sched_yield":     "locks of libraries that spin",
	"getrandom":       "hashes and random numbers",
	"exit":            "the end of a thread",
	"exit_group":      "the end of a worker that failed",
	"futex":           "threads from before the filter",
	"mprotect":        "heaps of threads",
	"write":           "warnings of torch, to descriptors 1 and 2",
	"ioctl":           "files of Python, which ask for a terminal",
	"prlimit64":       "the C library, which asks for the size of the stack",
}

// handing are the calls that a worker makes between the filter and its listener being
// heard, when nobody could answer.
var handing = []string{"sendmsg", "mmap", "munmap", "brk", "futex", "mprotect", "madvise", "mremap"}

// S11: every rule of the filter is needed by something benign. All calls of a worker
// are told to this test, which lets those go on that the filter has: it is the one
// place where somebody does. Of the rules that cannot be told, each is left out once.
func TestNoRuleTooMany(t *testing.T) {
	f := LoadFilter(seccomp.ArchOf(runtime.GOARCH))
	used := make([]bool, len(f.Rules))
	told := &seccomp.Filter{Arch: f.Arch, Else: seccomp.Notify}
	for _, r := range f.Rules {
		if slices.Contains(handing, r.Call) {
			told.Rules = append(told.Rules, r)
		}
	}
	for _, python := range torches(t) {
		names := checkpointsOf(t, python)
		for _, name := range names {
			if strange, err := watch(t, python, name, told, used); err != nil || len(strange) > 0 {
				t.Errorf("%s: %v, %q", filepath.Base(name), err, strange)
			}
		}
		for i, r := range f.Rules {
			if !slices.Contains(handing, r.Call) || used[i] {
				continue
			}
			less := &seccomp.Filter{Arch: f.Arch, Else: seccomp.Notify, Rules: slices.Delete(slices.Clone(f.Rules), i, i+1)}
			used[i] = slices.ContainsFunc(names, func(name string) bool {
				strange, err := watch(t, python, name, less, nil)
				return err != nil || len(strange) > 0
			})
		}
	}
	for i, r := range f.Rules {
		if _, known := unneeded[r.Call]; !used[i] && !known {
			t.Errorf("nothing needs %s %v", r.Call, r.When)
		}
	}
}

// watch loads a checkpoint under a filter. Calls that the worker is told of go on if
// used is there, which is noted, and LoadFilter has them; the others are returned.
func watch(t *testing.T, python, name string, told *seccomp.Filter, used []bool) ([]string, error) {
	t.Helper()
	o, r := &Options{Python: python}, &Report{Missing: map[Layer]string{}}
	v, err := look(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	lim := Limits{Memory: 4 << 30, Start: time.Minute}.Filled(1 << 30)
	w, err := begin(t.Context(), o, v, lim, r)
	if err != nil {
		t.Fatal(err)
	}
	defer w.kill()
	in, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }() // it was only read
	out, err := child.Memfd("tensors", unix.MFD_NOEXEC_SEAL)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }() // nobody reads it
	if err := w.prepareWith(told); err != nil {
		t.Fatal(err)
	}
	fd, err := w.job(Full, lim, in, out)
	if err != nil {
		return nil, err
	}
	done := make(chan []string)
	go func() { done <- letGo(fd, used) }()
	var m message
	if err = w.tell(map[string]any{"go": true}); err == nil {
		m, _, err = w.hear(time.Now().Add(3*time.Minute), false)
	}
	w.stop()
	if err == nil && m.Done == nil {
		err = fmt.Errorf("%+v", m)
	}
	return <-done, err
}

// letGo lets calls go on that the filter has, and returns the others.
func letGo(fd int, used []bool) (strange []string) {
	f := LoadFilter(seccomp.ArchOf(runtime.GOARCH))
	defer func() { _ = unix.Close(fd) }() // nobody is left
	poll := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(poll, -1); err == unix.EINTR {
			continue
		}
		if poll[0].Revents&unix.POLLIN == 0 {
			return strange
		}
		var c unotify.Call
		if unotify.Listener(fd).Receive(&c) != nil {
			continue
		}
		if i := ruleOf(f, &c); i >= 0 && used != nil {
			used[i] = true
			_ = unotify.Listener(fd).Continue(&c) // it may be gone
			continue
		}
		call, _ := describe(&c)
		strange = append(strange, call)
		_ = unotify.Listener(fd).Refuse(&c, unix.EPERM) // it may be gone
	}
}

// ruleOf is the rule that lets a call through.
func ruleOf(f *seccomp.Filter, n *unotify.Call) int {
	return slices.IndexFunc(f.Rules, func(r seccomp.Rule) bool {
		one := &seccomp.Filter{Arch: f.Arch, Rules: []seccomp.Rule{r}, Else: seccomp.Notify}
		return one.Decide(seccomp.Data{Number: n.NR, Audit: n.Arch, IP: n.IP, Args: n.Args}) == seccomp.Allow
	})
}

// TestPitfall07Drift: what a torch of another day does while it is imported, and what is
// said of a Python that has none.
func TestPitfall07Drift(t *testing.T) {
	t.Parallel()
	trial := Try(t.Context(), Options{Python: "/usr/bin/false"})
	if last := trial[len(trial)-1]; last.OK || !strings.Contains(last.Why, "does not start") {
		t.Errorf("%+v", last)
	}
	dir := t.TempDir()
	python := filepath.Join(dir, "python")
	if err := os.WriteFile(python, []byte("#!/usr/bin/sh\nexec /usr/bin/python3 -S \"$@\"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	trial = Try(t.Context(), Options{Python: python})
	if last := trial[len(trial)-1]; last.OK || !bytes.Contains([]byte(last.Why), []byte("No module named 'torch'")) || last.Remedy == "" {
		t.Errorf("%+v", last)
	}
	module := "import tempfile\nopen('/dev/null', 'r+b').close()\nwith tempfile.TemporaryFile() as f:\n    f.write(b'x')\n"
	err := os.WriteFile(filepath.Join(dir, "drift.py"), []byte(module), 0o644)
	if err := errors.Join(err, os.Chmod(dir, 0o755), os.Chmod(filepath.Dir(dir), 0o755)); err != nil { // root's worker is another user
		t.Fatal(err)
	}
	for _, python := range torches(t) {
		for _, without := range [][]Layer{nil, {Namespaces}} {
			o := Options{Python: python, Path: []string{dir}, Imports: []string{"drift"}, Without: without}
			if all := attempt(t.Context(), "", &o); !all.OK {
				t.Errorf("without %v: %+v", without, all)
			}
		}
		all := attempt(t.Context(), "", &Options{Python: python, Imports: []string{"nowhere"}})
		if all.OK || !strings.Contains(all.Why, "import nowhere") || !strings.Contains(all.Remedy, "sandbox.path") {
			t.Errorf("%+v", all)
		}
	}
}

// Who is given less memory than torch has already is not taken for one who tried what it
// may not.
func TestLittleMemory(t *testing.T) {
	for _, python := range torches(t) {
		name := checkpointsOf(t, python)[0]
		p := NewPool(t.Context(), PoolOptions{Options: Options{Python: python, Size: 1 << 30}, Places: 1, Wait: 2 * time.Minute})
		in, err := OpenInput(name)
		if err != nil {
			t.Fatal(err)
		}
		_, r, err := p.Load(t.Context(), in, Job{Limits: Limits{Memory: 1 << 20}}, func(r *Result) (*Result, error) { return r, nil })
		if !errors.Is(err, ErrFailed) || len(r.Events) > 0 || !strings.Contains(err.Error(), "MemoryError") {
			t.Errorf("%s: %v, %v", python, err, r.Events)
		}
		_ = in.Close() // it was only read
		p.Close()
	}
}

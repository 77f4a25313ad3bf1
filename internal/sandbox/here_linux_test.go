package sandbox

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What a machine has is used, and where ANDIRON_SANDBOX_LAYERS says that it has
// something, as make kernels does, that has to be there. Elsewhere the reason is said.

func mustHave(l Layer) bool {
	return slices.Contains(strings.Split(os.Getenv("ANDIRON_SANDBOX_LAYERS"), ","), string(l))
}

// A group ends who takes too much memory, starts no more processes than it may, and
// leaves nothing behind.
func TestGroupHere(t *testing.T) {
	g, err := newGroup(Limits{Memory: 32 << 20, Result: 32 << 20, Threads: 40}, false)
	if err != nil {
		if mustHave(Cgroup) || !strings.Contains(err.Error(), "group") {
			t.Fatal(err)
		}
		return
	}
	defer g.remove()
	if ended := inGroup(t, g, "hog"); ended.Signal() != syscall.SIGKILL || g.why() != "it took more than 67108864 bytes of memory" {
		t.Errorf("%v, %q", ended, g.why())
	}
	if err := g.limit(Limits{Memory: 1 << 30, Threads: 40}); err != nil { // so that it is not memory that ends it
		t.Fatal(err)
	}
	if ended := inGroup(t, g, "many"); ended.ExitStatus() == 0 || g.count("pids.events", "max") == 0 {
		t.Errorf("%#x, and no limit was met", ended)
	}
	g.remove()
	if _, err := os.Stat(g.path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left: %v", g.path, err)
	}
}

func inGroup(t *testing.T, g *group, what string) syscall.WaitStatus {
	t.Helper()
	cmd := self(what)
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(g.dir.Fd()), Pdeathsig: unix.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // how it ended is asked next
	return cmd.ProcessState.Sys().(syscall.WaitStatus)
}

func self(what string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe", "-test.run", "^TestGroupChild$")
	cmd.Env = append(os.Environ(), "ANDIRON_IN_GROUP="+what)
	return cmd
}

// TestGroupChild is what is started in a group. By itself it does nothing.
func TestGroupChild(t *testing.T) {
	switch os.Getenv("ANDIRON_IN_GROUP") {
	case "hog":
		var all [][]byte
		for range 200 {
			all = append(all, make([]byte, 1<<20))
			for i := 0; i < 1<<20; i += 4096 {
				all[len(all)-1][i] = 1
			}
		}
		t.Fatal(len(all))
	case "many":
		for range 40 {
			if err := self("wait").Start(); err != nil {
				t.Fatal(err)
			}
		}
	case "wait":
		time.Sleep(time.Minute)
	}
}

// A file with fs-verity is kept by it: nobody can write to it any more.
func TestVerityHere(t *testing.T) {
	dir := os.Getenv("ANDIRON_VERITY_DIR") // on a file system that has it
	if dir == "" {
		dir = t.TempDir()
	}
	name := filepath.Join(dir, "checkpoint")
	if err := os.WriteFile(name, make([]byte, 10000), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Remove(name) })
	enabled := enableVerity(t, name)
	if enabled != nil && mustHave(Verity) {
		t.Fatal(enabled)
	}
	in, err := OpenInput(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	if got := in.Kept == "verity"; got != (enabled == nil) || got != strings.HasPrefix(in.Verity, "sha256:") {
		t.Errorf("%q, %q; enabling it said %v", in.Kept, in.Verity, enabled)
	}
	if enabled != nil {
		return
	}
	if f, err := os.OpenFile(name, os.O_WRONLY, 0); err == nil {
		_ = f.Close()
		t.Error("it can be written to")
	}
	if err := in.Unchanged(); err != nil {
		t.Error(err)
	}
}

func enableVerity(t *testing.T, name string) error {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	arg := struct {
		version, algorithm, block, salt uint32
		rest                            [14]uint64
	}{version: 1, algorithm: unix.FS_VERITY_HASH_ALG_SHA256, block: 4096}
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.FS_IOC_ENABLE_VERITY, uintptr(unsafe.Pointer(&arg))); e != 0 {
		return e
	}
	return nil
}

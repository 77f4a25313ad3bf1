package sandbox_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/sandbox"
)

// T3: a lease on an overlay does not see who writes beneath, so that a copy is loaded.
// The overlay is in namespaces of a process of its own; where a kernel has none of
// either, that is said.
func TestOverlay(t *testing.T) {
	if dir := os.Getenv("ANDIRON_OVERLAY"); dir != "" {
		inOverlay(t, dir)
		return
	}
	cmd := exec.Command("/proc/self/exe", "-test.v", "-test.run", "^TestOverlay$")
	cmd.Env = append(os.Environ(), "ANDIRON_OVERLAY="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if err != nil && !strings.Contains(err.Error(), "fork/exec") {
		t.Errorf("%v: %s", err, out)
	}
	t.Logf("%v: %s", err, out)
}

func inOverlay(t *testing.T, dir string) {
	t.Helper()
	if err := unix.Mount("t", dir, "tmpfs", 0, ""); err != nil {
		t.Log(err)
		return
	}
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	below, above := filepath.Join(dir, "lower", "x.pt"), filepath.Join(dir, "merged", "x.pt")
	if err := os.WriteFile(below, []byte("good"), 0o600); err != nil {
		t.Fatal(err)
	}
	at := "lowerdir=" + dir + "/lower,upperdir=" + dir + "/upper,workdir=" + dir + "/work"
	if err := unix.Mount("o", filepath.Join(dir, "merged"), "overlay", 0, at); err != nil {
		t.Log(err)
		return
	}
	in, err := sandbox.OpenInput(above)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }() // it was only read
	if err := os.WriteFile(below, []byte("evil"), 0o600); err != nil {
		t.Fatal(err)
	}
	if in.Kept != "copy" || digestOf(t, in) != digest([]byte("good")) {
		t.Errorf("%+v", in)
	}
	if b, err := os.ReadFile(in.Path()); err != nil || string(b) != "good" {
		t.Errorf("%q, %v", b, err)
	}
}

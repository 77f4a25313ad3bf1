package confine

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/seccomp"
)

// role is what this program does when it is started as a child of a test.
const role = "ANDIRON_CONFINE_TEST"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "probe":
		probe()
	case "memory":
		confined(Limits{Memory: 256 << 20, CPU: 60})
		for len(kept) < 64 {
			kept = append(kept, make([]byte, 16<<20))
		}
		fmt.Println("had", len(kept))
		os.Exit(0)
	case "wait":
		confined(Limits{Memory: 256 << 20, CPU: 7})
		fmt.Println("confined")
		_, _ = os.Stdin.Read(make([]byte, 1))
		os.Exit(0)
	case "work":
		confined(Limits{Memory: 512 << 20, CPU: 60})
		work()
	}
	os.Exit(m.Run())
}

var kept [][]byte

func confined(l Limits) {
	if err := Self(l); err != nil {
		fmt.Println(err)
		os.Exit(4)
	}
}

// probe tries what must not be possible, and prints what was.
func probe() {
	in, out, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	for _, f := range []*os.File{in, out} {
		f.Fd() // blocking, as the standard streams are
	}
	parent := os.Getppid()
	confined(Limits{Memory: 256 << 20, CPU: 60})
	for what, try := range map[string]func() error{
		"open":   func() error { _, err := unix.Open("/proc/self/status", unix.O_RDONLY, 0); return err },
		"create": func() error { _, err := unix.Open("confined", unix.O_WRONLY|unix.O_CREAT, 0o600); return err },
		"socket": func() error { _, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0); return err },
		"dup":    func() error { _, err := unix.Dup(1); return err },
		"memfd":  func() error { _, err := unix.MemfdCreate("x", 0); return err },
		"execve": func() error { return unix.Exec("/bin/true", []string{"true"}, nil) },
		"fork":   func() error { return errnoOf(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0) },
		"thread": func() error { return errnoOf(unix.SYS_CLONE, unix.CLONE_THREAD|unix.CLONE_SIGHAND|unix.CLONE_VM, 0) },
		"kill":   func() error { return unix.Kill(parent, 0) },
		"tgkill": func() error { return unix.Tgkill(parent, parent, 0) },
		"ptrace": func() error { return unix.PtraceAttach(parent) },
		"unlink": func() error { return unix.Unlink("/nothing") },
		"rlimit": func() error { return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 9, Max: 9}) },
		"prctl":  func() error { return unix.Prctl(unix.PR_SET_NAME, 0, 0, 0, 0) },
		"running": func() error {
			_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
			return err
		},
	} {
		if err := try(); !errors.Is(err, unix.EPERM) {
			fmt.Printf("%s: %v\n", what, err)
		}
	}
	// What is open still works, and Go's runtime does.
	if _, err := out.WriteString("x"); err != nil {
		fmt.Println("write:", err)
	}
	if n, err := in.Read(make([]byte, 9)); n != 1 {
		fmt.Println("read:", err)
	}
	fmt.Println("tried")
	os.Exit(0)
}

func errnoOf(call, a, b uintptr) error {
	if _, _, e := unix.RawSyscall(call, a, b, 0); e != 0 {
		return e
	}
	return nil
}

// work makes garbage, stops the world, sleeps and blocks: what the runtime may want
// threads for.
func work() {
	debug.SetGCPercent(20)
	in, out, _ := os.Pipe() // there are no files any more
	if in != nil || out != nil {
		fmt.Println("a pipe was opened")
	}
	done := make(chan int)
	for i := range 50 {
		go func() {
			sum := 0
			for range 4 {
				b := make([]byte, 1<<18)
				for j := range b {
					b[j] = byte(i)
					sum += int(b[j])
				}
				time.Sleep(time.Microsecond)
				runtime.Gosched()
			}
			done <- sum
		}()
	}
	for range 50 {
		<-done
	}
	runtime.GC()
	fmt.Println("worked")
	os.Exit(0)
}

func as(t *testing.T, what string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), role+"="+what)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func TestSelf(t *testing.T) {
	if out, err := as(t, "probe"); err != nil || out != "tried" {
		t.Errorf("%v: what should not be possible:\n%s", err, out)
	}
	if out, err := as(t, "work"); err != nil || out != "worked" {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := as(t, "memory"); err == nil || !strings.Contains(out, "out of memory") {
		t.Errorf("%v: %.200s", err, out)
	}
}

// The kernel itself says what the limits are.
func TestLimits(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe")
	cmd.Env = append(os.Environ(), role+"=wait")
	stdin, _ := cmd.StdinPipe()
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	for resource, want := range map[int]uint64{unix.RLIMIT_CPU: 7, unix.RLIMIT_CORE: 0, unix.RLIMIT_FSIZE: 0, unix.RLIMIT_NOFILE: 0, unix.RLIMIT_NPROC: 0} {
		var got unix.Rlimit
		if err := unix.Prlimit(cmd.Process.Pid, resource, nil, &got); err != nil || got.Cur != want || got.Max != want {
			t.Errorf("limit %d: %+v, %v", resource, got, err)
		}
	}
	_ = stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

func TestNoLimits(t *testing.T) {
	for _, l := range []Limits{{}, {Memory: 1}, {CPU: 1}, {Memory: -1, CPU: 1}} {
		if err := Self(l); err == nil {
			t.Errorf("%+v was taken", l)
		}
	}
}

// The filter can be compiled for every architecture that there are numbers of.
func TestRules(t *testing.T) {
	for _, a := range []*seccomp.Arch{seccomp.AMD64, seccomp.ARM64} {
		f := rules(a, 42)
		if _, err := f.Compile(); err != nil {
			t.Errorf("%s: %v", a, err)
		}
		for call, want := range map[string]bool{"read": true, "openat": false, "execve": false, "clone": false, "socket": false, "prlimit64": false, "io_uring_setup": false, "process_vm_writev": false, "ptrace": false} {
			n, ok := a.Number(call)
			if got := f.Decide(seccomp.Data{Number: n, Audit: a.Audit()}); !ok || (got == seccomp.Allow) != want {
				t.Errorf("%s: %s: %v", a, call, got)
			}
		}
	}
}

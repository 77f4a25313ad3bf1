package seccomp_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/seccomp"
)

// child is what a process of the tests of the kernel is to do.
const child = "ANDIRON_SECCOMP_CHILD"

func TestMain(m *testing.M) {
	arch := seccomp.ArchOf(runtime.GOARCH)
	switch os.Getenv(child) {
	case "numbers":
		numbers(arch)
	case "kill":
		install(ours(arch))
		n, _ := arch.Number("getpid")
		unix.RawSyscall(uintptr(n)|0x40000000, 0, 0, 0) //nolint:errcheck // it does not return
		fmt.Println("still here")
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// runtimeCalls are what the Go runtime does on a thread at any time.
var runtimeCalls = []string{
	"futex", "rt_sigreturn", "rt_sigprocmask", "rt_sigaction", "sigaltstack", "mmap", "munmap", "madvise", "nanosleep", "sched_yield",
	"tgkill", "gettid", "epoll_pwait", "epoll_ctl", "exit", "exit_group", "clone", "clone3", "write", "mprotect", "timer_settime", "timer_delete",
}

// ours refuses everything but those, with errors that tell the rules apart.
func ours(a *seccomp.Arch) *seccomp.Filter {
	f := &seccomp.Filter{Arch: a, Else: seccomp.Errno(1000)}
	for _, name := range runtimeCalls {
		if _, ok := a.Number(name); ok {
			f.Rules = append(f.Rules, seccomp.Rule{Call: name, Do: seccomp.Allow})
		}
	}
	return &seccomp.Filter{Arch: a, Else: f.Else, Rules: append(f.Rules,
		seccomp.Rule{Call: "pread64", When: []seccomp.Cond{seccomp.Is(0, 1<<32|1)}, Do: seccomp.Errno(1001)},
		seccomp.Rule{Call: "pread64", When: []seccomp.Cond{seccomp.Is(0, 1)}, Do: seccomp.Errno(1002)},
		seccomp.Rule{Call: "pread64", When: []seccomp.Cond{seccomp.Without(3, 4), seccomp.With(5, 1<<63|2)}, Do: seccomp.Errno(1003)},
		seccomp.Rule{Call: "ioctl", When: []seccomp.Cond{{Arg: 1, Mask: 0xff00ff, Value: 0x120034}}, Do: seccomp.Errno(1004)},
		seccomp.Rule{Call: "ioctl", Do: seccomp.Errno(4094)}, // Go takes 4095 for a result
		seccomp.Rule{Call: "getpid", Do: seccomp.Notify},     // nobody listens
	)}
}

// install has the kernel run the filter for this thread alone.
func install(f *seccomp.Filter) {
	runtime.LockOSThread()
	p, err := f.Compile()
	if err != nil {
		panic(err)
	}
	b := p.Bytes()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		panic(err)
	}
	prog := unix.SockFprog{Len: uint16(len(p)), Filter: (*unix.SockFilter)(unsafe.Pointer(&b[0]))}
	if _, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog))); e != 0 {
		panic(e)
	}
}

// numbers makes every call that is refused, and compares what the kernel says with
// what the rules say.
func numbers(a *seccomp.Arch) {
	f := ours(a)
	install(f)
	r := rand.New(rand.NewPCG(5, 6))
	tried := 0
	for n := range int32(1024) {
		if slices.Contains(runtimeCalls, a.Call(n)) || a == seccomp.AMD64 && (n == 335 || n == 336) {
			continue // those two no filter is asked about
		}
		for range 64 {
			d := seccomp.Data{Number: n, Audit: a.Audit()}
			for i := range d.Args {
				d.Args[i] = []uint64{0, 1, 1<<32 | 1, 1<<63 | 2, 4, 0x120034, 0xff12ff34, r.Uint64()}[r.IntN(8)]
			}
			want := syscall.ENOSYS // of Notify, where nobody listens
			if act := f.Decide(d); act != seccomp.Notify {
				want = syscall.Errno(act & 0xffff)
			}
			x := d.Args
			_, _, got := unix.RawSyscall6(uintptr(n), uintptr(x[0]), uintptr(x[1]), uintptr(x[2]), uintptr(x[3]), uintptr(x[4]), uintptr(x[5]))
			if got != want {
				fmt.Printf("%s%v: the kernel says %d, the rules say %d\n", a.Call(n), x, got, want)
				os.Exit(0)
			}
			tried++
		}
	}
	fmt.Println("agreed", tried > 50_000)
	os.Exit(0)
}

func inChild(t *testing.T, what string) (string, error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(self)
	c.Env = append(os.Environ(), child+"="+what)
	out, err := c.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// The kernel itself reads the program as the rules are meant.
func TestKernel(t *testing.T) {
	if out, err := inChild(t, "numbers"); err != nil || out != "agreed true" {
		t.Errorf("%v: %s", err, out)
	}
}

// A call with a number of x32 ends the process.
func TestKernelKills(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		return // arm64 has one set of numbers
	}
	out, err := inChild(t, "kill")
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || out != "" || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGSYS {
		t.Errorf("%v: %s", err, out)
	}
}

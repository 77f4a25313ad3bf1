package sandbox

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/seccomp"
	"github.com/andiron-dev/andiron/internal/unotify"
)

// Calls are written down in words, with what stands in the memory of who made them. Here
// that is this process.
func TestDescribe(t *testing.T) {
	var pinned runtime.Pinner
	defer pinned.Unpin()
	at := func(p unsafe.Pointer) uint64 { pinned.Pin(p); return uint64(uintptr(p)) }
	text := func(s string) uint64 { b := append([]byte(s), 0); return at(unsafe.Pointer(&b[0])) }
	list := func(words ...string) uint64 {
		p := make([]uint64, len(words)+1)
		for i, w := range words {
			p[i] = text(w)
		}
		return at(unsafe.Pointer(&p[0]))
	}
	address := []byte{unix.AF_INET, 0, 0x1f, 0x90, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}
	const cwd = 1<<64 - 100 // AT_FDCWD
	for _, tt := range []struct {
		name string
		args [6]uint64
		want string
	}{
		{"openat", [6]uint64{cwd, text("/etc/passwd"), unix.O_CLOEXEC}, `openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC)`},
		{"openat", [6]uint64{3, text("a\nb"), unix.O_WRONLY | unix.O_CREAT | unix.O_TRUNC | 1<<30, 0o644}, `openat(0x3, "a\nb", O_WRONLY|O_CREAT|O_TRUNC|0x40000000, 0644)`},
		{"openat", [6]uint64{cwd, text("/tmp"), unix.O_RDWR | unix.O_TMPFILE}, `openat(AT_FDCWD, "/tmp", O_RDWR|O_TMPFILE)`},
		{"execve", [6]uint64{text("/bin/sh"), list("sh", "-c", "id")}, `execve("/bin/sh", ["sh", "-c", "id"])`},
		{"execve", [6]uint64{text("/bin/sh"), 8}, `execve("/bin/sh", […])`},
		{"execve", [6]uint64{text("x"), list(strings.Fields(strings.Repeat("a ", 40))...)}, `execve("x", [` + strings.Repeat(`"a", `, 16) + `…])`},
		{"execve", [6]uint64{text("x"), list(strings.Repeat("a", 300))}, `execve("x", ["` + strings.Repeat("a", 256) + `…"])`},
		{"socket", [6]uint64{unix.AF_INET, unix.SOCK_STREAM | unix.SOCK_CLOEXEC, 0}, "socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, 0x0)"},
		{"socket", [6]uint64{99, 9, 0}, "socket(0x63, 0x9, 0x0)"},
		{"connect", [6]uint64{7, at(unsafe.Pointer(&address[0])), 16}, "connect(0x7, 127.0.0.1:8080)"},
		{"kill", [6]uint64{1, 9, 5, 5, 5, 5}, "kill(1, SIGKILL)"},
		{"kill", [6]uint64{1<<64 - 1, 99}, "kill(-1, 0x63)"},
		{"bind", [6]uint64{7, at(unsafe.Pointer(&address[0])), 16}, "bind(0x7, 127.0.0.1:8080)"},
		{"sendto", [6]uint64{7, 1, 2, 0, at(unsafe.Pointer(&address[0])), 16}, "sendto(0x7, 0x1, 0x2, 0x0, 127.0.0.1:8080)"},
		{"sendto", [6]uint64{7, 1, 2}, "sendto(0x7, 0x1, 0x2, 0x0, 0x0, 0x0)"},
		{"clone", [6]uint64{unix.CLONE_VM | unix.CLONE_VFORK | uint64(unix.SIGCHLD)}, "clone(CLONE_VM|CLONE_VFORK|SIGCHLD, 0x0, 0x0, 0x0, 0x0)"},
		{"clone3", [6]uint64{at(unsafe.Pointer(&[]uint64{unix.CLONE_VM | unix.CLONE_VFORK, 0, 0, 0, uint64(unix.SIGCHLD)}[0])), 88}, "clone3(CLONE_VM|CLONE_VFORK|SIGCHLD, 0x58)"},
		{"clone3", [6]uint64{at(unsafe.Pointer(&[]uint64{unix.CLONE_VFORK | unix.CLONE_CLEAR_SIGHAND, 0, 0, 0, uint64(unix.SIGCHLD)}[0])), 88}, "clone3(CLONE_VFORK|CLONE_CLEAR_SIGHAND|SIGCHLD, 0x58)"},
		{"clone3", [6]uint64{8, 88}, "clone3(0x8, 0x58)"},
		{"unshare", [6]uint64{unix.CLONE_NEWUSER | 1}, "unshare(CLONE_NEWUSER|0x1)"},
		{"mmap", [6]uint64{0, 4096, unix.PROT_READ | unix.PROT_EXEC, unix.MAP_PRIVATE | unix.MAP_ANONYMOUS, 1<<64 - 1, 0}, "mmap(0x0, 0x1000, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_ANONYMOUS, 0xffffffffffffffff, 0x0)"},
		{"mprotect", [6]uint64{4096, 4096, 0}, "mprotect(0x1000, 0x1000, 0)"},
		{"memfd_create", [6]uint64{text("x"), 1}, `memfd_create("x", 0x1)`},
		{"mkdir", [6]uint64{text("/tmp/x"), 0o777}, `mkdir("/tmp/x", 0777)`},
		{"mkdirat", [6]uint64{cwd, text("x"), 0o700}, `mkdirat(AT_FDCWD, "x", 0700)`},
		{"chmod", [6]uint64{text("x"), 0o4755}, `chmod("x", 04755)`},
		{"fcntl", [6]uint64{3, unix.F_DUPFD_CLOEXEC, 5}, "fcntl(0x3, F_DUPFD_CLOEXEC, 0x5)"},
		{"fcntl", [6]uint64{3, unix.F_GETFL, 5}, "fcntl(0x3, F_GETFL)"},
		{"fcntl", [6]uint64{3, 77, 5}, "fcntl(0x3, 0x4d, 0x5)"},
		{"clock_nanosleep", [6]uint64{unix.CLOCK_MONOTONIC, unix.TIMER_ABSTIME, at(unsafe.Pointer(&[]int64{60, 5}[0]))}, "clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, 60.000000005s)"},
		{"clock_nanosleep", [6]uint64{0, 0, 8}, "clock_nanosleep(CLOCK_REALTIME, 0, 0x8)"},
		{"nanosleep", [6]uint64{at(unsafe.Pointer(&[]int64{1, 0}[0]))}, "nanosleep(1.000000000s)"},
		{"getppid", [6]uint64{1}, "getppid()"},
		{"keyctl", [6]uint64{1, 2}, "keyctl(0x1, 0x2, 0x0, 0x0, 0x0, 0x0)"},
	} {
		n, ok := seccomp.ArchOf(runtime.GOARCH).Number(tt.name)
		if !ok {
			continue
		}
		if got, _ := describe(&unotify.Call{PID: uint32(os.Getpid()), NR: n, Args: tt.args}); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

// Whatever a call has for arguments, it is described.
func FuzzDescribe(f *testing.F) {
	f.Add(int32(257), uint64(0), uint64(8), uint64(1<<63), uint64(1))
	f.Fuzz(func(_ *testing.T, nr int32, a, b, c, d uint64) {
		describe(&unotify.Call{PID: uint32(os.Getpid()), NR: nr, Args: [6]uint64{a, b, c, d, a, b}})
	})
}

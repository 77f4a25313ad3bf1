package confine

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/seccomp"
)

// allowed are the system calls that a Go program makes while it reads, computes and
// writes with the threads that it has. A thread that has only just begun registers its
// rseq area, where the program is linked with a C library, or that ends the process.
var allowed = []string{
	"read", "write", "futex", "epoll_pwait", "munmap", "madvise", "nanosleep", "clock_nanosleep", "clock_gettime", "sched_yield",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "rseq",
	"getpid", "gettid", "getrandom", "restart_syscall", "exit", "exit_group",
}

// rules are the filter for the process with this id.
func rules(a *seccomp.Arch, pid int) *seccomp.Filter {
	f := &seccomp.Filter{Arch: a, Else: seccomp.Errno(uint16(unix.EPERM))}
	for _, name := range allowed {
		f.Rules = append(f.Rules, seccomp.Rule{Call: name, Do: seccomp.Allow})
	}
	// Memory, but none that can be run; signals, with which Go stops its own threads.
	noCode := []seccomp.Cond{seccomp.Without(2, unix.PROT_EXEC)}
	f.Rules = append(f.Rules,
		seccomp.Rule{Call: "mmap", When: noCode, Do: seccomp.Allow},
		seccomp.Rule{Call: "mprotect", When: noCode, Do: seccomp.Allow},
		seccomp.Rule{Call: "tgkill", When: []seccomp.Cond{seccomp.Is(0, uint64(pid))}, Do: seccomp.Allow})
	return f
}

// filter puts all threads behind the filter.
func filter() error {
	runtime.LockOSThread() // no_new_privs is the thread's that asks, until the filter is there
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("confine: no_new_privs: %w", err)
	}
	a := seccomp.ArchOf(runtime.GOARCH)
	if a == nil {
		return nil
	}
	p, err := rules(a, unix.Getpid()).Compile()
	if err != nil {
		return fmt.Errorf("confine: internal error: %w", err)
	}
	code := make([]unix.SockFilter, 0, len(p))
	for _, i := range p {
		code = append(code, unix.SockFilter{Code: i.Op, Jt: i.JT, Jf: i.JF, K: i.K})
	}
	prog := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	// The kernel copies the program before it returns.
	thread, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog))) //nolint:gosec // the system call takes an address
	switch {
	case errors.Is(errno, unix.ENOSYS) || errors.Is(errno, unix.EINVAL): // a kernel without seccomp
		return nil
	case errno != 0:
		return fmt.Errorf("confine: seccomp: %w", errno)
	case thread != 0:
		return fmt.Errorf("confine: seccomp: thread %d cannot be put behind the filter", thread)
	}
	return nil
}

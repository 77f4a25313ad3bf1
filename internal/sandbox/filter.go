package sandbox

import (
	"github.com/andiron-dev/andiron/internal/seccomp"
)

// The descriptors of a worker.
const (
	fdControl = 3
	fdSource  = 10
	fdOut     = 11
)

// What arguments mean: linux/mman.h, futex.h, ioctls.h.
const (
	protExec     = 4
	mapType      = 0x0f // shared, private, or shared and validated, which has the bits of both
	mapPrivate   = 2
	mapGrowsDown = 0x100
	futexOp      = 0x7f // without FUTEX_PRIVATE_FLAG and FUTEX_CLOCK_REALTIME
	tcgets       = 0x5401
)

// LoadFilter is what a worker may do from the last instruction that is trusted on.
// Nothing in it opens, connects, starts or maps as a program; what is written goes to
// four descriptors. Everything else is told to the supervisor, which refuses it.
func LoadFilter(a *seccomp.Arch) *seccomp.Filter {
	f := &seccomp.Filter{Arch: a, Else: seccomp.Notify}
	allow := func(call string, when ...seccomp.Cond) {
		if _, ok := a.Number(call); ok { // arm64 has fewer
			f.Rules = append(f.Rules, seccomp.Rule{Call: call, When: when, Do: seccomp.Allow})
		}
	}
	for _, call := range []string{
		"read", "lseek", "munmap", "brk", "close", "fstat", // what loading is made of
		"pread64", "readv", "mremap", "madvise", "getcwd",
		"rt_sigreturn", "rt_sigprocmask", "rt_sigaction", "sigaltstack", "restart_syscall",
		"clock_gettime", "gettimeofday", "getpid", "gettid", "sched_yield", "getrandom",
		"exit", "exit_group",
	} {
		allow(call)
	}
	for _, op := range []uint64{0, 1, 9, 10} { // FUTEX_WAIT, WAKE, WAIT_BITSET, WAKE_BITSET
		allow("futex", seccomp.Cond{Arg: 1, Mask: futexOp, Value: op})
	}
	// RLIMIT_DATA counts neither what is shared nor what grows downwards.
	allow("mmap", seccomp.Without(2, protExec), seccomp.Cond{Arg: 3, Mask: mapType | mapGrowsDown, Value: mapPrivate})
	allow("mprotect", seccomp.Without(2, protExec))
	for _, fd := range []uint64{1, 2, fdControl, fdOut} {
		allow("write", seccomp.Is(0, fd))
	}
	allow("sendmsg", seccomp.Is(0, fdControl)) // hands over the listener
	allow("ioctl", seccomp.Is(1, tcgets))
	allow("prlimit64", seccomp.Is(2, 0)) // only reads limits
	return f
}

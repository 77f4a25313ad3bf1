package hostile

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

const high = 1 << 32 // a bit that many calls do not look at

// anonymous is memory that belongs to no file.
const anonymous = unix.MAP_PRIVATE | unix.MAP_ANONYMOUS

var filters = []Attack{
	{ID: "S3", Name: "another filter", Seen: "seccomp", Namespaces: Inside, Landlock: Inside, Do: func(*Worker) error {
		allow := []unix.SockFilter{{Code: unix.BPF_RET, K: 0x7fff0000}}
		prog := unix.SockFprog{Len: 1, Filter: &allow[0]}
		_, err := sys(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&prog)))
		return err
	}},
	{ID: "S3", Name: "another filter in the old way", Seen: "prctl", Namespaces: Inside, Landlock: Inside, Do: func(*Worker) error {
		allow := []unix.SockFilter{{Code: unix.BPF_RET, K: 0x7fff0000}}
		prog := unix.SockFprog{Len: 1, Filter: &allow[0]}
		_, err := sys(unix.SYS_PRCTL, unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)))
		return err
	}},
	{ID: "S3", Name: "no filter", Seen: Clean, Do: expect("Seccomp", "2")},
	{ID: "S4", Name: "answer oneself", Seen: "ioctl", Do: func(*Worker) error {
		for fd := range uintptr(32) {
			if _, err := sys(unix.SYS_IOCTL, fd, 0xc0182101, room(24)); err == nil { // SECCOMP_IOCTL_NOTIF_SEND
				return nil
			}
		}
		return unix.EPERM
	}},
	{ID: "S5", Name: "a thread from before", Seen: "openat", Do: func(w *Worker) error {
		return w.pool.call(unix.SYS_OPENAT, at, text(w.Secret), unix.O_RDONLY, 0)
	}},
	{ID: "S8", Name: "high bits of a descriptor", Seen: "write", Namespaces: Inside, Landlock: Inside, Do: call(unix.SYS_WRITE, high|2, text("\n"), 1)},
	{ID: "S8", Name: "high bits of a request", Seen: "ioctl", Do: call(unix.SYS_IOCTL, 0, high|unix.TCGETS, 0)},
	{ID: "S8", Name: "high bits of a pointer", Seen: "prlimit64", Do: call(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_CORE, high, 0)},
	{ID: "S8", Name: "high bits of a futex", Seen: Clean, Do: call(unix.SYS_FUTEX, 0, high|futexWake, 1)}, // the kernel does not look at them either
	{ID: "S8", Name: "high bits of a protection", Seen: "mmap", Namespaces: Inside, Landlock: Inside, Do: call(unix.SYS_MMAP, 0, 4096, high|unix.PROT_EXEC|unix.PROT_READ, anonymous, none, 0)},
	{ID: "S8", Name: "send a message elsewhere", Seen: "sendmsg", Do: call(unix.SYS_SENDMSG, source, room(56), 0)},
	{ID: "S9", Name: "executable memory", Seen: "mmap", Namespaces: Inside, Landlock: Inside, Do: mapped(unix.PROT_EXEC, none, anonymous)},
	{ID: "S9", Name: "an executable file", Seen: "mmap", Namespaces: Inside, Landlock: Inside, Do: call(unix.SYS_MMAP, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE, source, 0)},
	{ID: "S9", Name: "make memory executable", Seen: "mprotect", Namespaces: Inside, Landlock: Inside, Do: protect(unix.SYS_MPROTECT, 0)},
	{ID: "S9", Name: "executable by key", Seen: "pkey_mprotect", Namespaces: Inside, Landlock: Inside, Do: protect(unix.SYS_PKEY_MPROTECT, none)},
	{ID: "S9", Name: "everything that is read", Seen: "personality", Namespaces: Inside, Landlock: Inside, Do: call(unix.SYS_PERSONALITY, 0x0400000)},
	{ID: "S9", Name: "shared memory of System V", Seen: "shmget", Namespaces: Inside, Landlock: Inside, Do: call(unix.SYS_SHMGET, 0, 4096, 0o1700)},
	{ID: "S9", Name: "map anew", Seen: "remap_file_pages", Do: call(unix.SYS_REMAP_FILE_PAGES, 0, 4096, 0, 0, 0)},
	{ID: "S10", Name: "futex with a lock", Seen: "futex", Namespaces: Inside, Landlock: Inside, Do: futex(6)},
	{ID: "S10", Name: "futex to another", Seen: "futex", Namespaces: Inside, Landlock: Inside, Do: futex(3)},
	{ID: "S10", Name: "futex to another, compared", Seen: "futex", Namespaces: Inside, Landlock: Inside, Do: futex(4)},
	{ID: "S10", Name: "futex to a lock", Seen: "futex", Do: futex(12)},
	{ID: "S10", Name: "several futexes", Seen: "futex_waitv", Do: call(unix.SYS_FUTEX_WAITV, 0, 0, 0, 0, 0)},
	{ID: "S12", Name: "keys", Seen: "keyctl", Namespaces: Inside, Landlock: Inside, Do: call(unix.SYS_KEYCTL, 0, none-1, 1)},
	{ID: "S12", Name: "a new key", Seen: "add_key", Namespaces: Inside, Landlock: Inside, Do: func(*Worker) error {
		_, err := sys(unix.SYS_ADD_KEY, text("user"), text("andiron-hostile"), text("x"), 1, none-1)
		return err
	}},
	{ID: "S12", Name: "bpf", Seen: "bpf", Namespaces: Inside, Landlock: Inside, Do: call(unix.SYS_BPF, 0, room(72), 72)},
	{ID: "S12", Name: "perf", Seen: "perf_event_open", Namespaces: Inside, Landlock: Inside, Do: func(*Worker) error {
		_, err := unix.PerfEventOpen(&unix.PerfEventAttr{Type: 1, Size: 112}, 0, -1, -1, 0)
		return err
	}},
	{ID: "S12", Name: "userfaultfd", Seen: "userfaultfd", Namespaces: Inside, Landlock: Inside, Do: call(unix.SYS_USERFAULTFD, 1)},
	{ID: "S12", Name: "kernel", Seen: "kexec_load", Do: call(unix.SYS_KEXEC_LOAD, 0, 0, 0, 0)},
	{ID: "S12", Name: "module", Seen: "finit_module", Do: call(unix.SYS_FINIT_MODULE, source, text(""), 0)},
	{ID: "S12", Name: "quota", Seen: "quotactl", Do: call(unix.SYS_QUOTACTL, 0x80000700, 0, 0, 0)},
	{ID: "S12", Name: "host name", Seen: "sethostname", Do: func(*Worker) error { return unix.Sethostname([]byte("evil")) }},
	{ID: "S12", Name: "clock", Seen: "clock_settime", Do: func(*Worker) error {
		_, err := sys(unix.SYS_CLOCK_SETTIME, 0, room(16))
		return err
	}},
	{ID: "S12", Name: "reboot", Seen: "reboot", Do: call(unix.SYS_REBOOT, 0, 0, 0, 0)},
	{ID: "S12", Name: "swap", Seen: "swapon", Do: path(secret, unix.SYS_SWAPON, nil, 0)},
	{ID: "S12", Name: "accounting", Seen: "acct", Do: path(secret, unix.SYS_ACCT, nil)},
	{ID: "S12", Name: "log of the kernel", Seen: "syslog", Namespaces: Open, Landlock: Open, Do: func(*Worker) error {
		_, err := sys(unix.SYS_SYSLOG, 3, room(64), 64)
		return err
	}},
	{ID: "S12", Name: "timer", Seen: "timer_create", Namespaces: Inside, Landlock: Inside, Do: func(*Worker) error {
		_, err := sys(unix.SYS_TIMER_CREATE, 0, 0, room(8))
		return err
	}},
	{ID: "S12", Name: "messages of the kernel", Seen: "mq_open", Namespaces: Inside, Landlock: Inside, Do: func(*Worker) error {
		_, err := sys(unix.SYS_MQ_OPEN, text("andiron"), unix.O_CREAT|unix.O_RDWR, 0o600, 0)
		return err
	}},
	{ID: "S12", Name: "pages of others", Seen: "move_pages", Do: func(w *Worker) error {
		_, err := sys(unix.SYS_MOVE_PAGES, uintptr(w.Victim), 0, 0, 0, 0, 0)
		return err
	}},
	{ID: "S12", Name: "advice for others", Seen: "process_madvise", Do: call(unix.SYS_PROCESS_MADVISE, control, 0, 0, 0, 0)},
	{ID: "S12", Name: "a number that no kernel has", Seen: "system call 900", Do: call(900)},
}

// protect makes memory executable that a program could be written to.
func protect(nr, key uintptr) func(*Worker) error {
	return func(*Worker) error {
		m, err := sys(unix.SYS_MMAP, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, anonymous, none, 0)
		if err == nil {
			_, err = sys(nr, m, 4096, unix.PROT_READ|unix.PROT_EXEC, key)
		}
		return err
	}
}

func futex(op uintptr) func(*Worker) error {
	return func(*Worker) error {
		word, other := make([]byte, 4), make([]byte, 4)
		_, err := sys(unix.SYS_FUTEX, address(word), op, 0, 0, address(other), 0)
		if errors.Is(err, unix.ENOSYS) {
			err = unix.EPERM
		}
		return err
	}
}

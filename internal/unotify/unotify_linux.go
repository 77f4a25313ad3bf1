package unotify

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/seccomp"
)

// The requests of a listener: SECCOMP_IOCTL_NOTIF_.
const (
	receive  = 0xc0502100
	send     = 0xc0182101
	valid    = 0x40082102
	addFD    = 0x40182103
	setFlags = 0x40082104
)

// What the requests are told: SECCOMP_ and SECCOMP_FILTER_FLAG_.
const (
	goOn         = 1      // USER_NOTIF_FLAG_CONTINUE
	addAndSend   = 2      // ADDFD_FLAG_SEND
	syncWakeUp   = 1      // USER_NOTIF_FD_SYNC_WAKE_UP
	newListener  = 1 << 3 // FILTER_FLAG_NEW_LISTENER
	waitKillable = 1 << 5 // FILTER_FLAG_WAIT_KILLABLE_RECV
)

// Call is struct seccomp_notif: a system call that waits.
type Call struct {
	ID    uint64
	PID   uint32 // of the thread
	flags uint32
	NR    int32
	Arch  uint32
	IP    uint64
	Args  [6]uint64
}

// answer is struct seccomp_notif_resp.
type answer struct {
	id    uint64
	val   int64
	error int32
	flags uint32
}

// given is struct seccomp_notif_addfd.
type given struct {
	id       uint64
	flags    uint32
	source   uint32
	as       uint32
	newFlags uint32
}

// Listener is the descriptor on which calls come in.
type Listener int

func (l Listener) ioctl(request uintptr, p unsafe.Pointer) error {
	for {
		_, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(l), request, uintptr(p))
		switch {
		case e == 0:
			return nil
		case e != unix.EINTR || request == receive:
			return e
		}
	}
}

// Receive waits for a call. ENOENT and EINTR are no reasons to stop.
func (l Listener) Receive(c *Call) error {
	*c = Call{}                                // the kernel wants it so
	return l.ioctl(receive, unsafe.Pointer(c)) //nolint:gosec // for the kernel
}

// Refuse has a call fail with an error number.
func (l Listener) Refuse(c *Call, e unix.Errno) error {
	a := answer{id: c.ID, error: -int32(e)}
	return l.ioctl(send, unsafe.Pointer(&a)) //nolint:gosec // for the kernel
}

// Continue has the kernel do what a call asks for.
func (l Listener) Continue(c *Call) error {
	a := answer{id: c.ID, flags: goOn}
	return l.ioctl(send, unsafe.Pointer(&a)) //nolint:gosec // for the kernel
}

// Quiet keeps the goroutine on its thread, for good, and signals away from that. A
// signal in the middle of Give would have the call return 0, which is another file: the
// kernel marks it as answered before the descriptor is in place.
func Quiet() error {
	runtime.LockOSThread()
	var all unix.Sigset_t
	for i := range all.Val {
		all.Val[i] = ^all.Val[i]
	}
	return unix.PthreadSigmask(unix.SIG_SETMASK, &all, nil)
}

// Give has a call return a new descriptor for what fd is open on; flags is 0 or
// O_CLOEXEC. The thread is Quiet.
func (l Listener) Give(c *Call, fd, flags int) error {
	g := given{id: c.ID, flags: addAndSend, source: uint32(fd), newFlags: uint32(flags)}
	return l.ioctl(addFD, unsafe.Pointer(&g)) //nolint:gosec // for the kernel
}

// Waits is no error if a call still waits, and its PID is still that of who made it.
func (l Listener) Waits(c *Call) error {
	return l.ioctl(valid, unsafe.Pointer(&c.ID)) //nolint:gosec // for the kernel
}

// Handover has the kernel run who waits on the processor that answers, where it knows
// how (Linux 6.6).
func (l Listener) Handover() {
	_, _, _ = unix.Syscall(unix.SYS_IOCTL, uintptr(l), setFlags, syncWakeUp) // slower without
}

// Install puts a program in force for this thread, for good, and for all that it starts
// or becomes. The thread must have no_new_privs.
func Install(p seccomp.Program) (Listener, error) {
	code := make([]unix.SockFilter, 0, len(p))
	for _, i := range p {
		code = append(code, unix.SockFilter{Code: i.Op, Jt: i.JT, Jf: i.JF, K: i.K})
	}
	prog := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	fd, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, newListener|waitKillable, uintptr(unsafe.Pointer(&prog))) //nolint:gosec // for the kernel
	if e != 0 {
		return -1, fmt.Errorf("seccomp: %w (user notification needs Linux 5.19)", e)
	}
	return Listener(fd), nil
}

// ReadText reads memory of a thread into b up to a NUL, and returns how much stands
// before it. Nothing is decided by it but what the call is answered with.
func ReadText(pid uint32, at uint64, b []byte) (int, error) {
	done := 0
	for done < len(b) {
		n := min(len(b)-done, int(pageSize-(at+uint64(done))%pageSize), 256<<min(done, 4)) // most are short
		local := []unix.Iovec{{Base: &b[done]}}
		local[0].SetLen(n)
		got, err := unix.ProcessVMReadv(int(pid), local, []unix.RemoteIovec{{Base: uintptr(at) + uintptr(done), Len: n}}, 0)
		if err != nil {
			return 0, err
		}
		for i := done; i < done+got; i++ {
			if b[i] == 0 {
				return i, nil
			}
		}
		if done += got; got < n {
			return 0, unix.EFAULT
		}
	}
	return 0, unix.ENAMETOOLONG
}

// pageSize divides that of every kernel.
const pageSize = 4096

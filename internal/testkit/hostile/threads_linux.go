package hostile

import (
	"bytes"
	"runtime"
	"strconv"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

func dieAddress() uintptr

// pin has the runtime never take this thread's place from it. When the other threads are
// gone, nobody would give it back.
//
//go:linkname pin runtime.procPin
func pin() int

// spawn makes a system call that may start a process or thread, which ends at once.
//
//go:noescape
func spawn(nr, a, b, c, d, e uintptr) uintptr

// pool is a thread that was there before the filter, as those that torch starts.
type pool struct {
	turn uint32 // 0: it waits; 1: it has work; 2: the work is done
	nr   uintptr
	args [6]uintptr
	got  unix.Errno
}

// burn is work without end for a pool.
const burn = ^uintptr(0)

func newPool() *pool {
	p := &pool{turn: 2}
	go p.run()
	p.wait(2)
	return p
}

func (p *pool) run() {
	runtime.LockOSThread()
	block()
	pin()
	p.set(0)
	for {
		p.wait(0)
		for p.nr == burn {
			runtime.KeepAlive(p)
		}
		_, _, p.got = unix.RawSyscall6(p.nr, p.args[0], p.args[1], p.args[2], p.args[3], p.args[4], p.args[5])
		p.set(2)
	}
}

// call has the other thread make a system call.
func (p *pool) call(nr uintptr, args ...uintptr) error {
	p.start(nr, args...)
	p.wait(1)
	if p.got != 0 {
		return p.got
	}
	return nil
}

func (p *pool) start(nr uintptr, args ...uintptr) {
	p.nr, p.args = nr, [6]uintptr{}
	copy(p.args[:], args)
	p.set(1)
}

// set gives the turn to the other thread, and wait waits while it has it.
func (p *pool) set(turn uint32) {
	atomic.StoreUint32(&p.turn, turn)
	_, _, _ = unix.RawSyscall(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&p.turn)), futexWake, 1)
}

func (p *pool) wait(while uint32) {
	for atomic.LoadUint32(&p.turn) == while {
		_, _, _ = unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(&p.turn)), futexWait, uintptr(while), 0, 0, 0)
	}
}

// Operations of futex(2), for this process alone.
const (
	futexWait = 128
	futexWake = 129
)

// mask has the one signal that ends threads.
var mask = uint64(1) << (unix.SIGUSR1 - 1)

func block() {
	_, _, _ = unix.RawSyscall6(unix.SYS_RT_SIGPROCMASK, unix.SIG_BLOCK, uintptr(unsafe.Pointer(&mask)), 0, 8, 0, 0)
}

// alone ends all threads but the two that do not take the signal.
func alone() {
	block()
	action := struct{ handler, flags, restorer, mask uintptr }{handler: dieAddress(), flags: 0x04000000} // SA_RESTORER, of which nothing comes
	if _, _, e := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(unix.SIGUSR1), uintptr(unsafe.Pointer(&action)), 0, 8, 0, 0); e != 0 {
		exit(8)
	}
	pid, _, _ := unix.RawSyscall(unix.SYS_GETPID, 0, 0, 0)
	for threads() > 2 {
		_, _, _ = unix.RawSyscall(unix.SYS_KILL, pid, uintptr(unix.SIGUSR1), 0)
		pause := unix.Timespec{Nsec: 100_000}
		_, _, _ = unix.RawSyscall(unix.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&pause)), 0, 0)
	}
}

// threads is how many this process has.
func threads() int {
	n, _ := strconv.Atoi(status("Threads")) // without a /proc there are none
	return n
}

// status is a line of /proc/self/status.
func status(name string) string {
	b := make([]byte, 1<<13)
	// A call that the runtime knows of could lose its place to a thread that is ended.
	n, _, e := unix.RawSyscall6(unix.SYS_PREAD64, state, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), 0, 0, 0)
	if e != 0 {
		return ""
	}
	for line := range bytes.Lines(b[:n]) {
		if rest, ok := bytes.CutPrefix(line, []byte(name+":")); ok {
			return string(bytes.TrimSpace(rest))
		}
	}
	return ""
}

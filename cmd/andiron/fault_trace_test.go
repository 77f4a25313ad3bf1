//go:build fault && linux && amd64

package main

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
)

// calls are the system calls that can fail in a way that matters to a file, or
// that change one. The state of a file is the same at any two calls with none of
// these between them, so that killing at others shows nothing more.
var calls = map[uint64]string{
	syscall.SYS_OPENAT: "openat", syscall.SYS_READ: "read", syscall.SYS_PREAD64: "pread64", syscall.SYS_READV: "readv",
	syscall.SYS_WRITE: "write", syscall.SYS_PWRITE64: "pwrite64", syscall.SYS_WRITEV: "writev", syscall.SYS_PWRITEV: "pwritev",
	syscall.SYS_SENDFILE: "sendfile", syscall.SYS_SPLICE: "splice", sysCopyFileRange: "copy_file_range",
	syscall.SYS_FSYNC: "fsync", syscall.SYS_FDATASYNC: "fdatasync", syscall.SYS_SYNC_FILE_RANGE: "sync_file_range",
	syscall.SYS_TRUNCATE: "truncate", syscall.SYS_FTRUNCATE: "ftruncate", syscall.SYS_FALLOCATE: "fallocate",
	syscall.SYS_CHMOD: "chmod", syscall.SYS_FCHMOD: "fchmod", syscall.SYS_FCHMODAT: "fchmodat",
	syscall.SYS_FCHOWN: "fchown", syscall.SYS_FCHOWNAT: "fchownat", syscall.SYS_UTIMENSAT: "utimensat",
	syscall.SYS_RENAME: "rename", syscall.SYS_RENAMEAT: "renameat", sysRenameat2: "renameat2",
	syscall.SYS_LINK: "link", syscall.SYS_LINKAT: "linkat", syscall.SYS_SYMLINKAT: "symlinkat",
	syscall.SYS_UNLINK: "unlink", syscall.SYS_UNLINKAT: "unlinkat", syscall.SYS_MKDIR: "mkdir", syscall.SYS_MKDIRAT: "mkdirat",
	syscall.SYS_CLOSE: "close", syscall.SYS_FLOCK: "flock", syscall.SYS_FCNTL: "fcntl", syscall.SYS_GETDENTS64: "getdents64",
	syscall.SYS_FSTAT: "fstat", syscall.SYS_NEWFSTATAT: "newfstatat", sysStatx: "statx", sysOpenat2: "openat2",
}

// Calls that are younger than the syscall package.
const (
	sysRenameat2     = 316
	sysCopyFileRange = 326
	sysStatx         = 332
	sysOpenat2       = 437
)

// injection is what happens at the nth call of a kind, of all threads together.
type injection struct {
	call  string
	nth   int
	errno syscall.Errno // what the call returns instead of doing anything; 0 kills
}

// traced is how a run went.
type traced struct {
	counts map[string]int
	hit    bool // the injection happened
	code   int  // exit code, -1 for a signal
}

// tracer follows all threads of a program from system call to system call. strace
// would do this but that it counts by thread, and what one goroutine does wanders
// from thread to thread: many calls would never be hit.
type tracer struct {
	traced

	inject  *injection
	pid     int
	inside  map[int]bool
	pending map[int]syscall.Errno
}

// trace runs a command to its end. Its output must be files.
func trace(t *testing.T, cmd *exec.Cmd, inject *injection) traced {
	t.Helper()
	tr := &tracer{inject: inject, inside: map[int]bool{}, pending: map[int]syscall.Errno{}}
	tr.counts = map[string]int{}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // a tracer is a thread; this one ends with the goroutine
		done <- tr.run(cmd)
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	return tr.traced
}

// Of ptrace(2); the syscall package lacks it.
const optionExitKill = 0x100000

func (tr *tracer) run(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	tr.pid = cmd.Process.Pid
	var ws syscall.WaitStatus
	if _, err := syscall.Wait4(tr.pid, &ws, 0, nil); err != nil || !ws.Stopped() {
		return errors.Join(errors.New("no stop after exec"), err)
	}
	const options = syscall.PTRACE_O_TRACESYSGOOD | syscall.PTRACE_O_TRACECLONE | syscall.PTRACE_O_TRACEFORK |
		syscall.PTRACE_O_TRACEVFORK | syscall.PTRACE_O_TRACEEXEC | optionExitKill
	if err := syscall.PtraceSetOptions(tr.pid, options); err != nil {
		return err
	}
	if err := syscall.PtraceSyscall(tr.pid, 0); err != nil {
		return err
	}
	for {
		tid, err := syscall.Wait4(-1, &ws, syscall.WALL, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case errors.Is(err, syscall.ECHILD):
			return cmd.Process.Release()
		case err != nil:
			return err
		case tid == tr.pid && (ws.Exited() || ws.Signaled()):
			tr.code = ws.ExitStatus()
		case ws.Stopped():
			tr.stopped(tid, ws)
		}
	}
}

// stopped lets a thread go on. Errors are those of one that was killed.
func (tr *tracer) stopped(tid int, ws syscall.WaitStatus) {
	sig := ws.StopSignal()
	inside, known := tr.inside[tid]
	switch {
	case sig == syscall.SIGTRAP|0x80:
		if inside = !inside; inside {
			tr.enter(tid)
		} else {
			tr.leave(tid)
		}
		sig = 0
	case sig == syscall.SIGTRAP && ws.TrapCause() > 0, sig == syscall.SIGSTOP && !known:
		sig = 0 // an event, or a new thread
	}
	tr.inside[tid] = inside
	_ = syscall.PtraceSyscall(tid, int(sig))
}

func (tr *tracer) enter(tid int) {
	var regs syscall.PtraceRegs
	if syscall.PtraceGetRegs(tid, &regs) != nil {
		return
	}
	name, ok := calls[regs.Orig_rax]
	if !ok {
		return
	}
	tr.counts[name]++
	if tr.hit || tr.inject == nil || tr.inject.call != name || tr.inject.nth != tr.counts[name] {
		return
	}
	tr.hit = true
	if tr.inject.errno == 0 {
		_ = syscall.Kill(tr.pid, syscall.SIGKILL)
		return
	}
	regs.Orig_rax = ^uint64(0) // no such call, so that nothing is done
	if syscall.PtraceSetRegs(tid, &regs) == nil {
		tr.pending[tid] = tr.inject.errno
	}
}

func (tr *tracer) leave(tid int) {
	errno, ok := tr.pending[tid]
	if !ok {
		return
	}
	delete(tr.pending, tid)
	var regs syscall.PtraceRegs
	if syscall.PtraceGetRegs(tid, &regs) == nil {
		regs.Rax = -uint64(errno)
		_ = syscall.PtraceSetRegs(tid, &regs)
	}
}

// The tracer is held against a program whose calls are known.
func TestFaultTracer(t *testing.T) {
	run := func(inject *injection) (traced, string) {
		out, err := os.Create(t.TempDir() + "/out")
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-c", "echo a; echo b; echo c; exit 3")
		cmd.Stdout, cmd.Stderr = out, out
		tr := trace(t, cmd, inject)
		return tr, string(readFile(t, out.Name()))
	}
	if tr, said := run(nil); tr.code != 3 || tr.counts["write"] != 3 || said != "a\nb\nc\n" || tr.hit {
		t.Errorf("%+v, %q", tr, said)
	}
	if tr, said := run(&injection{"write", 2, 0}); tr.code != -1 || said != "a\n" || !tr.hit {
		t.Errorf("killed: %+v, %q", tr, said)
	}
	tr, said := run(&injection{"write", 1, syscall.ENOSPC})
	if tr.code != 3 || !tr.hit || said == "a\nb\nc\n" {
		t.Errorf("no space: %+v, %q", tr, said)
	}
}

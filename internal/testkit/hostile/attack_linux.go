package hostile

import (
	"errors"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Attack is what a checkpoint makes its worker do.
type Attack struct {
	ID    string // of the family: a letter and a number
	Name  string
	Seen  string // the call that is written down with all layers in force, or one of the words below
	Early bool   // before the filter is in force, as a Python would that is itself hostile
	Waits bool   // it goes on until it is ended

	// What namespaces and Landlock make of it where they are alone.
	Namespaces, Landlock Alone
	ABI                  int // the version of Landlock that is needed for that

	Do func(*Worker) error // nil if it worked
}

// What comes of an attack where no call is written down.
const (
	Stopped  = "stopped"  // the worker was ended, or its result is not taken
	Limit    = "limit"    // it was refused what it wanted, or given a part, and its tensors came out
	Clean    = "clean"    // there is no harm in it, and its tensors came out
	Either   = "either"   // stopped or clean, whatever came first
	Protocol = "protocol" // the worker does not get to see the checkpoint
)

// Alone is what a layer makes of an attack where it is the only one.
type Alone int

// The answers. Whatever it is, Held may come instead: not every kernel has everything.
const (
	Held   Alone = iota // it does not work
	Inside              // it works, and touches nothing but what the worker has
	Open                // this layer is not made to hold it
)

// Attacks are all of them.
var Attacks = slices.Concat(files, network, processes, filters, resources, results, local)

// kept holds what the kernel is given the address of.
var kept [][]byte

func address(b []byte) uintptr {
	kept = append(kept, b)
	return uintptr(unsafe.Pointer(&b[0]))
}

func text(s string) uintptr { return address(append([]byte(s), 0)) }

// room is memory of so many bytes.
func room(n int) uintptr { return address(make([]byte, n)) }

func errno(err error) unix.Errno {
	if e, ok := errors.AsType[unix.Errno](err); ok {
		return e
	}
	return unix.EINVAL
}

// sys makes a system call.
func sys(nr uintptr, args ...uintptr) (uintptr, error) {
	var a [6]uintptr
	copy(a[:], args)
	r, _, e := unix.RawSyscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5])
	if e != 0 {
		return r, e
	}
	return r, nil
}

// call is the attack that is one system call.
func call(nr uintptr, args ...uintptr) func(*Worker) error {
	return func(*Worker) error {
		_, err := sys(nr, args...)
		return err
	}
}

// at is the folder that a process is in, for calls that take one.
const at = ^uintptr(99) // AT_FDCWD

const none = ^uintptr(0) // descriptor -1

// path is the attack that is one system call on a path.
func path(what func(*Worker) string, nr uintptr, before []uintptr, after ...uintptr) func(*Worker) error {
	return func(w *Worker) error {
		_, err := sys(nr, slices.Concat(before, []uintptr{text(what(w))}, after)...)
		return err
	}
}

// inFolder is a call on a path whose first argument is a folder.
func inFolder(what func(*Worker) string, nr uintptr, after ...uintptr) func(*Worker) error {
	return path(what, nr, []uintptr{at}, after...)
}

func marker(w *Worker) string  { return w.Marker }
func secret(w *Worker) string  { return w.Secret }
func outside(w *Worker) string { return w.Outside }
func named(s string) func(*Worker) string {
	return func(*Worker) string { return s }
}

// open is the attack that opens a file.
func open(what func(*Worker) string, flags uintptr) func(*Worker) error {
	return inFolder(what, unix.SYS_OPENAT, flags, 0o600)
}

// read is the attack that opens a file and reads it.
func read(what func(*Worker) string) func(*Worker) error {
	return func(w *Worker) error {
		fd, err := sys(unix.SYS_OPENAT, at, text(what(w)), unix.O_RDONLY, 0)
		if err != nil {
			return err
		}
		_, err = sys(unix.SYS_READ, fd, room(64), 64)
		return err
	}
}

// two is a call on two paths.
func two(nr uintptr, args func(w *Worker) []uintptr) func(*Worker) error {
	return func(w *Worker) error {
		_, err := sys(nr, args(w)...)
		return err
	}
}

// fork has a process of its own do something, and hears what came of it.
func fork(child func() int) error {
	pid, err := sys(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0)
	if err != nil {
		return err
	}
	if pid == 0 {
		exit(child())
	}
	return wait(int(pid))
}

// wait is for a process, whose exit code is an error.
func wait(pid int) error {
	var s unix.WaitStatus
	if _, err := unix.Wait4(pid, &s, 0, nil); err != nil {
		return err
	}
	if s.Signaled() {
		return errors.New(s.Signal().String())
	}
	if s.ExitStatus() != 0 {
		return unix.Errno(s.ExitStatus())
	}
	return nil
}

// program is the attack that starts a program, which writes the marker.
func program(what func(*Worker) string) func(*Worker) error {
	return func(w *Worker) error {
		file, args := text(what(w)), vector(markName, w.Marker)
		return fork(func() int {
			_, err := sys(unix.SYS_EXECVE, file, args, vector())
			return int(errno(err))
		})
	}
}

// vector is a list of arguments.
func vector(words ...string) uintptr {
	list := make([]uintptr, len(words)+1)
	for i, s := range words {
		list[i] = text(s)
	}
	vectors = append(vectors, list)
	return uintptr(unsafe.Pointer(&list[0]))
}

var vectors [][]uintptr

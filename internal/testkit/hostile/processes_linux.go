package hostile

import (
	"errors"
	"unsafe"

	"golang.org/x/sys/unix"
)

var processes = []Attack{
	{ID: "P1", Name: "fork", Seen: "clone", Namespaces: Inside, Landlock: Inside, Do: child(unix.SYS_CLONE, uintptr(unix.SIGCHLD))},
	{ID: "P1", Name: "clone3", Seen: "clone3", Namespaces: Inside, Landlock: Inside, Do: func(*Worker) error {
		args := [8]uint64{4: uint64(unix.SIGCHLD)} // struct clone_args
		return child(unix.SYS_CLONE3, uintptr(unsafe.Pointer(&args)), 64)(nil)
	}},
	{ID: "P1", Name: "thread", Seen: "clone", Namespaces: Inside, Landlock: Inside, Do: func(*Worker) error {
		const flags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND | unix.CLONE_THREAD | unix.CLONE_SYSVSEM
		return spawned(spawn(unix.SYS_CLONE, flags, room(1<<14)+1<<13, 0, 0, 0))
	}},
	{ID: "P1", Name: "processes without end", Seen: "clone", Landlock: Open, Do: func(*Worker) error {
		for range 64 {
			pid, err := sys(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0)
			if err != nil {
				return err
			}
			if pid == 0 {
				linger()
			}
		}
		return nil
	}},
	{ID: "P2", Name: "run a program", Seen: "clone", Do: program(named("/proc/self/exe"))},
	{ID: "P2", Name: "become a program", Seen: "execve", Namespaces: Inside, Landlock: Inside, Do: func(w *Worker) error {
		_, err := sys(unix.SYS_EXECVE, text("/proc/self/exe"), vector(markName, w.Marker), vector())
		return err
	}},
	{ID: "P2", Name: "become a descriptor", Seen: "execveat", Namespaces: Inside, Landlock: Inside, Do: func(w *Worker) error {
		_, err := sys(unix.SYS_EXECVEAT, self, text(""), vector(markName, w.Marker), vector(), 0x1000)
		return err
	}},
	{ID: "P2", Name: "run a program that is in memory", Seen: "memfd_create", Do: func(w *Worker) error {
		fd, err := unix.MemfdCreate("x", 0)
		if err != nil {
			return err
		}
		for n := 1; n > 0; {
			if n, err = unix.Sendfile(fd, self, nil, 1<<30); err != nil {
				return err
			}
		}
		name, args := text(""), vector(markName, w.Marker)
		return fork(func() int {
			_, err := sys(unix.SYS_EXECVEAT, uintptr(fd), name, args, vector(), 0x1000)
			return int(errno(err))
		})
	}},
	{ID: "P3", Name: "trace", Seen: "ptrace", Do: func(w *Worker) error { return unix.PtraceAttach(w.Victim) }},
	{ID: "P3", Name: "memory of another process", Seen: "process_vm_readv", Do: func(w *Worker) error { return vm(unix.SYS_PROCESS_VM_READV, w.Victim) }},
	{ID: "P3", Name: "write to memory of another process", Seen: "process_vm_writev", Do: func(w *Worker) error { return vm(unix.SYS_PROCESS_VM_WRITEV, w.Victim) }},
	{ID: "P3", Name: "descriptors of the supervisor", Seen: "pidfd_open", Do: func(w *Worker) error {
		fd, err := unix.PidfdOpen(w.Supervisor, 0)
		if err == nil {
			_, err = unix.PidfdGetfd(fd, 0, 0)
		}
		return err
	}},
	{ID: "P3", Name: "compare with another process", Seen: "kcmp", Do: func(w *Worker) error {
		_, err := sys(unix.SYS_KCMP, uintptr(unix.Getpid()), uintptr(w.Victim), 0, 0, 0)
		return err
	}},
	{ID: "P4", Name: "signal to the supervisor", Seen: "kill", ABI: 6, Do: func(w *Worker) error { return unix.Kill(w.Supervisor, unix.SIGCONT) }},
	{ID: "P4", Name: "end another process", Seen: "kill", ABI: 6, Do: func(w *Worker) error { return unix.Kill(w.Victim, unix.SIGKILL) }},
	{ID: "P4", Name: "end a thread", Seen: "tgkill", ABI: 6, Do: func(w *Worker) error { return unix.Tgkill(w.Victim, w.Victim, unix.SIGKILL) }},
	{ID: "P4", Name: "signal by a descriptor", Seen: "pidfd_open", ABI: 6, Do: func(w *Worker) error {
		fd, err := unix.PidfdOpen(w.Victim, 0)
		if err == nil {
			err = unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0)
		}
		return err
	}},
	{ID: "P4", Name: "slow another process down", Seen: "setpriority", Landlock: Open, Do: func(w *Worker) error { return unix.Setpriority(unix.PRIO_PROCESS, w.Victim, 19) }},
	{ID: "P4", Name: "limits of another process", Seen: "prlimit64", Landlock: Open, Do: func(w *Worker) error {
		return unix.Prlimit(w.Victim, unix.RLIMIT_CORE, &unix.Rlimit{}, nil)
	}},
	{ID: "P5", Name: "a program of another user", Seen: "clone", Do: program(func(w *Worker) string { return w.Setuid })},
	{ID: "P5", Name: "privileges by a program", Seen: Clean, Do: expect("NoNewPrivs", "1")},
	{ID: "P6", Name: "user namespace", Seen: "unshare", Namespaces: Inside, Landlock: Inside, Do: func(*Worker) error {
		err := unix.Unshare(unix.CLONE_NEWUSER)
		if errors.Is(err, unix.EINVAL) { // it has two threads
			err = fork(func() int { return int(errnoOr0(unix.Unshare(unix.CLONE_NEWUSER))) })
		}
		return err
	}},
	{ID: "P6", Name: "namespace of mounts", Seen: "unshare", Do: call(unix.SYS_UNSHARE, unix.CLONE_NEWNS)},
	{ID: "P6", Name: "other namespace", Seen: "setns", Do: call(unix.SYS_SETNS, control, 0)},
	{ID: "P7", Name: "capabilities that are there", Seen: Clean, Do: expect("CapEff", "0000000000000000")},
	{ID: "P7", Name: "capabilities that could be", Seen: Clean, Do: expect("CapBnd", "0000000000000000")},
	{ID: "P7", Name: "capabilities that are kept", Seen: Clean, Do: expect("CapPrm", "0000000000000000")},
	{ID: "P7", Name: "capabilities", Seen: "capset", Do: func(*Worker) error {
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		data := [2]unix.CapUserData{{Effective: 1 << unix.CAP_SYS_ADMIN, Permitted: 1 << unix.CAP_SYS_ADMIN}}
		return unix.Capset(&header, &data[0])
	}},
	{ID: "P7", Name: "another user", Seen: "setuid", Do: func(*Worker) error {
		_, err := sys(unix.SYS_SETUID, 7)
		return err
	}},
	{ID: "P8", Name: "security bits", Seen: "prctl", Do: call(unix.SYS_PRCTL, unix.PR_SET_SECUREBITS, 0)},
	{ID: "P8", Name: "new privileges", Seen: "prctl", Do: call(unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 0)},
	{ID: "P8", Name: "live on without the supervisor", Seen: "prctl", Namespaces: Inside, Landlock: Inside, Do: call(unix.SYS_PRCTL, unix.PR_SET_PDEATHSIG, 0)},
	{ID: "P9", Name: "type into the terminal", Seen: "ioctl", Do: call(unix.SYS_IOCTL, 0, unix.TIOCSTI, 0)},
	{ID: "P9", Name: "session", Seen: "setsid", Namespaces: Inside, Landlock: Inside, Do: call(unix.SYS_SETSID)},
	{ID: "P9", Name: "group", Seen: "setpgid", Namespaces: Inside, Landlock: Inside, Do: call(unix.SYS_SETPGID, 0, 0)},
	{ID: "P10", Name: "ignore signals and wait", Seen: Stopped, Waits: true, Do: func(w *Worker) error {
		action := struct{ handler, flags, restorer, mask uintptr }{handler: 1} // SIG_IGN
		for s := uintptr(1); s <= 64; s++ {
			_, _ = sys(unix.SYS_RT_SIGACTION, s, uintptr(unsafe.Pointer(&action)), 0, 8) // two cannot be
		}
		w.pool.wait(0)
		return nil
	}},
	{ID: "P10", Name: "leave a process behind", Seen: "clone", Namespaces: Inside, Landlock: Open, Do: func(*Worker) error {
		return fork(func() int {
			pid, err := sys(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0)
			if err == nil && pid == 0 {
				_, _ = unix.Setsid()
				linger()
			}
			return int(errnoOr0(err))
		})
	}},
}

// linger is what a process does that was left behind. It ends some time later, so that
// no test leaves any.
func linger() {
	for fd := range 16 {
		_ = unix.Close(fd) // nobody waits for it
	}
	wait := unix.Timespec{Sec: 2}
	_ = unix.Nanosleep(&wait, nil) // or it ends earlier
	exit(0)
}

func errnoOr0(err error) unix.Errno {
	if err == nil {
		return 0
	}
	return errno(err)
}

// child is the attack that has a process or a thread, which ends at once.
func child(nr uintptr, args ...uintptr) func(*Worker) error {
	return func(*Worker) error {
		var a [5]uintptr
		copy(a[:], args)
		pid := spawn(nr, a[0], a[1], a[2], a[3], a[4])
		if err := spawned(pid); err != nil {
			return err
		}
		return wait(int(pid))
	}
}

// spawned is the error of a call that the kernel gives as a negative number.
func spawned(r uintptr) error {
	if int(r) < 0 {
		return unix.Errno(-int(r))
	}
	return nil
}

func vm(nr uintptr, pid int) error {
	here := [2]uintptr{room(8), 8}
	there := [2]uintptr{uintptr(unsafe.Pointer(&mask)), 8} // the same program has it at the same place
	_, err := sys(nr, uintptr(pid), uintptr(unsafe.Pointer(&here)), 1, uintptr(unsafe.Pointer(&there)), 1, 0)
	return err
}

// expect is refused if the worker is in the state that it should be in.
func expect(line, want string) func(*Worker) error {
	return func(*Worker) error {
		if got := status(line); got != want && got != "" {
			return nil
		}
		return errors.New("it is " + want)
	}
}

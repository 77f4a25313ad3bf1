package hostile

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

var resources = []Attack{
	{ID: "R1", Name: "memory", Seen: Limit, Do: take(anonymous, 1<<26)},
	{ID: "R1", Name: "memory at once", Seen: Limit, Do: take(anonymous, 1<<40)},
	{ID: "R1", Name: "memory that grows downwards", Seen: "mmap", Namespaces: Open, Landlock: Open, Do: take(anonymous|unix.MAP_GROWSDOWN, 1<<26)},
	{ID: "R1", Name: "memory that is written later", Seen: Limit, Do: func(*Worker) error {
		m, err := sys(unix.SYS_MMAP, 0, 1<<36, unix.PROT_NONE, anonymous|unix.MAP_NORESERVE, none, 0)
		for n := uintptr(0); n < 1<<36 && err == nil; n += 1 << 26 {
			_, err = sys(unix.SYS_MPROTECT, m+n, 1<<26, unix.PROT_READ|unix.PROT_WRITE)
		}
		return err
	}},
	{ID: "R2", Name: "the old heap", Seen: Limit, Do: func(*Worker) error {
		end, _ := sys(unix.SYS_BRK, 0)
		for range 1 << 10 {
			got, _ := sys(unix.SYS_BRK, end+1<<26)
			if got < end+1<<26 {
				return unix.ENOMEM
			}
			end = got
		}
		return nil
	}},
	{ID: "R3", Name: "shared memory", Seen: "mmap", Namespaces: Open, Landlock: Open, Do: mapped(0, none, unix.MAP_SHARED|unix.MAP_ANONYMOUS)},
	{ID: "R3", Name: "pages of two megabytes", Seen: Limit, Do: take(anonymous|unix.MAP_HUGETLB, 1<<30)},
	{ID: "R4", Name: "a result without end", Seen: Stopped, Do: func(*Worker) error {
		ignore(unix.SIGXFSZ)
		block := make([]byte, 1<<20)
		for {
			if _, err := unix.Write(out, block); err != nil {
				return err
			}
		}
	}},
	{ID: "R5", Name: "busy", Seen: Stopped, Waits: true, Do: func(*Worker) error {
		for n := 0; ; n++ {
			if n < 0 {
				return nil
			}
		}
	}},
	{ID: "R6", Name: "sleep", Seen: "clock_nanosleep", Waits: true, Namespaces: Inside, Landlock: Inside, Do: func(*Worker) error {
		t := unix.Timespec{Sec: 3600}
		return unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &t, nil)
	}},
	{ID: "R6", Name: "wait for nobody", Seen: Stopped, Waits: true, Do: func(w *Worker) error { w.pool.wait(0); return nil }},
	{ID: "R6", Name: "wait for a word", Seen: Stopped, Waits: true, Do: call(unix.SYS_READ, control, uintptr(unsafe.Pointer(&mask)), 8)},
	{ID: "R7", Name: "descriptors without end", Seen: "dup", Do: func(*Worker) error {
		for range 1 << 16 {
			if _, err := unix.Dup(source); err != nil {
				return err
			}
		}
		return nil
	}},
	{ID: "R8", Name: "standard error without end", Seen: Clean, Namespaces: Inside, Landlock: Inside, Do: func(*Worker) error {
		block := make([]byte, 1<<16)
		for range 256 {
			if _, err := unix.Write(2, block); err != nil {
				return err
			}
		}
		return nil
	}},
	{ID: "R9", Name: "words without end", Seen: Stopped, Waits: true, Do: func(*Worker) error {
		for {
			if _, err := unix.Write(control, make([]byte, 1<<17)); err != nil {
				return err
			}
		}
	}},
	{ID: "R10", Name: "calls without end", Seen: "mkdirat", Waits: true, Namespaces: Inside, Landlock: Inside, Do: func(w *Worker) error {
		for range 100_000 {
			_ = unix.Mkdir(w.Marker, 0o700) // it is refused each time
		}
		return nil
	}},
	{ID: "R13", Name: "calls while another thread is busy", Seen: "mkdirat", Waits: true, Namespaces: Inside, Landlock: Inside, Do: func(w *Worker) error {
		w.pool.start(burn)
		for range 100_000 {
			_ = unix.Mkdir(w.Marker, 0o700) // it is refused each time
		}
		return nil
	}},
	{ID: "R14", Name: "crash", Seen: Stopped, Do: func(*Worker) error {
		action := struct{ handler, flags, restorer, mask uintptr }{} // SIG_DFL
		_, _ = sys(unix.SYS_RT_SIGACTION, uintptr(unix.SIGSEGV), uintptr(unsafe.Pointer(&action)), 0, 8)
		return pointer(room(1)&7 + 16)
	}},
	{ID: "R14", Name: "an image of the memory", Seen: Limit, Do: func(*Worker) error {
		var l unix.Rlimit
		if err := unix.Prlimit(0, unix.RLIMIT_CORE, nil, &l); err != nil || l.Cur > 0 || l.Max > 0 {
			return err
		}
		return unix.EPERM
	}},
	{ID: "R14", Name: "a larger limit", Seen: "prlimit64", Do: func(*Worker) error {
		return unix.Prlimit(0, unix.RLIMIT_CORE, &unix.Rlimit{Cur: 1 << 30, Max: 1 << 30}, nil)
	}},
}

// take maps memory and writes to it until it is refused, which must be before 64 GiB.
func take(flags, size uintptr) func(*Worker) error {
	return func(*Worker) error {
		for n := uintptr(0); n < 1<<36; n += size {
			if _, err := sys(unix.SYS_MMAP, 0, size, unix.PROT_READ|unix.PROT_WRITE, flags|unix.MAP_NORESERVE, none, 0); err != nil {
				return err
			}
		}
		return nil
	}
}

func ignore(s unix.Signal) {
	action := struct{ handler, flags, restorer, mask uintptr }{handler: 1} // SIG_IGN
	_, _ = sys(unix.SYS_RT_SIGACTION, uintptr(s), uintptr(unsafe.Pointer(&action)), 0, 8)
}

// pointer reads where nothing is.
func pointer(at uintptr) error {
	p := *(**byte)(unsafe.Pointer(&at))
	*p = 1
	return nil
}

// temporary is the folder for temporary files.
func temporary() string { return os.Getenv("TMPDIR") }

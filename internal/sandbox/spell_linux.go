package sandbox

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/unotify"
)

// counts are how many arguments calls have; of others all six are shown.
var counts = map[string]int{
	"access": 2, "bind": 3, "bpf": 3, "chdir": 1, "chmod": 2, "chown": 3, "chroot": 1, "clock_nanosleep": 4, "clone": 5, "clone3": 2, "connect": 3, "creat": 2, "execve": 2, "execveat": 3,
	"faccessat": 3, "faccessat2": 4, "fchmod": 2, "fchmodat": 3, "fcntl": 3, "fork": 0, "getdents64": 3, "getppid": 0, "io_uring_setup": 2, "ioctl": 3, "kill": 2, "link": 2,
	"lstat": 2, "memfd_create": 2, "mkdir": 2, "mkdirat": 3, "mknod": 3, "mknodat": 4, "mmap": 6, "mount": 5, "mprotect": 3, "nanosleep": 2, "newfstatat": 4, "open": 2, "openat": 3, "pidfd_open": 2,
	"prctl": 5, "ptrace": 4, "pwrite64": 4, "readlink": 3, "readlinkat": 4, "rename": 2, "renameat2": 5, "seccomp": 3, "setns": 2, "socket": 3,
	"socketpair": 4, "stat": 2, "statx": 5, "symlink": 2, "tgkill": 3, "umask": 1, "umount2": 2, "unlink": 1, "unlinkat": 3, "unshare": 1, "vfork": 0, "write": 3,
}

// fromFolder are the calls whose first argument is a folder.
var fromFolder = map[string]bool{
	"openat": true, "newfstatat": true, "statx": true, "faccessat": true, "faccessat2": true, "mkdirat": true, "mknodat": true, "unlinkat": true, "readlinkat": true,
	"fchmodat": true, "renameat2": true, "execveat": true,
}

// modes are the calls with a mode of a file, by where that is.
var modes = map[string]int{"chmod": 1, "creat": 1, "fchmod": 1, "fchmodat": 2, "mkdir": 1, "mkdirat": 2, "mknod": 1, "mknodat": 2, "umask": 0}

// bit is a flag and its name.
type bit struct {
	value uint64
	name  string
}

var (
	access    = []string{"O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE"}
	openFlags = []bit{
		{unix.O_TMPFILE, "O_TMPFILE"},
		{unix.O_DIRECTORY, "O_DIRECTORY"},
		{unix.O_CREAT, "O_CREAT"},
		{unix.O_EXCL, "O_EXCL"},
		{unix.O_TRUNC, "O_TRUNC"},
		{unix.O_APPEND, "O_APPEND"},
		{unix.O_NONBLOCK, "O_NONBLOCK"},
		{unix.O_NOFOLLOW, "O_NOFOLLOW"},
		{unix.O_PATH, "O_PATH"},
		{unix.O_CLOEXEC, "O_CLOEXEC"},
	}
	socketFlags = []bit{{unix.SOCK_NONBLOCK, "SOCK_NONBLOCK"}, {unix.SOCK_CLOEXEC, "SOCK_CLOEXEC"}}
	families    = map[uint64]string{
		unix.AF_UNIX: "AF_UNIX", unix.AF_INET: "AF_INET", unix.AF_INET6: "AF_INET6", unix.AF_NETLINK: "AF_NETLINK", unix.AF_PACKET: "AF_PACKET",
		unix.AF_VSOCK: "AF_VSOCK", unix.AF_ALG: "AF_ALG",
	}
	cloneFlags = []bit{
		{unix.CLONE_VM, "CLONE_VM"},
		{unix.CLONE_FS, "CLONE_FS"},
		{unix.CLONE_FILES, "CLONE_FILES"},
		{unix.CLONE_SIGHAND, "CLONE_SIGHAND"},
		{unix.CLONE_PIDFD, "CLONE_PIDFD"},
		{unix.CLONE_VFORK, "CLONE_VFORK"},
		{unix.CLONE_THREAD, "CLONE_THREAD"},
		{unix.CLONE_NEWNS, "CLONE_NEWNS"},
		{unix.CLONE_NEWCGROUP, "CLONE_NEWCGROUP"},
		{unix.CLONE_NEWUTS, "CLONE_NEWUTS"},
		{unix.CLONE_NEWIPC, "CLONE_NEWIPC"},
		{unix.CLONE_NEWUSER, "CLONE_NEWUSER"},
		{unix.CLONE_NEWPID, "CLONE_NEWPID"},
		{unix.CLONE_NEWNET, "CLONE_NEWNET"},
		{unix.CLONE_CLEAR_SIGHAND, "CLONE_CLEAR_SIGHAND"}, // of clone3, as is the next
		{unix.CLONE_INTO_CGROUP, "CLONE_INTO_CGROUP"},
	}
	fcntlCommands = map[uint64]string{
		unix.F_DUPFD: "F_DUPFD", unix.F_DUPFD_CLOEXEC: "F_DUPFD_CLOEXEC", unix.F_GETFD: "F_GETFD", unix.F_SETFD: "F_SETFD", unix.F_GETFL: "F_GETFL", unix.F_SETFL: "F_SETFL",
		unix.F_GETLK: "F_GETLK", unix.F_SETLK: "F_SETLK", unix.F_SETLKW: "F_SETLKW", unix.F_SETOWN: "F_SETOWN", unix.F_SETSIG: "F_SETSIG", unix.F_SETLEASE: "F_SETLEASE",
		unix.F_GETLEASE: "F_GETLEASE", unix.F_NOTIFY: "F_NOTIFY", unix.F_SETPIPE_SZ: "F_SETPIPE_SZ", unix.F_ADD_SEALS: "F_ADD_SEALS", unix.F_GET_SEALS: "F_GET_SEALS",
	}
	clocks = map[uint64]string{
		unix.CLOCK_REALTIME: "CLOCK_REALTIME", unix.CLOCK_MONOTONIC: "CLOCK_MONOTONIC", unix.CLOCK_PROCESS_CPUTIME_ID: "CLOCK_PROCESS_CPUTIME_ID",
		unix.CLOCK_THREAD_CPUTIME_ID: "CLOCK_THREAD_CPUTIME_ID", unix.CLOCK_BOOTTIME: "CLOCK_BOOTTIME", unix.CLOCK_TAI: "CLOCK_TAI",
	}
	clockFlags    = []bit{{unix.TIMER_ABSTIME, "TIMER_ABSTIME"}}
	protections   = []bit{{unix.PROT_READ, "PROT_READ"}, {unix.PROT_WRITE, "PROT_WRITE"}, {unix.PROT_EXEC, "PROT_EXEC"}}
	mapFlags      = []bit{{unix.MAP_PRIVATE, "MAP_PRIVATE"}, {unix.MAP_SHARED, "MAP_SHARED"}, {unix.MAP_FIXED, "MAP_FIXED"}, {unix.MAP_ANONYMOUS, "MAP_ANONYMOUS"}, {unix.MAP_GROWSDOWN, "MAP_GROWSDOWN"}}
	kindsOfSocket = map[uint64]string{unix.SOCK_STREAM: "SOCK_STREAM", unix.SOCK_DGRAM: "SOCK_DGRAM", unix.SOCK_RAW: "SOCK_RAW", unix.SOCK_SEQPACKET: "SOCK_SEQPACKET"}
)

// spell replaces the numbers of a call by what they mean, where that is known.
func spell(name string, n *unotify.Call, parts []string) []string {
	if fromFolder[name] && int32(n.Args[0]) == unix.AT_FDCWD {
		parts[0] = "AT_FDCWD"
	}
	if has, ok := counts[name]; ok {
		parts = parts[:has]
	}
	if at, ok := modes[name]; ok {
		parts[at] = octal(n.Args[at])
	}
	switch name {
	case "open":
		return opened(parts, 1, n.Args[1], n.Args[2])
	case "openat":
		return opened(parts, 2, n.Args[2], n.Args[3])
	case "socket", "socketpair":
		parts[0] = known(families, n.Args[0])
		parts[1] = flagged(known(kindsOfSocket, n.Args[1]&0xf), n.Args[1]&^0xf, socketFlags)
	case "execve":
		parts[1] = listAt(n.PID, n.Args[1])
	case "execveat":
		parts[2] = listAt(n.PID, n.Args[2])
	case "connect", "bind":
		if s, ok := addressAt(n.PID, n.Args[1], n.Args[2]); ok {
			return []string{parts[0], s}
		}
	case "sendto":
		if s, ok := addressAt(n.PID, n.Args[4], n.Args[5]); ok {
			return append(parts[:4], s)
		}
	case "clone":
		parts[0] = begins(n.Args[0]&^0xff, n.Args[0]&0xff)
	case "clone3":
		if b := bytesAt(n.PID, n.Args[0], exitSignal+8); len(b) == exitSignal+8 {
			parts[0] = begins(binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[exitSignal:]))
		}
	case "fcntl":
		parts[1] = known(fcntlCommands, n.Args[1]&(1<<32-1))
		if strings.HasPrefix(parts[1], "F_GETF") || strings.HasSuffix(parts[1], "GET_SEALS") {
			return parts[:2]
		}
	case "nanosleep":
		return []string{spanAt(n.PID, n.Args[0])}
	case "clock_nanosleep":
		return []string{known(clocks, n.Args[0]&(1<<32-1)), these(n.Args[1]&(1<<32-1), clockFlags), spanAt(n.PID, n.Args[2])}
	case "unshare":
		parts[0] = these(n.Args[0], cloneFlags)
	case "mmap":
		parts[2], parts[3] = these(n.Args[2], protections), these(n.Args[3], mapFlags)
	case "mprotect":
		parts[2] = these(n.Args[2], protections)
	case "kill":
		parts = []string{strconv.Itoa(int(int32(n.Args[0]))), signalName(n.Args[1])}
	}
	return parts
}

// opened has flags of an open by name, and its mode where one is made.
func opened(parts []string, at int, flags, mode uint64) []string {
	flags &= 1<<32 - 1
	parts[at] = flagged(access[flags&unix.O_ACCMODE], flags&^unix.O_ACCMODE, openFlags)
	if flags&unix.O_CREAT != 0 {
		parts = append(parts, octal(mode))
	}
	return parts
}

// octal is a mode of a file, as everybody writes it.
func octal(mode uint64) string { return fmt.Sprintf("%#o", mode&0o177777) }

// spanAt spells a struct timespec.
func spanAt(pid uint32, at uint64) string {
	b := bytesAt(pid, at, 16)
	if len(b) < 16 {
		return fmt.Sprintf("%#x", at)
	}
	return fmt.Sprintf("%d.%09ds", int64(binary.LittleEndian.Uint64(b)), binary.LittleEndian.Uint64(b[8:]))
}

// exitSignal is where struct clone_args of linux/sched.h has that.
const exitSignal = 32

// begins spells how a process or thread is made, and the signal with which it ends.
func begins(flags, signal uint64) string {
	if signal == 0 {
		return these(flags, cloneFlags)
	}
	return strings.TrimPrefix(flagged("", flags, cloneFlags)+"|"+signalName(signal), "|")
}

func signalName(n uint64) string {
	if s := unix.SignalName(syscall.Signal(n)); s != "" {
		return s
	}
	return fmt.Sprintf("%#x", n)
}

// these are flags by name.
func these(flags uint64, names []bit) string {
	if flags == 0 {
		return "0"
	}
	return strings.TrimPrefix(flagged("", flags, names), "|")
}

func known(names map[uint64]string, n uint64) string {
	if s, ok := names[n]; ok {
		return s
	}
	return fmt.Sprintf("%#x", n)
}

// flagged adds flags to a name, those without one as a number.
func flagged(name string, flags uint64, names []bit) string {
	for _, b := range names {
		if flags&b.value == b.value {
			name, flags = name+"|"+b.name, flags&^b.value
		}
	}
	if flags != 0 {
		name += fmt.Sprintf("|%#x", flags)
	}
	return name
}

const (
	mostWords = 16  // of a list that are shown
	mostWord  = 256 // bytes of one
)

// listAt spells a list of texts.
func listAt(pid uint32, at uint64) string {
	b := bytesAt(pid, at, 8*(mostWords+1))
	var words []string
	for ; len(b) >= 8; b = b[8:] {
		p := binary.LittleEndian.Uint64(b)
		if p == 0 {
			return "[" + strings.Join(words, ", ") + "]"
		}
		if len(words) == mostWords {
			break
		}
		s, ok := textAt(pid, p)
		if !ok {
			break
		}
		if len(s) > mostWord {
			s = s[:mostWord] + "…"
		}
		words = append(words, fmt.Sprintf("%q", s))
	}
	return "[" + strings.Join(append(words, "…"), ", ") + "]"
}

package hostile

import (
	"golang.org/x/sys/unix"
)

// int80 makes a system call of the 32-bit kind.
func int80(nr, a uintptr) uintptr

// local are attacks that only amd64 has.
var local = []Attack{
	{ID: "F1", Name: "read a file in the old way", Seen: "open", Do: path(secret, unix.SYS_OPEN, nil, unix.O_RDONLY)},
	{ID: "F4", Name: "write a file in the old way", Seen: "creat", Do: path(marker, unix.SYS_CREAT, nil, 0o600)},
	{ID: "F12", Name: "look in the old way", Seen: "stat", Landlock: Open, Do: path(secret, unix.SYS_STAT, nil, 0)},
	{ID: "P1", Name: "fork in the old way", Seen: "fork", Namespaces: Inside, Landlock: Inside, Do: child(unix.SYS_FORK)},
	{ID: "P1", Name: "vfork", Seen: "vfork", Namespaces: Inside, Landlock: Inside, Do: child(unix.SYS_VFORK)},
	{ID: "S1", Name: "numbers of x32", Seen: Stopped, Do: call(0x40000000 | unix.SYS_OPENAT)},
	{ID: "S1", Name: "numbers of x32 that are allowed", Seen: Stopped, Do: call(0x40000000 | unix.SYS_GETPID)},
	{ID: "S2", Name: "calls of 32 bits", Seen: Stopped, Do: func(*Worker) error { return spawned(int80(20, 0)) }}, // getpid
	{ID: "S12", Name: "ports", Seen: "iopl", Do: call(unix.SYS_IOPL, 3)},
	{ID: "S12", Name: "segments", Seen: "modify_ldt", Namespaces: Inside, Landlock: Inside, Do: call(unix.SYS_MODIFY_LDT, 0, 0, 0)},
}

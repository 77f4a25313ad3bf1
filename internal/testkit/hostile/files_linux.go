package hostile

import (
	"fmt"

	"golang.org/x/sys/unix"
)

const create = unix.O_WRONLY | unix.O_CREAT

var files = []Attack{
	{ID: "F1", Name: "read a file", Seen: "openat", Do: read(secret)},
	{ID: "F1", Name: "read /etc/passwd", Seen: "openat", Do: read(named("/etc/passwd"))},
	{ID: "F1", Name: "list a folder", Seen: "openat", Namespaces: Inside, Do: open(named("/"), unix.O_DIRECTORY)},
	{ID: "F2", Name: "read a private key", Seen: "openat", Do: read(func(w *Worker) string { return w.Home + "/.ssh/id" })},
	{ID: "F3", Name: "environment of the supervisor", Seen: "openat", Do: read(func(w *Worker) string { return fmt.Sprintf("/proc/%d/environ", w.Supervisor) })},
	{ID: "F3", Name: "environment of the first process", Seen: "openat", Namespaces: Inside, Do: read(named("/proc/1/environ"))},
	{ID: "F3", Name: "memory of the supervisor", Seen: "openat", Do: open(func(w *Worker) string { return fmt.Sprintf("/proc/%d/mem", w.Supervisor) }, unix.O_RDWR)},
	{ID: "F4", Name: "write a file", Seen: "openat", Do: open(marker, create)},
	{ID: "F4", Name: "write over a file", Seen: "openat", Do: open(secret, unix.O_WRONLY|unix.O_TRUNC)},
	{ID: "F4", Name: "write to home", Seen: "openat", Do: open(func(w *Worker) string { return w.Home + "/marker" }, create)},
	{ID: "F4", Name: "write to the folder for temporary files", Seen: "openat", Namespaces: Inside, Do: open(outside, create)},
	{ID: "F4", Name: "write to the current folder", Seen: "openat", Do: open(named("andiron-hostile-marker"), create)},
	{ID: "F4", Name: "cut a file", Seen: "truncate", ABI: 3, Do: path(secret, unix.SYS_TRUNCATE, nil, 0)},
	{ID: "F5", Name: "write to the checkpoint", Seen: "write", Do: func(*Worker) error { _, err := unix.Write(source, []byte("evil")); return err }},
	{ID: "F5", Name: "write into the checkpoint", Seen: "pwrite64", Do: func(*Worker) error { _, err := unix.Pwrite(source, []byte("evil"), 0); return err }},
	{ID: "F5", Name: "write pieces into the checkpoint", Seen: "pwritev2", Do: call(unix.SYS_PWRITEV2, source, 0, 0, 0, 0, 0x40)},
	{ID: "F5", Name: "cut the checkpoint", Seen: "ftruncate", Do: call(unix.SYS_FTRUNCATE, source, 0)},
	{ID: "F5", Name: "make room in the checkpoint", Seen: "fallocate", Do: call(unix.SYS_FALLOCATE, source, 0, 0, 1<<20)},
	{ID: "F5", Name: "map the checkpoint for writing", Seen: "mmap", Do: mapped(0, source, unix.MAP_SHARED)},
	{ID: "F5", Name: "map the checkpoint in another way", Seen: "mmap", Do: mapped(0, source, unix.MAP_SHARED_VALIDATE)},
	{ID: "F5", Name: "copy into the checkpoint", Seen: "copy_file_range", Do: call(unix.SYS_COPY_FILE_RANGE, out, 0, source, 0, 10, 0)},
	{ID: "F5", Name: "send into the checkpoint", Seen: "sendfile", Do: call(unix.SYS_SENDFILE, source, out, 0, 10)},
	{ID: "F5", Name: "its mode", Seen: "fchmod", Namespaces: Open, Landlock: Open, Do: call(unix.SYS_FCHMOD, source, 0o600)},
	// The lease makes it wait longer than a load may take, and what was read is not given out.
	{ID: "F6", Name: "open the checkpoint again", Seen: "openat", Namespaces: Open, Do: open(named("/proc/self/fd/10"), unix.O_RDWR|unix.O_NONBLOCK)},
	{ID: "F6", Name: "write to the program", Seen: "openat", Do: open(named("/proc/self/exe"), unix.O_RDWR)},
	{ID: "F7", Name: "symbolic link", Seen: "symlinkat", Do: two(unix.SYS_SYMLINKAT, func(w *Worker) []uintptr { return []uintptr{text(w.Secret), at, text(w.Marker)} })},
	{ID: "F7", Name: "hard link", Seen: "linkat", Do: two(unix.SYS_LINKAT, func(w *Worker) []uintptr { return []uintptr{at, text(w.Secret), at, text(w.Marker), 0} })},
	{ID: "F7", Name: "rename", Seen: "renameat2", Do: two(unix.SYS_RENAMEAT2, func(w *Worker) []uintptr { return []uintptr{at, text(w.Secret), at, text(w.Marker), 0} })},
	{ID: "F7", Name: "remove", Seen: "unlinkat", Do: inFolder(secret, unix.SYS_UNLINKAT, 0)},
	{ID: "F7", Name: "make a folder", Seen: "mkdirat", Do: inFolder(marker, unix.SYS_MKDIRAT, 0o700)},
	{ID: "F7", Name: "mode", Seen: "fchmodat", Landlock: Open, Do: inFolder(secret, unix.SYS_FCHMODAT, 0o666)},
	{ID: "F7", Name: "owner", Seen: "fchownat", Landlock: Open, Do: inFolder(secret, unix.SYS_FCHOWNAT, none, none, 0)},
	{ID: "F7", Name: "times", Seen: "utimensat", Landlock: Open, Do: inFolder(secret, unix.SYS_UTIMENSAT, 0, 0)},
	{ID: "F7", Name: "attribute", Seen: "setxattr", Landlock: Open, Do: func(w *Worker) error { return unix.Setxattr(w.Secret, "user.marker", []byte("x"), 0) }},
	{ID: "F7", Name: "a way around by ..", Seen: "openat", Do: read(func(w *Worker) string { return "/usr/../../../.." + w.Secret })},
	{ID: "F8", Name: "openat2", Seen: "openat2", Do: func(w *Worker) error {
		_, err := unix.Openat2(unix.AT_FDCWD, w.Secret, &unix.OpenHow{Flags: unix.O_RDONLY})
		return err
	}},
	{ID: "F8", Name: "handle", Seen: "name_to_handle_at", Landlock: Open, Do: func(w *Worker) error {
		_, _, err := unix.NameToHandleAt(unix.AT_FDCWD, w.Secret, 0)
		return err
	}},
	{ID: "F8", Name: "open by handle", Seen: "open_by_handle_at", Do: func(*Worker) error {
		_, err := unix.OpenByHandleAt(source, unix.NewFileHandle(1, make([]byte, 8)), unix.O_RDONLY)
		return err
	}},
	{ID: "F9", Name: "mount", Seen: "mount", Do: func(*Worker) error { return unix.Mount("x", "/tmp", "tmpfs", 0, "") }},
	{ID: "F9", Name: "mount again for writing", Seen: "mount", Do: func(*Worker) error {
		return unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND, "")
	}},
	{ID: "F9", Name: "move a mount", Seen: "move_mount", Do: func(*Worker) error { return unix.MoveMount(unix.AT_FDCWD, "/usr", unix.AT_FDCWD, "/tmp", 0) }},
	{ID: "F9", Name: "copy a tree", Seen: "open_tree", Do: inFolder(named("/"), unix.SYS_OPEN_TREE, unix.OPEN_TREE_CLONE)},
	{ID: "F9", Name: "change a mount", Seen: "mount_setattr", Do: func(*Worker) error {
		return unix.MountSetattr(unix.AT_FDCWD, "/", 0, &unix.MountAttr{Attr_clr: unix.MOUNT_ATTR_RDONLY})
	}},
	{ID: "F9", Name: "make a file system", Seen: "fsopen", Do: path(named("tmpfs"), unix.SYS_FSOPEN, nil, 0)},
	{ID: "F9", Name: "unmount", Seen: "umount2", Do: path(named("/"), unix.SYS_UMOUNT2, nil, unix.MNT_DETACH)},
	{ID: "F9", Name: "pivot", Seen: "pivot_root", Do: func(*Worker) error { return unix.PivotRoot("/", "/") }},
	{ID: "F9", Name: "chroot", Seen: "chroot", Do: path(named("/"), unix.SYS_CHROOT, nil)},
	{ID: "F9", Name: "change folder", Seen: "chdir", Namespaces: Inside, Landlock: Inside, Do: path(named("/"), unix.SYS_CHDIR, nil)},
	{ID: "F10", Name: "a file without a name", Seen: "openat", Namespaces: Inside, Do: open(named("/tmp"), unix.O_TMPFILE|unix.O_RDWR)},
	{ID: "F10", Name: "a file in memory", Seen: "memfd_create", Namespaces: Inside, Landlock: Inside, Do: path(named("x"), unix.SYS_MEMFD_CREATE, nil, 0)},
	{ID: "F10", Name: "fill the disk", Seen: "openat", Landlock: Inside, Do: fill},
	{ID: "F11", Name: "make a device", Seen: "mknodat", Do: inFolder(marker, unix.SYS_MKNODAT, unix.S_IFCHR|0o666, 0x0103)},
	{ID: "F11", Name: "make a device in /tmp", Seen: "mknodat", Do: inFolder(named("/tmp/andiron-hostile-device"), unix.SYS_MKNODAT, unix.S_IFCHR|0o666, 0x0103)},
	{ID: "F11", Name: "open a device", Seen: "openat", Do: open(func(w *Worker) string { return w.Device }, unix.O_RDWR)},
	{ID: "F12", Name: "look whether a file is there", Seen: "newfstatat", Landlock: Open, Do: func(w *Worker) error { return unix.Fstatat(unix.AT_FDCWD, w.Secret, new(unix.Stat_t), 0) }},
	{ID: "F12", Name: "look by an open folder", Seen: "newfstatat", Namespaces: Inside, Landlock: Inside, Do: func(*Worker) error {
		return unix.Fstatat(source, "", new(unix.Stat_t), unix.AT_EMPTY_PATH)
	}},
	{ID: "F12", Name: "look in another way", Seen: "statx", Landlock: Open, Do: func(w *Worker) error { return unix.Statx(unix.AT_FDCWD, w.Secret, 0, 0, new(unix.Statx_t)) }},
	{ID: "F12", Name: "ask for access", Seen: "faccessat", Landlock: Open, Do: inFolder(secret, unix.SYS_FACCESSAT, 0)},
	{ID: "F12", Name: "watch", Seen: "inotify_init1", Namespaces: Inside, Landlock: Inside, Do: call(unix.SYS_INOTIFY_INIT1, 0)},
	{ID: "F12", Name: "watch everything", Seen: "fanotify_init", Namespaces: Inside, Landlock: Inside, Do: call(unix.SYS_FANOTIFY_INIT, 0, 0)},
}

// mapped maps a file for writing.
func mapped(prot uintptr, fd, flags uintptr) func(*Worker) error {
	return call(unix.SYS_MMAP, 0, 4096, prot|unix.PROT_READ|unix.PROT_WRITE, flags, fd, 0)
}

// fill writes more than the one folder that a worker has holds.
func fill(*Worker) error {
	fd, err := unix.Openat(unix.AT_FDCWD, temporary()+"/fill", create, 0o600)
	if err != nil {
		return err
	}
	block := make([]byte, 1<<20)
	for range 8 {
		n, err := unix.Write(fd, block)
		if err == nil && n < len(block) {
			err = unix.ENOSPC
		}
		if err != nil {
			return err
		}
	}
	return unix.Close(fd)
}

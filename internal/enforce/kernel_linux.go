package enforce

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ofKernel reports whether a path is written as one in which the kernel makes the names,
// and not users. /dev has folders for files of users.
func ofKernel(path string) bool {
	if Beneath(path, []string{"/dev/shm", "/dev/mqueue", "/dev/hugepages"}) || strings.Contains(path, "/..") {
		return false
	}
	return Beneath(path, []string{"/proc", "/sys", "/dev"})
}

// kernels are file systems whose files are no files: magic numbers of linux/magic.h.
var kernels = []int64{
	unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC,
	unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC, unix.SECURITYFS_MAGIC, unix.BPF_FS_MAGIC, unix.DEVPTS_SUPER_MAGIC,
}

// ownPath is a path of the kernel as this process has to write it to get what who asks
// would: /proc/self is not the same for the two.
func (r *request) ownPath() string {
	for from, to := range map[string]string{
		"/proc/self": "", "/proc/thread-self": "", "/dev/fd": "/fd",
		"/dev/stdin": "/fd/0", "/dev/stdout": "/fd/1", "/dev/stderr": "/fd/2",
	} {
		if rest, ok := strings.CutPrefix(r.path, from); ok && (rest == "" || rest[0] == '/') {
			return r.thread() + to + rest
		}
	}
	return r.path
}

// openKernel answers for a path in /proc, /sys or /dev. What is no file of a user there
// is left to the kernel, which asks who may; through a link of /proc there may be one.
func (w *worker) openKernel(r *request) error {
	path := r.ownPath()
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC|r.flags&(unix.O_NOFOLLOW|unix.O_DIRECTORY), 0)
	if err != nil {
		return err
	}
	kept := false
	defer func() {
		if !kept {
			_ = unix.Close(fd) // it was only looked up
		}
	}()
	var st unix.Stat_t
	var sys unix.Statfs_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if err := unix.Fstatfs(fd, &sys); err != nil {
		return err
	}
	name, err := nameOf(fd)
	if err != nil {
		return err
	}
	if ofThisProcess(name) {
		return unix.EACCES
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || slices.Contains(kernels, int64(sys.Type)) { //nolint:unconvert // of another size on some architectures
		w.leave(r)
		return nil
	}
	kept, err = w.file(r, fd, &st, name)
	return err
}

// foundKernel answers for a path that leads to a file of the kernel.
func (w *worker) foundKernel(r *request, base int, name string) error {
	if base >= 0 {
		from, err := nameOf(base)
		if err != nil {
			return err
		}
		if !ofKernel(from) || ofThisProcess(from) || strings.Contains(r.path, strconv.Itoa(os.Getpid())) {
			return unix.EACCES
		}
		w.leave(r)
		return nil
	}
	// A link, such as /etc/mtab: who could exchange it decides.
	if w.Places.trusted(r.path) && (!ofThisProcess(name) || !strings.Contains(r.path, strconv.Itoa(os.Getpid()))) {
		w.leave(r)
		return nil
	}
	return unix.EACCES
}

// ofThisProcess reports whether a file of /proc is about this process.
func ofThisProcess(name string) bool {
	rest, ok := strings.CutPrefix(name, "/proc/")
	if !ok {
		return false
	}
	id, _, _ := strings.Cut(rest, "/")
	n, err := strconv.Atoi(id)
	if err != nil {
		return false
	}
	return n == os.Getpid() || unix.Access("/proc/self/task/"+strconv.Itoa(n), unix.F_OK) == nil
}

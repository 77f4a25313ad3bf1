package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// stageName is what this program is called when it is to become a worker.
const stageName = "andiron-sandbox-stage"

// stagePlan is what it is told, on its standard input.
type stagePlan struct {
	Python     string   `json:"python"`
	Program    string   `json:"program"`
	Path       []string `json:"path"`
	Roots      []string `json:"roots"`
	Files      []string `json:"files"`
	Temp       string   `json:"temp"`
	Namespaces bool     `json:"namespaces"`
	Landlock   bool     `json:"landlock"`
	UID        int      `json:"uid"`
	Limits     Limits   `json:"limits"`
}

// layerError says which layer could not be put in force.
type layerError struct {
	Layer Layer  `json:"layer"`
	Text  string `json:"text"`
}

// Stage becomes a worker, if this process was started to be one, and does not return
// then. Every program that uses this package calls it first.
func Stage() {
	if len(os.Args) == 0 || os.Args[0] != stageName {
		return
	}
	runtime.LockOSThread() // what is put in force is so for this thread, and for what it becomes
	e := stage()
	b, _ := json.Marshal(map[string]any{"stage": e}) // it can always be spelled
	_, _ = unix.Write(fdControl, b)                  // if nobody hears it, nobody waits
	os.Exit(1)                                       //nolint:forbidigo // this process is no run of andiron
}

func (e *layerError) Error() string { return strings.TrimPrefix(string(e.Layer)+": "+e.Text, ": ") }

func failed(l Layer, what string, err error) *layerError {
	return &layerError{l, fmt.Sprintf("%s: %v", what, err)}
}

// stage puts one layer after another in force.
func stage() *layerError {
	b, err := bounded.ReadAll(os.Stdin, 1<<20)
	var p stagePlan
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil {
		return failed("", "plan", err)
	}
	if p.Namespaces {
		if os.Getpid() != 1 {
			return failed(Namespaces, "pid", fmt.Errorf("it is %d", os.Getpid()))
		}
		if err := p.enter(); err != nil {
			return &layerError{Namespaces, err.Error()}
		}
	}
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"standard input", null},
		{"limits", p.limits},
		{"user", p.become},
		{"no_new_privs", func() error { return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }},
		{"capabilities", dropCapabilities},
		{"parent", func() error { return unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0) }},
	} {
		if err := step.do(); err != nil {
			return failed("", step.what, err)
		}
	}
	if p.Landlock {
		if e := p.landlock(); e != nil {
			return e
		}
	}
	if err := unix.CloseRange(fdControl+1, ^uint(0), unix.CLOSE_RANGE_CLOEXEC); err != nil {
		return failed("", "close_range", err)
	}
	err = unix.Exec(p.Python, interpreter(p.Python, p.Program), environment(p.temp(), p.Path))
	if _, e := filepath.EvalSymlinks(p.Python); e != nil {
		err = e // which says where it ends
	}
	return failed("", "python", p.explain(err))
}

// explain says why root itself could enter a folder that its worker cannot: outside of
// namespaces that is a user like any other.
func (p *stagePlan) explain(err error) error {
	if p.UID == 0 || p.Namespaces || !errors.Is(err, unix.EACCES) {
		return err
	}
	return fmt.Errorf("%w: without namespaces a worker of root is user %d, whom each folder above must let in (chmod o+x)", err, p.UID)
}

// interpreter is how Python is started: with nothing of the user's in it.
func interpreter(python, program string) []string { return []string{python, "-I", "-B", "-c", program} }

// environment is all that it gets of one.
func environment(temp string, path []string) []string {
	return []string{
		"PATH=/usr/bin:/bin", "HOME=" + temp, "TMPDIR=" + temp, "LC_ALL=C.UTF-8",
		"OPENBLAS_NUM_THREADS=1", "OMP_NUM_THREADS=1", "MKL_NUM_THREADS=1", "CUDA_VISIBLE_DEVICES=",
		"ANDIRON_PATH=" + strings.Join(path, ":"),
	}
}

// hostname is what the machine is called inside.
const hostname = "sandbox"

// temp is the one folder that may be written to.
func (p *stagePlan) temp() string {
	if p.Namespaces {
		return "/tmp"
	}
	return p.Temp
}

// null is what is read from then on.
func null() error {
	fd, err := unix.Open("/dev/null", unix.O_RDONLY, 0)
	if err != nil {
		return err
	}
	return unix.Dup3(fd, 0, 0)
}

// limits bounds what the process may take.
func (p *stagePlan) limits() error {
	for _, r := range p.Limits.kernel() {
		if r.what == unix.RLIMIT_NPROC && !p.Namespaces && p.UID == 0 {
			continue // all that the caller has are counted, and the filter lets none begin
		}
		var had unix.Rlimit
		err := unix.Getrlimit(r.what, &had)
		if err == nil {
			n := min(r.n, had.Max)
			err = unix.Setrlimit(r.what, &unix.Rlimit{Cur: n, Max: n})
		}
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return nil
}

// rlimit is a limit of setrlimit(2), with its name.
type rlimit struct {
	name string
	what int
	n    uint64
}

// stackSize is that of the first thread, in bytes: what Linux gives by default.
const stackSize = 8 << 20

// kernel are the limits that the kernel has for a process.
func (l Limits) kernel() []rlimit {
	return []rlimit{
		{"RLIMIT_CORE", unix.RLIMIT_CORE, 0},
		{"RLIMIT_NOFILE", unix.RLIMIT_NOFILE, uint64(l.Files)},
		{"RLIMIT_NPROC", unix.RLIMIT_NPROC, uint64(l.Threads)},
		{"RLIMIT_STACK", unix.RLIMIT_STACK, stackSize}, // RLIMIT_DATA does not count it
		{"RLIMIT_FSIZE", unix.RLIMIT_FSIZE, uint64(l.Result)},
		{"RLIMIT_CPU", unix.RLIMIT_CPU, uint64(l.cpuSeconds())},
		{"RLIMIT_DATA", unix.RLIMIT_DATA, uint64(l.Memory)},
		{"RLIMIT_MEMLOCK", unix.RLIMIT_MEMLOCK, 0},
		{"RLIMIT_MSGQUEUE", unix.RLIMIT_MSGQUEUE, 0},
	}
}

// become gives up being root, where the caller is.
func (p *stagePlan) become() error {
	if p.UID == 0 {
		return nil
	}
	id := p.UID
	if p.Namespaces {
		id = 1
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETGROUPS, 0, 0, 0); e != 0 {
		return e
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESGID, uintptr(id), uintptr(id), uintptr(id)); e != 0 {
		return e
	}
	if err := unix.Prctl(unix.PR_SET_KEEPCAPS, 1, 0, 0, 0); err != nil { // to drop the rest by hand
		return err
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SETRESUID, uintptr(id), uintptr(id), uintptr(id)); e != 0 {
		return e
	}
	return nil
}

// Security bits of linux/securebits.h, with those that lock them.
const securebits = 1<<0 | 1<<1 | 1<<2 | 1<<3 | 1<<5 | 1<<6 | 1<<7

// dropCapabilities leaves none, and no way to get any.
func dropCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had [2]unix.CapUserData
	if err := unix.Capget(&header, &had[0]); err != nil {
		return err
	}
	if had[0].Effective&(1<<unix.CAP_SETPCAP) == 0 { // they were kept, but not in effect
		had[0].Effective, had[1].Effective = had[0].Permitted, had[1].Permitted
		if err := unix.Capset(&header, &had[0]); err != nil {
			return err
		}
	}
	if had[0].Effective&(1<<unix.CAP_SETPCAP) != 0 {
		for c := uintptr(0); c <= 63; c++ {
			if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil {
				break // there are no more
			}
		}
		if err := unix.Prctl(unix.PR_SET_SECUREBITS, securebits, 0, 0, 0); err != nil {
			return err
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return err
	}
	var none [2]unix.CapUserData
	return unix.Capset(&header, &none[0])
}

// seen is the mode of folders in the view: they are for another user.
const seen = 0o755

// enter makes the view: an empty file system with what the worker may read.
func (p *stagePlan) enter() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	trees, links := map[string]int{}, map[string]string{} // before anything is hidden
	for _, path := range append(append([]string{}, p.Roots...), p.Files...) {
		if to, err := os.Readlink(path); err == nil {
			links[path] = to
			continue
		}
		fd, err := readOnly(path, unix.MOUNT_ATTR_NODEV)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		trees[path] = fd
	}
	for _, path := range []string{"/dev/null", "/dev/urandom", "/dev/zero"} {
		fd, err := readOnly(path, 0)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		trees[path] = fd
	}
	const root = "/tmp"
	if err := unix.Mount("root", root, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755,size=1m,nr_inodes=4096"); err != nil {
		return fmt.Errorf("an empty file system: %w", err)
	}
	for path, to := range links {
		if err := os.MkdirAll(root+filepath.Dir(path), seen); err != nil {
			return err
		}
		if err := os.Symlink(to, root+path); err != nil {
			return err
		}
	}
	if err := temporary(root + "/tmp"); err != nil { // before what lies in it
		return err
	}
	for path, fd := range trees {
		if err := attach(fd, root+path); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return pivot(root)
}

// readOnly is a copy of a part of the file system that nobody can write through.
func readOnly(path string, more uint64) (int, error) {
	fd, err := unix.OpenTree(unix.AT_FDCWD, path, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE)
	if err != nil {
		return -1, err
	}
	attr := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | more}
	if err := unix.MountSetattr(fd, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, attr); err != nil {
		return -1, err
	}
	return fd, nil
}

// attach puts a copy where it belongs.
func attach(fd int, at string) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(at), seen); err != nil {
		return err
	}
	var err error
	if st.Mode&unix.S_IFMT == unix.S_IFDIR {
		err = os.MkdirAll(at, seen)
	} else {
		var f *os.File
		if f, err = os.Create(at); err == nil { //nolint:gosec // in the view that is being made
			err = f.Close()
		}
	}
	if err != nil {
		return err
	}
	if err := unix.MoveMount(fd, "", unix.AT_FDCWD, at, unix.MOVE_MOUNT_F_EMPTY_PATH); err != nil {
		return err
	}
	return unix.Close(fd) // it would count against the limit
}

// temporary makes the folder that may be written to.
func temporary(dir string) error {
	if err := os.MkdirAll(dir, seen); err != nil { //nolint:gosec // in the view that is being made
		return err
	}
	if err := unix.Mount("tmp", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=1777,size=4m,nr_inodes=256"); err != nil {
		return fmt.Errorf("/tmp: %w", err)
	}
	return nil
}

// pivot makes the view all that there is.
func pivot(root string) error {
	if err := os.MkdirAll(root+"/proc", seen); err != nil { //nolint:gosec // likewise
		return err
	}
	// Where a part of /proc is hidden, as in containers, the kernel gives none: then
	// there is none.
	_ = unix.Mount("proc", root+"/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_RDONLY, "subset=pid,hidepid=invisible")
	if err := os.Chdir(root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("the old root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, ""); err != nil {
		return fmt.Errorf("the root, read-only: %w", err)
	}
	return unix.Sethostname([]byte(hostname))
}

// landlockABI is the version that the kernel has.
func landlockABI() (int, error) {
	n, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	switch e { //nolint:exhaustive // the others are none that it documents
	case 0:
		return int(n), nil
	case unix.ENOSYS:
		return 0, errors.New("this kernel has none")
	case unix.EOPNOTSUPP:
		return 0, errors.New("this kernel has it switched off")
	}
	return 0, fmt.Errorf("landlock_create_ruleset: %w", e)
}

// What a version of Landlock can hold: linux/landlock.h.
func landlockRights(abi int) unix.LandlockRulesetAttr {
	a := unix.LandlockRulesetAttr{Handled_access_fs: 1<<13 - 1}
	if abi >= 2 {
		a.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 {
		a.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if abi >= 4 {
		a.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
	}
	if abi >= 5 {
		a.Handled_access_fs |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if abi >= 6 {
		a.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	return a
}

// landlock leaves the folders of Python to read, and one to write.
func (p *stagePlan) landlock() *layerError {
	abi, err := landlockABI()
	if err != nil {
		return &layerError{Landlock, err.Error()}
	}
	attr := landlockRights(abi)
	// From here on an error is no missing layer, but one of this view or its limits, as
	// that on files: a lower one must not take the layer away.
	fd, _, e := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0) //nolint:gosec // for the kernel
	if e != 0 {
		return failed("", "landlock_create_ruleset", e)
	}
	if err := p.allow(int(fd), attr.Handled_access_fs); err != nil {
		return failed("", "landlock", p.explain(err))
	}
	if _, _, e := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); e != 0 {
		return failed("", "landlock_restrict_self", e)
	}
	return nil
}

// allow adds what the worker may read, and where it may write.
func (p *stagePlan) allow(fd int, write uint64) error {
	const read = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	for _, path := range p.Roots {
		if err := p.let(fd, path, read); err != nil {
			return err
		}
	}
	for _, path := range append([]string{"/dev/null", "/dev/urandom", "/proc"}, p.Files...) {
		if err := p.let(fd, path, unix.LANDLOCK_ACCESS_FS_READ_FILE|unix.LANDLOCK_ACCESS_FS_WRITE_FILE); err != nil {
			return err
		}
	}
	return p.let(fd, p.temp(), write&^unix.LANDLOCK_ACCESS_FS_EXECUTE)
}

// let allows something beneath a path, if it is there.
func (p *stagePlan) let(ruleset int, path string, rights uint64) error {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err == unix.ENOENT {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	defer func() { _ = unix.Close(fd) }() // the rule has it
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if strings.HasPrefix(path, "/etc") || path == "/proc" || path == "/dev/urandom" {
		rights &^= unix.LANDLOCK_ACCESS_FS_WRITE_FILE
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}
	if _, _, e := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(ruleset), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0); e != 0 { //nolint:gosec // for the kernel
		return fmt.Errorf("%s: %w", path, e)
	}
	return nil
}

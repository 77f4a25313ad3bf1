package sandbox

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/seccomp"
)

// The kernel of gVisor has no Landlock, and tells nobody of the calls that a filter has
// caught: there the filter ends the worker, and the log says the number of the call.

// debugLog is what the kernel of gVisor says of itself, of which one line is kept. It
// goes through a pipe, because nobody knows how much a worker can make it say.
type debugLog struct {
	pipe *os.File
	done sync.WaitGroup
	call atomic.Int64 // the number of the call that ended the worker, and 1; 0 if none did
}

// killedRE is the line of pkg/sentry/kernel/task_syscall.go.
var killedRE = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`Syscall (\d{1,9}): killed by seccomp`) })

// listenDebug makes the pipe, and reads it until it is closed.
func listenDebug(name string) (*debugLog, error) {
	if err := unix.Mkfifo(name, 0o600); err != nil {
		return nil, err
	}
	// With a writer of its own there is no end before it is closed.
	fd, err := unix.Open(name, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	l := &debugLog{pipe: os.NewFile(uintptr(fd), name)}
	l.done.Go(func() {
		lines := bufio.NewReaderSize(l.pipe, 1<<16)
		for {
			line, err := lines.ReadSlice('\n') // of a longer one, pieces
			if m := killedRE().FindSubmatch(line); m != nil {
				n, _ := strconv.ParseInt(string(m[1]), 10, 64) // it has nine digits at most
				l.call.Store(n + 1)
			}
			if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
				return
			}
		}
	})
	return l, nil
}

// killer is the name of the call that ended the worker, as far as it is known in time.
func (l *debugLog) killer() string {
	for range 100 {
		if n := l.call.Load(); n > 0 {
			return seccomp.ArchOf(runtime.GOARCH).Call(int32(n - 1))
		}
		time.Sleep(10 * time.Millisecond) // what was said last may be on its way
	}
	return "a system call that gVisor does not name"
}

func (l *debugLog) close() {
	if l != nil {
		_ = l.pipe.Close() // it was only read
		l.done.Wait()
	}
}

// bundle is a container as the OCI runtime specification 1.2 describes it, with the
// parts that are used.
type bundle struct {
	Version string        `json:"ociVersion"`
	Process bundleProcess `json:"process"`
	Root    struct {
		Path     string `json:"path"`
		ReadOnly bool   `json:"readonly"`
	} `json:"root"`
	Hostname string        `json:"hostname"`
	Mounts   []bundleMount `json:"mounts"`
	Linux    struct {
		Namespaces []map[string]string `json:"namespaces"`
	} `json:"linux"`
}

type bundleProcess struct {
	User struct {
		UID int `json:"uid"`
		GID int `json:"gid"`
	} `json:"user"`
	Args            []string      `json:"args"`
	Env             []string      `json:"env"`
	Cwd             string        `json:"cwd"`
	Capabilities    struct{}      `json:"capabilities"`
	NoNewPrivileges bool          `json:"noNewPrivileges"`
	Rlimits         []bundleLimit `json:"rlimits"`
}

type bundleMount struct {
	Destination string   `json:"destination"`
	Type        string   `json:"type"`
	Source      string   `json:"source"`
	Options     []string `json:"options"`
}

type bundleLimit struct {
	Type string `json:"type"`
	Hard uint64 `json:"hard"`
	Soft uint64 `json:"soft"`
}

// mapped is what a Python with torch maps beside its data, at most: gVisor bounds both
// together. Before it gets a checkpoint, the worker lowers that to what it really has.
const mapped = 32 << 30

// newBundle describes a worker.
func newBundle(v *view, uid int, lim Limits) *bundle {
	b := &bundle{Version: "1.2.0", Hostname: hostname}
	b.Root.Path, b.Root.ReadOnly = "rootfs", true
	b.Process = bundleProcess{Args: interpreter(v.python, program), Env: environment("/tmp", v.path), Cwd: "/", NoNewPrivileges: true}
	b.Process.User.UID, b.Process.User.GID = uid, uid
	for _, r := range lim.kernel() {
		b.Process.Rlimits = append(b.Process.Rlimits, bundleLimit{r.name, r.n, r.n})
	}
	b.Process.Rlimits = append(b.Process.Rlimits, bundleLimit{"RLIMIT_AS", uint64(lim.Memory) + mapped, uint64(lim.Memory) + mapped})
	b.Mounts = []bundleMount{
		{"/proc", "proc", "proc", nil},
		{"/tmp", "tmpfs", "tmpfs", []string{"size=4m", "noexec", "nosuid", "nodev"}},
		{"/dev", "tmpfs", "tmpfs", nil},
	}
	for _, path := range append(append([]string{}, v.roots...), v.files...) {
		if info, err := os.Lstat(path); err == nil && info.Mode()&os.ModeSymlink == 0 {
			b.Mounts = append(b.Mounts, bundleMount{path, "bind", path, []string{"rbind", "ro", "nosuid", "nodev"}})
		}
	}
	for _, ns := range []string{"pid", "mount", "ipc", "uts", "network"} {
		b.Linux.Namespaces = append(b.Linux.Namespaces, map[string]string{"type": ns})
	}
	return b
}

// write puts the bundle in a folder.
func (b *bundle) write(dir string, v *view) error {
	root := filepath.Join(dir, b.Root.Path)
	if err := os.Mkdir(root, seen); err != nil {
		return err
	}
	for _, path := range v.roots {
		to, err := os.Readlink(path)
		if err != nil {
			continue // it is mounted
		}
		if err := os.MkdirAll(filepath.Join(root, filepath.Dir(path)), seen); err != nil {
			return err
		}
		if err := os.Symlink(to, filepath.Join(root, path)); err != nil {
			return err
		}
	}
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), text, 0o600)
}

// runsc is the command that starts a worker in gVisor. Its folder is the worker's.
func (w *worker) runsc(v *view, lim Limits) error {
	path, err := exec.LookPath(v.runsc)
	if err != nil {
		return &layerError{GVisor, fmt.Sprintf("runsc %q is not there: %v", v.runsc, errors.Unwrap(err))}
	}
	if path, err = filepath.Abs(path); err != nil {
		return err
	}
	if w.temp, err = os.MkdirTemp("", "andiron-"); err == nil {
		w.temp, err = filepath.Abs(w.temp) // runsc takes no other, and does not say so
	}
	if err != nil {
		return err
	}
	if err := newBundle(v, w.slot.uid, lim).write(w.temp, v); err != nil {
		return fmt.Errorf("the bundle for gVisor: %w", err)
	}
	if w.debug, err = listenDebug(filepath.Join(w.temp, "log.boot")); err != nil {
		return fmt.Errorf("the log of gVisor: %w", err)
	}
	args := []string{
		"--root", filepath.Join(w.temp, "state"), "--platform", "systrap", "--network", "none",
		"--ignore-cgroups", "--overlay2", "none", "--host-uds", "none", "--gofer-network-namespace", "new",
		"--debug", "--debug-log", filepath.Join(w.temp, "log.%COMMAND%"),
	}
	if os.Geteuid() != 0 {
		args = append(args, "--rootless")
	}
	w.cmd.Path, w.cmd.Args = path, append(append([]string{path}, args...), "run", "-bundle", w.temp, "-pass-fd", fmt.Sprintf("%d:%d", fdControl, fdControl), "worker")
	return nil
}

package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// The kernel of gVisor has no Landlock, and tells nobody of the calls that a filter has
// caught: there the filter ends the worker, and the name of the call is not known.

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
	args := []string{
		"--root", filepath.Join(w.temp, "state"), "--platform", "systrap", "--network", "none",
		"--ignore-cgroups", "--overlay2", "none", "--host-uds", "none", "--gofer-network-namespace", "new",
	}
	if os.Geteuid() != 0 {
		args = append(args, "--rootless")
	}
	w.cmd.Path, w.cmd.Args = path, append(append([]string{path}, args...), "run", "-bundle", w.temp, "-pass-fd", fmt.Sprintf("%d:%d", fdControl, fdControl), "worker")
	return nil
}

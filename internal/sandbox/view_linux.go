package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// view is what a worker sees and what holds it.
type view struct {
	python string
	path   []string // where more modules lie
	runsc  string   // of gVisor, if that is to hold it
	roots  []string // folders, to be read only
	files  []string // of the system, likewise
	layers []Layer
}

// ask has the interpreter say which program it is, and where its parts are. That is the
// user's own Python.
const ask = `import sys, json
print(json.dumps([sys.executable, sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path]))`

// look finds out what an interpreter needs to see.
func look(ctx context.Context, o *Options) (*view, error) {
	python := o.Python
	path, err := exec.LookPath(python)
	if err != nil {
		return nil, fmt.Errorf("python %q is not there: %w", python, errors.Unwrap(err))
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-I", "-B", "-c", ask) //nolint:gosec // the Python that the user names
	var out, text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &text
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("python %q does not start: %w: %s", python, err, lastLine(text.String()))
	}
	var paths []string
	if err := json.Unmarshal(out.Bytes(), &paths); err != nil {
		return nil, fmt.Errorf("python %q says what no Python says: %w", python, err)
	}
	// A script of pyenv or its like only chooses one, and needs more for that than the
	// Python does. Any other script stays: what it starts Python with may be needed.
	if filepath.Base(filepath.Dir(path)) == "shims" && len(paths) > 0 && isProgram(paths[0]) {
		path = paths[0]
	}
	for _, dir := range o.Path {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return nil, fmt.Errorf("%s, where modules should lie, is no folder", dir)
		}
	}
	v := &view{python: path, path: o.Path, files: []string{"/etc/ld.so.cache", "/etc/localtime"}}
	paths = append(paths, o.Path...)
	all := append(paths, "/usr", "/lib", "/lib64", "/etc/alternatives", filepath.Dir(path)) //nolint:gocritic // a new list
	if to, err := filepath.EvalSymlinks(path); err == nil {
		all = append(all, filepath.Dir(to))
	}
	v.roots = folders(all)
	return v, nil
}

// isProgram reports whether a path is that of a file that can be run.
func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && filepath.IsAbs(path) && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}

// folders are those of a list that are there, without those inside of others.
func folders(all []string) (out []string) {
	slices.Sort(all)
	for _, p := range all {
		info, err := os.Stat(p)
		if err != nil || !info.IsDir() || p == "/" || !filepath.IsAbs(p) {
			continue
		}
		if slices.ContainsFunc(out, func(o string) bool { return within(p, o) }) {
			continue
		}
		out = append(out, p)
	}
	return out
}

// makeTemp makes the folder that a worker may write to, where it has no file system of
// its own.
func (v *view) makeTemp(uid int) (dir string, err error) {
	if v.has(Namespaces) {
		return "", nil
	}
	if dir, err = os.MkdirTemp("", "andiron-"); err == nil && uid != 0 {
		err = os.Chown(dir, uid, uid)
	}
	return dir, err
}

// attributes are how the process begins, which becomes a user of the host, or stays its
// own if that is 0.
func (v *view) attributes(uid int) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if !v.has(Namespaces) {
		return a
	}
	a.Cloneflags = unix.CLONE_NEWUSER | unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWCGROUP
	a.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
	a.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	if uid != 0 {
		a.UidMappings = append(a.UidMappings, syscall.SysProcIDMap{ContainerID: 1, HostID: uid, Size: 1})
		a.GidMappings = append(a.GidMappings, syscall.SysProcIDMap{ContainerID: 1, HostID: uid, Size: 1})
		a.GidMappingsEnableSetgroups = true // to be without the groups of root
	}
	return a
}

// intoGroup are errors of starting a process in a control group; what else the kernel can
// have against a worker are its namespaces.
var intoGroup = []error{unix.EACCES, unix.EBUSY, unix.EOPNOTSUPP, unix.ENODEV, unix.ENOSYS}

// blame is the layer because of which a process could not be started.
func (v *view) blame(err error) Layer {
	is := func(e error) bool { return errors.Is(err, e) }
	switch {
	case err == nil:
		return ""
	case v.has(Cgroup) && slices.ContainsFunc(intoGroup, is):
		return Cgroup
	case v.has(GVisor):
		return GVisor
	case v.has(Namespaces):
		return Namespaces
	}
	return ""
}

package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/seccomp"
	"github.com/andiron-dev/andiron/internal/unotify"
)

// Where a layer cannot be had, the reason and what helps are said, and whoever needs it is
// refused. Each case makes a process whose kernel is poorer, and begins a worker in that.
// The worker is a shell that says that it is ready. That what is left holds is in
// TestPoorMachines.

const shell = `#!/usr/bin/sh
case "$4" in
*sys.base_prefix*) echo '["/usr"]' ;;
*) printf '{"ready": {"torch": "none", "python": "none"}}' >&3; exec sleep 60 ;;
esac
`

// degraded is what came of beginning a worker.
type degraded struct {
	Layers  []Layer
	Missing map[Layer]string
	Err     string
	Refused bool // for want of a layer
}

const newNamespaces = 0x7e020000 // CLONE_NEWNS, CGROUP, UTS, IPC, USER, PID, NET

func refuse(n uint16, calls ...string) (all []seccomp.Rule) {
	for _, c := range calls {
		all = append(all, seccomp.Rule{Call: c, Do: seccomp.Errno(n)})
	}
	return all
}

// container is what the profile of Docker refuses of what we use.
func container() []seccomp.Rule {
	rules := refuse(uint16(unix.ENOSYS), "clone3")
	for bit := uint64(1); bit < 1<<32; bit <<= 1 {
		if newNamespaces&bit != 0 {
			rules = append(rules, seccomp.Rule{Call: "clone", When: []seccomp.Cond{seccomp.With(0, bit)}, Do: seccomp.Errno(uint16(unix.EPERM))})
		}
	}
	return append(rules, refuse(uint16(unix.EPERM), "unshare", "setns", "mount", "umount2", "pivot_root", "open_tree", "move_mount", "mount_setattr", "fsopen", "ptrace", "keyctl", "bpf")...)
}

// poorer are kernels that lack something.
var poorer = map[string]struct {
	rules []seccomp.Rule // of a filter in front of everything
	user  bool           // in a user namespace
	setup func(dir string) error
	need  []Layer
	files int

	layers  []Layer // that are left
	missing Layer
	why     string // why that one is missing
	refused bool
	broken  string // what the error says that is about no layer
}{
	"as it is":           {layers: []Layer{Namespaces, Landlock, Seccomp}},
	"no user namespaces": {user: true, setup: noUserNamespaces, layers: []Layer{Landlock, Seccomp}, missing: Namespaces, why: "no space left"},
	"a changed root":     {user: true, setup: changedRoot, layers: []Layer{Landlock, Seccomp}, missing: Namespaces, why: "operation not permitted"},
	"a container":        {rules: container(), layers: []Layer{Landlock, Seccomp}, missing: Namespaces, why: "operation not permitted"},
	"an old container":   {rules: append(container(), refuse(uint16(unix.EPERM), "landlock_create_ruleset")...), refused: true, missing: Landlock, why: "operation not permitted"},
	"the filter alone":   {rules: append(container(), refuse(uint16(unix.EPERM), "landlock_create_ruleset")...), need: []Layer{Seccomp}, layers: []Layer{Seccomp}, missing: Landlock, why: "operation not permitted"},
	"needs namespaces":   {rules: container(), need: []Layer{Seccomp, Namespaces}, refused: true, missing: Namespaces, why: "operation not permitted"},
	"needs Landlock":     {rules: refuse(uint16(unix.ENOSYS), "landlock_create_ruleset"), need: []Layer{Landlock}, refused: true, missing: Landlock, why: "this kernel has none"},
	"no other root":      {user: true, layers: []Layer{Namespaces, Landlock, Seccomp}},
	"few files":          {files: 12, layers: []Layer{Namespaces, Landlock, Seccomp}},
	"too few files":      {files: 4, layers: nil, broken: "too many open files"},
}

func noUserNamespaces(string) error {
	return os.WriteFile("/proc/sys/user/max_user_namespaces", []byte("0"), 0)
}

// changedRoot is as after chroot, where the kernel gives no user namespace.
func changedRoot(dir string) error {
	root := filepath.Join(dir, "root")
	return errors.Join(os.Mkdir(root, 0o755), unix.Mount("/", root, "", unix.MS_BIND|unix.MS_REC, ""), unix.Chroot(root), unix.Chdir("/"))
}

func TestDegraded(t *testing.T) {
	here := inPoorer(t, "as it is").Layers
	for _, l := range []Layer{Seccomp, Landlock, Namespaces, Cgroup} {
		if mustHave(l) && !slices.Contains(here, l) {
			t.Errorf("%s is not there", l)
		}
	}
	for name, c := range poorer {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.broken != "" && !slices.Contains(here, Landlock) {
				return // nothing is opened that is too much
			}
			got := inPoorer(t, name)
			want := slices.DeleteFunc(slices.Clone(c.layers), func(l Layer) bool { return !slices.Contains(here, l) })
			layers := slices.DeleteFunc(got.Layers, func(l Layer) bool { return l == Cgroup })
			if !slices.Equal(layers, want) || got.Refused != c.refused || got.Err != "" && !c.refused && (c.broken == "" || !strings.Contains(got.Err, c.broken)) {
				t.Errorf("%+v", got)
			}
			if slices.Contains(here, c.missing) && !strings.Contains(got.Missing[c.missing], c.why) {
				t.Errorf("%s is missing because of %q, not %q", c.missing, got.Missing[c.missing], c.why)
			}
			if why := got.Missing[c.missing]; why != "" && remedy(c.missing, why) == "" {
				t.Errorf("nothing helps against %q", why)
			}
			if c.refused && slices.Contains(here, c.missing) && !strings.Contains(got.Err, c.why) {
				t.Errorf("%q does not say %q", got.Err, c.why)
			}
		})
	}
}

// inPoorer runs TestDegradedChild in a process of its own.
func inPoorer(t *testing.T, name string) (got degraded) {
	t.Helper()
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) { // a worker of root is another user
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "python"), []byte(shell), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/proc/self/exe", "-test.run", "^TestDegradedChild$", "-test.v")
	cmd.Env = append(os.Environ(), "ANDIRON_POORER="+name, "ANDIRON_POORER_DIR="+dir)
	if poorer[name].user {
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
			UidMappings: []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}, GidMappings: []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}},
		}
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(dir, "result"))
	if err == nil {
		err = json.NewDecoder(bytes.NewReader(b)).Decode(&got)
	}
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestDegradedChild begins a worker in a process that is poorer. By itself it does nothing.
func TestDegradedChild(t *testing.T) {
	name, dir := os.Getenv("ANDIRON_POORER"), os.Getenv("ANDIRON_POORER_DIR")
	c, ok := poorer[name]
	if !ok {
		return
	}
	result, err := os.Create(filepath.Join(dir, "result"))
	if err != nil {
		t.Fatal(err)
	}
	if err := outer(c.rules); err != nil {
		t.Fatal(err)
	}
	if c.setup != nil {
		if err := c.setup(dir); err != nil {
			t.Fatal(err)
		}
	}
	r := &Report{Missing: map[Layer]string{}}
	o := &Options{Python: filepath.Join(dir, "python"), Need: c.need, Limits: Limits{Files: c.files}}
	v, err := look(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	w, err := begin(t.Context(), o, v, o.Limits.Filled(0), r)
	got := degraded{Layers: r.Layers, Missing: r.Missing, Refused: errors.Is(err, ErrMissing)}
	if err != nil {
		got.Err = err.Error()
	} else {
		w.kill()
	}
	if err := errors.Join(json.NewEncoder(result).Encode(got), result.Close()); err != nil {
		t.Fatal(err)
	}
}

// outer puts a filter in force for all threads.
func outer(rules []seccomp.Rule) error {
	if rules == nil {
		return nil
	}
	p, err := (&seccomp.Filter{Arch: seccomp.ArchOf(runtime.GOARCH), Rules: rules, Else: seccomp.Allow}).Compile()
	if err != nil {
		return err
	}
	b := p.Bytes()
	prog := unix.SockFprog{Len: uint16(len(b) / 8), Filter: (*unix.SockFilter)(unsafe.Pointer(&b[0]))}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	const all = 1 // SECCOMP_FILTER_FLAG_TSYNC
	if _, _, e := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, all, uintptr(unsafe.Pointer(&prog))); e != 0 {
		return e
	}
	return nil
}

// What a version of Landlock cannot hold is not asked of it.
func TestLandlockVersions(t *testing.T) {
	for abi, want := range []unix.LandlockRulesetAttr{
		1: {Handled_access_fs: 1<<13 - 1},
		2: {Handled_access_fs: 1<<14 - 1},
		3: {Handled_access_fs: 1<<15 - 1},
		4: {Handled_access_fs: 1<<15 - 1, Handled_access_net: 3},
		5: {Handled_access_fs: 1<<16 - 1, Handled_access_net: 3},
		6: {Handled_access_fs: 1<<16 - 1, Handled_access_net: 3, Scoped: 3},
		9: {Handled_access_fs: 1<<16 - 1, Handled_access_net: 3, Scoped: 3},
	} {
		if got := landlockRights(abi); want.Handled_access_fs != 0 && got != want {
			t.Errorf("version %d: %+v, not %+v", abi, got, want)
		}
	}
}

// Where Yama forbids to read memory of others, a call is known without its path.
func TestYama(t *testing.T) {
	n, ok := seccomp.ArchOf(runtime.GOARCH).Number("openat")
	if !ok {
		t.Fatal("there is no openat")
	}
	call, looked := describe(&unotify.Call{PID: 1 << 30, NR: n, Args: [6]uint64{3, 0x1000}})
	if call != "openat(0x3, 0x1000, O_RDONLY)" || looked != "" {
		t.Errorf("%q, %q", call, looked)
	}
}

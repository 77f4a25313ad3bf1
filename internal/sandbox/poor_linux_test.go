package sandbox_test

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/sandbox"
	"github.com/andiron-dev/andiron/internal/seccomp"
	"github.com/andiron-dev/andiron/internal/testkit/hostile"
)

// poorer names the machine that a test starts itself on.
const poorer = "ANDIRON_OUTER"

// machine is one that lacks something, made by a filter around everything.
type machine struct {
	rules   []seccomp.Rule
	lacks   []sandbox.Layer // which are left out
	why     string          // what is said of the first
	neither bool            // it cannot load anything
}

func refuse(n unix.Errno, calls ...string) (rules []seccomp.Rule) {
	for _, c := range calls {
		rules = append(rules, seccomp.Rule{Call: c, Do: seccomp.Errno(uint16(n))})
	}
	return rules
}

func with(n unix.Errno, call string, arg int, bits uint64) []seccomp.Rule {
	return []seccomp.Rule{{Call: call, When: []seccomp.Cond{seccomp.With(arg, bits)}, Do: seccomp.Errno(uint16(n))}}
}

var machines = map[string]machine{
	"user namespaces switched off":   {with(unix.ENOSPC, "clone", 0, unix.CLONE_NEWUSER), []sandbox.Layer{sandbox.Namespaces}, "no space left", false},
	"user namespaces not allowed":    {with(unix.EPERM, "clone", 0, unix.CLONE_NEWUSER), []sandbox.Layer{sandbox.Namespaces}, "not permitted", false},
	"no capabilities in a namespace": {refuse(unix.EACCES, "mount"), []sandbox.Layer{sandbox.Namespaces}, "permission denied", false},
	"no new calls of mount":          {refuse(unix.ENOSYS, "open_tree", "mount_setattr"), []sandbox.Layer{sandbox.Namespaces}, unix.ENOSYS.Error(), false},
	"no Landlock":                    {refuse(unix.ENOSYS, "landlock_create_ruleset"), []sandbox.Layer{sandbox.Landlock}, "none", false},
	"Landlock switched off":          {refuse(unix.EOPNOTSUPP, "landlock_create_ruleset"), []sandbox.Layer{sandbox.Landlock}, "switched off", false},
	"neither of them":                {append(refuse(unix.ENOSYS, "landlock_create_ruleset"), refuse(unix.EPERM, "unshare", "mount")...), []sandbox.Layer{sandbox.Namespaces, sandbox.Landlock}, "not permitted", false},
	"memory that is always runnable": {with(unix.EINVAL, "memfd_create", 1, unix.MFD_NOEXEC_SEAL), nil, "", false},
	"no filters":                     {refuse(unix.ENOSYS, "seccomp"), nil, "", true},
	"a container": {slices.Concat(with(unix.EPERM, "clone", 0, unix.CLONE_NEWUSER), refuse(unix.ENOSYS, "clone3"), refuse(unix.EPERM,
		"unshare", "setns", "mount", "umount2", "pivot_root", "move_mount", "open_tree", "fsopen", "mount_setattr", "keyctl", "add_key", "request_key",
		"bpf", "perf_event_open", "userfaultfd", "kexec_load", "finit_module", "init_module", "quotactl", "reboot", "swapon", "acct", "syslog", "sethostname",
		"clock_settime", "open_by_handle_at", "io_uring_setup", "io_uring_enter", "io_uring_register", "personality", "move_pages", "kcmp",
	)), []sandbox.Layer{sandbox.Namespaces}, "not permitted", false},
}

// confine puts the filter of a machine around this process.
func confine(name string) {
	f := &seccomp.Filter{Arch: seccomp.ArchOf(runtime.GOARCH), Rules: machines[name].rules, Else: seccomp.Allow}
	p, err := f.Compile()
	if err != nil {
		panic(err)
	}
	b := p.Bytes()
	runtime.LockOSThread() // the thread that gives its privileges up is the one that asks
	defer runtime.UnlockOSThread()
	prog := unix.SockFprog{Len: uint16(len(p)), Filter: (*unix.SockFilter)(unsafe.Pointer(&b[0]))}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		panic(err)
	}
	if _, _, e := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&prog))); e != 0 {
		panic(e)
	}
}

// again runs this test on another machine.
func again(t *testing.T, name string) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.v", "-test.run", "^"+strings.Split(t.Name(), "/")[0]+"$")
	cmd.Env = append(os.Environ(), poorer+"="+name)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

// D1, D2, D5, D6 and D7: what a machine lacks is named and left out, what is needed is
// not, and what is left holds.
func TestPoorMachines(t *testing.T) {
	name := os.Getenv(poorer)
	if name == "" {
		for name := range machines {
			t.Run(name, func(t *testing.T) { again(t, name) })
		}
		return
	}
	m := machines[name]
	f := newField(t)
	load := func(attack string, need ...sandbox.Layer) (*sandbox.Report, error) {
		p := f.plot(t, attack, false)
		file, _ := p.checkpoint(t, attack)
		rep, err := attempt(t, file, sandbox.Options{Python: p.python, Need: need, Without: []sandbox.Layer{sandbox.Cgroup}, Limits: limits})
		if found := p.traces(t); len(found) > 0 {
			t.Errorf("%s: %q", attack, found)
		}
		return rep, err
	}
	rep, err := load(good)
	if m.neither {
		if err == nil {
			t.Errorf("it was loaded with %v", rep.Layers)
		}
		return
	}
	if err != nil || len(rep.Layers) != 3-len(m.lacks) || len(rep.Missing) != len(m.lacks) {
		t.Errorf("%v, %+v", err, rep)
	}
	for i, l := range m.lacks {
		if slices.Contains(rep.Layers, l) || i == 0 && !strings.Contains(rep.Missing[l], m.why) {
			t.Errorf("%s: %+v", l, rep)
		}
		if rep, err := load(good, l); !errors.Is(err, sandbox.ErrMissing) || !strings.Contains(err.Error(), string(l)) || rep.Ran > 0 {
			t.Errorf("%s is needed, and not there: %v", l, err)
		}
	}
	for _, attack := range []string{"read a file", "write a file", "TCP", "abstract socket", "fork", "become a program", "rename", "memory"} {
		i := slices.IndexFunc(hostile.Attacks, func(a hostile.Attack) bool { return a.Name == attack })
		rep, err := load(attack)
		judge(t, hostile.Attacks[i].Seen, rep, err)
	}
	if f.hits.Load() > 0 {
		t.Error("there were connections")
	}
}

// A filter that answers with an error hides the call from the one behind it: what a
// container refuses does nothing, and is not written down. So andiron puts in force no
// filter but the last one.
func TestPitfall01ErrorsHideCalls(t *testing.T) {
	if os.Getenv(poorer) == "" {
		again(t, "a container")
	}
	p := newField(t).plot(t, "keys", false)
	file, _ := p.checkpoint(t, "keys")
	rep, err := attempt(t, file, sandbox.Options{Python: p.python, Limits: limits})
	if os.Getenv(poorer) != "" {
		judge(t, hostile.Limit, rep, err)
		return
	}
	judge(t, "keyctl", rep, err)
}

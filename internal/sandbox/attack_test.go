//go:build sandbox

package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/andiron-dev/andiron/internal/sandbox"
)

// pythons have torch: make sandbox says which.
func pythons(t *testing.T) []string {
	t.Helper()
	list := filepath.SplitList(os.Getenv("ANDIRON_TORCH_PYTHONS"))
	if len(list) == 0 {
		t.Fatal("ANDIRON_TORCH_PYTHONS names no Python with torch: run make sandbox")
	}
	return list
}

// field is where an attack would leave traces.
type field struct {
	dir, marker, secret string
	tcp                 net.Listener
	unix                net.Listener
	hits                atomic.Int64
}

func newField(t *testing.T) *field {
	t.Helper()
	f := &field{dir: t.TempDir()}
	f.marker, f.secret = filepath.Join(f.dir, "marker"), filepath.Join(f.dir, "secret")
	if err := os.WriteFile(f.secret, []byte("secret"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(f.dir, 0o777); err != nil { // so that nothing but the sandbox keeps it out
		t.Fatal(err)
	}
	var err error
	if f.tcp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if f.unix, err = net.Listen("unix", fmt.Sprintf("@andiron-%d-%d", os.Getpid(), time.Now().UnixNano())); err != nil {
		t.Fatal(err)
	}
	for _, l := range []net.Listener{f.tcp, f.unix} {
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				f.hits.Add(1)
				_ = c.Close()
			}
		}()
		t.Cleanup(func() { _ = l.Close() })
	}
	return f
}

// untouched makes sure that there is no trace.
func (f *field) untouched(t *testing.T) {
	t.Helper()
	list, err := os.ReadDir(f.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if e.Name() != "secret" && !strings.HasSuffix(e.Name(), ".pt") {
			t.Errorf("%s was made", e.Name())
		}
	}
	if b, err := os.ReadFile(f.secret); err != nil || string(b) != "secret" {
		t.Errorf("the secret is %q, %v", b, err)
	}
	if n := f.hits.Load(); n > 0 {
		t.Errorf("%d connections came", n)
	}
}

// attack is code that a checkpoint runs while it is loaded.
type attack struct {
	name string
	code string // MARKER, SECRET, PORT, ABSTRACT stand for what is to be reached
	want string // the call that is seen; "failed", "stopped" or "nothing" where none is
}

const (
	seen    = "os = __import__('sys').modules['os']; sys = __import__('sys'); main = sys.modules['__main__']; libc, ctypes, socket = main.libc, main.ctypes, main.socket\n"
	syscall = "def call(n, *a):\n  libc.syscall(n, *[ctypes.c_ulong(x) for x in a])\n"
)

// attacks are for amd64, whose numbers they have.
var attacks = []attack{
	// Files.
	{"read a file", "open('SECRET').read()", "openat"},
	{"read /etc/passwd", "open('/etc/passwd').read()", "openat"},
	{"write a file", "open('MARKER', 'w').write('x')", "openat"},
	{"write to home", "open(os.path.expanduser('~/marker'), 'w')", "openat"},
	{"write to the checkpoint", "os.write(10, b'evil')", "write"},
	{"write into the checkpoint", "os.pwrite(10, b'evil', 0)", "pwrite64"},
	{"cut the checkpoint", "os.ftruncate(10, 0)", "ftruncate"},
	{"make room in the checkpoint", "call(285, 10, 0, 0, 1 << 20)", "fallocate"},
	{"map the checkpoint for writing", "call(9, 0, 4096, 3, 1, 10, 0)", "mmap"},
	{"open the checkpoint again", "os.open('/proc/self/fd/10', os.O_RDWR)", "openat"},
	{"environment of others", "open('/proc/1/environ', 'rb').read()", "openat"},
	{"memory of the parent", "open('/proc/%d/mem' % os.getppid(), 'rb')", "getppid"},
	{"symbolic link", "os.symlink('/etc/passwd', 'MARKER')", "symlink"},
	{"hard link", "os.link('SECRET', 'MARKER')", "link"},
	{"rename", "os.rename('SECRET', 'MARKER')", "rename"},
	{"remove", "os.unlink('SECRET')", "unlink"},
	{"folder", "os.mkdir('MARKER')", "mkdir"},
	{"mode", "os.chmod('SECRET', 0o777)", "chmod"},
	{"times", "os.utime('SECRET')", "utimensat"},
	{"openat2", "call(437, -100 & (1 << 64) - 1, 0, 0, 0)", "openat2"},
	{"handle", "call(303, 0, 0, 0, 0, 0)", "name_to_handle_at"},
	{"open by handle", "call(304, 0, 0, 0)", "open_by_handle_at"},
	{"mount", "call(165, 0, 0, 0, 0, 0)", "mount"},
	{"move a mount", "call(429, 0, 0, 0, 0, 0)", "move_mount"},
	{"unmount", "call(166, 0, 2)", "umount2"},
	{"pivot", "call(155, 0, 0)", "pivot_root"},
	{"chroot", "os.chroot('/')", "chroot"},
	{"change folder", "os.chdir('/')", "chdir"},
	{"anonymous file", "os.memfd_create('x')", "memfd_create"},
	{"device", "call(133, 0, 0o20644, 0x0103)", "mknod"},
	{"look whether a file is there", "os.stat('SECRET')", ""},
	{"list a folder", "os.listdir('/')", "openat"},
	{"watch", "call(294, 0)", "inotify_init1"},
	{"copy between files", "call(326, 10, 0, 2, 0, 10, 0)", "copy_file_range"},
	{"send a file", "call(40, 3, 10, 0, 10)", "sendfile"},
	{"splice", "call(275, 10, 0, 3, 0, 10, 0)", "splice"},
	// Network.
	{"TCP", "s = socket.socket(); s.connect(('127.0.0.1', PORT))", "socket"},
	{"TCP 6", "socket.socket(socket.AF_INET6)", "socket"},
	{"UDP", "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 53))", "socket"},
	{"raw", "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)", "socket"},
	{"netlink", "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)", "socket"},
	{"vsock", "socket.socket(40, socket.SOCK_STREAM)", "socket"},
	{"abstract socket", "socket.socket(socket.AF_UNIX).connect('\\0ABSTRACT')", "socket"},
	{"pair of sockets", "socket.socketpair()", "socketpair"},
	{"connect what is there", "call(42, 3, 0, 0)", "connect"},
	{"listen on what is there", "call(50, 3, 1)", "listen"},
	{"io_uring", "call(425, 8, 0)", "io_uring_setup"},
	// Processes.
	{"shell", "os.system('echo x > MARKER')", "clone3"},
	{"fork", "os.fork()", "clone"},
	{"vfork", "call(58)", "vfork"},
	{"thread", "__import__('_thread').start_new_thread(print, ())", "clone3"},
	{"exec", "os.execv('/bin/sh', ['sh', '-c', 'echo x > MARKER'])", "execve"},
	{"exec of memory", "call(322, 10, 0, 0, 0, 0x1000)", "execveat"},
	{"trace", "call(101, 16, os.getpid(), 0, 0)", "ptrace"},
	{"memory of others", "call(310, 1, 0, 0, 0, 0, 0)", "process_vm_readv"},
	{"write to memory of others", "call(311, 1, 0, 0, 0, 0, 0)", "process_vm_writev"},
	{"descriptors of others", "call(434, 1, 0)", "pidfd_open"},
	{"kill", "os.kill(-1, 9)", "kill"},
	{"kill by thread", "call(234, 1, 1, 9)", "tgkill"},
	{"namespace", "call(272, 0x10000000)", "unshare"},
	{"other namespace", "call(308, 3, 0)", "setns"},
	{"user", "os.setuid(0)", "setuid"},
	{"capabilities", "call(126, 0, 0)", "capset"},
	{"undo", "call(157, 28, 0, 0, 0, 0)", "prctl"},
	{"limits", "call(302, 0, 7, id(main) & ~7, 0)", "prlimit64"},
	{"session", "os.setsid()", "setsid"},
	{"terminal", "call(16, 0, 0x5412, 0)", "ioctl"},
	{"ignore signals and sleep", "[__import__('_signal').signal(s, __import__('_signal').SIG_IGN) for s in (1, 2, 15)]\ncall(230, 0, 0, 0, 0)", "clock_nanosleep"},
	// The filter.
	{"x32", "call(0x40000000 | 39)", "stopped"},
	{"allow everything", "call(317, 1, 0, 0)", "seccomp"},
	{"answer oneself", "[call(16, fd, 0xc0182101, id(main)) for fd in range(3, 20)]", "ioctl"},
	{"executable memory", "call(9, 0, 4096, 7, 0x22, -1 & (1 << 64) - 1, 0)", "mmap"},
	{"make memory executable", "m = ctypes.create_string_buffer(8192)\ncall(10, ctypes.addressof(m) & ~4095, 4096, 7)", "mprotect"},
	{"executable by key", "call(329, 0, 4096, 7, -1 & (1 << 64) - 1)", "pkey_mprotect"},
	{"personality", "call(135, 0x0400000)", "personality"},
	{"futex of another kind", "call(202, id(main), 6, 0, 0, 0, 0)", "futex"},
	{"keys", "call(250, 0, 0, 0, 0, 0)", "keyctl"},
	{"bpf", "call(321, 0, 0, 0)", "bpf"},
	{"perf", "call(298, 0, 0, 0, 0, 0)", "perf_event_open"},
	{"userfaultfd", "call(323, 0)", "userfaultfd"},
	{"kernel", "call(246, 0, 0, 0, 0)", "kexec_load"},
	{"module", "call(313, 0, 0, 0)", "finit_module"},
	{"host name", "call(170, id(main), 4)", "sethostname"},
	{"clock", "call(227, 0, 0)", "clock_settime"},
	{"reboot", "call(169, 0, 0, 0, 0)", "reboot"},
	// Resources.
	{"memory", "x = [bytearray(1 << 26) for _ in range(1000)]", "failed"},
	{"shared memory", "call(9, 0, 1 << 40, 3, 0x21, -1 & (1 << 64) - 1, 0)", "mmap"},
	{"result without end", "while os.write(11, b'x' * (1 << 20)): pass", "failed"},
	{"busy", "while True: pass", "stopped"},
	{"standard error without end", "for _ in range(1000): os.write(2, b'x' * (1 << 16))\nraise ValueError", "failed"},
	{"calls without end", "while True:\n  try: os.mkdir('MARKER')\n  except OSError: pass", "mkdir"},
	{"crash", "ctypes.string_at(0)", "stopped"},
	{"end", "os._exit(0)", "stopped"},
	{"deep", "def f(): f()\nf()", "failed"},
	// The result and the protocol.
	{"a forged end", "os.write(3, b'{\"done\": {\"weights_only\": true, \"type\": \"x\"}}'); os._exit(0)", "stopped"},
	{"an end that nobody understands", "os.write(3, b'\\xff' * 1000)", "stopped"},
	{"a second ready", "os.write(3, b'{\"ready\": {\"torch\": \"x\", \"python\": \"y\"}}')", "stopped"},
	{"an unknown word", "os.write(3, b'{\"other\": 1}')", "stopped"},
	{"a forged result that is none", "os.write(11, b'\\xff' * 100); os.write(3, b'{\"done\": {\"weights_only\": true, \"type\": \"x\"}}'); os._exit(0)", "stopped"},
	{"a header that is too long", "os.write(11, (1 << 62).to_bytes(8, 'little')); os.write(3, b'{\"done\": {\"weights_only\": true, \"type\": \"x\"}}'); os._exit(0)", "stopped"},
	{"sealed first", "call(72, 11, 1033, 1)", "fcntl"},
	{"a worker that was changed", "main.Output.emit = lambda *a: None", "stopped"},
	{"descriptors sent along", "socket.socket(fileno=3).sendmsg([b'{\"done\": {\"weights_only\": true, \"type\": \"x\"}}'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, __import__('array').array('i', [10]))])", "getsockname"},
	{"descriptors sent along, by number", "class V(ctypes.Structure): _fields_ = [('p', ctypes.c_void_p), ('n', ctypes.c_size_t)]\nclass M(ctypes.Structure): _fields_ = [('a', ctypes.c_void_p), ('al', ctypes.c_uint), ('v', ctypes.c_void_p), ('vl', ctypes.c_size_t), ('c', ctypes.c_void_p), ('cl', ctypes.c_size_t), ('f', ctypes.c_int)]\nb = b'{\"done\": {\"weights_only\": true, \"type\": \"x\"}}'\nc = ctypes.create_string_buffer((20).to_bytes(8, 'little') + (1).to_bytes(4, 'little') * 2 + (10).to_bytes(8, 'little'))\nk = ctypes.create_string_buffer(b)\nv = V(ctypes.addressof(k), len(b))\nm = M(None, 0, ctypes.addressof(v), 1, ctypes.addressof(c), 24, 0)\ncall(46, 3, ctypes.addressof(m), 0)\nos._exit(0)", "stopped"},
}

// writer has real torch save checkpoints that run code when they are loaded.
const writer = `
import sys, torch
class Run:
    def __init__(self, code): self.code = code
    def __reduce__(self): return (exec, (self.code, {}))
for line in open(sys.argv[1]).read().split("\x00"):
    if line:
        name, code = line.split("\x01")
        torch.save({"weight": torch.zeros(3), "run": Run(code)}, name)
`

func (f *field) code(a attack) string {
	port := f.tcp.Addr().(*net.TCPAddr).Port
	r := strings.NewReplacer("MARKER", f.marker, "SECRET", f.secret, "PORT", fmt.Sprint(port), "ABSTRACT", strings.TrimPrefix(f.unix.Addr().String(), "@"))
	return seen + syscall + r.Replace(a.code)
}

// checkpoints writes one for each attack.
func (f *field) checkpoints(t *testing.T, python string, all []attack) []string {
	t.Helper()
	var list bytes.Buffer
	var names []string
	for i, a := range all {
		names = append(names, filepath.Join(f.dir, fmt.Sprintf("%d.pt", i)))
		fmt.Fprintf(&list, "%s\x01%s\x00", names[i], f.code(a))
	}
	file := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(file, list.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(python, "-c", writer, file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return names
}

func digestOf(t *testing.T, in *sandbox.Input) string {
	t.Helper()
	d, err := in.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func attempt(t *testing.T, name string, o sandbox.Options) (*sandbox.Report, error) {
	t.Helper()
	in, err := sandbox.OpenInput(name)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	before := digestOf(t, in)
	r, rep, err := sandbox.Load(t.Context(), in, o)
	if r != nil {
		_ = r.Close()
	}
	if (r != nil) == (err != nil) {
		t.Errorf("a result %v beside the error %v", r != nil, err)
	}
	again, openErr := sandbox.OpenInput(name)
	if openErr != nil {
		t.Fatal(openErr)
	}
	defer again.Close()
	if digestOf(t, again) != before {
		t.Error("the checkpoint has changed")
	}
	return rep, err
}

var limits = sandbox.Limits{Load: 5 * time.Second, Result: 32 << 20}

func TestAttacks(t *testing.T) {
	for _, python := range pythons(t) {
		f := newField(t)
		names := f.checkpoints(t, python, attacks)
		for i, a := range attacks {
			t.Run(a.name, func(t *testing.T) {
				t.Parallel()
				rep, err := attempt(t, names[i], sandbox.Options{Python: python, Need: []sandbox.Layer{sandbox.Namespaces, sandbox.Landlock, sandbox.Seccomp}, Limits: limits})
				f.untouched(t)
				a.judge(t, rep, err)
			})
		}
	}
}

func (a attack) judge(t *testing.T, rep *sandbox.Report, err error) {
	t.Helper()
	switch a.want {
	case "failed":
		if !errors.Is(err, sandbox.ErrFailed) {
			t.Errorf("%v", err)
		}
	case "stopped":
		if !errors.Is(err, sandbox.ErrContained) || len(rep.Events) > 0 {
			t.Errorf("%v, %v", err, rep.Events)
		}
	default:
		if !errors.Is(err, sandbox.ErrContained) || !slices.ContainsFunc(rep.Events, func(e sandbox.Event) bool { return strings.HasPrefix(e.Call, a.want) }) {
			t.Errorf("%v, %v", err, rep.Events)
		}
	}
}

// Each layer alone keeps everything in place.
func TestLayersAlone(t *testing.T) {
	python := pythons(t)[0]
	all := []sandbox.Layer{sandbox.Namespaces, sandbox.Landlock, sandbox.Seccomp}
	pick := []string{"read a file", "write a file", "shell", "TCP", "abstract socket", "exec", "kill", "rename", "open the checkpoint again", "memory", "fork"}
	for _, only := range all {
		f := newField(t)
		some := slices.DeleteFunc(slices.Clone(attacks), func(a attack) bool { return !slices.Contains(pick, a.name) })
		names := f.checkpoints(t, python, some)
		without := slices.DeleteFunc(slices.Clone(all), func(l sandbox.Layer) bool { return l == only })
		for i, a := range some {
			t.Run(string(only)+"/"+a.name, func(t *testing.T) {
				t.Parallel()
				_, err := attempt(t, names[i], sandbox.Options{Python: python, Without: without, Limits: limits})
				t.Log(err)
				f.untouched(t)
			})
		}
	}
}

// A checkpoint that does nothing but compute gives its tensors.
func TestCompute(t *testing.T) {
	python := pythons(t)[0]
	f := newField(t)
	names := f.checkpoints(t, python, []attack{{code: "x = sum(range(1000))"}})
	if rep, err := attempt(t, names[0], sandbox.Options{Python: python, Limits: limits}); err != nil || len(rep.Events) > 0 {
		t.Error(err, rep)
	}
}

// Cancelling ends the worker.
func TestCancelled(t *testing.T) {
	python := pythons(t)[0]
	f := newField(t)
	names := f.checkpoints(t, python, []attack{{code: "while True: pass"}})
	in, err := sandbox.OpenInput(names[0])
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
	defer cancel()
	begun := time.Now()
	if _, _, err := sandbox.Load(ctx, in, sandbox.Options{Python: python}); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 20*time.Second {
		t.Error(err, time.Since(begun))
	}
}

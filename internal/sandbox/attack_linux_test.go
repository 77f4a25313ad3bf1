//go:build sandbox

package sandbox_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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

// attack is code that a checkpoint runs while it is loaded.
type attack struct {
	id, name string
	code     string // MARKER, SECRET, PORT, ABSTRACT stand for what is to be reached
	want     string // the call that is seen; "failed", "stopped", "crash" or "nothing" where none is
}

const (
	seen     = "os = __import__('sys').modules['os']; sys = __import__('sys'); main = sys.modules['__main__']; libc, ctypes, socket = main.libc, main.ctypes, main.socket\n"
	byNumber = "def call(n, *a):\n  libc.syscall(n, *[ctypes.c_ulong(x) for x in a])\n"
)

// limits are such that what ends an attack is what holds it, and not the time.
func (a *attack) limits() sandbox.Limits {
	l := limits
	switch a.name {
	case "busy":
		l.Load = 2 * time.Second
	case "memory":
		l.Memory = 256 << 20
	}
	return l
}

// attacks are for amd64, whose numbers they have.
var attacks = []attack{
	// Files.
	{"F1", "read a file", "open('SECRET').read()", "openat"},
	{"F1", "read /etc/passwd", "open('/etc/passwd').read()", "openat"},
	{"F4", "write a file", "open('MARKER', 'w').write('x')", "openat"},
	{"F4", "write to home", "open(os.path.expanduser('~/marker'), 'w')", "openat"},
	{"F5", "write to the checkpoint", "os.write(10, b'evil')", "write"},
	{"F5", "write into the checkpoint", "os.pwrite(10, b'evil', 0)", "pwrite64"},
	{"F5", "cut the checkpoint", "os.ftruncate(10, 0)", "ftruncate"},
	{"F5", "make room in the checkpoint", "call(285, 10, 0, 0, 1 << 20)", "fallocate"},
	{"F5", "map the checkpoint for writing", "call(9, 0, 4096, 3, 1, 10, 0)", "mmap"},
	{"F6", "open the checkpoint again", "os.open('/proc/self/fd/10', os.O_RDWR)", "openat"},
	{"F3", "environment of others", "open('/proc/1/environ', 'rb').read()", "openat"},
	{"F3", "memory of the parent", "open('/proc/%d/mem' % os.getppid(), 'rb')", "getppid"},
	{"F7", "symbolic link", "os.symlink('/etc/passwd', 'MARKER')", "symlink"},
	{"F7", "hard link", "os.link('SECRET', 'MARKER')", "link"},
	{"F7", "rename", "os.rename('SECRET', 'MARKER')", "rename"},
	{"F7", "remove", "os.unlink('SECRET')", "unlink"},
	{"F7", "folder", "os.mkdir('MARKER')", "mkdir"},
	{"F7", "mode", "os.chmod('SECRET', 0o777)", "chmod"},
	{"F7", "times", "os.utime('SECRET')", "utimensat"},
	{"F8", "openat2", "call(437, -100 & (1 << 64) - 1, 0, 0, 0)", "openat2"},
	{"F8", "handle", "call(303, 0, 0, 0, 0, 0)", "name_to_handle_at"},
	{"F8", "open by handle", "call(304, 0, 0, 0)", "open_by_handle_at"},
	{"F9", "mount", "call(165, 0, 0, 0, 0, 0)", "mount"},
	{"F9", "move a mount", "call(429, 0, 0, 0, 0, 0)", "move_mount"},
	{"F9", "unmount", "call(166, 0, 2)", "umount2"},
	{"F9", "pivot", "call(155, 0, 0)", "pivot_root"},
	{"F9", "chroot", "os.chroot('/')", "chroot"},
	{"F9", "change folder", "os.chdir('/')", "chdir"},
	{"F10", "anonymous file", "os.memfd_create('x')", "memfd_create"},
	{"F11", "device", "call(133, 0, 0o20644, 0x0103)", "mknod"},
	{"F12", "look whether a file is there", "os.stat('SECRET')", ""},
	{"F1", "list a folder", "os.listdir('/')", "openat"},
	{"F12", "watch", "call(294, 0)", "inotify_init1"},
	{"F5", "copy between files", "call(326, 10, 0, 2, 0, 10, 0)", "copy_file_range"},
	{"F5", "send a file", "call(40, 3, 10, 0, 10)", "sendfile"},
	{"F5", "splice", "call(275, 10, 0, 3, 0, 10, 0)", "splice"},
	// Network.
	{"N1", "TCP", "s = socket.socket(); s.connect(('127.0.0.1', PORT))", "socket"},
	{"N1", "TCP 6", "socket.socket(socket.AF_INET6)", "socket"},
	{"N2", "UDP", "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 53))", "socket"},
	{"N3", "raw", "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)", "socket"},
	{"N3", "netlink", "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)", "socket"},
	{"N3", "vsock", "socket.socket(40, socket.SOCK_STREAM)", "socket"},
	{"N4", "abstract socket", "socket.socket(socket.AF_UNIX).connect('\\0ABSTRACT')", "socket"},
	{"N4", "pair of sockets", "socket.socketpair()", "socketpair"},
	{"N5", "connect what is there", "call(42, 3, 0, 0)", "connect"},
	{"N5", "listen on what is there", "call(50, 3, 1)", "listen"},
	{"N6", "io_uring", "call(425, 8, 0)", "io_uring_setup"},
	// Processes.
	{"P2", "shell", "os.system('echo x > MARKER')", "clone3"},
	{"P1", "fork", "os.fork()", "clone"},
	{"P1", "vfork", "call(58)", "vfork"},
	{"P1", "thread", "__import__('_thread').start_new_thread(print, ())", "clone3"},
	{"P2", "exec", "os.execv('/bin/sh', ['sh', '-c', 'echo x > MARKER'])", "execve"},
	{"P2", "exec of memory", "call(322, 10, 0, 0, 0, 0x1000)", "execveat"},
	{"P3", "trace", "call(101, 16, os.getpid(), 0, 0)", "ptrace"},
	{"P3", "memory of others", "call(310, 1, 0, 0, 0, 0, 0)", "process_vm_readv"},
	{"P3", "write to memory of others", "call(311, 1, 0, 0, 0, 0, 0)", "process_vm_writev"},
	{"P3", "descriptors of others", "call(434, 1, 0)", "pidfd_open"},
	{"P4", "kill", "os.kill(-1, 9)", "kill"},
	{"P4", "kill by thread", "call(234, 1, 1, 9)", "tgkill"},
	{"P6", "namespace", "call(272, 0x10000000)", "unshare"},
	{"P6", "other namespace", "call(308, 3, 0)", "setns"},
	{"P7", "user", "os.setuid(0)", "setuid"},
	{"P7", "capabilities", "call(126, 0, 0)", "capset"},
	{"P8", "undo", "call(157, 28, 0, 0, 0, 0)", "prctl"},
	{"R14", "limits", "call(302, 0, 7, id(main) & ~7, 0)", "prlimit64"},
	{"P9", "session", "os.setsid()", "setsid"},
	{"P9", "terminal", "call(16, 0, 0x5412, 0)", "ioctl"},
	{"P10", "ignore signals and sleep", "[__import__('_signal').signal(s, __import__('_signal').SIG_IGN) for s in (1, 2, 15)]\ncall(230, 0, 0, 0, 0)", "clock_nanosleep"},
	// The filter.
	{"S1", "x32", "call(0x40000000 | 39)", "stopped"},
	{"S3", "allow everything", "call(317, 1, 0, 0)", "seccomp"},
	{"S4", "answer oneself", "[call(16, fd, 0xc0182101, id(main)) for fd in range(3, 20)]", "ioctl"},
	{"S9", "executable memory", "call(9, 0, 4096, 7, 0x22, -1 & (1 << 64) - 1, 0)", "mmap"},
	{"S9", "make memory executable", "m = ctypes.create_string_buffer(8192)\ncall(10, ctypes.addressof(m) & ~4095, 4096, 7)", "mprotect"},
	{"S9", "executable by key", "call(329, 0, 4096, 7, -1 & (1 << 64) - 1)", "pkey_mprotect"},
	{"S9", "personality", "call(135, 0x0400000)", "personality"},
	{"S10", "futex of another kind", "call(202, id(main), 6, 0, 0, 0, 0)", "futex"},
	{"S12", "keys", "call(250, 0, 0, 0, 0, 0)", "keyctl"},
	{"S12", "bpf", "call(321, 0, 0, 0)", "bpf"},
	{"S12", "perf", "call(298, 0, 0, 0, 0, 0)", "perf_event_open"},
	{"S12", "userfaultfd", "call(323, 0)", "userfaultfd"},
	{"S12", "kernel", "call(246, 0, 0, 0, 0)", "kexec_load"},
	{"S12", "module", "call(313, 0, 0, 0)", "finit_module"},
	{"S12", "host name", "call(170, id(main), 4)", "sethostname"},
	{"S12", "clock", "call(227, 0, 0)", "clock_settime"},
	{"S12", "reboot", "call(169, 0, 0, 0, 0)", "reboot"},
	// Resources.
	{"R1", "memory", "x = [bytearray(1 << 26) for _ in range(1000)]", "failed"},
	{"R3", "shared memory", "call(9, 0, 1 << 40, 3, 0x21, -1 & (1 << 64) - 1, 0)", "mmap"},
	{"R4", "result without end", "while os.write(11, b'x' * (1 << 20)): pass", "failed"},
	{"R5", "busy", "while True: pass", "stopped"},
	{"R8", "standard error without end", "for _ in range(1000): os.write(2, b'x' * (1 << 16))\nraise ValueError", "failed"},
	{"R10", "calls without end", "while True:\n  try: os.mkdir('MARKER')\n  except OSError: pass", "mkdir"},
	{"R14", "crash", "ctypes.string_at(0)", "crash"},
	{"O8", "end", "os._exit(0)", "stopped"},
	{"R11", "a storage of terabytes", "main.torch.zeros(1 << 40)", "failed"},
	{"R12", "an error that cannot be written", "x = []\nfor _ in range(100000): x = [x]\nraise ValueError(x)", "failed"},
	{"R12", "deep", "def f(): f()\nf()", "failed"},
	// The result and the protocol.
	{"O1", "a forged end", "os.write(3, b'{\"done\": {\"weights_only\": true, \"type\": \"x\"}}'); os._exit(0)", "stopped"},
	{"O1", "an end that nobody understands", "os.write(3, b'\\xff' * 1000)", "stopped"},
	{"O9", "a second ready", "os.write(3, b'{\"ready\": {\"torch\": \"x\", \"python\": \"y\"}}')", "stopped"},
	{"O1", "an unknown word", "os.write(3, b'{\"other\": 1}')", "stopped"},
	{"O2", "a forged result that is none", "os.write(11, b'\\xff' * 100); os.write(3, b'{\"done\": {\"weights_only\": true, \"type\": \"x\"}}'); os._exit(0)", "stopped"},
	{"O2", "a header that is too long", "os.write(11, (1 << 62).to_bytes(8, 'little')); os.write(3, b'{\"done\": {\"weights_only\": true, \"type\": \"x\"}}'); os._exit(0)", "stopped"},
	{"O4", "sealed first", "call(72, 11, 1033, 1)", "fcntl"},
	{"O6", "a worker that was changed", "main.Output.emit = lambda *a: None", "stopped"},
	{"N5", "descriptors sent along", "socket.socket(fileno=3).sendmsg([b'{\"done\": {\"weights_only\": true, \"type\": \"x\"}}'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, __import__('array').array('i', [10]))])", "getsockname"},
	{"N5", "descriptors sent along, by number", "class V(ctypes.Structure): _fields_ = [('p', ctypes.c_void_p), ('n', ctypes.c_size_t)]\nclass M(ctypes.Structure): _fields_ = [('a', ctypes.c_void_p), ('al', ctypes.c_uint), ('v', ctypes.c_void_p), ('vl', ctypes.c_size_t), ('c', ctypes.c_void_p), ('cl', ctypes.c_size_t), ('f', ctypes.c_int)]\nb = b'{\"done\": {\"weights_only\": true, \"type\": \"x\"}}'\nc = ctypes.create_string_buffer((20).to_bytes(8, 'little') + (1).to_bytes(4, 'little') * 2 + (10).to_bytes(8, 'little'))\nk = ctypes.create_string_buffer(b)\nv = V(ctypes.addressof(k), len(b))\nm = M(None, 0, ctypes.addressof(v), 1, ctypes.addressof(c), 24, 0)\ncall(46, 3, ctypes.addressof(m), 0)\nos._exit(0)", "stopped"},
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

// with has the code of an attack on a part of the field.
func (a attack) with(p *plot) string {
	r := strings.NewReplacer("MARKER", p.target.Marker, "SECRET", p.target.Secret, "PORT", strconv.Itoa(p.target.TCP), "ABSTRACT", p.target.Abstract)
	return seen + byNumber + r.Replace(a.code)
}

// checkpoints writes one for each attack, and returns where they are.
func checkpoints(t *testing.T, f *field, python string, all []attack) []*plot {
	t.Helper()
	var list bytes.Buffer
	var plots []*plot
	for _, a := range all {
		p := f.plot(t, a.name, false)
		plots = append(plots, p)
		fmt.Fprintf(&list, "%s\x01%s\x00", p.file(), a.with(p))
	}
	file := filepath.Join(t.TempDir(), "list")
	if err := os.WriteFile(file, list.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(python, "-c", writer, file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, p := range plots {
		if err := os.Chmod(p.file(), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return plots
}

// stub is a Python that has of torch what the worker uses, over the pickle of the
// standard library.
func stub(t *testing.T) string {
	t.Helper()
	const system = "/usr/bin/python3"
	out, err := exec.Command(system, "-I", "-c", "import sys; print('python%d.%d' % sys.version_info[:2])").Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := open(t)
	site := filepath.Join(dir, "lib", strings.TrimSpace(string(out)), "site-packages")
	bin := filepath.Join(dir, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(site, os.DirFS("testdata/stub")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "pyvenv.cfg"), []byte("home = /usr/bin\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	python := filepath.Join(bin, "python3")
	if err := os.Symlink(system, python); err != nil {
		t.Fatal(err)
	}
	return python
}

// With nothing but pickle, and with each torch.
func TestAttacks(t *testing.T) {
	for _, python := range append([]string{stub(t)}, pythons(t)...) {
		t.Run(version(t, python), func(t *testing.T) {
			f := newField(t)
			plots := checkpoints(t, f, python, attacks)
			t.Run("attacks", func(t *testing.T) {
				for i, a := range attacks {
					t.Run(a.id+" "+a.name, func(t *testing.T) {
						t.Parallel()
						rep, err := attempt(t, plots[i].file(), sandbox.Options{Python: python, Need: stacks[0].in, Limits: a.limits()})
						if found := plots[i].traces(t); len(found) > 0 {
							t.Errorf("%q", found)
						}
						a.judge(t, rep, err)
					})
				}
			})
			if n := f.hits.Load(); n > 0 {
				t.Errorf("%d connections came", n)
			}
		})
	}
}

// version is that of torch.
func version(t *testing.T, python string) string {
	t.Helper()
	out, err := exec.Command(python, "-I", "-c", "import torch; print(torch.__version__)").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
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
	case "crash": // torch 2 has a handler that raises the signal again
		again := func(e sandbox.Event) bool {
			return strings.HasPrefix(e.Call, "tgkill(") && strings.HasSuffix(e.Call, ", 0xb)")
		}
		if !errors.Is(err, sandbox.ErrContained) || len(rep.Events) > 1 || len(rep.Events) == 1 && !again(rep.Events[0]) {
			t.Errorf("%v, %v", err, rep.Events)
		}
	default:
		if !errors.Is(err, sandbox.ErrContained) || !slices.ContainsFunc(rep.Events, func(e sandbox.Event) bool { return strings.HasPrefix(e.Call, a.want) }) {
			t.Errorf("%v, %v", err, rep.Events)
		}
	}
}

var every = flag.Bool("every", false, "attack each layer alone with each Python, and by every attack")

// Each layer alone keeps everything in place, with Python as well: by some attacks on
// pickle, or by all of them, also with each torch.
func TestLayersAlone(t *testing.T) {
	list := []string{stub(t)}
	pick := []string{"read a file", "write a file", "shell", "TCP", "abstract socket", "exec", "kill", "rename", "open the checkpoint again", "memory", "fork"}
	some := slices.DeleteFunc(slices.Clone(attacks), func(a attack) bool { return !slices.Contains(pick, a.name) })
	if *every {
		list, some = append(list, pythons(t)...), attacks
	}
	for _, python := range list {
		for _, s := range stacks[1:] {
			t.Run(version(t, python)+"/"+s.name, func(t *testing.T) {
				f := newField(t)
				plots := checkpoints(t, f, python, some)
				t.Run("attacks", func(t *testing.T) {
					for i, a := range some {
						t.Run(a.id+" "+a.name, func(t *testing.T) {
							t.Parallel()
							s.alone(t, plots[i], a, python)
						})
					}
				})
				if n := f.hits.Load(); n > 0 {
					t.Errorf("%d connections came", n)
				}
			})
		}
	}
}

// alone makes an attack on some layers. Without a filter nothing is seen of it, and there
// may be tensors; nothing else may come of it.
func (s *stack) alone(t *testing.T, p *plot, a attack, python string) {
	t.Helper()
	rep, err := attempt(t, p.file(), s.options(python, false))
	if found := p.traces(t); len(found) > 0 {
		t.Errorf("%q", found)
	}
	if s.has(sandbox.Seccomp) {
		a.judge(t, rep, err)
	} else if err != nil && !errors.Is(err, sandbox.ErrContained) && !errors.Is(err, sandbox.ErrFailed) && !errors.Is(err, sandbox.ErrChanged) {
		t.Error(err)
	}
}

// A checkpoint that does nothing but compute gives its tensors.
func TestCompute(t *testing.T) {
	for _, python := range append([]string{stub(t)}, pythons(t)...) {
		plots := checkpoints(t, newField(t), python, []attack{{code: "x = sum(range(1000))"}})
		if rep, err := attempt(t, plots[0].file(), sandbox.Options{Python: python, Limits: limits}); err != nil || len(rep.Events) > 0 {
			t.Error(err, rep)
		}
	}
}

// The worker puts its filter in force for every thread, also of a module that was
// imported before.
func TestPitfall02ThreadsFromBefore(t *testing.T) {
	python := stub(t)
	o := sandbox.Options{Python: python, Imports: []string{"threads"}, Limits: limits}
	plots := checkpoints(t, newField(t), python, []attack{
		{code: "assert sys.modules['threads'].run(lambda: 1 + 1) == 2"},
		{code: "sys.modules['threads'].run(lambda: open('SECRET').read())"},
	})
	if rep, err := attempt(t, plots[0].file(), o); err != nil || len(rep.Events) > 0 {
		t.Error(err, rep)
	}
	if rep, err := attempt(t, plots[1].file(), o); !errors.Is(err, sandbox.ErrContained) || !strings.HasPrefix(rep.Events[0].Call, "openat") {
		t.Error(err, rep)
	}
}

// Cancelling ends the worker.
func TestCancelled(t *testing.T) {
	python := pythons(t)[0]
	plots := checkpoints(t, newField(t), python, []attack{{code: "while True: pass"}})
	in, err := sandbox.OpenInput(plots[0].file())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }() // it was only read
	ctx, cancel := context.WithTimeout(t.Context(), 6*time.Second)
	defer cancel()
	begun := time.Now()
	if _, _, err := sandbox.Load(ctx, in, sandbox.Options{Python: python}); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) > 20*time.Second {
		t.Error(err, time.Since(begun))
	}
}

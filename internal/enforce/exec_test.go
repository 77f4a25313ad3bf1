//go:build enforce

package enforce_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Under make enforce ANDIRON is the program, and ANDIRON_TORCH_PYTHONS are Pythons with
// torch. The tests run as root and as another user.

func andiron(t *testing.T) string {
	t.Helper()
	path := os.Getenv("ANDIRON")
	if path == "" {
		t.Fatal("ANDIRON names no program: run make enforce")
	}
	return path
}

func python(t *testing.T) string {
	t.Helper()
	list := filepath.SplitList(os.Getenv("ANDIRON_TORCH_PYTHONS"))
	if len(list) == 0 {
		t.Fatal("ANDIRON_TORCH_PYTHONS names no Python with torch: run make enforce")
	}
	return list[0]
}

// yard is a project with a model that is trusted, and one that is not.
type yard struct {
	t        *testing.T
	dir, log string
}

// Two pickles; the one that is hostile would leave a file.
const (
	good = "\x80\x02}q\x00(X\x01\x00\x00\x00aK\x01X\x01\x00\x00\x00bK\x02u."
	evil = "\x80\x02cos\nsystem\nq\x00X\x0c\x00\x00\x00touch markerq\x01\x85q\x02Rq\x03."
)

func newYard(t *testing.T, policy string) *yard {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	y := &yard{t: t, dir: dir, log: filepath.Join(t.TempDir(), "log")}
	for _, d := range []string{"models", "uploads", "out"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	y.write("models/good.pkl", good)
	y.write("models/evil.pkl", evil)
	y.write("uploads/good.pkl", good)
	y.write("uploads/evil.dat", evil)
	y.write("plain.txt", "plain text\n")
	y.write("andiron.yaml", "version: 1\nexec:\n  models: [models]\n  write: [out, uploads]\n"+policy)
	if out, err := y.command("trust", "add", "models/good.pkl").CombinedOutput(); err != nil {
		t.Fatalf("trust add: %v\n%s", err, out)
	}
	return y
}

func (y *yard) write(name, text string) {
	y.t.Helper()
	if err := os.WriteFile(filepath.Join(y.dir, name), []byte(text), 0o644); err != nil {
		y.t.Fatal(err)
	}
}

func (y *yard) command(args ...string) *exec.Cmd {
	cmd := exec.Command(andiron(y.t), args...)
	cmd.Dir = y.dir
	return cmd
}

// held is a Python under exec.
func (y *yard) held(code string) *exec.Cmd {
	return y.command("exec", "--log", y.log, "--", python(y.t), "-I", "-c", prelude+code)
}

// prelude has what the attacks use. said prints what came of a call.
const prelude = `
import ctypes, errno, os, subprocess, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
def call(n, *a):
    r = libc.syscall(n, *[ctypes.c_long(x) if isinstance(x, int) else x for x in a])
    return r if r >= 0 else -ctypes.get_errno()
def said(f):
    try:
        r = f()
        print(r if isinstance(r, (int, str)) else ascii(r))
    except OSError as e:
        print(errno.errorcode[e.errno])
def read(path, *a):
    with open(path, 'rb', *a) as f:
        return len(f.read())
`

// run has the output of code under exec, a line each.
func (y *yard) run(code string) []string {
	y.t.Helper()
	var stderr bytes.Buffer
	cmd := y.held(code)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		y.t.Fatalf("%v\n%s%s", err, out, &stderr)
	}
	if _, err := os.Lstat(filepath.Join(y.dir, "marker")); err == nil {
		y.t.Error("the marker was made")
	}
	return strings.Fields(string(out))
}

// denials are those of the log.
func (y *yard) denials() (list []map[string]any) {
	y.t.Helper()
	b, err := os.ReadFile(y.log)
	if err != nil {
		y.t.Fatal(err)
	}
	for line := range bytes.Lines(b) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			y.t.Fatalf("%v: %s", err, line)
		}
		if m["msg"] == "denied" {
			list = append(list, m)
		}
	}
	return list
}

const opened, denied = "24", "EACCES" // good has 24 bytes

// ways are all that a program could try.
var ways = []struct {
	name, code string
	want       string
}{
	// What is trusted.
	{"the listed model", "said(lambda: read('models/good.pkl'))", opened},
	{"the same by an absolute path", "said(lambda: read(os.path.abspath('models/good.pkl')))", opened},
	{"twice", "read('models/good.pkl'); said(lambda: read('models/good.pkl'))", opened},
	{"by a folder's descriptor", "d = os.open('models', os.O_RDONLY); said(lambda: len(os.read(os.open('good.pkl', os.O_RDONLY, dir_fd=d), 99)))", opened},
	{"in a thread", "t = threading.Thread(target=lambda: said(lambda: read('models/good.pkl'))); t.start(); t.join()", opened},
	{"in a child", "sys.stdout.flush(); p = os.fork()\nif p == 0: said(lambda: read('models/good.pkl')); sys.stdout.flush(); os._exit(0)\nos.waitpid(p, 0)", opened},
	{"in another program", "said(lambda: subprocess.run(['wc', '-c', 'models/good.pkl'], stdout=subprocess.PIPE, check=True).stdout.split()[0].decode())", opened},
	{"after a change of folder", "os.chdir('models'); said(lambda: read('good.pkl'))", opened},
	{"mapped", "import mmap; said(lambda: len(mmap.mmap(os.open('models/good.pkl', os.O_RDONLY), 0, prot=mmap.PROT_READ)))", opened},
	{"plain text", "said(lambda: read('plain.txt'))", "11"},
	{"what is not there", "said(lambda: read('models/none.pkl'))", "ENOENT"},
	// What is not.
	{"not listed", "said(lambda: read('models/evil.pkl'))", denied},
	{"listed, elsewhere", "said(lambda: read('uploads/good.pkl'))", denied},
	{"G1 another name", "said(lambda: read('uploads/evil.dat'))", denied},
	{"G1 renamed", "os.rename('uploads/evil.dat', 'uploads/x.txt'); said(lambda: read('uploads/x.txt'))", denied},
	{"G2 symbolic link", "os.symlink('../models/evil.pkl', 'out/l'); said(lambda: read('out/l'))", denied},
	{"G2 hard link", "os.link('uploads/evil.dat', 'uploads/h'); said(lambda: read('uploads/h'))", denied},
	{"G2 bind mount", "call(272, 0x10000000 | 0x20000); said(lambda: call(165, b'uploads', b'models', 0, 4096, 0))", "-1"},
	{"G2 mount namespace", "call(272, 0x10000000 | 0x20000); said(lambda: read('models/evil.pkl'))", denied},
	{"G3 O_PATH and /proc/self/fd", "f = os.open('models/evil.pkl', os.O_PATH); said(lambda: read('/proc/self/fd/%d' % f))", denied},
	{"G3 O_PATH and /dev/fd", "f = os.open('models/evil.pkl', os.O_PATH); said(lambda: read('/dev/fd/%d' % f))", denied},
	{"G3 O_PATH and /proc/thread-self", "f = os.open('models/evil.pkl', os.O_PATH); said(lambda: read('/proc/thread-self/fd/%d' % f))", denied},
	{"G3 /proc/self/cwd", "said(lambda: read('/proc/self/cwd/models/evil.pkl'))", denied},
	{"G3 /proc/self/root", "said(lambda: read('/proc/self/root' + os.path.abspath('models/evil.pkl')))", denied},
	{"G3 a link into /proc", "os.symlink('/proc/self/cwd/models/evil.pkl', 'out/l'); said(lambda: read('out/l'))", "ELOOP"},
	{"G3 relative in /proc", "d = os.open('/proc/self', os.O_RDONLY); said(lambda: os.open('cwd/models/evil.pkl', os.O_RDONLY, dir_fd=d))", "ELOOP"},
	{"G8 prefix and ..", "said(lambda: read('/usr/..' + os.path.abspath('models/evil.pkl')))", denied},
	{"G8 prefix of the models", "said(lambda: read('models/../uploads/good.pkl'))", denied},
	{"G8 //", "said(lambda: read('/' + os.path.abspath('uploads/good.pkl')))", denied},
	{"G9 open", "said(lambda: call(2, b'models/evil.pkl', 0, 0))", "-13"},
	{"G9 openat2", "said(lambda: call(437, -100, b'models/evil.pkl', (ctypes.c_uint64 * 3)(), 24))", "-38"},
	{"G9 io_uring", "said(lambda: call(425, 8, (ctypes.c_char * 120)()))", "-38"},
	{"G9 name_to_handle_at", "said(lambda: call(303, -100, b'models/evil.pkl', (ctypes.c_char * 200)(), (ctypes.c_char * 8)(), 0))", "-1"},
	{"G9 open_by_handle_at", "said(lambda: call(304, 0, (ctypes.c_char * 200)(), 0))", "-1"},
	{"ptrace", "said(lambda: call(101, 16, os.getppid(), 0, 0))", "-1"},
	{"memory of the supervisor", "said(lambda: call(310, os.getppid(), (ctypes.c_char * 16)(), 1, (ctypes.c_char * 16)(), 1, 0))", "-1"},
	{"memory of the supervisor in /proc", "said(lambda: read('/proc/%d/mem' % os.getppid()))", denied},
	{"descriptors of the supervisor in /proc", "said(lambda: os.open('/proc/%d/fd' % os.getppid(), os.O_RDONLY))", denied},
	{"of the supervisor, relative", "d = os.open('/proc', os.O_RDONLY); said(lambda: os.open('%d/environ' % os.getppid(), os.O_RDONLY, dir_fd=d))", denied},
	{"of the supervisor, beneath its folder", "d = os.open('/proc/%d' % os.getppid(), os.O_RDONLY | os.O_DIRECTORY); said(lambda: os.open('environ', os.O_RDONLY, dir_fd=d))", denied},
	{"of the supervisor, beneath O_PATH", "d = os.open('/proc/%d' % os.getppid(), os.O_PATH); said(lambda: os.open('mem', os.O_RDWR, dir_fd=d))", denied},
	{"G3 beneath a folder", "d = os.open('models', os.O_RDONLY | os.O_DIRECTORY); said(lambda: os.open('evil.pkl', os.O_RDONLY, dir_fd=d))", denied},
	{"a file as a folder that is to be made", "said(lambda: os.open('models/evil.pkl', os.O_RDONLY | os.O_DIRECTORY | os.O_CREAT))", "ENOTDIR"},
	{"descriptors of the supervisor", "said(lambda: call(438, os.pidfd_open(os.getppid()), 5, 0))", "-1"},
	{"chroot", "said(lambda: os.chroot('out'))", "EPERM"},
	{"x32", "sys.stdout.flush(); p = os.fork()\nif p == 0: libc.syscall(0x40000002, b'models/evil.pkl', 0); os._exit(0)\nsaid(lambda: os.waitpid(p, 0)[1])", "31"},
	{"for reading and writing", "os.rename('uploads/evil.dat', 'out/x'); said(lambda: os.open('out/x', os.O_RDWR))", denied},
	{"G1 a zip in a stream", "import gzip, io, zipfile\nb = io.BytesIO()\nwith zipfile.ZipFile(b, 'w') as z: z.writestr('archive/data.pkl', b'\\x80\\x02}.')\nwith gzip.open('out/x.gz', 'wb') as f: f.write(b.getvalue())\nsaid(lambda: read('out/x.gz'))", denied},
	{"G1 a stream with a wrong checksum", "import zlib\nz = bytearray(zlib.compress(b'\\x80\\x02}.'))\nz[-1] ^= 1\nwith open('out/x', 'wb') as f: f.write(z)\nsaid(lambda: read('out/x'))", denied},
	{"a stream of text", "import gzip\nwith gzip.open('out/x.gz', 'wb') as f: f.write(b'text\\n' * 5000)\nsaid(lambda: len(gzip.open('out/x.gz').read()))", "25000"},
	{"unlinked", "f = os.open('models/evil.pkl', os.O_PATH); os.rename('uploads/evil.dat', 'out/x'); g = os.open('out/x', os.O_PATH); os.unlink('out/x'); said(lambda: read('/proc/self/fd/%d' % g))", denied},
	// Writing.
	{"G5 a new model", "said(lambda: os.write(os.open('out/new.pt', os.O_CREAT | os.O_WRONLY), b'x'))", "1"},
	{"G5 and by creat", "said(lambda: os.write(call(85, b'out/new.pt', 0o644), b'x'))", "1"},
	{"G5 only once", "open('out/x', 'x').close(); said(lambda: os.open('out/x', os.O_CREAT | os.O_EXCL))", "EEXIST"},
	{"G5 over an old one", "open('uploads/evil.dat', 'w').write('text'); said(lambda: read('uploads/evil.dat'))", "4"},
	{"G5 written and read", "open('out/new.pt', 'wb').write(open(sys.executable, 'rb').read(0) + b'\\x80\\x02}.'); said(lambda: read('out/new.pt'))", denied},
	{"G5 without a name", "said(lambda: os.write(os.open('out', os.O_TMPFILE | os.O_RDWR, 0o600), b'x'))", "1"},
	{"where nothing is declared", "said(lambda: os.open('models/x', os.O_CREAT | os.O_WRONLY))", denied},
	{"over a model", "said(lambda: os.open('models/good.pkl', os.O_WRONLY))", denied},
	{"outside", "said(lambda: os.open('/var/tmp/andiron-x', os.O_CREAT | os.O_WRONLY))", denied},
	{"mode and umask", "os.umask(0o027); os.close(os.open('out/m', os.O_CREAT | os.O_WRONLY, 0o666)); said(lambda: oct(os.stat('out/m').st_mode))", "0o100640"},
	// What programs do.
	{"a folder", "said(lambda: len(os.listdir('models')))", "2"},
	{"its own descriptors", "said(lambda: str(len(os.listdir('/proc/self/fd')) < 9))", "True"},
	{"its own status", "said(lambda: open('/proc/self/status').read().split('Pid:')[1].split()[0] == str(os.getpid()) and 'own')", "own"},
	{"its mounts", "said(lambda: str(len(open('/etc/mtab').read()) > 9))", "True"},
	{"a device", "said(lambda: len(open('/dev/urandom', 'rb', 0).read(7)))", "7"},
	{"standard input again", "said(lambda: len(open('/dev/stdin').read()))", "0"},
	{"a pipe", "os.mkfifo('out/p'); t = threading.Thread(target=lambda: open('out/p', 'w').write('x')); t.start(); said(lambda: open('out/p').read())", "x"},
	{"shared memory", "from multiprocessing import shared_memory as s; m = s.SharedMemory(create=True, size=9); said(lambda: m.size); m.close(); m.unlink()", "9"},
	{"a folder that is none", "said(lambda: os.open('plain.txt', os.O_RDONLY | os.O_DIRECTORY))", "ENOTDIR"},
	{"a link, not followed", "os.symlink('x', 'out/l'); said(lambda: os.open('out/l', os.O_RDONLY | os.O_NOFOLLOW))", "ELOOP"},
	{"a bad descriptor", "said(lambda: os.open('x', os.O_RDONLY, dir_fd=99))", "EBADF"},
	{"a bad address", "said(lambda: call(257, -100, 8, 0, 0))", "-14"},
	{"no path", "said(lambda: os.open('', os.O_RDONLY))", "ENOENT"},
	{"too many descriptors", "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (9, 9))\ndef f():\n  while True: os.open('plain.txt', os.O_RDONLY)\nsaid(f)", "EMFILE"},
}

func TestExecWays(t *testing.T) {
	for _, w := range ways {
		t.Run(w.name, func(t *testing.T) {
			y := newYard(t, "")
			got := y.run(w.code)
			if len(got) == 0 || got[0] != w.want {
				t.Errorf("%q, want %s", got, w.want)
			}
		})
	}
}

// A path that begins at the current folder is what it is there, also once files are known.
func TestExecRelative(t *testing.T) {
	y := newYard(t, "")
	for _, name := range []string{"a", "b"} {
		if err := os.MkdirAll(filepath.Join(y.dir, "out", name), 0o755); err != nil {
			t.Fatal(err)
		}
		y.write("out/"+name+"/x.txt", name)
	}
	time.Sleep(2500 * time.Millisecond) // they are then left alone for long enough to be remembered
	got := y.run(`
def text(path):
  with open(path) as f: return f.read()
def both(): return text('x.txt') + text('./x.txt')
for _ in range(2):
  os.chdir('out/a'); said(both)
  os.chdir('../b'); said(both)
  os.chdir('../..')
os.rename('out/a', 'out/c'); os.rename('out/b', 'out/a')
os.chdir('out/a'); said(both)
os.chdir('../c'); said(both)
os.rename('../c', '../d'); said(both)
with open('../../models/good.pkl', 'rb') as f, open('x.txt', 'wb') as g: g.write(f.read())
said(both)
os.unlink('x.txt'); said(both)
`)
	want := []string{"aa", "bb", "aa", "bb", "bb", "aa", "aa", "EACCES", "ENOENT"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestExecLog is about what is said of a denial.
func TestExecLog(t *testing.T) {
	y := newYard(t, "")
	elsewhere := t.TempDir()
	if err := os.WriteFile(filepath.Join(elsewhere, "m.pkl"), []byte(good), 0o644); err != nil {
		t.Fatal(err)
	}
	code := fmt.Sprintf("os.chdir('out')\nd = %q\nsaid(lambda: read(d + '/m.pkl')); said(lambda: read(d + '/m.pkl')); said(lambda: read(os.path.relpath(d) + '/m.pkl')); said(lambda: open('../models/new.pt', 'wb'))", elsewhere)
	y.run("said(lambda: read('models/evil.pkl')); said(lambda: read('uploads/good.pkl'))\n" + code)
	list := y.denials()
	if len(list) != 4 {
		t.Fatalf("%d denials: %v", len(list), list)
	}
	if list[0]["path"] != y.dir+"/models/evil.pkl" || len(fmt.Sprint(list[0]["sha256"])) != 64 || list[0]["reason"] != "not trusted: the lock does not list this model" {
		t.Errorf("%v", list[0])
	}
	if list[1]["path"] != y.dir+"/uploads/good.pkl" || len(fmt.Sprint(list[1]["sha256"])) != 64 || !strings.Contains(fmt.Sprint(list[1]["reason"]), "none of the folders") {
		t.Errorf("%v", list[1])
	}
	// What Landlock forbids has its line, once for a path.
	if list[2]["path"] != elsewhere+"/m.pkl" || list[2]["sha256"] != nil || !strings.Contains(fmt.Sprint(list[2]["reason"]), "opens for reading") {
		t.Errorf("%v", list[2])
	}
	if list[3]["path"] != y.dir+"/models/new.pt" || !strings.Contains(fmt.Sprint(list[3]["reason"]), "opens for writing") {
		t.Errorf("%v", list[3])
	}
}

// G4: what was allowed and is changed then is looked at again, whoever changes it.
func TestExecChangedAfterAllow(t *testing.T) {
	y := newYard(t, "")
	cmd := y.held(`
for line in sys.stdin:
    said(lambda: read('models/good.pkl'))
    sys.stdout.flush()
`)
	in, out := pipes(t, cmd)
	ask := func() string {
		t.Helper()
		if _, err := io.WriteString(in, "go\n"); err != nil {
			t.Fatal(err)
		}
		line, err := out.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(line)
	}
	if got := ask(); got != opened {
		t.Fatal(got)
	}
	// In its place, of the same size, with its times put back.
	path := filepath.Join(y.dir, "models/good.pkl")
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if !errors.Is(err, syscall.EAGAIN) { // the lease keeps writers waiting
		t.Fatalf("a writer was not kept waiting: %v, %v", f, err)
	}
	y.write("models/new", strings.Replace(good, "b", "c", 1))
	if err := os.Chtimes(filepath.Join(y.dir, "models/new"), info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(y.dir, "models/new"), path); err != nil {
		t.Fatal(err)
	}
	if got := ask(); got != denied {
		t.Fatalf("a file in its place: %s", got)
	}
	_ = in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

// pipes starts a command, with its ends.
func pipes(t *testing.T, cmd *exec.Cmd) (io.WriteCloser, *bufio.Reader) {
	t.Helper()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	return in, bufio.NewReader(out)
}

// A program whose supervisor is gone opens nothing any more.
func TestExecSupervisorKilled(t *testing.T) {
	y := newYard(t, "")
	cmd := y.held("print(os.getppid()); sys.stdout.flush()\nsys.stdin.readline(); said(lambda: read('models/good.pkl')); said(lambda: read('plain.txt')); sys.stdout.flush()")
	in, out := pipes(t, cmd)
	line, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if pid := strconv.Itoa(cmd.Process.Pid); strings.TrimSpace(line) != pid {
		t.Fatalf("its parent is %s, and not %s", line, pid)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond)
	if _, err := io.WriteString(in, "\n"); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if line, err := out.ReadString('\n'); strings.TrimSpace(line) != "ENOSYS" {
			t.Errorf("%q, %v", line, err)
		}
	}
	_ = cmd.Wait() // it was killed
}

// Signals go to the program, and come back as its end.
func TestExecSignals(t *testing.T) {
	y := newYard(t, "")
	for _, c := range []struct {
		signal syscall.Signal
		code   string
		want   int
	}{
		{syscall.SIGTERM, "time.sleep(60)", 143},
		{syscall.SIGHUP, "time.sleep(60)", 129},
		{syscall.SIGTERM, "import signal; signal.signal(15, lambda *a: sys.exit(9))\ntime.sleep(60)", 9},
		{syscall.SIGUSR1, "import signal; signal.signal(10, lambda *a: sys.exit(8))\ntime.sleep(60)", 8},
		{syscall.SIGINT, "import signal; signal.signal(2, lambda *a: sys.exit(7))\ntime.sleep(60)", 7},
	} {
		cmd := y.held("print('ready'); sys.stdout.flush(); " + c.code)
		if strings.HasPrefix(c.code, "import") {
			before, after, _ := strings.Cut(c.code, "\n")
			cmd = y.held(before + "\nprint('ready'); sys.stdout.flush(); " + after)
		}
		_, out := pipes(t, cmd)
		if _, err := out.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Process.Signal(c.signal); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // the code says more
		if got := cmd.ProcessState.ExitCode(); got != c.want {
			t.Errorf("%v: exit code %d, want %d", c.signal, got, c.want)
		}
	}
}

// G10: many opens at once, with signals to the supervisor meanwhile, are all answered
// with the right file.
func TestExecManyOpens(t *testing.T) {
	y := newYard(t, "")
	cmd := y.held(`
print('ready', flush=True)
begun = time.time()
def work():
    for i in range(4000):
        for path in ('plain.txt', '/etc/passwd', 'models/good.pkl' if i % 40 == 0 else '/proc/self/status'):
            f = os.open(path, os.O_RDONLY)
            assert f > 2, f
            os.close(f)
ts = [threading.Thread(target=work) for _ in range(4)]
for t in ts: t.start()
for t in ts: t.join()
print('done', round(48000 / (time.time() - begun)), 'a second')
`)
	_, out := pipes(t, cmd)
	if _, err := out.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	go func() {
		for {
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
				_ = cmd.Process.Signal(syscall.SIGURG)
				_ = cmd.Process.Signal(syscall.SIGIO)
			}
		}
	}()
	line, err := out.ReadString('\n')
	close(stop)
	if err = errors.Join(err, cmd.Wait()); err != nil || !strings.HasPrefix(line, "done") {
		t.Fatalf("%v\n%s", err, line)
	}
	t.Log(line)
}

// Ports are those that are declared, whichever way a program goes to them.
func TestExecPorts(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	port := l.Addr().(*net.TCPAddr).Port
	code := "import socket; at = ('127.0.0.1', " + strconv.Itoa(port) + ")\n" + portWays
	for policy, want := range map[string]string{
		"":                "connected bound fastopen fastopen fastopen later",
		"  connect: []\n": "EACCES bound ENOTSUP ENOTSUP ENOTSUP EACCES",
		"  bind: []\n":    "connected EACCES fastopen fastopen fastopen later",
		"  bind: [1]\n  connect: [" + strconv.Itoa(port) + "]\n": "connected EACCES ENOTSUP ENOTSUP ENOTSUP later",
	} {
		got := newYard(t, policy).run(code)
		if len(got) != 6+len(otherSockets)+4 {
			t.Fatalf("%q: %q", policy, got)
		}
		if ports := strings.Join(got[:6], " "); ports != want {
			t.Errorf("%q: %s, want %s", policy, ports, want)
		}
		// What a kernel does not have is refused by itself, with the same errors.
		for i, s := range otherSockets {
			if refused := got[6+i] == s.refused; policy != "" && !refused || policy == "" && s.everywhere && refused {
				t.Errorf("%q: socket(%s): %s", policy, s.args, got[6+i])
			}
		}
		if rest := strings.Join(got[6+len(otherSockets):], " "); rest != "udp6 unix connected stream" {
			t.Errorf("%q: what is no TCP of others is held as well: %s", policy, rest)
		}
	}
}

// otherSockets reach the ports of TCP, or such as they have, without being TCP.
var otherSockets = []struct {
	args, refused string
	everywhere    bool // root and others have it, on every kernel
}{
	{"2, 1, 262", "EPROTONOSUPPORT", true}, // MPTCP
	{"10, 1 | 0o2004000, 262", "EPROTONOSUPPORT", true},
	{"2, 1, 132", "EPROTONOSUPPORT", false}, // SCTP
	{"2, 5, 132", "EPROTONOSUPPORT", false},
	{"2, 1, 256", "EPROTONOSUPPORT", false}, // SMC
	{"2, 6, 33", "EPROTONOSUPPORT", false},  // DCCP
	{"2, 3, 6", "EPROTONOSUPPORT", false},   // segments made by hand
	{"43, 1, 0", "EAFNOSUPPORT", false},     // SMC
	{"21, 5, 0", "EAFNOSUPPORT", false},     // RDS
	{"17, 3, 0", "EAFNOSUPPORT", false},     // packets made by hand
}

// portWays are ways to connect and to bind, by at, and sockets that no port is asked of.
var portWays = func() string {
	var b strings.Builder
	b.WriteString(`
class iovec(ctypes.Structure): _fields_ = [('base', ctypes.c_char_p), ('len', ctypes.c_size_t)]
class msghdr(ctypes.Structure): _fields_ = [('name', ctypes.c_char_p), ('namelen', ctypes.c_uint), ('iov', ctypes.POINTER(iovec)), ('iovlen', ctypes.c_size_t), ('control', ctypes.c_void_p), ('controllen', ctypes.c_size_t), ('flags', ctypes.c_int), ('n', ctypes.c_uint)]
def many(flags):
    name = b'\x02\x00' + at[1].to_bytes(2, 'big') + bytes([127, 0, 0, 1]) + bytes(8)
    m = msghdr(name, 16, ctypes.pointer(iovec(b'x', 1)), 1)
    s = socket.socket()
    if libc.sendmmsg(s.fileno(), ctypes.byref(m), 1, flags) < 0: raise OSError(ctypes.get_errno(), '')
def later():
    s = socket.socket(); s.setsockopt(6, 30, 1); s.connect(at); s.send(b'x'); return 'later'
def echo():
    a, b = socket.socketpair(); a.sendmsg([b'x']); return b.recv(1) == b'x' and 'stream'
said(lambda: socket.create_connection(at) and 'connected')
said(lambda: socket.socket().bind(('127.0.0.1', 0)) or 'bound')
said(lambda: socket.socket().sendto(b'x', 0x20000000, at) and 'fastopen')
said(lambda: socket.socket().sendmsg([b'x'], [], 0x20000000 | 0x4000, at) and 'fastopen')
said(lambda: many(0x20000000) or 'fastopen')
said(later)
`)
	for _, s := range otherSockets {
		fmt.Fprintf(&b, "said(lambda: socket.socket(%s) and 'made')\n", s.args)
	}
	b.WriteString(`
said(lambda: socket.socket(10, 2) and 'udp6')
said(lambda: socket.socket(socket.AF_UNIX) and 'unix')
said(lambda: socket.socket(2, 2).connect(at) or 'connected')
said(echo)
`)
	return b.String()
}()

// Rights cannot be given up, because the supervisor would not.
func TestExecRights(t *testing.T) {
	if os.Getuid() != 0 {
		t.Log("only root has rights to give up")
		return
	}
	got := newYard(t, "").run("said(lambda: os.setuid(1001) or 'ok'); said(lambda: os.setgroups([1]) or 'ok'); said(lambda: call(272, 0x10000000)); said(lambda: call(157, 24, 1, 0, 0, 0))")
	if strings.Join(got, " ") != "EPERM EPERM -1 -1" {
		t.Error(got)
	}
}

// Another user's files stay those of another user.
func TestExecPermissions(t *testing.T) {
	if os.Getuid() == 0 {
		t.Log("root may read everything")
		return
	}
	if got := newYard(t, "").run("said(lambda: read('/etc/shadow'))"); got[0] != "EACCES" {
		t.Error(got)
	}
}

// The real torch loads what is trusted, and gets PermissionError for the rest.
func TestExecTorch(t *testing.T) {
	y := newYard(t, "")
	writer := exec.Command(python(t), "-c", "import torch; torch.save({'w': torch.ones(3)}, 'models/net.pt'); torch.save({'w': torch.zeros(3)}, 'models/other.pt')")
	writer.Dir = y.dir
	if out, err := writer.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if out, err := y.command("trust", "add", "models/net.pt").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got := y.run(`
os.environ['TMPDIR'] = 'out' # data loaders talk through a file there
import torch
print(int(torch.load('models/net.pt')['w'].sum()))
try:
    torch.load('models/other.pt')
except PermissionError:
    print('PermissionError')
torch.save({'w': torch.ones(2)}, 'out/new.pt')
from torch.utils.data import DataLoader
print(sum(int(x.sum()) for x in DataLoader([torch.ones(1)] * 4, num_workers=2)))
`)
	if strings.Join(got, " ") != "3 PermissionError 4" {
		t.Error(got)
	}
}

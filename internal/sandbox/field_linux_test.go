package sandbox_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/testkit/hostile"
)

// number makes names that no other has.
var number atomic.Int64

// field is where attacks would leave traces. Anybody may write to all of it, so that
// nothing but the sandbox keeps them out.
type field struct {
	dir    string
	python string // a hostile worker
	setuid string // the same, which root has made everybody's
	*ears
}

// ears hear who connects.
type ears struct {
	tcp      net.Listener
	udp      net.PacketConn
	path     net.Listener
	abstract net.Listener
	hits     atomic.Int64
}

// open is a folder that every user gets to: those of the testing package are private.
// It is not beneath /tmp, where a worker has one of its own.
func open(t *testing.T) string {
	t.Helper()
	dir := filepath.Join("/var/tmp", fmt.Sprintf("andiron-abuse-%d-%d", os.Getpid(), number.Add(1)))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

func newField(t *testing.T) *field {
	t.Helper()
	f := &field{dir: open(t)}
	f.python, f.setuid = filepath.Join(f.dir, "python"), filepath.Join(f.dir, "setuid")
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{f.python: 0o755, f.setuid: 0o755 | os.ModeSetuid} {
		if err := os.WriteFile(name, self, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	f.ears = newEars(t, f.dir)
	return f
}

func newEars(t *testing.T, dir string) *ears {
	t.Helper()
	e := &ears{}
	var err error
	if e.tcp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if e.path, err = net.Listen("unix", filepath.Join(dir, "socket")); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "socket"), 0o777); err != nil {
		t.Fatal(err)
	}
	if e.abstract, err = net.Listen("unix", fmt.Sprintf("@andiron-%d-%d", os.Getpid(), time.Now().UnixNano())); err != nil {
		t.Fatal(err)
	}
	if e.udp, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	for _, l := range []net.Listener{e.tcp, e.path, e.abstract} {
		t.Cleanup(func() { _ = l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				e.hits.Add(1)
				_ = c.Close()
			}
		}()
	}
	t.Cleanup(func() { _ = e.udp.Close() })
	go func() {
		for {
			if _, _, err := e.udp.ReadFrom(make([]byte, 16)); err != nil {
				return
			}
			e.hits.Add(1)
		}
	}()
	return e
}

// plot is the part of the field that one attack has.
type plot struct {
	*field
	dir, python string
	target      hostile.Target
	victim      *exec.Cmd
	alive       io.Closer
}

// plot makes everything that an attack may want. A process that it could end is only
// there for those that go for one.
func (f *field) plot(t *testing.T, name string, victim bool) *plot {
	t.Helper()
	dir := filepath.Join(f.dir, strconv.FormatInt(number.Add(1), 10))
	bin := filepath.Join(dir, "bin") // which the sandbox shows to its worker
	p := &plot{field: f, dir: dir, python: filepath.Join(bin, hostile.Name)}
	p.target = hostile.Target{
		Attack: name, Marker: filepath.Join(dir, "marker"), Secret: filepath.Join(dir, "secret"), Home: filepath.Join(dir, "home"),
		Outside: filepath.Join("/tmp", filepath.Base(f.dir)+filepath.Base(dir)), Device: "/dev/kmsg",
		TCP: f.tcp.Addr().(*net.TCPAddr).Port, UDP: f.udp.LocalAddr().(*net.UDPAddr).Port,
		Path: f.path.Addr().String(), Abstract: strings.TrimPrefix(f.abstract.Addr().String(), "@"),
		Supervisor: os.Getpid(), Setuid: filepath.Join(bin, "setuid"),
	}
	for name, mode := range map[string]os.FileMode{dir: 0o777, bin: 0o777, p.target.Home: 0o777, filepath.Join(p.target.Home, ".ssh"): 0o777} {
		if err := os.MkdirAll(name, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(name, mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{p.target.Secret, filepath.Join(p.target.Home, ".ssh", "id")} {
		p.write(t, name, []byte("secret"))
	}
	for from, to := range map[string]string{f.python: p.python, f.setuid: p.target.Setuid} {
		if err := os.Link(from, to); err != nil {
			t.Fatal(err)
		}
	}
	if victim {
		p.bear(t)
	}
	return p
}

// file is the checkpoint.
func (p *plot) file() string { return filepath.Join(p.dir, "x.pt") }

func (p *plot) write(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.WriteFile(name, b, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(name, 0o666); err != nil {
		t.Fatal(err)
	}
}

// bear starts a process that ends when the plot is looked at.
func (p *plot) bear(t *testing.T) {
	t.Helper()
	p.victim = exec.Command("/proc/self/exe")
	p.victim.Args = []string{hostile.VictimName}
	var err error
	if p.alive, err = p.victim.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.victim.Start(); err != nil {
		t.Fatal(err)
	}
	p.target.Victim = p.victim.Process.Pid
}

// traces is what was touched. Where a layer is known not to hold an attack, it is
// still not to get at a file.
func (p *plot) traces(t *testing.T) (found []string) {
	t.Helper()
	want := map[string]bool{"secret": true, "home": true, "home/.ssh": true, "home/.ssh/id": true, "bin": true, "bin/" + hostile.Name: true, "bin/setuid": true, "x.pt": true}
	err := filepath.WalkDir(p.dir, func(name string, _ os.DirEntry, err error) error {
		rel, _ := filepath.Rel(p.dir, name) // it is beneath
		if rel != "." && !want[rel] {
			found = append(found, rel+" was made")
		}
		delete(want, rel)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for name := range want {
		found = append(found, name+" is gone")
	}
	for _, name := range []string{"secret", "home/.ssh/id"} {
		if b, err := os.ReadFile(filepath.Join(p.dir, name)); err == nil && string(b) != "secret" {
			found = append(found, name+" was written to")
		}
	}
	if _, err := os.Lstat(p.target.Outside); err == nil {
		found = append(found, p.target.Outside+" was made")
	}
	return append(found, p.lives()...)
}

// lives says which processes are there that should not be, and which are not that should.
func (p *plot) lives() (found []string) {
	if left := processesOf(p.dir); len(left) > 0 {
		found = append(found, fmt.Sprintf("%d processes are left", len(left)))
		for _, pid := range left {
			_ = unix.Kill(pid, unix.SIGKILL) // it may have ended
		}
	}
	if p.victim != nil {
		_ = p.alive.Close() // it ends by itself, or has been ended
		if err := p.victim.Wait(); err != nil {
			found = append(found, "another process was ended: "+err.Error())
		}
	}
	return found
}

// processesOf are the processes that have a text in their command line.
func processesOf(text string) (found []int) {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline") // the pattern is a good one
	for _, name := range all {
		if b, err := os.ReadFile(name); err == nil && bytes.Contains(b, []byte(text)) {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name))) // it is a number
			found = append(found, pid)
		}
	}
	return found
}

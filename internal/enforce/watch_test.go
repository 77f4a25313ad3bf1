//go:build enforce

package enforce_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hill is a project on a file system of its own, which is all that is ever watched.
type hill struct {
	*yard
	cmd    *exec.Cmd
	stderr bytes.Buffer
}

// newHill mounts a file system in memory, in a mount namespace of its own for nobody but
// this test's processes to be held back, and watches it.
func newHill(t *testing.T, policy string, flags ...string) *hill {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("andiron", dir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755,size=64m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	h := &hill{yard: &yard{t: t, dir: dir, log: filepath.Join(t.TempDir(), "log")}}
	for _, d := range []string{"models", "uploads"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	h.write("models/good.pkl", good)
	h.write("models/evil.pkl", evil)
	h.write("uploads/x.dat", evil)
	h.write("plain.txt", "plain text\n")
	h.write("andiron.yaml", "version: 1\nexec:\n  models: [models]\n"+policy)
	if out, err := h.command("trust", "add", "models/good.pkl").CombinedOutput(); err != nil {
		t.Fatalf("trust add: %v\n%s", err, out)
	}
	h.cmd = h.command(append([]string{"enforce", "--project", dir, "--log", h.log}, flags...)...)
	h.cmd.Dir = "/"
	h.cmd.Stderr = &h.stderr
	if err := h.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = h.cmd.Process.Signal(syscall.SIGTERM)
		_ = h.cmd.Wait() // it was ended
		if t.Failed() {
			b, _ := os.ReadFile(h.log)
			t.Logf("%s\n%s", b, &h.stderr)
		}
	})
	h.until("watched", func() bool { return errors.Is(h.read("models/evil.pkl"), fs.ErrPermission) })
	return h
}

// until waits for something.
func (h *hill) until(what string, is func() bool) {
	h.t.Helper()
	for range 100 {
		if is() {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	h.t.Fatalf("it is never %s: %s", what, &h.stderr)
}

// read opens a file in a process that can be ended if nobody answers.
func (h *hill) read(name string) error {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(h.dir, name)
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return f.Close()
}

func (h *hill) want(name string, allowed bool) {
	h.t.Helper()
	err := h.read(name)
	if allowed && err != nil || !allowed && !errors.Is(err, fs.ErrPermission) {
		h.t.Errorf("%s: %v, allowed should be %v", name, err, allowed)
	}
}

// workers are the processes of the second kind.
func (h *hill) worker() int {
	h.t.Helper()
	out, err := exec.Command("pgrep", "-P", strconv.Itoa(h.cmd.Process.Pid)).Output()
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		h.t.Fatalf("%q: %v", out, err)
	}
	return pid
}

func TestWatchContent(t *testing.T) {
	h := newHill(t, "")
	for range 3 { // the second and third are not asked about
		h.want("models/good.pkl", true)
	}
	h.want("plain.txt", true)
	h.want("models/evil.pkl", false)
	h.want("uploads/x.dat", false)
	// G1, G2: names, links, places.
	at := func(name string) string { return filepath.Join(h.dir, name) }
	for _, err := range []error{
		os.Rename(at("uploads/x.dat"), at("uploads/x.txt")), os.Link(at("models/evil.pkl"), at("uploads/link")),
		os.Link(at("models/good.pkl"), at("uploads/good")), os.Mkdir(at("bind"), 0o755), unix.Mount(at("models"), at("bind"), "", unix.MS_BIND, ""),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	h.want("uploads/x.txt", false)
	h.want("uploads/link", false)
	h.want("uploads/good", true) // the same bytes as the lock has
	h.want("bind/evil.pkl", false)
	h.want("bind/good.pkl", true)
	// Another mount namespace.
	if out, err := exec.Command("unshare", "-m", "cat", at("models/evil.pkl")).CombinedOutput(); err == nil {
		t.Errorf("in another namespace: %s", out)
	}
	// G3: by O_PATH.
	fd, err := unix.Open(at("models/evil.pkl"), unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = unix.Close(fd) }()
	h.want(fmt.Sprintf("/proc/self/fd/%d", fd), false)
	// G5: new files.
	h.write("uploads/new.pt", evil)
	h.want("uploads/new.pt", false)
	if list := h.denials(); len(list) < 5 || len(fmt.Sprint(list[0]["sha256"])) != 64 {
		t.Errorf("%v", list)
	}
}

// G4: what is changed after it was allowed is looked at again.
func TestWatchChanged(t *testing.T) {
	h := newHill(t, "")
	h.want("models/good.pkl", true)
	h.want("models/good.pkl", true)
	h.write("models/good.pkl", evil) // in place
	h.want("models/good.pkl", false)
	h.until("told", func() bool {
		b, err := os.ReadFile(h.log)
		return err == nil && bytes.Contains(b, []byte(`"msg":"changes"`))
	})
	h.write("plain.txt", evil)
	h.want("plain.txt", false)
}

// G6, G7: who watches is ended or stopped; nothing that is not trusted is ever opened.
func TestWatchdog(t *testing.T) {
	h := newHill(t, "")
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		before := h.worker()
		if err := syscall.Kill(before, signal); err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		h.want("models/evil.pkl", false)
		if d := time.Since(begun); d > 8*time.Second {
			t.Errorf("%v: an open took %v", signal, d)
		}
		h.until("started again", func() bool { now := h.worker(); return now != 0 && now != before })
		h.until("answered", func() bool { return h.read("models/good.pkl") == nil })
		h.want("models/evil.pkl", false)
	}
}

// SIGHUP has the lock read again.
func TestWatchReload(t *testing.T) {
	h := newHill(t, "")
	h.write("models/two.pkl", strings.Replace(good, "b", "c", 1))
	h.want("models/two.pkl", false)
	h.write("copy", "") // trust add opens the model, and may not
	if out, err := h.command("trust", "add", "models/two.pkl").CombinedOutput(); err == nil {
		t.Errorf("it was opened: %s", out)
	}
	lock := filepath.Join(h.dir, "andiron.lock")
	b, err := os.ReadFile(lock)
	if err != nil {
		t.Fatal(err)
	}
	list := h.denials()
	sum := fmt.Sprint(list[len(list)-1]["sha256"])
	text := string(b)
	entry := text[strings.Index(text, "    {"):strings.LastIndex(text, "\n  ]")]
	old := entry[strings.Index(entry, `"sha256": "`)+11:][:64]
	second := strings.NewReplacer("good.pkl", "two.pkl", old, sum).Replace(entry)
	h.write("andiron.lock", strings.Replace(text, entry, entry+",\n"+second, 1))
	if err := h.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	h.until("trusted", func() bool { return h.read("models/two.pkl") == nil })
}

// A lock that cannot be read at SIGHUP changes nothing, and keeps nobody from mending it.
func TestWatchReloadBroken(t *testing.T) {
	for name, c := range map[string]struct{ file, broken string }{
		"lock":   {"andiron.lock", "{"},
		"policy": {"andiron.yaml", "version: 1\nexec:\n  models: [none]\n"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHill(t, "")
			sound, err := os.ReadFile(filepath.Join(h.dir, c.file))
			if err != nil {
				t.Fatal(err)
			}
			h.want("models/good.pkl", true)
			worker := h.worker()
			const says = "cannot be read"
			for i := range 2 {
				h.write(c.file, c.broken)
				if err := h.cmd.Process.Signal(syscall.SIGHUP); err != nil {
					t.Fatal(err)
				}
				h.until("told", func() bool { return len(h.said(says)) == i+1 })
			}
			h.want("models/good.pkl", true)
			h.want("models/evil.pkl", false)
			h.want("plain.txt", true)
			if now := h.worker(); now != worker {
				t.Errorf("another worker answers: %d and not %d", now, worker)
			}
			// A worker that has never read it trusts nothing, and holds nothing else back.
			if err := syscall.Kill(worker, syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			h.until("without", func() bool { return len(h.said("no model is let through")) == 1 })
			h.want("models/good.pkl", false)
			h.want("models/evil.pkl", false)
			h.want("plain.txt", true)
			h.write(c.file, string(sound))
			h.until("mended", func() bool { return h.read("models/good.pkl") == nil })
			h.want("models/evil.pkl", false)
			if list := h.said(says); len(list) != 3 {
				t.Errorf("said %d times: %q", len(list), list)
			}
		})
	}
}

// Another lock counts for models as well that the kernel does not ask about.
func TestWatchReloadTakesBack(t *testing.T) {
	h := newHill(t, "")
	for range 3 {
		h.want("models/good.pkl", true)
	}
	h.write("andiron.lock", `{"version": 1, "models": []}`)
	h.want("models/good.pkl", true)
	if err := h.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	h.until("taken back", func() bool { return errors.Is(h.read("models/good.pkl"), fs.ErrPermission) })
	h.want("plain.txt", true)
}

// said are the lines of the log whose message has some words.
func (h *hill) said(words string) (list []string) {
	h.t.Helper()
	b, err := os.ReadFile(h.log)
	if err != nil {
		h.t.Fatal(err)
	}
	for line := range strings.Lines(string(b)) {
		_, msg, _ := strings.Cut(line, `"msg":`)
		if msg, _, _ = strings.Cut(msg, `","`); strings.Contains(msg, words) {
			list = append(list, line)
		}
	}
	return list
}

// When both have ended nothing is held back.
func TestWatchEnded(t *testing.T) {
	h := newHill(t, "")
	if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	h.until("let go", func() bool { return h.read("models/evil.pkl") == nil })
}

// A worker whose watchdog was killed answers on, until it is told to end: what starts both
// again, such as systemd, waits for that.
func TestWatchdogKilled(t *testing.T) {
	h := newHill(t, "")
	worker := h.worker()
	if err := h.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_, _ = h.cmd.Process.Wait() // it was killed; the worker has its standard error
	h.want("models/evil.pkl", false)
	h.want("models/good.pkl", true)
	if err := syscall.Kill(worker, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	h.until("let go", func() bool { return h.read("models/evil.pkl") == nil })
}

package sandbox_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/andiron-dev/andiron/internal/sandbox"
	"github.com/andiron-dev/andiron/internal/testkit/hostile"
)

// attacks makes some attacks again, for a test with a name of its own.
func (s *stack) attacks(t *testing.T, names ...string) {
	t.Helper()
	f := newField(t)
	for _, name := range names {
		i := slices.IndexFunc(hostile.Attacks, func(a hostile.Attack) bool { return a.Name == name })
		if i < 0 {
			t.Fatalf("there is no attack %q", name)
		}
		s.attack(t, f, hostile.Attacks[i])
	}
	if f.hits.Load() > 0 {
		t.Error("there were connections")
	}
}

// Nothing that the worker has lets it answer its own calls.
func TestPitfall03AnswersItself(t *testing.T) {
	s := available(t)
	s.attacks(t, "answer oneself", "a listener that is none")
}

// A worker that says things twice, early or not at all stops nobody.
func TestPitfall04SpeaksOutOfTurn(t *testing.T) {
	s := available(t)
	s.attacks(t, "the filter again", "ready again", "two listeners", "ten listeners", "an end before the beginning", "words without end")
}

// running waits for the process of a worker that does not end by itself.
func running(t *testing.T, p *plot) int {
	t.Helper()
	for range 500 {
		for _, pid := range processesOf(p.python) {
			if b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status"); err == nil && bytes.Contains(b, []byte("Seccomp:\t2")) {
				return pid
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("no worker is there")
	return 0
}

// A worker of root is another user, whose processes are counted, and memory that is
// shared is not to be had.
func TestPitfall06LimitsBind(t *testing.T) {
	s := available(t)
	p := newField(t).plot(t, "wait for nobody", false)
	file, _ := p.checkpoint(t, "wait for nobody")
	done := make(chan error)
	go func() {
		o := s.options(p.python, true)
		o.Limits.Load = 3 * time.Second
		_, err := attempt(t, file, o)
		done <- err
	}()
	pid := running(t, p)
	status, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status") // it is missed below
	limits, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/limits") // likewise
	if !bytes.Contains(status, []byte("Uid:")) || bytes.Contains(status, []byte("Uid:\t0")) {
		t.Errorf("it is root: %s", status)
	}
	want := []string{"Max core file size 0 0", "Max stack size 8388608 8388608", "Max data size 1073741824 1073741824", "Max open files 64 64", "Max file size 33554432 33554432"}
	if s.has(sandbox.Namespaces) || os.Getuid() == 0 {
		want = append(want, "Max processes 16 16")
	}
	for _, w := range want {
		if !strings.Contains(strings.Join(strings.Fields(string(limits)), " "), w) {
			t.Errorf("%q is not in %s", w, limits)
		}
	}
	if err := <-done; !errors.Is(err, sandbox.ErrContained) {
		t.Error(err)
	}
	s.attacks(t, "shared memory", "memory that grows downwards", "a file in memory")
}

// Without namespaces nothing is done that needs some: the host keeps its name.
func TestPitfall08NameOfTheHost(t *testing.T) {
	before, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range stacks {
		if !s.has(sandbox.Namespaces) {
			p := newField(t).plot(t, good, false)
			file, _ := p.checkpoint(t, good)
			_, _ = attempt(t, file, s.options(p.python, false)) // Landlock may not be there
		}
	}
	if after, err := os.Hostname(); err != nil || after != before {
		t.Errorf("the host is called %q, and was %q", after, before)
	}
}

// Without namespaces a worker of root is let in where any user is, and who named a
// private folder is told so. A worker of another user is that user.
func TestPrivateFolder(t *testing.T) {
	p := newField(t).plot(t, good, false)
	file, _ := p.checkpoint(t, good)
	dir := filepath.Join(t.TempDir(), "own")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.Chmod(filepath.Dir(dir), 0o700)); err != nil {
		t.Fatal(err)
	}
	o := sandbox.Options{Python: p.python, Path: []string{dir}, Without: []sandbox.Layer{sandbox.Namespaces, sandbox.Cgroup}}
	_, err := attempt(t, file, o)
	switch {
	case landlockVersion() == 0: // nothing else is left
		if !errors.Is(err, sandbox.ErrMissing) {
			t.Error(err)
		}
	case os.Getuid() != 0:
		if err != nil {
			t.Error(err)
		}
	case err == nil || !strings.Contains(err.Error(), dir+": permission denied: without namespaces a worker of root is user"):
		t.Error(err)
	}
}

// Each descriptor has one owner: none is closed twice, and none is left.
func TestPitfall09Descriptors(t *testing.T) {
	s := available(t)
	f := newField(t)
	count := func() int {
		list, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	before := 0
	for i, attack := range []string{good, good, "read a file", "an end with 0", "two listeners", "crash", good} {
		p := f.plot(t, attack, false)
		file, _ := p.checkpoint(t, attack)
		_, _ = attempt(t, file, s.options(p.python, false)) // what comes of it is the matter of others
		if i == 0 {
			before = count() // what the runtime has for itself is there
		}
	}
	if after := count(); after != before {
		t.Errorf("%d descriptors, and %d before", after, before)
	}
}

// A Python beneath /tmp is seen, though a worker has a /tmp of its own.
func TestPitfall10Tmp(t *testing.T) {
	dir := filepath.Join("/tmp", "andiron-abuse-"+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := newField(t).plot(t, good, false)
	b, err := os.ReadFile(p.python)
	if err != nil {
		t.Fatal(err)
	}
	python := filepath.Join(dir, hostile.Name)
	if err := os.WriteFile(python, b, 0o755); err != nil {
		t.Fatal(err)
	}
	file, _ := p.checkpoint(t, good)
	s := available(t)
	if _, err := attempt(t, file, s.options(python, false)); err != nil {
		t.Error(err)
	}
}

// Whether a file is there is not to be learnt either, where there are no namespaces.
func TestPitfall11NoLooking(t *testing.T) {
	s := available(t)
	s.in = slices.DeleteFunc(s.in, func(l sandbox.Layer) bool { return l == sandbox.Namespaces })
	s.attacks(t, "look whether a file is there", "look by an open folder", "look in another way", "ask for access")
}

// P10: whoever ends the supervisor ends its workers.
func TestSupervisorKilled(t *testing.T) {
	if dir := os.Getenv("ANDIRON_ORPHAN"); dir != "" {
		in, err := sandbox.OpenInput(filepath.Join(dir, "x.pt"))
		if err == nil {
			_, _, err = sandbox.Load(t.Context(), in, sandbox.Options{Python: filepath.Join(dir, "bin", hostile.Name)})
		}
		t.Fatal(err)
	}
	p := newField(t).plot(t, "wait for nobody", false)
	p.checkpoint(t, "wait for nobody")
	cmd := exec.Command("/proc/self/exe", "-test.run", "^TestSupervisorKilled$")
	cmd.Env = append(os.Environ(), "ANDIRON_ORPHAN="+p.dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	running(t, p)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	for range 500 {
		if len(processesOf(p.python)) == 0 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("%v are left", processesOf(p.python))
}

// D4: none of the values of Yama stands in the way. The init of make kernels sets them.
func TestAttacksUnderYama(t *testing.T) {
	s := available(t)
	s.attacks(t, good, "read a file", "trace", "fork")
}

//go:build fault && linux && amd64

package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// faultCase is a verb that writes a file. Whatever system call fails or is the
// last one, the file is the old one or a complete new one.
type faultCase struct {
	name  string
	setup func(t *testing.T, dir string) // makes the input and the old file
	argv  []string
	out   string // relative to the folder of the run
	// more are files that the run adds besides, whole or not at all.
	more []string
	// wholeToo says why one of more, with another content, is not whole.
	wholeToo func(name string, content []byte) error
	// whole says why the content is no complete new one. Without it the content
	// must be that of a run without faults.
	whole func(content []byte) error
}

// faults are what is injected; 0 kills.
var faults = []syscall.Errno{0, syscall.ENOSPC, syscall.EIO}

// perCall is the most occurrences of one system call that are tried; of more,
// as many are chosen evenly.
const perCall = 200

func TestFault(t *testing.T) {
	bin := os.Getenv("ANDIRON_FAULT_BIN") // another build, to try this on
	if bin == "" {
		bin = filepath.Join(t.TempDir(), "andiron")
		build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if b, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, b)
		}
	}
	for _, c := range faultCases {
		t.Run(c.name, func(t *testing.T) { (&faultRun{faultCase: c, bin: bin}).all(t) })
	}
}

// faultRun is a case on its way.
type faultRun struct {
	faultCase

	bin      string
	old, new []byte            // of out
	added    map[string][]byte // of more
	files    []string          // in the folder before a run
	temp     string
}

func (r *faultRun) all(t *testing.T) {
	t.Helper()
	counts := r.learn(t)
	for _, call := range slices.Sorted(maps.Keys(counts)) {
		for _, errno := range faults {
			list := chosen(counts[call])
			hits := 0
			for _, n := range list {
				hit, wrong := r.try(t, injection{call, n, errno})
				if hit {
					hits++
				}
				for _, w := range wrong {
					t.Error(w)
				}
			}
			t.Logf("%-16s %-30s at %d of %d calls", call, faultName(errno), hits, counts[call])
			// A run may make a call less than the first one did.
			if hits < len(list)-1-len(list)/10 || hits == 0 {
				t.Errorf("%s: %s came at %d of %d calls only", call, faultName(errno), hits, len(list))
			}
		}
	}
}

func faultName(errno syscall.Errno) string {
	if errno == 0 {
		return "killed"
	}
	return errno.Error()
}

// chosen are the numbers from 1 to n, or perCall of them.
func chosen(n int) (list []int) {
	for i := range min(n, perCall) {
		list = append(list, 1+i*n/min(n, perCall))
	}
	return list
}

// learn runs without faults, and returns how often each call is made.
func (r *faultRun) learn(t *testing.T) map[string]int {
	t.Helper()
	dir := r.folder(t)
	r.old = readFile(t, filepath.Join(dir, r.out))
	run, said := r.run(t, dir, nil)
	if run.code != 0 {
		t.Fatalf("without a fault: exit %d: %s", run.code, said)
	}
	r.new = readFile(t, filepath.Join(dir, r.out))
	if bytes.Equal(r.old, r.new) {
		t.Fatal("the new file is the old one, so that nothing can be told")
	}
	if err := r.complete(r.new); err != nil {
		t.Fatalf("without a fault: %v", err)
	}
	r.added = map[string][]byte{}
	for _, name := range r.more {
		if r.added[name] = readFile(t, filepath.Join(dir, name)); r.added[name] == nil {
			t.Fatalf("without a fault: there is no %s", name)
		}
	}
	if list := r.leftovers(t, dir); len(list) > 0 {
		t.Fatalf("without a fault: left behind: %v", list)
	}
	for _, must := range []string{"openat", "write", "fsync", "close"} {
		if run.counts[must] == 0 {
			t.Fatalf("no %s was seen: %v", must, run.counts)
		}
	}
	return run.counts
}

// folder makes what a run finds.
func (r *faultRun) folder(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "d")
	r.temp = filepath.Join(t.TempDir(), "tmp")
	for _, d := range []string{dir, r.temp} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	r.setup(t, dir)
	r.files = names(t, dir)
	return dir
}

func names(t *testing.T, dir string) (list []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(p string, _ os.DirEntry, err error) error {
		list = append(list, strings.TrimPrefix(p, dir))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	return b
}

// run runs the verb and returns how it went and what it said.
func (r *faultRun) run(t *testing.T, dir string, inject *injection) (run traced, said string) {
	t.Helper()
	out, err := os.Create(filepath.Join(t.TempDir(), "said"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Close() }()
	cmd := exec.CommandContext(t.Context(), r.bin, r.argv...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, out, out
	// One processor makes the calls of two runs come in the same order, mostly.
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1", "TMPDIR="+r.temp, "HOME="+r.temp, "XDG_CACHE_HOME="+r.temp, "SOURCE_DATE_EPOCH=1700000000")
	run = trace(t, cmd, inject)
	return run, string(readFile(t, out.Name()))
}

// try injects one fault and holds what is there against what may be. It reports
// whether the fault came, and what is wrong.
func (r *faultRun) try(t *testing.T, inject injection) (hit bool, wrong []string) {
	t.Helper()
	dir := r.folder(t)
	run, said := r.run(t, dir, &inject)
	what := fmt.Sprintf("%s %d: %s: exit %d: %s", inject.call, inject.nth, faultName(inject.errno), run.code, said)
	got := readFile(t, filepath.Join(dir, r.out))
	isOld := bytes.Equal(got, r.old)
	if err := r.complete(got); err != nil && !isOld {
		wrong = append(wrong, fmt.Sprintf("neither the old nor a new file: %v: %s", err, what))
	}
	for name, want := range r.added {
		b := readFile(t, filepath.Join(dir, name))
		if b != nil && !bytes.Equal(b, want) && (r.wholeToo == nil || r.wholeToo(name, b) != nil) {
			wrong = append(wrong, fmt.Sprintf("%s has %d bytes, not %d: %s", name, len(b), len(want), what))
		}
	}
	if isOld && run.code == 0 {
		wrong = append(wrong, "the old file, and no error: "+what)
	}
	if inject.errno != 0 {
		for _, name := range r.leftovers(t, dir) {
			wrong = append(wrong, name+" was left behind: "+what)
		}
	}
	return run.hit, wrong
}

// complete says why a file is not a whole new one.
func (r *faultRun) complete(content []byte) error {
	if r.whole != nil {
		return r.whole(content)
	}
	if !bytes.Equal(content, r.new) {
		return fmt.Errorf("%d bytes, not the %d of the new file", len(content), len(r.new))
	}
	return nil
}

// leftovers are what a run left besides its file.
func (r *faultRun) leftovers(t *testing.T, dir string) (list []string) {
	t.Helper()
	for _, name := range names(t, dir) {
		if !slices.Contains(r.files, name) && name != "/"+filepath.ToSlash(r.out) && !r.adds(name) {
			list = append(list, name)
		}
	}
	for _, name := range names(t, r.temp) {
		if strings.Contains(name, "andiron-") {
			list = append(list, name)
		}
	}
	return list
}

// adds reports whether a name is one of more, or of a folder of one.
func (r *faultRun) adds(name string) bool {
	return slices.ContainsFunc(r.more, func(m string) bool { return "/"+m == name || strings.HasPrefix("/"+m, name+"/") })
}

// A program that writes in place, and one that leaves its temporary file, are
// found out.
func TestFaultIsFound(t *testing.T) {
	for script, want := range map[string]string{
		"echo new; echo new >out; echo new >>out": "neither the old nor a new file",
		"echo new >out || exit 0":                 "the old file, and no error",
		"echo new >tmp && mv tmp out":             "was left behind",
	} {
		r := &faultRun{bin: "/bin/sh", faultCase: faultCase{
			name: "sh", argv: []string{"-c", script}, out: "out",
			setup: func(t *testing.T, dir string) { t.Helper(); writeOld(t, dir, "out") },
		}}
		dir := r.folder(t)
		r.old = readFile(t, filepath.Join(dir, "out"))
		run, _ := r.run(t, dir, nil)
		r.new = readFile(t, filepath.Join(dir, "out"))
		var all []string
		for _, call := range []string{"openat", "write", "renameat2"} {
			for _, errno := range faults {
				for i := range run.counts[call] {
					_, wrong := r.try(t, injection{call, i + 1, errno})
					all = append(all, wrong...)
				}
			}
		}
		if !slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, want) }) {
			t.Errorf("%s: not found: %q", script, all)
		}
	}
}

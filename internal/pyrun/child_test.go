//go:build unix

package pyrun

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// job is one whose interpreter is a shell script. It is called as Python is:
// $3 is the folder and $4 the task.
func job(t *testing.T, sh string) Job {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return name
	}
	j := Job{
		Python: write("python", "#!/bin/sh\n"+sh, 0o700), Script: write("model.py", "", 0o600), Factory: "F", Mode: Script,
		Samples: []Sample{{"seed 0", []Tensor{{"float32", []int64{1}, make([]byte, 4)}}}}, Dir: filepath.Join(dir, "private"),
	}
	if err := os.Mkdir(j.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return j
}

const (
	eight = `printf 12345678 >$3/$4.bin; `
	say   = `cat >$3/$4.json <<'END'` + "\n"
	head  = `{"v": 1, "python": "3.99.0", "executable": "/p", "torch": "9.9", `
	fine  = head + `"weights_sha256": "", "warnings": ["w"], "samples": [[{"name": "output", "dtype": "float32", "stored": "float32", "shape": [2], "offset": 0, "size": 8}]]}`
)

func TestProtocol(t *testing.T) {
	j := job(t, `test ! -t 0 && ! read x || exit 9; `+eight+say+fine+"\nEND\n")
	b, err := Build(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	if b.Python != "3.99.0" || b.Torch != "9.9" || len(b.Warnings) != 1 || len(b.Outputs.samples) != 1 || b.Model != filepath.Join(j.Dir, "model.pt") {
		t.Errorf("%+v", b)
	}
	out, err := Check(t.Context(), j)
	if err != nil {
		t.Fatal(err)
	}
	list, err := Compare(b.Outputs, out, j.Samples, Tolerance{-1, -1})
	if err != nil || len(list) != 1 || !list[0].OK() || list[0].Count != 2 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestBrokenProtocol(t *testing.T) {
	tests := []struct{ name, sh, want string }{
		{"nothing", `exit 0`, "no result"},
		{"an exit code", `echo its last words >&2; exit 7`, "exit status 7 before it was done"},
		{"a signal", `kill -SEGV $$`, "segmentation fault"},
		{"a result, then an exit code", eight + say + fine + "\nEND\nexit 7", "exit status 7"},
		{"no JSON", say + "x\nEND", "invalid character"},
		{"half of it", eight + say + fine[:99] + "\nEND", "unexpected EOF"},
		{"more than it", eight + say + fine + fine + "\nEND", "something follows"},
		{"a field that nobody knows", eight + say + strings.Replace(fine, `"v"`, `"x": 1, "v"`, 1) + "\nEND", `unknown field "x"`},
		{"another version", eight + say + strings.Replace(fine, `1`, `2`, 1) + "\nEND", "version 2"},
		{"no outputs file", say + fine + "\nEND", "no such file"},
		{"too long an outputs file", eight + eight + `echo >>$3/$4.bin; ` + say + fine + "\nEND", "9 bytes of outputs, not 8"},
		{"another size", eight + say + strings.Replace(fine, `"size": 8`, `"size": 9`, 1) + "\nEND", "in 9 bytes"},
		{"another offset", eight + say + strings.Replace(fine, `"offset": 0`, `"offset": 4`, 1) + "\nEND", "should begin at 0"},
		{"a negative shape", eight + say + strings.Replace(fine, `[2]`, `[-2, -1]`, 1) + "\nEND", "shape [-2 -1]"},
		{"a huge shape", eight + say + strings.Replace(fine, `[2]`, `[4294967296, 4294967296, 4]`, 1) + "\nEND", "shape [4294967296"},
		{"an unknown type", eight + say + strings.Replace(fine, `"stored": "float32"`, `"stored": "float3"`, 1) + "\nEND", `"float3"`},
		{"too few samples", eight + say + head + `"weights_sha256": "", "warnings": [], "samples": []}` + "\nEND", "outputs of 0 samples, not of 1"},
		{"a value and a tensor", eight + say + strings.Replace(fine, `"dtype"`, `"value": "1", "dtype"`, 1) + "\nEND", "both a value and a tensor"},
		{"one name twice", eight + say + strings.Replace(fine, `[[`, `[[{"name": "output", "value": "1"}, `, 1) + "\nEND", "is there twice"},
		{"a long name", eight + say + strings.Replace(fine, `"output"`, `"`+strings.Repeat("x", textLimit+1)+`"`, 1) + "\nEND", "too long"},
		{"a huge result", `head -c 20000000 /dev/zero >$3/$4.json`, "limit"},
		{"an exception", say + head + `"error": {"stage": "import", "type": "NameError", "message": "a\n\u001b b"}}` + "\nEND\nexit 1", "the script cannot be imported: NameError: a \x1b b"},
		{"an unknown stage", say + head + `"error": {"stage": "x", "type": "NameError", "message": ""}}` + "\nEND\nexit 1", `unknown stage "x": NameError`},
		{"a long message", say + head + `"error": {"stage": "run", "type": "E", "message": "` + strings.Repeat("é", 1000) + `"}}` + "\nEND\nexit 1", "é..."},
	}
	for _, tt := range tests {
		_, err := Build(t.Context(), job(t, tt.sh))
		f, ok := errors.AsType[*ChildError](err)
		if !ok || !strings.Contains(f.Text, tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestBrokenPython(t *testing.T) {
	j := job(t, "")
	j.Python = j.Script // not executable
	if _, err := Build(t.Context(), j); err == nil || !strings.Contains(err.Error(), "cannot be run: permission denied") {
		t.Error(err)
	}
	if _, err := FindPython(j.Script, ""); err == nil {
		t.Error("a file that is no program is found")
	}
	if _, err := FindPython("", t.TempDir()); err == nil {
		t.Error("an interpreter is found in an empty folder")
	}
	if got, err := FindPython("", "/venv"); err == nil || !strings.Contains(err.Error(), `"/venv/bin/python": no such file`) {
		t.Error(got, err)
	}
	j.Script = filepath.Join(t.TempDir(), "none.py")
	if _, err := Build(t.Context(), j); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

// What a child prints is kept to its end, whatever it prints.
func TestOutputIsBounded(t *testing.T) {
	_, err := Build(t.Context(), job(t, `yes xxxxxxxxx | head -n 200000; echo the end; exit 1`))
	f, ok := errors.AsType[*ChildError](err)
	if !ok || len(f.Output) != 40 || f.Output[39] != "the end" || f.Output[0] != "xxxxxxxxx" {
		t.Errorf("%v: %q", err, f)
	}
	_, err = Build(t.Context(), job(t, `yes | tr -d '\n' | head -c 1000000; exit 1`))
	if f, ok := errors.AsType[*ChildError](err); !ok || len(f.Output) != 0 {
		t.Errorf("%v: %d lines of one that is not whole", err, len(f.Output))
	}
}

// When time is up, whatever the child started ends with it.
func TestGroupIsKilled(t *testing.T) {
	for _, sh := range []string{
		`sleep 600 & echo $! >$3/pid; wait`,
		`trap '' TERM INT HUP; sleep 600 & echo $! >$3/pid; while true; do sleep 1; done`,
		`(sleep 600 & echo $! >$3/pid); exec sleep 600`,
	} {
		j := job(t, sh)
		ctx, cancel := context.WithCancel(t.Context())
		pid := make(chan int)
		go func() {
			pid <- waitForPID(filepath.Join(j.Dir, "pid"))
			cancel()
		}()
		start := time.Now()
		done := make(chan error, 1)
		go func() {
			_, err := Build(ctx, j)
			done <- err
		}()
		p := <-pid
		if err := <-done; err == nil || !strings.Contains(err.Error(), "was interrupted") {
			t.Errorf("%s: %v", sh, err)
		}
		if p <= 0 {
			t.Fatalf("%s: never started", sh)
		}
		waitForEnd(t, p, start)
	}
}

// What a child leaves running when it ends well ends with it, and does no harm.
func TestLeftBehind(t *testing.T) {
	j := job(t, `sleep 600 & echo $! >$3/pid; `+eight+say+fine+"\nEND\n")
	if _, err := Build(t.Context(), j); err != nil {
		t.Error(err)
	}
	waitForEnd(t, waitForPID(filepath.Join(j.Dir, "pid")), time.Now())
}

func waitForEnd(t *testing.T, pid int, start time.Time) {
	t.Helper()
	for syscall.Kill(pid, 0) == nil && !zombie(pid) {
		if time.Since(start) > 20*time.Second {
			t.Fatalf("process %d is still there", pid)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func waitForPID(name string) int {
	for range 4000 {
		if b, err := os.ReadFile(name); err == nil && strings.HasSuffix(string(b), "\n") {
			n, _ := strconv.Atoi(strings.TrimSpace(string(b)))
			return n
		}
		time.Sleep(5 * time.Millisecond)
	}
	return 0
}

// zombie is true for a process that has ended and that nobody has waited for.
func zombie(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(b), ") Z ")
}

func TestTimeout(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := Build(ctx, job(t, `echo busy; exec sleep 600`))
	f, ok := errors.AsType[*ChildError](err)
	if !ok || !strings.Contains(f.Text, "still running when its time was up") || !strings.Contains(f.Hint, "--timeout") {
		t.Errorf("%v", err)
	}
}

func FuzzResult(f *testing.F) {
	f.Add([]byte(fine), int64(8))
	f.Add([]byte(head+`"error": {"stage": "run", "type": "E", "message": "m"}}`), int64(0))
	f.Fuzz(func(t *testing.T, b []byte, size int64) {
		r, err := parseResult(b)
		if err != nil || r.Error != nil || r.check(1, size) != nil {
			return
		}
		var at int64
		for _, l := range r.Samples[0] {
			if l.Value == nil && (l.Offset != at || l.Size < 0 || elements[l.Stored].size == 0) {
				t.Errorf("%+v at %d", l, at)
			}
			at += l.Size
		}
		if at != size {
			t.Errorf("%d of %d bytes", at, size)
		}
	})
}

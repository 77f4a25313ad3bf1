package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/andiron-dev/andiron/internal/enforce"
	"github.com/andiron-dev/andiron/internal/sandbox"
)

func TestMain(m *testing.M) {
	enforce.Stage() // what exec starts is this program
	sandbox.Stage() // and what the sandbox does
	testscript.Main(m, map[string]func(){"andiron": main, "andiron-faulty": faultyMain, "measure": measureMain})
}

// goldenDir is absolute: scripts run in folders of their own.
var goldenDir = func() string {
	dir, err := filepath.Abs("../../testdata/golden/torch")
	if err != nil {
		panic(err)
	}
	return dir
}()

var update = flag.Bool("update", false, "rewrite what the scripts want to what they get")

func TestScripts(t *testing.T) {
	cache := t.TempDir()
	testscript.Run(t, testscript.Params{
		Setup: func(e *testscript.Env) error {
			e.Setenv("XDG_CACHE_HOME", cache)                        // outside of what the scripts look at
			e.Setenv("BIN", filepath.SplitList(e.Getenv("PATH"))[0]) // where this program is, for those that hide what else there is
			return nil
		},
		Files:         scripts(t),
		UpdateScripts: *update,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
			"unhex": unhex,
			"fifo":  fifo,
			"until": until,

			"interpreter": interpreter,

			"index":    index,
			"tells":    tells,
			"dated":    dated,
			"zipped":   zipped,
			"repeated": repeated,

			"authority": authority,
			"golden":    golden,
			"pictured":  pictured,
			"served":    served,
			"learned":   learned,
		},
		Condition: conditions,
	})
}

func scripts(t *testing.T) (files []string) {
	t.Helper()
	list, err := os.ReadDir("testdata")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if strings.HasSuffix(e.Name(), ".txtar") {
			files = append(files, "testdata/"+e.Name())
		}
	}
	if len(files) == 0 {
		t.Fatal("no scripts")
	}
	return files
}

// exits runs a command that must end with an exit code: exits 3 andiron scan x.pt
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("%s exited %d, want %d", strings.Join(args[1:], " "), got, want)
	}
}

// unhex writes a file from hexadecimal with spaces and # comments.
func unhex(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: unhex IN OUT")
	}
	var digits strings.Builder
	for line := range strings.Lines(ts.ReadFile(args[0])) {
		line, _, _ = strings.Cut(line, "#")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	ts.Check(err)
	out := ts.MkAbs(args[1])
	ts.Check(os.MkdirAll(filepath.Dir(out), 0o755))
	ts.Check(os.WriteFile(out, b, 0o644))
}

// golden copies a file or a folder that torch wrote: golden torch-2.6/zip/nested.pt OUT
func golden(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: golden NAME OUT")
	}
	from := filepath.Join(goldenDir, args[0])
	out := ts.MkAbs(args[1])
	info, err := os.Stat(from)
	ts.Check(err)
	if info.IsDir() {
		ts.Check(os.CopyFS(out, os.DirFS(from)))
		return
	}
	b, err := os.ReadFile(from)
	ts.Check(err)
	ts.Check(os.MkdirAll(filepath.Dir(out), 0o755))
	ts.Check(os.WriteFile(out, b, 0o644))
}

// fifo makes a named pipe.
func fifo(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: fifo NAME")
	}
	ts.Check(syscall.Mkfifo(ts.MkAbs(args[0]), 0o644))
}

// until waits until there is such a file.
func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: until NAME")
	}
	for range 1200 {
		if _, err := os.Lstat(ts.MkAbs(args[0])); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("%s is not there after a minute", args[0])
}

// Ctrl-C and SIGTERM end a run with a summary that says so, and with exit code 3.
func TestInterrupt(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		cmd := exec.CommandContext(t.Context(), "andiron", "scan", "--format", "jsonl", "-")
		stdin, err := cmd.StdinPipe() // stays open and silent, so that the run waits for it
		if err != nil {
			t.Fatal(err)
		}
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(stdout)
		if !lines.Scan() || !strings.Contains(lines.Text(), `"verb":"scan"`) {
			t.Fatalf("%v: first line %q", sig, lines.Text())
		}
		if err := cmd.Process.Signal(sig); err != nil {
			t.Fatal(err)
		}
		last := ""
		for lines.Scan() {
			last = lines.Text()
		}
		exit, _ := errors.AsType[*exec.ExitError](cmd.Wait())
		if exit == nil || exit.ExitCode() != 3 || !strings.Contains(last, `"reasons":["interrupted"]`) {
			t.Errorf("%v: exit %v, last line %q", sig, exit, last)
		}
		_ = stdin.Close()
	}
}

// A reader that goes away ends the run without a word.
func TestBrokenPipe(t *testing.T) {
	var stderr strings.Builder
	cmd := exec.CommandContext(t.Context(), "sh", "-c", `{ andiron rules; echo "exit $?" >&2; } | true`)
	cmd.Stderr = &stderr
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	if s := stderr.String(); strings.Contains(s, "andiron:") || strings.Contains(s, "goroutine") {
		t.Errorf("stderr %q", s)
	}
}

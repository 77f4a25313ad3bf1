//go:build torch

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Programs that code scan --fix rewrites: each is run before and after, once with the file
// that it made itself and once with one that would make the file "ran". A fixed program
// does the same with the first, and does not let the second run anything.
var fixable = []struct{ name, code, makes, after string }{
	{
		"weights_only is added", "import torch\nprint(int(torch.load('in.bin')['x'].sum()))\n",
		"torch.save({'x': torch.ones(3)}, 'in.bin')", "torch.load('in.bin', weights_only=True)",
	},
	{
		"weights_only is turned on", "import torch\nprint(int(torch.load('in.bin', weights_only=False)['x'].sum()))\n",
		"torch.save({'x': torch.ones(3)}, 'in.bin')", "torch.load('in.bin', weights_only=True)",
	},
	{
		"weights_only on a line of its own", "import torch\nstate = torch.load(\n    'in.bin',\n    map_location='cpu',  # no accelerator\n)\nprint(int(state['x'].sum()))\n",
		"torch.save({'x': torch.ones(3)}, 'in.bin')", "# no accelerator\n    weights_only=True,\n)",
	},
	{
		"pickle_module is removed", "import pickle, torch\nprint(int(torch.load('in.bin', pickle_module=pickle)['x'].sum()))\n",
		"torch.save({'x': torch.ones(3)}, 'in.bin')", "torch.load('in.bin', weights_only=True)",
	},
	{
		"allow_pickle is turned off", "import numpy\nprint(int(numpy.load('in.bin', allow_pickle=True).sum()))\n",
		"numpy.save(open('in.bin', 'wb'), numpy.ones(3))", "numpy.load('in.bin', allow_pickle=False)",
	},
	{
		"a safe load of YAML", "import yaml\nprint(yaml.load(open('in.bin'), Loader=yaml.Loader)['x'])\n",
		"open('in.bin', 'w').write('x: 3')", "yaml.safe_load(open('in.bin'))",
	},
	{
		"an unsafe load of YAML", "import yaml\nprint(yaml.unsafe_load(open('in.bin'))['x'])\n",
		"open('in.bin', 'w').write('x: 3')", "yaml.safe_load(open('in.bin'))",
	},
}

// hostile writes a file that makes the file "ran" where it is loaded without care.
const hostile = `
import pathlib, sys, numpy, torch
class Payload:
    def __reduce__(self):
        return pathlib.Path.touch, (pathlib.Path("ran"),)
if sys.argv[1] == "numpy":
    numpy.save(open("in.bin", "wb"), numpy.array([Payload()], dtype=object), allow_pickle=True)
elif sys.argv[1] == "yaml":
    open("in.bin", "w").write("x: !!python/object/apply:os.mkdir [ran]")
else:
    torch.save({"x": Payload()}, "in.bin")
`

// TestFixedCode runs what code scan --fix made with real torch.
func TestFixedCode(t *testing.T) {
	for _, python := range pythons(t) {
		for _, tt := range fixable {
			t.Run(filepath.Base(python)+"/"+tt.name, func(t *testing.T) { fixes(t, python, tt.name, tt.code, tt.makes, tt.after) })
		}
		t.Run(filepath.Base(python)+"/a load that verifies", func(t *testing.T) { fixesVerified(t, python) })
	}
}

// scratch is a folder in which programs are run.
type scratch struct {
	t           *testing.T
	dir, python string
}

// run runs a program and gives what it printed and whether it ended well.
func (s scratch) run(args ...string) (string, bool) {
	cmd := exec.CommandContext(s.t.Context(), s.python, args...)
	cmd.Dir = s.dir
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err == nil
}

func (s scratch) must(args ...string) string {
	s.t.Helper()
	out, ok := s.run(args...)
	if !ok {
		s.t.Fatalf("%q: %s", args, out)
	}
	return out[strings.LastIndexByte(out, '\n')+1:]
}

// ran reports whether something ran, and forgets it.
func (s scratch) ran() bool { return os.Remove(filepath.Join(s.dir, "ran")) == nil }

func (s scratch) fix(args ...string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), "andiron", append([]string{"code", "scan", "--fix", "--yes", "--fail-on", "none"}, args...)...)
	cmd.Dir = s.dir
	if out, err := cmd.CombinedOutput(); err != nil && cmd.ProcessState.ExitCode() != 3 {
		s.t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(s.dir, "program.py"))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(b)
}

func newScratch(t *testing.T, python, code string) scratch {
	t.Helper()
	s := scratch{t, t.TempDir(), python}
	if err := os.WriteFile(filepath.Join(s.dir, "program.py"), []byte(code), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func fixes(t *testing.T, python, name, code, makes, after string) {
	t.Helper()
	s := newScratch(t, python, code)
	kind := "torch"
	switch {
	case strings.Contains(name, "YAML"):
		kind = "yaml"
	case strings.Contains(name, "allow_pickle"):
		kind = "numpy"
	}
	s.must("-c", "import numpy, torch; "+makes)
	if got := s.must("program.py"); got != "3" {
		t.Fatalf("before: %q", got)
	}
	s.must("-c", hostile, kind)
	s.run("program.py")
	// From torch 2.6 on the default is safe already.
	if !s.ran() && name != "weights_only is added" && name != "weights_only on a line of its own" {
		t.Error("the program is not one that runs what a file says")
	}
	if got := s.fix("."); !strings.Contains(got, after) {
		t.Errorf("fixed: %s", got)
	}
	if out, ok := s.run("program.py"); ok || s.ran() {
		t.Errorf("the fixed program takes the hostile file: %s", out)
	}
	s.must("-c", "import numpy, torch; "+makes)
	if got := s.must("program.py"); got != "3" {
		t.Errorf("after: %q", got)
	}
}

// fixesVerified replaces a load by andiron.load, which takes what is in the lock and
// nothing else.
func fixesVerified(t *testing.T, python string) {
	t.Helper()
	s := newScratch(t, python, "import torch\npath = 'in.bin'\nprint(int(torch.load(path, map_location='cpu', weights_only=False)['x'].sum()))\n")
	if err := os.CopyFS(filepath.Join(s.dir, "andiron"), os.DirFS("../../python/src/andiron")); err != nil {
		t.Fatal(err)
	}
	binary, err := exec.LookPath("andiron")
	if err == nil {
		err = errors.Join(os.MkdirAll(filepath.Join(s.dir, "bin"), 0o700), os.Symlink(binary, filepath.Join(s.dir, "bin", "andiron")))
	}
	if err != nil {
		t.Fatal(err)
	}
	s.must("-c", "import torch; torch.save({'x': torch.ones(3)}, 'in.bin')")
	if got := s.fix("--verified", "program.py"); !strings.Contains(got, "import andiron\nimport torch\n") || !strings.Contains(got, "andiron.load(path, map_location='cpu')") {
		t.Fatalf("fixed: %s", got)
	}
	if out, ok := s.run("program.py"); ok {
		t.Errorf("a file that nobody vouches for is loaded: %s", out)
	}
	add := exec.CommandContext(t.Context(), "andiron", "trust", "add", "--reason", "made by this test", "in.bin")
	add.Dir = s.dir
	if out, err := add.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if got := s.must("program.py"); got != "3" {
		t.Errorf("after: %q", got)
	}
	s.must("-c", hostile, "torch")
	if out, ok := s.run("program.py"); ok || s.ran() {
		t.Errorf("another file is loaded: %s", out)
	}
}

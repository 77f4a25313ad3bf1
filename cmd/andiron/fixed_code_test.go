//go:build torch

package main

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Programs that code scan --fix rewrites: each is run before and after, once with the file
// that it made itself and once with one that would make the file "ran". A fixed program
// does the same with the first, and does not let the second run anything.
var fixable = map[string]struct {
	code, makes, hostile, after string
	// safe says that from torch 2.6 on the program was safe before.
	safe bool
}{
	"added": {
		"import torch\nprint(int(torch.load('in.bin')['x'].sum()))\n",
		savesTorch, hostileTorch, "torch.load('in.bin', weights_only=True)", true,
	},
	"turned-on": {
		"import torch\nprint(int(torch.load('in.bin', weights_only=False)['x'].sum()))\n",
		savesTorch, hostileTorch, "torch.load('in.bin', weights_only=True)", false,
	},
	"of-none": {
		"import torch\nprint(int(torch.load(open('in.bin', 'rb'), weights_only=None)['x'].sum()))\n",
		savesTorch, hostileTorch, "weights_only=True)['x']", true,
	},
	"on-a-line": {
		"import torch\nstate = torch.load(\n    'in.bin',\n    map_location='cpu',  # no accelerator\n)\nprint(int(state['x'].sum()))\n",
		savesTorch, hostileTorch, "# no accelerator\n    weights_only=True,\n)", true,
	},
	"windows": {
		"import torch\r\nstate = torch.load(\r\n    'in.bin',\r\n    'cpu'\r\n)\r\nprint(int(state['x'].sum()))\r\n",
		savesTorch, hostileTorch, "'cpu',\r\n    weights_only=True\r\n)", true,
	},
	"module": {
		"import pickle, torch\nprint(int(torch.load('in.bin', pickle_module=pickle)['x'].sum()))\n",
		savesTorch, hostileTorch, "torch.load('in.bin', weights_only=True)", false,
	},
	"module-and-flag": {
		"import pickle, torch\nprint(int(torch.load('in.bin', pickle_module=pickle, weights_only=False)['x'].sum()))\n",
		savesTorch, hostileTorch, "torch.load('in.bin', weights_only=True)", false,
	},
	"numpy": {
		"import numpy\nprint(int(numpy.load('in.bin', allow_pickle=True).sum()))\n",
		"numpy.save(open('in.bin', 'wb'), numpy.ones(3))",
		"numpy.save(open('in.bin', 'wb'), numpy.array([Payload()], dtype=object), allow_pickle=True)", "numpy.load('in.bin', allow_pickle=False)", false,
	},
	"yaml": {"import yaml\nprint(yaml.load(open('in.bin'), Loader=yaml.Loader)['x'])\n", savesYAML, hostileYAML, "yaml.safe_load(open('in.bin'))['x']", false},
	"yaml-by-place": {
		"import yaml\nprint(yaml.load(open('in.bin'), yaml.UnsafeLoader)['x'])\n", savesYAML, hostileYAML, "yaml.safe_load(open('in.bin'))['x']", false,
	},
	"yaml-unsafe": {"import yaml\nprint(yaml.unsafe_load(open('in.bin'))['x'])\n", savesYAML, hostileYAML, "yaml.safe_load(open('in.bin'))", false},
	"yaml-all": {
		"import yaml\nprint(list(yaml.unsafe_load_all(open('in.bin')))[0]['x'])\n", savesYAML, hostileYAML, "yaml.safe_load_all(open('in.bin'))", false,
	},
}

const (
	savesTorch   = "torch.save({'x': torch.ones(3)}, 'in.bin')"
	hostileTorch = "torch.save({'x': Payload()}, 'in.bin')"
	savesYAML    = "open('in.bin', 'w').write('x: 3')"
	hostileYAML  = "open('in.bin', 'w').write('x: !!python/object/apply:os.mkdir [ran]')"
)

// runs is what the driver says of a program.
type runs struct {
	Good    string `json:"good"`    // printed with the honest file
	Raised  bool   `json:"raised"`  // with the hostile one
	Ran     bool   `json:"ran"`     // something of that
	Refused bool   `json:"refused"` // the honest one, before anybody vouched for it
}

//go:embed testdata/fix/driver.py
var fixedDriver string

// drive runs the programs of the folders in dir, all in one Python.
func drive(t *testing.T, python, dir string, with map[string][2]string, env ...string) map[string]runs {
	t.Helper()
	given, err := json.Marshal(with)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), python, "-c", fixedDriver, string(given))
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var out, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &stderr
	got := map[string]runs{}
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v: %s", err, stderr.String())
	}
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	return got
}

// fixAll has every program below a folder rewritten.
func fixAll(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "andiron", append([]string{"code", "scan", "--fix", "--yes", "--fail-on", "none", "--quiet"}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestFixedCode runs what code scan --fix made with real torch.
func TestFixedCode(t *testing.T) {
	for _, python := range pythons(t) {
		t.Run(filepath.Base(python), func(t *testing.T) {
			dir := t.TempDir()
			with := map[string][2]string{}
			for name, f := range fixable {
				write(t, filepath.Join(dir, name, "program.py"), f.code)
				with[name] = [2]string{f.makes, f.hostile}
			}
			before := drive(t, python, dir, with)
			fixAll(t, dir)
			after := drive(t, python, dir, with)
			for _, name := range slices.Sorted(maps.Keys(fixable)) {
				f, b, a := fixable[name], before[name], after[name]
				if b.Good != "3" || !b.Ran && !f.safe {
					t.Errorf("%s: the program is not one that runs what a file says: %+v", name, b)
				}
				if got := read(t, filepath.Join(dir, name, "program.py")); !strings.Contains(got, f.after) {
					t.Errorf("%s: fixed: %s", name, got)
				}
				if a.Good != "3" || !a.Raised || a.Ran {
					t.Errorf("%s: after: %+v", name, a)
				}
			}
		})
		t.Run(filepath.Base(python)+"/verified", func(t *testing.T) { fixesVerified(t, python) })
	}
}

// fixesVerified replaces loads by those of the package andiron, which take what is in the
// lock and nothing else.
func fixesVerified(t *testing.T, python string) {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "load", "program.py"), "import torch\npath = 'in.bin'\nprint(int(torch.load(path, map_location='cpu', weights_only=False)['x'].sum()))\n")
	write(t, filepath.Join(dir, "jit", "program.py"), "\"\"\"Runs.\"\"\"\nimport torch\nnet = torch.jit.load('in.bin', 'cpu')\nprint(int(net(torch.ones(3)).sum()))\n")
	fixAll(t, dir, "--verified")
	for name, wants := range map[string]string{
		"load": "import andiron\nimport torch\npath = 'in.bin'\nprint(int(andiron.load(path, map_location='cpu')['x'].sum()))\n",
		"jit":  "\"\"\"Runs.\"\"\"\nimport andiron\nimport torch\nnet = andiron.jit_load('in.bin', map_location='cpu')\nprint(int(net(torch.ones(3)).sum()))\n",
	} {
		if got := read(t, filepath.Join(dir, name, "program.py")); got != wants {
			t.Errorf("fixed: %s", got)
		}
	}
	if err := os.CopyFS(filepath.Join(dir, "sdk", "andiron"), os.DirFS("../../python/src/andiron")); err != nil {
		t.Fatal(err)
	}
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "sdk", "bin", "andiron"), read(t, binary))
	if err := os.Chmod(filepath.Join(dir, "sdk", "bin", "andiron"), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	with := map[string][2]string{
		"load": {savesTorch, hostileTorch},
		"jit":  {"torch.jit.script(torch.nn.Identity()).save('in.bin')", hostileTorch},
	}
	for name, got := range drive(t, python, dir, with) {
		if got.Good != "3" || !got.Refused || !got.Raised || got.Ran {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestFixedCodeRevision pins a repository to the commit that the lock has, and holds the
// real client of the Hub against a server on this machine, on which the branch moves.
func TestFixedCodeRevision(t *testing.T) {
	python := os.Getenv("ANDIRON_HUB")
	if python == "" {
		t.Fatal("ANDIRON_HUB names no interpreter with torch and huggingface_hub; make code does")
	}
	hub := &fakeHub{main: commitOf(1), files: map[string]string{}}
	server := httptest.NewServer(hub)
	defer server.Close()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "hub", "program.py"), `import torch
from huggingface_hub import hf_hub_download
print(int(torch.load(hf_hub_download("acme/net", "w.bin"), weights_only=True)["x"].sum()))
`)
	env := []string{"HF_ENDPOINT=" + server.URL, "HF_HOME=" + filepath.Join(dir, "home"), "HF_HUB_DISABLE_TELEMETRY=1", "HF_HUB_DISABLE_XET=1", "NO_PROXY=127.0.0.1"}
	cmd := exec.CommandContext(t.Context(), python, "-c", "import torch; [torch.save({'x': torch.ones(2 + n)}, str(n)) for n in (1, 2)]")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for n := 1; n <= 2; n++ {
		hub.files[commitOf(n)] = read(t, filepath.Join(dir, strconv.Itoa(n)))
	}
	run := func() string { return drive(t, python, dir, map[string][2]string{"hub": {"", ""}}, env...)["hub"].Good }
	if got := run(); got != "3" {
		t.Fatalf("before: %q", got)
	}
	hub.main = commitOf(2)
	if got := run(); got != "4" {
		t.Fatalf("the branch moved, and the program says %q", got)
	}
	sum := sha256.Sum256([]byte(hub.files[commitOf(1)]))
	write(t, filepath.Join(dir, "andiron.lock"), fmt.Sprintf(`{"version": 1, "models": [{"path": "w.bin", "sha256": "%s", "size": %d, "format": "torch-zip", "verdict": "safe",
"source": "https://huggingface.co/acme/net/resolve/%s/w.bin", "added_by": "a@example.com", "added_at": "2026-11-25T12:00:00Z", "reason": "reviewed"}]}`,
		hex.EncodeToString(sum[:]), len(hub.files[commitOf(1)]), commitOf(1)))
	fixAll(t, dir)
	if got := read(t, filepath.Join(dir, "hub", "program.py")); !strings.Contains(got, `hf_hub_download("acme/net", "w.bin", revision="`+commitOf(1)+`")`) {
		t.Fatalf("fixed: %s", got)
	}
	if got := run(); got != "3" {
		t.Errorf("after: %q", got)
	}
}

func commitOf(n int) string { return strings.Repeat(strconv.Itoa(n), 40) }

// fakeHub answers as the Hub does to who gets a file of acme/net.
type fakeHub struct {
	main  string
	files map[string]string // by commit
}

func (h *fakeHub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rest, ok := strings.CutPrefix(r.URL.Path, "/acme/net/resolve/")
	revision, file := path.Split(rest)
	if revision = strings.TrimSuffix(revision, "/"); revision == "main" {
		revision = h.main
	}
	body := h.files[revision]
	if !ok || file != "w.bin" || body == "" {
		http.NotFound(w, r)
		return
	}
	sum := sha256.Sum256([]byte(body))
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:])+`"`)
	w.Header().Set("X-Repo-Commit", revision)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write([]byte(body)) // a client that is gone is its own affair
	}
}

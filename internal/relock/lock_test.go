package relock_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/manifest"
	"github.com/andiron-dev/andiron/internal/relock"
	"github.com/andiron-dev/andiron/internal/testkit/fakeindex"
)

// fakeUV is a program called uv that writes a lock which the test has made, so that
// what follows is tested without the real one. It keeps its arguments and environment.
func fakeUV(t *testing.T, name, lock string) (path, log string) {
	t.Helper()
	dir := t.TempDir()
	script := fmt.Sprintf(`#!/bin/sh
if [ "$1" = --version ]; then echo "uv 9.9.9 (fake)"; exit; fi
{ echo "$@"; env; ls -R; } >%[1]s/log
cp %[1]s/lock %[2]s
`, dir, name)
	for file, text := range map[string]string{"uv": script, "lock": lock} {
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir + ":/usr/bin:/bin", filepath.Join(dir, "log")
}

func lockOptions(path string) relock.Options {
	opt := options(nil).Options
	opt.Getenv = func(name string) string {
		return map[string]string{
			"PATH": path, "UV_INDEX_URL": "https://evil.example", "UV_INDEX_PYTORCH_USERNAME": "me", "PYTHONPATH": "/evil", "HTTPS_PROXY": "",
		}[name]
	}
	return opt
}

const uvProject = `[project]
name = "demo"
version = "0.1"
requires-python = ">=3.11"
dependencies = ["torch==2.5.1", "torchvision", "numpy<2"]
[tool.uv.sources]
torch = { index = "pytorch" }
torchvision = { index = "pytorch" }
[[tool.uv.index]]
name = "pytorch"
url = "URL/whl/cpu"
explicit = true
[[tool.uv.index]]
url = "URL/simple"
default = true
`

// uvLock is a lock of torch and numpy, with places for what a test changes.
func uvLock(torchIndex, torchHash, numpyHash string) string {
	return `version = 1
revision = 3
requires-python = ">=3.11"

[[package]]
name = "demo"
version = "0.1"
source = { virtual = "." }
dependencies = [{ name = "numpy" }, { name = "torch" }]

[[package]]
name = "numpy"
version = "1.26.4"
source = { registry = "URL/simple" }
wheels = [
    { url = "URL/simple/files/numpy-1.26.4-py3-none-any.whl"` + numpyHash + `, size = 1 },
]

[[package]]
name = "torch"
version = "2.5.1+cpu"
source = { registry = "` + torchIndex + `" }
wheels = [
    { url = "URL/whl/cpu/files/torch-2.5.1%2Bcpu-cp311-cp311-linux_x86_64.whl"` + torchHash + ` },
]
`
}

func TestVerify(t *testing.T) {
	numpy := strings.Repeat("a", 64)
	hash := `, hash = "sha256:` + numpy + `"`
	false256 := `, hash = "sha256:` + strings.Repeat("b", 64) + `"`
	tests := []struct {
		name, lock string
		change     func(w *fakeindex.Wheel)
		opt        func(o *relock.Options)
		want       []string
		computed   int
	}{
		{"filled", uvLock("URL/whl/cpu", "", hash), nil, nil, nil, 1},
		{"another index", uvLock("URL/simple", hash, hash), nil, nil, []string{`torch 2.5.1+cpu: it is bound to "URL/whl/cpu" and comes from "URL/simple"`}, 0},
		{"an index that nobody named", strings.Replace(uvLock("URL/whl/cpu", hash, hash), `"URL/simple"`, `"https://evil.example/simple"`, 1), nil, nil, []string{
			`numpy 1.26.4: it comes from "https://evil.example/simple", which no file of the project names`,
		}, 0},
		{"an address that nobody named", strings.Replace(uvLock("URL/whl/cpu", hash, hash), `registry = "URL/simple"`, `url = "https://evil.example/numpy-1.26.4-py3-none-any.whl"`, 1), nil, nil, []string{
			`numpy 1.26.4: it comes from "https://evil.example/numpy-1.26.4-py3-none-any.whl", which no file of the project names`,
		}, 0},
		{
			"not a commit", strings.Replace(uvLock("URL/whl/cpu", hash, hash), `registry = "URL/simple"`, `git = "https://forge.example/numpy?rev=main"`, 1), nil, nil,
			[]string{
				`numpy 1.26.4: it comes from "https://forge.example/numpy", which no file of the project names`,
				`numpy 1.26.4: "https://forge.example/numpy" is not bound to a commit`,
			},
			0,
		},
		{
			"a false digest in the lock", uvLock("URL/whl/cpu", false256, hash), nil,
			func(o *relock.Options) { o.Recompute, o.Wheels = true, "torch-*" },
			[]string{
				`torch 2.5.1+cpu torch-2.5.1+cpu-cp311-cp311-linux_x86_64.whl: the lock has the digest ` + strings.Repeat("b", 64) + ` and the file at "URL/whl/cpu/files/torch-2.5.1%2Bcpu-cp311-cp311-linux_x86_64.whl" has SUM`,
			},
			1,
		},
		{"a false digest on the page", uvLock("URL/whl/cpu", "", hash), func(w *fakeindex.Wheel) { w.FalseHash = true }, nil, []string{
			"torch 2.5.1+cpu torch-2.5.1+cpu-cp311-cp311-linux_x86_64.whl: its index gives the digest PAGE and the file has SUM",
		}, 0},
		{"false metadata", uvLock("URL/whl/cpu", "", hash), func(w *fakeindex.Wheel) { w.FalseMetadata = true }, nil, []string{
			"torch 2.5.1+cpu torch-2.5.1+cpu-cp311-cp311-linux_x86_64.whl: its METADATA has the digest META and its index advertises OTHER",
		}, 0},
		{"a file that is gone", uvLock("URL/whl/cpu", "", hash), func(w *fakeindex.Wheel) { w.Gone = true }, nil, []string{
			`torch 2.5.1+cpu torch-2.5.1+cpu-cp311-cp311-linux_x86_64.whl: it cannot be had to compute its digest: "URL/whl/cpu/files/torch-2.5.1%2Bcpu-cp311-cp311-linux_x86_64.whl": the server answers 404 not found`,
		}, 0},
		{"a file that leads away", uvLock("URL/whl/cpu", "", hash), func(w *fakeindex.Wheel) { w.Redirect = "https://10.0.0.1/x" }, nil, []string{
			`torch 2.5.1+cpu torch-2.5.1+cpu-cp311-cp311-linux_x86_64.whl: it cannot be had to compute its digest: "URL/whl/cpu/files/torch-2.5.1%2Bcpu-cp311-cp311-linux_x86_64.whl": redirect: "https://10.0.0.1/x": an address of this machine must not lead to another`,
		}, 0},
		{"left out", uvLock("URL/whl/cpu", "", hash), nil, func(o *relock.Options) { o.Wheels = "*-cp312-*" }, []string{
			`torch 2.5.1+cpu torch-2.5.1+cpu-cp311-cp311-linux_x86_64.whl: its index gives no digest, and --wheels "*-cp312-*" leaves it out`,
		}, 0},
		{"too much", uvLock("URL/whl/cpu", "", hash), nil, func(o *relock.Options) { o.MaxDownload = 100 }, []string{
			`torch 2.5.1+cpu torch-2.5.1+cpu-cp311-cp311-linux_x86_64.whl: it cannot be had to compute its digest: "URL/whl/cpu/files/torch-2.5.1%2Bcpu-cp311-cp311-linux_x86_64.whl": SIZE bytes: bytes of a body: more than the limit of 100`,
		}, 0},
		{"a family apart", uvLock("URL/whl/cpu", hash, hash) + `
[[package]]
name = "torchvision"
version = "0.21.0+cpu"
source = { registry = "URL/whl/cpu" }
wheels = [{ url = "URL/whl/cpu/files/torchvision-0.21.0%2Bcpu-cp311-cp311-linux_x86_64.whl"` + hash + ` }]
`, nil, nil, []string{
			"torch 2.5.1+cpu: torch 2.5.1+cpu (uv.lock:20) goes with release train 2.5 of torch, and torchvision 0.21.0+cpu (uv.lock:28) with 2.6",
		}, 0},
		{"no file", strings.Replace(uvLock("URL/whl/cpu", hash, hash), "wheels = [", "other = [", 1), nil, nil, []string{
			"numpy 1.26.4: the lock lists no file of it",
		}, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := fakeindex.Start()
			t.Cleanup(s.Close)
			cpu := s.Index("/whl/cpu")
			w := fakeindex.Wheel{Name: "torch", Version: "2.5.1+cpu", Tags: "cp311-cp311-linux_x86_64"}
			if tt.change != nil {
				tt.change(&w)
			}
			cpu.HTML, cpu.NoHashes = true, !w.FalseHash
			sum := cpu.Add(w)
			dir := project(t, s, map[string]string{"pyproject.toml": uvProject})
			path, _ := fakeUV(t, "uv.lock", strings.ReplaceAll(tt.lock, "URL", s.URL))
			opt := lockOptions(path)
			if tt.opt != nil {
				tt.opt(&opt)
			}
			r, err := relock.Lock(t.Context(), open(t, dir, relock.Selection{}), opt)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, plainly(r, s.URL, sum)); d != "" {
				t.Error(d)
			}
			if len(r.Vouched) != tt.computed || r.Good() != (len(tt.want) == 0) {
				t.Errorf("%+v", r.Vouched)
			}
			if tt.name == "filled" && !strings.Contains(string(r.After), `.whl", hash = "sha256:`+sum+`" },`) {
				t.Errorf("%s", r.After)
			}
		})
	}
}

// plainly are the problems, with what differs between runs replaced.
func plainly(r *relock.Result, url, sum string) (list []string) {
	for _, p := range r.Problems {
		text := strings.NewReplacer(url, "URL", sum, "SUM").Replace(p.String())
		for _, word := range []struct{ before, after, name string }{
			{"gives the digest ", " and", "PAGE"}, {"METADATA has the digest ", " and", "META"}, {"index advertises ", "", "OTHER"}, {`whl": `, " bytes:", "SIZE"},
		} {
			if i := strings.Index(text, word.before); i >= 0 {
				i += len(word.before)
				end := len(text)
				if word.after != "" {
					end = i + max(0, strings.Index(text[i:], word.after))
				}
				if word.name == "SIZE" && (end == i || strings.Contains(text[i:end], " ")) {
					continue
				}
				text = text[:i] + word.name + text[end:]
			}
		}
		list = append(list, text)
	}
	return list
}

// The tool works in a copy, with an environment of its own; a lock is current if it
// comes out as it is, and what was computed once is not computed again.
func TestLock(t *testing.T) {
	s := fakeindex.Start()
	t.Cleanup(s.Close)
	cpu := s.Index("/whl/cpu")
	cpu.HTML, cpu.NoHashes = true, true
	cpu.Add(fakeindex.Wheel{Name: "torch", Version: "2.5.1+cpu", Tags: "cp311-cp311-linux_x86_64"})
	numpy := s.Index("/simple").Add(fakeindex.Wheel{Name: "numpy", Version: "1.26.4"})
	dir := project(t, s, map[string]string{"pyproject.toml": uvProject, "secret.txt": "s", "sub/pyproject.toml": "[project]\nname='sub'\n"})
	path, log := fakeUV(t, "uv.lock", strings.ReplaceAll(uvLock("URL/whl/cpu", "", `, hash = "sha256:`+numpy+`"`), "URL", s.URL))
	opt := lockOptions(path)
	var said []string
	opt.Say = func(s string) { said = append(said, s) }
	opt.Rescan = func(files []*manifest.File) ([]finding.Finding, error) {
		return []finding.Finding{{Message: strconv.Itoa(len(files[0].Packages))}}, nil
	}
	r, err := relock.Lock(t.Context(), open(t, dir, relock.Selection{}), opt)
	if err != nil || !r.Good() || r.Current || !r.Scanned || r.Findings[0].Message != "3" || r.ToolVersion != "9.9.9" {
		t.Fatalf("%v %+v", err, r)
	}
	if len(said) != 1 || !strings.Contains(said[0], "this runs uv 9.9.9") {
		t.Errorf("%q", said)
	}
	b, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"lock --no-build\n", "UV_PYTHON_DOWNLOADS=never", "UV_INDEX_PYTORCH_USERNAME=me", "sub:\npyproject.toml"} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%q is not in %s", want, b)
		}
	}
	for _, not := range []string{"evil", "secret.txt", dir} {
		if strings.Contains(string(b), not) {
			t.Errorf("%q is in %s", not, b)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "uv.lock")); err == nil {
		t.Error("the project has changed")
	}
	if err := r.Write(dir, "v1", now); err != nil {
		t.Fatal(err)
	}
	record, err := os.ReadFile(filepath.Join(dir, "uv.lock.andiron.json"))
	if err != nil || !strings.Contains(string(record), `"on": "2026-06-01"`) {
		t.Errorf("%s, %v", record, err)
	}
	s.Asked()
	opt.Now = now.Add(48 * time.Hour)
	r, err = relock.Lock(t.Context(), open(t, dir, relock.Selection{}), opt)
	if err != nil || !r.Current || len(r.Vouched) != 1 || r.Vouched[0].On != "2026-06-01" {
		t.Errorf("%v %+v", err, r)
	}
	if got := s.Asked(); slices.ContainsFunc(got, func(p string) bool { return strings.Contains(p, ".whl") }) {
		t.Errorf("asked %q again", got)
	}
	if err := r.Write(dir, "v1", opt.Now); err != nil {
		t.Fatal(err)
	}
	again, err := os.ReadFile(filepath.Join(dir, "uv.lock.andiron.json"))
	if err != nil || string(again) != string(record) {
		t.Errorf("the record has changed: %s", again)
	}
}

// Hashed requirements have no file names: what they lack comes from the pages.
func TestRequirements(t *testing.T) {
	s, pypi, cpu := world(t)
	sum := pypi.Add(fakeindex.Wheel{Name: "pillow", Version: "10.0"})
	torch := cpu.Add(fakeindex.Wheel{Name: "torch", Version: "2.3.1+cpu", Tags: "cp311-cp311-linux_x86_64"})
	lock := func(pillow string) string {
		return "--index-url URL/simple\n\npillow==10.0 \\\n    --hash=sha256:" + pillow + "\n    # via -r requirements.in\n    # from URL/simple\ntorch==2.3.1+cpu\n    # from URL/whl/cpu\n"
	}
	dir := project(t, s, map[string]string{"requirements.in": indexLines + "torch==2.3.1+cpu\n-r more/other.in\n", "more/other.in": "pillow\n"})
	try := func(lock string) *relock.Result {
		t.Helper()
		path, _ := fakeUV(t, "requirements.txt", strings.ReplaceAll(lock, "URL", s.URL))
		r, err := relock.Lock(t.Context(), open(t, dir, relock.Selection{}), lockOptions(path))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := try(lock(sum))
	want := strings.ReplaceAll(strings.Replace(lock(sum), "torch==2.3.1+cpu", "torch==2.3.1+cpu \\\n    --hash=sha256:"+torch, 1), "URL", s.URL)
	if d := cmp.Diff(want, string(r.After)); d != "" || !r.Good() {
		t.Errorf("%s %v", d, r.Problems)
	}
	bad := strings.Repeat("c", 64)
	if got := plainly(try(lock(bad)), s.URL, sum); !slices.Contains(got, "pillow 10.0: the lock has the digest "+bad+", which no file of this version has") {
		t.Errorf("%q", got)
	}
	if got := plainly(try(strings.Replace(lock(sum), "pillow==10.0", "pillow==11.0", 1)), s.URL, sum); !slices.Contains(got, `pillow 11.0: none of ["URL/simple"] lists this version`) {
		t.Errorf("%q", got)
	}
}

func TestPyLock(t *testing.T) {
	s, _, cpu := world(t)
	torch := cpu.Add(fakeindex.Wheel{Name: "torch", Version: "2.3.1+cpu", Tags: "cp311-cp311-linux_x86_64"})
	dir := project(t, s, map[string]string{"requirements.in": indexLines + "torch==2.3.1+cpu\n"})
	lock := `lock-version = "1.0"
created-by = "uv"
[[packages]]
name = "torch"
version = "2.3.1+cpu"
wheels = [{ url = "URL/whl/cpu/files/torch-2.3.1%2Bcpu-cp311-cp311-linux_x86_64.whl", hashes = {} }]
`
	for at, want := range map[string][]string{
		"URL":                  nil,
		"https://evil.example": {`torch 2.3.1+cpu torch-2.3.1+cpu-cp311-cp311-linux_x86_64.whl: none of ["URL/simple" "URL/whl/cpu"] lists this file`},
	} {
		path, _ := fakeUV(t, "pylock.toml", strings.ReplaceAll(strings.Replace(lock, "URL", at, 1), "URL", s.URL))
		opt := lockOptions(path)
		opt.Wheels = "torch-*"
		r, err := relock.Lock(t.Context(), open(t, dir, relock.Selection{Form: manifest.PyLock}), opt)
		if err != nil {
			t.Fatal(err)
		}
		got := plainly(r, s.URL, torch)
		if len(got) > 1 {
			got = got[:1] // that it cannot be had follows
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if want == nil && !strings.Contains(string(r.After), `hashes = { sha256 = "`+torch+`" }`) {
			t.Errorf("%s", r.After)
		}
	}
}

func TestToolFails(t *testing.T) {
	s, _, _ := world(t)
	dir := project(t, s, map[string]string{"pyproject.toml": uvProject})
	for script, want := range map[string]string{
		"echo uv 1.2; [ $1 = --version ] || { echo no solution; exit 1; }": `"uv lock" makes no lock: exit status 1`,
		"echo uv 1.2": `wrote no "uv.lock"`,
		"echo hello":  "does not say its version",
		"[ $1 = --version ] && echo 1.2 && exit; exec sleep 600": "still running when its time was up",
	} {
		bin := t.TempDir()
		if err := os.WriteFile(filepath.Join(bin, "uv"), []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		opt := lockOptions(bin + ":/usr/bin:/bin")
		if strings.Contains(script, "sleep") {
			opt.Timeout = 200 * time.Millisecond
		}
		_, err := relock.Lock(t.Context(), open(t, dir, relock.Selection{}), opt)
		if e, ok := errors.AsType[*relock.ToolError](err); !ok || !strings.Contains(e.Text, want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	_, err := relock.Lock(t.Context(), open(t, dir, relock.Selection{}), lockOptions("relative:/nonexistent"))
	if err == nil || !strings.Contains(err.Error(), `there is no "uv" on PATH`) {
		t.Errorf("%v", err)
	}
}

func TestOpen(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		sel   relock.Selection
		want  string // tool, form, input, lock
		err   string
	}{
		{"uv", map[string]string{"pyproject.toml": uvProject}, relock.Selection{}, "uv uv.lock pyproject.toml uv.lock", ""},
		{"poetry by its table", map[string]string{"pyproject.toml": "[tool.poetry]\nname = 'a'\n"}, relock.Selection{}, "poetry poetry.lock pyproject.toml poetry.lock", ""},
		{"uv by its lock", map[string]string{"pyproject.toml": "[tool.poetry]\nname = 'a'\n", "uv.lock": ""}, relock.Selection{}, "uv uv.lock pyproject.toml uv.lock", ""},
		{"pdm", map[string]string{"pyproject.toml": "", "pdm.lock": ""}, relock.Selection{}, "", "is made by PDM, which is not driven"},
		{"pdm with uv", map[string]string{"pyproject.toml": "", "pdm.lock": ""}, relock.Selection{Tool: "uv"}, "uv uv.lock pyproject.toml uv.lock", ""},
		{"poetry", map[string]string{"pyproject.toml": "", "poetry.lock": ""}, relock.Selection{}, "poetry poetry.lock pyproject.toml poetry.lock", ""},
		{"in", map[string]string{"pyproject.toml": "", "requirements.in": ""}, relock.Selection{}, "uv requirements requirements.in requirements.txt", ""},
		{
			"pip-tools",
			map[string]string{"requirements.in": "", "requirements.txt": "#\n# This file is autogenerated by pip-compile with Python 3.11\n# by the following command:\n#\n#    pip-compile\n#\na==1\n"},
			relock.Selection{},
			"pip-tools requirements requirements.in requirements.txt", "",
		},
		{"plain", map[string]string{"requirements.txt": ""}, relock.Selection{}, "uv requirements requirements.txt requirements.lock.txt", ""},
		{"pylock", map[string]string{"requirements.txt": ""}, relock.Selection{Form: manifest.PyLock}, "uv pylock requirements.txt pylock.toml", ""},
		{"nothing", nil, relock.Selection{}, "", relock.ErrNoProject.Error()},
		{"onto itself", map[string]string{"requirements.txt": ""}, relock.Selection{Output: "requirements.txt"}, "", "cannot be both"},
		{"not from this", map[string]string{"requirements.txt": ""}, relock.Selection{Form: manifest.UVLock, Input: "requirements.txt"}, "", "is made from pyproject.toml"},
		{"out of it", map[string]string{"requirements.txt": "-r ../x.txt\n"}, relock.Selection{}, "", "lies outside of the project"},
		{"out of it by path", map[string]string{"requirements.txt": "-e ../lib\n"}, relock.Selection{}, "", "lies outside of the project"},
		{"in a circle", map[string]string{"requirements.txt": "-r a.txt\n", "a.txt": "-r requirements.txt\n"}, relock.Selection{}, "uv requirements requirements.txt requirements.lock.txt", ""},
		{"missing", map[string]string{"requirements.txt": "\n-r a.txt\n"}, relock.Selection{}, "", `"requirements.txt": line 2: "a.txt": no such file`},
		{"a link out", map[string]string{"requirements.txt": "-r link.txt\n"}, relock.Selection{}, "", "link.txt"},
		{"no TOML", map[string]string{"pyproject.toml": "["}, relock.Selection{}, "", "pyproject.toml"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := fakeindex.Start()
			t.Cleanup(s.Close)
			dir := project(t, s, tt.files)
			if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link.txt")); err != nil {
				t.Fatal(err)
			}
			p, err := relock.Open(dir, tt.sel)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("%v, want %q", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join([]string{p.Tool, string(p.Form), p.Input, p.Lock}, " "); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

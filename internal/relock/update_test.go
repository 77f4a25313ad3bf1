package relock_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/fetch"
	"github.com/andiron-dev/andiron/internal/pep440"
	"github.com/andiron-dev/andiron/internal/relock"
	"github.com/andiron-dev/andiron/internal/testkit/fakeindex"
)

var now = time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)

// world is a package index and the index of one accelerator, as PyTorch has them.
func world(t *testing.T) (s *fakeindex.Server, pypi, cpu *fakeindex.Index) {
	t.Helper()
	s = fakeindex.Start()
	t.Cleanup(s.Close)
	pypi, cpu = s.Index("/simple"), s.Index("/whl/cpu")
	cpu.HTML, cpu.NoHashes = true, true
	for _, v := range []string{"1.24.0", "1.26.4", "2.0.0"} {
		pypi.Add(fakeindex.Wheel{Name: "numpy", Version: v})
	}
	for _, r := range []struct {
		torch, vision string
		day           time.Time
	}{
		{"2.4.1", "0.19.1", time.Date(2024, 9, 1, 0, 0, 0, 0, time.UTC)},
		{"2.5.1", "0.20.1", time.Date(2024, 11, 1, 0, 0, 0, 0, time.UTC)},
		{"2.6.0", "0.21.0", time.Date(2025, 1, 29, 0, 0, 0, 0, time.UTC)},
		{"2.7.0", "0.22.0", time.Date(2026, 5, 30, 0, 0, 0, 0, time.UTC)},
	} {
		pypi.Add(fakeindex.Wheel{Name: "torch", Version: r.torch, Requires: []string{"numpy"}, Upload: r.day, Tags: "cp311-cp311-linux_x86_64"})
		pypi.Add(fakeindex.Wheel{Name: "torchvision", Version: r.vision, Requires: []string{"torch==" + r.torch}, Upload: r.day, Tags: "cp311-cp311-linux_x86_64"})
		for _, tag := range []string{"cp311-cp311-linux_x86_64", "cp312-cp312-linux_x86_64"} {
			cpu.Add(fakeindex.Wheel{Name: "torch", Version: r.torch + "+cpu", Requires: []string{"numpy"}, Upload: r.day, Tags: tag})
		}
		cpu.Add(fakeindex.Wheel{Name: "torchvision", Version: r.vision + "+cpu", Requires: []string{"torch==" + r.torch}, Upload: r.day, Tags: "cp311-cp311-linux_x86_64"})
	}
	return s, pypi, cpu
}

// project writes files, in which URL stands for the address of the server.
func project(t *testing.T, s *fakeindex.Server, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		at := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(at), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at, []byte(strings.ReplaceAll(text, "URL", s.URL)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func open(t *testing.T, dir string, sel relock.Selection) *relock.Project {
	t.Helper()
	p, err := relock.Open(dir, sel)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// fixed says that versions below one have an advisory.
func fixed(in map[string]string) func(name, version string) ([]relock.Advisory, error) {
	return func(name, version string) ([]relock.Advisory, error) {
		v, err := pep440.Parse(version)
		if err != nil {
			return nil, err
		}
		var list []relock.Advisory
		for id, rule := range in {
			pack, below, _ := strings.Cut(rule, "<")
			if w, err := pep440.Parse(below); err == nil && pack == name && pep440.Compare(v, w) < 0 {
				list = append(list, relock.Advisory{ID: id})
			}
		}
		return list, nil
	}
}

func options(in map[string]string) relock.UpdateOptions {
	opt := relock.UpdateOptions{Affected: fixed(in), Cooldown: 7 * 24 * time.Hour, WithoutLock: true}
	opt.Fetch = fetch.New(fetch.Options{Attempts: 1, Sleep: func(context.Context, time.Duration) error { return nil }})
	opt.Now, opt.Getenv = now, func(string) string { return "" }
	return opt
}

// summary is a plan in a few words.
func summary(p *relock.Plan) (list []string) {
	for _, s := range p.Steps {
		list = append(list, fmt.Sprintf("%s %s -> %s closes %v", s.Name, s.From, s.To, ids(s.Closes)))
	}
	for _, s := range p.Open {
		list = append(list, fmt.Sprintf("%s %s open %v", s.Name, s.From, ids(s.Remains)))
	}
	for _, q := range p.Problems {
		list = append(list, q.String())
	}
	return list
}

func ids(list []relock.Advisory) (out []string) {
	for _, a := range list {
		out = append(out, a.ID)
	}
	return out
}

const indexLines = "--index-url URL/simple\n--extra-index-url URL/whl/cpu\n"

func TestUpdate(t *testing.T) {
	tests := []struct {
		name, file string
		bad        map[string]string
		names      []string
		want       []string
		diff       string // of the pins
		rejected   string
	}{
		{"nothing to do", "torch==2.5.1\n", map[string]string{"A": "torch<2.5.0"}, nil, nil, "", ""},
		{
			"torch and what goes with it", "torch==2.5.1+cpu  # the model\nTorchVision[x] == 0.20.1+cpu ; python_version > '3'\nnumpy==1.24.0\n",
			map[string]string{"A": "torch<2.6.0", "B": "numpy<1.26"},
			nil,
			[]string{"torch 2.5.1 -> 2.6.0 closes [A]", "torchvision 0.20.1 -> 0.21.0 closes []"},
			"-torch==2.5.1+cpu  # the model\n-TorchVision[x] == 0.20.1+cpu ; python_version > '3'\n+torch==2.6.0+cpu  # the model\n+TorchVision[x] == 0.21.0+cpu ; python_version > '3'\n", "",
		},
		{
			"the lowest that closes", "torch==2.4.1\n",
			map[string]string{"A": "torch<2.5.0"},
			nil,
			[]string{"torch 2.4.1 -> 2.5.1 closes [A]"},
			"-torch==2.4.1\n+torch==2.5.1\n", "",
		},
		{
			"one that still cools", "torch==2.5.1\n",
			map[string]string{"A": "torch<2.6.0", "B": "torch<2.7.0"},
			nil,
			[]string{"torch 2.5.1 -> 2.6.0 closes [A]"},
			"-torch==2.5.1\n+torch==2.6.0\n",
			"torch 2.7.0 it was uploaded on 2026-05-30 and cools until 2026-06-06",
		},
		{
			"nothing that may be taken", "torch==2.6.0\n",
			map[string]string{"B": "torch<2.7.0"},
			nil,
			[]string{"torch 2.6.0 open [B]"},
			"", "cools until",
		},
		{
			"one that is named", "torch==2.6.0\nnumpy==1.24.0\n",
			map[string]string{"B": "torch<2.7.0", "C": "numpy<1.25"},
			[]string{"numpy"},
			[]string{"numpy 1.24.0 -> 1.26.4 closes [C]"},
			"-numpy==1.24.0\n+numpy==1.26.4\n", "",
		},
		{
			"the family's own", "torch==2.6.0\ntorchvision==0.20.1\n",
			map[string]string{"C": "torchvision<0.21"},
			nil,
			[]string{"torchvision 0.20.1 -> 0.21.0 closes [C]"},
			"-torchvision==0.20.1\n+torchvision==0.21.0\n", "",
		},
		{
			"digests beside it", "torch==2.5.1 --hash=sha256:" + strings.Repeat("a", 64) + "\n",
			map[string]string{"A": "torch<2.6.0"},
			nil,
			[]string{
				"torch 2.5.1 -> 2.6.0 closes [A]",
				"torch 2.5.1 requirements.txt:3: it has digests of 2.5.1 beside it; deps lock makes such a file from one without",
			},
			"", "",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, _, _ := world(t)
			dir := project(t, s, map[string]string{"requirements.txt": indexLines + tt.file})
			opt := options(tt.bad)
			opt.Names = tt.names
			plan, err := relock.Update(t.Context(), open(t, dir, relock.Selection{}), opt)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(tt.want, summary(plan)); d != "" {
				t.Errorf("%s\n%+v", d, plan.Rejected)
			}
			var changed strings.Builder
			for line := range strings.Lines(string(plan.Diff())) {
				if (line[0] == '-' || line[0] == '+') && !strings.HasPrefix(line, "--- ") && !strings.HasPrefix(line, "+++ ") {
					changed.WriteString(line)
				}
			}
			if d := cmp.Diff(tt.diff, changed.String()); d != "" {
				t.Error(d)
			}
			if !strings.Contains(strings.Trim(fmt.Sprint(plan.Rejected), "[]{}"), tt.rejected) {
				t.Errorf("rejected %v, want %q", plan.Rejected, tt.rejected)
			}
		})
	}
}

// What is yanked, a pre-release, of another Python, in quarantine, or for another
// accelerator is not taken.
func TestUpdateTakesNot(t *testing.T) {
	s := fakeindex.Start()
	defer s.Close()
	i := s.Index("/whl/cu121")
	add := func(w fakeindex.Wheel) {
		w.Name = "torch"
		if w.Tags == "" {
			w.Tags = "cp311-cp311-linux_x86_64"
		}
		i.Add(w)
	}
	add(fakeindex.Wheel{Version: "2.5.1+cu121"})
	add(fakeindex.Wheel{Version: "2.6.0+cu118"})
	add(fakeindex.Wheel{Version: "2.6.1+cu121", Yanked: "it was wrong"})
	add(fakeindex.Wheel{Version: "2.6.2rc1+cu121"})
	add(fakeindex.Wheel{Version: "2.6.3+cu121", RequiresPython: ">=3.12"})
	add(fakeindex.Wheel{Version: "2.6.4+cu121", Tags: "cp310-cp310-linux_x86_64"})
	add(fakeindex.Wheel{Version: "2.6.5+cu121", Upload: now})
	add(fakeindex.Wheel{Version: "2.6.6+cu121"})
	dir := project(t, s, map[string]string{"pyproject.toml": `[project]
name = "demo"
requires-python = ">=3.11"
dependencies = ["numpy", "torch==2.5.1+cu121; sys_platform != 'darwin'"] # both
[tool.uv.sources]
torch = { index = "pytorch" }
[[tool.uv.index]]
name = "pytorch"
url = "URL/whl/cu121"
explicit = true
`})
	opt := options(map[string]string{"A": "torch<2.6.0"})
	plan, err := relock.Update(t.Context(), open(t, dir, relock.Selection{}), opt)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := summary(plan), []string{"torch 2.5.1 -> 2.6.6 closes [A]"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	for _, want := range []string{"2.6.1 it is yanked", "2.6.3 it has no file for Python 3.11", "2.6.4 it has no file for Python 3.11", "2.6.5 it was uploaded on 2026-06-01"} {
		if !strings.Contains(fmt.Sprint(plan.Rejected), want) {
			t.Errorf("rejected %v, want %q", plan.Rejected, want)
		}
	}
	if got := string(plan.Diff()); !strings.Contains(got, `+dependencies = ["numpy", "torch==2.6.6+cu121; sys_platform != 'darwin'"] # both`) {
		t.Error(got)
	}
	i.Project("torch").Status = "quarantined"
	plan, err = relock.Update(t.Context(), open(t, dir, relock.Selection{}), opt)
	if err != nil || len(plan.Steps) != 0 || len(plan.Open) != 1 || !strings.Contains(fmt.Sprint(plan.Rejected), "quarantine") {
		t.Errorf("%v %+v", err, plan)
	}
}

// Where no index tells the time of upload, the time of the file's last change does;
// where advisories cannot be looked up, there is no answer.
func TestUpdateUnknown(t *testing.T) {
	s, pypi, cpu := world(t)
	pypi.HTML = true
	dir := project(t, s, map[string]string{"requirements.txt": "--index-url URL/whl/cpu\ntorch==2.5.1+cpu\n"})
	opt := options(map[string]string{"A": "torch<2.6.0"})
	plan, err := relock.Update(t.Context(), open(t, dir, relock.Selection{}), opt)
	if err != nil || len(plan.Steps) != 1 || plan.Steps[0].Age != "its file has not changed since" || plan.Steps[0].Upload != "2025-01-29T00:00:00Z" {
		t.Errorf("%v %+v", err, plan)
	}
	broken := errors.New("the database is broken")
	opt.Affected = func(string, string) ([]relock.Advisory, error) { return nil, broken }
	if _, err := relock.Update(t.Context(), open(t, dir, relock.Selection{}), opt); !errors.Is(err, broken) {
		t.Errorf("%v", err)
	}
	cpu.User = "someone"
	opt = options(map[string]string{"A": "torch<2.6.0"})
	if _, err := relock.Update(t.Context(), open(t, dir, relock.Selection{}), opt); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("%v", err)
	}
	dir = project(t, s, map[string]string{"requirements.txt": "torch==2.5.1\n"})
	if _, err := relock.Update(t.Context(), open(t, dir, relock.Selection{}), opt); err == nil || !strings.Contains(err.Error(), "no file of the project names an index") {
		t.Errorf("%v", err)
	}
}

func TestUpdateRunsTests(t *testing.T) {
	s, _, _ := world(t)
	dir := project(t, s, map[string]string{"requirements.txt": indexLines + "torch==2.5.1\n", "sub/a.txt": "a", ".git/config": "secret"})
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	opt := options(map[string]string{"A": "torch<2.6.0"})
	opt.Test = "grep -c torch==2.6.0 requirements.txt && cat sub/a.txt && ls -a && exit 3"
	var said []string
	opt.Say = func(s string) { said = append(said, s) }
	plan, err := relock.Update(t.Context(), open(t, dir, relock.Selection{}), opt)
	if err != nil {
		t.Fatal(err)
	}
	tr := plan.Trial
	if tr == nil || tr.ExitCode != 3 || len(tr.SHA256) != 64 || len(tr.Tail) < 4 || tr.Tail[0] != "1" {
		t.Fatalf("%+v", tr)
	}
	if slices.Contains(tr.Tail, ".git") || slices.Contains(tr.Tail, "link") || !slices.Equal(tr.Skipped, []string{".git", "link"}) {
		t.Errorf("%+v", tr)
	}
	if len(said) != 1 || !strings.Contains(said[0], "can do whatever you can") {
		t.Errorf("%q", said)
	}
	b, err := os.ReadFile(filepath.Join(dir, "requirements.txt"))
	if err != nil || !strings.Contains(string(b), "torch==2.5.1") {
		t.Errorf("the project has changed: %q, %v", b, err)
	}
	if err := plan.Unchanged(dir); err != nil {
		t.Error(err)
	}
	if err := plan.Write(dir); err != nil {
		t.Error(err)
	}
	if err := plan.Unchanged(dir); err == nil {
		t.Error("a change was not seen")
	}
}

// What only the lock has, and the index says nothing of, moves with torch and keeps it
// from nothing: so it is with the libraries of the accelerator on an index without
// METADATA beside its files.
func TestUpdateOfLocked(t *testing.T) {
	s, pypi, _ := world(t)
	pypi.NoMetadata = true
	pypi.Add(fakeindex.Wheel{Name: "nvidia-cublas-cu12", Version: "12.1.3.1"})
	const lock = `version = 1
requires-python = ">=3.11"
[[package]]
name = "nvidia-cublas-cu12"
version = "12.1.3.1"
source = { registry = "URL/simple" }
`
	files := map[string]string{
		"pyproject.toml": "[project]\nname = \"demo\"\nversion = \"1\"\ndependencies = [\"torch==2.4.1\"]\n[[tool.uv.index]]\nurl = \"URL/simple\"\ndefault = true\n",
		"uv.lock":        lock,
	}
	for i, want := range [][]string{{"torch 2.4.1 -> 2.5.1 closes [A]"}, {"torch 2.4.1 open [A]"}} {
		if i == 1 { // the project itself binds it
			files["pyproject.toml"] = strings.Replace(files["pyproject.toml"], `"torch`, `"nvidia-cublas-cu12==12.1.3.1", "torch`, 1)
		}
		plan, err := relock.Update(t.Context(), open(t, project(t, s, files), relock.Selection{}), options(map[string]string{"A": "torch<2.5.0"}))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, summary(plan)); d != "" {
			t.Errorf("%d: %s", i, d)
		}
		if i == 0 && !strings.Contains(plan.Steps[0].Reason, "built for cu124 there, and 2.4.1 was for cu121") {
			t.Errorf("%q", plan.Steps[0].Reason)
		}
	}
}

// A range is no version that an update could begin at, and not nothing to update.
func TestUpdateOfRange(t *testing.T) {
	s, _, _ := world(t)
	for file, want := range map[string][]string{
		"torch>=2.4,<2.5\n":                     {"torch: requirements.txt:1 asks for a range, and no lock says which version is in use; andiron deps lock makes one"},
		"torchvision>=0.19\n":                   nil,
		"torch==2.4.1\ntorchvision\n":           {"torch 2.4.1 -> 2.5.1 closes [A]"},
		"-c c.txt\ntorch\n":                     {"torch 2.4.1 -> 2.5.1 closes [A]"},
		"torch @ https://files.example/x.whl\n": nil,
	} {
		dir := project(t, s, map[string]string{"requirements.txt": "--index-url URL/simple\n" + file, "c.txt": "torch==2.4.1\n"})
		plan, err := relock.Update(t.Context(), open(t, dir, relock.Selection{}), options(map[string]string{"A": "torch<2.5.0"}))
		if err != nil {
			t.Fatal(err)
		}
		got := summary(plan)
		for i := range got {
			got[i] = strings.Replace(got[i], "requirements.txt:2", "requirements.txt:1", 1)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%q: %s", file, d)
		}
	}
}

//go:build optest

package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var corpusUpdate = flag.Bool("update-optest", false, "rewrite the table of docs/ops-corpus.md")

// bug is a planted function, or the correct twin of one.
type bug struct {
	file, name, class string
	first, last       int
	found             map[string]bool // means that found it
	accused           []string
}

var (
	planted   = regexp.MustCompile(`^(\s*)// (?:bug: (\S+)|twin)$`)
	structure = regexp.MustCompile(`^\s*(?:struct|class) (\w+)`)
	upper     = regexp.MustCompile(`[A-Z]`)
)

// plantedIn reads the functions of a set in its files of one kind: *.cpp are those for
// the processor.
func plantedIn(t *testing.T, dir, kind string) (list []*bug) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, kind))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s holds no sources: %v", dir, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var p *bug
		var end, class string
		for i, line := range strings.Split(string(b), "\n") {
			if m := structure.FindStringSubmatch(line); m != nil {
				class = m[1]
			}
			if m := planted.FindStringSubmatch(line); m != nil {
				p = &bug{file: filepath.Base(name), class: m[2], first: i + 2, found: map[string]bool{}}
				list, end = append(list, p), m[1]+"}"
				continue
			}
			if p == nil || p.last > 0 {
				continue
			}
			if p.name == "" {
				p.name, _, _ = strings.Cut(line, "(")
				p.name = p.name[strings.LastIndexAny(p.name, " &*")+1:]
				if p.name == "backward" { // the operator is called as the class is
					p.name = strings.TrimPrefix(strings.ToLower(upper.ReplaceAllString(class, "_$0")), "_")
				}
			}
			if line == end {
				p.last = i + 1
			}
		}
	}
	return list
}

// tested is what is read of a report.
type tested struct {
	Findings []struct {
		Rule     string   `json:"rule"`
		Severity string   `json:"severity"`
		Outcome  string   `json:"outcome"`
		Message  string   `json:"message"`
		Evidence []string `json:"evidence"`
		Where    struct {
			Path string `json:"path"`
			Line int    `json:"line"`
		} `json:"where"`
	} `json:"findings"`
	Summary struct {
		Operators struct {
			Torch string `json:"torch"`
			Rows  []struct {
				Name  string   `json:"name"`
				Valid int      `json:"valid"`
				Asked []string `json:"asked"`
				Found []string `json:"found"`
			} `json:"rows"`
			Passes []struct {
				Name   string `json:"name"`
				Run    bool   `json:"run"`
				Reason string `json:"reason"`
				Note   string `json:"note"`
			} `json:"passes"`
		} `json:"operators"`
	} `json:"summary"`
}

// means are the columns of the table: what finds a bug.
var (
	means       = []string{"scan", "crash", "oracle", "gradient", "asan", "tsan", "tripwire"}
	deviceTools = []string{"memcheck", "initcheck", "racecheck", "synccheck"}
)

// plainBuild is in the evidence of what no sanitizer had to say.
var plainBuild = regexp.MustCompile(`of the build as it is(?:, on the GPU)?; `)

// meansOf says what found a finding of ops test: its rule, and the build in its evidence.
func meansOf(rule string, evidence []string) (list []string) {
	text := strings.Join(evidence, "\n")
	plainly := plainBuild.MatchString(text)
	switch rule {
	case "OPS100", "OPS101":
		if plainly || strings.Contains(text, "the plain build: ") || strings.Contains(text, "without compute-sanitizer: ") {
			list = append(list, "crash")
		}
	case "OPS108":
		list = append(list, "tripwire")
	case "OPS109", "OPS110":
		list = append(list, "gradient")
	case "OPS102", "OPS103", "OPS104", "OPS105", "OPS106", "OPS107", "OPS111", "OPS114", "OPS116", "OPS117":
		if plainly {
			list = append(list, "oracle")
		}
	}
	if strings.Contains(text, "of the build with AddressSanitizer") {
		list = append(list, "asan")
	}
	if strings.Contains(text, "of the build with ThreadSanitizer") {
		list = append(list, "tsan")
	}
	for _, tool := range deviceTools {
		if strings.Contains(text, "under compute-sanitizer "+tool) {
			list = append(list, tool)
		}
	}
	return list
}

// operator is the function that a finding of ops test is about: "first_index::dot_bad: …".
func operator(message string) string {
	name, _, _ := strings.Cut(message, ": ")
	return name[strings.LastIndexAny(name, ":.")+1:]
}

// andironReport runs the program and reads its report.
func andironReport(t *testing.T, prefix []string, args ...string) tested {
	t.Helper()
	out := filepath.Join(t.TempDir(), "report.json")
	line := append(slices.Clone(prefix), args...)
	line = append(line, "--format", "json", "--output", out)
	cmd := exec.CommandContext(t.Context(), line[0], line[1:]...)
	said, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() != 1 && exit.ExitCode() != 3) { // 3 is judged by what is in it
		t.Fatalf("%q: %v\n%s", line, err, said)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	var r tested
	if err := json.Unmarshal(b, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// assess gives each planted function what a report says of it.
func assess(t *testing.T, list []*bug, dir string, scan, run tested) {
	t.Helper()
	byName := map[string]*bug{}
	for _, p := range list {
		if byName[p.name] != nil || p.last == 0 {
			t.Fatalf("%s: %q is not one function", p.file, p.name)
		}
		byName[p.name] = p
	}
	classes := scanClasses(t)
	for _, f := range scan.Findings {
		for _, p := range list {
			if f.Where.Path == dir+"/"+p.file && f.Where.Line >= p.first && f.Where.Line <= p.last && slices.Contains(classes[p.class], f.Rule) {
				p.found["scan"] = true
			}
		}
	}
	for _, f := range run.Findings {
		p := byName[operator(f.Message)]
		switch {
		case f.Outcome != "present":
			t.Errorf("%s: %s", f.Rule, f.Message)
		case p == nil || !strings.HasPrefix(f.Rule, "OPS1") || f.Severity == "info":
		case p.class == "":
			p.accused = append(p.accused, fmt.Sprintf("%s %s: %s %q", f.Rule, f.Severity, f.Message, f.Evidence))
		default:
			for _, m := range meansOf(f.Rule, f.Evidence) {
				p.found[m] = true
			}
		}
	}
	valid := map[string]int{}
	for _, r := range run.Summary.Operators.Rows {
		valid[operator(r.Name)] = r.Valid
	}
	for _, p := range list {
		if p.class == "" && valid[p.name] == 0 {
			t.Errorf("no call of the twin %s came back", p.name)
		}
	}
}

// scanClasses reads, from the table of what ops scan finds, which rules name a class.
func scanClasses(t *testing.T) map[string][]string {
	t.Helper()
	b, err := os.ReadFile(corpusPage)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "<!-- begin -->\n")
	table, _, _ := strings.Cut(rest, "<!-- end -->")
	all := map[string][]string{}
	for line := range strings.Lines(table) {
		if cells := strings.Split(line, "|"); len(cells) > 3 && strings.Contains(cells[2], "OPS") {
			all[strings.TrimSpace(cells[1])] = strings.Split(strings.TrimSpace(cells[2]), ", ")
		}
	}
	if len(all) < 20 {
		t.Fatalf("the page has %d classes", len(all))
	}
	return all
}

// sets are the folders of planted bugs for the processor.
var sets = []string{"first", "second", "third"}

const corpusPage = "../../docs/ops-corpus.md"

// judge complains of bugs that nothing found and of twins that are accused, and returns
// the bugs.
func judge(t *testing.T, list []*bug) (bugs []*bug) {
	t.Helper()
	for _, p := range list {
		for _, a := range p.accused {
			t.Errorf("the twin %s is accused: %s", p.name, a)
		}
		if p.class != "" {
			bugs = append(bugs, p)
			if len(p.found) == 0 {
				t.Errorf("nothing finds %s in %s", p.class, p.name)
			}
			t.Logf("%-22s %-20s %s", p.class, p.name, strings.Join(slices.Sorted(maps.Keys(p.found)), " "))
		}
	}
	return bugs
}

// optestPython is the interpreter with torch 1.13 that make optest names.
func optestPython(t *testing.T) string {
	t.Helper()
	name := os.Getenv("ANDIRON_OPTEST_PYTHON")
	if name == "" {
		t.Fatal("ANDIRON_OPTEST_PYTHON names no interpreter with torch: see make optest")
	}
	return name
}

// TestOptestCorpus: what is planted is found by some means of a whole run, no twin is
// accused, and the documentation says by which.
func TestOptestCorpus(t *testing.T) {
	var bugs []*bug
	ran := 0
	for _, set := range sets {
		t.Run(set, func(t *testing.T) {
			ran++
			dir := "../../testdata/ops/" + set
			list := plantedIn(t, dir, "*.cpp")
			scan := andironReport(t, []string{"andiron"}, "ops", "scan", dir)
			run := andironReport(t, []string{"andiron"}, "ops", "test", "--yes", "--no-progress", "--python", optestPython(t), "--cases", "100", "--budget", "30m", "--corpus", t.TempDir(), dir)
			assess(t, list, dir, scan, run)
			bugs = append(bugs, judge(t, list)...)
		})
	}
	if t.Failed() || ran < len(sets) { // -run may name one
		return
	}
	page(t, "ops test", meansTable(bugs, means))
}

// TestOptestNewer runs the sets with torch 2 in the chroot, where opcheck is as well.
func TestOptestNewer(t *testing.T) {
	prefix := strings.Fields(os.Getenv("ANDIRON_OPTEST_NEWER"))
	if len(prefix) == 0 {
		t.Fatal("ANDIRON_OPTEST_NEWER names no andiron beside torch 2: see make optest")
	}
	for _, set := range sets {
		t.Run(set, func(t *testing.T) {
			dir := "../../testdata/ops/" + set // the chroot sees the repository, and starts in this folder of it
			list := plantedIn(t, dir, "*.cpp")
			run := andironReport(t, prefix, "ops", "test", "--yes", "--no-progress", "--build", "plain,asan", "--cases", "50", "--budget", "20m", "--python", "/usr/bin/python3", "--corpus", t.TempDir(), dir)
			if !strings.HasPrefix(run.Summary.Operators.Torch, "2.") {
				t.Errorf("torch %s was run", run.Summary.Operators.Torch)
			}
			assess(t, list, dir, andironReport(t, []string{"andiron"}, "ops", "scan", dir), run)
			judge(t, list)
		})
	}
}

// TestRealOptestAgain: a run that begins with the corpus of an earlier one asks and finds
// the same, of an operator without a result as well.
func TestRealOptestAgain(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"setup.py": `from setuptools import setup
from torch.utils.cpp_extension import BuildExtension, CppExtension

setup(name="tiny", packages=["tiny"], ext_modules=[CppExtension("tiny._C", ["op.cpp"])], cmdclass={"build_ext": BuildExtension})
`,
		"op.cpp": `#include <ATen/ATen.h>
#include <Python.h>
#include <torch/library.h>

at::Tensor pick(const at::Tensor& x, const at::Tensor& at) {
  TORCH_CHECK(x.dim() == 1 && at.dim() == 1, "pick takes vectors");
  const at::Tensor from = x.contiguous(), index = at.contiguous();
  at::Tensor out = at::empty({index.numel()}, from.options());
  for (int64_t i = 0; i < index.numel(); ++i) {
    out.data_ptr<float>()[i] = from.data_ptr<float>()[index.data_ptr<int64_t>()[i]];
  }
  return out;
}

void twice(const at::Tensor& x) {
  TORCH_CHECK(x.scalar_type() == at::kFloat, "twice takes float32");
  for (int64_t i = 0; i < x.numel(); ++i) {
    x.data_ptr<float>()[i] *= 2;
  }
}

TORCH_LIBRARY(tiny, m) {
  m.def("pick.of(Tensor x, Tensor at) -> Tensor");
  m.def("twice(Tensor(a!) x) -> ()");
}
TORCH_LIBRARY_IMPL(tiny, CPU, m) {
  m.impl("pick.of", pick);
  m.impl("twice", twice);
}

PyMODINIT_FUNC PyInit__C(void) {
  static PyModuleDef module = {PyModuleDef_HEAD_INIT, "_C", nullptr, -1, nullptr};
  return PyModule_Create(&module);
}
`,
		"tiny/__init__.py": "import torch\n\nfrom . import _C\n",
		"tests/test_pick.py": `import torch
import tiny


def test_pick():
    assert torch.ops.tiny.pick(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([2, 0])).tolist() == [3.0, 1.0]


def test_twice():
    x = torch.ones(2, 3)
    torch.ops.tiny.twice(x)
    assert x.sum() == 12
`,
		"ops-test.yaml": "version: 1\noperators:\n- operator: tiny::twice\n  reference: tiny.nowhere\n",
	} {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "andiron", "ops", "test", "--yes", "--no-progress", "--build", "plain", "--python", optestPython(t), dir)
	out, err := cmd.CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ExitCode() != 3 || !strings.Contains(string(out), `reference "tiny.nowhere", which cannot be called: AttributeError`) {
		t.Errorf("a reference that is not there: %v\n%s", err, out)
	}
	if err := os.Remove(filepath.Join(dir, "ops-test.yaml")); err != nil {
		t.Fatal(err)
	}
	var said [2]string
	for i := range said {
		r := andironReport(t, []string{"andiron"}, "ops", "test", "--yes", "--no-progress", "--build", "plain", "--cases", "60", "--python", optestPython(t), dir)
		if len(r.Summary.Operators.Rows) != 2 {
			t.Fatalf("%+v", r.Summary.Operators)
		}
		if row := r.Summary.Operators.Rows[1]; !slices.Contains(row.Found, "layout") { // it has no result but what it wrote
			t.Errorf("run %d: %+v", i, row)
		}
		row := r.Summary.Operators.Rows[0]
		if !slices.Contains(row.Found, "crash") || !slices.Contains(row.Asked, "leak") || !slices.Contains(row.Asked, "gradient") {
			t.Errorf("run %d: %+v", i, row)
		}
		said[i] = fmt.Sprint(row.Asked, row.Found)
	}
	if said[0] != said[1] {
		t.Errorf("first %s, then %s", said[0], said[1])
	}
}

// page holds the table of the documentation against what was found. What finds a bug
// may differ with the machine's speed; that a means finds bugs of a class may not.
func page(t *testing.T, name, table string) {
	t.Helper()
	begin, end := "<!-- begin: "+name+" -->\n", "<!-- end: "+name+" -->\n"
	b, err := os.ReadFile(corpusPage)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), begin)
	old, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("the page has no place for the table")
	}
	if *corpusUpdate {
		if err := os.WriteFile(corpusPage, []byte(before+begin+table+end+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if old == "" {
		t.Fatalf("the page has no table yet: look at this one, and run the test with -update-optest\n%s", table)
	}
	was, is := strings.Split(old, "\n"), strings.Split(table, "\n")
	if len(was) != len(is) {
		t.Fatalf("the page has %d classes, there are %d; run the test with -update-optest", len(was), len(is))
	}
	for i := range was {
		a, b := strings.Split(was[i], "|"), strings.Split(is[i], "|")
		for j := range a {
			if j >= len(b) || j < 3 && a[j] != b[j] || strings.TrimSpace(a[j]) != "" && strings.TrimSpace(b[j]) == "" {
				t.Errorf("the page says %s, found was %s; run the test with -update-optest", was[i], is[i])
				break
			}
		}
	}
}

// meansTable has a row for each class, and how many of its bugs each means found.
func meansTable(bugs []*bug, means []string) string {
	count, found := map[string]int{}, map[string]map[string]int{}
	for _, p := range bugs {
		for _, c := range []string{p.class, "all"} {
			count[c]++
			if found[c] == nil {
				found[c] = map[string]int{}
			}
			for m := range p.found {
				found[c][m]++
			}
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| class | bugs | %s |\n|---|---|%s\n", strings.Join(means, " | "), strings.Repeat("---|", len(means)))
	names := slices.SortedFunc(maps.Keys(count), func(x, y string) int {
		return cmp.Or(cmp.Compare(btoi(x == "all"), btoi(y == "all")), cmp.Compare(x, y))
	})
	for _, c := range names {
		fmt.Fprintf(&b, "| %s | %d |", c, count[c])
		for _, m := range means {
			if n := found[c][m]; n > 0 {
				fmt.Fprintf(&b, " %d |", n)
			} else {
				b.WriteString("  |")
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

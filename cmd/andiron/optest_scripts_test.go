//go:build optest

package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/opbuild"
)

// shownProject has one operator for each way in which a script shows what was found.
var shownProject = map[string]string{
	"CMakeLists.txt": `cmake_minimum_required(VERSION 3.18)
project(shown CXX)
find_package(Torch REQUIRED)
add_library(shown MODULE op.cpp)
target_link_libraries(shown PRIVATE ${TORCH_LIBRARIES})
set_target_properties(shown PROPERTIES CXX_STANDARD 17)
`,
	"op.cpp": `#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>

double total(const at::Tensor& x) {
  const double* p = x.data_ptr<double>();
  double sum = 0;
  for (int64_t i = 0; i < x.numel(); ++i) sum += p[i];
  return sum;
}

void negate(const at::Tensor& x) {
  double* p = x.data_ptr<double>();
  for (int64_t i = 0; i < x.numel(); ++i) p[i] = -p[i];
}

double raced(const at::Tensor& x) {
  const at::Tensor c = x.contiguous();
  const double* p = c.data_ptr<double>();
  double sum = 0;
  at::parallel_for(0, c.numel(), 1024, [&](int64_t a, int64_t b) {
    for (int64_t i = a; i < b; ++i) sum += p[i];
  });
  return sum;
}

at::Tensor keeps(const at::Tensor& x) {
  double* p = static_cast<double*>(malloc(512));
  p[0] = x.numel();
  TORCH_CHECK(x.dim() == 2, "keeps takes a matrix");
  at::Tensor out = x + p[0];
  free(p);
  return out;
}

at::Tensor half(const at::Tensor& x) {
  at::Tensor out = at::empty({x.numel()}, x.options());
  if (x.numel() > 0) out[0] = 1;
  return out;
}

at::Tensor above(const at::Tensor& x) { return x + 1; }

TORCH_LIBRARY(shown, m) {
  m.def("above(Tensor x) -> Tensor", above);
  m.def("total(Tensor x) -> float", total);
  m.def("negate(Tensor(a!) x) -> ()", negate);
  m.def("raced(Tensor x) -> float", raced);
  m.def("keeps(Tensor x) -> Tensor", keeps);
  m.def("half(Tensor x) -> Tensor", half);
}
`,
	"ops-test.yaml": `version: 1
operators:
- {operator: "shown::above", reference: torch.clone, examples: [{args: [{tensor: {dtype: float64, shape: [2, 3]}}]}]}
- {operator: "shown::total", examples: [{args: [{tensor: {dtype: float64, shape: [2, 1], layout: expanded}}]}]}
- {operator: "shown::negate", examples: [{args: [{tensor: {dtype: float64, shape: [2, 3]}}]}]}
- {operator: "shown::raced", examples: [{args: [{tensor: {dtype: float64, shape: [10, 3]}}]}]}
- {operator: "shown::keeps", examples: [{args: [{tensor: {dtype: float64, shape: [2, 3]}}]}]}
- {operator: "shown::half", examples: [{args: [{tensor: {dtype: float64, shape: [3]}}]}]}
`,
}

var (
	launched = regexp.MustCompile(`(?m)^    ((?:.*\\\n)?.*python [a-z-]+-[0-9a-f]{8}\.py .*)$`)
	seenOnce = regexp.MustCompile(`the result at|\d bytes|byte\(s\)|\de[+-]\d|0x[0-9a-f]`)
	inUse    = regexp.MustCompile(`(?m)^after \d+ calls (\d+) bytes`)
)

// TestOptestScripts: every script that a run leaves shows what was found, run as it says
// in the build that it names.
func TestOptestScripts(t *testing.T) {
	dir, corpus := t.TempDir(), t.TempDir()
	for name, text := range shownProject {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	said := andironReport(t, []string{"andiron"}, "ops", "test", "--yes", "--no-progress", "--cases", "60", "--python", optestPython(t), "--corpus", corpus, dir)
	for _, f := range said.Findings {
		if strings.HasPrefix(f.Rule, "OPS1") && seenOnce.MatchString(f.Message) {
			t.Errorf("the next run says something else than %q", f.Message)
		}
	}
	scripts, err := filepath.Glob(filepath.Join(corpus, "*", "*.py"))
	if err != nil {
		t.Fatal(err)
	}
	builds := map[opbuild.Variant]string{}
	for _, v := range []opbuild.Variant{opbuild.Plain, opbuild.ASan, opbuild.TSan} {
		builds[v] = builtShown(t, dir, v)
	}
	kinds := map[string]bool{}
	for _, script := range scripts {
		kind, _, _ := strings.Cut(filepath.Base(script), "-")
		if kind == "device" { // it takes the tripwire's library as well, which lies in the cache
			continue
		}
		kinds[kind] = true
		t.Run(filepath.Base(filepath.Dir(script))+"/"+filepath.Base(script), func(t *testing.T) {
			code, out := runScript(t, script, builds)
			if !shows(kind, code, out) {
				t.Errorf("exit code %d, and nothing to see:\n%s", code, out)
			}
		})
	}
	for _, k := range []string{"crash", "poison", "layout", "race", "leak", "reference"} {
		if !kinds[k] {
			t.Errorf("no script of a %s: there are %v", k, slices.Sorted(maps.Keys(kinds)))
		}
	}
}

// builtShown builds the project, and gives the folder of its library.
func builtShown(t *testing.T, dir string, v opbuild.Variant) string {
	t.Helper()
	p, err := opbuild.Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := opbuild.Build(t.Context(), p, v, opbuild.Options{Python: optestPython(t), Work: t.TempDir(), Jobs: 2})
	if err != nil || len(b.Libraries) != 1 {
		t.Fatalf("%v: %+v", err, b)
	}
	return filepath.Dir(b.Libraries[0])
}

// runScript runs a script by the line that it has for that.
func runScript(t *testing.T, script string, builds map[opbuild.Variant]string) (code int, out string) {
	t.Helper()
	b, err := os.ReadFile(script)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	m := launched.FindStringSubmatch(text)
	if m == nil {
		t.Fatalf("nothing says how to run it:\n%s", text)
	}
	v := opbuild.Plain
	switch {
	case strings.Contains(text, "-fsanitize=address"):
		v = opbuild.ASan
	case strings.Contains(text, "-fsanitize=thread"):
		v = opbuild.TSan
	}
	line := strings.Replace(m[1], "python "+filepath.Base(script), optestPython(t)+" "+script, 1)
	cmd := exec.CommandContext(t.Context(), "sh", "-c", line)
	cmd.Dir = builds[v]
	said, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	t.Logf("%s\n%s\n%s", line, text, said)
	return cmd.ProcessState.ExitCode(), string(said)
}

// shows reports whether what a script printed is what it was written for.
func shows(kind string, code int, out string) bool {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	switch kind {
	case "crash":
		return code >= 128 || code != 0 && (strings.Contains(out, "ERROR: AddressSanitizer") || strings.Contains(out, "runtime error: "))
	case "race":
		return strings.Contains(out, "WARNING: ThreadSanitizer: data race")
	case "leak":
		all := inUse.FindAllStringSubmatch(out, -1)
		return code == 0 && len(all) == 4 && grows(all)
	case "poison", "layout": // two results
		n := len(lines) / 2
		return code == 0 && len(lines)%2 == 0 && !slices.Equal(lines[:n], lines[n:])
	case "reference":
		return code == 0 && strings.Contains(out, "largest difference: 1.0")
	case "threads":
		return code == 0 && len(slices.Compact(lines)) > 1
	}
	return code == 0
}

// grows reports whether each number is larger than the one before.
func grows(all [][]string) bool {
	for i := 1; i < len(all); i++ {
		if len(all[i][1]) < len(all[i-1][1]) || len(all[i][1]) == len(all[i-1][1]) && all[i][1] <= all[i-1][1] {
			return false
		}
	}
	return true
}

//go:build optest

package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// watchedProject has two mistakes that only a tool sees the place of, each with its correct
// twin, and an operator that gives back what it was given.
var watchedProject = map[string]string{
	"CMakeLists.txt": strings.ReplaceAll(shownProject["CMakeLists.txt"], "shown", "watched"),
	"op.cpp": `#include <ATen/ATen.h>
#include <torch/library.h>

at::Tensor step(const at::Tensor& x, int64_t last) {
  const at::Tensor c = x.contiguous();
  at::Tensor out = at::empty({last}, c.options());
  const float* p = c.data_ptr<float>();
  for (int64_t i = 0; i < last; ++i) out.data_ptr<float>()[i] = p[i + 1] - p[i]; // reads beyond
  return out;
}

at::Tensor step_bad(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 1 && x.numel() > 0 && x.scalar_type() == at::kFloat, "a vector of float32");
  return step(x, x.numel());
}

at::Tensor step_good(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 1 && x.numel() > 0 && x.scalar_type() == at::kFloat, "a vector of float32");
  return step(x, x.numel() - 1);
}

at::Tensor many(const at::Tensor& x, int64_t written) {
  const at::Tensor c = x.contiguous();
  at::Tensor kept = at::empty({c.numel()}, c.options());
  for (int64_t i = 0; i < written; ++i) kept.data_ptr<float>()[i] = c.data_ptr<float>()[i];
  int64_t n = 0;
  for (int64_t i = 0; i < c.numel(); ++i) {
    if (kept.data_ptr<float>()[i] > 0) ++n; // nobody wrote this
  }
  return at::full({n}, 1).softmax(0, at::kFloat); // goes by it
}

at::Tensor many_bad(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 1 && x.numel() > 0 && x.scalar_type() == at::kFloat, "a vector of float32");
  return many(x, x.numel() - 1);
}

at::Tensor many_good(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 1 && x.numel() > 0 && x.scalar_type() == at::kFloat, "a vector of float32");
  return many(x, x.numel());
}

at::Tensor same(const at::Tensor& x) { return x; }

TORCH_LIBRARY(watched, m) {
  m.def("step_bad(Tensor x) -> Tensor");
  m.def("step_good(Tensor x) -> Tensor");
  m.def("many_bad(Tensor x) -> Tensor");
  m.def("many_good(Tensor x) -> Tensor");
  m.def("same(Tensor x) -> Tensor", same);
}
TORCH_LIBRARY_IMPL(watched, CPU, m) {
  m.impl("step_bad", step_bad);
  m.impl("step_good", step_good);
  m.impl("many_bad", many_bad);
  m.impl("many_good", many_good);
}
`,
	"ops-test.yaml": `version: 1
operators:
- {operator: "watched::step_bad", examples: [{args: [{tensor: {shape: [6]}}]}]}
- {operator: "watched::step_good", examples: [{args: [{tensor: {shape: [6]}}]}]}
- {operator: "watched::many_bad", examples: [{args: [{tensor: {shape: [6]}}]}]}
- {operator: "watched::many_good", examples: [{args: [{tensor: {shape: [6]}}]}]}
- {operator: "watched::same", examples: [{args: [{tensor: {shape: [6]}}]}]}
`,
}

// TestRealValgrind: what valgrind says of a call becomes a finding at its line, with a
// script that says how to see it; correct twins are not accused, and all was looked at.
func TestRealValgrind(t *testing.T) {
	dir, corpus := t.TempDir(), t.TempDir()
	for name, text := range watchedProject {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	line := func(mark string) int {
		before, _, _ := strings.Cut(watchedProject["op.cpp"], mark)
		return strings.Count(before, "\n") + 1
	}
	said := andironReport(t, []string{"andiron"}, "ops", "test", "--yes", "--no-progress", "--build", "plain", "--thorough", "--cases", "4", "--python", optestPython(t), "--corpus", corpus, dir)
	found := map[string]bool{}
	for _, f := range said.Findings {
		name, evidence := operator(f.Message), strings.Join(f.Evidence, "\n")
		switch {
		case f.Outcome != "present":
			t.Errorf("%s: %s", f.Rule, f.Message)
		case strings.HasSuffix(name, "_good") && (f.Rule == "OPS100" || f.Rule == "OPS102"):
			t.Errorf("the twin %s is accused: %s %q", name, f.Message, f.Evidence)
		case f.Rule == "OPS100" && f.Where.Line == line("// reads beyond") && strings.Contains(evidence, "READ of size 4") && strings.Contains(evidence, "under valgrind"),
			// A compiler may count without a branch, so that the size is the first that goes by it.
			f.Rule == "OPS102" && f.Where.Line >= line("// nobody wrote this") && f.Where.Line <= line("// goes by it") && strings.Contains(evidence, "under valgrind"):
			found[name] = true
		}
	}
	if !found["step_bad"] || !found["many_bad"] {
		t.Errorf("valgrind shows the places of %v: %+v", found, said.Findings)
	}
	for _, p := range said.Summary.Operators.Passes {
		if p.Name == "valgrind" && (!p.Run || !strings.Contains(p.Note, " of 5 operators")) {
			t.Errorf("%+v", p)
		}
	}
	scripts, err := filepath.Glob(filepath.Join(corpus, "watched-step_bad", "crash-*.py"))
	if err != nil || !slices.ContainsFunc(scripts, func(name string) bool {
		b, err := os.ReadFile(name)
		return err == nil && strings.Contains(string(b), "PYTHONMALLOC=malloc valgrind python crash-")
	}) {
		t.Errorf("no script is to be run under valgrind: %q, %v", scripts, err)
	}
}

package ops

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/finding"
)

// lookAt looks at one source as a project of its own.
func lookAt(text string) (list []finding.Finding) {
	p := &Project{Root: ".", python: newPythonFacts(), steps: 1 << 20}
	p.source("op.cu", []byte(text), 0)
	for _, s := range p.sources {
		s.torch = true
	}
	p.finish().Look(func(f finding.Finding) { list = append(list, f) })
	return list
}

// FuzzLook: no panic, and the same twice.
func FuzzLook(f *testing.F) {
	for _, dir := range sets {
		files, err := filepath.Glob("../../testdata/ops/" + dir.dir + "/*.c*")
		if err != nil || len(files) == 0 {
			f.Fatalf("%s: %v", dir.dir, err)
		}
		for _, name := range files {
			b, err := os.ReadFile(name)
			if err != nil {
				f.Fatal(err)
			}
			for part := range strings.SplitSeq(string(b), "\n\n") {
				f.Add(part)
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 1<<14 {
			return
		}
		if a, b := lookAt(text), lookAt(text); len(a) != len(b) {
			t.Errorf("%d findings, and then %d", len(a), len(b))
		}
	})
}

// Sources that break off anywhere are looked at.
func TestBrokenOff(t *testing.T) {
	b, err := os.ReadFile("../../testdata/ops/first/kernels.cu")
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(b); i += 7 {
		lookAt(string(b[:i]))
		lookAt(string(b[i:]))
	}
}

// What is made to take long ends, and says that it was not looked at in full.
func TestTakesLong(t *testing.T) {
	const n = 1_000
	for name, text := range map[string]string{
		"accesses":    "at::Tensor f(at::Tensor x) {" + strings.Repeat("auto p = x.data_ptr<float>(); p[i] = 1;", n) + "}",
		"checks":      "at::Tensor f(at::Tensor x) {" + strings.Repeat("if (a < b) return; x.data_ptr<float>()[a] = 1;", n) + "}",
		"variables":   "at::Tensor f(at::Tensor x) {" + strings.Repeat("int a = a + x.size(0) * a; q[a] = a / a;", n) + "}",
		"products":    "at::Tensor f(at::Tensor x) { int a = x.size(0); TORCH_CHECK(a < b" + strings.Repeat(" || a < b", n) + ");" + strings.Repeat("for (int i = 0; i < a; ++i) q[i * a + a * a] = 1;", n) + "}",
		"whiles":      "at::Tensor f(at::Tensor x) {" + strings.Repeat("int64_t i = 0; while (i <= x.numel()) { q[i++] = 1;", n) + strings.Repeat("}", n) + "}",
		"copies":      "at::Tensor f(at::Tensor x) {" + strings.Repeat("memcpy(x.data_ptr(), y.data_ptr(), x.nbytes());", n) + "}",
		"calls":       strings.Repeat("at::Tensor f(at::Tensor x) { return f(f(x)); }", n),
		"functions":   strings.Repeat("void f(at::Tensor x) { for (int i = 0; i < n; ++i) { g(x.data_ptr<float>()[i]); } }", n),
		"allocations": "void f() {" + strings.Repeat("auto p = malloc(n); free(q);", n) + "}",
		"empties":     "void f() {" + strings.Repeat("auto p = at::empty({n}); auto q = p.data_ptr<float>(); if (n) q[0] = 1;", n) + "}",
		"arrays":      "void f(at::Tensor x) {" + strings.Repeat("int p[8]; for (int i = 0; i < x.dim(); ++i) p[i] = 1;", n) + "}",
		"macros":      strings.Repeat("#define F(x) G(x) F(x) H(x)\n#define G(x) F(x) TORCH_CHECK(x)\n", n) + "void f() { F(a); G(b); }",
		"registered":  "TORCH_LIBRARY(a, m) {" + strings.Repeat("m.def(\"f(Tensor x) -> Tensor\", f);", n) + "} at::Tensor f(at::Tensor x) { return x; }",
		"launches":    "__global__ void k(float* p) { int i = blockIdx.x * blockDim.x + threadIdx.x; p[i] = 1; } void f() {" + strings.Repeat("k<<<1, 2>>>(p);", n) + "}",
	} {
		said := slices.ContainsFunc(lookAt(text), func(f finding.Finding) bool {
			return f.Outcome == finding.Undetermined && strings.Contains(f.Message, "takes too long")
		})
		if (name == "accesses" || name == "empties") && !said {
			t.Errorf("%s: nothing says that it was cut off", name)
		}
	}
}

// Lambdas within lambdas, and one that is registered many times, are no more work than a
// project may take.
func TestManyLambdas(t *testing.T) {
	const n = 800
	nested := strings.Repeat("m.def(\"f\", [](at::Tensor x) { auto r = torch::RegisterOperators().op(\"a::f\", [](at::Tensor x) { ", n) + strings.Repeat("}); });", n)
	again := "auto f = [](at::Tensor x) { " + strings.Repeat("int a; ", n) + "}; " + strings.Repeat("m.def(\"f\", f); ", n)
	for _, text := range []string{nested, again} {
		list := lookAt("TORCH_LIBRARY(ns, m) { " + text + " }")
		if !slices.ContainsFunc(list, func(f finding.Finding) bool { return f.Outcome == finding.Undetermined }) {
			t.Errorf("all of it was looked at: %v", list)
		}
	}
}

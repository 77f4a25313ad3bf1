package ops

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestOwnsPath(t *testing.T) {
	for _, tt := range []struct {
		pattern, path string
		want          bool
	}{
		{"*", "csrc/op.cpp", true},
		{"*.cpp", "csrc/cpu/op.cpp", true},
		{"*.cu", "csrc/op.cpp", false},
		{"/csrc/", "csrc/cpu/op.cpp", true},
		{"/csrc", "lib/csrc/op.cpp", false},
		{"csrc/", "lib/csrc/op.cpp", true},
		{"csrc/*", "csrc/op.cpp", true},
		{"csrc/*", "csrc/cpu/op.cpp", false},
		{"csrc/**", "csrc/cpu/op.cpp", true},
		{"**/cpu", "csrc/cpu/op.cpp", true},
		{"**/cuda/*.cu", "csrc/a/cuda/op.cu", true},
		{"csrc/op.cpp", "csrc/op.cpp", true},
		{"[", "csrc/op.cpp", false},
	} {
		if got := ownsPath(tt.pattern, tt.path); got != tt.want {
			t.Errorf("%s owns %s: %v", tt.pattern, tt.path, got)
		}
	}
}

func TestOwners(t *testing.T) {
	o := readOwners(".", ".github/CODEOWNERS", "* @all\n# c\n/csrc/ @kernels @b # why\n/csrc/free/\n", nil)
	for path, want := range map[string]string{"a.py": "@all", "csrc/op.cpp": "@kernels @b", "csrc/free/op.cpp": ""} {
		who := ""
		if l := o.of(path); l != nil {
			who = l.who
		}
		if who != want {
			t.Errorf("%s belongs to %q, want %q", path, who, want)
		}
	}
	if readOwners("p", "p/vendor/x/CODEOWNERS", "* @x\n", nil) != nil {
		t.Error("a file that no forge reads counts")
	}
}

// data_ptr<float>() looks at the dtype. Alone it is no check of arguments.
func TestUncheckedIsNoEvidence(t *testing.T) {
	const op = "#include <torch/extension.h>\nat::Tensor f(at::Tensor x) {\n%s  float* p = x.data_ptr<float>();\n  p[0] = 1;\n  return x;\n}\nTORCH_LIBRARY(ns, m) { m.def(\"f(Tensor(a!) x) -> Tensor(a!)\", f); }\n"
	for check, want := range map[string][]string{
		"": {"OPS001 op.cpp:2:12: the operator f takes raw pointers of its arguments and checks nothing about them | tensors: x"},
		"  TORCH_CHECK(x.is_contiguous() && x.numel() > 0);\n": {"OPS090 op.cpp:2:12: f checks dtype, contiguity"},
	} {
		got := looked(t, map[string]string{"op.cpp": fmt.Sprintf(op, check)}, "OPS001", "OPS090")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", check, diff)
		}
	}
}

// Functions of torch check their arguments; one that is seen nowhere may do anything.
func TestHandsOut(t *testing.T) {
	for body, made := range map[string]bool{
		"return at::relu(x);": true,
		"return seen(x);":     true,
		"auto g = [](at::Tensor y) { return y + 1; }; return g(x);": true,
		"return std::move(x).add(int64_t(x.size(0)));":              true,
		"elsewhere(x.size(0)); return x.clone();":                   true,
		"return helper_elsewhere(x, 1);":                            false,
		"return ns::helper_elsewhere<float>(x);":                    false,
		"auto y = x + 1; fill(out(y)); return y;":                   false,
	} {
		got := looked(t, map[string]string{"op.cpp": "#include <torch/extension.h>\nat::Tensor seen(at::Tensor x) { return x.add(1); }\nat::Tensor f(at::Tensor x) { " + body + " }\nTORCH_LIBRARY(ns, m) { m.def(\"f(Tensor x) -> Tensor\", f); }\n"}, "OPS090")
		if (len(got) == 1) != made {
			t.Errorf("%s: %q", body, got)
		}
	}
}

// An operator that a test hands on is tested as one that it calls.
func TestTested(t *testing.T) {
	const op = "#include <torch/extension.h>\nat::Tensor f(const at::Tensor& x) { return x; }\nTORCH_LIBRARY(ns, m) { m.def(\"a(Tensor x) -> Tensor\", f); }\n"
	for test, is := range map[string]bool{
		"torch.ops.ns.a(x)":                    true,
		"torch.ops.ns.a.default(x)":            true,
		"ops = torch.ops.ns\nops.a.default(x)": true,
		"@pytest.mark.parametrize('op', [ops.a, ops.b])\ndef test(op): op(x)":      true,
		"torch.autograd.gradcheck(torch.ops.ns.a, (x,))":                           true,
		"torch.library.opcheck(torch.ops.ns.a.default, (x,))":                      true,
		"def test(ext): torch.compile(ext.a)(x)":                                   true,
		"fn = ops.a\nfn(x)":                                                        true,
		"from pkg import a\ngradcheck(a, (x,))":                                    true,
		"for op in (ops.a, ops.b): op(x)":                                          true,
		"@pytest.mark.parametrize('n', ['a', 'b'])\ndef test(n): getattr(o, n)(x)": true,
		"from pkg import via\nopcheck(via, (x,))":                                  true,
		"import pkg.a\npkg.a.b(x)":                                                 false,
		"self.a = 1":                                                               false,
		"a = 1\ng(a)":                                                              false,
		"print('a')":                                                               false,
		"ops = torch.ops.ns\ndef test():\n    f = ops.a\n    f(x)":                 true,
		"from torch.utils.cpp_extension import load\nlib = load('m', ['op.cpp'])\nlib.a(x)":            true,
		"lib = pytest.importorskip('ext')\nlib.a(x)":                                                   true,
		"getattr(torch.ops.ns, 'a')(x)":                                                                true,
		"class Test:\n    def test(self): self.ops.a(x)\n    def setUp(self): self.ops = torch.ops.ns": true,
		"def test(ext): ext.a(x)":                                                                      true,
		"names = ['a']\n@pytest.mark.parametrize('n', names)\ndef test(n): getattr(o, n)(x)":           true,
		"of = {'a': 1}\n@pytest.mark.parametrize('n', of)\ndef test(n): getattr(o, n)(of[n])":          true,
		"of = {'a': 1}\nfor n, k in sorted(of.items()): getattr(o, n)(k)":                              true,
		"@pytest.mark.parametrize('n', [('a', 1), ('b', 2)])\ndef test(n, k): getattr(o, n)(x)":        true,
		"[getattr(o, n)(x) for n in ('a', 'b')]":                                                       true,
		"from pkg import Model\ndef test():\n    m = Model()\n    m.through(x)":                        true,
		"def test():\n    l = torch.nn.Linear(2, 2)\n    assert f(l.a)":                                false,
		"class Other:\n    a = 3\no = Other()\nassert o.a == 3":                                        false,
		"class Test:\n    def test(self): assert self.a == 1":                                          false,
		"class Test:\n    def a(self): pass\n    def test(self): self.a()":                             false,
		"from unittest import mock\nm = mock.Mock()\nm.a(x)":                                           false,
		"from pkg import Thing\nw = Thing().a\ng(w)":                                                   false,
		"print([l.a for l in (1, 2)])":                                                                 false,
		"d = {'a': 3}\nassert getattr(o, n) == d['a']":                                                 false,
		"assert 'a' != getattr(o, n)":                                                                  false,
	} {
		got := scanned(t, map[string]string{
			"op.cpp": op, "tests/test_a.py": "import pytest, torch\n" + test + "\n", "pkg.py": "import torch\ndef via(x): return torch.ops.ns.a.default(x)\nclass Model:\n    def through(self, x): return via(x)\n",
		})
		if (len(ofRule(got, "OPS092")) == 1) != is || (len(ofRule(got, "OPS061")) == 0) != is {
			t.Errorf("%s: %q", test, ofRule(got, "OPS061", "OPS092"))
		}
	}
}

// Threads of OpenMP that add to one variable race, unless something keeps them apart.
func TestRacesOpenMP(t *testing.T) {
	const op = "#include <torch/extension.h>\nvoid f(const float* p, int64_t n, float* out) {\n  float s = 0;\n  int64_t k = 0;\n%s\n  for (int64_t i = 0; i < n; ++i) {\n%s\n  }\n  out[0] = s;\n}\n"
	for _, tt := range []struct {
		pragma, body string
		races        bool
	}{
		{"#pragma omp parallel for", "    s += p[i];", true},
		{"#pragma omp parallel for schedule(static)", "    if (p[i] > 0) { ++k; }", true},
		{"#pragma omp parallel for reduction(+ : s)", "    s += p[i];", false},
		{"#pragma omp parallel for reduction(+ : k)", "    s += p[i];", true},
		{"#pragma omp parallel for", "#pragma omp atomic\n    s += p[i];", false},
		{"#pragma omp parallel for", "#pragma omp critical\n    { s += p[i]; }", false},
		{"#pragma omp parallel for", "    float s = 0;\n    s += p[i];\n    out[i] = s;", false},
		{"#pragma omp parallel for", "    out[i] += p[i];", false},
		{"#pragma omp simd", "    s += p[i];", false},
		{"", "    s += p[i];", false},
	} {
		got := looked(t, map[string]string{"op.cpp": fmt.Sprintf(op, tt.pragma, tt.body)}, "OPS045")
		if (len(got) == 1) != tt.races {
			t.Errorf("%s, %s: %q", tt.pragma, tt.body, got)
		}
	}
}

// Threads of parallel_for that add to elements which data choose race, unless each has
// a part of its own.
func TestRacesChosen(t *testing.T) {
	const parallel = "at::parallel_for(0, n, 1, [&](int64_t begin, int64_t end) {\nfor (int64_t i = begin; i < end; ++i) {\n%s\n} });"
	for body, races := range map[string]bool{
		"o[q[i]] += 1;":                               true,
		"int64_t k = q[i]; o[k] += 1;":                true,
		"int64_t k = (int64_t)(p[i] * n); o[k] += 1;": true,
		"int64_t k = std::min(static_cast<int64_t>(p[i] * n), n - 1); o[k] += 1;":           true,
		"int64_t k = p[i] > 0 ? 1 : 0; o[k]++;":                                             true,
		"float v = p[i]; int64_t k = v * n; for (int64_t j = 0; j < 3; ++j) o[k + j] += 1;": true,
		"const float* row = p + i * n; int64_t k = row[0]; o[k] += 1;":                      true,
		"int64_t k = p[i] * n; o[k] = 1;":                                                   false,
		"int64_t k = p[i] * n; o[i * n + k] += 1;":                                          false,
		"o[i * n + q[i]] += 1;":                                                             false,
		"int64_t row = i * n; o[row + q[i]] += 1;":                                          false,
		"int64_t k = p[i] * n; float* row = o + i * n; row[k] += 1;":                        false,
		"int64_t k = p[i] * n, t = at::get_thread_num(); o[t * n + k] += 1;":                false,
		"int64_t k = p[i] * n;\n#pragma omp atomic\no[k] += 1;":                             false,
		"std::lock_guard<std::mutex> lock(m); int64_t k = p[i] * n; o[k] += 1;":             false,
		"for (int64_t j = q[i]; j < q[i + 1]; ++j) o[j] += p[j];":                           false,
	} {
		got := looked(t, op(", const at::Tensor& b, at::Tensor& c, int64_t n", "auto p = a.data_ptr<float>(); auto q = b.data_ptr<int64_t>(); auto o = c.data_ptr<float>();\n"+fmt.Sprintf(parallel, body)), "OPS045")
		if (len(got) == 1) != races {
			t.Errorf("%s: %q", body, got)
		}
	}
}

// What a comment names is no evidence, also where it follows a command.
func TestSanitizerInComment(t *testing.T) {
	const op = "#include <torch/extension.h>\nat::Tensor f(at::Tensor x) { return x; }\nTORCH_LIBRARY(ns, m) { m.def(\"f\", f); }\n"
	for step, named := range map[string]bool{
		"- run: CFLAGS=-fsanitize=undefined pip install .":            true,
		"- run: CFLAGS=-fsanitize=undefined pip install . # slow":     true,
		"- run: NAME=\"run #1\" CFLAGS=-fsanitize=undefined make":     true,
		"- run: sed 's/ # x//' f && CFLAGS=-fsanitize=undefined make": true,
		"- run: pip install . # later -fsanitize=undefined":           false,
		"# - run: CFLAGS=-fsanitize=undefined pip install .":          false,
	} {
		got := looked(t, map[string]string{"op.cpp": op, ".github/workflows/ci.yml": "jobs:\n  a:\n    steps:\n    " + step + "\n"}, "OPS063", "OPS094")
		if len(got) != 1 || (got[0][:6] == "OPS094") != named {
			t.Errorf("%s: %q", step, got)
		}
	}
}

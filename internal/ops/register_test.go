package ops

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// However a function is registered with torch::RegisterOperators, Python can call it.
func TestRegisterOperators(t *testing.T) {
	const f = "#include <torch/script.h>\nat::Tensor f(at::Tensor x) {\n  auto p = x.data_ptr<float>();\n  p[0] = 1;\n  return x;\n}\n"
	for text, entry := range map[string]bool{
		`static auto r = torch::RegisterOperators().op("ns::f", &f);`:                                            true,
		`static auto r = torch::RegisterOperators("ns::f", &f);`:                                                 true,
		`static auto r = c10::RegisterOperators("ns::f(Tensor x) -> Tensor", &f);`:                               true,
		`static torch::RegisterOperators r("ns::f", &f);`:                                                        true,
		`static torch::RegisterOperators r{"ns::f", &f};`:                                                        true,
		`static auto r = torch::RegisterOperators("ns::g", &g).op("ns::f", &f);`:                                 true,
		`static auto r = torch::RegisterOperators("ns::g", &g);`:                                                 false,
		`using torch::RegisterOperators; auto name(const char* s = "ns::f") { return &f; }`:                      false,
		`class RegisterOperators { const char* name = "ns::f"; at::Tensor (*to)(at::Tensor) = &f, *other; };`:    false,
		`static auto r = torch::jit::RegisterOperators({Operator("ns::f(Tensor x) -> Tensor", [](Stack&) {})});`: false,
	} {
		got := ofRule(scanned(t, map[string]string{"op.cpp": f + text + "\n"}), "OPS001")
		if (len(got) == 1) != entry {
			t.Errorf("%s: %q", text, got)
		}
	}
}

// However a function or a lambda becomes an operator, it is looked at as one.
func TestRegistered(t *testing.T) {
	const (
		head = "#include <torch/extension.h>\nstruct S {};\nat::Tensor f(at::Tensor x) {\n  auto p = x.data_ptr<float>();\n  p[0] = 1;\n  return x;\n}\n"
		body = "(const at::Tensor& x, int64_t k) { auto p = x.data_ptr<float>(); return at::scalar_tensor(p[k]); }"
	)
	for text, want := range map[string]string{
		`TORCH_LIBRARY_EXPAND(TORCH_EXTENSION_NAME, ops) { ops.def("f(Tensor x) -> Tensor", &f); }`:                              "f",
		`TORCH_LIBRARY_IMPL_EXPAND(TORCH_EXTENSION_NAME, CPU, ops) { ops.impl("f", &f); }`:                                       "f",
		"#define MINE(ns, m) TORCH_LIBRARY(ns, m)\nMINE(a, m) { m.def(\"f\", &f); }":                                             "f",
		"#define A(ns, m) B(ns, m)\n#define B(ns, m) A(ns, m)\nA(a, m) { m.def(\"f\", &f); }":                                    "",
		"#define MINE(ns, m) void init(ns m)\nMINE(a, m) { m.def(\"f\", &f); }":                                                  "",
		`NB_MODULE(m, m) { m.def("f", &f); }`:                                                                                    "f",
		`void bind(py::module_& m) { m.def("f", &f); }`:                                                                          "f",
		`void bind(at::Tensor& m) { m.def("f", &f); }`:                                                                           "",
		`PYBIND11_MODULE(m, m) { py::class_<S>(m, "S").def_static("f", &f); }`:                                                   "f",
		`PYBIND11_MODULE(m, m) { m.def("l", []` + body + `); }`:                                                                  "l",
		`PYBIND11_MODULE(m, m) { m.def("l", +[]` + body + `, py::arg("x")); }`:                                                   "l",
		`PYBIND11_MODULE(m, m) { auto g = []` + body + `; m.def("l", g); }`:                                                      "l",
		`PYBIND11_MODULE(m, m) { { auto g = []` + body + `; } m.def("l", g); }`:                                                  "",
		`PYBIND11_MODULE(m, m) { auto g = [](at::Tensor x) { return g(x); }; m.def("l", g); }`:                                   "",
		`TORCH_LIBRARY(ns, m) { m.def("l(Tensor x, int k) -> Tensor", []` + body + `); }`:                                        "l",
		`TORCH_LIBRARY_IMPL(ns, CUDA, m) { m.impl("l", torch::dispatch(c10::kCUDA, []<typename T>` + body + `)); }`:              "l",
		`static auto r = torch::RegisterOperators().op("ns::l", [](at::Tensor x) { int a = 0; return x + a; }).op("ns::f", &f);`: "f",
		`PYBIND11_MODULE(m, m) { m.def("l", [](at::Tensor x) { return f(x); }); }`:                                               "l",
		`PYBIND11_MODULE(m, m) { m.def("l", [](at::Tensor x) { TORCH_CHECK(x.is_cpu() && x.is_contiguous()); return f(x); }); }`: "",
	} {
		got := ofRule(scanned(t, map[string]string{"op.cpp": head + text + "\n"}), "OPS001")
		if want == "" && len(got) == 0 {
			continue
		}
		if len(got) != 1 || !strings.Contains(got[0], "the operator "+want+" takes") {
			t.Errorf("%s: %q", text, got)
		}
	}
}

// A lambda is looked at on its own lines, and one that cannot be read is not passed over.
func TestLambdas(t *testing.T) {
	const op = "#include <torch/extension.h>\nTORCH_LIBRARY(ns, m) {\n  m.def(\"f(Tensor x, int k) -> (Tensor, Tensor)\", [](const at::Tensor& x, int64_t k) -> std::tuple<at::Tensor, at::Tensor> {\n    auto p = (float*)x.data_ptr();\n    return {at::scalar_tensor(p[k]), x};\n  });\n}\n"
	got := ofRule(scanned(t, map[string]string{"op.cpp": op}), "OPS00")
	want := []string{
		"OPS001 op.cpp:3:51: the operator f takes raw pointers of its arguments and checks nothing about them",
		"OPS002 op.cpp:4:24: data_ptr() gives the memory of x, whose dtype nothing has checked",
		"OPS003 op.cpp:4:24: nothing checks on which device x lies, before the memory is used",
		"OPS005 op.cpp:4:24: x is read through a raw pointer, and nothing makes sure that it is contiguous",
		"OPS007 op.cpp:5:33: the argument k is used as an index and is held against nothing before",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	deep := strings.Replace(op, "auto p", strings.Repeat("{", 200)+strings.Repeat("}", 200)+" auto p", 1)
	got = ofRule(scanned(t, map[string]string{"op.cpp": deep}), "undetermined OPS080")
	if !slices.Contains(got, "undetermined OPS080 op.cpp:3:51: the lambda that is registered as f could not be read, so what it does is not known") {
		t.Errorf("%q", got)
	}
}

// A module of which nothing is recognised may have operators all the same.
func TestMuteModules(t *testing.T) {
	const head = "#include <torch/extension.h>\n"
	for text, mute := range map[string]bool{
		"#define REG(n) m.def(#n, [](at::Tensor x, int64_t i) { return x; });\nPYBIND11_MODULE(m, m) { REG(g) REG(h) }": true,
		"NB_MODULE(m, m) { bind_elsewhere(m); }":                                                       true,
		"TORCH_LIBRARY(ns, m) { for (auto& s : schemas()) m.def(s); }":                                 true,
		"PYBIND11_MODULE(m, m) {}":                                                                     false,
		"PYBIND11_MODULE(m, m) { m.def(\"g\", [](at::Tensor x) { return x; }); }":                      false,
		"PYBIND11_MODULE(m, m) { bind(m); }\nvoid bind(py::module& m) { m.def(\"f\", &f); }":           false,
		"TORCH_LIBRARY_IMPL(_, PrivateUse1, m) { m.fallback(torch::CppFunction::makeFallthrough()); }": false,
	} {
		got := ofRule(scanned(t, map[string]string{"op.cpp": head + text + "\n"}), "undetermined OPS080")
		if (len(got) == 1 && strings.Contains(got[0], "this module registers nothing that is recognised")) != mute || !mute && len(got) > 0 {
			t.Errorf("%s: %q", text, got)
		}
	}
}

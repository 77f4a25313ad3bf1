package ops

import "testing"

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

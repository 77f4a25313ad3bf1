package ops

import "testing"

// A void* may be taken before the dtype is looked at, if it is used after that.
func TestTypedLater(t *testing.T) {
	const (
		taken  = "const void* p = x.data_ptr(); "
		kept   = "Params p; p.x = x.data_ptr(); p.n = x.numel(); "
		both   = "AT_DISPATCH_FLOATING_TYPES(x.scalar_type(), \"f\", [&] { run<scalar_t>(p); });"
		cases  = "case at::kFloat: s += ((const float*)p)[0]; break; case at::kDouble: s += ((const double*)p)[0]; break; "
		floats = "s += static_cast<const float*>(p)[0];"
	)
	for body, quiet := range map[string]bool{
		taken + both: true,
		kept + both:  true,
		"Fn g; " + kept + "AT_DISPATCH_ALL_TYPES(x.scalar_type(), \"f\", [&] { g = choose<scalar_t>(p); }); g(p);":                                                            true,
		taken + "switch (x.scalar_type()) { " + cases + "default: TORCH_CHECK(false, \"dtype\"); }":                                                                           true,
		taken + "auto t = x.scalar_type(); switch (t) { " + cases + "default: { throw std::runtime_error(\"dtype\"); } }":                                                     true,
		taken + "switch (x.scalar_type()) { " + cases + "default: return 0; }":                                                                                                true,
		taken + "TORCH_CHECK(x.scalar_type() == at::kFloat); " + floats:                                                                                                       true,
		taken + "if (p == nullptr) return 0; TORCH_CHECK(x.scalar_type() == at::kFloat); " + floats:                                                                           true,
		taken + "if (x.scalar_type() != at::kFloat) throw std::runtime_error(\"dtype\"); " + floats:                                                                           true,
		taken + "if (x.scalar_type() == at::kFloat) { " + floats + " } else if (x.scalar_type() == at::kDouble) { s += ((const double*)p)[0]; } else { TORCH_CHECK(false); }": true,
		"if (flag) { " + taken + both + " }": true,
		"switch (x.scalar_type()) { case at::kFloat: { auto p = (const float*)x.data_ptr(); s += p[0]; break; } default: TORCH_CHECK(false); }": true,

		taken + floats: false,
		taken + "if (x.scalar_type() == at::kFloat) { " + floats + " } else if (flag) { s += ((const double*)p)[0]; } else { TORCH_CHECK(false); }": false,
		taken + "TORCH_CHECK(x.is_floating_point()); " + floats:                                             false,
		taken + "TORCH_CHECK(x.is_floating_point()); TORCH_CHECK(x.scalar_type() == at::kFloat); " + floats: true,
		taken + floats + both:           false,
		kept + "run<float>(p); " + both: false,
		kept + "AT_DISPATCH_FLOATING_TYPES(y.scalar_type(), \"f\", [&] { run<scalar_t>(p); });":                             false,
		"auto q = static_cast<const float*>(x.data_ptr()); const void* p = q; s += q[0]; " + both:                           false,
		"run(x.data_ptr()); const void* p = nullptr; " + both:                                                               false,
		taken + "switch (x.scalar_type()) { case at::kDouble: s += ((const double*)p)[0]; break; default: " + floats + " }": false,
		taken + "switch (x.scalar_type()) { case at::kDouble: s += 1; break; default: break; } " + floats:                   false,
		taken + "switch (x.scalar_type()) { case at::kDouble: s += 1; break; } " + floats:                                   false,
		taken + "switch (n) { " + cases + "default: TORCH_CHECK(false, \"n\"); }":                                           false,
		taken + "if (x.scalar_type() == at::kDouble) s += 1; " + floats:                                                     false,
		taken + "if (x.scalar_type() == at::kDouble) { s += ((const double*)p)[0]; } else { " + floats + " }":               false,
		taken + "if (flag) { TORCH_CHECK(x.scalar_type() == at::kFloat); } " + floats:                                       false,
		taken + "TORCH_CHECK(x.dim() == 1); " + floats:                                                                      false,
		"held = x.data_ptr(); " + both: false,
	} {
		got := ofRule(scanned(t, map[string]string{"op.cpp": "#include <torch/extension.h>\nfloat f(const at::Tensor& x, const at::Tensor& y, int64_t n, bool flag) {\nfloat s = 0;\n" + body + "\nreturn s;\n}\n" +
			"PYBIND11_MODULE(m, m) { m.def(\"f\", &f); }\n"}), "OPS002")
		if len(got) == 0 != quiet {
			t.Errorf("%s: %q", body, got)
		}
	}
}

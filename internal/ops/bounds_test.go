package ops

import "testing"

// In a loop over the parts of a size the number of elements of a part is no more than the
// size; what is left is whether it is above 0.
func TestParts(t *testing.T) {
	const (
		above = "TORCH_CHECK(k > 0 && a.numel() % k == 0); "
		sizes = "const int64_t n = a.numel(), h = n / k; auto p = a.data_ptr<float>(); float s = 0; "
		parts = "for (int64_t i = 0; i < h; ++i) "
		inner = "for (int64_t j = 0; j < k; ++j) s += p[i * k + j];"
	)
	for body, quiet := range map[string]bool{
		above + sizes + parts + inner: true,
		"TORCH_CHECK(k > 0); TORCH_CHECK(a.numel() % k == 0); " + sizes + parts + inner:                                           true,
		"if (k < 1) throw std::invalid_argument(\"k\"); " + sizes + parts + inner:                                                 true,
		above + sizes + "at::parallel_for(0, h, 1, [&](int64_t b, int64_t e) { for (int64_t i = b; i < e; ++i) " + inner + " });": true,
		above + sizes + "for (auto i : c10::irange(h)) " + inner:                                                                  true,

		sizes + parts + inner: false,
		"TORCH_CHECK(a.numel() % k == 0); " + sizes + parts + inner:                                                      false,
		"TORCH_CHECK(k >= 0 || a.dim() == 1); " + sizes + "s += p[k];":                                                   false,
		above + sizes + "s += p[k - 1];":                                                                                 false,
		above + sizes + "for (int64_t i = 0; i <= h; ++i) " + inner:                                                      false,
		above + "auto p = a.data_ptr<float>(); float s = 0; const int64_t h = (a.numel() + k - 1) / k; " + parts + inner: false,
		above + "auto p = a.data_ptr<float>(); float s = 0; const int64_t h = a.numel() / k + 1; " + parts + inner:       false,
		above + sizes + "for (int64_t i = 0; i < n; ++i) s += p[i * k];":                                                 false,
		above + "auto p = a.data_ptr<float>(); float s = 0; const int64_t h = m / k; " + parts + inner:                   false,
	} {
		if got := ofRule(scanned(t, op(", int64_t k, int64_t m", body)), "OPS007"); len(got) == 0 != quiet {
			t.Errorf("%s: %q", body, got)
		}
	}
}

// A size that a function of the project gives back is one of its tensor where it is checked.
func TestSizesGiven(t *testing.T) {
	const shape = "struct Shape { int64_t h, w; };\nstatic Shape shape(const at::Tensor& x) { return {x.size(0), x.size(1)}; }\n"
	for _, tt := range []struct {
		head, check string
		quiet       bool
	}{
		{shape, "auto s = shape(x); TORCH_CHECK(s.h == n);", true},
		{"static int64_t count(const at::Tensor& x) { auto n = x.numel(); return n; }\n", "const int64_t c = count(x); TORCH_CHECK(c >= n);", true},
		{shape, "auto s = shape(x);", false},
		{shape, "auto s = shape(y); TORCH_CHECK(s.h == n);", false},
		{shape, "auto s = shape(x); TORCH_CHECK(s.h > 0);", false},
		{"static int64_t rank(const at::Tensor& x) { return x.dim(); }\n", "auto r = rank(x); TORCH_CHECK(r == 2);", false},
		{"static int64_t count(const at::Tensor& x) { return 3; }\n", "const int64_t c = count(x); TORCH_CHECK(c >= n);", false},
	} {
		got := ofRule(scanned(t, map[string]string{"op.cpp": "#include <torch/extension.h>\n" + tt.head + "float f(const at::Tensor& x, const at::Tensor& y, int64_t n) {\n" + tt.check + "\n" +
			"auto p = x.data_ptr<float>(); float t = 0; for (int64_t i = 0; i < n; ++i) t += p[i];\nreturn t;\n}\nPYBIND11_MODULE(m, m) { m.def(\"f\", &f); }\n"}), "OPS004")
		if len(got) == 0 != tt.quiet {
			t.Errorf("%s%s: %q", tt.head, tt.check, got)
		}
	}
}

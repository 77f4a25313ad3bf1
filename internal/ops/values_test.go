package ops

import "testing"

// A loop that throws unless each element is within holds all of them, in a helper or before
// they are used.
func TestEachHeld(t *testing.T) {
	const (
		helper = "static void check(const at::Tensor& idx, int64_t n) { auto p = idx.data_ptr<int64_t>(); "
		each   = "for (int64_t i = 0; i < idx.numel(); ++i) "
		call   = "check(idx, x.numel()); "
		own    = "auto p = idx.data_ptr<int64_t>(); const int64_t n = x.numel(); "
		uses   = "for (int64_t j = 0; j < idx.numel(); ++j) s += v[q[j]];"
	)
	for _, tt := range []struct {
		head, body string
		quiet      bool
	}{
		{helper + each + "TORCH_CHECK_INDEX(p[i] >= 0 && p[i] < n, \"index\"); }", call + uses, true},
		{helper + each + "{ TORCH_CHECK(p[i] >= 0); TORCH_CHECK(p[i] < n); } }", call + uses, true},
		{helper + each + "{ const int64_t k = p[i]; TORCH_CHECK(k >= 0 && k < n); } }", call + uses, true},
		{helper + each + "if (p[i] < 0 || p[i] >= n) throw std::out_of_range(\"index\"); }", call + uses, true},
		{helper + each + "{ if (p[i] < 0 || p[i] >= n) { TORCH_CHECK(false, \"index\"); } } }", call + uses, true},
		{"#define OWN(c) TORCH_CHECK(c)\n" + helper + each + "OWN(p[i] >= 0 && p[i] < n); }", call + uses, true},
		{"#define OWN(k, n) TORCH_CHECK((k) >= 0 && (k) < (n))\n" + helper + each + "OWN(p[i], n); }", call + uses, true},
		{"static void check(const at::Tensor& idx, int64_t n) { auto p = idx.accessor<int64_t, 1>(); " + each + "TORCH_CHECK(0 <= p[i] && p[i] < n); }", call + uses, true},
		{"", own + each + "{ auto k = p[i]; TORCH_CHECK(k >= 0 && k < n); } " + uses, true},

		{helper + each + "TORCH_CHECK_INDEX(p[i] < n, \"index\"); }", call + uses, false},
		{helper + each + "TORCH_CHECK_INDEX(p[i] >= 0, \"index\"); }", call + uses, false},
		{helper + "TORCH_CHECK_INDEX(p[0] >= 0 && p[0] < n, \"index\"); }", call + uses, false},
		{helper + each + "TORCH_CHECK_INDEX(i >= 0 && i < n, p[i]); }", call + uses, false},
		{helper + each + "if (p[i] < 0 || p[i] >= n) continue; }", call + uses, false},
		{helper + each + "if (p[i] < 0 || p[i] >= n) return; }", call + uses, false},
		{helper + each + "if (p[i] < 0 || p[i] >= n) TORCH_WARN(\"index\"); }", call + uses, false},
		{helper + "TORCH_CHECK(p != nullptr); " + each + "n += p[i]; }", call + uses, false},
		{helper + each + "TORCH_CHECK_INDEX(p[i] >= 0 && p[i] < n, \"index\"); }", uses + call, false},
		{helper + each + "TORCH_CHECK_INDEX(p[i] >= 0 && p[i] < n, \"index\"); }", "check(other, x.numel()); " + uses, false},
		{"", own + each + "{ auto k = p[i]; TORCH_CHECK(k >= 0 && k < n); s += v[q[i + 1]]; } ", false},
	} {
		got := ofRule(scanned(t, map[string]string{"op.cpp": "#include <torch/extension.h>\n" + tt.head + "\nfloat f(const at::Tensor& x, const at::Tensor& idx, const at::Tensor& other) {\n" +
			"auto v = x.data_ptr<float>(); auto q = idx.data_ptr<int64_t>(); float s = 0;\n" + tt.body + "\nreturn s;\n}\nPYBIND11_MODULE(m, m) { m.def(\"f\", &f); }\n"}), "OPS006")
		if len(got) == 0 != tt.quiet {
			t.Errorf("%s %s: %q", tt.head, tt.body, got)
		}
	}
}

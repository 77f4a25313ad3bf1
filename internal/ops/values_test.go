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

		{helper + "if (idx.numel() == 0) return; " + each + "TORCH_CHECK(p[i] >= 0 && p[i] < n); }", call + uses, true},
		{helper + each + "TORCH_CHECK(p[i] > -1 && p[i] < n); }", call + uses, true},
		{helper + each + "TORCH_CHECK(p[i] >= 0 && p[i] < n); }\nstatic void both(const at::Tensor& idx, int64_t n) { check(idx, n); }", "both(idx, x.numel()); " + uses, true},
		{helper + each + "TORCH_CHECK(p[i] >= 0 && p[i] < n); }", "if (n1) { " + call + uses + " }", true},
		{"", own + "const int64_t m = idx.size(0); for (int64_t i = 0; i < m; i++) { auto k = p[i]; TORCH_CHECK(k >= 0 && k < n); } " + uses, true},
		{"", own + each + "{ auto k = p[i]; TORCH_CHECK(k >= 0 && k < n); } for (int64_t j = 0; j < idx.numel(); ++j) { const int64_t k = q[j]; s += v[k]; s += v[(int)q[j]]; }", true},

		{helper + "if (n1) " + each + "TORCH_CHECK(p[i] >= 0 && p[i] < n); }", call + uses, false},
		{helper + "if (n == 7) return; " + each + "TORCH_CHECK(p[i] >= 0 && p[i] < n); }", call + uses, false},
		{helper + each + "TORCH_CHECK(p[i] >= 0 && p[i] < n); }", "if (n1) " + call + uses, false},
		{"", own + "if (n1) " + each + "{ auto k = p[i]; TORCH_CHECK(k >= 0 && k < n); } " + uses, false},
		{"", own + each + "{ auto k = p[i]; if (k == -100) continue; TORCH_CHECK(k >= 0 && k < n); } " + uses, false},
		{"", own + each + "{ auto k = p[i]; if (k == -100) break; TORCH_CHECK(k >= 0 && k < n); } " + uses, false},
		{"", own + each + "{ auto k = p[i]; k += n; TORCH_CHECK(k >= 0 && k < n); } " + uses, false},
		{"", own + each + "{ auto k = p[i]; TORCH_CHECK(k >= -1 && k < n); } " + uses, false},
		{"", own + each + "{ auto k = p[i]; TORCH_CHECK(k != -1 && k < n); } " + uses, false},
		{"", own + each + "{ auto k = p[i]; TORCH_CHECK(k >= 0 || k < n); } " + uses, false},
		{"", own + each + "{ auto k = p[i * 3]; TORCH_CHECK(k >= 0 && k < n); } " + uses, false},
		{"", own + "for (int64_t i = 0; i < idx.numel() / 2; ++i) { auto k = p[i]; TORCH_CHECK(k >= 0 && k < n); } " + uses, false},
		{"", own + "for (int64_t i = 0; i < idx.size(1); ++i) { auto k = p[i]; TORCH_CHECK(k >= 0 && k < n); } " + uses, false},
		{"", own + "for (int64_t i = 1; i < idx.numel(); ++i) { auto k = p[i]; TORCH_CHECK(k >= 0 && k < n); } " + uses, false},
		{"", own + "for (int64_t i = 0; i < idx.numel(); i += 2) { auto k = p[i]; TORCH_CHECK(k >= 0 && k < n); } " + uses, false},
		{"", own + each + "{ auto k = p[i]; TORCH_CHECK(k >= 0 && k < n); } for (int64_t j = 0; j < idx.numel(); ++j) s += v[q[j] + 1];", false},
		{"", own + each + "{ auto k = p[i]; TORCH_CHECK(k >= 0 && k < n); } for (int64_t j = 0; j < idx.numel(); ++j) { auto r = q[j]; s += v[r * 4 + 3]; }", false},
		{"", own + each + "{ auto k = p[i]; TORCH_CHECK(k >= 0 && k < n); } " + each + "p[i] = p[i] * 2; " + uses, false},
		{helper + each + "TORCH_CHECK(p[i] >= 0 && p[i] < n); }", call + "idx.add_(1); " + uses, false},
	} {
		got := ofRule(scanned(t, map[string]string{"op.cpp": "#include <torch/extension.h>\n" + tt.head + "\nfloat f(const at::Tensor& x, const at::Tensor& idx, const at::Tensor& other, bool n1) {\n" +
			"auto v = x.data_ptr<float>(); auto q = idx.data_ptr<int64_t>(); float s = 0;\n" + tt.body + "\nreturn s;\n}\nPYBIND11_MODULE(m, m) { m.def(\"f\", &f); }\n"}), "OPS006")
		if len(got) == 0 != tt.quiet {
			t.Errorf("%s %s: %q", tt.head, tt.body, got)
		}
	}
}

// Of a number without a sign one comparison is enough, where all of the element is in it.
func TestNaturalIndex(t *testing.T) {
	for body, quiet := range map[string]bool{
		"const uint64_t k = q[i]; if (k < n) s += v[k];":                                           true,
		"size_t k = q[i]; if (k >= x.numel()) continue; s += v[k];":                                true,
		"auto k = static_cast<uint64_t>(q[i]); TORCH_CHECK(k < n); s += v[k];":                     true,
		"std::size_t k; k = q[i]; TORCH_CHECK(k < n); s += v[k];":                                  true,
		"if ((uint64_t)q[i] < n) s += v[q[i]];":                                                    true,
		"TORCH_CHECK(static_cast<size_t>(q[i]) < static_cast<size_t>(n)); s += v[q[i]];":           true,
		"int64_t k = q[i]; TORCH_CHECK((uint64_t)k < (uint64_t)n); s += v[k];":                     true,
		"int k = q[i]; TORCH_CHECK((unsigned)k < (unsigned)n); s += v[k];":                         true,
		"inside((q[i]), n); s += v[q[i]];":                                                         true,
		"const int64_t k = q[i]; if (k < n) s += v[k];":                                            false,
		"const uint64_t k = q[i]; if ((int64_t)k < n) s += v[k];":                                  false,
		"const uint64_t k = q[i]; if (static_cast<int64_t>(k) < n) s += v[k];":                     false,
		"const uint64_t k = q[i]; if (int64_t(k) < n) s += v[k];":                                  false,
		"const uint64_t k = q[i]; s += v[k];":                                                      false,
		"const uint64_t k = q[i]; if (k > 0) s += v[k];":                                           false,
		"const uint64_t k = q[i]; if (q[i] < n) s += v[k];":                                        false,
		"if ((uint32_t)q[i] < n) s += v[q[i]];":                                                    false,
		"auto k = static_cast<int64_t>(q[i]); TORCH_CHECK(k < n); s += v[k];":                      false,
		"TORCH_CHECK(static_cast<int64_t>(q[i]) < n); s += v[q[i]];":                               false,
		"uint64_t j = i; TORCH_CHECK(j < n); s += v[q[j]];":                                        false,
		"for (int64_t j = 0; j < 4; ++j) { uint32_t k = q[j]; TORCH_CHECK(k < n); } s += v[q[i]];": false,
	} {
		got := ofRule(scanned(t, map[string]string{"op.cpp": "#include <torch/extension.h>\nstatic void inside(int64_t k, int64_t n) { TORCH_CHECK((uint64_t)k < (uint64_t)n); }\n" +
			"float f(const at::Tensor& x, const at::Tensor& idx) {\nauto v = x.data_ptr<float>(); auto q = idx.data_ptr<int64_t>(); float s = 0; auto n = x.numel();\n" +
			"for (int64_t i = 0; i < idx.numel(); ++i) { " + body + " }\nreturn s;\n}\nPYBIND11_MODULE(m, m) { m.def(\"f\", &f); }\n"}), "OPS006")
		if len(got) == 0 != quiet {
			t.Errorf("%s: %q", body, got)
		}
	}
}

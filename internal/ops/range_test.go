package ops

import "testing"

// A range of another tensor needs a bound from below of its start, and one from above of its
// end.
func TestRangesOfRows(t *testing.T) {
	const loop = " for (int64_t j = b; j < e; ++j) s += p[j];"
	for _, tt := range []struct {
		body  string
		quiet bool
	}{
		{"TORCH_CHECK(0 <= b && b <= e && e <= n);" + loop, true},
		{"TORCH_CHECK(b >= 0 && e <= n);" + loop, true},
		{"TORCH_CHECK(b >= 0); TORCH_CHECK(b <= e); TORCH_CHECK(e <= n);" + loop, true},
		{"TORCH_CHECK_GE(b, 0); TORCH_CHECK_LE(e, n);" + loop, true},
		{"if (b < 0 || e > n) throw std::out_of_range(\"rows\");" + loop, true},
		{"TORCH_CHECK(b >= 0 && e >= b && e <= x.numel());" + loop, true},
		{"if (b >= 0 && e <= n) { " + loop + " }", true},
		{"TORCH_CHECK(b >= 0 && e <= n); for (int64_t j = e - 1; j >= b; --j) s += p[j];", true},
		{"TORCH_CHECK(b >= 0 && e <= n); int64_t j = b; while (j < e) { s += p[j]; ++j; }", true},
		{"TORCH_CHECK(b >= 0 && e <= n); const auto first = b, last = e; for (int64_t j = first; j < last; ++j) s += p[j];", true},
		{"TORCH_CHECK(b >= 0 && b <= e && e <= n); for (int64_t j = 0; j < e - b; ++j) s += p[b + j];", true},
		{"TORCH_CHECK(b >= 0); for (int64_t j = b; j < std::min(e, n); ++j) s += p[j];", true},
		{"if (!(b >= 0 && b <= n && e >= 0 && e <= n)) throw std::out_of_range(\"rows\");" + loop, true},
		{"if (!(b >= 0 && e <= n)) continue;" + loop, true},
		{"TORCH_CHECK(b >= 0 && n - e >= 0);" + loop, true},
		{"TORCH_CHECK(b >= 0 && n - b >= d); for (int64_t j = 0; j < 1; ++j) s += p[b];", true},
		{"if (b < 0 || n - b < d) continue; s += p[b];", true},

		{loop, false},
		{"if (!(b >= 0 && b <= e)) throw std::out_of_range(\"rows\");" + loop, false},
		{"if (!(b >= 0 && e >= n)) continue;" + loop, false},
		{"TORCH_CHECK(n - b >= d); s += p[b];", false},
		{"TORCH_CHECK(b >= 0 && n - b <= d); s += p[b];", false},
		{"if (b < 0 || n - b > d) continue; s += p[b];", false},
		{"TORCH_CHECK(b >= 0 && b <= e);" + loop, false},
		{"TORCH_CHECK(b >= 0 && e >= b);" + loop, false},
		{"TORCH_CHECK(b >= 0 && e >= 0);" + loop, false},
		{"TORCH_CHECK(b >= 0 && e >= d);" + loop, false},
		{"TORCH_CHECK(b >= 0 && b <= n);" + loop, false},
		{"TORCH_CHECK(b <= e && e <= n);" + loop, false},
		{"TORCH_CHECK(e >= 0 && e <= n);" + loop, false},
		{"TORCH_CHECK(e - b >= 0 && e <= n);" + loop, false},
		{"TORCH_CHECK_GE(b, 0); TORCH_CHECK_LE(b, e);" + loop, false},
		{"if (b < 0 || b > e) throw std::out_of_range(\"rows\");" + loop, false},
		{"if (b < 0 || e < b) continue;" + loop, false},
		{"TORCH_CHECK(b >= 0); if (b < e) { " + loop + " }", false},
		{"TORCH_CHECK(b >= 0); if (e > d) { " + loop + " }", false},
		{"TORCH_CHECK(b >= 0); int64_t j = b; while (j < e) { s += p[j]; ++j; }", false},
		{"TORCH_CHECK(b >= 0); for (int64_t j = e - 1; j >= b; --j) s += p[j];", false},
		{"TORCH_CHECK(e <= n); for (int64_t j = e - 1; j >= b; --j) s += p[j];", false},
		{"TORCH_CHECK(b >= 0 && b <= e); const auto first = b; for (int64_t j = first; j < e; ++j) s += p[j];", false},
		{"TORCH_CHECK(b >= 0 && b <= e); for (int64_t j = 0; j < e - b; ++j) s += p[b + j];", false},
		{"TORCH_CHECK(b >= 0 && e <= n);" + loop + " s += p[b];", false},
		{"TORCH_CHECK(b >= 0 && e <= n); s += p[e];", false},
		{"TORCH_CHECK(b >= 0 && e <= n); for (int64_t j = b; j != e; ++j) s += p[j];", false}, // which may begin behind e
		{"TORCH_CHECK(b >= 0 && e <= n); for (int64_t j = e; j < b; ++j) s += p[j];", false},

		{"TORCH_CHECK(b >= 0 && e <= n); for (int64_t j = b; j < e; ++j) s += p[j * d + i];", true},
		{"TORCH_CHECK(b >= 0 && e <= n); for (int64_t j = b; j <= e; ++j) s += p[j];", false},
		{"TORCH_CHECK(b >= 0 && e <= n); for (int64_t j = e; j >= b; --j) s += p[j];", false},
		{"TORCH_CHECK(b >= 0 && e <= n); for (int64_t j = b; j < e; ++j) s += p[j + 1];", false},
		{"TORCH_CHECK(b >= 0 && e <= n); for (int64_t j = b; j < e; ++j) s += p[j - 1];", false},
		{"TORCH_CHECK(b >= 0 && e <= n); for (int64_t j = b; j < e; ++j) s += p[2 * j];", false},
		{"TORCH_CHECK(b >= 0 && e <= n); for (int64_t j = b; j < e; ++j) { auto k = j; s += p[k + 1]; }", false},
		{"TORCH_CHECK(e <= n); for (int64_t j = 0; j <= e; ++j) s += p[j];", false},
	} {
		got := ofRule(scanned(t, map[string]string{"op.cpp": "#include <torch/extension.h>\nfloat f(const at::Tensor& x, const at::Tensor& rows, int64_t d) {\n" +
			"auto p = x.data_ptr<float>(); auto q = rows.data_ptr<int64_t>(); auto n = x.size(0); float s = 0;\n" +
			"for (int64_t i = 0; i + 1 < rows.size(0); ++i) { const int64_t b = q[i], e = q[i + 1]; " + tt.body + " }\nreturn s;\n}\nPYBIND11_MODULE(m, m) { m.def(\"f\", &f); }\n"}), "OPS006")
		if len(got) == 0 != tt.quiet {
			t.Errorf("%s: %q", tt.body, got)
		}
	}
}

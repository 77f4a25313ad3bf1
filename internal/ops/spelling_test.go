package ops

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/finding"
)

// op is an operator of a tensor with a body, and of other arguments.
func op(arguments, body string) map[string]string {
	return map[string]string{"op.cpp": "#include <torch/library.h>\nat::Tensor f(const at::Tensor& a" + arguments + ") {\n" + body + "\nreturn a;\n}\nTORCH_LIBRARY(ns, m) { m.def(\"f\", f); }\n"}
}

// Each mistake is seen in the ways in which people write it, and what is no mistake is
// not taken for one.
func TestSpellings(t *testing.T) {
	const (
		sized    = "auto c = a.contiguous(); auto p = c.data_ptr<float>(); int rows = c.size(0), cols = c.size(1); float s = 0;\n"
		wide     = "auto c = a.contiguous(); auto p = c.data_ptr<float>(); int64_t rows = c.size(0), cols = c.size(1); float s = 0;\n"
		loops    = "for (int i = 0; i < rows; ++i) for (int j = 0; j < cols; ++j) "
		loop     = "auto c = a.contiguous(); auto p = c.data_ptr<float>(); float s = 0; int64_t i = 0;\n"
		bytes    = ", at::Tensor& o"
		parallel = "at::parallel_for(0, n, 9, [&](int64_t begin, int64_t end) { for (int64_t k = begin; k < end; ++k) g(p[k + 1]); });"
		order    = "auto p = a.data_ptr<float>(); auto q = o.data_ptr<int64_t>(); float s = 0; for (int64_t i = 0; i < o.size(0); ++i) s += p[q[i]];"
		array    = "int64_t v[4]; "
		filled   = "for (int64_t i = 0; i < n; ++i) v[i] = a.stride(i);"
		each     = "auto p = a.data_ptr<float>(); auto q = o.data_ptr<float>(); for (int64_t i = 0; i < a.numel(); ++i) q[i] = p[i]; "
		taken    = "const int64_t n = a.numel(); float* buf = static_cast<float*>(malloc(n * sizeof(float)));\n"
		freed    = "\ng(buf); free(buf);"
		used     = "g(a.data_ptr<float>());" + freed
		checked  = "TORCH_CHECK(a.scalar_type() == at::kFloat, \"float\");\n"
		dispatch = "AT_DISPATCH_FLOATING_TYPES(a.scalar_type(), \"f\", [&] { "
		dict     = ", const c10::Dict<int64_t, at::Tensor>& d, int64_t n"
		held     = "at::Tensor row = a.contiguous(); auto p = row.data_ptr<int64_t>(); const auto n = row.numel(); "
		index    = ", const at::Tensor& b, int64_t n, int64_t d"
		chose    = "TORCH_CHECK(n > 0 && d > 0);\nauto p = a.data_ptr<float>(); auto q = b.data_ptr<int64_t>(); float s = 0; for (int64_t i = 0; i < n; ++i) { int64_t k = q[i]; "
	)
	for _, tt := range []struct{ rule, arguments, fires, quiet string }{
		{"OPS021", "", sized + loops + "s += p[i * cols + j];", wide + loops + "s += p[i * cols + j];"},
		{"OPS021", "", sized + loops + "s += p[cols * i + j];", sized + loops + "s += p[(int64_t)i * cols + j];"},
		{"OPS021", "", sized + loops + "{ int k = i * cols + j; s += p[k]; }", sized + loops + "{ int64_t k = static_cast<int64_t>(i) * cols + j; s += p[k]; }"},
		{"OPS021", "", sized + loops + "{ int64_t k = i * cols + j; s += p[k]; }", sized + loops + "{ auto k = 1LL * i * cols + j; s += p[k]; }"},
		{"OPS021", "", sized + "for (int i = 0; i < rows; ++i) { float* q = p + i * cols; s += q[0]; }", wide + "for (int i = 0; i < rows; ++i) { float* q = p + i * cols; s += q[0]; }"},
		{"OPS021", "", sized + "for (int i = 0; i < rows; ++i) g(c.data_ptr<float>() + i * cols);", sized + "for (int i = 0; i < 3; ++i) g(c.data_ptr<float>() + i * cols);"},
		{"OPS021", "", sized + "auto v = std::make_unique<float[]>(rows * cols);", wide + "auto v = std::make_unique<float[]>(rows * cols);"},
		{"OPS021", "", sized + "auto v = std::vector<float>(rows * cols);", sized + "auto v = std::vector<float>(static_cast<int64_t>(rows) * cols);"},
		{"OPS021", "", sized + "auto v = std::vector<std::vector<float>>(rows * cols);", sized + "auto v = std::max<int>(rows * 2, 4);"},
		{"OPS021", "", "auto rows = (int)a.size(0); auto cols = static_cast<int>(a.size(1)); auto v = at::zeros({rows * cols});", "auto rows = a.size(0); auto cols = a.size(1); auto v = at::zeros({rows * cols});"},
		{"OPS021", "", sized + "TORCH_CHECK(rows >= 0);\n" + loops + "s += p[i * cols + j];", "TORCH_CHECK(a.numel() <= 1 << 20);\n" + sized + loops + "s += p[i * cols + j];"},
		{"OPS021", "", sized + "TORCH_CHECK(c.dim() == 2);\n" + loops + "s += p[i * cols + j];", sized + "TORCH_CHECK(rows <= 4096 && cols <= 4096);\n" + loops + "s += p[i * cols + j];"},
		{"OPS021", "", sized + "TORCH_CHECK(c.size(0) > 0);\n" + loops + "s += p[i * cols + j];", sized + "TORCH_CHECK(c.size(1) == 3);\n" + loops + "s += p[i * cols + j];"},
		// A step is no row, and what was divided before stays below what it was.
		{"OPS021", ", int rows, int cols", "auto p = a.data_ptr<float>(); float s = 0; " + loops + "s += p[i * cols + j];", "auto p = a.data_ptr<float>(); float s = 0; for (int i = 0; i < rows; ++i) for (int j = 0; j < 3; ++j) s += p[i * cols + j];"},
		{"OPS021", ", int groups", sized + loops + "s += p[i * cols + j];", sized + "int each = cols / groups; for (int i = 0; i < groups; ++i) for (int j = 0; j < each; ++j) s += p[i * each + j];"},

		{"OPS021", "", "int n = 1; for (int64_t d = 0; d < a.dim(); ++d) n *= a.size(d); auto v = at::zeros({n});", "int64_t n = 1; for (int64_t d = 0; d < a.dim(); ++d) n *= a.size(d); auto v = at::zeros({n});"},
		{"OPS021", "", "int32_t n = 1; for (auto s : a.sizes()) n *= s; std::vector<float> v(n);", "TORCH_CHECK(a.numel() <= 4096); int32_t n = 1; for (auto s : a.sizes()) n *= s; std::vector<float> v(n);"},
		{"OPS021", "", "int n = 1; for (auto s : a.sizes()) n *= s; auto v = at::empty({n, 2});", "int n = 1; for (int i = 0; i < 3; ++i) n *= 2; auto v = at::zeros({n});"},

		{"OPS020", "", "auto k = (int)a.numel(); g(k);", "auto k = (int64_t)a.numel(); g(k);"},
		{"OPS020", "", "auto k = static_cast<int>(a.numel()); g(k);", "auto k = static_cast<int64_t>(a.numel()); g(k);"},
		{"OPS020", "", "const auto k = int(a.numel()); g(k);", "const auto k = a.numel(); g(k);"},
		{"OPS020", "", "auto k = static_cast<int32_t>(a.size(0)); g(k);", "auto k = static_cast<double>(a.size(0)); g(k);"},
		{"OPS020", "", "const int k = a.numel(); g(k);", "const int k = c10::checked_convert<int>(a.numel(), \"int\"); g(k);"},
		{"OPS020", "", "auto k = (int)a.numel(); g(k);", "auto k = (int)a.dim() * a.numel(); g(k);"},

		{"OPS015", "", loop + "while (i <= a.numel()) s += p[i++];", loop + "while (i < a.numel()) s += p[i++];"},
		{"OPS015", "", loop + "while (i <= c.numel()) { s += p[i]; ++i; }", loop + "while (i <= c.numel() - 1) { s += p[i]; ++i; }"},
		{"OPS015", "", loop + "const int64_t n = c.numel(); while (s < 9 && i <= n) { s += p[i]; i += 1; }", loop + "const int64_t n = c.numel() - 1; while (i <= n) { s += p[i]; i += 1; }"},
		{"OPS015", "", loop + "while (i <= c.numel()) { s += p[i]; i++; }", loop + "while (i <= c.numel()) { if (i == c.numel()) break; s += p[i]; i++; }"},
		{"OPS015", "", loop + "for (i = 0; i <= c.numel();) s += p[i++];", loop + "int64_t n = c.numel(); while (i <= n) { int64_t m = (i + n) / 2; if (p[m] > 0) i = m + 1; else n = m - 1; }"},
		{"OPS015", "", loop + "while (i <= c.numel()) s += p[i++];", loop + "i = 1; while (i <= c.numel()) { s += p[i - 1]; i++; }"},

		// The end of a part is that of the whole.
		{"OPS015", "", loop + "const auto n = a.numel(); " + parallel, loop + "const auto n = a.numel() - 1; " + parallel},
		{"OPS015", "", loop + "const auto n = c.numel(); const auto m = n; for (; i < m; ++i) s += p[i + 1];", loop + "const auto n = c.numel() - 1; const auto m = n; for (; i < m; ++i) s += p[i + 1];"},
		{"OPS015", "", loop + "at::parallel_for(0, a.numel(), 9, [&](int64_t b, int64_t e) { for (auto k = b; k < e; ++k) g(p[k + 1]); });", loop + "at::parallel_for(0, a.numel() - 1, 9, [&](int64_t b, int64_t e) { for (auto k = b; k < e; ++k) g(p[k + 1]); });"},
		{"OPS015", "", loop + "const auto n = a.numel() - 1; " + strings.ReplaceAll(parallel, "k < end; ++k) g(p[k + 1])", "k <= end; ++k) g(p[k])"), loop + "const auto n = a.numel() - 1; " + strings.ReplaceAll(parallel, "k + 1", "k")},
		{"OPS015", "", loop + "const auto m = a.numel() - 1; const auto n = a.numel(); " + parallel, loop + "const auto m = a.numel(), n = m - 1; " + parallel},

		{"OPS007", ", int64_t dim", "auto v = a.sizes().vec(); v[dim] = 1; g(v);", "auto v = a.sizes().vec(); dim = at::maybe_wrap_dim(dim, a.dim()); v[dim] = 1; g(v);"},
		{"OPS007", ", int64_t dim", "auto v = a.strides().vec(); v[dim] = 1; g(v);", "auto v = a.sizes().vec(); TORCH_CHECK(dim >= 0 && dim < a.dim()); v[dim] = 1; g(v);"},
		{"OPS007", ", int64_t dim", "const auto v = a.sizes(); g(v[dim]);", "auto v = a.view(a.sizes()); g(v[dim]);"},
		{"OPS007", ", int64_t dim", "std::vector<int64_t> v(a.sizes().begin(), a.sizes().end()); v[dim] = 1; g(v);", "auto n = a.size(dim); auto v = a.sizes().vec(); v[dim] = 1; g(v);"},

		// A branch that a mode takes returns what nobody wrote; one of an empty tensor has nothing to write.
		{"OPS014", ", int64_t mode", "auto o = at::empty_like(a); if (mode == 0) return o; o.copy_(a); return o;", "auto o = at::empty_like(a); if (a.numel() == 0) return o; o.copy_(a); return o;"},
		{"OPS014", ", bool mode", "auto o = at::empty_like(a); if (!mode) { return o; } o.copy_(a); return o;", "auto o = at::empty_like(a); if (!mode) { o.zero_(); return o; } o.copy_(a); return o;"},
		{"OPS014", ", int64_t mode", "auto o = at::empty_like(a); if (mode == 0) return o; " + each + "return o;", "auto o = at::empty_like(a); if (mode == 0) return a; " + each + "return o;"},
		{"OPS014", ", int64_t n, int64_t m", "auto o = at::empty({n}); if (m == 0) return o; o.fill_(m); return o;", "auto o = at::empty({n, m}); if (m == 0 || n == 0) return o; o.fill_(m); return o;"},
		{"OPS014", ", int64_t mode", "auto o = at::empty_like(a); if (mode > 0) if (mode < 3) return o; o.fill_(mode); return o;", "auto o = at::empty_like(a); auto n = a.numel(); if (!n) return o; o.fill_(mode); return o;"},

		// A cast gives another handle of the same memory, which lives as long as what is cast.
		{"OPS010", dict, "auto p = ((at::Tensor)d.at(n).contiguous()).data_ptr<float>(); g(p);", "auto p = ((at::Tensor)d.at(n)).data_ptr<float>(); g(p);"},
		{"OPS010", dict, "auto p = ((at::Tensor)at::zeros_like(d.at(n))).data_ptr<float>(); g(p);", "auto p = ((const at::Tensor&)a).data_ptr<float>(); g(p);"},
		{"OPS010", dict, "auto p = ((at::Tensor)(a + 1)).data_ptr<float>(); g(p);", "at::Tensor* t = &g(); auto p = ((at::Tensor)*t).data_ptr<float>(); g(p);"},
		{"OPS010", dict, "auto p = static_cast<at::Tensor>(a.to(at::kFloat)).data_ptr<float>(); g(p);", "auto p = static_cast<at::Tensor>(d.at(n)).data_ptr<float>(); g(p);"},
		{"OPS010", dict, "auto p = at::Tensor(a.clone()).data_ptr<float>(); g(p);", "auto p = at::Tensor(d.at(n)).data_ptr<float>(); g(p);"},
		{"OPS010", dict, "auto p = ((at::Tensor)a).contiguous().data_ptr<float>(); g(p);", "auto p = ((at::Tensor)a).view({n}).data_ptr<float>(); g(p);"},
		{"OPS010", dict, "for (const auto& kv : d) { auto p = ((at::Tensor)kv.value().cpu()).data_ptr<float>(); g(p); }", "for (const auto& kv : d) { auto p = ((at::Tensor)kv.value()).data_ptr<float>(); g(p); }"},
		{"OPS010", dict, "auto p = ((at::Tensor)a + 1).data_ptr<float>(); g(p);", "g(((at::Tensor)a + 1).data_ptr<float>());"},

		// A name of an inner scope is another variable.
		{"OPS010", "", held + "{ row = a.clone(); g(p[0]); }", held + "{ int64_t row; row = p[0]; g(p[row]); }"},
		{"OPS010", "", held + "h([&] { row = a.clone(); g(p[0]); });", held + "h([&](int64_t row) { row = p[0]; g(p[row]); });"},
		{"OPS010", "", held + "h([&] { int64_t col; col = p[0]; row = a.clone(); g(p[col]); });", held + "h([&] { int64_t row; for (int64_t i = 0; i < n; ++i) { row = p[i]; g(p[row]); } });"},
		{"OPS010", "", held + "{ int64_t row; row = p[0]; } row = a.clone(); g(p[0]);", held + "row = a.clone(); { int64_t p; p = 0; g(p); }"},

		// Where there is no memory none is lost.
		{"OPS012", "", taken + "TORCH_CHECK(n > 0);" + freed, taken + "TORCH_CHECK(buf != nullptr, \"out of memory\");" + freed},
		{"OPS012", "", taken + "TORCH_CHECK(buf && n > 0);" + freed, taken + "TORCH_CHECK(buf);" + freed},
		{"OPS012", "", taken + "TORCH_CHECK(buf[0] == 0);" + freed, taken + "TORCH_INTERNAL_ASSERT((n == 0 || buf));" + freed},
		{"OPS012", "", taken + "if (buf) return a;" + freed, taken + "if (!buf) return a;" + freed},
		{"OPS012", "", taken + "if (buf == nullptr || n == 0) return a;" + freed, taken + "if (buf == nullptr && n > 0) throw std::bad_alloc();" + freed},
		{"OPS012", "", taken + "if (!buf) g(n); else throw std::bad_alloc();" + freed, taken + "if (NULL == buf) { g(n); throw std::bad_alloc(); }" + freed},
		{"OPS012", "", "void* buf; if (posix_memalign(&buf, 64, a.nbytes()) == 0) { TORCH_CHECK(a.dim() == 1); free(buf); }", "void* buf; if (posix_memalign(&buf, 64, a.nbytes()) != 0) throw std::bad_alloc(); free(buf);"},
		{"OPS012", "", "void* buf; auto e = cudaMalloc(&buf, a.nbytes()); TORCH_CHECK(e != cudaSuccess); cudaFree(buf);", "void* buf; auto e = cudaMalloc(&buf, a.nbytes()); TORCH_CHECK(e == cudaSuccess); cudaFree(buf);"},
		{"OPS012", "", "void* buf; cudaError_t e = cudaMalloc(&buf, a.nbytes()); if (e != cudaSuccess) return a; e = cudaMemset(buf, 0, a.nbytes()); if (e != cudaSuccess) return a; cudaFree(buf);", "void* buf; cudaError_t e; e = cudaMalloc(&buf, a.nbytes()); if (e != cudaSuccess) return a; e = cudaMemset(buf, 0, a.nbytes()); cudaFree(buf);"},
		{"OPS012", "", taken + "try { TORCH_CHECK(n > 0); } catch (...) { throw; }" + freed, taken + "try { TORCH_CHECK(n > 0); } catch (...) { free(buf); throw; }" + freed},
		{"OPS012", "", taken + "try { TORCH_CHECK(n > 0); } catch (...) { free(buf); throw; } TORCH_CHECK(n > 1);" + freed, taken + "try { g(n); } catch (...) { free(buf); throw; }" + freed},
		// The pointer stands behind casts, where memory is taken and where it is freed.
		{"OPS012", "", "float* p; cudaMalloc((void**)&p, 4); TORCH_CHECK(a.dim() == 1); cudaFree(p);", "float* p; cudaMalloc((void**)&p, 4); cudaFree(p);"},
		{"OPS012", "", "float* p; cudaMalloc(reinterpret_cast<void**>(&p), 4); g(p);", "float* p; C10_CUDA_CHECK(cudaMalloc(reinterpret_cast<void**>(&p), 4)); cudaFree((void*)p);"},
		{"OPS012", "", "float *p, *q; cudaMalloc(static_cast<void**>((void*)&p), 4); cudaFree(q);", "float* p; cudaMalloc(static_cast<void**>((void*)&p), 4); cudaFree(static_cast<void*>(p));"},
		{"OPS012", "", "S s; cudaMalloc((void**)(&s.p), 4); cudaFree(s.q);", "S s; cudaMalloc((void**)(&s.p), 4); cudaFree(s.p);"},
		{"OPS012", "", "S s; s.p = (float*)malloc(4); free(s.p->q);", "S s; s.p = (float*)malloc(4); free((s.p));"},
		// Who takes an element does not take the memory.
		{"OPS012", "", taken + each + "q[0] = buf[0];", taken + "float* rows[2]; rows[0] = buf; g(rows);"},
		{"OPS012", "", taken + each + "q[0] = *buf;", taken + "s->p = (float*)(buf);"},
		{"OPS012", "", "void* buf = malloc(4); " + each + "q[0] = static_cast<float*>(buf)[0];", "void* buf = malloc(4); S* s = g(a); s->p = static_cast<float*>(buf);"},
		{"OPS012", "", taken + "S* s = g(a); s->ok = buf != nullptr; s->n = buf->n;", taken + "S* s = g(a); s->p = buf + 1;"},
		{"OPS012", "", taken + "v.push_back(buf[0]); if (n > 3) return buf[1];", taken + "v.push_back(buf); if (n > 3) return (buf);"},
		{"OPS012", "", taken + "if (n > 3) return (int64_t)buf[1];", taken + "if (n > 3) return (int64_t)buf;"},
		// data_ptr<T>() does not throw where the dtype is known.
		{"OPS012", "", taken + used, checked + taken + used},
		{"OPS012", "", "TORCH_CHECK(a.is_floating_point());" + taken + used, "TORCH_CHECK(a.is_cpu() && a.scalar_type() == at::kFloat);" + taken + used},
		{"OPS012", "", "TORCH_CHECK(a.dtype() == at::kFloat || a.dtype() == at::kDouble);" + taken + used, "if (a.numel() == 0 || a.scalar_type() != at::kFloat) return a;" + taken + used},
		{"OPS012", bytes, "TORCH_CHECK(a.scalar_type() == o.scalar_type());" + taken + used, "TORCH_CHECK(o.scalar_type() == at::kFloat && a.scalar_type() == o.scalar_type());" + taken + used},
		{"OPS012", "", checked + taken + "g(a.accessor<float, 2>());" + freed, checked + "auto c = a.contiguous(); " + taken + "g(c.data_ptr<float>());" + freed},
		{"OPS012", "", checked + taken + "g(a.to(at::kDouble).data_ptr<float>());" + freed, "auto c = a.to(at::kFloat); " + taken + "g(c.const_data_ptr<float>());" + freed},
		{"OPS012", "", "auto r = at::empty_like(a); " + taken + "g(r.data_ptr<float>());" + freed, checked + "auto r = at::empty_like(a); " + taken + "g(r.data_ptr<float>());" + freed},
		{"OPS012", "", "auto r = at::empty({4}, a.options()); " + taken + "g(r.data_ptr<float>());" + freed, "auto r = at::empty({4}, a.options().dtype(at::kFloat)); " + taken + "g(r.data_ptr<float>());" + freed},
		{"OPS012", "", "auto r = a.cpu(); " + taken + "g(r.data_ptr<float>());" + freed, "auto r = at::empty({4}); " + taken + "g(r.data_ptr<float>());" + freed},
		{"OPS012", bytes, dispatch + taken + "g(o.data_ptr<scalar_t>());" + freed + "});", dispatch + taken + "g(a.data_ptr<scalar_t>());" + freed + "});"},
		{"OPS012", "", checked + taken + "auto r = at::empty_like(a); g(r.data_ptr<float>());" + freed, "CHECK_FLOAT(a); " + taken + used},
		{"OPS012", "", "TORCH_CHECK(at::isFloatingType(a.scalar_type()));" + taken + used, "TORCH_CHECK_EQ(a.scalar_type(), at::kFloat);" + taken + used},
		{"OPS012", "", "TORCH_CHECK(a.scalar_type() != at::kHalf);" + taken + used, "if (!(a.scalar_type() == at::kFloat)) return a;" + taken + used},
		{"OPS012", "", "const auto t = a.scalar_type(); TORCH_CHECK(t == at::kFloat || t == at::kDouble);" + taken + used, "const auto t = a.scalar_type(); TORCH_CHECK(t == at::kFloat);" + taken + used},
		{"OPS012", "", "auto r = at::empty({kCols, 4}, a.options()); " + taken + "g(r.data_ptr<float>());" + freed, "auto r = at::empty({kCols, 4}, at::kLong); " + taken + "g(r.data_ptr<int64_t>());" + freed},
		// What frees memory holds it.
		{"OPS011", "", taken + freed, "std::unique_ptr<float, decltype(&std::free)> buf(static_cast<float*>(std::malloc(a.nbytes())), &std::free);"},
		{"OPS011", "", taken + "return at::from_blob(buf, {n}, a.options());", taken + "return at::from_blob(buf, {n}, [](void* p) { std::free(p); }, a.options());"},
		{"OPS011", "", taken + "return at::from_blob(buf, {n}, [](void*) {}, a.options());", taken + "return at::from_blob(buf, {n}, [held = hold(buf)](void*) {}, a.options());"},
		{"OPS011", "", "float* row_ptr = new float[9]; delete[] row_ptr;", taken + "return at::from_blob(buf, {n}, free, a.options());"},

		{"OPS013", "", array + "const int64_t n = std::max(a.dim(), int64_t{4});" + filled, array + "const int64_t n = std::min(a.dim(), int64_t{4});" + filled},
		{"OPS013", "", array + "const int64_t n = a.dim();" + filled, array + "const int64_t m = std::min<int64_t>(a.dim(), 4); const int64_t n = m;" + filled},
		{"OPS013", "", array + "const int64_t n = a.dim(); int64_t m = 4; m = n; TORCH_CHECK(n <= m);" + filled, "constexpr int64_t m = 4; int64_t v[m]; const int64_t n = a.dim(); TORCH_CHECK(n <= m);" + filled},
		{"OPS013", "", array + "const int64_t n = a.dim();" + filled, "const int64_t m = 4; " + array + "const int64_t n = a.dim(); if (n > m) throw std::runtime_error(\"dims\");" + filled},
		// A bound that is known is not above the size, and is one from above.
		{"OPS013", "", array + "const int64_t n = std::min<int64_t>(a.dim(), 16);" + filled, array + "const int64_t n = std::min<int64_t>(a.dim(), kMost);" + filled},
		{"OPS013", bytes, array + "const int64_t n = std::min<int64_t>(a.dim(), o.dim());" + filled, array + "const int64_t n = std::min({a.dim(), o.dim(), int64_t{3}});" + filled},
		{"OPS013", "", array + "const int64_t n = a.dim(); constexpr int m = 16; TORCH_CHECK(a.dim() <= m);" + filled, array + "const int64_t n = a.dim(); constexpr int m = 3; TORCH_CHECK(a.dim() <= m);" + filled},
		{"OPS013", "", array + "const int64_t n = a.dim(); TORCH_CHECK(a.dim() >= 4);" + filled, array + "const int64_t n = a.dim(); TORCH_CHECK(4 >= a.dim());" + filled},
		{"OPS013", "", array + "const int64_t n = a.dim(); if (a.dim() < 4) return a;" + filled, array + "const int64_t n = a.dim(); if (a.dim() > 4) return a;" + filled},
		{"OPS013", "", array + "const int64_t n = a.dim(); TORCH_CHECK_GE(n, 4);" + filled, array + "const int64_t n = a.dim(); TORCH_CHECK_LE(n, 4);" + filled},
		{"OPS013", ", int64_t n", array + "TORCH_CHECK(n <= 16);" + filled, array + "TORCH_CHECK(n >= 0 && n <= 4);" + filled},
		{"OPS013", "", array + "const int64_t n = a.dim(); TORCH_CHECK(n == 5);" + filled, array + "const int64_t n = a.dim(); if (n != 4) throw std::runtime_error(\"dims\");" + filled},
		{"OPS021", "", sized + "TORCH_CHECK(rows >= 16 && cols >= 16);\n" + loops + "s += p[i * cols + j];", sized + "TORCH_CHECK_LE(rows, 4096); if (cols > 1 << 10) return a;\n" + loops + "s += p[i * cols + j];"},
		{"OPS021", "", sized + "if (rows < 16) return a;\n" + loops + "s += p[i * cols + j];", sized + "if (rows != 16) return a;\n" + loops + "s += p[i * cols + j];"},
		{"OPS021", "", sized + loops + "s += p[i * cols + j];", sized + "constexpr int m = 4096; TORCH_CHECK(rows <= m && cols <= m);\n" + loops + "s += p[i * cols + j];"},

		{"OPS004", bytes, "memcpy(o.data_ptr(), a.data_ptr(), a.nbytes());", "TORCH_CHECK(o.sizes() == a.sizes());\nmemcpy(o.data_ptr(), a.data_ptr(), a.nbytes());"},
		{"OPS004", bytes, "std::memcpy(o.data_ptr(), a.data_ptr(), a.numel() * a.element_size());", "TORCH_CHECK(o.nbytes() >= a.nbytes());\nstd::memcpy(o.data_ptr(), a.data_ptr(), a.nbytes());"},
		{"OPS004", bytes, "auto q = o.data_ptr<float>(); auto p = a.data_ptr<float>(); std::copy(p, p + a.numel(), q);", "auto q = a.data_ptr<float>(); auto r = at::empty_like(a); std::copy(q, q + a.numel(), r.data_ptr<float>());"},
		{"OPS004", bytes + ", int64_t n", "memcpy(o.data_ptr<float>(), a.data_ptr<float>(), n * 4);", "auto r = at::empty_like(a); memcpy(r.data_ptr(), a.data_ptr(), a.nbytes());"},
		{"OPS004", bytes, "memmove(o.data_ptr(), a.data_ptr(), a.nbytes());", "memcpy(o.data_ptr(), a.data_ptr(), std::min(a.nbytes(), o.nbytes()));"},

		// What is bounded is the element that was chosen, and not what is added to it.
		{"OPS006", index, chose + "s += p[q[i] + i % d]; }", chose + "s += p[(q[i] + i) % d]; }"},
		{"OPS006", index, chose + "s += p[q[i] + std::min(i, d)]; }", chose + "s += p[std::min<int64_t>(q[i], d) + i]; }"},
		{"OPS006", index, chose + "s += p[q[i] * d + i % d]; }", chose + "s += p[q[i] * d % n + i]; }"},
		{"OPS006", index, chose + "s += p[q[i % n] * d]; }", chose + "s += p[static_cast<int64_t>(q[i]) % n * d]; }"},
		{"OPS006", index, chose + "s += p[(i & 7) + q[i]]; }", chose + "s += p[q[i] + 3 & 7]; }"},
		{"OPS006", index, chose + "s += p[k + i % d]; }", chose + "s += p[k % d]; }"},
		{"OPS006", index, chose + "int64_t j = k + std::max(i, d); s += p[j]; }", chose + "int64_t j = std::min(std::max(k, i), d); s += p[j]; }"},
		{"OPS006", index, chose + "s += p[i % d * q[i]]; }", chose + "s += p[i % q[i]]; }"},
		{"OPS006", index, chose + "s += p[q[i] * (i % d)]; }", chose + "s += p[b.clamp(0, d).data_ptr<int64_t>()[i]]; }"},
		{"OPS006", index, chose + "int64_t j = q[i]; s += p[j]; }", chose + "if (q[i] < 0 || q[i] >= n) continue; int64_t j = q[i]; s += p[j]; }"},
		{"OPS006", index, chose + "memcpy(&s, p + q[i] * d, 4); }", chose + "memcpy(&s, p + q[i] % n * d, 4); }"},
		{"OPS006", index, chose + "std::copy_n(p + i * d + k, d, &s); }", chose + "TORCH_CHECK(k >= 0 && k < d);\nstd::copy_n(p + i * d + k, d, &s); }"},
		{"OPS006", index, chose + "g(i, p - q[i]); }", chose + "g(q[i], p + i, q[i]); }"},

		// A lower bound may be another number than 0, and a sign the end of a macro's name.
		{"OPS006", index, chose + "TORCH_CHECK(k >= 1); s += p[k - 1]; }", chose + "TORCH_CHECK(k >= 1 && k <= n); s += p[k - 1]; }"},
		{"OPS006", index, chose + "TORCH_CHECK(q[i] <= n); s += p[q[i] - 1]; }", chose + "TORCH_CHECK(q[i] >= 1 && q[i] <= n); s += p[q[i] - 1]; }"},
		{"OPS006", index, chose + "if (k > 1) continue; s += p[k - 1]; }", chose + "if (k < 1 || k > n) continue; s += p[k - 1]; }"},
		{"OPS006", index, chose + "TORCH_CHECK(k < 16); s += p[k]; }", chose + "TORCH_CHECK(k >= 2 && k <= n); s += p[k - 2]; }"},
		{"OPS006", index, chose + "if (k < 16) s += p[k]; }", chose + "if (k < 1) k = 1; if (k > n) k = n; s += p[k - 1]; }"},
		{"OPS006", index, chose + "TORCH_CHECK_LT(k, n); s += p[k]; }", chose + "TORCH_CHECK_GE(k, 0); TORCH_CHECK_LT(k, n); s += p[k]; }"},
		{"OPS007", ", int64_t k", "auto acc = a.accessor<float, 2>(); acc[k][0] = 1;", "auto acc = a.accessor<float, 2>(); TORCH_CHECK(k >= 0 && k < a.size(0)); acc[k][0] = 1;"},
		{"OPS007", ", int64_t k", "auto acc = a.accessor<float, 1>(); acc[k] = 1;", "auto [acc, n] = std::make_pair(a.accessor<float, 1>(), 1); acc[n] = k;"},
		{"OPS007", ", int64_t k", "auto p = a.data_ptr<float>(); g(p + k * a.size(1));", "auto p = a.data_ptr<float>(); TORCH_CHECK_INDEX(k >= 0 && k < a.size(0)); g(p + k * a.size(1));"},
		{"OPS007", ", int64_t k", "g(a.data_ptr<float>() + k);", "auto o = at::empty({k}); float* p = o.data_ptr<float>(); std::fill(p, p + k, 0.f);"},
		{"OPS007", ", int64_t k", "float* p = a.data_ptr<float>(); p += k; p[0] = 1;", "float* p = a.data_ptr<float>(); p += 4; p[0] = k;"},
		{"OPS006", index, chose + "auto r = p; r += k; s += r[0]; }", chose + "auto r = p; r += k % n; s += r[0]; }"},
		{"OPS006", index + ", float* w", chose + "g(w + k); }", chose + "w += k; }"},

		// What torch made as places in a tensor are none in another one.
		{"OPS006", index, "auto o = b.argsort();" + order, "auto o = a.argsort();" + order},
		{"OPS006", index, "auto o = b.argsort();" + order, "TORCH_CHECK(a.sizes() == b.sizes()); auto o = b.argsort();" + order},
		{"OPS006", index, "auto o = a.argsort() + 1;" + order, "auto o = a.argsort().contiguous(); o = o.flip(0);" + order},
		{"OPS006", index, "auto o = a.argsort().add(1);" + order, "auto c = a.select(1, 0); auto o = c.argsort();" + order},
		{"OPS006", index, "auto o = std::get<0>(a.sort()).contiguous();" + order, "auto o = std::get<1>(a.sort(0, true)).contiguous();" + order},
		{"OPS006", index, "auto [o, v] = a.topk(3);" + order, "auto [v, o] = a.topk(3);" + order},
		{"OPS006", index, "auto t = a.sort(); auto o = std::get<0>(t).to(at::kLong);" + order, "auto t = a.sort(); auto o = std::get<1>(t).to(at::kLong);" + order},
		{"OPS006", index, "at::Tensor v, o; std::tie(o, v) = b.sort();" + order, "at::Tensor v, o; std::tie(v, o) = a.sort();" + order},
		{"OPS006", index, "auto o = at::nonzero(b).squeeze(1);" + order, "auto o = at::nonzero(a).squeeze(1);" + order},
		{"OPS006", index, "auto o = at::randperm(n);" + order, "auto o = at::randperm(a.size(0));" + order},
		{"OPS006", index, "auto o = at::arange(d);" + order, "const auto m = a.numel(); auto o = at::arange(0, m);" + order},
		{"OPS006", index, "a.data_ptr<float>()[b.argmax().item<int64_t>()] = 1;", "a.data_ptr<float>()[a.argmax().item<int64_t>()] = 1;"},

		{"OPS007", ", int64_t k", "TORCH_CHECK(k < a.size(0)); a.data_ptr<float>()[k] = 1;", "TORCH_CHECK(k >= 1 && k <= a.size(0)); a.data_ptr<float>()[k - 1] = 1;"},

		{"OPS006", index, "auto [lo, hi] = at::aminmax(a); TORCH_CHECK(lo.item<int64_t>() >= 0);" + chose + "s += p[k]; }", "auto [lo, hi] = at::aminmax(b); TORCH_CHECK(lo.item<int64_t>() >= 0 && hi.item<int64_t>() < n);" + chose + "s += p[k]; }"},
		{"OPS006", index, "auto m = at::aminmax(b);" + chose + "s += p[k]; }", "auto m = at::aminmax(b); auto lo = std::get<0>(m).item<int64_t>(); TORCH_CHECK(lo >= 0 && std::get<1>(m).item<int64_t>() < n);" + chose + "s += p[k]; }"},
		{"OPS006", index, "at::Tensor lo = a.min(); TORCH_CHECK(lo.item<int64_t>() >= 0);" + chose + "s += p[k]; }", "at::Tensor lo = b.min(), hi = b.max(); TORCH_CHECK(lo.item<int64_t>() >= 0 && hi.item<int64_t>() < n);" + chose + "s += p[k]; }"},

		{"OPS006", index, chose + "float* r = p + q[i]; s += r[0]; }", chose + "float* r = p + i; s += r[0] + q[i]; }"},
	} {
		if got := ofRule(scanned(t, op(tt.arguments, tt.fires)), tt.rule); len(got) == 0 {
			t.Errorf("%s is not seen: %s", tt.rule, tt.fires)
		}
		if got := ofRule(scanned(t, op(tt.arguments, tt.quiet)), tt.rule); len(got) != 0 {
			t.Errorf("%s is no mistake: %q", tt.quiet, got)
		}
	}
}

// An index may be checked by a macro, or by a function that it is given to.
func TestCheckedElsewhere(t *testing.T) {
	const (
		throws = "static void check(int64_t k, int64_t n) { TORCH_CHECK_INDEX(k >= 0 && k < n, k); }\n"
		gives  = "static int64_t check(int64_t k, int64_t n) { if (k < 0) k += n; TORCH_CHECK(k >= 0 && k < n); return k; }\n"
		says   = "static bool check(int64_t k, int64_t n) { return 0 <= k && k < n; }\n"
		not    = "static bool check(int64_t k, int64_t n) { return k < 0 || k >= n; }\n"
		half   = "static int64_t check(int64_t k, int64_t n) { TORCH_CHECK(k < n); return k; }\n"
	)
	for _, tt := range []struct {
		head, body string
		quiet      bool
	}{
		{"#define CHECK(k, n) TORCH_CHECK_INDEX(0 <= k && k < n, \"index\")\n", "CHECK(q[i], n); s += p[q[i]];", true},
		{"#define CHECK(k, n) TORCH_CHECK((k) >= 0 && (k) < (n), \"index\")\n", "auto k = q[i]; CHECK(k, n); s += p[k];", true},
		{"#define CHECK(k, n) TORCH_CHECK((k) >= 0 && (k) < (n), \"index\")\n", "CHECK(i, n); s += p[q[i]];", false},
		{"#define CHECK(k, n) TORCH_CHECK((k) >= 0 && (k) < (n), \"index\")\n", "CHECK(r[q[i]], n); s += r[q[i]];", false},
		{"#define CHECK(k, n) TORCH_CHECK(k < n, \"index\")\n", "CHECK(q[i], n); s += p[q[i]];", false},
		{"#define WITHIN(k, n) if (k < 0 || k >= n) throw std::out_of_range(\"index\")\n#define INDEX(k) WITHIN(k, n)\n", "INDEX(q[i]); s += p[q[i]];", true},
		{"", "CHECK_INDEX(q[i], n); s += p[q[i]];", true}, // of a header that lies elsewhere
		{throws, "check(q[i], n); s += p[q[i]];", true},
		{throws, "auto k = q[i]; check(k, n); s += p[k];", true},
		{throws, "check(i, n); s += p[q[i]];", false},
		{throws, "s += p[q[i]]; check(q[i], n);", false},
		{throws, "check(row, n); s += p[row];", true},
		{throws, "s += p[row];", false},
		{"static void twice(int64_t k, int64_t n);\n" + throws + "static void twice(int64_t k, int64_t n) { check(k, n); }\n", "twice(q[i], n); s += p[q[i]];", true},
		{"static void check(const int64_t* q, int64_t i, int64_t n) { TORCH_CHECK(q[i] >= 0 && q[i] < n); }\n", "check(q, i, n); s += p[q[i]];", true},
		{gives, "const int64_t k = check(q[i], n); s += p[k];", true},
		{gives, "s += p[check(q[i], n)];", true},
		{gives, "s += p[check(row, n)];", true},
		{says, "if (!check(q[i], n)) continue; s += p[q[i]];", true},
		{says, "if (check(q[i], n)) continue; s += p[q[i]];", false},
		{says, "if (check(row, n)) s += 1; s += p[row];", false},
		{says, "bool ok = check(q[i], n); s += p[q[i]];", false},
		{says, "check(row, n); s += p[row];", false},
		{says, "bool ok = check(q[i], n); if (!ok) continue; s += p[q[i]];", true},
		{says, "TORCH_CHECK(check(q[i], n)); s += p[q[i]];", true},
		{says, "if (check(q[i], n)) { s += p[q[i]]; }", true},
		{says, "if (check(q[i], n)) s += 1; else continue; s += p[q[i]];", true},
		{says, "s += check(q[i], n) ? p[q[i]] : 0;", true},
		{not, "if (check(q[i], n)) continue; s += p[q[i]];", true},
		{not, "TORCH_CHECK(!check(row, n)); s += p[row];", true},
		{not, "TORCH_CHECK(check(row, n)); s += p[row];", false},
		{half, "s += p[check(q[i], n)];", false},
		{half, "s += p[check(row, n)];", false},
	} {
		got := ofRule(scanned(t, map[string]string{"op.cpp": "#include <torch/extension.h>\n" + tt.head + "float f(const at::Tensor& x, const at::Tensor& idx, const at::Tensor& z, int64_t row) {\n" +
			"auto p = x.data_ptr<float>(); auto q = idx.data_ptr<int64_t>(); auto r = z.data_ptr<int64_t>(); auto n = x.size(0); float s = 0;\n" +
			"for (int64_t i = 0; i < idx.size(0); ++i) { " + tt.body + " }\nreturn s;\n}\nPYBIND11_MODULE(m, m) { m.def(\"f\", &f); }\n"}), "OPS006", "OPS007")
		if len(got) == 0 != tt.quiet {
			t.Errorf("%s%s: %q", tt.head, tt.body, got)
		}
	}
}

// The index of a kernel may stand where it is used.
func TestKernelIndex(t *testing.T) {
	const (
		place = "blockIdx.x * blockDim.x + threadIdx.x"
		wide  = "(int64_t)blockIdx.x * blockDim.x + threadIdx.x"
	)
	for _, tt := range []struct {
		body  string
		rules []string
	}{
		{"int i = " + place + "; x[i] = 1;", []string{"OPS024", "OPS033"}},
		{"x[" + place + "] = 1;", []string{"OPS024", "OPS033"}},
		{"*(x + " + place + ") = 1;", []string{"OPS024", "OPS033"}},
		{"x[threadIdx.x + blockDim.x * blockIdx.x] = 1; x[" + place + "] += 1;", []string{"OPS024", "OPS024", "OPS033"}},
		{"x[static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x] = 1;", []string{"OPS033"}},
		{"x[(size_t)" + place + "] = 1;", []string{"OPS033"}},
		{"if (" + place + " < n) x[" + place + "] = 1;", []string{"OPS024"}},
		{"const int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; if (i >= n) return; x[(int64_t)" + place + "] = 1;", nil},
		{"int64_t i = " + place + "; if (i < n) x[i] = 1;", []string{"OPS024"}},
		{"for (int64_t i = " + place + "; i < n; i += blockDim.x * gridDim.x) x[i] = 1;", nil},
		{"int64_t i = " + place + "; while (i < n) { x[i] = 1; i += gridDim.x * blockDim.x; }", nil},
		{"\n#define EACH(i, n) for (int i = " + place + "; i < (n); i += blockDim.x * gridDim.x)\nEACH(i, n) x[i] = 1;", []string{"OPS024"}},
		{"\n#define EACH(i, n) for (int i = " + place + "; i < (n); i += blockDim.x * gridDim.x)\nEACH(i, n) { x[i] = 1; }", []string{"OPS024"}},
		{"\n#define EACH(i, n) for (int64_t i = " + place + "; i < (n); i += blockDim.x * gridDim.x)\nEACH(i, n) { x[i] = 1; }", nil},
		{"if (threadIdx.x == 0) x[blockIdx.x] = 1;", nil},
		{"x[blockIdx.x * 32 + threadIdx.x] = 1;", nil}, // a block for each row

		// What a division leaves is less than what is divided by.
		{"int64_t r = (" + wide + ") / 8; if (r >= n) return; int64_t c = (" + wide + ") - r * 8; x[r * 8 + c] = 1;", nil},
		{"int64_t r = (" + wide + ") / 8; if (r >= n) return; int64_t c = " + wide + " - 8 * r; x[c] = 1;", nil},
		{"int64_t r = (" + wide + ") / 8; if (r >= n) return; int64_t c = (" + wide + ") % 8; x[r * 8 + c] = 1;", nil},
		{"int c = (int)((" + wide + ") / 4 % 8); x[c] += 1;", nil},
		{"int c = static_cast<int>((" + wide + ") % n / 8); x[c] += 1; x[(" + wide + ") % n] += 1;", nil},
		{"int64_t r = (" + wide + ") / 8; int64_t c = (" + wide + ") - r * 8; x[r * 8 + c] = 1;", []string{"OPS033"}},
		{"int64_t r = (" + wide + ") / 8; int64_t c = (" + wide + ") % 8; x[r * 8 + c] = 1;", []string{"OPS033"}},
		{"int64_t r = (" + wide + ") / 8; if (r >= n) return; int64_t c = (" + wide + ") - r * 4; x[c] = 1;", []string{"OPS033"}},
		{"int64_t r = (" + wide + ") / 8; if (r >= n) return; int64_t c = (" + wide + ") - r; x[c] = 1;", []string{"OPS033"}},
		{"int64_t r = " + wide + " / 8; if (r >= n) return; int64_t c = " + wide + " - r * 8; x[c] = 1;", []string{"OPS033"}},
		{"int64_t r = (" + wide + ") / 8; if (r >= n) return; r = 0; int64_t c = (" + wide + ") - r * 8; x[c] = 1;", []string{"OPS033"}},
		{"int64_t c = " + wide + " % 8; x[c] = 1;", []string{"OPS033"}},
		{"int64_t c = (" + wide + ") % 8 * n; x[c] = 1;", []string{"OPS033"}},
		{"int64_t c = (" + wide + ") % 8 + n; x[c] = 1;", []string{"OPS033"}},
		{"int64_t c = (" + wide + ") / 8; x[c] = 1;", []string{"OPS033"}},
		{"int64_t c = (" + wide + ") % 8; c = " + wide + "; x[c] = 1;", []string{"OPS033"}},
	} {
		got := ofRule(scanned(t, map[string]string{"op.cu": "#include <torch/extension.h>\n__global__ void k(float* x, int64_t n) { " + tt.body + " }\n"}), "OPS024", "OPS033")
		rules := []string{}
		for _, s := range got {
			rules = append(rules, s[:6])
		}
		slices.Sort(rules)
		if !slices.Equal(rules, tt.rules) {
			t.Errorf("%s: %q", tt.body, got)
		}
	}
}

// A kernel ends where an assertion of torch fails; assert does nothing in a release.
func TestKernelAssert(t *testing.T) {
	for check, want := range map[string]int{
		"":                                     1,
		"CUDA_KERNEL_ASSERT(j >= 0 && j < m);": 0,
		"CUDA_KERNEL_ASSERT_MSG(0 <= j && j < m, \"index\");": 0,
		"CUDA_KERNEL_ASSERT(j < m);":                          1,
		"CUDA_KERNEL_ASSERT(j >= 0);":                         1,
		"CUDA_KERNEL_ASSERT(i >= 0 && i < m);":                1,
		"assert(j >= 0 && j < m);":                            1,
	} {
		got := ofRule(scanned(t, map[string]string{"op.cu": "#include <torch/extension.h>\n__global__ void k(float* x, const int64_t* idx, int64_t n, int64_t m) {\n" +
			"const int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x; if (i >= n) return; const int64_t j = idx[i]; " + check + " x[j] = 1; }\n"}), "OPS006")
		if len(got) != want {
			t.Errorf("%q: %q", check, got)
		}
	}
}

// An operator that returns what nobody wrote computes nothing, unless it is to take memory
// or for tensors that have none.
func TestReturnsEmpty(t *testing.T) {
	for _, tt := range []struct {
		name, key, body string
		want            int
	}{
		{"f", "CPU", "TORCH_CHECK(x.dim() == 1); return at::empty_like(x);", 1},
		{"f", "CUDA", "return torch::empty({x.size(0)}, x.options());", 1},
		{"f", "Meta", "return at::empty_like(x);", 0},
		{"new_like", "CPU", "return at::empty_like(x);", 0},
		{"f", "CPU", "if (x.numel() == 0) return at::empty_like(x); return x.clone();", 0},
		{"f", "CPU", "return at::empty_like(x).fill_(1);", 0},
	} {
		got := ofRule(scanned(t, map[string]string{"op.cpp": "#include <torch/library.h>\nat::Tensor f(const at::Tensor& x) { " + tt.body + " }\n" +
			"TORCH_LIBRARY(n, m) { m.def(\"" + tt.name + "(Tensor x) -> Tensor\"); }\nTORCH_LIBRARY_IMPL(n, " + tt.key + ", m) { m.impl(\"" + tt.name + "\", f); }\n"}), "OPS014")
		if len(got) != tt.want {
			t.Errorf("%s %s: %s: %q", tt.name, tt.key, tt.body, got)
		}
	}
}

// Who launches a kernel may know that 32 bits are enough.
func TestLaunchesFew(t *testing.T) {
	for check, want := range map[string]int{
		"": 1,
		"TORCH_CHECK(x.size(0) < 1 << 20 && x.size(1) < 1 << 20);":               0,
		"TORCH_CHECK(x.size(0) < 1 << 20 && x.size(1) > 0);":                     1,
		"if (x.numel() > kMost) throw std::runtime_error(\"too many\");":         0,
		"TORCH_CHECK(x.numel() >= 16);":                                          1,
		"if (x.numel() < 16) return;":                                            1,
		"TORCH_CHECK(x.numel() <= 5000000000);":                                  1,
		"if (x.numel() > 5000000000LL) return;":                                  1,
		"if (x.numel() > 2147483647) return;":                                    0,
		"const auto n = x.size(0); TORCH_CHECK(n <= 4096 && x.size(1) <= 4096);": 0,
	} {
		got := ofRule(scanned(t, map[string]string{"op.cu": "#include <torch/extension.h>\n__global__ void k(float* x, int h, int w) { const int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < h) x[(int64_t)i * w] = 1; }\n" +
			"void f(at::Tensor x) { " + check + " dim3 grid((x.size(0) + 255) / 256); k<<<grid, 256, 0, s>>>(x.data_ptr<float>(), x.size(0), x.size(1)); }\n"}), "OPS024")
		if len(got) != want {
			t.Errorf("%q: %q", check, got)
		}
	}
}

// What one finding lists in several lines is not reported again where another program
// says it of one of them.
func TestListedOnce(t *testing.T) {
	said := func(class string, lines ...int) (list []Warning) {
		for _, n := range lines {
			list = append(list, Warning{Tool: "gcc", Where: finding.Where{Path: "op.cpp"}.Line1(n, 3), Check: "-Wconversion", Class: class, Text: "text"})
		}
		return list
	}
	got := ofRule(scanned(t, op("", "int n = a.numel();\nint h = a.size(0);\nint w = a.size(1);\nshort x = n;\n"), said("narrowed", 3, 4, 5, 6)...), "OPS02", "OPS07")
	want := []string{"OPS020 op.cpp:3:5: h, n, w keep in 32 bits what is 64 bits in torch", "OPS070 op.cpp:6:3: gcc: text"}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %q, want %q", got, want)
	}
	got = ofRule(scanned(t, op(", int64_t n, int64_t m", "int64_t i = a.numel() / n;\nint64_t j = a.numel() / m;\n"), said("division", 3, 4)...), "OPS023", "OPS07")
	if len(got) != 1 || !strings.HasPrefix(got[0], "OPS023 op.cpp:3:") {
		t.Errorf("got %q", got)
	}
}

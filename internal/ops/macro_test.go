package ops

import "testing"

// A condition that a macro of the project is given counts as one of TORCH_CHECK where the
// macro throws unless it holds, and does not where the macro goes on.
func TestCheckingMacros(t *testing.T) {
	const (
		body = "#include <torch/extension.h>\n#include \"check.h\"\n" +
			"at::Tensor f(const at::Tensor& x, const at::Tensor& y, const at::Tensor& idx, int64_t k) {\n" +
			"OWN(x.is_cpu() && y.is_cpu() && idx.is_cpu(), \"CPU\");\nOWN(x.is_contiguous() && y.is_contiguous() && idx.is_contiguous(), \"contiguous\");\n" +
			"OWN(x.scalar_type() == at::kFloat, \"float\");\nOWN(x.sizes() == y.sizes(), \"sizes\");\nOWN(k >= 0 && k < x.numel(), \"k\");\n" +
			"auto o = at::empty(idx.sizes(), x.options());\nauto p = static_cast<const float*>(x.data_ptr()); auto r = y.data_ptr<float>(); auto q = idx.data_ptr<int64_t>(); auto w = o.data_ptr<float>();\n" +
			"for (int64_t i = 0; i < x.numel(); ++i) w[0] += p[i] * r[i] + p[k];\n" +
			"for (int64_t i = 0; i < idx.numel(); ++i) { OWN(q[i] >= 0 && q[i] < x.numel(), \"index\"); w[i] = p[q[i]]; }\nreturn o;\n}\n" +
			"PYBIND11_MODULE(m, m) { m.def(\"f\", &f); }\n"
		log = "void note(const char* what, bool ok);\nvoid note(const char* what, bool ok) { if (!ok) std::cerr << what; }\n"
	)
	// The last two take it for a check where a macro that throws names the number at all.
	rules := []string{"OPS002", "OPS003", "OPS004", "OPS005", "OPS006", "OPS007"}
	for head, fires := range map[string]int{ // how many of the rules
		"#define OWN(cond, msg) do { if (!(cond)) throw std::runtime_error(msg); } while (0)":                                                        0,
		"#define OWN(cond, msg) do { if (C10_UNLIKELY(!(cond))) { throw std::runtime_error(msg); } } while (0)":                                      0,
		"#define OWN(cond, msg) if (__builtin_expect(!(cond), 0)) AT_ERROR(msg)":                                                                     0,
		"#define OWN(cond, msg) if (!(cond)) { TORCH_CHECK(false, msg); }":                                                                           0,
		"#define OWN(cond, msg) do { if (!(cond)) { fprintf(stderr, \"%s\", msg); exit(-1); } } while (0)":                                           0,
		"#define OWN(...) TORCH_CHECK(__VA_ARGS__)":                                                                                                  0,
		"#define OWN(cond, ...) TORCH_CHECK(cond, ##__VA_ARGS__)":                                                                                    0,
		"#define OWN(cond, ...) TORCH_CHECK((cond), \"in \" #cond, __VA_ARGS__)":                                                                     0,
		"#define REQUIRE(cond, msg) TORCH_CHECK(cond, msg)\n#define OWN(...) REQUIRE(__VA_ARGS__)":                                                   0,
		"#define REFUSE(cond, msg) if (cond) throw std::runtime_error(msg)\n#define OWN(cond, msg) REFUSE(!(cond), msg)":                             0,
		"#ifdef A\n#define OWN(cond, msg) TORCH_CHECK(cond, msg)\n#else\n#define OWN(cond, m) do { if (!(cond)) throw Error(m); } while (0)\n#endif": 0,
		"#ifdef A\n#define OWN(cond, msg) TORCH_CHECK(cond, msg)\n#else\n#define OWN(cond, msg) ELSEWHERE(cond, msg)\n#endif":                        0,
		"#define OWN_CHECK(cond, msg) ELSEWHERE(cond, msg)\n#define OWN OWN_CHECK\n#undef OWN\n#define OWN(cond, msg) OWN_CHECK(cond, msg)":          0,

		"#define OWN(cond, msg) do { if (!(cond)) std::cerr << msg; } while (0)": 6,
		"#define OWN(cond, msg)":                                                                                        6,
		"#define OWN(cond, msg) ((void)(cond))":                                                                         6,
		"#define OWN(cond, msg) assert((cond) && msg)":                                                                  6,
		"#define OWN(cond, msg) TORCH_CHECK_DEBUG_ONLY(cond, msg)":                                                      6,
		"#define OWN(cond, msg) if (!(cond)) TORCH_WARN(msg)":                                                           6,
		"#define OWN(cond, msg) TORCH_CHECK(true, #cond)":                                                               4,
		"#define OWN(cond, msg) TORCH_CHECK((cond) || lenient(), msg)":                                                  4,
		"#define OWN(cond, msg) if (!(cond)) { if (strict) throw std::runtime_error(msg); }":                            4,
		"#ifdef NDEBUG\n#define OWN(cond, msg) ((void)0)\n#else\n#define OWN(cond, msg) TORCH_CHECK(cond, msg)\n#endif": 6,
		"#ifndef NDEBUG\n#define OWN(cond, msg) TORCH_CHECK(cond, msg)\n#else\n#define OWN(cond, msg)\n#endif":          6,
		"#define OWN_CHECK(cond, msg) std::cerr << ((cond) ? \"\" : msg)\n#define OWN(cond, msg) OWN_CHECK(cond, msg)":  6,
		log + "#define OWN_CHECK(cond, msg) note(msg, cond)\n#define OWN(cond, msg) OWN_CHECK(cond, msg)":               6,
	} {
		got := scanned(t, map[string]string{"check.h": "#pragma once\n#include <torch/extension.h>\n" + head + "\n", "op.cpp": body})
		for i, r := range rules {
			if list := ofRule(got, r); len(list) > 0 != (i < fires) {
				t.Errorf("%s: %s %q", head, r, list)
			}
		}
	}
}

// What a macro compares its argument with is held against a size as by TORCH_CHECK_EQ.
func TestComparingMacros(t *testing.T) {
	for _, tt := range []struct {
		head, check string
		quiet       bool
	}{
		{"#define SAME(a, b) TORCH_CHECK((a) == (b), #a)", "SAME(x.sizes(), y.sizes());", true},
		{"#define SAME(a, b) TORCH_CHECK_EQ(a, b)", "SAME(x.numel(), y.numel());", true},
		{"#define SAME(a, b) if ((a) != (b)) throw std::runtime_error(#a)", "SAME(x.numel(), y.numel());", true},
		{"#define SAME(a, b) TORCH_CHECK((a) == (b), #a)", "SAME(x.dim(), y.dim());", false},
		{"#define SOME(a) TORCH_CHECK((a) > 0, #a)", "SOME(y.numel());", false},
		{"#define SAME(a, b) TORCH_CHECK(log_if((a) == (b)) || true, #a)", "", false},
		{"#define SAME(a, b) if ((a) != (b)) std::cerr << #a", "SAME(x.numel(), y.numel());", false},
		{"int64_t count(const at::Tensor& t);\n#define SAME(a, b) TORCH_CHECK((a) == (b), #a)", "SAME(count(x), count(y));", true},
		{"#define CHECK(c) if (!(c)) throw std::runtime_error(#c)", "CHECK(alike(x, y));", true},

		// What a function is given whose status is checked is held against nothing.
		{"#define CUDA_CHECK(e) if ((e) != cudaSuccess) throw std::runtime_error(\"cuda\")", "CUDA_CHECK(cudaHostRegister(y.data_ptr<float>(), y.numel() * 4, 0));", false},
		{"#define CUDA_CHECK(e) do { if (cudaSuccess != (e)) { exit(1); } } while (0)", "CUDA_CHECK(cudaHostRegister(y.data_ptr<float>(), y.numel() * 4, 0));", false},
		{"#define CUDA_CHECK(e) TORCH_CHECK((e) == cudaSuccess, \"cuda\")", "CUDA_CHECK(cudaHostRegister(y.data_ptr<float>(), y.numel() * 4, 0));", false},
		{"#define CUDA_CHECK(e) if (e) throw std::runtime_error(#e)", "CUDA_CHECK(cudaHostRegister(y.data_ptr<float>(), y.numel() * 4, 0));", false},
		{"#define OWN(e) TORCH_CHECK((e) == LIB_OK, #e)", "OWN(lib::scale(handle(), y.data_ptr<float>(), y.numel()));", false},
		{"", "C10_CUDA_CHECK(cudaHostRegister(y.data_ptr<float>(), y.numel() * 4, 0));", false},
		{"", "TORCH_CHECK(cudaHostRegister(y.data_ptr<float>(), y.numel() * 4, 0) == cudaSuccess);", false},
	} {
		got := ofRule(scanned(t, map[string]string{"op.cpp": "#include <torch/extension.h>\n" + tt.head + "\nvoid f(at::Tensor x, const at::Tensor& y) {\n" + tt.check + "\n" +
			"auto p = x.data_ptr<float>(); auto q = y.data_ptr<float>(); for (int64_t i = 0; i < x.numel(); ++i) p[i] = q[i];\n}\nPYBIND11_MODULE(m, m) { m.def(\"f\", &f); }\n"}), "OPS004")
		if len(got) == 0 != tt.quiet {
			t.Errorf("%s %s: %q", tt.head, tt.check, got)
		}
	}
}

// A macro that holds a status against what means success bounds no index that the function
// was given.
func TestStatusMacros(t *testing.T) {
	for _, tt := range []struct {
		head, check string
		quiet       bool
	}{
		{"#define CUDA_CHECK(e) if ((e) != cudaSuccess) { exit(1); }", "CUDA_CHECK(cudaSetDevice(k));", false},
		{"#define OWN(e) TORCH_CHECK((e) == LIB_OK, #e)", "OWN(lib_set(k));", false},
		{"#define OWN(e) TORCH_CHECK((e) >= 0 && (e) < limit, #e)", "OWN(k);", true},
		{"#define OWN(e, n) TORCH_CHECK((e) >= 0 && (e) < (n), #e)", "OWN(int64_t(k), a.numel());", true},
	} {
		files := op(", int64_t k", tt.check+" auto p = a.data_ptr<float>(); float s = p[k];")
		files["op.cpp"] = tt.head + "\n" + files["op.cpp"]
		if got := ofRule(scanned(t, files), "OPS007"); len(got) == 0 != tt.quiet {
			t.Errorf("%s %s: %q", tt.head, tt.check, got)
		}
	}
}

// A macro checks what its condition says where that leads out of the function, also through
// a helper that throws, and not where it goes on.
func TestLeavingMacros(t *testing.T) {
	const same = "if ((a).sizes() != (b).sizes()) "
	for head, quiet := range map[string]bool{
		"[[noreturn]] void bail(const char* m);\n#define SAME(a, b) do { " + same + "{ bail(\"sizes\"); } } while (0)":                 true,
		"__attribute__((noreturn)) void bail(const char* m);\n#define SAME(a, b) " + same + "bail(\"sizes\")":                          true,
		"static void bail(const char* m) { if (m) std::cerr << m; abort(); }\n#define SAME(a, b) " + same + "bail(\"sizes\")":          true,
		"static void stop() { throw 1; }\nstatic void bail(const char* m) { stop(); }\n#define SAME(a, b) " + same + "bail(\"sizes\")": true,
		"#define SAME(a, b) " + same + "{ C10_THROW_ERROR(ValueError, \"sizes\"); }":                                                   true,
		"#define SAME(a, b) " + same + "py::pybind11_fail(\"sizes\")":                                                                  true,
		"#define SAME(a, b) " + same + "raise_size_error(\"sizes\")":                                                                   true,
		"#define SAME(a, b) " + same + "LOG(FATAL) << \"sizes\"":                                                                       true,
		"#define SAME(a, b) " + same + "{ PyErr_SetString(PyExc_ValueError, #a); return; }":                                            true,
		"#define SAME(a, b) do { " + same + "return; } while (0)":                                                                      true,
		"#define SAME_CHECK(a, b) " + same + "elsewhere(\"sizes\")\n#define SAME(a, b) SAME_CHECK(a, b)":                               true,
		"static void c(const at::Tensor& a, const at::Tensor& b) { TORCH_CHECK(a.sizes() == b.sizes()); }\nstatic void d(const at::Tensor& a, const at::Tensor& b) { c(a, b); }\n" +
			"#define SAME_CHECK(a, b) d(a, b)\n#define SAME(a, b) SAME_CHECK(a, b)": true,

		"static void bail(const char* m) { if (strict) throw std::runtime_error(m); }\n#define SAME(a, b) " + same + "bail(\"sizes\")":                                              false,
		"static void bail(const char* m) { std::cerr << m; }\n#define SAME(a, b) " + same + "bail(\"sizes\")":                                                                       false,
		"#define SAME(a, b) " + same + "LOG(ERROR) << \"sizes\"":                                                                                                                    false,
		"#define SAME_CHECK(a, b) " + same + "PyErr_SetString(PyExc_ValueError, \"sizes\")\n#define SAME(a, b) SAME_CHECK(a, b)":                                                    false,
		"#define SAME_CHECK(a, b) " + same + "log_error(\"sizes\")\n#define SAME(a, b) SAME_CHECK(a, b)":                                                                            false,
		"#define SAME(a, b) " + same + "elsewhere(\"sizes\")":                                                                                                                       false,
		"#define SAME(a, b) do { " + same + "continue; } while (0)":                                                                                                                 false,
		"#define SAME(a, b) do { " + same + "break; } while (0)":                                                                                                                    false,
		"#define SAME(a, b) [&] { " + same + "return; std::cerr << 1; }()":                                                                                                          false,
		"#define SAME(a, b) " + same + "{ if (strict) return; }":                                                                                                                    false,
		"static void d(const at::Tensor& a, const at::Tensor& b) { std::cerr << (a.sizes() == b.sizes()); }\n#define SAME_CHECK(a, b) d(a, b)\n#define SAME(a, b) SAME_CHECK(a, b)": false,
	} {
		got := ofRule(scanned(t, map[string]string{"op.cpp": "#include <torch/extension.h>\n" + head + "\nvoid f(at::Tensor x, const at::Tensor& y) {\nSAME(x, y);\n" +
			"auto p = x.data_ptr<float>(); auto q = y.data_ptr<float>(); for (int64_t i = 0; i < x.numel(); ++i) p[i] = q[i];\n}\nPYBIND11_MODULE(m, m) { m.def(\"f\", &f); }\n"}), "OPS004")
		if len(got) == 0 != quiet {
			t.Errorf("%s: %q", head, got)
		}
	}
	for head, quiet := range map[string]bool{
		"#define WITHIN(i, n) if ((i) < 0 || (i) >= (n)) continue":                             true,
		"#define WITHIN(i, n) if ((i) < 0 || (i) >= (n)) return a":                             true,
		"#define WITHIN(i, n) if (!((i) >= 0 && (i) < (n))) { raise_index_error(\"index\"); }": true,
		"#define WITHIN(i, n) do { if ((i) < 0 || (i) >= (n)) continue; } while (0)":           false,
		"#define WITHIN(i, n) if ((i) < 0 || (i) >= (n)) ++bad":                                false,
		"#define WITHIN(i, n) if ((i) == (n)) return call(i)":                                  false,
	} {
		files := op(", const at::Tensor& b", "auto p = a.data_ptr<float>(); auto q = b.data_ptr<int64_t>(); float s = 0; for (int64_t j = 0; j < b.numel(); ++j) { int64_t k = q[j]; WITHIN(k, a.numel()); s += p[k]; }")
		files["op.cpp"] = head + "\n" + files["op.cpp"]
		if got := ofRule(scanned(t, files), "OPS006"); len(got) == 0 != quiet {
			t.Errorf("%s: %q", head, got)
		}
	}
}

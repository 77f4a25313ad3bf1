package engine_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/opreport"
	"github.com/andiron-dev/andiron/internal/ops"
	"github.com/andiron-dev/andiron/internal/testkit"
)

// operators is a folder of sources that is looked at for its operators.
func operators(pairs ...string) scene {
	s := folder(pairs...)
	s.operators = true
	return s
}

// operator is a project of one operator, registered for the processor and for autograd:
// its schema, and the C++ of it.
func operator(schema, code string) scene {
	name, _, _ := strings.Cut(schema, "(")
	return operators("op.cpp", "#include <torch/library.h>\n"+code+
		"\nTORCH_LIBRARY(ns, m) { m.def(\""+schema+"\"); }\n"+
		"TORCH_LIBRARY_IMPL(ns, CPU, m) { m.impl(\""+name+"\", "+name+"); }\n"+
		"TORCH_LIBRARY_IMPL(ns, Autograd, m) { m.impl(\""+name+"\", torch::autograd::autogradNotImplementedFallback()); }\n")
}

// unary is an operator of one tensor with a body of its own.
func unary(body string) scene {
	return operator("f(Tensor x) -> Tensor", "at::Tensor f(const at::Tensor& x) {\n"+body+"\n}\n")
}

func opsExamples() map[string]example {
	all := argumentExamples()
	maps.Copy(all, memoryExamples())
	maps.Copy(all, numberExamples())
	maps.Copy(all, cudaExamples())
	maps.Copy(all, interfaceExamples())
	maps.Copy(all, reviewExamples())
	maps.Copy(all, outsideExamples())
	maps.Copy(all, testedExamples())
	return all
}

// outsideExamples are of what other programs say.
func outsideExamples() map[string]example {
	said := func(s scene, o ops.Outside) scene {
		s.prepare = func(_ *testing.T, dir string, opt *engine.Options) {
			opt.Outside = func(context.Context, []ops.SourceFile) (ops.Outside, error) {
				for i := range o.Warnings {
					o.Warnings[i].Where.Path = filepath.ToSlash(filepath.Join(dir, "op.cpp"))
				}
				return o, nil
			}
		}
		return s
	}
	warns := func(class string, line int) ops.Outside {
		return ops.Outside{Warnings: []ops.Warning{{Tool: "gcc", Where: finding.Where{}.Line1(line, 3), Check: "-Wx", Class: class, Text: "text"}}}
	}
	op := unary("  return x.clone();")
	narrow := unary("  const int n = x.numel();\n  return at::scalar_tensor(n);")
	zero := operator("f(Tensor x, int n) -> int", "int64_t f(const at::Tensor& x, int64_t n) {\n  return x.numel() / n;\n}")
	return map[string]example{
		"OPS070": {said(op, warns("narrowed", 3)), said(narrow, warns("narrowed", 3))},
		"OPS071": {said(op, warns("leak", 3)), said(zero, warns("division", 3))},
		"OPS072": {said(op, ops.Outside{Unchecked: []ops.Unchecked{{Tool: "gcc", Why: "there is no g++ on PATH"}}}), said(op, ops.Outside{})},
		"OPS073": {said(op, ops.Outside{CUDA: []string{"op.cu"}}), said(op, ops.Outside{})},
	}
}

func argumentExamples() map[string]example {
	const loop = "  float s = 0;\n  for (int64_t i = 0; i < x.numel(); ++i) s += p[i];\n  return at::scalar_tensor(s);"
	const typed = "  auto p = x.data_ptr<float>();\n"
	pybind := func(check string) scene {
		return operators("op.cpp", "#include <torch/extension.h>\nat::Tensor f(at::Tensor x) {\n"+check+typed+loop+"\n}\nPYBIND11_MODULE(ext, m) { m.def(\"f\", &f); }\n")
	}
	dot := func(check string) scene {
		return operator("f(Tensor x, Tensor y) -> Tensor", "at::Tensor f(const at::Tensor& x, const at::Tensor& y) {\n"+check+
			"  auto p = x.data_ptr<float>();\n  auto q = y.data_ptr<float>();\n  float s = 0;\n  for (int64_t i = 0; i < x.numel(); ++i) s += p[i] * q[i];\n  return at::scalar_tensor(s);\n}")
	}
	at := func(check string) scene {
		return operator("f(Tensor x, Tensor y) -> Tensor", "at::Tensor f(const at::Tensor& x, const at::Tensor& y) {\n  auto i = y.accessor<int64_t, 1>();\n  auto p = x.accessor<float, 1>();\n"+
			"  float s = 0;\n  for (int64_t k = 0; k < i.size(0); ++k) {\n    const int64_t j = i[k];\n"+check+"    s += p[j];\n  }\n  return at::scalar_tensor(s);\n}")
	}
	size := func(check string) scene {
		return operator("f(Tensor x, int d) -> int", "int64_t f(const at::Tensor& x, int64_t d) {\n  auto sizes = x.sizes();\n"+check+"  return sizes[d];\n}")
	}
	maybe := func(check string) scene {
		return operator("f(Tensor x, Tensor? y) -> Tensor", "at::Tensor f(const at::Tensor& x, const c10::optional<at::Tensor>& y) {\n"+check+"  return x + y->sum();\n}")
	}
	return map[string]example{
		"OPS001": {pybind(""), pybind("  TORCH_CHECK(x.is_cpu() && x.is_contiguous());\n")},
		"OPS002": {
			unary("  auto c = x.contiguous();\n  auto p = static_cast<float*>(c.data_ptr());\n" + loop),
			unary("  TORCH_CHECK(x.scalar_type() == at::kFloat);\n  auto c = x.contiguous();\n  auto p = static_cast<float*>(c.data_ptr());\n" + loop),
		},
		"OPS003": {pybind("  TORCH_CHECK(x.is_contiguous());\n"), pybind("  TORCH_CHECK(x.device().is_cpu() && x.is_contiguous());\n")},
		"OPS004": {dot(""), dot("  TORCH_CHECK(x.numel() == y.numel());\n")},
		"OPS005": {unary(typed + loop), unary("  auto c = x.contiguous();\n  auto p = c.data_ptr<float>();\n" + loop)},
		"OPS006": {at("    TORCH_CHECK(j < x.size(0));\n"), at("    TORCH_CHECK(j >= 0 && j < x.size(0));\n")},
		"OPS007": {size(""), size("  d = at::maybe_wrap_dim(d, x.dim());\n")},
		"OPS008": {maybe(""), maybe("  if (!y.has_value()) return x;\n")},
		"OPS009": {
			unary("  auto c = x.contiguous();\n  return at::scalar_tensor(c.data_ptr<float>()[0]);"),
			unary("  TORCH_CHECK(x.numel() > 0);\n  auto c = x.contiguous();\n  return at::scalar_tensor(c.data_ptr<float>()[0]);"),
		},
	}
}

func memoryExamples() map[string]example {
	const out = "  auto c = x.contiguous();\n  auto p = c.data_ptr<float>();\n  auto out = at::empty({c.numel()});\n  auto o = out.data_ptr<float>();\n"
	return map[string]example{
		"OPS010": {
			unary("  auto p = x.contiguous().data_ptr<float>();\n  return at::scalar_tensor(p[1]);"),
			unary("  return at::scalar_tensor(read(x.contiguous().data_ptr<float>()));"),
		},
		"OPS011": {
			unary("  auto p = (float*)malloc(64);\n  p[0] = 1;\n  float v = p[0];\n  free(p);\n  return at::scalar_tensor(v);"),
			unary("  std::vector<float> p(16);\n  return at::scalar_tensor(p[0]);"),
		},
		"OPS012": {
			unary("  auto p = new float[16];\n  TORCH_CHECK(x.dim() == 1);\n  delete[] p;\n  return x;"),
			unary("  TORCH_CHECK(x.dim() == 1);\n  auto p = new float[16];\n  delete[] p;\n  return x;"),
		},
		"OPS013": {
			unary("  int64_t s[8];\n  for (int64_t d = 0; d < x.dim(); ++d) s[d] = 1;\n  return x;"),
			unary("  int64_t s[8];\n  TORCH_CHECK(x.dim() <= 8);\n  for (int64_t d = 0; d < x.dim(); ++d) s[d] = 1;\n  return x;"),
		},
		"OPS014": {
			unary(out + "  for (int64_t i = 0; i < c.numel(); ++i) if (p[i] > 0) o[i] = p[i];\n  return out;"),
			unary(out + "  for (int64_t i = 0; i < c.numel(); ++i) if (p[i] > 0) o[i] = p[i]; else o[i] = 0;\n  return out;"),
		},
		"OPS015": {
			unary(out + "  for (int64_t i = 0; i <= c.numel(); ++i) o[i] = p[i];\n  return out;"),
			unary(out + "  for (int64_t i = 0; i <= c.numel() - 1; ++i) o[i] = p[i];\n  return out;"),
		},
	}
}

func numberExamples() map[string]example {
	packed := func(check string) scene {
		return unary(check + "  auto p = x.packed_accessor32<float, 1>();\n  return x;")
	}
	by := func(check string) scene {
		return operator("f(Tensor x, int n) -> int", "int64_t f(const at::Tensor& x, int64_t n) {\n"+check+"  return x.numel() / n;\n}")
	}
	kernel := func(index string) scene {
		return operators("op.cu", "__global__ void k(float* p, int64_t n) {\n  "+index+"\n  if (i < n) p[i] = 0;\n}\n")
	}
	return map[string]example{
		"OPS020": {unary("  int n = x.numel();\n  return at::zeros({n});"), unary("  int64_t n = x.numel();\n  return at::zeros({n});")},
		"OPS021": {
			unary("  int n = x.size(0), m = x.size(1);\n  return at::zeros({n * m});"),
			unary("  int n = x.size(0), m = x.size(1);\n  return at::zeros({static_cast<int64_t>(n) * m});"),
		},
		"OPS022": {packed(""), packed("  TORCH_CHECK(at::native::canUse32BitIndexMath(x));\n")},
		"OPS023": {by(""), by("  TORCH_CHECK(n > 0);\n")},
		"OPS024": {
			kernel("int i = blockIdx.x * blockDim.x + threadIdx.x;"),
			kernel("int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;"),
		},
	}
}

func cudaExamples() map[string]example {
	launch := func(guard, stream, check string) scene {
		return operators("op.cu", "#include <torch/library.h>\n__global__ void k(float* p, int64_t n) {\n  int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;\n  if (i < n) p[i] = 0;\n}\n"+
			"at::Tensor f(const at::Tensor& x) {\n"+guard+"  auto out = at::empty_like(x.contiguous());\n  k<<<1, 32"+stream+">>>(out.data_ptr<float>(), out.numel());\n"+check+"  return out;\n}\n"+
			"TORCH_LIBRARY(ns, m) { m.def(\"f(Tensor x) -> Tensor\"); }\nTORCH_LIBRARY_IMPL(ns, CUDA, m) { m.impl(\"f\", f); }\n")
	}
	const (
		guard  = "  const at::cuda::OptionalCUDAGuard guard(at::device_of(x));\n"
		stream = ", 0, at::cuda::getCurrentCUDAStream()"
		check  = "  C10_CUDA_KERNEL_LAUNCH_CHECK();\n"
	)
	good := launch(guard, stream, check)
	return map[string]example{
		"OPS030": {launch(guard, stream, ""), good},
		"OPS031": {launch(guard, "", check), good},
		"OPS032": {launch("", stream, check), good},
		"OPS033": {
			operators("op.cu", "__global__ void k(float* p, int64_t n) {\n  int64_t i = (int64_t)blockIdx.x * blockDim.x + threadIdx.x;\n  p[i] = 0;\n}\n"),
			good,
		},
	}
}

func interfaceExamples() map[string]example {
	function := func(result string) scene {
		return operators("op.cpp", "#include <torch/extension.h>\nstruct F : public torch::autograd::Function<F> {\n  static at::Tensor forward(torch::autograd::AutogradContext* ctx, at::Tensor x, double a) { return x * a; }\n"+
			"  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::tensor_list g) { return {"+result+"}; }\n};\n")
	}
	summed := func(body string) scene {
		return unary("  auto c = x.contiguous();\n  auto p = c.data_ptr<float>();\n  float s = 0;\n" + body + "  return at::scalar_tensor(s);")
	}
	const raw = "#include <torch/library.h>\nat::Tensor f(const at::Tensor& x) {\n  auto c = x.contiguous();\n  auto out = at::zeros_like(c);\n  out.data_ptr<float>()[0] = c.numel();\n  return out;\n}\n"
	return map[string]example{
		"OPS040": {
			unary("  x.mul_(2);\n  return x.clone();"),
			operator("f(Tensor(a!) x) -> Tensor", "at::Tensor f(at::Tensor& x) {\n  x.mul_(2);\n  return x.clone();\n}\n"),
		},
		"OPS041": {
			operators("op.cpp", raw+"TORCH_LIBRARY(ns, m) { m.def(\"f\", f); }\n"),
			operators("op.cpp", raw+"TORCH_LIBRARY(ns, m) { m.def(\"f(Tensor x) -> Tensor\", f); }\n"),
		},
		"OPS042": {
			operators("op.cpp", raw+"PYBIND11_MODULE(ext, m) { m.def(\"f\", &f); }\n"),
			operators("op.cpp", raw+"int version() { return 1; }\nPYBIND11_MODULE(ext, m) { m.def(\"version\", &version); }\n"),
		},
		"OPS043": {
			operators("op.cpp", raw+"TORCH_LIBRARY(ns, m) { m.def(\"f(Tensor x) -> Tensor\", f); }\n"),
			operators("op.cpp", raw+"TORCH_LIBRARY(ns, m) { m.def(\"f(Tensor x) -> Tensor\", f); }\n", "f.py", "import torch\ntorch.library.register_autograd('ns::f', backward)\n"),
		},
		"OPS044": {function("g[0]"), function("g[0], at::Tensor()")},
		"OPS045": {
			summed("  at::parallel_for(0, c.numel(), 64, [&](int64_t b, int64_t e) {\n    for (int64_t i = b; i < e; ++i) s += p[i];\n  });\n"),
			summed("  std::atomic<int> rounds{0};\n  at::parallel_for(0, c.numel(), 64, [&](int64_t b, int64_t e) {\n    float t = 0;\n    for (int64_t i = b; i < e; ++i) t += p[i];\n    rounds++;\n  });\n"),
		},
		"OPS046": {unary("  AT_CHECK(x.dim() == 1);\n  return x.clone();"), unary("  TORCH_CHECK(x.dim() == 1);\n  return x.clone();")},
		"OPS047": {
			operator("softmax(Tensor x) -> Tensor", "at::Tensor softmax(const at::Tensor& x) { return x.exp() / x.exp().sum(); }\n"),
			operator("softmaximum(Tensor x) -> Tensor", "at::Tensor softmaximum(const at::Tensor& x) { return x.exp().max(); }\n"),
		},
		"OPS080": {
			operators("op.cpp", "#include <torch/library.h>\nvoid f() { g(; }\n"),
			operators("op.cpp", "#include <torch/library.h>\n#if 0\nvoid f() { g(; }\n#endif\n"),
		},
		"OPS090": {
			unary("  TORCH_CHECK(x.dim() == 1 && x.is_contiguous());\n  return at::scalar_tensor(x.data_ptr<float>()[x.numel() / 2]);"),
			operators("op.cpp", "#include <torch/extension.h>\nfloat f(at::Tensor x) { return *static_cast<float*>(x.data_ptr()); }\nPYBIND11_MODULE(ext, m) { m.def(\"f\", &f); }\n"),
		},
	}
}

// versioned is a scene with a history: a first commit that has nothing of operators, and
// one by the same person that brings them.
func versioned(s scene, message string) scene {
	const alice = "Alice <alice@example.com>"
	g := testkit.NewGit()
	first := g.Commit(map[string]string{"README": "x"}, alice, alice, "first\n")
	head := g.Commit(s.files, alice, alice, message, first)
	files := maps.Clone(s.files)
	for name, text := range g.Packed(head) {
		files[".git/"+name] = text
	}
	s.files = files
	return s
}

// recordOf is what ops test leaves of an operator, of its source with more behind it.
func recordOf(s scene, more string, c opreport.Counts) string {
	r := opreport.Record{Sources: map[string]string{}, Result: opreport.Result{Operators: []*opreport.Operator{{Name: "ns::f", Counts: c}}}}
	for name, text := range s.files {
		sum := sha256.Sum256([]byte(text + more))
		r.Sources[name] = hex.EncodeToString(sum[:])
	}
	b, err := r.Encode()
	if err != nil {
		panic(err)
	}
	return string(b)
}

func reviewExamples() map[string]example {
	with := func(s scene, pairs ...string) scene {
		files := maps.Clone(s.files)
		for i := 0; i < len(pairs); i += 2 {
			files[pairs[i]] = pairs[i+1]
		}
		s.files = files
		return s
	}
	op := unary("  return x.clone();")
	const forward = "#include <torch/extension.h>\nstruct F : public torch::autograd::Function<F> {\n  static at::Tensor forward(torch::autograd::AutogradContext* ctx, at::Tensor x) { return x; }\n" +
		"  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::tensor_list g) { return {g[0]}; }\n};\n" +
		"at::Tensor f(at::Tensor x) { return F::apply(x); }\nTORCH_LIBRARY(ns, m) { m.def(\"f(Tensor x) -> Tensor\", f); }\n"
	function := operators("op.cpp", forward)
	calls := with(op, "tests/test_op.py", "import torch\nassert torch.ops.ns.f(torch.ones(3)).sum() == 3\n")
	checks := with(function, "tests/test_op.py", "import torch\nfrom torch.autograd import gradcheck\ngradcheck(torch.ops.ns.f, torch.ones(3))\n")
	watched := with(op, "CMakeLists.txt", "find_package(Torch REQUIRED)\nadd_compile_options(-fsanitize=address,undefined)\n")
	const ruleset = `{"name": "main", "target": "branch", "enforcement": "active", "rules": [{"type": "pull_request", "parameters": {"required_approving_review_count": %s, "require_code_owner_review": true}}]}`
	export := func(approvals string) scene {
		return with(op, ".github/rulesets/main.json", fmt.Sprintf(ruleset, approvals))
	}
	ci := with(calls, ".github/workflows/ci.yml", "jobs:\n  test:\n    steps:\n      - run: python -m pytest tests\n")
	const result = opreport.RecordFolder + "/" + opreport.RecordName
	return map[string]example{
		"OPS064": {versioned(op, "fix\n"), versioned(op, "fix\n\nReviewed-by: Bob <bob@example.com>\n")},
		"OPS065": {export("0"), export("1")},
		"OPS066": {calls, ci},
		"OPS067": {op, versioned(op, "fix\n")},
		"OPS096": {versioned(op, "fix\n\nReviewed By: bob\n"), versioned(op, "fix\n\nSigned-off-by: Alice <alice@example.com>\nCo-authored-by: helper[bot] <1+helper[bot]@users.noreply.github.com>\n")},
		"OPS097": {export("2"), with(op, ".github/rulesets/main.json", strings.ReplaceAll(fmt.Sprintf(ruleset, "1"), "active", "disabled"))},
		"OPS098": {ci, with(calls, ".github/workflows/ci.yml", "jobs:\n  test:\n    steps:\n      # - run: pytest\n      - run: pip install pytest-cov\n")},
		"OPS068": {with(op, result, recordOf(op, "// before\n", opreport.Counts{Valid: 9})), with(op, result, recordOf(op, "", opreport.Counts{Valid: 9}))},
		"OPS099": {with(op, result, recordOf(op, "", opreport.Counts{Valid: 9})), with(op, result, recordOf(op, "", opreport.Counts{Raised: 9}))},
		"OPS060": {op, with(op, ".github/CODEOWNERS", "*.cpp @kernel-team\n")},
		"OPS061": {op, calls},
		"OPS062": {function, checks},
		"OPS063": {op, watched},
		"OPS091": {with(op, "CODEOWNERS", "*.cpp @kernel-team\n"), with(op, "CODEOWNERS", "* @all\nop.cpp\n")},
		"OPS092": {calls, with(op, "test_op.py", "from vendor import g\ng()\n")},
		"OPS093": {checks, with(function, "test_op.py", "def gradcheck(): pass\n")},
		"OPS094": {watched, with(op, "CMakeLists.txt", "# -fsanitize=address\n")},
		"OPS095": {
			with(op, "setup.py", "from torch.utils.cpp_extension import CppExtension\nCppExtension('ns', ['op.cpp'])\n"),
			with(op, "setup.py", "from setuptools import Extension\nExtension('ns', ['op.cpp'])\n"),
		},
	}
}

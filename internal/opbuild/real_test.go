//go:build optest

package opbuild

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// python is the interpreter with torch that make optest names.
func python(t *testing.T) string {
	t.Helper()
	name := os.Getenv("ANDIRON_OPTEST_PYTHON")
	if name == "" {
		t.Fatal("ANDIRON_OPTEST_PYTHON names no interpreter with torch: see make optest")
	}
	return name
}

func mustFind(t *testing.T, dir string) Project {
	t.Helper()
	p, err := Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustBuild(t *testing.T, p Project, v Variant) Built {
	t.Helper()
	b, err := Build(t.Context(), p, v, Options{Python: python(t), Work: t.TempDir(), Jobs: 2})
	if err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(output(err), "\n"))
	}
	t.Logf("%s %s: %v", p.Dir, v, b.Took)
	return b
}

// run runs Python as the build says, and gives how it ended and what it printed.
func run(t *testing.T, b Built, program string, args ...string) (int, string) {
	t.Helper()
	line := append(slices.Clone(b.Launch), python(t), "-c", program)
	line = append(append(line, b.Libraries...), args...)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(append(os.Environ(), b.Env...), "PYTHONPATH="+strings.Join(b.PythonPath, ":"))
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

const load = "import sys, torch\nfor n in sys.argv[1:]: torch.ops.load_library(n)\n"

// small is a project whose only source has operators that are right and some that are not.
func small(t *testing.T, files map[string]string) Project {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"csrc/ops.cpp": `#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <torch/library.h>
double good(const at::Tensor& x) {
  TORCH_CHECK(x.dim() == 1, "good takes a vector");
  const double* p = x.data_ptr<double>();
  return at::parallel_reduce(0, x.numel(), 1024, 0.0, [p](int64_t a, int64_t b, double s) {
    for (int64_t i = a; i < b; ++i) s += p[i];
    return s;
  }, [](double a, double b) { return a + b; });
}
double beyond(const at::Tensor& x) { return x.data_ptr<double>()[x.numel()]; }
double race(const at::Tensor& x) {
  const double* p = x.data_ptr<double>();
  double sum = 0;
  at::parallel_for(0, x.numel(), 1024, [&](int64_t a, int64_t b) {
    for (int64_t i = a; i < b; ++i) sum += p[i];
  });
  return sum;
}
int64_t rows(const at::Tensor& x) {
  const int n = x.size(0);
  return x.numel() / n;
}
TORCH_LIBRARY(small, m) {
  m.def("good(Tensor x) -> float", good);
  m.def("beyond(Tensor x) -> float", beyond);
  m.def("race(Tensor x) -> float", race);
  m.def("rows(Tensor x) -> int", rows);
}
`,
		"csrc/kernels.cu": "__global__ void f() {}\n",
	})
	write(t, dir, files)
	return mustFind(t, dir)
}

var smallSetup = map[string]string{
	"setup.py": `from setuptools import setup
from torch.utils.cpp_extension import BuildExtension, CppExtension
setup(name="small", packages=["small"], package_dir={"": "src"}, ext_modules=[CppExtension("small._C", ["csrc/ops.cpp"])], cmdclass={"build_ext": BuildExtension})
`,
	"src/small/__init__.py": "import glob, os, torch\nfor n in glob.glob(os.path.dirname(__file__) + '/_C*.so'): torch.ops.load_library(n)\n",
}

var smallCMake = map[string]string{
	"CMakeLists.txt": `cmake_minimum_required(VERSION 3.18)
project(small CXX)
find_package(Torch REQUIRED)
add_library(small MODULE csrc/ops.cpp)
target_link_libraries(small PRIVATE ${TORCH_LIBRARIES})
set_target_properties(small PROPERTIES CXX_STANDARD 17)
enable_testing()
foreach(op good beyond race)
  add_test(NAME ${op} COMMAND ${PYTHON} ${CMAKE_SOURCE_DIR}/call.py $<TARGET_FILE:small> ${op})
endforeach()
`,
	"call.py": "import sys, torch\ntorch.ops.load_library(sys.argv[1])\nprint(getattr(torch.ops.small, sys.argv[2])(torch.ones(1 << 16, dtype=torch.float64)))\n",
}

func TestRealPlain(t *testing.T) {
	p := small(t, smallSetup)
	b := mustBuild(t, p, Plain)
	f, err := ask(t.Context(), python(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Libraries) != 1 || len(b.Modules) != 0 || !slices.Equal(b.Unbuilt, []string{"csrc/kernels.cu"}) || b.NoCUDA == f.nvcc() {
		t.Errorf("%+v", b)
	}
	if code, out := run(t, b, "import small, torch\nprint(torch.ops.small.good(torch.ones(2).double()))"); code != 0 || !strings.Contains(out, "2.0") {
		t.Errorf("the copy cannot be imported: %d: %s", code, out)
	}
	narrowed := func(w Warning) bool {
		return w.File == "csrc/ops.cpp" && w.Flag == "-Wconversion" && w.Line == 22 && w.Column > 0
	}
	if len(b.Warnings) != 1 || !slices.ContainsFunc(b.Warnings, narrowed) {
		t.Errorf("the warnings are not that of the narrowing: %v", b.Warnings)
	}
}

func TestRealCMake(t *testing.T) {
	b := mustBuild(t, small(t, smallCMake), Plain)
	if len(b.Libraries) != 1 || len(b.Modules) != 0 || !slices.Equal(b.Unbuilt, []string{"csrc/kernels.cu"}) {
		t.Errorf("%+v", b)
	}
	if code, out := run(t, b, load+"print(torch.ops.small.good(torch.ones(2).double()))"); code != 0 || !strings.Contains(out, "2.0") {
		t.Errorf("%d: %s", code, out)
	}
}

// The sanitizer says the line of the project, not of the copy; and what a correct
// operator throws is an exception still.
func TestRealASan(t *testing.T) {
	p := small(t, smallSetup)
	b := mustBuild(t, p, ASan)
	source := filepath.Join(p.Dir, "csrc", "ops.cpp") + ":"
	if code, out := run(t, b, load+`
try:
    torch.ops.small.good(torch.ones(2, 2).double())
except RuntimeError as e:
    print("thrown:", e)`); code != 0 || !strings.Contains(out, "thrown: good takes a vector") {
		t.Errorf("%d: %s", code, out)
	}
	code, out := run(t, b, load+"torch.ops.small.beyond(torch.ones(64).double())")
	if code == 0 || !strings.Contains(out, "AddressSanitizer: heap-buffer-overflow") || !strings.Contains(out, source+"12") {
		t.Errorf("%d: %s", code, out)
	}
	code, out = run(t, b, load+"torch.ops.small.rows(torch.ones(0, 2))")
	if code == 0 || !strings.Contains(out, source+"23") || !strings.Contains(out, "division by zero") {
		t.Errorf("%d: %s", code, out)
	}
}

// With the stand-in a race is one, and a reduction is none.
func TestRealTSan(t *testing.T) {
	p := small(t, smallSetup)
	b := mustBuild(t, p, TSan)
	const call = load + "torch.set_num_threads(4)\nx = torch.ones(1 << 16).double()\nprint(torch.ops.small."
	code, out := run(t, b, call+"good(x))")
	if code != 0 || strings.Contains(out, "ThreadSanitizer") || !strings.Contains(out, "65536.") {
		t.Errorf("%d: %s", code, out)
	}
	code, out = run(t, b, call+"race(x))")
	if code == 0 || !strings.Contains(out, "ThreadSanitizer: data race") || !strings.Contains(out, filepath.Join(p.Dir, "csrc", "ops.cpp")+":17") {
		t.Errorf("%d: %s", code, out)
	}
}

func TestRealTripwire(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	o := Options{Python: python(t), Work: t.TempDir()}
	name, err := Tripwire(t.Context(), o)
	if err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(output(err), "\n"))
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Tripwire(t.Context(), o)
	if err != nil || again != name {
		t.Errorf("%q, %v", again, err)
	}
	if second, err := os.Stat(again); err != nil || !os.SameFile(info, second) {
		t.Error("it is built twice")
	}
	b := Built{Libraries: []string{name}}
	const tensor = load + "x = torch.ops.andiron_tripwire.tensor([2, 3], [3, 1], torch.float32)\ntorch.ops.andiron_tripwire.arm()\n"
	if code, out := run(t, b, tensor+"print(x.device, x.t().shape, x.is_contiguous())"); code != 0 || !strings.Contains(out, "privateuseone:0 torch.Size([3, 2]) True") {
		t.Errorf("%d: %s", code, out)
	}
	code, out := run(t, b, tensor+"import ctypes\nctypes.memset(x.data_ptr(), 0, 1)")
	if code == 0 || !strings.Contains(out, "andiron tripwire: the host touched the memory") {
		t.Errorf("%d: %s", code, out)
	}
}

// A build that fails says where the compiler stopped, and leaves the project alone.
func TestRealBroken(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"setup.py":      "from setuptools import setup\nfrom torch.utils.cpp_extension import BuildExtension, CppExtension\nsetup(name='x', ext_modules=[CppExtension('x', ['csrc/x.cpp'])], cmdclass={'build_ext': BuildExtension})\n",
		"csrc/x.cpp":    "int f() { return nothing; }\n",
		"csrc/other.cu": "",
	})
	before := listing(t, dir)
	_, err := Build(t.Context(), mustFind(t, dir), Plain, Options{Python: python(t), Work: t.TempDir()})
	if lines := strings.Join(output(err), "\n"); err == nil || !strings.Contains(lines, "x.cpp:1:18: error: ") {
		t.Errorf("%v\n%s", err, lines)
	}
	if after := listing(t, dir); !slices.Equal(before, after) {
		t.Errorf("the project was changed: %q", after)
	}
}

// The presets do with CMake alone what Build does.
func TestRealPresets(t *testing.T) {
	dir := small(t, smallCMake).Dir
	files, err := Presets()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		write(t, dir, map[string]string{f.Name: string(f.Text)})
	}
	f, err := ask(t.Context(), python(t))
	if err != nil {
		t.Fatal(err)
	}
	call := func(name string, args ...string) (bool, string) {
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return err == nil, string(out)
	}
	for preset, bad := range map[string][2]string{"asan": {"beyond", "heap-buffer-overflow"}, "tsan": {"race", "data race"}} {
		for _, args := range [][]string{{"--preset", preset, "-DCMAKE_PREFIX_PATH=" + f.CMake, "-DPYTHON=" + python(t)}, {"--build", "--preset", preset}} {
			if ok, out := call("cmake", args...); !ok {
				t.Fatal(out)
			}
		}
		if ok, out := call("ctest", "--preset", preset, "-R", "good"); !ok {
			t.Errorf("%s: %s", preset, out)
		}
		if ok, out := call("ctest", "--preset", preset, "-R", bad[0]); ok || !strings.Contains(out, bad[1]) {
			t.Errorf("%s: %s", preset, out)
		}
	}
}

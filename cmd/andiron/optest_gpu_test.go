//go:build optest

package main

import (
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestGPUCorpus: what is planted in kernels is found by some means of a run on a GPU, no
// twin is accused, and the documentation says by which. It needs a GPU, the CUDA toolkit
// and a Python with torch: see tools/gpu_optest.sh.
func TestGPUCorpus(t *testing.T) {
	dir := "../../testdata/ops/gpu"
	list := plantedIn(t, dir, "*.cu")
	scan := andironReport(t, []string{"andiron"}, "ops", "scan", dir)
	begin := time.Now()
	run := andironReport(t, []string{"andiron"}, "ops", "test", "--yes", "--no-progress", "--build", "plain,gpu", "--cases", "60", "--budget", "4m",
		"--python", cmp.Or(os.Getenv("ANDIRON_GPU_PYTHON"), "python3"), "--corpus", filepath.Join(gpuFolder(t), "corpus"), dir)
	for _, p := range run.Summary.Operators.Passes {
		t.Logf("pass %s: %v %s%s", p.Name, p.Run, p.Reason, p.Note)
		if (p.Name == "gpu" || p.Name == "compute-sanitizer") && !p.Run {
			t.Errorf("%s was not run: %s", p.Name, p.Reason)
		}
	}
	if b, err := json.MarshalIndent(run, "", " "); err != nil || os.WriteFile(filepath.Join(gpuFolder(t), "findings.json"), b, 0o600) != nil {
		t.Error("what was found cannot be kept")
	}
	t.Logf("torch %s, %d s", run.Summary.Operators.Torch, int(time.Since(begin).Seconds()))
	assess(t, list, dir, scan, run)
	bugs := judge(t, list)
	for _, p := range bugs {
		if len(p.found) == 1 && p.found["scan"] {
			t.Errorf("no run finds %s in %s", p.class, p.name)
		}
	}
	columns := slices.Concat([]string{"scan", "crash", "oracle", "gradient"}, deviceTools)
	table := meansTable(bugs, columns)
	t.Logf("what found what:\n%s", table)
	checkScripts(t, filepath.Join(gpuFolder(t), "corpus"))
	if !t.Failed() {
		page(t, "gpu", table)
	}
}

// gpuFolder is where what a run leaves behind is kept.
func gpuFolder(t *testing.T) string {
	if dir := os.Getenv("ANDIRON_GPU_OUT"); dir != "" {
		return dir
	}
	return t.TempDir()
}

// checkScripts holds what was written to show the findings on the GPU against its form.
// opcheck is asked on the processor.
func checkScripts(t *testing.T, corpus string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(corpus, "*", "*.py"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no scripts in %s: %v", corpus, err)
	}
	for _, name := range files {
		if strings.HasPrefix(filepath.Base(name), "opcheck-") {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if text := string(b); !strings.Contains(text, ".cuda()") && !strings.Contains(text, "device=") {
			t.Errorf("%s makes no tensor on the GPU:\n%s", name, text)
		}
	}
}

// standIn makes a machine without a GPU look to the runner as if it had one: "cuda" is
// the CPU, ops.cu is C++, and its operator writes to the log of what stands in for
// compute-sanitizer what that would say. The real one is asked by TestGPUCorpus.
var standIn = map[string]string{
	"bin/sitecustomize.py": `import torch

zeros, empty, to = torch.zeros, torch.empty, torch.Tensor.to


def on_cpu(make):
    def made(*args, **kwargs):
        if kwargs.get("device") == "cuda":
            kwargs["device"] = "cpu"
        return make(*args, **kwargs)

    return made


torch.zeros, torch.empty = on_cpu(zeros), on_cpu(empty)
torch.Tensor.to = lambda t, *args, **kwargs: t if args == ("cuda",) else to(t, *args, **kwargs)
torch.Tensor.cuda = lambda t: t
torch.version.cuda = "13.0"
torch.cuda.is_available = lambda: True
torch.cuda.get_device_name = lambda n: "a stand-in"
torch.cuda.mem_get_info = lambda: (1 << 34, 1 << 34)
torch.cuda.set_per_process_memory_fraction = lambda f: None
torch.cuda.memory_allocated = lambda: 0
torch.cuda.synchronize = torch.cuda.empty_cache = lambda: None
`,
	"bin/compute-sanitizer": `#!/bin/sh
if [ "$1" = --help ]; then
	echo "  --strip-paths arg (=yes)"
	exit
fi
tool=$2
export STANDIN_LOG=$4 STANDIN_TOOL=$tool
echo "========= COMPUTE-SANITIZER" >"$STANDIN_LOG"
case $6 in 20000) ;; *) exit 9 ;; esac
[ "$7 $8" = "--strip-paths no" ] || exit 9
[ "$STANDIN" != mute ] || exit 1
shift 8
"$@" || exit
echo "========= ERROR SUMMARY: 1 error" >>"$STANDIN_LOG"
`,
	"project/CMakeLists.txt": `cmake_minimum_required(VERSION 3.18)
project(standin CXX)
find_package(Torch REQUIRED)
add_library(standin MODULE ops.cu)
set_source_files_properties(ops.cu PROPERTIES LANGUAGE CXX COMPILE_OPTIONS "-xc++")
target_link_libraries(standin PRIVATE ${TORCH_LIBRARIES})
set_target_properties(standin PROPERTIES CXX_STANDARD 17)
`,
	"project/ops.cu": `#include <ATen/ATen.h>
#include <torch/library.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>
static void say(const char* text) {
  const char* log = std::getenv("STANDIN_LOG");
  if (log == nullptr) return;
  std::FILE* f = std::fopen(log, "a");
  std::fputs(text, f);
  std::fclose(f);
}
at::Tensor picked(const at::Tensor& x, int64_t at) {
  TORCH_CHECK(x.dim() == 1, "picked takes a vector");
  if (at >= x.numel() && std::getenv("STANDIN_TOOL") && !std::strcmp(std::getenv("STANDIN_TOOL"), "memcheck")) {
    say("========= Invalid __global__ write of size 4 bytes\n=========     at picked_kernel(float*)+0x60 in " __FILE__ ":17\n=========     by thread (0,0,0) in block (0,0,0)\n========= \n");
  }
  return x.clone();
}
TORCH_LIBRARY(standin, m) { m.def("picked(Tensor x, int at) -> Tensor", picked); }
`,
	"project/tests/test_picked.py": `import torch


def test_picked():
    assert torch.ops.standin.picked(torch.ones(3), 1).tolist() == [1, 1, 1]
`,
}

// TestRealGPUStandIn: the way from a call to a finding, and what a tool that says
// nothing comes to.
func TestRealGPUStandIn(t *testing.T) {
	dir := t.TempDir()
	for name, text := range standIn {
		name = filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o755); err != nil { //nolint:gosec // one is a program
			t.Fatal(err)
		}
	}
	bin := filepath.Join(dir, "bin")
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	t.Setenv("PYTHONPATH", bin)
	run := func() tested {
		return andironReport(t, []string{"andiron"}, "ops", "test", "--yes", "--no-progress", "--build", "plain,gpu", "--cases", "40", "--budget", "3m",
			"--python", optestPython(t), "--corpus", filepath.Join(dir, "corpus"), filepath.Join(dir, "project"))
	}
	r := run()
	if len(r.Findings) != 1 {
		t.Fatalf("%+v", r)
	}
	f := r.Findings[0]
	evidence := strings.Join(f.Evidence, "\n")
	if f.Rule != "OPS100" || f.Severity != "critical" || !strings.HasSuffix(f.Where.Path, "ops.cu") || f.Where.Line != 17 ||
		!strings.Contains(f.Message, "an invalid write of 4 bytes in global memory") || !strings.Contains(evidence, "under compute-sanitizer memcheck; ") || strings.Contains(evidence, "did not come again") {
		t.Errorf("%+v", f)
	}
	checkScripts(t, filepath.Join(dir, "corpus"))

	t.Setenv("STANDIN", "mute")
	var said []string
	for _, f := range run().Findings {
		if f.Rule == "OPS121" {
			said = append(said, f.Message)
		}
	}
	if len(said) != 4 || !strings.Contains(said[0], "gave no answer: the calls were not begun") {
		t.Errorf("%q", said)
	}
}

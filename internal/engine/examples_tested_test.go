package engine_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/opreport"
)

// tested is a project whose operators were run.
func tested(o opreport.Operator, incomplete ...string) scene {
	if o.Name == "" {
		o.Name = "ns::f"
	}
	return scene{files: map[string]string{"setup.py": ""}, tested: &opreport.Result{Torch: "2.6.0", Operators: []*opreport.Operator{&o}, Incomplete: incomplete}}
}

// showed is one that showed something, or nothing.
func showed(found ...opreport.Found) scene {
	return tested(opreport.Operator{File: "op.cpp", Line: 3, Counts: opreport.Counts{Valid: 7, Seeds: 1}, Found: found})
}

func testedExamples() map[string]example {
	near := opreport.Found{Kind: "opcheck", Key: "test_faketensor", Detail: "test_faketensor: no fake kernel"}
	all := map[string]example{
		"OPS115": {
			showed(opreport.Found{Kind: "crash", Detail: "runtime error: null pointer passed as argument 2, which is declared to never be null"}),
			showed(opreport.Found{Kind: "crash", Detail: "runtime error: load of null pointer of type 'float'"}),
		},
		"OPS120": {
			tested(opreport.Operator{Counts: opreport.Counts{Raised: 400}}),
			tested(opreport.Operator{Counts: opreport.Counts{Raised: 400}, Skip: "needs a GPU"}),
		},
		"OPS121": {
			tested(opreport.Operator{Counts: opreport.Counts{Valid: 1}}, "the build asan failed: no compiler"),
			tested(opreport.Operator{Counts: opreport.Counts{Valid: 1}}),
		},
		"OPS111": {showed(opreport.Found{Kind: "opcheck", Key: "test_schema", Detail: "test_schema: an argument is mutated"}), showed()},
	}
	for kind, id := range map[string]string{
		"crash": "OPS100", "hang": "OPS101", "poison": "OPS102", "layout": "OPS103", "dtype": "OPS104", "mutation": "OPS105", "threads": "OPS106",
		"leak": "OPS107", "device": "OPS108", "gradcheck": "OPS109", "no-gradient": "OPS110", "reference": "OPS112", "unclear": "OPS113", "determinism": "OPS114",
		"cuda-error": "OPS116", "agreement": "OPS117", "barrier": "OPS118",
	} {
		all[id] = example{showed(opreport.Found{Kind: kind, Detail: "the call shows it"}), showed(near)}
	}
	return all
}

// What is written beyond memory is worse than what is read, and where it was is said.
func TestTestedFindings(t *testing.T) {
	crash := opreport.Found{
		Kind: "crash", Key: "heap-buffer-overflow", Detail: "AddressSanitizer: heap-buffer-overflow", Build: "asan", Times: 4, Calls: 1,
		Output: "READ of size 4 at 0x602000001234 thread T0\n", Where: opreport.Frame{File: "src/op.cpp", Line: 57, Column: 12, Function: "f(at::Tensor)"},
		Script: "/p/.andiron/ops-test/ns-f/crash-01234567.py", Values: "the result at 3 is -3.69e+28 and 1.14e-28",
	}
	write := crash
	write.Output = "WRITE of size 4 at 0x602000001234 thread T0\n"
	unsteady := crash
	unsteady.Unsteady, unsteady.Calls, unsteady.Build, unsteady.Raised, unsteady.Also = true, 3, "plain", true, "the plain build: SIGSEGV"
	rules, err := engine.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	got := look(t, showed(crash, write, unsteady), rules)
	var severities, evidence []string
	for _, f := range got.loose {
		severities = append(severities, f.Severity.String())
		evidence = append(evidence, f.Evidence...)
		if !strings.HasSuffix(f.Where.String(), "src/op.cpp:57:12") || f.Message != "ns::f: "+crash.Detail { // the next run has other values
			t.Errorf("%s: %s", f.Where, f.Message)
		}
	}
	slices.Sort(severities)
	if want := []string{"critical", "high", "high"}; !slices.Equal(severities, want) {
		t.Errorf("severities are %v, want %v", severities, want)
	}
	for _, want := range []string{
		"WRITE of size 4 in f(at::Tensor)", "1 call of the build with AddressSanitizer and UndefinedBehaviorSanitizer; 4 of its cases end so",
		"3 calls of the build as it is; 4 of its cases end so", "the plain build: SIGSEGV", "it did not come again when the call was made alone",
		"on the way out by an exception", "seen: the result at 3 is -3.69e+28 and 1.14e-28", "reproduce: /p/.andiron/ops-test/ns-f/crash-01234567.py",
	} {
		if !slices.Contains(evidence, want) {
			t.Errorf("no evidence %q in %q", want, evidence)
		}
	}
	row := got.summary.Operators.Rows[0]
	if row.Valid != 7 || row.Seeds != 1 || !slices.Equal(row.Found, []string{"crash"}) || got.summary.Incomplete {
		t.Errorf("%+v, incomplete %v", row, got.summary.Incomplete)
	}
}

// What a kernel writes beyond the GPU's memory is as bad as what the processor does; what
// it writes beyond that of its block, or sees itself, is less.
func TestTestedOnGPU(t *testing.T) {
	rules, err := engine.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"Invalid __global__ write of size 4 bytes": "critical", "Invalid __global__ read of size 4 bytes": "high", "Invalid __shared__ write of size 4 bytes": "high",
	} {
		got := look(t, showed(opreport.Found{Kind: "crash", Build: "memcheck", Output: text + "\n    at f(float*)\n"}), rules)
		if len(got.loose) != 1 || got.loose[0].Severity.String() != want || !slices.Contains(got.loose[0].Evidence, "1 call of the build as it is, on the GPU under compute-sanitizer memcheck; 1 of its cases end so") {
			t.Errorf("%s: %+v", text, got.loose)
		}
	}
	asserted := look(t, showed(opreport.Found{Kind: "crash", Build: "gpu", Key: "CUDA error: device-side assert triggered"}), rules)
	if len(asserted.loose) != 1 || asserted.loose[0].Severity.String() != "medium" {
		t.Errorf("%+v", asserted.loose)
	}
	// Calls on the GPU are calls.
	gpu := look(t, tested(opreport.Operator{Counts: opreport.Counts{Raised: 9}, GPU: opreport.Counts{Valid: 2}, Asked: map[string]int{"gpu": 2}}), rules)
	if row := gpu.summary.Operators.Rows[0]; len(gpu.loose) != 0 || row.Valid != 2 || row.Raised != 9 {
		t.Errorf("%+v, %+v", gpu.loose, row)
	}
}

// A run that comes to nothing is no report.
func TestTestedFails(t *testing.T) {
	h := &seen{}
	err := engine.Tested(t.Context(), t.TempDir(), engine.Options{Judge: func([]finding.Finding) finding.Verdict { return finding.Safe }}, h,
		func(func(finding.Progress)) (*opreport.Result, error) { return nil, errNotBuilt })
	if !errors.Is(err, errNotBuilt) {
		t.Errorf("the error is %v", err)
	}
}

var errNotBuilt = errors.New("not built")

// A function of pybind11 has nowhere to register its gradient.
func TestTestedGradientOfPybind(t *testing.T) {
	rules, err := engine.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	lost := []opreport.Found{{Kind: "no-gradient", Detail: "the result does not require a gradient"}}
	for kind, want := range map[string]string{"pybind": "info", "torch": "low"} {
		got := look(t, tested(opreport.Operator{Kind: kind, File: "op.cpp", Line: 3, Counts: opreport.Counts{Valid: 7}, Found: lost}), rules)
		if len(got.loose) != 1 || got.loose[0].Severity.String() != want {
			t.Errorf("%s: %+v, want %s", kind, got.loose, want)
		}
	}
}

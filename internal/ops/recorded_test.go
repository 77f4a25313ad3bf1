package ops

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/opreport"
)

const gathers = `#include <torch/extension.h>
at::Tensor gather(at::Tensor x, at::Tensor i) {
  TORCH_CHECK(x.device().is_cpu() && x.is_contiguous() && x.scalar_type() == at::kFloat && x.dim() == 1);
  TORCH_CHECK(i.device().is_cpu() && i.is_contiguous() && i.scalar_type() == at::kLong && i.dim() == 1);
  auto out = at::empty({i.numel()}, x.options());
  const float* p = x.data_ptr<float>();
  const int64_t* q = i.data_ptr<int64_t>();
  float* o = out.data_ptr<float>();
  for (int64_t k = 0; k < i.numel(); k++) {
    o[k] = p[q[k]];
  }
  return out;
}
TORCH_LIBRARY(ns, m) { m.def("gather(Tensor x, Tensor i) -> Tensor", gather); }
`

// recordOf is what ops test leaves of a source with one operator.
func recordOf(t *testing.T, source string, o opreport.Operator, passes ...string) string {
	t.Helper()
	sum := sha256.Sum256([]byte(source))
	o.Name, o.File, o.Line = "ns::gather", "op.cpp", 14
	rec := opreport.Record{
		Sources: map[string]string{"op.cpp": hex.EncodeToString(sum[:])},
		Result:  opreport.Result{Torch: "2.6.0", Operators: []*opreport.Operator{&o}},
	}
	for _, p := range passes {
		rec.Result.Passes = append(rec.Result.Passes, opreport.Pass{Name: p, Run: true, Note: "1 operator"})
	}
	b, err := rec.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// What ops test left is evidence, and raises what a rule says of the same line.
func TestRecorded(t *testing.T) {
	overflow := opreport.Operator{Counts: opreport.Counts{Valid: 9, Crashed: 2}, Found: []opreport.Found{{
		Kind: "crash", Detail: "AddressSanitizer: heap-buffer-overflow", Build: "asan", Times: 2, Calls: 1, Output: "noise\nWRITE of size 4 at 0x1\n",
		Where: opreport.Frame{File: "op.cpp", Line: 10, Function: "gather"}, Script: "/elsewhere/ns-gather/crash-01234567.py",
	}}}
	rules := []string{"OPS006", "OPS063", "OPS068", "OPS094", "OPS099", "OPS100", "OPS103", "OPS120", "OPS080"}
	const index = "OPS006 op.cpp:10:14: "
	const at = ".andiron/ops-test/result.json"
	got := strings.Join(looked(t, map[string]string{"op.cpp": gathers, at: recordOf(t, gathers, overflow)}, "OPS006"), "\n")
	if !strings.HasSuffix(got, "/.andiron/ops-test/ns-gather/crash-01234567.py") || strings.Contains(got, "elsewhere") {
		t.Errorf("the script is named as %q", got)
	}
	for _, tt := range []struct {
		name   string
		record string
		want   []string
	}{
		{"none", "", []string{index, "OPS063 op.cpp: no file that builds"}},
		{
			"a crash at the line of a rule", recordOf(t, gathers, overflow, "plain", "asan"),
			[]string{index + "* | andiron ops test: ns::gather: AddressSanitizer: heap-buffer-overflow | WRITE of size 4 in gather | 1 call of the build with AddressSanitizer and UndefinedBehaviorSanitizer; 2 of its cases end so", "OPS094 " + at + ": andiron ops test ran with a sanitizer"},
		},
		{
			"one without a place", recordOf(t, gathers, opreport.Operator{Counts: opreport.Counts{Valid: 1}, Found: []opreport.Found{{Kind: "layout", Detail: "transposed differs"}}}, "plain"),
			[]string{index, "OPS063 op.cpp: no file", "OPS103 op.cpp:14: ns::gather: transposed differs"},
		},
		{
			"nothing", recordOf(t, gathers, opreport.Operator{Counts: opreport.Counts{Valid: 90, Raised: 10}}, "plain", "asan"),
			[]string{"OPS094 " + at, "OPS099 " + at + ": ops test called ns::gather 100 times and found nothing | plain: 1 operator | asan: 1 operator", index},
		},
		{
			"no call that came back", recordOf(t, gathers, opreport.Operator{Counts: opreport.Counts{Raised: 400}}, "plain"),
			[]string{index, "OPS063 op.cpp", "OPS120 op.cpp:14: ns::gather was not tested: 0 valid calls in 400"},
		},
		{
			"other sources", recordOf(t, gathers+"// more\n", overflow, "plain", "asan"),
			[]string{"OPS068 " + at + ": op.cpp is not as ops test built it", index, "OPS063 op.cpp"},
		},
		{"a record of another version", `{"version": 2}`, []string{"OPS080 " + at + ": the result of ops test could not be read: version is 2, not 1", index, "OPS063 op.cpp"}},
		{"no record", `[`, []string{"OPS080 " + at + ": the result of ops test could not be read", index, "OPS063 op.cpp"}},
	} {
		files := map[string]string{"op.cpp": gathers}
		if tt.record != "" {
			files[at] = tt.record
		}
		got := looked(t, files, rules...)
		var left []string
		for _, g := range got {
			found := false
			for i, w := range tt.want {
				begins, ends, both := strings.Cut(w, "* | ")
				if strings.HasPrefix(g, begins) && (!both && (!strings.HasPrefix(w, index) || !strings.Contains(g, "ops test")) || both && strings.Contains(g, ends)) {
					tt.want, found = append(tt.want[:i:i], tt.want[i+1:]...), true
					break
				}
			}
			if !found {
				left = append(left, g)
			}
		}
		if diff := cmp.Diff([]string(nil), append(left, tt.want...)); diff != "" {
			t.Errorf("%s: not expected, and not found:\n%s", tt.name, diff)
		}
	}
}

// A write beyond memory makes the finding of the rule critical.
func TestRecordedSeverity(t *testing.T) {
	o := opreport.Operator{Counts: opreport.Counts{Valid: 1}, Found: []opreport.Found{{
		Kind: "crash", Detail: "heap-buffer-overflow", Output: "WRITE of size 4", Where: opreport.Frame{File: "op.cpp", Line: 10},
	}}}
	p := &Project{Root: ".", python: newPythonFacts(), steps: mostWork, sums: map[string]string{}}
	r, err := opreport.ParseRecord([]byte(recordOf(t, gathers, o)))
	if err != nil {
		t.Fatal(err)
	}
	p.record = &recorded{"result.json", r}
	p.source("op.cpp", []byte(gathers), 0)
	severity := map[string]finding.Severity{}
	p.Look(func(f finding.Finding) { severity[f.Rule] = f.Severity })
	if _, twice := severity["OPS100"]; twice || severity["OPS006"] != finding.Critical {
		t.Errorf("%v", severity)
	}
}

// GCC gives what a dispatch macro holds the line of the macro: one index in it is what the
// sanitizer saw, and of several nobody knows which.
func TestRecordedInDispatch(t *testing.T) {
	const loop = "for (int64_t k = 0; k < i.numel(); k++) {\n    o[k] = p[q[k]];\n  }\n"
	for _, tt := range []struct {
		name, body string
		want       int // findings of OPS100
	}{
		{"one", "AT_DISPATCH_ALL_TYPES(x.scalar_type(), \"g\", [&] {\n" + loop + "  });\n", 0},
		{"two", "AT_DISPATCH_ALL_TYPES(x.scalar_type(), \"g\", [&] {\n" + loop + "for (int64_t k = 0; k <= x.numel(); k++) o[0] = p[k];\n  });\n", 1},
		{"behind", "AT_DISPATCH_ALL_TYPES(x.scalar_type(), \"g\", [&] {});\n" + loop, 1},
		{"none", "g([&] {\n" + loop + "  });\n", 1},
	} {
		source := strings.Replace(gathers, loop, tt.body, 1)
		o := opreport.Operator{Counts: opreport.Counts{Valid: 1}, Found: []opreport.Found{{Kind: "crash", Detail: "heap-buffer-overflow", Where: opreport.Frame{File: "op.cpp", Line: 9}}}}
		got := looked(t, map[string]string{"op.cpp": source, ".andiron/ops-test/result.json": recordOf(t, source, o)}, "OPS006", "OPS100")
		joined := strings.Contains(strings.Join(ofRule(got, "OPS006"), ""), "heap-buffer-overflow")
		if n := len(ofRule(got, "OPS100")); n != tt.want || (n == 0) != joined {
			t.Errorf("%s: %q", tt.name, got)
		}
	}
}

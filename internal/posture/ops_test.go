package posture

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/finding"
)

func TestCustomOps(t *testing.T) {
	op := func(rule string, line int, text string) finding.Finding {
		return said(rule, finding.CustomOps, "csrc/op.cpp", line, text)
	}
	library := said("HF002", finding.CustomOps, "config.json", 0, "!names a library")
	for _, tt := range []struct {
		name string
		in   []finding.Finding
		want []string
	}{
		{"nothing", nil, []string{"not applicable: no C++ or CUDA source of a custom operator, and nothing that builds one, in the 0 files that were read for them"}},
		{"all in place", []finding.Finding{op("OPS090", 3, "f checks dtype"), op("OPS095", 1, "builds an extension")}, []string{
			"implemented: ", "+ csrc/op.cpp:3:1: f checks dtype",
		}},
		{"some of it", []finding.Finding{op("OPS090", 3, "f checks dtype"), op("OPS006", 5, "!an index"), op("OPS006", 9, "!another index")}, []string{
			"partial: ", "+ csrc/op.cpp:3:1: f checks dtype",
			"- csrc/op.cpp:5:1: an index | fix of OPS006", "- csrc/op.cpp:9:1: another index | fix of OPS006",
		}},
		{"what another room came across", []finding.Finding{library, library, library}, []string{
			"missing: ", "- config.json: names a library (and 2 more of HF002 in this file) | fix of HF002",
		}},
	} {
		got := lines(get(t, Input{Findings: tt.in}, finding.CustomOps))
		slices.Sort(tt.want[1:])
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

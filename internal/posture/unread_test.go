package posture

import (
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/finding"
)

func blindAt(rule, path string) finding.Finding {
	return finding.Finding{Rule: rule, Strategy: finding.SecureLoading, Outcome: finding.Undetermined, Where: finding.Where{Path: path}}
}

// What could not be looked at is named by the strategies that it may be about, and by
// no other.
func TestUnread(t *testing.T) {
	for _, tt := range []struct {
		finding finding.Finding
		touched string
	}{
		{blindAt("DEP006", "x.txt"), "dependency-scanning dependency-pinning framework-updates"},
		{blindAt("DEP003", "x.txt"), "dependency-scanning"},
		{blindAt("OPS080", "x.cu"), "custom-ops"},
		{blindAt("TEN011", "x.npz"), "input-validation"},
		{blindAt("PY080", "x.py"), "safe-serialization trusted-sources secure-loading input-validation custom-ops"},
		{blindAt("TRU013", "x.lock"), "safe-serialization trusted-sources secure-loading"},
		{blindAt("FMT905", "folder"), "dependency-scanning dependency-pinning safe-serialization trusted-sources framework-updates secure-loading input-validation custom-ops"},
	} {
		var got []string
		for _, p := range Assess(Input{Incomplete: true, Findings: []finding.Finding{tt.finding}}) {
			if strings.Contains(p.Reason, "could not be looked at: "+tt.finding.Where.Path) {
				got = append(got, string(p.Strategy))
			}
		}
		if g := strings.Join(got, " "); g != tt.touched {
			t.Errorf("%s: %s", tt.finding.Rule, g)
		}
	}
}

func TestUnreadMany(t *testing.T) {
	var in Input
	for p := range strings.FieldsSeq("g f e d c b a") {
		in.Findings = append(in.Findings, blindAt("OPS080", p))
	}
	if got, want := in.unread(finding.CustomOps), "could not be looked at: a, b, c, d, e and 2 more places"; got != want {
		t.Errorf("got %q", got)
	}
	placeless := blindAt("OPS080", "")
	placeless.Message = "nothing was read"
	if got := (&Input{Findings: []finding.Finding{placeless}}).unread(finding.CustomOps); got != "could not be looked at: nothing was read" {
		t.Errorf("got %q", got)
	}
	in.Interrupted = true
	if got := in.unread(finding.CustomOps); !strings.Contains(got, "interrupted") {
		t.Errorf("got %q", got)
	}
}

// What remains depends on how far a strategy is in place.
func TestResidual(t *testing.T) {
	s := &strategies[2]
	for _, tt := range []struct {
		posture finding.Posture
		want    string
	}{
		{finding.Posture{Status: finding.Implemented}, s.residual},
		{finding.Posture{Status: finding.Partial, Missing: make([]finding.Evidence, 2)}, "Through 2 points that are missing: model deserialisation (high)."},
		{finding.Posture{Status: finding.Partial}, "Where nobody looked, nothing is known of model deserialisation (high)."},
		{finding.Posture{Status: finding.Missing}, "All of it: model deserialisation (high)."},
		{finding.Posture{Status: finding.Undecided}, "Not known, and to be taken for all of it: model deserialisation (high)."},
		{finding.Posture{Status: finding.NotApplicable}, "None, while the project has nothing that the strategy is about."},
	} {
		if got := s.remains(tt.posture); !strings.HasPrefix(got, tt.want) {
			t.Errorf("%s: %s", tt.posture.Status, got)
		}
	}
}

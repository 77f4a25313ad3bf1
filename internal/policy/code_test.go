package policy

import (
	"testing"

	"github.com/andiron-dev/andiron/finding"
)

func TestCode(t *testing.T) {
	p, err := Parse([]byte("version: 1\ncode:\n  rules:\n    - {path: legacy/, severity: low}\n    - {rule: PY025, severity: off}\n    - {rule: PY025, path: serve.py, severity: critical}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		path, rule string
		outcome    finding.Outcome
		want       string
	}{
		{"train.py", "PY002", finding.Present, "high"},
		{"legacy/a/b.py", "PY002", finding.Present, "low"},
		{"legacy/a.py", "PY002", finding.Undetermined, "high"},
		{"legacy/a.py", "PKL001", finding.Present, "high"},
		{"train.py", "PY025", finding.Present, "off"},
		{"legacy/a.py", "PY025", finding.Present, "off"},
		{"serve.py", "PY025", finding.Present, "critical"},
		{"", "PY002", finding.Present, "high"},
	} {
		f, kept := p.Code(tt.path, finding.Finding{Rule: tt.rule, Severity: finding.High, Outcome: tt.outcome})
		got := f.Severity.String()
		if !kept {
			got = "off"
		}
		if got != tt.want {
			t.Errorf("%s in %s: %s, want %s", tt.rule, tt.path, got, tt.want)
		}
	}
	info, _ := p.Code("legacy/a.py", finding.Finding{Rule: "PY090", Outcome: finding.Present})
	if info.Severity != finding.Info {
		t.Error("what is in place becomes a fault")
	}
}

func TestCodeErrors(t *testing.T) {
	for text, want := range map[string]string{
		"{rule: PY025}":                             "line 4: a rule for code needs severity",
		"{severity: low}":                           "line 4: a rule for code names a rule, a path or both",
		"{rule: PKL001, severity: low}":             `line 4: rule "PKL001" is not one of code, of the form PY123`,
		"{rule: PY001, severity: loud}":             `line 4: severity "loud" is not one of critical, high, medium, low, info, off`,
		"{rule: PY001, severity: low, paths: a.py}": `line 4: key "code.rules.paths" is not known`,
	} {
		_, err := Parse([]byte("version: 1\ncode:\n  rules:\n    - " + text + "\n"))
		if err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

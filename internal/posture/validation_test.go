package posture

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/finding"
)

func TestInputValidation(t *testing.T) {
	of := func(rule, path, message string, s finding.Severity) finding.Finding {
		return finding.Finding{
			Rule: rule, Strategy: finding.InputValidation, Severity: s, Outcome: finding.Present, Message: message,
			Where: finding.Where{Path: path}.Line1(1, 1), Fix: "a fix",
		}
	}
	schema := of("TEN030", "n.schema.yaml", "a schema", finding.Info)
	call := of("PY095", "s.py", "a guard", finding.Info)
	held := of("PY098", "n.py", "Net is held against n.schema.yaml by andiron.guard at s.py:1:1, and 3 times more", finding.Info)
	open := of("PY060", "n.py", "Bare is open", finding.Medium)
	lost := of("PY061", "s.py", "no schema", finding.Medium)
	waived := open
	waived.Waived = &finding.Waiver{}
	rest := []finding.Finding{of("PY096", "t.py", "adversarial", finding.Info), of("PY097", "t.py", "data", finding.Info)}
	abroad := of("PY099", "l.py", "from a file", finding.Info)
	const (
		noSchema = "- p: no schema says which tensors the model takes | andiron guard infer -o model.schema.yaml <MODEL.pt2> <SAMPLES.npz>"
		noGuard  = `- p: nothing holds what reaches the model against a schema, neither in Python nor in front of a server | model = andiron.guard(model, "model.schema.yaml"), or: andiron guard serve --schema model.schema.yaml --backend http://127.0.0.1:8000`
		robust   = "+ t.py:1:1: adversarial"
		data     = "+ t.py:1:1: data"
		isHeld   = "+ n.py:1:1: Net is held against n.schema.yaml by andiron.guard at s.py:1:1, and 3 times more"
		isOpen   = "- n.py:1:1: Bare is open | a fix"
		unseen   = "no class with a forward() that stands by itself was found in the code, so which models there are to guard is not known"
	)
	for _, tt := range []struct {
		name string
		more []finding.Finding
		want []string
	}{
		{"all in place", []finding.Finding{schema, call, held}, []string{"implemented: ", isHeld, "+ n.schema.yaml:1:1: a schema", robust, data}},
		{"a short form is a schema", []finding.Finding{held}, []string{"implemented: ", isHeld, robust, data}},
		{"a guard without its schema", []finding.Finding{schema, call, lost}, []string{"partial: " + unseen, "+ n.schema.yaml:1:1: a schema", robust, data, "- s.py:1:1: no schema | a fix"}},
		{"a gateway and data without theirs", []finding.Finding{schema, of("TEN031", "g.sh", "a gateway", finding.Info), of("PY062", "g.sh", "elsewhere", finding.Low), of("PY097", "d.py", "data", finding.Info), of("PY061", "d.py", "no schema", finding.Medium)}, []string{"partial: " + unseen, "+ n.schema.yaml:1:1: a schema", robust, data, "- d.py:1:1: no schema | a fix", "- g.sh:1:1: elsewhere | a fix"}},
		{"one is open", []finding.Finding{schema, held, open}, []string{"partial: ", isHeld, "+ n.schema.yaml:1:1: a schema", robust, data, isOpen}},
		{"all are open", []finding.Finding{open}, []string{"partial: ", robust, data, isOpen, noSchema}},
		{"somebody answers for it", []finding.Finding{schema, held, waived}, []string{"implemented: ", isHeld, "+ n.schema.yaml:1:1: a schema", robust, data}},
		{"no models", []finding.Finding{schema}, []string{"partial: " + unseen, "+ n.schema.yaml:1:1: a schema", robust, data, noGuard}},
		{"a guard around what is not seen", []finding.Finding{schema, call}, []string{"partial: " + unseen, "+ n.schema.yaml:1:1: a schema", "+ s.py:1:1: a guard", robust, data}},
		{"a model from elsewhere", []finding.Finding{schema, held, abroad}, []string{
			"partial: a model comes from a file or another package (l.py:1:1), and whether what reaches it is checked was not looked at", isHeld, "+ n.schema.yaml:1:1: a schema", robust, data,
		}},
		{"models from elsewhere", []finding.Finding{schema, held, abroad, abroad}, []string{
			"partial: 2 models come from files or other packages (the first at l.py:1:1), and whether what reaches them is checked was not looked at", isHeld, "+ n.schema.yaml:1:1: a schema", robust, data,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := lines(get(t, Input{Root: "p", Python: 1, Findings: slices.Concat(tt.more, rest)}, finding.InputValidation))
			slices.Sort(tt.want[1:])
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

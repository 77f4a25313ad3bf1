package posture

import (
	"strings"

	"github.com/andiron-dev/andiron/finding"
)

// What is in place of input validation, by rule, and what to say and do where it is
// not.
var validations = []struct {
	rules     []string
	text, fix string
}{
	{[]string{"TEN030"}, "no schema says which tensors the model takes", "andiron guard infer -o model.schema.yaml model.pt2 samples.npz"},
	{
		[]string{"PY095", "TEN031"},
		"nothing holds what reaches the model against a schema, neither in Python nor in front of a server",
		`model = andiron.guard(model, "model.schema.yaml"), or: andiron guard serve --schema model.schema.yaml --backend http://127.0.0.1:8000`,
	},
	{[]string{"TEN032", "PY097"}, "no training data are held against a schema or a baseline", "andiron data baseline -o train.baseline.json train.npz"},
	{[]string{"TEN033", "PY096"}, "nothing is known about how the model does under adversarial attack", "andiron robust eval --script model.py:Net --weights net.pt --inputs x.npy --labels y.npy --eps 0.05,0.1 -o net.robustness.json"},
}

// inputValidation is what was found of schemas, guards, gateways, data and robustness.
func inputValidation(in Input) view {
	var v view
	for _, w := range validations {
		found := sites(informing(in, w.rules))
		v.implemented = append(v.implemented, found...)
		if len(found) == 0 && in.Python > 0 {
			v.missing = append(v.missing, finding.Evidence{Text: w.text, Where: finding.Where{Path: in.Root}, Fix: w.fix})
		}
	}
	v.missing = append(v.missing, sites(onlyTensors(findings(in, finding.InputValidation)))...)
	v.missing = append(v.missing, byRule(notTensors(findings(in, finding.InputValidation)))...)
	if len(v.implemented) == 0 && len(v.missing) == 0 {
		v.reason = "there is no Python code that a model could be in, and no schema"
	}
	if len(v.implemented) > 0 {
		v.open = []string{"which forward() of the code lacks a check was not looked at"}
	}
	return v
}

func isTensors(f finding.Finding) bool { return strings.HasPrefix(f.Rule, "TEN") }

func onlyTensors(fs []finding.Finding) (out []finding.Finding) {
	for _, f := range fs {
		if isTensors(f) {
			out = append(out, f)
		}
	}
	return out
}

func notTensors(fs []finding.Finding) (out []finding.Finding) {
	for _, f := range fs {
		if !isTensors(f) {
			out = append(out, f)
		}
	}
	return out
}

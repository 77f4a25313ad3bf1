package posture

import (
	"fmt"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
)

// What is in place of input validation, by rule, and what to say and do where it is
// not.
var validations = []struct {
	rules     []string
	text, fix string
}{
	{[]string{"TEN030"}, "no schema says which tensors the model takes", "andiron guard infer -o model.schema.yaml <MODEL.pt2> <SAMPLES.npz>"},
	{
		[]string{forwardGuarded, "PY095", "TEN031"},
		"nothing holds what reaches the model against a schema, neither in Python nor in front of a server",
		`model = andiron.guard(model, "model.schema.yaml"), or: andiron guard serve --schema model.schema.yaml --backend http://127.0.0.1:8000`,
	},
	{[]string{"TEN032", "PY097"}, "no training data are held against a schema or a baseline", "andiron data baseline -o train.baseline.json <DATA>"},
	{[]string{"TEN033", "PY096"}, "nothing is known about how the model does under adversarial attack", "andiron robust eval --script <FILE.py:NAME> --weights <WEIGHTS> --inputs <X.npy> --labels <Y.npy> --eps 0.05,0.1 -o net.robustness.json"},
}

// Rules of the code room about the models that stand by themselves.
const (
	forwardOpen    = "PY060" // what reaches it is checked by nothing
	forwardGuarded = "PY098" // it is held against a schema, which may be a short form in the code
	forwardAbroad  = "PY099" // it is not in the code
	schemaLost     = "PY061" // its guard names a schema that is not there

	gatewayElsewhere = "PY062" // a gateway whose schema was not looked at
)

// inputValidation is what was found of schemas, guards, gateways, data and robustness.
// Each forward() that nothing guards is missing.
func inputValidation(in Input) view {
	var v view
	open := notTensors(findings(in, finding.InputValidation))
	guarded := informing(in, []string{forwardGuarded})
	for i, w := range validations {
		found := informing(in, w.rules)
		v.implemented = append(v.implemented, sites(notTwice(found, open))...)
		said := len(found) > 0 || i == 0 && len(guarded) > 0 || i == 1 && len(open) > 0
		if !said && in.Python > 0 {
			v.missing = append(v.missing, finding.Evidence{Text: w.text, Where: finding.Where{Path: in.Root}, Fix: w.fix})
		}
	}
	v.missing = append(v.missing, sites(onlyTensors(findings(in, finding.InputValidation)))...)
	v.missing = append(v.missing, sites(open)...)
	if len(v.implemented) == 0 && len(v.missing) == 0 {
		v.searched = "no Python code that a model could be in, and no schema, in " + in.files()
	}
	if len(v.implemented) > 0 {
		v.open = notSeen(informing(in, []string{forwardAbroad}), len(guarded) > 0 || hasRule(in, forwardOpen))
	}
	return v
}

// notTwice leaves out the calls of a guard that the findings of what they guard name,
// and the guards, gateways and checks of data whose schema is not there.
func notTwice(fs, open []finding.Finding) []finding.Finding {
	named, lost := map[string]bool{}, map[string]bool{}
	for _, f := range open {
		if f.Rule == schemaLost || f.Rule == gatewayElsewhere {
			lost[f.Where.String()] = true
		}
	}
	for _, f := range fs {
		if f.Rule == forwardGuarded {
			for part := range strings.SplitSeq(f.Message, " at ") {
				place, _, _ := strings.Cut(part, ", and ")
				named[place] = true
			}
		}
	}
	return slices.DeleteFunc(fs, func(f finding.Finding) bool {
		at := f.Where.String()
		return lost[at] || f.Rule == "PY095" && named[at]
	})
}

// notSeen says which models were not looked at.
func notSeen(abroad []finding.Finding, inCode bool) (open []string) {
	switch {
	case len(abroad) == 1:
		open = append(open, fmt.Sprintf("a model comes from a file or another package (%s), and whether what reaches it is checked was not looked at", abroad[0].Where))
	case len(abroad) > 1:
		open = append(open, fmt.Sprintf("%d models come from files or other packages (the first at %s), and whether what reaches them is checked was not looked at", len(abroad), abroad[0].Where))
	case !inCode:
		open = append(open, "no class with a forward() that stands by itself was found in the code, so which models there are to guard is not known")
	}
	return open
}

// hasRule reports whether there is a finding of a rule, waived or not.
func hasRule(in Input, rule string) bool {
	for f := range every(in) {
		if f.Rule == rule {
			return true
		}
	}
	return false
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

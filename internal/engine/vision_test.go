package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/finding"
)

// audited keeps what an audit says.
type audited struct {
	recorder

	loose    []finding.Finding
	postures []finding.Posture
}

func (a *audited) Finding(f finding.Finding) error {
	a.loose = append(a.loose, f)
	return nil
}

func (a *audited) Posture(p finding.Posture) error {
	a.postures = append(a.postures, p)
	return nil
}

// The example project is in the middle of being put right: its classifier has a
// schema and comes out of a verified file, and no forward() is guarded.
func TestAuditVisionService(t *testing.T) {
	const root = "../../examples/vision-service"
	var h audited
	if err := Audit(t.Context(), root, Options{}, &h); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range h.loose {
		if f.Strategy == finding.InputValidation {
			got = append(got, fmt.Sprintf("%s %s %s", f.Rule, f.Severity, strings.ReplaceAll(f.Where.String()+": "+f.Message, root+"/", "")))
		}
	}
	const open = ": nothing holds what reaches forward() of "
	want := []string{
		`TEN030 info classifier.schema.yaml: there is a schema of the model "classifier" for the inputs "image"`,
		"PY099 info loader.py:24:12: andiron.jit_load gives a model whose forward() is not in the code of the project, and no guard around it was seen",
		"PY060 medium model.py:23:5" + open + "Backbone against a schema, and it is given weights at loader.py:19:5",
		"PY060 medium model.py:37:5" + open + "Detector against a schema, and it is exported at make_models.py:32:5",
		"PY060 medium model.py:50:5" + open + "Classifier against a schema, and it is exported at make_models.py:33:5",
		"PY064 info serve.py:57:10: requests are given to a model here, and nothing normalises them, as the training does",
		"PY064 info serve_v2.py:28:14: requests are given to a model here, and nothing normalises them, as the training does",
		"PY066 info train.py:70:15: the data that are loaded here are held against no schema",
		"PY065 info train.py:78:13: a model is trained here without adversarial examples",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("findings on input validation (-want +got):\n%s", diff)
	}
	i := slices.IndexFunc(h.postures, func(p finding.Posture) bool { return p.Strategy == finding.InputValidation })
	if i < 0 || h.postures[i].Status != finding.Partial {
		t.Errorf("posture %d of %v is not in part", i, h.postures)
	}
}

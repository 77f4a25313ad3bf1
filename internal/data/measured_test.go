package data

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/robust"
)

func TestRobustness(t *testing.T) {
	root := filepath.ToSlash(t.TempDir())
	for name, text := range map[string]string{"net.py": "net", "runs/w.pt": "weights", "x.npy": "inputs"} {
		abs := filepath.Join(root, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(abs), 0o755), os.WriteFile(abs, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	of := func(name, text string) robust.File {
		return robust.File{Path: name, SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(text)))}
	}
	rate := robust.Rate{Right: 1, Samples: 2, Accuracy: 0.5}
	for _, tt := range []struct {
		name            string
		script, weights robust.File
		inputs          robust.File
		want            string
	}{
		{"all as they were", of("net.py", "net"), of("runs/w.pt", "weights"), of("x.npy", "inputs"), "TEN033"},
		{"another script", of("net.py", "old"), of("runs/w.pt", "weights"), of("x.npy", "inputs"), "TEN036"},
		{"other weights, named from the folder of the report", of("net.py", "net"), of("w.pt", "old"), of("x.npy", "inputs"), "TEN036"},
		{"other inputs", of("net.py", "net"), of("runs/w.pt", "weights"), of("x.npy", "old"), "TEN036"},
		{"not in the project", of("elsewhere.py", "net"), of("/w.pt", "weights"), of("../x.npy", "inputs"), "TEN033"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := &Measured{finding.Where{Path: root + "/runs/a.robustness.json"}, &robust.Report{
				Model: &robust.Model{Script: tt.script, Weights: &tt.weights}, Data: &robust.Data{Inputs: tt.inputs, Labels: of("y.npy", "")},
				Clean: rate, Rows: []robust.Row{{Eps: 0.1, Attack: robust.Worst, Rate: rate}},
			}}
			var got []finding.Finding
			if err := Robustness(t.Context(), root, []*Measured{m}, func(f finding.Finding) { got = append(got, f) }); err != nil {
				t.Fatal(err)
			}
			if len(got) != 1 || got[0].Rule != tt.want || got[0].Outcome != finding.Present {
				t.Errorf("%+v, want %s", got, tt.want)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if err := Robustness(ctx, root, []*Measured{m}, func(finding.Finding) { t.Error("it went on") }); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
}

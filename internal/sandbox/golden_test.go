//go:build sandbox

package sandbox_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/sandbox"
)

const golden = "../../testdata/golden/torch/torch-1.13"

// What real torch wrote loads without one call that the filter lacks. What the sandbox
// does not hand out (sparse, quantized, objects) is an error, and no alarm.
func TestGolden(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(golden, "index.json"))
	if err != nil {
		t.Fatal(err)
	}
	var index struct {
		Samples []struct {
			File string
			OK   bool
		}
	}
	if err := json.Unmarshal(b, &index); err != nil {
		t.Fatal(err)
	}
	loaded, refused := 0, 0
	for _, s := range index.Samples {
		if !s.OK || !strings.HasSuffix(s.File, ".pt") && !strings.HasSuffix(s.File, ".pth") {
			continue
		}
		t.Run(s.File, func(t *testing.T) {
			in, err := sandbox.OpenInput(filepath.Join(golden, s.File))
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			r, rep, err := sandbox.Load(t.Context(), in, sandbox.Options{Python: pythons(t)[0]})
			if rep != nil && len(rep.Events) > 0 {
				t.Errorf("%v", rep.Events)
			}
			switch {
			case err == nil:
				loaded++
				_ = r.Close()
			case errors.Is(err, sandbox.ErrFailed):
				refused++
				t.Log(err)
			default:
				t.Error(err)
			}
		})
	}
	t.Logf("%d loaded, %d not handed out", loaded, refused)
	if loaded < 50 {
		t.Errorf("%d loaded", loaded)
	}
}

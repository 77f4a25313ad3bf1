//go:build sandbox

package sandbox_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/andiron-dev/andiron/internal/sandbox"
)

const golden = "../../testdata/golden/torch/torch-1.13"

// makesCode has quantized layers, for which torch writes machine code while it loads.
const makesCode = "torchscript/quantized_dynamic.pt"

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
	var loaded, refused atomic.Int64
	t.Cleanup(func() {
		if t.Logf("%d loaded, %d not handed out", loaded.Load(), refused.Load()); loaded.Load() < 50 {
			t.Errorf("%d loaded", loaded.Load())
		}
	})
	for _, s := range index.Samples {
		if !s.OK || strings.HasPrefix(s.File, "hostile/") || !strings.HasSuffix(s.File, ".pt") && !strings.HasSuffix(s.File, ".pth") {
			continue
		}
		t.Run(s.File, func(t *testing.T) {
			t.Parallel()
			in, err := sandbox.OpenInput(filepath.Join(golden, s.File))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = in.Close() }() // it was only read
			r, rep, err := sandbox.Load(t.Context(), in, sandbox.Options{Python: pythons(t)[0]})
			if s.File == makesCode {
				if !errors.Is(err, sandbox.ErrContained) || !strings.HasPrefix(rep.Events[0].Call, "mprotect") {
					t.Error(err)
				}
				return
			}
			if rep != nil && len(rep.Events) > 0 {
				t.Errorf("%v", rep.Events)
			}
			switch {
			case err == nil:
				loaded.Add(1)
				_ = r.Close()
			case errors.Is(err, sandbox.ErrFailed):
				refused.Add(1)
				t.Log(err)
			default:
				t.Error(err)
			}
		})
	}
}

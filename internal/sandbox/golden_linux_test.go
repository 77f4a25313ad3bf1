//go:build sandbox

package sandbox_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/andiron-dev/andiron/internal/sandbox"
	"github.com/andiron-dev/andiron/torchfile"
)

const golden = "../../testdata/golden/torch"

// corpus is the folder with what this torch wrote, or the one whose torch is nearest before.
func corpus(t *testing.T, python string) string {
	t.Helper()
	b, err := exec.CommandContext(t.Context(), python, "-c", "import torch; print(torch.__version__)").Output()
	if err != nil {
		t.Fatal(err)
	}
	var major, minor, m, n int
	if _, err := fmt.Sscanf(string(b), "%d.%d", &major, &minor); err != nil {
		t.Fatal(err)
	}
	best, of := "", -1
	dirs, err := filepath.Glob(filepath.Join(golden, "torch-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		if _, err := fmt.Sscanf(filepath.Base(dir), "torch-%d.%d", &m, &n); err != nil {
			t.Fatal(err)
		}
		if version := m*1000 + n; version <= major*1000+minor && version > of {
			best, of = dir, version
		}
	}
	if best == "" {
		t.Fatalf("there is no corpus of torch %s", b)
	}
	return best
}

// modulesOf are those that a checkpoint names, as andiron sandbox load tells them.
func modulesOf(t *testing.T, name string) (list []string) {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	file, err := torchfile.Open(f, info.Size(), torchfile.Options{})
	if err != nil {
		return nil
	}
	file.All(func(_ string, f *torchfile.File) bool {
		for _, p := range f.Pickles {
			for _, v := range p.Trace.Imports() {
				if g, ok := v.Global(); ok && !slices.Contains(list, g.Module) {
					list = append(list, g.Module)
				}
			}
		}
		return true
	})
	return list
}

// What real torch wrote loads without one call that the filter lacks. What the sandbox
// does not hand out (sparse, quantized, objects) is an error, and no alarm.
func TestGolden(t *testing.T) {
	python := pythons(t)[0]
	dir := corpus(t, python)
	t.Logf("%s", dir)
	b, err := os.ReadFile(filepath.Join(dir, "index.json"))
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
			name := filepath.Join(dir, s.File)
			in, err := sandbox.OpenInput(name)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = in.Close() }() // it was only read
			r, rep, err := sandbox.Load(t.Context(), in, sandbox.Options{Python: python, Wants: modulesOf(t, name)})
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

// refused has real torch write what is not handed out.
const refused = `
import sys, os, torch
from torch import nn, quantization as q
os.chdir(sys.argv[1])
torch.backends.quantized.engine = next(e for e in torch.backends.quantized.supported_engines if e != "none")
torch.save(q.quantize_dynamic(nn.Sequential(nn.Linear(3, 3)), {nn.Linear}, dtype=torch.qint8), "dynamic.pt")
net = nn.Sequential(q.QuantStub(), nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 3)).eval()
net.qconfig = q.get_default_qconfig("fbgemm")
net = q.prepare(net)
net(torch.randn(2, 1, 4, 4))
net = q.convert(net)
torch.save(net, "static.pt")
torch.jit.save(torch.jit.trace(net, torch.randn(2, 1, 4, 4)), "traced.pt")
torch.save({"k\ud800": torch.ones(1)}, "half-key.pt")
torch.save({"a": "v\udfff", "b": torch.ones(1)}, "half-value.pt")
`

// What torch writes and the sandbox does not hand out is an error that says why, and no
// attack: to pack quantized layers would write machine code, and half of a surrogate pair
// is no text.
func TestRefused(t *testing.T) {
	python, dir := pythons(t)[0], t.TempDir()
	if out, err := exec.CommandContext(t.Context(), python, "-c", refused, dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for name, want := range map[string]string{
		"dynamic": "quantized", "static": "quantized", "traced": "quantized",
		"half-key": `'k\ud800'`, "half-value": `'v\udfff'`,
	} {
		in, err := sandbox.OpenInput(filepath.Join(dir, name+".pt"))
		if err != nil {
			t.Fatal(err)
		}
		_, rep, err := sandbox.Load(t.Context(), in, sandbox.Options{Python: python})
		if !errors.Is(err, sandbox.ErrFailed) || !strings.Contains(err.Error(), want) || len(rep.Events) > 0 {
			t.Errorf("%s: %v, %v", name, err, rep.Events)
		}
		_ = in.Close() // it was only read
	}
}

// A jagged tensor has torch import more of itself in the middle of the load, which is done
// before that: what is refused is to hand it out.
func TestJagged(t *testing.T) {
	python := pythons(t)[0]
	name := filepath.Join(corpus(t, python), "zip", "nested_jagged.pt")
	in, err := sandbox.OpenInput(name)
	if errors.Is(err, os.ErrNotExist) {
		return // this torch has none
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }() // it was only read
	_, rep, err := sandbox.Load(t.Context(), in, sandbox.Options{Python: python, Wants: modulesOf(t, name)})
	if !errors.Is(err, sandbox.ErrFailed) || !strings.Contains(err.Error(), "jagged") || len(rep.Events) > 0 {
		t.Errorf("%v, %v", err, rep.Events)
	}
}

//go:build sandbox

package sandbox_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/andiron-dev/andiron/internal/sandbox"
)

const ownModules = `
import sys
sys.path.insert(0, sys.argv[1])
import torch, own.net
torch.save(own.net.Net(), "net.pt")
torch.save({"weight": torch.zeros(2), "late": own.net.Late()}, "late.pt")
`

const ownNet = `
import torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 2)
class Late:
    def __reduce__(self): return late, ()
def late():
    import wave
    return 1
`

// A module of the project is there if it is allowed. If it is not, that is said, and
// is no attack.
func TestNeeds(t *testing.T) {
	python := pythons(t)[0]
	dir := t.TempDir()
	src := filepath.Join(dir, "src")
	if err := os.MkdirAll(filepath.Join(src, "own"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(filepath.Join(src, "own", "net.py"), []byte(ownNet), 0o644), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-c", ownModules, src)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	none := []string{"own.net", "torch._utils"}
	for _, c := range []struct {
		name, file string
		o          sandbox.Options
		want       error
		lacks      []string
	}{
		{"allowed", "net.pt", sandbox.Options{Imports: []string{"own.net"}, Path: []string{src}, Wants: none}, nil, nil},
		{"not allowed", "net.pt", sandbox.Options{Path: []string{src}, Wants: none}, sandbox.ErrNeeds, none[:1]},
		{"nowhere", "net.pt", sandbox.Options{Wants: none}, sandbox.ErrNeeds, none[:1]},
		{"allowed and nowhere", "net.pt", sandbox.Options{Imports: []string{"own.net"}}, sandbox.ErrFailed, nil},
		{"imported late", "late.pt", sandbox.Options{Imports: []string{"own.net"}, Path: []string{src}}, sandbox.ErrNeeds, nil},
		{"all allowed", "late.pt", sandbox.Options{Imports: []string{"own.net", "wave"}, Path: []string{src}}, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.Python = python
			rep, err := attempt(t, filepath.Join(dir, c.file), c.o)
			if !errors.Is(err, c.want) || !slices.Equal(rep.Lacks, c.lacks) {
				t.Errorf("%v, lacks %v", err, rep.Lacks)
			}
		})
	}
}

//go:build oracle

package scan_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/model"
)

// TestWeightsOnlyAgainstTorch holds what we say of torch.load(weights_only=True)
// against what real torch does with the benign corpus. ANDIRON_WEIGHTS_ORACLE
// has, for each torch, our label of its release line, "=", and the command that
// runs tools/oracle/weights_only.py under it; they are split by semicolons.
func TestWeightsOnlyAgainstTorch(t *testing.T) {
	commands := os.Getenv("ANDIRON_WEIGHTS_ORACLE")
	if commands == "" {
		t.Fatal("ANDIRON_WEIGHTS_ORACLE is empty: run make oracle")
	}
	root := filepath.Join(os.Getenv("ANDIRON_CORPUS"), "benign")
	for command := range strings.SplitSeq(commands, ";") {
		line, command, _ := strings.Cut(command, "=")
		argv := append(strings.Fields(command), root)
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Stderr = os.Stderr
		cmd.Dir = root
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", command, err)
		}
		compareLoads(t, line, root, string(out))
	}
}

func compareLoads(t *testing.T, line, root, answers string) {
	t.Helper()
	files, differ := 0, 0
	for s := bufio.NewScanner(strings.NewReader(answers)); s.Scan(); {
		var answer struct {
			File, Error string
			Loads       bool
		}
		if err := json.Unmarshal(s.Bytes(), &answer); err != nil {
			t.Fatalf("%q: %v", s.Text(), err)
		}
		got, ok := loads(t, filepath.Join(root, answer.File), line)
		if !ok {
			continue // TorchScript: torch below 2.6 gives it to torch.jit.load, which is CVE-2025-32434
		}
		files++
		if got != answer.Loads {
			differ++
			t.Logf("torch %s: %s: torch says %v (%s), we say %v", line, answer.File, answer.Loads, answer.Error, got)
		}
	}
	t.Logf("torch %s: %d of %d files differ", line, differ, files)
	if files < 100 || differ*100 > files {
		t.Errorf("torch %s: %d of %d files differ, more than 1 %%, or too few files", line, differ, files)
	}
}

// loads is what we say of a file; ok is false where torch.load runs no pickle.
func loads(t *testing.T, path, line string) (loads, ok bool) {
	t.Helper()
	a, err := artifact.Open(path, path)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	tree, err := model.Inspect(t.Context(), a, model.Options{})
	if err != nil {
		t.Fatal(err)
	}
	loads = true
	for _, p := range tree.Pickles {
		for _, w := range p.WeightsOnly {
			if w.Torch == line {
				ok = true
				loads = loads && w.Loads
			}
		}
	}
	return loads, ok || !strings.HasPrefix(tree.Format, "torchscript")
}

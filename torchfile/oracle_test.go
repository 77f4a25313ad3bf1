//go:build oracle

package torchfile_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/torchfile"
)

// TestZipLookupsAgainstTorch holds what we trace against what real torch reads
// out of archives with odd structures: the copy that torch loads must be among
// the pickles that we found. ANDIRON_ZIP_ORACLE names the commands that run
// tools/corpus/zip_oracle.py under a torch, split by semicolons.
func TestZipLookupsAgainstTorch(t *testing.T) {
	commands := os.Getenv("ANDIRON_ZIP_ORACLE")
	if commands == "" {
		t.Fatal("ANDIRON_ZIP_ORACLE is empty: run make oracle")
	}
	dir := t.TempDir()
	if out, err := exec.Command("python3", "../tools/corpus/zip_oracle.py", "make", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for command := range strings.SplitSeq(commands, ";") {
		compareZips(t, command, dir)
	}
}

func compareZips(t *testing.T, command, dir string) {
	t.Helper()
	argv := append(strings.Fields(command), "run", dir)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	loaded := 0
	for s := bufio.NewScanner(strings.NewReader(string(out))); s.Scan(); {
		var answer struct {
			File, Torch string
			Loads       bool
			Which       string
		}
		if err := json.Unmarshal(s.Bytes(), &answer); err != nil {
			t.Fatalf("%q: %v", s.Text(), err)
		}
		if !answer.Loads {
			continue
		}
		loaded++
		if got := labels(t, filepath.Join(dir, answer.File)); !got[answer.Which] {
			t.Errorf("%s: torch %s loads the copy %q; we traced %v", answer.File, answer.Torch, answer.Which, got)
		}
	}
	if loaded < 100 {
		t.Errorf("%s: only %d archives load", command, loaded)
	}
}

// labels returns the names of the copies that we found.
func labels(t *testing.T, path string) map[string]bool {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	tf, err := torchfile.Open(f, info.Size(), torchfile.Options{})
	if err != nil && tf == nil {
		return got
	}
	for _, p := range tf.Pickles {
		for k, v := range p.Trace.Result.Pairs() {
			if key, _ := k.Text(); key == "which" {
				label, _ := v.Text()
				got[label] = true
			}
		}
	}
	return got
}

package andiron_test

import (
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/ruledoc"
)

var update = flag.Bool("update", false, "write docs/rules anew")

// docs/rules is generated; a rule that changes changes its page.
func TestRuleDocsAreFresh(t *testing.T) {
	all, err := engine.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("the catalogue is empty")
	}
	const dir = "docs/rules"
	want := ruledoc.Files(all)
	have, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		writeDocs(t, dir, want, have)
		return
	}
	for _, path := range have {
		if _, ok := want[filepath.Base(path)]; !ok {
			t.Errorf("%s is of no rule; go test . -run RuleDocs -update removes it", path)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Errorf("%v; go test . -run RuleDocs -update writes it", err)
			continue
		}
		if diff := cmp.Diff(want[name], string(got)); diff != "" {
			t.Errorf("%s is stale; go test . -run RuleDocs -update writes it anew (-want +got):\n%s", name, diff)
		}
	}
}

func writeDocs(t *testing.T, dir string, want map[string]string, have []string) {
	t.Helper()
	for _, path := range have {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range want {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

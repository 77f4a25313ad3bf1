package andiron_test

import (
	"os"
	"strings"
	"testing"
)

// TestDependenciesHaveALine: each direct dependency is explained.
func TestDependenciesHaveALine(t *testing.T) {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("docs/adr/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	direct := 0
	for line := range strings.Lines(string(mod)) {
		path, rest, ok := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "require ")), " v")
		if !ok || strings.Contains(rest, "// indirect") || !strings.Contains(path, ".") {
			continue
		}
		direct++
		if !strings.Contains(string(page), "`"+path+"`") {
			t.Errorf("docs/adr/dependencies.md has no line for %s", path)
		}
	}
	if direct < 5 {
		t.Errorf("found only %d direct dependencies in go.mod", direct)
	}
}

// TestSumsOnce: a merge can leave a line twice, which "go mod tidy" then keeps and
// "go mod tidy -diff" complains about.
func TestSumsOnce(t *testing.T) {
	for _, name := range []string{"go.sum", "tools/go.sum"} {
		sums, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]bool{}
		for line := range strings.Lines(string(sums)) {
			if seen[line] {
				t.Errorf("%s has a line twice: %s", name, line)
			}
			seen[line] = true
		}
	}
}

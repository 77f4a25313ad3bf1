package ops

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/finding"
)

// scanned looks at a project of some files, and gives what is said of it, with the
// outcome where that is not known. What other programs say may come before.
func scanned(t *testing.T, files map[string]string, said ...Warning) (list []string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := Collect(t.Context(), ".")
	if err != nil {
		t.Fatal(err)
	}
	p.Hear(Outside{Warnings: said})
	p.Look(func(f finding.Finding) {
		unknown := ""
		if f.Outcome != finding.Present {
			unknown = "undetermined "
		}
		list = append(list, fmt.Sprintf("%s%s %s: %s", unknown, f.Rule, f.Where, f.Message))
	})
	return list
}

// ofRule are those that begin as one of some rules does.
func ofRule(list []string, rules ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool {
		return !slices.ContainsFunc(rules, func(r string) bool { return strings.HasPrefix(s, r) })
	})
}

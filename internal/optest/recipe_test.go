//go:build optest

package optest

import (
	"os"
	"os/exec"
	"testing"
)

// TestRealRecipes: the text that a script has for a tensor makes what the run called the
// operator with, in memory as well.
func TestRealRecipes(t *testing.T) {
	python := os.Getenv("ANDIRON_OPTEST_PYTHON")
	if python == "" {
		t.Fatal("ANDIRON_OPTEST_PYTHON names no interpreter with torch: see make optest")
	}
	cmd := exec.CommandContext(t.Context(), python, "-B", "testdata/recipes.py")
	cmd.Env = append(os.Environ(), "PYTHONPATH=runner")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

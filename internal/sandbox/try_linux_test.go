package sandbox_test

import (
	"testing"

	"github.com/andiron-dev/andiron/internal/sandbox"
)

// What is no Python is said once, and no layer is to blame.
func TestTryNoPython(t *testing.T) {
	for _, python := range []string{"/nonexistent/python", "/bin/true"} {
		all := sandbox.Try(t.Context(), sandbox.Options{Python: python})
		if len(all) != 1 || all[0].OK || all[0].Layer != "" || all[0].Remedy == "" {
			t.Errorf("%s: %+v", python, all)
		}
	}
}

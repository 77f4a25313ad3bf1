package optest

import (
	"context"
	"os"
	"os/exec"

	"github.com/andiron-dev/andiron/internal/opbuild"
)

// valgrind makes the calls of the tests, and those that were found, under valgrind. It
// is for those who cannot build with a sanitizer, and slow.
func (r *run) valgrind(ctx context.Context) error {
	if !r.Thorough {
		r.pass("valgrind", "", "--thorough asks for it")
		return nil
	}
	path, err := exec.LookPath("valgrind")
	if err != nil {
		r.pass("valgrind", "", "valgrind is not installed")
		return nil //nolint:nilerr // that is said
	}
	b := r.plain
	b.Variant = "valgrind"
	b.Launch = append(append([]string{}, b.Launch...), path, "--num-callers=12", "--fullpath-after=", "--undef-value-errors=no", "--leak-check=no", "--error-limit=no", "-q")
	if supp := "/usr/lib/valgrind/python3.supp"; exists(supp) {
		b.Launch = append(b.Launch, "--suppressions="+supp)
	}
	whole, err := r.drive(ctx, b, drive{
		what: "testing under valgrind", seconds: r.Budget, sanitizer: true, only: "seeds", replay: r.failing(), env: []string{"PYTHONMALLOC=malloc", "ANDIRON_STEADY=1"},
	})
	if err != nil {
		return err
	}
	if !whole {
		r.result.Incomplete = append(r.result.Incomplete, "the program that makes the calls under valgrind ended before it was done")
	}
	r.pass("valgrind", "the calls of the tests, and those that were found", "")
	return nil
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// Variants are the builds that a run makes unless it is told otherwise.
func Variants() []opbuild.Variant {
	return []opbuild.Variant{opbuild.Plain, opbuild.ASan, opbuild.TSan, OnGPU}
}

package optest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/andiron-dev/andiron/internal/opbuild"
	"github.com/andiron-dev/andiron/internal/opreport"
)

// valgrind is the build as it is, under valgrind.
const valgrind opbuild.Variant = "valgrind"

// underValgrind is how the calls under valgrind ended.
type underValgrind struct {
	opreport.Counts

	operators, cut int
}

func (u *underValgrind) add(e *opreport.Event) {
	u.Valid, u.Raised, u.Crashed, u.Limit = u.Valid+e.Counts.Valid, u.Raised+e.Counts.Raised, u.Crashed+e.Counts.Crashed, u.Limit+e.Counts.Limit
	u.operators++
	if e.Cut != "" {
		u.cut++
	}
}

func (u *underValgrind) note() string {
	note := count(u.Valid+u.Raised+u.Crashed+u.Limit, "call", "calls") + " of " + count(u.operators, "operator", "operators") + ": those of the tests, and those that were found"
	if u.Limit > 0 {
		note += fmt.Sprintf("; %d of them took more than a call may", u.Limit)
	}
	return note
}

// missed says what was not looked at.
func (u *underValgrind) missed() string {
	switch {
	case u.cut > 0:
		return fmt.Sprintf("under valgrind the time was up before all calls of %s were made", count(u.cut, "operator", "operators"))
	case u.Limit > 0 && u.Valid+u.Raised+u.Crashed == 0:
		return "under valgrind no call was done within the limits of a call"
	}
	return ""
}

// underValgrind makes the calls of the tests, and those that were found, under valgrind. It
// is for those who cannot build with a sanitizer, and slow.
func (r *run) underValgrind(ctx context.Context) error {
	if !r.Thorough {
		r.pass("valgrind", "", "--thorough asks for it")
		return nil
	}
	path, err := exec.LookPath("valgrind")
	if err != nil {
		r.pass("valgrind", "", "valgrind is not installed")
		return nil //nolint:nilerr // that is said
	}
	log := filepath.Join(r.Work, "valgrind")
	b := r.plain
	b.Variant = valgrind
	b.Launch = append(append([]string{}, b.Launch...), path,
		"--num-callers=12", "--fullpath-after=", "--leak-check=no", "--error-limit=no", "-q", "--log-file="+strings.ReplaceAll(log, "%", "%%")+".%p")
	if supp := "/usr/lib/valgrind/python3.supp"; exists(supp) {
		b.Launch = append(b.Launch, "--suppressions="+supp)
	}
	whole, err := r.drive(ctx, b, drive{
		what: "testing under valgrind", seconds: r.Budget, sanitizer: true, only: "seeds", replay: r.failing(), toolLog: log,
		env: []string{"PYTHONMALLOC=malloc", "ANDIRON_STEADY=1"},
	})
	if err != nil {
		return err
	}
	if !whole {
		r.result.Incomplete = append(r.result.Incomplete, "the program that makes the calls under valgrind ended before it was done")
	}
	if missed := r.under.missed(); missed != "" {
		r.result.Incomplete = append(r.result.Incomplete, missed)
	}
	r.pass("valgrind", r.under.note(), "")
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

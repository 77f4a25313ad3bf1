package report

import (
	"fmt"

	"github.com/andiron-dev/andiron/finding"
)

// codeTotals writes "code: 12 files, 3400 lines".
func codeTotals(c finding.Code) string {
	if c.Files == 0 {
		return "no Python code"
	}
	return fmt.Sprintf("code: %s, %s", count(c.Files, "file", "files"), count(int(c.Lines), "line", "lines"))
}

// codeHeadline says in one line what was found in the code.
func codeHeadline(r *run) string {
	n := matter(r.findings)
	switch {
	case n > 0:
		return count(n, "finding", "findings") + " in " + count(r.summary.Code.Files, "file", "files") + " of Python"
	case r.summary.Code.Files == 0:
		return "no Python code"
	}
	return "nothing found in " + count(r.summary.Code.Files, "file", "files") + " of Python"
}

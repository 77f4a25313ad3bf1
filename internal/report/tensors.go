package report

import (
	"fmt"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/safetext"
)

// tensorTotals writes "tensors: 3 in 1 request, 588.0 KiB; schema sha256 83a4…".
func tensorTotals(t finding.Tensors) string {
	if t.Schema == "" {
		return fmt.Sprintf("%s, %s", count(t.Requests, "sample", "samples"), size(t.Bytes))
	}
	s := "schema sha256 " + safetext.Plain(t.Schema)
	if t.Requests == 0 {
		return s
	}
	return fmt.Sprintf("tensors: %d in %s, %s; %s", t.Tensors, count(t.Requests, "request", "requests"), size(t.Bytes), s)
}

// tensorHeadline says in one line how the requests ended. Data may be as the schema says
// and something be the matter with them all the same.
func tensorHeadline(r *run) string {
	t := *r.summary.Tensors
	of := " of " + count(t.Requests, "request", "requests")
	s := "every request is as the schema says"
	switch {
	case t.Schema == "" && t.Unread == 0:
		s = "every sample was looked at"
	case t.Requests == 0:
		s = "the schema is valid"
	case t.Rejected > 0:
		return fmt.Sprintf("%d%s %s the schema", t.Rejected, of, plural(t.Rejected, "violates", "violate"))
	case t.Unread > 0:
		return fmt.Sprintf("%d%s could not be read", t.Unread, of)
	}
	if n := matter(r.findings); n > 0 {
		s += "; " + count(n, "finding", "findings")
	}
	return s
}

package openvex

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/openvex/go-vex/pkg/vex"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/day"
	"github.com/andiron-dev/andiron/internal/safetext"
)

// Advisory is a published vulnerability of packages, and how they stand to it.
type Advisory struct {
	ID      string
	Aliases []string
	Summary string
	// Products are package URLs.
	Products []string
	State    State
	// Fixed is the lowest version without it; empty where there is none.
	Fixed string
	// Action is what to do; empty is an update to Fixed.
	Action string
	// Waived says who answers for it. Justification, in the words of OpenVEX, says why
	// it does no harm; without one the waiver accepts the risk and changes no status.
	Waived        *finding.Waiver
	Justification string
}

// State is how packages stand to an advisory. The zero value is Affected, so that what
// nobody set is not taken for harmless.
type State int

// The states.
const (
	Affected State = iota
	Fixed
	UnderInvestigation // such as a range that may resolve to a vulnerable version
)

// WriteAdvisories writes the document as of a time in RFC 3339. The same advisories at
// the same time give the same bytes, in whatever order they come.
func WriteAdvisories(w io.Writer, list []Advisory, at, version string) error {
	now, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return err
	}
	statements := make([]vex.Statement, 0, len(list))
	seen := map[[2]string]bool{} // two statements about one thing could contradict each other
	for i := range list {
		a := &list[i]
		s, err := a.statement(now)
		if err != nil {
			return fmt.Errorf("openvex: advisory %q: %w", a.ID, err)
		}
		for _, p := range s.Products {
			pair := [2]string{string(s.Vulnerability.Name), p.ID}
			if seen[pair] {
				return fmt.Errorf("openvex: advisory %q stands twice for %q", a.ID, p.ID)
			}
			seen[pair] = true
		}
		statements = append(statements, s)
	}
	slices.SortFunc(statements, compare)
	return encode(w, statements, now, version)
}

// compare orders statements by vulnerability and products, which no two share.
func compare(a, b vex.Statement) int {
	return cmp.Or(
		cmp.Compare(a.Vulnerability.Name, b.Vulnerability.Name),
		slices.CompareFunc(a.Products, b.Products, func(p, q vex.Product) int { return strings.Compare(p.ID, q.ID) }),
	)
}

func (a *Advisory) statement(now time.Time) (vex.Statement, error) {
	s := vex.Statement{Vulnerability: vex.Vulnerability{
		Name: vex.VulnerabilityID(safetext.Valid(a.ID)), Description: safetext.Valid(a.Summary),
	}}
	if a.ID == "" {
		return s, errors.New("it has no id")
	}
	for _, id := range distinct(a.Aliases) {
		s.Vulnerability.Aliases = append(s.Vulnerability.Aliases, vex.VulnerabilityID(id))
	}
	for _, purl := range distinct(a.Products) {
		if !strings.HasPrefix(purl, "pkg:") {
			return s, fmt.Errorf("product %q is no package URL", purl)
		}
		s.Products = append(s.Products, vex.Product{Component: vex.Component{
			ID: purl, Identifiers: map[vex.IdentifierType]string{vex.PURL: purl},
		}})
	}
	if s.Products == nil {
		return s, errors.New("it has no products")
	}
	if err := a.status(&s, now); err != nil {
		return s, err
	}
	return s, s.Validate()
}

// distinct returns the names that are none twice and not empty, sorted.
func distinct(list []string) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		if s != "" {
			out = append(out, safetext.Valid(s))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// status is that of the packages, or what a waiver whose day has not passed says of it.
func (a *Advisory) status(s *vex.Statement, now time.Time) error {
	if a.Waived == nil && a.Justification != "" {
		return errors.New("it has a justification and no waiver")
	}
	j := vex.Justification(a.Justification)
	if j != "" && !j.Valid() {
		return fmt.Errorf("justification %q is not one of %s", a.Justification, strings.Join(vex.Justifications(), ", "))
	}
	over := false
	if w := a.Waived; w != nil {
		until, err := day.Parse(w.Expires)
		if err != nil {
			return fmt.Errorf("the waiver expires on %w", err)
		}
		over = until.Over(now)
		s.StatusNotes = safetext.Valid(fmt.Sprintf("waived by %s until %s", w.Owner, until))
		if over {
			s.StatusNotes += ", which has passed: " + safetext.Valid(w.Reason)
		}
	}
	switch {
	case a.State == Fixed:
		s.Status = vex.StatusFixed
	case a.Waived != nil && !over && j != "":
		s.Status, s.Justification, s.ImpactStatement = vex.StatusNotAffected, j, safetext.Valid(a.Waived.Reason)
	case a.Waived != nil && !over:
		s.Status = vex.StatusAffected
		s.ActionStatement = safetext.Valid(fmt.Sprintf("none until %s, the risk is accepted by %s: %s; then %s", a.Waived.Expires, a.Waived.Owner, a.Waived.Reason, a.action()))
	case a.State == UnderInvestigation:
		s.Status = vex.StatusUnderInvestigation
	case a.State == Affected:
		s.Status, s.ActionStatement = vex.StatusAffected, safetext.Valid(a.action())
	default:
		return fmt.Errorf("state %d is none", a.State)
	}
	return nil
}

func (a *Advisory) action() string {
	switch {
	case a.Action != "":
		return a.Action
	case a.Fixed != "":
		return "update to " + a.Fixed + " or later"
	}
	return "replace the package or do without it: no version without the vulnerability is known"
}

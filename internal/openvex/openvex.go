// Package openvex writes OpenVEX documents, for tools which collect such statements:
// of waivers, so that they know what somebody answers for, and of the advisories that
// a project's packages stand under.
//
// # Security
//
// A waiver of a finding says that its owner accepts a finding, not that the finding is wrong. The
// status is not_affected, which is how OpenVEX says that no action follows, and the
// owner's reason is its impact statement. OpenVEX 0.2.0 has no expiry: a statement of
// a waiver whose day has passed is under_investigation, and the day stands in the
// notes of each.
//
// A package is affected by an advisory unless it is known not to be. A waiver alone
// does not change that: it is the action statement, for it accepts the risk. Only one
// with a justification makes the status not_affected, and none does after its day.
//
// # Specification
//
// OpenVEX 0.2.0, https://github.com/openvex/spec.
package openvex

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/openvex/go-vex/pkg/vex"

	"github.com/andiron-dev/andiron/internal/lockfile"
	"github.com/andiron-dev/andiron/internal/waiver"
)

// Write writes the document as of a time in RFC 3339. The same waivers at the same
// time give the same bytes.
func Write(w io.Writer, waivers []waiver.Waiver, lock *lockfile.File, at, version string) error {
	now, err := time.Parse(time.RFC3339, at)
	if err != nil {
		return err
	}
	statements := make([]vex.Statement, 0, len(waivers))
	for i := range waivers {
		statements = append(statements, statement(&waivers[i], lock, now))
	}
	return encode(w, statements, now, version)
}

func encode(w io.Writer, statements []vex.Statement, now time.Time, version string) error {
	doc := vex.VEX{
		Metadata: vex.Metadata{
			Context: vex.ContextLocator(), Author: "andiron", Timestamp: &now, Version: 1, Tooling: "andiron " + version,
		},
		Statements: statements,
	}
	var err error
	if doc.ID, err = id(doc.Statements); err != nil {
		return err
	}
	return doc.ToJSON(w)
}

// id names the document by what it says.
func id(statements []vex.Statement) (string, error) {
	b, err := json.Marshal(statements)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(b)
	return "https://openvex.dev/docs/andiron/vex-" + hex.EncodeToString(sum[:]), nil
}

func statement(x *waiver.Waiver, lock *lockfile.File, now time.Time) vex.Statement {
	s := vex.Statement{
		Vulnerability: vex.Vulnerability{
			ID: "https://github.com/andiron-dev/andiron/blob/main/docs/rules/" + x.Rule + ".md", Name: vex.VulnerabilityID("andiron-" + x.Rule),
		},
		Products:    products(x, lock),
		StatusNotes: fmt.Sprintf("waived by %s until %s", x.Owner, x.Expires),
	}
	if x.Expires.Over(now) {
		s.Status = vex.StatusUnderInvestigation
		s.StatusNotes = fmt.Sprintf("waived by %s until %s, which has passed: %s", x.Owner, x.Expires, x.Reason)
		return s
	}
	s.Status, s.ImpactStatement = vex.StatusNotAffected, x.Reason
	return s
}

// products are the models that a waiver covers: the one with its digest, or those
// that the lock lists under its path, or the path itself.
func products(x *waiver.Waiver, lock *lockfile.File) (list []vex.Product) {
	if x.SHA256 != "" {
		return []vex.Product{product(x.SHA256)}
	}
	for _, m := range lock.Models {
		if x.Covers(m.Path) {
			list = append(list, product(m.SHA256))
		}
	}
	if list == nil {
		return []vex.Product{{Component: vex.Component{ID: "file:" + escape(x.Path)}}}
	}
	return list
}

func product(sum string) vex.Product {
	return vex.Product{Component: vex.Component{
		ID: "ni:///sha-256;" + sum, Hashes: map[vex.Algorithm]vex.Hash{vex.SHA256: vex.Hash(sum)},
	}}
}

// escape makes a path fit an IRI reference.
func escape(path string) string {
	out := ""
	for _, r := range path {
		switch {
		case r > 0x7f, r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
			out += string(r)
		case r == '/' || r == '.' || r == '-' || r == '_' || r == '~' || r == '*':
			out += string(r)
		default:
			out += fmt.Sprintf("%%%02X", r)
		}
	}
	return out
}

// Package supply holds what a project asks of the packages that it depends on: how
// fresh the advisories must be, how old a release, where packages may come from, and
// who vouches for those that nobody can look at.
//
// # Security
//
// The zero value is the strictest that needs no settings. A vouch covers only what
// has no advisories to be held against; it never covers a vulnerability.
//
// # Specification
//
// docs/spec/policy-v1.md.
package supply

import (
	"time"

	"github.com/andiron-dev/andiron/internal/day"
	"github.com/andiron-dev/andiron/internal/pattern"
)

// Policy is what a project asks for. The zero value is the default.
type Policy struct {
	MaxAge   time.Duration // of the advisory database; 0 is DefaultMaxAge
	Cooldown time.Duration // how old a release must be; 0 is DefaultCooldown
	Reviewed day.Day       // when somebody last went through the pins
	Indexes  []string      // where packages may come from; nil is anywhere
	Vouches  []Vouch
}

// The defaults.
const (
	DefaultMaxAge   = 7 * 24 * time.Hour
	DefaultCooldown = 7 * 24 * time.Hour
	// Quarter is how long a review of the pins counts.
	Quarter = 92 * 24 * time.Hour
)

// Vouch says that somebody answers for packages that no advisories cover.
type Vouch struct {
	Package string // a pattern of normalised names
	Owner   string
	Reason  string
	Expires day.Day // the last day on which it counts
	Line    int     // in the policy file
}

// Vouched returns who answers for a package at a time, or nil.
func (p *Policy) Vouched(name string, now time.Time) *Vouch {
	for i := range p.Vouches {
		if v := &p.Vouches[i]; !v.Expires.Over(now) && pattern.Match(v.Package, name) {
			return v
		}
	}
	return nil
}

// Fresh is the oldest that a database may be.
func (p *Policy) Fresh() time.Duration {
	if p.MaxAge > 0 {
		return p.MaxAge
	}
	return DefaultMaxAge
}

// Cool is the youngest that a release may be.
func (p *Policy) Cool() time.Duration {
	if p.Cooldown > 0 {
		return p.Cooldown
	}
	return DefaultCooldown
}

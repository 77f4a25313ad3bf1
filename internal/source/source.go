// Package source says whether a model comes from a source that a project trusts:
// ordered rules over paths, addresses and signers, of which the first that
// matches decides. What no rule matches is denied.
//
// # Security
//
// There are no files, no network and no clock here; the caller says what is known
// and what time it is. What is not known never makes a rule match, and a limit on
// something that is not known counts as not kept. A rule whose review day has
// passed matches nothing.
//
// # Limits
//
// An address has at most 4,096 bytes.
//
// # Specification
//
// docs/spec/policy-v1.md; addresses are a strict subset of RFC 3986.
package source

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/internal/day"
	"github.com/andiron-dev/andiron/internal/pattern"
)

// Policy says where models may come from. The zero value trusts what the lock
// lists and nothing else.
type Policy struct {
	Named            bool   // the project has rules, even if none; else the lock decides alone
	Rules            []Rule // in order
	Uploads          Trust  // what users hand in: Deny or Scan
	RequireSignature bool   // every model must be signed by one of Signers
	Signers          []Signer
}

// Rule is one source.
type Rule struct {
	Name string // for messages; may be empty

	Path   string // a pattern; exactly one of Path, URL and Signer is set
	URL    string // canonical; a prefix where it ends with a slash
	Signer string // the name of a signer

	Trust    Trust
	Formats  []string      // the only ones allowed; none is any
	MaxSize  int64         // bytes; 0 is any
	MinAge   time.Duration // 0 is any
	Signers  []string      // one of them must have signed it as well
	ReviewBy day.Day       // after it the rule matches nothing
	Owner    string
	Line     int // in the policy file
}

// Trust is what a rule asks of a model before it may be loaded. The zero value
// denies.
type Trust int

// The kinds of trust.
const (
	Deny   Trust = iota
	Scan         // the verdict on the very bytes that are loaded passes
	Locked       // andiron.lock lists its digest
)

var trustNames = []string{"deny", "scan", "locked"}

func (t Trust) String() string { return trustNames[t] }

// ParseTrust reads the name of one of those that are allowed.
func ParseTrust(s string, allowed ...Trust) (Trust, error) {
	var names []string
	for _, t := range allowed {
		if s == t.String() {
			return t, nil
		}
		names = append(names, t.String())
	}
	return Deny, fmt.Errorf("%q is not one of %s", s, strings.Join(names, ", "))
}

// ParseAge reads a number of days or hours above 0, such as 7d or 24h.
func ParseAge(s string) (time.Duration, error) {
	units := map[byte]time.Duration{'d': 24 * time.Hour, 'h': time.Hour}
	const most = 100 * 365 * 24 * time.Hour
	if len(s) > 1 {
		unit := units[s[len(s)-1]]
		n, err := strconv.ParseInt(s[:len(s)-1], 10, 32)
		if err == nil && n > 0 && unit > 0 && time.Duration(n) <= most/unit {
			return time.Duration(n) * unit, nil
		}
	}
	return 0, fmt.Errorf("age %q is not a number above 0 of days or hours such as 7d or 24h", s)
}

// Signer is an identity whose signatures count. One of Key, CertificateAuthority
// and Issuer is set.
type Signer struct {
	Name                 string
	Key                  string // file with a public key
	CertificateAuthority string // file with root certificates
	Identity             string // subject or alternative name in the certificate
	Issuer               string // of a Sigstore identity token
}

// String names the rule the way messages do.
func (r *Rule) String() string {
	for _, s := range []string{r.Name, r.Path, r.URL} {
		if s != "" {
			return s
		}
	}
	return "signer " + r.Signer
}

// SignersNamed returns those of some names.
func (p *Policy) SignersNamed(names ...string) (list []Signer) {
	for _, s := range p.Signers {
		if slices.Contains(names, s.Name) {
			list = append(list, s)
		}
	}
	return list
}

// Subject is what is known about where a file is from.
type Subject struct {
	Path string // relative to the project; empty where it lies elsewhere
	URL  string // canonical; empty where none is known
	// SignedBy reports whether one of some signers signed it. It is nil as long as
	// that is not known.
	SignedBy func(signer string) bool
}

// Match is which rule decides.
type Match struct {
	Rule    *Rule   // nil where none matches
	Expired []*Rule // would have matched before their review day
	// Open is set where a rule by signer comes before any that matches, and who
	// signed the file is not known yet.
	Open bool
}

// Match finds the first rule that matches.
func (p *Policy) Match(s Subject, now time.Time) (m Match) {
	for i := range p.Rules {
		r := &p.Rules[i]
		if r.Signer != "" && s.SignedBy == nil && !r.ReviewBy.Over(now) {
			m.Open = true
			return m
		}
		switch {
		case !r.matches(s):
		case r.ReviewBy.Over(now):
			m.Expired = append(m.Expired, r)
		default:
			m.Rule = r
			return m
		}
	}
	return m
}

func (r *Rule) matches(s Subject) bool {
	switch {
	case r.Path != "":
		return s.Path != "" && pattern.Match(r.Path, s.Path)
	case r.URL != "":
		return s.URL != "" && Pinned(s.URL) && covers(r.URL, s.URL)
	}
	return r.Signer != "" && s.SignedBy != nil && s.SignedBy(r.Signer)
}

// AllowsFormat reports whether a format may be loaded.
func (r *Rule) AllowsFormat(format string) bool {
	return len(r.Formats) == 0 || slices.Contains(r.Formats, format)
}

// AllowsSize reports whether a size may be loaded.
func (r *Rule) AllowsSize(size int64) bool { return r.MaxSize == 0 || size <= r.MaxSize }

// AllowsAge reports whether what has been there since a time is old enough. The
// zero time is one that is not known.
func (r *Rule) AllowsAge(since, now time.Time) bool {
	return r.MinAge == 0 || !since.IsZero() && now.Sub(since) >= r.MinAge
}

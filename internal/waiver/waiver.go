// Package waiver holds exceptions: that somebody answers for a finding of one rule
// on one model, path or advisory, until a day.
//
// # Security
//
// A waiver never covers what could not be looked at, nor findings about waivers.
// One whose day has passed covers nothing. There is no clock here; the caller says
// what time it is.
//
// # Specification
//
// docs/spec/policy-v1.md.
package waiver

import (
	"slices"
	"sync"
	"time"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/day"
	"github.com/andiron-dev/andiron/internal/pattern"
)

// Waiver is one exception. Exactly one of Path, SHA256 and Advisory is set.
type Waiver struct {
	Rule     string
	Path     string // a pattern, relative to the project
	SHA256   string
	Advisory string // any name of it: CVE-2025-32434, GHSA-53q9-r3pm-6pq6
	Package  string // with Advisory: of this package only, by its normalised name
	Owner    string
	Reason   string
	Expires  day.Day // the last day on which it counts
	Line     int     // in the policy file
}

// The rules on waivers themselves, which no waiver covers.
const (
	ExpiredRule = "TRU012"
	UnusedRule  = "TRU013"
)

// Subject names what it covers.
func (w *Waiver) Subject() string {
	switch {
	case w.SHA256 != "":
		return "sha256 " + w.SHA256
	case w.Advisory != "" && w.Package != "":
		return w.Advisory + " in " + w.Package
	case w.Advisory != "":
		return w.Advisory
	}
	return w.Path
}

// Covers reports whether a path is one that the waiver is about.
func (w *Waiver) Covers(path string) bool {
	return w.Path != "" && (w.Path == path || pattern.Match(w.Path, path))
}

// List applies waivers and remembers which were of use. Any number of goroutines
// may use it; a nil one covers nothing.
type List struct {
	waivers []Waiver
	now     time.Time

	mu   sync.Mutex
	used []bool
}

// NewList returns a list as it counts at a time.
func NewList(waivers []Waiver, now time.Time) *List {
	return &List{waivers: waivers, now: now, used: make([]bool, len(waivers))}
}

// Over reports whether a day has passed.
func (l *List) Over(d day.Day) bool { return l != nil && d.Over(l.now) }

// Apply marks the findings that a waiver covers. path is relative to the project,
// and empty where what was found lies elsewhere. digest is called only where a
// waiver by digest is of the rule, also of one that has expired, so that Expired
// knows of it; without digest, none covers.
func (l *List) Apply(path string, digest func() (string, error), fs []finding.Finding) error {
	if l == nil {
		return nil
	}
	sum := ""
	for i := range fs {
		f := &fs[i]
		if !coverable(f) {
			continue
		}
		if sum == "" && digest != nil && l.byDigest(f.Rule, true) {
			var err error
			if sum, err = digest(); err != nil {
				return err
			}
		}
		l.one(f, path, sum)
	}
	return nil
}

func coverable(f *finding.Finding) bool {
	return f.Outcome == finding.Present && f.Rule != ExpiredRule && f.Rule != UnusedRule
}

func (l *List) one(f *finding.Finding, path, sum string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.waivers {
		w := &l.waivers[i]
		if w.Rule != f.Rule || !w.covers(path, sum) && !w.about(f) {
			continue
		}
		l.used[i] = true
		if w.Expires.Over(l.now) || f.Waived != nil {
			continue // it was of use, and is reported as expired
		}
		f.Waived = &finding.Waiver{Rule: w.Rule, Owner: w.Owner, Reason: w.Reason, Expires: w.Expires.String()}
	}
}

// about reports whether a finding is of the advisory that is waived.
func (w *Waiver) about(f *finding.Finding) bool {
	if w.Advisory == "" || f.Advisory == nil || w.Package != "" && (f.Package == nil || f.Package.Name != w.Package) {
		return false
	}
	return f.Advisory.ID == w.Advisory || slices.Contains(f.Advisory.Aliases, w.Advisory)
}

func (w *Waiver) covers(path, sum string) bool {
	if w.SHA256 != "" {
		return w.SHA256 == sum
	}
	return path != "" && w.Path != "" && pattern.Match(w.Path, path)
}

// ByDigest reports whether some waiver that counts covers a rule by digest.
func (l *List) ByDigest(rule string) bool { return l != nil && l.byDigest(rule, false) }

func (l *List) byDigest(rule string, expired bool) bool {
	return slices.ContainsFunc(l.waivers, func(w Waiver) bool {
		return w.Rule == rule && w.SHA256 != "" && (expired || !w.Expires.Over(l.now))
	})
}

// Covers reports whether a waiver that counts covers a rule on one model.
func (l *List) Covers(rule, path, sum string) bool {
	return l != nil && slices.ContainsFunc(l.waivers, func(w Waiver) bool {
		return w.Rule == rule && !w.Expires.Over(l.now) && w.covers(path, sum)
	})
}

// Expired are the waivers whose day has passed, or of these the ones that would
// have covered something.
func (l *List) Expired(all bool) []Waiver {
	return l.pick(func(i int) bool { return l.waivers[i].Expires.Over(l.now) && (all || l.used[i]) })
}

// Unused are the waivers that count and covered nothing so far, among those of the
// rules that were looked for.
func (l *List) Unused(looked func(rule string) bool) []Waiver {
	return l.pick(func(i int) bool {
		return !l.waivers[i].Expires.Over(l.now) && !l.used[i] && (looked == nil || looked(l.waivers[i].Rule))
	})
}

func (l *List) pick(want func(int) bool) (list []Waiver) {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.waivers {
		if want(i) {
			list = append(list, l.waivers[i])
		}
	}
	return list
}

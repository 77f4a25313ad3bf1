package release

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/osv"
	"github.com/andiron-dev/andiron/internal/pep440"
)

// Source is who says something.
type Source string

// The sources.
const (
	GitHub  Source = "GitHub"
	DepsDev Source = "deps.dev"
	Index   Source = "the package index"
	OSV     Source = "OSV"
)

// Sighting is a release as one source has it.
type Sighting struct {
	Source      Source `json:"source"`
	Version     string `json:"version"`
	Time        string `json:"time,omitempty"` // RFC 3339, UTC; "" if the source does not say
	Yanked      bool   `json:"yanked,omitempty"`
	Quarantined bool   `json:"quarantined,omitempty"`
	Reason      string `json:"reason,omitempty"`
}

func (s Sighting) String() string {
	text := string(s.Source) + " has " + s.Version
	if s.Time != "" {
		text += ", of " + s.Time
	}
	return text
}

// Advisory is what one source says of a vulnerability of the package.
type Advisory struct {
	Source   string   `json:"source"`
	ID       string   `json:"id"`
	Aliases  []string `json:"aliases,omitempty"`
	Severity string   `json:"severity,omitempty"`
	Summary  string   `json:"summary"`
	Unclear  string   `json:"unclear,omitempty"`

	affected []pep440.Specifiers
	about    bool // the package
}

// affects reports whether an advisory is about a version. What is unclear may be.
func (a *Advisory) affects(v pep440.Version) bool {
	return slices.ContainsFunc(a.affected, func(s pep440.Specifiers) bool { return len(s) > 0 && s.Contains(v, true) })
}

// News is what the sources said.
type News struct {
	Sightings  []Sighting
	Advisories []Advisory
	Asked      []Asked

	osv func(id string) (*osv.Record, error)
}

// Asked is a source, and why it did not answer.
type Asked struct {
	Source Source `json:"source"`
	What   string `json:"what"`
	Err    string `json:"error,omitempty"`
	// Unasked says that there is no address to ask.
	Unasked bool `json:"unasked,omitempty"`
}

// Ask asks the sources. One that does not answer is noted, and the others are asked.
func Ask(ctx context.Context, s Sources, g Getter) *News {
	n := &News{}
	for _, q := range []struct {
		source  Source
		what    string
		address string
		ask     func(context.Context, Getter) ([]Sighting, error)
	}{
		{GitHub, "releases", s.GitHub, s.GitHubReleases},
		{DepsDev, "versions", s.DepsDev, s.DepsDevVersions},
		{Index, "files", s.Index, s.IndexVersions},
	} {
		if q.address == "" {
			n.Asked = append(n.Asked, Asked{Source: q.source, What: q.what, Unasked: true})
			continue
		}
		list, err := bound(q.ask(ctx, g))
		n.note(q.source, q.what, err)
		n.Sightings = append(n.Sightings, list...)
	}
	if s.GitHub == "" {
		n.Asked = append(n.Asked, Asked{Source: GitHub, What: "advisories", Unasked: true})
	} else {
		list, err := bound(s.GitHubAdvisories(ctx, g))
		n.note(GitHub, "advisories", err)
		n.Advisories = list
	}
	if s.OSV != "" {
		n.osv = once(func(id string) (*osv.Record, error) { return s.OSVRecord(ctx, g, id) })
	}
	return n
}

// maxItems is how many versions or advisories a source may name.
const maxItems = 5000

// bound refuses a list that is longer than any honest one.
func bound[T any](list []T, err error) ([]T, error) {
	if err == nil && len(list) > maxItems {
		return nil, bounded.Exceeded("versions or advisories of a source", maxItems)
	}
	return list, err
}

// once asks for each record one time, and for no more than there can be advisories.
func once(ask func(string) (*osv.Record, error)) func(string) (*osv.Record, error) {
	type answer struct {
		record *osv.Record
		err    error
	}
	had := map[string]answer{}
	return func(id string) (*osv.Record, error) {
		a, ok := had[id]
		if !ok && len(had) >= maxRecords {
			return nil, bounded.Exceeded("records to ask OSV for", maxRecords)
		}
		if !ok {
			a.record, a.err = ask(id)
			had[id] = a
		}
		return a.record, a.err
	}
}

// maxRecords is how many records OSV is asked for in one run.
const maxRecords = 200

func (n *News) note(source Source, what string, err error) {
	a := Asked{Source: source, What: what}
	if err != nil {
		a.Err = err.Error()
	}
	n.Asked = append(n.Asked, a)
}

// Complete reports whether every source that there is an address of answered.
func (n *News) Complete() bool {
	return !slices.ContainsFunc(n.Asked, func(a Asked) bool { return a.Err != "" })
}

// answered reports whether a source was asked and answered.
func (n *News) answered(source Source, what string) bool {
	return slices.ContainsFunc(n.Asked, func(a Asked) bool { return a.Source == source && a.What == what && a.Err == "" && !a.Unasked })
}

// of returns what the sources say of a version.
func (n *News) of(version string) (list []Sighting) {
	for _, s := range n.Sightings {
		if s.Version == version {
			list = append(list, s)
		}
	}
	return list
}

// Versions are all versions that some source has, oldest first.
func (n *News) Versions() []string {
	var parsed []pep440.Version
	seen := map[string]bool{}
	for _, s := range n.Sightings {
		if v, err := pep440.Parse(s.Version); err == nil && !seen[s.Version] {
			seen[s.Version] = true
			parsed = append(parsed, v)
		}
	}
	slices.SortFunc(parsed, pep440.Compare)
	out := make([]string, len(parsed))
	for i, v := range parsed {
		out[i] = v.String()
	}
	return out
}

// against returns the advisories that a version is affected by, or may be.
func (n *News) against(v pep440.Version) (list []string) {
	for _, a := range n.Advisories {
		if a.affects(v) {
			list = append(list, fmt.Sprintf("%s, %s, names it as affected: %s", a.ID, a.Source, a.Summary))
		} else if a.Unclear != "" {
			list = append(list, fmt.Sprintf("%s, %s, may affect it: %s", a.ID, a.Source, a.Unclear))
		}
	}
	return list
}

// repairs looks for a vulnerability that one of the versions in use has and v has not,
// by an advisory and by OSV's record alike, and returns both as evidence.
func (n *News) repairs(v pep440.Version, inUse []pep440.Version) (evidence []string, err error) {
	for _, a := range n.Advisories {
		had := slices.IndexFunc(inUse, a.affects)
		if had < 0 || a.affects(v) || a.Unclear != "" || n.osv == nil {
			continue
		}
		for _, id := range append([]string{a.ID}, a.Aliases...) {
			r, err := n.osv(id)
			if err != nil {
				return nil, err
			}
			if r == nil || r.Withdrawn != 0 || !recordSays(r, inUse[had], true) || !recordSays(r, v, false) {
				continue
			}
			return []string{
				fmt.Sprintf("%s, %s, says that it repairs what %s has: %s", a.ID, a.Source, inUse[had], a.Summary),
				fmt.Sprintf("record %s of OSV says the same", r.ID),
			}, nil
		}
	}
	return nil, nil
}

// recordSays reports whether a record is plainly of the opinion that a version of the
// package is affected, or is not because it was repaired: an end of a range lies
// between.
func recordSays(r *osv.Record, v pep440.Version, affected bool) bool {
	v = v.Public()
	found, repaired := false, false
	for _, a := range r.Affected {
		if a.Ecosystem != "PyPI" || !strings.EqualFold(a.Name, "torch") {
			continue
		}
		for _, rg := range a.Ranges {
			if rg.Type != "ECOSYSTEM" {
				continue
			}
			in, end := within(rg.Events, v)
			found = found || in
			repaired = repaired || end
		}
		for _, s := range a.Versions {
			if x, err := pep440.Parse(s); err == nil && pep440.Compare(x.Public(), v) == 0 {
				found = true
			}
		}
	}
	if affected {
		return found
	}
	return !found && repaired
}

// within says whether a version lies in the ranges that events make, and whether one
// of them ended by a repair at or before it.
func within(events []osv.Event, v pep440.Version) (in, repaired bool) {
	type event struct {
		osv.Event
		at pep440.Version
	}
	var list []event
	for _, e := range events {
		at, err := pep440.Parse(e.Version)
		if err != nil {
			return true, false // it cannot be told, which is no repair
		}
		list = append(list, event{e, at})
	}
	slices.SortStableFunc(list, func(a, b event) int { return pep440.Compare(a.at, b.at) })
	for _, e := range list {
		c := pep440.Compare(e.at, v)
		switch {
		case e.Kind == osv.Introduced && c <= 0:
			in = true
		case e.Kind == osv.Fixed && c <= 0:
			in, repaired = false, true
		case e.Kind == osv.LastAffected && c < 0:
			in = false
		}
	}
	return in, repaired
}

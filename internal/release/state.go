package release

import (
	"fmt"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/pep440"
)

// State is how far a release has come.
type State string

// The states, in order. With Superseded and Withdrawn nothing more is done on its own,
// but for what is no longer yanked.
const (
	Unseen     State = ""
	Seen       State = "seen"       // some source has it
	Cooling    State = "cooling"    // it is known when it was uploaded, and not long ago
	Ready      State = "ready"      // it has cooled, and nothing is known against it
	Canary     State = "canary"     // one place runs it
	Staging    State = "staging"    //
	Production State = "production" //
	Superseded State = "superseded" // a newer one is in production
	Withdrawn  State = "withdrawn"  // yanked, quarantined, or turned down
)

// order is the way that a release takes. People take it from Ready on. From the two
// states at the end there is one way back each: what a newer release took the place of
// goes to production again when that one fails, and what is no longer yanked or
// quarantined cools again.
func order() []State { return []State{Unseen, Seen, Cooling, Ready, Canary, Staging, Production} }

func (s State) ended() bool { return s == Superseded || s == Withdrawn }

// follows reports whether a step leads from one state to another.
func (s State) follows(from State) bool {
	if from == Superseded {
		return s == Production
	}
	if from == Withdrawn {
		return s == Cooling
	}
	if s.ended() {
		return from != Unseen
	}
	if s == Cooling && from == Ready { // something is known against it now
		return true
	}
	way := order()
	i := slices.Index(way, s)
	return i > 0 && way[i-1] == from
}

// Step is one step of one release.
type Step struct {
	Time     string // RFC 3339, UTC
	Version  string
	From, To State
	By       string
	Evidence []string
	Uploaded string // RFC 3339; "" if not known
}

// Track is a release on its way.
type Track struct {
	Version  string `json:"version"`
	State    State  `json:"state"`
	Since    string `json:"since"`
	By       string `json:"by"`
	Uploaded string `json:"uploaded,omitempty"`

	parsed pep440.Version
	ran    State // where it was when it was withdrawn
}

// Follow returns where the releases are after steps, oldest version first. A step that
// does not follow from the one before it is an error.
func Follow(steps []Step) ([]Track, error) {
	at := map[string]*Track{}
	for _, s := range steps {
		v, err := pep440.Parse(s.Version)
		if err != nil || v.String() != s.Version {
			return nil, fmt.Errorf("a step of %.80q: that is not a version in its normal form", s.Version)
		}
		t := at[s.Version]
		if t == nil {
			t = &Track{Version: s.Version, parsed: v}
			at[s.Version] = t
		}
		if s.From != t.State || !s.To.follows(s.From) {
			return nil, fmt.Errorf("torch watch: %s cannot go from %q to %.40q: it is %q", s.Version, s.From, s.To, t.State)
		}
		t.State, t.Since, t.By, t.ran = s.To, s.Time, s.By, s.From
		if s.Uploaded != "" {
			t.Uploaded = s.Uploaded
		}
	}
	out := make([]Track, 0, len(at))
	for _, t := range at {
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b Track) int { return pep440.Compare(a.parsed, b.parsed) })
	return out, nil
}

// Promotion is what a person does.
type Promotion struct {
	Version  string
	To       State
	By       string
	Evidence []string
	Time     string
}

// Promote returns the steps of a promotion: that of the release, and when it goes to
// production those of the older ones, which it takes the place of.
func Promote(tracks []Track, p Promotion) ([]Step, error) {
	i := slices.IndexFunc(tracks, func(t Track) bool { return t.Version == p.Version })
	if i < 0 {
		return nil, fmt.Errorf("release %.80q is not watched", p.Version)
	}
	t := tracks[i]
	if !slices.Contains([]State{Canary, Staging, Production, Withdrawn}, p.To) {
		return nil, fmt.Errorf("a person promotes to canary, staging, production or withdrawn, not to %.40q", p.To)
	}
	if p.By == "" || !slices.ContainsFunc(p.Evidence, func(e string) bool { return strings.TrimSpace(e) != "" }) {
		return nil, fmt.Errorf("the step of %s to %s needs evidence, and somebody who answers for it", p.Version, p.To)
	}
	if !p.To.follows(t.State) {
		return nil, fmt.Errorf("%s is %s; from there it cannot go to %s", p.Version, t.State, p.To)
	}
	if newer := slices.IndexFunc(tracks[i:], func(o Track) bool { return o.State == Production }); t.State == Superseded && newer >= 0 {
		return nil, fmt.Errorf("%s is in production: what is newer has to be withdrawn before %s takes its place again", tracks[i+newer].Version, p.Version)
	}
	steps := []Step{{Time: p.Time, Version: p.Version, From: t.State, To: p.To, By: p.By, Evidence: p.Evidence}}
	if p.To != Production {
		return steps, nil
	}
	for _, o := range tracks {
		if pep440.Compare(o.parsed, t.parsed) < 0 && !o.State.ended() {
			steps = append(steps, Step{
				Time: p.Time, Version: o.Version, From: o.State, To: Superseded, By: byRule,
				Evidence: []string{p.Version + " went to production"},
			})
		}
	}
	return steps, nil
}

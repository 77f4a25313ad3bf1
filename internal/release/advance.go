package release

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/andiron-dev/andiron/internal/family"
	"github.com/andiron-dev/andiron/internal/pep440"
)

// byRule is who takes the steps that nobody has to answer for.
const byRule = "andiron"

// Policy is how careful to be.
type Policy struct {
	Now      time.Time
	Cooldown time.Duration // 7 days
	// Least is what is left of the cooldown for a security release: a day.
	Least time.Duration
	InUse []string // versions that the project runs, besides those in production
}

func (p Policy) withDefaults() Policy {
	p.Cooldown = cmp.Or(p.Cooldown, 7*24*time.Hour)
	p.Least = min(cmp.Or(p.Least, 24*time.Hour), p.Cooldown)
	return p
}

// Note is why a release stays where it is, or what somebody has to look at.
type Note struct {
	Version string `json:"version"`
	Text    string `json:"text"`
	// Urgent says that something is wrong with a release that runs somewhere.
	Urgent bool `json:"urgent,omitempty"`
}

// watcher advances the tracks of one run.
type watcher struct {
	news   *News
	policy Policy
	now    string
	steps  []Step
	notes  []Note
	named  []pep440.Version // by the project's files
	inUse  []pep440.Version // these, and what is in production

	production bool // some release is
}

// Advance returns the steps that follow from the news without anyone, and why the
// others do not.
func Advance(tracks []Track, n *News, p Policy) ([]Step, []Note) {
	w := &watcher{news: n, policy: p.withDefaults()}
	w.now = p.Now.UTC().Format(time.RFC3339)
	for _, s := range p.InUse {
		if v, err := pep440.Parse(s); err == nil {
			w.named = append(w.named, v.Public())
		}
	}
	w.inUse = slices.Clone(w.named)
	for _, t := range tracks {
		if t.State == Production {
			w.inUse, w.production = append(w.inUse, t.parsed), true
		}
	}
	for _, t := range append(slices.Clone(tracks), w.unseen(tracks)...) {
		w.track(t)
	}
	return w.steps, w.notes
}

// unseen are the releases that are not watched yet and should be: what is newer than
// floor, or to begin with the newest of the two newest trains.
func (w *watcher) unseen(tracks []Track) (out []Track) {
	versions := w.news.Versions()
	known := map[string]bool{}
	for _, t := range tracks {
		known[t.Version] = true
	}
	trains := map[string]bool{}
	for _, version := range slices.Backward(versions) {
		v, err := pep440.Parse(version)
		if err != nil || known[version] {
			continue
		}
		if len(tracks) > 0 {
			if pep440.Compare(v, floor(tracks)) > 0 {
				out = append(out, Track{Version: version, parsed: v})
			}
			continue
		}
		train, _ := family.Train("torch", version)
		if !trains[train] && len(trains) < 2 {
			out = append(out, Track{Version: version, parsed: v})
		}
		trains[train] = true
	}
	slices.Reverse(out)
	return out
}

// floor is the newest release in production, or else the oldest that is on its way.
func floor(tracks []Track) pep440.Version {
	oldest := tracks[len(tracks)-1]
	for _, t := range slices.Backward(tracks) {
		if t.State == Production {
			return t.parsed
		}
		if !t.State.ended() {
			oldest = t
		}
	}
	return oldest.parsed
}

// track takes one release as far as it goes.
func (w *watcher) track(t Track) {
	list := w.news.of(t.Version)
	if t.State == Superseded || t.State == Withdrawn && !w.back(&t, list) {
		return
	}
	if t.State == Unseen {
		w.step(&t, Seen, sightings(list)...)
	}
	for _, s := range list {
		if s.Yanked || s.Quarantined {
			what := "yanked it"
			if s.Quarantined {
				what = "quarantined the project"
			}
			evidence := []string{fmt.Sprintf("%s %s: %.200s", s.Source, what, cmp.Or(s.Reason, "no reason is given"))}
			w.urgent(&t, evidence[0])
			w.step(&t, Withdrawn, evidence...)
			return
		}
	}
	against := w.news.against(t.parsed)
	for _, a := range against {
		w.urgent(&t, a)
	}
	w.cool(&t, list, against)
}

// back reports whether a release that was withdrawn because of the index is no longer
// yanked or quarantined there, and lets it cool again. While it is, and may run
// somewhere, that is said each time.
func (w *watcher) back(t *Track, list []Sighting) bool {
	i := slices.IndexFunc(list, func(s Sighting) bool { return s.Source == Index && !s.Yanked && !s.Quarantined })
	if t.By == byRule && i >= 0 {
		w.step(t, Cooling, list[i].String()+", neither yanked nor quarantined any more")
		return true
	}
	if !w.replaced(t) {
		w.notes = append(w.notes, Note{Version: t.Version, Text: fmt.Sprintf("was withdrawn from %s, and nothing is in its place", t.ran), Urgent: true})
	} else if w.used(t.parsed) {
		w.notes = append(w.notes, Note{Version: t.Version, Text: "is named by the project's files, and was withdrawn", Urgent: true})
	}
	return false
}

// replaced reports whether a withdrawn release has left production, if it was there.
func (w *watcher) replaced(t *Track) bool { return t.ran != Production || w.production }

// used reports whether the project's files name a version.
func (w *watcher) used(v pep440.Version) bool {
	return slices.ContainsFunc(w.named, func(u pep440.Version) bool { return pep440.Compare(u, v) == 0 })
}

func (w *watcher) cool(t *Track, list []Sighting, against []string) {
	if t.State == Ready && len(against) > 0 {
		w.step(t, Cooling, against...)
		return
	}
	if t.State != Seen && t.State != Cooling {
		return
	}
	uploaded, evidence := w.uploaded(list)
	if uploaded == "" {
		w.hold(t, "no source says when it was uploaded")
		return
	}
	if uploaded != t.Uploaded {
		t.Uploaded = uploaded // a file was added: the cooldown begins anew
	}
	if t.State == Seen {
		w.step(t, Cooling, evidence)
	}
	if len(against) > 0 {
		w.hold(t, against[0])
		return
	}
	if why := w.unvouched(t.Version, list); why != "" {
		w.hold(t, why)
		return
	}
	at, err := time.Parse(time.RFC3339, uploaded)
	if err != nil {
		w.hold(t, fmt.Sprintf("%.40q is not a time", uploaded))
		return
	}
	w.ready(t, w.policy.Now.Sub(at), evidence)
}

func (w *watcher) ready(t *Track, age time.Duration, evidence string) {
	const nothing = "not yanked, not quarantined, and no advisory names it"
	if age >= w.policy.Cooldown {
		w.step(t, Ready, evidence, fmt.Sprintf("it is out for %s, and the cooldown is %s", days(age), days(w.policy.Cooldown)), nothing)
		return
	}
	if age >= w.policy.Least {
		signals, err := w.news.repairs(t.parsed, w.inUse)
		if err != nil {
			w.news.note(OSV, "records", err)
		}
		if len(signals) > 0 {
			w.step(t, Ready, append([]string{evidence, fmt.Sprintf("it is out for %s of %s, and leaves the cooldown as a security release", days(age), days(w.policy.Cooldown)), nothing}, signals...)...)
			return
		}
	}
	w.hold(t, fmt.Sprintf("it is out for %s, and the cooldown is %s", days(age), days(w.policy.Cooldown)))
}

// uploaded is the latest time that a source names; the index's counts if it has one,
// as that of its newest file.
func (w *watcher) uploaded(list []Sighting) (when, evidence string) {
	for _, s := range list {
		if s.Time == "" {
			continue
		}
		if when == "" || s.Time > when { // all are UTC, in one form
			when, evidence = s.Time, s.String()
		}
	}
	return when, evidence
}

// unvouched says what is missing for a release to go on: the index that it would be
// installed from has to have it, and so has the project's repository.
func (w *watcher) unvouched(version string, list []Sighting) string {
	for _, need := range []struct {
		source Source
		what   string
	}{{Index, "files"}, {GitHub, "releases"}, {GitHub, "advisories"}} {
		if !w.news.answered(need.source, need.what) {
			return fmt.Sprintf("%s could not be asked for %s", need.source, need.what)
		}
	}
	for _, source := range []Source{Index, GitHub} {
		if !slices.ContainsFunc(list, func(s Sighting) bool { return s.Source == source }) {
			return fmt.Sprintf("%s does not have %s, and others do", source, version)
		}
	}
	return ""
}

func (w *watcher) step(t *Track, to State, evidence ...string) {
	w.steps = append(w.steps, Step{Time: w.now, Version: t.Version, From: t.State, To: to, By: byRule, Evidence: evidence, Uploaded: t.Uploaded})
	t.State = to
}

func (w *watcher) hold(t *Track, why string) {
	w.notes = append(w.notes, Note{Version: t.Version, Text: fmt.Sprintf("stays %s: %s", t.State, why)})
}

// urgent says something of a release that runs somewhere.
func (w *watcher) urgent(t *Track, text string) {
	switch {
	case slices.Contains([]State{Canary, Staging, Production}, t.State):
		w.notes = append(w.notes, Note{Version: t.Version, Text: fmt.Sprintf("is in %s: %s", t.State, text), Urgent: true})
	case w.used(t.parsed):
		w.notes = append(w.notes, Note{Version: t.Version, Text: "is named by the project's files: " + text, Urgent: true})
	}
}

func sightings(list []Sighting) (out []string) {
	for _, s := range list {
		out = append(out, s.String())
	}
	return out
}

func days(d time.Duration) string {
	n := int(d.Hours() / 24)
	switch {
	case d < 0:
		return "no time (its day is in the future)"
	case n == 0:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	case n == 1:
		return "1 day"
	}
	return fmt.Sprintf("%d days", n)
}

package advisory

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/osv"
	"github.com/andiron-dev/andiron/internal/pep440"
	"github.com/andiron-dev/andiron/internal/pep508"
)

// entry is what a record says of a package.
type entry struct {
	name string // normal
	adv  Advisory
}

// reduced is what is kept of a record.
type reduced struct {
	modified int64
	entries  []entry // by name; none of a record that is about other ecosystems
	notes    []string
}

// reduce keeps what matching needs. An error means that the record is about PyPI,
// and that nothing can be said of any version by it.
func reduce(r *osv.Record) (out reduced, err error) {
	out.modified = r.Modified
	out.notes = slices.Clone(r.Notes)
	byName := map[string]*gathering{}
	var order []string
	bad := 0
	for i := range r.Affected {
		a := &r.Affected[i]
		if a.Ecosystem != Ecosystem {
			continue
		}
		name := pep508.Normalize(a.Name)
		if !pep508.ValidName(a.Name) {
			bad++
			out.notes = append(out.notes, fmt.Sprintf("%.100q is not a name that a package can have", a.Name))
			continue
		}
		g := byName[name]
		if g == nil {
			g = &gathering{name: name, severity: r.Severity}
			byName[name], order = g, append(order, name)
		}
		g.add(a)
	}
	if bad > 0 && len(order) == 0 {
		return out, errors.New("it names no package that there can be")
	}
	slices.Sort(order)
	for _, name := range order {
		g := byName[name]
		out.notes = append(out.notes, g.summary()...)
		adv := g.advisory()
		adv.ID, adv.Aliases, adv.Summary, adv.CWEs = r.ID, sorted(r.Aliases), oneLine(r.Summary), r.CWEs
		adv.Published, adv.Modified, adv.Malicious = r.Published, r.Modified, r.Malicious()
		out.entries = append(out.entries, entry{name, adv})
	}
	return out, nil
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return slices.Compact(list)
}

const maxSummary = 300

// oneLine makes a text one of a single line that is not too long.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= maxSummary {
		return s
	}
	cut := maxSummary
	for s[cut]&0xc0 == 0x80 { // not in the middle of a character
		cut--
	}
	return s[:cut] + "…"
}

// gathering is what the parts of a record say of one package.
type gathering struct {
	name      string
	severity  osv.Severity
	intervals []interval
	versions  []pep440.Version
	unclear   string
	ranges    int // that say something of versions
	listed    int
	strange   []string // versions that are none of PEP 440
	rewritten int
}

func (g *gathering) add(a *osv.Affected) {
	if g.severity.Level == "" {
		g.severity = a.Severity
	}
	for _, r := range a.Ranges {
		if r.Type == "GIT" {
			continue
		}
		if r.Type != "ECOSYSTEM" && r.Type != "SEMVER" {
			g.doubt(fmt.Sprintf("a range has the type %.40q", r.Type))
			continue
		}
		if len(r.Events) == 0 {
			continue
		}
		g.ranges++
		list, err := intervals(r.Events)
		if err != nil {
			g.doubt(err.Error())
			continue
		}
		g.intervals = append(g.intervals, list...)
	}
	for _, s := range a.Versions {
		g.listed++
		g.version(s)
	}
}

func (g *gathering) doubt(why string) {
	if g.unclear == "" {
		g.unclear = why
	}
}

// version takes one of the listed versions. Some records write name==version.
func (g *gathering) version(s string) {
	if name, v, ok := strings.Cut(s, "=="); ok && pep508.Normalize(strings.TrimSpace(name)) == g.name {
		s = v
		g.rewritten++
	}
	v, err := pep440.Parse(s)
	if err != nil {
		g.strange = append(g.strange, s)
		return
	}
	g.versions = append(g.versions, v.Public())
}

// summary says what was passed over. A version that PEP 440 does not have is no
// doubt: nothing that is compared with it can be equal.
func (g *gathering) summary() (notes []string) {
	if g.rewritten > 0 {
		notes = append(notes, fmt.Sprintf("%s: %d of %d versions are written as name==version", g.name, g.rewritten, g.listed))
	}
	if n := len(g.strange); n > 0 {
		notes = append(notes, fmt.Sprintf("%s: %d of %d versions are none of PEP 440, the first is %.60q", g.name, n, g.listed, g.strange[0]))
	}
	if g.ranges == 0 && len(g.versions) == 0 {
		g.doubt("the record names neither versions nor ranges of versions that can be compared")
	}
	if g.unclear != "" {
		notes = append(notes, g.name+": "+g.unclear)
	}
	return notes
}

// advisory sorts what was gathered, and leaves out the versions that an interval
// holds: they say nothing more.
func (g *gathering) advisory() Advisory {
	a := Advisory{Severity: g.severity, Unclear: g.unclear}
	slices.SortFunc(g.intervals, func(x, y interval) int {
		return cmp.Or(compareBound(x.from, y.from, -1), compareBound(x.to, y.to, 1), cmp.Compare(x.end, y.end))
	})
	for _, i := range g.intervals {
		written := i.written()
		if n := len(a.Intervals); n == 0 || a.Intervals[n-1] != written {
			a.Intervals = append(a.Intervals, written)
		}
	}
	slices.SortFunc(g.versions, pep440.Compare)
	var farthest *interval // of those that have begun
	next := 0
	for _, v := range g.versions {
		for ; next < len(g.intervals) && (g.intervals[next].from == nil || pep440.Compare(*g.intervals[next].from, v) <= 0); next++ {
			if i := &g.intervals[next]; farthest == nil || i.farther(farthest) {
				farthest = i
			}
		}
		if farthest == nil || !between(v, nil, farthest.to, farthest.end) {
			a.Versions = append(a.Versions, v.String())
		}
	}
	a.Versions = sorted(a.Versions)
	return a
}

// farther reports whether i ends after j.
func (i *interval) farther(j *interval) bool {
	c := compareBound(i.to, j.to, 1)
	return c > 0 || c == 0 && i.end == Last
}

// interval is an Interval whose versions are parsed.
type interval struct {
	from, to *pep440.Version
	end      End
}

func (i interval) written() Interval {
	out := Interval{End: i.end}
	if i.from != nil {
		out.From = i.from.String()
	}
	if i.to != nil {
		out.To = i.to.String()
	}
	return out
}

// compareBound orders two bounds; one that is not there is none before all, or
// after.
func compareBound(a, b *pep440.Version, none int) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return none
	case b == nil:
		return -none
	}
	return pep440.Compare(*a, *b)
}

// turn is what happens at one version.
type turn struct {
	at                      *pep440.Version // nil is before all
	introduced, fixed, last bool
}

// intervals evaluates the events of a range, in whatever order they come.
func intervals(events []osv.Event) ([]interval, error) {
	turns, limit, err := turnsOf(events)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(turns, func(t turn) bool { return t.introduced }) {
		turns = append([]turn{{introduced: true}}, turns...) // the schema wants one; all before the end is the safe reading
	}
	var out []interval
	open := false
	var from *pep440.Version
	for _, t := range turns {
		switch {
		case open && !t.introduced && t.last:
			out, open = append(out, interval{from, t.at, Last}), false
		case open && !t.introduced && t.fixed:
			out, open = append(out, interval{from, t.at, Fixed}), false
		case !open && t.introduced && t.last:
			out = append(out, interval{t.at, t.at, Last})
		case !open && t.introduced && !t.fixed:
			from, open = t.at, true
		}
	}
	if open {
		out = append(out, interval{from, nil, Endless})
	}
	return clip(out, limit), nil
}

// turnsOf sorts the events and puts those at one version together. The limit is the
// highest one.
func turnsOf(events []osv.Event) (turns []turn, limit *pep440.Version, err error) {
	endless := false
	for _, e := range events {
		if e.Kind == osv.Limit && e.Version == "*" {
			endless = true
			continue
		}
		if e.Kind == osv.Introduced && e.Version == "0" {
			turns = append(turns, turn{introduced: true})
			continue
		}
		v, err := pep440.Parse(e.Version)
		if err != nil {
			return nil, nil, fmt.Errorf("a range has the version %.60q, which is none of PEP 440", e.Version)
		}
		switch e.Kind {
		case osv.Introduced:
			v = v.Public() // so that the local builds of the first version are held
			turns = append(turns, turn{at: &v, introduced: true})
		case osv.Fixed:
			turns = append(turns, turn{at: &v, fixed: true})
		case osv.LastAffected:
			turns = append(turns, turn{at: &v, last: true})
		case osv.Limit:
			if limit == nil || pep440.Compare(v, *limit) > 0 {
				limit = &v
			}
		}
	}
	if endless {
		limit = nil
	}
	slices.SortStableFunc(turns, func(a, b turn) int { return compareBound(a.at, b.at, -1) })
	merged := turns[:0]
	for _, t := range turns {
		if n := len(merged); n > 0 && compareBound(merged[n-1].at, t.at, -1) == 0 {
			m := &merged[n-1]
			m.introduced, m.fixed, m.last = m.introduced || t.introduced, m.fixed || t.fixed, m.last || t.last
			continue
		}
		merged = append(merged, t)
	}
	return merged, limit, nil
}

// clip ends at the limit what goes beyond it.
func clip(list []interval, limit *pep440.Version) (out []interval) {
	if limit == nil {
		return list
	}
	for _, i := range list {
		if i.from != nil && pep440.Compare(*i.from, *limit) >= 0 {
			continue
		}
		beyond := i.to == nil
		if !beyond {
			c := pep440.Compare(*i.to, *limit)
			beyond = c > 0 || c == 0 && i.end == Last
		}
		if beyond {
			i.to, i.end = limit, Boundary
		}
		out = append(out, i)
	}
	return out
}

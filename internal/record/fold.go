package record

import (
	"context"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
)

const maxFindings = 1_000_000

// Status is where a finding stands.
type Status string

// The statuses.
const (
	IsOpen        Status = "open"
	IsFixed       Status = "fixed"
	IsWaived      Status = "waived"
	IsDisappeared Status = "disappeared"
)

func (e Event) status() Status {
	switch e {
	case Fixed:
		return IsFixed
	case Waived:
		return IsWaived
	case Disappeared:
		return IsDisappeared
	case Opened, Changed, Reopened:
	}
	return IsOpen
}

// State is a finding as it stands now.
type State struct {
	Status     Status   `json:"status"`
	Scope      string   `json:"scope"`
	Rule       string   `json:"rule"`
	Package    string   `json:"package"`
	Versions   []string `json:"versions"`
	Advisories []string `json:"advisories"` // of all events: ids are given anew, and joined
	Severity   string   `json:"severity"`
	Where      string   `json:"where"`
	Message    string   `json:"message"`
	FirstSeen  string   `json:"first_seen"`
	LastSeen   string   `json:"last_seen"` // the last scan that had it
	Since      string   `json:"since"`     // of this status

	touched int64 // seq of its last event
	gone    bool  // it is part of another
}

func (st *State) closed() bool { return st.Status == IsFixed || st.Status == IsDisappeared }

// Step is a step of a release, with its time.
type Step struct {
	Time string `json:"time"`
	Release
}

// Decided is a decision, with its time.
type Decided struct {
	Time string `json:"time"`
	Decision
}

// Remedied is a remediation, with its time.
type Remedied struct {
	Time string `json:"time"`
	Remediation
}

// Tested is a run of tests, with its time.
type Tested struct {
	Time string `json:"time"`
	Test
}

// Audited is an audit, with its time.
type Audited struct {
	Time string `json:"time"`
	Audit
}

// Folded is what is true now.
type Folded struct {
	Summary

	States   []*State // in the order in which they were first seen
	Scans    int64
	Last     *Scan  // the last one
	LastTime string // of the last scan
	Foreign  int64  // entries of kinds that a newer andiron knows

	// What was done, oldest first.
	Decisions    []Decided
	Remediations []Remedied
	Tests        []Tested
	Steps        []Step // of releases
	Audits       []Audited

	index map[string]*State
	seen  map[string]sighting // by scope
}

// sighting is the last scan that saw everything.
type sighting struct {
	seq  int64
	time string
}

// Fold reads the whole record and says what is true now.
func (l *Log) Fold(ctx context.Context) (*Folded, error) {
	f := newFolded()
	s, err := l.Read(ctx, f.add)
	return f.done(s, err)
}

// fold does the same where the folder is held already.
func (l *Log) fold(ctx context.Context) (*Folded, error) {
	f := newFolded()
	s, err := l.read(ctx, f.add)
	return f.done(s, err)
}

func newFolded() *Folded { return &Folded{index: map[string]*State{}, seen: map[string]sighting{}} }

func (f *Folded) done(s Summary, err error) (*Folded, error) {
	if err != nil {
		return nil, err
	}
	f.Summary = s
	f.States = slices.DeleteFunc(f.States, func(st *State) bool { return st.gone })
	for _, st := range f.States {
		f.look(st)
	}
	return f, nil
}

func (f *Folded) add(e *Entry) error {
	switch m := e.Meaning.(type) {
	case nil:
		f.Foreign++
	case *Finding:
		return f.finding(e, m)
	case *Scan:
		f.Scans++
		f.Last, f.LastTime = m, e.Time
		if m.Complete {
			f.seen[m.Scope] = sighting{e.Seq, e.Time}
		}
	case *Decision:
		f.Decisions = append(f.Decisions, Decided{e.Time, *m})
	case *Remediation:
		f.Remediations = append(f.Remediations, Remedied{e.Time, *m})
	case *Test:
		f.Tests = append(f.Tests, Tested{e.Time, *m})
	case *Audit:
		f.Audits = append(f.Audits, Audited{e.Time, *m})
	case *Release:
		f.Steps = append(f.Steps, Step{e.Time, *m})
	}
	if max(len(f.Decisions), len(f.Remediations), len(f.Tests), len(f.Steps), len(f.Audits)) > maxFindings {
		return bounded.Exceeded("decisions, remediations, tests, steps of releases or audits", maxFindings)
	}
	return nil
}

// Decided is the last decision on a finding, or nil.
func (f *Folded) Decided(rule, pkg string, advisories []string) *Decision {
	for i := range slices.Backward(f.Decisions) {
		d := &f.Decisions[i].Decision
		if d.Rule == rule && d.Package == pkg && slices.ContainsFunc(d.Advisories, func(id string) bool { return slices.Contains(advisories, id) }) {
			return d
		}
	}
	return nil
}

// look notes that a finding was seen by every scan since its last event, unless it is
// closed.
func (f *Folded) look(st *State) {
	if s := f.seen[st.Scope]; s.seq > st.touched && !st.closed() {
		st.LastSeen = s.time
	}
}

func (f *Folded) finding(e *Entry, m *Finding) error {
	var st *State
	if list := f.find(m.Scope, m.Rule, m.Package, m.Advisories); len(list) > 0 {
		st = f.merge(list)
		f.look(st)
	} else {
		if len(f.States) >= maxFindings {
			return bounded.Exceeded("findings", maxFindings)
		}
		st = &State{Status: IsOpen, Scope: m.Scope, Rule: m.Rule, Package: m.Package, FirstSeen: e.Time, Since: e.Time}
		f.States = append(f.States, st)
	}
	st.touched = e.Seq
	if status := m.Event.status(); m.Event != Changed && st.Status != status {
		st.Status, st.Since = status, e.Time
	}
	if !st.closed() {
		st.LastSeen = e.Time
	}
	st.Versions, st.Severity, st.Where, st.Message = m.Versions, m.Severity, m.Where, m.Message
	if !holds(st.Advisories, m.Advisories) {
		st.Advisories = join(st.Advisories, m.Advisories)
	}
	if len(st.Advisories) > maxIDs {
		return bounded.Exceeded("ids of one vulnerability", maxIDs)
	}
	for _, key := range keys(m.Scope, m.Rule, m.Package, m.Advisories) {
		f.index[key] = st
	}
	return nil
}

// merge makes one finding of several that turned out to be one: ids are found to be
// aliases of each other later. The first stays.
func (f *Folded) merge(list []*State) *State {
	st := list[0]
	for _, other := range list[1:] {
		other.gone = true
		st.Advisories = join(st.Advisories, other.Advisories)
		for _, key := range keys(other.Scope, other.Rule, other.Package, other.Advisories) {
			f.index[key] = st
		}
	}
	return st
}

// find returns the findings that have the rule, the package and an advisory in common,
// the first seen first.
func (f *Folded) find(scope, rule, pkg string, advisories []string) (list []*State) {
	for _, key := range keys(scope, rule, pkg, advisories) {
		if st := f.index[key]; st != nil && !slices.Contains(list, st) {
			list = append(list, st)
		}
	}
	slices.SortStableFunc(list, func(a, b *State) int { return strings.Compare(a.FirstSeen, b.FirstSeen) })
	return list
}

func keys(scope, rule, pkg string, advisories []string) []string {
	base := scope + "\x00" + rule + "\x00" + pkg + "\x00"
	if len(advisories) == 0 {
		return []string{base}
	}
	list := make([]string, len(advisories))
	for i, id := range advisories {
		list[i] = base + id
	}
	return list
}

// holds reports whether a sorted list has all of another.
func holds(all, some []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool {
		_, ok := slices.BinarySearch(all, s)
		return !ok
	})
}

// join returns the sorted union of sorted lists.
func join(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// Observation is what one scan saw.
type Observation struct {
	Scope    string
	Findings []Observed
	Packages map[string][]string // versions in use, by name of the package
	// Complete says that everything could be looked at. Without it, what was not seen
	// may be there: nothing is closed.
	Complete bool
}

// Observed is one finding of a scan.
type Observed struct {
	Rule, Package  string
	Versions       []string
	Advisories     []string // all ids
	Severity       string
	Where, Message string
	Waived         bool
}

// Events says what happened since: which findings are new, changed, waived, back,
// fixed, or gone from the feed. They are to be appended before the scan itself.
func (f *Folded) Events(o Observation) []Finding {
	var out []Finding
	seen := map[*State]bool{}
	fresh := once{}
	for _, x := range o.Findings {
		e := x.event(o.Scope)
		list := f.find(e.Scope, e.Rule, e.Package, e.Advisories)
		if len(list) == 0 {
			out = fresh.add(out, e)
			continue
		}
		if st := list[0]; !seen[st] && (len(list) > 1 || !same(st, &e, x.Waived)) {
			e.Event = next(st, x.Waived)
			out = append(out, e)
		}
		for _, st := range list {
			seen[st] = true
		}
	}
	if !o.Complete {
		return out
	}
	for _, st := range f.States {
		if st.Scope == o.Scope && !seen[st] && !st.closed() {
			out = append(out, st.close(o.Packages[st.Package]))
		}
	}
	return out
}

// once holds what is new, so that it is said once.
type once map[string]bool

func (o once) add(out []Finding, e Finding) []Finding {
	ids, had := keys(e.Scope, e.Rule, e.Package, e.Advisories), false
	for _, id := range ids {
		had = had || o[id]
		o[id] = true
	}
	if had {
		return out
	}
	return append(out, e)
}

func (x *Observed) event(scope string) Finding {
	e := Finding{
		Event: Opened, Scope: scope, Rule: x.Rule, Package: x.Package, Severity: x.Severity, Where: x.Where, Message: x.Message,
		Versions: join(x.Versions, []string{}), Advisories: join(x.Advisories, []string{}),
	}
	if x.Waived {
		e.Event = Waived
	}
	return e
}

// next is what happened to a known finding that was seen and is not the same.
func next(st *State, waived bool) Event {
	switch {
	case waived && st.Status != IsWaived:
		return Waived
	case !waived && st.Status != IsOpen:
		return Reopened
	}
	return Changed
}

// same reports whether there is nothing to say of a finding that was seen. The place
// may move without notice.
func same(st *State, e *Finding, waived bool) bool {
	status := IsOpen
	if waived {
		status = IsWaived
	}
	return st.Status == status && st.Severity == e.Severity && slices.Equal(st.Versions, e.Versions) &&
		holds(st.Advisories, e.Advisories)
}

// close says why a finding is not there any more. If one of the versions that had it
// is still in use, nobody repaired anything: the feed no longer has it.
func (st *State) close(inUse []string) Finding {
	e := Finding{
		Event: Fixed, Scope: st.Scope, Rule: st.Rule, Package: st.Package, Versions: st.Versions, Advisories: st.Advisories,
		Severity: st.Severity, Where: st.Where, Message: st.Message,
	}
	if len(st.Advisories) > 0 && slices.ContainsFunc(st.Versions, func(v string) bool { return slices.Contains(inUse, v) }) {
		e.Event = Disappeared
	}
	return e
}

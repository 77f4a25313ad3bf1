package advisory

import (
	"maps"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/osv"
)

// Builder collects records and makes a database of them. The bytes depend on the
// records and on Info alone, not on the order of records with different ids. The
// zero Builder is empty.
type Builder struct {
	kept     map[string]reduced
	absent   map[string]absent // read, and not kept
	problems map[string][]Problem
}

// absent is a record that is not kept, so that it need not be fetched again.
type absent struct {
	modified int64
	why      reason
}

type reason uint8

const (
	withdrawn reason = iota + 1
	foreign
	rejected
)

// Add takes a record, in the place of an older one with its id.
func (b *Builder) Add(r *osv.Record) {
	if modified, ok := b.modified(r.ID); ok && modified > r.Modified {
		return
	}
	b.Drop(r.ID)
	if r.Withdrawn != 0 {
		b.leave(r.ID, absent{r.Modified, withdrawn})
		return
	}
	red, err := reduce(r)
	switch {
	case err != nil:
		b.Reject(r.ID, r.Modified, err)
		return
	case len(red.entries) == 0:
		b.leave(r.ID, absent{r.Modified, foreign})
		return
	}
	if b.kept == nil {
		b.kept = map[string]reduced{}
	}
	b.kept[r.ID] = red
	for _, note := range red.notes {
		b.problem(Problem{ID: r.ID, Reason: note})
	}
}

// Reject lists a record that cannot be read, in the place of an older one with its
// id. The name of its file is used where the id is not known.
func (b *Builder) Reject(id string, modified int64, why error) {
	b.Drop(id)
	b.leave(id, absent{modified, rejected})
	b.problem(Problem{ID: id, Whole: true, Reason: why.Error()})
}

// Note lists something about a record that is there, once.
func (b *Builder) Note(id, reason string) {
	if !slices.ContainsFunc(b.problems[id], func(p Problem) bool { return p.Reason == shortened(reason) }) {
		b.problem(Problem{ID: id, Reason: reason})
	}
}

// Holds reports whether a record is there and kept.
func (b *Builder) Holds(id string) bool {
	_, ok := b.kept[id]
	return ok
}

// Drop forgets a record.
func (b *Builder) Drop(id string) {
	delete(b.kept, id)
	delete(b.absent, id)
	delete(b.problems, id)
}

// Modified is when each record that was read was last changed, kept or not.
func (b *Builder) Modified() map[string]int64 {
	out := make(map[string]int64, len(b.kept)+len(b.absent))
	for id, r := range b.kept {
		out[id] = r.modified
	}
	for id, a := range b.absent {
		out[id] = a.modified
	}
	return out
}

func (b *Builder) modified(id string) (int64, bool) {
	if r, ok := b.kept[id]; ok {
		return r.modified, true
	}
	a, ok := b.absent[id]
	return a.modified, ok
}

func (b *Builder) leave(id string, a absent) {
	if b.absent == nil {
		b.absent = map[string]absent{}
	}
	b.absent[id] = a
}

const (
	maxReason   = 300 // bytes of a reason that are kept
	maxProblems = 20  // of a record that are listed
)

func (b *Builder) problem(p Problem) {
	if b.problems == nil {
		b.problems = map[string][]Problem{}
	}
	switch n := len(b.problems[p.ID]); {
	case n > maxProblems:
		return
	case n == maxProblems:
		p.Reason = "and more"
	}
	p.Reason = shortened(p.Reason)
	b.problems[p.ID] = append(b.problems[p.ID], p)
}

func shortened(reason string) string {
	if len(reason) > maxReason {
		return strings.ToValidUTF8(reason[:maxReason], "") + "…"
	}
	return reason
}

// AddDB takes everything that a database holds.
func (b *Builder) AddDB(db *DB) error {
	all, err := db.everything()
	if err != nil {
		return err
	}
	if b.kept == nil {
		b.kept = map[string]reduced{}
	}
	for _, e := range all.entries {
		red := b.kept[e.adv.ID]
		red.modified = e.adv.Modified
		red.entries = append(red.entries, e)
		b.kept[e.adv.ID] = red
	}
	for id, a := range all.absent {
		b.leave(id, a)
	}
	for _, p := range all.problems {
		b.problem(p)
	}
	return nil
}

// Build makes the file. Of the info, everything that is counted is set.
func (b *Builder) Build(info Info) ([]byte, error) {
	packages := map[string][]*Advisory{}
	info.Records, info.Malicious, info.Newest = len(b.kept), 0, 0
	for _, id := range slices.Sorted(maps.Keys(b.kept)) {
		red := b.kept[id]
		info.Newest = max(info.Newest, red.modified)
		if len(red.entries) > 0 && red.entries[0].adv.Malicious {
			info.Malicious++
		}
		for i := range red.entries {
			e := &red.entries[i]
			packages[e.name] = append(packages[e.name], &e.adv)
		}
	}
	info.Packages = len(packages)
	info.Withdrawn, info.Foreign, info.Rejected, info.Repaired = 0, 0, 0, 0
	for _, a := range b.absent {
		info.Newest = max(info.Newest, a.modified)
		switch a.why {
		case withdrawn:
			info.Withdrawn++
		case foreign:
			info.Foreign++
		case rejected:
			info.Rejected++
		}
	}
	for id := range b.problems {
		if _, ok := b.kept[id]; ok {
			info.Repaired++
		}
	}
	return encode(info, packages, b.absent, b.problems)
}

// malicious marks a record whose id does not say so.
func (b *Builder) malicious(id string) {
	for i := range b.kept[id].entries {
		b.kept[id].entries[i].adv.Malicious = true
	}
}

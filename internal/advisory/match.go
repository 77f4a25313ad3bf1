package advisory

import (
	"cmp"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/osv"
	"github.com/andiron-dev/andiron/internal/pep440"
	"github.com/andiron-dev/andiron/internal/pep508"
)

// Hit is one vulnerability, or one report of malware, that a version has. Records
// that are about the same one are together in it.
type Hit struct {
	ID      string   // a CVE before a PYSEC, a GHSA, a MAL and others
	Aliases []string // all its other names, sorted

	Records []string // ids of the records that the version is affected by
	Silent  []string // ids of those of the same vulnerability that it is not affected by

	Package  string // normal name
	Summary  string
	Severity osv.Severity // the worst of the records
	CWEs     []string

	Published, Modified int64 // the first, the last; seconds since 1970

	Malicious bool
	Fact      Fact // what andiron knows besides; empty for most
	Ranges    []Interval
	// Fixed is the lowest version above the matched one at which a range ends that
	// holds it: one that no record of the vulnerability affects, if there is any,
	// and a final release, if there is any. Empty where no record names one.
	Fixed string
	// Unclear says why it cannot be told whether the version is affected. Such a hit
	// is no proof, and leaving it out would be none of the opposite.
	Unclear string
}

// Match returns what a version of a package is affected by, sorted by id.
func (db *DB) Match(name string, v pep440.Version) ([]Hit, error) {
	v = v.Public()
	return db.hits(name, &v, func(a *Advisory) (bool, []Interval, error) { return a.holds(v) })
}

// MayMatch returns what some version that the conditions allow is affected by. It
// knows of no releases: that such a version exists is not said. Fixed is empty.
func (db *DB) MayMatch(name string, spec pep440.Specifiers) ([]Hit, error) {
	return db.hits(name, nil, func(a *Advisory) (bool, []Interval, error) { return a.meets(spec) })
}

// holds reports whether a public version is affected, and by which intervals.
func (a *Advisory) holds(v pep440.Version) (yes bool, in []Interval, err error) {
	for _, i := range a.Intervals {
		ok, err := i.holds(v)
		if err != nil {
			return false, nil, err
		}
		if ok {
			in = append(in, i)
		}
	}
	if len(in) > 0 {
		return true, in, nil
	}
	for _, s := range a.Versions {
		w, err := value(s)
		if err != nil {
			return false, nil, err
		}
		if pep440.Compare(v, w) == 0 {
			return true, nil, nil
		}
	}
	return false, nil, nil
}

// meets reports whether conditions allow an affected version.
func (a *Advisory) meets(spec pep440.Specifiers) (yes bool, in []Interval, err error) {
	for _, i := range a.Intervals {
		from, to, err := i.bounds()
		if err != nil {
			return false, nil, err
		}
		fixed, last := to, (*pep440.Version)(nil)
		if i.End == Last {
			fixed, last = nil, to
		}
		if spec.Overlaps(from, fixed, last) {
			in = append(in, i)
		}
	}
	if len(in) > 0 {
		return true, in, nil
	}
	for _, s := range a.Versions {
		w, err := parse(s)
		if err != nil {
			return false, nil, err
		}
		if spec.Overlaps(w, nil, w) {
			return true, nil, nil
		}
	}
	return false, nil, nil
}

// found is an advisory and what was asked of it.
type found struct {
	*Advisory

	yes bool
	in  []Interval
}

func (db *DB) hits(name string, v *pep440.Version, ask func(*Advisory) (bool, []Interval, error)) ([]Hit, error) {
	scratch, ok := db.lists.Get().(*[]Advisory)
	if !ok {
		scratch = new([]Advisory)
	}
	defer db.lists.Put(scratch)
	name = pep508.Normalize(name)
	list := (*scratch)[:0]
	var err error
	b, there := db.find(name)
	if there {
		if list, err = db.advisories(list, name, b); err != nil {
			return nil, err
		}
		*scratch = list
	}
	switch {
	case db.info.Builtin:
	case there:
		list = append(list, db.facts.incidents(name)...)
	default: // it is of some of the packages, and says nothing of this one
		list = append(list, db.facts.packages[name]...)
	}
	all := make([]found, 0, len(list))
	some := false
	for i := range list {
		f := found{Advisory: &list[i]}
		if f.yes, f.in, err = ask(f.Advisory); err != nil {
			return nil, err
		}
		some = some || f.yes || f.Unclear != ""
		all = append(all, f)
	}
	if !some {
		return nil, nil
	}
	var out []Hit
	for _, group := range groups(all) {
		if h, ok := hitOf(name, group); ok {
			if h.Fact = db.facts.of(h.ID, h.Aliases); v != nil && h.Unclear == "" {
				if h.Fixed, err = fix(*v, group); err != nil {
					return nil, err
				}
			}
			out = append(out, h)
		}
	}
	slices.SortFunc(out, func(a, b Hit) int { return cmp.Compare(a.ID, b.ID) })
	return out, nil
}

// groups puts together what shares a name, also by way of others.
func groups(all []found) (out [][]found) {
	parent := make([]int, len(all))
	root := func(i int) int {
		for parent[i] != i {
			parent[i] = parent[parent[i]]
			i = parent[i]
		}
		return i
	}
	owner := make(map[string]int, 3*len(all))
	for i := range all {
		parent[i] = i
		join := func(id string) {
			if j, ok := owner[id]; ok {
				parent[root(i)] = root(j)
			} else {
				owner[id] = i
			}
		}
		join(all[i].ID)
		for _, id := range all[i].Aliases {
			join(id)
		}
	}
	place := map[int]int{}
	for i := range all {
		r := root(i)
		if _, ok := place[r]; !ok {
			place[r] = len(out)
			out = append(out, nil)
		}
		out[place[r]] = append(out[place[r]], all[i])
	}
	return out
}

// hitOf makes a hit of a group, if one of its records affects what was asked for,
// or may.
func hitOf(name string, group []found) (h Hit, ok bool) {
	slices.SortStableFunc(group, func(a, b found) int {
		return cmp.Or(cmp.Compare(textRank(a.ID), textRank(b.ID)), cmp.Compare(a.ID, b.ID))
	})
	h = Hit{Package: name}
	names := map[string]bool{}
	for _, f := range group {
		names[f.ID] = true
		for _, id := range f.Aliases {
			names[id] = true
		}
		h.Malicious = h.Malicious || f.Malicious
		switch {
		case f.yes:
			h.Records = append(h.Records, f.ID)
			h.Ranges = append(h.Ranges, f.in...)
		case f.Unclear != "":
			h.Unclear = cmp.Or(h.Unclear, f.ID+": "+f.Unclear)
		default:
			h.Silent = append(h.Silent, f.ID)
		}
		h.describe(f.Advisory)
	}
	if len(h.Records) > 0 {
		h.Unclear = ""
	}
	if len(h.Records) == 0 && h.Unclear == "" {
		return h, false
	}
	h.Records, h.Silent = sorted(h.Records), sorted(h.Silent)
	h.Silent = slices.DeleteFunc(h.Silent, func(id string) bool {
		_, has := slices.BinarySearch(h.Records, id)
		return has
	})
	h.Ranges = distinct(h.Ranges)
	for id := range names {
		if h.ID == "" || idLess(id, h.ID) {
			h.ID = id
		}
		h.Aliases = append(h.Aliases, id)
	}
	slices.Sort(h.Aliases)
	h.Aliases = slices.DeleteFunc(h.Aliases, func(id string) bool { return id == h.ID })
	h.CWEs = sorted(h.CWEs)
	return h, true
}

// describe takes over the words of a record; those of the first count.
func (h *Hit) describe(a *Advisory) {
	h.Summary = cmp.Or(h.Summary, a.Summary)
	h.CWEs = append(h.CWEs, a.CWEs...)
	if a.Published != 0 && (h.Published == 0 || a.Published < h.Published) {
		h.Published = a.Published
	}
	h.Modified = max(h.Modified, a.Modified)
	rank := func(s osv.Severity) int { return slices.Index(levels[:], s.Level) }
	if c := cmp.Compare(rank(a.Severity), rank(h.Severity)); c > 0 || c == 0 && a.Severity.Score > h.Severity.Score {
		h.Severity = a.Severity
	}
}

func distinct(list []Interval) (out []Interval) {
	seen := make(map[Interval]bool, len(list))
	for _, i := range list {
		if !seen[i] {
			seen[i] = true
			out = append(out, i)
		}
	}
	return out
}

// idRank orders the kinds of ids by how widely they are known.
func idRank(id string) int {
	for i, prefix := range [...]string{"CVE-", "PYSEC-", "GHSA-", "MAL-"} {
		if strings.HasPrefix(id, prefix) {
			return i
		}
	}
	return 9
}

// textRank orders the databases by how good their summaries are.
func textRank(id string) int {
	if strings.HasPrefix(id, "GHSA-") {
		return -1
	}
	return idRank(id)
}

func idLess(a, b string) bool {
	return cmp.Or(cmp.Compare(idRank(a), idRank(b)), cmp.Compare(a, b)) < 0
}

// fix is the version to go to; see Hit.Fixed.
func fix(v pep440.Version, group []found) (string, error) {
	var candidates []pep440.Version
	for _, f := range group {
		for _, i := range f.in {
			if i.End != Fixed {
				continue
			}
			to, err := value(i.To)
			if err != nil {
				return "", err
			}
			if pep440.Compare(to, v) > 0 {
				candidates = append(candidates, to)
			}
		}
	}
	slices.SortFunc(candidates, pep440.Compare)
	candidates = slices.CompactFunc(candidates, func(a, b pep440.Version) bool { return pep440.Compare(a, b) == 0 })
	best, quality := "", -1
	for _, c := range candidates[:min(len(candidates), maxCandidates)] {
		q := 0
		if !c.Pre() {
			q = 2
		}
		clean, err := unaffected(c.Public(), group)
		if err != nil {
			return "", err
		}
		if clean {
			q++
		}
		if q > quality {
			best, quality = c.String(), q
		}
	}
	return best, nil
}

// maxCandidates is how many of the lowest fixed versions are held against the other
// records. Real vulnerabilities have few.
const maxCandidates = 32

func unaffected(v pep440.Version, group []found) (bool, error) {
	for _, f := range group {
		if yes, _, err := f.holds(v); yes || err != nil {
			return false, err
		}
	}
	return true, nil
}

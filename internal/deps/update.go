package deps

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/advisory"
	"github.com/andiron-dev/andiron/internal/family"
	"github.com/andiron-dev/andiron/internal/manifest"
	"github.com/andiron-dev/andiron/internal/pep440"
)

// TorchUse is a place that says which torch a project uses.
type TorchUse struct {
	Version   string        `json:"version,omitempty"` // the one version, as written: "2.5.1+cu121"
	Specifier string        `json:"specifier,omitempty"`
	Index     string        `json:"index,omitempty"` // where it comes from, if that is known
	Where     finding.Where `json:"where"`
	// Distribution says that the package manager of the operating system installed it.
	Distribution bool `json:"distribution,omitempty"`
	// Repairs are the vulnerabilities that the changelog of the distribution names.
	Repairs []manifest.Repair `json:"repairs,omitempty"`
	// Lock and Update are the commands that do it there, or empty.
	Lock   string `json:"-"`
	Update string `json:"-"`
}

// Advisories is what is known of vulnerabilities; *advisory.DB is it.
type Advisories interface {
	Match(name string, v pep440.Version) ([]advisory.Hit, error)
	MayMatch(name string, spec pep440.Specifiers) ([]advisory.Hit, error)
}

// TorchFacts are the releases that there are.
type TorchFacts struct {
	Releases []family.Version // any order; what is no final release is passed over
	AsOf     string           // the day for which they are complete, 2026-11-26
	Source   string           // "built in", "GitHub releases"
	Today    string           // a day
}

// Release is a release as it is reported.
type Release struct {
	Version string `json:"version"`
	Train   string `json:"train"`
	Date    string `json:"date,omitempty"`

	parsed pep440.Version
}

// TorchStatus says how current the torch of a project is.
type TorchStatus struct {
	AsOf   string      `json:"as_of"`
	Source string      `json:"source"`
	Old    bool        `json:"old"` // AsOf is so long ago that a release must be missing
	Latest Release     `json:"latest"`
	Uses   []UseStatus `json:"uses"`
}

// UseStatus is the same of one place.
type UseStatus struct {
	TorchUse

	Unknown      string         `json:"unknown,omitempty"` // why the version cannot be judged
	Pre          bool           `json:"pre_release,omitempty"`
	Train        string         `json:"train,omitempty"`
	Date         string         `json:"date,omitempty"`
	Accelerator  string         `json:"accelerator,omitempty"`
	Newer        bool           `json:"newer,omitempty"` // than every release that is known
	Supported    bool           `json:"supported"`
	EndedBy      string         `json:"ended_by,omitempty"` // the release that ended its support
	EndedOn      string         `json:"ended_on,omitempty"` // a day
	Patch        string         `json:"patch,omitempty"`    // a newer patch of its train
	Behind       []string       `json:"behind"`             // newer trains
	Advisories   []Vulnerable   `json:"advisories"`
	Candidates   []Candidate    `json:"candidates"`
	Deprecations []Deprecation  `json:"deprecations"`
	version      pep440.Version // if not Unknown
}

// Vulnerable is one vulnerability of a version.
type Vulnerable struct {
	ID       string           `json:"id"`
	Aliases  []string         `json:"aliases"`
	Severity finding.Severity `json:"severity"` // as a scan weighs it
	Summary  string           `json:"summary"`
	Reach    string           `json:"reach,omitempty"` // what an attacker needs: "file", "network", "code"
	Fixed    string           `json:"fixed,omitempty"` // by the record
	Unclear  string           `json:"unclear,omitempty"`
	// Repaired is the version of the distribution whose changelog names it.
	Repaired string `json:"repaired,omitempty"`
	// Possible says that only some of the versions that are allowed have it.
	Possible bool `json:"possible,omitempty"`
}

// Candidate is a release that could take the place of what is used.
type Candidate struct {
	Release

	Closes  []string `json:"closes"`  // ids that the version in use has and this one has not
	Remains []string `json:"remains"` // ids that both have
	Brings  []string `json:"brings"`  // ids that only this one has
	// NoBuild says that the accelerator in use has no wheels of it.
	NoBuild bool `json:"no_build,omitempty"`
	// Smallest marks the first that closes all that any release does.
	Smallest bool `json:"smallest,omitempty"`
}

// freshFor is how many days a list of releases can be relied on: a release comes about
// every two months.
const freshFor = 60

// Torch holds the places that say which torch is used against what is known.
func Torch(uses []TorchUse, facts TorchFacts, adv Advisories) (*TorchStatus, error) {
	releases := finals(facts.Releases)
	if len(releases) == 0 {
		return nil, errors.New("no release of torch is known")
	}
	s := &TorchStatus{AsOf: facts.AsOf, Source: facts.Source, Latest: releases[len(releases)-1]}
	age, ok := daysBetween(facts.AsOf, facts.Today)
	s.Old = !ok || age > freshFor
	for _, u := range uses {
		st := UseStatus{TorchUse: u, Behind: []string{}, Advisories: []Vulnerable{}, Candidates: []Candidate{}, Deprecations: []Deprecation{}}
		if err := st.judge(releases, adv); err != nil {
			return nil, err
		}
		st.repaired()
		s.Uses = append(s.Uses, st)
	}
	return s, nil
}

// repaired marks the vulnerabilities that the distribution's changelog names.
func (u *UseStatus) repaired() {
	for i := range u.Advisories {
		a := &u.Advisories[i]
		for _, r := range u.Repairs {
			if r.ID == a.ID || slices.Contains(a.Aliases, r.ID) {
				a.Repaired = r.Version
			}
		}
	}
}

// KnownReleases are the releases of torch that andiron knows, as of a day.
func KnownReleases(now time.Time) TorchFacts {
	return TorchFacts{Releases: family.Versions(), AsOf: family.Date, Source: "built in", Today: now.UTC().Format(time.DateOnly)}
}

// Updates holds the torch of a project against the releases that andiron knows, without
// asking anyone.
func Updates(p *Project, opt Options) (list []finding.Finding, err error) {
	s, err := Torch(p.TorchUses(), KnownReleases(opt.Now), opt.Advisories)
	if err != nil {
		return nil, err
	}
	JudgeTorch(s, func(f finding.Finding) { list = append(list, f) })
	for _, c := range p.cares {
		if c.Kind == manifest.Proposes && len(s.Uses) > 0 {
			list = append(list, torchProposed.Finding(finding.Where{Path: c.path}.Line1(c.Line, 1), c.What+" proposes new versions of torch"))
		}
	}
	return list, nil
}

// finals are the final releases, oldest first, each once.
func finals(list []family.Version) (out []Release) {
	for _, r := range list {
		v, err := pep440.Parse(r.Number)
		if err != nil || v.Pre() || v.Local() != "" {
			continue
		}
		train, ok := family.Train("torch", r.Number)
		if !ok {
			continue
		}
		out = append(out, Release{v.String(), train, r.Date, v})
	}
	slices.SortStableFunc(out, func(a, b Release) int { return pep440.Compare(a.parsed, b.parsed) })
	return slices.CompactFunc(out, func(a, b Release) bool { return pep440.Compare(a.parsed, b.parsed) == 0 })
}

func (u *UseStatus) judge(releases []Release, adv Advisories) error {
	if u.Version == "" {
		return u.open(adv)
	}
	v, err := pep440.Parse(u.Version)
	if err != nil {
		u.Unknown = fmt.Sprintf("%.80q is not a version", u.Version)
		return nil //nolint:nilerr // it is in Unknown
	}
	u.version, u.Pre = v, v.Pre()
	u.Train, _ = family.Train("torch", u.Version)
	u.Accelerator = family.OfPackage("torch", u.Version)
	if u.Accelerator == "" {
		u.Accelerator = family.Accelerator(u.Index)
	}
	u.support(releases)
	hits, err := adv.Match("torch", v)
	if err != nil {
		return err
	}
	u.Advisories = vulnerabilities(hits, false)
	if err := u.candidates(releases, adv); err != nil {
		return err
	}
	u.Deprecations = deprecationsFor(v, releases[len(releases)-1].parsed)
	return nil
}

// open judges a range: what it may resolve to.
func (u *UseStatus) open(adv Advisories) error {
	u.Unknown = "no one version is named"
	spec, err := pep440.ParseSpecifiers(u.Specifier)
	if err != nil {
		u.Unknown = fmt.Sprintf("%.80q is not a set of versions", u.Specifier)
		return nil //nolint:nilerr // it is in Unknown
	}
	hits, err := adv.MayMatch("torch", spec)
	u.Advisories = vulnerabilities(hits, true)
	return err
}

// support says whether the train gets patches: only the newest does.
func (u *UseStatus) support(releases []Release) {
	public := u.version.Public()
	u.Supported = true
	u.Newer = !u.Pre && pep440.Compare(public, releases[len(releases)-1].parsed) > 0
	for _, r := range releases {
		switch newer := pep440.Compare(r.parsed, public) > 0; {
		case pep440.Compare(r.parsed, public) == 0:
			u.Date = r.Date
		case newer && r.Train == u.Train:
			u.Patch = r.Version
		case newer && !slices.Contains(u.Behind, r.Train):
			u.Behind = append(u.Behind, r.Train)
			if u.Supported {
				u.Supported, u.EndedBy, u.EndedOn = false, r.Version, r.Date
			}
		}
	}
}

func vulnerabilities(hits []advisory.Hit, possible bool) []Vulnerable {
	out := make([]Vulnerable, 0, len(hits))
	for _, h := range hits {
		level := severityOf(h)
		if h.Malicious {
			level = malicious.Severity
		}
		out = append(out, Vulnerable{
			ID: h.ID, Aliases: append([]string{}, h.Aliases...), Severity: level, Summary: h.Summary, Reach: h.Fact.Reach,
			Fixed: h.Fixed, Unclear: h.Unclear, Possible: possible,
		})
	}
	return out
}

// candidates are the newest releases of the train in use and of each newer one.
func (u *UseStatus) candidates(releases []Release, adv Advisories) error {
	most := 0
	for i, r := range releases {
		last := i+1 == len(releases) || releases[i+1].Train != r.Train
		if !last || pep440.Compare(r.parsed, u.version.Public()) <= 0 {
			continue
		}
		hits, err := adv.Match("torch", r.parsed)
		if err != nil {
			return err
		}
		c := u.compare(r, hits)
		most = max(most, len(c.Closes))
		u.Candidates = append(u.Candidates, c)
	}
	for i, c := range u.Candidates {
		if most > 0 && len(c.Closes) == most {
			u.Candidates[i].Smallest = true
			break
		}
	}
	return nil
}

func (u *UseStatus) compare(r Release, hits []advisory.Hit) Candidate {
	c := Candidate{Release: r, Closes: []string{}, Remains: []string{}, Brings: []string{}, NoBuild: noBuild(r.Train, u.Accelerator)}
	had := map[string]bool{}
	for _, a := range u.Advisories {
		for _, id := range append([]string{a.ID}, a.Aliases...) {
			had[id] = true
		}
	}
	has := map[string]bool{}
	for _, h := range hits {
		names := append([]string{h.ID}, h.Aliases...)
		for _, id := range names {
			has[id] = true
		}
		if !slices.ContainsFunc(names, func(id string) bool { return had[id] }) {
			c.Brings = append(c.Brings, h.ID)
		}
	}
	for _, a := range u.Advisories {
		if has[a.ID] || slices.ContainsFunc(a.Aliases, func(id string) bool { return has[id] }) {
			c.Remains = append(c.Remains, a.ID)
		} else {
			c.Closes = append(c.Closes, a.ID)
		}
	}
	return c
}

// noBuild reports whether it is known that a train has no wheels for an accelerator.
func noBuild(train, accelerator string) bool {
	if accelerator == "" || accelerator == "xpu" { // of xpu the table says nothing
		return false
	}
	for _, r := range family.Releases() {
		if r.Train == train && r.Builds != nil {
			return !slices.Contains(r.Builds, accelerator)
		}
	}
	return false
}

package release

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/andiron-dev/andiron/internal/fetch"
	"github.com/andiron-dev/andiron/internal/osv"
	"github.com/andiron-dev/andiron/internal/pep440"
	"github.com/andiron-dev/andiron/internal/pyindex"
)

// Sources are the addresses that are asked. An empty one is not.
type Sources struct {
	GitHub     string // https://api.github.com
	Repository string // pytorch/pytorch
	DepsDev    string // https://api.deps.dev
	OSV        string // https://api.osv.dev
	Index      string // of packages: what the project's own files name
	Package    string // torch
}

// The public addresses that the sources have by default. There is none of a package
// index: that is what a project's files say.
const (
	DefaultGitHub     = "https://api.github.com"
	DefaultRepository = "pytorch/pytorch"
	DefaultDepsDev    = "https://api.deps.dev"
	DefaultOSV        = "https://api.osv.dev"
)

// perPage is how many entries GitHub gives at most in one answer. Of the releases the
// newest come first, and are enough.
const perPage = 100

// Getter gets small files; *fetch.Client is one.
type Getter interface {
	Get(ctx context.Context, req fetch.Request) ([]byte, *fetch.Response, error)
}

// GitHubReleases asks for the releases of the repository.
func (s Sources) GitHubReleases(ctx context.Context, g Getter) ([]Sighting, error) {
	var list []struct {
		Tag        string `json:"tag_name"`
		Published  string `json:"published_at"`
		Draft      bool   `json:"draft"`
		Prerelease bool   `json:"prerelease"`
	}
	if err := s.json(ctx, g, s.GitHub, "/repos/"+s.Repository+"/releases?per_page=100", &list); err != nil {
		return nil, err
	}
	var out []Sighting
	for _, r := range list {
		if v, ok := final(r.Tag); ok && !r.Draft && !r.Prerelease {
			out = append(out, Sighting{Source: GitHub, Version: v, Time: r.Published})
		}
	}
	return checkTimes(out)
}

// DepsDevVersions asks deps.dev for the versions of the package.
func (s Sources) DepsDevVersions(ctx context.Context, g Getter) ([]Sighting, error) {
	var doc struct {
		Versions []struct {
			Key struct {
				Version string `json:"version"`
			} `json:"versionKey"`
			Published string `json:"publishedAt"`
		} `json:"versions"`
	}
	if err := s.json(ctx, g, s.DepsDev, "/v3/systems/pypi/packages/"+url.PathEscape(s.Package), &doc); err != nil {
		return nil, err
	}
	var out []Sighting
	for _, r := range doc.Versions {
		if v, ok := final(r.Key.Version); ok {
			out = append(out, Sighting{Source: DepsDev, Version: v, Time: r.Published})
		}
	}
	return checkTimes(out)
}

// IndexVersions asks the package index. The time of a version is that of its newest
// file: one that was added later is as dangerous as a new release.
func (s Sources) IndexVersions(ctx context.Context, g Getter) ([]Sighting, error) {
	b, res, err := g.Get(ctx, fetch.Request{URL: strings.TrimSuffix(s.Index, "/") + "/" + s.Package + "/", Accept: pyindex.Accept})
	if err != nil {
		return nil, err
	}
	page, err := pyindex.Read(res.ContentType, b, res.URL, pyindex.Limits{})
	if err != nil {
		return nil, fmt.Errorf("%q: %w", res.URL, err)
	}
	if n := len(page.Problems) + page.More; n > 0 {
		return nil, fmt.Errorf("%q: %d entries cannot be read, the first: %s", res.URL, n, page.Problems[0])
	}
	at := map[string]int{}
	var out []Sighting
	for _, f := range page.Files {
		name, err := pyindex.ParseName(f.Name, s.Package)
		if err != nil {
			continue // neither wheel nor source distribution: nothing installs it
		}
		v, ok := final(name.Version)
		if !ok {
			continue
		}
		i, seen := at[v]
		if !seen {
			i = len(out)
			at[v] = i
			out = append(out, Sighting{Source: Index, Version: v, Time: f.Upload, Yanked: true, Quarantined: page.Status == "quarantined", Reason: page.Reason})
		}
		x := &out[i]
		if !f.Yanked {
			x.Yanked = false
		} else if f.YankedReason != "" {
			x.Reason = f.YankedReason
		}
		if x.Time, err = later(x.Time, f.Upload); err != nil {
			return nil, fmt.Errorf("%q: file %.80q: %w", res.URL, f.Name, err)
		}
	}
	return checkTimes(out)
}

// later returns the later of two times. If one of them is not known, neither is the
// later one.
func later(a, b string) (string, error) {
	if a == "" || b == "" {
		return "", nil
	}
	x, err := time.Parse(time.RFC3339, a)
	if err != nil {
		return "", fmt.Errorf("%.40q is not a time", a)
	}
	y, err := time.Parse(time.RFC3339, b)
	if err != nil {
		return "", fmt.Errorf("%.40q is not a time", b)
	}
	if y.After(x) {
		return b, nil
	}
	return a, nil
}

// checkTimes brings times into one form.
func checkTimes(list []Sighting) ([]Sighting, error) {
	for i, s := range list {
		if s.Time == "" {
			continue
		}
		t, err := time.Parse(time.RFC3339, s.Time)
		if err != nil {
			return nil, fmt.Errorf("%s: version %s: %.40q is not a time", s.Source, s.Version, s.Time)
		}
		list[i].Time = t.UTC().Format(time.RFC3339)
	}
	return list, nil
}

// githubAdvisory is an advisory, of the repository or of the global list.
type githubAdvisory struct {
	GHSA            string `json:"ghsa_id"`
	CVE             string `json:"cve_id"`
	Severity        string `json:"severity"`
	Summary         string `json:"summary"`
	State           string `json:"state"` // of the repository only
	Withdrawn       string `json:"withdrawn_at"`
	Vulnerabilities []struct {
		Package struct {
			Ecosystem string `json:"ecosystem"`
			Name      string `json:"name"`
		} `json:"package"`
		Range   string `json:"vulnerable_version_range"`
		Patched string `json:"patched_versions"` // of the repository: text
		First   any    `json:"first_patched_version"`
	} `json:"vulnerabilities"`
}

// GitHubAdvisories asks for the advisories of the repository, and for those of all of
// GitHub that are about the package.
func (s Sources) GitHubAdvisories(ctx context.Context, g Getter) ([]Advisory, error) {
	var own, global []githubAdvisory
	if err := s.json(ctx, g, s.GitHub, "/repos/"+s.Repository+"/security-advisories?per_page=100", &own); err != nil {
		return nil, err
	}
	if err := s.json(ctx, g, s.GitHub, "/advisories?ecosystem=pip&per_page=100&affects="+url.QueryEscape(s.Package), &global); err != nil {
		return nil, err
	}
	if n := max(len(own), len(global)); n >= perPage {
		return nil, fmt.Errorf("GitHub lists %d advisories about %s, and may have more", n, s.Package)
	}
	var out []Advisory
	for i, a := range append(own, global...) {
		source := "an advisory of the repository"
		if i >= len(own) {
			source = "an advisory of GitHub"
		}
		if a.Withdrawn != "" || a.State != "" && a.State != "published" {
			continue
		}
		adv := Advisory{Source: source, ID: a.GHSA, Severity: a.Severity, Summary: a.Summary}
		if a.CVE != "" {
			adv.Aliases = []string{a.CVE}
		}
		for _, v := range a.Vulnerabilities {
			if !strings.EqualFold(v.Package.Ecosystem, "pip") || !strings.EqualFold(v.Package.Name, s.Package) {
				continue
			}
			spec, err := ranges(v.Range)
			if err != nil {
				adv.Unclear = fmt.Sprintf("its range %.80q cannot be read", v.Range)
			}
			adv.affected = append(adv.affected, spec)
			adv.about = true
		}
		if adv.about {
			out = append(out, adv)
		}
	}
	return out, nil
}

// ranges reads ">= 2.0, < 2.6.0" and "= 2.6.0", which is how GitHub writes them.
func ranges(s string) (pep440.Specifiers, error) {
	if strings.TrimSpace(s) == "" {
		return nil, errors.New("it is empty")
	}
	parts := strings.Split(s, ",")
	for i, p := range parts {
		p = strings.TrimSpace(p)
		if rest, ok := strings.CutPrefix(p, "= "); ok {
			p = "==" + rest
		}
		parts[i] = p
	}
	return pep440.ParseSpecifiers(strings.Join(parts, ","))
}

// OSVRecord asks for the record of a vulnerability. A record that OSV does not have is
// nil.
func (s Sources) OSVRecord(ctx context.Context, g Getter, id string) (*osv.Record, error) {
	b, _, err := g.Get(ctx, fetch.Request{URL: strings.TrimSuffix(s.OSV, "/") + "/v1/vulns/" + url.PathEscape(id)})
	if e, ok := errors.AsType[*fetch.StatusError](err); ok && e.Code == 404 {
		return nil, nil //nolint:nilnil // there is no record, which is no error
	}
	if err != nil {
		return nil, err
	}
	r, err := osv.Parse(b, osv.Limits{})
	if err != nil {
		return nil, fmt.Errorf("record %.80q of OSV: %w", id, err)
	}
	return r, nil
}

func (s Sources) json(ctx context.Context, g Getter, base, path string, into any) error {
	b, res, err := g.Get(ctx, fetch.Request{URL: strings.TrimSuffix(base, "/") + path, Accept: "application/json"})
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%q: the answer is not what was expected: %w", res.URL, err)
	}
	return nil
}

// final returns the normal form of a final release: "v2.14.1" is 2.14.1. Builds of one
// release are one.
func final(tag string) (string, bool) {
	v, err := pep440.Parse(tag)
	if err != nil || v.Pre() {
		return "", false
	}
	return v.Public().String(), true
}

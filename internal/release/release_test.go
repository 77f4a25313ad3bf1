package release

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/fetch"
	"github.com/andiron-dev/andiron/internal/osv"
	"github.com/andiron-dev/andiron/internal/testkit/fakeindex"
	"github.com/andiron-dev/andiron/internal/testkit/fakeosv"
)

var now = time.Date(2026, 10, 3, 12, 0, 0, 0, time.UTC)

// pages answers from what the test says each path holds.
type pages map[string]string

func (p pages) Get(_ context.Context, req fetch.Request) ([]byte, *fetch.Response, error) {
	path := strings.TrimPrefix(req.URL, "https://api.example")
	body, ok := p[path]
	switch {
	case !ok:
		return nil, nil, &fetch.StatusError{Code: 404, URL: req.URL}
	case strings.HasPrefix(body, "!"):
		return nil, nil, errors.New(body[1:])
	}
	kind := "application/json"
	if strings.HasPrefix(path, "/simple") {
		kind = "application/vnd.pypi.simple.v1+json"
	}
	return []byte(body), &fetch.Response{URL: req.URL, ContentType: kind}, nil
}

const api = "https://api.example"

var sources = Sources{GitHub: api, Repository: "pytorch/pytorch", DepsDev: api, OSV: api, Index: api + "/simple", Package: "torch"}

const (
	releasesPath   = "/repos/pytorch/pytorch/releases?per_page=100"
	ownPath        = "/repos/pytorch/pytorch/security-advisories?per_page=100"
	globalPath     = "/advisories?ecosystem=pip&per_page=100&affects=torch"
	depsdevPath    = "/v3/systems/pypi/packages/torch"
	indexPath      = "/simple/torch/"
	advisory26     = `{"ghsa_id":"GHSA-1","cve_id":"CVE-1","severity":"critical","summary":"bypass","state":"published","vulnerabilities":[{"package":{"ecosystem":"pip","name":"torch"},"vulnerable_version_range":"< 2.14.1","patched_versions":"2.14.1"}]}`
	osvCVE1        = `{"id":"CVE-1","modified":"2026-10-01T00:00:00Z","affected":[{"package":{"ecosystem":"PyPI","name":"torch"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"2.14.1"}]}]}]}`
	osvStillOpen   = `{"id":"CVE-1","modified":"2026-10-01T00:00:00Z","affected":[{"package":{"ecosystem":"PyPI","name":"torch"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"last_affected":"2.14.0"}]}]}]}`
	advisoryAgain  = `{"ghsa_id":"GHSA-2","severity":"high","summary":"new","vulnerabilities":[{"package":{"ecosystem":"pip","name":"torch"},"vulnerable_version_range":">= 2.14.0, <= 2.14.1"}]}`
	advisoryStrage = `{"ghsa_id":"GHSA-3","severity":"high","summary":"new","vulnerabilities":[{"package":{"ecosystem":"pip","name":"torch"},"vulnerable_version_range":"some"}]}`
)

// file is an entry of the index's page.
func file(version, uploaded, yanked string) string {
	name := "torch-" + version + "-cp312-cp312-linux_x86_64.whl"
	return fmt.Sprintf(`{"filename":%q,"url":%q,"hashes":{},"upload-time":%q,"yanked":%s}`, name, name, uploaded, yanked)
}

func page(status string, files ...string) string {
	return `{"meta":{"api-version":"1.4"},"name":"torch","project-status":{"status":"` + status + `"},"versions":[],"files":[` + strings.Join(files, ",") + `]}`
}

// world is what the sources say: 2.14.1 is out for three days.
func world(change ...string) pages {
	const up = "2026-09-30T19:00:00Z"
	p := pages{
		releasesPath: `[{"tag_name":"v2.14.1","published_at":"2026-09-30T19:14:48Z"},{"tag_name":"v2.15.0-rc1","published_at":"2026-10-01T00:00:00Z","prerelease":true},` +
			`{"tag_name":"v2.14.0","published_at":"2026-09-02T00:00:00Z"},{"tag_name":"v2.13.0","published_at":"2026-07-08T00:00:00Z"},{"tag_name":"ciflow/x"},{"tag_name":"v2.12.1","published_at":"2026-06-18T00:00:00Z"}]`,
		ownPath: `[]`, globalPath: `[]`,
		depsdevPath: `{"versions":[{"versionKey":{"version":"2.14.1"},"publishedAt":"2026-09-30T18:00:00Z"},{"versionKey":{"version":"2.14.0"},"publishedAt":"2026-09-02T00:00:00Z"}]}`,
		indexPath:   page("active", file("2.14.1+cu130", up, "false"), file("2.14.0", "2026-09-02T00:00:00Z", "false"), file("2.13.0", "2026-07-08T00:00:00Z", "false")),
	}
	for i := 0; i < len(change); i += 2 {
		p[change[i]] = change[i+1]
	}
	return p
}

// run asks, advances and returns the steps and notes as text.
func run(t *testing.T, g Getter, tracks []Track, p Policy) (steps []Step, text []string) {
	t.Helper()
	p.Now = now
	n := Ask(t.Context(), sources, g)
	steps, notes := Advance(tracks, n, p)
	for _, s := range steps {
		if len(s.Evidence) == 0 {
			t.Errorf("%+v has no evidence", s)
		}
		text = append(text, fmt.Sprintf("%s %s>%s", s.Version, s.From, s.To))
	}
	for _, x := range notes {
		urgent := ""
		if x.Urgent {
			urgent = "!"
		}
		text = append(text, urgent+x.Version+" "+x.Text)
	}
	for _, a := range n.Asked {
		if a.Err != "" {
			text = append(text, string(a.Source)+" "+a.What+": "+a.Err)
		}
	}
	return steps, text
}

func tracksOf(t *testing.T, states ...string) []Track {
	t.Helper()
	tracks, err := Follow(stepsTo(t, states...))
	if err != nil {
		t.Fatal(err)
	}
	return tracks
}

func stepsTo(t *testing.T, states ...string) (steps []Step) {
	t.Helper()
	for i := 0; i < len(states); i += 2 {
		from := Unseen
		for _, to := range order()[1:] {
			steps = append(steps, Step{Version: states[i], From: from, To: to, By: "x", Evidence: []string{"y"}})
			if from = to; to == State(states[i+1]) {
				break
			}
		}
	}
	return steps
}

func TestAdvance(t *testing.T) {
	const cools = "2.14.1 stays cooling: it is out for 2 days, and the cooldown is 7 days"
	inUse := Policy{InUse: []string{"2.9.1+cu126"}}
	for name, tt := range map[string]struct {
		g      pages
		states []string
		policy Policy
		want   []string
	}{
		"first":                        {world(), nil, Policy{}, []string{"2.13.0 >seen", "2.13.0 seen>cooling", "2.13.0 cooling>ready", "2.14.1 >seen", "2.14.1 seen>cooling", cools}},
		"cooled":                       {world(), []string{"2.14.1", "cooling"}, Policy{Cooldown: 48 * time.Hour}, []string{"2.14.1 cooling>ready"}},
		"newer only":                   {world(), []string{"2.14.0", "production"}, Policy{}, []string{"2.14.1 >seen", "2.14.1 seen>cooling", cools}},
		"security":                     {world(ownPath, "["+advisory26+"]", "/v1/vulns/CVE-1", osvCVE1), []string{"2.14.1", "cooling"}, inUse, []string{"2.14.1 cooling>ready"}},
		"security, one signal":         {world(ownPath, "["+advisory26+"]"), []string{"2.14.1", "cooling"}, inUse, []string{cools}},
		"security, OSV says otherwise": {world(ownPath, "["+advisory26+"]", "/v1/vulns/CVE-1", osvStillOpen), []string{"2.14.1", "cooling"}, inUse, []string{cools}},
		"security, not in use":         {world(ownPath, "["+advisory26+"]", "/v1/vulns/CVE-1", osvCVE1), []string{"2.14.1", "cooling"}, Policy{InUse: []string{"2.14.1"}}, []string{cools}},
		"security, OSV is down":        {world(ownPath, "["+advisory26+"]", "/v1/vulns/GHSA-1", "!down"), []string{"2.14.1", "cooling"}, inUse, []string{cools, "OSV records: down"}},
		"security, too young":          {world(ownPath, "["+advisory26+"]", "/v1/vulns/CVE-1", osvCVE1), []string{"2.14.1", "cooling"}, Policy{InUse: []string{"2.9.1"}, Least: 72 * time.Hour}, []string{cools}},
		"yanked":                       {world(indexPath, page("active", file("2.14.1", "2026-09-30T19:00:00Z", `"broken"`))), []string{"2.14.1", "cooling"}, Policy{}, []string{"2.14.1 cooling>withdrawn"}},
		"yanked in use": {world(indexPath, page("active", file("2.14.1", "2026-09-30T19:00:00Z", "true"))), []string{"2.14.1", "production"}, Policy{}, []string{
			"2.14.1 production>withdrawn", "!2.14.1 is in production: the package index yanked it: no reason is given",
		}},
		"yanked, and named by the project": {world(indexPath, page("active", file("2.14.1", "2026-09-30T19:00:00Z", `"broken"`))), []string{"2.14.1", "cooling"}, Policy{InUse: []string{"2.14.1+cpu"}}, []string{
			"2.14.1 cooling>withdrawn", "!2.14.1 is named by the project's files: the package index yanked it: broken",
		}},
		"one file yanked": {world(indexPath, page("active", file("2.14.1", "2026-09-30T19:00:00Z", "true"), file("2.14.1+cpu", "2026-09-30T19:00:00Z", "false"))), []string{"2.14.1", "cooling"}, Policy{}, []string{cools}},
		"quarantined":     {world(indexPath, page("quarantined", file("2.14.1", "2026-09-30T19:00:00Z", "false"))), []string{"2.14.1", "ready"}, Policy{}, []string{"2.14.1 ready>withdrawn"}},
		"named":           {world(globalPath, "["+advisoryAgain+"]"), []string{"2.14.1", "ready"}, Policy{}, []string{"2.14.1 ready>cooling"}},
		"named in use":    {world(globalPath, "["+advisoryAgain+"]"), []string{"2.14.1", "canary"}, Policy{}, []string{"!2.14.1 is in canary: GHSA-2, an advisory of GitHub, names it as affected: new"}},
		"unclear": {world(globalPath, "["+advisoryStrage+"]"), []string{"2.14.1", "cooling"}, Policy{}, []string{
			`2.14.1 stays cooling: GHSA-3, an advisory of GitHub, may affect it: its range "some" cannot be read`,
		}},
		"withdrawn advisory": {world(globalPath, strings.Replace("["+advisoryAgain+"]", `"severity"`, `"withdrawn_at":"2026-10-01T00:00:00Z","severity"`, 1)), []string{"2.14.1", "cooling"}, Policy{}, []string{cools}},
		"added file": {world(indexPath, page("active", file("2.14.1", "2026-09-01T00:00:00Z", "false"), file("2.14.1+cpu", "2026-10-03T02:00:00Z", "false"))), []string{"2.14.1", "cooling"}, Policy{Cooldown: 24 * time.Hour}, []string{
			"2.14.1 stays cooling: it is out for 10 hours, and the cooldown is 1 day",
		}},
		"not in the repository": {world(releasesPath, `[]`), []string{"2.14.1", "cooling"}, Policy{Cooldown: 1}, []string{"2.14.1 stays cooling: GitHub does not have 2.14.1, and others do"}},
		"not on the index":      {world(indexPath, page("active")), []string{"2.14.1", "cooling"}, Policy{Cooldown: 1}, []string{"2.14.1 stays cooling: the package index does not have 2.14.1, and others do"}},
		"index is down": {world(indexPath, "!down"), []string{"2.14.1", "cooling"}, Policy{Cooldown: 1}, []string{
			"2.14.1 stays cooling: the package index could not be asked for files", "the package index files: down",
		}},
		"advisories are down": {world(ownPath, "!down"), []string{"2.14.1", "cooling"}, Policy{Cooldown: 1}, []string{
			"2.14.1 stays cooling: GitHub could not be asked for advisories", "GitHub advisories: down",
		}},
		"no JSON": {world(depsdevPath, "<html>"), []string{"2.14.1", "canary"}, Policy{}, []string{
			`deps.dev versions: "https://api.example/v3/systems/pypi/packages/torch": the answer is not what was expected: invalid character '<' looking for beginning of value`,
		}},
		"no time":     {world(releasesPath, `[{"tag_name":"v2.14.1","published_at":"soon"}]`), []string{"2.14.1", "canary"}, Policy{}, []string{`GitHub releases: GitHub: version 2.14.1: "soon" is not a time`}},
		"broken page": {world(indexPath, page("active", `{"filename":"torch-2.14.1-py3-none-any.whl"}`)), []string{"2.14.1", "canary"}, Policy{}, []string{""}},
	} {
		_, got := run(t, tt.g, tracksOf(t, tt.states...), tt.policy)
		if name == "broken page" {
			if len(got) != 1 || !strings.Contains(got[0], "1 entries cannot be read") {
				t.Errorf("%s: %v", name, got)
			}
			continue
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestAskIsBounded(t *testing.T) {
	versions := strings.Repeat(`{"versionKey":{"version":"2.14.1"}},`, maxItems)
	w := world(depsdevPath, `{"versions":[`+versions+`{"versionKey":{"version":"2.14.1"}}]}`)
	if n := Ask(t.Context(), sources, w); n.Complete() || !strings.Contains(n.Asked[1].Err, "more than the limit of 5000") {
		t.Errorf("%+v", n.Asked)
	}
	asked := 0
	ask := once(func(string) (*osv.Record, error) { asked++; return nil, nil }) //nolint:nilnil // as OSVRecord does
	for i := range 2 * maxRecords {
		_, err := ask(strconv.Itoa(i / 2))
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ask("more"); err == nil || asked != maxRecords {
		t.Errorf("%d records were asked for, %v", asked, err)
	}
}

// Steps that Advance and Promote make follow from each other.
func TestStepsFollow(t *testing.T) {
	steps, _ := run(t, world(), nil, Policy{Cooldown: time.Hour})
	tracks, err := Follow(steps)
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []State{Canary, Staging, Production} {
		more, err := Promote(tracks, Promotion{Version: "2.14.1", To: to, By: "alice", Evidence: []string{"run 1"}, Time: "t"})
		if err != nil {
			t.Fatal(err)
		}
		steps = append(steps, more...)
		if tracks, err = Follow(steps); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, x := range tracks {
		got = append(got, x.Version+" "+string(x.State)+" "+x.By)
	}
	if diff := cmp.Diff([]string{"2.13.0 superseded andiron", "2.14.1 production alice"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if again, text := run(t, world(), tracks, Policy{}); len(again) != 0 || len(text) != 0 {
		t.Errorf("a second run says %v", text)
	}
}

// What was withdrawn from production is said until something is in its place: an older
// release that goes back, or the same once the index no longer yanks it.
func TestWayBack(t *testing.T) {
	tracks := tracksOf(t, "2.14.0", "canary", "2.14.1", "staging")
	var steps []Step
	take := func(more []Step, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		steps = append(steps, more...)
		for _, s := range more {
			i := slices.IndexFunc(tracks, func(x Track) bool { return x.Version == s.Version })
			tracks[i].State, tracks[i].By, tracks[i].ran = s.To, s.By, s.From
		}
	}
	to := func(version string, state State) ([]Step, error) {
		return Promote(tracks, Promotion{Version: version, To: state, By: "alice", Evidence: []string{"run 1"}})
	}
	take(to("2.14.1", Production))
	if _, err := to("2.14.0", Production); err == nil || !strings.Contains(err.Error(), "2.14.1 is in production: what is newer has to be withdrawn") {
		t.Error(err)
	}
	yanked := world(indexPath, page("active", file("2.14.1", "2026-09-30T19:00:00Z", "true"), file("2.14.0", "2026-09-02T00:00:00Z", "false")))
	gone, _ := run(t, yanked, tracks, Policy{})
	take(gone, nil)
	for range 2 {
		_, got := run(t, yanked, tracks, Policy{})
		if diff := cmp.Diff([]string{"!2.14.1 was withdrawn from production, and nothing is in its place"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if _, got := run(t, world(indexPath, "!down"), tracks, Policy{}); !strings.HasPrefix(strings.Join(got, " "), "!2.14.1 was withdrawn") {
		t.Error(got)
	}
	take(to("2.14.0", Production))
	if _, got := run(t, yanked, tracks, Policy{}); len(got) != 0 {
		t.Error(got)
	}
	if _, got := run(t, yanked, tracks, Policy{InUse: []string{"2.14.1+cu130"}}); len(got) != 1 || got[0] != "!2.14.1 is named by the project's files, and was withdrawn" {
		t.Error(got)
	}
	if _, got := run(t, world(), tracks, Policy{}); !slices.Equal(got, []string{"2.14.1 withdrawn>cooling", "2.14.1 stays cooling: it is out for 2 days, and the cooldown is 7 days"}) {
		t.Error(got)
	}
	take(to("2.14.0", Withdrawn))
	if _, got := run(t, yanked, tracks, Policy{}); len(got) != 2 || got[0] != "!2.14.0 was withdrawn from production, and nothing is in its place" {
		t.Errorf("what a person withdrew came back: %v", got)
	}
	if _, err := Follow(append(stepsTo(t, "2.14.0", "canary", "2.14.1", "staging"), steps...)); err != nil {
		t.Error(err)
	}
}

func TestManyAdvisories(t *testing.T) {
	list := "[" + strings.Repeat(advisoryAgain+",", perPage-1) + advisoryAgain + "]"
	if n := Ask(t.Context(), sources, world(globalPath, list)); n.Complete() || !strings.Contains(n.Asked[3].Err, "GitHub lists 100 advisories about torch, and may have more") {
		t.Errorf("%+v", n.Asked)
	}
}

func TestPromoteRefuses(t *testing.T) {
	tracks := tracksOf(t, "2.14.1", "cooling", "2.13.0", "canary")
	good := Promotion{Version: "2.13.0", To: Staging, By: "alice", Evidence: []string{"run 1"}}
	if _, err := Promote(tracks, good); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Promotion){
		"is not watched":                  func(p *Promotion) { p.Version = "2.12.1" },
		"it cannot go to staging":         func(p *Promotion) { p.Version = "2.14.1" },
		"it cannot go to production":      func(p *Promotion) { p.To = Production },
		`not to "ready"`:                  func(p *Promotion) { p.To = Ready },
		`not to "best"`:                   func(p *Promotion) { p.To = "best" },
		"needs evidence, and somebody":    func(p *Promotion) { p.Evidence = []string{" "} },
		"to staging needs evidence, and ": func(p *Promotion) { p.By = "" },
	} {
		p := good
		change(&p)
		if _, err := Promote(tracks, p); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if steps, err := Promote(tracks, Promotion{Version: "2.14.1", To: Withdrawn, By: "bob", Evidence: []string{"slow"}}); err != nil || len(steps) != 1 {
		t.Error(steps, err)
	}
}

func TestFollowRefuses(t *testing.T) {
	for want, steps := range map[string][]Step{
		"cannot go from \"\" to \"canary\"": {{Version: "2.1.0", To: Canary}},
		"cannot go from \"ready\"":          {{Version: "2.1.0", To: Seen}, {Version: "2.1.0", From: Ready, To: Canary}},
		"not a version":                     {{Version: "v2.1.0", To: Seen}},
		"cannot go from \"withdrawn\"":      {{Version: "2.1.0", To: Seen}, {Version: "2.1.0", From: Seen, To: Withdrawn}, {Version: "2.1.0", From: Withdrawn, To: Seen}},
	} {
		if _, err := Follow(steps); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}

// The same over HTTP, with the index and OSV as they are spoken to.
func TestOverHTTP(t *testing.T) {
	index := fakeindex.Start()
	defer index.Close()
	simple := index.Index("/simple")
	simple.Add(fakeindex.Wheel{Name: "torch", Version: "2.14.1", Upload: now.AddDate(0, 0, -3)})
	records := fakeosv.Start(fakeosv.Record{ID: "CVE-1", Modified: now, JSON: osvCVE1})
	defer records.Close()
	w := world(ownPath, "["+advisory26+"]")
	hub := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if body, ok := w[r.URL.RequestURI()]; ok {
			_, _ = rw.Write([]byte(body))
			return
		}
		http.NotFound(rw, r)
	}))
	defer hub.Close()
	s := Sources{GitHub: hub.URL, Repository: "pytorch/pytorch", DepsDev: hub.URL, OSV: records.URL, Index: simple.URL, Package: "torch"}
	n := Ask(t.Context(), s, fetch.New(fetch.Options{Version: "test"}))
	if !n.Complete() {
		t.Fatalf("%+v", n.Asked)
	}
	steps, _ := Advance(tracksOf(t, "2.14.1", "cooling"), n, Policy{Now: now, InUse: []string{"2.5.0"}})
	if len(steps) != 1 || steps[0].To != Ready || !strings.Contains(strings.Join(steps[0].Evidence, "\n"), "record CVE-1 of OSV says the same") {
		t.Errorf("%+v", steps)
	}
}

// Whatever a source says, nothing goes on without evidence or against the order.
func FuzzAsk(f *testing.F) {
	w := world(ownPath, "["+advisory26+"]", globalPath, "["+advisoryAgain+"]")
	f.Add(w[releasesPath], w[ownPath], w[globalPath], w[depsdevPath], w[indexPath], osvCVE1)
	f.Add("[]", "[]", "[]", "{}", page("quarantined"), osvStillOpen)
	f.Fuzz(func(t *testing.T, releases, own, global, versions, files, record string) {
		g := pages{releasesPath: releases, ownPath: own, globalPath: global, depsdevPath: versions, indexPath: files, "/v1/vulns/CVE-1": record}
		n := Ask(t.Context(), sources, g)
		steps, _ := Advance(nil, n, Policy{Now: now, InUse: []string{"2.5.0"}})
		if _, err := Follow(steps); err != nil {
			t.Error(err)
		}
		for _, s := range steps {
			if len(s.Evidence) == 0 || s.To == Ready && !n.Complete() && !n.answered(Index, "files") {
				t.Errorf("%+v", s)
			}
		}
	})
}

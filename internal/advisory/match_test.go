package advisory

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/andiron-dev/andiron/internal/osv"
	"github.com/andiron-dev/andiron/internal/pep440"
)

// record is a record of a package, with what a case is about.
func record(id, rest string) string {
	return fmt.Sprintf(`{"id":%q,"modified":"2026-01-02T03:04:05Z",%s}`, id, rest)
}

// affected is the affected list of a record with one package.
func affected(name, rest string) string {
	return fmt.Sprintf(`"affected":[{"package":{"ecosystem":"PyPI","name":%q},%s}]`, name, rest)
}

func events(kind, list string) string {
	return fmt.Sprintf(`{"type":%q,"events":[%s]}`, kind, list)
}

func open(t testing.TB, b *Builder) *DB {
	t.Helper()
	file, err := b.Build(Info{Source: "test", Current: 1, Built: 2})
	if err != nil {
		t.Fatal(err)
	}
	db, err := Open(bytes.NewReader(file), int64(len(file)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func build(t testing.TB, records ...string) *DB {
	t.Helper()
	var b Builder
	for _, text := range records {
		r, err := osv.Parse([]byte(text), osv.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		b.Add(r)
	}
	return open(t, &b)
}

func version(t testing.TB, s string) pep440.Version {
	t.Helper()
	v, err := pep440.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func match(t testing.TB, db *DB, name, v string) []Hit {
	t.Helper()
	hits, err := db.Match(name, version(t, v))
	if err != nil {
		t.Fatal(err)
	}
	return hits
}

// Each case is a way in which a matcher was seen to miss or to invent something.
func TestMatch(t *testing.T) {
	const gitFirst = `{"type":"GIT","repo":"https://example.org/r","events":[{"introduced":"0"},{"fixed":"deadbeef"}]}`
	for _, tt := range []struct {
		name     string
		affected string
		hit      string // versions
		miss     string
	}{
		{
			"a GIT range first", `"ranges":[` + gitFirst + `,` + events("ECOSYSTEM", `{"introduced":"0"},{"fixed":"1.13.1"}`) + `],"versions":["1.0","1.13.0"]`,
			"1.13.0 1.13.0+cu117 1.12.1+cpu 0.1.dev1 1.13.1rc1", "1.13.1 1.13.1+cu117 2.0",
		},
		{"SEMVER", `"ranges":[` + events("SEMVER", `{"introduced":"1.0.0"},{"fixed":"1.2.0"}`) + `]`, "1.0 1.1.9+x", "0.9 1.2"},
		{
			"last_affected holds local builds", `"ranges":[` + events("ECOSYSTEM", `{"introduced":"0"},{"last_affected":"2.10.0"}`) + `]`,
			"2.10.0 2.10.0+cpu 2.10 2.10.0+cu130", "2.10.0.post1 2.10.1 2.11.0+cpu",
		},
		{"versions alone", `"versions":["1.0","1.1.0","2.0rc1"]`, "1.0 1.0.0+cu118 1.1 2.0.0rc1", "1.0.1 1.2 2.0"},
		{"versions with a local part", `"versions":["1.0+cu118"]`, "1.0 1.0+cpu", "1.1"},
		{
			"versions before the ranges", `"ranges":[` + gitFirst + `,` + events("ECOSYSTEM", `{"introduced":"2.0"},{"fixed":"2.1"}`) + `],"versions":["1.0","2.0"]`,
			"1.0+cu118 2.0.5", "1.1 2.1",
		},
		{
			"events in any order", `"ranges":[` + events("ECOSYSTEM", `{"fixed":"2.2"},{"introduced":"2.0"},{"fixed":"1.2"},{"introduced":"1.0"}`) + `]`,
			"1.0 1.1 2.0 2.1", "0.9 1.2 1.9 2.2",
		},
		{"no introduced", `"ranges":[` + events("ECOSYSTEM", `{"fixed":"2.0"}`) + `]`, "0.1 1.9", "2.0"},
		{"no end", `"ranges":[` + events("ECOSYSTEM", `{"introduced":"2.0"}`) + `]`, "2.0 99!1", "1.9"},
		{"introduced local", `"ranges":[` + events("ECOSYSTEM", `{"introduced":"2.0+cu1"},{"fixed":"2.1"}`) + `]`, "2.0 2.0+cpu 2.0+cu1", "1.9 2.1"},
		{
			"several ranges", `"ranges":[` + events("ECOSYSTEM", `{"introduced":"0"},{"fixed":"1.0"}`) + `,` + events("ECOSYSTEM", `{"introduced":"2.0"},{"fixed":"2.1"}`) + `]`,
			"0.5 2.0", "1.0 1.5 2.1",
		},
		{"limit", `"ranges":[` + events("ECOSYSTEM", `{"introduced":"1.0"},{"limit":"2.0"}`) + `]`, "1.0 1.9 2.0rc1", "0.9 2.0 3.0"},
		{"limit before the fix", `"ranges":[` + events("ECOSYSTEM", `{"introduced":"0"},{"fixed":"3.0"},{"limit":"2.0"}`) + `]`, "1.9", "2.0 2.5"},
		{"limit behind the fix", `"ranges":[` + events("ECOSYSTEM", `{"introduced":"0"},{"fixed":"1.0"},{"limit":"2.0"}`) + `]`, "0.9", "1.0 1.5"},
		{"the highest of limits", `"ranges":[` + events("ECOSYSTEM", `{"introduced":"0"},{"limit":"1.0"},{"limit":"2.0"}`) + `]`, "1.5", "2.0"},
		{"no limit", `"ranges":[` + events("ECOSYSTEM", `{"introduced":"0"},{"limit":"1.0"},{"limit":"*"}`) + `]`, "1.5", ""},
		{"limit before it begins", `"ranges":[` + events("ECOSYSTEM", `{"introduced":"2.0"},{"limit":"1.0"}`) + `]`, "", "0.5 1.5 2.0"},
		{"one version", `"ranges":[` + events("ECOSYSTEM", `{"introduced":"2.6.0"},{"last_affected":"2.6.0"}`) + `]`, "2.6.0+cu118", "2.5.9 2.6.0.post1 2.6.1"},
		{"no version", `"ranges":[` + events("ECOSYSTEM", `{"introduced":"1.0"},{"fixed":"1.0"}`) + `]`, "", "0.9 1.0 1.1"},
		{"again where it ends", `"ranges":[` + events("ECOSYSTEM", `{"introduced":"0"},{"fixed":"1.0"},{"introduced":"1.0"},{"fixed":"2.0"}`) + `]`, "0.9 1.0 1.1", "2.0"},
		{"several keys in one event", `"ranges":[` + events("ECOSYSTEM", `{"introduced":"0","fixed":"1.0"}`) + `]`, "0.9", "1.0"},
		{"name==version", `"versions":["A.Package==1.0","a_package==1.1+cu1"]`, "1.0+cpu 1.1", "1.2"},
		{"legacy versions beside others", `"versions":["2004d","1.0"]`, "1.0", "2004"},
		{"epochs", `"ranges":[` + events("ECOSYSTEM", `{"introduced":"0"},{"fixed":"1!0.5"}`) + `]`, "2024.1 1!0.4", "1!0.5 2!0"},
	} {
		db := build(t, record("PYSEC-2026-1", affected("a-package", tt.affected)))
		for v := range strings.FieldsSeq(tt.hit) {
			if hits := match(t, db, "A.Package", v); len(hits) != 1 || hits[0].Unclear != "" {
				t.Errorf("%s: %s: %+v, want a hit", tt.name, v, hits)
			}
		}
		for v := range strings.FieldsSeq(tt.miss) {
			if hits := match(t, db, "a_package", v); len(hits) != 0 {
				t.Errorf("%s: %s: %+v, want none", tt.name, v, hits)
			}
		}
	}
}

// What a record does not say in a way that can be compared is unclear, for every
// version that the rest of the record does not affect.
func TestUnclear(t *testing.T) {
	for _, tt := range []struct{ affected, want string }{
		{`"ranges":[` + events("GIT", `{"introduced":"0"}`) + `]`, "neither versions nor ranges"},
		{`"versions":[]`, "neither versions nor ranges"},
		{`"versions":["2004d"]`, "neither versions nor ranges"},
		{`"ranges":[` + events("ECOSYSTEM", `{"introduced":"0"},{"fixed":"abc"}`) + `],"versions":["1.0"]`, `the version "abc", which is none of PEP 440`},
		{`"ranges":[` + events("COMMIT", `{"introduced":"0"}`) + `],"versions":["1.0"]`, `the type "COMMIT"`},
	} {
		db := build(t, record("PYSEC-2026-1", affected("p", tt.affected)))
		hits := match(t, db, "p", "3.0")
		if len(hits) != 1 || !strings.Contains(hits[0].Unclear, tt.want) || hits[0].Records != nil || hits[0].Fixed != "" {
			t.Errorf("%s: %+v, want unclear: %s", tt.affected, hits, tt.want)
		}
		if i := db.Info(); i.Repaired != 1 || i.Records != 1 {
			t.Errorf("%s: %+v", tt.affected, i)
		}
		if strings.Contains(tt.affected, `"1.0"`) {
			if hits := match(t, db, "p", "1.0"); len(hits) != 1 || hits[0].Unclear != "" {
				t.Errorf("%s: 1.0: %+v", tt.affected, hits)
			}
		}
	}
}

// Records that share a name, also by way of others, are one hit.
func TestTwins(t *testing.T) {
	until := func(fixed string) string {
		return affected("torch", `"ranges":[`+events("ECOSYSTEM", `{"introduced":"0"}`+fixed)+`]`)
	}
	db := build(t,
		record("PYSEC-2025-1", `"aliases":["CVE-2025-1"],"summary":"pysec words","published":"2025-01-02T00:00:00Z",`+until(`,{"fixed":"2.7.1rc1"}`)),
		record("GHSA-a", `"aliases":["CVE-2025-1","CVE-2025-0"],"summary":"ghsa words","published":"2025-01-01T00:00:00Z","database_specific":{"severity":"LOW","cwe_ids":["CWE-502"]},`+until(`,{"fixed":"2.8.0"}`)),
		record("PYSEC-2025-2", `"aliases":["GHSA-a","PYSEC-2025-9"],"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],`+until(`,{"fixed":"1.0"}`)),
		record("PYSEC-2025-3", `"aliases":["CVE-2025-3"],`+until(``)),
	)
	got := match(t, db, "torch", "2.1.0+cu118")
	want := []Hit{
		{
			ID: "CVE-2025-0", Aliases: []string{"CVE-2025-1", "GHSA-a", "PYSEC-2025-1", "PYSEC-2025-2", "PYSEC-2025-9"},
			Records: []string{"GHSA-a", "PYSEC-2025-1"}, Silent: []string{"PYSEC-2025-2"}, Package: "torch", Summary: "ghsa words",
			Severity: osv.Severity{Level: "critical", Score: 9.8, Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"},
			CWEs:     []string{"CWE-502"}, Published: 1735689600, Modified: 1767323045,
			Ranges: []Interval{{"", "2.8.0", Fixed}, {"", "2.7.1rc1", Fixed}}, Fixed: "2.8.0",
		},
		{
			ID: "CVE-2025-3", Aliases: []string{"PYSEC-2025-3"}, Records: []string{"PYSEC-2025-3"}, Package: "torch",
			Modified: 1767323045, Ranges: []Interval{{}},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if hits := match(t, db, "torch", "2.8.0+cpu"); len(hits) != 1 || hits[0].ID != "CVE-2025-3" {
		t.Errorf("2.8.0: %+v", hits)
	}
}

func TestFixed(t *testing.T) {
	in := func(list ...string) (out []string) {
		for i, events1 := range list {
			out = append(out, record(fmt.Sprintf("PYSEC-2025-%d", i), `"aliases":["CVE-1"],`+affected("p", `"ranges":[`+events("ECOSYSTEM", events1)+`]`)))
		}
		return out
	}
	for _, tt := range []struct {
		name    string
		records []string
		at      string
		want    string
	}{
		{"the branch's own", in(`{"introduced":"0"},{"fixed":"1.5"},{"introduced":"2.0"},{"fixed":"2.1"}`), "1.0", "1.5"},
		{"the other branch's", in(`{"introduced":"0"},{"fixed":"1.5"},{"introduced":"2.0"},{"fixed":"2.1"}`), "2.0", "2.1"},
		{"a pre-release if there is no other", in(`{"introduced":"0"},{"fixed":"2.7.1rc1"}`), "2.0", "2.7.1rc1"},
		{"a final release before one", in(`{"introduced":"0"},{"fixed":"2.7.1rc1"}`, `{"introduced":"0"},{"fixed":"2.7.1"}`), "2.0", "2.7.1"},
		{"that which no twin affects", in(`{"introduced":"0"},{"fixed":"2.9.0"}`, `{"introduced":"0"},{"fixed":"2.10.0"}`), "2.0", "2.10.0"},
		{"the lowest if a twin has no end", in(`{"introduced":"0"},{"fixed":"2.9.0"}`, `{"introduced":"0"}`), "2.0", "2.9.0"},
		{"the lowest of several", in(`{"introduced":"0"},{"fixed":"2.10.0"}`, `{"introduced":"0"},{"fixed":"2.9.0"}`, `{"introduced":"0"}`), "2.0", "2.9.0"},
		{"none", in(`{"introduced":"0"},{"last_affected":"2.10.0"}`), "2.0+cpu", ""},
		{"no limit", in(`{"introduced":"0"},{"limit":"2.10.0"}`), "2.0", ""},
		{"not below", in(`{"introduced":"0"},{"fixed":"1.0+b"}`), "1.0+c", "1.0+b"},
	} {
		hits := match(t, build(t, tt.records...), "p", tt.at)
		if len(hits) != 1 || hits[0].Fixed != tt.want {
			t.Errorf("%s: %+v, want %q", tt.name, hits, tt.want)
		}
	}
}

func TestMayMatch(t *testing.T) {
	db := build(t,
		record("PYSEC-2025-1", affected("p", `"ranges":[`+events("ECOSYSTEM", `{"introduced":"1.0"},{"fixed":"1.5"}`)+`]`)),
		record("PYSEC-2025-2", affected("p", `"versions":["3.0"]`)),
		record("PYSEC-2025-3", affected("p", `"ranges":[`+events("ECOSYSTEM", `{"introduced":"4.0"},{"last_affected":"4.2"}`)+`]`)),
	)
	for spec, want := range map[string]string{
		"":           "PYSEC-2025-1 PYSEC-2025-2 PYSEC-2025-3",
		">=1.5,<3":   "",
		">=1.4":      "PYSEC-2025-1 PYSEC-2025-2 PYSEC-2025-3",
		">=1.5,<=3":  "PYSEC-2025-2",
		"==3.0+cpu":  "PYSEC-2025-2",
		"~=4.2":      "PYSEC-2025-3",
		">4.2":       "",
		"!=3.0,>2.9": "PYSEC-2025-3",
		"<1.0":       "",
	} {
		s, err := pep440.ParseSpecifiers(spec)
		if err != nil {
			t.Fatal(err)
		}
		hits, err := db.MayMatch("P", s)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, h := range hits {
			got = append(got, h.ID)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, want %q", spec, got, want)
		}
	}
}

// What was withdrawn, or is about other packages, is not there, and is counted.
func TestLeftOut(t *testing.T) {
	ranges := `"ranges":[` + events("ECOSYSTEM", `{"introduced":"0"}`) + `]`
	db := build(t,
		record("PYSEC-2025-1", `"withdrawn":"2026-01-01T00:00:00Z",`+affected("p", ranges)),
		record("GHSA-1", `"affected":[{"package":{"ecosystem":"npm","name":"p"},`+ranges+`}]`),
		record("GHSA-2", affected("not a name", ranges)),
		record("GHSA-3", `"affected":[{"package":{"ecosystem":"npm","name":"p"},`+ranges+`},{"package":{"ecosystem":"PyPI","name":"Q.q"},`+ranges+`}]`),
		record("MAL-2025-1", affected("evil", `"versions":["1.0"]`)),
	)
	want := Info{
		Source: "test", Newest: 1767323045, Current: 1, Built: 2, Records: 2, Packages: 2, Malicious: 1, Withdrawn: 1, Foreign: 1, Rejected: 1,
		Digest: db.Info().Digest, Size: db.Info().Size,
	}
	if diff := cmp.Diff(want, db.Info()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := db.Verify(); err != nil {
		t.Error(err)
	}
	if hits := match(t, db, "p", "1.0"); len(hits) != 0 {
		t.Errorf("%+v", hits)
	}
	if hits := match(t, db, "evil", "1.0"); len(hits) != 1 || !hits[0].Malicious || hits[0].ID != "MAL-2025-1" {
		t.Errorf("%+v", hits)
	}
	if hits := match(t, db, "q-Q", "1.0"); len(hits) != 1 {
		t.Errorf("%+v", hits)
	}
	problems, err := db.Problems()
	if err != nil || len(problems) != 1 || !problems[0].Whole || problems[0].ID != "GHSA-2" {
		t.Errorf("%+v, %v", problems, err)
	}
}

// TestKnownAffected: of many advisories, each with a version that it affects by
// construction, none is missed, whatever local part the version has.
func TestKnownAffected(t *testing.T) {
	const n = 3000
	r := rand.New(rand.NewPCG(1, 2))
	var b Builder
	cases := make([]knownCase, n)
	for i := range cases {
		cases[i] = makeKnown(r, i)
		rec, err := osv.Parse([]byte(cases[i].record), osv.Limits{})
		if err != nil {
			t.Fatalf("%s: %v", cases[i].record, err)
		}
		b.Add(rec)
	}
	db := open(t, &b)
	if i := db.Info(); i.Records != n || i.Rejected+i.Repaired != 0 {
		t.Fatalf("%+v", i)
	}
	for _, local := range []string{"", "+cu118", "+cpu", "+rocm6.0"} {
		missed := 0
		for _, c := range cases {
			hits := match(t, db, c.name, c.version+local)
			if !slices.ContainsFunc(hits, func(h Hit) bool { return slices.Contains(h.Records, c.id) }) {
				if missed++; missed < 5 {
					t.Errorf("%s %s%s is not matched by %s", c.name, c.version, local, c.record)
				}
			}
			if slices.ContainsFunc(match(t, db, c.name, c.clean+local), func(h Hit) bool { return slices.Contains(h.Records, c.id) }) {
				t.Errorf("%s %s%s is matched by %s", c.name, c.clean, local, c.record)
			}
		}
		if missed > 0 {
			t.Errorf("with %q %d of %d are missed", local, missed, n)
		}
	}
}

type knownCase struct{ id, name, record, version, clean string }

// makeKnown makes an advisory of one of the forms that the real ones have.
func makeKnown(r *rand.Rand, i int) knownCase {
	c := knownCase{id: fmt.Sprintf("PYSEC-2026-%d", i), name: fmt.Sprintf("package-%d", i%700)}
	major, minor, patch := r.IntN(30), r.IntN(20), 1+r.IntN(9)
	c.version = fmt.Sprintf("%d.%d.%d", major, minor, patch)
	fixed := fmt.Sprintf("%d.%d.%d", major, minor, patch+1)
	c.clean = fmt.Sprintf("%d.%d.%d", major, minor, patch+1+r.IntN(3))
	first := fmt.Sprintf("%d.%d.%d", major, minor, r.IntN(patch+1))
	git := events("GIT", `{"introduced":"0"},{"fixed":"c0ffee"}`)
	var ranges []string
	versions := fmt.Sprintf(`"versions":[%q,%q]`, first, c.version)
	switch i % 6 {
	case 0:
		ranges = []string{git, events("ECOSYSTEM", fmt.Sprintf(`{"introduced":"0"},{"fixed":%q}`, fixed))}
	case 1:
		ranges = []string{git, events("ECOSYSTEM", fmt.Sprintf(`{"fixed":%q},{"introduced":%q}`, fixed, first))}
		versions = `"versions":[]`
	case 2:
		ranges = []string{events("ECOSYSTEM", fmt.Sprintf(`{"introduced":"0"},{"last_affected":%q}`, c.version))}
		versions = `"versions":[]`
	case 3:
		ranges = []string{git}
	case 4:
		ranges = []string{git, events("SEMVER", fmt.Sprintf(`{"introduced":%q},{"limit":%q}`, first, fixed))}
	case 5: // only the versions cover it
		ranges = []string{git, events("ECOSYSTEM", `{"introduced":"99.0"},{"fixed":"99.1"}`)}
	}
	c.record = record(c.id, affected(c.name, `"ranges":[`+strings.Join(ranges, ",")+`],`+versions))
	return c
}

func TestBuiltin(t *testing.T) {
	db := Builtin()
	if i := db.Info(); !i.Builtin || i.Rejected+i.Repaired+i.Withdrawn+i.Foreign != 0 || i.Records < 30 || i.Malicious != 2 {
		t.Errorf("%+v", i)
	}
	if err := db.Verify(); err != nil {
		t.Error(err)
	}
	ids := func(name, v string) (list []string) {
		for _, h := range match(t, db, name, v) {
			list = append(list, h.ID)
			if h.Fact.Class == "" || h.Fact.Reach == "" || h.Summary == "" {
				t.Errorf("%s: nothing is known: %+v", h.ID, h)
			}
		}
		return list
	}
	if got := ids("torch", "2.5.1+cu124"); !slices.Contains(got, "CVE-2025-32434") || slices.Contains(got, "CVE-2024-48063") {
		t.Errorf("torch 2.5.1: %q", got)
	}
	if got := ids("torch", "2.6.0"); slices.Contains(got, "CVE-2025-32434") {
		t.Errorf("torch 2.6.0: %q", got)
	}
	for _, id := range []string{"CVE-2024-5480", "CVE-2024-7804"} {
		if got := ids("torch", "1.0"); slices.Contains(got, id) {
			t.Errorf("torch 1.0: %s, which was rejected", id)
		}
	}
	for _, name := range []string{"lightning", "pytorch-lightning", "PyTorch_Lightning"} {
		if got := match(t, db, name, "2.6.3"); len(got) != 1 || !got[0].Malicious || got[0].Severity.Level != "critical" || got[0].Fact.Reach != "install" {
			t.Errorf("%s: %+v", name, got)
		}
		if got := ids(name, "2.6.1"); len(got) != 0 {
			t.Errorf("%s 2.6.1: %q", name, got)
		}
	}
	if got := ids("torchtriton", "3.0.0"); len(got) != 1 {
		t.Errorf("torchtriton: %q", got)
	}
	for _, h := range match(t, db, "torch", "2.5.0") {
		if h.ID == "CVE-2025-32434" && (h.Fact.Class != "weights-only-bypass" || h.Fact.Reach != "file" || h.Fixed != "2.6.0" || h.Severity.Score != 9.3) {
			t.Errorf("%+v", h)
		}
	}
}

// A database that has no record of a package leaves what is built in of it standing.
func TestPartOfTheFeed(t *testing.T) {
	db := build(t, record("PYSEC-2026-1", affected("numpy", `"versions":["1.0"]`)))
	want, got := match(t, Builtin(), "torch", "2.5.0+cu118"), match(t, db, "torch", "2.5.0+cu118")
	if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if hits := match(t, db, "requests", "1.0"); len(hits) != 0 {
		t.Errorf("%+v", hits)
	}
}

// Another database gets what is known besides, and the incidents, and nothing else
// about a package that it has.
func TestFacts(t *testing.T) {
	db := build(t, record("PYSEC-2025-41", affected("torch", `"ranges":[`+events("ECOSYSTEM", `{"introduced":"0"},{"fixed":"2.6.0"}`)+`]`)),
		record("MAL-2026-7", `"aliases":["GHSA-w37p-236h-pfx3"],`+affected("lightning", `"versions":["2.6.3"]`)))
	if hits := match(t, db, "torch", "1.0"); len(hits) != 1 || hits[0].Fact.Class != "weights-only-bypass" {
		t.Errorf("%+v", hits)
	}
	hits := match(t, db, "lightning", "2.6.2")
	if len(hits) != 1 || hits[0].ID != "GHSA-w37p-236h-pfx3" || !slices.Equal(hits[0].Silent, []string{"MAL-2026-7"}) || !hits[0].Malicious {
		t.Errorf("%+v", hits)
	}
}

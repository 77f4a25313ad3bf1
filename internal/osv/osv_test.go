package osv

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/bounded"
)

const whole = `{
  "schema_version": "1.7.3", "id": "PYSEC-2026-1", "modified": "2026-02-03T04:05:06.789Z", "published": "2026-01-01T00:00:00+01:00",
  "aliases": ["CVE-2026-1", "PYSEC-2026-1", "GHSA-aaaa-bbbb-cccc", "not an id"], "related": ["X-1"],
  "summary": "It \u0062reaks.\n", "details": "More\nthan that", "references": [{"type": "WEB", "url": "https://example.org/"}],
  "severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}, {"type": "CVSS_V4", "score": "nonsense"}],
  "affected": [{
    "package": {"ecosystem": "PyPI", "name": "torch", "purl": "pkg:pypi/torch"},
    "ranges": [
      {"type": "GIT", "repo": "https://example.org/r", "events": [{"introduced": "0"}, {"fixed": "abc"}]},
      {"type": "ECOSYSTEM", "events": [{"fixed": "2.0"}, {"introduced": "0"}, {"introduced": "2.1", "last_affected": "2.2"}, {"limit": "9"}]}
    ],
    "versions": ["1.0", "1.1"], "ecosystem_specific": {"a": [1, -2.5e3, true, null]}
  }],
  "database_specific": {"severity": "MODERATE", "cwe_ids": ["CWE-502", "CWE-", 7]}
}`

func TestParse(t *testing.T) {
	got, err := Parse([]byte(whole), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := &Record{
		ID: "PYSEC-2026-1", Aliases: []string{"CVE-2026-1", "GHSA-aaaa-bbbb-cccc"}, Summary: "It breaks.\n",
		Modified: 1770091506, Published: 1767222000, CWEs: []string{"CWE-502"},
		Severity: Severity{"critical", 9.8, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"},
		Affected: []Affected{{
			Ecosystem: "PyPI", Name: "torch", Versions: []string{"1.0", "1.1"},
			Ranges: []Range{
				{"GIT", []Event{{Introduced, "0"}, {Fixed, "abc"}}},
				{"ECOSYSTEM", []Event{{Fixed, "2.0"}, {Introduced, "0"}, {Introduced, "2.1"}, {LastAffected, "2.2"}, {Limit, "9"}}},
			},
		}},
		Notes: []string{`the alias "not an id" is not an id`, `the severity "nonsense" is no CVSS vector: `},
	}
	if len(got.Notes) == 2 {
		got.Notes[1] = got.Notes[1][:len(want.Notes[1])]
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What readers of JSON differ about, and what is missing, is an error that says so.
func TestRefused(t *testing.T) {
	for _, tt := range [][2]string{
		{``, "not a JSON object"},
		{`[]`, "not a JSON object"},
		{`{}`, "no id"},
		{`{"id":null,"modified":"2026-01-01T00:00:00Z"}`, "no id"},
		{`{"ID":"A-1","modified":"2026-01-01T00:00:00Z"}`, "no id"},
		{`{"id":"A-1"}`, "no modified time"},
		{`{"id":"A-1","modified":"yesterday"}`, `at offset 23: modified: "yesterday" is no RFC 3339 time`},
		{`{"id":"../x","modified":"2026-01-01T00:00:00Z"}`, `the id "../x" is not one`},
		{`{"id":"A-1","id":"A-2"}`, `the key "id" is given twice`},
		{`{"id":"A-1","\u0069d":"A-2"}`, `the key "id" is given twice`},
		{`{"id":"A-1","modified":"2026-01-01T00:00:00Z"} x`, "something stands after the value"},
		{`{"id":"A-1","withdrawn":5}`, "'5' stands where '\"' is wanted"},
		{`{"id":"A-1","affected":{}}`, "'{' stands where '[' is wanted"},
		{`{"id":"A-1","affected":[{"package":{"name":1}}]}`, "'1' stands"},
		{`{"id":"A-1","x":01}`, "a number that JSON does not have"},
		{`{"id":"A-1","x":1.}`, "a number"},
		{`{"id":"A-1","x":1e}`, "a number"},
		{`{"id":"A-1","x":"\x"}`, "an escape that JSON does not have"},
		{`{"id":"A-1","x":tru}`, "begins no value"},
		{"{\"id\":\"A\n\"}", "a control character in a string"},
		{"{\"id\":\"A\xff\"}", "not UTF-8"},
		{`{"id":"A-1"`, "ends in the middle"},
		{`{"id":"A-1`, "ends in the middle"},
		{`{"id":"A-1",}`, `'}' stands where '"' is wanted`},
	} {
		_, err := Parse([]byte(tt[0]), Limits{})
		if err == nil || !strings.Contains(err.Error(), tt[1]) {
			t.Errorf("%s: error %v, want %s", tt[0], err, tt[1])
		}
	}
}

func TestLimits(t *testing.T) {
	deep := `{"id":"A-1","x":` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`
	keys := "{"
	for i := range 100 {
		keys += fmt.Sprintf(`"k%d":1,`, i)
	}
	for _, tt := range []struct {
		in  string
		lim Limits
	}{
		{whole, Limits{Bytes: 100}},
		{whole, Limits{Items: 17}},
		{deep, Limits{}},
		{keys + `"id":"A"}`, Limits{}},
	} {
		if _, err := Parse([]byte(tt.in), tt.lim); !errors.Is(err, bounded.ErrLimit) {
			t.Errorf("%.40s: error %v", tt.in, err)
		}
	}
	if _, err := Parse([]byte(whole), Limits{Items: 18}); err != nil {
		t.Error(err)
	}
}

// A record without a summary has the first line of its details, shortened where it
// can be.
func TestDetails(t *testing.T) {
	for _, tt := range [][2]string{
		{`first\nsecond`, "first"},
		{`a\\nb`, `a\nb`},
		{`\u00e9\t`, "é\t"},
		{strings.Repeat("a", maxDetails-1) + `\\b`, strings.Repeat("a", maxDetails-1)},
		{strings.Repeat("a", maxDetails-2) + `\\b`, strings.Repeat("a", maxDetails-2) + `\`},
		{strings.Repeat("a", maxDetails-1) + `é`, strings.Repeat("a", maxDetails-1)},
		{`\ud83d\ude00 \ud83d`, "😀 \ufffd"},
	} {
		r, err := Parse([]byte(`{"id":"A-1","modified":"2026-01-01T00:00:00Z","details":"`+tt[0]+`"}`), Limits{})
		if err != nil || r.Summary != tt[1] {
			t.Errorf("%.20s: %q, %v, want %q", tt[0], r.Summary, err, tt[1])
		}
	}
}

// Scores are those of the examples in the specifications and user guides of FIRST,
// or of its calculators.
func TestSeverity(t *testing.T) {
	const level = "MODERATE"
	for _, tt := range []struct {
		vectors string
		want    Severity
	}{
		{`CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H`, Severity{Level: "critical", Score: 9.8}},
		{`CVSS:3.0/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H`, Severity{Level: "critical", Score: 10}},
		{`CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H`, Severity{Level: "high", Score: 7.8}},
		{`CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N`, Severity{Level: "medium", Score: 6.4}},
		{`CVSS:3.1/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:L/A:L`, Severity{Level: "medium", Score: 5.0}},
		{`CVSS:3.1/AV:L/AC:H/PR:L/UI:N/S:U/C:N/I:L/A:N`, Severity{Level: "low", Score: 2.5}},
		{`CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N`, Severity{Level: "none", Score: 0}},
		{`CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N`, Severity{Level: "critical", Score: 9.3}},
		{`AV:N/AC:L/Au:N/C:N/I:N/A:C`, Severity{Level: "high", Score: 7.8}},
		{`CVSS:3.1/AV:X`, Severity{Level: "medium"}},
		{`CVSS:4.0/` + strings.Repeat("A", 400), Severity{Level: "medium"}},
		{``, Severity{Level: "medium"}},
	} {
		list := ""
		if tt.vectors != "" {
			list = `{"type":"x","score":"` + tt.vectors + `"}`
		}
		if tt.want.Vector = tt.vectors; tt.want.Level == "medium" && tt.want.Score == 0 {
			tt.want.Vector = ""
		}
		r, err := Parse([]byte(`{"id":"A-1","modified":"2026-01-01T00:00:00Z","severity":[`+list+`],"database_specific":{"severity":"`+level+`"}}`), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tt.want, r.Severity); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.vectors, diff)
		}
	}
}

// The newest CVSS counts, wherever it stands.
func TestNewestSeverity(t *testing.T) {
	p := &parser{}
	three, four := "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "CVSS:4.0/AV:L/AC:L/AT:N/PR:N/UI:P/VC:L/VI:L/VA:L/SC:N/SI:N/SA:N"
	if a, b := p.judge([]string{three, four}, ""), p.judge([]string{four, three}, ""); a != b || a.Vector != four {
		t.Errorf("%v, %v", a, b)
	}
}

func TestParseTime(t *testing.T) {
	for at := time.Date(1890, 1, 1, 0, 0, 0, 0, time.UTC); at.Year() < 2110; at = at.Add(17*time.Hour + 1234*time.Second) {
		if got, ok := ParseTime(at.Format(time.RFC3339)); !ok || got != at.Unix() {
			t.Fatalf("%v: %d, %v, want %d", at, got, ok, at.Unix())
		}
	}
	for s, want := range map[string]int64{
		"1970-01-01T00:00:00Z": 0, "1970-01-01T01:00:00+01:00": 0, "1969-12-31T23:00:01.5-01:00": 1, "2000-02-29t00:00:00z": 951782400,
	} {
		if got, ok := ParseTime(s); !ok || got != want {
			t.Errorf("%s: %d, %v, want %d", s, got, ok, want)
		}
	}
	for _, s := range []string{
		"", "2026-01-01", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", "2025-02-29T00:00:00Z", "2026-01-01T24:00:00Z",
		"2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.5", "2026-01-01T00:00:00+0100", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00ZZ", "20260-1-01T00:00:00Z",
	} {
		if got, ok := ParseTime(s); ok {
			t.Errorf("%q is %d", s, got)
		}
	}
}

// FuzzParse: what is read is JSON by the standard library's opinion too, and what
// that one refuses is refused; reading is deterministic.
func FuzzParse(f *testing.F) {
	f.Add([]byte(whole))
	f.Add([]byte(`{"id":"MAL-2026-1","modified":"2026-01-01T00:00:00Z","withdrawn":"2026-01-01T00:00:00Z","affected":null}`))
	f.Add([]byte(`{"id":"A","modified":"2026-01-01T00:00:00Z","details":"\\\n\ud800\u0041"}`))
	f.Add([]byte(`{"id":"A","x":[[{"a":-0.1e+9}],true,false,null]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := Parse(b, Limits{Items: 1000})
		var syntax *SyntaxError
		if err == nil && !json.Valid(b) {
			t.Errorf("%q is read and is no JSON", b)
		}
		if errors.As(err, &syntax) && (syntax.Offset < 0 || syntax.Offset > len(b)) {
			t.Errorf("offset %d of %d", syntax.Offset, len(b))
		}
		again, err2 := Parse(b, Limits{Items: 1000})
		if diff := cmp.Diff(r, again); diff != "" || (err == nil) != (err2 == nil) {
			t.Errorf("a second time: %s, %v", diff, err2)
		}
		// What is skipped must be JSON, and all JSON must be skipped.
		s := scanner{b: b, depth: 1 << 20, most: 1 << 20}
		skipped := s.skip() == nil && s.done() == nil
		if valid := json.Valid(b); skipped != valid && len(b) < 1000 {
			t.Errorf("%q: skipped %v, valid %v", b, skipped, valid)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	in := []byte(whole)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(in, Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

package report_test

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/report"
)

// FuzzText puts one hostile text everywhere a file can put one: nothing that cannot
// be seen comes out, in any format, and JSON carries the text as it is.
func FuzzText(f *testing.F) {
	for _, s := range []string{"", nasty, "model.pt", "``` `` `", "\x00\x7f\xc2\x85", "a\u2028b", "-->", "]]>", "www.e.invalid", "{0}{{", "\\", "|", " x ", "\ufeff", "\xed\xa0\x80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, format := range report.Formats() {
			out := render(t, format, everywhere(s), report.Options{})
			if !utf8.ValidString(out) {
				t.Errorf("%s: invalid UTF-8", format)
			}
			for _, r := range out {
				if r != '\n' && !strconv.IsPrint(r) {
					t.Errorf("%s: %q came through", format, r)
				}
			}
			switch format {
			case "json":
				checkCarried(t, out, s)
			case "sarif":
				if !json.Valid([]byte(out)) {
					t.Error("sarif: invalid JSON")
				}
			case "html":
				checkTags(t, out)
			case "github":
				checkCommands(t, out, everywhere(s))
			}
		}
	})
}

func everywhere(s string) stream {
	w := at(s, s).At(1)
	bad := finding.Finding{Rule: "PKL001", Severity: finding.High, Outcome: finding.Present, Message: s, Where: w, Evidence: []string{s}, Fix: s}
	info := finding.Finding{Rule: s, Message: s, Where: w, Outcome: finding.Undetermined}
	return stream{
		config: scanConfig(s),
		artifacts: []finding.Artifact{
			{Path: s, Format: s, Verdict: finding.Dangerous, Findings: []finding.Finding{bad, info}},
			{Path: s, Format: s},
		},
		findings: []finding.Finding{bad, info, hostileAdvisory(s, s), hostileAdvisory(s, "")},
		packages: []finding.Dependency{
			{Package: finding.Package{Name: s, Version: s, PURL: s}, Status: finding.Unauditable, Reason: s, Where: w},
			{Package: finding.Package{Name: s}, Status: finding.MayResolve, Requested: s, Advisories: []string{s}, Where: w},
		},
		posture: []finding.Posture{{
			Strategy: finding.SafeSerialization, Status: finding.Partial, Title: "Safe serialization",
			Missing: []finding.Evidence{{Text: s, Where: w, Fix: s}}, Reason: s, Residual: s,
		}},
		summary: finding.Summary{
			Incomplete: true, Reasons: []string{s}, Database: s,
			Baseline: &finding.Baseline{Report: s, Gone: []finding.Finding{bad}}, Trend: &finding.Trend{Since: s, Commit: s},
		},
	}
}

func checkCarried(t *testing.T, out, s string) {
	t.Helper()
	var doc struct {
		Artifacts []finding.Artifact
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatal(err)
	}
	if got := doc.Artifacts[0].Path; utf8.ValidString(s) && got != s {
		t.Errorf("json: got %q, want %q", got, s)
	}
}

var tag = regexp.MustCompile(`<[^>]*>`)

// checkTags compares the page's tags with those of a page with harmless text.
func checkTags(t *testing.T, out string) {
	t.Helper()
	var names []string
	for _, s := range tag.FindAllString(out, -1) {
		name, _, _ := strings.Cut(strings.Trim(s, "</>"), " ")
		names = append(names, name)
	}
	pictures := 0
	for _, n := range names {
		switch n {
		case "script", "img", "iframe", "link", "object", "embed", "form", "base", "image", "use", "foreignObject", "animate", "set":
			t.Errorf("html: the page holds <%s>", n)
		case "svg":
			pictures++
		}
	}
	if pictures != 2 {
		t.Errorf("html: the page has %d tags of a picture, want the overview's two", pictures)
	}
}

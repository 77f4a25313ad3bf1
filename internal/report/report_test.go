package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

// render writes a stream; two runs must give the same bytes.
func render(t *testing.T, format string, s stream, opt report.Options) string {
	t.Helper()
	opt.Catalogue = catalogue()
	var outs [2]bytes.Buffer
	for i := range outs {
		h, err := report.New(format, &outs[i], opt)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.send(h); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(outs[0].String(), outs[1].String()); diff != "" {
		t.Errorf("two runs differ:\n%s", diff)
	}
	return outs[0].String()
}

func TestGolden(t *testing.T) {
	ext := map[string]string{"text": "txt", "json": "json", "jsonl": "jsonl", "sarif": "sarif", "markdown": "md", "html": "html", "github": "github.txt"}
	for _, format := range report.Formats() {
		for _, name := range []string{"scan", "audit", "compared", "hostile", "waived", "empty", "dead", "deps", "both", "clean"} {
			t.Run(name+"/"+format, func(t *testing.T) {
				got := render(t, format, streams()[name], report.Options{})
				golden(t, name+"."+ext[format], got)
			})
		}
	}
	golden(t, "scan.quiet.txt", render(t, "text", scanStream(), report.Options{Quiet: true}))
	golden(t, "deps.quiet.txt", render(t, "text", depsStream(), report.Options{Quiet: true}))
	golden(t, "audit.quiet.txt", render(t, "text", auditStream(), report.Options{Quiet: true}))
	for _, name := range []string{"scan", "audit", "hostile", "deps"} {
		golden(t, name+".80.txt", render(t, "text", streams()[name], report.Options{Width: 80}))
	}
	golden(t, "deps.color.txt", render(t, "text", depsStream(), report.Options{Color: true}))
	golden(t, "audit.color.txt", render(t, "text", auditStream(), report.Options{Color: true}))
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got), go test -update writes it anew:\n%s", path, diff)
	}
}

func TestQuietOfClean(t *testing.T) {
	s := stream{config: scanConfig("x"), artifacts: []finding.Artifact{{
		Path: "x.pt", Format: "torch-zip", Findings: []finding.Finding{ruleLoads.Finding(at("x.pt", ""), "loads")},
	}}}
	if got := render(t, "text", s, report.Options{Quiet: true}); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
}

// A terminal's width moves words to the next line, and changes nothing else.
func TestWidth(t *testing.T) {
	for name, s := range streams() {
		wide := render(t, "text", s, report.Options{})
		for _, width := range []int{1, 40, 80, 200} {
			got := render(t, "text", s, report.Options{Width: width})
			if diff := cmp.Diff(strings.Fields(wide), strings.Fields(got)); diff != "" {
				t.Errorf("%s: the words at width %d differ:\n%s", name, width, diff)
			}
			if name == "hostile" {
				continue // its paths are longer than any line
			}
			for line := range strings.Lines(got) {
				if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > max(width, 80) {
					t.Errorf("%s: %d columns at width %d: %s", name, n, width, line)
				}
			}
		}
	}
}

var sgr = regexp.MustCompile("\x1b\\[[0-9;]*m")

// Colours change nothing but colours, at any width.
func TestColor(t *testing.T) {
	for name, s := range streams() {
		for _, width := range []int{0, 60} {
			plain := render(t, "text", s, report.Options{Width: width})
			got := sgr.ReplaceAllString(render(t, "text", s, report.Options{Width: width, Color: true}), "")
			if diff := cmp.Diff(plain, got); diff != "" {
				t.Errorf("%s: the text at width %d differs:\n%s", name, width, diff)
			}
		}
	}
}

// What is only information is said once for all its places.
func TestSaidOnce(t *testing.T) {
	a := finding.Artifact{Path: "x.pt", Format: "pickle"}
	for i := range 3 {
		a.Findings = append(a.Findings, ruleLoads.Finding(at("x.pt", "").At(int64(i)), "it loads"))
	}
	got := render(t, "text", stream{config: scanConfig("x.pt"), artifacts: []finding.Artifact{a}}, report.Options{})
	const want = "  info     PKL095 @0x0 and 2 more places: it loads\n"
	if !strings.Contains(got, want) || strings.Count(got, "it loads") != 1 {
		t.Errorf("got %s\nwant one line %q", got, want)
	}
}

func TestUnknownFormat(t *testing.T) {
	_, err := report.New("xml", nil, report.Options{})
	const want = `format "xml" is not one of text, json, jsonl, sarif, markdown, html, github`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// The formats that are held in memory must leave nothing behind when a run dies.
func TestNoSummary(t *testing.T) {
	for _, format := range []string{"json", "sarif", "markdown", "html", "github"} {
		var b bytes.Buffer
		h, err := report.New(format, &b, report.Options{})
		if err != nil {
			t.Fatal(err)
		}
		for _, err := range []error{h.Config(scanConfig()), h.Artifact(scanStream().artifacts[0]), h.Finding(finding.Finding{})} {
			if err != nil {
				t.Error(err)
			}
		}
		if b.Len() > 0 {
			t.Errorf("%s: %d bytes were written before the summary", format, b.Len())
		}
	}
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestWriteError(t *testing.T) {
	for _, format := range report.Formats() {
		h, err := report.New(format, brokenPipe{}, report.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := scanStream().send(h); err == nil {
			t.Errorf("%s: the write error is lost", format)
		}
	}
}

// What somebody answers for stays visible in every format, with who, why and until
// when, and is an accepted suppression in SARIF.
func TestWaived(t *testing.T) {
	for _, format := range report.Formats() {
		out := render(t, format, waivedStream(), report.Options{})
		for _, want := range []string{"alice", "example.com", "2027-01-31", "reviewed in change 4711", "mymodel.Layer"} {
			if !strings.Contains(out, want) {
				t.Errorf("%s: %q is missing", format, want)
			}
		}
	}
	out := render(t, "sarif", waivedStream(), report.Options{})
	if got := strings.Count(out, `"kind": "external"`); got != 4 || strings.Count(out, `"status": "accepted"`) != 4 {
		t.Errorf("%d suppressions, want 4", got)
	}
}

// Order of arrival must not matter to the formats that are sorted.
func TestSorted(t *testing.T) {
	s, shuffled := bothStream(), bothStream()
	slices.Reverse(shuffled.artifacts)
	slices.Reverse(shuffled.findings)
	slices.Reverse(shuffled.packages)
	for i := range shuffled.artifacts {
		slices.Reverse(shuffled.artifacts[i].Findings)
	}
	for _, format := range []string{"json", "sarif", "markdown", "html", "github"} {
		if diff := cmp.Diff(render(t, format, s, report.Options{}), render(t, format, shuffled, report.Options{})); diff != "" {
			t.Errorf("%s depends on the order of arrival:\n%s", format, diff)
		}
	}
}

// No format lets hostile text through to whoever reads it.
func TestHostile(t *testing.T) {
	for _, format := range report.Formats() {
		out := render(t, format, hostileStream(), report.Options{})
		if !utf8.ValidString(out) {
			t.Errorf("%s: invalid UTF-8", format)
		}
		for _, bad := range []string{"\x1b", "\u202e", "\u200b", "\u3164", "\U000e0041", "\x7f"} {
			if strings.Contains(out, bad) {
				t.Errorf("%s: %q came through", format, bad)
			}
		}
		if format == "html" || format == "markdown" {
			lower := strings.ReplaceAll(strings.ToLower(out), `\<`, "")
			for _, bad := range []string{"<script", "javascript:", "@octocat"} {
				if strings.Contains(withoutCode(format, lower), bad) {
					t.Errorf("%s: %q came through", format, bad)
				}
			}
		}
	}
}

// withoutCode leaves out Markdown code spans (which nothing acts in) and HTML text
// (where an @ means nothing).
func withoutCode(format, s string) string {
	if format == "html" {
		return strings.ReplaceAll(s, "@octocat", "")
	}
	var b strings.Builder
	for line := range strings.SplitSeq(s, "\n") {
		for i, part := range strings.Split(line, "``") {
			if i%2 == 0 {
				b.WriteString(part)
			}
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func TestHTMLIsSelfContained(t *testing.T) {
	out := render(t, "html", auditStream(), report.Options{})
	for _, bad := range []string{"<script", "<link", "<img", "<iframe", "src=", "@import", "url("} {
		if strings.Contains(out, bad) {
			t.Errorf("the page holds %q", bad)
		}
	}
	for _, want := range []string{"Content-Security-Policy", "default-src 'none'", `lang="en"`, "prefers-color-scheme: dark", "@media print"} {
		if !strings.Contains(out, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestMarkdownFitsAComment(t *testing.T) {
	out := render(t, "markdown", floodStream(), report.Options{})
	if n := utf8.RuneCountInString(out); n > 65_536 {
		t.Errorf("%d characters are too many for a comment", n)
	}
	if !strings.Contains(out, "left out to keep this short") {
		t.Error("nothing says that parts were left out")
	}
}

func TestJSONSchema(t *testing.T) {
	doc := compile(t, "")
	line := compile(t, "#/$defs/line")
	for name, s := range streams() {
		if name == "zero" {
			s.config = scanConfig()
		}
		check(t, name+".json", doc, render(t, "json", s, report.Options{}))
		lines := strings.Split(strings.TrimSpace(render(t, "jsonl", s, report.Options{})), "\n")
		for _, l := range lines {
			check(t, name+".jsonl", line, l)
		}
		if last := lines[len(lines)-1]; !strings.HasPrefix(last, `{"summary":`) {
			t.Errorf("%s.jsonl: the last line is %.40s, want the summary", name, last)
		}
	}
}

// The schema must be able to fail.
func TestJSONSchemaRefuses(t *testing.T) {
	doc := compile(t, "")
	good := render(t, "json", scanStream(), report.Options{})
	for _, swap := range [][2]string{
		{`"andiron/report/v1"`, `"andiron/report/v2"`},
		{`"dangerous",`, `"evil",`},
		{`"evidence": []`, `"evidence": null`},
		{`"incomplete"`, `"complete"`},
		{`"offset"`, `"ofset"`},
	} {
		bad := strings.Replace(good, swap[0], swap[1], 1)
		if bad == good {
			t.Fatalf("%q is not in the report", swap[0])
		}
		if err := doc.Validate(decode(t, bad)); err == nil {
			t.Errorf("%s in place of %s is valid", swap[1], swap[0])
		}
	}
}

// compile makes the schema strict: a member that it does not name is an error here,
// though readers must ignore it.
func compile(t *testing.T, fragment string) *jsonschema.Schema {
	t.Helper()
	v := decode(t, readFile(t, "../../docs/spec/report-v1.schema.json"))
	strict(v)
	c := jsonschema.NewCompiler()
	if err := c.AddResource("report.json", v); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("report.json" + fragment)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func strict(v any) {
	switch v := v.(type) {
	case map[string]any:
		if _, ok := v["properties"].(map[string]any); ok {
			v["additionalProperties"] = false
		}
		for _, e := range v {
			strict(e)
		}
	case []any:
		for _, e := range v {
			strict(e)
		}
	}
}

func TestSARIFSchema(t *testing.T) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("sarif.json", decode(t, readFile(t, "../../docs/spec/sarif-schema-2.1.0.json"))); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("sarif.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range streams() {
		check(t, name+".sarif", schema, render(t, "sarif", s, report.Options{}))
	}
	bad := strings.Replace(render(t, "sarif", scanStream(), report.Options{}), `"text"`, `"txet"`, 1)
	if err := schema.Validate(decode(t, bad)); err == nil {
		t.Error("the SARIF schema accepts anything")
	}
}

type sarifLog struct {
	Runs []struct {
		Invocations []struct {
			ExecutionSuccessful        bool
			ToolExecutionNotifications []struct{ Level string }
		}
		Tool struct {
			Driver struct{ Rules []struct{ ID string } }
		}
		Artifacts []struct {
			Location   struct{ URI string }
			Properties map[string]any
		}
		Results []struct {
			RuleID, Kind, Level string
			RuleIndex           *int
			PartialFingerprints map[string]string
			Locations           []struct {
				PhysicalLocation struct {
					ArtifactLocation struct {
						URI   string
						Index *int
					}
					Region *struct{ ByteOffset, StartLine int }
				}
				LogicalLocations []struct{ FullyQualifiedName string }
			}
		}
	}
}

func TestSARIFMeaning(t *testing.T) {
	var log sarifLog
	if err := json.Unmarshal([]byte(render(t, "sarif", auditStream(), report.Options{})), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	if run.Invocations[0].ExecutionSuccessful {
		t.Error("an incomplete run is successful")
	}
	if got := len(run.Invocations[0].ToolExecutionNotifications); got != 5 {
		t.Errorf("%d notifications, want 2 of findings, 2 of reasons and 1 of a strategy", got)
	}
	prints := map[string]bool{}
	for _, r := range run.Results {
		if r.RuleIndex == nil {
			t.Errorf("%s has no rule index", r.RuleID)
		} else if got := run.Tool.Driver.Rules[*r.RuleIndex].ID; got != r.RuleID {
			t.Errorf("rule index of %s leads to %s", r.RuleID, got)
		}
		loc := r.Locations[0].PhysicalLocation
		if i := loc.ArtifactLocation.Index; i != nil && run.Artifacts[*i].Location.URI != loc.ArtifactLocation.URI {
			t.Errorf("artifact index of %s leads to %s", loc.ArtifactLocation.URI, run.Artifacts[*i].Location.URI)
		}
		if (r.Kind == "open") != (r.Level == "none") {
			t.Errorf("%s: kind %s with level %s", r.RuleID, r.Kind, r.Level)
		}
		prints[r.PartialFingerprints["andironFinding/v1"]] = true
		switch r.RuleID {
		case "PKL001":
			if loc.Region != nil || r.Locations[0].LogicalLocations[0].FullyQualifiedName != "models/evil.pt!archive/data.pkl@0x1f" {
				t.Errorf("a place in a member: %+v", r.Locations[0])
			}
		case "PKL095":
			t.Error("information became a result")
		}
	}
	if len(prints) != len(run.Results) {
		t.Errorf("%d fingerprints for %d results", len(prints), len(run.Results))
	}
}

// A fingerprint must not change when offsets do.
func TestSARIFFingerprint(t *testing.T) {
	prints := func(s stream) []string {
		var log sarifLog
		if err := json.Unmarshal([]byte(render(t, "sarif", s, report.Options{})), &log); err != nil {
			t.Fatal(err)
		}
		set := map[string]bool{}
		for _, r := range log.Runs[0].Results {
			set[r.PartialFingerprints["andironFinding/v1"]] = true
		}
		return slices.Sorted(maps.Keys(set))
	}
	moved := scanStream()
	for i := range moved.artifacts {
		for j := range moved.artifacts[i].Findings {
			f := &moved.artifacts[i].Findings[j]
			if f.Where.Offset != nil {
				f.Where = f.Where.At(*f.Where.Offset + 100)
			}
		}
	}
	if diff := cmp.Diff(prints(scanStream()), prints(moved)); diff != "" {
		t.Errorf("fingerprints moved with the offsets:\n%s", diff)
	}
}

func check(t *testing.T, name string, s *jsonschema.Schema, doc string) {
	t.Helper()
	if err := s.Validate(decode(t, doc)); err != nil {
		t.Errorf("%s: %v", name, err)
	}
}

func decode(t *testing.T, s string) any {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(s))
	if err != nil {
		t.Fatalf("%v in %.200s", err, s)
	}
	return v
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

package report_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/report"
	"github.com/andiron-dev/andiron/internal/rule"
)

var (
	ruleVulnerable = &rule.Rule{
		ID: "DEP001", Title: "Package with a known vulnerability", Strategy: finding.DependencyScanning, Severity: finding.High,
		Text: "An advisory is published for this version.", Fix: "update the package", Since: "0.4.0",
	}
	ruleMay = &rule.Rule{
		ID: "DEP002", Title: "Range that allows a vulnerable version", Strategy: finding.DependencyScanning, Severity: finding.Medium,
		Text: "No version is fixed.", Fix: "pin a version without it", Since: "0.4.0",
	}
	rulePin = &rule.Rule{
		ID: "PIN001", Title: "No exact version", Strategy: finding.DependencyPinning, Severity: finding.Medium,
		Text: "Any version may be installed.", Fix: "andiron deps lock", Since: "0.4.0",
	}
)

func pypi(name, version string) finding.Package {
	p := finding.Package{Name: name, Version: version, PURL: "pkg:pypi/" + name}
	if version != "" {
		p.PURL += "@" + strings.ReplaceAll(version, "+", "%2B")
	}
	return p
}

func lineOf(path string, n int) finding.Where { return finding.Where{Path: path}.Line1(n, 0) }

func advised(r *rule.Rule, p finding.Package, w finding.Where, s finding.Severity, a finding.Advisory, message string, evidence ...string) finding.Finding {
	f := r.Finding(w, message, evidence...)
	f.Severity, f.Package, f.Advisory = s, &p, &a
	if a.Fixed != "" {
		f.Fix = "update " + p.Name + " to " + a.Fixed + " or later"
	}
	return f
}

func hostileAdvisory(s, version string) finding.Finding {
	p := finding.Package{Name: s, Version: version, PURL: s}
	return advised(ruleVulnerable, p, finding.Where{Path: s}.Line1(3, 1), finding.High, finding.Advisory{ID: s, Aliases: []string{s, s}, Fixed: s, Class: s}, s, s)
}

func depsConfig(paths ...string) finding.Config {
	c := scanConfig(paths...)
	c.Verb = "deps scan"
	return c
}

// depsStream is of a project with each end that a package can come to.
func depsStream() stream {
	torch, pillow, numpy := pypi("torch", "2.1.0+cu118"), pypi("pillow", "9.5.0"), pypi("numpy", "")
	at3, at7, at9 := lineOf("requirements.txt", 3), lineOf("requirements.txt", 7), lineOf("requirements.txt", 9)
	answered := advised(ruleVulnerable, torch, at3, finding.Low, finding.Advisory{ID: "CVE-2025-2149", Class: "API misuse"}, "a quantized function may fail")
	answered.Waived = &finding.Waiver{Rule: "DEP001", Owner: "alice@example.com", Reason: "we quantize nothing", Expires: "2027-01-31"}
	loose := rulePin.Finding(at9, "numpy has no exact version", "numpy>=1.21,<1.25")
	loose.Package = &numpy
	s := stream{
		config: depsConfig("."),
		findings: []finding.Finding{
			advised(ruleVulnerable, torch, at3, finding.Critical, finding.Advisory{
				ID: "CVE-2025-32434", Aliases: []string{"GHSA-53q9-r3pm-6pq6", "PYSEC-2025-41"}, Fixed: "2.6.0", Class: "file-reachable",
			}, "torch.load with weights_only=True can run code from a file", "torch==2.1.0+cu118"),
			answered,
			advised(ruleVulnerable, torch, at3, finding.Medium, finding.Advisory{ID: "PYSEC-2026-139"}, "an operator reads out of bounds", "torch==2.1.0+cu118", "affected up to 2.10.0"),
			advised(ruleVulnerable, pillow, at7, finding.High, finding.Advisory{ID: "CVE-2023-4863", Aliases: []string{"GHSA-j7hp-h8jx-5ppr"}, Fixed: "10.0.1"}, "a WebP image overflows the heap"),
			loose,
			advised(ruleMay, numpy, at9, finding.Medium, finding.Advisory{ID: "CVE-2021-41496", Fixed: "1.22.0"}, "numpy>=1.21,<1.25 may resolve to 1.21.0, which overflows a buffer"),
			rulePin.Finding(lineOf("setup.py", 4), "the requirements are computed, so they are not known"),
		},
		packages: []finding.Dependency{
			{Package: numpy, Status: finding.MayResolve, Requested: ">=1.21,<1.25", Advisories: []string{"CVE-2021-41496"}, Where: at9},
			{Package: pillow, Status: finding.Vulnerable, Advisories: []string{"CVE-2023-4863"}, Where: at7},
			{Package: pypi("requests", "2.32.3"), Status: finding.Clean, Where: lineOf("requirements.txt", 8)},
			{Package: torch, Status: finding.Vulnerable, Advisories: []string{"CVE-2025-2149", "CVE-2025-32434", "PYSEC-2026-139"}, Where: at3},
			{Package: pypi("flash-attn", ""), Status: finding.Unauditable, Reason: "it comes from a repository", Where: lineOf("requirements.txt", 12)},
		},
		summary: finding.Summary{Database: "OSV PyPI of 2026-11-20, 18,231 records"},
	}
	s.findings[len(s.findings)-1].Outcome = finding.Undetermined
	for i := range 12 {
		s.packages = append(s.packages, finding.Dependency{
			Package: pypi(fmt.Sprintf("nvidia-lib%02d-cu12", i), "12.1.105"), Status: finding.Unauditable,
			Reason: "NVIDIA wheels have no advisories of their own", Where: lineOf("requirements.txt", 20+i),
		})
	}
	return s
}

// bothStream is an audit, which looks at models and at dependencies.
func bothStream() stream {
	s, d := auditStream(), depsStream()
	s.findings = append(s.findings, d.findings...)
	s.packages, s.summary.Database = d.packages, d.summary.Database
	return s
}

func cleanStream() stream {
	return stream{
		config:   depsConfig("."),
		packages: []finding.Dependency{{Package: pypi("requests", "2.32.3"), Status: finding.Clean, Where: lineOf("uv.lock", 3)}},
		summary:  finding.Summary{Database: "OSV PyPI of 2026-11-20, 18,231 records"},
	}
}

// A run about packages says nothing of models, and an audit speaks of both.
func TestModelsAndPackages(t *testing.T) {
	for _, format := range []string{"text", "markdown", "html", "github"} {
		for name, s := range map[string]stream{"deps": depsStream(), "clean": cleanStream()} {
			out := strings.ToLower(render(t, format, s, report.Options{}))
			for _, bad := range []string{"artifact", "model file"} {
				if strings.Contains(out, bad) {
					t.Errorf("%s of %s speaks of a %s", format, name, bad)
				}
			}
			if !strings.Contains(out, "osv pypi of 2026-11-20, 18,231 records") {
				t.Errorf("%s of %s does not name the database", format, name)
			}
		}
		both := render(t, format, bothStream(), report.Options{})
		for _, want := range []string{"5 artifacts", "2 vulnerable", "1 may resolve to a vulnerable version", "13 unauditable"} {
			if !strings.Contains(both, want) {
				t.Errorf("%s of an audit lacks %q", format, want)
			}
		}
	}
}

// The headline is good only where everything was looked at.
func TestPackageHeadline(t *testing.T) {
	count := func(vulnerable, may, clean, blind int) map[finding.DependencyStatus]int {
		return map[finding.DependencyStatus]int{finding.Vulnerable: vulnerable, finding.MayResolve: may, finding.Clean: clean, finding.Unauditable: blind}
	}
	pin := rulePin.Finding(lineOf("r.txt", 1), "x has no exact version")
	pin.Package = &finding.Package{Name: "x"}
	tests := []struct {
		by         map[finding.DependencyStatus]int
		findings   []finding.Finding
		want, tone string
	}{
		{count(3, 1, 40, 12), nil, "3 of 56 packages are vulnerable", "dangerous"},
		{count(1, 0, 0, 0), nil, "1 of 1 package is vulnerable", "dangerous"},
		{count(0, 1, 2, 0), nil, "1 of 3 packages may resolve to a vulnerable version", "dangerous"},
		{count(0, 0, 2, 0), []finding.Finding{pin}, "1 finding about packages", "dangerous"},
		{count(0, 0, 2, 1), nil, "1 of 3 packages could not be audited, and the others have no known vulnerability", "unknown"},
		{count(0, 0, 0, 2), nil, "no package could be audited", "unknown"},
		{count(0, 0, 2, 0), nil, "no package has a known vulnerability", "safe"},
		{count(0, 0, 0, 0), nil, "no packages", "safe"},
	}
	for _, tt := range tests {
		s := stream{config: depsConfig("."), findings: tt.findings, summary: finding.Summary{Dependencies: tt.by}}
		want := fmt.Sprintf(`<h1>andiron deps scan: <span class="%s">%s</span></h1>`, tt.tone, tt.want)
		if out := render(t, "html", s, report.Options{}); !strings.Contains(out, want) {
			t.Errorf("no %s", want)
		}
	}
}

// Each package is one block: its place once, the worst first, fixes once.
func TestPackageBlock(t *testing.T) {
	out := render(t, "text", depsStream(), report.Options{})
	if n := strings.Count(out, "torch 2.1.0+cu118 (requirements.txt:3)\n"); n != 1 {
		t.Errorf("torch has %d blocks", n)
	}
	last := -1
	for _, id := range []string{"CVE-2025-32434", "PYSEC-2026-139", "CVE-2025-2149"} {
		i := strings.Index(out, id+" (")
		if i < last {
			t.Errorf("%s is not in order", id)
		}
		last = i
	}
	if quiet := render(t, "text", depsStream(), report.Options{Quiet: true}); strings.Contains(quiet, "nvidia") || strings.Contains(quiet, "waived") || !strings.Contains(quiet, "CVE-2025-32434") {
		t.Errorf("quiet says %s", quiet)
	}
}

// Many packages, advisories and reasons make no endless report, and none goes without
// being counted.
func TestPackageFlood(t *testing.T) {
	s := stream{config: depsConfig(".")}
	for i := range 1000 {
		p := pypi(fmt.Sprintf("package-%d", i%3), "1.0")
		s.findings = append(s.findings, advised(ruleVulnerable, p, lineOf("r.txt", i%3), finding.High, finding.Advisory{ID: fmt.Sprintf("CVE-2026-%04d", i)}, strings.Repeat("long ", 40)))
		s.packages = append(s.packages, finding.Dependency{
			Package: pypi(fmt.Sprintf("blind-%04d", i), "1"), Status: finding.Unauditable, Reason: fmt.Sprintf("reason %d", i%50),
		})
	}
	slices.SortStableFunc(s.findings, finding.Compare)
	text := render(t, "text", s, report.Options{})
	for _, want := range []string{"… 304 more; --format json", "… 303 more; --format json", " and 12 more: reason 1\n", "… 30 more reasons"} {
		if !strings.Contains(text, want) {
			t.Errorf("text lacks %q", want)
		}
	}
	markdown := render(t, "markdown", s, report.Options{})
	if n := len([]rune(markdown)); n > 65_536 {
		t.Errorf("%d characters are too many for a comment", n)
	}
	for _, want := range []string{"… 800 more; `--format json`", "1000 packages are unauditable", "… 30 more reasons"} {
		if !strings.Contains(markdown, want) {
			t.Errorf("markdown lacks %q", want)
		}
	}
	if out := render(t, "html", s, report.Options{}); !strings.Contains(out, "… 800 more") || !strings.Contains(out, "… 30 more reasons") {
		t.Error("html does not count what it leaves out")
	}
}

type packageResult struct {
	PartialFingerprints map[string]string
	Properties          struct {
		Package, Version, PURL, Advisory, Fixed, Class string
		Aliases                                        []string
	}
	Locations []struct {
		PhysicalLocation struct{ Region struct{ StartLine int } }
	}
}

func packageResults(t *testing.T, s stream) []packageResult {
	t.Helper()
	var log struct {
		Runs []struct{ Results []packageResult }
	}
	if err := json.Unmarshal([]byte(render(t, "sarif", s, report.Options{})), &log); err != nil {
		t.Fatal(err)
	}
	return log.Runs[0].Results
}

// SARIF says which package and advisory a result is about, and knows it again when the
// line, the version or the words change, but not in another file.
func TestSARIFPackages(t *testing.T) {
	a := finding.Advisory{ID: "CVE-2025-32434", Aliases: []string{"PYSEC-2025-41"}, Fixed: "2.6.0", Class: "file-reachable"}
	result := func(version string, w finding.Where, id, message string) packageResult {
		a := a
		a.ID = id
		f := advised(ruleVulnerable, pypi("torch", version), w, finding.High, a, message)
		return packageResults(t, stream{config: depsConfig("."), findings: []finding.Finding{f}})[0]
	}
	one := result("2.1.0+cu118", lineOf("r.txt", 3), a.ID, "it runs code")
	p := one.Properties
	if p.Package != "torch" || p.Version != "2.1.0+cu118" || p.PURL != "pkg:pypi/torch@2.1.0%2Bcu118" || p.Advisory != a.ID ||
		p.Fixed != "2.6.0" || p.Class != "file-reachable" || !slices.Equal(p.Aliases, a.Aliases) || one.Locations[0].PhysicalLocation.Region.StartLine != 3 {
		t.Errorf("got %+v", one)
	}
	for name, tt := range map[string]struct {
		other packageResult
		same  bool
	}{
		"line":     {result("2.1.0+cu118", lineOf("r.txt", 9), a.ID, "it runs code"), true},
		"version":  {result("2.2.0", lineOf("r.txt", 3), a.ID, "it runs code"), true},
		"words":    {result("2.1.0+cu118", lineOf("r.txt", 3), a.ID, "code is run"), true},
		"file":     {result("2.1.0+cu118", lineOf("s.txt", 3), a.ID, "it runs code"), false},
		"advisory": {result("2.1.0+cu118", lineOf("r.txt", 3), "CVE-1", "it runs code"), false},
	} {
		if got := tt.other.PartialFingerprints["andironFinding/v1"] == one.PartialFingerprints["andironFinding/v1"]; got != tt.same {
			t.Errorf("another %s, the same fingerprint: %v, want %v", name, got, tt.same)
		}
	}
}

// Data that are as the schema says may have findings all the same, and are not shown as good.
func TestTensorHeadline(t *testing.T) {
	found := rulePin.Finding(lineOf("train.npz", 0), "20 of 20 samples with the same patch have the label 7")
	tests := []struct {
		tensors    finding.Tensors
		findings   []finding.Finding
		want, tone string
	}{
		{finding.Tensors{Schema: "83a4", Requests: 10, Rejected: 1}, []finding.Finding{found}, "1 of 10 requests violates the schema", "dangerous"},
		{finding.Tensors{Schema: "83a4", Requests: 10}, []finding.Finding{found}, "every request is as the schema says; 1 finding", "dangerous"},
		{finding.Tensors{Schema: "83a4", Requests: 10}, nil, "every request is as the schema says", "safe"},
		{finding.Tensors{Requests: 10}, []finding.Finding{found, found}, "every sample was looked at; 2 findings", "dangerous"},
		{finding.Tensors{Schema: "83a4"}, nil, "the schema is valid", "safe"},
	}
	for _, tt := range tests {
		s := stream{config: depsConfig("."), findings: tt.findings, summary: finding.Summary{Tensors: &tt.tensors}}
		want := fmt.Sprintf(`<span class="%s">%s</span></h1>`, tt.tone, tt.want)
		if out := render(t, "html", s, report.Options{}); !strings.Contains(out, want) {
			t.Errorf("no %s", want)
		}
	}
}

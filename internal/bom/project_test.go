package bom_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/bom"
)

func pypi(name, version string) finding.Package {
	return finding.Package{Name: name, Version: version, PURL: "pkg:pypi/" + name + "@" + version}
}

func project() bom.Project {
	return bom.Project{
		Name: "vision-service", Version: "1.0", Tool: "v1.2.3", Time: time.Unix(1700000000, 0), Database: "OSV PyPI of 2026-11-20",
		Components: []bom.Component{
			{
				ID: "torch", Package: pypi("torch", "2.1.0+cu118"), Status: finding.Vulnerable, Direct: true,
				Hashes: []string{"sha256:" + digest, "sha256:" + strings.Repeat("0", 64), "sha256:" + digest, "sha256:short", "crc:00"},
				Index:  "https://index.example/whl/cu118", Groups: []string{"main", "dev", "main"}, License: "BSD-3-Clause",
				Where: finding.Where{Path: "uv.lock"}.Line1(3, 0), Requires: []string{"sympy", "nvidia", "sympy"},
			},
			{ID: "sympy", Package: pypi("sympy", "1.12"), Status: finding.Clean, Requires: []string{}},
			{ID: "nvidia", Package: pypi("nvidia-cudnn-cu12", "8.9"), Status: finding.Unauditable, Reason: "NVIDIA wheels have no advisories of their own"},
			{ID: "numpy", Package: finding.Package{Name: "numpy", PURL: "pkg:pypi/numpy"}, Status: finding.MayResolve, Range: ">=1.21,<1.25", Direct: true},
		},
		Vulnerabilities: []bom.Vulnerability{
			{
				ID: "CVE-2025-32434", Aliases: []string{"PYSEC-2025-41", "GHSA-53q9-r3pm-6pq6"}, Source: "OSV", Summary: "torch.load can run code",
				Class: "file-reachable", Severity: finding.Critical, Score: 9.8, Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
				CWEs: []int{502, 20, 502}, Fixed: "2.6.0", Affects: []string{"torch"}, Published: time.Unix(1745000000, 0),
			},
			{
				ID: "CVE-2025-2149", Severity: finding.Low, Affects: []string{"torch"}, Justification: "vulnerable_code_not_in_execute_path",
				Waived: &finding.Waiver{Rule: "DEP001", Owner: "alice", Reason: "we quantize nothing", Expires: "2027-01-31"},
			},
			{
				ID: "CVE-2025-2148", Severity: finding.Medium, Affects: []string{"torch"},
				Waived: &finding.Waiver{Rule: "DEP001", Owner: "alice", Reason: "behind a firewall", Expires: "2027-01-31"},
			},
			{ID: "CVE-2021-41496", Severity: finding.Medium, Affects: []string{"numpy"}, Fixed: "1.22.0"},
		},
	}
}

func writeProject(t testing.TB, p bom.Project) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := bom.WriteProject(&b, p); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestProjectValid(t *testing.T) {
	s := schema(t)
	full := writeProject(t, project())
	valid(t, s, full)
	valid(t, s, writeProject(t, bom.Project{}))
	long := project()
	long.Version = strings.Repeat("1", 2000)
	long.Components[0].Version = long.Version
	valid(t, s, writeProject(t, long))
	// The schema would catch a mistake.
	for _, swap := range [][2]string{{`"exploitable"`, `"harmless"`}, {`"code_not_reachable"`, `"because"`}, {`"SHA-256"`, `"SHA-257"`}, {`"critical"`, `"worst"`}} {
		v, err := jsonschema.UnmarshalJSON(bytes.NewReader(bytes.Replace(full, []byte(swap[0]), []byte(swap[1]), 1)))
		if err != nil || s.Validate(v) == nil {
			t.Errorf("the schema takes %s", swap[1])
		}
	}
}

// document is what the tests read of one.
type document struct {
	SerialNumber string
	Metadata     struct {
		Timestamp  string
		Properties []struct{ Name, Value string }
	}
	Components []struct {
		BOMRef     string `json:"bom-ref"`
		Name, PURL string
		Licenses   []struct{ Expression string }
		Hashes     []struct{ Alg, Content string }
		Properties []struct{ Name, Value string }
	}
	Dependencies []struct {
		Ref       string
		DependsOn []string
	}
	Vulnerabilities []struct {
		ID, Recommendation, Published string
		References                    []struct{ ID string }
		Ratings                       []struct {
			Score            *float64
			Severity, Method string
		}
		CWEs     []int
		Analysis *struct {
			State, Justification, Detail string
			Response                     []string
		}
		Affects []struct{ Ref string }
	}
}

func parse(t testing.TB, b []byte) document {
	t.Helper()
	var d document
	if err := json.Unmarshal(b, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestProjectComponents(t *testing.T) {
	d := parse(t, writeProject(t, project()))
	var refs []string
	for _, c := range d.Components {
		refs = append(refs, c.BOMRef)
	}
	if diff := cmp.Diff([]string{"package:numpy", "package:nvidia", "package:sympy", "package:torch"}, refs); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	torch := d.Components[3]
	if len(torch.Hashes) != 2 || torch.Hashes[1].Content != digest || torch.Licenses[0].Expression != "BSD-3-Clause" || d.Components[2].Licenses != nil {
		t.Errorf("got %+v", torch)
	}
	var got []string
	for _, c := range d.Components {
		for _, p := range c.Properties {
			got = append(got, c.Name+" "+p.Name+" "+p.Value)
		}
	}
	want := []string{
		"numpy andiron:status may-resolve", "numpy andiron:requested >=1.21,<1.25",
		"nvidia-cudnn-cu12 andiron:status unauditable", "nvidia-cudnn-cu12 andiron:reason NVIDIA wheels have no advisories of their own",
		"sympy andiron:status clean",
		"torch andiron:status vulnerable", "torch andiron:index https://index.example/whl/cu118", "torch andiron:where uv.lock:3",
		"torch andiron:group dev", "torch andiron:group main", "torch andiron:hash crc:00", "torch andiron:hash sha256:short",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What is known to depend on nothing stands in the graph; what is not known does not.
func TestProjectGraph(t *testing.T) {
	var got []string
	for _, d := range parse(t, writeProject(t, project())).Dependencies {
		got = append(got, d.Ref+" -> "+strings.Join(d.DependsOn, " "))
	}
	want := []string{
		"project -> package:numpy package:torch",
		"package:sympy -> ",
		"package:torch -> package:nvidia package:sympy",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := parse(t, writeProject(t, bom.Project{Name: "x"})).Dependencies; len(got) != 1 || got[0].Ref != "project" {
		t.Errorf("a project without dependencies has %+v", got)
	}
}

func TestProjectVulnerabilities(t *testing.T) {
	list := parse(t, writeProject(t, project())).Vulnerabilities
	var got []string
	for _, v := range list {
		s := v.ID + " " + v.Ratings[0].Severity + " " + v.Affects[0].Ref
		if a := v.Analysis; a != nil {
			s += ": " + a.State + " " + a.Justification + strings.Join(a.Response, " ") + " " + a.Detail
		}
		got = append(got, s)
	}
	want := []string{
		"CVE-2021-41496 medium package:numpy: in_triage  no version is fixed, and the range allows a vulnerable one",
		"CVE-2025-2148 medium package:torch: exploitable will_not_fix waived by alice until 2027-01-31: behind a firewall",
		"CVE-2025-2149 low package:torch: not_affected code_not_reachable waived by alice until 2027-01-31: we quantize nothing",
		"CVE-2025-32434 critical package:torch",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	v := list[3]
	if v.Recommendation != "update to 2.6.0 or later" || v.Published != "2025-04-18T18:13:20Z" || !slices.Equal(v.CWEs, []int{20, 502}) ||
		len(v.References) != 2 || v.References[0].ID != "GHSA-53q9-r3pm-6pq6" || *v.Ratings[0].Score != 9.8 || v.Ratings[0].Method != "CVSSv31" {
		t.Errorf("got %+v", v)
	}
}

// The order of what is given does not matter, and the time is no part of the name.
func TestProjectDeterministic(t *testing.T) {
	one, p := writeProject(t, project()), project()
	slices.Reverse(p.Components)
	slices.Reverse(p.Vulnerabilities)
	slices.Reverse(p.Vulnerabilities[3].Aliases)
	for i := range p.Components {
		slices.Reverse(p.Components[i].Hashes)
		slices.Reverse(p.Components[i].Groups)
		slices.Reverse(p.Components[i].Requires)
	}
	if diff := cmp.Diff(string(one), string(writeProject(t, p))); diff != "" {
		t.Errorf("the order matters:\n%s", diff)
	}
	later, other := project(), project()
	later.Time = later.Time.Add(time.Hour)
	other.Components[1].Status = finding.Unauditable
	serial := parse(t, one).SerialNumber
	if got := parse(t, writeProject(t, later)); got.SerialNumber != serial || got.Metadata.Timestamp != "2023-11-14T23:13:20Z" {
		t.Errorf("got %s at %s, want %s", got.SerialNumber, got.Metadata.Timestamp, serial)
	}
	if got := parse(t, writeProject(t, other)).SerialNumber; got == serial {
		t.Error("another document has the same serial number")
	}
}

func TestProjectRefuses(t *testing.T) {
	for want, change := range map[string]func(*bom.Project){
		`component "torch" stands twice`:                                            func(p *bom.Project) { p.Components[1].ID = "torch" },
		`component "torch" depends on "gone", which is none`:                        func(p *bom.Project) { p.Components[0].Requires = []string{"gone"} },
		`vulnerability "CVE-2025-32434" affects nothing`:                            func(p *bom.Project) { p.Vulnerabilities[0].Affects = nil },
		`vulnerability "CVE-2025-32434" affects "gone", which is no component`:      func(p *bom.Project) { p.Vulnerabilities[0].Affects = []string{"gone"} },
		`vulnerability "CVE-2025-32434" stands twice for component "torch"`:         func(p *bom.Project) { p.Vulnerabilities[1].ID = "CVE-2025-32434" },
		`vulnerability "CVE-2025-32434" has a justification and no waiver`:          func(p *bom.Project) { p.Vulnerabilities[0].Justification = "component_not_present" },
		`vulnerability "CVE-2025-2149": justification "because" is none of OpenVEX`: func(p *bom.Project) { p.Vulnerabilities[1].Justification = "because" },
	} {
		p := project()
		change(&p)
		if err := bom.WriteProject(&bytes.Buffer{}, p); err == nil || err.Error() != "bom: "+want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// FuzzProject: whatever dependency files and advisories say, the document is valid.
func FuzzProject(f *testing.F) {
	f.Add("torch", "sha256:"+digest)
	f.Add("\xff\x00<b>", "md5:")
	f.Add("", "")
	s := schema(f)
	f.Fuzz(func(t *testing.T, text, hash string) {
		p := project()
		p.Name, p.Version, p.Database = text, text, text
		c := &p.Components[0]
		c.Package = finding.Package{Name: text, Version: text, PURL: text}
		c.Hashes, c.License, c.Index, c.Groups, c.Where = []string{hash, text}, text, text, []string{text, text}, finding.Where{Path: text}
		p.Components[1].ID, c.Requires = "x"+text, []string{"x" + text}
		p.Components = slices.DeleteFunc(p.Components, func(c bom.Component) bool { return c.ID == text })
		if len(p.Components) < 4 {
			return // the text is the id of another
		}
		v := &p.Vulnerabilities[0]
		v.ID, v.Aliases, v.Source, v.Summary, v.Class, v.Vector, v.Fixed = "CVE-1"+text, []string{text, text}, text, text, text, text, text
		valid(t, s, writeProject(t, p))
	})
}

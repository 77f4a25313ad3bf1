package policy

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

var rules = rule.Catalogue{
	{ID: "PKL001", Verdict: finding.Dangerous, Severity: finding.Critical},
	{ID: "PKL002", Verdict: finding.Unknown, Severity: finding.Medium},
	{ID: "PKL003", Verdict: finding.Framework, Severity: finding.Info},
	{ID: "PKL004", Verdict: finding.Safe, Severity: finding.Info},
	{ID: "PKL005", Verdict: finding.Unreadable, Severity: finding.Medium},
}

// found makes findings; a "?" after the id makes one undetermined.
func found(ids ...string) (fs []finding.Finding) {
	for _, id := range ids {
		f := finding.Finding{Outcome: finding.Present}
		if f.Rule = id; strings.HasSuffix(id, "?") {
			f.Rule, f.Outcome = strings.TrimSuffix(id, "?"), finding.Undetermined
		}
		if r := rules.Find(f.Rule); r != nil {
			f.Severity = r.Severity
		}
		fs = append(fs, f)
	}
	return fs
}

func TestVerdict(t *testing.T) {
	tests := []struct {
		found []string
		want  finding.Verdict
	}{
		{nil, finding.Safe},
		{[]string{"PKL004"}, finding.Safe},
		{[]string{"PKL004", "PKL003"}, finding.Framework},
		{[]string{"PKL002", "PKL003"}, finding.Unknown},
		{[]string{"PKL003?"}, finding.Unreadable},
		{[]string{"PKL001", "PKL003?"}, finding.Dangerous},
		{[]string{"XYZ001"}, finding.Unreadable},
	}
	for _, tt := range tests {
		if got := Verdict(found(tt.found...), rules); got != tt.want {
			t.Errorf("%q: %v, want %v", tt.found, got, tt.want)
		}
	}
}

func TestExitCode(t *testing.T) {
	tests := []struct {
		name   string
		verb   string
		failOn string
		found  []string // in one artifact
		loose  []string
		broken bool // the summary says incomplete
		want   int
	}{
		{"nothing", "scan", "", nil, nil, false, ExitClean},
		{"safe", "scan", "", []string{"PKL004"}, nil, false, ExitClean},
		{"framework", "scan", "", []string{"PKL003"}, nil, false, ExitClean},
		{"dangerous", "scan", "", []string{"PKL001"}, nil, false, ExitFindings},
		{"unknown fails a scan below the level", "scan", "critical", []string{"PKL002"}, nil, false, ExitFindings},
		{"unknown passes an audit below the level", "audit", "high", []string{"PKL002"}, nil, false, ExitClean},
		{"at the level", "audit", "medium", []string{"PKL002"}, nil, false, ExitFindings},
		{"none", "scan", "none", []string{"PKL001", "PKL002"}, nil, false, ExitClean},
		{"none but undetermined", "scan", "none", []string{"PKL001", "PKL002?"}, nil, false, ExitIncomplete},
		{"undetermined never reaches the level", "scan", "low", []string{"PKL001?"}, nil, false, ExitIncomplete},
		{"unreadable", "scan", "", []string{"PKL005"}, nil, false, ExitIncomplete},
		{"unreadable at the level", "scan", "medium", []string{"PKL005"}, nil, false, ExitFindings},
		{"unreadable and dangerous", "scan", "", []string{"PKL005", "PKL001"}, nil, false, ExitFindings},
		{"unknown rule", "scan", "", []string{"XYZ001"}, nil, false, ExitIncomplete},
		{"loose", "scan", "", nil, []string{"PKL002"}, false, ExitFindings},
		{"loose in an audit", "audit", "", nil, []string{"PKL002"}, false, ExitClean},
		{"loose undetermined", "audit", "", nil, []string{"PKL004?"}, false, ExitIncomplete},
		{"incomplete", "scan", "", nil, nil, true, ExitIncomplete},
		{"incomplete and dangerous", "scan", "", []string{"PKL001"}, nil, true, ExitFindings},
	}
	for _, tt := range tests {
		var p Policy
		if tt.failOn != "" {
			var err error
			if p.FailOn, err = ParseLevel(tt.failOn); err != nil {
				t.Fatal(err)
			}
		}
		j := NewJudge(p, tt.verb, rules)
		if got := j.ExitCode(); got != ExitIncomplete {
			t.Errorf("%s: %d without a summary", tt.name, got)
		}
		feed(t, j, tt.found, tt.loose, tt.broken)
		if got := j.ExitCode(); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}

// A strategy that the policy asks for fails a run by itself.
func TestRequired(t *testing.T) {
	for _, tt := range []struct {
		required, status finding.Status
		failOn           string
		want             int
	}{
		{"", finding.Missing, "high", ExitClean},
		{"", finding.Undecided, "high", ExitClean},
		{finding.Implemented, finding.Implemented, "high", ExitClean},
		{finding.Implemented, finding.Partial, "high", ExitFindings},
		{finding.Implemented, finding.Missing, "critical", ExitFindings},
		{finding.Implemented, finding.Missing, "none", ExitClean},
		{finding.Implemented, finding.Undecided, "high", ExitIncomplete},
		{finding.Implemented, finding.NotApplicable, "high", ExitClean},
		{finding.Partial, finding.Partial, "high", ExitClean},
		{finding.Partial, finding.Missing, "high", ExitFindings},
		{finding.Partial, finding.Undecided, "high", ExitIncomplete},
	} {
		level, err := ParseLevel(tt.failOn)
		if err != nil {
			t.Fatal(err)
		}
		j := NewJudge(Policy{FailOn: level}, "audit", rules)
		if err := errors.Join(j.Posture(finding.Posture{Required: tt.required, Status: tt.status}), j.Summary(finding.Summary{})); err != nil {
			t.Fatal(err)
		}
		if got := j.ExitCode(); got != tt.want {
			t.Errorf("asked for %q, is %q, fails on %s: %d, want %d", tt.required, tt.status, tt.failOn, got, tt.want)
		}
	}
}

// What an earlier report has as well fails no run, and what could not be looked at is
// never known.
func TestKnown(t *testing.T) {
	fs := found("PKL001", "PKL001?")
	for i, want := range []int{ExitClean, ExitIncomplete} {
		j := NewJudge(Policy{}, "audit", rules)
		fs[i].Known = true
		if err := errors.Join(j.Finding(fs[i]), j.Summary(finding.Summary{})); err != nil {
			t.Fatal(err)
		}
		if got := j.ExitCode(); got != want {
			t.Errorf("%s: %d, want %d", fs[i].Outcome, got, want)
		}
	}
}

func feed(t *testing.T, j *Judge, ids, loose []string, broken bool) {
	t.Helper()
	errs := []error{j.Config(finding.Config{})}
	if ids != nil {
		fs := found(ids...)
		errs = append(errs, j.Artifact(finding.Artifact{Verdict: Verdict(fs, rules), Findings: fs}))
	}
	for _, f := range found(loose...) {
		errs = append(errs, j.Finding(f))
	}
	errs = append(errs, j.Summary(finding.Summary{Incomplete: broken}))
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

func TestParseLevel(t *testing.T) {
	for _, s := range Levels() {
		if l, err := ParseLevel(s); err != nil || l.String() != s {
			t.Errorf("%s: %v, %v", s, l, err)
		}
	}
	for _, s := range []string{"", "info", "HIGH", "worst"} {
		if l, err := ParseLevel(s); err == nil {
			t.Errorf("%q: %v", s, l)
		}
	}
	if got := (Level{}).String(); got != "high" {
		t.Errorf("zero level is %s", got)
	}
}

func TestParse(t *testing.T) {
	level := func(s string) Level { l, _ := ParseLevel(s); return l }
	tests := []struct {
		in   string
		want Policy
		err  string
	}{
		{"version: 1\n", Policy{}, ""},
		{"version: 1\nfail_on: none\n", Policy{FailOn: level("none")}, ""},
		{
			"version: 1\nlimits:\n  max_depth: 3\n  max_inflated: 64MiB\n  max_values: 2000\n",
			Policy{Limits: Limits{MaxDepth: 3, MaxInflated: 64 << 20, MaxValues: 2000}},
			"",
		},
		{
			"version: 1\nstrategies: {custom-ops: partial}\n",
			Policy{Required: map[finding.Strategy]finding.Status{finding.CustomOps: finding.Partial}},
			"",
		},
		{"version: 1\nstrategies:\n  custom-ops: missing\n", Policy{}, `line 3: custom-ops: "missing" is neither implemented nor partial`},
		{"version: 1\nstrategies:\n  ops: partial\n", Policy{}, `line 3: key "strategies.ops" is not known`},
		{"", Policy{}, "the file is empty"},
		{"fail_on: high\n", Policy{}, `key "version" is missing`},
		{"version: 2\n", Policy{}, `line 1: version "2" is not 1`},
		{"version: 1\nfailon: high\n", Policy{}, `line 2: key "failon" is not known`},
		{"version: 1\nlimits:\n  depth: 3\n", Policy{}, `line 3: key "limits.depth" is not known`},
		{"version: 1\nversion: 1\n", Policy{}, `line 2: key "version" stands twice`},
		{"version: 1\nfail_on: info\n", Policy{}, `line 2: fail level "info"`},
		{"version: 1\nfail_on: [high]\n", Policy{}, `line 2: fail level ""`},
		{"version: 1\nlimits: 3\n", Policy{}, "line 2: not a mapping"},
		{"version: 1\nlimits:\n  max_depth: -1\n", Policy{}, `line 3: max_depth "-1"`},
		{"version: 1\nlimits:\n  max_inflated: 3 MB\n", Policy{}, `line 3: size "3 MB"`},
		{"version: 1\nsandbox: {need: all}\n", Policy{}, `line 2: need: there is no layer "all"; there are container, `},
		{"version: 1\nsandbox: {need: []}\n", Policy{}, "line 2: the list is empty"},
		{"version: 1\nsandbox:\n  need: [landlock, seccompp]\n", Policy{}, `line 3: need: there is no layer "seccompp"`},
		{"version: 1\nsandbox:\n  allow_globals:\n    - a.b\n    - \"*\"\n", Policy{}, `line 5: "*" is neither module.name nor module.*`},
		{"version: 1\nsandbox: {imports: [a/b]}\n", Policy{}, `line 2: "a/b" is not the name of a module`},
		{"version: 1\nsandbox: {limits: {files: 0}}\n", Policy{}, `line 2: files "0" is not a number above 0`},
		{"version: 1\nsandbox: {limits: {time: 30}}\n", Policy{}, `line 2: time "30" is not above 0`},
		{"version: 1\nsandbox: {limits: {max_time: 30s}}\n", Policy{}, `line 2: key "sandbox.limits.max_time" is not known`},
		{"version: 1\n---\nversion: 1\n", Policy{}, "more than one document"},
		{"- a\n", Policy{}, "line 1: not a mapping"},
		{"version: [\n", Policy{}, "line 1: did not find"},
		{strings.Repeat("#", maxFile+1), Policy{}, "bytes of policy: more than the limit"},
	}
	for _, tt := range tests {
		got, err := Parse([]byte(tt.in))
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.err)) {
			t.Errorf("Parse(%.40q): error %v, want %s", tt.in, err, tt.err)
		}
		if diff := cmp.Diff(tt.want, got, cmpopts.EquateComparable(Level{})); diff != "" {
			t.Errorf("Parse(%.40q) (-want +got):\n%s", tt.in, diff)
		}
	}
}

// What is wrong with a setting of trust is said with its line.
func TestParseTrustRefuses(t *testing.T) {
	sum := strings.Repeat("a", 64)
	waived := "waivers: [{rule: PKL020, path: a, owner: b, reason: c, expires: 2027-01-01"
	tests := []struct{ in, err string }{
		{"sources: x", "line 2: not a list"},
		{"sources: [x]", "line 2: not a mapping"},
		{"sources: [{}]", "line 2: a source has exactly one of path, url and signer"},
		{"sources: [{path: a, url: 'https://h.example/'}]", "line 2: a source has exactly one"},
		{"sources: [{path: ../a}]", `line 2: path "../a"`},
		{"sources: [{path: /a}]", `line 2: path "/a"`},
		{"sources: [{url: 'http://h.example/'}]", `line 2: address "http://h.example/" does not begin with https://`},
		{"sources:\n- path: a\n  trust: yes", `line 4: trust "yes" is not one of locked, scan, deny`},
		{"sources: [{path: a, formats: []}]", "line 2: the list is empty"},
		{"sources: [{path: a, formats: pickle}]", "line 2: not a list"},
		{"sources: [{path: a, max_size: 0}]", `line 2: size "0"`},
		{"sources: [{path: a, min_age: 24}]", `line 2: age "24"`},
		{"sources: [{path: a, review_by: soon}]", `line 2: review_by "soon" is not a date`},
		{"sources: [{path: a, signers: [x]}]", `line 2: signer "x" is not among signers`},
		{"sources: [{signer: x}]", `line 2: signer "x" is not among signers`},
		{"sources: [{path: a, trusts: scan}]", `line 2: key "sources.trusts" is not known`},
		{"sources: [{path: &p a, name: *p}]", `line 2: key "sources.name": aliases`},
		{"sources: [{signer: a, trust: deny}]\nsigners: {a: {key: k}}", "line 2: a source by signer cannot deny"},
		{"user_uploads: allow", `line 2: user_uploads "allow" is not one of deny, scan`},
		{"require_signature: yes", `line 2: "yes" is neither true nor false`},
		{"require_signature: true", "require_signature is true, and there are no signers"},
		{"signers: [a]", "line 2: not a mapping of names"},
		{"signers: {a: {}}", `line 2: signer "a" has exactly one of`},
		{"signers: {a: {key: k, certificate_authority: c}}", `line 2: signer "a" has exactly one of`},
		{"signers: {a: {key: k, identity: x}}", `line 2: signer "a": a key has no identity`},
		{"signers: {a: {key: ../k}}", `line 2: path "../k"`},
		{"signers: {a: {sigstore: {identity: x}}}", `line 2: signer "a": sigstore needs identity and issuer`},
		{"signers: {a: {key: k}, a: {key: l}}", `line 2: signer "a" stands twice`},
		{waived + "}]", ""},
		{strings.Replace(waived, "PKL020", "pkl20", 1) + "}]", `line 2: rule "pkl20" is not of the form`},
		{strings.Replace(waived, "PKL020", "TRU012", 1) + "}]", `line 2: rule "TRU012" is about waivers`},
		{strings.Replace(waived, "PKL020", "TRU013", 1) + "}]", `line 2: rule "TRU013" is about waivers`},
		{waived + ", sha256: " + sum + "}]", "line 2: a waiver has exactly one of path, sha256 and advisory"},
		{strings.Replace(waived, "path: a", "sha256: b", 1) + "}]", `line 2: sha256 "b"`},
		{strings.Replace(waived, "owner: b, ", "", 1) + "}]", "line 2: a waiver needs rule, owner, reason and expires"},
		{strings.Replace(waived, "reason: c", "reason: ''", 1) + "}]", "line 2: not a text, or an empty one"},
		{strings.Replace(waived, ", expires: 2027-01-01", "", 1) + "}]", "line 2: a waiver needs rule, owner, reason and expires"},
		{strings.Replace(waived, "2027-01-01", "never", 1) + "}]", `line 2: expires "never" is not a date`},
	}
	for _, tt := range tests {
		_, err := Parse([]byte("version: 1\n" + tt.in + "\n"))
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.HasPrefix(err.Error(), tt.err)) {
			t.Errorf("%s: error %v, want %s", tt.in, err, tt.err)
		}
	}
}

// What somebody answers for counts neither for the verdict nor for the exit code.
func TestWaived(t *testing.T) {
	fs := found("PKL001", "PKL003")
	fs[0].Waived = &finding.Waiver{Rule: "PKL001"}
	if got := Verdict(fs, rules); got != finding.Framework {
		t.Errorf("the verdict is %s", got)
	}
	for _, verb := range []string{"scan", "trust check"} {
		j := NewJudge(Policy{}, verb, rules)
		for _, err := range []error{
			j.Artifact(finding.Artifact{Verdict: Verdict(fs, rules), Findings: fs}),
			j.Finding(fs[0]), j.Summary(finding.Summary{}),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if got := j.ExitCode(); got != ExitClean {
			t.Errorf("%s: exit code %d", verb, got)
		}
	}
}

func TestParseSize(t *testing.T) {
	tests := map[string]int64{
		"1": 1, "4096": 4096, "1K": 1 << 10, "1KiB": 1 << 10, "64MiB": 64 << 20, "64 MiB": 64 << 20, "2G": 2 << 30, "3TiB": 3 << 40,
		"": 0, "0": 0, "-1": 0, "1KB": 0, "1.5G": 0, "iB": 0, "64iB": 0, "9223372036854775807K": 0, "x": 0,
	}
	for in, want := range tests {
		got, err := ParseSize(in)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("ParseSize(%q) = %d, %v, want %d", in, got, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"version: 1\n", "version: 1\nfail_on: none\nlimits:\n  max_depth: 3\n  max_inflated: 1G\n",
		"a: &a [*a]\n", "? {}\n: {}\n", "version: !!binary 1\n", "- \n", "{version: 1, limits: {max_values: 1K}}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Parse(b)
		q, err2 := Parse(b)
		if !reflect.DeepEqual(p, q) || (err == nil) != (err2 == nil) {
			t.Errorf("two readings: %v, %v and %v, %v", p, err, q, err2)
		}
		if err != nil && !reflect.DeepEqual(p, Policy{}) {
			t.Errorf("a policy with an error: %v", p)
		}
	})
}

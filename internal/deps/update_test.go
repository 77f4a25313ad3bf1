package deps

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/advisory"
	"github.com/andiron-dev/andiron/internal/family"
	"github.com/andiron-dev/andiron/internal/pep440"
)

var facts = TorchFacts{
	Releases: append(family.Versions(), family.Version{Number: "2.16.0rc1"}, family.Version{Number: "nonsense"}, family.Version{Number: "2.5.1"}),
	AsOf:     "2026-11-26", Source: "built in", Today: "2026-12-01",
}

func status(t *testing.T, f TorchFacts, uses ...TorchUse) *TorchStatus {
	t.Helper()
	s, err := Torch(uses, f, advisory.Builtin())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTorch(t *testing.T) {
	s := status(t, facts, TorchUse{Version: "2.5.0+cu118"}, TorchUse{Version: "2.15.0"}, TorchUse{Version: "2.16.0.dev20261101"})
	if s.Latest.Version != "2.15.0" || s.Old {
		t.Errorf("latest %v, old %v", s.Latest, s.Old)
	}
	u := s.Uses[0]
	if u.Train != "2.5" || u.Date != "2024-10-17" || u.Accelerator != "cu118" || u.Supported || u.EndedBy != "2.6.0" || u.EndedOn != "2025-01-29" || u.Patch != "2.5.1" || len(u.Behind) != 10 {
		t.Errorf("%+v", u)
	}
	for _, c := range u.Candidates {
		if got, want := slices.Contains(c.Closes, "CVE-2025-32434"), c.Train != "2.5"; got != want {
			t.Errorf("%s closes CVE-2025-32434: %v", c.Version, got)
		}
		if len(c.Closes)+len(c.Remains) != len(u.Advisories) {
			t.Errorf("%s: %d and %d are not %d", c.Version, len(c.Closes), len(c.Remains), len(u.Advisories))
		}
		if got, want := c.NoBuild, !slices.Contains([]string{"2.5", "2.6", "2.7", "2.15"}, c.Train); got != want {
			t.Errorf("%s has no build for cu118: %v", c.Version, got)
		}
		if got, want := c.Smallest, c.Version == "2.13.0"; got != want {
			t.Errorf("%s is the smallest: %v", c.Version, got)
		}
	}
	if len(u.Candidates) != 11 || u.Candidates[0].Version != "2.5.1" {
		t.Errorf("candidates %v", u.Candidates)
	}
	if u := s.Uses[1]; !u.Supported || u.Patch != "" || len(u.Behind) != 0 || len(u.Candidates) != 0 || u.Date != "" {
		t.Errorf("%+v", u)
	}
	if u := s.Uses[2]; !u.Supported || !u.Pre || u.Unknown != "" {
		t.Errorf("%+v", u)
	}
	if _, err := Torch(nil, TorchFacts{}, advisory.Builtin()); err == nil {
		t.Error("no releases, and no error")
	}
}

// broken is a database that cannot be read.
type broken struct{}

var errBroken = errors.New("broken")

func (broken) Match(string, pep440.Version) ([]advisory.Hit, error)       { return nil, errBroken }
func (broken) MayMatch(string, pep440.Specifiers) ([]advisory.Hit, error) { return nil, errBroken }

// A database that cannot be read is an error, never a clean version.
func TestTorchBroken(t *testing.T) {
	for _, u := range []TorchUse{{Version: "2.5.0"}, {Specifier: ">=2"}} {
		if _, err := Torch([]TorchUse{u}, facts, broken{}); !errors.Is(err, errBroken) {
			t.Errorf("%v: %v", u, err)
		}
	}
}

// Each rule fires on one thing, and not on the nearest other.
func TestJudgeTorch(t *testing.T) {
	old := facts
	old.Today = "2027-06-01"
	near := facts
	near.Today = "2027-01-25"
	for _, tt := range []struct {
		rule         string
		facts        TorchFacts
		fires, quiet TorchUse
	}{
		{"UPD001", facts, TorchUse{Version: "2.9.1"}, TorchUse{Version: "2.13.0"}},
		{"UPD002", facts, TorchUse{Version: "2.14.1"}, TorchUse{Version: "2.15.0+cu130"}},
		{"UPD003", facts, TorchUse{Version: "2.14.0"}, TorchUse{Version: "2.14.1"}},
		{"UPD004", facts, TorchUse{Specifier: ">=2.14"}, TorchUse{Version: "2.14.1"}},
		{"UPD004", facts, TorchUse{Version: "newest"}, TorchUse{Version: "v2.14.1"}},
		{"UPD004", facts, TorchUse{Specifier: "about 2"}, TorchUse{Version: "2.14"}},
		{"UPD005", facts, TorchUse{Version: "2.15.0rc1"}, TorchUse{Version: "2.15.0.post1"}},
		{"UPD006", facts, TorchUse{Version: "2.5.1"}, TorchUse{Version: "3.0.0"}},
		{"UPD007", facts, TorchUse{Version: "2.6.0+dfsg", Distribution: true}, TorchUse{Version: "2.6.0"}},
		{"UPD008", facts, TorchUse{Version: "2.15.1"}, TorchUse{Version: "2.15.0+cpu"}},
		{"UPD008", old, TorchUse{Version: "2.15.0"}, TorchUse{Specifier: ">2"}},
		{"UPD009", facts, TorchUse{Version: "2.6.0"}, TorchUse{Version: "2.15.0"}},
		{"UPD090", near, TorchUse{Version: "2.15.0"}, TorchUse{Version: "2.14.1"}},
		{"UPD090", near, TorchUse{Version: "2.15.0"}, TorchUse{Version: "2.15.1"}},
	} {
		if got := judged(t, tt.facts, tt.fires); !slices.Contains(got, tt.rule) {
			t.Errorf("%s does not fire on %+v: %v", tt.rule, tt.fires, got)
		}
		if tt.rule == "UPD009" {
			continue // every version has CVE-2026-4538 at present
		}
		if got := judged(t, tt.facts, tt.quiet); slices.Contains(got, tt.rule) {
			t.Errorf("%s fires on %+v: %v", tt.rule, tt.quiet, got)
		}
	}
	if slices.Contains(judged(t, old, TorchUse{Version: "2.15.0"}), "UPD090") {
		t.Error("an old list says what is the latest")
	}
}

func judged(t *testing.T, f TorchFacts, u TorchUse) (rules []string) {
	t.Helper()
	JudgeTorch(status(t, f, u), func(x finding.Finding) {
		if strings.Contains(x.Message, "%!") || x.Strategy != finding.FrameworkUpdates || x.Fix == "" {
			t.Errorf("%+v", x)
		}
		rules = append(rules, x.Rule)
	})
	return rules
}

func TestMessages(t *testing.T) {
	var got []string
	JudgeTorch(status(t, facts, TorchUse{Version: "2.5.1+cu118", Where: finding.Where{Path: "uv.lock", Line: 3}}), func(f finding.Finding) {
		if f.Rule < "UPD004" {
			got = append(got, fmt.Sprintf("%v: %s %v %s", f.Where, f.Severity, f.Rule, f.Message))
		}
	})
	want := []string{
		"uv.lock:3: critical UPD001 torch 2.5.1+cu118 has 19 known vulnerabilities that 2.13.0 closes, which has no wheels for cu118",
		"uv.lock:3: medium UPD002 torch 2.5.1+cu118 gets no repairs since 2.6.0 came out on 2025-01-29; the latest is 2.15.0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestRulesAreWhole(t *testing.T) {
	for _, r := range UpdateRules {
		if r.ID == "" || r.Title == "" || r.Text == "" || r.Fix == "" || r.Since == "" {
			t.Errorf("%+v", r)
		}
	}
}

func FuzzTorch(f *testing.F) {
	f.Add("2.5.1+cu118", ">=2,<3")
	f.Add("", "~=2.1")
	f.Add("1!2.0", "x")
	f.Fuzz(func(t *testing.T, version, spec string) {
		n := 0
		JudgeTorch(status(t, facts, TorchUse{Version: version, Specifier: spec}), func(finding.Finding) { n++ })
		if n == 0 {
			t.Errorf("nothing is said of %q, %q", version, spec)
		}
	})
}

func TestUpdates(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"requirements.txt": "--index-url https://index.example/whl/cu121\ntorch\n-c pins.txt\n",
		"pins.txt":         "torch==2.5.1\n",
		"environment.yml":  "dependencies:\n  - pytorch=2.14.1=py3.12_cpu_0\n  - pip:\n      - pytorch==0.1\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := Collect(t.Context(), dir, []string{dir})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range p.TorchUses() {
		got = append(got, u.Version+" "+u.Index+" "+filepath.Base(u.Where.Path))
	}
	want := []string{"2.14.1  environment.yml", "2.5.1 https://index.example/whl/cu121 requirements.txt"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := p.TorchIndex(); got != "https://index.example/whl/cu121" {
		t.Errorf("index %q", got)
	}
	opt := Options{Advisories: advisory.Builtin(), Now: time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)}
	if list, err := Updates(p, opt); err != nil || !slices.ContainsFunc(list, func(f finding.Finding) bool { return f.Rule == "UPD001" }) {
		t.Errorf("%v, %v", list, err)
	}
}

// "=2.1.0" of conda is every build of 2.1.0, and has its vulnerabilities.
func TestCondaRange(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "environment.yml"), []byte("channels: [x]\ndependencies: [pytorch=2.1.0]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Collect(t.Context(), dir, []string{dir})
	if err != nil {
		t.Fatal(err)
	}
	u := status(t, facts, p.TorchUses()...).Uses[0]
	if u.Specifier != "==2.1.0.*" || len(u.Advisories) < 20 || !u.Advisories[0].Possible {
		t.Errorf("%+v", u)
	}
}

// A virtual environment that has the packages of the system as well is not the whole.
func TestSystemPackages(t *testing.T) {
	for config, want := range map[string]int{"include-system-site-packages = true\n": 1, "home = /usr\nInclude-System-Site-Packages=TRUE": 2, "include-system-site-packages = false\n": 0} {
		dir := t.TempDir()
		site := filepath.Join(dir, "lib", "python3.12", "site-packages", "torch-2.1.0.dist-info")
		if err := os.MkdirAll(site, 0o700); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{filepath.Join(dir, "pyvenv.cfg"): config, filepath.Join(site, "METADATA"): "Metadata-Version: 2.1\nName: torch\nVersion: 2.1.0\n"} {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		p, err := Collect(t.Context(), dir, []string{dir})
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(p.Unread, func(u Unread) bool { return strings.Contains(u.Text, "packages of the system") })
		if len(p.TorchUses()) != 1 || (i >= 0) != (want > 0) || i >= 0 && p.Unread[i].Line != want {
			t.Errorf("%q: %+v", config, p.Unread)
		}
	}
}

package policy

import (
	"errors"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.yaml.in/yaml/v3"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/allowance"
	"github.com/andiron-dev/andiron/internal/day"
	"github.com/andiron-dev/andiron/internal/source"
	"github.com/andiron-dev/andiron/internal/supply"
	"github.com/andiron-dev/andiron/internal/waiver"
)

// section cuts an example and the table behind it out of the specification.
func section(t *testing.T, page string) (example, table, rest string) {
	t.Helper()
	_, rest, found := strings.Cut(page, "```yaml\n")
	example, rest, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("no example")
	}
	table, rest, _ = strings.Cut(rest, "\n#")
	return example, table, rest
}

// rows are the keys of a table.
func rows(table string) (keys []string) {
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z0-9_.*-]+)` \\|").FindAllStringSubmatch(table, -1) {
		keys = append(keys, row[1])
	}
	return keys
}

// The specification's examples parse to what their tables say, and the tables have
// every key of the examples.
func TestSpecification(t *testing.T) {
	b, err := os.ReadFile("../../docs/spec/policy-v1.md")
	if err != nil {
		t.Fatal(err)
	}
	example, table, rest := section(t, string(b))
	got, err := Parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	want := Policy{
		FailOn: Level{set: true, at: finding.Medium},
		Limits: Limits{MaxDepth: 4, MaxInflated: 512 << 20, MaxValues: 8 << 20},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateComparable(Level{})); diff != "" {
		t.Errorf("the example (-want +got):\n%s", diff)
	}
	for _, level := range Levels() {
		if !strings.Contains(table, "`"+level+"`") {
			t.Errorf("level %s is not in the table", level)
		}
	}
	sameKeys(t, example, table)

	example, table, rest = section(t, rest)
	got, err = Parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(trustOfSpecification(t), got, cmpopts.EquateComparable(Level{}), cmpopts.IgnoreFields(source.Rule{}, "Line"), cmpopts.IgnoreFields(waiver.Waiver{}, "Line")); diff != "" {
		t.Errorf("the example of trust (-want +got):\n%s", diff)
	}
	sameKeys(t, strings.TrimPrefix(example, "version: 1\n"), table)

	example, table, rest = section(t, rest)
	got, err = Parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(supplyOfSpecification(t), got.Supply, cmpopts.IgnoreFields(supply.Vouch{}, "Line")); diff != "" {
		t.Errorf("the example of dependencies (-want +got):\n%s", diff)
	}
	sameKeys(t, strings.TrimPrefix(example, "version: 1\n"), table)

	example, _, rest = section(t, rest)
	got, err = Parse([]byte(example))
	if err != nil || len(got.Waivers) != 1 || got.Waivers[0].Advisory != "CVE-2024-5480" || got.Waivers[0].Package != "torch" {
		t.Errorf("the example of a waiver by advisory: %+v, %v", got.Waivers, err)
	}

	example, table, rest = section(t, rest)
	got, err = Parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sandboxOfSpecification, got.Sandbox); diff != "" {
		t.Errorf("the example of the sandbox (-want +got):\n%s", diff)
	}
	sameKeys(t, strings.TrimPrefix(example, "version: 1\n"), table)
	for _, l := range allowance.Layers() {
		if !strings.Contains(table, "`"+string(l)+"`") {
			t.Errorf("layer %s is not in the table", l)
		}
	}

	example, table, rest = section(t, rest)
	got, err = Parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Exec{
		Models: []string{"models/released"}, Code: []string{"/opt/runtime"}, Read: []string{"templates", "/srv/certificates"},
		Write: []string{"/var/lib/service", "/tmp"}, Unchecked: []string{"/srv/samples"}, Connect: []uint16{443, 5432}, Bind: []uint16{8000},
	}, got.Exec); diff != "" {
		t.Errorf("the example of exec (-want +got):\n%s", diff)
	}
	sameKeys(t, strings.TrimPrefix(example, "version: 1\n"), table)

	example, table, rest = section(t, rest)
	got, err = Parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(codeOfSpecification, got.CodeRules, cmpopts.IgnoreFields(CodeRule{}, "Line")); diff != "" {
		t.Errorf("the example of code (-want +got):\n%s", diff)
	}
	sameKeys(t, strings.TrimPrefix(example, "version: 1\n"), table)

	example, table, _ = section(t, rest)
	if got, err = Parse([]byte(example)); err != nil {
		t.Fatal(err)
	}
	for _, s := range finding.Strategies() {
		if least := got.Required[s]; least != finding.Implemented && least != finding.Partial {
			t.Errorf("the example of strategies asks for %q of %s", least, s)
		}
	}
	sameKeys(t, strings.TrimPrefix(example, "version: 1\n"), table)
}

var codeOfSpecification = []CodeRule{
	{Rule: "PY025", Severity: finding.Medium},
	{Path: "research/", Severity: finding.Low},
	{Rule: "PY051", Path: "research/", Off: true},
}

var sandboxOfSpecification = allowance.Policy{
	Need:   []allowance.Layer{allowance.Seccomp, allowance.Landlock, allowance.Namespaces},
	Python: ".venv/bin/python", Runsc: "/usr/local/bin/runsc", Path: []string{"src"},
	Imports: []string{"models"}, Globals: []string{"models.net.Net", "models.layers.*"},
	Limits: allowance.Limits{Time: 30 * time.Second, CPU: time.Minute, Memory: 4 << 30, Result: 2 << 30, Files: 64, Processes: 16, Events: 40},
}

func supplyOfSpecification(t *testing.T) supply.Policy {
	t.Helper()
	reviewed, err := day.Parse("2026-10-01")
	expires, err2 := day.Parse("2027-01-01")
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	return supply.Policy{
		MaxAge: 72 * time.Hour, Cooldown: 14 * 24 * time.Hour, Reviewed: reviewed,
		Indexes: []string{"https://index.example/simple", "https://wheels.example/whl/cu121"},
		Vouches: []supply.Vouch{{Package: "nvidia-*", Owner: "platform@example.com", Reason: "the vendor's bulletins are read every month", Expires: expires}},
	}
}

// sameKeys holds the keys of a table against those of an example. The names of
// signers are not keys.
func sameKeys(t *testing.T, example, table string) {
	t.Helper()
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(example), &node); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	keysOf(node.Content[0], "", found)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(found)), slices.Sorted(slices.Values(rows(table)))); diff != "" {
		t.Errorf("keys (-example +table):\n%s", diff)
	}
}

func keysOf(n *yaml.Node, prefix string, found map[string]bool) {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		name := prefix + n.Content[i].Value
		switch {
		case prefix == "signers.":
			name = "signers.*"
		case name != "limits" && name != "dependencies" && name != "sandbox" && name != "code" && name != "exec" && name != "strategies" && name != "sandbox.limits" && name != "signers.*.sigstore":
			found[name] = true
		}
		keysOf(n.Content[i+1], name+".", found)
	}
	for _, e := range n.Content {
		if n.Kind == yaml.SequenceNode {
			keysOf(e, prefix, found)
		}
	}
}

func trustOfSpecification(t *testing.T) Policy {
	t.Helper()
	date := func(s string) day.Day {
		d, err := day.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	return Policy{
		Sources: source.Policy{
			Named: true,
			Rules: []source.Rule{
				{
					Name: "released", Path: "models/released/", Trust: source.Locked, Formats: []string{"safetensors", "torch-zip"}, MaxSize: 4 << 30,
					MinAge: 24 * time.Hour, Signers: []string{"release", "partner"}, ReviewBy: date("2027-03-31"), Owner: "ml-platform@example.com",
				},
				{URL: "https://huggingface.co/acme/", Trust: source.Scan},
				{Signer: "ci", Trust: source.Locked},
			},
			Signers: []Signer{
				{Name: "ci", Identity: "https://github.com/acme/models/.github/workflows/release.yml@refs/heads/main", Issuer: "https://token.actions.githubusercontent.com"},
				{Name: "partner", CertificateAuthority: "keys/ca.pem", Identity: "models@partner.example"},
				{Name: "release", Key: "keys/release.pub"},
			},
		},
		Waivers: []waiver.Waiver{
			{Rule: "PKL020", Path: "models/legacy.pt", Owner: "alice@example.com", Reason: "reviewed in change 4711, replaced by the next release", Expires: date("2027-01-01")},
			{
				Rule: "PT2002", SHA256: "0f4a0b5d6f5c8c9fbb9a6a8d6a4c7f6d6a1a0b1c2d3e4f5061728394a5b6c7d8",
				Owner: "bob@example.com", Reason: "the library in it is built by us", Expires: date("2027-06-30"),
			},
		},
	}
}

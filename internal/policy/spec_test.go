package policy

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/andiron-dev/andiron/finding"
)

// The specification's example parses to what its table says, and its table has
// every key of the example.
func TestSpecification(t *testing.T) {
	b, err := os.ReadFile("../../docs/spec/policy-v1.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(b), "```yaml\n")
	example, table, closed := strings.Cut(rest, "```")
	if !found || !closed {
		t.Fatal("no example")
	}
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
	rows := regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\|").FindAllStringSubmatch(table, -1)
	for _, row := range rows {
		key := row[1][strings.LastIndexByte(row[1], '.')+1:]
		if strings.Count(example, key+":") != 1 {
			t.Errorf("%s is not in the example", row[1])
		}
	}
	if keys := strings.Count(example, ": "); len(rows) != keys {
		t.Errorf("the table has %d keys, the example %d", len(rows), keys)
	}
	for _, level := range Levels() {
		if !strings.Contains(table, "`"+level+"`") {
			t.Errorf("level %s is not in the table", level)
		}
	}
}

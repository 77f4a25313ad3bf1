package tensor

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
)

const specification = "../../docs/spec/tensor-v1.md"

func page(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(specification)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// between cuts out what stands between two marks.
func between(t *testing.T, page, from, to string) string {
	t.Helper()
	_, rest, found := strings.Cut(page, from)
	inner, _, closed := strings.Cut(rest, to)
	if !found || !closed {
		t.Fatalf("nothing between %q and %q", from, to)
	}
	return inner
}

// column is the first column of the tables in a part of the page.
func column(part string) (cells []string) {
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(part, -1) {
		cells = append(cells, row[1])
	}
	return cells
}

// The example parses, has the digest that the page says, and every key of the
// table; the table has every key that the parser knows.
func TestSpecificationKeys(t *testing.T) {
	p := page(t)
	example := between(t, p, "```yaml\n", "```")
	s, err := ParseFiles([]byte(example), func(string) ([]byte, error) { return []byte("DE\nFR\nUS\n"), nil })
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(p, "`"+s.SHA256()+"`") {
		t.Errorf("the page has another digest than %s", s.SHA256())
	}
	table := column(between(t, p, "```yaml\n", "\n## "))
	var node yaml.Node
	if err := yaml.Unmarshal([]byte(example), &node); err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{"*.range": true, "*.tiny": true}
	keysOf(node.Content[0], "", found)
	if diff := cmp.Diff(slices.Sorted(maps.Keys(found)), slices.Sorted(slices.Values(table))); diff != "" {
		t.Errorf("keys (-example +table):\n%s", diff)
	}
	last := map[string]bool{}
	for _, key := range table {
		last[key[strings.LastIndex(key, ".")+1:]] = true
	}
	if diff := cmp.Diff(parserKeys(t), slices.Sorted(maps.Keys(last))); diff != "" {
		t.Errorf("keys (-parser +table):\n%s", diff)
	}
}

func keysOf(n *yaml.Node, prefix string, found map[string]bool) {
	for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i].Value, n.Content[i+1]
		name := prefix + k
		switch {
		case prefix == "" && (k == "inputs" || k == "outputs" || k == "labels"):
			found[name] = true
			for j := 1; j < len(v.Content); j += 2 {
				keysOf(v.Content[j], "*.", found)
			}
		case v.Kind == yaml.MappingNode && k != "dims":
			keysOf(v, name+".", found)
		default:
			found[name] = true
		}
	}
}

// parserKeys are the keys in the source of the parser: those of the maps from
// names to readers, in every file that reads YAML.
func parserKeys(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	groups := map[string]bool{"wire": true, "limits": true, "flat": true, "normalize": true, "stats": true, "drift": true, "balance": true, "text": true, "on_violation": true}
	all := map[string]bool{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range strings.Split(string(b), "map[string]reader{")[1:] {
			body, _, _ := strings.Cut(part, "\n\t})")
			for _, m := range regexp.MustCompile(`"([a-z0-9_]+)":\s`).FindAllStringSubmatch(body, -1) {
				if !groups[m[1]] {
					all[m[1]] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func TestSpecificationCodes(t *testing.T) {
	var got []Code
	for _, cell := range column(between(t, page(t), "| code |", "\n## ")) {
		got = append(got, Code(cell))
	}
	if diff := cmp.Diff(Codes(), got); diff != "" {
		t.Errorf("codes (-code +table):\n%s", diff)
	}
}

func TestSpecificationTypes(t *testing.T) {
	var want []string
	part := between(t, page(t), "## Types", "\n## ")
	for _, d := range DTypes() {
		want = append(want, d.String())
		f := &formats[d]
		for _, other := range append(strings.Fields(f.others), f.v2) {
			row := regexp.MustCompile("(?m)^\\| `" + d.String() + "` \\|.*$").FindString(part)
			if other != "" && !strings.Contains(row, "`"+other+"`") {
				t.Errorf("%s is not in the row of %s", other, d)
			}
		}
	}
	if diff := cmp.Diff(want, column(part)); diff != "" {
		t.Errorf("types (-code +table):\n%s", diff)
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(classes())), slices.Sorted(slices.Values(column(between(t, page(t), "## Text", "\n## "))))); diff != "" {
		t.Errorf("classes (-code +table):\n%s", diff)
	}
}

// The canonical form on the page is that of the smallest schema.
func TestSpecificationCanonical(t *testing.T) {
	s, err := Parse([]byte("andiron: tensor/v1\ninputs: {x: {dtype: float32, shape: [2]}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(s.Canonical()), strings.TrimSpace(between(t, page(t), "```json\n", "```"))); diff != "" {
		t.Errorf("canonical form (-code +page):\n%s", diff)
	}
}

// The characters of each class on the page are those of the code.
func TestSpecificationClasses(t *testing.T) {
	part := between(t, page(t), "## Text", "\n## ")
	for name, spans := range classes() {
		row := regexp.MustCompile("(?m)^\\| `" + name + "` \\| (.*) \\|$").FindStringSubmatch(part)
		var want []string
		for _, sp := range spans {
			switch {
			case sp.lo == sp.hi:
				want = append(want, code(sp.lo))
			case sp.hi == sp.lo+1:
				want = append(want, code(sp.lo), code(sp.hi))
			default:
				want = append(want, code(sp.lo)+" to "+code(sp.hi))
			}
		}
		if row == nil || row[1] != strings.Join(want, ", ") {
			t.Errorf("%s: got %q, want %q", name, row, strings.Join(want, ", "))
		}
	}
}

func code(n int64) string { return fmt.Sprintf("U+%04X", n) }

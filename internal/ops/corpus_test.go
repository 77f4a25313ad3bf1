package ops

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/finding"
)

// classes are the classes of planted bugs, and the rules that name each. A finding of
// another rule does not count as finding it.
var classes = map[string][]string{
	"out-of-bounds-read":   {"OPS006"},
	"out-of-bounds-write":  {"OPS006"},
	"scalar-index":         {"OPS007"},
	"off-by-one":           {"OPS015"},
	"int32-overflow":       {"OPS020", "OPS021", "OPS022", "OPS024"},
	"dtype-confusion":      {"OPS002"},
	"leak":                 {"OPS012"},
	"leak-on-throw":        {"OPS012"},
	"dangling-temporary":   {"OPS010"},
	"contiguity":           {"OPS005"},
	"device":               {"OPS003"},
	"race":                 {"OPS045"},
	"wrong-gradient":       {"OPS044"},
	"empty-tensor":         {"OPS009"},
	"division-by-zero":     {"OPS023"},
	"uninitialised-output": {"OPS014"},
	"stack-buffer":         {"OPS013"},
	"hidden-mutation":      {"OPS040"},
	"null-optional":        {"OPS008"},
	"mismatched-sizes":     {"OPS004"},
	"missing-autograd":     {"OPS043"},
	"nothing-checked":      {"OPS001"},
	"kernel-bound":         {"OPS033"},
	"device-guard":         {"OPS032"},
	"launch":               {"OPS030", "OPS031"},
}

// planted is a function of the corpus.
type planted struct {
	file        string
	name        string
	class       string // empty for a twin
	first, last int    // lines
	found       []string
	accused     []string
}

var mark = regexp.MustCompile(`^(\s*)// (?:bug: (\S+)|twin)$`)

// corpus reads what is planted in a folder.
func corpus(t *testing.T, dir string) (list []*planted) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.c*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s holds no sources: %v", dir, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var p *planted
		var end string
		for i, line := range strings.Split(string(b), "\n") {
			if m := mark.FindStringSubmatch(line); m != nil {
				p = &planted{file: filepath.ToSlash(name), class: m[2], first: i + 2}
				list, end = append(list, p), m[1]+"}"
			} else if p != nil && p.last == 0 && line == end {
				p.last = i + 1
			}
			if p != nil && p.name == "" && i+1 >= p.first {
				p.name, _, _ = strings.Cut(line, "(")
				p.name = p.name[strings.LastIndexAny(p.name, " &*")+1:]
			}
		}
	}
	return list
}

// scanCorpus gives each function of a corpus what was found in it.
func scanCorpus(t *testing.T, dir string) []*planted {
	t.Helper()
	list := corpus(t, dir)
	p, err := Collect(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	p.Look(func(f finding.Finding) {
		if f.Severity == finding.Info {
			return
		}
		if f.Outcome == finding.Undetermined {
			t.Errorf("%s %s", f.Where, f.Message)
		}
		for _, x := range list {
			inside := f.Where.Line >= x.first && f.Where.Line <= x.last
			named := strings.HasSuffix(f.Message, " "+x.name+", nor that it has none") // at the registration
			if f.Where.Path != x.file || !inside && !named {
				continue
			}
			if slices.Contains(classes[x.class], f.Rule) {
				x.found = append(x.found, f.Rule)
			} else if x.class == "" {
				x.accused = append(x.accused, fmt.Sprintf("%s %s %s", f.Where, f.Rule, f.Message))
			}
		}
	})
	return list
}

// rate holds the findings against what is planted, and gives how many bugs there are, how
// many were found, and which twins were accused.
func rate(t *testing.T, dir string) (bugs, found int, accused []string) {
	t.Helper()
	var missed []string
	twins := 0
	for _, x := range scanCorpus(t, dir) {
		if x.last == 0 || x.name == "" {
			t.Errorf("%s:%d: no function", x.file, x.first)
		}
		if len(x.accused) > 0 {
			accused = append(accused, x.name+": "+strings.Join(x.accused, "; "))
		}
		switch {
		case x.class == "":
			twins++
			continue
		case classes[x.class] == nil:
			t.Errorf("%s:%d: %q is no class", x.file, x.first, x.class)
		case len(x.found) > 0:
			found++
		default:
			missed = append(missed, x.class+" "+x.name)
		}
		bugs++
	}
	t.Logf("%s: %d of %d bugs found, %d twins; missed: %s", dir, found, bugs, twins, strings.Join(missed, ", "))
	if twins < bugs {
		t.Errorf("%d twins of %d bugs", twins, bugs)
	}
	return bugs, found, accused
}

// sets are the corpora, in the order in which they were written, the least that is found of
// each, and the most twins that are accused. The fourth is as it was measured when somebody
// who knew no rule had written it.
var sets = []struct {
	dir                  string
	bugs, found, accused int
}{
	{"first", 38, 37, 0}, {"second", 34, 32, 0}, {"third", 31, 30, 0}, {"fourth", 51, 30, 7},
}

func TestCorpora(t *testing.T) {
	for _, s := range sets {
		t.Run(s.dir, func(t *testing.T) {
			bugs, found, accused := rate(t, "../../testdata/ops/"+s.dir)
			if bugs < s.bugs || found < s.found {
				t.Errorf("%d of %d bugs found, want %d of %d", found, bugs, s.found, s.bugs)
			}
			if len(accused) > s.accused {
				t.Errorf("%d twins are accused, and no more than %d may be:\n%s", len(accused), s.accused, strings.Join(accused, "\n"))
			}
		})
	}
}

// What is planted in kernels is found by running them; reading them accuses no twin.
func TestKernelsOnGPU(t *testing.T) {
	twins := 0
	for _, x := range scanCorpus(t, "../../testdata/ops/gpu") {
		if x.last == 0 || x.name == "" {
			t.Errorf("%s:%d: no function", x.file, x.first)
		}
		for _, a := range x.accused {
			t.Errorf("the twin %s is accused: %s", x.name, a)
		}
		if x.class == "" {
			twins++
		}
	}
	if twins < 14 {
		t.Errorf("%d twins", twins)
	}
}

func TestEveryClassIsPlanted(t *testing.T) {
	all := map[string]bool{}
	for _, x := range corpus(t, "../../testdata/ops/first") {
		all[x.class] = true
	}
	for c := range maps.Keys(classes) {
		if !all[c] {
			t.Errorf("no bug of the class %s is planted", c)
		}
	}
}

var update = flag.Bool("update", false, "rewrite the table of docs/ops-corpus.md")

// TestCorpusTable: the table in the documentation says what is found.
func TestCorpusTable(t *testing.T) {
	const page, begin, end = "../../docs/ops-corpus.md", "<!-- begin -->\n", "<!-- end -->\n"
	b, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(b), begin)
	old, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("the page has no place for the table")
	}
	table := corpusTable(t)
	if *update {
		if err := os.WriteFile(page, []byte(before+begin+table+end+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(table, old); diff != "" {
		t.Errorf("run go test ./internal/ops -run CorpusTable -update (-want +got):\n%s", diff)
	}
}

func corpusTable(t *testing.T) string {
	t.Helper()
	count := map[string][]string{}
	total := []string{}
	for n, s := range sets {
		bugs, found := map[string]int{}, map[string]int{}
		allBugs, allFound := 0, 0
		for _, x := range scanCorpus(t, "../../testdata/ops/"+s.dir) {
			if x.class == "" {
				continue
			}
			bugs[x.class]++
			allBugs++
			if len(x.found) > 0 {
				found[x.class]++
				allFound++
			}
		}
		for c := range classes {
			cell := ""
			if bugs[c] > 0 {
				cell = fmt.Sprintf("%d of %d", found[c], bugs[c])
			}
			count[c] = append(count[c][:n:n], cell)
		}
		total = append(total, fmt.Sprintf("**%d of %d**", allFound, allBugs))
	}
	var b strings.Builder
	b.WriteString("| class | rules | first | second | third | fourth |\n|---|---|---|---|---|---|\n")
	for _, c := range slices.Sorted(maps.Keys(classes)) {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", c, strings.Join(classes[c], ", "), strings.Join(count[c], " | "))
	}
	fmt.Fprintf(&b, "| **all** | | %s |\n", strings.Join(total, " | "))
	return b.String()
}

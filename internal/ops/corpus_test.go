package ops

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

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

// rate holds the findings against what is planted, and gives how many bugs there are
// and how many were found.
func rate(t *testing.T, dir string) (bugs, found int) {
	t.Helper()
	var missed []string
	twins := 0
	for _, x := range scanCorpus(t, dir) {
		if x.last == 0 || x.name == "" {
			t.Errorf("%s:%d: no function", x.file, x.first)
		}
		for _, a := range x.accused {
			t.Errorf("the twin %s is accused: %s", x.name, a)
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
	return bugs, found
}

// The first corpus is what the rules were made from.
func TestFirstCorpus(t *testing.T) {
	bugs, found := rate(t, "../../testdata/ops/first")
	if bugs < 25 || found*100 < bugs*60 {
		t.Errorf("%d of %d bugs found, want 60 %% of at least 25", found, bugs)
	}
}

func TestEveryClassIsPlanted(t *testing.T) {
	all := map[string]bool{}
	for _, dir := range []string{"../../testdata/ops/first"} {
		for _, x := range corpus(t, dir) {
			all[x.class] = true
		}
	}
	for c := range maps.Keys(classes) {
		if !all[c] {
			t.Errorf("no bug of the class %s is planted", c)
		}
	}
}

// The second corpus was written when the rules stood.
func TestSecondCorpus(t *testing.T) {
	bugs, found := rate(t, "../../testdata/ops/second")
	if bugs < 30 || found*100 < bugs*60*85/100 {
		t.Errorf("%d of %d bugs found, want 85 %% of 60 %% of at least 30", found, bugs)
	}
}

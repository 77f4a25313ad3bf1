package cli

import (
	"bytes"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mattn/go-runewidth"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/policy"
)

// start runs the program in a folder of its own.
func start(t *testing.T, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	env := func(string) string { return "" }
	code = Main(t.Context(), append([]string{"andiron"}, args...), env, strings.NewReader(stdin), &out, &errs)
	return code, out.String(), errs.String()
}

func TestHostileNamesInErrors(t *testing.T) {
	t.Chdir(t.TempDir())
	_, _, stderr := start(t, "", "scna\x1b[2J\nhint: run it")
	if strings.ContainsAny(stderr, "\x1b") || strings.Count(stderr, "\n") != 2 {
		t.Errorf("stderr %q", stderr)
	}
	_, _, stderr = start(t, "", "inspect", "a\u202eb\nandiron: fine")
	if strings.Contains(stderr, "\u202e") || strings.Count(stderr, "\n") != 2 {
		t.Errorf("stderr %q", stderr)
	}
}

func TestWrap(t *testing.T) {
	long := strings.Repeat("word ", 30)
	got := wrap("Short.\n\n" + long + "\n  example " + long)
	lines := strings.Split(got, "\n")
	if lines[0] != "Short." || lines[1] != "" || len(lines[2]) > textWidth || lines[len(lines)-1] != "  example "+long {
		t.Errorf("wrap = %q", got)
	}
	if strings.Join(strings.Fields(got), " ") != strings.Join(strings.Fields("Short. "+long+" example "+long), " ") {
		t.Errorf("words were lost: %q", got)
	}
	if w := strings.Repeat("x", 200); wrap(w) != w {
		t.Errorf("a long word was changed: %q", wrap(w))
	}
}

// A verb that is called by its name is the only one that is made.
func TestVerbsAreNamed(t *testing.T) {
	a := &app{}
	verbs := a.verbs()
	for _, v := range verbs {
		c := v.command()
		if c.Name() != v.name || len(c.Aliases) > 0 {
			t.Errorf("%q is the verb %q with aliases %q", v.name, c.Name(), c.Aliases)
		}
		if list := a.root([]string{v.name}).Commands(); len(list) != 1 || list[0].Name() != v.name {
			t.Errorf("%q makes %d verbs", v.name, len(list))
		}
	}
	for _, args := range [][]string{nil, {"help", "scan"}, {"-h"}, {"__complete", ""}, {"scna"}} {
		if list := a.root(args).Commands(); len(list) <= len(verbs) {
			t.Errorf("%q makes %d verbs of %d and completion", args, len(list), len(verbs))
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

func TestReportThatCannotBeWritten(t *testing.T) {
	t.Chdir(t.TempDir())
	for _, format := range []string{"text", "json", "jsonl", "sarif", "markdown", "html", "github"} {
		var stderr strings.Builder
		code := Main(t.Context(), []string{"andiron", "scan", "--format", format, "."}, os.Getenv, strings.NewReader(""), fullDisk{}, &stderr)
		if code != policy.ExitIncomplete || stderr.String() != "andiron: the report cannot be written: no space left on device\n" {
			t.Errorf("%s: exit %d, stderr %q", format, code, stderr.String())
		}
	}
}

func TestOutput(t *testing.T) {
	name := filepath.Join(t.TempDir(), "report")
	if err := os.WriteFile(name, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := openOutput(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := out.WriteString("new"); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(name); string(b) != "old" {
		t.Errorf("before the end: %q", b)
	}
	if err := out.finish(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(name)
	if b, _ := os.ReadFile(name); string(b) != "new" || err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("at the end: %q, %v, %v", b, info, err)
	}
	if out, err = openOutput(name, nil); err != nil {
		t.Fatal(err)
	}
	out.abandon()
	if list, _ := os.ReadDir(filepath.Dir(name)); len(list) != 1 {
		t.Errorf("left behind: %v", list)
	}
}

func TestProgress(t *testing.T) {
	var w bytes.Buffer
	p := newProgress(&w, true, 0)
	clock := p.last
	p.now = func() time.Time { return clock }
	step := func(d time.Duration, path string, done, total int) {
		t.Helper()
		clock = clock.Add(d)
		if err := p.Progress(finding.Progress{Path: path, Done: done, Total: total}); err != nil {
			t.Fatal(err)
		}
	}
	step(time.Millisecond, "short.pt", 0, 9)
	if w.Len() > 0 {
		t.Errorf("a short run shows %q", w.String())
	}
	step(time.Second, "m/long\x1b\n.pt", 1, 9)
	if s := w.String(); !strings.Contains(s, `long\x1b\n.pt`) || !strings.Contains(s, "1/9") {
		t.Errorf("bar %q", s)
	}
	w.Reset()
	if err := p.Artifact(finding.Artifact{}); err != nil || strings.Trim(w.String(), " \r\x1b[K") != "" || w.Len() == 0 {
		t.Errorf("cleared with %q, %v", w.String(), err)
	}
	w.Reset()
	if err := p.Summary(finding.Summary{}); err != nil || w.Len() > 0 {
		t.Errorf("cleared twice with %q, %v", w.String(), err)
	}
}

// Every command has help that names its flags, and no flag without a text.
func TestHelp(t *testing.T) {
	for _, verb := range []string{"audit", "scan", "inspect", "rules", "version"} {
		code, stdout, stderr := start(t, "", "help", verb)
		if code != 0 || stderr != "" || !strings.Contains(stdout, "andiron "+verb) {
			t.Errorf("help %s: %d, %q, %q", verb, code, stdout, stderr)
		}
	}
}

// A bar never takes more than the line it is taken away from.
func TestProgressWidth(t *testing.T) {
	for _, columns := range []int{0, 1, 20, 60, 200} {
		var w bytes.Buffer
		p := newProgress(&w, true, columns)
		p.now = func() time.Time { return p.last.Add(time.Second) }
		if err := p.Progress(finding.Progress{Path: strings.Repeat("模", 80), Done: 1, Total: 9}); err != nil {
			t.Fatal(err)
		}
		line := strings.TrimPrefix(w.String(), clearLine)
		most := progressWidth
		if columns > 0 {
			most = min(most, columns)
		}
		if n := runewidth.StringWidth(line); n > most {
			t.Errorf("%d columns: a bar of %d: %q", columns, n, line)
		}
	}
}

// inspect shows what it could look at and ends with 3 where that was not all.
func TestInspectIncomplete(t *testing.T) {
	t.Chdir(t.TempDir())
	write := func(name, content string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("whole.pkl", "\x80\x02]q\x00(K\x01K\x02e.")
	write("cut.pkl", "\x80\x02]q\x00(K\x01K\x02e")
	write("none.bin", "no model at all")
	tight := "version: 1\nlimits:\n  max_values: 2\n"
	for _, c := range []struct {
		name, policy string
		args         []string
		code         int
		shows        string
	}{
		{"whole", "", []string{"whole.pkl"}, policy.ExitClean, "complete"},
		{"whole trace", "", []string{"--trace", "whole.pkl"}, policy.ExitClean, "# whole.pkl"},
		{"cut", "", []string{"cut.pkl"}, policy.ExitIncomplete, "broken"},
		{"cut json", "", []string{"--format", "json", "cut.pkl"}, policy.ExitIncomplete, `"problems": [`},
		{"cut trace", "", []string{"--trace", "cut.pkl"}, policy.ExitIncomplete, "breaks here"},
		{"no format", "", []string{"none.bin"}, policy.ExitIncomplete, "could not look"},
		{"limit of the project", tight, []string{"whole.pkl"}, policy.ExitIncomplete, "limit of 2"},
		{"flag over the project", tight, []string{"--max-values", "100", "whole.pkl"}, policy.ExitClean, "complete"},
		{"broken policy", "versions: 1\n", []string{"whole.pkl"}, policy.ExitUsage, ""},
		{"no such policy", "", []string{"--policy", "other.yaml", "whole.pkl"}, policy.ExitUsage, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_ = os.Remove(policy.FileName)
			if c.policy != "" {
				write(policy.FileName, c.policy)
			}
			code, stdout, stderr := start(t, "", append([]string{"inspect"}, c.args...)...)
			if code != c.code || !strings.Contains(stdout, c.shows) || (code == policy.ExitUsage) != (stderr != "") {
				t.Errorf("exit %d, want %d\n%s%s", code, c.code, stdout, stderr)
			}
		})
	}
}

// TestUsageHints: whoever uses a verb wrongly is told how to use it.
func TestUsageHints(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("no sources: %v", err)
	}
	calls := 0
	for _, name := range files {
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) != 2 {
				return true
			}
			if f, ok := call.Fun.(*ast.Ident); !ok || f.Name != "usage" {
				return true
			}
			calls++
			if lit, ok := call.Args[1].(*ast.BasicLit); ok && len(lit.Value) == 2 {
				t.Errorf("%s: usage without a hint", set.Position(call.Pos()))
			}
			return true
		})
	}
	if calls < 50 {
		t.Errorf("saw %d calls of usage", calls)
	}
}

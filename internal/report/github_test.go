package report_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/report"
)

// annotation is what the runner makes of a line.
type annotation struct {
	command    string
	properties map[string]string
	message    string
}

// parseCommand reads a line as the runner of GitHub Actions does: the command ends at
// the second "::", properties are split at commas and then at the first "=".
func parseCommand(t *testing.T, line string) annotation {
	t.Helper()
	rest, ok := strings.CutPrefix(line, "::")
	head, message, found := strings.Cut(rest, "::")
	if !ok || !found {
		t.Fatalf("no command: %q", line)
	}
	name, list, _ := strings.Cut(head, " ")
	a := annotation{name, map[string]string{}, unescape(message, "%0D", "\r", "%0A", "\n", "%25", "%")}
	for pair := range strings.SplitSeq(list, ",") {
		if key, value, ok := strings.Cut(pair, "="); ok {
			a.properties[key] = unescape(value, "%0D", "\r", "%0A", "\n", "%3A", ":", "%2C", ",", "%25", "%")
		} else if pair != "" {
			t.Errorf("%q is no property in %q", pair, line)
		}
	}
	return a
}

func unescape(s string, pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		s = strings.ReplaceAll(s, pairs[i], pairs[i+1])
	}
	return s
}

func annotations(t *testing.T, s stream) []annotation {
	t.Helper()
	return parseCommands(t, render(t, "github", s, report.Options{}))
}

func parseCommands(t *testing.T, out string) []annotation {
	t.Helper()
	var list []annotation
	for line := range strings.Lines(out) {
		a := parseCommand(t, strings.TrimSuffix(line, "\n"))
		if !slices.Contains([]string{"error", "warning", "notice"}, a.command) {
			t.Errorf("%q is none of our commands", a.command)
		}
		for key := range a.properties {
			if !slices.Contains([]string{"file", "line", "col", "title"}, key) {
				t.Errorf("%q is none of our properties", key)
			}
		}
		list = append(list, a)
	}
	if len(list) == 0 || list[len(list)-1].command != "notice" {
		t.Errorf("no notice closes %q", out)
	}
	return list
}

// checkCommands compares the commands with those of harmless text: a text adds none,
// changes none, and lands nowhere but in a value.
func checkCommands(t *testing.T, out string, s stream) {
	t.Helper()
	harmless := annotations(t, everywhere("x"))
	got := parseCommands(t, out)
	if len(got) != len(harmless) {
		t.Fatalf("%d commands, want %d in %q", len(got), len(harmless), out)
	}
	count := func(list []annotation) map[string]int {
		n := map[string]int{}
		for _, a := range list {
			n[a.command]++
			if a.properties["line"] != "" {
				n["line "+a.properties["line"]+" col "+a.properties["col"]]++
			}
		}
		return n
	}
	want := count(harmless)
	if !namesFile(s.artifacts[0].Path) { // then there is no line either
		maps.DeleteFunc(want, func(key string, _ int) bool { return strings.HasPrefix(key, "line ") })
	}
	if diff := cmp.Diff(want, count(got)); diff != "" {
		t.Errorf("the text changes the commands (-want +got):\n%s", diff)
	}
}

// namesFile is false for paths that an annotation cannot have.
func namesFile(path string) bool {
	for strings.HasPrefix(path, "./") {
		path = path[2:]
	}
	return path != "" && path != "-"
}

// What comes from a file can neither end a command nor begin one.
func TestGitHubInjection(t *testing.T) {
	for _, s := range []string{
		"a\r\n::set-output name=x::y", "a%0A::error::y", "::stop-commands::t", "a::b", "%", "%25", "%250A", "%0D%0A",
		"x,line=999,title=t", "x,endLine=7", "a=b,c", "##[error]x", "a\n##[set-env name=PATH]x", "\u2028::error::x", "\x85::error::x", " ::error::x", ",", ":", "::",
	} {
		out := render(t, "github", everywhere(s), report.Options{})
		checkCommands(t, out, everywhere(s))
		for _, bad := range []string{"\r", "\n::set", "\n##["} {
			if strings.Contains(out, bad) {
				t.Errorf("%q puts %q into the output", s, bad)
			}
		}
	}
}

// A path arrives at the runner as it is.
func TestGitHubValues(t *testing.T) {
	for _, path := range []string{"a:b,c=d%25e.txt", "C:/x.txt", "a b/ü.txt", "100%.txt", "a::b.txt"} {
		f := rulePin.Finding(finding.Where{Path: path}.Line1(7, 3), "50% of it, said: twice\nover")
		f.Fix = "a::b"
		got := annotations(t, stream{config: depsConfig("."), findings: []finding.Finding{f}})[0]
		want := annotation{
			"warning",
			map[string]string{"file": path, "line": "7", "col": "3", "title": "PIN001: No exact version"},
			"50% of it, said: twice\\nover\nfix: a::b",
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(annotation{})); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	}
}

// Each severity has its command, information none; what is undetermined is a warning,
// and what somebody answers for a notice.
func TestGitHubKinds(t *testing.T) {
	made := func(s finding.Severity) finding.Finding {
		f := rulePin.Finding(lineOf("r.txt", 1), "it is "+s.String())
		f.Severity = s
		return f
	}
	undetermined, waived, placeless := made(finding.Critical), made(finding.Critical), made(finding.Critical)
	undetermined.Outcome = finding.Undetermined
	waived.Waived = &finding.Waiver{Rule: "PIN001", Owner: "alice", Reason: "known", Expires: "2027-01-31"}
	placeless.Where = finding.Where{}
	tests := []struct {
		f    finding.Finding
		want string
	}{
		{made(finding.Critical), "error r.txt"},
		{made(finding.High), "error r.txt"},
		{made(finding.Medium), "warning r.txt"},
		{made(finding.Low), "notice r.txt"},
		{made(finding.Info), ""},
		{undetermined, "warning r.txt"},
		{waived, "notice r.txt"},
		{placeless, "error "},
	}
	for _, tt := range tests {
		got := ""
		list := annotations(t, stream{config: depsConfig("."), findings: []finding.Finding{tt.f}})
		if len(list) > 1 {
			got = list[0].command + " " + list[0].properties["file"]
		}
		if got != tt.want || len(list) > 2 {
			t.Errorf("%s: got %q, want %q", tt.f.Message, got, tt.want)
		}
	}
}

// The runner shows ten annotations of a kind: the worst come first, and there is room
// for the closing notice.
func TestGitHubOrder(t *testing.T) {
	s := stream{config: depsConfig("."), summary: finding.Summary{Incomplete: true, Reasons: []string{"uv.lock: cut short"}}}
	for i := range 60 {
		f := rulePin.Finding(lineOf("r.txt", i+1), fmt.Sprintf("line %d", i))
		f.Severity = finding.Severity(i % 5)
		s.findings = append(s.findings, f)
	}
	list := annotations(t, s)
	var got []string
	for _, a := range list {
		if n := len(got); n == 0 || got[n-1] != a.command {
			got = append(got, a.command)
		}
	}
	if diff := cmp.Diff([]string{"error", "warning", "notice"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	count := map[string]int{}
	for _, a := range list {
		count[a.command]++
	}
	if diff := cmp.Diff(map[string]int{"error": 24, "warning": 13, "notice": 10}, count); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if a := list[24]; a.properties["title"] != "incomplete" || !strings.Contains(a.message, "uv.lock: cut short") {
		t.Errorf("the first warning is %+v", a)
	}
	if a := list[len(list)-1]; !strings.Contains(a.message, "3 notices were left out") {
		t.Errorf("the closing notice is %+v", a)
	}
}

// A verdict that makes the exit code 1 is said, also where no finding is shown.
func TestGitHubVerdict(t *testing.T) {
	list := annotations(t, stream{config: scanConfig("."), artifacts: []finding.Artifact{
		{Path: "./m.pt", Verdict: finding.Unknown}, {Path: "ok.pt", Verdict: finding.Safe},
	}})
	if len(list) != 2 || list[0].command != "error" || list[0].properties["file"] != "m.pt" || list[0].message != "./m.pt is judged unknown" {
		t.Errorf("got %+v", list)
	}
}

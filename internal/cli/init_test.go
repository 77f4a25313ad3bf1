package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/andiron-dev/andiron/finding"
)

// The hook lets a commit go on where nothing but advisories is missing, and stops it for
// all else.
func TestHookEntry(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // pre-commit runs sh there as well, but the stand-in is a script
	}
	var hooks []struct {
		Hooks []struct{ Entry string }
	}
	if err := yaml.Unmarshal([]byte(hookEntry), &hooks); err != nil {
		t.Fatal(err)
	}
	script, ok := strings.CutPrefix(hooks[0].Hooks[0].Entry, "sh -c '")
	script, ok2 := strings.CutSuffix(script, "'")
	if !ok || !ok2 || strings.Contains(script, "'") {
		t.Fatalf("%q is no command of sh", hooks[0].Hooks[0].Entry)
	}
	const noDatabase = "medium   DEP005 undetermined: only the facts about PyTorch were at hand\n"
	for _, tt := range []struct {
		name, out  string
		code, want int
	}{
		{"clean", "", 0, 0},
		{"findings", "high     PY002 a.py:1:1: x\n", 1, 1},
		{"no database", "low      PIN040 a: x\n" + noDatabase, 3, 0},
		{"no database and a finding", "high     PY002 a.py:1:1: x\n" + noDatabase, 1, 1},
		{"no database and a file that does not parse", noDatabase + "medium   PY080 a.py:1:1: undetermined: x\n", 3, 3},
		{"no database and a model that cannot be read", "a.pt  pickle  unreadable\n" + noDatabase, 3, 3},
		{"it died", "", 3, 3},
		{"wrong usage", "", 2, 2},
	} {
		dir := t.TempDir()
		stand := "#!/bin/sh\ncat <<'E'\n" + tt.out + "E\nexit " + strconv.Itoa(tt.code) + "\n"
		if err := os.WriteFile(filepath.Join(dir, "andiron"), []byte(stand), 0o700); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
		cmd.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"))
		out, _ := cmd.CombinedOutput() // its exit code is asked below
		if got := cmd.ProcessState.ExitCode(); got != tt.want {
			t.Errorf("%s: exit %d, want %d: %s", tt.name, got, tt.want, out)
		}
		if said := strings.Contains(string(out), "NOT CLEAN"); said != (tt.code == 3 && tt.want == 0) {
			t.Errorf("%s: %s", tt.name, out)
		}
	}
}

// TestManySchemas: a model that gets no schema is not passed over in silence.
func TestManySchemas(t *testing.T) {
	b, err := os.ReadFile("../infer/testdata/text-2.6.pt2")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var models []initModel
	for i := range mostSchemas + 2 {
		name := strconv.Itoa(i) + ".pt2"
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
		models = append(models, initModel{finding.Artifact{Format: "pt2-old"}, name})
	}
	list := starterSchemas(t.Context(), dir, models)
	for i, s := range list[:mostSchemas] {
		if s.text == nil {
			t.Errorf("%d: %s", i, s.why)
		}
	}
	want := "init looks for schemas of 20 models, and there are 2 more, from 20.pt2 on; andiron guard infer -o 20.schema.yaml 20.pt2 makes that one"
	if rest := list[mostSchemas:]; len(rest) != 1 || rest[0].text != nil || rest[0].why != want {
		t.Errorf("got %+v, want %s", rest, want)
	}
}

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

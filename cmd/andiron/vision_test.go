package main

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/finding"
)

// The example project before and after: what the strategies say of each, and that the
// second passes its own policy. Days in the policy are moved, so that the test does not
// depend on today's.
func TestVisionServices(t *testing.T) {
	records := filepath.Join(t.TempDir(), "records")
	for name, text := range projectRecords {
		writeFile(t, filepath.Join(records, name+".json"), sinceNow([]byte(text)))
	}
	writeFile(t, filepath.Join(records, "5.json"), sinceNow([]byte(fixedIn("PYSEC-2026-5", "CVE-2026-4538", "torch", "99.0"))))
	db := filepath.Join(t.TempDir(), "db")
	if out, err := exec.CommandContext(t.Context(), "andiron", "db", "import", "--db", db, records).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, tt := range []struct {
		name string
		code int
		want map[finding.Strategy]finding.Status
	}{
		{"vision-service", 1, map[finding.Strategy]finding.Status{
			finding.DependencyScanning: finding.Partial, finding.DependencyPinning: finding.Missing,
			finding.SafeSerialization: finding.Partial, finding.TrustedSources: finding.Partial,
			finding.SecureLoading: finding.Partial, finding.InputValidation: finding.Partial, finding.CustomOps: finding.Missing,
		}},
		{"vision-service-hardened", 0, map[finding.Strategy]finding.Status{
			finding.DependencyScanning: finding.Partial, finding.DependencyPinning: finding.Implemented,
			finding.SafeSerialization: finding.Implemented, finding.TrustedSources: finding.Implemented,
			finding.SecureLoading: finding.Implemented, finding.InputValidation: finding.Implemented, finding.CustomOps: finding.NotApplicable,
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "p")
			if err := os.CopyFS(dir, os.DirFS(filepath.Join("../../examples", tt.name))); err != nil {
				t.Fatal(err)
			}
			moveDays(t, filepath.Join(dir, "andiron.yaml"))
			cmd := exec.CommandContext(t.Context(), "andiron", "audit", "--format", "json", "--db", db, ".")
			cmd.Dir = dir
			out, err := cmd.Output()
			code := 0
			if exit, ok := errors.AsType[*exec.ExitError](err); ok {
				code = exit.ExitCode()
			} else if err != nil {
				t.Fatal(err)
			}
			var doc struct{ Posture []finding.Posture }
			if err := json.Unmarshal(out, &doc); err != nil {
				t.Fatal(err)
			}
			// Whether torch is the latest cannot be told when this code is some months old.
			got := map[finding.Strategy]finding.Status{}
			for _, p := range doc.Posture {
				if p.Strategy != finding.FrameworkUpdates {
					got[p.Strategy] = p.Status
				}
				if p.Residual == "" {
					t.Errorf("%s: nothing is said of what remains", p.Strategy)
				}
				for _, e := range p.Missing {
					if tt.code == 0 {
						t.Logf("%s: %s %s", p.Strategy, e.Where, e.Text)
					}
				}
				if p.Short() {
					t.Errorf("%s is %s, and the policy asks for %s: %s", p.Strategy, p.Status, p.Required, p.Reason)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if code != tt.code && (code != 3 || tt.code == 1) {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
		})
	}
}

// moveDays has what expires do so in a month, and what was reviewed be reviewed now.
func moveDays(t *testing.T, name string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	for line := range strings.Lines(string(b)) {
		key, _, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(key) {
		case "expires":
			line = key + ": " + time.Now().AddDate(0, 0, 30).UTC().Format(time.DateOnly) + "\n"
		case "reviewed":
			line = key + ": " + time.Now().AddDate(0, 0, -1).UTC().Format(time.DateOnly) + "\n"
		}
		out.WriteString(line)
	}
	if err := os.WriteFile(name, []byte(out.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// projectRecords are the advisories that the projects are held against.
var projectRecords = map[string]string{
	"1": fixedIn("PYSEC-2025-1", "CVE-2025-32434", "torch", "2.6.0"),
	"2": fixedIn("PYSEC-2024-2", "CVE-2024-90002", "pillow", "10.3.0"),
	"3": fixedIn("PYSEC-2024-3", "CVE-2024-90003", "onnx", "1.17.0"),
	"4": fixedIn("PYSEC-2024-4", "CVE-2024-90004", "setuptools", "70.0.0"),
}

func fixedIn(id, alias, name, fixed string) string {
	return fmt.Sprintf(`{"id": %q, "aliases": [%q], "modified": "{time-1d}", "database_specific": {"severity": "HIGH"}, "affected": [{"package": {"ecosystem": "PyPI", "name": %q},
		"ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}, {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": %q}]}]}]}`, id, alias, name, fixed)
}

// TestProjects holds layouts of real projects against what is known of them: what scan,
// check and audit report, with files and lines.
func TestProjects(t *testing.T) {
	const dir = "../../testdata/projects"
	records := filepath.Join(t.TempDir(), "records")
	for name, text := range projectRecords {
		writeFile(t, filepath.Join(records, name+".json"), sinceNow([]byte(text)))
	}
	db := filepath.Join(t.TempDir(), "db")
	if out, err := exec.CommandContext(t.Context(), "andiron", "db", "import", "--db", db, records).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, e := range list {
		if !e.IsDir() {
			continue
		}
		seen++
		t.Run(e.Name(), func(t *testing.T) {
			t.Parallel()
			at := filepath.Join(t.TempDir(), "p")
			if err := os.CopyFS(at, os.DirFS(filepath.Join(dir, e.Name()))); err != nil {
				t.Fatal(err)
			}
			golden := filepath.Join(dir, e.Name()+".txt")
			got := projectReports(t, at, db)
			if *update {
				writeFile(t, golden, []byte(got))
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if seen < 10 {
		t.Errorf("%d projects", seen)
	}
}

// latest is what another release of torch changes.
var latest = regexp.MustCompile(`the latest is [0-9.]*[0-9]`)

// projectReports is what the three verbs say of a project.
func projectReports(t *testing.T, dir, db string) string {
	t.Helper()
	var b strings.Builder
	for _, verb := range [][]string{{"deps", "scan", "--no-record"}, {"deps", "check"}} {
		r, code := depsReport(t, dir, db, verb...)
		fmt.Fprintf(&b, "# %s: exit %d\n%s\n", strings.Join(verb[:2], " "), code, r.lines())
	}
	r, code := depsReport(t, dir, db, "audit", "--no-cache")
	fmt.Fprintf(&b, "# audit: exit %d\n", code)
	for _, p := range r.Posture {
		if !slices.Contains([]string{"dependency-scanning", "dependency-pinning", "framework-updates"}, p.Strategy) {
			continue
		}
		fmt.Fprintf(&b, "%s: %s\n", p.Strategy, p.Status)
		for _, e := range p.Implemented {
			fmt.Fprintf(&b, "  + %s: %s\n", e.Where, e.Text)
		}
		for _, e := range p.Missing {
			if strings.Contains(e.Text, "is current cannot be told") {
				continue // it is said when this andiron is some months old
			}
			fmt.Fprintf(&b, "  - %s: %s\n", e.Where, e.Text)
		}
	}
	text := varies.ReplaceAllString(b.String(), ", $1")
	return latest.ReplaceAllString(moments.ReplaceAllString(text, "TIME"), "the latest is LATEST")
}

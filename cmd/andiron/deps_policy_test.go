package main

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// depsRecords is the database of the tests of this file.
const depsRecords = `{"id": "PYSEC-2025-1", "aliases": ["CVE-2025-1", "GHSA-aaaa-bbbb-cccc"], "modified": "{time-5d}", "affected": [{"package": {"ecosystem": "PyPI", "name": "torch"},
 "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.6.0"}]}]}]}`

var depsFiles = map[string]string{
	"requirements.txt": "--index-url https://index.example/simple/cu118\ntorch==2.5.1\nnvidia-nccl-cu12==2.21.5\n",
	"uv.lock": `version = 1
requires-python = ">=3.12"
[[package]]
name = "click"
version = "8.1.7"
source = { registry = "https://index.example/simple" }
wheels = [{ url = "https://index.example/click-8.1.7-py3-none-any.whl", hash = "sha256:ae74fb96c20a0277a1d615f1e4d73c8414f5a98db8b799a7931d1582f3390c28", upload-time = "{time-5d}" }]
`,
}

// depsProject makes the project, with a policy.
func depsProject(t *testing.T, policy string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range depsFiles {
		writeFile(t, filepath.Join(dir, name), sinceNow([]byte(text)))
	}
	if policy != "" {
		writeFile(t, filepath.Join(dir, "andiron.yaml"), sinceNow([]byte("version: 1\n"+policy)))
	}
	return dir
}

// depsDatabase makes the database.
func depsDatabase(t *testing.T) (db string) {
	t.Helper()
	dir := t.TempDir()
	writeFile(t, filepath.Join(dir, "record.json"), sinceNow([]byte(depsRecords)))
	db = filepath.Join(dir, "db")
	if out, err := exec.CommandContext(t.Context(), "andiron", "db", "import", "--db", db, filepath.Join(dir, "record.json")).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return db
}

// depsReport runs a verb of deps, or audit, and gives what it reports and its exit code.
func depsReport(t *testing.T, dir, db string, verb ...string) (r told, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "andiron", append(verb, "--format", "json")...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "ANDIRON_DB="+db)
	out, err := cmd.Output()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return r, code
}

// depsSettings are the keys of andiron.yaml: a line that is reported with the first
// policy, and not with the second.
var depsSettings = []struct{ key, with, sans, line string }{
	{"dependencies.max_age", "dependencies: {max_age: 4d}\n", "dependencies: {max_age: 6d}\n", "DEP005 medium?"},
	{"dependencies.max_age", "dependencies: {max_age: 100h}\n", "", "DEP005 medium?"},
	{"dependencies.cooldown", "dependencies: {cooldown: 6d}\n", "dependencies: {cooldown: 4d}\n", "PIN030 medium"},
	{"dependencies.cooldown", "", "dependencies: {cooldown: 4d}\n", "PIN030 medium"},
	{"dependencies.reviewed", "dependencies: {reviewed: {day-100d}}\n", "dependencies: {reviewed: {day-80d}}\n", "PIN040 low"},
	{"dependencies.reviewed", "", "dependencies: {reviewed: {day-1d}}\n", "PIN040 low"},
	{"dependencies.indexes", "dependencies: {indexes: ['https://index.example/simple/cu']}\n", "dependencies: {indexes: ['https://index.example/simple']}\n", "requirements.txt:1: PIN015 high"},
	{"dependencies.indexes", "dependencies: {indexes: ['https://other.example']}\n", "", "uv.lock:4: PIN015 high"},
	{"dependencies.vouch", "", vouching("nvidia-nccl-cu12", "2999-01-01"), "DEP003 low?"},
	{"dependencies.vouch.package", vouching("nvidia-cud*", "2999-01-01"), vouching("nvidia-*", "2999-01-01"), "DEP003 low?"},
	{"dependencies.vouch.expires", vouching("nvidia-*", "{day-1d}"), vouching("nvidia-*", "{day-0d}"), "DEP003 low?"},
	{"dependencies.vouch.owner", vouching("nvidia-*", "2999-01-01"), "", "vouched for by alice"},
	{"dependencies.vouch.reason", vouching("nvidia-*", "2999-01-01"), "", "the bulletins are read"},
	{"waivers.advisory", waiving("DEP001", "advisory: CVE-2025-1", "2999-01-01"), "", "DEP001 high waived by alice"},
	{"waivers.advisory", waiving("DEP001", "advisory: GHSA-aaaa-bbbb-cccc", "2999-01-01"), waiving("DEP001", "advisory: CVE-2025-2", "2999-01-01"), "DEP001 high waived by alice"},
	{"waivers.advisory", waiving("DEP001", "advisory: PYSEC-2025-1", "2999-01-01"), waiving("DEP002", "advisory: PYSEC-2025-1", "2999-01-01"), "DEP001 high waived by alice"},
	{"waivers.advisory", waiving("DEP001", "advisory: CVE-2025-1", "{day-1d}"), waiving("DEP001", "advisory: CVE-2025-1", "2999-01-01"), "DEP001 high: torch"},
	{"waivers.advisory", waiving("DEP001", "advisory: CVE-2025-1", "{day-1d}"), waiving("DEP001", "advisory: CVE-2025-1", "2999-01-01"), "TRU012"},
	{"waivers.advisory", waiving("DEP001", "advisory: CVE-2025-2", "2999-01-01"), waiving("DEP001", "advisory: CVE-2025-1", "2999-01-01"), "TRU013"},
	{"waivers.package", waiving("DEP001", "advisory: CVE-2025-1, package: torch", "2999-01-01"), waiving("DEP001", "advisory: CVE-2025-1, package: torchvision", "2999-01-01"), "DEP001 high waived by alice"},
}

func vouching(pkg, expires string) string {
	return "dependencies: {vouch: [{package: " + pkg + ", owner: alice, reason: the bulletins are read, expires: " + expires + "}]}\n"
}

func waiving(rule, subject, expires string) string {
	return "waivers: [{rule: " + rule + ", " + subject + ", owner: alice, reason: reviewed, expires: " + expires + "}]\n"
}

// Every setting of dependencies is enforced by the real binary, by deps and by audit. A
// key that the specification has and no case is an error.
func TestEveryDependencySettingIsEnforced(t *testing.T) {
	page, err := os.ReadFile("../../docs/spec/policy-v1.md")
	if err != nil {
		t.Fatal(err)
	}
	_, part, _ := strings.Cut(string(page), "## Dependencies")
	part, _, _ = strings.Cut(part, "\n## ")
	keys := regexp.MustCompile("(?m)^\\| `([a-z0-9_.*]+)` \\|").FindAllStringSubmatch(part, -1)
	if len(keys) < 9 {
		t.Errorf("found %d keys", len(keys))
	}
	tried := map[string]bool{}
	for _, s := range depsSettings {
		tried[s.key] = true
	}
	for _, k := range keys {
		if !tried[k[1]] {
			t.Errorf("no case tries %s", k[1])
		}
	}
	db := depsDatabase(t)
	for _, s := range depsSettings {
		t.Run(s.key, func(t *testing.T) {
			t.Parallel()
			for i, policy := range []string{s.with, s.sans} {
				dir := depsProject(t, policy)
				scan, _ := depsReport(t, dir, db, "deps", "scan", "--no-record")
				check, _ := depsReport(t, dir, db, "deps", "check")
				if got := strings.Contains(scan.lines()+check.lines(), s.line); got != (i == 0) {
					t.Errorf("policy %q: %q is reported: %v\n%s%s", policy, s.line, got, scan.lines(), check.lines())
				}
			}
		})
	}
}

// What is waived is in the report and not in the exit code, of deps and of audit; what
// could not be looked at is never waived.
func TestWaivedDependencies(t *testing.T) {
	db := depsDatabase(t)
	lenient := vouching("nvidia-*", "2999-01-01")
	for _, tt := range []struct {
		policy string
		code   int
	}{
		{lenient, 1},
		{lenient + waiving("DEP001", "advisory: CVE-2025-1, package: torch", "2999-01-01"), 0},
		{lenient + waiving("DEP001", "advisory: CVE-2025-1", "{day-1d}"), 1},
		{waiving("DEP001", "advisory: CVE-2025-1", "2999-01-01"), 3},
	} {
		dir := depsProject(t, tt.policy)
		if r, code := depsReport(t, dir, db, "deps", "scan", "--no-record"); code != tt.code {
			t.Errorf("%q: exit %d, want %d\n%s", tt.policy, code, tt.code, r.lines())
		}
		audit, _ := depsReport(t, dir, db, "audit", "--no-cache")
		for _, want := range []string{"DEP001 high", "PIN002 medium", "DEP090 info"} {
			if !strings.Contains(audit.lines(), want) {
				t.Errorf("%q: the audit does not have %q\n%s", tt.policy, want, audit.lines())
			}
		}
		if strings.Contains(tt.policy, "{day-1d}") && !strings.Contains(audit.lines(), "TRU012") {
			t.Errorf("%q: the audit does not report the waiver whose day has passed", tt.policy)
		}
	}
}

// Trap 12: nothing that a project's files name is asked for anything, however they name
// it, and neither is a proxy.
func TestNothingIsDownloaded(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{}, 16)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				close(asked)
				return
			}
			asked <- struct{}{}
			_ = c.Close()
		}
	}()
	at := "http://" + l.Addr().String()
	dir, db := depsProject(t, ""), depsDatabase(t)
	writeFile(t, filepath.Join(dir, "requirements.txt"), []byte("--index-url "+at+"/simple\n--extra-index-url "+at+"/whl/cu121\n--find-links "+at+"/links\n-r "+at+
		"/more.txt\ntorch\npkg @ "+at+"/pkg-1.0-py3-none-any.whl\nrepo @ git+"+at+"/repo@main\n"))
	writeFile(t, filepath.Join(dir, "setup.py"), []byte("import urllib.request\nurllib.request.urlopen('"+at+"')\nfrom setuptools import setup\nsetup(install_requires=['click'])\n"))
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, at)
	}
	for _, verb := range [][]string{{"deps", "scan", "--no-record"}, {"deps", "check"}, {"deps", "why", "torch"}, {"audit", "--no-cache"}} {
		depsReport(t, dir, db, verb...)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, yes := <-asked; yes {
		t.Error("somebody was asked")
	}
}

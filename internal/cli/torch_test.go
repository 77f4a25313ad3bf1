package cli

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/andiron-dev/andiron/internal/testkit/fakeindex"
)

// hub answers as GitHub and deps.dev do.
func hub(t *testing.T, pages map[string]string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if body, ok := pages[r.URL.Path]; ok {
			_, _ = w.Write([]byte(body))
			return
		}
		http.NotFound(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// andiron runs the program on 2026-11-26 and returns its exit code and output.
func andiron(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	env := map[string]string{"SOURCE_DATE_EPOCH": "1795694400", "USER": "alice", "XDG_CACHE_HOME": t.TempDir()}
	var out, err bytes.Buffer
	code = Main(t.Context(), append([]string{"andiron"}, args...), func(k string) string { return env[k] }, strings.NewReader(""), &out, &err)
	return code, out.String(), err.String()
}

// A release on its way from the first sight to production, and a yank.
func TestTorchWatch(t *testing.T) {
	pages := map[string]string{
		"/repos/pytorch/pytorch/releases":            `[{"tag_name":"v2.15.0","published_at":"2026-10-28T00:00:00Z"}]`,
		"/repos/pytorch/pytorch/security-advisories": `[]`,
		"/advisories":                     `[]`,
		"/v3/systems/pypi/packages/torch": `{"versions":[{"versionKey":{"version":"2.15.0"},"publishedAt":"2026-10-28T00:00:00Z"}]}`,
	}
	index := fakeindex.Start()
	t.Cleanup(index.Close)
	simple := index.Index("/simple")
	simple.Add(fakeindex.Wheel{Name: "torch", Version: "2.15.0", Upload: time.Date(2026, 10, 28, 0, 0, 0, 0, time.UTC)})
	yanked := index.Index("/yanked")
	yanked.Add(fakeindex.Wheel{Name: "torch", Version: "2.15.0", Yanked: "broken"})
	api, dir := hub(t, pages), t.TempDir()
	requirements := filepath.Join(dir, "requirements.txt")
	if err := os.WriteFile(requirements, []byte("--index-url "+simple.URL+"\ntorch==2.14.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	watch := func(args ...string) (int, string, string) {
		t.Helper()
		return andiron(t, append([]string{"torch", "watch", dir, "--github-url", api, "--depsdev-url", api, "--osv-url", api}, args...)...)
	}
	if code, out, _ := watch("--dry-run"); code != 0 || !strings.Contains(out, "torch 2.15.0 is ready, it was cooling") {
		t.Fatalf("exit %d: %s", code, out)
	}
	if _, err := os.Stat(filepath.Join(dir, ".andiron")); err == nil {
		t.Error("a dry run wrote something down")
	}
	if code, out, _ := watch("--cooldown", "100"); code != 0 || !strings.Contains(out, "stays cooling: it is out for 29 days, and the cooldown is 100 days") {
		t.Errorf("exit %d: %s", code, out)
	}
	if code, out, _ := watch(); code != 0 || !strings.Contains(out, "torch 2.15.0 is ready, it was cooling") {
		t.Errorf("exit %d: %s", code, out)
	}
	if code, _, text := watch("--promote", "2.15.0", "--to", "production", "--evidence", "x"); code != 2 || !strings.Contains(text, "2.15.0 is ready; from there it cannot go to production") {
		t.Errorf("exit %d: %s", code, text)
	}
	for _, to := range []string{"canary", "staging", "production"} {
		if code, out, text := watch("--promote", "2.15.0", "--to", to, "--evidence", "run 4711"); code != 0 || !strings.Contains(out, "torch 2.15.0 is "+to) {
			t.Errorf("exit %d: %s%s", code, out, text)
		}
	}
	if code, out, _ := watch("--index-url", yanked.URL); code != 1 || !strings.Contains(out, "urgent: torch 2.15.0 is in production: the package index yanked it: broken") {
		t.Errorf("exit %d: %s", code, out)
	}
	code, out, _ := andiron(t, "deps", "history", dir, "--format", "json")
	var doc struct {
		Releases []struct{ To, By string }
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil || code != 0 || len(doc.Releases) != 7 || doc.Releases[6].To != "withdrawn" || !strings.HasPrefix(doc.Releases[5].By, "alice@") {
		t.Errorf("exit %d, %v: %s", code, err, out)
	}
}

// What could not be asked is not a clean answer.
func TestTorchWatchIncomplete(t *testing.T) {
	api := hub(t, map[string]string{"/v3/systems/pypi/packages/torch": `{}`})
	code, out, _ := andiron(t, "torch", "watch", t.TempDir(), "--github-url", api, "--depsdev-url", api)
	for _, want := range []string{"GitHub did not answer for releases", "404", "the package index was not asked for files: no address is known (--index-url)"} {
		if code != 3 || !strings.Contains(out, want) {
			t.Errorf("exit %d, no %q: %s", code, want, out)
		}
	}
	code, _, text := andiron(t, "torch", "status", t.TempDir(), "--online", "--github-url", api)
	if code != 3 || !strings.Contains(text, "404") || !strings.Contains(text, "hint: without --online") {
		t.Errorf("exit %d: %s", code, text)
	}
}

func TestTorchStatusOnline(t *testing.T) {
	api := hub(t, map[string]string{"/repos/pytorch/pytorch/releases": `[{"tag_name":"v2.16.0","published_at":"2026-11-20T00:00:00Z"}]`})
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "requirements.txt"), []byte("torch==2.15.0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, _ := andiron(t, "torch", "status", dir, "--online", "--github-url", api, "--fail-on", "medium")
	if code != 1 || !strings.Contains(out, "latest stable: torch 2.16.0, 2026-11-20 (GitHub releases and built in, as of 2026-11-26)") || !strings.Contains(out, "UPD002") {
		t.Errorf("exit %d: %s", code, out)
	}
}

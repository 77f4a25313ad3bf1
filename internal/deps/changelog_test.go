package deps

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/advisory"
)

// TestDistributionsChangelog: torch of a distribution, with the changelog that it
// brought along.
func TestDistributionsChangelog(t *testing.T) {
	root := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		name = filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("lib/python3/dist-packages/torch-2.6.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: torch\nVersion: 2.6.0\n")
	evidence := func() (list []string) {
		t.Helper()
		p, err := Collect(t.Context(), root, []string{root})
		if err != nil {
			t.Fatal(err)
		}
		found, err := Updates(p, Options{Advisories: advisory.Builtin(), Now: time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if f.Rule == torchDistribution.ID && f.Outcome == finding.Undetermined {
				list = append(list, f.Evidence...)
			}
			if f.Rule == torchVulnerable.ID {
				list = append(list, f.Evidence...)
			}
		}
		for _, u := range p.Unread {
			list = append(list, u.Text)
		}
		return list
	}
	has := func(list []string, want string) bool { return strings.Contains(strings.Join(list, "\n"), want) }
	if got := evidence(); !has(got, "there is no changelog") {
		t.Errorf("without a changelog: %q", got)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte("pytorch (2.6.0+dfsg-7) unstable; urgency=medium\n\n  * Fixes CVE-2025-2953\n"))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	const changelog = "share/doc/python3-torch/changelog.Debian.gz"
	write(changelog, b.String())
	if got := evidence(); !has(got, "names in the entry of 2.6.0+dfsg-7: CVE-2025-2953") || !has(got, "named by the changelog of the distribution, 2.6.0+dfsg-7") {
		t.Errorf("with one: %q", got)
	}
	write(changelog, b.String()[:20])
	if got := evidence(); !has(got, "unexpected EOF") {
		t.Errorf("with one that is cut off: %q", got)
	}
}

//go:build linux || darwin

package trust

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/lockfile"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/internal/source"
)

var (
	now  = time.Date(2027, 1, 10, 12, 0, 0, 0, time.UTC)
	sumA = strings.Repeat("a", 64)
	sumB = strings.Repeat("b", 64)
)

func entry(path, sum string) lockfile.Model {
	return lockfile.Model{Path: path, SHA256: sum, Size: 3, Format: "pickle", Verdict: "safe", AddedBy: "alice", AddedAt: "2027-01-01T00:00:00Z"}
}

func newRoom(t *testing.T, dir string, opt Options) *Room {
	t.Helper()
	opt.Root, opt.Name, opt.Now = dir, "p", now
	r, err := New(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close() })
	return r
}

// check looks at files as the engine does, and gives "RULE path" of what is found.
func check(t *testing.T, r *Room, dir string, digests map[string]string) []string {
	t.Helper()
	var got []string
	report := func(f finding.Finding) {
		got = append(got, f.Rule+" "+f.Where.String())
	}
	for name, sum := range digests {
		r.Check(t.Context(), Model{Name: "p/" + name, Path: filepath.Join(dir, name), Size: 3, SHA256: sum, Format: "pickle", Modified: now}, report)
	}
	r.Finish(true, report)
	slices.Sort(got)
	return got
}

func TestRoom(t *testing.T) {
	lock := func(models ...lockfile.Model) *lockfile.File { return &lockfile.File{Models: models} }
	tests := []struct {
		name    string
		opt     Options
		digests map[string]string
		want    []string
	}{
		{"nothing is asked", Options{}, map[string]string{"m/a": sumA}, []string{"TRU015 p"}},
		{"nothing is there", Options{}, nil, nil},
		{"a check asks", Options{Check: true}, map[string]string{"m/a": sumA}, []string{"TRU001 p/m/a", "TRU015 p"}},
		{"no digest", Options{Lock: lock(entry("m/a", sumA))}, map[string]string{"m/a": ""}, []string{"TRU014 p/m/a", "TRU014 p/m/a"}},
		{"locked and not met", Options{Lock: lock(entry("m/a", sumA))}, nil, []string{"TRU014 p/m/a"}},
		{"locked and not there", Options{Lock: lock(entry("m/c", sumA)), LockName: "p/lock"}, nil, []string{"TRU003 p/lock"}},
		{"pattern with one of two digests", Options{Lock: lock(entry("m/*", sumA), entry("m/*", sumB)), LockName: "p/lock"}, map[string]string{"m/a": sumA}, []string{"TRU003 p/lock", "TRU090 p/m/a"}},
		{"pattern with both", Options{Lock: lock(entry("m/*", sumA), entry("m/*", sumB))}, map[string]string{"m/a": sumA, "m/b": sumB}, []string{"TRU090 p/m/a", "TRU090 p/m/b"}},
		{"literal goes before pattern", Options{Lock: lock(entry("m/*", sumB), entry("m/a", sumA))}, map[string]string{"m/a": sumB}, []string{"TRU090 p/m/a"}},
		{"a model of a cache elsewhere", Options{Lock: lock(func() lockfile.Model {
			m := entry("huggingface.co/a/m/resolve/c/f", sumA)
			m.Source = "https://" + m.Path
			return m
		}())}, nil, nil},
	}
	for _, tt := range tests {
		dir := tree(t, "m/a", "m/b")
		got := check(t, newRoom(t, dir, tt.opt), dir, tt.digests)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// A folder that others can write to is reported once, whatever lies in it.
func TestRoomReportsFoldersOnce(t *testing.T) {
	dir := tree(t, "m/a", "m/b")
	if err := os.Chmod(filepath.Join(dir, "m"), 0o777); err != nil {
		t.Fatal(err)
	}
	lock := &lockfile.File{Models: []lockfile.Model{entry("m/a", sumA), entry("m/b", sumB)}}
	got := check(t, newRoom(t, dir, Options{Lock: lock}), dir, map[string]string{"m/a": sumA, "m/b": sumB})
	if diff := cmp.Diff([]string{"TRU005 p/m", "TRU090 p/m/a", "TRU090 p/m/b"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// What the walk of a run would pass over is looked at if it is locked.
func TestRoomPaths(t *testing.T) {
	dir := tree(t, ".git/a", "m/b", "m/c/", "m/link -> b", "m/out -> /etc/passwd")
	lock := &lockfile.File{Models: []lockfile.Model{entry(".git/a", sumA), entry("m/b", sumA), entry("m/b", sumB), entry("m/*", sumA), entry("m/c", sumA), entry("none", sumA), entry("m/link", sumA), entry("m/out", sumA)}}
	got := newRoom(t, dir, Options{Lock: lock}).Paths()
	want := []string{filepath.Join(dir, ".git/a"), filepath.Join(dir, "m/b"), filepath.Join(dir, "m/link")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// signer says who signed: a bundle holds the name of its signer.
func signer(_ context.Context, _, bundle, sum string, signers []source.Signer) error {
	b, err := os.ReadFile(bundle)
	if err != nil {
		return err
	}
	for _, s := range signers {
		if s.Name+" "+sum[:1] == string(b) {
			return nil
		}
	}
	return errors.New("of nobody who may sign")
}

// Each of the settings on signatures decides.
func TestSignatures(t *testing.T) {
	signers := []source.Signer{{Name: "a"}, {Name: "b"}}
	scan := source.Rule{Name: "r", Path: "**", Trust: source.Scan}
	by := func(names ...string) source.Policy {
		r := scan
		r.Signers = names
		return source.Policy{Named: true, Rules: []source.Rule{r}, Signers: signers}
	}
	one := source.Policy{Named: true, Rules: []source.Rule{{Signer: "a", Trust: source.Scan}}, Signers: signers}
	required := source.Policy{RequireSignature: true, Signers: signers}
	locked := &lockfile.File{Models: []lockfile.Model{entry("m/f", sumA)}}
	named := &lockfile.File{Models: []lockfile.Model{entry("m/f", sumA)}}
	named.Models[0].Signature = "sigs/f"
	tests := []struct {
		name    string
		bundles map[string]string
		lock    *lockfile.File
		policy  source.Policy
		verify  VerifyFunc
		want    []string
	}{
		{"by one of the rule's", map[string]string{"m/f.sig": "b a"}, nil, by("a", "b"), signer, []string{"TRU092"}},
		{"by another than the rule's", map[string]string{"m/f.sig": "b a"}, nil, by("a"), signer, []string{"TRU011"}},
		{"of other bytes", map[string]string{"m/f.sig": "a b"}, nil, by("a"), signer, []string{"TRU011"}},
		{"none", nil, nil, by("a"), signer, []string{"TRU011"}},
		{"of the folder", map[string]string{"m/model.sig": "a a"}, nil, by("a"), signer, []string{"TRU092"}},
		{"of the project", map[string]string{"model.sig": "a a"}, nil, by("a"), signer, []string{"TRU092"}},
		{"the file's own goes first", map[string]string{"model.sig": "a a", "m/f.sig": "b a"}, nil, by("a"), signer, []string{"TRU011"}},
		{"nobody to verify it", map[string]string{"m/f.sig": "a a"}, nil, by("a"), nil, []string{"TRU014"}},
		{"rule by signer", map[string]string{"m/f.sig": "a a"}, nil, one, signer, []string{"TRU092"}},
		{"rule by signer, and another's", map[string]string{"m/f.sig": "b a"}, nil, one, signer, []string{"TRU004"}},
		{"rule by signer, and nobody to verify", map[string]string{"m/f.sig": "a a"}, nil, one, nil, []string{"TRU004"}},
		{"required", map[string]string{"m/f.sig": "b a"}, locked, required, signer, []string{"TRU090", "TRU092"}},
		{"required and missing", nil, locked, required, signer, []string{"TRU011"}},
		{"not required", nil, locked, source.Policy{Signers: signers}, signer, []string{"TRU090"}},
		{"where the lock says", map[string]string{"sigs/f": "a a"}, named, required, signer, []string{"TRU090", "TRU092"}},
		{"only where the lock says", map[string]string{"m/f.sig": "a a"}, named, required, signer, []string{"TRU011"}},
	}
	for _, tt := range tests {
		dir := tree(t, "m/f")
		for name, content := range tt.bundles {
			at := filepath.Join(dir, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o700), os.WriteFile(at, []byte(content), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		r := newRoom(t, dir, Options{Lock: tt.lock, Sources: tt.policy, Verify: tt.verify})
		r.Check(t.Context(), Model{Name: "m/f", Path: filepath.Join(dir, "m/f"), Size: 3, SHA256: sumA, Format: "pickle", Modified: now},
			func(f finding.Finding) { got = append(got, f.Rule) })
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}

// The verdict that the lock keeps is the one without waivers, and it says which
// rules had to be waived.
func TestVerdict(t *testing.T) {
	rules := rule.Catalogue{{ID: "PKL001", Verdict: finding.Dangerous}, {ID: "PKL002"}, {ID: "PKL003", Verdict: finding.Unknown}}
	judge := func(fs []finding.Finding) finding.Verdict { return policy.Verdict(fs, rules) }
	found := func(id string, waived bool) finding.Finding {
		f := finding.Finding{Rule: id, Outcome: finding.Present, Message: "m"}
		if waived {
			f.Waived = &finding.Waiver{Rule: id}
		}
		return f
	}
	for _, tt := range []struct {
		found           []finding.Finding
		bare            finding.Verdict
		waived, against []string
	}{
		{nil, finding.Safe, nil, nil},
		{[]finding.Finding{found("PKL002", true)}, finding.Safe, nil, nil},
		{[]finding.Finding{found("PKL003", true), found("PKL003", true)}, finding.Unknown, []string{"PKL003"}, nil},
		{[]finding.Finding{found("PKL003", true), found("PKL001", false)}, finding.Dangerous, []string{"PKL003"}, []string{"PKL001: m"}},
		{[]finding.Finding{{Rule: "PKL002", Outcome: finding.Undetermined, Message: "m"}}, finding.Unreadable, nil, []string{"PKL002: m"}},
	} {
		bare, waived, against := Verdict(tt.found, judge)
		if bare != tt.bare || !slices.Equal(waived, tt.waived) || !slices.Equal(against, tt.against) {
			t.Errorf("%v: %s, waived %v, against %v", tt.found, bare, waived, against)
		}
	}
}

func TestProject(t *testing.T) {
	dir := tree(t, "p/andiron.yaml", "p/a/b/", "q/andiron.lock", "q/a/andiron.yaml")
	at := func(s string) string { return filepath.Join(dir, s) }
	for _, tt := range []struct{ named, from, want string }{
		{"/x", at("p"), "/x"}, {"", at("p/a/b"), at("p")}, {"", at("q"), at("q")}, {"", at("q/a"), at("q/a")}, {"", at("p"), at("p")},
	} {
		if got := Project(tt.named, tt.from, "andiron.yaml", "andiron.lock"); got != tt.want {
			t.Errorf("%q from %q: %q", tt.named, tt.from, got)
		}
	}
}

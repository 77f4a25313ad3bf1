//go:build keyless || keylessinside

package keyless_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/andiron-dev/andiron/internal/keyless"
)

// tufRepo is a TUF repository by the book (specification 1.0.31) with one key and
// one target, served on the loopback interface.
type tufRepo struct {
	key   ed25519.PrivateKey
	root  []byte
	files map[string][]byte
}

func newTUFRepo(t *testing.T, version int, target []byte) *tufRepo {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	r := &tufRepo{key: key}
	role := map[string]any{"keyids": []string{r.keyID(t)}, "threshold": 1}
	r.root = r.sign(t, map[string]any{
		"_type": "root", "version": 1, "consistent_snapshot": true, "keys": map[string]any{r.keyID(t): r.public()},
		"roles": map[string]any{"root": role, "timestamp": role, "snapshot": role, "targets": role},
	})
	r.publish(t, version, target)
	return r
}

func (r *tufRepo) public() map[string]any {
	public, _ := r.key.Public().(ed25519.PublicKey)
	return map[string]any{"keytype": "ed25519", "scheme": "ed25519", "keyval": map[string]any{"public": hex.EncodeToString(public)}}
}

func (r *tufRepo) keyID(t *testing.T) string {
	t.Helper()
	return digest(canonical(t, r.public()))
}

// canonical JSON: what encoding/json makes of maps of plain text is that already.
func canonical(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func (r *tufRepo) sign(t *testing.T, signed map[string]any) []byte {
	t.Helper()
	signed["spec_version"], signed["expires"] = "1.0.31", time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	sig := ed25519.Sign(r.key, canonical(t, signed))
	return canonical(t, map[string]any{
		"signed": signed, "signatures": []any{map[string]any{"keyid": r.keyID(t), "sig": hex.EncodeToString(sig)}},
	})
}

// publish replaces what the repository serves.
func (r *tufRepo) publish(t *testing.T, version int, target []byte) {
	t.Helper()
	const name = "trusted_root.json"
	targets := r.sign(t, map[string]any{"_type": "targets", "version": version, "targets": map[string]any{
		name: map[string]any{"length": len(target), "hashes": map[string]any{"sha256": digest(target)}},
	}})
	snapshot := r.sign(t, map[string]any{"_type": "snapshot", "version": version, "meta": map[string]any{
		"targets.json": map[string]any{"version": version},
	}})
	r.files = map[string][]byte{
		"/timestamp.json": r.sign(t, map[string]any{"_type": "timestamp", "version": version, "meta": map[string]any{
			"snapshot.json": map[string]any{"version": version},
		}}),
		fmt.Sprintf("/%d.snapshot.json", version):           snapshot,
		fmt.Sprintf("/%d.targets.json", version):            targets,
		fmt.Sprintf("/targets/%s.%s", digest(target), name): target,
	}
}

func (r *tufRepo) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	b, ok := r.files[req.URL.Path]
	if !ok {
		http.NotFound(w, req)
		return
	}
	_, _ = w.Write(b)
}

// atHome gives the test a home of its own.
func atHome(t *testing.T) {
	t.Helper()
	t.Setenv("HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestRefresh: what a repository has is used from then on.
func TestRefresh(t *testing.T) {
	atHome(t)
	vs := sigstore(t)
	repo := newTUFRepo(t, 3, read(t, trustedRoot(t, vs, false)))
	server := httptest.NewServer(repo)
	defer server.Close()
	bundle, who := attest(t, vs, payload), keyless.Options{Identity: alice, Issuer: issuer}
	if _, err := open(t, bundle, who); err == nil {
		t.Fatal("the trusted root that is compiled in has our own Sigstore")
	}
	opt := keyless.RefreshOptions{Mirror: server.URL, Anchor: repo.root}
	file, err := keyless.Refresh(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, bundle, who); err != nil {
		t.Errorf("after the refresh to %s: %v", file, err)
	}
	// A file that was named is used in its place.
	who.TrustedRoot = trustedRoot(t, sigstore(t), false)
	if _, err := open(t, bundle, who); err == nil {
		t.Error("the file that was named is not used")
	}
	opt.File = filepath.Join(t.TempDir(), "named.json")
	if named, err := keyless.Refresh(t.Context(), opt); err != nil || named != opt.File || string(read(t, named)) != string(read(t, file)) {
		t.Errorf("%q, %v", named, err)
	}
}

// TestRefreshRefuses: an attacker who has the repository's place, but not its
// keys, changes nothing.
func TestRefreshRefuses(t *testing.T) {
	atHome(t)
	vs := sigstore(t)
	target := read(t, trustedRoot(t, vs, false))
	repo := newTUFRepo(t, 3, target)
	server := httptest.NewServer(repo)
	defer server.Close()
	opt := keyless.RefreshOptions{Mirror: server.URL, Anchor: repo.root}
	file, err := keyless.Refresh(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	other := newTUFRepo(t, 4, read(t, trustedRoot(t, sigstore(t), false)))
	for name, change := range map[string]func(){
		"other keys":       func() { repo.files = other.files },
		"an older version": func() { repo.publish(t, 2, target) },
		"another target": func() {
			next := append([]byte(" "), target...)
			repo.publish(t, 4, next)
			repo.files["/targets/"+digest(next)+".trusted_root.json"] = append([]byte("\n"), target...)
		},
		"no trusted root": func() { repo.publish(t, 5, []byte("{}")) },
		"one with nobody": func() {
			repo.publish(t, 6, []byte(`{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`))
		},
		"nothing there": func() { repo.files = nil },
	} {
		change()
		if _, err := keyless.Refresh(t.Context(), opt); err == nil {
			t.Errorf("%s: taken", name)
		}
		if got := read(t, file); string(got) != string(target) {
			t.Errorf("%s: the file has changed", name)
		}
	}
}

// TestPublicAnchor: without an anchor of its own, a repository must lead to the
// root that is compiled in.
func TestPublicAnchor(t *testing.T) {
	atHome(t)
	server := httptest.NewServer(newTUFRepo(t, 1, read(t, trustedRoot(t, sigstore(t), false))))
	defer server.Close()
	if _, err := keyless.Refresh(t.Context(), keyless.RefreshOptions{Mirror: server.URL}); err == nil {
		t.Error("a repository with keys of its own was believed")
	}
}

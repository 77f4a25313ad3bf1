package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// answer is what andiron trust decide says, as far as a test asks.
type answer struct {
	Allowed bool
	Need    []string
	Code    string
	Rules   []string
	Why     string
}

// request is what it is asked.
type request map[string]any

var (
	harmless = []byte("\x80\x02}.")                      // PROTO 2, EMPTY_DICT, STOP
	harmful  = []byte("cposix\nsystem\n(S'true'\ntR.")   // GLOBAL posix.system, REDUCE; nobody loads it
	unnamed  = []byte("\x80\x02cmymodel\nNet\n)\x81}b.") // an object of a class that nobody has reviewed
)

// project makes a folder with models, a policy and a lock of some of the models.
func trustProject(t *testing.T, files map[string][]byte, yaml string, locked ...string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, b := range files {
		writeFile(t, filepath.Join(dir, name), b)
	}
	if len(locked) > 0 {
		type model struct {
			Path    string   `json:"path"`
			SHA256  string   `json:"sha256"`
			Size    int      `json:"size"`
			Format  string   `json:"format"`
			Verdict string   `json:"verdict"`
			Source  string   `json:"source"`
			By      string   `json:"added_by"`
			At      string   `json:"added_at"`
			Waivers []string `json:"waivers"`
		}
		lock := struct {
			Version int     `json:"version"`
			Models  []model `json:"models"`
		}{Version: 1}
		for _, l := range locked { // name, or name=file whose digest it has
			name, of, other := strings.Cut(l, "=")
			if !other {
				of = name
			}
			m := model{Path: name, SHA256: digestOf(files[of]), Size: len(files[of]), Format: "pickle", Verdict: "safe", By: "alice", At: "2026-01-01T00:00:00Z", Waivers: []string{}}
			if bytes.Equal(files[of], unnamed) {
				m.Verdict, m.Waivers = "unknown", []string{"PKL041"}
			}
			lock.Models = append(lock.Models, m)
		}
		b, err := json.Marshal(lock)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(dir, "andiron.lock"), b)
	}
	if yaml != "" {
		writeFile(t, filepath.Join(dir, "andiron.yaml"), []byte("version: 1\n"+yaml))
	}
	return dir
}

func writeFile(t *testing.T, name string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// decide asks the real binary.
func decide(t *testing.T, dir string, q request) answer {
	t.Helper()
	b, err := json.Marshal(q)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "andiron", "trust", "decide")
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(b)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	var a answer
	if err := json.Unmarshal(out, &a); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	return a
}

// load asks both stages about a file, as a loader does, and gives the last answer.
func load(t *testing.T, dir, file string, extra request) answer {
	t.Helper()
	path := filepath.Join(dir, file)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	q := request{"v": 1, "operation": "load", "path": path, "project": dir, "stage": "open", "size": len(b), "mode": 0o100000 | uint32(info.Mode().Perm()), "uid": os.Getuid()}
	maps.Copy(q, extra)
	a := decide(t, dir, q)
	if !a.Allowed {
		if len(a.Need) > 0 {
			t.Errorf("a denial needs %v", a.Need)
		}
		return a
	}
	if !slices.Contains(a.Need, "sha256") {
		t.Errorf("stage open needs %v", a.Need)
	}
	q["stage"], q["sha256"] = "bytes", digestOf(b)
	if slices.Contains(a.Need, "bytes") {
		private := filepath.Join(t.TempDir(), "copy")
		writeFile(t, private, b)
		q["file"] = private
	}
	return decide(t, dir, q)
}

const hub = "cache/models--acme--m/snapshots/0123456789abcdef0123456789abcdef01234567/m.pkl"

// setting is one key of andiron.yaml: what is decided with it, and with it changed
// or left out.
type setting struct {
	key        string
	with, sans string // policies
	file       string
	locked     []string
	extra      request
	codes      [2]string // with, without
}

var settings = []setting{
	{key: "sources", with: "sources: []\n", sans: "", file: "m/a.pkl", locked: []string{"m/a.pkl"}, codes: [2]string{"policy", "ok"}},
	{key: "sources.path", with: "sources: [{path: m/, trust: scan}]\n", sans: "sources: [{path: n/, trust: scan}]\n", file: "m/a.pkl", codes: [2]string{"ok", "policy"}},
	{key: "sources.url", with: "sources: [{url: 'https://huggingface.co/acme/', trust: scan}]\n", sans: "sources: [{url: 'https://huggingface.co/other/', trust: scan}]\n", file: hub, codes: [2]string{"ok", "policy"}},
	{
		key: "sources.signer", with: "sources: [{signer: a}, {path: m/, trust: scan}]\nsigners: {a: {key: k.pub}}\n",
		sans: "sources: [{signer: a}]\nsigners: {a: {key: k.pub}}\n", file: "m/a.pkl", codes: [2]string{"ok", "policy"},
	},
	{key: "sources.trust", with: "sources: [{path: m/, trust: deny}]\n", sans: "sources: [{path: m/, trust: scan}]\n", file: "m/a.pkl", codes: [2]string{"policy", "ok"}},
	{key: "sources.trust", with: "sources: [{path: m/, trust: locked}]\n", sans: "sources: [{path: m/, trust: scan}]\n", file: "m/a.pkl", codes: [2]string{"untrusted", "ok"}},
	{key: "sources.trust", with: "sources: [{path: m/}]\n", sans: "sources: [{path: m/, trust: scan}]\n", file: "m/a.pkl", codes: [2]string{"untrusted", "ok"}},
	{key: "sources.trust", with: "sources: [{path: m/, trust: scan}]\n", sans: "sources: [{path: m/, trust: locked}]\n", file: "m/evil.pkl", locked: []string{"m/evil.pkl"}, codes: [2]string{"verdict", "ok"}},
	{key: "sources.formats", with: "sources: [{path: m/, trust: scan, formats: [safetensors]}]\n", sans: "sources: [{path: m/, trust: scan, formats: [pickle]}]\n", file: "m/a.pkl", codes: [2]string{"policy", "ok"}},
	{key: "sources.formats", with: "sources: [{path: m/, formats: [safetensors]}]\n", sans: "sources: [{path: m/, formats: [pickle]}]\n", file: "m/a.pkl", locked: []string{"m/a.pkl"}, codes: [2]string{"policy", "ok"}},
	{key: "sources.max_size", with: "sources: [{path: m/, trust: scan, max_size: 3}]\n", sans: "sources: [{path: m/, trust: scan, max_size: 4}]\n", file: "m/a.pkl", codes: [2]string{"policy", "ok"}},
	{key: "sources.min_age", with: "sources: [{path: m/, trust: scan, min_age: 1h}]\n", sans: "sources: [{path: m/, trust: scan}]\n", file: "m/a.pkl", codes: [2]string{"policy", "ok"}},
	{key: "sources.min_age", with: "sources: [{path: m/, min_age: 36500d}]\n", sans: "sources: [{path: m/, min_age: 1h}]\n", file: "m/a.pkl", locked: []string{"m/a.pkl"}, codes: [2]string{"policy", "ok"}},
	{
		key: "sources.signers", with: "sources: [{path: m/, trust: scan, signers: [a]}]\nsigners: {a: {key: k.pub}}\n",
		sans: "sources: [{path: m/, trust: scan}]\nsigners: {a: {key: k.pub}}\n", file: "m/a.pkl", codes: [2]string{"signature", "ok"},
	},
	{key: "sources.review_by", with: "sources: [{path: m/, trust: scan, review_by: 2020-01-01}]\n", sans: "sources: [{path: m/, trust: scan, review_by: 2999-01-01}]\n", file: "m/a.pkl", codes: [2]string{"policy", "ok"}},
	{key: "user_uploads", with: "user_uploads: scan\n", sans: "user_uploads: deny\n", file: "up/a.pkl", extra: request{"upload": true}, codes: [2]string{"ok", "policy"}},
	{key: "user_uploads", with: "user_uploads: scan\n", sans: "", file: "up/a.pkl", extra: request{"upload": true}, codes: [2]string{"ok", "policy"}},
	{key: "user_uploads", with: "sources: [{path: up/, trust: scan}]\n", sans: "sources: [{path: up/, trust: scan}]\nuser_uploads: scan\n", file: "up/a.pkl", extra: request{"upload": true}, codes: [2]string{"policy", "ok"}},
	{
		key: "require_signature", with: "require_signature: true\nsigners: {a: {key: k.pub}}\n", sans: "require_signature: false\nsigners: {a: {key: k.pub}}\n",
		file: "m/a.pkl", locked: []string{"m/a.pkl"}, codes: [2]string{"signature", "ok"},
	},
	{key: "waivers.rule", with: waived("PKL041", "path: m/own.pkl", "2999-01-01"), sans: waived("PKL042", "path: m/own.pkl", "2999-01-01"), file: "m/own.pkl", codes: [2]string{"ok", "verdict"}},
	{key: "waivers.path", with: waived("PKL041", "path: m/own.pkl", "2999-01-01"), sans: waived("PKL041", "path: n/own.pkl", "2999-01-01"), file: "m/own.pkl", codes: [2]string{"ok", "verdict"}},
	{key: "waivers.sha256", with: waived("PKL041", "sha256: "+digestOf(unnamed), "2999-01-01"), sans: waived("PKL041", "sha256: "+digestOf(harmful), "2999-01-01"), file: "m/own.pkl", codes: [2]string{"ok", "verdict"}},
	{key: "waivers.expires", with: waived("PKL041", "path: m/own.pkl", "2999-01-01"), sans: waived("PKL041", "path: m/own.pkl", "2020-01-01"), file: "m/own.pkl", codes: [2]string{"ok", "verdict"}},
	// A digest that was locked under a waiver is trusted while the waiver lives.
	{key: "waivers", with: lived("2999-01-01"), sans: lived("2020-01-01"), file: "m/own.pkl", locked: []string{"m/own.pkl"}, codes: [2]string{"ok", "verdict"}},
	{key: "waivers", with: lived("2999-01-01"), sans: "", file: "m/own.pkl", locked: []string{"m/own.pkl"}, codes: [2]string{"ok", "verdict"}},
}

// waived is a policy that scans, with one waiver.
func waived(rule, subject, expires string) string {
	return "sources: [{path: m/, trust: scan}]\nwaivers: [{rule: " + rule + ", " + subject + ", owner: alice, reason: reviewed, expires: " + expires + "}]\n"
}

// lived is a policy without sources, with one waiver.
func lived(expires string) string {
	return "waivers: [{rule: PKL041, path: m/own.pkl, owner: alice, reason: reviewed, expires: " + expires + "}]\n"
}

// saysNothing are the keys that decide nothing by themselves: names for messages,
// and the files and identities that package signing holds signatures against.
var saysNothing = []string{
	"sources.name", "sources.owner", "waivers.owner", "waivers.reason", "signers", "signers.*.key", "signers.*.certificate_authority",
	"signers.*.identity", "signers.*.sigstore.identity", "signers.*.sigstore.issuer",
}

// Every setting of trust is enforced by the real binary: the decision is another
// with the setting changed. A key that the specification has and no case is an error.
func TestEverySettingIsEnforced(t *testing.T) {
	page, err := os.ReadFile("../../docs/spec/policy-v1.md")
	if err != nil {
		t.Fatal(err)
	}
	_, trust, _ := strings.Cut(string(page), "## Trust")
	trust, _, _ = strings.Cut(trust, "## Dependencies") // those have cases of their own
	tried := map[string]bool{}
	for _, s := range settings {
		tried[s.key] = true
	}
	keys := regexp.MustCompile("(?m)^\\| `([a-z0-9_.*]+)` \\|").FindAllStringSubmatch(trust, -1)
	for _, k := range keys {
		if !tried[k[1]] && !slices.Contains(saysNothing, k[1]) {
			t.Errorf("no case tries %s", k[1])
		}
	}
	if len(keys) < 20 {
		t.Errorf("found %d keys", len(keys))
	}
	files := map[string][]byte{"m/a.pkl": harmless, "m/own.pkl": unnamed, "m/evil.pkl": harmful, "up/a.pkl": harmless, hub: harmless}
	for _, s := range settings {
		for i, policy := range []string{s.with, s.sans} {
			dir := trustProject(t, files, policy, s.locked...)
			if got := load(t, dir, s.file, s.extra); got.Code != s.codes[i] || got.Allowed != (got.Code == "ok") {
				t.Errorf("%s, policy %q: %+v, want %s", s.key, policy, got, s.codes[i])
			}
		}
	}
}

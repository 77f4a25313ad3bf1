package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

const scanM = "sources: [{path: m/, trust: scan}]\n"

// What a loader is told, beyond the settings: places, links, digests, operations.
func TestDecide(t *testing.T) {
	files := map[string][]byte{"m/a.pkl": harmless, "m/own.pkl": unnamed, "m/evil.pkl": harmful, "n/b.pkl": []byte("\x80\x02]."), hub: harmless}
	inTheHub := "hub/models--acme--m/snapshots/0123456789abcdef0123456789abcdef01234567/m.pkl"
	tests := []struct {
		name    string
		policy  string
		locked  []string
		prepare func(dir string) error
		file    string
		extra   request
		want    string
		rule    string
	}{
		{name: "nothing says what is trusted", file: "m/a.pkl", want: "untrusted", rule: "TRU001"},
		{name: "locked", locked: []string{"m/a.pkl"}, file: "m/a.pkl", want: "ok"},
		{name: "another content of the same size", locked: []string{"m/a.pkl=n/b.pkl"}, file: "m/a.pkl", want: "digest", rule: "TRU002"},
		{name: "another size", locked: []string{"m/a.pkl=m/own.pkl"}, file: "m/a.pkl", want: "digest", rule: "TRU002"},
		{name: "locked by pattern", locked: []string{"m/*.pkl=m/a.pkl"}, file: "m/a.pkl", want: "ok"},
		{name: "another file of the pattern", locked: []string{"**/*.pkl=m/a.pkl"}, file: "n/b.pkl", want: "untrusted", rule: "TRU001"},
		{name: "locked elsewhere", locked: []string{"n/a.pkl=m/a.pkl", "m/a.pkl=m/a.pkl"}, file: "m/a.pkl", want: "ok"},
		{name: "only locked elsewhere", locked: []string{"n/a.pkl=m/a.pkl"}, file: "m/a.pkl", want: "untrusted", rule: "TRU001"},
		{name: "locked elsewhere, and a rule covers the place", policy: "sources: [{path: m/}]\n", locked: []string{"n/a.pkl=m/a.pkl"}, file: "m/a.pkl", want: "ok"},
		{name: "two locked models exchanged", policy: "sources: [{path: '**'}]\n", locked: []string{"m/a.pkl=n/b.pkl", "n/b.pkl=m/a.pkl"}, file: "m/a.pkl", want: "digest", rule: "TRU002"},
		{name: "scan does not set the lock aside", policy: scanM, locked: []string{"m/a.pkl=n/b.pkl"}, file: "m/a.pkl", want: "digest", rule: "TRU002"},

		{name: "expected by the caller", file: "m/a.pkl", extra: request{"expect_sha256": digestOf(harmless)}, want: "ok"},
		{name: "expected, and harmful", file: "m/evil.pkl", extra: request{"expect_sha256": digestOf(harmful)}, want: "verdict"},
		{name: "another is expected", file: "m/a.pkl", extra: request{"expect_sha256": digestOf(harmful)}, want: "digest", rule: "TRU002"},
		{name: "locked, and another is expected", locked: []string{"m/a.pkl"}, file: "m/a.pkl", extra: request{"expect_sha256": digestOf(harmful)}, want: "digest", rule: "TRU002"},
		{name: "expected, and denied", policy: "sources: [{path: m/, trust: deny}]\n", file: "m/a.pkl", extra: request{"expect_sha256": digestOf(harmless)}, want: "policy", rule: "TRU004"},
		{name: "expected, and no rule", policy: "sources: []\n", file: "m/a.pkl", extra: request{"expect_sha256": digestOf(harmless)}, want: "policy", rule: "TRU004"},
		{name: "expected, and the rule asks the lock", policy: "sources: [{path: m/}]\n", file: "m/a.pkl", extra: request{"expect_sha256": digestOf(harmless)}, want: "untrusted", rule: "TRU001"},

		{name: "jit_load of what passed", locked: []string{"m/a.pkl"}, file: "m/a.pkl", extra: request{"operation": "jit_load"}, want: "ok"},
		{name: "upload of what is locked", locked: []string{"m/a.pkl"}, file: "m/a.pkl", extra: request{"upload": true}, want: "policy", rule: "TRU004"},
		{name: "harmful upload", policy: "user_uploads: scan\n", file: "m/evil.pkl", extra: request{"upload": true}, want: "verdict"},
		{name: "unsigned upload", policy: "user_uploads: scan\nrequire_signature: true\nsigners: {a: {key: k}}\n", file: "m/a.pkl", extra: request{"upload": true}, want: "signature", rule: "TRU011"},

		{name: "file others can write", policy: scanM, prepare: mode("m/a.pkl", 0o602), file: "m/a.pkl", want: "policy", rule: "TRU005"},
		{name: "file its group can write", policy: scanM, prepare: mode("m/a.pkl", 0o620), file: "m/a.pkl", want: "policy", rule: "TRU005"},
		{name: "open file others can write", policy: scanM, file: "m/a.pkl", extra: request{"mode": 0o100602}, want: "policy", rule: "TRU005"},
		{name: "open file of another user", policy: scanM, file: "m/a.pkl", extra: request{"uid": 4711}, want: "policy", rule: "TRU005"},
		{name: "folder others can write, with a sticky bit", policy: scanM, prepare: mode("m", 0o777|os.ModeSticky), file: "m/a.pkl", want: "policy", rule: "TRU005"},
		{name: "locked in a folder others can write", locked: []string{"m/a.pkl"}, prepare: mode("m", 0o777), file: "m/a.pkl", want: "ok"},
		{name: "project others can write", locked: []string{"m/a.pkl"}, prepare: mode(".", 0o777), file: "m/a.pkl", want: "policy", rule: "TRU005"},
		{name: "lock others can write", locked: []string{"m/a.pkl"}, prepare: mode("andiron.lock", 0o666), file: "m/a.pkl", want: "policy", rule: "TRU005"},
		{name: "policy others can write", policy: scanM, prepare: mode("andiron.yaml", 0o622), file: "m/a.pkl", want: "policy", rule: "TRU005"},
		{name: "waived place", policy: scanM + "waivers: [{rule: TRU005, path: m/, owner: a, reason: b, expires: 2999-01-01}]\n", prepare: mode("m", 0o777), file: "m/a.pkl", want: "ok"},

		{name: "link within a rule", policy: scanM, prepare: link("a.pkl", "m/link.pkl"), file: "m/link.pkl", want: "ok"},
		{name: "link to where no rule is", policy: scanM, prepare: link("../n/b.pkl", "m/link.pkl"), file: "m/link.pkl", want: "policy", rule: "TRU004"},
		{name: "folder link to where no rule is", policy: scanM, prepare: link("../n", "m/n"), file: "m/n/b.pkl", want: "policy", rule: "TRU004"},
		{name: "absolute link", policy: scanM, prepare: func(dir string) error {
			return os.Symlink(filepath.Join(dir, "m/a.pkl"), filepath.Join(dir, "m/link.pkl"))
		}, file: "m/link.pkl", want: "policy", rule: "TRU006"},
		{name: "link out", policy: scanM, prepare: func(dir string) error {
			if err := os.WriteFile(dir+".pkl", harmless, 0o600); err != nil {
				return err
			}
			return os.Symlink("../../"+filepath.Base(dir)+".pkl", filepath.Join(dir, "m/link.pkl"))
		}, file: "m/link.pkl", want: "policy", rule: "TRU006"},
		{name: "locked, and a link out", locked: []string{"m/link.pkl=m/a.pkl"}, prepare: func(dir string) error {
			if err := os.WriteFile(dir+".pkl", harmless, 0o600); err != nil {
				return err
			}
			return os.Symlink("../../"+filepath.Base(dir)+".pkl", filepath.Join(dir, "m/link.pkl"))
		}, file: "m/link.pkl", want: "policy", rule: "TRU006"},

		{name: "address by the caller", policy: "sources: [{url: 'https://h.example/', trust: scan}]\n", file: "m/a.pkl", extra: request{"url": "https://H.example/x/0123456789abcdef0123456789abcdef01234567/a.pkl"}, want: "ok"},
		{name: "address without a commit", policy: "sources: [{url: 'https://h.example/', trust: scan}]\n", file: "m/a.pkl", extra: request{"url": "https://h.example/x/a.pkl"}, want: "policy", rule: "TRU004"},
		{name: "address with a trick", policy: "sources: [{url: 'https://h.example/', trust: scan}]\n", file: "m/a.pkl", extra: request{"url": "https://h.example/../0123456789abcdef0123456789abcdef01234567/a.pkl"}, want: "policy", rule: "TRU004"},
		{name: "plain http", policy: "sources: [{url: 'https://h.example/', trust: scan}]\n", file: "m/a.pkl", extra: request{"url": "http://h.example/x/0123456789abcdef0123456789abcdef01234567/a.pkl"}, want: "policy", rule: "TRU004"},
		{name: "cache outside of the project", policy: "sources: [{url: 'https://huggingface.co/acme/', trust: scan}]\n", prepare: cacheBeside(inTheHub), file: "../@/" + inTheHub, want: "ok"},
		{name: "cache of another owner", policy: "sources: [{url: 'https://huggingface.co/other/', trust: scan}]\n", prepare: cacheBeside(inTheHub), file: "../@/" + inTheHub, want: "policy", rule: "TRU004"},
		{name: "cache that others can write", policy: "sources: [{url: 'https://huggingface.co/acme/', trust: scan}]\n", prepare: func(dir string) error {
			if err := cacheBeside(inTheHub)(dir); err != nil {
				return err
			}
			return os.Chmod(filepath.Join(dir+"-cache", "hub/models--acme--m"), 0o777)
		}, file: "../@/" + inTheHub, want: "policy", rule: "TRU005"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := trustProject(t, files, tt.policy, tt.locked...)
			if tt.prepare != nil {
				if err := tt.prepare(dir); err != nil {
					t.Fatal(err)
				}
			}
			file := strings.Replace(tt.file, "@", filepath.Base(dir)+"-cache", 1)
			got := load(t, dir, file, tt.extra)
			if got.Code != tt.want || tt.rule != "" && !slices.Contains(got.Rules, tt.rule) || got.Allowed != (tt.want == "ok") {
				t.Errorf("%+v, want %s %s", got, tt.want, tt.rule)
			}
		})
	}
}

func mode(name string, m os.FileMode) func(string) error {
	return func(dir string) error { return os.Chmod(filepath.Join(dir, name), m) }
}

func link(target, name string) func(string) error {
	return func(dir string) error { return os.Symlink(target, filepath.Join(dir, name)) }
}

// cacheBeside makes a Hugging Face cache beside the project, with a blob and a link.
func cacheBeside(file string) func(string) error {
	return func(dir string) error {
		at := filepath.Join(dir+"-cache", file)
		blob := filepath.Join(filepath.Dir(at), "../../blobs/b")
		for _, d := range []string{filepath.Dir(at), filepath.Dir(blob)} {
			if err := os.MkdirAll(d, 0o700); err != nil {
				return err
			}
		}
		if err := os.WriteFile(blob, harmless, 0o600); err != nil {
			return err
		}
		return os.Symlink("../../blobs/b", at)
	}
}

// What stage bytes brings is not believed.
func TestDecideHashesTheCopy(t *testing.T) {
	dir := trustProject(t, map[string][]byte{"m/a.pkl": harmless, "other": []byte("\x80\x02].")}, scanM)
	q := request{"v": 1, "operation": "load", "path": filepath.Join(dir, "m/a.pkl"), "project": dir, "stage": "bytes", "size": 4, "sha256": digestOf(harmless)}
	for file, want := range map[string]string{"m/a.pkl": "ok", "other": "digest", "none": "unreadable", "m": "unreadable"} {
		q["file"] = filepath.Join(dir, file)
		if got := decide(t, dir, q); got.Code != want {
			t.Errorf("%s: %+v, want %s", file, got, want)
		}
	}
	delete(q, "file")
	if got := decide(t, dir, q); got.Code != "unreadable" {
		t.Errorf("no copy: %+v", got)
	}
}

// jit_load looks at the bytes of what has not passed, load does not have to.
func TestDecideNeeds(t *testing.T) {
	dir := trustProject(t, map[string][]byte{"m/a.pkl": harmless, "m/own.pkl": unnamed}, lived("2999-01-01"), "m/a.pkl", "m/own.pkl")
	for _, tt := range []struct {
		operation, file string
		size            int
		need            []string
	}{
		{"load", "m/a.pkl", len(harmless), []string{"sha256"}},
		{"load", "m/own.pkl", len(unnamed), []string{"sha256"}},
		{"jit_load", "m/a.pkl", len(harmless), []string{"sha256"}},
		{"jit_load", "m/own.pkl", len(unnamed), []string{"sha256", "bytes"}},
	} {
		got := decide(t, dir, request{"v": 1, "operation": tt.operation, "path": filepath.Join(dir, tt.file), "project": dir, "stage": "open", "size": tt.size})
		if !got.Allowed || !slices.Equal(got.Need, tt.need) {
			t.Errorf("%s %s: %+v, want %v", tt.operation, tt.file, got, tt.need)
		}
	}
}

// Many runs at the same time lose nothing that one of them added.
func TestParallelAdds(t *testing.T) {
	const runs = 20
	dir := trustProject(t, nil, "")
	for i := range runs {
		writeFile(t, filepath.Join(dir, fmt.Sprintf("m%d.pkl", i)), harmless)
	}
	var wg sync.WaitGroup
	for i := range runs {
		wg.Go(func() {
			if out, err := andiron(t, dir, "trust", "add", "--by", "alice", fmt.Sprintf("m%d.pkl", i)); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wg.Wait()
	if out, err := andiron(t, dir, "trust", "check"); err != nil || strings.Count(out, "TRU090") != runs {
		t.Errorf("%v: %s", err, out)
	}
	if left, err := filepath.Glob(filepath.Join(dir, ".andiron-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func andiron(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "andiron", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "XDG_CACHE_HOME="+dir+"-xdg")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// The cache of digests saves reading, and is never the reason to trust: a file that
// was written to is noticed also when its time was put back, and what somebody wrote
// into the cache cannot get past --no-cache, or into an answer to a loader.
func TestDigestCache(t *testing.T) {
	t.Parallel()
	dir := trustProject(t, map[string][]byte{"m/a.pkl": harmless}, "", "m/a.pkl")
	shared := filepath.Join(dir+"-xdg", "andiron") // of an older program, for all to read
	model, cache := filepath.Join(dir, "m/a.pkl"), filepath.Join(shared, "private", "digests")
	if err := os.MkdirAll(shared, 0o755); err != nil {
		t.Fatal(err)
	}
	check := func(want string, args ...string) {
		t.Helper()
		out, _ := andiron(t, dir, append([]string{"trust", "check"}, args...)...)
		if !strings.Contains(out, want) {
			t.Errorf("%s is missing: %s", want, out)
		}
	}
	check("TRU090")
	if _, err := os.Stat(cache); err == nil {
		t.Error("a file that was just written is remembered")
	}
	time.Sleep(2100 * time.Millisecond)
	check("TRU090", "--no-cache")
	if _, err := os.Stat(cache); err == nil {
		t.Error("--no-cache remembers")
	}
	check("TRU090")
	b, err := os.ReadFile(cache)
	if err != nil || !strings.Contains(string(b), digestOf(harmless)) {
		t.Fatalf("%q, %v", b, err)
	}
	// It is used: a false entry shows, but for --no-cache.
	writeFile(t, cache, []byte(strings.Replace(string(b), digestOf(harmless), digestOf(harmful), 1)))
	check("TRU002")
	check("TRU090", "--no-cache")
	if got := load(t, dir, "m/a.pkl", nil); !got.Allowed {
		t.Errorf("a loader is told of the cache: %+v", got)
	}
	writeFile(t, cache, b)
	check("TRU090")
	// Same size, same modification time, other bytes.
	info, err := os.Stat(model)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, model, []byte("\x80\x02]."))
	if err := os.Chtimes(model, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	check("TRU002")
	// What is damaged is as good as empty.
	writeFile(t, model, harmless)
	writeFile(t, cache, []byte("\x00\xff"))
	check("TRU090")
}

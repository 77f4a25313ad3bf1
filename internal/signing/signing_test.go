package signing_test

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/internal/signing"
)

// folder makes a model of files; names that end in a slash are folders.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "resnet")
	for name, text := range files {
		put(t, dir, name, text)
	}
	return dir
}

func put(t *testing.T, dir, name, text string) {
	t.Helper()
	full := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func newKey(t *testing.T, curve string) *ecdsa.PrivateKey {
	t.Helper()
	key, err := signing.GenerateKey(curve)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func trust(keys ...*ecdsa.PrivateKey) (roots signing.Roots) {
	for _, k := range keys {
		roots.Keys = append(roots.Keys, k.Public())
	}
	return roots
}

// seal signs a payload without any code of the package: DSSE 1.0 by the book.
func seal(t testing.TB, key *ecdsa.PrivateKey, payload string) map[string]any {
	t.Helper()
	hint, err := signing.Fingerprint(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{
		"mediaType":            "application/vnd.dev.sigstore.bundle.v0.3+json",
		"verificationMaterial": map[string]any{"publicKey": map[string]any{"hint": hint}},
		"dsseEnvelope":         envelope(t, key, payload),
	}
}

func envelope(t testing.TB, key *ecdsa.PrivateKey, payload string) map[string]any {
	t.Helper()
	pae := fmt.Sprintf("DSSEv1 28 application/vnd.in-toto+json %d %s", len(payload), payload)
	return map[string]any{
		"payload":     base64.StdEncoding.EncodeToString([]byte(payload)),
		"payloadType": "application/vnd.in-toto+json",
		"signatures":  []any{map[string]any{"sig": rawSignature(t, key, pae), "keyid": ""}},
	}
}

func rawSignature(t testing.TB, key *ecdsa.PrivateKey, pae string) string {
	t.Helper()
	var digest []byte
	switch key.Params().BitSize {
	case 256:
		d := sha256.Sum256([]byte(pae))
		digest = d[:]
	case 384:
		d := sha512.Sum384([]byte(pae))
		digest = d[:]
	default:
		d := sha512.Sum512([]byte(pae))
		digest = d[:]
	}
	sig, err := ecdsa.SignASN1(rand.Reader, key, digest)
	if err != nil {
		t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(sig)
}

func encode(t testing.TB, bundle any) []byte {
	t.Helper()
	b, err := json.Marshal(bundle)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// resource is a line of a payload.
func resource(name, content string) string { return resourceBy(name, content, "sha256") }

func resourceBy(name, content, algorithm string) string {
	return fmt.Sprintf(`{"name":%q,"digest":%q,"algorithm":%q}`, name, sum(content), algorithm)
}

func sum(content string) string {
	d := sha256.Sum256([]byte(content))
	return hex.EncodeToString(d[:])
}

const plainFiles = `"method":"files","hash_type":"sha256","allow_symlinks":false`

// payload is a statement about resources, with the root that belongs to it.
func payload(serialization string, resources ...string) string {
	h := sha256.New()
	for _, r := range resources {
		var x struct{ Digest string }
		if err := json.Unmarshal([]byte(r), &x); err != nil {
			panic(err)
		}
		raw, _ := hex.DecodeString(x.Digest) // tests have bad ones too
		h.Write(raw)
	}
	return fmt.Sprintf(`{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"resnet","digest":{"sha256":"%x"}}],`+
		`"predicateType":"https://model_signing/signature/v1.0","predicate":{"resources":[%s],"serialization":{%s}}}`,
		h.Sum(nil), strings.Join(resources, ","), serialization)
}

// open opens a sealed payload.
func open(t *testing.T, text string) (*signing.Statement, error) {
	t.Helper()
	key := newKey(t, "p256")
	return signing.Open(encode(t, seal(t, key, text)), trust(key))
}

func mustOpen(t *testing.T, text string) *signing.Statement {
	t.Helper()
	s, err := open(t, text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustCheck(t *testing.T, s *signing.Statement, path string, opt signing.CheckOptions) []signing.Mismatch {
	t.Helper()
	got, err := s.Check(path, opt)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// problems are mismatches without digests: "changed a.bin".
func problems(list []signing.Mismatch) (out []string) {
	for _, m := range list {
		out = append(out, string(m.Problem)+" "+m.Path)
	}
	return out
}

// refused fails unless err is a refusal that says want.
func refused(t *testing.T, err error, want string) {
	t.Helper()
	r, ok := errors.AsType[*signing.RefusalError](err)
	if !ok {
		t.Errorf("%v, want a refusal with %q", err, want)
	} else if !strings.Contains(r.Reason, want) {
		t.Errorf("refused with %q, want %q", r.Reason, want)
	}
}

func TestRoundTrip(t *testing.T) {
	dir := folder(t, map[string]string{"a.bin": "one", "sub/b.bin": "two", "sub.txt": "three", "empty": ""})
	for _, curve := range signing.Curves() {
		key := newKey(t, curve)
		bundle, said, err := signing.Sign(dir, key, signing.SignOptions{})
		if err != nil {
			t.Fatal(err)
		}
		s, err := signing.Open(bundle, trust(newKey(t, "p256"), key))
		if err != nil {
			t.Fatal(err)
		}
		fingerprint, _ := signing.Fingerprint(key.Public())
		if s.Method != signing.Key || s.Signer != fingerprint || s.Name != "resnet" || s.Files() != 4 || s.Root != said.Root {
			t.Errorf("%s: %+v", curve, s)
		}
		if got := mustCheck(t, s, dir, signing.CheckOptions{}); len(got) != 0 {
			t.Errorf("%s: %v", curve, problems(got))
		}
		_, err = signing.Open(bundle, trust(newKey(t, curve)))
		refused(t, err, "is not trusted")
		_, err = signing.Open(bundle, signing.Roots{})
		refused(t, err, "no key is trusted")
	}
}

// TestPayload pins what is signed, byte by byte.
func TestPayload(t *testing.T) {
	dir := folder(t, map[string]string{"sub/b.bin": "two", "sub.txt": "three", "é<&>.bin": "1", "old.sig": "x", "cache/x": "y", ".git/HEAD": "z"})
	bundle, _, err := signing.Sign(dir, newKey(t, "p256"), signing.SignOptions{Ignore: []string{"./cache/"}, Bundle: filepath.Join(dir, "old.sig")})
	if err != nil {
		t.Fatal(err)
	}
	var b struct{ DSSEEnvelope struct{ Payload []byte } }
	if err := json.Unmarshal(bundle, &b); err != nil {
		t.Fatal(err)
	}
	// By code points: a dot comes before a slash.
	want := payload(plainFiles+`,"ignore_paths":[".git",".gitattributes",".github",".gitignore","cache","old.sig"]`,
		resource("sub.txt", "three"), resource("sub/b.bin", "two"), resource("é<&>.bin", "1"))
	if diff := cmp.Diff(want, string(b.DSSEEnvelope.Payload)); diff != "" {
		t.Error(diff)
	}
}

func TestCheckFindsEveryChange(t *testing.T) {
	files := map[string]string{"a.bin": "one", "sub/b.bin": "two", "c.bin": "three"}
	s := mustOpen(t, payload(plainFiles, resource("a.bin", "one"), resource("c.bin", "three"), resource("sub/b.bin", "two")))
	for _, c := range []struct {
		name   string
		change func(dir string)
		want   []string
	}{
		{"nothing", func(string) {}, nil},
		{"a byte", func(dir string) { put(t, dir, "a.bin", "onE") }, []string{"changed a.bin"}},
		{"a shorter file", func(dir string) { put(t, dir, "a.bin", "on") }, []string{"changed a.bin"}},
		{"a longer file", func(dir string) { put(t, dir, "a.bin", "one ") }, []string{"changed a.bin"}},
		{"no file", func(dir string) { remove(t, dir, "sub/b.bin") }, []string{"missing sub/b.bin"}},
		{"no folder", func(dir string) { remove(t, dir, "sub") }, []string{"missing sub/b.bin"}},
		{"a file for a folder", func(dir string) { remove(t, dir, "sub"); put(t, dir, "sub", "two") }, []string{"extra sub", "missing sub/b.bin"}},
		{"a folder for a file", func(dir string) { remove(t, dir, "a.bin"); put(t, dir, "a.bin/x", "one") }, []string{"special a.bin", "extra a.bin/x"}},
		{"one more", func(dir string) { put(t, dir, "sub/modeling.py", "") }, []string{"extra sub/modeling.py"}},
		{"swapped", func(dir string) { put(t, dir, "a.bin", "three"); put(t, dir, "c.bin", "one") }, []string{"changed a.bin", "changed c.bin"}},
		{"another case", func(dir string) { remove(t, dir, "a.bin"); put(t, dir, "A.bin", "one") }, []string{"extra A.bin", "missing a.bin"}},
		{"git at the top", func(dir string) { put(t, dir, ".git/config", ""); put(t, dir, ".gitignore", "") }, nil},
		{"git below", func(dir string) { put(t, dir, "sub/.git/config", "") }, []string{"extra sub/.git/config"}},
		{"an empty folder", func(dir string) { mkdir(t, dir, "empty/inner") }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := folder(t, files)
			c.change(dir)
			got := problems(mustCheck(t, s, dir, signing.CheckOptions{}))
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func remove(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
}

func mkdir(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestUnsignedFilesPassOnlyWhenTold(t *testing.T) {
	dir := folder(t, map[string]string{"a.bin": "one", "more.bin": "x", "model.sig": "{}"})
	s := mustOpen(t, payload(plainFiles, resource("a.bin", "one")))
	opt := signing.CheckOptions{Except: []string{filepath.Join(dir, "model.sig")}}
	if got := problems(mustCheck(t, s, dir, opt)); !slices.Equal(got, []string{"extra more.bin"}) {
		t.Errorf("got %q", got)
	}
	opt.IgnoreUnsafe = []string{"more.bin", "a.bin"}
	if got := problems(mustCheck(t, s, dir, opt)); got != nil {
		t.Errorf("got %q", got)
	}
	put(t, dir, "a.bin", "two") // which was signed
	if got := problems(mustCheck(t, s, dir, opt)); !slices.Equal(got, []string{"changed a.bin"}) {
		t.Errorf("got %q", got)
	}
	for _, p := range []string{".", "..", "/", "a/..", "*"} {
		if _, err := s.Check(dir, signing.CheckOptions{IgnoreUnsafe: []string{p}}); err == nil {
			t.Errorf("%q can be ignored", p)
		}
	}
	put(t, dir, "a.bin", "one")
	opt.IgnoreUnsafe, opt.AllowUnsignedFilesUnsafe = nil, true
	if got := problems(mustCheck(t, s, dir, opt)); got != nil {
		t.Errorf("got %q", got)
	}
	put(t, dir, "a.bin", "two")
	if got := problems(mustCheck(t, s, dir, opt)); !slices.Equal(got, []string{"changed a.bin"}) {
		t.Errorf("got %q", got)
	}
}

// TestOnlyTheBundleIsExcepted: by whatever way its folder is named, but under no
// other name.
func TestOnlyTheBundleIsExcepted(t *testing.T) {
	dir := folder(t, map[string]string{"a.bin": "one", "sub/model.sig": "{}"})
	s := mustOpen(t, payload(plainFiles, resource("a.bin", "one")))
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{filepath.Join(dir, "sub/model.sig"), filepath.Join(link, "sub", "model.sig"), filepath.Join(dir, "sub", "..", "sub", "model.sig")} {
		for _, model := range []string{dir, link} {
			if got := problems(mustCheck(t, s, model, signing.CheckOptions{Except: []string{name}})); got != nil {
				t.Errorf("%s in %s: %q", name, model, got)
			}
		}
	}
	if err := os.Link(filepath.Join(dir, "sub/model.sig"), filepath.Join(dir, "model.py")); err != nil {
		t.Fatal(err)
	}
	got := problems(mustCheck(t, s, dir, signing.CheckOptions{Except: []string{filepath.Join(dir, "sub/model.sig")}}))
	if !slices.Equal(got, []string{"extra model.py"}) {
		t.Errorf("a hard link: %q", got)
	}
}

// TestSignedFilesAreCheckedWhereOthersAreIgnored: ignoring is about files that
// were not signed.
func TestSignedFilesAreCheckedWhereOthersAreIgnored(t *testing.T) {
	dir := folder(t, map[string]string{"a.bin": "one", "cache/x": "new", "cache/y": "", ".git/hook": "new"})
	s := mustOpen(t, payload(plainFiles+`,"ignore_paths":["cache"]`, resource(".git/hook", "old"), resource("a.bin", "one"), resource("cache/x", "old")))
	if got := problems(mustCheck(t, s, dir, signing.CheckOptions{})); !slices.Equal(got, []string{"changed .git/hook", "changed cache/x"}) {
		t.Errorf("got %q", got)
	}
}

func TestCovers(t *testing.T) {
	one := sha256.Sum256([]byte("one"))
	s := mustOpen(t, payload(plainFiles, resource("a.bin", "one"), resource("b.bin", "two")))
	if err := s.Covers("a.bin", one); err != nil {
		t.Error(err)
	}
	refused(t, s.Covers("b.bin", one), "was signed with the SHA-256")
	refused(t, s.Covers("c.bin", one), "is not among the 2 files")
	single := mustOpen(t, payload(plainFiles, resource(".", "one")))
	if err := single.Covers("renamed.bin", one); err != nil {
		t.Error(err)
	}
	refused(t, single.Covers("renamed.bin", sha256.Sum256(nil)), "was signed with")
	shards := mustOpen(t, payload(shards("10"), resource("a.bin:0:3", "one")))
	if err := shards.Covers("a.bin", one); !errors.Is(err, signing.ErrUnsupported) {
		t.Error(err)
	}
}

package signing_test

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/signing"
)

// These are the ways in which the reference implementation (sigstore/
// model-transparency 1.1.1) and the specification differ, and what other versions
// of it wrote. make interop runs the reference itself.

func shards(size string) string {
	return `"method":"shards","hash_type":"sha256","shard_size":` + size + `,"allow_symlinks":false`
}

// The reference sorts by the parts of a path, the specification by code points, so
// the same model has two roots. Any order is taken; the root must be over it.
func TestAnyOrderOfResources(t *testing.T) {
	dir := folder(t, map[string]string{"sub/b.bin": "two", "sub.txt": "three"})
	byCodePoints := []string{resource("sub.txt", "three"), resource("sub/b.bin", "two")}
	byParts := []string{byCodePoints[1], byCodePoints[0]}
	var roots []string
	for _, list := range [][]string{byCodePoints, byParts} {
		s := mustOpen(t, payload(plainFiles, list...))
		if got := mustCheck(t, s, dir, signing.CheckOptions{}); len(got) != 0 {
			t.Errorf("%q", problems(got))
		}
		roots = append(roots, s.Root)
	}
	if roots[0] == roots[1] {
		t.Error("the roots are the same, so this tests nothing")
	}
	_, err := open(t, strings.Replace(payload(plainFiles, byParts...), roots[1], roots[0], 1))
	refused(t, err, "contradicts itself")
}

// The reference writes numbers as protobuf does, and names the size of the shards
// in the algorithm. Empty files are in no shard.
func TestShards(t *testing.T) {
	dir := folder(t, map[string]string{"a:1.bin": "abcde", "b.bin": "xy", "empty": ""})
	for _, size := range []string{"2", "2.0", "2e0"} {
		for _, algorithm := range []string{"sha256", "sha256-sharded-2"} {
			s := mustOpen(t, payload(shards(size),
				resourceBy("a:1.bin:0:2", "ab", algorithm), resourceBy("a:1.bin:2:4", "cd", algorithm),
				resourceBy("a:1.bin:4:5", "e", algorithm), resourceBy("b.bin:0:2", "xy", algorithm)))
			if s.Files() != 2 || s.ShardSize != 2 {
				t.Errorf("%+v", s)
			}
			if got := mustCheck(t, s, dir, signing.CheckOptions{}); len(got) != 0 {
				t.Errorf("%s %s: %q", size, algorithm, problems(got))
			}
		}
	}
}

func TestShardsFindEveryChange(t *testing.T) {
	s := mustOpen(t, payload(shards("2"), resource("a.bin:0:2", "ab"), resource("a.bin:2:3", "c")))
	for text, want := range map[string][]string{
		"abc":  nil,
		"abX":  {"changed a.bin"},
		"Xbc":  {"changed a.bin"},
		"ab":   {"changed a.bin"},
		"abcd": {"changed a.bin"},
		"":     {"changed a.bin"},
	} {
		dir := folder(t, map[string]string{"a.bin": text, "empty": ""})
		if got := problems(mustCheck(t, s, dir, signing.CheckOptions{})); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	dir := folder(t, map[string]string{"a.bin": "abc", "b.bin": "x"})
	if got := problems(mustCheck(t, s, dir, signing.CheckOptions{})); !slices.Equal(got, []string{"extra b.bin"}) {
		t.Errorf("got %q", got)
	}
}

func TestBadShards(t *testing.T) {
	for name, text := range map[string]string{
		"a gap":             payload(shards("2"), resource("a:0:2", "ab"), resource("a:4:5", "e")),
		"an overlap":        payload(shards("2"), resource("a:0:2", "ab"), resource("a:1:3", "bc")),
		"twice":             payload(shards("2"), resource("a:0:2", "ab"), resource("a:0:2", "ab")),
		"a late start":      payload(shards("2"), resource("a:2:4", "cd")),
		"too long":          payload(shards("2"), resource("a:0:3", "abc")),
		"a short one first": payload(shards("2"), resource("a:0:1", "a"), resource("a:1:3", "bc")),
		"backwards":         payload(shards("2"), resource("a:2:0", "")),
		"negative":          payload(shards("2"), resource("a:-2:0", "")),
		"no range":          payload(shards("2"), resource("a", "ab")),
		"half a range":      payload(shards("2"), resource("a:2", "ab")),
		"no path":           payload(shards("2"), resource(":0:2", "ab")),
		"size 1.5":          payload(shards("1.5"), resource("a:0:1", "a")),
		"size 0":            payload(shards("0"), resource("a:0:1", "a")),
		"size -1":           payload(shards("-1"), resource("a:0:1", "a")),
		"size 1e999":        payload(shards("1e999"), resource("a:0:1", "a")),
		"no size":           payload(`"method":"shards","hash_type":"sha256","allow_symlinks":false`, resource("a:0:1", "a")),
	} {
		_, err := open(t, text)
		if _, ok := errors.AsType[*signing.RefusalError](err); !ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The reference calls the only file of a model ".", the specification by its name;
// we write what the reference can read.
func TestSingleFiles(t *testing.T) {
	dir := folder(t, map[string]string{"m.bin": "one", "other.bin": "two"})
	file := filepath.Join(dir, "m.bin")
	for _, name := range []string{".", "m.bin"} {
		s := mustOpen(t, payload(plainFiles, resource(name, "one")))
		if got := mustCheck(t, s, file, signing.CheckOptions{}); len(got) != 0 {
			t.Errorf("%q: %q", name, problems(got))
		}
		got := problems(mustCheck(t, s, filepath.Join(dir, "other.bin"), signing.CheckOptions{}))
		want := map[string][]string{".": {"changed other.bin"}, "m.bin": {"missing m.bin", "extra other.bin"}}[name]
		if !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
	key := newKey(t, "p256")
	bundle, s, err := signing.Sign(file, key, signing.SignOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if s.Name != "m.bin" || s.Resources[0].Path != "." || s.Resources[0].SHA256 != sha256.Sum256([]byte("one")) {
		t.Errorf("%+v", s)
	}
	if _, err := signing.Open(bundle, trust(key)); err != nil {
		t.Error(err)
	}
	// A folder is not the file that was signed.
	if got := mustCheck(t, s, dir, signing.CheckOptions{AllowUnsignedFilesUnsafe: true}); len(got) != 1 {
		t.Errorf("%q", problems(got))
	}
}

// v0.2.0 signed other bytes, with another predicate. It is refused by name.
func TestOldestVersionIsRefusedByName(t *testing.T) {
	const old = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"a","digest":{"sha256":"00"}}],"predicateType":"https://model_signing/Digests/v0.1","predicate":{"unused":"Unused"}}`
	key := newKey(t, "p256")
	b := seal(t, key, old)
	if _, err := signing.Open(encode(t, b), trust(key)); !errors.Is(err, signing.ErrUnsupported) {
		t.Errorf("with a good signature: %v", err)
	}
	// Its pre-authentication encoding, with the representation of Python bytes.
	sig := rawSignature(t, key, "DSSEV1 28 application/vnd.in-toto+json 5 b'...'")
	b["dsseEnvelope"].(map[string]any)["signatures"] = []any{map[string]any{"sig": sig, "keyid": nil}}
	if _, err := signing.Open(encode(t, b), trust(key)); !errors.Is(err, signing.ErrUnsupported) {
		t.Errorf("with its own signature: %v", err)
	}
	// That is for the message only: nothing else is verified over other bytes.
	b = seal(t, key, payload(plainFiles, resource("a", "x")))
	b["dsseEnvelope"].(map[string]any)["signatures"] = []any{map[string]any{"sig": sig}}
	_, err := signing.Open(encode(t, b), trust(key))
	refused(t, err, "does not verify")
}

// v0.3.1 to v1.0.0 had the PEM text of the key in place of a hint, and a null
// keyid.
func TestRawBytesInPlaceOfAHint(t *testing.T) {
	key, other := newKey(t, "p384"), newKey(t, "p384")
	text, err := signing.MarshalPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	b := seal(t, key, payload(plainFiles, resource("a", "x")))
	b["verificationMaterial"] = map[string]any{"publicKey": map[string]any{
		"rawBytes": base64.StdEncoding.EncodeToString(text), "keyDetails": "PKIX_ECDSA_P384_SHA_384",
	}}
	b["dsseEnvelope"].(map[string]any)["signatures"].([]any)[0].(map[string]any)["keyid"] = nil
	if _, err := signing.Open(encode(t, b), trust(other, key)); err != nil {
		t.Error(err)
	}
	// A key in a bundle is no key to trust.
	_, err = signing.Open(encode(t, b), trust(other))
	refused(t, err, "does not verify with the trusted key")
}

// The hint is the digest of the PEM text. Others digest the DER, sigstore-go in
// base64.
func TestHints(t *testing.T) {
	key := newKey(t, "p256")
	text, err := signing.MarshalPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	fingerprint, err := signing.Fingerprint(key.Public())
	if err != nil || fingerprint != sum(string(text)) {
		t.Errorf("%s, %v", fingerprint, err)
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	d := sha256.Sum256(der)
	b := seal(t, key, payload(plainFiles, resource("a", "x")))
	for hint, good := range map[string]bool{
		fingerprint: true, hex.EncodeToString(d[:]): true, base64.StdEncoding.EncodeToString(d[:]): true, "": true,
		sum("another"): false, "alice": false,
	} {
		b["verificationMaterial"] = map[string]any{"publicKey": map[string]any{"hint": hint}}
		_, err := signing.Open(encode(t, b), trust(key))
		if good && err != nil {
			t.Errorf("%q: %v", hint, err)
		} else if !good {
			refused(t, err, "which is not trusted")
		}
	}
}

// keyid is "", null, absent or a name; tlogEntries are empty, absent or there.
func TestLenientWhereNothingIsMeant(t *testing.T) {
	key := newKey(t, "p256")
	for _, keyid := range []any{"", nil, "alice", missing} {
		for _, entries := range []any{missing, []any{}, []any{map[string]any{"logIndex": "1", "logId": map[string]any{"keyId": "AA=="}}}} {
			b := seal(t, key, payload(plainFiles, resource("a", "x")))
			set(b["dsseEnvelope"].(map[string]any)["signatures"].([]any)[0].(map[string]any), "keyid", keyid)
			set(b["verificationMaterial"].(map[string]any), "tlogEntries", entries)
			if _, err := signing.Open(encode(t, b), trust(key)); err != nil {
				t.Errorf("keyid %v, tlogEntries %v: %v", keyid, entries, err)
			}
		}
	}
}

// missing is the value of a key that is to be taken away.
const missing = "\x00missing"

func set(m map[string]any, key string, value any) {
	if m[key] = value; value == missing {
		delete(m, key)
	}
}

// Links are refused, unless the signer has said that links are followed; and never
// do they lead out.
func TestLinks(t *testing.T) {
	outside := folder(t, map[string]string{"a.bin": "one"})
	dir := folder(t, map[string]string{"real.bin": "one", "sub/b.bin": "two"})
	for name, target := range map[string]string{"in.bin": "real.bin", "out.bin": filepath.Join(outside, "a.bin"), "loop": "loop", "folder": "sub"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err := signing.Sign(dir, newKey(t, "p256"), signing.SignOptions{})
	if !errors.Is(err, signing.ErrLink) {
		t.Errorf("%v", err)
	}
	for _, file := range []string{"in.bin", "loop", "out.bin"} {
		if _, _, err := signing.Sign(filepath.Join(dir, file), newKey(t, "p256"), signing.SignOptions{}); !errors.Is(err, signing.ErrLink) {
			t.Errorf("%s: %v", file, err)
		}
	}
	if _, _, err := signing.Sign(filepath.Join(dir, "folder"), newKey(t, "p256"), signing.SignOptions{}); err != nil {
		t.Errorf("a link to a folder is that folder: %v", err)
	}
	files := []string{
		resource("folder/b.bin", "two"), resource("in.bin", "one"), resource("loop", ""), resource("out.bin", "one"),
		resource("real.bin", "one"), resource("sub/b.bin", "two"),
	}
	got := problems(mustCheck(t, mustOpen(t, payload(plainFiles, files...)), dir, signing.CheckOptions{}))
	want := []string{"link folder", "link folder/b.bin", "link in.bin", "link loop", "link out.bin"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	follow := `"method":"files","hash_type":"sha256","allow_symlinks":true`
	got = problems(mustCheck(t, mustOpen(t, payload(follow, files...)), dir, signing.CheckOptions{}))
	if want = []string{"extra folder", "link loop", "link out.bin"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

package signing_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/signing"
)

// in returns a nested map of a bundle.
func in(m map[string]any, keys ...string) map[string]any {
	for _, k := range keys {
		m, _ = m[k].(map[string]any)
	}
	return m
}

// signature is the only one of a bundle.
func signature(b map[string]any) map[string]any {
	return in(b, "dsseEnvelope")["signatures"].([]any)[0].(map[string]any)
}

// TestSignaturesThatDoNotVerify: each bundle is one change away from a good one.
func TestSignaturesThatDoNotVerify(t *testing.T) {
	key := newKey(t, "p256")
	good := payload(plainFiles, resource("a", "x"))
	for name, change := range map[string]func(b map[string]any){
		"another payload": func(b map[string]any) {
			in(b, "dsseEnvelope")["payload"] = base64.StdEncoding.EncodeToString([]byte(payload(plainFiles, resource("a", "y"))))
		},
		"a space more": func(b map[string]any) {
			in(b, "dsseEnvelope")["payload"] = base64.StdEncoding.EncodeToString([]byte(good + " "))
		},
		"no encoding": func(b map[string]any) { signature(b)["sig"] = rawSignature(t, key, good) },
		"a wrong length": func(b map[string]any) {
			signature(b)["sig"] = rawSignature(t, key, "DSSEv1 28 application/vnd.in-toto+json 1 "+good)
		},
		"another type": func(b map[string]any) {
			signature(b)["sig"] = rawSignature(t, key, fmt.Sprintf("DSSEv1 4 text %d %s", len(good), good))
		},
		"another key":   func(b map[string]any) { signature(b)["sig"] = signature(seal(t, newKey(t, "p256"), good))["sig"] },
		"another curve": func(b map[string]any) { signature(b)["sig"] = signature(seal(t, newKey(t, "p384"), good))["sig"] },
		"no bytes":      func(b map[string]any) { signature(b)["sig"] = "" },
		"no DER":        func(b map[string]any) { signature(b)["sig"] = "AAAA" },
		"r and s are zero": func(b map[string]any) {
			signature(b)["sig"] = base64.StdEncoding.EncodeToString([]byte{0x30, 6, 2, 1, 0, 2, 1, 0})
		},
		"r and s side by side": func(b map[string]any) {
			signature(b)["sig"] = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 64))
		},
		"bytes after it": func(b map[string]any) {
			raw, _ := base64.StdEncoding.DecodeString(signature(b)["sig"].(string))
			signature(b)["sig"] = base64.StdEncoding.EncodeToString(append(raw, 0))
		},
	} {
		b := seal(t, key, good)
		if _, err := signing.Open(encode(t, b), trust(key)); err != nil {
			t.Fatal(err)
		}
		change(b)
		_, err := signing.Open(encode(t, b), trust(key))
		t.Run(name, func(t *testing.T) { refused(t, err, "does not verify") })
	}
}

// TestBrokenBundles are no refusals: nothing can be said of them.
func TestBrokenBundles(t *testing.T) {
	key := newKey(t, "p256")
	good := string(encode(t, seal(t, key, payload(plainFiles, resource("a", "x")))))
	change := func(f func(b map[string]any)) string {
		var b map[string]any
		if err := json.Unmarshal([]byte(good), &b); err != nil {
			t.Fatal(err)
		}
		f(b)
		return string(encode(t, b))
	}
	for name, text := range map[string]string{
		"nothing":           "",
		"null":              "null",
		"a list":            "[]",
		"cut":               good[:len(good)-2],
		"two documents":     good + good,
		"a word after it":   good + "x",
		"not UTF-8":         strings.Replace(good, `"keyid":""`, "\"keyid\":\"\xff\"", 1),
		"a key twice":       strings.Replace(good, `"keyid":""`, `"keyid":"","keyid":""`, 1),
		"payload twice":     strings.Replace(good, `"payload":`, `"payload":"","payload":`, 1),
		"another spelling":  strings.Replace(good, `"payload":`, `"Payload":`, 1),
		"a long s":          strings.Replace(good, `"sig":`, `"ſig":`, 1),
		"escaped and twice": strings.Replace(good, `"sig":`, `"sig":"","s\u0069g":`, 1),
		"deep":              strings.Replace(good, `"keyid":""`, `"x":`+strings.Repeat("[", 100)+strings.Repeat("]", 100), 1),
		"many values":       strings.Replace(good, `"keyid":""`, `"x":[`+strings.Repeat("[],", 100_000)+`0]`, 1),
		"many certificates": `{"verificationMaterial":{"x509CertificateChain":{"certificates":[` + strings.Repeat("{},", 100_000) + `{}]}}}`,
		"version 0.2":       change(func(b map[string]any) { b["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2" }),
		"no media type":     change(func(b map[string]any) { delete(b, "mediaType") }),
		"no material":       change(func(b map[string]any) { delete(b, "verificationMaterial") }),
		"empty material":    change(func(b map[string]any) { b["verificationMaterial"] = map[string]any{} }),
		"two materials":     change(func(b map[string]any) { in(b, "verificationMaterial")["certificate"] = map[string]any{"rawBytes": ""} }),
		"no envelope":       change(func(b map[string]any) { delete(b, "dsseEnvelope") }),
		"a blob":            change(func(b map[string]any) { b["messageSignature"] = b["dsseEnvelope"]; delete(b, "dsseEnvelope") }),
		"another payload":   change(func(b map[string]any) { in(b, "dsseEnvelope")["payloadType"] = "text/plain" }),
		"no signature":      change(func(b map[string]any) { in(b, "dsseEnvelope")["signatures"] = []any{} }),
		"two signatures":    change(func(b map[string]any) { in(b, "dsseEnvelope")["signatures"] = []any{signature(b), signature(b)} }),
		"no base64":         change(func(b map[string]any) { in(b, "dsseEnvelope")["payload"] = "@@" }),
		"sig no base64":     change(func(b map[string]any) { signature(b)["sig"] = "@@" }),
		"sig a number":      change(func(b map[string]any) { signature(b)["sig"] = 1 }),
		"too large":         good + strings.Repeat(" ", signing.MaxBundle),
	} {
		s, err := signing.Open([]byte(text), trust(key))
		_, isRefusal := errors.AsType[*signing.RefusalError](err)
		if s != nil || err == nil || isRefusal {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSignedNonsense: who signs has the right key and says what must not be said.
func TestSignedNonsense(t *testing.T) {
	a := resource("a", "x")
	plain := payload(plainFiles, a)
	for name, c := range map[string]struct{ text, want string }{
		"no JSON":             {"hello", "is no statement"},
		"another statement":   {strings.Replace(plain, "Statement/v1", "Statement/v0.1", 1), "has the type"},
		"another predicate":   {strings.Replace(plain, "signature/v1.0", "signature/v2.0", 1), "is no model"},
		"no predicate":        {`{"_type":"https://in-toto.io/Statement/v1"}`, "is no model"},
		"no subject":          {strings.Replace(plain, `"subject":[`, `"subject":[],"x":[`, 1), "0 subjects"},
		"two subjects":        {strings.Replace(plain, `"subject":[`, `"subject":[{},`, 1), "2 subjects"},
		"no files":            {payload(plainFiles), "names no files"},
		"a file twice":        {payload(plainFiles, a, a), `"a" twice`},
		"another root":        {strings.Replace(plain, `"sha256":"`, `"sha256":"0`, 1), "contradicts itself"},
		"a key twice":         {strings.Replace(plain, `"resources":`, `"resources":[],"resources":`, 1), "stands twice"},
		"another spelling":    {strings.Replace(plain, `"resources":`, `"Resources":`, 1), `it is "resources"`},
		"a short digest":      {payload(plainFiles, strings.Replace(a, sum("x"), sum("x")[:62], 1)), "has the digest"},
		"no hex":              {payload(plainFiles, strings.Replace(a, sum("x"), "g"+sum("x")[1:], 1)), "has the digest"},
		"all is left out":     {payload(plainFiles+`,"ignore_paths":["./"]`, a), "leaves out the whole model"},
		"nothing is left out": {payload(plainFiles+`,"ignore_paths":[""]`, a), "leaves out the whole model"},
		"links as text":       {payload(`"method":"files","hash_type":"sha256","allow_symlinks":"no"`, a), "is no statement"},
	} {
		_, err := open(t, c.text)
		t.Run(name, func(t *testing.T) { refused(t, err, c.want) })
	}
}

func TestNamesThatLeadOut(t *testing.T) {
	for _, name := range []string{
		"", "..", "../a", "a/../../b", "a/..", "/etc/passwd", "//a", "a//b", "./a", "a/./b", "a/", "a\x00b",
	} {
		_, err := open(t, payload(plainFiles, fmt.Sprintf(`{"name":%s,"digest":%q,"algorithm":"sha256"}`, encode(t, name), sum("x"))))
		refused(t, err, "not a path within a model")
		_, err = open(t, payload(shards("2"), fmt.Sprintf(`{"name":%s,"digest":%q,"algorithm":"sha256"}`, encode(t, name+":0:1"), sum("x"))))
		refused(t, err, "not a path within a model")
	}
}

func TestWhatIsNotSupported(t *testing.T) {
	a := resource("a", "x")
	for name, text := range map[string]string{
		"blake3 model":           payload(`"method":"files","hash_type":"blake3","allow_symlinks":false`, a),
		"blake2b file":           payload(plainFiles, resourceBy("a", "x", "blake2b")),
		"shards of another size": payload(shards("2"), resourceBy("a:0:2", "ab", "sha256-sharded-4")),
		"sharded in files":       payload(plainFiles, resourceBy("a", "x", "sha256-sharded-2")),
		"tensors":                payload(`"method":"tensors","hash_type":"sha256","allow_symlinks":false`, a),
	} {
		if _, err := open(t, text); !errors.Is(err, signing.ErrUnsupported) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestKeyless: the function that verifies has the last word, and what it returns
// is what is believed.
func TestKeyless(t *testing.T) {
	key := newKey(t, "p256")
	b := seal(t, key, payload(plainFiles, resource("a", "not this")))
	b["verificationMaterial"] = map[string]any{"certificate": map[string]any{"rawBytes": ""}, "tlogEntries": []any{}}
	raw := encode(t, b)
	_, err := signing.Open(raw, trust(key))
	refused(t, err, "no Sigstore identity is trusted")

	var answer error
	roots := signing.Roots{Keyless: func(got []byte) ([]byte, string, error) {
		if !bytes.Equal(got, raw) {
			t.Errorf("it was given another bundle")
		}
		return []byte(payload(plainFiles, resource("a", "this"))), "alice", answer
	}}
	s, err := signing.Open(raw, roots)
	if err != nil || s.Method != signing.Keyless || s.Signer != "alice" || fmt.Sprintf("%x", s.Resources[0].SHA256) != sum("this") {
		t.Errorf("%+v, %v", s, err)
	}
	answer = errors.New("no log entry")
	_, err = signing.Open(raw, roots)
	refused(t, err, "no log entry")
	answer = fmt.Errorf("here: %w", signing.ErrUnsupported)
	if _, err = signing.Open(raw, roots); !errors.Is(err, signing.ErrUnsupported) {
		t.Error(err)
	}
}

func TestMethodOf(t *testing.T) {
	b := seal(t, newKey(t, "p256"), payload(plainFiles, resource("a", "x")))
	if m, err := signing.MethodOf(encode(t, b)); m != signing.Key || err != nil {
		t.Error(m, err)
	}
	if _, err := signing.MethodOf([]byte("{}")); err == nil {
		t.Error("{} has a method")
	}
}

// FuzzOpen: no bundle makes it panic, and none is good that was not signed.
func FuzzOpen(f *testing.F) {
	key, err := signing.GenerateKey("p256")
	if err != nil {
		f.Fatal(err)
	}
	for _, text := range []string{
		payload(plainFiles, resource("a", "x")),
		payload(shards("2.0"), resourceBy("a:0:2", "ab", "sha256-sharded-2")),
		"{}",
	} {
		f.Add(encode(f, seal(f, key, text)))
	}
	ca := newAuthority(f, nil, nil)
	f.Add(encode(f, sealChain(f, issue(f, ca, key, nil), ca)))
	f.Add([]byte(`{"mediaType":"application/vnd.dev.sigstore.bundle.v0.3+json"`))
	other, err := signing.GenerateKey("p256")
	if err != nil {
		f.Fatal(err)
	}
	roots := trust(other)
	roots.CAs = under(newAuthority(f, nil, nil)).CAs
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := signing.Open(b, roots); err == nil {
			t.Errorf("good without a signature: %+v", s)
		}
	})
}

// FuzzStatement: no payload makes it panic, and what is taken names files within
// the model, each once.
func FuzzStatement(f *testing.F) {
	for _, text := range []string{
		payload(plainFiles, resource("a", "x"), resource("b/c", "y")),
		payload(shards("2.0"), resourceBy("a:0:2", "ab", "sha256-sharded-2"), resource("a:2:3", "c")),
		payload(plainFiles+`,"ignore_paths":[".git","x"]`, resource(".", "x")),
		`{"predicateType":"https://model_signing/signature/v1.0","predicate":null}`,
	} {
		f.Add([]byte(text))
	}
	envelope := encode(f, map[string]any{
		"mediaType":            "application/vnd.dev.sigstore.bundle.v0.3+json",
		"verificationMaterial": map[string]any{"certificate": map[string]any{}},
		"dsseEnvelope":         map[string]any{"payload": "", "payloadType": "application/vnd.in-toto+json", "signatures": []any{map[string]any{"sig": ""}}},
	})
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := signing.Open(envelope, signing.Roots{Keyless: func([]byte) ([]byte, string, error) { return text, "", nil }})
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, r := range s.Resources {
			key := fmt.Sprintf("%q %d", r.Path, r.Start)
			if seen[key] || strings.HasPrefix(r.Path, "/") || strings.HasPrefix(r.Path, "..") {
				t.Errorf("%q passes", r.Path)
			}
			seen[key] = true
		}
	})
}

//go:build keyless || keylessinside

package keyless_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/testing/ca"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/andiron-dev/andiron/internal/keyless"
	"github.com/andiron-dev/andiron/internal/signing"
)

const (
	alice  = "alice@example.com"
	issuer = "https://accounts.example.com"
	// The digest is of "x".
	payload = `{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"m","digest":{"sha256":"0a325ca303eb3014c43ae004970f343634db176fa1697bcc8c9efac94626488d"}}],` +
		`"predicateType":"https://model_signing/signature/v1.0","predicate":{"resources":[{"name":"a.bin","digest":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881","algorithm":"sha256"}],` +
		`"serialization":{"method":"files","hash_type":"sha256","allow_symlinks":false}}}`
)

// sigstore is a Sigstore of our own: certificate authority, log and time stamps.
func sigstore(t *testing.T) *ca.VirtualSigstore {
	t.Helper()
	vs, err := ca.NewVirtualSigstore()
	if err != nil {
		t.Fatal(err)
	}
	return vs
}

// trustedRoot writes what it takes to trust vs, with its certificate log or
// without: its certificates are in none.
func trustedRoot(t *testing.T, vs *ca.VirtualSigstore, ctlogs bool) (file string) {
	t.Helper()
	logs := map[string]*root.TransparencyLog{}
	if ctlogs {
		logs = rawIDs(t, vs.CTLogs())
	}
	r, err := root.NewTrustedRoot(root.TrustedRootMediaType01, vs.FulcioCertificateAuthorities(), logs,
		vs.TimestampingAuthorities(), rawIDs(t, vs.RekorLogs()))
	if err != nil {
		t.Fatal(err)
	}
	b, err := r.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "trusted_root.json")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// rawIDs undoes the hexadecimal that VirtualSigstore has in place of bytes.
func rawIDs(t *testing.T, logs map[string]*root.TransparencyLog) map[string]*root.TransparencyLog {
	t.Helper()
	for _, l := range logs {
		id, err := hex.DecodeString(string(l.ID))
		if err != nil {
			t.Fatal(err)
		}
		l.ID = id
	}
	return logs
}

// pack makes a bundle of what vs attests.
func pack(t *testing.T, e *ca.TestEntity, err error) map[string]any {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	content, err := e.VerificationContent()
	if err != nil {
		t.Fatal(err)
	}
	sig, err := e.SignatureContent()
	if err != nil {
		t.Fatal(err)
	}
	stamps, err := e.Timestamps()
	if err != nil {
		t.Fatal(err)
	}
	list, err := e.TlogEntries()
	if err != nil {
		t.Fatal(err)
	}
	entries := []any{}
	for _, entry := range list {
		b, err := protojson.Marshal(entry.TransparencyLogEntry())
		if err != nil {
			t.Fatal(err)
		}
		var m map[string]any
		if err := json.Unmarshal(b, &m); err != nil {
			t.Fatal(err)
		}
		if m["kindVersion"] == nil { // AttestAtTime leaves it out
			m["kindVersion"] = map[string]any{"kind": "dsse", "version": "0.0.1"}
		}
		entries = append(entries, m)
	}
	env := sig.EnvelopeContent().RawEnvelope()
	return map[string]any{
		"mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
		"verificationMaterial": map[string]any{
			"certificate":               map[string]any{"rawBytes": content.Certificate().Raw},
			"tlogEntries":               entries,
			"timestampVerificationData": map[string]any{"rfc3161Timestamps": []any{map[string]any{"signedTimestamp": stamps[0]}}},
		},
		"dsseEnvelope": map[string]any{
			"payload": env.Payload, "payloadType": env.PayloadType,
			"signatures": []any{map[string]any{"sig": env.Signatures[0].Sig, "keyid": ""}},
		},
	}
}

func attest(t *testing.T, vs *ca.VirtualSigstore, text string) map[string]any {
	t.Helper()
	e, err := vs.AttestAtTime(alice, issuer, []byte(text), time.Now().Add(5*time.Minute), true)
	return pack(t, e, err)
}

// open opens a bundle as package signing does.
func open(t *testing.T, bundle map[string]any, opt keyless.Options) (*signing.Statement, error) {
	t.Helper()
	raw, err := json.Marshal(bundle)
	if err != nil {
		t.Fatal(err)
	}
	verify, err := keyless.Verifier(opt)
	if err != nil {
		t.Fatal(err)
	}
	return signing.Open(raw, signing.Roots{Keyless: verify})
}

func material(b map[string]any) map[string]any { return b["verificationMaterial"].(map[string]any) }

func TestVerify(t *testing.T) {
	vs := sigstore(t)
	opt := keyless.Options{Identity: alice, Issuer: issuer, TrustedRoot: trustedRoot(t, vs, false)}
	e, err := vs.AttestHashedRekordV2(alice, issuer, []byte(payload))
	for name, bundle := range map[string]map[string]any{"first log": attest(t, vs, payload), "second log": pack(t, e, err)} {
		s, err := open(t, bundle, opt)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if s.Method != signing.Keyless || s.Signer != alice+" ("+issuer+")" || s.Resources[0].Path != "a.bin" {
			t.Errorf("%s: %+v", name, s)
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "a.bin"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if found, err := s.Check(dir, signing.CheckOptions{}); err != nil || len(found) != 0 {
			t.Errorf("%s: %v, %v", name, found, err)
		}
	}
}

func TestRefuse(t *testing.T) {
	vs, other := sigstore(t), sigstore(t)
	trusted := trustedRoot(t, vs, false)
	good := keyless.Options{Identity: alice, Issuer: issuer, TrustedRoot: trusted}
	late, lateErr := vs.AttestAtTime(alice, issuer, []byte(payload), time.Now().Add(30*time.Minute), true)
	early, earlyErr := vs.AttestAtTime(alice, issuer, []byte(payload), time.Now().Add(-30*time.Minute), true)
	with := func(change func(b map[string]any)) map[string]any {
		b := attest(t, vs, payload)
		change(b)
		return b
	}
	for name, c := range map[string]struct {
		bundle map[string]any
		opt    keyless.Options
		want   string
	}{
		"another identity":      {attest(t, vs, payload), keyless.Options{Identity: "bob@example.com", Issuer: issuer, TrustedRoot: trusted}, "no matching CertificateIdentity"},
		"half an identity":      {attest(t, vs, payload), keyless.Options{Identity: "alice@example", Issuer: issuer, TrustedRoot: trusted}, "no matching CertificateIdentity"},
		"another issuer":        {attest(t, vs, payload), keyless.Options{Identity: alice, Issuer: issuer + "/", TrustedRoot: trusted}, "no matching CertificateIdentity"},
		"another Sigstore":      {attest(t, other, payload), good, "does not verify"},
		"the public one":        {attest(t, vs, payload), keyless.Options{Identity: alice, Issuer: issuer}, "does not verify"},
		"logged too late":       {pack(t, late, lateErr), good, "outside certificate validity"},
		"logged too early":      {pack(t, early, earlyErr), good, "outside certificate validity"},
		"in no certificate log": {attest(t, vs, payload), keyless.Options{Identity: alice, Issuer: issuer, TrustedRoot: trustedRoot(t, vs, true)}, "signed certificate timestamp"},
		"no log entry":          {with(func(b map[string]any) { material(b)["tlogEntries"] = []any{} }), good, "does not verify"},
		"log entries gone":      {with(func(b map[string]any) { delete(material(b), "tlogEntries") }), good, "does not verify"},
		"another's entry": {with(func(b map[string]any) {
			material(b)["tlogEntries"] = material(attest(t, vs, payload))["tlogEntries"]
		}), good, "does not verify"},
		"another's certificate": {with(func(b map[string]any) {
			material(b)["certificate"] = material(attest(t, vs, payload))["certificate"]
		}), good, "does not verify"},
		"another payload": {with(func(b map[string]any) {
			text := strings.Replace(payload, "a.bin", "b.bin", 1)
			maps.Copy(b["dsseEnvelope"].(map[string]any), map[string]any{"payload": []byte(text)})
		}), good, "does not verify"},
		"another signature": {with(func(b map[string]any) {
			b["dsseEnvelope"].(map[string]any)["signatures"] = attest(t, vs, payload)["dsseEnvelope"].(map[string]any)["signatures"]
		}), good, "does not verify"},
		"no model": {attest(t, vs, `{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://slsa.dev/provenance/v1","subject":[{"name":"m","digest":{"sha256":"00"}}]}`), good, "is no model"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := open(t, c.bundle, c.opt)
			r, ok := errors.AsType[*signing.RefusalError](err)
			if !ok || !strings.Contains(r.Reason, c.want) {
				t.Errorf("%v, want a refusal with %q", err, c.want)
			}
		})
	}
}

// TestWhoMustBeSaid: there is no way to trust everybody.
func TestWhoMustBeSaid(t *testing.T) {
	for _, opt := range []keyless.Options{{}, {Identity: alice}, {Issuer: issuer}} {
		if _, err := keyless.Verifier(opt); err == nil {
			t.Errorf("%+v passes", opt)
		}
	}
}

func TestTrustedRootFiles(t *testing.T) {
	for name, text := range map[string]string{
		"empty": "", "no JSON": "root", "nobody": `{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}`,
		"too large": strings.Repeat(" ", 9<<20),
	} {
		file := filepath.Join(t.TempDir(), "root.json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := keyless.Verifier(keyless.Options{Identity: alice, Issuer: issuer, TrustedRoot: file}); err == nil {
			t.Errorf("%s passes", name)
		}
	}
	if _, err := keyless.Verifier(keyless.Options{Identity: alice, Issuer: issuer, TrustedRoot: "none"}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

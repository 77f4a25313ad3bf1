package signing_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"math/big"
	"net/url"
	"testing"
	"time"

	"github.com/andiron-dev/andiron/internal/signing"
)

// authority is a certificate with its key.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

var validFrom, validTo = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)

// newAuthority makes a certificate authority under parent, or a root.
func newAuthority(t testing.TB, parent *authority, change func(*x509.Certificate)) *authority {
	t.Helper()
	return issue(t, parent, testKey(t, elliptic.P256()), func(c *x509.Certificate) {
		c.Subject.CommonName, c.IsCA, c.KeyUsage, c.ExtKeyUsage, c.EmailAddresses = "CA", true, x509.KeyUsageCertSign, nil, nil
		if change != nil {
			change(c)
		}
	})
}

func testKey(t testing.TB, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// issue makes the certificate of a signer of code, and lets change it first.
func issue(t testing.TB, parent *authority, key crypto.Signer, change func(*x509.Certificate)) *authority {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "Release", Organization: []string{"Acme"}},
		NotBefore: validFrom, NotAfter: validTo, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
		EmailAddresses: []string{"release@example.com"},
	}
	if change != nil {
		change(c)
	}
	above := &authority{c, key}
	if parent != nil {
		above = parent
	}
	der, err := x509.CreateCertificate(rand.Reader, c, above.cert, key.Public(), above.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{cert, key}
}

// sealChain signs with the first and sends all along.
func sealChain(t testing.TB, chain ...*authority) map[string]any {
	t.Helper()
	key, ok := chain[0].key.(*ecdsa.PrivateKey)
	if !ok { // the bundle must fail before its signature counts
		key = testKey(t, elliptic.P256())
	}
	b := seal(t, key, payload(plainFiles, resource("a", "x")))
	var list []any
	for _, a := range chain {
		list = append(list, map[string]any{"rawBytes": a.cert.Raw})
	}
	b["verificationMaterial"] = map[string]any{"x509CertificateChain": map[string]any{"certificates": list}}
	return b
}

func under(cas ...*authority) (roots signing.Roots) {
	for _, a := range cas {
		roots.CAs = append(roots.CAs, a.cert)
	}
	return roots
}

func TestCertificates(t *testing.T) {
	root := newAuthority(t, nil, nil)
	other := newAuthority(t, nil, nil)
	middle := newAuthority(t, root, func(c *x509.Certificate) { c.Subject.CommonName = "Middle" })
	leafOf := func(parent *authority, change func(*x509.Certificate)) *authority {
		return issue(t, parent, testKey(t, elliptic.P256()), change)
	}
	leaf, deep := leafOf(root, nil), leafOf(middle, nil)
	self := leafOf(nil, nil)
	expired := func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) }
	usage := func(ku x509.KeyUsage, eku ...x509.ExtKeyUsage) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.KeyUsage, c.ExtKeyUsage = ku, eku }
	}
	const sign = x509.KeyUsageDigitalSignature
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		chain []*authority
		roots signing.Roots
		want  string // of the refusal; empty is good
	}{
		{"under a root", []*authority{leaf}, under(root), ""},
		{"under one of several", []*authority{leaf}, under(other, root), ""},
		{"the root sent along", []*authority{leaf, root}, under(root), ""},
		{"with one between", []*authority{deep, middle}, under(root), ""},
		{"the one between is trusted", []*authority{deep}, under(middle), ""},
		{"without the one between", []*authority{deep}, under(root), "unknown authority"},
		{"under another root", []*authority{leaf}, under(other), "unknown authority"},
		{"a root of its own sent along", []*authority{leaf, root}, under(other), "unknown authority"},
		{"no root", []*authority{leaf, root}, signing.Roots{}, "no certificate authority is trusted"},
		{"a key is trusted instead", []*authority{leaf}, signing.Roots{Keys: []crypto.PublicKey{leaf.key.Public()}}, "no certificate authority is trusted"},
		{"self-signed", []*authority{self}, under(root), "unknown authority"},
		{"self-signed and given as root", []*authority{self}, under(self), ""},
		{"expired", []*authority{leafOf(root, expired)}, under(root), "expired"},
		{"expired and given as root", []*authority{leafOf(nil, expired)}, under(root), "expired"},
		{"not yet valid", []*authority{leafOf(root, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Minute) })}, under(root), "not yet valid"},
		{"expired between", []*authority{issue(t, newAuthority(t, root, expired), testKey(t, elliptic.P256()), nil), newAuthority(t, root, expired)}, under(root), "unknown authority"},
		{"for servers", []*authority{leafOf(root, usage(sign, x509.ExtKeyUsageServerAuth))}, under(root), "incompatible key usage"},
		{"for servers and code", []*authority{leafOf(root, usage(sign, x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageCodeSigning))}, under(root), ""},
		{"for signatures only", []*authority{leafOf(root, usage(sign))}, under(root), ""},
		{"for code only", []*authority{leafOf(root, usage(0, x509.ExtKeyUsageCodeSigning))}, under(root), ""},
		{"for nothing", []*authority{leafOf(root, usage(0))}, under(root), "neither for digital signatures nor for code signing"},
		{"for key agreement", []*authority{leafOf(root, usage(x509.KeyUsageKeyAgreement, x509.ExtKeyUsageCodeSigning))}, under(root), "no digital signature"},
		{"below one that is no authority", []*authority{issue(t, leaf, testKey(t, elliptic.P256()), nil), leaf}, under(root), "unknown authority"},
		{"on P-384", []*authority{issue(t, root, testKey(t, elliptic.P384()), nil)}, under(root), ""},
		{"on P-521", []*authority{issue(t, root, testKey(t, elliptic.P521()), nil)}, under(root), ""},
		{"on P-224", []*authority{issue(t, root, testKey(t, elliptic.P224()), nil)}, under(root), "a key of another kind"},
		{"with RSA", []*authority{issue(t, root, rsaKey, nil)}, under(root), "a key of another kind"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := signing.Open(encode(t, sealChain(t, c.chain...)), c.roots)
			if c.want != "" {
				refused(t, err, c.want)
			} else if err != nil || s.Method != signing.Certificate || s.Signer != "CN=Release,O=Acme" {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
}

// TestCertificateAtAnotherTime: what has expired was good once.
func TestCertificateAtAnotherTime(t *testing.T) {
	root := newAuthority(t, nil, nil)
	bundle := encode(t, sealChain(t, issue(t, root, testKey(t, elliptic.P256()), nil)))
	roots := under(root)
	for at, want := range map[time.Time]string{
		validFrom.Add(time.Minute): "", validTo.Add(time.Minute): "expired", validFrom.Add(-time.Minute): "not yet valid",
	} {
		roots.At = at
		_, err := signing.Open(bundle, roots)
		if want != "" {
			refused(t, err, want)
		} else if err != nil {
			t.Error(err)
		}
	}
}

func TestIdentity(t *testing.T) {
	root := newAuthority(t, nil, nil)
	bundle := encode(t, sealChain(t, issue(t, root, testKey(t, elliptic.P256()), func(c *x509.Certificate) {
		c.DNSNames, c.URIs = []string{"models.example.com"}, []*url.URL{{Scheme: "spiffe", Host: "example.com", Path: "/release"}}
	})))
	roots := under(root)
	for identity, good := range map[string]bool{
		"release@example.com": true, "models.example.com": true, "spiffe://example.com/release": true,
		"Release": true, "CN=Release,O=Acme": true, "": true,
		"release": false, "elease@example.com": false, "example.com": false, "*@example.com": false, "O=Acme": false, "CA": false,
	} {
		roots.Identity = identity
		_, err := signing.Open(bundle, roots)
		if good && err != nil {
			t.Errorf("%q: %v", identity, err)
		} else if !good {
			refused(t, err, "the certificate is of")
		}
	}
}

// TestCertificateOfAnother: a signature by another key than the certificate's.
func TestCertificateOfAnother(t *testing.T) {
	root := newAuthority(t, nil, nil)
	leaf := issue(t, root, testKey(t, elliptic.P256()), nil)
	b := sealChain(t, &authority{leaf.cert, testKey(t, elliptic.P256())})
	_, err := signing.Open(encode(t, b), under(root))
	refused(t, err, "does not verify with the certificate")
}

func TestBadChains(t *testing.T) {
	root := newAuthority(t, nil, nil)
	leaf := issue(t, root, testKey(t, elliptic.P256()), nil)
	long := []*authority{leaf}
	for range 16 {
		long = append(long, root)
	}
	b := sealChain(t, leaf)
	for name, list := range map[string]any{
		"none": []any{}, "too many": sealChain(t, long...)["verificationMaterial"].(map[string]any)["x509CertificateChain"].(map[string]any)["certificates"],
		"no DER": []any{map[string]any{"rawBytes": "AAAA"}}, "no base64": []any{map[string]any{"rawBytes": "@"}},
		"cut": []any{map[string]any{"rawBytes": leaf.cert.Raw[:20]}}, "a number": 7,
	} {
		b["verificationMaterial"] = map[string]any{"x509CertificateChain": map[string]any{"certificates": list}}
		_, err := signing.Open(encode(t, b), under(root))
		_, isRefusal := errors.AsType[*signing.RefusalError](err)
		if err == nil || isRefusal {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSignWithACertificate(t *testing.T) {
	dir := folder(t, map[string]string{"a.bin": "one"})
	root := newAuthority(t, nil, nil)
	middle := newAuthority(t, root, nil)
	key := testKey(t, elliptic.P384())
	leaf := issue(t, middle, key, nil)
	opt := signing.SignOptions{Certificates: []*x509.Certificate{leaf.cert, middle.cert}}
	bundle, said, err := signing.Sign(dir, key, opt)
	if err != nil || said.Method != signing.Certificate {
		t.Fatal(said, err)
	}
	if _, err := signing.Open(bundle, under(root)); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*x509.Certificate){
		"expired":           func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) },
		"for key agreement": func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement },
		"for servers":       func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} },
		"for what is not known": func(c *x509.Certificate) {
			c.ExtKeyUsage, c.UnknownExtKeyUsage = nil, []asn1.ObjectIdentifier{{1, 2, 3}}
		},
	} {
		opt.Certificates = []*x509.Certificate{issue(t, root, key, change).cert}
		if _, _, err := signing.Sign(dir, key, opt); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
	for name, change := range map[string]func(*x509.Certificate){
		"for any use": func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageAny} },
		"no usages":   func(c *x509.Certificate) { c.ExtKeyUsage = nil },
	} {
		opt.Certificates = []*x509.Certificate{issue(t, root, key, change).cert}
		bundle, _, err := signing.Sign(dir, key, opt)
		if err == nil {
			_, err = signing.Open(bundle, under(root))
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	opt.Certificates = []*x509.Certificate{leaf.cert}
	if _, _, err := signing.Sign(dir, testKey(t, elliptic.P384()), opt); err == nil {
		t.Error("signed with the certificate of another key")
	}
}

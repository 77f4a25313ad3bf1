package signing_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"slices"
	"testing"

	"github.com/andiron-dev/andiron/internal/signing"
)

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}

func TestKeysAreReadAsWritten(t *testing.T) {
	for _, curve := range signing.Curves() {
		key := newKey(t, curve)
		text, err := signing.MarshalKey(key)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := signing.ParseKey(text); err != nil || !again.Equal(key) {
			t.Errorf("%s: %v", curve, err)
		}
		if text, err = signing.MarshalPublicKey(key.Public()); err != nil {
			t.Fatal(err)
		}
		if public, err := signing.ParsePublicKey(text); err != nil || !key.PublicKey.Equal(public) {
			t.Errorf("%s: %v", curve, err)
		}
		if _, err := signing.ParsePublicKey(slices.Concat(text, text)); err == nil {
			t.Error("two keys pass for one")
		}
		// openssl ecparam -genkey writes SEC 1 after the name of the curve.
		der, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		text = slices.Concat(block("EC PARAMETERS", []byte{6, 0}), block("EC PRIVATE KEY", der))
		if again, err := signing.ParseKey(text); err != nil || !again.Equal(key) {
			t.Errorf("%s: %v", curve, err)
		}
	}
}

func TestOtherKeysAreRefused(t *testing.T) {
	small, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []any{small, edwards} {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := signing.ParseKey(block("PRIVATE KEY", der)); err == nil {
			t.Errorf("%T passes", key)
		}
	}
	for _, key := range []any{small.Public(), edwards.Public()} {
		text, err := signing.MarshalPublicKey(key)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := signing.ParsePublicKey(text); err == nil {
			t.Errorf("%T passes", key)
		}
	}
	if _, err := signing.GenerateKey("p224"); err == nil {
		t.Error("P-224 passes")
	}
	for _, text := range []string{"", "key", string(block("PRIVATE KEY", nil)), string(block("CERTIFICATE", nil))} {
		if _, err := signing.ParseKey([]byte(text)); err == nil {
			t.Errorf("%q passes", text)
		}
		if _, err := signing.ParsePublicKey([]byte(text)); err == nil {
			t.Errorf("%q passes", text)
		}
	}
}

func TestEncryptedKeysAreNamed(t *testing.T) {
	const old = "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,F4B8\n\nAAAA\n-----END EC PRIVATE KEY-----\n"
	for _, text := range []string{old, string(block("ENCRYPTED PRIVATE KEY", []byte{0x30, 0}))} {
		if _, err := signing.ParseKey([]byte(text)); !errors.Is(err, signing.ErrEncrypted) {
			t.Errorf("%v", err)
		}
	}
}

func TestCertificatesOfAFile(t *testing.T) {
	ca := newAuthority(t, nil, nil)
	one := block("CERTIFICATE", ca.cert.Raw)
	list, err := signing.ParseCertificates(slices.Concat([]byte("# notes\n"), one, one))
	if err != nil || len(list) != 2 {
		t.Errorf("%d, %v", len(list), err)
	}
	for _, text := range [][]byte{nil, []byte("x"), block("CERTIFICATE", []byte("x")), slices.Concat(one, block("PRIVATE KEY", nil))} {
		if _, err := signing.ParseCertificates(text); err == nil {
			t.Errorf("%q passes", text)
		}
	}
}

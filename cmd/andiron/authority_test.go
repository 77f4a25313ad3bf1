package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/andiron-dev/andiron/internal/keyless"
)

// conditions are what scripts can ask for: [keyless] is a build that verifies
// Sigstore bundles.
func conditions(name string) (bool, error) { return name == "keyless" && keyless.Linked, nil }

// authority makes ca.pem and, under it, leaf.key with leaf.pem, of release@
// example.com, and expired.pem, which was valid for that key until an hour ago.
func authority(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: authority")
	}
	now := time.Now()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, NotBefore: now.Add(-48 * time.Hour),
		NotAfter: now.Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Release"}, EmailAddresses: []string{"release@example.com"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning},
	}
	caKey, leafKey := curveKey(ts), curveKey(ts)
	certify(ts, "ca.pem", ca, ca, caKey, caKey)
	certify(ts, "leaf.pem", leaf, ca, leafKey, caKey)
	leaf.NotAfter = now.Add(-time.Hour)
	certify(ts, "expired.pem", leaf, ca, leafKey, caKey)
	der, err := x509.MarshalPKCS8PrivateKey(leafKey)
	ts.Check(err)
	writePEM(ts, "leaf.key", "PRIVATE KEY", der)
}

func curveKey(ts *testscript.TestScript) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	ts.Check(err)
	return key
}

func certify(ts *testscript.TestScript, name string, c, parent *x509.Certificate, of, by crypto.Signer) {
	der, err := x509.CreateCertificate(rand.Reader, c, parent, of.Public(), by)
	ts.Check(err)
	writePEM(ts, name, "CERTIFICATE", der)
}

func writePEM(ts *testscript.TestScript, name, kind string, der []byte) {
	ts.Check(os.WriteFile(ts.MkAbs(name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
}

package main

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/andiron-dev/andiron/internal/keyless"
	"github.com/andiron-dev/andiron/internal/signing"
)

// conditions are what scripts can ask for: [keyless] is a build that verifies
// Sigstore bundles.
func conditions(name string) (bool, error) { return name == "keyless" && keyless.Linked, nil }

// authority makes ca.pem, between.pem under it, and under that leaf.key with
// leaf.pem, of release@example.com, and expired.pem, which was valid for that key
// until an hour ago. $CURVE is the curve of that key.
func authority(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: authority")
	}
	now := time.Now()
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, NotBefore: now.Add(-48 * time.Hour),
		NotAfter: now.Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	between := *ca
	between.SerialNumber, between.Subject.CommonName = big.NewInt(2), "Between"
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "Release"}, EmailAddresses: []string{"release@example.com"},
		NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageCodeSigning}, BasicConstraintsValid: true,
	}
	caKey, betweenKey, leafKey := curveKey(ts, ""), curveKey(ts, ""), curveKey(ts, ts.Getenv("CURVE"))
	certify(ts, "ca.pem", ca, ca, caKey, caKey)
	certify(ts, "between.pem", &between, ca, betweenKey, caKey)
	certify(ts, "leaf.pem", leaf, &between, leafKey, betweenKey)
	leaf.NotAfter = now.Add(-time.Hour)
	certify(ts, "expired.pem", leaf, &between, leafKey, betweenKey)
	der, err := x509.MarshalPKCS8PrivateKey(leafKey)
	ts.Check(err)
	writePEM(ts, "leaf.key", "PRIVATE KEY", der)
}

func curveKey(ts *testscript.TestScript, curve string) *ecdsa.PrivateKey {
	key, err := signing.GenerateKey(cmp.Or(curve, "p256"))
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

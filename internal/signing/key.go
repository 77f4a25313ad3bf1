package signing

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	_ "crypto/sha512" // SHA-384 and SHA-512
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrEncrypted is a private key under a password, which the standard library
// cannot open.
var ErrEncrypted = errors.New("the private key is encrypted")

// Curves are the names of the curves of the specification.
func Curves() []string { return []string{"p256", "p384", "p521"} }

// GenerateKey makes a private key on one of Curves.
func GenerateKey(curve string) (*ecdsa.PrivateKey, error) {
	curves := map[string]elliptic.Curve{"p256": elliptic.P256(), "p384": elliptic.P384(), "p521": elliptic.P521()}
	c, ok := curves[curve]
	if !ok {
		return nil, fmt.Errorf("curve %q is not one of %s", curve, strings.Join(Curves(), ", "))
	}
	return ecdsa.GenerateKey(c, rand.Reader)
}

// MarshalKey writes a private key as PKCS #8 in PEM, unencrypted.
func MarshalKey(key *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}

// MarshalPublicKey writes a public key as SubjectPublicKeyInfo in PEM.
func MarshalPublicKey(key crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(key)
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), err
}

// ParseKey reads a private key in PEM: PKCS #8, or SEC 1 as openssl ecparam
// writes it.
func ParseKey(text []byte) (*ecdsa.PrivateKey, error) {
	block, rest := pem.Decode(text)
	if block != nil && block.Type == "EC PARAMETERS" {
		block, _ = pem.Decode(rest)
	}
	if block == nil {
		return nil, errors.New("not a private key in PEM")
	}
	if block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "" {
		return nil, ErrEncrypted
	}
	var key any
	var err error
	switch block.Type {
	case "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case "EC PRIVATE KEY":
		key, err = x509.ParseECPrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("it holds %q, not a private key", block.Type)
	}
	if err != nil {
		return nil, err
	}
	ec, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%T: %w; it must be on %s", key, errCurve, curveNames)
	}
	_, err = hashOf(&ec.PublicKey)
	return ec, err
}

// ParsePublicKey reads a public key in PEM.
func ParsePublicKey(text []byte) (crypto.PublicKey, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "PUBLIC KEY" {
		return nil, errors.New("not a public key in PEM")
	}
	if more, _ := pem.Decode(rest); more != nil {
		return nil, errors.New("it holds more than one key")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	_, err = hashOf(key)
	return key, err
}

// ParseCertificates reads the certificates of a PEM file, of which there is at
// least one.
func ParseCertificates(text []byte) (list []*x509.Certificate, err error) {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return nil, fmt.Errorf("it holds %q, not only certificates", block.Type)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	if list == nil {
		return nil, errors.New("not a certificate in PEM")
	}
	return list, nil
}

var errCurve = errors.New("a key of another kind")

const curveNames = "P-256, P-384 or P-521"

// hashOf returns the hash that goes with the curve of a key: FIPS 186-5, and the
// Sigstore algorithm registry.
func hashOf(key crypto.PublicKey) (crypto.Hash, error) {
	ec, ok := key.(*ecdsa.PublicKey)
	if !ok {
		return 0, fmt.Errorf("%T: %w; it must be on %s", key, errCurve, curveNames)
	}
	switch ec.Curve {
	case elliptic.P256():
		return crypto.SHA256, nil
	case elliptic.P384():
		return crypto.SHA384, nil
	case elliptic.P521():
		return crypto.SHA512, nil
	}
	return 0, fmt.Errorf("%s: %w; it must be on %s", ec.Params().Name, errCurve, curveNames)
}

func digest(h crypto.Hash, b []byte) []byte {
	w := h.New()
	w.Write(b)
	return w.Sum(nil)
}

// verifies reports whether sig is the signature of the payload by key.
func (b *bundle) verifies(key crypto.PublicKey) bool {
	h, err := hashOf(key)
	if err != nil {
		return false
	}
	ec, _ := key.(*ecdsa.PublicKey) // else hashOf has an error
	return ecdsa.VerifyASN1(ec, digest(h, pae(b.payload)), b.sig)
}

// Fingerprint is the hint by which bundles name a key: the SHA-256 of its PEM
// text, not of its DER.
func Fingerprint(key crypto.PublicKey) (string, error) {
	text, err := MarshalPublicKey(key)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// hints are what producers write for a key: ours and the reference's, and the two
// that are made from the DER, of which sigstore-go has the last.
func hints(key crypto.PublicKey) []string {
	text, err := Fingerprint(key)
	if err != nil {
		return nil
	}
	der, _ := x509.MarshalPKIXPublicKey(key) // Fingerprint has done it
	sum := sha256.Sum256(der)
	return []string{text, hex.EncodeToString(sum[:]), base64.StdEncoding.EncodeToString(sum[:])}
}

// verifyKey returns the fingerprint of the trusted key that made the signature.
func (b *bundle) verifyKey(roots Roots) (signer string, err error) {
	if len(roots.Keys) == 0 {
		return "", refuse("the bundle is signed with a key, and no key is trusted")
	}
	hint, named := b.Material.PublicKey.Hint, false
	for _, key := range roots.Keys {
		// v0.3.1 to v1.0.0 wrote no hint.
		if hint != "" && !slices.Contains(hints(key), hint) {
			continue
		}
		named = true
		if b.verifies(key) {
			return Fingerprint(key)
		}
	}
	if !named {
		return "", refuse("the bundle is signed with the key %q, which is not trusted", hint)
	}
	return "", refuse("the signature does not verify with the trusted key")
}

// Package signing makes and verifies OpenSSF Model Signing bundles.
//
// A bundle says, under a signature, which files a model consists of and what
// their digests are. [Open] finds out whether a bundle was signed by somebody who
// counts; only then [Statement.Check] compares it with files.
//
// # Security
//
// Bundles and the folders they describe are hostile. The payload is not looked at
// before its signature has been verified, except to say that a format is too old.
// Who counts is decided by [Roots] alone: keys and certificates within a bundle
// are never a reason to trust it. JSON in which a key stands twice, or in another
// spelling, is refused, so that no two programs read a bundle differently. Files
// are opened beneath the folder of the model; links are not followed.
//
// A certificate has no trusted time of signing with it, so it must be valid when
// it is verified. Revocation is not looked at: there is no network.
//
// # Limits
//
// [MaxBundle] bytes, [maxDepth] levels and [maxValues] values of JSON,
// [maxPayloadValues] in what is signed, [maxCertificates] certificates.
// Memory grows with the bundle, not with the model.
//
// # Specification
//
// OpenSSF Model Signing 1.0 (ossf/model-signing-spec, spec/v1.0.md); DSSE 1.0;
// in-toto Statement v1; Sigstore bundle 0.3. docs/spec/signing.md says where the
// reference implementation differs and what we do then.
package signing

import (
	"crypto"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// Method is how a bundle was signed.
type Method string

// The methods of the specification, §4.1.
const (
	Key         Method = "key"
	Certificate Method = "certificate"
	Keyless     Method = "sigstore"
)

// Roots are the signers that count. The zero value trusts nobody.
type Roots struct {
	// Keys are P-256, P-384 and P-521 public keys.
	Keys []crypto.PublicKey
	// CAs are the certificates in which a chain must end. A self-signed
	// certificate of a signer counts only if it is one of them.
	CAs []*x509.Certificate
	// Identity, if not empty, is the subject, common name, or alternative name
	// that a certificate below CAs must have.
	Identity string
	// At is when certificates must be valid; zero is now.
	At time.Time
	// Keyless verifies a Sigstore bundle and returns its payload and who signed
	// it, as package keyless does. An error that wraps ErrUnsupported says that it
	// could not be verified, any other that it does not verify.
	Keyless func(bundle []byte) (payload []byte, signer string, err error)
}

// ErrUnsupported says that a bundle may be good, but is of a kind that is not
// looked at.
var ErrUnsupported = errors.New("not supported")

// RefusalError is a bundle that could be read and does not prove what it should.
type RefusalError struct{ Reason string }

func (r *RefusalError) Error() string { return r.Reason }

func refuse(format string, args ...any) error {
	return &RefusalError{Reason: fmt.Sprintf(format, args...)}
}

// Open verifies the signature of a bundle and returns what was signed. It does
// not look at files. An error is a [RefusalError], or the bundle could not be read.
func Open(bundle []byte, roots Roots) (*Statement, error) {
	b, err := parseBundle(bundle)
	if err != nil {
		return nil, err
	}
	payload, signer, err := b.verify(bundle, roots)
	if err != nil {
		return nil, err
	}
	s, err := parseStatement(payload)
	if err != nil {
		return nil, err
	}
	s.Method, s.Signer = b.method(), signer
	return s, nil
}

// verify returns the payload once its signature is known to be good.
func (b *bundle) verify(raw []byte, roots Roots) (payload []byte, signer string, err error) {
	switch b.method() {
	case Key:
		signer, err = b.verifyKey(roots)
	case Certificate:
		signer, err = b.verifyCertificate(roots)
	default:
		return b.verifyKeyless(raw, roots)
	}
	if err != nil {
		return nil, "", b.tooOld(err)
	}
	return b.payload, signer, nil
}

func (b *bundle) verifyKeyless(raw []byte, roots Roots) (payload []byte, signer string, err error) {
	if roots.Keyless == nil {
		return nil, "", refuse("the bundle is signed through Sigstore, and no Sigstore identity is trusted")
	}
	payload, signer, err = roots.Keyless(raw)
	switch {
	case errors.Is(err, ErrUnsupported):
		return nil, "", err
	case err != nil:
		return nil, "", refuse("the Sigstore bundle does not verify: %v", err)
	}
	return payload, signer, nil
}

// tooOld replaces the error where the bundle is one of v0.2.0, whose signatures
// were made over other bytes. Nothing in the payload is trusted for this.
func (b *bundle) tooOld(err error) error {
	if b.predicateType() == predicateV02 {
		return fmt.Errorf("the bundle is of model-signing v0.2.0 (%s): %w; sign the model again", predicateV02, ErrUnsupported)
	}
	return err
}

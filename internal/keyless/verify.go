//go:build keyless

package keyless

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/sigstore/sigstore-go/pkg/bundle"
	"github.com/sigstore/sigstore-go/pkg/root"
	"github.com/sigstore/sigstore-go/pkg/verify"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Linked says whether this build can verify.
const Linked = true

// shipped is the trusted root of Sigstore's public instance. docs/spec/signing.md
// says where it is from and when.
//
//go:embed trusted_root.json
var shipped []byte

// maxTrustedRoot is many times the size of any.
const maxTrustedRoot = 8 << 20

// Verifier makes the function that signing.Roots takes.
func Verifier(opt Options) (func(bundle []byte) (payload []byte, signer string, err error), error) {
	if opt.Identity == "" || opt.Issuer == "" {
		return nil, errors.New("a Sigstore signer needs an identity and an issuer")
	}
	who, err := verify.NewShortCertificateIdentity(opt.Issuer, "", opt.Identity, "")
	if err != nil {
		return nil, err
	}
	trusted, err := trustedRoot(opt.TrustedRoot)
	if err != nil {
		return nil, err
	}
	// A time is proved by the log or by a time stamping authority; logs of the
	// second generation leave it to the latter.
	rules := []verify.VerifierOption{
		verify.WithTransparencyLog(1), verify.WithObserverTimestamps(1), verify.WithoutStatementPredicate(),
	}
	if len(trusted.CTLogs()) > 0 {
		rules = append(rules, verify.WithSignedCertificateTimestamps(1))
	}
	v, err := verify.NewVerifier(trusted, rules...)
	if err != nil {
		return nil, err
	}
	return func(raw []byte) ([]byte, string, error) { return open(v, who, raw) }, nil
}

// open returns the payload of a bundle once it is known to be signed by who.
func open(v *verify.Verifier, who verify.CertificateIdentity, raw []byte) (payload []byte, signer string, err error) {
	b := new(bundle.Bundle)
	if err := b.UnmarshalJSON(raw); err != nil {
		return nil, "", err
	}
	// There is no artifact: what was signed is a list of files, which package
	// signing compares.
	result, err := v.Verify(b, verify.NewPolicy(verify.WithoutArtifactUnsafe(), verify.WithCertificateIdentity(who)))
	if err != nil {
		return nil, "", err
	}
	envelope, err := b.Envelope()
	if err != nil {
		return nil, "", err
	}
	payload, err = envelope.RawEnvelope().DecodeB64Payload()
	if err != nil {
		return nil, "", err
	}
	c := result.Signature.Certificate
	return payload, fmt.Sprintf("%s (%s)", c.SubjectAlternativeName, c.Issuer), nil
}

// trustedRoot reads the file that was named, else the one that Refresh left, else
// the one that is compiled in.
func trustedRoot(name string) (*root.TrustedRoot, error) {
	if name != "" {
		return readTrustedRoot(name)
	}
	refreshed, err := refreshedRoot()
	if err == nil {
		r, err := readTrustedRoot(refreshed)
		if !errors.Is(err, fs.ErrNotExist) {
			return r, err
		}
	}
	// Without a home folder nothing can have been left in it.
	return root.NewTrustedRootFromJSON(shipped)
}

// refreshedRoot is where Refresh leaves a trusted root for Verifier.
func refreshedRoot() (string, error) {
	dir, err := os.UserConfigDir()
	return filepath.Join(dir, "andiron", "trusted_root.json"), err
}

func readTrustedRoot(name string) (*root.TrustedRoot, error) {
	f, err := os.Open(name) //nolint:gosec // named by the user
	if err != nil {
		if pe, ok := errors.AsType[*fs.PathError](err); ok {
			err = pe.Err
		}
		return nil, fmt.Errorf("trusted root %q: %w", name, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	raw, err := bounded.ReadAll(f, maxTrustedRoot)
	if err != nil {
		return nil, fmt.Errorf("trusted root %q: %w", name, err)
	}
	return parseTrustedRoot(name, raw)
}

// parseTrustedRoot also refuses a file that would trust nobody.
func parseTrustedRoot(name string, raw []byte) (*root.TrustedRoot, error) {
	r, err := root.NewTrustedRootFromJSON(raw)
	if err != nil {
		return nil, fmt.Errorf("trusted root %q: %w", name, err)
	}
	if len(r.FulcioCertificateAuthorities()) == 0 || len(r.RekorLogs()) == 0 {
		return nil, fmt.Errorf("trusted root %q has no certificate authority or no log", name)
	}
	return r, nil
}

package cli

import (
	"context"
	"crypto"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/andiron-dev/andiron/internal/keyless"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/signing"
	"github.com/andiron-dev/andiron/internal/source"
)

// signerFlags say whose signature counts.
type signerFlags struct {
	keys, cas                             []string
	identity                              string
	sigstoreIdentity, issuer, trustedRoot string
}

func (f *signerFlags) add(flags *pflag.FlagSet) {
	flags.StringArrayVar(&f.keys, "key", nil, "trust the public key in `FILE` (PEM); repeatable")
	flags.StringArrayVar(&f.cas, "ca", nil, "trust certificates under the authorities in `FILE` (PEM); repeatable")
	flags.StringVar(&f.identity, "identity", "", "of those, only certificates with this `NAME`: subject, common name, e-mail, DNS name or URI")
	flags.StringVar(&f.sigstoreIdentity, "sigstore-identity", "", "trust this Sigstore `IDENTITY`")
	flags.StringVar(&f.issuer, "sigstore-issuer", "", "the `URL` of who must have vouched for that identity")
	flags.StringVar(&f.trustedRoot, "trusted-root", "", "use the trusted root of Sigstore in `FILE`")
}

// signers are those that the flags name, or else those of the project.
func (a *app) signers(f *signerFlags) ([]signing.Roots, error) {
	if err := f.complete(); err != nil {
		return nil, err
	}
	if len(f.keys) == 0 && len(f.cas) == 0 && f.sigstoreIdentity == "" {
		return projectSigners(f.trustedRoot)
	}
	roots := signing.Roots{Identity: f.identity}
	var err error
	if roots.Keys, err = readPublicKeys(f.keys); err != nil {
		return nil, err
	}
	if roots.CAs, err = readCertificates(f.cas); err != nil {
		return nil, err
	}
	if f.sigstoreIdentity != "" {
		err = withKeyless(&roots, keyless.Options{
			Identity: f.sigstoreIdentity, Issuer: f.issuer, TrustedRoot: f.trustedRoot,
		})
	}
	return []signing.Roots{roots}, err
}

func readPublicKeys(names []string) (keys []crypto.PublicKey, err error) {
	for _, name := range names {
		text, err := readNamed("key", name)
		if err != nil {
			return nil, err
		}
		key, err := signing.ParsePublicKey(text)
		if err != nil {
			return nil, &fault{text: fmt.Sprintf("key %q: %v", name, err), hint: "it must be the public key, which keygen calls KEY.pub"}
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// complete reports flags of which one says nothing without the other.
func (f *signerFlags) complete() error {
	switch {
	case f.identity != "" && len(f.cas) == 0:
		return usage("verify: --identity without --ca", "the identity is that of a certificate under an authority")
	case (f.sigstoreIdentity == "") != (f.issuer == ""):
		return usage("verify: --sigstore-identity and --sigstore-issuer go together", "anybody can have any name at some issuer")
	case f.trustedRoot != "" && f.sigstoreIdentity == "":
		return usage("verify: --trusted-root without --sigstore-identity", "the trusted root is for Sigstore identities")
	}
	return nil
}

// projectSigners are the signers of the policy in the current folder.
func projectSigners(trustedRoot string) ([]signing.Roots, error) {
	pol, _, err := projectPolicy("", ".")
	if err != nil {
		return nil, err
	}
	if len(pol.Sources.Signers) == 0 {
		return nil, usage("verify: nobody is trusted to sign", "name a signer: --key KEY.pub, --ca CA.pem, or --sigstore-identity with --sigstore-issuer; or list signers in "+policy.FileName)
	}
	return rootsOf(pol.Sources.Signers, trustedRoot)
}

// rootsOf is each signer of a policy as the roots that its bundles must end in. The
// paths in them are ones that package os can open.
func rootsOf(signers []source.Signer, trustedRoot string) (list []signing.Roots, err error) {
	for _, s := range signers {
		roots := signing.Roots{Identity: s.Identity}
		switch {
		case s.Key != "":
			roots.Keys, err = readPublicKeys([]string{s.Key})
		case s.CertificateAuthority != "":
			roots.CAs, err = readCertificates([]string{s.CertificateAuthority})
		default:
			err = withKeyless(&roots, keyless.Options{Identity: s.Identity, Issuer: s.Issuer, TrustedRoot: trustedRoot})
		}
		if err != nil {
			return nil, aboutSigner(s.Name, err)
		}
		list = append(list, roots)
	}
	return list, nil
}

func withKeyless(roots *signing.Roots, opt keyless.Options) (err error) {
	roots.Keyless, err = keyless.Verifier(opt)
	if err != nil && !errors.Is(err, keyless.ErrNotLinked) {
		return &fault{text: err.Error(), hint: `"andiron verify --refresh-trusted-root" gets the one of Sigstore's public instance`}
	}
	return err
}

// aboutSigner keeps the hint of an error.
func aboutSigner(name string, err error) error {
	if f, ok := errors.AsType[*fault](err); ok {
		return &fault{text: fmt.Sprintf("signer %q: %s", name, f.text), hint: f.hint, code: f.code}
	}
	return fmt.Errorf("signer %q: %w", name, err)
}

// verifyFor is how the trust room asks whether one of some signers signed a file
// with a digest. The file itself is not read: the digest stands for it.
func verifyFor(_ context.Context, modelPath, signaturePath, digest string, signers []source.Signer) error {
	sum, err := hex.DecodeString(digest)
	if err != nil || len(sum) != sha256.Size {
		return fmt.Errorf("%q is no SHA-256", digest)
	}
	raw, err := readSmall(signaturePath, signing.MaxBundle)
	if err != nil {
		return err
	}
	roots, err := rootsOf(signers, "")
	if err != nil {
		return err
	}
	s, err := openBundle(raw, roots)
	if err != nil {
		return err
	}
	abs, err := filepath.Abs(modelPath)
	if err != nil {
		return err
	}
	return covers(s, slash(abs), [sha256.Size]byte(sum))
}

// covers looks for a file among those that were signed. Their names are relative to
// the folder of the model, and which one that is the bundle does not say: a signed
// name must be the end of the file's path.
func covers(s *signing.Statement, file string, sum [sha256.Size]byte) error {
	at := strings.LastIndexByte(file, '/')
	first := s.Covers(file[at+1:], sum)
	for err := first; err != nil; err = s.Covers(file[at+1:], sum) {
		if at = strings.LastIndexByte(file[:max(at, 0)], '/'); at < 0 {
			return first
		}
	}
	return nil
}

func slash(path string) string { return filepath.ToSlash(filepath.Clean(path)) }

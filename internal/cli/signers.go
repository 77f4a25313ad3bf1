package cli

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/pflag"

	"github.com/andiron-dev/andiron/internal/keyless"
	"github.com/andiron-dev/andiron/internal/signing"
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
		return a.projectSigners()
	}
	roots := signing.Roots{Identity: f.identity}
	for _, name := range f.keys {
		text, err := readSmall(name)
		if err != nil {
			return nil, err
		}
		key, err := signing.ParsePublicKey(text)
		if err != nil {
			return nil, &fault{text: fmt.Sprintf("key %q: %v", name, err), hint: "it must be the public key, which keygen calls KEY.pub"}
		}
		roots.Keys = append(roots.Keys, key)
	}
	var err error
	if roots.CAs, err = readCertificates(f.cas); err != nil {
		return nil, err
	}
	if f.sigstoreIdentity != "" {
		roots.Keyless, err = keyless.Verifier(keyless.Options{
			Identity: f.sigstoreIdentity, Issuer: f.issuer, TrustedRoot: f.trustedRoot,
		})
	}
	return []signing.Roots{roots}, err
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

// projectSigners are the signers of the project's policy.
func (a *app) projectSigners() ([]signing.Roots, error) {
	return nil, usage("verify: nobody is trusted to sign", "name a signer: --key KEY.pub, --ca CA.pem, or --sigstore-identity with --sigstore-issuer")
}

func slash(path string) string { return filepath.ToSlash(filepath.Clean(path)) }

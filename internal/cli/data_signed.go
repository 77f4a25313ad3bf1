package cli

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/signing"
	"github.com/andiron-dev/andiron/internal/survey"
)

// baselineFlags say which baseline data are compared with, and who has to have signed it.
type baselineFlags struct {
	file, signature string
	signers         signerFlags
}

// signed says whether a flag asks for a signature.
func (f *baselineFlags) signed() bool {
	s := &f.signers
	return f.signature != "" || len(s.keys) > 0 || len(s.cas) > 0 || s.sigstoreIdentity != ""
}

// read reads the baseline once, verifies the bytes that were read if anybody is to have
// signed them, and says who did.
func (a *app) readBaseline(f *baselineFlags, policyFile string) (base *survey.Baseline, standing string, err error) {
	if err := f.signers.complete(); err != nil {
		return nil, "", err
	}
	if f.file == "" {
		if f.signed() {
			return nil, "", usage("data check: a signer without --baseline", "the signature is that of a baseline")
		}
		return nil, "", nil
	}
	b, err := readSmall(f.file, 1<<30)
	if err != nil {
		return nil, "", usage("baseline "+err.Error(), nameFile)
	}
	standing, err = a.standing(f, policyFile, sha256.Sum256(b))
	if err != nil {
		return nil, "", err
	}
	if base, err = survey.ParseBaseline(b); err != nil {
		return nil, "", usage(fmt.Sprintf("baseline %q: %v", f.file, err), `"andiron data baseline" writes one`)
	}
	return base, fmt.Sprintf("%q, which is %s", slash(f.file), standing), nil
}

// standing is what a report says of the signature of a baseline with this digest. There
// is none if there must be one, or if one that is there does not verify.
func (a *app) standing(f *baselineFlags, policyFile string, sum [sha256.Size]byte) (string, error) {
	pol, _, err := projectPolicy(policyFile, ".")
	if err != nil {
		return "", err
	}
	must := f.signed() || pol.Sources.RequireSignature
	bundle := f.signature
	if bundle == "" {
		bundle = f.file + ".sig"
	}
	raw, err := readSmall(bundle, signing.MaxBundle)
	if errors.Is(err, fs.ErrNotExist) && !must {
		return "not signed", nil
	}
	if err != nil {
		return "", noBundle(bundle, err)
	}
	if !must && len(pol.Sources.Signers) == 0 {
		return "signed by nobody knows whom: its signature was not verified", nil
	}
	var roots []signing.Roots
	if s := &f.signers; len(s.keys) > 0 || len(s.cas) > 0 || s.sigstoreIdentity != "" {
		roots, err = a.signers(s)
	} else if len(pol.Sources.Signers) == 0 {
		err = usage("data check: nobody is trusted to sign", "name a signer: --key KEY.pub, --ca CA.pem, or --sigstore-identity with --sigstore-issuer; or list signers in "+policy.FileName)
	} else {
		roots, err = rootsOf(pol.Sources.Signers, f.signers.trustedRoot)
	}
	if err != nil {
		return "", err
	}
	return verifyBaseline(f.file, bundle, raw, roots, sum)
}

func verifyBaseline(name, bundle string, raw []byte, roots []signing.Roots, sum [sha256.Size]byte) (string, error) {
	s, err := openBundle(raw, roots)
	if err == nil {
		var abs string
		if abs, err = filepath.Abs(name); err == nil {
			err = covers(s, slash(abs), sum)
		}
	}
	if r, ok := errors.AsType[*signing.RefusalError](err); ok {
		return "", &fault{
			text: fmt.Sprintf("baseline %q: does not verify: %s", name, r.Reason),
			hint: "nothing was compared with it; whoever answers for the data signs the baseline that is right", code: policy.ExitFindings,
		}
	}
	if err != nil {
		return "", bundleFault(bundle, err)
	}
	return "signed by " + (&verification{Statement: s}).signer() + ", verified", nil
}

// signBaseline signs a baseline that was just written.
func (a *app) signBaseline(ctx context.Context, name string, f *signFlags) error {
	if f.key == "" {
		return nil
	}
	return a.sign(ctx, name, f)
}

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/keyless"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/safetext"
	"github.com/andiron-dev/andiron/internal/signing"
)

type verifyFlags struct {
	signature, output string
	format            choice
	signers           signerFlags
	ignore            []string
	ignoreUnsigned    bool
	refresh           bool
	jobs              atLeast1
}

func (a *app) verifyCommand() *cobra.Command {
	var f verifyFlags
	cmd := &cobra.Command{
		Use:   "verify DIR|FILE",
		Short: "Verify the signature of a model",
		Long: `Verify that a model is, file by file, what somebody signed who counts: the owner
of a key, of a certificate under an authority, or of a Sigstore identity. Bundles
are those of OpenSSF Model Signing 1.0, by andiron or by others.

The exit code is 0 if the model is as it was signed, 1 if it is not or nobody who
counts signed it, and 3 if that could not be found out.

Nothing connects to the network, except --refresh-trusted-root, which gets the
newest trusted root of Sigstore's public instance through its TUF repository.`,
		Example: `  andiron verify models/resnet --key release.key.pub
  andiron verify models/resnet --ca ca.pem --identity release@example.com
  andiron verify models/resnet --sigstore-identity release@example.com \
    --sigstore-issuer https://accounts.google.com`,
		Args: func(cmd *cobra.Command, args []string) error {
			if f.refresh {
				return wants("argument", 0, 0)(cmd, args)
			}
			return wants("DIR or FILE", 1, 1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.refresh {
				return a.refreshTrustedRoot(cmd.Context(), f.signers.trustedRoot)
			}
			return a.verify(cmd.Context(), args[0], &f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.signature, "signature", "", "read the bundle from `FILE` (default DIR/model.sig or FILE.sig)")
	f.signers.add(flags)
	flags.StringArrayVar(&f.ignore, "ignore", nil, "let files pass that were not signed in `PATH`, relative to the model; repeatable")
	flags.BoolVar(&f.ignoreUnsigned, "ignore-unsigned-files", false, "let files pass that were not signed; a loader may find them")
	flags.BoolVar(&f.refresh, "refresh-trusted-root", false, "get the newest trusted root of Sigstore, and do nothing else")
	addChoice(cmd, &f.format, "format", "how to write the result", "text", "json")
	flags.StringVarP(&f.output, "output", "o", "", "write the result to `FILE`, whole or not at all")
	addJobs(cmd, &f.jobs)
	flags.SortFlags = false
	return cmd
}

// verification is the result of a verify.
type verification struct {
	Schema     string             `json:"schema"`
	Path       string             `json:"path"`
	Signature  string             `json:"signature"`
	Verified   bool               `json:"verified"`
	Reason     string             `json:"reason,omitempty"`    // why it does not verify, if it is not its files
	Statement  *signing.Statement `json:"statement,omitempty"` // whose signature is good
	Files      int                `json:"files"`               // that were signed
	Mismatches []signing.Mismatch `json:"mismatches"`
	Warnings   []string           `json:"warnings"`
}

func (a *app) verify(ctx context.Context, path string, f *verifyFlags) error {
	signers, err := a.signers(&f.signers)
	if err != nil {
		return err
	}
	if f.signature == "" {
		if f.signature, err = bundleName(path); err != nil {
			return err
		}
	}
	v := verification{
		Schema: "andiron/verify/v1", Path: slash(path), Signature: slash(f.signature),
		Mismatches: []signing.Mismatch{}, Warnings: []string{},
	}
	if err := v.look(ctx, path, f, signers); err != nil {
		return err
	}
	for _, w := range v.Warnings {
		a.warn(w)
	}
	if !v.Verified {
		a.code = policy.ExitFindings
	}
	return a.writeVerification(&v, f)
}

// look fills in what comes of opening the bundle and comparing the model.
func (v *verification) look(ctx context.Context, path string, f *verifyFlags, signers []signing.Roots) error {
	raw, err := readSmall(f.signature, signing.MaxBundle)
	if err != nil {
		return noBundle(f.signature, err)
	}
	s, err := openBundle(raw, signers)
	if r, ok := errors.AsType[*signing.RefusalError](err); ok {
		v.Reason = r.Reason
		return nil
	}
	if err != nil {
		return bundleFault(f.signature, err)
	}
	v.Statement, v.Files = s, s.Files()
	v.warn(f)
	v.Mismatches, err = s.Check(path, signing.CheckOptions{
		AllowUnsignedFilesUnsafe: f.ignoreUnsigned, IgnoreUnsafe: f.ignore,
		Except: []string{f.signature}, Each: engine.Each(ctx, int(f.jobs)),
	})
	if err != nil {
		return fmt.Errorf("%q could not be verified: %w", path, err)
	}
	v.Verified = len(v.Mismatches) == 0
	return nil
}

// openBundle tries one signer after the other. If none is right, each says why.
func openBundle(raw []byte, signers []signing.Roots) (s *signing.Statement, err error) {
	var reasons []string
	for _, roots := range signers {
		s, err = signing.Open(raw, roots)
		r, refused := errors.AsType[*signing.RefusalError](err)
		if !refused {
			return s, err
		}
		if !slices.Contains(reasons, r.Reason) {
			reasons = append(reasons, r.Reason)
		}
	}
	return nil, &signing.RefusalError{Reason: strings.Join(reasons, "; ")}
}

// warn says what is not covered by the signature.
func (v *verification) warn(f *verifyFlags) {
	for _, p := range f.ignore {
		v.Warnings = append(v.Warnings, fmt.Sprintf("--ignore: files in %q that nobody signed were not looked at", p))
	}
	if f.ignoreUnsigned {
		v.Warnings = append(v.Warnings, "--ignore-unsigned-files: files that nobody signed were not looked at")
	}
	for _, p := range v.Statement.Ignored {
		if p != "model.sig" && p != filepath.Base(f.signature) {
			v.Warnings = append(v.Warnings, fmt.Sprintf("the signer left out %q", p))
		}
	}
}

func noBundle(name string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &fault{text: fmt.Sprintf("there is no signature %q", name), hint: "--signature names the bundle if it is elsewhere"}
	}
	return err
}

func bundleFault(name string, err error) error {
	f := &fault{text: fmt.Sprintf("%q could not be verified: %v", name, err)}
	if errors.Is(err, keyless.ErrNotLinked) {
		f.hint = `build andiron with "go build -tags keyless ./cmd/andiron"`
	}
	return f
}

func (a *app) writeVerification(v *verification, f *verifyFlags) error {
	out, err := openOutput(f.output, a.stdout)
	if err != nil {
		return err
	}
	if f.format.value == "json" {
		err = writeJSON(out, v)
	} else {
		err = v.writeText(out)
	}
	if err != nil {
		out.abandon()
		return fmt.Errorf("the report cannot be written: %w", osfile.Cause(err))
	}
	return out.finish()
}

func (v *verification) writeText(w io.Writer) error {
	var b strings.Builder
	switch {
	case v.Verified:
		fmt.Fprintf(&b, "%s: verified: %s as signed by %s\n", v.Path, files(v.Files), v.signer())
	case v.Reason != "":
		fmt.Fprintf(&b, "%s: does not verify: %s\n", v.Path, v.Reason)
	default:
		fmt.Fprintf(&b, "%s: does not verify: it is not what was signed by %s\n", v.Path, v.signer())
	}
	for _, m := range v.Mismatches {
		fmt.Fprintf(&b, "  %-7s  %s\n", m.Problem, safetext.Plain(m.Path))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (v *verification) signer() string {
	s := v.Statement
	switch s.Method {
	case signing.Key:
		return "the key with sha256 " + s.Signer
	case signing.Certificate:
		return "the certificate of " + safetext.Plain(s.Signer)
	case signing.Keyless:
		return safetext.Plain(s.Signer) + " through Sigstore"
	}
	return safetext.Plain(s.Signer)
}

func (a *app) refreshTrustedRoot(ctx context.Context, file string) error {
	name, err := keyless.Refresh(ctx, keyless.RefreshOptions{File: file})
	if err != nil {
		return fmt.Errorf("the trusted root cannot be refreshed: %w", err)
	}
	_, err = fmt.Fprintf(a.stdout, "%s: the newest trusted root of Sigstore\n", name)
	return err
}

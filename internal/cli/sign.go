package cli

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/signing"
)

type signFlags struct {
	key, certificate, output string
	chain, ignore            []string
	jobs                     atLeast1
}

func (a *app) signCommand() *cobra.Command {
	var f signFlags
	cmd := &cobra.Command{
		Use:   "sign DIR|FILE --key KEY",
		Short: "Sign a model",
		Long: `Sign a model folder, or a model that is one file, as OpenSSF Model Signing 1.0
has it. The bundle lists the SHA-256 of every file; it goes to DIR/model.sig or
FILE.sig. Links are refused; .git, .gitattributes, .github and .gitignore at the
top of the folder are left out.

With --certificate, whoever trusts the authority at the end of its chain can
verify the bundle; without, whoever has the public key.`,
		Example: `  andiron keygen -o release.key
  andiron sign models/resnet --key release.key
  andiron sign models/resnet --key team.key --certificate team.pem --chain ca-intermediate.pem`,
		Args: wants("DIR or FILE", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.sign(cmd.Context(), args[0], &f) },
	}
	flags := cmd.Flags()
	f.addSigner(flags)
	flags.StringVarP(&f.output, "output", "o", "", "write the bundle to `FILE`, whole or not at all")
	flags.StringArrayVar(&f.ignore, "ignore", nil, "leave out `PATH`, relative to the model, and all below it; repeatable")
	addJobs(cmd, &f.jobs)
	flags.SortFlags = false
	return cmd
}

// addSigner adds the flags that say who signs.
func (f *signFlags) addSigner(flags *pflag.FlagSet) {
	flags.StringVar(&f.key, "key", "", "sign with the private key in `FILE` (PEM; P-256, P-384 or P-521)")
	flags.StringVar(&f.certificate, "certificate", "", "say who signs by the certificate of the key in `FILE` (PEM)")
	flags.StringArrayVar(&f.chain, "chain", nil, "add the certificates in `FILE`, between that one and the authority; repeatable")
}

func addJobs(cmd *cobra.Command, jobs *atLeast1) {
	cmd.Flags().Var(jobs, "jobs", "hash `N` files at once (default one per processor)")
	cmd.Flags().Lookup("jobs").DefValue = "0"
}

func (a *app) sign(ctx context.Context, path string, f *signFlags) error {
	key, certificates, err := a.signer(f)
	if err != nil {
		return err
	}
	if f.output == "" {
		if f.output, err = bundleName(path); err != nil {
			return err
		}
	}
	out, err := openOutput(f.output, a.stdout)
	if err != nil {
		return err
	}
	bundle, s, err := signing.Sign(path, key, signing.SignOptions{
		Certificates: certificates, Ignore: f.ignore, Bundle: out.name, Except: out.temporary(),
		Each: engine.Each(ctx, int(f.jobs)),
	})
	if err == nil {
		_, err = out.Write(bundle)
	}
	if err != nil {
		out.abandon()
		return signFault(path, err)
	}
	if err := out.finish(); err != nil || out.file == nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "%s: %s signed with %s\n", f.output, files(len(s.Resources)), signerOf(key, certificates))
	return err
}

// signer reads who signs.
func (a *app) signer(f *signFlags) (*ecdsa.PrivateKey, []*x509.Certificate, error) {
	if f.key == "" {
		return nil, nil, usage("sign: no key given", `"andiron keygen -o release.key" makes one for --key`)
	}
	if len(f.chain) > 0 && f.certificate == "" {
		return nil, nil, usage("sign: --chain without --certificate", "the chain is that of a certificate")
	}
	key, err := a.readKey(f.key)
	if err != nil || f.certificate == "" {
		return key, nil, err
	}
	list, err := readCertificates(append([]string{f.certificate}, f.chain...))
	return key, list, err
}

func (a *app) readKey(name string) (*ecdsa.PrivateKey, error) {
	text, err := readNamed("key", name)
	if err != nil {
		return nil, err
	}
	key, err := signing.ParseKey(text)
	if errors.Is(err, signing.ErrEncrypted) {
		return nil, &fault{text: fmt.Sprintf("key %q: %v", name, err), hint: "openssl pkcs8 -in " + name + " -out decrypted.key (and remove that afterwards)"}
	}
	if err != nil {
		return nil, &fault{text: fmt.Sprintf("key %q: %v", name, err), hint: `"andiron keygen" makes a private key`}
	}
	if info, err := os.Stat(name); err == nil && info.Mode().Perm()&0o077 != 0 {
		a.warn(fmt.Sprintf("key %q can be read by others: chmod 600 it", name))
	}
	return key, nil
}

func readCertificates(names []string) (list []*x509.Certificate, err error) {
	for _, name := range names {
		text, err := readNamed("certificate", name)
		if err != nil {
			return nil, err
		}
		some, err := signing.ParseCertificates(text)
		if err != nil {
			return nil, &fault{text: fmt.Sprintf("certificate %q: %v", name, err), hint: "it must be one or more blocks that begin with -----BEGIN CERTIFICATE-----"}
		}
		list = append(list, some...)
	}
	return list, nil
}

// readNamed reads the file of a key or certificate.
func readNamed(what, name string) ([]byte, error) {
	text, err := readSmall(name, smallLimit)
	if err != nil {
		return nil, &fault{text: fmt.Sprintf("%s %v", what, err), hint: nameFile}
	}
	return text, nil
}

// smallLimit is far more than a key, certificates or a policy take.
const smallLimit = 1 << 20

// bundleName is where the bundle of a model is: in a folder, beside a file.
func bundleName(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", &fault{text: fmt.Sprintf("%q: %v", path, osfile.Cause(err)), hint: "name a model file or a folder that is there"}
	}
	if info.IsDir() {
		return filepath.Join(path, "model.sig"), nil
	}
	return path + ".sig", nil
}

func signFault(path string, err error) error {
	if errors.Is(err, signing.ErrLink) {
		return &fault{text: fmt.Sprintf("%q cannot be signed: %v", path, err), hint: "put files in place of the links, or leave them out with --ignore"}
	}
	return fmt.Errorf("%q cannot be signed: %w", path, osfile.Cause(err))
}

func signerOf(key *ecdsa.PrivateKey, certificates []*x509.Certificate) string {
	if len(certificates) > 0 {
		return fmt.Sprintf("the certificate of %q", certificates[0].Subject)
	}
	fingerprint, _ := signing.Fingerprint(key.Public()) // it was just signed with
	return "the key with sha256 " + fingerprint
}

func files(n int) string {
	if n == 1 {
		return "1 file"
	}
	return fmt.Sprintf("%d files", n)
}

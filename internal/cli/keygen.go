package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/signing"
	"github.com/andiron-dev/andiron/internal/whole"
)

func (a *app) keygenCommand() *cobra.Command {
	var curve choice
	var output string
	cmd := &cobra.Command{
		Use:   "keygen -o KEY",
		Short: "Make a key to sign models with",
		Long: `Make an elliptic-curve key. The private key goes to KEY, unencrypted, and only
its owner can read it; the public key goes to KEY.pub. Neither file may exist.

To keep a private key under a password, encrypt the file with a tool of your
choice; andiron reads only unencrypted ones.`,
		Example: `  andiron keygen -o release.key
  andiron sign models/resnet --key release.key
  andiron verify models/resnet --key release.key.pub`,
		Args: wants("argument", 0, 0),
		RunE: func(*cobra.Command, []string) error { return a.keygen(output, curve.value) },
	}
	cmd.Flags().StringVarP(&output, "output", "o", "", "write the private key to `KEY`, the public one to KEY.pub")
	addChoice(cmd, &curve, "curve", "the curve", signing.Curves()...)
	cmd.Flags().SortFlags = false
	return cmd
}

func (a *app) keygen(name, curve string) error {
	if name == "" {
		return usage("keygen: no file given for the key", "andiron keygen -o release.key")
	}
	public := name + ".pub"
	for _, taken := range []string{name, public} {
		if _, err := os.Lstat(taken); !errors.Is(err, fs.ErrNotExist) {
			return &fault{text: fmt.Sprintf("%q exists already", taken), hint: "a key is never overwritten: choose another name, or move the old one away"}
		}
	}
	key, err := signing.GenerateKey(curve)
	if err != nil {
		return err
	}
	secret, err := signing.MarshalKey(key)
	if err != nil {
		return err
	}
	text, err := signing.MarshalPublicKey(key.Public())
	if err != nil {
		return err
	}
	if err := writePair(name, secret, public, text); err != nil {
		return &fault{text: fmt.Sprintf("key %q cannot be written: %v", name, osfile.Cause(err)), hint: folderFirst}
	}
	fingerprint, err := signing.Fingerprint(key.Public())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "%s: private key, keep it secret\n%s: public key, sha256 %s\n", name, public, fingerprint)
	return err
}

// writePair writes both files or none.
func writePair(name string, secret []byte, public string, text []byte) error {
	if err := writeMode(name, secret, 0o600); err != nil {
		return err
	}
	err := writeMode(public, text, 0o644)
	if err != nil {
		err = errors.Join(err, os.Remove(name))
	}
	return err
}

func writeMode(name string, b []byte, mode fs.FileMode) error {
	f, err := whole.Create(name)
	if err != nil {
		return err
	}
	defer f.Abandon()
	f.Chmod(mode)
	if _, err := f.Write(b); err != nil {
		return err
	}
	return f.Commit()
}

package record

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/whole"
)

// OpenSecret returns the secret of a user, which lies in a folder that only this user
// can enter, and makes it if there is none. Where folder or file are not private there
// is no secret, and so no stored answer.
func OpenSecret(dir string) (Secret, error) {
	if dir == "" {
		return nil, errors.New("there is no folder for caches")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := private(dir); err != nil {
		return nil, err
	}
	name := filepath.Join(dir, "record-secret")
	s, err := readSecret(name)
	if !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	f, err := whole.Create(name)
	if err != nil {
		return nil, err
	}
	defer f.Abandon()
	f.Chmod(0o600)
	s = NewSecret()
	if _, err := f.Write(s); err != nil {
		return nil, err
	}
	if err := f.Commit(); err != nil {
		return nil, err
	}
	return readSecret(name) // that of whoever was last
}

func readSecret(name string) (Secret, error) {
	if err := private(name); err != nil {
		return nil, err
	}
	f, err := os.Open(name) //nolint:gosec // in the user's own folder
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was read
	b, err := bounded.ReadAll(f, sha256.Size)
	if err == nil && len(b) != sha256.Size {
		err = fmt.Errorf("%q holds %d bytes, not %d", name, len(b), sha256.Size)
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// private refuses what others could have written or read.
func private(name string) error {
	info, err := os.Lstat(name)
	if err != nil {
		return err
	}
	if uid, ok := osfile.Owner(info); ok && (int64(uid) != int64(os.Getuid()) || info.Mode().Perm()&0o077 != 0) {
		return fmt.Errorf("%q is not this user's alone (mode %04o)", name, info.Mode().Perm())
	}
	if !info.IsDir() && !info.Mode().IsRegular() {
		return fmt.Errorf("%q is neither file nor folder", name)
	}
	return nil
}

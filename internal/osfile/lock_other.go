//go:build !linux && !darwin && !windows

package osfile

import (
	"errors"
	"os"
	"path/filepath"
)

// tryLock makes a file that must not be there. One that a dead process left behind
// has to be removed by hand.
func tryLock(dir string) (unlock func(), held bool, err error) {
	path := filepath.Join(dir, ".andiron.lock.held")
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, errors.Is(err, os.ErrExist), err
	}
	return func() { _ = errors.Join(f.Close(), os.Remove(path)) }, false, nil
}

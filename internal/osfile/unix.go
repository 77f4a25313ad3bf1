//go:build linux || darwin

package osfile

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

func owner(info fs.FileInfo) (uint32, bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return s.Uid, true
}

func tryLock(dir string) (unlock func(), held bool, err error) {
	d, err := os.Open(dir) //nolint:gosec // the folder whose file is about to be written
	if err != nil {
		return nil, false, err
	}
	for {
		err = syscall.Flock(int(d.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		_ = d.Close() // nothing was written to it
		return nil, errors.Is(err, syscall.EWOULDBLOCK), &fs.PathError{Op: "flock", Path: dir, Err: err}
	}
	return func() { _ = d.Close() }, false, nil // closing lets the lock go
}

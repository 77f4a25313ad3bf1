package osfile

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"
)

// lockName is the file that stands for a folder, which Windows cannot lock.
const lockName = ".andiron.lock.held"

const sharingViolation syscall.Errno = 32

// tryLock opens a file that nobody else may open meanwhile. Windows removes it when
// the last handle is closed, also when the process dies.
func tryLock(dir string) (unlock func(), held bool, err error) {
	const deleteOnClose = 0x04000000
	path := filepath.Join(dir, lockName)
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, false, err
	}
	h, err := syscall.CreateFile(name, syscall.GENERIC_WRITE, 0, nil, syscall.OPEN_ALWAYS, deleteOnClose, 0)
	if err != nil {
		held = errors.Is(err, sharingViolation) || errors.Is(err, syscall.ERROR_ACCESS_DENIED)
		return nil, held, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return func() { _ = syscall.CloseHandle(h) }, false, nil
}

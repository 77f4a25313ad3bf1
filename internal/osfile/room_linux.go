package osfile

import (
	"errors"
	"os"
	"syscall"
)

// syncWrite starts to write what is dirty, and does not wait: SYNC_FILE_RANGE_WRITE
// of linux/fs.h.
const syncWrite = 2

func reserve(f *os.File, size int64) error {
	err := syscall.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) {
		return &os.PathError{Op: "fallocate", Path: f.Name(), Err: err}
	}
	return nil // a file system that cannot reserve
}

func writeBack(f *os.File, off, n int64) {
	_ = syscall.SyncFileRange(int(f.Fd()), off, n, syncWrite) // Sync says what went wrong
}

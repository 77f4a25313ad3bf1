package child

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Memfd makes a file without a name that can be sealed. kind is MFD_EXEC or
// MFD_NOEXEC_SEAL; Linux before 6.3 knows neither, and may run every one.
func Memfd(name string, kind int) (*os.File, error) {
	const flags = unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(name, flags|kind)
	if errors.Is(err, unix.EINVAL) {
		fd, err = unix.MemfdCreate(name, flags)
	}
	if err != nil {
		return nil, fmt.Errorf("memfd_create: %w", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// Seal makes sure that the file does not change any more.
func Seal(f *os.File) error {
	_, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL)
	return err
}

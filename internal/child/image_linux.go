package child

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

const suffix = ""

// unnamed writes the program to a file without a name that cannot be changed any more.
func unnamed(m *Image) (path string, done func(), err error) {
	fd, err := unix.MemfdCreate(m.Name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_EXEC)
	if errors.Is(err, unix.EINVAL) { // Linux before 6.3, where every one may be run
		fd, err = unix.MemfdCreate(m.Name, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return "", nil, fmt.Errorf("memfd_create: %w", err)
	}
	f := os.NewFile(uintptr(fd), m.Name)
	done = func() { _ = f.Close() } // it is gone with that
	_, err = f.Write(m.Program)
	if err == nil {
		_, err = unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_WRITE|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL)
	}
	if err != nil {
		done()
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d", fd), done, nil
}

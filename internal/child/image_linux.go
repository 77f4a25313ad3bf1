package child

import (
	"fmt"

	"golang.org/x/sys/unix"
)

const suffix = ""

// unnamed writes the program to a file without a name that cannot be changed any more.
func unnamed(m *Image) (path string, done func(), err error) {
	f, err := Memfd(m.Name, unix.MFD_EXEC)
	if err != nil {
		return "", nil, err
	}
	done = func() { _ = f.Close() } // it is gone with that
	_, err = f.Write(m.Program)
	if err == nil {
		err = Seal(f)
	}
	if err != nil {
		done()
		return "", nil, err
	}
	return fmt.Sprintf("/proc/self/fd/%d", f.Fd()), done, nil
}

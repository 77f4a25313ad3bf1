package enforce

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/child"
)

// Supported reports whether this system has what Exec needs.
func Supported() bool { return nrOpenat >= 0 }

var nrOpenat = numberOf("openat")

// Again starts this program anew in the place of itself, and does not return then. Its
// arguments are told where a plan and an open log are to be found. After it, all threads
// are in one Landlock domain.
func Again(args func(where string) []string, plan []byte, log *os.File) error {
	f, err := child.Memfd("plan", unix.MFD_NOEXEC_SEAL)
	if err != nil {
		return err
	}
	if _, err := f.Write(plan); err != nil {
		return err
	}
	for _, kept := range []*os.File{f, log} {
		if _, err := unix.FcntlInt(kept.Fd(), unix.F_SETFD, 0); err != nil {
			return err
		}
	}
	where := fmt.Sprintf("%d,%d", f.Fd(), log.Fd())
	return fmt.Errorf("this program cannot be started again: %w", unix.Exec("/proc/self/exe", args(where), os.Environ()))
}

// Told takes the plan and the log that Again left.
func Told(where string) (plan []byte, log *os.File, err error) {
	a, b, _ := strings.Cut(where, ",")
	var files [2]*os.File
	for i, text := range []string{a, b} {
		fd, err := strconv.Atoi(text)
		if err != nil || fd < 0 {
			return nil, nil, fmt.Errorf("%q is no descriptor", text)
		}
		if fd > unix.Stderr {
			unix.CloseOnExec(fd)
		}
		files[i] = os.NewFile(uintptr(fd), text)
	}
	private, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
	if err != nil || private != 1 {
		return nil, nil, fmt.Errorf("this process is in no domain: %w", unix.EPERM)
	}
	if _, err := files[0].Seek(0, io.SeekStart); err != nil {
		return nil, nil, err
	}
	plan, err = bounded.ReadAll(files[0], 1<<20)
	_ = files[0].Close() // it was only read
	return plan, files[1], err
}

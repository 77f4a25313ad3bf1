//go:build unix && !linux && !aix && !solaris && !illumos

package confine

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Self confines this process as far as the system does, for good: memory is not
// limited, and a limit that the system does not take is left out.
func Self(l Limits) error {
	if l.Memory <= 0 || l.CPU <= 0 {
		return fmt.Errorf("confine: limits %+v are not above 0", l)
	}
	for resource, most := range map[int]int64{
		unix.RLIMIT_CPU: l.CPU, unix.RLIMIT_CORE: 0, unix.RLIMIT_FSIZE: 0, unix.RLIMIT_NOFILE: 0, unix.RLIMIT_NPROC: 0,
	} {
		set(resource, most)
	}
	return nil
}

func set(resource int, most int64) {
	var r unix.Rlimit
	if unix.Getrlimit(resource, &r) != nil {
		return
	}
	assign(&r.Cur, most)
	assign(&r.Max, most)
	_ = unix.Setrlimit(resource, &r) // it stays as it was
}

// assign is for fields that are signed on some systems only.
func assign[T int64 | uint64](to *T, most int64) { *to = T(most) }

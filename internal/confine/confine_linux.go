package confine

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Self confines this process, for good.
func Self(l Limits) error {
	if l.Memory <= 0 || l.CPU <= 0 {
		return fmt.Errorf("confine: limits %+v are not above 0", l)
	}
	used, err := addressSpace()
	if err != nil {
		return err
	}
	spareThreads()
	for _, r := range []struct {
		name     string
		resource int
		most     uint64
	}{
		{"RLIMIT_AS", unix.RLIMIT_AS, used + uint64(l.Memory)},
		{"RLIMIT_CPU", unix.RLIMIT_CPU, uint64(l.CPU)},
		{"RLIMIT_CORE", unix.RLIMIT_CORE, 0},
		{"RLIMIT_FSIZE", unix.RLIMIT_FSIZE, 0},
		{"RLIMIT_NOFILE", unix.RLIMIT_NOFILE, 0},
		{"RLIMIT_NPROC", unix.RLIMIT_NPROC, 0},
	} {
		if err := unix.Setrlimit(r.resource, &unix.Rlimit{Cur: r.most, Max: r.most}); err != nil {
			return fmt.Errorf("confine: %s: %w", r.name, err)
		}
	}
	return filter()
}

// addressSpace is how much of it is in use: /proc/self/statm, first field, in pages.
// With the first file Go's runtime opens the descriptors that it waits with, which it
// could not do later.
func addressSpace() (uint64, error) {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, fmt.Errorf("confine: %w", err)
	}
	first, _, _ := strings.Cut(string(b), " ")
	pages, err := strconv.ParseUint(first, 10, 40)
	if err != nil {
		return 0, fmt.Errorf("confine: /proc/self/statm: %w", err)
	}
	return pages * uint64(os.Getpagesize()), nil
}

// spareThreads starts as many threads as Go's runtime can want of one processor,
// because it could not have any more. It keeps those that have nothing to do.
func spareThreads() {
	const spare = 12
	runtime.GOMAXPROCS(1)
	here, leave, gone := make(chan struct{}), make(chan struct{}), make(chan struct{})
	for range spare {
		go func() {
			runtime.LockOSThread()
			here <- struct{}{}
			<-leave
			runtime.UnlockOSThread()
			gone <- struct{}{}
		}()
	}
	for range spare { // each has a thread of its own by now
		<-here
	}
	close(leave)
	for range spare {
		<-gone
	}
}

// Package confine takes from this process what it can do without, before it looks at
// anything hostile.
//
// # Security
//
// What is taken cannot be had back. On Linux nothing can be opened, written or
// started any more: limits of the kernel on memory, processor time, files and
// processes, no_new_privs, and on amd64 and arm64 a seccomp filter under which every
// system call fails with EPERM but reading, writing, memory that is not executable,
// and what Go's runtime waits and ends with. A kernel that was built without seccomp
// leaves the limits. On other systems with limits those are set that there are, and on
// Windows there are none.
//
// # Specification
//
// getrlimit(2), seccomp(2) and prctl(2) of Linux man-pages 6.9.
package confine

// Limits say what is left. Each must be above 0.
type Limits struct {
	Memory int64 // bytes of address space beyond what is in use now
	CPU    int64 // seconds, of all of the life of the process
}

// Package unotify is how Linux asks one process about the system calls of others: what
// becomes of a call for which a filter (internal/seccomp) says Notify.
//
// # Security
//
// A call waits until it is answered, and fails with ENOSYS once nobody is left who
// could. What stands behind its pointers may be written over by another thread at any
// time. So a call is safe to let go on (Continue) only if what it does is decided by
// numbers that the kernel has copied; an open is answered with a descriptor (Give).
//
// # Specification
//
// seccomp_unotify(2) and process_vm_readv(2) of Linux man-pages 6.9, and
// include/uapi/linux/seccomp.h.
package unotify

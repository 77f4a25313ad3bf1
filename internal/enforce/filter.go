package enforce

import (
	"github.com/andiron-dev/andiron/internal/seccomp"
)

// What arguments mean, and errors: linux/sched.h, prctl.h, errno-base.h and errno.h.
const (
	cloneNewUser  = 0x10000000
	prSecurebits  = 28
	prBoundingSet = 24 // PR_CAPBSET_DROP
	eperm         = 1
	enoent        = 2
	enosys        = 38

	eprotonosupport = 93
	eopnotsupp      = 95
	eafnosupport    = 97
)

// What sockets are: linux/socket.h, linux/net.h, linux/in.h and linux/tcp.h.
const (
	afInet, afInet6              = 2, 10
	afPacket, afRDS              = 17, 21
	afSMC, afXDP                 = 43, 44
	sockStream, sockDgram        = 1, 2
	sockType                     = 0xf // the rest of the argument are flags
	ipprotoIP, ipprotoTCP        = 0, 6
	tcpULP                       = 31
	msgFastOpen                  = 0x20000000
	intBits               uint64 = 1<<32 - 1
)

// Flags of opens, in asm-generic/fcntl.h; arm64 has one of its own.
const (
	oCreat   = 0x40
	oPath    = 0x200000
	oTmpfile = 0x400000 // without O_DIRECTORY, which programs give as well
)

var oDirectory = map[*seccomp.Arch]uint64{seccomp.AMD64: 0x10000, seccomp.ARM64: 0x4000}

// ProgramFilter is what a program is held by: opens are asked about, and what would get
// around that fails. With rights, as root has them, it may not give them up, because the
// supervisor opens with its own. Where ports are declared, no other way leads to them.
func ProgramFilter(a *seccomp.Arch, privileged bool, ports Ports) *seccomp.Filter {
	f := &seccomp.Filter{Arch: a, Else: seccomp.Allow}
	each := func(do seccomp.Action, calls ...string) {
		for _, c := range calls {
			if _, ok := a.Number(c); ok { // arm64 has fewer
				f.Rules = append(f.Rules, seccomp.Rule{Call: c, Do: do})
			}
		}
	}
	// The kernel itself opens what can only be a folder, and what nothing can be read
	// through: no content is asked about, and flags are in no memory that changes meanwhile.
	for _, c := range []struct {
		name  string
		flags int
	}{{"openat", 2}, {"open", 1}} {
		if _, ok := a.Number(c.name); ok {
			f.Rules = append(f.Rules,
				seccomp.Rule{Call: c.name, When: []seccomp.Cond{{Arg: c.flags, Mask: oDirectory[a] | oCreat | oTmpfile, Value: oDirectory[a]}}, Do: seccomp.Allow},
				seccomp.Rule{Call: c.name, When: []seccomp.Cond{seccomp.With(c.flags, oPath)}, Do: seccomp.Allow})
		}
	}
	each(seccomp.Notify, "openat", "open", "creat")
	// Callers know what to do on a kernel that has none of these.
	each(seccomp.Errno(enosys), "openat2", "io_uring_setup", "io_uring_enter", "io_uring_register",
		"landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self")
	each(seccomp.Errno(eperm),
		"open_by_handle_at", "name_to_handle_at", // other ways to a file
		"ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp", // to other processes
		"chroot", "pivot_root", "setns", "mount", "umount2", "move_mount", "open_tree", "fsopen", "fsmount", "fspick", "mount_setattr", // to other paths
		"fanotify_init", "uselib", "bpf")
	f.Rules = append(f.Rules, portRules(ports)...)
	if !privileged {
		return f
	}
	each(seccomp.Errno(enosys), "clone3") // its flags stand behind a pointer; clone is tried then
	each(seccomp.Errno(eperm), "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "setgroups", "capset")
	for _, c := range []string{"clone", "unshare"} {
		f.Rules = append(f.Rules, seccomp.Rule{Call: c, When: []seccomp.Cond{seccomp.With(0, cloneNewUser)}, Do: seccomp.Errno(eperm)},
			seccomp.Rule{Call: c, Do: seccomp.Allow})
	}
	for _, op := range []uint64{prSecurebits, prBoundingSet} {
		f.Rules = append(f.Rules, seccomp.Rule{Call: "prctl", When: []seccomp.Cond{{Arg: 0, Mask: 1<<32 - 1, Value: op}}, Do: seccomp.Errno(eperm)})
	}
	f.Rules = append(f.Rules, seccomp.Rule{Call: "prctl", Do: seccomp.Allow})
	return f
}

// portRules close the ways to ports of TCP that Landlock does not ask about, which hears
// of connect and bind on sockets of TCP itself. Programs take the errors for those of a
// kernel that has no such thing, and go on with plain TCP.
func portRules(ports Ports) (list []seccomp.Rule) {
	if ports == (Ports{}) {
		return nil
	}
	is := func(arg int, value uint64) seccomp.Cond { return seccomp.Cond{Arg: arg, Mask: intBits, Value: value} }
	kind := func(value uint64) seccomp.Cond { return seccomp.Cond{Arg: 1, Mask: sockType, Value: value} }
	rule := func(do seccomp.Action, call string, when ...seccomp.Cond) {
		list = append(list, seccomp.Rule{Call: call, When: when, Do: do})
	}
	// Of internet sockets there are TCP and datagrams, and no others: MPTCP and SMC reach
	// who listens with TCP, SCTP and DCCP have ports of their own, and what is raw can be a
	// segment that was made by hand.
	for _, family := range []uint64{afInet, afInet6} {
		rule(seccomp.Allow, "socket", is(0, family), kind(sockStream), is(2, ipprotoIP))
		rule(seccomp.Allow, "socket", is(0, family), kind(sockStream), is(2, ipprotoTCP))
		rule(seccomp.Allow, "socket", is(0, family), kind(sockDgram))
		rule(seccomp.Errno(eprotonosupport), "socket", is(0, family))
	}
	for _, family := range []uint64{afSMC, afRDS, afPacket, afXDP} {
		rule(seccomp.Errno(eafnosupport), "socket", is(0, family))
	}
	// A socket of TCP becomes one of SMC. The other use is TLS in the kernel, and what
	// stands behind the pointer cannot be told; programs encrypt by themselves then.
	rule(seccomp.Errno(enoent), "setsockopt", is(1, ipprotoTCP), is(2, tcpULP))
	if ports.Connect { // it connects without connect
		rule(seccomp.Errno(eopnotsupp), "sendto", seccomp.With(3, msgFastOpen))
		rule(seccomp.Errno(eopnotsupp), "sendmsg", seccomp.With(2, msgFastOpen))
		rule(seccomp.Errno(eopnotsupp), "sendmmsg", seccomp.With(3, msgFastOpen))
	}
	return list
}

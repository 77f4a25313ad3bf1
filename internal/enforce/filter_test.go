package enforce

import (
	"testing"

	"github.com/andiron-dev/andiron/internal/seccomp"
)

func TestProgramFilter(t *testing.T) {
	for _, a := range []*seccomp.Arch{seccomp.AMD64, seccomp.ARM64} {
		for _, privileged := range []bool{false, true} {
			f := ProgramFilter(a, privileged, Ports{})
			if _, err := f.Compile(); err != nil {
				t.Fatalf("%s: %v", a, err)
			}
			for call, want := range map[string][2]seccomp.Action{
				"openat":            {seccomp.Notify, seccomp.Notify},
				"open":              {seccomp.Notify, seccomp.Notify},
				"creat":             {seccomp.Notify, seccomp.Notify},
				"openat2":           {seccomp.Errno(enosys), seccomp.Errno(enosys)},
				"io_uring_setup":    {seccomp.Errno(enosys), seccomp.Errno(enosys)},
				"open_by_handle_at": {seccomp.Errno(eperm), seccomp.Errno(eperm)},
				"process_vm_writev": {seccomp.Errno(eperm), seccomp.Errno(eperm)},
				"ptrace":            {seccomp.Errno(eperm), seccomp.Errno(eperm)},
				"pidfd_getfd":       {seccomp.Errno(eperm), seccomp.Errno(eperm)},
				"chroot":            {seccomp.Errno(eperm), seccomp.Errno(eperm)},
				"setns":             {seccomp.Errno(eperm), seccomp.Errno(eperm)},
				"clone3":            {seccomp.Allow, seccomp.Errno(enosys)},
				"clone":             {seccomp.Allow, seccomp.Allow},
				"setresuid":         {seccomp.Allow, seccomp.Errno(eperm)},
				"prctl":             {seccomp.Allow, seccomp.Allow},
				"read":              {seccomp.Allow, seccomp.Allow},
				"execve":            {seccomp.Allow, seccomp.Allow},
			} {
				n, ok := a.Number(call)
				if !ok {
					continue
				}
				i := 0
				if privileged {
					i = 1
				}
				if got := f.Decide(seccomp.Data{Number: n, Audit: a.Audit()}); got != want[i] {
					t.Errorf("%s, privileged %v: %s: %v, want %v", a, privileged, call, got, want[i])
				}
			}
		}
		f := ProgramFilter(a, true, Ports{})
		for call, arg := range map[string]uint64{"clone": cloneNewUser | 17, "unshare": cloneNewUser, "prctl": prBoundingSet} {
			n, _ := a.Number(call)
			if got := f.Decide(seccomp.Data{Number: n, Audit: a.Audit(), Args: [6]uint64{arg}}); got != seccomp.Errno(eperm) {
				t.Errorf("%s: %s(%#x): %v", a, call, arg, got)
			}
		}
	}
}

// Folders and O_PATH are the kernel's, and nothing that makes or reads a file.
func TestFolders(t *testing.T) {
	const write, create, trunc, noFollow, cloexec, high = 1, 0x40, 0x200, 0x8000, 0x80000, 1 << 40
	for _, a := range []*seccomp.Arch{seccomp.AMD64, seccomp.ARM64} {
		dir := oDirectory[a]
		f := ProgramFilter(a, false, Ports{})
		for flags, want := range map[uint64]seccomp.Action{
			0: seccomp.Notify, noFollow | cloexec: seccomp.Notify, write | create: seccomp.Notify, high: seccomp.Notify,
			dir: seccomp.Allow, dir | cloexec: seccomp.Allow, dir | trunc: seccomp.Allow,
			dir | create: seccomp.Notify, dir | oTmpfile | write: seccomp.Notify, oTmpfile: seccomp.Notify, dir << 32: seccomp.Notify,
			oPath: seccomp.Allow, oPath | noFollow: seccomp.Allow, oPath << 32: seccomp.Notify,
		} {
			for call, at := range map[string]int{"openat": 2, "open": 1} {
				n, ok := a.Number(call)
				if !ok {
					continue
				}
				d := seccomp.Data{Number: n, Audit: a.Audit()}
				d.Args[at] = flags
				if got := f.Decide(d); got != want {
					t.Errorf("%s: %s with %#x: %v, want %v", a, call, flags, got, want)
				}
			}
		}
	}
}

// Where ports are declared, sockets are those that Landlock hears of, or have none of TCP.
func TestPortRules(t *testing.T) {
	const flags, high = 0x80800, 1 << 32
	refusedProtocol, refusedFamily := seccomp.Errno(eprotonosupport), seccomp.Errno(eafnosupport)
	for _, a := range []*seccomp.Arch{seccomp.AMD64, seccomp.ARM64} {
		for _, c := range []struct {
			call       string
			args       [6]uint64
			both, bind seccomp.Action
		}{
			{"socket", [6]uint64{2, 1}, seccomp.Allow, seccomp.Allow},
			{"socket", [6]uint64{10, 1 | flags, 6}, seccomp.Allow, seccomp.Allow},
			{"socket", [6]uint64{2 + high, 1 + high, 6 + high}, seccomp.Allow, seccomp.Allow}, // the kernel takes 32 bits
			{"socket", [6]uint64{2, 2, 17}, seccomp.Allow, seccomp.Allow},
			{"socket", [6]uint64{10, 2 | flags, 58}, seccomp.Allow, seccomp.Allow},
			{"socket", [6]uint64{1, 1}, seccomp.Allow, seccomp.Allow},
			{"socket", [6]uint64{16, 3, 0}, seccomp.Allow, seccomp.Allow}, // netlink
			{"socket", [6]uint64{40, 1}, seccomp.Allow, seccomp.Allow},    // VSOCK
			{"socket", [6]uint64{2, 1, 262}, refusedProtocol, refusedProtocol},
			{"socket", [6]uint64{10, 1 | flags, 262}, refusedProtocol, refusedProtocol},
			{"socket", [6]uint64{2 + high, 1 + high, 262 + high}, refusedProtocol, refusedProtocol},
			{"socket", [6]uint64{2, 1, 256}, refusedProtocol, refusedProtocol},
			{"socket", [6]uint64{2, 5, 132}, refusedProtocol, refusedProtocol},
			{"socket", [6]uint64{10, 3, 6}, refusedProtocol, refusedProtocol},
			{"socket", [6]uint64{43, 1}, refusedFamily, refusedFamily},
			{"socket", [6]uint64{17, 3}, refusedFamily, refusedFamily},
			{"setsockopt", [6]uint64{3, 6, 31}, seccomp.Errno(enoent), seccomp.Errno(enoent)},
			{"setsockopt", [6]uint64{3, 6, 30}, seccomp.Allow, seccomp.Allow}, // TCP_FASTOPEN_CONNECT, and then connect
			{"setsockopt", [6]uint64{3, 1, 31}, seccomp.Allow, seccomp.Allow},
			{"sendto", [6]uint64{3, 0, 0, msgFastOpen | 0x4000}, seccomp.Errno(eopnotsupp), seccomp.Allow},
			{"sendto", [6]uint64{3, 0, msgFastOpen, 0x4000}, seccomp.Allow, seccomp.Allow},
			{"sendmsg", [6]uint64{3, 0, msgFastOpen}, seccomp.Errno(eopnotsupp), seccomp.Allow},
			{"sendmmsg", [6]uint64{3, 0, 1, msgFastOpen}, seccomp.Errno(eopnotsupp), seccomp.Allow},
			{"sendmmsg", [6]uint64{3, 0, msgFastOpen, 0}, seccomp.Allow, seccomp.Allow}, // so many
		} {
			n, ok := a.Number(c.call)
			if !ok {
				t.Fatalf("%s has no %s", a, c.call)
			}
			for ports, want := range map[Ports]seccomp.Action{
				{}: seccomp.Allow, {Connect: true}: c.both, {Connect: true, Bind: true}: c.both, {Bind: true}: c.bind,
			} {
				f := ProgramFilter(a, false, ports)
				if _, err := f.Compile(); err != nil {
					t.Fatalf("%s: %v", a, err)
				}
				if got := f.Decide(seccomp.Data{Number: n, Audit: a.Audit(), Args: c.args}); got != want {
					t.Errorf("%s, %+v: %s%v: %v, want %v", a, ports, c.call, c.args, got, want)
				}
			}
		}
	}
}

package enforce

import (
	"testing"

	"github.com/andiron-dev/andiron/internal/seccomp"
)

func TestProgramFilter(t *testing.T) {
	for _, a := range []*seccomp.Arch{seccomp.AMD64, seccomp.ARM64} {
		for _, privileged := range []bool{false, true} {
			f := ProgramFilter(a, privileged)
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
		f := ProgramFilter(a, true)
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
		f := ProgramFilter(a, false)
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

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

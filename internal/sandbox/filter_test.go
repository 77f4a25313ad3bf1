package sandbox_test

import (
	"slices"
	"testing"

	"github.com/andiron-dev/andiron/internal/sandbox"
	"github.com/andiron-dev/andiron/internal/seccomp"
)

// What every byte of a checkpoint could be used for, and what loading is made of.
func TestLoadFilter(t *testing.T) {
	const exec, private, shared, anonymous, growsDown = 4, 2, 1, 0x20, 0x100
	for _, a := range []*seccomp.Arch{seccomp.AMD64, seccomp.ARM64} {
		f := sandbox.LoadFilter(a)
		if _, err := f.Compile(); err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			call string
			args []uint64
			want seccomp.Action
		}{
			{"read", []uint64{10}, seccomp.Allow},
			{"mmap", []uint64{0, 4096, 3, private | anonymous}, seccomp.Allow},
			{"mmap", []uint64{0, 4096, 7, private | anonymous}, seccomp.Notify},
			{"mmap", []uint64{0, 4096, 3, shared | anonymous}, seccomp.Notify},
			{"mmap", []uint64{0, 4096, 3, shared | private}, seccomp.Notify}, // MAP_SHARED_VALIDATE
			{"mmap", []uint64{0, 4096, 3, private | anonymous | growsDown}, seccomp.Notify},
			{"mmap", []uint64{0, 4096, 1<<32 | exec, private}, seccomp.Notify},
			{"mprotect", []uint64{0, 4096, 3}, seccomp.Allow},
			{"mprotect", []uint64{0, 4096, exec}, seccomp.Notify},
			{"write", []uint64{2}, seccomp.Allow},
			{"write", []uint64{3}, seccomp.Allow},
			{"write", []uint64{10}, seccomp.Notify},
			{"write", []uint64{1<<32 | 2}, seccomp.Notify},
			{"pwrite64", []uint64{10}, seccomp.Notify},
			{"ftruncate", []uint64{10}, seccomp.Notify},
			{"sendmsg", []uint64{3}, seccomp.Allow},
			{"sendmsg", []uint64{4}, seccomp.Notify},
			{"ioctl", []uint64{0, 0x5401}, seccomp.Allow},
			{"ioctl", []uint64{0, 0x5412}, seccomp.Notify},
			{"futex", []uint64{0, 128}, seccomp.Allow},
			{"futex", []uint64{0, 6}, seccomp.Notify},
			{"prlimit64", []uint64{0, 7, 0, 1}, seccomp.Allow},
			{"prlimit64", []uint64{0, 7, 1}, seccomp.Notify},
		} {
			n, ok := a.Number(c.call)
			if !ok {
				t.Fatalf("%s has no %s", a, c.call)
			}
			d := seccomp.Data{Number: n, Audit: a.Audit()}
			copy(d.Args[:], c.args)
			if got := f.Decide(d); got != c.want {
				t.Errorf("%s: %s%x: %v, want %v", a, c.call, c.args, got, c.want)
			}
		}
	}
}

// Nothing else is allowed, whatever its arguments are.
func TestLoadFilterIsAll(t *testing.T) {
	for _, a := range []*seccomp.Arch{seccomp.AMD64, seccomp.ARM64} {
		f := sandbox.LoadFilter(a)
		named := f.Calls()
		for n := range int32(1024) {
			if slices.Contains(named, a.Call(n)) {
				continue
			}
			for _, x := range []uint64{0, 1, 3, 11, 0x5401} {
				d := seccomp.Data{Number: n, Audit: a.Audit(), Args: [6]uint64{x, x, x, x, x, x}}
				if got := f.Decide(d); got != seccomp.Notify {
					t.Errorf("%s: %s: %v", a, a.Call(n), got)
				}
			}
		}
		if len(named) > 32 {
			t.Errorf("%s: %d calls: %q", a, len(named), named)
		}
	}
}

package sandbox

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWayOn(t *testing.T) {
	says := func(err error) func() error { return func() error { return err } }
	for _, c := range []struct {
		name          string
		fs            int64
		verity, lease error
		want          string
	}{
		{"both", unix.EXT4_SUPER_MAGIC, nil, nil, "verity"},
		{"no digest", unix.EXT4_SUPER_MAGIC, unix.ENODATA, nil, "lease"},
		{"a kernel without it", unix.EXT4_SUPER_MAGIC, unix.EOPNOTSUPP, nil, "lease"},
		{"a writer", unix.BTRFS_SUPER_MAGIC, unix.ENOTTY, unix.EAGAIN, "copy"},
		{"of somebody else", unix.EXT4_SUPER_MAGIC, unix.ENODATA, unix.EACCES, "copy"},
		{"verity of somebody else", unix.F2FS_SUPER_MAGIC, nil, unix.EACCES, "verity"},
		{"tmpfs", unix.TMPFS_MAGIC, nil, nil, "lease"},
		{"overlay", unix.OVERLAYFS_SUPER_MAGIC, nil, nil, "copy"},
		{"a FUSE that claims it", 0x65735546, nil, nil, "copy"},
	} {
		if got := wayOn(c.fs, says(c.verity), says(c.lease)); got != c.want {
			t.Errorf("%s: %q, not %q", c.name, got, c.want)
		}
	}
}

// A file without fs-verity has no digest of it, whatever the kernel has.
func TestNoVerity(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "f"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := verity(f); err == nil {
		t.Error(got)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

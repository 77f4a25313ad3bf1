package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/child"
)

// leases are file systems on which a lease keeps every writer away: magic numbers of
// linux/magic.h. On an overlay one does not see who writes beneath.
var leases = []int64{unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.TMPFS_MAGIC}

// verities are those with fs-verity by the kernel itself: who serves a FUSE could lie.
var verities = []int64{unix.EXT4_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.F2FS_SUPER_MAGIC}

// OpenInput opens a checkpoint, once, and works out its digest. A link is not followed.
func OpenInput(path string) (*Input, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ELOOP) {
		return nil, &fs.PathError{Op: "open", Path: path, Err: errors.New("it is a link, which is not followed")}
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	f := os.NewFile(uintptr(fd), path)
	in, err := keep(f)
	if err != nil {
		_ = f.Close() // it was only read
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return in, nil
}

func keep(f *os.File) (*Input, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	in := &Input{file: f, Size: info.Size()}
	if in.Kept = in.way(); in.Kept == "copy" {
		return in, in.copy(info.Size())
	}
	h := sha256.New()
	n, err := io.Copy(h, f)
	if err == nil && n != info.Size() {
		err = fmt.Errorf("it has %d bytes, and %d were read", info.Size(), n)
	}
	in.SHA256 = hex.EncodeToString(h.Sum(nil))
	return in, err
}

// verity is the digest of fs-verity, which a file has that nobody can change, not even
// who owns it: linux/fsverity.h.
func verity(f *os.File) (string, error) {
	var d struct {
		algorithm, size uint16
		digest          [64]byte
	}
	d.size = uint16(len(d.digest))
	if _, _, e := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.FS_IOC_MEASURE_VERITY, uintptr(unsafe.Pointer(&d))); e != 0 { //nolint:gosec // for the kernel
		return "", e
	}
	name := map[uint16]string{1: "sha256", 2: "sha512"}[d.algorithm]
	if name == "" || int(d.size) > len(d.digest) {
		return "", fmt.Errorf("fs-verity has the algorithm %d", d.algorithm)
	}
	return name + ":" + hex.EncodeToString(d.digest[:d.size]), nil
}

// way is how the input is kept. With fs-verity, nobody can write to it; with a lease, the
// kernel tells of who wants to.
func (in *Input) way() string {
	var st unix.Statfs_t
	if unix.Fstatfs(int(in.file.Fd()), &st) != nil {
		return "copy"
	}
	return wayOn(st.Type, func() (err error) {
		in.Verity, err = verity(in.file)
		return err
	}, func() error {
		_, err := unix.FcntlInt(in.file.Fd(), unix.F_SETLEASE, unix.F_RDLCK)
		return err
	})
}

// wayOn is the same by what a file system of some type says.
func wayOn(fs int64, verity, lease func() error) string {
	switch {
	case slices.Contains(verities, fs) && verity() == nil:
		return "verity"
	case slices.Contains(leases, fs) && lease() == nil:
		return "lease"
	}
	return "copy"
}

// copy makes a sealed copy, and works out the digest of that.
func (in *Input) copy(size int64) error {
	m, err := child.Memfd("checkpoint", unix.MFD_NOEXEC_SEAL)
	if err != nil {
		return err
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(m, h), io.LimitReader(in.file, size+1))
	if err == nil && n != size {
		err = fmt.Errorf("it had %d bytes, and now it has another number", size)
	}
	if err == nil {
		err = child.Seal(m)
	}
	if err != nil {
		_ = m.Close() // it is of no use
		return err
	}
	_ = in.file.Close() // it was only read
	in.file, in.Kept, in.SHA256 = m, "copy", hex.EncodeToString(h.Sum(nil))
	return nil
}

// again is the file for the worker: for reading only, and from its beginning.
func (in *Input) again() (*os.File, error) {
	return os.Open(fmt.Sprintf("/proc/self/fd/%d", in.file.Fd()))
}

// unchanged reports whether nobody could have written since OpenInput.
func (in *Input) unchanged() error {
	if in.Kept != "lease" {
		return nil
	}
	held, err := unix.FcntlInt(in.file.Fd(), unix.F_GETLEASE, 0)
	if err == nil && held != unix.F_RDLCK {
		err = ErrChanged
	}
	return err
}

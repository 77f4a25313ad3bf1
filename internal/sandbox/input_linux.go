package sandbox

import (
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

// OpenInput opens a checkpoint, once. A link is not followed. Its digest is worked out
// meanwhile.
func OpenInput(path string) (*Input, error) {
	f, err := OpenOnly(path)
	if err != nil {
		return nil, err
	}
	in, err := Hold(f, 0)
	if err != nil {
		_ = f.Close() // it was only read
		return nil, &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return in, nil
}

// OpenOnly opens a checkpoint as OpenInput does, to hand it to a pool.
func OpenOnly(path string) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ELOOP) {
		err = errors.New("it is a link, which is not followed")
	}
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

// AdoptInput takes a checkpoint that somebody else has open. It is opened anew, so that
// nobody shares the lease.
func AdoptInput(f *os.File) (*Input, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNotRegular
	}
	own, err := reopen(f)
	if err != nil {
		return nil, err
	}
	in, err := Hold(own, 0)
	if err != nil {
		_ = own.Close() // it was only read
	}
	return in, err
}

var errNotRegular = errors.New("it is not a regular file")

// reopen is the same file, for reading only, and from its beginning.
func reopen(f *os.File) (*os.File, error) {
	return os.Open(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
}

// Hold keeps an open file as it is, and works out its digest meanwhile. It is copied only
// if it cannot be kept in place, and has no more than so many bytes; 0 is any number.
func Hold(f *os.File, most int64) (*Input, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errNotRegular
	}
	in := &Input{file: f, Size: info.Size(), hashed: make(chan struct{})}
	if in.Kept = in.way(); in.Kept == "copy" {
		if most > 0 && in.Size > most {
			return nil, fmt.Errorf("it cannot be kept in place, and a copy of %d bytes is more than %d", in.Size, most)
		}
		if err := in.copy(); err != nil {
			return nil, err
		}
	}
	go in.hash()
	return in, nil
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

// hash works out the digest.
func (in *Input) hash() {
	defer close(in.hashed)
	n, digest, err := copyHashed(io.Discard, io.NewSectionReader(in.file, 0, in.Size+1), in.Size+1)
	if err == nil && n != in.Size {
		err = fmt.Errorf("it had %d bytes, and now it has another number", in.Size)
	}
	in.digest, in.failed = digest, err
}

// Path names the same open file for this process.
func (in *Input) Path() string { return fmt.Sprintf("/proc/self/fd/%d", in.file.Fd()) }

// Still has the kernel keep a file as it is in place, as far as it can, while it is open:
// "verity", "lease" or "".
func Still(f *os.File) string {
	in := &Input{file: f}
	if way := in.way(); way != "copy" {
		return way
	}
	return ""
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

// copy makes a sealed copy.
func (in *Input) copy() error {
	m, err := child.Memfd("checkpoint", unix.MFD_NOEXEC_SEAL)
	if err != nil {
		return err
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{m}, struct{ io.Reader }{io.LimitReader(in.file, in.Size+1)}, make([]byte, min(pieceSize, in.Size+1)))
	if err == nil && n != in.Size {
		err = fmt.Errorf("it had %d bytes, and now it has another number", in.Size)
	}
	if err == nil {
		err = child.Seal(m)
	}
	if err != nil {
		_ = m.Close() // it is of no use
		return err
	}
	_ = in.file.Close() // it was only read
	in.file, in.Kept = m, "copy"
	return nil
}

// Unchanged reports whether nobody could have written since it was held.
func (in *Input) Unchanged() error {
	if in.Kept != "lease" {
		return nil
	}
	held, err := unix.FcntlInt(in.file.Fd(), unix.F_GETLEASE, 0)
	if err == nil && held != unix.F_RDLCK {
		err = ErrChanged
	}
	return err
}

package osfile

import (
	"io/fs"
	"syscall"
)

func of(info fs.FileInfo) (ID, bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ID{}, false
	}
	return ID{Device: uint64(s.Dev), Inode: s.Ino, Size: s.Size, Modified: s.Mtim.Nano(), StatusModified: s.Ctim.Nano()}, true //nolint:unconvert // the types differ between architectures
}

//go:build !linux && !darwin

package osfile

import "io/fs"

func of(fs.FileInfo) (ID, bool) { return ID{}, false }

func owner(fs.FileInfo) (uint32, bool) { return 0, false }

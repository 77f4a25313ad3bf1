// Package osfile is what the operating system says of a file beyond package os:
// which one it is, whose it is, who holds its folder, and whether there is room.
//
// # Security
//
// Where a system does not say, the answer is that it is not known, never a guess.
//
// # Specification
//
// POSIX.1-2017 stat; flock as in 4.2BSD, Linux and Darwin; CreateFile without
// sharing on Windows.
package osfile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"time"
)

// ID says which file it is, and in which state. Two that are equal are of one file
// that nobody has written to, replaced or touched between.
type ID struct {
	Device, Inode  uint64
	Size           int64
	Modified       int64 // nanoseconds
	StatusModified int64 // nanoseconds; a program cannot set it
}

// Of returns the identity of a file. ok is false where the system does not tell.
func Of(info fs.FileInfo) (id ID, ok bool) { return of(info) }

// Owner returns who owns a file. ok is false where the system does not tell.
func Owner(info fs.FileInfo) (uid uint32, ok bool) { return owner(info) }

// Cause takes the operation and the paths off an error of package os: who reports it
// names the path, once and as the user wrote it.
func Cause(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	if le, ok := errors.AsType[*os.LinkError](err); ok {
		return le.Err
	}
	return err
}

// Literal is the pattern of filepath.Glob that matches a path and no other.
func Literal(path string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(path)
}

// Reserve takes the room for a file of size bytes, so that a full disk shows before
// anything is written, and the blocks lie together. Where the system cannot, it does
// nothing.
func Reserve(f *os.File, size int64) error {
	if size <= 0 {
		return nil
	}
	return reserve(f, size)
}

// WriteBack has the system begin to write n bytes from off to the disk, so that less
// is left for Sync, which waits for them. It promises nothing.
func WriteBack(f *os.File, off, n int64) { writeBack(f, off, n) }

// retry is how often a lock that somebody holds is asked for again.
const retry = 10 * time.Millisecond

// LockFolder waits until no other process holds a folder, and holds it until
// unlock is called or the process ends. It does not keep anyone from writing who
// does not ask.
func LockFolder(ctx context.Context, dir string) (unlock func(), err error) {
	for {
		unlock, held, err := tryLock(dir)
		if err == nil || !held {
			return unlock, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(retry):
		}
	}
}

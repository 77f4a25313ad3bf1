// Package artifact holds what is looked at: a file, opened once, so that what
// was judged is what is used.
//
// # Security
//
// Only regular files are opened. A named pipe, a device or a socket is refused
// before it is opened, because opening one may block or act; what was opened is
// then compared with what was asked for. Nothing is read but through the one
// open file, and [Artifact.Changed] tells whether it stayed as it was.
//
// # Limits
//
// Standard input is kept in memory up to 8 MiB and in a temporary file above;
// the caller gives the most it may hold. Digests use one buffer of 256 KiB.
//
// # Specification
//
// SHA-256 is FIPS 180-4, written in lower-case hexadecimal.
package artifact

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"sync"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/osfile"
)

// Artifact is an immutable view of one file.
type Artifact struct {
	name string
	path string // on disk; empty where it has no name there
	src  io.ReaderAt
	size int64
	file *os.File    // nil when it is in memory
	seen fs.FileInfo // as it was when opened
	temp bool        // the file is ours to remove
	stop <-chan struct{}

	digest struct {
		sync.Mutex
		sum string
	}
}

// Open opens the regular file at path. Findings name it display.
func Open(path, display string) (*Artifact, error) {
	before, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", display, osfile.Cause(err))
	}
	if !before.Mode().IsRegular() {
		return nil, fmt.Errorf("%q is %s, not a regular file", display, kind(before.Mode()))
	}
	f, err := os.Open(path) //nolint:gosec // opening what the user names is the point
	if err != nil {
		return nil, fmt.Errorf("%q: %w", display, osfile.Cause(err))
	}
	now, err := f.Stat()
	if err == nil && (!now.Mode().IsRegular() || !os.SameFile(before, now)) {
		err = errors.New("replaced while it was opened")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%q: %w", display, osfile.Cause(err)), f.Close())
	}
	return &Artifact{name: display, path: path, src: f, size: now.Size(), file: f, seen: now}, nil
}

// FromBytes returns a view of b, which must not change.
func FromBytes(display string, b []byte) *Artifact {
	return &Artifact{name: display, src: bytes.NewReader(b), size: int64(len(b))}
}

// inMemory is how much of a stream is kept without a temporary file.
const inMemory = 2 << 20

// FromReader reads r to its end, for standard input. More than limit bytes are
// an error that wraps [bounded.ErrLimit].
func FromReader(display string, r io.Reader, limit int64) (*Artifact, error) {
	var head bytes.Buffer
	if _, err := io.Copy(&head, io.LimitReader(r, min(limit, inMemory)+1)); err != nil {
		return nil, fmt.Errorf("%q: %w", display, osfile.Cause(err))
	}
	switch n := int64(head.Len()); {
	case n > limit:
		return nil, fmt.Errorf("%q: %w", display, bounded.Exceeded("bytes", limit))
	case n <= inMemory:
		return FromBytes(display, head.Bytes()), nil
	}
	return spool(display, io.MultiReader(&head, r), limit)
}

// spool writes r to a temporary file that has no name where the system lets an
// open file go without one, so that nothing is left behind by a run that dies.
func spool(display string, r io.Reader, limit int64) (*Artifact, error) {
	f, err := os.CreateTemp("", "andiron-*")
	if err != nil {
		return nil, err
	}
	a := &Artifact{name: display, path: f.Name(), src: f, file: f}
	a.temp = os.Remove(f.Name()) != nil
	a.size, err = io.Copy(f, io.LimitReader(r, limit+1))
	if err == nil && a.size > limit {
		err = bounded.Exceeded("bytes", limit)
	}
	if err == nil {
		a.seen, err = f.Stat()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%q: %w", display, osfile.Cause(err)), a.Close())
	}
	if !a.temp {
		a.path = ""
	}
	return a, nil
}

// Name is what findings call it.
func (a *Artifact) Name() string { return a.name }

// Size is its length in bytes when it was opened.
func (a *Artifact) Size() int64 { return a.size }

// Info is what the operating system said of the file when it was opened, or nil
// where it is no file.
func (a *Artifact) Info() fs.FileInfo { return a.seen }

// Stat asks the operating system again about the open file.
func (a *Artifact) Stat() (fs.FileInfo, error) {
	if a.file == nil {
		return nil, errors.ErrUnsupported
	}
	return a.file.Stat()
}

// ReaderAt reads it. Any number of goroutines may.
func (a *Artifact) ReaderAt() io.ReaderAt { return source{a} }

// StopOn makes every later read fail with [context.Canceled] once done is closed,
// so that work on a large file ends when the run does.
func (a *Artifact) StopOn(done <-chan struct{}) { a.stop = done }

type source struct{ a *Artifact }

func (s source) ReadAt(b []byte, off int64) (int, error) {
	select {
	case <-s.a.stop:
		return 0, context.Canceled
	default:
		return s.a.src.ReadAt(b, off)
	}
}

// Stream returns n bytes from off on. Where the artifact is a file, that is an
// [io.LimitedReader] of it, from which io.Copy can have the kernel copy into
// another file; it moves the file's one position, so that the next call ends the
// one before. Reads at an offset do not mind.
func (s source) Stream(off, n int64) (io.Reader, error) {
	select {
	case <-s.a.stop:
		return nil, context.Canceled
	default:
	}
	if s.a.file == nil {
		return io.NewSectionReader(s.a.src, off, n), nil
	}
	if _, err := s.a.file.Seek(off, io.SeekStart); err != nil {
		return nil, err
	}
	return &io.LimitedReader{R: s.a.file, N: n}, nil
}

// Close lets it go.
func (a *Artifact) Close() error {
	if a.file == nil {
		return nil
	}
	err := a.file.Close()
	if a.temp {
		err = errors.Join(err, os.Remove(a.path))
	}
	return err
}

// hashBuffer is small enough to stay in a core's second-level cache between the
// copy out of the page cache and the hash.
const hashBuffer = 256 << 10

// SHA256 returns the digest, computed at the first call.
func (a *Artifact) SHA256() (string, error) { return a.SHA256Of(a.blocks) }

// SHA256Of is SHA256 where blocks yields the file's bytes in order, for a caller
// that reads faster than one goroutine can.
func (a *Artifact) SHA256Of(blocks iter.Seq2[[]byte, error]) (string, error) {
	a.digest.Lock()
	defer a.digest.Unlock()
	if a.digest.sum != "" {
		return a.digest.sum, nil
	}
	h := sha256.New()
	off := int64(0)
	for b, err := range blocks {
		h.Write(b)
		if off += int64(len(b)); err != nil {
			return "", fmt.Errorf("%q: at offset %#x: %w", a.name, off, osfile.Cause(err))
		}
	}
	if off != a.size {
		return "", fmt.Errorf("%q: at offset %#x: %w", a.name, off, io.ErrUnexpectedEOF)
	}
	a.digest.sum = hex.EncodeToString(h.Sum(nil))
	return a.digest.sum, nil
}

// blocks yields the content. A block is valid until the next.
func (a *Artifact) blocks(yield func([]byte, error) bool) {
	buf := make([]byte, min(hashBuffer, a.size))
	for off := int64(0); off < a.size; {
		n, err := a.ReaderAt().ReadAt(buf[:min(int64(len(buf)), a.size-off)], off)
		if off += int64(n); off == a.size {
			err = nil // io.EOF may come with the last bytes
		}
		if !yield(buf[:n], err) || err != nil {
			return
		}
	}
}

// Changed reports whether the file is no longer what was opened: written to,
// replaced or removed.
func (a *Artifact) Changed() bool {
	if a.file == nil {
		return false
	}
	now, err := a.file.Stat()
	if err != nil || now.Size() != a.seen.Size() || !now.ModTime().Equal(a.seen.ModTime()) {
		return true
	}
	if a.path == "" || a.temp {
		return false
	}
	there, err := os.Stat(a.path)
	return err != nil || !os.SameFile(there, now)
}

// kind names what a file that is not regular is.
func kind(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "a folder"
	case m&fs.ModeNamedPipe != 0:
		return "a named pipe"
	case m&fs.ModeSocket != 0:
		return "a socket"
	case m&fs.ModeDevice != 0:
		return "a device"
	case m&fs.ModeSymlink != 0:
		return "a link"
	}
	return "a special file"
}

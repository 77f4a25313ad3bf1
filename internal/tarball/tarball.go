// Package tarball lists tar archives: what members there are, where their bytes
// lie, and which names, links and types would reach outside of a folder.
//
// # Security
//
// This package is made for hostile input: it never panics, extracts nothing,
// and allocates nothing for a length that the file does not hold. Every member
// is listed, also when its name was used before: extraction writes over the
// first, lookup by name in CPython's tarfile returns the last.
//
// # Limits
//
// Limits bounds the number of members. Exceeding it is an error that wraps
// bounded.ErrLimit; the members up to there come with it, as they do with any
// error.
//
// # Specification
//
// POSIX.1-2017 pax interchange format (ustar and its extended headers) and GNU
// tar 1.35, as archive/tar of Go 1.26 reads them, which is also how CPython's
// tarfile does, apart from the end: tarfile stops at the first block of zeros,
// Go at the second. A member between the two is an error here.
package tarball

import (
	"archive/tar"
	"cmp"
	"errors"
	"fmt"
	"io"

	"github.com/andiron-dev/andiron/internal/bounded"
)

// Limits bounds what List does. Zero fields have defaults.
type Limits struct {
	Members int // 100,000
}

// Type is what a member is.
type Type string

// The types of members.
const (
	File     Type = "file"
	Dir      Type = "directory"
	Symlink  Type = "symbolic link"
	Hardlink Type = "hard link"
	Device   Type = "device"
	FIFO     Type = "fifo"
	Other    Type = "other"
)

var typeOf = map[byte]Type{
	tar.TypeReg: File, '\x00': File, '7': File, tar.TypeGNUSparse: File, tar.TypeDir: Dir, tar.TypeSymlink: Symlink,
	tar.TypeLink: Hardlink, tar.TypeChar: Device, tar.TypeBlock: Device, tar.TypeFifo: FIFO,
}

// Member is one entry.
type Member struct {
	Name      string
	Type      Type
	Link      string // where a link points
	Offset    int64  // of the data
	Size      int64
	Flaws     []Flaw // of the name
	LinkFlaws []Flaw // of Link
	Duplicate bool   // a member before it has the same name
	Sparse    bool   // the data is stored in pieces; Offset and Size are not a range
	Cut       bool   // the file ends before the data does
}

// Archive is a list of members.
type Archive struct {
	Members  []Member
	Trailing int64 // bytes behind the end that are not zero padding
}

// SyntaxError says where the bytes stop being a tar archive.
type SyntaxError struct {
	Offset int64
	Err    error
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("tarball: at offset %#x: %v", e.Offset, e.Err)
}

// Unwrap returns what is wrong without the position.
func (e *SyntaxError) Unwrap() error { return e.Err }

// List reads the headers of an archive of size bytes.
func List(r io.ReaderAt, size int64, lim Limits) (*Archive, error) {
	most := cmp.Or(lim.Members, 100_000)
	// A section can seek, so that archive/tar steps over data without reading it.
	src := io.NewSectionReader(r, 0, size)
	tr := tar.NewReader(src)
	out := &Archive{}
	seen := make(map[string]bool)
	for {
		h, err := tr.Next()
		at, _ := src.Seek(0, io.SeekCurrent)
		if errors.Is(err, io.EOF) && len(out.Members)+int(at) > 0 {
			out.Trailing = trailing(r, at, size)
			return out, cutError(out)
		}
		if err == nil && len(out.Members) >= most {
			err = bounded.Exceeded("tar members", int64(most))
		}
		if err != nil {
			return out, &SyntaxError{at, err}
		}
		out.Members = append(out.Members, member(h, at, size, seen))
	}
}

func member(h *tar.Header, at, size int64, seen map[string]bool) Member {
	m := Member{
		Name: h.Name, Type: cmp.Or(typeOf[h.Typeflag], Other), Link: h.Linkname,
		Offset: at, Size: h.Size, Flaws: Flaws(h.Name), Duplicate: seen[h.Name],
		Sparse: h.Typeflag == tar.TypeGNUSparse || sparsePAX(h),
	}
	seen[h.Name] = true
	if h.Linkname != "" {
		m.LinkFlaws = Flaws(h.Linkname)
	}
	m.Cut = !m.Sparse && m.Type == File && (h.Size < 0 || h.Size > size-at)
	return m
}

// sparsePAX: archive/tar takes the GNU.sparse records out once it has applied
// them, all but those that name the version.
func sparsePAX(h *tar.Header) bool {
	for k := range h.PAXRecords {
		if len(k) >= 10 && k[:10] == "GNU.sparse" {
			return true
		}
	}
	return false
}

// cutError: a seek behind the end succeeds, so a member that is cut off looks
// like the last one.
func cutError(a *Archive) error {
	for _, m := range a.Members {
		if m.Cut {
			return &SyntaxError{m.Offset, io.ErrUnexpectedEOF}
		}
	}
	return nil
}

// trailing counts the bytes from the first that is not zero to the end. It
// looks at 1 MiB: padding goes to the end of a record, usually 10 KiB.
func trailing(r io.ReaderAt, at, size int64) int64 {
	b, err := bounded.ReadRange(r, size, at, min(max(size-at, 0), 1<<20), 1<<20)
	if err != nil {
		return 0
	}
	for i, c := range b {
		if c != 0 {
			return size - at - int64(i)
		}
	}
	return size - at - int64(len(b))
}

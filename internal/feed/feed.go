// Package feed makes the advisory database: from the public bucket of OSV or a
// mirror of it, or from files that were brought here.
//
// # Security
//
// What comes is hostile: archives and lists are bounded, also when they are
// unpacked; nothing of an archive is extracted to a file; an archive that two
// readers would read differently is refused. An answer that is incomplete is an
// error, and changes nothing. A record that cannot be read does not end an import:
// it is listed in the database. A list of changes from which many records have
// vanished is not believed; the whole is fetched instead.
//
// # Limits
//
// An archive has at most 512 MiB, packed, 4 GiB unpacked and 500,000 records, of
// 16 MiB each at most; a list of changes 64 MiB.
//
// # Specification
//
// The bucket of OSV: BASE/all.zip holds every record of an ecosystem as ID.json,
// BASE/modified_id.csv a line "time,id" for each, and BASE/ID.json is one of them.
package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/andiron-dev/andiron/internal/advisory"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/whole"
)

// DefaultBase is where OSV publishes the records of PyPI.
const DefaultBase = "https://osv-vulnerabilities.storage.googleapis.com/PyPI"

const (
	maxArchive  = 512 << 20
	maxUnpacked = 4 << 30
	maxRecords  = 500_000
	maxRecord   = 16 << 20
	maxList     = 64 << 20
)

// Progress says how far something is. Total is 0 where it is not known.
type Progress struct {
	What        string
	Done, Total int64
	Bytes       bool // what is counted
}

// Options are what is the same for all ways to make a database.
type Options struct {
	Now      time.Time
	Progress func(Progress) // may be nil
}

func (o *Options) progress(p Progress) {
	if o.Progress != nil {
		o.Progress(p)
	}
}

// Result is a database that was made, not yet written.
type Result struct {
	File []byte
	Info advisory.Info
	How  How
	// Changed is how many records were fetched, Removed how many are not in the
	// source any more; of How Changes.
	Changed, Removed int
}

// How is what was done to make a database.
type How uint8

// The ways to make a database.
const (
	Whole     How = iota + 1 // all records were read
	Changes                  // those that changed were read
	Unchanged                // none changed
	Copied                   // it was made elsewhere
)

// finish builds the database of an import or update.
func finish(b *advisory.Builder, info advisory.Info, r Result) (*Result, error) {
	file, err := b.Build(info)
	if err != nil {
		return nil, err
	}
	return opened(file, r)
}

func opened(file []byte, r Result) (*Result, error) {
	db, err := advisory.Open(bytes.NewReader(file), int64(len(file)), advisory.Limits{})
	if err != nil {
		return nil, err
	}
	r.File, r.Info = file, db.Info()
	if r.Info.Records == 0 {
		return nil, empty(db)
	}
	return &r, nil
}

// empty is ErrEmpty, with what could not be read instead.
func empty(db *advisory.DB) error {
	problems, err := db.Problems()
	if err != nil || len(problems) == 0 {
		return ErrEmpty
	}
	return fmt.Errorf("%w; %d could not be read, the first: %s: %s", ErrEmpty, db.Info().Rejected, problems[0].ID, problems[0].Reason)
}

// ErrEmpty says that there was nothing to look things up in: with such a database
// everything would seem clean.
var ErrEmpty = errors.New("no record about a package of PyPI")

// File is a database on disk. Its lookups read the file, which is replaced and
// never changed by an update.
type File struct {
	*advisory.DB

	file *os.File
	size int64
}

// Open opens a database on disk.
func Open(name string) (*File, error) {
	f, err := found(name)
	if err != nil {
		return nil, err
	}
	if f.DB, err = advisory.Open(f.file, f.size, advisory.Limits{}); err != nil {
		return nil, errors.Join(fmt.Errorf("%q: %w", name, err), f.Close())
	}
	return f, nil
}

// found is a file that may hold a database.
func found(name string) (*File, error) {
	f, err := os.Open(name) //nolint:gosec // the user names it
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, plain(err))
	}
	out := &File{file: f}
	if err := out.check(); err != nil {
		return nil, errors.Join(fmt.Errorf("%q: %w", name, err), out.Close())
	}
	return out, nil
}

// check holds what was opened to what a database is.
func (f *File) check() error {
	info, err := f.file.Stat()
	if err != nil {
		return plain(err)
	}
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	if info.Mode().Perm()&0o002 != 0 {
		return fmt.Errorf("everyone can write to it (mode %#o)", info.Mode().Perm())
	}
	f.size = info.Size()
	return nil
}

// Head reads what a database on disk says of itself.
func Head(name string) (advisory.Info, error) {
	f, err := found(name)
	if err != nil {
		return advisory.Info{}, err
	}
	info, err := advisory.Head(f.file, f.size, advisory.Limits{})
	if err = errors.Join(err, f.Close()); err != nil {
		return advisory.Info{}, fmt.Errorf("%q: %w", name, err)
	}
	return info, nil
}

// Close ends all lookups.
func (f *File) Close() error { return f.file.Close() }

// Bytes is the file, with its digest verified.
func (f *File) Bytes() ([]byte, error) {
	if err := f.Verify(); err != nil {
		return nil, err
	}
	return bounded.ReadRange(f.file, f.size, 0, f.size, f.size)
}

// Write gives a database its place, whole or not at all. Whoever has the one before
// it open reads on in that.
func Write(name string, file []byte) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return fmt.Errorf("%q: %w", name, plain(err))
	}
	if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o002 != 0 { // a file keeps its mode
		if err := os.Chmod(name, info.Mode().Perm()&^0o002); err != nil {
			return fmt.Errorf("%q: %w", name, plain(err))
		}
	}
	if err := whole.WriteFile(name, file); err != nil {
		return fmt.Errorf("%q: %w", name, plain(err))
	}
	return nil
}

// plain takes the operation and the path off an error of the os package.
func plain(err error) error {
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return pe.Err
	}
	if le, ok := errors.AsType[*os.LinkError](err); ok {
		return le.Err
	}
	return err
}

// temporary is a file without a name, for what is read twice.
func temporary() (*os.File, func(), error) {
	f, err := os.CreateTemp("", "andiron-*")
	if err != nil {
		return nil, nil, fmt.Errorf("a temporary file: %w", plain(err))
	}
	gone := os.Remove(f.Name()) == nil // an open file can go without a name, on most systems
	return f, func() {
		_ = f.Close() // nothing that was written is needed
		if !gone {
			_ = os.Remove(f.Name()) // what is left is a temporary file
		}
	}, nil
}

// spool copies a stream into a temporary file.
func spool(r io.Reader) (*os.File, int64, func(), error) {
	f, done, err := temporary()
	if err != nil {
		return nil, 0, nil, err
	}
	n, err := io.Copy(f, io.LimitReader(r, maxArchive+1))
	if err == nil && n > maxArchive {
		err = bounded.Exceeded("bytes", maxArchive)
	}
	if err != nil {
		done()
		return nil, 0, nil, plain(err)
	}
	return f, n, done, nil
}

func stopped(ctx context.Context) error {
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted: %w", context.Cause(ctx))
	}
	return nil
}

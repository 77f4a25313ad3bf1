// Package record keeps what happened to a project's dependencies: scans, findings
// that came and went, decisions, remediations, releases and tests. Entries are only
// ever added, each holds the digest of the one before it, and what is true now is
// folded from all of them.
//
// # Security
//
// A record lies in the project, and a project may come from somebody else. What is
// read is held to its form and its chain, and the first entry that is wrong is an
// error that names its line; nothing after it is used. Files are opened below the
// project's folder and nowhere else, whatever links say.
//
// The chain shows that no entry was changed, put in or taken out before the last
// one. It cannot show that the end was cut off, or that all of it was written anew:
// for that, the digest of some entry has to be known from elsewhere (Summary.Head).
//
// A stored result is used only with a seal that the user's own secret makes, so that
// a project cannot bring the answer to its own scan.
//
// # Limits
//
// A line has at most 1 MiB, a record 10 million lines, a fold one million findings, a
// stored result 64 MiB, and 16 of them are kept.
//
// # Specification
//
// docs/spec/records-v1.md; JSON is RFC 8259, the chain is SHA-256 (FIPS 180-4), the
// seal is HMAC-SHA256 (RFC 2104).
package record

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/andiron-dev/andiron/internal/osfile"
)

// Folder is where a project keeps its record and the results beside it.
const Folder = ".andiron"

// FileName is the record, relative to the project.
const FileName = Folder + "/records.jsonl"

// Log is the record of a project.
type Log struct {
	dir  string
	root *os.Root
}

// Open returns the record of a project, which need not have one yet.
func Open(dir string) (*Log, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	return &Log{dir, root}, nil
}

// Close lets the folder go.
func (l *Log) Close() error { return l.root.Close() }

// Read hands every entry to each, oldest first, and holds the chain together. A
// project without a record has an empty one. After an error, entries that were
// handed out were good.
func (l *Log) Read(ctx context.Context, each func(*Entry) error) (Summary, error) {
	if _, err := l.root.Lstat(filepath.FromSlash(FileName)); errors.Is(err, fs.ErrNotExist) {
		return Summary{Head: genesis}, nil
	}
	unlock, err := l.hold(ctx)
	if err != nil {
		return Summary{}, err
	}
	defer unlock()
	return l.read(ctx, each)
}

func (l *Log) read(ctx context.Context, each func(*Entry) error) (Summary, error) {
	f, err := l.open(os.O_RDONLY)
	if errors.Is(err, fs.ErrNotExist) {
		return Summary{Head: genesis}, nil
	}
	if err != nil {
		return Summary{}, err
	}
	defer func() { _ = f.Close() }() // it was read
	s, err := Read(f, func(e *Entry) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return each(e)
	})
	return s, named(err)
}

// Append adds entries, in order, and waits until they are on the disk. If it cannot,
// none of them is there. The last entry must be whole; the rest of the chain is not
// looked at.
func (l *Log) Append(ctx context.Context, now time.Time, drafts ...Draft) (Summary, error) {
	unlock, err := l.begin(ctx)
	if err != nil {
		return Summary{}, err
	}
	defer unlock()
	return l.append(now, drafts)
}

// Update adds what change makes of what is true now, while nobody else adds anything.
// If there is nothing to add, nothing is written.
func (l *Log) Update(ctx context.Context, now time.Time, change func(*Folded) ([]Draft, error)) (Summary, error) {
	unlock, err := l.begin(ctx)
	if err != nil {
		return Summary{}, err
	}
	defer unlock()
	f, err := l.fold(ctx)
	if err != nil {
		return Summary{}, err
	}
	drafts, err := change(f)
	if err != nil || len(drafts) == 0 {
		return f.Summary, err
	}
	return l.append(now, drafts)
}

// begin makes the folder and holds it.
func (l *Log) begin(ctx context.Context) (unlock func(), err error) {
	if err := l.root.Mkdir(Folder, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return l.hold(ctx)
}

func (l *Log) append(now time.Time, drafts []Draft) (Summary, error) {
	f, err := l.open(os.O_RDWR | os.O_CREATE)
	if err != nil {
		return Summary{}, err
	}
	s, err := appendTo(f, now, drafts)
	return s, named(errors.Join(err, f.Close()))
}

func appendTo(f *os.File, now time.Time, drafts []Draft) (Summary, error) {
	info, err := f.Stat()
	if err != nil {
		return Summary{}, err
	}
	size := info.Size()
	s, err := tail(f, size)
	if err != nil {
		return s, err
	}
	b, after, err := encode(s, now, drafts)
	if err != nil {
		return s, err
	}
	if _, err = f.WriteAt(b, size); err == nil {
		err = f.Sync()
	}
	if err != nil {
		return s, errors.Join(err, f.Truncate(size))
	}
	return after, nil
}

// Repair cuts off a last line that a crash left incomplete, and notes that it did. A
// record that is broken elsewhere, or not at all, stays as it is.
func (l *Log) Repair(ctx context.Context, now time.Time) (cut int64, err error) {
	if _, err := l.root.Lstat(filepath.FromSlash(FileName)); errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	unlock, err := l.hold(ctx)
	if err != nil {
		return 0, err
	}
	defer unlock()
	f, err := l.open(os.O_RDWR)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	s, err := Read(f, func(*Entry) error { return nil })
	if !errors.Is(err, ErrTorn) {
		return 0, named(err)
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	cut = info.Size() - s.Bytes
	note := Repair{Bytes: cut}
	if note.SHA256, err = digestOf(io.NewSectionReader(f, s.Bytes, cut)); err != nil {
		return 0, err
	}
	if err := f.Truncate(s.Bytes); err != nil {
		return 0, err
	}
	_, err = appendTo(f, now, []Draft{{KindRepair, note}})
	return cut, named(err)
}

// open opens the record, if it is a file.
func (l *Log) open(flag int) (*os.File, error) {
	info, err := l.root.Lstat(filepath.FromSlash(FileName))
	if err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%q is not a regular file", FileName)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err := l.root.OpenFile(filepath.FromSlash(FileName), flag, 0o644)
	if err != nil {
		return nil, err
	}
	if info == nil {
		err = syncNames(l.root)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// syncNames makes the name of a new file last.
func syncNames(root *os.Root) error {
	for _, name := range []string{Folder, "."} {
		d, err := root.Open(name)
		if err != nil {
			return err
		}
		_ = d.Sync() // a file system that cannot sync folders says so, which changes nothing
		if err := d.Close(); err != nil {
			return err
		}
	}
	return nil
}

// hold keeps other writers away. The folder is that of the project: a name below it
// may be a link that leads elsewhere.
func (l *Log) hold(ctx context.Context) (func(), error) {
	info, err := l.root.Lstat(Folder)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%q is not a folder", Folder)
	}
	unlock, err := osfile.LockFolder(ctx, filepath.Join(l.dir, Folder))
	if err != nil {
		return nil, fmt.Errorf("%q cannot be held: %w", Folder, err)
	}
	return unlock, nil
}

// named puts the name of the record before what is wrong with it.
func named(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", path.Base(FileName), err)
}

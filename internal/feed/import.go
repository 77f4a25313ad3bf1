package feed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/andiron-dev/andiron/internal/advisory"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/osv"
)

// Import makes a database of a file or folder: an archive of records, a folder with
// records in files that end in .json, one record, or a database, which is verified
// and taken as it is. The name "-" is stdin. Such records are known to be complete
// until the last of them was changed.
func Import(ctx context.Context, name string, stdin io.Reader, opt Options) (*Result, error) {
	r, err := importFrom(ctx, name, stdin, opt)
	if err != nil {
		return nil, fmt.Errorf("%q: %w", name, err)
	}
	return r, nil
}

func importFrom(ctx context.Context, name string, stdin io.Reader, opt Options) (*Result, error) {
	in := newIntake(ctx, opt)
	if name == "-" {
		f, size, done, err := spool(stdin)
		if err != nil {
			return nil, err
		}
		defer done()
		return in.file(f, size, "standard input")
	}
	info, err := os.Stat(name)
	if err != nil {
		return nil, plain(err)
	}
	if info.IsDir() {
		if err := in.folder(name); err != nil {
			return nil, err
		}
		return in.result(filepath.Base(filepath.Clean(name)))
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("neither a regular file nor a folder")
	}
	f, err := os.Open(name) //nolint:gosec // the user names it
	if err != nil {
		return nil, plain(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	return in.file(f, info.Size(), filepath.Base(name))
}

// intake collects records.
type intake struct {
	ctx  context.Context //nolint:containedctx // it lives as long as one import
	opt  Options
	b    advisory.Builder
	seen map[string]bool
	// times are those of a list of changes, for records that do not say theirs.
	times map[string]int64
}

func newIntake(ctx context.Context, opt Options) *intake {
	return &intake{ctx: ctx, opt: opt, seen: map[string]bool{}}
}

// result is the database of what a file or folder held.
func (in *intake) result(source string) (*Result, error) {
	info := advisory.Info{Source: source, Built: in.opt.Now.Unix()}
	for _, at := range in.b.Modified() {
		if at <= info.Built { // a time that is not yet proves nothing
			info.Current = max(info.Current, at)
		}
	}
	return finish(&in.b, info, Result{How: Whole})
}

// file takes what a file begins like.
func (in *intake) file(f io.ReaderAt, size int64, source string) (*Result, error) {
	if size > maxArchive {
		return nil, bounded.Exceeded("bytes", maxArchive)
	}
	var start [8]byte
	n, err := f.ReadAt(start[:], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, plain(err)
	}
	switch head := string(start[:n]); {
	case strings.HasPrefix(head, "ANDIRDB"):
		return takeDatabase(f, size)
	case strings.HasPrefix(head, "PK"):
		if err := in.archive(f, size); err != nil {
			return nil, err
		}
	default:
		b, err := bounded.ReadRange(f, size, 0, size, maxRecord)
		if err != nil {
			return nil, err
		}
		r, err := osv.Parse(b, osv.Limits{})
		if err != nil {
			return nil, fmt.Errorf("neither an archive nor a database, and no record: %w", err)
		}
		in.b.Add(r)
	}
	return in.result(source)
}

func takeDatabase(f io.ReaderAt, size int64) (*Result, error) {
	db, err := advisory.Open(f, size, advisory.Limits{})
	if err != nil {
		return nil, err
	}
	if err := db.Verify(); err != nil {
		return nil, err
	}
	b, err := bounded.ReadRange(f, size, 0, size, size)
	if err != nil {
		return nil, err
	}
	return opened(b, Result{How: Copied})
}

// folder takes the files of a folder and those beneath it. Hidden folders, such as
// that of a repository, hold no records.
func (in *intake) folder(dir string) error {
	n := int64(0)
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("%q: %w", name, plain(err))
		}
		if err := stopped(in.ctx); err != nil {
			return err
		}
		if d.IsDir() {
			if name != dir && strings.HasPrefix(d.Name(), ".") {
				return filepath.SkipDir
			}
			return nil
		}
		ext := strings.ToLower(path.Ext(d.Name()))
		yaml := ext == ".yaml" || ext == ".yml"
		if ext != ".json" && !yaml {
			return nil
		}
		if n++; n > maxRecords {
			return bounded.Exceeded("records", maxRecords)
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		in.opt.progress(Progress{What: d.Name(), Done: n})
		if yaml {
			in.reject(filepath.ToSlash(rel), errors.New("it is YAML, and records are read as JSON"))
			return nil
		}
		in.fromFile(name, filepath.ToSlash(rel), d)
		return nil
	})
}

func (in *intake) fromFile(name, rel string, d fs.DirEntry) {
	if !d.Type().IsRegular() {
		in.reject(rel, errors.New("not a regular file"))
		return
	}
	f, err := os.Open(name) //nolint:gosec // in the folder that the user names
	if err != nil {
		in.reject(rel, plain(err))
		return
	}
	b, err := bounded.ReadAll(f, maxRecord)
	_ = f.Close() // it was only read
	if err != nil {
		in.reject(rel, plain(err))
		return
	}
	in.record(rel, b)
}

// record takes the JSON of a record that was found under a name.
func (in *intake) record(name string, b []byte) {
	r, err := osv.Parse(b, osv.Limits{})
	if err != nil {
		in.reject(name, err)
		return
	}
	in.b.Add(r)
	if in.seen[r.ID] {
		in.b.Note(r.ID, "it is there more than once; the one that was modified last counts")
	}
	in.seen[r.ID] = true
}

// reject lists what is no record under the id that its file is named after.
func (in *intake) reject(name string, err error) {
	const longest = 200
	if len(name) > longest {
		name = strings.ToValidUTF8(name[:longest], "")
	}
	id := strings.TrimSuffix(name, ".json")
	in.b.Reject(id, in.times[id], err)
}

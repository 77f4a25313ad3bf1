package artifact

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/internal/osfile"
)

// Entry is one thing met on a walk.
type Entry struct {
	Path string // slash-separated, as the user named the root
	Abs  string // where to open it
	Size int64
	Dir  bool
	// Files are the regular files directly in a folder, sorted; only with Dir.
	Files []Entry
	// Note says why the walk does not look at this entry; empty when it does.
	Note Note
}

// Note says why something met on a walk is not looked at.
type Note string

// The notes.
const (
	Skipped    Note = "skipped"     // a folder of tools, not of the project
	FolderLink Note = "folder link" // a link to a folder
	Special    Note = "special"     // a named pipe, a socket, a device
)

// WalkOptions say where a walk goes.
type WalkOptions struct {
	// Everything also enters the folders that version control, caches, package
	// managers and virtual environments keep.
	Everything bool
	// Except are files that are passed over, as if they were not there: those that
	// the run itself writes.
	Except []fs.FileInfo
}

// Walk yields what lies under the folder root, sorted by path, each folder before
// its content. What cannot be listed or followed is yielded with an error, and
// the walk goes on.
//
// A link to a regular file is looked at under the link's name, because a Hugging
// Face cache is made of such links. A link to a folder is not followed, so that a
// walk ends and stays where the user sent it; it is yielded with a note.
func Walk(ctx context.Context, root string, opt WalkOptions) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		w := walker{opt: opt, yield: yield}
		w.folder(ctx, Entry{Path: displayRoot(root), Abs: root, Dir: true})
	}
}

func displayRoot(root string) string { return path.Clean(filepath.ToSlash(root)) }

type walker struct {
	opt   WalkOptions
	yield func(Entry, error) bool
}

// folder yields e and what lies in it; false ends the walk.
func (w *walker) folder(ctx context.Context, e Entry) bool {
	if ctx.Err() != nil {
		return false
	}
	list, err := os.ReadDir(e.Abs)
	if err != nil && !w.yield(e, fmt.Errorf("%q cannot be listed: %w", e.Path, osfile.Cause(err))) {
		return false
	}
	met, bad := w.list(e, list)
	for _, m := range met {
		if !m.Dir && m.Note == "" && bad[m.Path] == nil {
			e.Files = append(e.Files, m)
		}
	}
	if err == nil && !w.yield(e, nil) {
		return false
	}
	for _, m := range met {
		if m.Dir && m.Note == "" {
			if !w.folder(ctx, m) {
				return false
			}
		} else if !w.yield(m, bad[m.Path]) {
			return false
		}
	}
	return true
}

// list looks at each name in a folder, in the order of full paths: a folder sorts
// by its name and a slash, as its content will.
func (w *walker) list(e Entry, list []fs.DirEntry) (met []Entry, bad map[string]error) {
	bad = map[string]error{}
	for _, d := range list {
		m := Entry{Path: join(e.Path, d.Name()), Abs: filepath.Join(e.Abs, d.Name())}
		err := w.classify(&m, d)
		if errors.Is(err, errExcept) {
			continue
		}
		if err != nil {
			bad[m.Path] = fmt.Errorf("%q cannot be followed: %w", m.Path, osfile.Cause(err))
		}
		met = append(met, m)
	}
	slices.SortFunc(met, func(a, b Entry) int { return cmp.Compare(sortKey(a), sortKey(b)) })
	return met, bad
}

func sortKey(e Entry) string {
	if e.Dir {
		return e.Path + "/"
	}
	return e.Path
}

// errExcept says that a file is passed over.
var errExcept = errors.New("not part of the walk")

func (w *walker) classify(m *Entry, d fs.DirEntry) error {
	mode := d.Type()
	link := mode&fs.ModeSymlink != 0
	if !link && d.IsDir() {
		m.Dir = true
		if !w.opt.Everything && toolFolder(m.Abs, d.Name()) {
			m.Note = Skipped
		}
		return nil
	}
	info, err := os.Stat(m.Abs) // follows a link once; a loop or a dead end is an error
	switch {
	case err != nil:
		return err
	case link && info.IsDir():
		m.Note = FolderLink
	case !info.Mode().IsRegular():
		m.Note = Special
	case slices.ContainsFunc(w.opt.Except, func(x fs.FileInfo) bool { return os.SameFile(x, info) }):
		return errExcept
	default:
		m.Size = info.Size()
	}
	return nil
}

// toolFolder reports whether a folder belongs to a tool and not to the project. A
// virtual environment is known by the file that Python's venv puts into it
// (PEP 405), not by its name.
func toolFolder(abs, name string) bool {
	switch name {
	case ".git", ".hg", ".svn", "__pycache__", "node_modules":
		return true
	}
	info, err := os.Lstat(filepath.Join(abs, "pyvenv.cfg"))
	return err == nil && info.Mode().IsRegular()
}

func join(dir, name string) string {
	if dir == "." {
		return name
	}
	return strings.TrimSuffix(dir, "/") + "/" + name
}

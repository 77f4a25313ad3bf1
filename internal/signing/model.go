package signing

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"
)

// Each does the n tasks of do, in any order or at once, and returns the error of
// one that failed. Without it they are done one after the other.
type Each func(n int, do func(i int) error) error

func (e Each) run(n int, do func(i int) error) error {
	if e != nil {
		return e(n, do)
	}
	for i := range n {
		if err := do(i); err != nil {
			return err
		}
	}
	return nil
}

// model is an opened folder, or the one file that is a model.
type model struct {
	root *os.Root
	file string // of the folder in root, if the model is one file
	name string // of folder or file
}

func openModel(name string) (*model, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return nil, err
	}
	info, err := os.Lstat(abs)
	if err != nil {
		return nil, err
	}
	m := &model{name: filepath.Base(abs)}
	folder := abs
	switch mode := info.Mode(); {
	case mode.IsRegular():
		m.file, folder = m.name, filepath.Dir(abs)
	case mode&fs.ModeSymlink != 0:
		// A link to a folder is that folder. One to a file has another name than it.
		if target, err := os.Stat(abs); err != nil || !target.IsDir() {
			return nil, fmt.Errorf("%q: %w; name the file that it leads to", name, ErrLink)
		}
	case !mode.IsDir():
		return nil, fmt.Errorf("%q is neither a file nor a folder", name)
	}
	m.root, err = os.OpenRoot(folder)
	return m, err
}

func (m *model) close() { _ = m.root.Close() } // it was only read

// entry is something in a model that is not a folder.
type entry struct {
	path string
	info fs.FileInfo // of the link, if it is one
}

// entries lists a model by path, without what is ignored and what is in except.
func (m *model) entries(ignored, except []string) (list []entry, err error) {
	if m.file != "" {
		info, err := m.root.Lstat(m.file)
		return []entry{{m.file, info}}, err
	}
	skip := slices.Concat(DefaultIgnored(), ignored, m.within(except))
	err = fs.WalkDir(m.root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if slices.Contains(skip, p) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			return nil
		}
		info, err := d.Info()
		list = append(list, entry{p, info})
		return err
	})
	slices.SortFunc(list, func(a, b entry) int { return strings.Compare(a.path, b.path) })
	return list, err
}

// within returns the paths in the model of those of the named files that are in
// it. It goes by folder and name: another link to the same file is another file.
func (m *model) within(names []string) (list []string) {
	root, err := m.root.Stat(".")
	if err != nil {
		return nil
	}
	for _, name := range names {
		abs, err := filepath.Abs(name)
		if err != nil {
			continue
		}
		// Upwards until a folder is the model's, however it is named.
		rel := filepath.Base(abs)
		for dir := filepath.Dir(abs); ; dir, rel = filepath.Dir(dir), filepath.Join(filepath.Base(dir), rel) {
			if info, err := os.Stat(dir); err == nil && os.SameFile(info, root) {
				list = append(list, filepath.ToSlash(rel))
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return list
}

// lookup finds a path. It says of a link, and of a path through one, that it is a
// link, unless links are to be followed.
func (m *model) lookup(p string, follow bool) (fs.FileInfo, error) {
	if follow {
		return m.root.Stat(p)
	}
	for i := range len(p) {
		if p[i] != '/' {
			continue
		}
		info, err := m.root.Lstat(p[:i])
		switch {
		case err != nil || info.Mode()&fs.ModeSymlink != 0:
			return info, err
		case !info.IsDir():
			return nil, fs.ErrNotExist
		}
	}
	return m.root.Lstat(p)
}

// hashBuffer is large enough that reading costs little beside hashing.
const hashBuffer = 1 << 20

// hash returns the digest of a file from start to end, or as a whole if end is 0.
func (m *model) hash(p string, start, end int64) (sum [sha256.Size]byte, err error) {
	f, err := m.root.Open(p)
	if err != nil {
		return sum, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	if err != nil {
		return sum, err
	}
	if !info.Mode().IsRegular() { // it was one a moment ago
		return sum, fmt.Errorf("%q is not a regular file", p)
	}
	// A plain Reader: os.File would bring its own, smaller, buffer.
	src := struct{ io.Reader }{f}
	if end > 0 {
		src.Reader = io.NewSectionReader(f, start, end-start)
	}
	h := sha256.New()
	buf := make([]byte, max(1, min(hashBuffer, info.Size())))
	if _, err := io.CopyBuffer(h, src, buf); err != nil {
		return sum, err
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

// signable reports why a model cannot be signed as it is.
func signable(list []entry) error {
	if len(list) == 0 {
		return errNoFiles
	}
	for _, e := range list {
		switch mode := e.info.Mode(); {
		case !utf8.ValidString(e.path):
			return fmt.Errorf("%q: a name that is not UTF-8 cannot be signed", e.path)
		case mode&fs.ModeSymlink != 0:
			return fmt.Errorf("%q: %w", e.path, ErrLink)
		case !mode.IsRegular():
			return fmt.Errorf("%q: neither a file nor a folder", e.path)
		}
	}
	return nil
}

// ErrLink is a symbolic link where a file must be.
var ErrLink = errors.New("a link")

// ignorable puts a path to be ignored into the form in which it is recorded:
// relative to the model, as the specification has it in §6.2.1.
func ignorable(p string) (string, error) {
	clean := path.Clean(filepath.ToSlash(p))
	switch {
	case !filepath.IsLocal(p) || clean == ".":
		return "", fmt.Errorf("%q to be ignored is not a path within the model", p)
	case strings.ContainsAny(clean, "*?["):
		return "", fmt.Errorf("%q to be ignored has characters of a pattern, and only paths can be", p)
	}
	return clean, nil
}

package opbuild

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	mostCopied = 100_000 // files
	mostBytes  = 2 << 30
)

// copyProject copies what a build may need of a project, and leaves out what earlier
// builds made. Links within the project stay links; others become what they lead to.
func copyProject(from, to string) error {
	c := &copier{from: from, to: to}
	if err := os.MkdirAll(to, 0o700); err != nil {
		return err
	}
	return walk(from, c.copy)
}

type copier struct {
	from, to string
	files    int
	bytes    int64
}

func (c *copier) copy(rel string, d fs.DirEntry) error {
	from, to := filepath.Join(c.from, rel), filepath.Join(c.to, rel)
	if d.IsDir() {
		return os.Mkdir(to, 0o700)
	}
	if d.Type()&fs.ModeSymlink != 0 {
		target, err := os.Readlink(from)
		if err != nil {
			return err
		}
		if filepath.IsLocal(filepath.Join(filepath.Dir(rel), target)) && !filepath.IsAbs(target) {
			return os.Symlink(target, to)
		}
	}
	info, err := os.Stat(from)
	if err != nil || !info.Mode().IsRegular() {
		return nil //nolint:nilerr // a link to nowhere, a folder elsewhere or a pipe: a build that needs it says so
	}
	c.files++
	c.bytes += info.Size()
	if c.files > mostCopied || c.bytes > mostBytes {
		return &Error{
			Text: fmt.Sprintf("%q is larger than what is copied to be built: %d files or %d MiB", c.from, mostCopied, mostBytes>>20),
			Hint: "name the folder that has the setup.py or CMakeLists.txt of the operators",
		}
	}
	return copyFile(from, to, info.Mode())
}

func copyFile(from, to string, mode fs.FileMode) error {
	r, err := os.Open(from) //nolint:gosec // a file of the project that was named
	if err != nil {
		return err
	}
	defer func() { _ = r.Close() }()                                                      // it was only read
	w, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode.Perm()&0o700|0o600) //nolint:gosec // in our own folder
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	if ended := w.Close(); err == nil {
		err = ended
	}
	return err
}

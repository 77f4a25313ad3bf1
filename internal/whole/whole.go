// Package whole writes files that appear whole or not at all.
//
// # Security
//
// The content goes to a temporary file in the same folder, made with a name that
// nobody can guess and mode 0600; it takes the place of the old file, with that
// file's permissions, in one rename. A crash at any point leaves the old file or
// the new one. Only a regular file is ever replaced, and a link is replaced by
// the file, not followed to what it leads to.
//
// # Specification
//
// POSIX.1-2017 rename: "a link named newpath shall remain visible to other
// threads throughout". File and folder are synced, so that this also holds for
// a loss of power.
package whole

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// File is a file under construction. Exactly one of Commit and Abandon ends it.
type File struct {
	*os.File // the temporary file

	name   string
	mode   fs.FileMode
	unsafe bool
}

// Create begins a file that will be called name.
func Create(name string) (*File, error) {
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(name); err == nil {
		if !info.Mode().IsRegular() {
			return nil, fmt.Errorf("%q: %w", name, ErrNotRegular)
		}
		mode = info.Mode().Perm()
	}
	temp, err := os.CreateTemp(filepath.Dir(name), ".andiron-*")
	if err != nil {
		return nil, err
	}
	return &File{File: temp, name: name, mode: mode}, nil
}

// ErrNotRegular says that the name is taken by something that is not a file.
var ErrNotRegular = errors.New("not a regular file")

// Chmod sets the permissions that the file will have.
func (f *File) Chmod(mode fs.FileMode) { f.mode = mode.Perm() }

// WithoutSyncUnsafe has Commit not wait for the disk: the file still appears in one
// step, but after a loss of power it may be broken.
func (f *File) WithoutSyncUnsafe() { f.unsafe = true }

// Commit gives the file its name. After an error there is no new file.
func (f *File) Commit() error {
	err := f.File.Chmod(f.mode)
	if err == nil && !f.unsafe {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = os.Rename(f.File.Name(), f.name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.File.Name()))
	}
	if f.unsafe {
		return nil
	}
	return syncFolder(filepath.Dir(f.name))
}

// Abandon leaves nothing behind. After Commit it does nothing.
func (f *File) Abandon() {
	if f.Close() == nil {
		_ = os.Remove(f.File.Name()) // what is left is a hidden temporary file
	}
}

// WriteFile writes a small file in one go.
func WriteFile(name string, b []byte) error {
	f, err := Create(name)
	if err != nil {
		return err
	}
	defer f.Abandon()
	if _, err := f.Write(b); err != nil {
		return err
	}
	return f.Commit()
}

// AddFile writes a small file in one go where nothing has its name yet, not even a link;
// otherwise the error is fs.ErrExist, and what is there stays as it is.
func AddFile(name string, b []byte) error {
	if _, err := os.Lstat(name); err == nil {
		return fmt.Errorf("%q: %w", name, fs.ErrExist)
	}
	f, err := Create(name)
	if err != nil {
		return err
	}
	defer f.Abandon()
	if _, err := f.Write(b); err != nil {
		return err
	}
	return f.commitNew()
}

// commitNew is Commit for a name that nothing has: a rename that replaces nothing, where
// the system has one. Elsewhere a link is made, which is made only where there is none; a
// file system without links has the file renamed.
func (f *File) commitNew() error {
	err := errors.Join(f.File.Chmod(f.mode), f.Sync(), f.Close())
	if err == nil {
		if err = renameNew(f.File.Name(), f.name); err == nil {
			return syncFolder(filepath.Dir(f.name))
		}
	}
	if errors.Is(err, errors.ErrUnsupported) {
		if err = os.Link(f.File.Name(), f.name); err != nil && !errors.Is(err, fs.ErrExist) {
			if _, there := os.Lstat(f.name); errors.Is(there, fs.ErrNotExist) {
				if err = os.Rename(f.File.Name(), f.name); err == nil {
					return syncFolder(filepath.Dir(f.name))
				}
			}
		}
	}
	return errors.Join(err, os.Remove(f.File.Name()), syncFolder(filepath.Dir(f.name)))
}

// syncFolder makes a rename last. A file system that cannot sync folders says
// so with an error that changes nothing.
func syncFolder(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the folder of the file that was written
	if err != nil {
		return nil //nolint:nilerr // not readable, which a folder need not be to be written to
	}
	_ = d.Sync()
	return d.Close()
}

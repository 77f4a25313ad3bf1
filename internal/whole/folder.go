package whole

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Folder is a folder under construction. Exactly one of Commit and Abandon ends
// it.
type Folder struct {
	temp, name string
}

// ErrNotEmpty says that the name is taken by a folder that holds something:
// there is no way to replace one in a single step.
var ErrNotEmpty = errors.New("a folder that is not empty")

// CreateFolder begins a folder that will be called name, which is not there, or
// is an empty folder.
func CreateFolder(name string) (*Folder, error) {
	name = filepath.Clean(name)
	list, err := os.ReadDir(name)
	switch {
	case err == nil && len(list) > 0:
		return nil, fmt.Errorf("%q: %w", name, ErrNotEmpty)
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	temp, err := os.MkdirTemp(filepath.Dir(name), ".andiron-*")
	if err != nil {
		return nil, err
	}
	return &Folder{temp: temp, name: name}, nil
}

// Create makes a file in the folder. Its Commit gives it its name there, and
// writes it to the disk.
func (f *Folder) Create(name string) (*File, error) {
	return Create(filepath.Join(f.temp, name))
}

// Commit gives the folder its name.
func (f *Folder) Commit() error {
	err := os.Chmod(f.temp, 0o755) //nolint:gosec // as other folders are made; what is in it has permissions of its own
	// os.Rename does not replace an empty folder.
	if gone := os.Remove(f.name); err == nil && gone != nil && !errors.Is(gone, os.ErrNotExist) {
		err = gone
	}
	if err == nil {
		err = os.Rename(f.temp, f.name)
	}
	if err != nil {
		f.Abandon()
		return err
	}
	return syncFolder(filepath.Dir(f.name))
}

// Abandon leaves nothing behind. After Commit it does nothing.
func (f *Folder) Abandon() {
	_ = os.RemoveAll(f.temp) // what is left is a hidden temporary folder
}

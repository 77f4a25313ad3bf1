package osfile

import (
	"errors"
	"os"
)

// Temp is a temporary file that nobody else finds. It is gone when it is closed, and
// where the system lets an open file go without a name, also when the run dies.
type Temp struct {
	*os.File

	named bool
}

// NewTemp makes one in the folder for temporary files.
func NewTemp() (*Temp, error) {
	f, err := os.CreateTemp("", "andiron-*")
	if err != nil {
		return nil, err
	}
	return &Temp{File: f, named: os.Remove(f.Name()) != nil}, nil
}

// Close closes the file, which is gone then.
func (t *Temp) Close() error {
	err := t.File.Close()
	if t.named {
		err = errors.Join(err, os.Remove(t.Name()))
	}
	return err
}

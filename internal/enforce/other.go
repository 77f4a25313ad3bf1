//go:build !linux

package enforce

import "os"

// Stage does nothing here.
func Stage() {}

// Supported reports whether this system has what Exec needs.
func Supported() bool { return false }

// Confine has nothing to confine with.
func Confine(Access, bool) ([]string, error) { return nil, ErrUnsupported }

// Again has nothing to start again for.
func Again(func(string) []string, []byte, *os.File) error { return ErrUnsupported }

// Told has been told nothing.
func Told(string) ([]byte, *os.File, error) { return nil, nil, ErrUnsupported }

// Exec has nothing to hold a program with.
func Exec(*Program) (int, Counts, error) { return 0, Counts{}, ErrUnsupported }

//go:build !linux

package enforce

import (
	"context"
	"os"
)

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

// Mark has nobody to ask.
func Mark([]string) (*os.File, error) { return nil, ErrUnsupported }

// Guard has nothing to guard.
func Guard(context.Context, *os.File, []string, []string, func(string)) error { return ErrUnsupported }

// Watch has nothing to watch.
func Watch(context.Context, *os.File, *Watcher, func()) error { return ErrUnsupported }

// Inherited are none.
func Inherited() (*os.File, func()) { return nil, nil }

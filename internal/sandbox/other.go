//go:build !linux

package sandbox

import "context"

// Stage does nothing here.
func Stage() {}

// OpenInput has nothing to hold a file with.
func OpenInput(string) (*Input, error) { return nil, ErrUnsupported }

// Load has nothing to hold a process with.
func Load(context.Context, *Input, Options) (*Result, *Report, error) {
	return nil, nil, ErrUnsupported
}

// Try has nothing to try.
func Try(context.Context, Options) []Trial { return nil }

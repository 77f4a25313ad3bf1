//go:build !linux

package child

import "errors"

const suffix = ".exe" // where it matters

// unnamed is for Linux alone.
func unnamed(*Image) (path string, done func(), err error) {
	return "", nil, errors.ErrUnsupported
}

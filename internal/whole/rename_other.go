//go:build !linux

package whole

import "errors"

func renameNew(_, _ string) error { return errors.ErrUnsupported }

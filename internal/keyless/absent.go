//go:build !keyless && !keylessinside

package keyless

import "context"

// Linked says whether this build can verify.
const Linked = false

// Verifier makes the function that signing.Roots takes. In this build it knows
// nothing.
func Verifier(Options) (func(bundle []byte) (payload []byte, signer string, err error), error) {
	return func([]byte) ([]byte, string, error) { return nil, "", ErrNotLinked }, nil
}

// Refresh gets the newest trusted root. In this build it cannot.
func Refresh(context.Context, RefreshOptions) (file string, err error) { return "", ErrNotLinked }

//go:build !keyless

package keyless

import (
	"context"
	"fmt"

	"github.com/andiron-dev/andiron/internal/signing"
)

// Linked says whether this build can verify.
const Linked = false

// Verifier makes the function that signing.Roots takes. In this build it knows
// nothing.
func Verifier(Options) (func(bundle []byte) (payload []byte, signer string, err error), error) {
	return func([]byte) ([]byte, string, error) { return nil, "", errNotLinked }, nil
}

// Refresh gets the newest trusted root. In this build it cannot.
func Refresh(context.Context, RefreshOptions) (file string, err error) { return "", errNotLinked }

// errNotLinked is what this build says of every bundle.
var errNotLinked = fmt.Errorf("bundles that were signed through Sigstore: %w by this build; it was made without -tags keyless", signing.ErrUnsupported)

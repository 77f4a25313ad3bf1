// Package keyless verifies bundles that were signed through Sigstore: with a
// certificate that lives for minutes and names an identity, and an entry in a
// public log that proves when it was used.
//
// All of it is sigstore-go's. It is linked only with the build tag keyless,
// because it brings a network client along and makes every start slower
// (docs/adr/0006-keyless-build-tag.md). With the tag keylessinside a program that is
// built with it, cmd/andiron-keyless, is embedded and started for each bundle; with
// neither every bundle is refused as not supported. Nothing else may import
// sigstore-go.
//
// # Security
//
// Verifying never connects to anything. Certificate authorities, logs and time
// stamping authorities are those of a trusted root: a file that was named, else
// the one that [Refresh] got, else the one that is compiled in. Identity and
// issuer are compared as a whole. A log entry, an observed time and, where the
// trusted root has certificate logs, proof of an entry there are required.
//
// [Refresh] connects to a TUF repository, whose metadata must be signed by the
// root that is compiled in or one that it leads to.
//
// # Limits
//
// Bundles are at most as large as package signing reads. The program inside has a
// minute for one.
//
// # Specification
//
// docs.sigstore.dev, client specification; The Update Framework 1.0.
package keyless

import (
	"fmt"

	"github.com/andiron-dev/andiron/internal/signing"
)

// ErrNotLinked is what a build without the tag says of every bundle.
var ErrNotLinked = fmt.Errorf("bundles that were signed through Sigstore: %w by this build, which was made without -tags keyless", signing.ErrUnsupported)

// Options say whose bundles count.
type Options struct {
	// Identity and Issuer are those of the certificate: who signed, and who said
	// that it was them. Both must be given.
	Identity string `json:"identity"`
	Issuer   string `json:"issuer"`
	// TrustedRoot is a file to be used as the trusted root.
	TrustedRoot string `json:"trusted_root,omitempty"`
}

// RefreshOptions say where the newest trusted root is got and kept. The zero
// value is Sigstore's public instance, and the file that Verifier looks for.
type RefreshOptions struct {
	File   string `json:"file,omitempty"`   // where to write it
	Mirror string `json:"mirror,omitempty"` // the URL of a TUF repository
	Anchor []byte `json:"anchor,omitempty"` // the root.json in which its signatures must end
}

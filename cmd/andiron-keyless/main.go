// Command andiron-keyless verifies one bundle that was signed through Sigstore, or
// refreshes the trusted root. It is not for people: andiron carries it inside, starts
// it where it has such a bundle, and says in JSON what it wants
// (docs/adr/0006-keyless-build-tag.md). It is built with the tag keyless.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/andiron-dev/andiron/internal/keyless"
)

func main() {
	// Who started it ends it, where it is to end early.
	if err := keyless.Serve(context.Background(), os.Stdin, os.Stdout); err != nil {
		_, _ = fmt.Fprintln(os.Stderr, err) // there is nowhere else to say it
		os.Exit(3)                          //nolint:forbidigo // it is a program as well
	}
}

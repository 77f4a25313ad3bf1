//go:build !keyless && !keylessinside

package keyless_test

import (
	"errors"
	"testing"

	"github.com/andiron-dev/andiron/internal/keyless"
	"github.com/andiron-dev/andiron/internal/signing"
)

// TestAbsent: a build without keyless verification says so, and passes nothing.
func TestAbsent(t *testing.T) {
	verify, err := keyless.Verifier(keyless.Options{Identity: "alice", Issuer: "https://accounts.example.com"})
	if err != nil || keyless.Linked {
		t.Fatal(err)
	}
	if _, _, err := verify(nil); !errors.Is(err, keyless.ErrNotLinked) || !errors.Is(err, signing.ErrUnsupported) {
		t.Error(err)
	}
	if _, err := keyless.Refresh(t.Context(), keyless.RefreshOptions{}); !errors.Is(err, keyless.ErrNotLinked) || !errors.Is(err, signing.ErrUnsupported) {
		t.Error(err)
	}
}

//go:build interop

package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/andiron-dev/andiron/internal/signing"
)

// TestInterop runs the scripts that hold andiron against the reference
// implementation of OpenSSF Model Signing, once per curve.
func TestInterop(t *testing.T) {
	python := os.Getenv("ANDIRON_MODEL_SIGNING")
	if python == "" {
		t.Fatal("ANDIRON_MODEL_SIGNING is no Python with model-signing: run make interop")
	}
	for _, curve := range signing.Curves() {
		t.Run(curve, func(t *testing.T) {
			testscript.Run(t, testscript.Params{
				Dir: "testdata/interop",
				Setup: func(e *testscript.Env) error {
					e.Setenv("CURVE", curve)
					e.Setenv("PYTHON", python)
					return nil
				},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "authority": authority},
			})
		})
	}
}

//go:build !linux

package main

import "github.com/rogpeppe/go-internal/testscript"

// interpreter makes none: there is no sandbox.
func interpreter(ts *testscript.TestScript, _ bool, _ []string) { ts.Fatalf("the sandbox needs Linux") }

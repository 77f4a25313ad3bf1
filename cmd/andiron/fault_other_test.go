//go:build fault && !(linux && amd64)

package main

import "testing"

func TestFault(t *testing.T) { t.Fatal("the fault tests need Linux on amd64") }

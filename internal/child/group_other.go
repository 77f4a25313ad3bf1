//go:build !unix

package child

import "os/exec"

// OwnGroup does nothing here: os/exec kills the command alone.
func OwnGroup(*exec.Cmd) {}

// EndGroup does nothing either.
func EndGroup(*exec.Cmd) {}

// askGroup kills the command alone: it cannot be asked.
func askGroup(cmd *exec.Cmd) error { return cmd.Process.Kill() }

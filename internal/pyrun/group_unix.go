//go:build unix

package pyrun

import (
	"os/exec"
	"syscall"
)

// ownGroup gives a command a process group, which is killed in its place, so
// that nothing that it started outlives it.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}

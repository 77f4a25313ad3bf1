//go:build unix

package child

import (
	"os/exec"
	"syscall"
)

// OwnGroup gives a command a session, and with it a process group, which are killed in
// its place. What it starts may leave the group, as the compilers of ninja do, but
// hardly the session.
func OwnGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error {
		err := syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		endSession(cmd.Process.Pid)
		return err
	}
}

// EndGroup ends what a command that has ended left behind.
func EndGroup(cmd *exec.Cmd) {
	if cmd.Process != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) // mostly there is nothing
		endSession(cmd.Process.Pid)
	}
}

// askGroup asks a command and what it started to end.
func askGroup(cmd *exec.Cmd) error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }

package child

import (
	"errors"
	"os/exec"
	"time"
)

// patience is how long what a program started may hold its pipes after its end.
const patience = time.Second

// Run runs a command in a process group of its own, and ends what it left behind. When
// the context of the command ends, so does the whole group.
func Run(cmd *exec.Cmd) error {
	OwnGroup(cmd)
	return run(cmd)
}

// RunBuild is Run for what builds: when the context ends it is first asked to end, and
// killed a little later. Ninja gives each compiler a group of its own, and ends them
// when it is asked to.
func RunBuild(cmd *exec.Cmd) error {
	OwnGroup(cmd)
	cmd.Cancel = func() error { return askGroup(cmd) }
	return run(cmd)
}

func run(cmd *exec.Cmd) error {
	cmd.WaitDelay = patience
	err := cmd.Run()
	EndGroup(cmd)
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil // the command itself ended well
	}
	return err
}

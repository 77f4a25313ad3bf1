package enforce

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/seccomp"
	"github.com/andiron-dev/andiron/internal/unotify"
)

// stageName is what this program is called when it is to become the program that is
// held: its arguments are which ports are declared, the path of that and what it is
// called with.
const stageName = "andiron-exec-stage"

// fdControl is where a stage hands over the listener, and says what went wrong.
const fdControl = 3

// Stage becomes a program that is held, if this process was started for that, and does
// not return then. Every program that uses this package calls it first.
func Stage() {
	if len(os.Args) < 4 || os.Args[0] != stageName {
		return
	}
	runtime.LockOSThread() // what is put in force is so for this thread, and for what it becomes
	err := stage(portsOf(os.Args[1]), os.Args[2], os.Args[3:])
	_, _ = unix.Write(fdControl, []byte(err.Error())) // if nobody hears it, nobody waits
	os.Exit(1)                                        //nolint:forbidigo // this process is no run of andiron
}

func stage(ports Ports, path string, args []string) error {
	a := seccomp.ArchOf(runtime.GOARCH)
	if a == nil {
		return ErrUnsupported
	}
	p, err := ProgramFilter(a, privileged(), ports).Compile()
	if err != nil {
		return fmt.Errorf("internal error: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	l, err := unotify.Install(p)
	if err != nil {
		return err
	}
	// From here on nothing may be opened before the listener is in the hands of another.
	if err := unix.Sendmsg(fdControl, []byte{0}, unix.UnixRights(int(l)), nil, 0); err != nil {
		return fmt.Errorf("listener: %w", err)
	}
	if err := unix.Close(int(l)); err != nil {
		return fmt.Errorf("listener: %w", err)
	}
	unix.CloseOnExec(fdControl)
	return fmt.Errorf("%q: %w", path, unix.Exec(path, args, os.Environ()))
}

// text is how a stage is told.
func (p Ports) text() string { return fmt.Sprintf("%t,%t", p.Connect, p.Bind) }

// portsOf is what text says.
func portsOf(text string) Ports {
	connect, bind, _ := strings.Cut(text, ",")
	return Ports{Connect: connect == "true", Bind: bind == "true"}
}

// privileged reports whether this process has rights that it could give up.
func privileged() bool {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	if unix.Capget(&header, &caps[0]) != nil {
		return true
	}
	return unix.Geteuid() == 0 || caps[0].Permitted|caps[1].Permitted != 0
}

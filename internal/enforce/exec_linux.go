package enforce

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/unotify"
)

// workers are how many calls are answered at a time. One that is left to a goroutine of
// its own, such as a model whose digest is worked out, is none of them.
const workers = 8

// supervisor answers the opens of a program.
type supervisor struct {
	*Program
	listener unotify.Listener
	holder   *holder
	judged   sync.Map      // digests at paths that may be opened
	spoken   spoken        // opens that are forbidden
	plain    plain         // files that are no models
	turn     chan struct{} // whose it is to wait for calls
	counts   struct{ opens, models, denied, failed, continued atomic.Int64 }
}

// question is what is asked about a path.
type question struct{ of, path string }

// Exec runs a program until it ends, and returns the exit code that a shell would: its
// own, or 128 and the number of the signal that ended it. The caller has put the
// process into its Landlock domain (Confine).
func Exec(p *Program) (code int, counts Counts, err error) {
	s := &supervisor{Program: p, holder: newHolder(p.MaxCopy), turn: make(chan struct{}, 1)}
	// What the program could do to this process it could do to what holds it.
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return 0, counts, fmt.Errorf("dumpable: %w", err)
	}
	// Who loses its parent stays beneath this process: under Yama only that may read
	// its memory.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return 0, counts, fmt.Errorf("subreaper: %w", err)
	}
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, passed...)
	signal.Notify(signals, unix.SIGIO)
	defer signal.Stop(signals)
	child, control, err := s.begin()
	if err != nil {
		return 0, counts, err
	}
	// Files are made with the umask of who asks.
	defer unix.Umask(unix.Umask(0))
	if s.listener, err = handed(control); err != nil {
		_ = child.Kill() // it has not begun
		return 0, counts, err
	}
	s.listener.Handover()
	for range workers {
		go s.work() // until the process ends: the kernel wakes nobody when the program is gone
	}
	go s.pass(signals, child)
	if text, err := bounded.ReadAll(control, 1<<16); err != nil || len(text) > 0 {
		_, _ = child.Wait() // the error is known
		return 0, counts, errors.Join(errors.New(string(text)), err)
	}
	code, err = reap(child.Pid)
	return code, s.sum(), err
}

func (s *supervisor) sum() Counts {
	c := &s.counts
	return Counts{c.opens.Load(), c.models.Load(), c.denied.Load(), c.failed.Load(), c.continued.Load()}
}

// begin starts the stage that becomes the program.
func (s *supervisor) begin() (*os.Process, *os.File, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, err
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "control"), os.NewFile(uintptr(pair[1]), "control")
	defer func() { _ = theirs.Close() }() // the stage has it
	child, err := os.StartProcess("/proc/self/exe", append([]string{stageName, s.Ports.text(), s.Path}, s.Args...), &os.ProcAttr{
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr, theirs},
	})
	if err != nil {
		_ = ours.Close() // nobody is there
		return nil, nil, err
	}
	return child, ours, nil
}

// handed takes the listener that the stage hands over.
func handed(control *os.File) (unotify.Listener, error) {
	text, rights := make([]byte, 4096), make([]byte, unix.CmsgSpace(4))
	n, oob, _, _, err := unix.Recvmsg(int(control.Fd()), text, rights, unix.MSG_CMSG_CLOEXEC)
	if err != nil {
		return -1, err
	}
	if oob == 0 {
		return -1, fmt.Errorf("%w: %s", ErrMissing, text[:n])
	}
	messages, err := unix.ParseSocketControlMessage(rights[:oob])
	if err != nil {
		return -1, err
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return -1, err
	}
	return unotify.Listener(fds[0]), nil
}

// reap waits for the program, and for all that lost its parent.
func reap(pid int) (int, error) {
	for {
		var ws unix.WaitStatus
		got, err := unix.Wait4(-1, &ws, 0, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return 0, fmt.Errorf("wait: %w", err)
		case got == pid && ws.Signaled():
			return 128 + int(ws.Signal()), nil
		case got == pid && ws.Exited():
			return ws.ExitStatus(), nil
		}
	}
}

// passed are the signals that others send to this process and mean for the program.
var passed = []os.Signal{unix.SIGTERM, unix.SIGINT, unix.SIGQUIT, unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2, unix.SIGWINCH}

// byTerminal are those that a terminal sends to the program as well.
var byTerminal = []os.Signal{unix.SIGINT, unix.SIGQUIT, unix.SIGWINCH}

// pass hands signals on, and looks after leases that are broken.
func (s *supervisor) pass(signals chan os.Signal, child *os.Process) {
	for sig := range signals {
		switch {
		case sig == unix.SIGIO:
			for _, h := range s.holder.broken() {
				e := Event{SHA256: h.sha256, Size: h.state.size, Held: h.how}
				s.Told(e.changes())
			}
		case !(foreground() && slices.Contains(byTerminal, sig)):
			_ = child.Signal(sig) // it may have ended
		}
	}
}

// foreground reports whether this process group is the one that its terminal talks to.
func foreground() bool {
	fd, err := unix.Open("/dev/tty", unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(fd) }() // it was only asked
	group, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

// work answers one call after the other. One worker at a time waits for calls, and goes
// on with that as long as they are quickly answered, because it costs more to wake
// another thread than to answer.
func (s *supervisor) work() {
	if unotify.Quiet() != nil {
		return // the system has no such error
	}
	w := &worker{supervisor: s}
	for {
		s.turn <- struct{}{}
		r, err := w.next()
		<-s.turn
		if err != nil {
			return
		}
		if err := w.open(r); err != nil {
			s.refuse(r, err)
		}
	}
}

// later answers a call beside the workers.
func (s *supervisor) later(r *request, answer func() error) {
	go func() {
		err := unotify.Quiet()
		if err == nil {
			err = answer()
		}
		if err != nil {
			s.refuse(r, err)
		}
	}()
}

// next answers calls until there is one that may take longer.
func (w *worker) next() (*request, error) {
	var c unotify.Call
	for {
		err := w.listener.Receive(&c)
		switch {
		case errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENOENT):
		case err != nil:
			return nil, err
		default:
			if r := w.answer(&c); r != nil {
				return r, nil
			}
		}
	}
}

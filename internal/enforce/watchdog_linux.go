package enforce

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"
)

// How long a worker may be silent, and how long to wait before one that failed at once
// is started again.
const (
	silence = 3 * time.Second
	pause   = time.Second
)

// The descriptors of a worker.
const (
	fdGroup = 3
	fdBeat  = 4
)

// Guard starts a worker, which is this program with other arguments, and starts another
// one when it ends or is silent, until ctx is done. SIGHUP is the worker's. It has the
// marks: while no worker answers, opens wait, and what a worker left unanswered is
// refused. After that nothing is watched any more.
func Guard(ctx context.Context, group *os.File, dirs, args []string, said func(string)) error {
	defer func() { _ = group.Close() }() // nothing is held back then
	again := make(chan os.Signal, 1)
	signal.Notify(again, unix.SIGHUP)
	defer signal.Stop(again)
	for ctx.Err() == nil {
		begun := time.Now()
		err := attend(ctx, group, args, again)
		if whole(dirs) { // the leases of models that were not asked about are gone
			err = errors.Join(err, unix.FanotifyMark(int(group.Fd()), unix.FAN_MARK_FLUSH, 0, unix.AT_FDCWD, "/"))
		}
		refuseAll(group)
		if ctx.Err() != nil {
			return nil
		}
		said(fmt.Sprintf("the worker ended and is started again: %v", err))
		if time.Since(begun) < pause {
			refuseFor(ctx, group, pause)
		}
	}
	return nil
}

// attend runs one worker until it ends or is ended. It is told when lock and policy are to
// be read again, and not replaced: if they cannot be, the old ones stay in force.
func attend(ctx context.Context, group *os.File, args []string, again <-chan os.Signal) error {
	hear, beat, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = hear.Close() }() // it was only heard
	child, err := os.StartProcess("/proc/self/exe", args, &os.ProcAttr{Files: []*os.File{nil, os.Stdout, os.Stderr, group, beat}})
	_ = beat.Close() // the worker has it
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = child.Kill() })
	defer stop()
	b := make([]byte, 64)
	for {
		if err := hear.SetReadDeadline(time.Now().Add(silence)); err != nil {
			return err
		}
		if _, err := hear.Read(b); err != nil { // it is silent, or gone
			_ = child.Kill() // also one that was stopped
			state, waited := child.Wait()
			if errors.Is(err, os.ErrDeadlineExceeded) {
				return fmt.Errorf("it was silent for %v", silence)
			}
			return errors.Join(waited, fmt.Errorf("%v", state))
		}
		select {
		case sig := <-again:
			_ = child.Signal(sig) // it has beaten, and so listens
		default:
		}
	}
}

// refuseAll refuses what a worker was told of and did not answer: the kernel knows it by
// the number of the descriptor that the worker had.
func refuseAll(group *os.File) {
	const most = 1 << 16
	for fd := range most {
		respond(group, fd, false)
	}
}

// refuseFor refuses everything for a while.
func refuseFor(ctx context.Context, group *os.File, d time.Duration) {
	buf := make([]byte, 64<<10)
	for end := time.Now().Add(d); time.Now().Before(end) && ctx.Err() == nil; {
		poll := []unix.PollFd{{Fd: int32(group.Fd()), Events: unix.POLLIN}}
		if n, _ := unix.Poll(poll, 100); n < 1 {
			continue
		}
		n, err := unix.Read(int(group.Fd()), buf)
		if err != nil {
			continue
		}
		for e := range events(buf[:n]) {
			respond(group, int(e.Fd), false)
			_ = unix.Close(int(e.Fd)) // it was only opened
		}
	}
}

// Inherited are the group and the beat of a worker.
func Inherited() (group *os.File, beat func()) {
	unix.CloseOnExec(fdGroup)
	unix.CloseOnExec(fdBeat)
	said := time.Time{}
	return os.NewFile(fdGroup, "fanotify"), func() {
		if time.Since(said) > silence/6 {
			said = time.Now()
			_, _ = unix.Write(fdBeat, []byte{1}) // nobody hears it: the watchdog is gone, and the worker answers on
		}
	}
}

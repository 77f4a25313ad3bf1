package enforce

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/sandbox"
)

// Mark has the kernel ask about opens in folders: of everything on their file systems,
// and where that is the one of the system, of what lies in the folders and those beneath
// them. What it returns holds back every open there until it is answered or closed.
func Mark(dirs []string) (*os.File, error) {
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_CONTENT|unix.FAN_CLOEXEC|unix.FAN_UNLIMITED_MARKS, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_LARGEFILE)
	if errors.Is(err, unix.EPERM) {
		return nil, fmt.Errorf("fanotify: %w: it takes root, or CAP_SYS_ADMIN", err)
	}
	if err != nil {
		return nil, fmt.Errorf("fanotify: %w", err)
	}
	group := os.NewFile(uintptr(fd), "fanotify")
	for _, d := range dirs {
		if err := mark(group, d); err != nil {
			_ = group.Close() // nothing is held back then
			return nil, fmt.Errorf("%q: %w", d, err)
		}
	}
	return group, nil
}

// mark marks one folder. Where this program or the system lies, no file system is marked.
func mark(group *os.File, dir string) error {
	own, err := shared(dir, "/", "/proc/self/exe")
	if err != nil {
		return err
	}
	if !own {
		return unix.FanotifyMark(int(group.Fd()), unix.FAN_MARK_ADD|unix.FAN_MARK_FILESYSTEM, unix.FAN_OPEN_PERM, unix.AT_FDCWD, dir)
	}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return unix.FanotifyMark(int(group.Fd()), unix.FAN_MARK_ADD|unix.FAN_MARK_ONLYDIR, unix.FAN_OPEN_PERM|unix.FAN_EVENT_ON_CHILD, unix.AT_FDCWD, path)
	})
}

// shared reports whether a folder is on the file system of one of some files.
func shared(dir string, files ...string) (bool, error) {
	var at, st unix.Stat_t
	if err := unix.Stat(dir, &at); err != nil {
		return false, err
	}
	for _, f := range files {
		if err := unix.Stat(f, &st); err != nil {
			return false, err
		}
		if st.Dev == at.Dev {
			return true, nil
		}
	}
	return false, nil
}

// whole reports whether all folders are marked by their file systems.
func whole(dirs []string) bool {
	return !slices.ContainsFunc(dirs, func(d string) bool {
		own, err := shared(d, "/", "/proc/self/exe")
		return own || err != nil
	})
}

// watch answers opens.
type watch struct {
	*Watcher
	group *os.File
	ready chan struct{} // closed once there are rules
	plain plain

	rules atomic.Pointer[inForce] // changed with mu, as kept is what they let through
	mu    sync.Mutex
	kept  map[[2]uint64]*leased
}

// inForce are rules that opens are answered by.
type inForce struct {
	*Rules
	read  bool // and not those of a worker that could read none
	whole bool // file systems are marked, and nothing but the models in kept by its inode
}

// leased is a model that the kernel does not ask about any more, until somebody wants
// to write to it.
type leased struct {
	file  *os.File
	event Event // of the open that was let through
}

// Watch answers opens until ctx is done, or the group cannot be read. beat is called at
// least every second.
func Watch(ctx context.Context, group *os.File, w *Watcher, beat func()) error {
	a := &watch{Watcher: w, group: group, ready: make(chan struct{}), kept: map[[2]uint64]*leased{}}
	again := make(chan os.Signal, 1)
	signal.Notify(again, unix.SIGHUP) // before the first beat, after which the watchdog sends it
	defer signal.Stop(again)
	failed := make(chan error, 1)
	go a.readRules(ctx, again)
	go func() { failed <- a.read(beat) }()
	broken := make(chan os.Signal, 1)
	signal.Notify(broken, unix.SIGIO)
	defer signal.Stop(broken)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-broken:
			a.release()
		case err := <-failed:
			return err
		}
	}
}

// readRules reads the rules, and again when it is told to.
func (a *watch) readRules(ctx context.Context, again <-chan os.Signal) {
	for said := ""; ; {
		r, err := a.Read()
		if err == nil {
			a.follow(r)
		} else if err.Error() != said {
			said = err.Error()
			a.Said(a.without(said))
		}
		var soon <-chan time.Time
		if !a.rules.Load().read {
			soon = time.After(pause)
		}
		select {
		case <-ctx.Done():
			return
		case <-again:
			said = ""
		case <-soon:
		}
	}
}

// follow puts rules in force. The kernel is to ask again about what others let through.
func (a *watch) follow(r *Rules) {
	next := &inForce{Rules: r, read: true, whole: whole(r.Places.Models)}
	old := a.rules.Load()
	if old != nil && old.read {
		next.whole = next.whole && old.whole // the marks are still those
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.rules.Store(next)
	if old == nil {
		close(a.ready)
		return
	}
	for id, k := range a.kept {
		a.forget(id, k)
	}
}

// without goes on when rules cannot be read, and says how. Who mends what they are read
// from, or works with other files there, is not held up by it.
func (a *watch) without(why string) string {
	const says = "lock and policy cannot be read"
	if old := a.rules.Load(); old != nil && old.read {
		return says + " again, and hold as they were before: " + why
	}
	none := &inForce{Rules: &Rules{Judge: func(Candidate) (string, bool) { return says + ": " + why, false }}}
	if a.rules.Swap(none) == nil {
		close(a.ready)
	}
	return says + ", and no model is let through until they can: " + why
}

// read takes one event after the other.
func (a *watch) read(beat func()) error {
	buf := make([]byte, 64<<10)
	for {
		beat()
		poll := []unix.PollFd{{Fd: int32(a.group.Fd()), Events: unix.POLLIN}}
		if n, err := unix.Poll(poll, 500); n == 0 || errors.Is(err, unix.EINTR) {
			continue
		}
		n, err := unix.Read(int(a.group.Fd()), buf)
		if errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) {
			continue
		}
		if err != nil {
			return fmt.Errorf("fanotify: %w", err)
		}
		for e := range events(buf[:n]) {
			if int(e.Pid) == os.Getpid() {
				a.answer(int(e.Fd), true) // of its own
				_ = unix.Close(int(e.Fd)) // it was only opened
				continue
			}
			go a.event(int(e.Fd), int(e.Pid))
		}
	}
}

// events are those that were read.
func events(b []byte) func(func(unix.FanotifyEventMetadata) bool) {
	return func(yield func(unix.FanotifyEventMetadata) bool) {
		const size = int(unsafe.Sizeof(unix.FanotifyEventMetadata{}))
		for len(b) >= size {
			e := *(*unix.FanotifyEventMetadata)(unsafe.Pointer(&b[0])) //nolint:gosec // as the kernel wrote it
			n := int(e.Event_len)
			if n < size || n > len(b) || e.Vers != unix.FANOTIFY_METADATA_VERSION {
				return
			}
			b = b[n:]
			if e.Fd >= 0 && e.Mask&unix.FAN_OPEN_PERM != 0 && !yield(e) {
				return
			}
		}
	}
}

// answer says whether an open goes on.
func (a *watch) answer(fd int, ok bool) { respond(a.group, fd, ok) }

func respond(group *os.File, fd int, ok bool) {
	r := unix.FanotifyResponse{Fd: int32(fd), Response: unix.FAN_DENY}
	if ok {
		r.Response = unix.FAN_ALLOW
	}
	b := (*[unsafe.Sizeof(r)]byte)(unsafe.Pointer(&r))[:] //nolint:gosec // for the kernel
	for {
		if _, err := unix.Write(int(group.Fd()), b); !errors.Is(err, unix.EINTR) {
			return // it may have been answered
		}
	}
}

// event decides about one open, in time.
func (a *watch) event(fd, pid int) {
	f := os.NewFile(uintptr(fd), "event")
	var once sync.Once
	e := &Event{PID: pid}
	timer := time.AfterFunc(a.Deadline, func() {
		once.Do(func() {
			a.Told(Event{PID: pid, Path: "?", Why: fmt.Sprintf("there was no decision within %v", a.Deadline)})
			a.answer(fd, a.Late)
		})
	})
	defer timer.Stop()
	keep, err := a.decide(f, e)
	if err != nil {
		e.Why = err.Error()
	}
	once.Do(func() {
		if e.Kind != "" || e.Why != "" {
			a.Told(*e)
		}
		a.answer(fd, e.Why == "" || e.Report)
	})
	if !keep {
		_ = f.Close() // it was only read; the kernel knows the answer by its number
	}
}

// decide fills in what is known of the file that f is open on, and reports whether f is
// kept. An event without a reason is let through, and one without a kind is not told.
func (a *watch) decide(f *os.File, e *Event) (keep bool, err error) {
	fd := int(f.Fd())
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return false, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG || st.Size == 0 { // what is downloaded begins so
		return false, nil
	}
	<-a.ready
	rules := a.rules.Load()
	e.Report = rules.Report
	name, err := nameOf(fd)
	if err != nil || rules.Places.trusted(name) || Beneath(name, rules.Places.Unchecked) || a.plain.has(&st, name) {
		return false, err
	}
	kind, model, err := Looks(name, f, st.Size)
	if err != nil {
		return false, err
	}
	if !model {
		a.plain.add(&st, name)
		return false, nil
	}
	e.Path, e.Kind, e.Size = name, kind, st.Size
	held := sandbox.Still(f)
	if e.SHA256, err = sumOf(f, st.Size); err != nil {
		return false, err
	}
	why, ok := rules.Judge(Candidate{Path: name, SHA256: e.SHA256, Size: st.Size, Mode: st.Mode, UID: st.Uid, File: link(fd)})
	if !ok {
		e.Why = why
		return false, nil
	}
	if held != "" && rules.whole {
		e.Held = held
		return a.remember(f, &st, e, rules), nil
	}
	return false, nil
}

// remember has the kernel ask no more about a model as long as its lease is held, and
// the rules that let it through are in force.
func (a *watch) remember(f *os.File, st *unix.Stat_t, e *Event, rules *inForce) bool {
	id := [2]uint64{uint64(st.Dev), st.Ino} //nolint:unconvert // signed on some architectures
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.kept) >= mostHeld || a.kept[id] != nil || a.rules.Load() != rules {
		return false
	}
	if a.ignore(f, unix.FAN_MARK_ADD) != nil {
		return false
	}
	a.kept[id] = &leased{file: f, event: *e}
	return true
}

func (a *watch) ignore(f *os.File, what uint) error {
	return unix.FanotifyMark(int(a.group.Fd()), what|unix.FAN_MARK_IGNORED_MASK, unix.FAN_OPEN_PERM, unix.AT_FDCWD, link(int(f.Fd())))
}

// release lets models go that somebody wants to write to.
func (a *watch) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, k := range a.kept {
		lease, err := unix.FcntlInt(k.file.Fd(), unix.F_GETLEASE, 0)
		if err == nil && lease == unix.F_RDLCK {
			continue
		}
		a.forget(id, k)
		a.Told(k.event.changes())
	}
}

// forget has the kernel ask about a model again.
func (a *watch) forget(id [2]uint64, k *leased) {
	_ = a.ignore(k.file, unix.FAN_MARK_REMOVE) // first: who waits for the lease goes on at once
	_ = k.file.Close()                         // it was only read
	delete(a.kept, id)
}

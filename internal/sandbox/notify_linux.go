package sandbox

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/seccomp"
	"github.com/andiron-dev/andiron/internal/unotify"
)

// listener hears of the calls that a worker may not make, writes them down, and refuses
// them. It never lets one happen.
type listener struct {
	fd    int
	begun time.Time
	most  int
	stop  func() // ends the worker

	mu     sync.Mutex
	events []Event
	ended  atomic.Bool // there is no worker any more
	done   chan struct{}
}

// finish waits until all calls of a worker that has ended are written down.
func (l *listener) finish() {
	l.ended.Store(true)
	<-l.done
}

// isListener reports whether a descriptor is what one hears of calls by.
func isListener(fd int) bool {
	return errors.Is(unotify.Listener(fd).Waits(&unotify.Call{}), unix.ENOENT) // of no call
}

func listen(fd, most int, stop func()) *listener {
	l := &listener{fd: fd, begun: time.Now(), most: most, stop: stop, done: make(chan struct{})}
	if fd < 0 { // nobody tells
		close(l.done)
		return l
	}
	go l.run()
	return l
}

func (l *listener) run() {
	defer close(l.done)
	defer func() { _ = unix.Close(l.fd) }() // whoever still waits gets ENOSYS
	poll := []unix.PollFd{{Fd: int32(l.fd), Events: unix.POLLIN}}
	for {
		n, err := unix.Poll(poll, 100)
		if err == unix.EINTR || n == 0 && !l.ended.Load() {
			continue
		}
		if n == 0 || poll[0].Revents&unix.POLLIN == 0 {
			return // nobody has the filter any more, or only what the worker left behind
		}
		var c unotify.Call
		if err := unotify.Listener(l.fd).Receive(&c); err != nil {
			if errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENOENT) {
				continue
			}
			return
		}
		if l.note(describe(&c)); l.full() {
			l.stop() // nobody answers this one, and there are no more
			return
		}
		_ = unotify.Listener(l.fd).Refuse(&c, unix.EPERM) // it may be gone
	}
}

func (l *listener) note(call, looked string) {
	e := Event{Call: call, At: time.Since(l.begun), looked: looked}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, e)
}

// full reports whether there are as many calls as are written down of a worker.
func (l *listener) full() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.events) >= l.most
}

func (l *listener) all() []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Event(nil), l.events...)
}

// paths has for each call which of its arguments is a path.
var paths = map[string]int{
	"open": 0, "openat": 1, "openat2": 1, "creat": 0, "execve": 0, "execveat": 1, "stat": 0, "lstat": 0, "newfstatat": 1, "fstatat": 1, "statx": 1,
	"access": 0, "faccessat": 1, "faccessat2": 1, "unlink": 0, "unlinkat": 1, "mkdir": 0, "mkdirat": 1, "rename": 0, "renameat": 1, "renameat2": 1,
	"readlink": 0, "readlinkat": 1, "chdir": 0, "chmod": 0, "fchmodat": 1, "chown": 0, "symlink": 0, "link": 0, "truncate": 0, "mknod": 0, "mknodat": 1,
	"chroot": 0, "memfd_create": 0, "mount": 1, "umount2": 0, // and names that are no path of a file
}

// describe is the call with its arguments: numbers, and the text of a path and what is
// behind others. What stands behind a pointer may be written over while it is read, so it
// is evidence, and nothing is decided by it but how it is worded. What only looked for a file has its path as well.
func describe(n *unotify.Call) (call, looked string) {
	a := seccomp.ArchOf(runtime.GOARCH)
	name := a.Call(n.NR)
	path, has := paths[name]
	parts := make([]string, 0, 6)
	for i, x := range n.Args {
		if has && i == path {
			if s, ok := textAt(n.PID, x); ok {
				if looks(name, n) {
					looked = s
				}
				parts = append(parts, fmt.Sprintf("%q", s))
				continue
			}
		}
		parts = append(parts, fmt.Sprintf("%#x", x))
	}
	return name + "(" + strings.Join(spell(name, n, parts), ", ") + ")", looked
}

// looks reports whether a call with a path changes nothing.
func looks(name string, n *unotify.Call) bool {
	const reads = unix.O_CLOEXEC | unix.O_DIRECTORY | unix.O_NONBLOCK | unix.O_LARGEFILE
	switch name {
	case "stat", "lstat", "newfstatat", "fstatat", "statx", "access", "faccessat", "faccessat2", "readlink", "readlinkat":
		return true
	case "open":
		return n.Args[1]&^reads == 0
	case "openat":
		return n.Args[2]&^reads == 0
	}
	return false
}

// bytesAt reads memory of the worker.
func bytesAt(pid uint32, at uint64, n int) []byte {
	f, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }() // it was only read
	b := make([]byte, n)
	k, _ := f.ReadAt(b, int64(at)) // a page may end before
	return b[:k]
}

func textAt(pid uint32, at uint64) (string, bool) {
	// A page at a time would do; a path has no more than that.
	b := bytesAt(pid, at, 4096-int(at%4096))
	i := strings.IndexByte(string(b), 0)
	if i < 0 && len(b) > 0 {
		b = append(b, bytesAt(pid, at+uint64(len(b)), 4096-len(b))...)
		i = strings.IndexByte(string(b), 0)
	}
	if i < 0 {
		return "", false
	}
	return string(b[:i]), true
}

// addressAt spells the address of a connect.
func addressAt(pid uint32, at, n uint64) (string, bool) {
	b := bytesAt(pid, at, int(min(n, 128)))
	if len(b) < 8 {
		return "", false
	}
	switch family := binary.LittleEndian.Uint16(b); family {
	case unix.AF_INET:
		return fmt.Sprintf("%d.%d.%d.%d:%d", b[4], b[5], b[6], b[7], binary.BigEndian.Uint16(b[2:])), true
	case unix.AF_UNIX:
		return fmt.Sprintf("unix %q", strings.TrimRight(string(b[2:]), "\x00")), true
	default:
		return fmt.Sprintf("family %d", family), true
	}
}

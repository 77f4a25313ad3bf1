package enforce

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/seccomp"
	"github.com/andiron-dev/andiron/internal/unotify"
)

// worker answers calls on a thread of its own.
type worker struct {
	*supervisor
	text  [unix.PathMax + 1]byte
	whole [2*unix.PathMax + 2]byte // of a path that begins at a folder
}

// request is an open, as it was asked for.
type request struct {
	call  unotify.Call
	dir   int
	path  string
	flags int
	mode  uint32
}

// largeFile is O_LARGEFILE, which programs pass on 64 bits as well; x/sys has it as 0.
var largeFile = map[string]int{"amd64": 0x8000, "arm64": 0x20000}[runtime.GOARCH]

// numberOf is the number of a call that arm64 does not have, or one that nothing has.
func numberOf(name string) int32 {
	if a := seccomp.ArchOf(runtime.GOARCH); a != nil {
		if n, ok := a.Number(name); ok {
			return n
		}
	}
	return -1
}

var nrOpen, nrCreat = numberOf("open"), numberOf("creat")

// unpack takes a call apart; the path is read by the caller.
func unpack(c *unotify.Call) (r request, path uint64) {
	a := &c.Args
	r = request{call: *c, dir: unix.AT_FDCWD}
	switch c.NR {
	case nrOpen:
		path, r.flags, r.mode = a[0], int(int32(a[1])), uint32(a[2])
	case nrCreat:
		path, r.flags, r.mode = a[0], unix.O_CREAT|unix.O_WRONLY|unix.O_TRUNC, uint32(a[1])
	default:
		r.dir, path, r.flags, r.mode = int(int32(a[0])), a[1], int(int32(a[2])), uint32(a[3])
	}
	r.flags &^= largeFile
	return r, path
}

func (r *request) access() int  { return r.flags & unix.O_ACCMODE }
func (r *request) writes() bool { return r.access() != unix.O_RDONLY || r.flags&unix.O_TRUNC != 0 }

// thread is the folder of who asks, in /proc.
func (r *request) thread() string { return "/proc/" + strconv.Itoa(int(r.call.PID)) }

// plainly are the flags of an open that does nothing but read.
const plainly = unix.O_CLOEXEC | unix.O_NOCTTY | unix.O_NONBLOCK | unix.O_NOFOLLOW | unix.O_DIRECTORY

// answer answers a call, or returns what it asks for if that may take longer.
func (w *worker) answer(c *unotify.Call) *request {
	w.counts.opens.Add(1)
	r, at := unpack(c)
	n, err := unotify.ReadText(c.PID, at, w.text[:])
	if err != nil { // without its path there is nothing to decide by
		w.refuse(&r, err)
		return nil
	}
	if r.flags&^plainly == 0 && w.quick(&r, w.absolute(&r, n)) {
		return nil
	}
	r.path = string(w.text[:n])
	return &r
}

// refuse has the call fail with the error of the system that err is.
func (s *supervisor) refuse(r *request, err error) {
	e := unix.EACCES
	_ = errors.As(err, &e) // what is no error of the system stays refused
	switch {
	case errors.Is(err, errDenied):
	case errors.Is(err, unix.EACCES) && r.path != "" && !s.Report:
		s.forbidden(r)
	default:
		s.counts.failed.Add(1)
	}
	_ = s.listener.Refuse(&r.call, e) // it may be gone
}

// forbidden tells of an open that Landlock or the permissions of a file forbid, once for
// each path: programs ask for some again and again.
func (s *supervisor) forbidden(r *request) {
	s.counts.denied.Add(1)
	e := Event{Path: r.path, PID: int(r.call.PID), Why: "it lies in no folder that the policy opens for reading, or its permissions forbid it"}
	if r.writes() || r.flags&unix.O_CREAT != 0 {
		e.Why = "it lies in no folder that the policy opens for writing, or its permissions forbid it"
	}
	if dir, err := os.Readlink(r.from()); err == nil && r.path[0] != '/' {
		e.Path = filepath.Join(dir, r.path)
	}
	if s.spoken.first(question{e.Why, e.Path}) {
		s.Told(e)
	}
}

// mostSpoken are the paths that are forbidden and told of; all are counted.
const mostSpoken = 1000

// spoken are those that were told of.
type spoken struct {
	mu  sync.Mutex
	set map[question]bool
}

func (p *spoken) first(q question) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.set[q] || len(p.set) >= mostSpoken {
		return false
	}
	if p.set == nil {
		p.set = map[question]bool{}
	}
	p.set[q] = true
	return true
}

// errDenied is the refusal that was told of.
var errDenied = errors.Join(errors.New("denied"), unix.EACCES)

// absolute is the path of n bytes that was read, with a NUL. One that begins at the
// current folder of who asks is written with that, where it can be; who moves the folder
// meanwhile gets what was there, or is answered slowly.
func (w *worker) absolute(r *request, n int) []byte {
	path := w.text[:n+1]
	if n == 0 || path[0] == '/' || r.dir != unix.AT_FDCWD {
		return path
	}
	k, err := unix.Readlink(r.thread()+"/cwd", w.whole[:unix.PathMax])
	if err != nil {
		return path
	}
	w.whole[k] = '/'
	return w.whole[:k+1+copy(w.whole[k+1:], bytes.TrimPrefix(path, []byte("./")))]
}

// quick opens what lies with the code, or was looked at before and is no model, without
// a link on the way. path ends with a NUL.
func (w *worker) quick(r *request, path []byte) bool {
	text := path[:len(path)-1]
	code := lexicallyIn(text, w.Places.Code) && !lexicallyIn(text, w.Places.Models) && !bytes.Contains(text, []byte("/.."))
	if !code && !w.plain.heard(text) {
		return false
	}
	flags := r.flags | unix.O_CLOEXEC
	if !code {
		flags |= unix.O_NONBLOCK // it may have become a pipe
	}
	fd, err := openat2(path, flags)
	switch {
	case errors.Is(err, unix.ELOOP) || errors.Is(err, unix.EAGAIN), err != nil && w.text[0] != '/':
		return false
	case err != nil:
		r.path = string(text)
		w.refuse(r, err)
		return true
	case !code && !w.still(r, fd, string(text)):
		_ = unix.Close(fd) // it was only looked at
		return false
	}
	w.give(r, fd)
	return true
}

// openat2 opens a path that ends with a NUL, if no link is on the way.
func openat2(path []byte, flags int) (int, error) {
	how := unix.OpenHow{Flags: uint64(flags), Resolve: unix.RESOLVE_NO_SYMLINKS}
	fd, _, e := unix.Syscall6(unix.SYS_OPENAT2, 0, uintptr(unsafe.Pointer(&path[0])), uintptr(unsafe.Pointer(&how)), unsafe.Sizeof(how), 0, 0) //nolint:gosec // for the kernel
	if e != 0 {
		return -1, e
	}
	return int(fd), nil
}

// still reports whether fd is open on a file that is as it was when it was looked at,
// and has it block again if that was asked for.
func (w *worker) still(r *request, fd int, name string) bool {
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || !w.plain.has(&st, name) {
		return false
	}
	if r.flags&unix.O_NONBLOCK != 0 {
		return true
	}
	_, err := unix.FcntlInt(uintptr(fd), unix.F_SETFL, 0)
	return err == nil
}

// lexicallyIn reports whether a path is written as one beneath some folders.
func lexicallyIn(path []byte, dirs []string) bool {
	for _, d := range dirs {
		if len(path) > len(d) && path[len(d)] == '/' && string(path[:len(d)]) == d {
			return true
		}
	}
	return false
}

// give hands a descriptor over, which is closed.
func (s *supervisor) give(r *request, fd int) {
	err := s.listener.Give(&r.call, fd, r.flags&unix.O_CLOEXEC)
	_ = unix.Close(fd) // the program has its own
	if err != nil && !errors.Is(err, unix.ENOENT) {
		s.refuse(r, err) // it has no room for one more
	}
}

// leave has the kernel open it: what is no file, where only root makes names.
func (s *supervisor) leave(r *request) {
	s.counts.continued.Add(1)
	_ = s.listener.Continue(&r.call) // it may be gone
}

// open answers a call in any form, or returns the error that it fails with.
func (w *worker) open(r *request) error {
	switch {
	case r.path == "":
		return unix.ENOENT
	case ofKernel(r.path):
		return w.openKernel(r)
	}
	base, err := r.base()
	if err != nil {
		return err
	}
	if base >= 0 {
		defer func() { _ = unix.Close(base) }() // it was only looked up in
	}
	if r.flags&unix.O_TMPFILE == unix.O_TMPFILE || r.flags&(unix.O_CREAT|unix.O_EXCL) == unix.O_CREAT|unix.O_EXCL {
		return w.create(r, base, r.flags)
	}
	for range 8 {
		fd, err := at(base, r.path, unix.O_PATH|r.flags&(unix.O_NOFOLLOW|unix.O_DIRECTORY), 0)
		if errors.Is(err, unix.ENOENT) && r.flags&unix.O_CREAT != 0 {
			// If it is there all of a sudden it is looked at.
			if err = w.create(r, base, r.flags|unix.O_EXCL); !errors.Is(err, unix.EEXIST) {
				return err
			}
			continue
		}
		if err != nil {
			return err
		}
		return w.found(r, base, fd)
	}
	return unix.ENOENT // a link to nothing
}

// base is the folder that a path begins at: below 0 if it is absolute.
func (r *request) base() (int, error) {
	if r.path[0] == '/' {
		return unix.AT_FDCWD, nil
	}
	fd, err := unix.Open(r.from(), unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return -1, unix.EBADF
	}
	return fd, err
}

// from is the folder that a relative path begins at, in /proc.
func (r *request) from() string {
	if r.dir == unix.AT_FDCWD {
		return r.thread() + "/cwd"
	}
	return r.thread() + "/fd/" + strconv.Itoa(r.dir)
}

// at opens a path, through no link of /proc.
func at(base int, path string, flags int, mode uint32) (int, error) {
	return unix.Openat2(base, path, &unix.OpenHow{Flags: uint64(flags | unix.O_CLOEXEC), Mode: uint64(mode & 0o7777), Resolve: unix.RESOLVE_NO_MAGICLINKS})
}

// create makes a file that was not there, which holds nothing yet.
func (w *worker) create(r *request, base, flags int) error {
	mask, err := r.umask()
	if err != nil {
		return err
	}
	if err := w.listener.Waits(&r.call); err != nil {
		return err // nobody wants it any more
	}
	fd, err := at(base, r.path, flags, r.mode&^mask)
	if err != nil {
		return err
	}
	w.give(r, fd)
	return nil
}

// umask is that of who asks.
func (r *request) umask() (uint32, error) {
	b, err := readSmall(r.thread() + "/status")
	if err != nil {
		return 0, err
	}
	_, rest, ok := strings.Cut(b, "\nUmask:\t")
	if !ok {
		return 0, unix.EACCES
	}
	text, _, _ := strings.Cut(rest, "\n")
	mask, err := strconv.ParseUint(text, 8, 32)
	return uint32(mask), err
}

// readSmall reads a file of /proc that fits into a page.
func readSmall(path string) (string, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return "", err
	}
	defer func() { _ = unix.Close(fd) }() // it was only read
	b := make([]byte, 4096)
	n, err := unix.Read(fd, b)
	return string(b[:max(n, 0)]), err
}

// link is a path by which this process opens what fd stands for once more.
func link(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// again opens what fd stands for, as it was asked for.
func (r *request) again(fd int) (int, error) {
	const done = unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW // by now
	return unix.Open(link(fd), r.flags&^done|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
}

// nameOf is the path of what fd stands for, without links.
func nameOf(fd int) (string, error) {
	b := make([]byte, unix.PathMax)
	n, err := unix.Readlink(link(fd), b)
	return string(b[:max(n, 0)]), err
}

// found answers with what was found at a path. fd is open by O_PATH, and is taken.
func (w *worker) found(r *request, base, fd int) error {
	kept := false
	defer func() {
		if !kept {
			_ = unix.Close(fd) // it was only looked up
		}
	}()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return err
	}
	name, err := nameOf(fd)
	if err != nil {
		return err
	}
	if ofKernel(name) {
		return w.foundKernel(r, base, name)
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFLNK:
		return unix.ELOOP
	case unix.S_IFDIR:
		return w.reopen(r, fd)
	case unix.S_IFREG:
		kept, err = w.file(r, fd, &st, name)
		return err
	case unix.S_IFIFO:
		kept = true
		w.later(r, func() error { return w.pipe(r, fd) })
		return nil
	}
	return unix.ENXIO // a socket, or a device where there are none
}

// reopen answers with the same file.
func (s *supervisor) reopen(r *request, fd int) error {
	got, err := r.again(fd)
	if err != nil {
		return err
	}
	s.give(r, got)
	return nil
}

// pipe answers once the other end of a pipe is there.
func (s *supervisor) pipe(r *request, fd int) error {
	defer func() { _ = unix.Close(fd) }() // it was only looked up
	return s.reopen(r, fd)
}

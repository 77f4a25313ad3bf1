package sandbox

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Server answers those who ask a pool over a socket.
//
// # Security
//
// Only processes of the same user are answered. A request is bounded, read strictly and
// within a time, and has exactly one descriptor. Who goes away, or says more than a
// request, ends the load.
type Server struct {
	// Load loads a checkpoint. It does not close the file.
	Load func(ctx context.Context, r *Request, f *os.File) *Answer
	Idle time.Duration // end when nobody asked for so long; 0 is never
	// Drain is how long loads go on when the server is told to end.
	Drain  time.Duration
	Failed func(error) // hears of a panic of ours, which ends one request; nil is nobody
}

const (
	mostClients  = 64
	requestTime  = 5 * time.Second
	answerTime   = 10 * time.Second
	mostSockPath = 107 // of sockaddr_un
)

// Listen makes the socket of a pool. Its folder is one that only this user can enter,
// and is made if it is not there.
func Listen(ctx context.Context, path string) (*net.UnixListener, error) {
	if len(path) > mostSockPath {
		return nil, fmt.Errorf("socket %q has a path of %d bytes, more than %d", path, len(path), mostSockPath)
	}
	if err := privateFolder(filepath.Dir(path)); err != nil {
		return nil, err
	}
	if info, err := os.Lstat(path); err == nil {
		if info.Mode().Type() != os.ModeSocket {
			return nil, fmt.Errorf("%q is there, and is no socket", path)
		}
		var d net.Dialer
		if c, err := d.DialContext(ctx, "unix", path); err == nil {
			_ = c.Close() // it was only tried
			return nil, fmt.Errorf("socket %q has a server already", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, err
		}
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o600); err != nil {
		_ = l.Close() // the other error is the one
		return nil, err
	}
	return l, nil
}

// privateFolder makes sure that nobody else can enter a folder.
func privateFolder(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) { //nolint:gosec // the user names it
		return err
	}
	info, err := os.Stat(dir) //nolint:gosec // likewise
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || info.Mode().Perm()&0o077 != 0 || int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%q is no folder that this user alone can enter", dir)
	}
	return nil
}

// Serve answers until the context ends or nobody asks for a long time, and then lets
// loads end.
func (s *Server) Serve(ctx context.Context, l *net.UnixListener) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	context.AfterFunc(ctx, func() { _ = l.Close() }) // and Accept ends
	idle := newIdle(s.Idle, stop)
	loads, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	places := make(chan struct{}, mostClients)
	var all sync.WaitGroup
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			drain := time.AfterFunc(s.Drain, end)
			all.Wait()
			drain.Stop()
			if ctx.Err() != nil {
				return nil
			}
			return err
		}
		places <- struct{}{}
		idle.busy(1)
		all.Go(func() {
			defer func() { idle.busy(-1); <-places }()
			s.ServeConn(loads, c)
		})
	}
}

// idle ends a server that nobody asks.
type idle struct {
	mu    sync.Mutex
	after time.Duration
	n     int
	timer *time.Timer
}

func newIdle(after time.Duration, stop func()) *idle {
	i := &idle{after: after}
	if after > 0 {
		i.timer = time.AfterFunc(after, stop)
	}
	return i
}

func (i *idle) busy(n int) {
	if i.timer == nil {
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.n += n; i.n > 0 {
		i.timer.Stop()
	} else {
		i.timer.Reset(i.after)
	}
}

// ServeConn answers one request, and closes the connection.
func (s *Server) ServeConn(ctx context.Context, c *net.UnixConn) {
	defer func() { _ = c.Close() }() // whoever waits sees that
	if uid, err := peer(c); err != nil || uid != os.Geteuid() {
		return
	}
	s.answer(c, s.respond(ctx, c))
}

// respond reads a request and has it loaded. A panic of ours ends that, with what it
// started, and no other request.
func (s *Server) respond(ctx context.Context, c *net.UnixConn) (a *Answer) {
	defer func() {
		if p := recover(); p != nil {
			err := fmt.Errorf("internal error: %v", p)
			if a = (&Answer{Failure: NewPoolError(err)}); s.Failed != nil {
				s.Failed(err)
			}
		}
	}()
	_ = c.SetReadDeadline(time.Now().Add(requestTime)) // reading says what is wrong with it
	r, f, err := readRequest(c)
	if err != nil {
		return &Answer{Failure: NewPoolError(err)}
	}
	defer func() { _ = f.Close() }() // it was only read
	ctx, gone := context.WithCancelCause(ctx)
	defer gone(nil)
	_ = c.SetReadDeadline(time.Time{}) // reading says what is wrong with it
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			gone(errors.New("who asked has gone"))
		}
	}()
	defer func() {
		_ = c.SetReadDeadline(time.Now()) // nobody is waited for any more
		<-watched
	}()
	return s.Load(ctx, r, f)
}

func (s *Server) answer(c *net.UnixConn, a *Answer) {
	var oob []byte
	if a.Tensors != nil {
		defer func() { _ = a.Tensors.Close() }() // the other side has its own
		oob = unix.UnixRights(int(a.Tensors.Fd()))
	}
	b, err := frame(a, mostAnswer)
	if err != nil {
		oob = nil
		b, _ = frame(&Answer{Failure: NewPoolError(err)}, mostAnswer) // a text always fits
	}
	_ = c.SetWriteDeadline(time.Now().Add(answerTime)) // writing says what is wrong with it
	n, _, err := c.WriteMsgUnix(b, oob, nil)
	if err == nil && n < len(b) {
		_, _ = c.Write(b[n:]) // if nobody hears it, nobody waits
	}
}

// peer is who is at the other end.
func peer(c *net.UnixConn) (uid int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	var cred *unix.Ucred
	controlled := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err := errors.Join(controlled, err); err != nil {
		return -1, err
	}
	return int(cred.Uid), nil
}

// withFile reads from a connection, and keeps the one descriptor that comes along.
type withFile struct {
	c    *net.UnixConn
	file *os.File
	many bool // there was more than one
}

func (w *withFile) Read(p []byte) (int, error) {
	oob := make([]byte, unix.CmsgSpace(4))
	n, oobn, flags, _, err := w.c.ReadMsgUnix(p, oob)
	if err != nil {
		return max(n, 0), err // it says -1, which no Reader may
	}
	if oobn > 0 {
		// Who reads with io.ReadFull hears of no error that comes with the last byte.
		fd, err := received(oob[:oobn])
		switch {
		case err != nil:
			w.many = true
		case w.file != nil || flags&unix.MSG_CTRUNC != 0:
			_ = unix.Close(fd) // there is one already, or there were more
			w.many = true
		default:
			w.file = os.NewFile(uintptr(fd), "received")
		}
	}
	if n == 0 && len(p) > 0 {
		return 0, errors.New("the other side ended in the middle")
	}
	return n, nil
}

func (w *withFile) close() {
	if w.file != nil {
		_ = w.file.Close() // it was only read
	}
}

func readRequest(c *net.UnixConn) (*Request, *os.File, error) {
	w := &withFile{c: c}
	b, err := unframe(w, mostRequest)
	var r *Request
	if err == nil {
		r, err = decodeRequest(b)
	}
	switch {
	case err != nil:
	case w.many:
		err = fmt.Errorf("%w: more than one descriptor came along", errRequest)
	case w.file == nil:
		err = fmt.Errorf("%w: no descriptor came along", errRequest)
	}
	if err != nil {
		w.close()
		return nil, nil, err
	}
	return r, w.file, nil
}

// Ask has the pool that listens on a socket load an open checkpoint.
func Ask(ctx context.Context, path string, r *Request, f *os.File) (*Answer, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // it was used
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	c := conn.(*net.UnixConn)
	if uid, err := peer(c); err != nil || uid != os.Geteuid() && uid != 0 {
		return nil, errors.Join(fmt.Errorf("the pool is of the user %d", uid), err)
	}
	b, err := frame(r, mostRequest)
	if err == nil {
		_, _, err = c.WriteMsgUnix(b, unix.UnixRights(int(f.Fd())), nil)
	}
	if err != nil {
		return nil, err
	}
	w := &withFile{c: c}
	b, err = unframe(w, mostAnswer)
	a := &Answer{}
	if err == nil {
		err = decodeOnly(b, a)
	}
	if err == nil && ((a.Failure == nil) != (w.file != nil) || w.many) {
		err = errors.New("an answer with neither or both of tensors and an error")
	}
	if err != nil {
		w.close()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, err
	}
	a.Tensors = w.file
	return a, nil
}

// OpenResult takes tensors that a pool gave, if they cannot change any more and are
// exactly safetensors.
func OpenResult(f *os.File) (*Result, error) {
	const all = unix.F_SEAL_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	seals, err := unix.FcntlInt(f.Fd(), unix.F_GET_SEALS, 0)
	if err == nil && seals&all != all {
		err = errors.New("it is not sealed")
	}
	if err != nil {
		return nil, fmt.Errorf("what the pool gave is no result: %w", err)
	}
	return readResult(f, math.MaxInt64)
}

package sandbox

import (
	"bytes"
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/child"
	"github.com/andiron-dev/andiron/internal/seccomp"
)

//go:embed worker.py
var program string

// worker is a process that has imported torch, or is about to.
type worker struct {
	cmd     *exec.Cmd
	control *net.UnixConn
	said    stderrTail
	ended   chan struct{}   // closed when there is no process any more
	has     map[string]bool // modules that it has imported
	filter  string          // that comes into force for its job
	sees    []string        // folders of Python
	debug   *debugLog       // what gVisor says, if it holds it
	mute    bool            // the filter ends it, and tells nobody of calls: gVisor
	slot    *slot           // who it is
	group   *group          // what bounds it, if the kernel has that
	heard   []byte          // room for what it says
	temp    string          // a folder of its own, where its file system is not, or ""
}

// stderrTail is what a worker leaves on its standard error.
type stderrTail struct {
	mu   sync.Mutex
	tail child.Tail
}

func (s *stderrTail) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tail.Write(b)
}

// forget drops what was said so far.
func (s *stderrTail) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tail = child.Tail{}
}

func (s *stderrTail) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tail.Lines()
}

// mostMessage bounds what a worker says at a time.
const mostMessage = 1 << 20

// spawn starts a worker.
func spawn(ctx context.Context, v *view, lim Limits) (*worker, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socketpair: %w", err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "control")
	defer func() { _ = theirs.Close() }() // the worker has its own
	ours := os.NewFile(uintptr(pair[0]), "control")
	conn, err := net.FileConn(ours)
	_ = ours.Close() // conn has its own
	if err != nil {
		return nil, err
	}
	w := &worker{control: conn.(*net.UnixConn), ended: make(chan struct{})}
	if err := w.start(ctx, v, lim, theirs); err != nil {
		_ = w.control.Close() // the other error is the one
		w.leave()
		return nil, err
	}
	return w, nil
}

func (w *worker) start(ctx context.Context, v *view, lim Limits, control *os.File) (err error) {
	if w.slot, err = takeSlot(); err != nil {
		return err
	}
	w.cmd = exec.CommandContext(ctx, "/proc/self/exe")
	w.cmd.Env = []string{"PATH=/usr/bin:/bin"}
	w.cmd.ExtraFiles = []*os.File{control}
	w.cmd.Stderr = &w.said
	w.cmd.WaitDelay = time.Second
	w.cmd.SysProcAttr = v.attributes(w.slot.uid)
	w.sees = v.roots
	prepare := w.stage
	if w.mute = v.has(GVisor); w.mute {
		prepare = w.runsc
	}
	if err := prepare(v, lim); err != nil {
		return err
	}
	if v.has(Cgroup) {
		if w.group, err = newGroup(lim, v.has(GVisor)); err != nil {
			return &layerError{Cgroup, err.Error()}
		}
		w.cmd.SysProcAttr.UseCgroupFD, w.cmd.SysProcAttr.CgroupFD = true, int(w.group.dir.Fd())
	}
	return w.begin(v)
}

// stage has this program become the worker.
func (w *worker) stage(v *view, lim Limits) (err error) {
	if w.temp, err = v.makeTemp(w.slot.uid); err != nil {
		return err
	}
	plan, err := json.Marshal(stagePlan{
		Python: v.python, Program: program, Path: v.path, Roots: v.roots, Files: v.files, Temp: w.temp,
		Namespaces: v.has(Namespaces), Landlock: v.has(Landlock), UID: w.slot.uid, Limits: lim,
	})
	w.cmd.Args = []string{stageName}
	w.cmd.Stdin = strings.NewReader(string(plan))
	return err
}

// begin starts the process.
func (w *worker) begin(v *view) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread() // the worker ends with the thread that started it: PDEATHSIG
		defer runtime.UnlockOSThread()
		err := w.cmd.Start()
		started <- err
		if err == nil {
			_ = w.cmd.Wait() // who looks at ProcessState knows
			close(w.ended)
		}
	}()
	err := <-started
	l := v.blame(err)
	if l != "" && errors.Is(err, unix.ENOSPC) {
		err = fmt.Errorf("no more user namespaces are allowed: %w", err)
	}
	if l != "" {
		return &layerError{l, fmt.Sprintf("the sandbox cannot be started: %v", err)}
	}
	return err
}

// kill ends the worker and everything in its namespace.
func (w *worker) kill() {
	w.stop()
	_ = w.control.Close() // nobody says anything any more
	w.leave()
}

// leave gives back what the worker had on the host.
func (w *worker) leave() {
	w.group.remove()
	w.slot.free()
	w.debug.close()
	if w.temp != "" {
		_ = os.RemoveAll(w.temp) // what is left is a private temporary folder
	}
}

// message is one from a worker. Exactly one of the pointers is set.
type message struct {
	Ready *struct {
		Torch   string   `json:"torch"`
		Python  string   `json:"python"`
		Modules []string `json:"modules"`
	} `json:"ready"`
	Stage  *layerError `json:"stage"`
	Locked *struct{}   `json:"locked"`
	Done   *struct {
		Size        int64  `json:"size"`
		WeightsOnly bool   `json:"weights_only"`
		References  bool   `json:"references"`
		Type        string `json:"type"`
	} `json:"done"`
	Failed *failure `json:"failed"`
}

// failure is an exception of Python.
type failure struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
}

func (f *failure) Error() string { return strings.TrimSuffix(f.Kind+": "+f.Text, ": ") }
func (f *failure) Unwrap() error { return ErrFailed }

// errGone says that the worker ended before it said what it should.
var errGone = errors.New("the worker ended")

// unreadError is an errGone of a worker that had not begun to read the checkpoint.
type unreadError struct{ error }

func (e *unreadError) Unwrap() error { return e.error }

// hear reads a message until then. With files, a descriptor may come along.
func (w *worker) hear(until time.Time, files bool) (m message, fd int, err error) {
	fd = -1
	if err := w.control.SetReadDeadline(until); err != nil {
		return m, fd, err
	}
	if w.heard == nil {
		w.heard = make([]byte, mostMessage)
	}
	b := w.heard
	var oob []byte
	if files {
		oob = make([]byte, unix.CmsgSpace(4))
	}
	n, oobn, _, _, err := w.control.ReadMsgUnix(b, oob)
	if errors.Is(err, io.EOF) || err == nil && n == 0 {
		err = errGone
	}
	if err != nil {
		return m, fd, err
	}
	if fd, err = received(oob[:oobn]); err != nil {
		return m, fd, err
	}
	m, err = read(b[:n])
	return m, fd, err
}

// read is one message, with nothing beside it.
func read(b []byte) (m message, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err = d.Decode(&m); err == nil && d.InputOffset() != int64(len(b)) {
		err = errors.New("there is more behind it")
	}
	said := 0
	for _, is := range []bool{m.Ready != nil, m.Stage != nil, m.Locked != nil, m.Done != nil, m.Failed != nil} {
		if is {
			said++
		}
	}
	if err == nil && said != 1 {
		err = fmt.Errorf("it is %d words", said)
	}
	if err != nil {
		return message{}, fmt.Errorf("the worker said what nobody understands: %w", err)
	}
	return m, nil
}

// received is the descriptor that came along, or -1.
func received(oob []byte) (int, error) {
	if len(oob) == 0 {
		return -1, nil
	}
	var fds []int
	all, err := unix.ParseSocketControlMessage(oob)
	if err == nil && len(all) == 1 {
		fds, err = unix.ParseUnixRights(&all[0])
	}
	if err != nil || len(fds) != 1 {
		for _, fd := range fds { // there is room for two
			_ = unix.Close(fd)
		}
		return -1, errors.New("not one descriptor came along")
	}
	unix.CloseOnExec(fds[0])
	return fds[0], nil
}

// tell writes a message, with descriptors.
func (w *worker) tell(m map[string]any, files ...*os.File) error {
	b, err := json.Marshal(m)
	if err != nil {
		return err
	}
	var fds []int
	for _, f := range files {
		fds = append(fds, int(f.Fd()))
	}
	var oob []byte
	if len(fds) > 0 {
		oob = unix.UnixRights(fds...)
	}
	_ = w.control.SetWriteDeadline(time.Now().Add(10 * time.Second)) // tests of the socket find what is wrong with it
	_, _, err = w.control.WriteMsgUnix(b, oob, nil)
	return err
}

// ready waits until torch is imported.
func (w *worker) ready(until time.Time, r *Report) error {
	m, _, err := w.hear(until, false)
	if err == nil && m.Stage != nil {
		return m.Stage
	}
	if err == nil && m.Failed != nil {
		return m.Failed
	}
	if err == nil && m.Ready == nil {
		err = errors.New("the worker spoke out of turn")
	}
	if err != nil {
		return w.why(err)
	}
	w.said.forget() // what libraries say when they are imported is no reason for what comes
	r.Torch, r.Python, w.has = m.Ready.Torch, m.Ready.Python, map[string]bool{}
	for _, name := range m.Ready.Modules {
		w.has[name] = true
	}
	return nil
}

// imports has it import modules, and others if it has them, and waits for that.
func (w *worker) imports(modules, late []string, until time.Time, r *Report) error {
	if len(modules) == 0 && len(late) == 0 {
		return nil
	}
	if err := w.tell(map[string]any{"import": append([]string{}, modules...), "late": append([]string{}, late...)}); err != nil {
		return w.unread(err)
	}
	err := w.ready(until, r)
	if _, ok := errors.AsType[*failure](err); ok {
		err = fmt.Errorf("%w: %w", ErrImport, err)
	}
	return err
}

// why adds to an error what the worker left on its standard error.
func (w *worker) why(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		err = limitError("it took too long")
	}
	if errors.Is(err, errGone) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) {
		select {
		case <-w.ended:
			err = fmt.Errorf("%w: %s", errGone, w.cmd.ProcessState)
		case <-time.After(time.Second):
		}
		if text := w.group.why(); text != "" {
			err = fmt.Errorf("%w: %w", err, limitError(text))
		}
		if lines := w.said.lines(); len(lines) > 0 {
			err = fmt.Errorf("%w: %s", err, strings.Join(lines, "\n"))
		}
	}
	return err
}

// lacks are those of some modules that it did not import.
func (w *worker) lacks(modules []string) (list []string) {
	for _, name := range modules {
		if !w.has[name] {
			list = append(list, name)
		}
	}
	return list
}

// prepare makes the filter for the worker, so that its job does not wait for that.
func (w *worker) prepare(o *Options) error {
	f := LoadFilter(seccomp.ArchOf(runtime.GOARCH))
	if slices.Contains(o.Without, Seccomp) {
		f.Rules, f.Else = nil, seccomp.Allow
	}
	if w.mute && f.Else == seccomp.Notify {
		f.Else = seccomp.KillProcess
	}
	return w.prepareWith(f)
}

// prepareWith does so of another filter.
func (w *worker) prepareWith(f *seccomp.Filter) error {
	p, err := f.Compile()
	if err != nil {
		return fmt.Errorf("internal error: %w", err)
	}
	w.filter = base64.StdEncoding.EncodeToString(p.Bytes())
	return nil
}

// job gives the worker its checkpoint and returns the listener for its calls, or -1 where
// there is none.
func (w *worker) job(mode Mode, lim Limits, in, out *os.File) (listener int, err error) {
	err = w.tell(map[string]any{"job": map[string]any{
		"filter": w.filter, "told": !w.mute, "reference": mode,
		"limits": map[string]int64{"RLIMIT_DATA": lim.Memory, "RLIMIT_FSIZE": lim.Result, "RLIMIT_CPU": lim.cpuSeconds()},
	}}, in, out)
	if err != nil {
		return -1, w.unread(err)
	}
	m, fd, err := w.hear(time.Now().Add(lim.Start), true)
	if err == nil && (m.Locked == nil || isListener(fd) == w.mute) {
		err = errors.New("the worker spoke out of turn")
	}
	if err != nil {
		if fd >= 0 {
			_ = unix.Close(fd) // nobody listens
		}
		return -1, w.unread(err)
	}
	return fd, nil
}

// unread is why, of a worker that has not been told to go.
func (w *worker) unread(err error) error {
	if err = w.why(err); errors.Is(err, errGone) {
		err = &unreadError{err}
	}
	return err
}

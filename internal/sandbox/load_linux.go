package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/child"
	"github.com/andiron-dev/andiron/safetensors"
)

// Load loads a checkpoint and returns its tensors. The report says what is known when
// there is an error as well.
func Load(ctx context.Context, in *Input, o Options) (*Result, *Report, error) {
	o.Size = in.Size
	w := Start(ctx, o)
	defer w.Close()
	return w.Load(ctx, in, Job{Mode: o.Mode, Warm: Late(o.Wants), Wants: func() []string { return o.Wants }})
}

// Worker is a process that loads one checkpoint.
type Worker struct {
	o      Options
	begun  chan struct{} // closed when it waits, or cannot
	used   chan struct{} // closed when a pool has done with it
	failed error
	worker *worker
	report Report
	calls  *listener // while there is a job
}

// Start starts a worker. It imports torch meanwhile.
func Start(ctx context.Context, o Options) *Worker {
	return start(ctx, o, func() (*view, error) { return look(ctx, &o) })
}

func start(ctx context.Context, o Options, see func() (*view, error)) *Worker {
	w := &Worker{o: o, begun: make(chan struct{}), used: make(chan struct{}), report: Report{Missing: map[Layer]string{}}}
	go func() {
		defer close(w.begun)
		at := time.Now()
		w.failed = w.begin(ctx, see)
		w.report.Started = time.Since(at)
	}()
	return w
}

func (w *Worker) begin(ctx context.Context, see func() (*view, error)) error {
	v, err := see()
	if err != nil {
		return err
	}
	lim := w.o.Limits.Filled(w.o.Size)
	if w.worker, err = begin(ctx, &w.o, v, lim, &w.report); err != nil {
		return err
	}
	if err = w.worker.prepare(&w.o); err != nil {
		return err
	}
	return w.worker.imports(w.o.Imports, nil, time.Now().Add(lim.Start), &w.report)
}

// Close ends the worker, and waits until there is nothing of it any more.
func (w *Worker) Close() {
	<-w.begun
	if w.worker == nil {
		return
	}
	w.worker.kill()
	if w.calls != nil {
		w.calls.finish()
	}
}

// Load loads a checkpoint and returns its tensors, once for each worker, which ends with
// that. The report says what is known when there is an error as well. The digest of the
// checkpoint may not be known by then: who gives the tensors out waits for it, and sees
// that the checkpoint is still unchanged.
func (w *Worker) Load(ctx context.Context, in *Input, j Job) (*Result, *Report, error) {
	select {
	case <-w.begun:
	case <-ctx.Done():
		return nil, &Report{}, context.Cause(ctx)
	}
	r, most := &w.report, w.o.Limits.Filled(w.o.Size)
	r.Input, r.Mode, r.Limits = in.Kept, Full, j.Limits.within(w.o.Limits).Filled(in.Size).within(most)
	if w.failed != nil {
		return nil, r, w.failed
	}
	defer w.worker.cmd.Process.Kill() //nolint:errcheck // it may have ended; Close waits for that
	if err := have(r.Layers, j.Need, r); err != nil {
		return nil, r, err
	}
	if in.Size > w.o.Size {
		return nil, r, fmt.Errorf("%w: it has %d bytes, more than %d", ErrFailed, in.Size, w.o.Size)
	}
	if err := w.worker.imports(j.Imports, j.Warm, time.Now().Add(most.Start), r); err != nil {
		return nil, r, w.worker.unreadFor(err, r.Limits)
	}
	if err := w.worker.group.limit(r.Limits); err != nil {
		return nil, r, fmt.Errorf("the control group of the worker: %w", err)
	}
	out, err := child.Memfd("tensors", unix.MFD_NOEXEC_SEAL)
	if err == nil && w.worker.mute { // gVisor has no limit on what is written to a file of the host
		err = capped(out, r.Limits.Result)
	}
	if err != nil {
		return nil, r, err
	}
	result, err := w.load(ctx, in, &j, out)
	if err != nil || result.File == nil {
		_ = out.Close() // nothing of it is given out
	}
	return result, r, err
}

// load has the checkpoint loaded, and looks at what came out.
func (w *Worker) load(ctx context.Context, in *Input, j *Job, out *os.File) (*Result, error) {
	lim := w.report.Limits
	mode, zip, err := modeFor(in, j.Mode)
	if err != nil {
		return nil, err
	}
	if err := w.run(ctx, in, j, mode, out, lim); err != nil {
		return nil, err
	}
	if err := seal(out); err != nil {
		return nil, fmt.Errorf("%w: what came out is no result: %w", ErrContained, err)
	}
	var result *Result
	if w.report.Mode == Reference {
		result, err = zip.result(out, lim.Result)
	} else {
		result, err = readResult(out, lim.Result)
	}
	switch {
	case errors.Is(err, ErrLimit):
		return nil, fmt.Errorf("%w: %w", ErrFailed, err)
	case err != nil:
		return nil, fmt.Errorf("%w: what came out is no result: %w", ErrContained, err)
	}
	if err := in.Unchanged(); err != nil {
		return nil, err
	}
	return result, nil
}

// begin starts a worker with all layers that can be had, and waits until it is ready.
func begin(ctx context.Context, o *Options, v *view, lim Limits, r *Report) (*worker, error) {
	v.choose(o)
	for {
		if err := v.enough(o, r); err != nil {
			return nil, err
		}
		w, err := spawn(ctx, v, lim)
		if err == nil {
			if err = w.ready(time.Now().Add(lim.Start), r); err == nil {
				r.Layers = v.layers
				return w, nil
			}
			err = w.unreadFor(err, lim)
			w.kill()
		}
		var missing *layerError
		if !errors.As(err, &missing) || !v.has(missing.Layer) {
			return nil, err
		}
		v.without(missing.Layer, missing.Text, r)
	}
}

// modeFor is how the tensors of a checkpoint are to leave the worker.
func modeFor(in *Input, m Mode) (Mode, *records, error) {
	if m == Full || m != Reference && in.Size < referenceFrom {
		return Full, nil, nil
	}
	zip, err := openRecords(in)
	switch {
	case err == nil && m == Reference:
		return Reference, zip, nil
	case err == nil:
		return Auto, zip, nil
	case m == Reference:
		return "", nil, fmt.Errorf("%w: by reference: %w", ErrFailed, err)
	}
	return Full, nil, nil // torch says what it is
}

// run hands over the checkpoint, and waits for the last word.
func (w *Worker) run(ctx context.Context, in *Input, j *Job, mode Mode, out *os.File, lim Limits) error {
	source, err := reopen(in.file)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }() // it was only read
	fd, err := w.worker.job(mode, lim, source, out)
	if err != nil {
		return w.worker.unreadFor(err, lim)
	}
	begun := time.Now()
	w.calls = listen(fd, lim.Events, w.worker.stop)
	stop := context.AfterFunc(ctx, w.worker.stop) // nobody waits any more
	defer stop()
	err = w.worker.tell(map[string]any{"go": true})
	var m message
	if err == nil {
		m, _, err = w.worker.hear(begun.Add(lim.Load), false)
	}
	r := &w.report
	r.Ran = time.Since(begun)
	if err == nil && m.Done != nil && !w.worker.mute { // it waits to be ended, and nobody waits for that
		r.CPU, r.MaxRSS = w.worker.used()
		_ = w.worker.cmd.Process.Kill() // and writes no more
	} else {
		err = w.worker.why(err)
		w.worker.stop()
		w.calls.finish()
		r.CPU, r.MaxRSS = w.worker.used()
		if w.worker.overdrawn(err, lim) {
			err = tooLong(lim)
		}
	}
	if w.worker.mute && w.worker.cmd.ProcessState.ExitCode() == 128+int(unix.SIGSYS) {
		w.calls.note(w.worker.debug.killer(), "")
	}
	r.Events = w.calls.all()
	if j.Wants != nil {
		r.Lacks = w.worker.lacks(j.Wants())
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := in.Unchanged(); err != nil && len(r.Events) == 0 { // who reads what changes may end anyhow
		return err
	}
	if m.Failed != nil && len(r.Events) == 0 && !w.worker.mute && isFull(out, lim.Result) {
		return fmt.Errorf("%w: %w", ErrFailed, tooMuch(lim.Result))
	}
	if m.Done != nil && m.Done.References {
		if r.Mode = Reference; mode == Full {
			return fmt.Errorf("%w: the worker spoke out of turn", ErrContained)
		}
	}
	if err := judge(&m, err, r, w.worker.sees); err != nil || !w.worker.mute {
		return err
	}
	if err := out.Truncate(m.Done.Size); err != nil { // any other wrong size is no safetensors
		return fmt.Errorf("%w: a result of %d bytes: %w", ErrContained, m.Done.Size, err)
	}
	return nil
}

// isFull reports whether as much was written to a file as may be.
func isFull(f *os.File, most int64) bool {
	info, err := f.Stat()
	return err == nil && info.Size() >= most
}

// overdrawn reports whether a worker has ended that took more of the processor than it
// may. The kernel counts in seconds, and what a limit is lowered to may be over already.
func (w *worker) overdrawn(err error, lim Limits) bool {
	if !errors.Is(err, errGone) || errors.Is(err, ErrLimit) {
		return false
	}
	cpu, _ := w.used()
	return cpu >= lim.CPU
}

// unreadFor names the limit of the processor, if importing torch took all of it.
func (w *worker) unreadFor(err error, lim Limits) error {
	if !w.overdrawn(err, lim) || w.cmd.ProcessState == nil {
		return err
	}
	if st, ok := w.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || st.Signal() != unix.SIGKILL && st.Signal() != unix.SIGXCPU {
		return err
	}
	return fmt.Errorf("%w: %w before the file was read", ErrFailed, tooLong(lim))
}

func tooLong(lim Limits) error {
	return limitError(fmt.Sprintf("it took more than %v of the processor", lim.CPU))
}

// capped gives a file all the room that it ever has.
func capped(f *os.File, most int64) error {
	if err := f.Truncate(most); err != nil {
		return err
	}
	_, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_GROW)
	return err
}

// used is what the worker took so far.
func (w *worker) used() (cpu time.Duration, rss int64) {
	select {
	case <-w.ended:
		if u, ok := w.cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			return time.Duration(u.Utime.Nano() + u.Stime.Nano()), u.Maxrss << 10
		}
	default:
	}
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.cmd.Process.Pid)) // if it just ended there is none
	_, text, _ := strings.Cut(string(b), ") ")
	field := strings.Fields(text)
	if len(field) < 13 {
		return 0, 0
	}
	user, _ := strconv.ParseInt(field[11], 10, 64) // a number, as proc(5) says
	system, _ := strconv.ParseInt(field[12], 10, 64)
	b, _ = os.ReadFile(fmt.Sprintf("/proc/%d/status", w.cmd.Process.Pid))
	_, text, _ = strings.Cut(string(b), "VmHWM:")
	_, _ = fmt.Sscan(text, &rss)
	return time.Duration(user+system) * tick, rss << 10
}

// tick is what the kernel counts processor time in for programs: 1/USER_HZ.
const tick = 10 * time.Millisecond

// stop ends the worker before its result is looked at.
func (w *worker) stop() {
	_ = w.cmd.Process.Kill() // it may have ended
	<-w.ended
}

// judge says what came of it. Folders are those of Python.
func judge(m *message, err error, r *Report, folders []string) error {
	switch {
	case len(r.Events) > 0 && r.onlyImports(m, folders):
		if len(r.Lacks) == 0 {
			return fmt.Errorf("%w: %s", ErrNeeds, m.Failed.Text)
		}
		return fmt.Errorf("%w: %s", ErrNeeds, strings.Join(r.Lacks, ", "))
	case len(r.Events) > 0:
		err := fmt.Errorf("%w: %s, the first %s", ErrContained, r.Tried(), r.Events[0].Call)
		if len(r.Lacks) > 0 {
			err = fmt.Errorf("%w; it names modules that were not imported: %s", err, strings.Join(r.Lacks, ", "))
		}
		return err
	case err != nil:
		return fmt.Errorf("%w: %w", ErrContained, err)
	case m.Failed != nil:
		return fmt.Errorf("%w: %w", ErrFailed, m.Failed)
	case m.Done == nil:
		return fmt.Errorf("%w: the worker spoke out of turn", ErrContained)
	}
	r.WeightsOnly, r.Type = m.Done.WeightsOnly, m.Done.Type
	return nil
}

// onlyImports reports whether all that was refused was to look for modules where Python
// has its own, for a module that is known to be missing or said to be.
func (r *Report) onlyImports(m *message, folders []string) bool {
	said := m != nil && m.Failed != nil
	if len(r.Lacks) == 0 && !(said && (m.Failed.Kind == "ModuleNotFoundError" || m.Failed.Kind == "ImportError")) {
		return false
	}
	return !slices.ContainsFunc(r.Events, func(e Event) bool {
		return !slices.ContainsFunc(folders, func(f string) bool { return within(e.looked, f) })
	})
}

// within reports whether a path lies in a folder, without "..".
func within(path, folder string) bool {
	return path == filepath.Clean(path) && (path == folder || strings.HasPrefix(path, folder+"/"))
}

// seal makes sure that a file cannot change any more.
func seal(f *os.File) (err error) {
	for range 3 { // a page may be held for a moment after an honest end
		if err = child.Seal(f); !errors.Is(err, unix.EBUSY) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err != nil {
		return fmt.Errorf("it cannot be sealed: %w", err)
	}
	return nil
}

// readResult reads a sealed file.
func readResult(f *os.File, most int64) (*Result, error) {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, err
	}
	if size > most {
		return nil, tooMuch(most)
	}
	h, err := safetensors.Open(f, size, safetensors.Limits{})
	if err != nil {
		return nil, err
	}
	return &Result{File: f, Size: size, Header: h}, nil
}

// Copy copies a result to memory that is sealed then, by means of a function.
func (r *Result) Copy(to func(w io.Writer, r *Result) error) (*Result, error) {
	out, err := child.Memfd("tensors", unix.MFD_NOEXEC_SEAL)
	if err != nil {
		return nil, err
	}
	if err = to(out, r); err == nil {
		err = seal(out)
	}
	var sealed *Result
	if err == nil {
		sealed, err = readResult(out, r.Size)
	}
	if err != nil {
		_ = out.Close() // nothing of it is given out
		return nil, err
	}
	return sealed, nil
}

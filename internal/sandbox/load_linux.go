package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
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
	lim := o.Limits.Filled(in.Size)
	r := &Report{Missing: map[Layer]string{}, Input: in.Kept}
	v, err := look(ctx, &o)
	if err != nil {
		return nil, r, err
	}
	begun := time.Now()
	w, err := begin(ctx, &o, v, lim, r)
	if err != nil {
		return nil, r, err
	}
	defer w.kill()
	r.Started = time.Since(begun)
	out, err := child.Memfd("tensors", unix.MFD_NOEXEC_SEAL)
	if err == nil && w.mute { // gVisor has no limit on what is written to a file of the host
		err = capped(out, lim.Result)
	}
	if err != nil {
		return nil, r, err
	}
	if err := w.load(ctx, &o, in, out, lim, r); err != nil {
		_ = out.Close() // nothing of it is given out
		return nil, r, err
	}
	header, size, err := sealed(out, lim.Result)
	if err != nil {
		_ = out.Close() // nothing of it is given out
		return nil, r, fmt.Errorf("%w: what came out is no result: %w", ErrContained, err)
	}
	return &Result{File: out, Size: size, Header: header}, r, nil
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
			w.kill()
		}
		var missing *layerError
		if !errors.As(err, &missing) || !v.has(missing.Layer) {
			return nil, err
		}
		v.without(missing.Layer, missing.Text, r)
	}
}

// load hands over the checkpoint, and waits for the end.
func (w *worker) load(ctx context.Context, o *Options, in *Input, out *os.File, lim Limits, r *Report) error {
	source, err := in.again()
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }() // it was only read
	fd, err := w.job(o, lim, source, out)
	if err != nil {
		return err
	}
	begun := time.Now()
	l := listen(fd, lim.Events, w.stop)
	stop := context.AfterFunc(ctx, w.stop) // nobody waits any more
	defer stop()
	err = w.tell(map[string]any{"go": true})
	var m message
	if err == nil {
		m, _, err = w.hear(begun.Add(lim.Load), false)
	}
	err = w.why(err)
	w.stop()
	<-l.done
	if w.mute && w.cmd.ProcessState.ExitCode() == 128+int(unix.SIGSYS) {
		l.note("a system call that gVisor does not name", "")
	}
	r.Lacks = w.lacks
	r.Ran, r.Events = time.Since(begun), l.all()
	if u, ok := w.cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		r.CPU = time.Duration(u.Utime.Nano() + u.Stime.Nano())
		r.MaxRSS = u.Maxrss << 10
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := in.unchanged(); err != nil {
		return fmt.Errorf("%w: %w", ErrContained, err)
	}
	if err := judge(&m, err, r, w.sees); err != nil || !w.mute {
		return err
	}
	if err := out.Truncate(m.Done.Size); err != nil { // any other wrong size is no safetensors
		return fmt.Errorf("%w: a result of %d bytes: %w", ErrContained, m.Done.Size, err)
	}
	return nil
}

// capped gives a file all the room that it ever has.
func capped(f *os.File, most int64) error {
	if err := f.Truncate(most); err != nil {
		return err
	}
	_, err := unix.FcntlInt(f.Fd(), unix.F_ADD_SEALS, unix.F_SEAL_GROW)
	return err
}

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
		err := fmt.Errorf("%w: %d forbidden system calls, the first %s", ErrContained, len(r.Events), r.Events[0].Call)
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

// sealed makes sure that a file cannot change any more, and reads it.
func sealed(f *os.File, most int64) (h *safetensors.File, size int64, err error) {
	for range 3 { // a page may be held for a moment after an honest end
		if err = child.Seal(f); !errors.Is(err, unix.EBUSY) {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("it cannot be sealed: %w", err)
	}
	if size, err = f.Seek(0, io.SeekEnd); err != nil {
		return nil, 0, err
	}
	if size > most {
		return nil, 0, fmt.Errorf("%d bytes, more than %d", size, most)
	}
	h, err = safetensors.Open(f, size, safetensors.Limits{})
	return h, size, err
}

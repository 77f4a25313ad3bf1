package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
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
	v, err := look(ctx, o.Python)
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
	v.layers = []Layer{Namespaces, Landlock, Seccomp}
	v.layers = slices.DeleteFunc(v.layers, func(l Layer) bool { return slices.Contains(o.Without, l) })
	for {
		for _, l := range o.Need {
			if !v.has(l) {
				return nil, fmt.Errorf("%w: %s: %s", ErrMissing, l, r.Missing[l])
			}
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

func (v *view) without(l Layer, why string, r *Report) {
	v.layers = slices.DeleteFunc(v.layers, func(x Layer) bool { return x == l })
	r.Missing[l] = why
}

// load hands over the checkpoint, and waits for the end.
func (w *worker) load(ctx context.Context, o *Options, in *Input, out *os.File, lim Limits, r *Report) error {
	source, err := in.again()
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }() // it was only read
	fd, err := w.job(o, source, out, time.Now().Add(lim.Start))
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
	return judge(&m, err, r)
}

// stop ends the worker before its result is looked at.
func (w *worker) stop() {
	_ = w.cmd.Process.Kill() // it may have ended
	<-w.ended
}

// judge says what came of it.
func judge(m *message, err error, r *Report) error {
	switch {
	case len(r.Events) > 0:
		return fmt.Errorf("%w: %d forbidden system calls, the first %s", ErrContained, len(r.Events), r.Events[0].Call)
	case err != nil:
		return fmt.Errorf("%w: %w", ErrContained, err)
	case m.Failed != nil:
		return fmt.Errorf("%w: %s: %s", ErrFailed, m.Failed.Kind, m.Failed.Text)
	case m.Done == nil:
		return fmt.Errorf("%w: the worker spoke out of turn", ErrContained)
	}
	r.WeightsOnly, r.Type = m.Done.WeightsOnly, m.Done.Type
	return nil
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

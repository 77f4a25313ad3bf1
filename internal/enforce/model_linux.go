package enforce

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/andiron-dev/andiron/internal/magic"
)

// file answers with a regular file, open by O_PATH, and reports whether it has taken fd.
func (w *worker) file(r *request, fd int, st *unix.Stat_t, name string) (taken bool, err error) {
	if r.writes() {
		if err := w.listener.Waits(&r.call); err != nil {
			return false, err // nobody wants it any more
		}
		w.holder.release(st)
	}
	emptied := st.Size == 0 || r.flags&unix.O_TRUNC != 0
	if r.access() == unix.O_WRONLY || emptied || w.Places.trusted(name) || Beneath(name, w.Places.Unchecked) || w.plain.has(st, name) {
		return false, w.reopen(r, fd)
	}
	kind, model, err := looksAt(fd, st, name)
	if err != nil {
		return false, err
	}
	if !model {
		w.plain.add(st, name)
		return false, w.reopen(r, fd)
	}
	w.later(r, func() error { return w.model(r, fd, st, name, kind) })
	return true, nil
}

// looksAt looks at the content of what fd stands for.
func looksAt(fd int, st *unix.Stat_t, name string) (magic.Kind, bool, error) {
	f, err := os.Open(link(fd))
	if err != nil {
		return "", false, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return Looks(name, f, st.Size)
}

// model answers with a model, if it may be opened.
func (s *supervisor) model(r *request, fd int, st *unix.Stat_t, name string, kind magic.Kind) error {
	defer func() { _ = unix.Close(fd) }() // it was only looked up
	e := Event{Path: name, Kind: kind, Size: st.Size, PID: int(r.call.PID), Report: s.Report}
	h, err := s.decide(&e, fd, st)
	switch {
	case err != nil:
		e.Why = err.Error()
	case e.Why == "":
		s.counts.models.Add(1)
	}
	s.Told(e)
	if e.Why != "" && !s.Report {
		s.counts.denied.Add(1)
		return errDenied
	}
	var got int
	if h != nil && !r.writes() {
		got, err = h.again(r.flags & unix.O_NONBLOCK)
	} else {
		s.holder.release(st) // its lease would keep this very open waiting
		got, err = r.again(fd)
	}
	if err != nil {
		return err
	}
	s.give(r, got)
	return nil
}

// decide holds a model, and has it judged.
func (s *supervisor) decide(e *Event, fd int, st *unix.Stat_t) (*held, error) {
	f, err := os.Open(link(fd))
	if err != nil {
		return nil, err
	}
	if !Beneath(e.Path, s.Places.Models) || st.Nlink == 0 {
		e.Why = "it lies in none of the folders that models may come from"
		if st.Size <= s.MaxCopy { // for the log: who reads it wants to know which model that is
			e.SHA256, err = sumOf(f, st.Size)
		}
		_ = f.Close() // it was only read
		return nil, err
	}
	h, err := s.holder.get(f, st)
	if err != nil {
		return nil, fmt.Errorf("its bytes cannot be held: %w", err)
	}
	e.SHA256, e.Held = h.sha256, h.how
	q := question{h.sha256, e.Path}
	if v, known := s.judged.Load(q); known {
		e.Why = v.(string) //nolint:forcetypeassert // nothing else is stored
		return h, nil
	}
	why, ok := s.Judge(Candidate{Path: e.Path, SHA256: h.sha256, Size: st.Size, Mode: st.Mode, UID: st.Uid, File: link(int(h.file.Fd()))})
	if ok {
		s.judged.Store(q, "")
		return h, nil
	}
	e.Why = why
	return h, nil
}

// plain has files that are no models.
type plain struct {
	mu    sync.Mutex
	known map[string]state // by path without links, which counts as well
}

const (
	mostPlain = 1 << 16
	// settled is how long a file must have been left alone: within the resolution of
	// the file system's clock it could be written to again.
	settled = 2 * time.Second
)

func (p *plain) has(st *unix.Stat_t, name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	s, ok := p.known[name]
	return ok && s == stateOf(st)
}

// heard reports whether a path is one of those, in some state.
func (p *plain) heard(name []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, ok := p.known[string(name)]
	return ok
}

func (p *plain) add(st *unix.Stat_t, name string) {
	if time.Since(time.Unix(st.Ctim.Unix())) < settled {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil || len(p.known) >= mostPlain {
		p.known = map[string]state{}
	}
	p.known[name] = stateOf(st)
}

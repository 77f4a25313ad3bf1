package sandbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Pool keeps workers that have imported torch, for those who cannot wait for that. Each
// loads one checkpoint and is gone; another one takes its place. There are never more
// processes than the pool has places.
type Pool struct {
	options PoolOptions
	stop    context.CancelFunc
	done    <-chan struct{}
	ready   chan *Worker // waits for who takes it
	keepers sync.WaitGroup

	first chan struct{} // closed when the first worker is ready, or could not be started

	mu     sync.Mutex
	report *Report // of the first worker
	once   bool    // some worker was ready
	failed error   // why the last worker could not be started
}

// The time before a place is filled again whose worker could not be started, or died
// while it waited: twice as long each time.
const (
	leastPause = 100 * time.Millisecond
	mostPause  = 30 * time.Second
)

// NewPool starts so many workers. What ends the context ends the pool.
func NewPool(ctx context.Context, o PoolOptions) *Pool {
	ctx, stop := context.WithCancel(ctx)
	p := &Pool{options: o, stop: stop, done: ctx.Done(), ready: make(chan *Worker), first: make(chan struct{})}
	see := sync.OnceValues(func() (*view, error) { return look(ctx, &o.Options) })
	for range o.Places {
		p.keepers.Go(func() { p.keep(ctx, see) })
	}
	return p
}

// Close ends all workers, also those that load, and waits for that.
func (p *Pool) Close() {
	p.stop()
	p.keepers.Wait()
}

// Wait waits until the first worker is ready, or cannot be started, and says what is
// known of it.
func (p *Pool) Wait(ctx context.Context) (*Report, error) {
	select {
	case <-p.first:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.report, p.failed
}

// keep keeps one place filled.
func (p *Pool) keep(ctx context.Context, see func() (*view, error)) {
	pause := leastPause
	for ctx.Err() == nil {
		w := start(ctx, p.options.Options, func() (*view, error) {
			v, err := see()
			if err != nil {
				return nil, err
			}
			own := *v // the layers of each worker are its own
			return &own, nil
		})
		<-w.begun
		p.note(&w.report, w.failed)
		taken := w.failed == nil && p.offer(w)
		if taken {
			<-w.used
			pause = leastPause
		}
		w.Close()
		if taken {
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, mostPause)
	}
}

// offer waits until somebody takes a worker, and reports whether somebody did.
func (p *Pool) offer(w *Worker) bool {
	select {
	case p.ready <- w:
		return true
	case <-w.worker.ended:
		p.note(nil, fmt.Errorf("a worker that waited ended: %w", w.worker.why(errGone)))
	case <-p.done:
	}
	return false
}

// note keeps what is known of the first worker, and why the last one failed.
func (p *Pool) note(r *Report, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failed = err
	p.once = p.once || err == nil
	if p.report == nil {
		own := *r
		p.report = &own
		close(p.first)
	}
}

// Load loads a checkpoint in the first worker that is ready. What is to be done with the
// result is done by a function, which may return another one: only then does the next
// worker start, which takes a processor for a second, and who waits for this result does
// not wait for that.
func (p *Pool) Load(ctx context.Context, in *Input, j Job, use func(*Result) (*Result, error)) (*Result, *Report, error) {
	r, report, err := p.load(ctx, in, j, use)
	if _, unread := errors.AsType[*unreadError](err); unread && ctx.Err() == nil { // it died as it waited, which was not known yet
		r, report, err = p.load(ctx, in, j, use)
	}
	return r, report, err
}

func (p *Pool) load(ctx context.Context, in *Input, j Job, use func(*Result) (*Result, error)) (*Result, *Report, error) {
	w, err := p.take(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer close(w.used)
	r, report, err := w.Load(ctx, in, j)
	if err == nil {
		r, err = use(r)
	}
	return r, report, err
}

// never is why no worker could be started yet, if one was tried: nobody waits for what
// may never be.
func (p *Pool) never() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.once {
		return nil
	}
	return p.failed
}

func (p *Pool) take(ctx context.Context) (*Worker, error) {
	late := fmt.Errorf("none was in %v", p.options.Wait)
	ctx, cancel := context.WithTimeoutCause(ctx, p.options.Wait, late)
	defer cancel()
	select {
	case <-p.first:
	case <-ctx.Done():
	}
	if err := p.never(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoWorker, err)
	}
	select {
	case w := <-p.ready:
		return w, nil
	case <-p.done:
		return nil, fmt.Errorf("%w: the pool is closed", ErrNoWorker)
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoWorker, p.failed)
	}
	return nil, fmt.Errorf("%w: %w", ErrNoWorker, context.Cause(ctx))
}

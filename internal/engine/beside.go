package engine

import (
	"context"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/semaphore"

	"github.com/andiron-dev/andiron/internal/dataset"
	"github.com/andiron-dev/andiron/internal/survey"
)

// besideBytes bounds the rows that a survey has not yet taken; but one block of them may
// be as large as it is.
const besideBytes = 64 << 20

// beside surveys a data set beside the look at its samples: several blocks of rows are
// looked at at a time, and taken in their order, so that the outcome is always the same.
type beside struct {
	ctx    context.Context //nolint:containedctx // it ends with the look
	s      *survey.Survey
	room   *semaphore.Weighted
	jobs   chan *besideJob // to those who look
	order  chan *besideJob // to the one who takes
	ended  chan error
	worker sync.WaitGroup
}

type besideJob struct {
	rows   *dataset.Rows
	weight int64
	look   *survey.Look
	err    error
	done   chan struct{}
}

// newBeside starts so many goroutines that look and one that takes. They end with end.
func newBeside(ctx context.Context, s *survey.Survey, workers int) *beside {
	s.Use(sideBySide(workers))
	b := &beside{
		ctx: ctx, s: s, room: semaphore.NewWeighted(besideBytes),
		jobs: make(chan *besideJob, 2*workers), order: make(chan *besideJob, 4*workers), ended: make(chan error, 1),
	}
	for range workers {
		b.worker.Go(func() {
			for j := range b.jobs {
				j.err = guarded(func() { j.look = s.Look(j.rows) })
				close(j.done)
			}
		})
	}
	go b.take()
	return b
}

func (b *beside) take() {
	var failed error
	for j := range b.order {
		<-j.done
		if failed == nil {
			failed = j.err
		}
		if failed == nil {
			failed = guarded(func() { b.s.Take(j.look) })
		}
		b.room.Release(j.weight)
	}
	b.ended <- failed
}

// add has rows looked at, once there is room for them.
func (b *beside) add(rows *dataset.Rows) {
	if rows.N == 0 {
		return
	}
	weight := int64(1)
	for _, t := range rows.Columns {
		weight += int64(len(t.Data))
	}
	weight = min(weight, besideBytes)
	if b.room.Acquire(b.ctx, weight) != nil { // interrupted: nobody wants the outcome
		return
	}
	j := &besideJob{rows: rows, weight: weight, done: make(chan struct{})}
	b.jobs <- j
	b.order <- j
}

// end waits until all rows are taken.
func (b *beside) end() error {
	close(b.jobs)
	close(b.order)
	b.worker.Wait()
	return <-b.ended
}

// sideBySide runs the parts of a work in so many goroutines. A panic in one of them is
// one in the caller, once all have ended.
func sideBySide(workers int) survey.Runner {
	return func(n int, do func(i int)) {
		var next atomic.Int64
		var failed atomic.Pointer[any]
		var wg sync.WaitGroup
		for range min(workers, n) {
			wg.Go(func() {
				defer func() {
					if p := recover(); p != nil {
						failed.CompareAndSwap(nil, &p)
					}
				}()
				for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
					do(int(i))
				}
			})
		}
		wg.Wait()
		if p := failed.Load(); p != nil {
			panic(*p)
		}
	}
}

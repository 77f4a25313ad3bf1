package engine

import (
	"context"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// Each returns a function that does n tasks, jobs at once (0 is one per
// processor), and returns the first error. No task begins after an error, or once
// ctx is done.
func Each(ctx context.Context, jobs int) func(n int, do func(i int) error) error {
	if jobs < 1 {
		jobs = runtime.GOMAXPROCS(0)
	}
	return func(n int, do func(i int) error) error {
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(jobs)
		for i := range n {
			group.Go(func() error {
				if err := ctx.Err(); err != nil {
					return err
				}
				return do(i)
			})
		}
		return group.Wait()
	}
}

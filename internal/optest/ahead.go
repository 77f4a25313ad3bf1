package optest

import (
	"context"
	"sync"

	"github.com/andiron-dev/andiron/internal/opbuild"
)

// outcome is what came of a build.
type outcome struct {
	built    opbuild.Built
	tripwire string // the library of the device
	err      error
}

// ahead are builds that are made while the tests run and calls go on, one after the other:
// each of them starts as many compilers as there are processors.
type ahead struct {
	device chan outcome
	built  map[opbuild.Variant]chan outcome
}

// buildAhead begins to make all builds behind the first. The function that it returns
// ends what is left of that, and waits for it.
func (r *run) buildAhead(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(ctx)
	r.ahead = ahead{make(chan outcome, 1), map[opbuild.Variant]chan outcome{}}
	var variants []opbuild.Variant
	for _, v := range []opbuild.Variant{opbuild.ASan, opbuild.TSan} {
		if r.needless(v) == "" {
			variants = append(variants, v)
			r.ahead.built[v] = make(chan outcome, 1)
		}
	}
	var goes sync.WaitGroup
	goes.Go(func() {
		library, err := opbuild.Tripwire(ctx, r.options())
		r.ahead.device <- outcome{tripwire: library, err: err}
		for _, v := range variants {
			built, err := opbuild.Build(ctx, r.Project, v, r.options())
			r.ahead.built[v] <- outcome{built: built, err: err}
		}
	})
	return func() {
		cancel()
		goes.Wait()
	}
}

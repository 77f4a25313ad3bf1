package engine

import (
	"context"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/ops"
)

// Outside has other programs look at sources of operators. The engine starts none by
// itself. An error is that of an interruption.
type Outside func(ctx context.Context, sources []ops.SourceFile) (ops.Outside, error)

// Operators looks at the custom operators of a project.
func Operators(ctx context.Context, dir string, opt Options, h finding.Handler) error {
	opt = opt.withDefaults()
	opt.looked = ofOperators
	if err := h.Config(opt.Config); err != nil {
		return err
	}
	e := &emitter{h: h, opt: opt, sum: newTally()}
	files, err := e.operators(ctx, dir)
	if err != nil {
		return err
	}
	e.sum.other += files
	if err := e.finish(opt.Whole && ctx.Err() == nil); err != nil {
		return err
	}
	if ctx.Err() != nil {
		e.sum.reasons[Interrupted] = true
	}
	return h.Summary(e.sum.summary())
}

// operators hands on what the ops room finds, and says how many files it read.
func (e *emitter) operators(ctx context.Context, dir string) (files int, err error) {
	r, files := lookOperators(ctx, dir, e.opt.Outside)
	r.stopped = r.stopped || ctx.Err() != nil // it may have been cut off in the middle
	return files, e.emit(r)
}

// lookOperators runs the ops room. A panic there is a fault of ours, not the end of
// the run.
func lookOperators(ctx context.Context, dir string, outside Outside) (r result, files int) {
	report := func(f finding.Finding) { r.loose = append(r.loose, f) }
	defer func() {
		if p := recover(); p != nil {
			report(broken(dir, p))
		}
	}()
	p, err := ops.Collect(ctx, dir)
	if err != nil {
		return result{stopped: true}, 0
	}
	if outside != nil && !p.Empty() {
		said, err := outside(ctx, p.SourceFiles())
		if err != nil {
			return result{stopped: true}, p.Files
		}
		p.Hear(said)
	}
	p.Look(report)
	return r, p.Files
}

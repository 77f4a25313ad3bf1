package engine

import (
	"context"
	"maps"
	"path/filepath"
	"slices"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/opreport"
	"github.com/andiron-dev/andiron/internal/ops"
)

// Tested hands on what running the operators of a project showed. run is what runs
// them, and may say how far it is.
func Tested(ctx context.Context, dir string, opt Options, h finding.Handler, run func(progress func(finding.Progress)) (*opreport.Result, error)) error {
	opt = opt.withDefaults()
	opt.looked = ofOperators
	if err := h.Config(opt.Config); err != nil {
		return err
	}
	e := &emitter{h: h, opt: opt, sum: newTally()}
	tested, err := run(func(p finding.Progress) { _ = h.Progress(p) }) // droppable
	if err != nil && ctx.Err() == nil {
		return err
	}
	if tested != nil {
		var r result
		ops.Tested(filepath.ToSlash(filepath.Clean(dir)), tested, func(f finding.Finding) { r.loose = append(r.loose, f) })
		if err := e.emit(r); err != nil {
			return err
		}
		e.sum.operators, e.sum.other = operatorsOf(tested), len(tested.Operators)
	}
	if err := e.finish(ctx.Err() == nil); err != nil {
		return err
	}
	if ctx.Err() != nil {
		e.sum.reasons[Interrupted] = true
	}
	return h.Summary(e.sum.summary())
}

func operatorsOf(r *opreport.Result) *finding.Operators {
	out := &finding.Operators{Torch: r.Torch, Seed: r.Seed, Rows: []finding.OperatorRow{}, Passes: []finding.OperatorPass{}}
	for _, o := range r.Operators {
		row := finding.OperatorRow{
			Name: o.Full(), Seeds: o.Counts.Seeds, Blind: o.Counts.Blind > 0, Valid: o.Counts.Valid + o.GPU.Valid, Raised: o.Counts.Raised + o.GPU.Raised,
			Crashed: o.Counts.Crashed + o.GPU.Crashed, Limited: o.Counts.Limit + o.GPU.Limit, Found: []string{}, Asked: []string{}, Skipped: map[string]string{}, Reason: o.Cut,
		}
		if o.Skip != "" {
			row.Reason = "left out by the project: " + o.Skip
		}
		for i := range o.Found {
			row.Found = append(row.Found, o.Found[i].Kind)
		}
		slices.Sort(row.Found)
		row.Found = slices.Compact(row.Found)
		row.Asked = append(row.Asked, slices.Sorted(maps.Keys(o.Asked))...)
		maps.Copy(row.Skipped, o.Skipped)
		out.Rows = append(out.Rows, row)
	}
	for _, p := range r.Passes {
		out.Passes = append(out.Passes, finding.OperatorPass(p))
	}
	return out
}

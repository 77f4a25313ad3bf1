package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/code"
	"github.com/andiron-dev/andiron/internal/data"
	"github.com/andiron-dev/andiron/internal/day"
)

// lookCode runs the code room, in an audit.
func lookCode(ctx context.Context, j *job, a *artifact.Artifact, opt Options) result {
	r := lookCodeOf(ctx, a, opt)
	if r.rewritten != nil {
		r.rewritten.Abs = j.entry.Abs
	}
	if r.flow != nil {
		r.abs = j.entry.Abs
	}
	return r
}

func lookCodeOf(ctx context.Context, a *artifact.Artifact, opt Options) (r result) {
	if opt.code == nil || !code.MayRead(a.Name()) {
		return result{}
	}
	report := func(f finding.Finding) { r.loose = append(r.loose, f) }
	defer func() {
		if p := recover(); p != nil {
			report(broken(a.Name(), p))
		}
	}()
	with := *opt.code
	with.Torch = opt.torch.of(a.Name())
	facts, err := code.Look(ctx, a, with, report)
	if err != nil {
		report(unreadable.Undetermined(finding.Where{Path: a.Name()}, err.Error()))
	}
	r.python, r.lines, r.modules, r.flow, r.allows = facts.Python, facts.Lines, facts.Modules, facts.Flow, facts.Allows
	r.left = facts.Left
	if facts.After != "" {
		r.rewritten = &Rewritten{Path: a.Name(), Before: facts.Before, After: facts.After}
	}
	return r
}

// lookValidation reads what a project says about how it validates its inputs, in an
// audit.
func lookValidation(a *artifact.Artifact, opt Options, r *result) {
	if opt.code == nil {
		return
	}
	report := func(f finding.Finding) { r.loose = append(r.loose, f) }
	defer func() {
		if p := recover(); p != nil {
			report(broken(a.Name(), p))
		}
	}()
	facts, err := data.Look(a, report)
	if err != nil {
		report(unreadable.Undetermined(finding.Where{Path: a.Name()}, err.Error()))
	}
	r.validation = facts
}

// together is what all files together say of the models of a project, of what its
// functions hand on to each other, and of how models did under attack.
type together struct {
	files []*code.Modules
	flows []*code.Flow
	abs   []string // where the files of the flows are
	with  code.Validation
	runs  []*data.Measured
}

func (w *together) add(r result) {
	if r.modules != nil {
		w.files = append(w.files, r.modules)
	}
	if r.flow != nil {
		w.flows, w.abs = append(w.flows, r.flow), append(w.abs, r.abs)
	}
	if s := r.validation.Schema; s != nil {
		w.with.Schemas = append(w.with.Schemas, code.Schema(*s))
	}
	if m := r.validation.Measured; m != nil {
		w.runs = append(w.runs, m)
	}
	for _, g := range r.validation.Gateways {
		w.with.Gateways = append(w.with.Gateways, code.Gateway(g))
	}
}

// revisit looks again at files whose names stand for what other files bind, and emits
// what is new in each.
func (w *together) revisit(ctx context.Context, opt Options, emit func(result) error) error {
	again := code.Revisit(opt.code.Root, w.flows)
	for i, f := range w.flows {
		with := again[f.Path()]
		if with == nil || ctx.Err() != nil {
			continue
		}
		r := lookAgain(ctx, w.abs[i], f.Path(), with, opt)
		if r.flow != nil {
			w.flows[i] = r.flow
		}
		r.python, r.modules, r.flow, r.allows = false, nil, nil, nil // these were counted before
		if !opt.reports(f.Path()) {
			continue
		}
		if err := emit(r); err != nil {
			return err
		}
	}
	return nil
}

// lookAgain looks at one file once more.
func lookAgain(ctx context.Context, abs, name string, with *code.Again, opt Options) (r result) {
	a, err := artifact.Open(abs, name)
	if err != nil {
		return result{loose: []finding.Finding{unreadable.Undetermined(finding.Where{Path: name}, err.Error())}}
	}
	defer func() { _ = a.Close() }() // it was only read
	look := *opt.code
	look.Again = with
	opt.code = &look
	r = lookCode(ctx, &job{entry: artifact.Entry{Path: name, Abs: abs}}, a, opt)
	if a.Changed() {
		r.loose = append(r.loose, changed.Undetermined(finding.Where{Path: name}, "the file changed while it was read"))
	}
	return r
}

// look says what comes from outside to where it is loaded, which models are guarded
// and which are not, and which of them were measured.
func (w *together) look(ctx context.Context, root string) (r result) {
	report := func(f finding.Finding) { r.loose = append(r.loose, f) }
	defer func() {
		if p := recover(); p != nil {
			report(broken(root, p))
		}
	}()
	err := code.Flows(ctx, root, w.flows, report)
	if err == nil {
		err = code.Forwards(ctx, root, w.files, w.with, report)
	}
	if err == nil {
		err = data.Robustness(ctx, root, w.runs, report)
	}
	if err != nil {
		return result{stopped: true}
	}
	return r
}

// allowed are the comments of a run by which somebody answers for what is found.
type allowed map[string][]*allowance // by path

type allowance struct {
	code.Allow

	used bool
}

func (a allowed) add(list []code.Allow) {
	for _, x := range list {
		a[x.Where.Path] = append(a[x.Where.Path], &allowance{Allow: x})
	}
}

// apply marks a finding that a comment covers, or says that it did until its day.
func (a allowed) apply(f finding.Finding, over func(day.Day) bool) finding.Finding {
	if f.Outcome != finding.Present || f.Waived != nil {
		return f
	}
	for _, x := range a[f.Where.Path] {
		if x.Rule != f.Rule || x.Where.Line != f.Where.Line || x.Where.Member != f.Where.Member {
			continue
		}
		x.used = true
		if over(x.Until) {
			f.Evidence = append(slices.Clip(f.Evidence), fmt.Sprintf("the exception at %s ended on %s", x.Said, x.Until))
			continue
		}
		f.Waived = &finding.Waiver{Rule: x.Rule, Owner: x.Owner, Reason: x.Reason, Expires: x.Until.String()}
		return f
	}
	return f
}

// unused are the findings on comments that covered nothing.
func (a allowed) unused() (out []finding.Finding) {
	for _, list := range a {
		for _, x := range list {
			if !x.used {
				out = append(out, code.Unused(x.Allow))
			}
		}
	}
	return out
}

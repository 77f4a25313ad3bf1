package engine

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/code"
	"github.com/andiron-dev/andiron/internal/data"
)

// lookCode runs the code room, in an audit.
func lookCode(ctx context.Context, a *artifact.Artifact, opt Options) (r result) {
	if opt.code == nil || !code.Reads(a.Name()) {
		return result{}
	}
	report := func(f finding.Finding) { r.loose = append(r.loose, f) }
	defer func() {
		if p := recover(); p != nil {
			report(broken(a.Name(), p))
		}
	}()
	facts, err := code.Look(ctx, a, *opt.code, report)
	if err != nil {
		report(unreadable.Undetermined(finding.Where{Path: a.Name()}, err.Error()))
	}
	r.python, r.lines, r.modules, r.flow = facts.Python, facts.Lines, facts.Modules, facts.Flow
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

// together is what all files together say of the models of a project, and of what its
// functions hand on to each other.
type together struct {
	files []*code.Modules
	flows []*code.Flow
	with  code.Validation
}

func (w *together) add(r result) {
	if r.modules != nil {
		w.files = append(w.files, r.modules)
	}
	if r.flow != nil {
		w.flows = append(w.flows, r.flow)
	}
	if s := r.validation.Schema; s != nil {
		w.with.Schemas = append(w.with.Schemas, code.Schema(*s))
	}
	if g := r.validation.Gateway; g != nil {
		w.with.Gateways = append(w.with.Gateways, code.Gateway(*g))
	}
}

// look says what comes from outside to where it is loaded, which models are guarded,
// and which are not.
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
	if err != nil {
		return result{stopped: true}
	}
	return r
}

// requirementsLimit is the most that is read of a requirements file.
const requirementsLimit = 1 << 20

// requirements reads what a project states about torch: in its folder, and in one
// named requirements. A file that cannot be read states nothing; the walk reports it.
func requirements(ctx context.Context, dir string) (t code.Torch) {
	for _, folder := range []string{dir, filepath.Join(dir, "requirements")} {
		list, err := os.ReadDir(folder)
		if err != nil {
			continue
		}
		for _, d := range list {
			if ctx.Err() != nil {
				return t
			}
			if !code.RequirementFile(d.Name()) && folder == dir {
				continue
			}
			name := filepath.Join(folder, d.Name())
			a, err := artifact.Open(name, filepath.ToSlash(name))
			if err != nil {
				continue
			}
			b, err := bounded.ReadRange(a.ReaderAt(), a.Size(), 0, min(a.Size(), requirementsLimit), requirementsLimit)
			if err = errors.Join(err, a.Close()); err == nil {
				t = t.Requirements(a.Name(), string(b))
			}
		}
	}
	return t
}

package engine

import (
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/code"
	"github.com/andiron-dev/andiron/internal/data"
	"github.com/andiron-dev/andiron/internal/trust"
)

// ofCode reports whether a rule is one of the code room.
func ofCode(rule string) bool { return strings.HasPrefix(rule, "PY") }

// CodeRun is a run over Python code.
type CodeRun struct {
	Dir   string   // the project: what its requirements say of torch, and how names of modules begin
	Paths []string // what is looked at; nil is the whole of Dir
	// Around has the rest of Dir read as well, of which nothing is reported: what stands
	// in Paths may be defined, guarded or handed something there.
	Around bool
	// Fix has files rewritten, and Rewrite called with each that changes, by path.
	Fix     *CodeFix
	Rewrite func(Rewritten) error
	// Leave is called with what might be rewritten and is not, and why; it may be nil.
	Leave func(where finding.Where, why string)
}

// CodeFix says how code is rewritten.
type CodeFix = code.Fix

// Rewritten is a file that would be rewritten.
type Rewritten struct {
	Path          string // as findings name it
	Abs           string // where it is
	Before, After string
}

// Code looks at the Python code of a project and at what surrounds it, and at nothing
// else: models are not opened.
func Code(ctx context.Context, what CodeRun, opt Options, h finding.Handler) error {
	opt.looked = ofCode
	opt.code, opt.torch = codeOptions(what.Dir), torchRanges(ctx, what.Dir)
	opt.rewrite, opt.leave = what.Rewrite, what.Leave
	if what.Fix != nil {
		fix := *what.Fix
		fix.Wanted, fix.Over, fix.Together = opt.counts, opt.Waivers.Over, what.Rewrite != nil
		opt.code.Fix = &fix
	}
	opt.onlyCode = true
	paths := what.Paths
	switch {
	case paths == nil:
		paths, opt.Whole = []string{what.Dir}, true
	case what.Around:
		for _, p := range paths {
			opt.only = append(opt.only, filepath.ToSlash(filepath.Clean(p)))
		}
		paths = append([]string{what.Dir}, paths...)
	}
	return run(ctx, paths, opt, h, nil)
}

// reports reports whether what is found in a file, or in the project as a whole, is
// handed on.
func (o *Options) reports(name string) bool {
	return o.only == nil || name == o.code.Root || slices.ContainsFunc(o.only, func(p string) bool {
		return name == p || strings.HasPrefix(name, p+"/")
	})
}

// aside is what is kept of a file of which nothing is reported.
func (r result) aside() result {
	return result{modules: r.modules, flow: r.flow, abs: r.abs, validation: r.validation, stopped: r.stopped}
}

// counts reports whether the policy keeps the findings of a rule in a file, and nobody
// answers for them.
func (o *Options) counts(path, rule string) bool {
	if o.Code == nil && o.Waivers == nil {
		return true
	}
	rel := trust.Relative(o.Project, path)
	if o.Code != nil {
		if _, keep := o.Code(rel, finding.Finding{Rule: rule, Outcome: finding.Present}); !keep {
			return false
		}
	}
	return !o.Waivers.Covers(rule, rel, "")
}

// codeOptions are what is known of a project before its code is read.
func codeOptions(dir string) *code.Options {
	opt := &code.Options{Root: filepath.ToSlash(filepath.Clean(dir)), Memory: new(atomic.Int64)}
	opt.Memory.Store(textBytes)
	return opt
}

// ReadsCode reports whether Code looks at a file, by its name or by its first line.
func ReadsCode(name string) bool {
	if !code.MayRead(name) || code.Reads(name) {
		return code.Reads(name)
	}
	a, err := artifact.Open(filepath.FromSlash(name), name)
	if err != nil {
		return false
	}
	defer func() { _ = a.Close() }() // it was only read
	return code.IsCode(a)
}

// lookOnlyCode is the look at a file of a run over code.
func lookOnlyCode(ctx context.Context, j *job, a *artifact.Artifact, opt Options) result {
	r := lookCode(ctx, j, a, opt)
	lookValidation(a, opt, &r)
	kept := r.loose[:0]
	for _, f := range r.loose {
		if ofCode(f.Rule) || f.Outcome == finding.Undetermined {
			kept = append(kept, f)
		}
	}
	r.loose = kept
	r.other = !r.python
	if a.Changed() && (r.python || code.Reads(a.Name())) {
		r.loose = append(r.loose, changed.Undetermined(finding.Where{Path: a.Name()}, "the file changed while it was read"))
	}
	return r
}

// passedBy reports whether a run over code has no look at an entry.
func passedBy(e artifact.Entry, opt Options) bool {
	if !opt.onlyCode {
		return false
	}
	return e.Dir || !code.MayRead(e.Path) && !data.Reads(e.Path)
}

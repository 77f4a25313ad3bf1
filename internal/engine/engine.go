// Package engine walks what it is pointed at, has the rooms look at it, and
// streams what they find. It holds the only goroutines.
//
// Artifacts are looked at in parallel and handed on in order of path, each as
// soon as all before it are done, so the stream is the same whatever the number
// of workers.
//
// # Security
//
// One hostile file cannot take a run down: a panic of a reader or a room is
// caught per artifact and becomes an undetermined finding. What could not be
// opened, listed, read to its end, or changed while it was read is a finding as
// well, and makes the run incomplete.
//
// # Limits
//
// At most Options.Jobs artifacts are open at once, and no more than 512 MiB of
// them, each counted up to 64 MiB; the rooms' own limits bound the memory for one.
// A digest takes 2 MiB of buffers for each artifact at work.
//
// # Specification
//
// The order of messages is that of [finding.Handler].
package engine

import (
	"context"
	"io"
	"runtime"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/code"
	"github.com/andiron-dev/andiron/internal/data"
	"github.com/andiron-dev/andiron/internal/deps"
	"github.com/andiron-dev/andiron/internal/digest"
	"github.com/andiron-dev/andiron/internal/model"
	"github.com/andiron-dev/andiron/internal/ops"
	"github.com/andiron-dev/andiron/internal/posture"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/internal/supply"
	"github.com/andiron-dev/andiron/internal/trust"
	"github.com/andiron-dev/andiron/internal/waiver"
)

// Options say how to look. The zero value is usable but for Judge.
type Options struct {
	Config finding.Config // passed on as the stream's first message
	// Judge gives an artifact's verdict from its findings. Without it an artifact
	// is never better than unreadable.
	Judge      func([]finding.Finding) finding.Verdict
	Model      model.Options
	Walk       artifact.WalkOptions
	Jobs       int       // artifacts looked at at once; 0 is one per processor
	SHA256     bool      // compute every artifact's digest
	Stdin      io.Reader // what the path "-" means; without it "-" is a file's name
	StdinLimit int64     // the most that "-" may hold; 0 is 64 GiB

	Project string        // the folder that lock, policy and waivers are about
	Policy  string        // what findings call the policy file
	Whole   bool          // the paths are all of the project
	Trust   *trust.Room   // holds every model against lock and policy; nil: nothing does
	Waivers *waiver.List  // nil: nothing is waived
	Digests *digest.Cache // digests of files that have not changed; nil: every one is computed
	Deps    *deps.Options // what packages are held against; nil does not look at them
	Supply  supply.Policy // what is asked of them
	// Required is the least that is asked of strategies.
	Required map[finding.Strategy]finding.Status
	// Code gives a finding in Python code the severity that the policy has for it, by the
	// path of the file in the project, and says whether it is kept; nil keeps all as is.
	Code func(path string, f finding.Finding) (finding.Finding, bool)
	// Outside has other programs look at sources of operators; nil: none does.
	Outside Outside

	audit      bool                        // a whole project is held against the strategies
	depends    *deps.Project               // what the project depends on; nil was not looked at
	code       *code.Options               // look at code as well; nil does not
	torch      *ranges                     // which torch the code runs with, by folder
	onlyCode   bool                        // and at nothing else
	only       []string                    // what is reported of what is read, by path; nil is all
	rewrite    func(Rewritten) error       // is told of files that change
	leave      func(finding.Where, string) // and of what does not, and why
	operators  string                      // the folder whose operators are looked at as well; empty for none
	looked     func(rule string) bool      // the rules that the run looks for; nil is all
	look       lookFunc                    // replaced in tests
	lookFolder folderFunc
}

type (
	lookFunc   func(context.Context, *artifact.Artifact, model.Options, func(finding.Finding)) (model.Facts, error)
	folderFunc func(context.Context, []artifact.Entry, func(artifact.Entry) (*artifact.Artifact, error), model.Options, func(finding.Finding)) error
)

// Interrupted is the reason in the summary of a run whose context was cancelled.
const Interrupted = "interrupted"

// Catalogue joins the rules of every room and of the engine.
func Catalogue() (rule.Catalogue, error) {
	return rule.NewCatalogue(model.Rules, code.Rules, trust.Rules, deps.Rules, data.Rules, ops.Rules, Rules)
}

// Scan looks at the model files that paths name or hold. Whatever goes wrong with
// them is in the stream; the error is a handler's, and the stream is then without
// a summary.
func Scan(ctx context.Context, paths []string, opt Options, h finding.Handler) error {
	opt.looked = ofModels
	return run(ctx, paths, opt, h, nil)
}

// ofModels reports whether a rule is one that models are held against, and not only
// the code and the dependencies around them.
func ofModels(rule string) bool {
	return !ofCode(rule) && !ofDependencies(rule) && !ofTensors(rule) && !ofOperators(rule)
}

// ofTensors reports whether a rule is one of the data room.
func ofTensors(rule string) bool { return strings.HasPrefix(rule, "TEN") }

// ofOperators reports whether a rule is one of the ops room.
func ofOperators(rule string) bool { return strings.HasPrefix(rule, "OPS") }

// ofDependencies reports whether a rule is one of the deps room.
func ofDependencies(rule string) bool {
	return strings.HasPrefix(rule, "DEP") || strings.HasPrefix(rule, "PIN") || strings.HasPrefix(rule, "UPD")
}

// File looks at one file and calls it by a name, which its format may depend on.
func File(ctx context.Context, path, name string, opt Options) (finding.Artifact, error) {
	opt = opt.withDefaults()
	j := &job{entry: artifact.Entry{Path: name, Abs: path}, named: true}
	r := look(ctx, j, opt)
	if r.artifact == nil {
		return finding.Artifact{}, ctx.Err()
	}
	a := *r.artifact
	for i, f := range a.Findings {
		a.Findings[i] = normal(f)
	}
	slices.SortStableFunc(a.Findings, finding.Compare)
	a.Verdict = opt.Judge(a.Findings)
	return a, nil
}

// textBytes is how much of the code's text is kept at once.
const textBytes = 64 << 20

// Audit runs every room on a project and then says how it stands on each of the
// eight strategies.
func Audit(ctx context.Context, dir string, opt Options, h finding.Handler) error {
	keep := &collector{Handler: h}
	opt.code, opt.torch = codeOptions(dir), torchRanges(ctx, dir)
	assess := func(s finding.Summary, t *tally) error {
		in := posture.Input{
			Root: dir, Artifacts: keep.artifacts, Findings: keep.findings,
			Other: s.Other, Python: t.python, Sources: t.sources, Incomplete: s.Incomplete,
			Interrupted: t.reasons[Interrupted], Required: opt.Required,
		}
		for _, p := range posture.Assess(in) {
			if err := h.Posture(p); err != nil {
				return err
			}
		}
		return nil
	}
	if opt.Deps != nil {
		p, err := deps.Collect(ctx, dir, []string{dir})
		if err != nil && ctx.Err() == nil {
			return err
		}
		opt.depends = p
	}
	opt.audit, opt.Whole, opt.operators = true, true, dir
	paths := []string{dir}
	if opt.Trust != nil {
		paths = append(paths, opt.Trust.Paths()...)
	}
	return run(ctx, paths, opt, keep, assess)
}

// collector passes a stream on and keeps what the posture is made from.
type collector struct {
	finding.Handler

	artifacts []finding.Artifact
	findings  []finding.Finding
}

func (c *collector) Artifact(a finding.Artifact) error {
	c.artifacts = append(c.artifacts, a)
	return c.Handler.Artifact(a)
}

func (c *collector) Finding(f finding.Finding) error {
	c.findings = append(c.findings, f)
	return c.Handler.Finding(f)
}

func run(ctx context.Context, paths []string, opt Options, h finding.Handler, last func(s finding.Summary, t *tally) error) error {
	opt = opt.withDefaults()
	if err := h.Config(opt.Config); err != nil {
		return err
	}
	e := &emitter{h: h, opt: opt, sum: newTally()}
	if opt.onlyCode {
		e.sum.code = &finding.Code{}
	}
	if err := pipeline(ctx, paths, opt, e); err != nil {
		return err
	}
	if opt.code != nil && ctx.Err() == nil {
		if err := e.code.revisit(ctx, opt, e.emit); err != nil {
			return err
		}
		if err := e.emit(e.code.look(ctx, opt.code.Root)); err != nil {
			return err
		}
	}
	if opt.operators != "" && ctx.Err() == nil {
		var err error
		if e.sum.sources, err = e.operators(ctx, opt.operators); err != nil {
			return err
		}
	}
	if opt.depends != nil && ctx.Err() == nil {
		if err := e.dependenciesOfAll(opt.depends); err != nil {
			return err
		}
	}
	if err := e.finish(opt.Whole && ctx.Err() == nil); err != nil {
		return err
	}
	if ctx.Err() != nil {
		e.sum.reasons[Interrupted] = true
	}
	s := e.sum.summary()
	if last != nil {
		if err := last(s, e.sum); err != nil {
			return err
		}
	}
	return h.Summary(s)
}

func (o Options) withDefaults() Options {
	if o.Jobs <= 0 {
		o.Jobs = runtime.GOMAXPROCS(0) // knows of the limits of a container
	}
	if o.StdinLimit <= 0 {
		o.StdinLimit = 64 << 30
	}
	if o.look == nil {
		o.look = model.Look
	}
	if o.lookFolder == nil {
		o.lookFolder = model.LookFolder
	}
	if o.Judge == nil {
		o.Judge = func([]finding.Finding) finding.Verdict { return finding.Unreadable }
	}
	return o
}

package engine

import (
	"context"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/deps"
)

// Aspect is what a project's dependencies are looked at for.
type Aspect int

// The aspects.
const (
	Vulnerabilities Aspect = 1 << iota
	Pins
	Updates // of torch
)

// looks reports whether a rule is one that is looked for.
func (a Aspect) looks(rule string) bool {
	return a&Vulnerabilities != 0 && strings.HasPrefix(rule, "DEP") || a&Pins != 0 && strings.HasPrefix(rule, "PIN")
}

// Dependencies holds what a project depends on against the advisories, or looks at
// how it is pinned, or both.
func Dependencies(ctx context.Context, p *deps.Project, what Aspect, opt Options, h finding.Handler) error {
	opt = opt.withDefaults()
	opt.looked = what.looks
	if err := h.Config(opt.Config); err != nil {
		return err
	}
	e := &emitter{h: h, opt: opt, sum: newTally()}
	if err := e.dependencies(p, what); err != nil {
		return err
	}
	if err := e.finish(opt.Whole && ctx.Err() == nil); err != nil {
		return err
	}
	if ctx.Err() != nil {
		e.sum.reasons[Interrupted] = true
	}
	return h.Summary(e.sum.summary())
}

// dependenciesOfAll hands on what the deps room finds in an audit. A folder without
// files that say what it depends on lacks them, if there is code; nothing is unseen.
func (e *emitter) dependenciesOfAll(p *deps.Project) error {
	if !p.Empty() {
		return e.dependencies(p, Vulnerabilities|Pins|Updates)
	}
	if e.sum.python == 0 {
		return nil
	}
	f := deps.Files(p)[0]
	f.Outcome = finding.Present
	return e.emit(result{loose: []finding.Finding{f}})
}

// dependencies hands on what the deps room finds.
func (e *emitter) dependencies(p *deps.Project, what Aspect) error {
	r := result{loose: deps.Files(p)}
	var list []finding.Dependency
	if what&Vulnerabilities != 0 {
		res, err := deps.Scan(p, *e.opt.Deps)
		if err != nil {
			return err
		}
		r.loose, list = append(r.loose, res.Findings...), res.Dependencies
		e.sum.database = e.opt.Deps.Source.Name
	}
	if what&Pins != 0 {
		r.loose = append(r.loose, deps.Check(p, *e.opt.Deps)...)
		if what&Vulnerabilities == 0 && e.opt.Deps.Advisories != nil {
			bad, err := deps.Malicious(p, *e.opt.Deps)
			if err != nil {
				return err
			}
			r.loose = append(r.loose, bad...)
		}
	}
	if what&Updates != 0 {
		list, err := deps.Updates(p, *e.opt.Deps)
		if err != nil {
			return err
		}
		r.loose = append(r.loose, list...)
	}
	// A report then has what is about one package beside each other.
	about := result{loose: slices.DeleteFunc(slices.Clone(r.loose), func(f finding.Finding) bool { return f.Package == nil })}
	r.loose = slices.DeleteFunc(r.loose, func(f finding.Finding) bool { return f.Package != nil })
	for _, part := range []result{r, about} {
		if err := e.emit(part); err != nil {
			return err
		}
	}
	for _, d := range list {
		e.sum.dependency(d)
		if err := e.h.Dependency(d); err != nil {
			return err
		}
	}
	return nil
}

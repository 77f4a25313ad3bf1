package trust

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/lockfile"
	"github.com/andiron-dev/andiron/internal/pattern"
)

// Admit says why a model may not be added to the lock: the reasons that stay once
// the lock lists it as m. What the lock cannot mend and is not needed for it comes
// as warnings: a place that others can write to, a signature that is missing.
func (r *Room) Admit(ctx context.Context, file string, m lockfile.Model) (refused, warnings []string) {
	s := subject{
		path: Relative(r.opt.Root, file), abs: absolute(file), url: m.Source,
		size: m.Size, digest: m.SHA256, format: m.Format, modified: r.opt.Now,
	}
	var list []problem
	switch {
	case r.lockPath(s) == m.Path || pattern.Match(m.Path, s.path):
		if s.path != "" {
			way := walkPlace(r.root, s.path, r.owners)
			s.real = way.real
			list = r.way(s.path, way)
		}
	case pattern.Literal(m.Path): // it is to lie there later
		s.path = m.Path
	default:
		return []string{fmt.Sprintf("it does not lie where %q matches", m.Path)}, nil
	}
	after := &Room{opt: r.opt, root: r.root, owners: r.owners}
	after.lock = lockfile.NewIndex(&lockfile.File{Models: []lockfile.Model{m}})
	o := after.assess(ctx, s)
	for _, p := range append(list, o.problems...) {
		text := p.rule.ID + ": " + p.message
		if len(p.evidence) > 0 {
			text += " (" + strings.Join(p.evidence, "; ") + ")"
		}
		switch {
		case p.rule == tooYoung: // which time mends
		case p.rule == writable || p.rule == unsigned || p.rule == unchecked && o.entry != nil:
			warnings = append(warnings, text)
		default:
			refused = append(refused, text)
		}
	}
	return refused, warnings
}

// Weak says which of the lock, the policy and their folder others can write to.
func (r *Room) Weak() (warnings []string) {
	for _, w := range append(r.weakOwn(), r.weakRoot()...) {
		warnings = append(warnings, fmt.Sprintf("%q: %s: others can change what is trusted: %s", w.path, writable.ID, w.why))
	}
	return warnings
}

// Verdict says what keeps a verdict from passing, and which rules had to be waived
// for it to pass.
func Verdict(fs []finding.Finding, judge func([]finding.Finding) finding.Verdict) (bare finding.Verdict, waived, against []string) {
	plain := slices.Clone(fs)
	for i := range plain {
		f := &plain[i]
		alone := judge([]finding.Finding{*f})
		if !alone.Passes() {
			against = append(against, fmt.Sprintf("%s: %s", f.Rule, f.Message))
		}
		if f.Waived == nil {
			continue
		}
		f.Waived = nil
		if !judge([]finding.Finding{*f}).Passes() {
			waived = append(waived, f.Rule)
		}
	}
	slices.Sort(waived)
	return judge(plain), slices.Compact(waived), against
}

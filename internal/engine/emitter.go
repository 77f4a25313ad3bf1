package engine

import (
	"maps"
	"slices"
	"time"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/trust"
)

// emitter hands results on to a handler and counts them.
type emitter struct {
	h    finding.Handler
	opt  Options
	sum  *tally
	done int
	code together
	says allowed
	left map[string]bool // what is not rewritten, as far as it is said

	place struct{ path, rel string } // of the last loose finding, and beneath the project
}

// tick is how often a run that waits for an artifact says that it does.
const tick = 200 * time.Millisecond

// drain hands on every job's result in the order of the jobs.
func (e *emitter) drain(order <-chan *job) error {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for j := range order {
		total := e.done + 1 + len(order)
		if err := e.progress(j, total); err != nil {
			return err
		}
		r, err := e.wait(j, total, ticker.C)
		if err != nil {
			return err
		}
		if j.file() && !e.opt.reports(j.entry.Path) {
			r = r.aside()
		}
		if err := e.emit(r); err != nil {
			return err
		}
		if j.file() {
			e.done++
		}
	}
	return nil
}

func (e *emitter) wait(j *job, total int, ticks <-chan time.Time) (result, error) {
	for {
		select {
		case r := <-j.done:
			return r, nil
		case <-ticks:
			if err := e.progress(j, total); err != nil {
				return result{}, err
			}
		}
	}
}

func (e *emitter) progress(j *job, total int) error {
	if !j.file() {
		return nil
	}
	return e.h.Progress(finding.Progress{Path: j.entry.Path, Done: e.done, Total: total})
}

func (e *emitter) emit(r result) error {
	if r.stopped {
		return nil
	}
	if r.other {
		e.sum.other++
	}
	if r.python {
		e.sum.python++
		if e.sum.code != nil {
			e.sum.code.Files++
			e.sum.code.Lines += int64(r.lines)
		}
	}
	e.code.add(r)
	if e.says == nil {
		e.says = allowed{}
	}
	e.says.add(r.allows)
	if e.opt.leave != nil {
		if e.left == nil {
			e.left = map[string]bool{}
		}
		for _, l := range r.left {
			if line := l.Where.String() + l.Why; !e.left[line] { // a file that is looked at again says it again
				e.left[line] = true
				e.opt.leave(l.Where, l.Why)
			}
		}
	}
	if r.rewritten != nil && e.opt.rewrite != nil {
		if err := e.opt.rewrite(*r.rewritten); err != nil {
			return err
		}
	}
	slices.SortStableFunc(r.loose, finding.Compare)
	for _, f := range r.loose {
		f, keep := e.judged(normal(f))
		if !keep || !e.opt.reports(f.Where.Path) {
			continue
		}
		e.sum.loose(f)
		if err := e.h.Finding(f); err != nil {
			return err
		}
	}
	if r.artifact == nil {
		return nil
	}
	a := *r.artifact
	for i, f := range a.Findings {
		a.Findings[i] = normal(f)
	}
	slices.SortStableFunc(a.Findings, finding.Compare)
	a.Verdict = e.opt.Judge(a.Findings)
	e.sum.artifact(a)
	return e.h.Artifact(a)
}

// judged applies what the policy says of a finding that belongs to no artifact: how much
// it counts, and the waivers by path; and then the comments in the code. It says whether
// the finding is kept.
func (e *emitter) judged(f finding.Finding) (finding.Finding, bool) {
	if e.opt.Waivers == nil && e.opt.Code == nil {
		return e.says.apply(f, e.opt.Waivers.Over), true
	}
	if e.place.path != f.Where.Path || e.place.rel == "" { // a file of dependencies has many findings
		e.place.path, e.place.rel = f.Where.Path, trust.Relative(e.opt.Project, f.Where.Path)
	}
	if e.opt.Code != nil {
		var keep bool
		if f, keep = e.opt.Code(e.place.rel, f); !keep {
			return f, false
		}
	}
	one := []finding.Finding{f}
	_ = e.opt.Waivers.Apply(e.place.rel, nil, one) // without a digest there is no error
	return e.says.apply(one[0], e.opt.Waivers.Over), true
}

// finish hands on what only the whole run shows.
func (e *emitter) finish(whole bool) error {
	var r result
	if e.opt.Trust != nil {
		e.opt.Trust.Finish(whole, func(f finding.Finding) { r.loose = append(r.loose, f) })
	}
	if whole {
		r.loose = append(r.loose, e.says.unused()...)
	}
	if err := e.emit(r); err != nil {
		return err
	}
	var w result // after all that may have been waived
	trust.Waivers(e.opt.Waivers, e.opt.Policy, whole, e.opt.looked, func(f finding.Finding) { w.loose = append(w.loose, f) })
	return e.emit(w)
}

// normal gives a finding the lists that JSON shows as [] and not as null.
func normal(f finding.Finding) finding.Finding {
	if f.Evidence == nil {
		f.Evidence = []string{}
	}
	return f
}

// tally makes the summary.
type tally struct {
	artifacts, other int
	python           int           // files of Python code
	sources          int           // files that were read for custom operators
	code             *finding.Code // nil where a run is not about code
	verdicts         map[finding.Verdict]int
	severities       map[finding.Severity]int
	waived           int
	partly           int // artifacts that could not be looked at in full
	places           int // other places of which that is true
	reasons          map[string]bool
	packages         map[finding.DependencyStatus]int // nil where none were looked at
	database         string
	tensors          *finding.Tensors // nil where none were looked at
	operators        *finding.Operators
}

func newTally() *tally {
	return &tally{
		verdicts: map[finding.Verdict]int{}, severities: map[finding.Severity]int{}, reasons: map[string]bool{},
	}
}

// count counts a finding by its severity, unless somebody answers for it.
func (t *tally) count(f finding.Finding) {
	if f.Waived != nil {
		t.waived++
		return
	}
	t.severities[f.Severity]++
}

func (t *tally) loose(f finding.Finding) {
	t.count(f)
	if f.Outcome == finding.Undetermined {
		t.places++
	}
}

func (t *tally) artifact(a finding.Artifact) {
	t.artifacts++
	t.verdicts[a.Verdict]++
	part := a.Verdict == finding.Unreadable
	for _, f := range a.Findings {
		t.count(f)
		part = part || f.Outcome == finding.Undetermined
	}
	if part {
		t.partly++
	}
}

func (t *tally) dependency(d finding.Dependency) {
	if t.packages == nil {
		t.packages = map[finding.DependencyStatus]int{}
	}
	t.packages[d.Status]++
}

func (t *tally) summary() finding.Summary {
	if t.partly > 0 {
		t.reasons[count(t.partly, "artifact could", "artifacts could")+" not be looked at in full"] = true
	}
	if t.places > 0 {
		t.reasons[count(t.places, "other place could", "other places could")+" not be looked at"] = true
	}
	reasons := slices.Sorted(maps.Keys(t.reasons))
	if reasons == nil {
		reasons = []string{}
	}
	return finding.Summary{
		Artifacts: t.artifacts, Other: t.other, Verdicts: t.verdicts, Severities: t.severities, Waived: t.waived,
		Dependencies: t.packages, Database: t.database, Tensors: t.tensors, Code: t.code, Operators: t.operators,
		Incomplete: len(reasons) > 0, Reasons: reasons,
	}
}

func (t *tally) request(n finding.Tensors) {
	t.tensors.Requests += n.Requests
	t.tensors.Rejected += n.Rejected
	t.tensors.Unread += n.Unread
	t.tensors.Tensors += n.Tensors
	t.tensors.Bytes += n.Bytes
}

package code

import (
	"fmt"
	"slices"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/pysrc"
)

// nextTurn finds loads that the next turn of a loop around them does unsafely, because of
// what the handler sets, or the loop: for safe in (True, False).
func (v *view) nextTurn(try *pysrc.Try, loop pysrc.Stmt) {
	if loop == nil {
		return
	}
	for _, c := range v.callsIn(spanOf(try.Body)) {
		args, _ := c.Arg(-1, "weights_only")
		if len(args) != 1 {
			continue
		}
		name, ok := args[0].Expr.(*pysrc.Name)
		if !ok {
			continue
		}
		round, _ := loop.(*pysrc.For)
		lowers := round != nil && v.lowers(round, c.Scope, name.ID)
		for _, h := range try.Handlers {
			if v.goesRound(h.Body) && (lowers || setsFalse(h.Body, name.ID) && slices.Contains(v.words(c, -1, "weights_only"), "True")) {
				v.retried(c, c)
			}
		}
	}
}

// lowers reports whether a loop gives a name True and then False.
func (v *view) lowers(loop *pysrc.For, s *pysrc.Scope, name string) bool {
	target, ok := loop.Target.(*pysrc.Name)
	if !ok || target.ID != name {
		return false
	}
	is := func(e pysrc.Expr, word string) bool {
		c, ok := e.(*pysrc.Const)
		return ok && c.Word == word
	}
	return slices.ContainsFunc(v.m.Eval(loop.Iter, s), func(value pysrc.Value) bool {
		list, ok := value.Arg.Expr.(*pysrc.Sequence)
		return ok && len(list.Elems) > 0 && !is(list.Elems[0], "False") && slices.ContainsFunc(list.Elems, func(e pysrc.Expr) bool { return is(e, "False") })
	})
}

// setsFalse reports whether a block sets a name to False.
func setsFalse(body []pysrc.Stmt, name string) bool {
	return slices.ContainsFunc(body, func(s pysrc.Stmt) bool {
		a, ok := s.(*pysrc.Assign)
		if !ok {
			return false
		}
		value, ok := a.Value.(*pysrc.Const)
		return ok && value.Word == "False" && slices.ContainsFunc(a.Targets, func(e pysrc.Expr) bool {
			n, ok := e.(*pysrc.Name)
			return ok && n.ID == name
		})
	})
}

// goesRound reports whether a block in a loop leads to its next turn.
func (v *view) goesRound(body []pysrc.Stmt) bool {
	if len(body) == 0 {
		return true
	}
	if last, ok := body[len(body)-1].(*pysrc.Bare); ok {
		return last.Word != "break"
	}
	return !v.ends(body)
}

// attempt is a call that may do again what another failed to do. Whether the first loads
// safely and the other does not, the files say that define what they call.
type attempt struct{ first, then *pysrc.Invocation }

const (
	mostAttempts = 100 // of one file
	mostTried    = 16  // calls of which one call may do again what they do
)

// mayRetry keeps that a call may load again what one of some calls failed to load.
func (v *view) mayRetry(calls []*pysrc.Invocation, c *pysrc.Invocation) {
	if c.Deferred || c.Is(torchLoad...) {
		return
	}
	for _, first := range calls[:min(len(calls), mostTried)] {
		if !first.Deferred && v.sameFirst(first, c) && len(v.attempts) < mostAttempts {
			v.attempts = append(v.attempts, attempt{first, c})
		}
	}
}

// retriable is such a pair, by their passings; first is -1 where it is a torch.load itself.
type retriable struct {
	first, then int
	shown       string // the first
}

// retriables lists them, now that it is known which calls may be of the project.
func (t *tracer) retriables() (out []retriable) {
	for _, a := range t.attempts {
		first, then := t.passingOf(a.first.Node), t.passingOf(a.then.Node)
		direct := a.first.Is(torchLoad...) && !slices.Contains(t.view.words(a.first, -1, "weights_only"), "False")
		if direct {
			first = -1
		}
		if then >= 0 && (first >= 0 || direct) {
			out = append(out, retriable{first, then, t.word(t.shown(a.first.Node))})
		}
	}
	return out
}

// retry reports the calls that load unsafely what a safe load failed to load, where functions
// of the project do so.
func (w *follower) retry() {
	for _, f := range w.order {
		for _, x := range f.retriables {
			then := f.passings[x.then]
			if x.first >= 0 {
				if safe, loose := w.loadsIn(f, f.passings[x.first]); safe == nil || loose != nil {
					continue
				}
			}
			safe, loose := w.loadsIn(f, then)
			if then.again || loose == nil || safe != nil {
				continue
			}
			then.again = true
			where := f.names.at(then.spot)
			w.tell(loadRetry, loadRetry.Severity, where,
				fmt.Sprintf("when %s fails, the file is loaded again with weights_only=False, and whoever made the file decides whether it fails", x.shown),
				[]finding.Step{{Where: where, Text: then.shown}, *loose})
		}
	}
}

// loadsIn finds the torch.load that a call gives its first argument to, within what it
// calls: one that reads safely, and one that is given weights_only=False.
func (w *follower) loadsIn(f *Flow, p *passing) (safe, loose *finding.Step) {
	for _, e := range w.calls[p] {
		given := label{ofParam, e.fn, e.binds(argument{position: 0})}
		for _, s := range e.file.sinks {
			if s.fn != e.fn || !slices.Contains(torchLoad, s.name) || !slices.Contains(s.labels, given) {
				continue
			}
			at := &finding.Step{Where: e.file.names.at(s.spot), Text: s.shown}
			if _, told := w.handsFlags(w.flagsOf(e.file, s), edge{by: p, at: f}); told || s.loose {
				loose = at
			} else {
				safe = at
			}
		}
	}
	return safe, loose
}

package contract

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/pickle"
)

// leftovers reports every global that no contract covers and no issue names yet.
func (j *judge) leftovers() {
	j.dropHelpers()
	for _, n := range j.order {
		switch {
		case n.script, n.blamed, n.helper:
		case n.entry != nil && !n.broken && (n.vouched || n.entry.ops&opValue != 0 || n.ops != 0):
		case n.computed:
			j.add("computed", pkl026, n.first, "the name of an imported global is computed while loading, so that nobody can tell what it is")
		case n.own:
			j.ownClass(n)
		case n.entry != nil && n.entry.ops&opValue == 0 && n.sink == nil:
			// A function that may only be called, as a value: nothing runs.
		case n.sink != nil:
			j.unusedSink(n)
		default:
			j.unknown(n)
		}
	}
	j.lastResort()
}

// dropHelpers removes the issues of helpers that led to another issue, as long as
// another one stands.
func (j *judge) dropHelpers() {
	kept := maps.Clone(j.issues)
	for full := range j.excused {
		for _, r := range categoryRules {
			delete(kept, "helper:"+full+r.ID)
		}
		delete(kept, "sink:"+full+pkl009.ID) // import_module("os") on the way to os.system
	}
	if raised(kept) {
		j.issues = kept
	}
}

// raised reports whether an issue stands that is above the framework tier.
func raised(issues map[string]*Issue) bool {
	for _, is := range issues {
		if is.Rule.Verdict > finding.Framework {
			return true
		}
	}
	return false
}

// lastResort names what no contract covers where, after all, no issue does: a
// fault of ours must not read as clean.
func (j *judge) lastResort() {
	if raised(j.issues) {
		return
	}
	for _, n := range j.order {
		if t := n.tier(); (t == TierUnknown || t == TierSink) && !n.script && !(n.own && j.opt.OwnMain) {
			j.unknown(n)
		}
	}
}

func (j *judge) ownClass(n *name) {
	if j.opt.OwnMain {
		return
	}
	if len(n.lures) > 0 {
		j.add("lure:"+n.full, pkl043, n.first, "loading would hand suspicious data to "+n.full, append(n.lures, n.evidence...)...)
		return
	}
	j.add("own", pkl042, n.first, fmt.Sprintf("the file needs %s, a class or function of the script that saved it", n.full), n.evidence...)
}

func (j *judge) unusedSink(n *name) {
	switch {
	case n.sink.cat.helper() && dotted(n):
		j.add("name:"+n.full, pkl021, n.first, fmt.Sprintf("loading would walk from %s to its attribute %s", n.module, quote(n.key.name)))
	case n.sink.cat.helper():
		j.add("name:"+n.full, ruleOf(n.sink.cat), n.first, fmt.Sprintf("the stream imports %s, which can %s", n.full, n.sink.sentence("")))
	default:
		j.add("name:"+n.full, pkl013, n.first, fmt.Sprintf("the stream imports %s, which can %s, and does not call it", n.full, n.sink.sentence("")))
	}
}

func dotted(n *name) bool { return strings.Contains(n.key.name, ".") }

// unknown reports a global that nobody reviewed, once, for the worst it does.
func (j *judge) unknown(n *name) {
	last := n.key.name[strings.LastIndexByte(n.key.name, '.')+1:]
	runs := n.ops&(opCall|opNew|opBuild|opSetItem|opAppend) != 0
	k := "name:" + n.full
	switch {
	case len(n.lures) > 0:
		j.add(k, pkl043, n.first, fmt.Sprintf("loading would hand suspicious data to %s, which nobody has reviewed", n.full), append(slices.Clone(n.lures), n.evidence...)...)
	case tempting[last] && runs:
		j.add(k, pkl044, n.first, fmt.Sprintf("loading would call %s, which nobody has reviewed", n.full), n.evidence...)
	case dotted(n):
		j.add(k, pkl021, n.first, fmt.Sprintf("loading would walk from %s to its attribute %s", n.module, quote(n.key.name)), n.evidence...)
	case runs:
		j.add(k, pkl041, n.first, fmt.Sprintf("loading would run the code of %s, which nobody has reviewed", n.full), n.evidence...)
	default:
		j.add(k, pkl040, n.first, fmt.Sprintf("loading would import %s, which nobody has reviewed", n.full))
	}
}

// stream reports how the stream itself is made.
func (j *judge) stream() {
	t := j.t
	if t.Err != nil {
		j.broken()
	}
	for _, n := range t.Notes {
		switch n.Kind {
		case pickle.NoteFrameShort, pickle.NoteFrameOverrun, pickle.NoteFrameNested:
			j.add("frame", pkl054, n.Offset, "the length of a frame does not fit the opcodes in it", noted(n))
		case pickle.NoteOddText, pickle.NoteDisagree, pickle.NoteTruncatedLine, pickle.NoteOddTarget:
			j.add("differ", pkl053, n.Offset, "unpicklers disagree about the stream", noted(n))
		case pickle.NoteMemoHole, pickle.NoteMixedMemo, pickle.NoteOverwrittenMemo:
			j.add("memo", pkl055, n.Offset, "the memo of the stream is not as a pickler writes it", noted(n))
		case pickle.NoteUnusedValue, pickle.NoteDuplicateProto:
			j.add("unused", pkl056, n.Offset, "the stream holds more than its result", noted(n))
		}
	}
}

func noted(n pickle.Note) string { return fmt.Sprintf("at %#x: %s", n.Offset, n.Text) }

func (j *judge) broken() {
	t := j.t
	why := t.Err.Error()
	if errors.Is(t.Err, bounded.ErrLimit) {
		j.add("limit", pkl052, t.End, "the stream exceeds a limit, so it was not judged to its end", why).Undetermined = true
		return
	}
	for _, n := range j.order {
		if n.ops&(opCall|opNew|opBuild|opSetItem|opAppend) != 0 && n.tier() != TierSafe && n.tier() != TierFramework {
			j.add("broken", pkl050, t.End, "the stream breaks after it has run "+n.full, why)
			return
		}
	}
	j.add("broken", pkl051, t.End, "the stream is broken, so it was not judged to its end", why).Undetermined = true
}

// framework reports the reviewed packages whose code runs.
func (j *judge) framework() {
	packages := j.packages()
	if len(packages) == 0 {
		return
	}
	first := int64(-1)
	var names []string
	for _, n := range j.order {
		if n.tier() == TierFramework {
			if first < 0 {
				first = n.first
			}
			names = append(names, n.full)
		}
	}
	more := len(names) - maxEvidence + 1
	if more > 1 {
		names = append(names[:maxEvidence-1], fmt.Sprintf("and %d more", more))
	}
	j.add("framework", pkl090, first, "loading runs reviewed code of "+strings.Join(packages, ", "), names...)
}

package posture

import (
	"path"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/safetext"
)

// The trust room's rules that are evidence of what is in place, and the one that
// says of a model that it is not locked.
const (
	ruleLocked    = "TRU090"
	rulePolicy    = "TRU091"
	ruleSigned    = "TRU092"
	ruleNotLocked = "TRU001"
)

const noTrust = "whether the model files are locked was not looked at"

// modelSources is the trust room's view of trusted sources: which models are
// locked, which are not, and what the policy says.
func modelSources(in Input) view {
	v := view{searched: noModels(in)}
	v.implemented = sites(informing(in, []string{ruleLocked, rulePolicy, ruleSigned}))
	covered, looked := map[string]bool{}, false
	for f := range every(in) {
		if strings.HasPrefix(f.Rule, "TRU") {
			looked = true
			covered[f.Where.Path] = true
		}
	}
	verdicts := map[string]finding.Artifact{}
	models := slices.DeleteFunc(byPath(in.Artifacts), isArray)
	for _, a := range models {
		verdicts[a.Path] = a
		// Where a policy says what is trusted, not every model has to be locked.
		if looked && !covered[a.Path] && kinds[a.Format] != config && len(informing(in, []string{rulePolicy})) == 0 {
			v.missing = append(v.missing, finding.Evidence{
				Text: "is not locked, so a file in its place would not be noticed", Where: finding.Where{Path: a.Path}, Fix: in.lockFix(a),
			})
		}
	}
	v.missing = append(v.missing, others(in, verdicts)...)
	if calls := loading(in); len(models) == 0 && len(calls) > 0 && len(v.implemented) == 0 {
		v.missing = append(v.missing, finding.Evidence{
			Text: "the code loads models, and neither a lock nor a policy says which are trusted", Where: calls[0].Where,
			Fix: "andiron init" + in.folder() + ", and then andiron trust add" + in.lock() + " for each model",
		})
	}
	if !looked && len(models) > 0 {
		v.open, v.reason = []string{noTrust}, noTrust
	}
	return v
}

// isArray reports whether an artifact is an array of numbers, which is data and no model.
// One of the lock has findings that say so, and an array of objects what is in it.
func isArray(a finding.Artifact) bool {
	return (a.Format == "npy" || a.Format == "npz") && len(a.Findings) == 0
}

// others is what the trust room found missing, with the command that closes it.
func others(in Input, verdicts map[string]finding.Artifact) []finding.Evidence {
	fs := notCode(findings(in, finding.TrustedSources))
	for i, f := range fs {
		if a, ok := verdicts[f.Where.Path]; ok && f.Rule == ruleNotLocked {
			fs[i].Fix = in.lockFix(a)
		}
	}
	return byRule(slices.Clip(fs))
}

// lockFix never asks anyone to trust a file that does not pass.
func (in *Input) lockFix(a finding.Artifact) string {
	add := "andiron trust add" + in.lock() + " "
	switch {
	case a.Verdict.Passes():
		return add + safetext.Word(a.Path)
	case a.Verdict == finding.Unknown:
		if out, ok := converted(a); ok {
			return convertFix(a) + ", and then " + add + safetext.Word(out)
		}
		return convertFix(a) + ", and then " + add + "the result"
	case a.Verdict == finding.Unreadable:
		return "replace the file; what could not be looked at is not locked"
	}
	return rejectFix(a)
}

// folder is the audited folder as a command takes it, empty for the current one.
func (in *Input) folder() string {
	if path.Clean(in.Root) == "." {
		return ""
	}
	return " " + safetext.Word(in.Root)
}

// lock names the lock of the audited folder, where that is not the current one.
func (in *Input) lock() string {
	if path.Clean(in.Root) == "." {
		return ""
	}
	return " --lock " + safetext.Word(path.Join(in.Root, "andiron.lock"))
}

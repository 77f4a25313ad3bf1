package posture

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/safetext"
)

const (
	noCode      = "no Python code was found beside the model files, so how they are saved and loaded is not known"
	refusedHint = "save only tensors and plain containers, torch.save(model.state_dict(), path), so that weights_only=True loads it"
)

// kind is what a format means for whoever loads it.
type kind int

const (
	other   kind = iota // archives, folders, what later readers bring
	pickled             // a pickle decides what loading does
	data                // tensors and text
	program             // a graph or code for a runtime of its own
	config              // says how a model is loaded, and holds none
)

var kinds = map[string]kind{
	"pickle":            pickled,
	"joblib":            pickled,
	"torch-zip":         pickled,
	"torch-legacy":      pickled,
	"torch-tar":         pickled,
	"torch-package":     pickled,
	"dcp":               pickled,
	"dcp-shard":         pickled,
	"safetensors":       data,
	"gguf":              data,
	"npy":               data,
	"npz":               data,
	"torchscript":       program,
	"torchscript-lite":  program,
	"mobile-flatbuffer": program,
	"executorch":        program,
	"pt2":               program,
	"pt2-old":           program,
	"onnx":              program,
	"hf-config":         config,
	"chat-template":     config,
}

// holdsData is true for a file of a format for data that keeps to it: a numpy
// array may be a pickle of Python objects, and then has a finding that says so.
func holdsData(a finding.Artifact) bool {
	return kinds[a.Format] == data && a.Verdict.Passes() && len(serialization(a)) == 0
}

// serialization are an artifact's own findings on safe serialization.
func serialization(a finding.Artifact) []finding.Finding {
	return findings(Input{Artifacts: []finding.Artifact{a}}, finding.SafeSerialization)
}

// modelFormats is the model room's view of safe serialization: one piece of
// evidence for each artifact.
func modelFormats(in Input) view {
	v := view{searched: noModels(in)}
	for _, a := range byPath(in.Artifacts) {
		if kinds[a.Format] == config && a.Verdict.Passes() {
			continue
		}
		e, ok := formatEvidence(a)
		if ok {
			v.implemented = append(v.implemented, e)
		} else {
			v.missing = append(v.missing, e)
		}
		if a.Verdict.Passes() {
			v.missing = append(v.missing, byRule(serialization(a))...)
		}
	}
	v.missing = append(v.missing, byRule(notCode(loose(in, finding.SafeSerialization)))...)
	v.open = unseen(in)
	if calls := loading(in); len(in.Artifacts) == 0 && len(calls) > 0 {
		v.reason = fmt.Sprintf("the code loads or saves models (%s), and none is in the folder, so which formats they have is not known", calls[0].Where)
		v.open = []string{v.reason}
	}
	return v
}

// formatEvidence says whether an artifact is safely serialized, and why.
func formatEvidence(a finding.Artifact) (finding.Evidence, bool) {
	e := finding.Evidence{Where: finding.Where{Path: a.Path}}
	switch {
	case a.Verdict == finding.Unreadable:
		f := worst(a)
		e.Text = unsure + "could not be looked at, so what loading it does is not known" + because(f)
		e.Where, e.Fix = whereOf(f, e.Where), "replace the file, or raise the limit that the finding names"
	case !a.Verdict.Passes():
		f := worst(a)
		e.Text = fmt.Sprintf("is %s%s", a.Verdict, because(f))
		e.Where, e.Fix = whereOf(f, e.Where), rejectFix(a)
	case a.Verdict == finding.Framework:
		f := frameworkFinding(a)
		e.Text = "runs code of reviewed packages when it is loaded (" + a.Format + ")" + because(f)
		e.Where = whereOf(f, e.Where)
		e.Fix = convertFix(a)
	default:
		e.Text = safeText(a)
		return e, true
	}
	return e, false
}

func safeText(a finding.Artifact) string {
	switch kinds[a.Format] {
	case data:
		if holdsData(a) {
			return "is " + a.Format + ", a format that holds data and no code"
		}
	case program:
		text := "is " + a.Format + ", which is loaded without Python's pickle, and nothing in it does harm"
		if strings.HasPrefix(a.Format, "torchscript") {
			text += "; TorchScript is deprecated by torch 2.10 and later, and torch.export is its successor"
		}
		return text
	case pickled:
		return "is a pickle (" + a.Format + "), proved to hold tensors and plain containers only"
	case other, config:
	}
	return "is " + a.Format + ", and all that is in it is proved safe"
}

func because(f *finding.Finding) string {
	if f == nil {
		return ""
	}
	return ": " + f.Message
}

func whereOf(f *finding.Finding, otherwise finding.Where) finding.Where {
	if f == nil {
		return otherwise
	}
	return f.Where
}

// rejectFix never asks anyone to load a file that does not pass.
func rejectFix(a finding.Artifact) string {
	look := "andiron inspect --trace " + safetext.Word(a.Path)
	if a.Verdict == finding.Unknown {
		return look + " shows what would run; where the model is yours, " + convertFix(a)
	}
	return "do not load it; " + look + " shows what would run"
}

// convertible are the formats that andiron convert takes the tensors out of, and
// runs nothing.
var convertible = []string{"torch-zip", "torch-legacy", "torch-tar", "torchscript", "pt2", "dcp"}

// convertFix says how to get a model out of a format that runs code.
func convertFix(a finding.Artifact) string {
	out, ok := converted(a)
	if !ok {
		return "save its data in a format that runs no code, such as safetensors, and remove it"
	}
	return fmt.Sprintf("andiron convert %s -o %s, then have the code load %[2]s, and remove %[1]s", safetext.Word(a.Path), safetext.Word(out))
}

// converted is what andiron convert makes of a model, where it can.
func converted(a finding.Artifact) (out string, ok bool) {
	if !slices.Contains(convertible, a.Format) {
		return "", false
	}
	out = a.Path
	if i := strings.LastIndexByte(out, '.'); i > strings.LastIndexByte(out, '/')+1 {
		out = out[:i]
	}
	return out + ".safetensors", true
}

// noModels says where models were searched, and code that knows of one.
func noModels(in Input) string {
	if in.Python == 0 {
		return "no model file and no Python code in " + in.files()
	}
	return fmt.Sprintf("no model file in %s, and no call that loads or saves one in %s of Python code", in.files(), count(in.Python, "file", "files"))
}

// unseen says what was not looked at of the code.
func unseen(in Input) []string {
	if len(in.Artifacts) > 0 && in.Python == 0 {
		return []string{noCode}
	}
	return nil
}

// modelLoading is the model room's view of secure loading: what the files need
// from a loader, and what they would do to one.
func modelLoading(in Input) view {
	v := view{searched: noModels(in)}
	for _, a := range byPath(in.Artifacts) {
		var loaded, refused []finding.Finding
		for _, f := range a.Findings {
			loads, known := weightsOnly(f)
			switch f.Fix = ""; {
			case !known:
			case loads:
				loaded = append(loaded, f)
			default:
				f.Fix = refusedHint
				if a.Verdict > finding.Unknown {
					f.Fix = rejectFix(a)
				}
				refused = append(refused, f)
			}
		}
		v.implemented, v.missing = append(v.implemented, byMessage(loaded)...), append(v.missing, byMessage(refused)...)
		if holdsData(a) {
			v.implemented = append(v.implemented, finding.Evidence{
				Text: "is " + a.Format + ": its loader runs no pickle", Where: finding.Where{Path: a.Path},
			})
		}
	}
	v.missing = append(v.missing, byRule(notCode(findings(in, finding.SecureLoading)))...)
	v.open = unseen(in)
	return v
}

// weightsOnlyRule is the rule of the contract package that reports, for information,
// what torch.load(weights_only=True) says to a pickle.
const weightsOnlyRule = "PKL095"

// weightsOnly reads the report on weights_only, where f is one: a verb says yes or
// no, and the first one counts ("loads it on torch 2.6 and later, 1.13 refuses it").
// A report without either proves nothing.
func weightsOnly(f finding.Finding) (loads, known bool) {
	if f.Rule != weightsOnlyRule || matters(f) {
		return false, false
	}
	if strings.Contains(f.Message, "on no torch") {
		return false, true
	}
	for word := range strings.FieldsSeq(f.Message) {
		switch strings.Trim(word, ",.;:") {
		case "loads", "load":
			return true, true
		case "refuses", "refuse", "refused", "not", "cannot", "no", "fails":
			return false, true
		}
	}
	return false, false
}

// frameworkRule is the rule of the contract package that names the packages whose
// code runs.
const frameworkRule = "PKL090"

func frameworkFinding(a finding.Artifact) *finding.Finding {
	for _, f := range a.Findings {
		if f.Rule == frameworkRule {
			return &f
		}
	}
	return nil
}

// worst is the gravest finding that says what is in an artifact, not who vouches for
// it; the first of equals by place.
func worst(a finding.Artifact) *finding.Finding {
	content := slices.DeleteFunc(slices.Clone(a.Findings), func(f finding.Finding) bool {
		return f.Strategy == finding.TrustedSources || f.Waived != nil
	})
	if len(content) == 0 {
		return nil
	}
	f := slices.MinFunc(content, func(x, y finding.Finding) int {
		return cmp.Or(cmp.Compare(y.Severity, x.Severity), finding.Compare(x, y))
	})
	return &f
}

// loose are the findings of a strategy that belong to no artifact.
func loose(in Input, s finding.Strategy) []finding.Finding {
	in.Artifacts = nil
	return findings(in, s)
}

// byRule makes one piece of evidence of all findings of one rule in one file.
func byRule(fs []finding.Finding) []finding.Evidence {
	return merged(fs, func(finding.Finding) string { return "" })
}

// byMessage makes one of those that say the same as well: several members of an archive
// may.
func byMessage(fs []finding.Finding) []finding.Evidence {
	return merged(fs, func(f finding.Finding) string { return f.Message })
}

func merged(fs []finding.Finding, and func(finding.Finding) string) []finding.Evidence {
	type key struct{ path, rule, and string }
	var out []finding.Evidence
	at, more := map[key]int{}, map[key]int{}
	for _, f := range fs {
		k := key{f.Where.Path, f.Rule, and(f)}
		if _, ok := at[k]; ok {
			more[k]++
			continue
		}
		at[k] = len(out)
		text := f.Message
		if f.Outcome == finding.Undetermined {
			text = unsure + text
		}
		out = append(out, finding.Evidence{Text: text, Where: f.Where, Fix: f.Fix})
	}
	for k, n := range more {
		out[at[k]].Text += fmt.Sprintf(" (and %d more of %s in this file)", n, k.rule)
	}
	return out
}

func byPath(as []finding.Artifact) []finding.Artifact {
	return slices.SortedStableFunc(slices.Values(as), func(a, b finding.Artifact) int {
		return cmp.Compare(a.Path, b.Path)
	})
}

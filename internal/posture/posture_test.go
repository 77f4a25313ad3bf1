package posture

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/finding"
)

func at(path, member string) finding.Where {
	return finding.Where{Path: path}.In(member)
}

func note(rule, path, message string) finding.Finding {
	return finding.Finding{
		Rule: rule, Strategy: finding.SecureLoading, Outcome: finding.Present, Message: message,
		Where: at(path, "archive/data.pkl"), Fix: "a fix",
	}
}

var (
	tensors  = finding.Artifact{Path: "m/t.safetensors", Format: "safetensors"}
	weights  = finding.Artifact{Path: "m/w.pt", Format: "torch-zip", Findings: []finding.Finding{note("PKL095", "m/w.pt", "torch.load(weights_only=True) loads it on torch 1.13 and later")}}
	scripted = finding.Artifact{Path: "m/s.pt", Format: "torchscript"}
	exported = finding.Artifact{Path: "m/e.pt2", Format: "pt2"}
	frame    = finding.Artifact{Path: "m/f.ckpt", Format: "torch-zip", Verdict: finding.Framework, Findings: []finding.Finding{
		note("PKL095", "m/f.ckpt", "torch.load(weights_only=True) refuses it on every torch"),
		note("PKL090", "m/f.ckpt", "loading it runs code of numpy"),
	}}
	evil = finding.Artifact{Path: "m/it's evil.pt", Format: "torch-zip", Verdict: finding.Dangerous, Findings: []finding.Finding{
		{
			Rule: "PKL001", Strategy: finding.SecureLoading, Severity: finding.Critical, Outcome: finding.Present,
			Message: "loading it would run a command", Where: at("m/it's evil.pt", "archive/data.pkl").At(31), Fix: "do not load it",
		},
	}}
	own = finding.Artifact{Path: "-own.pkl", Format: "pickle", Verdict: finding.Unknown}
	bad = finding.Artifact{Path: "m/bad.pt", Format: "torch-zip", Verdict: finding.Unreadable, Findings: []finding.Finding{
		{Rule: "FMT003", Strategy: finding.SecureLoading, Severity: finding.Medium, Outcome: finding.Undetermined, Message: "the archive is cut short", Where: finding.Where{Path: "m/bad.pt"}},
	}}
	objects = finding.Artifact{Path: "m/o.npy", Format: "npy", Findings: []finding.Finding{
		{Rule: "NPY001", Strategy: finding.SafeSerialization, Severity: finding.Medium, Outcome: finding.Present, Message: "the array holds Python objects", Where: finding.Where{Path: "m/o.npy"}},
	}}
)

func get(t *testing.T, in Input, s finding.Strategy) finding.Posture {
	t.Helper()
	ps := Assess(in)
	i := slices.IndexFunc(ps, func(p finding.Posture) bool { return p.Strategy == s })
	if i < 0 {
		t.Fatalf("no posture of %s", s)
	}
	return ps[i]
}

// lines writes evidence as "+ where: text | fix".
func lines(p finding.Posture) []string {
	out := []string{string(p.Status) + ": " + p.Reason}
	for mark, es := range map[string][]finding.Evidence{"+ ": p.Implemented, "- ": p.Missing} {
		for _, e := range es {
			s := mark + e.Where.String() + ": " + e.Text
			if e.Fix != "" {
				s += " | " + e.Fix
			}
			out = append(out, s)
		}
	}
	slices.Sort(out[1:])
	return out
}

func TestStrategies(t *testing.T) {
	var ids []finding.Strategy
	for _, p := range Assess(Input{}) {
		ids = append(ids, p.Strategy)
		if p.Title == "" || p.Text == "" || p.Impact == "" || len(p.Threats) == 0 {
			t.Errorf("%s: a text is missing", p.Strategy)
		}
		if p.Status != finding.NotApplicable || !strings.Contains(p.Reason, "0 files") || p.Residual == "" {
			t.Errorf("%s of nothing: %s, %q", p.Strategy, p.Status, p.Reason)
		}
		if p.Implemented == nil || p.Missing == nil {
			t.Errorf("%s: a list is nil", p.Strategy)
		}
	}
	if diff := cmp.Diff(finding.Strategies(), ids); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestSafeSerialization(t *testing.T) {
	const open = "no Python code was found beside the model files, so how they are saved and loaded is not known"
	for _, tt := range []struct {
		name string
		in   Input
		want []string
	}{
		{"no models", Input{Other: 3}, []string{"not applicable: no model file and no Python code in 3 files"}},
		{"no models in code", Input{Other: 3, Python: 2}, []string{"not applicable: no model file in 3 files, and no call that loads or saves one in 2 files of Python code"}},
		{"no models, incomplete", Input{Incomplete: true}, []string{"undetermined: the run is incomplete: something could not be looked at"}},
		{"good", Input{Artifacts: []finding.Artifact{weights, tensors, scripted, exported}}, []string{
			"partial: " + open,
			"+ m/e.pt2: is pt2, which is loaded without Python's pickle, and nothing in it does harm",
			"+ m/s.pt: is torchscript, which is loaded without Python's pickle, and nothing in it does harm; TorchScript is deprecated by torch 2.10 and later, and torch.export is its successor",
			"+ m/t.safetensors: is safetensors, a format that holds data and no code",
			"+ m/w.pt: is a pickle (torch-zip), proved to hold tensors and plain containers only",
		}},
		{"bad", Input{Artifacts: []finding.Artifact{frame, evil, own, bad}}, []string{
			"missing: could not be looked at: m/bad.pt; " + open,
			"- -own.pkl: is unknown | andiron inspect --trace ./-own.pkl shows what would run; where the model is yours, save its data in a format that runs no code, such as safetensors, and remove it",
			"- m/bad.pt: undetermined: could not be looked at, so what loading it does is not known: the archive is cut short | replace the file, or raise the limit that the finding names",
			"- m/f.ckpt!archive/data.pkl: runs code of reviewed packages when it is loaded (torch-zip): loading it runs code of numpy | andiron convert m/f.ckpt -o m/f.safetensors, then have the code load m/f.safetensors, and remove m/f.ckpt",
			`- m/it's evil.pt!archive/data.pkl@0x1f: is dangerous: loading it would run a command | do not load it; andiron inspect --trace 'm/it'\''s evil.pt' shows what would run`,
		}},
		{"objects in an array", Input{Artifacts: []finding.Artifact{objects}}, []string{
			"partial: " + open,
			"+ m/o.npy: is npy, and all that is in it is proved safe",
			"- m/o.npy: the array holds Python objects",
		}},
		{"both", Input{Artifacts: []finding.Artifact{tensors, own}, Incomplete: true}, []string{
			"partial: " + open + "; the run is incomplete: something could not be looked at",
			"+ m/t.safetensors: is safetensors, a format that holds data and no code",
			"- -own.pkl: is unknown | andiron inspect --trace ./-own.pkl shows what would run; where the model is yours, save its data in a format that runs no code, such as safetensors, and remove it",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := lines(get(t, tt.in, finding.SafeSerialization))
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestSecureLoading(t *testing.T) {
	parts := finding.Artifact{Path: "m/p.pt2", Format: "pt2-old"} // an archive of three pickles
	for _, told := range []string{"loads it on every torch", "refuses it on every torch", "loads it on every torch"} {
		parts.Findings = append(parts.Findings, note("PKL095", "m/p.pt2", "torch.load(weights_only=True) "+told))
	}
	in := Input{Artifacts: []finding.Artifact{weights, tensors, frame, evil, objects, parts}}
	want := []string{
		"partial: " + noCode,
		"+ m/p.pt2!archive/data.pkl: torch.load(weights_only=True) loads it on every torch (and 1 more of PKL095 in this file)",
		"+ m/t.safetensors: is safetensors: its loader runs no pickle",
		"+ m/w.pt!archive/data.pkl: torch.load(weights_only=True) loads it on torch 1.13 and later",
		"- m/f.ckpt!archive/data.pkl: torch.load(weights_only=True) refuses it on every torch | " + refusedHint,
		"- m/it's evil.pt!archive/data.pkl@0x1f: loading it would run a command | do not load it",
		"- m/p.pt2!archive/data.pkl: torch.load(weights_only=True) refuses it on every torch | " + refusedHint,
	}
	if diff := cmp.Diff(want, lines(get(t, in, finding.SecureLoading))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A strategy is in place only where every room saw all of it.
func TestStatus(t *testing.T) {
	e := []finding.Evidence{{Text: "x"}}
	blind := []finding.Evidence{{Text: unsure + "x"}}
	for _, tt := range []struct {
		view       view
		incomplete bool
		want       finding.Status
	}{
		{view{searched: "everywhere"}, false, finding.NotApplicable},
		{view{searched: "everywhere"}, true, finding.Undecided},
		{view{reason: "no reader"}, false, finding.Undecided},
		{view{missing: blind}, false, finding.Undecided},
		{view{implemented: e, missing: blind}, false, finding.Partial},
		{view{missing: append(blind, e...)}, false, finding.Missing},
		{view{implemented: e}, false, finding.Implemented},
		{view{implemented: e}, true, finding.Partial},
		{view{implemented: e, open: []string{"the rest"}}, false, finding.Partial},
		{view{implemented: e, missing: e}, false, finding.Partial},
		{view{missing: e}, false, finding.Missing},
	} {
		s := strategy{rooms: []func(Input) view{func(Input) view { return tt.view }}}
		if got := s.assess(Input{Incomplete: tt.incomplete}).Status; got != tt.want {
			t.Errorf("%+v, incomplete %v: got %s, want %s", tt.view, tt.incomplete, got, tt.want)
		}
	}
}

// No fix asks anyone to load a file that does not pass.
func TestFixNeverLoads(t *testing.T) {
	for _, a := range []finding.Artifact{evil, own, bad} {
		for _, e := range get(t, Input{Artifacts: []finding.Artifact{a}}, finding.SafeSerialization).Missing {
			if strings.Contains(e.Fix, "torch.load") || strings.Contains(e.Fix, "jit.load") {
				t.Errorf("%s: %s", a.Path, e.Fix)
			}
		}
	}
}

func TestWeightsOnly(t *testing.T) {
	for _, tt := range []struct {
		message      string
		loads, known bool
	}{
		{"torch.load(weights_only=True) loads this file on torch 1.13 and later", true, true},
		{"torch.load(weights_only=True) loads it on torch 2.6 and later, 1.13 refuses it", true, true},
		{"torch.load(weights_only=True) refuses this file on every torch", false, true},
		{"torch.load(weights_only=True) does not load this file", false, true},
		{"no torch loads this file with weights_only=True", false, true},
		{"weights_only", false, false},
	} {
		loads, known := weightsOnly(note("PKL095", "m.pt", tt.message))
		if loads != tt.loads || known != tt.known {
			t.Errorf("%s: got %v, %v", tt.message, loads, known)
		}
	}
	if _, known := weightsOnly(note("PKL094", "m.pt", "loads")); known {
		t.Error("another rule is read as the report")
	}
}

// Where nothing names torch, that is the reason, and not that there are no files.
func TestUpdatesWithoutTorch(t *testing.T) {
	for _, tt := range []struct {
		rule, want string
	}{
		{"DEP090", "not applicable: none of the files that say what the project depends on names torch"},
		{"PIN090", "not applicable: none of the files that say what the project depends on names torch"},
		{"DEP007", "undetermined: " + noTorch},
	} {
		got := lines(get(t, Input{Python: 1, Findings: []finding.Finding{{Rule: tt.rule}}}, finding.FrameworkUpdates))
		if diff := cmp.Diff([]string{tt.want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.rule, diff)
		}
	}
}

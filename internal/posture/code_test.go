package posture

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/finding"
)

// said makes a finding of a rule at a line; a "!" before the text makes it matter.
func said(rule string, s finding.Strategy, path string, line int, text string) finding.Finding {
	f := finding.Finding{Rule: rule, Strategy: s, Outcome: finding.Present, Where: finding.Where{Path: path}.Line1(line, 1), Fix: "fix of " + rule}
	if f.Message = strings.TrimPrefix(text, "!"); f.Message != text {
		f.Severity = finding.Medium
	}
	return f
}

// project is one with a lock, a verified load and a torch.load that remains.
func project() Input {
	locked := said("TRU090", finding.TrustedSources, "m/w.pt", 0, "is locked and unchanged")
	w := weights
	w.Findings = append(slices.Clone(w.Findings), locked)
	return Input{
		Artifacts: []finding.Artifact{w, tensors, evil, own},
		Python:    2,
		Findings: []finding.Finding{
			said("TRU001", finding.TrustedSources, "m/t.safetensors", 0, "!is not in the lock"),
			said("TRU001", finding.TrustedSources, "m/it's evil.pt", 0, "!is not in the lock"),
			said("TRU002", finding.SecureLoading, "m/o.pt", 0, "!is not the file that was locked"),
			said("PY090", finding.SecureLoading, "loader.py", 7, "andiron.load verifies the file before it is loaded"),
			said("PY093", finding.SafeSerialization, "train.py", 30, "safetensors.torch.save_file writes"),
			said("PY050", finding.SafeSerialization, "train.py", 31, "!torch.save writes the whole object"),
			said("PY002", finding.SecureLoading, "train.py", 12, "!torch.load with weights_only=False"),
			said("PY002", finding.SecureLoading, "train.py", 19, "!torch.load with weights_only=False"),
			said("PY040", finding.TrustedSources, "serve.py", 5, "!a user decides what torch.load loads here"),
		},
	}
}

func TestCodeAndLock(t *testing.T) {
	in := project()
	for s, want := range map[finding.Strategy][]string{
		finding.TrustedSources: {
			"partial: ",
			"+ m/w.pt: is locked and unchanged",
			"- -own.pkl: is not locked, so a file in its place would not be noticed | save its data in a format that runs no code, such as safetensors, and remove it, and then andiron trust add the result",
			"- m/it's evil.pt: is not in the lock | do not load it; andiron inspect --trace 'm/it'\\''s evil.pt' shows what would run",
			"- m/t.safetensors: is not in the lock | andiron trust add m/t.safetensors",
			"- serve.py:5:1: a user decides what torch.load loads here | fix of PY040",
		},
		finding.SecureLoading: {
			"partial: ",
			"+ loader.py:7:1: andiron.load verifies the file before it is loaded",
			"+ m/t.safetensors: is safetensors: its loader runs no pickle",
			"+ m/w.pt!archive/data.pkl: torch.load(weights_only=True) loads it on torch 1.13 and later",
			"- m/it's evil.pt!archive/data.pkl@0x1f: loading it would run a command | do not load it",
			"- m/o.pt: is not the file that was locked | fix of TRU002",
			"- train.py:12:1: torch.load with weights_only=False | fix of PY002",
			"- train.py:19:1: torch.load with weights_only=False | fix of PY002",
		},
	} {
		got := lines(get(t, in, s))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", s, diff)
		}
	}
	saving := lines(get(t, in, finding.SafeSerialization))
	for _, want := range []string{
		"+ train.py:30:1: safetensors.torch.save_file writes",
		"- train.py:31:1: torch.save writes the whole object | fix of PY050",
	} {
		if !slices.Contains(saving, want) {
			t.Errorf("%q is not in %q", want, saving)
		}
	}
}

// Everything in place is implemented, and a policy that trusts by place asks for
// no lock.
func TestAllInPlace(t *testing.T) {
	in := Input{Artifacts: []finding.Artifact{tensors, weights}, Python: 1, Findings: []finding.Finding{
		said("TRU090", finding.TrustedSources, "m/t.safetensors", 0, "is locked and unchanged"),
		said("TRU091", finding.TrustedSources, "andiron.yaml", 2, "a policy says what is trusted"),
		said("PY090", finding.SecureLoading, "loader.py", 7, "andiron.load verifies the file before it is loaded"),
	}}
	for _, s := range []finding.Strategy{finding.SafeSerialization, finding.TrustedSources, finding.SecureLoading} {
		if p := get(t, in, s); p.Status != finding.Implemented {
			t.Errorf("%s: %q", s, lines(p))
		}
	}
	in.Findings = in.Findings[:1]
	if p := get(t, in, finding.TrustedSources); p.Status != finding.Partial || len(p.Missing) != 1 {
		t.Errorf("a model without a lock and a policy: %q", lines(p))
	}
}

// Without the trust room nothing is said about what is locked.
func TestNoTrustRoom(t *testing.T) {
	p := get(t, Input{Artifacts: []finding.Artifact{tensors}, Python: 1}, finding.TrustedSources)
	if p.Status != finding.Undecided || p.Reason != noTrust || len(p.Missing) > 0 {
		t.Errorf("%q", lines(p))
	}
}

func TestManySites(t *testing.T) {
	var in Input
	for i := range 2 * mostSites {
		in.Findings = append(in.Findings, said("PY002", finding.SecureLoading, "a.py", i+1, "!unsafe"))
	}
	p := get(t, in, finding.SecureLoading)
	if n := len(p.Missing); n != mostSites || !strings.HasSuffix(p.Missing[n-1].Text, "(and 50 more of PY002)") {
		t.Errorf("%d pieces of evidence, the last %q", n, p.Missing[n-1].Text)
	}
}

// Why a model is unknown is what is in it, and not that the lock does not list it.
func TestReasonIsOfTheContent(t *testing.T) {
	a := finding.Artifact{Path: "m/own.pt", Format: "torch-zip", Verdict: finding.Unknown, Findings: []finding.Finding{
		{Rule: "TRU001", Strategy: finding.TrustedSources, Severity: finding.High, Outcome: finding.Present, Message: "it is not listed", Where: finding.Where{Path: "m/own.pt"}},
		{Rule: "PKL041", Strategy: finding.SecureLoading, Severity: finding.High, Outcome: finding.Present, Message: "it would run model.Net", Where: at("m/own.pt", "data.pkl")},
	}}
	if f := worst(a); f == nil || f.Rule != "PKL041" {
		t.Errorf("the reason is %+v", f)
	}
}

// Services that the kernel holds are in place, and the others missing, where there is a
// model that they could open.
func TestServices(t *testing.T) {
	held := finding.Finding{Rule: "PY082", Outcome: finding.Present, Strategy: finding.TrustedSources, Message: "held", Where: finding.Where{Path: "Dockerfile"}}
	open := finding.Finding{Rule: "PY083", Outcome: finding.Present, Strategy: finding.TrustedSources, Message: "open", Where: finding.Where{Path: "app.service"}, Fix: "put andiron exec before it"}
	for _, c := range []struct {
		in                   Input
		implemented, missing int
	}{
		{Input{Findings: []finding.Finding{held, open}}, 1, 0},
		{Input{Findings: []finding.Finding{held, open}, Artifacts: []finding.Artifact{{Path: "m.pt"}}}, 1, 1},
		{Input{Findings: []finding.Finding{open, {Rule: "PY081", Outcome: finding.Present, Strategy: finding.SecureLoading, Where: finding.Where{Path: "a.py"}}}}, 0, 1},
	} {
		v := codeSources(c.in)
		if len(v.implemented) != c.implemented || len(v.missing) != c.missing {
			t.Errorf("%v: %v in place, %v missing", c.in, v.implemented, v.missing)
		}
		if len(v.missing) > 0 && v.missing[0].Fix != open.Fix {
			t.Errorf("no fix: %v", v.missing[0])
		}
	}
}

// Loads of what nobody trusts stand under secure loading, once each: those that the
// sandbox has as what is in place, the others as what is missing, but where somebody
// answers for one.
func TestUntrustedLoads(t *testing.T) {
	waived := said("PY085", finding.SecureLoading, "a.py", 9, "torch.load loads outside of the sandbox")
	waived.Waived = &finding.Waiver{}
	in := Input{Python: 1, Findings: []finding.Finding{
		said("PY081", finding.SecureLoading, "a.py", 3, "andiron.load_untrusted loads the file in the sandbox"),
		said("PY081", finding.SecureLoading, "a.py", 4, "andiron.load_untrusted loads the file in the sandbox"),
		said("PY084", finding.SecureLoading, "a.py", 4, "andiron.load_untrusted loads in the sandbox"),
		said("PY085", finding.SecureLoading, "a.py", 7, "torch.load loads outside of the sandbox"), waived,
	}}
	want := []string{
		"partial: ",
		"+ a.py:3:1: andiron.load_untrusted loads the file in the sandbox",
		"+ a.py:4:1: andiron.load_untrusted loads in the sandbox",
		"- a.py:7:1: torch.load loads outside of the sandbox | fix of PY085",
	}
	got := lines(get(t, in, finding.SecureLoading))
	got[0] = "partial: " // that no models are there is said, too
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Code that loads models has the strategies apply, also where no model is in the folder.
func TestLoadsWithoutModels(t *testing.T) {
	in := Input{Python: 1, Findings: []finding.Finding{said("PY002", finding.SecureLoading, "a.py", 3, "!unsafe")}}
	if p := get(t, in, finding.SafeSerialization); p.Status != finding.Undecided || !strings.Contains(p.Reason, "(a.py:3:1)") {
		t.Errorf("%q", lines(p))
	}
	if p := get(t, in, finding.TrustedSources); p.Status != finding.Missing || len(p.Missing) != 1 || p.Missing[0].Where.Line != 3 {
		t.Errorf("%q", lines(p))
	}
	in.Findings = append(in.Findings, said("TRU091", finding.TrustedSources, "andiron.yaml", 1, "a policy"))
	if p := get(t, in, finding.TrustedSources); len(p.Missing) != 0 || len(p.Implemented) != 1 {
		t.Errorf("with a policy: %q", lines(p))
	}
}

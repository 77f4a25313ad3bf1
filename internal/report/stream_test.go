package report_test

import (
	"fmt"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/rule"
)

var (
	ruleCommand = &rule.Rule{
		ID: "PKL001", Title: "Runs a command", Strategy: finding.SecureLoading,
		Severity: finding.Critical, Verdict: finding.Dangerous,
		Text:  "Loading the file starts a program.\n\nThe command stands in the pickle, and `torch.load` runs it before it returns.",
		Fix:   "do not load this file; ask whoever made it for safetensors",
		Since: "0.1.0", Refs: []string{"https://docs.python.org/3/library/pickle.html"},
	}
	ruleUnknown = &rule.Rule{
		ID: "PKL040", Title: "Calls something nobody has reviewed", Strategy: finding.SafeSerialization,
		Severity: finding.High, Verdict: finding.Unknown,
		Text: "The pickle imports a name that no contract covers.", Fix: "save only the state_dict", Since: "0.1.0",
	}
	ruleLoads = &rule.Rule{
		ID: "PKL095", Title: "What weights_only says", Strategy: finding.SecureLoading,
		Severity: finding.Info, Text: "Whether torch.load(weights_only=True) loads the file.",
		Fix: "pass weights_only=True", Since: "0.1.0",
	}
	ruleBroken = &rule.Rule{
		ID: "ZIP001", Title: "The archive is broken", Strategy: finding.SafeSerialization,
		Severity: finding.Medium, Verdict: finding.Unreadable,
		Text: "The archive ends before its directory does.", Fix: "fetch the file again", Since: "0.1.0",
	}
)

func catalogue() rule.Catalogue {
	c, err := rule.NewCatalogue([]*rule.Rule{ruleCommand, ruleUnknown, ruleLoads, ruleBroken, ruleVulnerable, ruleMay, rulePin})
	if err != nil {
		panic(err)
	}
	return c
}

func at(path, member string) finding.Where {
	w := finding.Where{Path: path}
	if member != "" {
		w = w.In(member)
	}
	return w
}

// stream is what a run sends.
type stream struct {
	config    finding.Config
	artifacts []finding.Artifact
	findings  []finding.Finding
	packages  []finding.Dependency
	posture   []finding.Posture
	summary   finding.Summary
}

func (s stream) send(h finding.Handler) error {
	if err := h.Config(s.config); err != nil {
		return err
	}
	for i, a := range s.artifacts {
		if err := h.Progress(finding.Progress{Path: a.Path, Done: i, Total: len(s.artifacts)}); err != nil {
			return err
		}
		if err := h.Artifact(a); err != nil {
			return err
		}
	}
	for _, f := range s.findings {
		if err := h.Finding(f); err != nil {
			return err
		}
	}
	for _, d := range s.packages {
		if err := h.Dependency(d); err != nil {
			return err
		}
	}
	for _, p := range s.posture {
		if err := h.Posture(p); err != nil {
			return err
		}
	}
	return h.Summary(s.summarize())
}

func (s stream) summarize() finding.Summary {
	m := counted{s.summary}
	m.Artifacts = len(s.artifacts)
	m.Verdicts = map[finding.Verdict]int{}
	m.Severities = map[finding.Severity]int{}
	for _, a := range s.artifacts {
		m.Verdicts[a.Verdict]++
		m.count(a.Findings)
	}
	m.count(s.findings)
	for _, d := range s.packages {
		if m.Dependencies == nil {
			m.Dependencies = map[finding.DependencyStatus]int{}
		}
		m.Dependencies[d.Status]++
	}
	return m.Summary
}

type counted struct{ finding.Summary }

func (m *counted) count(fs []finding.Finding) {
	for _, f := range fs {
		if f.Waived != nil {
			m.Waived++
		} else {
			m.Severities[f.Severity]++
		}
	}
}

func scanConfig(paths ...string) finding.Config {
	return finding.Config{Tool: "andiron", Version: "0.1.0", Verb: "scan", Paths: paths, FailOn: "high", Rules: 4}
}

// streams are the shapes that every format is tested on.
func streams() map[string]stream {
	return map[string]stream{
		"scan":     scanStream(),
		"audit":    auditStream(),
		"compared": comparedStream(),
		"hostile":  hostileStream(),
		"empty":    {config: scanConfig("src"), summary: finding.Summary{Other: 1}},
		"zero":     {},
		"dead": {
			config:  scanConfig("-"),
			summary: finding.Summary{Incomplete: true, Reasons: []string{"interrupted", "gone.pt: no such file"}},
		},
		"flood":  floodStream(),
		"waived": waivedStream(),
		"code":   codeStream(),
		"deps":   depsStream(),
		"both":   bothStream(),
		"clean":  cleanStream(),
	}
}

func scanStream() stream {
	return stream{
		config: scanConfig("models"),
		artifacts: []finding.Artifact{
			{Path: "models/evil.pt", Format: "torch-zip", Size: 1211, Verdict: finding.Dangerous, Findings: []finding.Finding{
				ruleLoads.Finding(at("models/evil.pt", "archive/data.pkl"), "torch.load(weights_only=True) refuses this file on every torch version"),
				ruleCommand.Finding(at("models/evil.pt", "archive/data.pkl").At(31),
					"loading this file would run the shell command \"echo hi\"",
					"GLOBAL posix system at 0x2", "REDUCE with ('echo hi',) at 0x1f"),
			}},
			{
				Path: "models/old.pth", Format: "torch-zip", Size: 20, Verdict: finding.Unreadable,
				Findings: []finding.Finding{ruleBroken.Undetermined(at("models/old.pth", "").At(16), "the central directory is cut short")},
			},
			{
				Path: "models/own.ckpt", Format: "torch-legacy", Size: 3 << 20, Verdict: finding.Unknown,
				Findings: []finding.Finding{ruleUnknown.Finding(at("models/own.ckpt", "").At(204), "loading this file would import mymodel.Net", "GLOBAL mymodel Net at 0xcc")},
			},
			{
				Path: "models/tensors.safetensors", Format: "safetensors", Size: 5 << 30, Verdict: finding.Safe,
				SHA256: strings.Repeat("0123456789abcdef", 4),
			},
			{
				Path: "models/weights.pt", Format: "torch-zip", Size: 104857, Verdict: finding.Safe,
				Findings: []finding.Finding{ruleLoads.Finding(at("models/weights.pt", "archive/data.pkl"), "torch.load(weights_only=True) loads this file on torch 1.13 and later")},
			},
		},
		findings: []finding.Finding{ruleBroken.Undetermined(at("models/locked", ""), "the folder cannot be read", "permission denied")},
		summary:  finding.Summary{Other: 12, Incomplete: true, Reasons: []string{"models/old.pth: broken", "models/locked: permission denied"}},
	}
}

func auditStream() stream {
	s := scanStream()
	s.config.Verb, s.config.Paths = "audit", []string{"."}
	train := finding.Where{Path: "train.py"}.Line1(12, 5)
	loose := ruleUnknown.Finding(train, "torch.load is called without weights_only", "torch.load(path)")
	loose.Flow = []finding.Step{{Where: finding.Where{Path: "serve.py"}.Line1(3, 1), Text: "name, which a request brings to get"}, {Where: train, Text: "torch.load(path)"}}
	loose.Edits = []finding.Edit{{Line: 12, Column: 20, EndLine: 12, EndColumn: 20, Text: ", weights_only=True"}}
	s.findings = append(s.findings, loose)
	s.posture = []finding.Posture{
		{
			Strategy: finding.DependencyScanning, Title: "Dependency scanning", Text: "Scan what is installed.",
			Threats: []finding.Threat{{Name: "dependency vulnerabilities", Severity: finding.High}},
			Impact:  "Known holes are found early.", Status: finding.NotApplicable, Reason: "no file that says what a project depends on in 3 files", Residual: "None.",
		},
		{
			Strategy: finding.SafeSerialization, Title: "Safe serialization",
			Text:    "Keep weights in a format that holds data and nothing else. " + strings.Repeat("A long paragraph is broken at a fixed width. ", 4),
			Threats: []finding.Threat{{Name: "model deserialization", Severity: finding.High}, {Name: "another", Severity: finding.Low}},
			Impact:  "Loading cannot run code.", Status: finding.Partial, Required: finding.Implemented, Reason: "could not be looked at: models/cut.pt",
			Residual:    "Through 1 point that is missing: model deserialization (high).",
			Implemented: []finding.Evidence{{Text: "holds tensors only", Where: finding.Where{Path: "models/tensors.safetensors"}}},
			Missing: []finding.Evidence{{
				Text: "would run a shell command", Where: at("models/evil.pt", "archive/data.pkl").At(31),
				Fix: "andiron inspect --trace models/evil.pt",
			}, {Text: "undetermined: the folder cannot be read", Where: finding.Where{Path: "models/locked"}}},
		},
	}
	s.summary.Trend = &finding.Trend{
		Since: "2026-11-25T00:00:00Z", Commit: strings.Repeat("0a", 20), Strategies: []finding.Turn{
			{Strategy: finding.DependencyScanning, Was: finding.NotApplicable, Is: finding.NotApplicable},
			{Strategy: finding.SafeSerialization, Was: finding.Missing, Is: finding.Partial, MissingWas: 4, MissingIs: 1},
		}, Severities: map[finding.Severity]int{finding.High: 9},
	}
	return s
}

// comparedStream is an audit that was compared with an earlier one.
func comparedStream() stream {
	s := auditStream()
	known := ruleUnknown.Finding(finding.Where{Path: "old.py"}.Line1(1, 1), "torch.load is called without weights_only")
	known.Known = true
	s.findings = append(s.findings, known)
	s.summary.Baseline = &finding.Baseline{
		Report: "before.json", Known: 1, New: 4,
		Gone: []finding.Finding{ruleUnknown.Finding(finding.Where{Path: "gone.py"}.Line1(7, 1), "torch.load is called without weights_only")},
	}
	return s
}

// codeStream is of a run over code, which looks at no models.
func codeStream() stream {
	s := stream{config: finding.Config{Tool: "andiron", Version: "0.1.0", Verb: "code scan", Paths: []string{"."}, FailOn: "high", Rules: 3}, summary: finding.Summary{Code: &finding.Code{Files: 2, Lines: 61}}}
	s.findings = auditStream().findings
	return s
}

// waivedStream has findings that somebody answers for, beside one that nobody does.
func waivedStream() stream {
	answered := func(f finding.Finding) finding.Finding {
		f.Waived = &finding.Waiver{Rule: f.Rule, Owner: "alice@example.com", Reason: "reviewed in change 4711", Expires: "2027-01-31"}
		return f
	}
	imports := func(path string, offset int64, name string) finding.Finding {
		return ruleUnknown.Finding(at(path, "").At(offset), "loading this file would import mymodel."+name, "GLOBAL mymodel "+name)
	}
	return stream{
		config: scanConfig("models"),
		artifacts: []finding.Artifact{
			{
				Path: "models/both.ckpt", Format: "pickle", Size: 100, Verdict: finding.Unknown,
				Findings: []finding.Finding{imports("models/both.ckpt", 4, "Net"), answered(imports("models/both.ckpt", 2, "Layer"))},
			},
			{
				Path: "models/own.ckpt", Format: "pickle", Size: 100, Verdict: finding.Safe,
				Findings: []finding.Finding{answered(imports("models/own.ckpt", 2, "Net")), answered(imports("models/own.ckpt", 4, "Layer"))},
			},
		},
		findings: []finding.Finding{answered(ruleCommand.Finding(finding.Where{Path: "train.py"}.Line1(3, 1), "train.py runs a command"))},
	}
}

// nasty is text that would act on whoever reads it unescaped.
const nasty = "a\x1b[31m\n`|](x) @octocat #1 <script>alert(1)</script> \u202egpj.exe \u200b\xff{0} [t](http://e.invalid) $(id) \u3164\U000e0041"

func hostileStream() stream {
	path := nasty + "/m.pt"
	return stream{
		config: scanConfig(nasty),
		artifacts: []finding.Artifact{
			{
				Path: path, Format: nasty, Size: 1, Verdict: finding.Dangerous,
				Findings: []finding.Finding{
					ruleCommand.Finding(at(path, nasty).At(1<<62), nasty, nasty, strings.Repeat(nasty, 20)),
					{
						Rule: "XYZ999", Severity: finding.Low, Outcome: finding.Present, Strategy: finding.TrustedSources, Message: strings.Repeat("\u202e", 700), Where: at(path, ""), Fix: nasty,
						Flow:  []finding.Step{{Where: at(nasty, nasty), Text: nasty}, {Text: strings.Repeat(nasty, 20)}},
						Edits: []finding.Edit{{Line: 1, Column: 1, EndLine: 2, EndColumn: 1, Text: nasty}, {Line: 1 << 30, Column: 1, EndLine: 1 << 30, EndColumn: 1}},
					},
				},
			},
			{Path: "a:b/c d%.pt", Format: "pickle", Size: 0, Verdict: finding.Framework},
			{Path: "/abs/x.pt", Format: "pickle", Size: 1 << 62, Verdict: finding.Safe},
		},
		packages: []finding.Dependency{
			{Package: finding.Package{Name: nasty, Version: nasty, PURL: nasty}, Status: finding.Unauditable, Reason: nasty, Where: at(path, "")},
			{Package: finding.Package{Name: nasty}, Status: finding.MayResolve, Requested: nasty, Advisories: []string{nasty}, Where: at(path, "")},
		},
		findings: []finding.Finding{
			hostileAdvisory(path, nasty), hostileAdvisory(path, ""),
			ruleLoads.Finding(at(nasty, ""), nasty, nasty),
			{Rule: "XYZ998", Severity: finding.High, Outcome: finding.Present, Strategy: finding.TrustedSources, Message: "waived", Waived: &finding.Waiver{Rule: nasty, Owner: nasty, Reason: nasty, Expires: "2027-01-31"}},
		},
		posture: []finding.Posture{{
			Strategy: finding.TrustedSources, Title: nasty, Text: nasty, Impact: nasty, Status: finding.Missing, Reason: nasty,
			Threats: []finding.Threat{{Name: nasty}},
			Missing: []finding.Evidence{{Text: nasty, Where: at(nasty, nasty), Fix: nasty}},
		}},
		summary: finding.Summary{Incomplete: true, Reasons: []string{nasty}, Database: nasty},
	}
}

func floodStream() stream {
	s := stream{config: scanConfig("big")}
	for i := range 100 {
		path := fmt.Sprintf("big/%03d.pt", i)
		a := finding.Artifact{Path: path, Format: "pickle", Size: int64(i), Verdict: finding.Unknown}
		for j := range 12 {
			a.Findings = append(a.Findings, ruleUnknown.Finding(at(path, "").At(int64(j)), fmt.Sprintf("loading this file would import mod%d.Name", j)))
		}
		s.artifacts = append(s.artifacts, a, finding.Artifact{Path: path + ".safetensors", Format: "safetensors"})
	}
	return s
}

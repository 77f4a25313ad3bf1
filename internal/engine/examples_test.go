package engine_test

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/opreport"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/rule"
)

// example is what a rule fires on, and the nearest honest thing that it does not.
type example struct{ fires, quiet scene }

// scene is what is scanned, in a folder of its own.
type scene struct {
	files   map[string]string // name -> content
	prepare func(t *testing.T, dir string, opt *engine.Options)
	named   []string // what is scanned, by name; nil is the folder
	// verdict is the worst that a near miss may be judged. The zero value stands
	// for framework: most near misses are honest files.
	verdict   finding.Verdict
	audit     bool                                  // as a project, with its code
	operators bool                                  // for its operators
	tested    *opreport.Result                      // what running its operators gave
	depends   bool                                  // for what it depends on
	schema    string                                // that the files are held against, each as a request
	set       func(t *testing.T) engine.DataOptions // that the files are one data set for
}

// file is a scene of one file that is named on the command line.
func file(name string, content []byte) scene {
	return scene{files: map[string]string{name: string(content)}, named: []string{name}}
}

// folder is a scene of names and contents, walked.
func folder(pairs ...string) scene {
	s := scene{files: map[string]string{}}
	for i := 0; i < len(pairs); i += 2 {
		s.files[pairs[i]] = pairs[i+1]
	}
	return s
}

// judged sets the worst verdict of a near miss.
func (s scene) judged(v finding.Verdict) scene { s.verdict = v; return s }

// with adds what files alone do not say.
func (s scene) with(prepare func(t *testing.T, dir string, opt *engine.Options)) scene {
	s.prepare = prepare
	return s
}

// allExamples has one entry for each rule of the catalogue.
func allExamples(t *testing.T) map[string]example {
	t.Helper()
	all := map[string]example{}
	for _, part := range []map[string]example{
		pickleExamples(), zipExamples(), torchExamples(), scriptExamples(), exportExamples(),
		formatExamples(), arrayExamples(), otherExamples(), folderExamples(), engineExamples(), codeExamples(), trustExamples(t), depsExamples(), tensorExamples(t), dataExamples(t), opsExamples(),
	} {
		for id, e := range part {
			if _, twice := all[id]; twice {
				t.Errorf("two examples for %s", id)
			}
			all[id] = e
		}
	}
	return all
}

// TestEveryRuleHasExamples: the real engine finds each rule's example, and not
// its near miss.
func TestEveryRuleHasExamples(t *testing.T) {
	rules, err := engine.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	examples := allExamples(t)
	for _, id := range slices.Sorted(maps.Keys(examples)) {
		if rules.Find(id) == nil {
			t.Errorf("an example for %s, which is no rule", id)
		}
	}
	for _, r := range rules {
		e, ok := examples[r.ID]
		if !ok {
			t.Errorf("%s has no example", r.ID)
			continue
		}
		t.Run(r.ID, func(t *testing.T) {
			t.Parallel()
			checkFires(t, r, look(t, e.fires, rules))
			checkQuiet(t, r, e.quiet, look(t, e.quiet, rules))
		})
	}
}

// TestNamesStay: what is found in the example of a rule is called the same when every
// line of the project moves.
func TestNamesStay(t *testing.T) {
	rules, err := engine.Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	for id, e := range allExamples(t) {
		s := e.fires
		if !s.audit && !s.operators && !s.depends || id == "OPS099" { // that is about the very bytes that were tested
			continue
		}
		looked++
		dir := t.TempDir()
		before := lookIn(t, dir, s, rules).names()
		s.files = maps.Clone(s.files)
		for name, content := range s.files {
			if slices.Contains([]string{".py", ".txt", ".toml", ".yaml", ".sh", ".cpp", ".cu", ".h"}, filepath.Ext(name)) && content != "" {
				s.files[name] = "\n" + content
			}
		}
		if diff := cmp.Diff(before, lookIn(t, dir, s, rules).names()); diff != "" {
			t.Errorf("%s, after every line moved:\n%s", id, diff)
		}
	}
	if looked < 100 {
		t.Errorf("only %d examples have lines", looked)
	}
}

// checkFires holds a run against what a finding of the rule must do.
func checkFires(t *testing.T, r *rule.Rule, got *seen) {
	t.Helper()
	found, undetermined := false, false
	for _, a := range got.artifacts {
		for _, f := range a.Findings {
			if f.Rule != r.ID {
				continue
			}
			found, undetermined = true, undetermined || f.Outcome == finding.Undetermined
			if a.Verdict < r.Verdict || f.Outcome == finding.Undetermined && a.Verdict < finding.Unreadable {
				t.Errorf("fires, and %s is %s, want at least %s", a.Path, a.Verdict, r.Verdict)
			}
		}
	}
	for _, f := range got.loose {
		if f.Rule == r.ID {
			found, undetermined = true, undetermined || f.Outcome == finding.Undetermined
		}
	}
	if !found {
		t.Errorf("does not fire: %s", got)
		return
	}
	if unreadable := r.Verdict == finding.Unreadable || slices.Contains(notKnown, r.ID); unreadable != undetermined {
		t.Errorf("the rule's verdict is %s, but a finding that is undetermined: %v", r.Verdict, undetermined)
	}
	if undetermined && !got.summary.Incomplete {
		t.Error("something could not be looked at, and the run is not incomplete")
	}
}

func checkQuiet(t *testing.T, r *rule.Rule, s scene, got *seen) {
	t.Helper()
	for _, f := range got.all() {
		if f.Rule == r.ID {
			t.Errorf("the near miss fires: %s %s", f.Where, f.Message)
		}
	}
	most := max(s.verdict, finding.Framework)
	for _, a := range got.artifacts {
		if a.Verdict > most {
			t.Errorf("the near miss %s is %s, want at most %s: %s", a.Path, a.Verdict, most, got)
		}
	}
	if got.summary.Artifacts+got.summary.Other+len(got.packages) == 0 && (got.summary.Tensors == nil || got.summary.Tensors.Tensors == 0) {
		t.Error("the near miss was not looked at")
	}
}

// look makes a scene and scans it.
func look(t *testing.T, s scene, rules rule.Catalogue) *seen {
	t.Helper()
	return lookIn(t, t.TempDir(), s, rules)
}

func lookIn(t *testing.T, dir string, s scene, rules rule.Catalogue) *seen {
	t.Helper()
	for name, content := range s.files {
		put(t, dir, name, content)
	}
	opt := engine.Options{Jobs: 1, Judge: func(fs []finding.Finding) finding.Verdict { return policy.Verdict(fs, rules) }}
	if s.prepare != nil {
		s.prepare(t, dir, &opt)
	}
	paths := []string{dir}
	if s.named != nil {
		paths = nil
	}
	for _, name := range s.named {
		paths = append(paths, filepath.Join(dir, name))
	}
	var got seen
	var err error
	switch {
	case s.audit:
		err = engine.Audit(t.Context(), dir, opt, &got)
	case s.tested != nil:
		err = engine.Tested(t.Context(), dir, opt, &got, func(func(finding.Progress)) (*opreport.Result, error) { return s.tested, nil })
	case s.operators:
		err = engine.Operators(t.Context(), dir, opt, &got)
	case s.depends:
		err = engine.Dependencies(t.Context(), collect(t, dir, paths), engine.Vulnerabilities|engine.Pins|engine.Updates, opt, &got)
	case s.set != nil:
		d := s.set(t)
		for _, p := range paths {
			d.Files = append(d.Files, engine.TensorFile{Path: p})
		}
		err = engine.Data(t.Context(), d, opt, &got)
	case s.schema != "":
		err = engine.Tensors(t.Context(), schemaOf(t, s.schema), requestsOf(paths), opt, &got)
	default:
		err = engine.Scan(t.Context(), paths, opt, &got)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &got
}

func put(t *testing.T, dir, name, content string) {
	t.Helper()
	p := filepath.Join(dir, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// seen keeps what is in a stream.
type seen struct {
	artifacts []finding.Artifact
	loose     []finding.Finding
	packages  []finding.Dependency
	summary   finding.Summary
}

func (*seen) Config(finding.Config) error     { return nil }
func (*seen) Progress(finding.Progress) error { return nil }
func (*seen) Posture(finding.Posture) error   { return nil }
func (s *seen) Dependency(d finding.Dependency) error {
	s.packages = append(s.packages, d)
	return nil
}

func (s *seen) Artifact(a finding.Artifact) error { s.artifacts = append(s.artifacts, a); return nil }
func (s *seen) Finding(f finding.Finding) error   { s.loose = append(s.loose, f); return nil }
func (s *seen) Summary(sum finding.Summary) error { s.summary = sum; return nil }

func (s *seen) all() []finding.Finding {
	fs := slices.Clone(s.loose)
	for _, a := range s.artifacts {
		fs = append(fs, a.Findings...)
	}
	return fs
}

func (s *seen) names() (list []string) {
	for _, f := range s.all() {
		list = append(list, f.Names()[0])
	}
	slices.Sort(list)
	return list
}

func (s *seen) String() string {
	var lines []string
	for _, a := range s.artifacts {
		lines = append(lines, filepath.Base(a.Path)+" "+a.Format+" "+a.Verdict.String())
	}
	for _, f := range s.all() {
		line := f.Rule + " " + string(f.Outcome) + " " + f.Where.Member + " " + f.Message
		lines = append(lines, line)
	}
	return strings.Join(lines, "\n\t")
}

package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/model"
	"github.com/andiron-dev/andiron/internal/rule"
)

var evil = &rule.Rule{ID: "PKL999", Title: "evil", Strategy: finding.SafeSerialization, Severity: finding.Critical, Verdict: finding.Dangerous}

// fakeLook judges a file by its first line.
func fakeLook(ctx context.Context, a *artifact.Artifact, _ model.Options, report func(finding.Finding)) (model.Facts, error) {
	b, err := bounded.ReadAll(io.NewSectionReader(a.ReaderAt(), 0, a.Size()), 1<<20)
	if err != nil {
		return model.Facts{}, err
	}
	is := model.Facts{Format: "fake", Model: true}
	switch word, _, _ := strings.Cut(string(b), "\n"); word {
	case "safe":
		return is, nil
	case "slow":
		time.Sleep(3 * time.Millisecond)
		return is, nil
	case "evil":
		report(evil.Finding(finding.Where{Path: a.Name()}.At(9), "b"))
		report(evil.Finding(finding.Where{Path: a.Name()}.At(1), "a"))
		return is, nil
	case "panic":
		panic("index out of range")
	case "error":
		return is, errors.New("disk on fire")
	case "block":
		<-ctx.Done()
		return is, ctx.Err()
	}
	return model.Facts{}, nil
}

func noFolder(context.Context, []artifact.Entry, func(artifact.Entry) (*artifact.Artifact, error), model.Options, func(finding.Finding)) error {
	return nil
}

// recorder writes the stream down, one line for each message.
type recorder struct {
	lines   []string
	summary *finding.Summary
	fail    string // the message that gives an error
	last    string
	on      func(finding.Artifact)
}

func (r *recorder) add(kind, text string) error {
	r.last = kind
	if kind != "progress" {
		r.lines = append(r.lines, strings.TrimSpace(kind+" "+text))
	}
	if kind == r.fail {
		return errors.New("no room on the device")
	}
	return nil
}

func (r *recorder) Config(finding.Config) error           { return r.add("config", "") }
func (r *recorder) Progress(finding.Progress) error       { return r.add("progress", "") }
func (r *recorder) Finding(f finding.Finding) error       { return r.add("finding", line(f)) }
func (r *recorder) Dependency(d finding.Dependency) error { return r.add("dependency", d.Name) }
func (r *recorder) Posture(p finding.Posture) error       { return r.add("posture", string(p.Strategy)) }

func (r *recorder) Artifact(a finding.Artifact) error {
	if r.on != nil {
		r.on(a)
	}
	words := []string{a.Path, a.Format, a.Verdict.String()}
	for _, f := range a.Findings {
		words = append(words, "["+line(f)+"]")
	}
	return r.add("artifact", strings.Join(words, " "))
}

func (r *recorder) Summary(s finding.Summary) error {
	r.summary = &s
	return r.add("summary", strings.Join(s.Reasons, ", "))
}

func line(f finding.Finding) string {
	s := f.Rule + " " + f.Where.String()
	if f.Outcome == finding.Undetermined {
		s += " undetermined"
	}
	return s
}

func judge(fs []finding.Finding) finding.Verdict {
	v := finding.Safe
	for _, f := range fs {
		if f.Outcome == finding.Undetermined {
			v = max(v, finding.Unreadable)
		} else if f.Rule == evil.ID {
			v = finding.Dangerous
		}
	}
	return v
}

func options() Options {
	return Options{Judge: judge, Jobs: 4, look: fakeLook, lookFolder: noFolder}
}

// tree makes a folder of files, changes into it, and returns nothing else.
func tree(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	for name, text := range files {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func scan(t *testing.T, opt Options, paths ...string) *recorder {
	t.Helper()
	r := &recorder{}
	if err := Scan(t.Context(), paths, opt, r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestScan(t *testing.T) {
	tree(t, map[string]string{
		"m/b.pt": "safe", "m/a.pt": "evil", "m/readme": "text", "m/sub/x.pt": "panic", "m/sub.pt": "error",
		"m/__pycache__/y.pt": "evil", "named.txt": "text", "other/a.pt": "safe",
	})
	for name, target := range map[string]string{"m/dead.pt": "nowhere", "m/folder": "sub", "m/loop": "loop"} {
		if err := os.Symlink(target, name); err != nil {
			t.Fatal(err)
		}
	}
	got := scan(t, options(), "other/", "named.txt", "./m", "none.pt")
	want := []string{
		"config",
		"artifact m/a.pt fake dangerous [PKL999 m/a.pt@0x1] [PKL999 m/a.pt@0x9]",
		"artifact m/b.pt fake safe",
		"finding FMT905 m/dead.pt undetermined",
		"finding FMT905 m/loop undetermined",
		"artifact m/sub.pt fake unreadable [FMT902 m/sub.pt undetermined]",
		"artifact m/sub/x.pt unrecognised unreadable [FMT903 m/sub/x.pt undetermined]",
		"finding FMT906 m",
		"finding FMT907 m",
		"artifact named.txt unrecognised unreadable [FMT901 named.txt undetermined]",
		"artifact none.pt unrecognised unreadable [FMT902 none.pt undetermined]",
		"artifact other/a.pt fake safe",
		"summary 2 other places could not be looked at, 4 artifacts could not be looked at in full",
	}
	if diff := cmp.Diff(want, got.lines); diff != "" {
		t.Errorf("stream (-want +got):\n%s", diff)
	}
	if s := got.summary; s.Artifacts != 7 || s.Other != 1 || !s.Incomplete || s.Verdicts[finding.Unreadable] != 4 || s.Severities[finding.Critical] != 2 {
		t.Errorf("summary = %+v", s)
	}
}

func TestCleanScan(t *testing.T) {
	tree(t, map[string]string{"m/b.pt": "safe", "m/readme": "text"})
	got := scan(t, options(), "m")
	if diff := cmp.Diff([]string{"config", "artifact m/b.pt fake safe", "summary"}, got.lines); diff != "" {
		t.Errorf("stream (-want +got):\n%s", diff)
	}
	if got.summary.Incomplete || got.summary.Other != 1 {
		t.Errorf("summary = %+v", got.summary)
	}
}

func TestOrderDoesNotDependOnJobs(t *testing.T) {
	files := map[string]string{}
	for i := range 60 {
		files[fmt.Sprintf("m/%d/%02d.pt", i%7, i)] = []string{"slow", "safe", "evil", "panic", "text"}[i%5]
	}
	tree(t, files)
	opt := options()
	opt.Jobs = 1
	want := scan(t, opt, "m").lines
	if !slices.ContainsFunc(want, func(s string) bool { return strings.HasPrefix(s, "artifact m/0/00.pt") }) {
		t.Fatalf("stream = %q", want)
	}
	for _, opt.Jobs = range []int{2, 8, 32} {
		if diff := cmp.Diff(want, scan(t, opt, "m").lines); diff != "" {
			t.Fatalf("jobs %d (-want +got):\n%s", opt.Jobs, diff)
		}
	}
}

func TestOverlappingPaths(t *testing.T) {
	tree(t, map[string]string{"m/a.pt": "safe", "m/sub/b.txt": "text", "m/__pycache__/c.pt": "safe"})
	got := scan(t, options(), "m", "m/sub", "m/sub/b.txt", "m/a.pt", "m/__pycache__")
	want := []string{
		"config",
		"artifact m/a.pt fake safe",
		"artifact m/sub/b.txt unrecognised unreadable [FMT901 m/sub/b.txt undetermined]",
		"finding FMT906 m",
		"artifact m/__pycache__/c.pt fake safe",
		"summary 1 artifact could not be looked at in full",
	}
	slices.Sort(want[1:5])
	slices.Sort(got.lines[1 : len(got.lines)-1])
	if diff := cmp.Diff(want, got.lines); diff != "" {
		t.Errorf("stream (-want +got):\n%s", diff)
	}
}

func TestPanicSaysWhere(t *testing.T) {
	tree(t, map[string]string{"x.pt": "panic"})
	var evidence []string
	r := &recorder{on: func(a finding.Artifact) { evidence = a.Findings[0].Evidence }}
	if err := Scan(t.Context(), []string{"x.pt"}, options(), r); err != nil {
		t.Fatal(err)
	}
	if len(evidence) != 2 || evidence[0] != "panic: index out of range" || !strings.Contains(evidence[1], "engine.fakeLook (engine_test.go:") {
		t.Errorf("evidence = %q", evidence)
	}
}

func TestStdin(t *testing.T) {
	tree(t, map[string]string{"-": "safe"})
	opt := options()
	opt.Stdin = strings.NewReader("evil")
	got := scan(t, opt, "-", "-")
	want := []string{"config", "artifact - fake dangerous [PKL999 -@0x1] [PKL999 -@0x9]", "summary"}
	if diff := cmp.Diff(want, got.lines); diff != "" {
		t.Errorf("stdin (-want +got):\n%s", diff)
	}
	opt.Stdin, opt.StdinLimit = strings.NewReader("evil"), 3
	if got := scan(t, opt, "-").lines[1]; !strings.Contains(got, "unreadable [FMT902") {
		t.Errorf("over the limit: %s", got)
	}
}

func TestChangedWhileRead(t *testing.T) {
	tree(t, map[string]string{"x.pt": "safe", "y.pt": "safe"})
	opt := options()
	opt.look = func(_ context.Context, a *artifact.Artifact, _ model.Options, _ func(finding.Finding)) (model.Facts, error) {
		if a.Name() == "x.pt" {
			if err := os.WriteFile("x.pt", []byte("evil now"), 0o644); err != nil {
				return model.Facts{}, err
			}
		}
		return model.Facts{Format: "fake", Model: true}, nil
	}
	got := scan(t, opt, "x.pt", "y.pt").lines
	if got[1] != "artifact x.pt fake unreadable [FMT904 x.pt undetermined]" || got[2] != "artifact y.pt fake safe" {
		t.Errorf("stream = %q", got)
	}
}

func TestSHA256(t *testing.T) {
	tree(t, map[string]string{"x.pt": "safe"})
	opt := options()
	opt.SHA256 = true
	var sum string
	r := &recorder{on: func(a finding.Artifact) { sum = a.SHA256 }}
	if err := Scan(t.Context(), []string{"x.pt"}, opt, r); err != nil {
		t.Fatal(err)
	}
	if want := "8b3369944dd2a3fab39e32d1aeb1f763946a458ae3e6368a46432adc8f3a0860"; sum != want {
		t.Errorf("SHA256 = %q", sum)
	}
}

func TestFolderRoom(t *testing.T) {
	tree(t, map[string]string{"m/a.pt": "safe", "m/config.json": "{}", "m/sub/x": "text"})
	opt := options()
	opt.lookFolder = func(_ context.Context, files []artifact.Entry, open func(artifact.Entry) (*artifact.Artifact, error), _ model.Options, report func(finding.Finding)) error {
		if len(files) != 2 {
			panic("a file is missing")
		}
		a, err := open(files[1])
		if err != nil {
			return err
		}
		report(evil.Finding(finding.Where{Path: a.Name()}, "remote code"))
		return errors.Join(a.Close(), errors.New("half"))
	}
	want := []string{
		"config",
		"finding FMT902 m undetermined",
		"finding PKL999 m/config.json",
		"artifact m/a.pt fake safe",
		"finding FMT903 m/sub undetermined",
		"summary 2 other places could not be looked at",
	}
	if diff := cmp.Diff(want, scan(t, opt, "m").lines); diff != "" {
		t.Errorf("stream (-want +got):\n%s", diff)
	}
}

// An interrupted run keeps what was complete, says so and returns.
func TestInterrupted(t *testing.T) {
	tree(t, map[string]string{"m/a.pt": "safe", "m/b.pt": "block", "m/c.pt": "block", "m/d.pt": "safe"})
	ctx, cancel := context.WithCancel(t.Context())
	r := &recorder{on: func(finding.Artifact) { cancel() }}
	if err := Scan(ctx, []string{"m"}, options(), r); err != nil {
		t.Fatal(err)
	}
	if r.summary == nil || !r.summary.Incomplete || !slices.Contains(r.summary.Reasons, Interrupted) {
		t.Errorf("summary = %+v", r.summary)
	}
	if len(r.lines) < 3 || r.lines[1] != "artifact m/a.pt fake safe" || strings.Contains(strings.Join(r.lines, " "), "b.pt") {
		t.Errorf("stream = %q", r.lines)
	}
}

func TestInterruptedWaitingForStdin(t *testing.T) {
	in, out := io.Pipe()
	defer func() { _ = out.Close() }()
	opt := options()
	opt.Stdin = in
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	r := &recorder{}
	if err := Scan(ctx, []string{"-"}, opt, r); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(r.summary.Reasons, []string{Interrupted}) {
		t.Errorf("reasons = %q", r.summary.Reasons)
	}
}

// An error of a handler ends the run, without a summary and without a goroutine
// left to wait for.
func TestHandlerError(t *testing.T) {
	files := map[string]string{}
	for i := range 2 * ahead {
		files[fmt.Sprintf("m/%04d.pt", i)] = "safe"
	}
	tree(t, files)
	for _, fail := range []string{"config", "progress", "artifact", "summary"} {
		r := &recorder{fail: fail}
		err := Scan(t.Context(), []string{"m"}, options(), r)
		if err == nil || r.last != fail {
			t.Errorf("%s: error %v after %s", fail, err, r.last)
		}
	}
}

func TestJobsBoundsWork(t *testing.T) {
	files := map[string]string{}
	for i := range 40 {
		files[fmt.Sprintf("m/%02d.pt", i)] = "slow"
	}
	tree(t, files)
	var now, most atomic.Int64
	opt := options()
	opt.Jobs = 3
	opt.look = func(ctx context.Context, a *artifact.Artifact, o model.Options, report func(finding.Finding)) (model.Facts, error) {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m; m = most.Load() {
			if most.CompareAndSwap(m, n) {
				break
			}
		}
		return fakeLook(ctx, a, o, report)
	}
	scan(t, opt, "m")
	if most.Load() > 3 {
		t.Errorf("%d at once", most.Load())
	}
}

func TestAudit(t *testing.T) {
	tree(t, map[string]string{"p/model.pt": "safe", "p/train.py": "import torch"})
	r := &recorder{}
	if err := Audit(t.Context(), "p", options(), r); err != nil {
		t.Fatal(err)
	}
	var postures []string
	for _, l := range r.lines {
		if s, ok := strings.CutPrefix(l, "posture "); ok {
			postures = append(postures, s)
		}
	}
	var want []string
	for _, s := range finding.Strategies() {
		want = append(want, string(s))
	}
	if diff := cmp.Diff(want, postures); diff != "" {
		t.Errorf("postures (-want +got):\n%s", diff)
	}
	if r.last != "summary" {
		t.Errorf("last message is %s", r.last)
	}
}

func TestCatalogue(t *testing.T) {
	all, err := Catalogue()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range Rules {
		if all.Find(r.ID) != r {
			t.Errorf("%s is not in the catalogue", r.ID)
		}
	}
}

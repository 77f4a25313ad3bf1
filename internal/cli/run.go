package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/report"
	"github.com/andiron-dev/andiron/internal/rule"
)

// stream is engine.Scan or engine.Audit with its paths.
type stream func(ctx context.Context, opt engine.Options, h finding.Handler) error

// run wires one stream: engine to policy, report and progress.
func (a *app) run(ctx context.Context, cmd *cobra.Command, f *runFlags, project string, paths []string, look stream) error {
	rules, err := engine.Catalogue()
	if err != nil {
		return fmt.Errorf("internal error: %w", err)
	}
	pol, err := a.policy(cmd, f, project)
	if err != nil {
		return err
	}
	out, err := openOutput(f.output, a.stdout)
	if err != nil {
		return err
	}
	config := finding.Config{
		Tool: "andiron", Version: version(), Verb: cmd.Name(), Paths: slashed(paths),
		FailOn: pol.FailOn.String(), Rules: len(rules),
	}
	judge := policy.NewJudge(pol, cmd.Name(), rules)
	h, err := a.handlers(f, out, judge, rules)
	if err == nil {
		opt := f.engine(config, pol, rules, a.stdin)
		opt.Walk.Except = out.files()
		err = look(ctx, opt, h)
	}
	if err != nil {
		out.abandon()
		return fmt.Errorf("the report cannot be written: %w", plain(err))
	}
	if err := out.finish(); err != nil {
		return err
	}
	if a.code = judge.ExitCode(); ctx.Err() != nil {
		// What was found before the interruption depends on when it came.
		a.code = policy.ExitIncomplete
	}
	return nil
}

func (f *runFlags) engine(config finding.Config, pol policy.Policy, rules rule.Catalogue, stdin io.Reader) engine.Options {
	return engine.Options{
		Config: config,
		Judge:  func(fs []finding.Finding) finding.Verdict { return policy.Verdict(fs, rules) },
		Model:  f.limits.over(pol.Limits),
		Walk:   artifact.WalkOptions{Everything: f.everything},
		Jobs:   int(f.jobs), SHA256: f.sha256, Stdin: stdin,
	}
}

// handlers puts together who listens. The progress bar comes first, because it
// makes room before the report writes to the same terminal.
func (a *app) handlers(f *runFlags, out *output, judge *policy.Judge, rules rule.Catalogue) (finding.Handler, error) {
	terminal := out.file == nil && isTerminal(a.stdout)
	color := f.color.value == "always" || f.color.value == "auto" && terminal && a.getenv("NO_COLOR") == ""
	width := 0 // a file and a pipe have none
	if terminal {
		width = columns(a.stdout)
	}
	rep, err := report.New(f.format.value, out, report.Options{
		Color: color, Quiet: f.quiet, Catalogue: rules, Version: version(), Width: width,
	})
	if err != nil {
		return nil, err
	}
	list := []finding.Handler{rep, judge}
	if !f.noProgress && !f.quiet && isTerminal(a.stderr) {
		list = append([]finding.Handler{newProgress(a.stderr, terminal, columns(a.stderr))}, list...)
	}
	if terminal || f.format.value == "jsonl" {
		list = append(list, flusher{out})
	}
	return finding.Tee(list...), nil
}

// policy lays the flags over the policy file.
func (a *app) policy(cmd *cobra.Command, f *runFlags, project string) (policy.Policy, error) {
	pol, name, err := projectPolicy(f.policy, project)
	if err != nil {
		return pol, err
	}
	if cmd.Flags().Changed("fail-on") {
		pol.FailOn, err = policy.ParseLevel(f.failOn.value)
	} else if pol.FailOn.String() == "none" {
		a.warn(fmt.Sprintf("policy %q sets fail_on to none: no finding fails this run", name))
	}
	return pol, err
}

// projectPolicy reads the policy file that was named, or the project's if it has
// one, and says which that is.
func projectPolicy(named, project string) (pol policy.Policy, name string, err error) {
	if name = named; name == "" {
		name = filepath.Join(project, policy.FileName)
	}
	pol, err = readPolicy(name)
	if errors.Is(err, fs.ErrNotExist) && named == "" {
		err = nil
	}
	if err != nil {
		err = usage("policy "+err.Error(), "")
	}
	return pol, name, err
}

const policyLimit = 1 << 20

func readPolicy(name string) (policy.Policy, error) {
	file, err := artifact.Open(name, name)
	if err != nil {
		return policy.Policy{}, err
	}
	b, err := bounded.ReadRange(file.ReaderAt(), file.Size(), 0, file.Size(), policyLimit)
	if err = errors.Join(err, file.Close()); err != nil {
		return policy.Policy{}, err
	}
	pol, err := policy.Parse(b)
	if err != nil {
		return pol, fmt.Errorf("%q: %w", name, err)
	}
	return pol, nil
}

// flusher shows what was found as it is found.
type flusher struct{ out *output }

func (f flusher) Config(finding.Config) error     { return f.out.Flush() }
func (f flusher) Progress(finding.Progress) error { return nil }
func (f flusher) Artifact(finding.Artifact) error { return f.out.Flush() }
func (f flusher) Finding(finding.Finding) error   { return f.out.Flush() }
func (f flusher) Posture(finding.Posture) error   { return nil }
func (f flusher) Summary(finding.Summary) error   { return f.out.Flush() }

func slashed(paths []string) []string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = filepath.ToSlash(filepath.Clean(p))
	}
	return out
}

// folder complains about a path that is not one.
func folder(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return usage(fmt.Sprintf("%q: %v", path, plain(err)), "")
	}
	if !info.IsDir() {
		return usage(fmt.Sprintf("%q is not a folder", path), "for one model file: andiron scan "+path)
	}
	return nil
}

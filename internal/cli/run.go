package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/digest"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/report"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/internal/trust"
)

// stream is engine.Scan or engine.Audit with its paths.
type stream func(ctx context.Context, opt engine.Options, h finding.Handler) error

// run wires one stream: engine to policy, report and progress.
func (a *app) run(ctx context.Context, cmd *cobra.Command, f *runFlags, project string, paths []string, look stream) error {
	rules, err := engine.Catalogue()
	if err != nil {
		return fmt.Errorf("internal error: %w", err)
	}
	proj, err := a.project(cmd, f, project, rules)
	if err != nil {
		return err
	}
	pol, now := proj.policy, trust.Now()
	room, err := a.room(f, &proj, now)
	if err != nil {
		return err
	}
	defer closeRoom(room)
	out, err := openOutput(f.output, a.stdout)
	if err != nil {
		return err
	}
	config := finding.Config{
		Tool: "andiron", Version: version(), Verb: verbOf(cmd), Paths: slashed(paths),
		FailOn: pol.FailOn.String(), Rules: len(rules),
	}
	judge := policy.NewJudge(pol, config.Verb, rules)
	h, err := a.handlers(f, out, judge, rules)
	if err == nil {
		opt := a.engineOptions(f, config, &proj, room, rules, now)
		opt.Walk.Except = out.files()
		err = look(ctx, opt, h)
		a.keep(opt.Digests)
	}
	if f, ok := errors.AsType[*fault](err); ok {
		out.abandon()
		return f
	}
	if err != nil {
		out.abandon()
		return fmt.Errorf("the report cannot be written: %w", osfile.Cause(err))
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

// engineOptions are those that flags and the project decide.
func (a *app) engineOptions(f *runFlags, config finding.Config, p *project, room *trust.Room, rules rule.Catalogue, now time.Time) engine.Options {
	opt := f.engine(config, p.policy, rules, a.stdin)
	opt.Model.Spilled = a.heap.tighten
	opt.Project, opt.Policy, opt.Trust, opt.Waivers = p.root, p.policyName, room, p.waivers(now)
	opt.Supply, opt.Code, opt.Required = p.policy.Supply, p.policy.Code, p.policy.Required
	opt.Digests = a.digests(f)
	return opt
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

// project reads the project's files and lays the flags over its policy. The lock is
// read only by the verbs that are about the whole project.
func (a *app) project(cmd *cobra.Command, f *runFlags, root string, rules rule.Catalogue) (p project, err error) {
	if f.trusting == notAtAll {
		p = project{root: root}
		p.policy, p.policyName, err = projectPolicy(f.policy, root)
	} else {
		if p, err = openProject(root, f.policy, f.lock); err == nil {
			err = p.wantLock(f.lock)
		}
	}
	if err == nil {
		err = checkWaivers(p.policy, p.policyName, rules)
	}
	if err != nil {
		return p, err
	}
	if cmd.Flags().Changed("fail-on") {
		p.policy.FailOn, err = policy.ParseLevel(f.failOn.value)
	} else if p.policy.FailOn.String() == "none" {
		a.warn(fmt.Sprintf("policy %q sets fail_on to none: no finding fails this run", p.policyName))
	}
	return p, err
}

// room holds models against the project's lock and policy, for the verbs that do.
func (a *app) room(f *runFlags, p *project, now time.Time) (*trust.Room, error) {
	if f.trusting == notAtAll {
		return nil, nil //nolint:nilnil // a verb without a room
	}
	opt := p.options(now, verifyFor)
	opt.Check = f.trusting == everything
	return trust.New(opt)
}

func closeRoom(r *trust.Room) {
	if r != nil {
		_ = r.Close() // a folder that was only read
	}
}

// digests opens the cache of digests, unless the run is to do without.
func (a *app) digests(f *runFlags) *digest.Cache {
	if f.trusting == notAtAll || f.noCache {
		return nil
	}
	return digest.Open(digest.Private(a.getenv))
}

// keep saves the cache. One that cannot be saved costs time, not truth.
func (a *app) keep(c *digest.Cache) {
	if err := c.Save(); err != nil {
		a.warn(fmt.Sprintf("the cache of digests cannot be written: %v", osfile.Cause(err)))
	}
}

// verbOf is a verb as the user writes it: "trust check".
func verbOf(cmd *cobra.Command) string {
	_, verb, _ := strings.Cut(cmd.CommandPath(), " ")
	return verb
}

// projectPolicy reads the policy file that was named, or the project's if it has
// one, and says which that is; the name is empty where there is none.
func projectPolicy(named, project string) (pol policy.Policy, name string, err error) {
	if name = named; name == "" {
		name = filepath.Join(project, policy.FileName)
	}
	pol, err = readPolicy(name)
	if errors.Is(err, fs.ErrNotExist) && named == "" {
		return pol, "", nil
	}
	if err != nil {
		err = usage("policy "+err.Error(), policyForm)
	}
	return pol, name, err
}

func readPolicy(name string) (policy.Policy, error) {
	b, err := readSmall(name, smallLimit)
	if err != nil {
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

func (f flusher) Config(finding.Config) error         { return f.out.Flush() }
func (f flusher) Progress(finding.Progress) error     { return nil }
func (f flusher) Artifact(finding.Artifact) error     { return f.out.Flush() }
func (f flusher) Finding(finding.Finding) error       { return f.out.Flush() }
func (f flusher) Dependency(finding.Dependency) error { return nil }
func (f flusher) Posture(finding.Posture) error       { return nil }
func (f flusher) Summary(finding.Summary) error       { return f.out.Flush() }

func slashed(paths []string) []string {
	out := make([]string, len(paths))
	for i, p := range paths {
		out[i] = filepath.ToSlash(filepath.Clean(p))
	}
	return out
}

// folderOf is the folder that the arguments name, or another one.
func folderOf(args []string, otherwise string) (string, error) {
	if len(args) > 0 {
		otherwise = args[0]
	}
	return otherwise, folder(otherwise)
}

// completeFolders has a shell offer folders.
func completeFolders(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return nil, cobra.ShellCompDirectiveFilterDirs
}

// folder complains about a path that is not one.
func folder(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return usage(fmt.Sprintf("%q: %v", path, osfile.Cause(err)), "name a folder that is there")
	}
	if !info.IsDir() {
		return usage(fmt.Sprintf("%q is not a folder", path), "for one model file: andiron scan "+path)
	}
	return nil
}

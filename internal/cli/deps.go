package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/deps"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/pep508"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/report"
	"github.com/andiron-dev/andiron/internal/trust"
)

func (a *app) depsCommand() *cobra.Command {
	const verbs = "scan|check|lock|update|why|history"
	cmd := &cobra.Command{
		Use:   "deps " + verbs,
		Short: "Look after what a project depends on: vulnerabilities, pins, locks",
		Long: `Read what a project asks for, is bound to and has installed, without running or
resolving anything; only lock and update start the project's own tool, and say so. What
is read: requirements files, pyproject.toml, setup.cfg and setup.py, the
locks of uv, Poetry, PDM, Pipenv, pip (pylock.toml) and conda, environments, and the
pip lines of container files.`,
		Example: `  andiron deps scan
  andiron deps check
  andiron deps why urllib3`,
		RunE: func(_ *cobra.Command, args []string) error {
			const hint = "usage: andiron deps " + verbs
			if len(args) == 0 {
				return usage("deps: no verb given", hint)
			}
			return usage(fmt.Sprintf("deps: unknown verb %q", args[0]), hint)
		},
		Args: cobra.ArbitraryArgs,
	}
	cmd.AddCommand(a.depsScanCommand(), a.depsCheckCommand(), a.depsLockCommand(), a.depsUpdateCommand(), a.depsWhyCommand(), a.depsHistoryCommand())
	return cmd
}

// depsFlags are the flags of the verbs that report on dependencies.
type depsFlags struct {
	format, failOn, color choice
	output, policy, db    string
	quiet                 bool
}

func (f *depsFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.failOn.value = policy.Level{}.String()
	addChoice(cmd, &f.format, "format", "how to write the report", report.Formats()...)
	addChoice(cmd, &f.failOn, "fail-on", "exit 1 for a finding at or above this severity", policy.Levels()...)
	addChoice(cmd, &f.color, "color", "colours in text; auto is a terminal without NO_COLOR", "auto", "always", "never")
	flags.StringVarP(&f.output, "output", "o", "", "write the report to `FILE`, whole or not at all")
	flags.StringVar(&f.policy, "policy", "", "read the policy from `FILE` instead of "+policy.FileName)
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "in text, leave out what passes")
	flags.SortFlags = false
}

// run are the flags as the verbs that look at models have them.
func (f *depsFlags) run() *runFlags {
	return &runFlags{format: f.format, failOn: f.failOn, color: f.color, output: f.output, policy: f.policy, quiet: f.quiet, noProgress: true}
}

func (a *app) depsScanCommand() *cobra.Command {
	var f depsFlags
	cmd := &cobra.Command{
		Use:   "scan [PATH...]",
		Short: "Hold every package against the published vulnerabilities",
		Long: `Hold every package that a project depends on against the advisory database. PATH is
a folder, a file, or an environment with installed packages; the current folder if
not given.

Every package ends vulnerable, clean or unauditable. A local version such as
2.1.0+cu118 has the vulnerabilities of 2.1.0. A range that nothing pins is reported
as what it may resolve to. What no advisories cover, such as wheels of NVIDIA,
addresses and repositories, is unauditable, unless ` + policy.FileName + ` says who vouches for it.`,
		Example: `  andiron deps scan
  andiron deps scan --format sarif --output deps.sarif service/
  andiron deps scan .venv`,
		Args: wants("PATH", 0, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.dependencies(cmd, &f, args, engine.Vulnerabilities)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&f.db, "db", "", "hold against the advisory database `FILE`")
	return cmd
}

func (a *app) depsCheckCommand() *cobra.Command {
	var f depsFlags
	cmd := &cobra.Command{
		Use:   "check [PATH...]",
		Short: "Check that versions, files and their places are fixed",
		Long: `Check that everything a project depends on is pinned to the exact version, has a
hash for every file, and comes from the index that was meant; that torch and its
family fit each other; that no release is younger than its cooldown; and that
somebody went through the pins within a quarter. PATH is the current folder if not
given.`,
		Example: `  andiron deps check
  andiron deps check requirements.txt --fail-on medium`,
		Args: wants("PATH", 0, -1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.dependencies(cmd, &f, args, engine.Pins) },
	}
	f.add(cmd)
	return cmd
}

// dependencies is one run of scan or check.
func (a *app) dependencies(cmd *cobra.Command, f *depsFlags, paths []string, what engine.Aspect) error {
	ctx := cmd.Context()
	root, paths := projectOf(paths)
	rules, err := engine.Catalogue()
	if err != nil {
		return fmt.Errorf("internal error: %w", err)
	}
	run := f.run()
	proj, err := a.project(cmd, run, root, rules)
	if err != nil {
		return err
	}
	p, err := collect(ctx, root, paths)
	if err != nil {
		return err
	}
	now := trust.Now()
	held := &deps.Options{Policy: proj.policy.Supply, PolicyFile: filepath.ToSlash(proj.policyName), Now: now}
	if what&engine.Vulnerabilities != 0 {
		done, err := a.advisories(f.db, held)
		if err != nil {
			return err
		}
		defer done()
	}
	out, err := openOutput(f.output, a.stdout)
	if err != nil {
		return err
	}
	config := finding.Config{
		Tool: "andiron", Version: version(), Verb: verbOf(cmd), Paths: slashed(paths), FailOn: proj.policy.FailOn.String(), Rules: len(rules),
	}
	judge := policy.NewJudge(proj.policy, config.Verb, rules)
	h, err := a.handlers(run, out, judge, rules)
	if err == nil {
		opt := engine.Options{
			Config: config, Project: proj.root, Policy: proj.policyName, Waivers: proj.waivers(now), Deps: held,
			Whole: len(paths) == 1 && paths[0] == root,
		}
		err = engine.Dependencies(ctx, p, what, opt, h)
	}
	if err != nil {
		out.abandon()
		return fmt.Errorf("the report cannot be written: %w", plain(err))
	}
	if err := out.finish(); err != nil {
		return err
	}
	if a.code = judge.ExitCode(); ctx.Err() != nil {
		a.code = policy.ExitIncomplete
	}
	return nil
}

// projectOf is the folder that policy and waivers are about: the one that is looked
// at, or that of the file. Of several it is the current one.
func projectOf(paths []string) (root string, all []string) {
	if len(paths) == 0 {
		return ".", []string{"."}
	}
	if len(paths) > 1 {
		return ".", paths
	}
	if info, err := os.Stat(paths[0]); err == nil && !info.IsDir() {
		return filepath.Dir(paths[0]), paths
	}
	return paths[0], paths
}

func collect(ctx context.Context, root string, paths []string) (*deps.Project, error) {
	p, err := deps.Collect(ctx, root, paths)
	if unknown, ok := errors.AsType[*deps.UnknownError](err); ok {
		return nil, usage(unknown.Error(), "name a requirements file, a lock, a folder or an environment")
	}
	if pe, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, usage(fmt.Sprintf("%q: %v", pe.Path, pe.Err), "")
	}
	return p, err
}

func (a *app) depsWhyCommand() *cobra.Command {
	var format choice
	cmd := &cobra.Command{
		Use:   "why NAME [PATH...]",
		Short: "Say how a package came into a project",
		Long: `Show the ways from what the project asks for to a package, as its locks know them,
and every file that names it. Exit code 1 says that nothing does.`,
		Example: `  andiron deps why urllib3
  andiron deps why nvidia-cublas-cu12 service/`,
		Args: wants("NAME", 1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.why(cmd.Context(), args[0], args[1:], format.value)
		},
	}
	addChoice(cmd, &format, "format", "how to write the answer", "text", "json")
	return cmd
}

// wayJSON is one way to a package.
type wayJSON struct {
	File string   `json:"file"`
	Line int      `json:"line,omitempty"`
	Way  []string `json:"way"` // from what was asked for to the package
}

func (a *app) why(ctx context.Context, name string, paths []string, format string) error {
	root, paths := projectOf(paths)
	p, err := collect(ctx, root, paths)
	if err != nil {
		return err
	}
	ways := deps.Why(p, pep508.Normalize(name))
	for _, u := range p.Unread {
		a.warn(fmt.Sprintf("%s: %s", finding.Where{Path: u.Path}.Line1(u.Line, 0), u.Text))
	}
	switch {
	case len(ways) == 0 && len(p.Unread) > 0:
		a.code = policy.ExitIncomplete
	case len(ways) == 0:
		a.code = policy.ExitFindings
	}
	if format == "json" {
		list := []wayJSON{}
		for _, w := range ways {
			list = append(list, wayJSON{w.File, w.Line, w.Names})
		}
		return writeJSON(a.stdout, struct {
			Schema  string    `json:"schema"`
			Package string    `json:"package"`
			Ways    []wayJSON `json:"ways"`
		}{"andiron/why/v1", pep508.Normalize(name), list})
	}
	if len(ways) == 0 {
		return a.say(fmt.Sprintf("no file that was read names %s\n", name))
	}
	var b strings.Builder
	for _, w := range ways {
		fmt.Fprintf(&b, "%s: %s\n", finding.Where{Path: w.File}.Line1(w.Line, 0), strings.Join(w.Names, " -> "))
	}
	return a.say(b.String())
}

// advisories opens the database that packages are held against.
func (a *app) advisories(name string, to *deps.Options) (done func(), err error) {
	db, err := a.openDatabase(name)
	if err != nil {
		return nil, err
	}
	info := db.Info()
	to.Advisories = db
	to.Source = deps.Source{Date: time.Unix(info.Current, 0), Builtin: info.Builtin, Rejected: info.Rejected}
	if info.Builtin {
		to.Source.Name = builtinOnly
	} else {
		to.Source.Name = fmt.Sprintf("%s as of %s, %d records, digest %.12s", info.Source, to.Source.Date.UTC().Format("2006-01-02"), info.Records, info.Digest)
	}
	return db.close, nil
}

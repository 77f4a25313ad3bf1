package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/lockfile"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/relock"
	"github.com/andiron-dev/andiron/internal/safetext"
	"github.com/andiron-dev/andiron/internal/trust"
)

func (a *app) codeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "code scan",
		Short: "Hold Python code against the rules for PyTorch",
		Long: `Read Python code and notebooks, without Python and without running anything, and say
where they load, save, build or open what they should not.`,
		Example: `  andiron code scan`,
		RunE: func(_ *cobra.Command, args []string) error {
			const hint = "usage: andiron code scan [PATH...]"
			if len(args) == 0 {
				return usage("code: no verb given", hint)
			}
			return usage(fmt.Sprintf("code: unknown verb %q", args[0]), hint)
		},
		Args: cobra.ArbitraryArgs,
	}
	cmd.AddCommand(a.codeScanCommand())
	return cmd
}

// fixFlags say whether code is rewritten.
type fixFlags struct{ fix, yes, verified bool }

func (a *app) codeScanCommand() *cobra.Command {
	var f runFlags
	var fix fixFlags
	cmd := &cobra.Command{
		Use:   "scan [PATH...]",
		Short: "Say what Python code loads, and who decides what",
		Long: `Read the Python code, the notebooks and the settings around them of a project, and say
which calls run what a file says, what a request, an argument or a download can bring
to them, and which models check nothing that reaches them. No Python is needed, and
nothing is run.

PATH is the folder of a project, the current one if not given, or a folder or some files
of the project in the current folder. That is then read as a whole, with its policy and
its requirements, and what stands in PATH is reported. A folder is a project where it
holds andiron.yaml, andiron.lock, .git or a file that names dependencies.

With --fix what can be rewritten safely is shown as a patch, and the exit code is 1 where
there is something; nothing is written. With --fix --yes the patch goes to the standard
error, the files are written, each whole or not at all, and looked at again. torch.load
gets weights_only=True, numpy.load allow_pickle=False, yaml.load becomes yaml.safe_load,
and from_pretrained gets the commit that andiron.lock has. --verified replaces loads of
paths by andiron.load and andiron.jit_load. What the policy or a waiver excuses stays as
it is. In a notebook only the code is changed, and
every other byte stays. A file of which something does not parse is left alone, and so is
a line of a notebook that is a command of IPython, a load of a file to which the project
saves objects or may do so, and yaml.load where it has objects of its own in YAML; the
standard error says which, and why.

SARIF and JSON have the same rewrites without --fix, beside the findings in files of
Python.`,
		Example: `  andiron code scan
  andiron code scan --format sarif --output code.sarif service/
  andiron code scan train.py serve.ipynb
  andiron code scan --fix | git apply`,
		Args: wants("PATH", 0, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a.heap.widen()
			what, err := codeOf(args)
			if err != nil {
				return err
			}
			of, err := revisions(what.Dir)
			if err != nil {
				return err
			}
			what.Fix = &engine.CodeFix{Revisions: of} // for what findings say of how they are put right
			switch {
			case fix.fix:
				if more, err := a.fixCode(cmd.Context(), &f, fix, what); err != nil || !more {
					return err
				}
			case fix.yes, fix.verified:
				return usage("code scan: --yes and --verified go with --fix", "usage: "+cmd.UseLine())
			}
			paths := what.Paths
			if paths == nil {
				paths = []string{what.Dir}
			}
			return a.run(cmd.Context(), cmd, &f, what.Dir, paths, func(ctx context.Context, opt engine.Options, h finding.Handler) error {
				return engine.Code(ctx, what, opt, h)
			})
		},
	}
	f.addReport(cmd)
	f.addWalk(cmd)
	cmd.Flags().BoolVar(&fix.fix, "fix", false, "show as a patch what can be rewritten safely")
	cmd.Flags().BoolVar(&fix.yes, "yes", false, "with --fix, write it, and look again")
	cmd.Flags().BoolVar(&fix.verified, "verified", false, "with --fix, replace loads by andiron.load and andiron.jit_load")
	return cmd
}

// fixCode shows what can be rewritten, or does it; then it says that there is more to do.
func (a *app) fixCode(ctx context.Context, f *runFlags, fix fixFlags, what engine.CodeRun) (more bool, err error) {
	what.Fix = &engine.CodeFix{Verified: fix.verified, Revisions: what.Fix.Revisions}
	plan := relock.Plan{Edits: map[string]relock.Edit{}}
	what.Rewrite = func(r engine.Rewritten) error {
		plan.Edits[r.Abs] = relock.Edit{Before: []byte(r.Before), After: []byte(r.After)}
		return nil
	}
	what.Leave = func(where finding.Where, why string) {
		_, _ = fmt.Fprintf(a.stderr, "andiron: code scan: left alone: %s: %s\n", safetext.Plain(where.String()), safetext.Plain(why))
	}
	var seen unheard
	opt := engine.Options{Walk: artifact.WalkOptions{Everything: f.everything}, Jobs: int(f.jobs)}
	if err := f.excused(&opt, what.Dir); err != nil {
		return false, err
	}
	if err := engine.Code(ctx, what, opt, &seen); err != nil || bool(seen) && ctx.Err() != nil {
		a.code = policy.ExitIncomplete
		return false, err
	}
	out := a.stdout
	if fix.yes {
		out = a.stderr
	}
	if _, err := out.Write(plan.Diff()); err != nil {
		return false, fmt.Errorf("the patch cannot be written: %w", osfile.Cause(err))
	}
	switch {
	case fix.yes:
		if err := plan.Unchanged(""); err != nil {
			return false, err
		}
		return true, plan.Write("")
	case len(plan.Edits) > 0:
		a.code = policy.ExitFindings
	case bool(seen):
		a.code = policy.ExitIncomplete
	}
	return false, nil
}

// excused has a run know for what findings the policy of a project wants nothing done.
func (f *runFlags) excused(opt *engine.Options, dir string) error {
	rules, err := engine.Catalogue()
	if err != nil {
		return fmt.Errorf("internal error: %w", err)
	}
	p := project{root: dir}
	if p.policy, p.policyName, err = projectPolicy(f.policy, dir); err == nil {
		err = checkWaivers(p.policy, p.policyName, rules)
	}
	opt.Project, opt.Code, opt.Waivers = p.root, p.policy.Code, p.waivers(trust.Now())
	return err
}

// revisions are the commits of repositories of the Hub that the lock of a project has; a
// repository of which it has several is none of them.
func revisions(dir string) (map[string]string, error) {
	lock, err := readLock(filepath.Join(dir, lockfile.FileName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil //nolint:nilnil // a project without a lock
	}
	if err != nil {
		return nil, usage("lock "+err.Error(), lockForm)
	}
	of := map[string]string{}
	for _, m := range lock.Models {
		rest, ok := strings.CutPrefix(m.Source, "https://huggingface.co/")
		repo, at, found := strings.Cut(rest, "/resolve/")
		commit, _, _ := strings.Cut(at, "/")
		if !ok || !found || len(commit) != 40 {
			continue
		}
		if have, twice := of[repo]; twice && have != commit {
			commit = ""
		}
		of[repo] = commit
	}
	return of, nil
}

// unheard listens for nothing but whether a run was complete; it is true where not.
type unheard bool

func (*unheard) Config(finding.Config) error         { return nil }
func (*unheard) Progress(finding.Progress) error     { return nil }
func (*unheard) Artifact(finding.Artifact) error     { return nil }
func (*unheard) Finding(finding.Finding) error       { return nil }
func (*unheard) Dependency(finding.Dependency) error { return nil }
func (*unheard) Posture(finding.Posture) error       { return nil }

func (u *unheard) Summary(s finding.Summary) error {
	*u = unheard(s.Incomplete)
	return nil
}

// codeOf says what is looked at: a project, or a folder or files of that in the current one.
func codeOf(args []string) (engine.CodeRun, error) {
	switch len(args) {
	case 0:
		return engine.CodeRun{Dir: "."}, nil
	case 1:
		if folder(args[0]) == nil {
			if root := projectAbove(args[0]); root != args[0] {
				return engine.CodeRun{Dir: root, Paths: args, Around: true}, nil
			}
			return engine.CodeRun{Dir: args[0]}, nil
		}
	}
	for _, arg := range args {
		if folder(arg) == nil {
			return engine.CodeRun{}, usage(fmt.Sprintf("code scan: %q is a folder among other paths", arg), "name one folder, or only files")
		}
		if !engine.ReadsCode(filepath.ToSlash(arg)) {
			return engine.CodeRun{}, usage(fmt.Sprintf("code scan: %q is neither a folder nor Python code", arg), "name one that is there, or a file with a name such as train.py or train.ipynb")
		}
	}
	if root, ok := projectAround(args); ok {
		return engine.CodeRun{Dir: root, Paths: args, Around: true}, nil
	}
	return engine.CodeRun{Dir: ".", Paths: args}, nil
}

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/deps"
	"github.com/andiron-dev/andiron/internal/digest"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/fetch"
	"github.com/andiron-dev/andiron/internal/manifest"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/relock"
	"github.com/andiron-dev/andiron/internal/safetext"
	"github.com/andiron-dev/andiron/internal/trust"
)

// toolFlags are those of the verbs that make a lock.
type toolFlags struct {
	tool, form, failOn           choice
	input, output, policy, db    string
	python, wheels               string
	private                      []string
	universal, recompute, builds bool
	most                         size
	timeout                      time.Duration
}

func (f *toolFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.failOn.value = policy.Level{}.String()
	addChoice(cmd, &f.tool, "tool", "what makes the lock; auto is the project's own", "auto", "uv", "pip-tools", "poetry")
	addChoice(cmd, &f.form, "form", "form of the lock; auto is the project's own", "auto", "uv.lock", "requirements", "pylock", "poetry.lock")
	flags.StringVar(&f.input, "input", "", "make it from `FILE` (default pyproject.toml, requirements.in or requirements.txt)")
	flags.StringVar(&f.output, "lock", "", "`FILE` of the lock, relative to the project (default as the tool calls it)")
	flags.StringVar(&f.python, "python", "", "make it for this `VERSION` of Python (default that of the project)")
	flags.BoolVar(&f.universal, "universal", false, "make requirements and pylock.toml for every platform")
	flags.BoolVar(&f.recompute, "recompute", false, "download every file and compute its digest, also where the index gives one")
	flags.StringVar(&f.wheels, "wheels", "", "download only files that match `PATTERN`, such as *-cp311-*x86_64*")
	flags.Var(&f.most, "max-download", "download at most this many bytes to compute digests (default 16GiB)")
	flags.Lookup("max-download").DefValue = "0" // pflag then shows no default
	flags.DurationVar(&f.timeout, "timeout", 10*time.Minute, "end a program that is started after this `TIME`")
	flags.BoolVar(&f.builds, "allow-build", false, "let the tool build source distributions, which runs their code")
	flags.StringArrayVar(&f.private, "private-host", nil, "let this `HOST` be in a private network")
	flags.StringVar(&f.db, "db", "", "hold against the advisory database `FILE`")
	flags.StringVar(&f.policy, "policy", "", "read the policy from `FILE` instead of "+policy.FileName)
	addChoice(cmd, &f.failOn, "fail-on", "exit 1 for a vulnerability at or above this severity", policy.Levels()...)
	flags.SortFlags = false
}

// selection is what the flags say of the project.
func (f *toolFlags) selection() relock.Selection {
	sel := relock.Selection{Input: f.input, Output: f.output}
	if f.tool.value != "auto" {
		sel.Tool = f.tool.value
	}
	if f.form.value != "auto" {
		sel.Form = manifest.Kind(f.form.value)
	}
	return sel
}

// locking is one run of deps lock or deps update.
type locking struct {
	root    string
	proj    project
	project *relock.Project
	opt     relock.Options
	judge   *policy.Judge
	db      *database
	now     time.Time
}

// locking opens a project, its policy and the advisory database. The caller closes
// the latter.
func (a *app) locking(cmd *cobra.Command, f *toolFlags, root string) (*locking, error) {
	if err := folder(root); err != nil {
		return nil, err
	}
	rules, err := engine.Catalogue()
	if err != nil {
		return nil, fmt.Errorf("internal error: %w", err)
	}
	proj, err := a.project(cmd, &runFlags{policy: f.policy, failOn: f.failOn}, root, rules)
	if err != nil {
		return nil, err
	}
	p, err := relock.Open(root, f.selection())
	if errors.Is(err, relock.ErrNoProject) {
		return nil, usage(fmt.Sprintf("%q has %v", root, err), "--input names the file to make a lock from")
	}
	if err != nil {
		return nil, a.toolFault(osfile.Cause(err))
	}
	now, err := a.now()
	if err != nil {
		return nil, err
	}
	db, err := a.openDatabase(f.db)
	if err != nil {
		return nil, err
	}
	scratch, err := a.scratch()
	if err != nil {
		return nil, err
	}
	l := &locking{root: root, proj: proj, project: p, db: db, now: now, judge: policy.NewJudge(proj.policy, verbOf(cmd), rules)}
	l.opt = relock.Options{
		Fetch: fetch.New(fetch.Options{Version: version(), PrivateHosts: f.private}), Getenv: a.getenv, Now: now,
		Say:    func(s string) { _, _ = fmt.Fprintf(a.stderr, "andiron: %s\n", safetext.Plain(s)) }, // as complain does
		Rescan: l.rescan, Python: f.python, Universal: f.universal, Recompute: f.recompute, Wheels: f.wheels,
		MaxDownload: int64(f.most), Scratch: scratch, Timeout: f.timeout, AllowBuildUnsafe: f.builds,
	}
	if f.builds {
		a.warn("source distributions are built, which runs their code")
	}
	return l, nil
}

// scratch is the folder of the user's own in which temporary ones are made, or that of
// the system where there is none.
func (a *app) scratch() (string, error) {
	dir := digest.Folder(a.getenv)
	if dir == "" {
		return "", nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("%q cannot be made: %w", dir, osfile.Cause(err))
	}
	return dir, nil
}

// rescan holds a lock against the advisories.
func (l *locking) rescan(files []*manifest.File) ([]finding.Finding, error) {
	p := &deps.Project{Root: l.root}
	for _, f := range files {
		p.Sets = append(p.Sets, &deps.Set{File: f})
	}
	res, err := deps.Scan(p, deps.Options{
		Advisories: l.db, Policy: l.proj.policy.Supply, Now: trust.Now(), Source: sourceOf(l.db.Info()),
	})
	if err != nil {
		return nil, err
	}
	return l.waive(res.Findings), nil
}

// waive marks the findings that somebody answers for.
func (l *locking) waive(list []finding.Finding) []finding.Finding {
	waivers := l.proj.waivers(trust.Now())
	for i := range list {
		_ = waivers.Apply(list[i].Where.Path, nil, list[i:i+1]) // without a digest there is no error
	}
	return list
}

// judged is the exit code of findings, with those that are waived marked.
func (l *locking) judged(list []finding.Finding) (int, error) {
	for _, f := range list {
		if err := l.judge.Finding(f); err != nil {
			return 0, err
		}
	}
	if err := l.judge.Summary(finding.Summary{}); err != nil {
		return 0, err
	}
	return l.judge.ExitCode(), nil
}

func (a *app) depsLockCommand() *cobra.Command {
	var f toolFlags
	var format choice
	var check, upgrade bool
	var packages []string
	cmd := &cobra.Command{
		Use:   "lock [DIR]",
		Short: "Make the project's lock with its own tool, verify and complete it",
		Long: `Have the project's own tool, which is uv, pip-compile or poetry on PATH, make the
lock in a scratch copy of the files it needs. Then the lock is verified: every
package comes from an index that the project's files name, and one that is bound to
an index from there; every file has a digest; torch and its family fit each other.
Digests that an index does not give, as that of PyTorch, are computed from the files,
and LOCK.andiron.json says when, from where, and who vouches. The lock is then held
against the advisory database. It is written whole, or not at all. DIR is the current
folder if not given.

This starts another program, and says which. Source distributions are not built,
since that runs their code; --allow-build allows it. Poetry has no such switch.`,
		Example: `  andiron deps lock
  andiron deps lock --check
  andiron deps lock --form requirements --input requirements.in --python 3.11`,
		Args: wants("DIR", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := a.locking(cmd, &f, cmp.Or(strings.Join(args, ""), "."))
			if err != nil {
				return err
			}
			defer l.db.close()
			l.opt.Upgrade, l.opt.Packages = upgrade, packages
			return a.depsLock(cmd.Context(), l, check, format.value)
		},
	}
	addChoice(cmd, &format, "format", "how to write the report", "text", "json")
	cmd.Flags().BoolVar(&check, "check", false, "write nothing; exit 1 if the lock is not current")
	cmd.Flags().BoolVar(&upgrade, "upgrade", false, "let the tool choose all versions anew")
	cmd.Flags().StringArrayVarP(&packages, "upgrade-package", "P", nil, "let the tool choose this `REQUIREMENT` anew, such as torch==2.6.0")
	f.add(cmd)
	return cmd
}

func (a *app) depsLock(ctx context.Context, l *locking, check bool, format string) error {
	r, err := relock.Lock(ctx, l.project, l.opt)
	if err != nil {
		return a.toolFault(err)
	}
	written := false
	if r.Good() && !check {
		if err := r.Write(l.root, version(), l.now); err != nil {
			return err
		}
		written = !r.Current
	}
	if a.code, err = l.judged(r.Findings); err != nil {
		return err
	}
	switch {
	case !r.Good() && r.Incomplete() && a.code == policy.ExitClean:
		a.code = policy.ExitIncomplete
	case !r.Good() && !r.Incomplete(), check && !r.Current && r.Good():
		a.code = policy.ExitFindings
	}
	if format == "json" {
		return writeJSON(a.stdout, struct {
			Schema string `json:"schema"`
			*relock.Result

			Written bool `json:"written"`
		}{"andiron/lock/v1", r, written})
	}
	return a.say(lockText(r, l.db, written, check))
}

// toolFault shows the last words of a program before the error.
func (a *app) toolFault(err error) error {
	e, ok := errors.AsType[*relock.ToolError](err)
	if errors.Is(err, relock.ErrNoIndex) {
		return &fault{text: err.Error(), hint: "--index-url names the one that your installer uses"}
	}
	if fetch.IsPrivate(err) {
		return &fault{text: err.Error(), hint: "--private-host lets a host be in a private network"}
	}
	if !ok {
		return err
	}
	for _, line := range e.Output {
		_, _ = fmt.Fprintf(a.stderr, "  | %s\n", safetext.Plain(line)) // as complain does
	}
	return &fault{text: e.Text, hint: e.Hint}
}

// lockText is the report of a lock.
func lockText(r *relock.Result, db *database, written, check bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s by %s %s: %s, %s as %s has them, %d computed\n", r.Lock, r.Tool, r.ToolVersion,
		many(r.Packages, "package"), many(r.ByTool, "digest"), r.Tool, len(r.Vouched))
	for _, w := range r.Vouched {
		fmt.Fprintf(&b, "  %s %s: sha256 %s, computed on %s from %s, METADATA %s\n", w.Package, w.Version, w.SHA256, w.On, w.URL, w.Metadata)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	for _, p := range r.Problems {
		word := "problem"
		if p.Incomplete {
			word = "not known"
		}
		fmt.Fprintf(&b, "%s: %s\n", word, p)
	}
	findingLines(&b, r.Findings)
	if db != nil && db.Info().Builtin {
		fmt.Fprintf(&b, "note: held against %s\n", builtinOnly)
	}
	switch {
	case !r.Good():
		fmt.Fprintf(&b, "%s is not written\n", r.Lock)
	case r.Current:
		fmt.Fprintf(&b, "%s is current\n", r.Lock)
	case check:
		fmt.Fprintf(&b, "%s is not current: \"andiron deps lock\" makes it anew\n", r.Lock)
	case written:
		fmt.Fprintf(&b, "%s is written\n", r.Lock)
	}
	return b.String()
}

// findingLines writes what holding a lock against the advisories found.
func findingLines(b *strings.Builder, list []finding.Finding) {
	for _, f := range list {
		where := f.Where.String()
		if where != "" {
			where += ": "
		}
		fmt.Fprintf(b, "%s%s %s %s\n", where, f.Severity, f.Rule, f.Message)
	}
}

package cli

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/advisory"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/deps"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/fetch"
	"github.com/andiron-dev/andiron/internal/manifest"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/pep508"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/pyindex"
	"github.com/andiron-dev/andiron/internal/record"
	"github.com/andiron-dev/andiron/internal/relock"
	"github.com/andiron-dev/andiron/internal/report"
	"github.com/andiron-dev/andiron/internal/rule"
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
locks of uv, Poetry, PDM, Pipenv, Rye, pip (pylock.toml) and conda (also @EXPLICIT),
uv.toml, environments, and the pip lines of container files.`,
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
	baseline, index       string
	private               []string
	quiet, noRecord       bool
	online                bool
}

// The formats that only the dependencies have.
const (
	formatCycloneDX = "cyclonedx"
	formatOpenVEX   = "openvex"
)

func (f *depsFlags) add(cmd *cobra.Command, formats ...string) {
	flags := cmd.Flags()
	f.failOn.value = policy.Level{}.String()
	addChoice(cmd, &f.format, "format", "how to write the report", append(report.Formats(), formats...)...)
	addChoice(cmd, &f.failOn, "fail-on", "exit 1 for a finding at or above this severity", policy.Levels()...)
	addChoice(cmd, &f.color, "color", "colours in text; auto is a terminal without NO_COLOR", "auto", "always", "never")
	flags.StringVarP(&f.output, "output", "o", "", "write the report to `FILE`, whole or not at all")
	flags.StringVar(&f.policy, "policy", "", "read the policy from `FILE` instead of "+policy.FileName)
	flags.StringVar(&f.baseline, "baseline", "", "leave out the findings that are in `FILE`, an earlier report in JSON")
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
addresses and repositories, is unauditable, unless ` + policy.FileName + ` says who vouches for it.

Each scan is put on record in ` + record.FileName + `; what has not changed since is
answered from there.`,
		Example: `  andiron deps scan
  andiron deps scan --format sarif --output deps.sarif service/
  andiron deps scan .venv`,
		Args: wants("PATH", 0, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.dependencies(cmd, &f, args, engine.Vulnerabilities)
		},
	}
	f.add(cmd, formatCycloneDX, formatOpenVEX)
	cmd.Flags().BoolVar(&f.noRecord, "no-record", false, "neither write to the project's record nor answer from it")
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
family fit each other; that no release is younger than its cooldown, or known to be
malicious; and that somebody went through the pins within a quarter. PATH is the
current folder if not given.

With --online the indexes that the project's files name are asked as well whether the
pinned releases still stand, or were yanked or put into quarantine, and when they were
uploaded. Nothing is downloaded but their pages.`,
		Example: `  andiron deps check
  andiron deps check requirements.txt --fail-on medium`,
		Args: wants("PATH", 0, -1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.dependencies(cmd, &f, args, engine.Pins) },
	}
	f.add(cmd)
	flags := cmd.Flags()
	flags.BoolVar(&f.online, "online", false, "ask the indexes whether the pinned releases still stand")
	flags.StringVar(&f.index, "index-url", "", "with --online: the `URL` of the index for packages that no file names one for (default $PIP_INDEX_URL or $UV_DEFAULT_INDEX)")
	flags.StringArrayVar(&f.private, "private-host", nil, "with --online: let this `HOST` be in a private network")
	flags.StringVar(&f.db, "db", "", "take malicious releases from the advisory database `FILE`")
	return cmd
}

// dependencies is one run of scan or check.
func (a *app) dependencies(cmd *cobra.Command, f *depsFlags, paths []string, what engine.Aspect) error {
	root, paths := projectOf(paths)
	rules, err := engine.Catalogue()
	if err != nil {
		return fmt.Errorf("internal error: %w", err)
	}
	proj, err := a.project(cmd, f.run(), root, rules)
	if err != nil {
		return err
	}
	now := trust.Now()
	run := &depsRun{
		app: a, flags: f, what: what, root: root, paths: paths, proj: &proj, now: now, rules: rules,
		held: &deps.Options{Policy: proj.policy.Supply, PolicyFile: filepath.ToSlash(proj.policyName), Now: now},
		config: finding.Config{
			Tool: "andiron", Version: version(), Verb: verbOf(cmd), Paths: slashed(paths), FailOn: proj.policy.FailOn.String(), Rules: len(rules),
		},
	}
	if what&engine.Vulnerabilities != 0 && !f.noRecord {
		done, err := run.unchanged(cmd.Context())
		defer run.rec.close()
		if done || err != nil {
			return err
		}
	}
	done, err := a.advisories(f.db, run.held)
	if err != nil {
		return err
	}
	defer done()
	return run.report(cmd.Context())
}

// auditedDependencies has an audit look at what the project depends on as well.
func (a *app) auditedDependencies(dir, db string, f *record.Folded, opt *engine.Options) (done func(), err error) {
	now := trust.Now()
	opt.Deps = &deps.Options{Policy: opt.Supply, PolicyFile: filepath.ToSlash(opt.Policy), Now: now}
	if opt.Deps.Record, err = recorded(dir, f); err != nil {
		return nil, err
	}
	return a.advisories(db, opt.Deps)
}

// depsRun is one run of scan or check while it lasts.
type depsRun struct {
	*app

	flags  *depsFlags
	what   engine.Aspect
	root   string
	paths  []string
	proj   *project
	found  *deps.Project
	held   *deps.Options
	now    time.Time
	rules  rule.Catalogue
	config finding.Config
	rec    *recording // nil where nothing is put on record
	kept   deps.Trace // what the result depended on, where it is stored
}

// unchanged writes the report that is stored for the same question in the same form,
// if there is one and all that it depended on is as it was.
func (r *depsRun) unchanged(ctx context.Context) (done bool, err error) {
	info, err := r.databaseHead(r.flags.db)
	if err != nil {
		return false, err
	}
	question, err := r.question()
	if err != nil {
		return false, err
	}
	at := *r.held
	if at.Source = sourceOf(info); len(deps.Dated(at)) > 0 { // which changes in the middle of a day
		question = append(question, "advisories out of date")
	}
	r.rec, err = r.openRecording(r.root, info.Digest, question)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // the look says what is not there
	}
	if err != nil || r.form() == "" {
		return false, err
	}
	text, code, ok := r.rec.report(ctx, r.form(), r.root, r.paths)
	if !ok {
		return false, nil
	}
	out, err := openOutput(r.flags.output, r.stdout)
	if err != nil {
		return true, err
	}
	if _, err := out.Write(text); err != nil {
		out.abandon()
		return true, fmt.Errorf("the report cannot be written: %w", osfile.Cause(err))
	}
	r.code = code
	return true, out.finish()
}

// form is what decides how a report looks, or empty where reports are not stored:
// those that hold the time, and those that depend on another file.
func (r *depsRun) form() string {
	if r.materials() || r.flags.format.value == formatOpenVEX || r.flags.baseline != "" {
		return ""
	}
	width := 0
	if r.flags.output == "" && isTerminal(r.stdout) {
		width = columns(r.stdout)
	}
	return fmt.Sprintf("%s, %s %q, %d columns, quiet %t, fails on %s",
		r.flags.format.value, r.flags.color.value, r.getenv("NO_COLOR"), width, r.flags.quiet, r.config.FailOn)
}

// report writes the report, and what it says to the record.
func (r *depsRun) report(ctx context.Context) error {
	out, err := openOutput(r.flags.output, r.stdout)
	if err != nil {
		return err
	}
	var text *copied
	if r.rec != nil && r.form() != "" {
		text = out.copied()
	}
	judge := policy.NewJudge(r.proj.policy, r.config.Verb, r.rules)
	h, err := r.handler(out, judge)
	if err == nil {
		err = r.stream(ctx, h)
	}
	if f, ok := errors.AsType[*fault](err); ok {
		out.abandon()
		return f
	}
	if errors.Is(err, advisory.ErrDamaged) {
		out.abandon()
		return databaseFault(err)
	}
	if errors.Is(err, bounded.ErrLimit) {
		out.abandon()
		return &fault{text: fmt.Sprintf("%s: %v", r.config.Verb, err), hint: "name the files one by one"}
	}
	if err != nil {
		out.abandon()
		return fmt.Errorf("the report cannot be written: %w", osfile.Cause(err))
	}
	if err := out.finish(); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		r.code = policy.ExitIncomplete
		return nil
	default:
		r.code = judge.ExitCode()
	}
	if text == nil || len(r.kept.Files) == 0 {
		return nil
	}
	return r.unrecorded(r.rec.keepReport(r.form(), r.kept, r.code, text.b.Bytes()))
}

// handler is who listens: the report, the judge, and before both the baseline.
func (r *depsRun) handler(out *output, judge *policy.Judge) (h finding.Handler, err error) {
	switch r.flags.format.value {
	case formatCycloneDX:
		h = finding.Tee(&depsBOM{run: r, w: out}, judge)
	case formatOpenVEX:
		h = finding.Tee(&depsVEX{run: r, w: out}, judge)
	default:
		h, err = r.handlers(r.flags.run(), out, judge, r.rules)
	}
	if err == nil && r.flags.baseline != "" {
		return r.openBaseline(h)
	}
	return h, err
}

// stream answers from the record where nothing has changed, and looks otherwise.
func (r *depsRun) stream(ctx context.Context, h finding.Handler) (err error) {
	rec := r.rec
	if rec == nil || rec.scan.Database != r.held.Source.Digest { // or the database was replaced just now
		return r.look(ctx, h)
	}
	if !r.materials() { // a bill of materials has more of the files than the stream
		done, t, err := rec.same(ctx, r.root, r.paths, r.config, h)
		if done || err != nil {
			r.kept = t
			return err
		}
	}
	if r.found, err = collect(ctx, r.root, r.paths); err != nil {
		return err
	}
	if len(r.found.Sets) == 0 {
		return r.look(ctx, h)
	}
	rec.ask(r.root, r.found)
	if done, err := rec.answer(r.config, h); done || err != nil {
		return err
	}
	seen := &memory{}
	if err := r.look(ctx, finding.Tee(seen, h)); err != nil || ctx.Err() != nil {
		return err
	}
	if err := rec.keep(ctx, r.now, r.found, seen); err != nil {
		return r.unrecorded(err)
	}
	if t, ok := r.found.Trace(); ok && len(rec.secret) > 0 {
		r.kept = t
	}
	return nil
}

// materials reports whether the report is one of packages instead of findings.
func (r *depsRun) materials() bool { return r.flags.format.value == formatCycloneDX }

// look looks, whatever is on record.
func (r *depsRun) look(ctx context.Context, h finding.Handler) (err error) {
	if r.found == nil {
		if r.found, err = collect(ctx, r.root, r.paths); err != nil {
			return err
		}
	}
	if r.flags.online {
		r.ask(ctx)
	}
	return engine.Dependencies(ctx, r.found, r.what, engine.Options{
		Config: r.config, Project: r.proj.root, Policy: r.proj.policyName, Waivers: r.proj.waivers(r.now), Deps: r.held,
		Whole: len(r.paths) == 1 && r.paths[0] == r.root,
	}, h)
}

// ask has the indexes asked that the project's files name.
func (r *depsRun) ask(ctx context.Context) {
	var files []*manifest.File
	for _, s := range r.found.Sets {
		files = append(append(files, s.File), s.Named...)
	}
	pages := relock.NewPages(files, fetch.New(fetch.Options{Version: version(), PrivateHosts: r.flags.private}), r.getenv)
	r.held.Index = cmp.Or(r.flags.index, r.getenv("PIP_INDEX_URL"), r.getenv("UV_DEFAULT_INDEX"))
	r.held.Page = func(index, name string) (*pyindex.Page, error) { return pages.Of(ctx, index, name) }
}

// unrecorded says that a scan is not on record. Where the project may not be written
// to, that is nothing wrong; a record that is broken is.
func (r *depsRun) unrecorded(err error) error {
	return r.notOnRecord("scan", "--no-record does without", err)
}

// notOnRecord is unrecorded for what is to be put there, and how to do without.
func (a *app) notOnRecord(what, without string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
		a.warn(fmt.Sprintf("the %s is not on record: %v", what, osfile.Cause(err)))
		return nil
	}
	f := &fault{text: fmt.Sprintf("the %s cannot be put on record: %v", what, osfile.Cause(err)), hint: `"andiron deps history --verify" says more; ` + without}
	if errors.Is(err, record.ErrTorn) {
		f.hint = `"andiron deps history --repair" cuts the incomplete line off; ` + without
	}
	return f
}

// question is what decides the result besides files and advisories. Waivers and ages
// count by the day.
func (r *depsRun) question() ([]string, error) {
	list := []string{}
	for _, p := range r.paths {
		list = append(list, relativeTo(r.root, p))
	}
	list = []string{strings.Join(list, " "), "spelled " + strings.Join(r.config.Paths, " "), r.now.UTC().Format(time.DateOnly)}
	if r.proj.policyName == "" {
		return list, nil
	}
	b, err := readSmall(r.proj.policyName, smallLimit)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	return append(list, "policy "+hex.EncodeToString(sum[:])), nil
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
		return nil, usage(fmt.Sprintf("%q: %v", pe.Path, pe.Err), "name a file or folder that can be read")
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
	to.Advisories, to.Source = db, sourceOf(db.Info())
	return db.close, nil
}

func sourceOf(info advisory.Info) deps.Source {
	s := deps.Source{Name: builtinOnly, Date: time.Unix(info.Current, 0), Builtin: info.Builtin, Rejected: info.Rejected, Digest: info.Digest}
	if !info.Builtin {
		s.Name = fmt.Sprintf("%s as of %s, %s, digest %.12s", info.Source, s.Date.UTC().Format("2006-01-02"), many(info.Records, "record"), info.Digest)
	}
	return s
}

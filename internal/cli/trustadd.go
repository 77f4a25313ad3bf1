package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/lockfile"
	"github.com/andiron-dev/andiron/internal/pattern"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/internal/safetext"
	"github.com/andiron-dev/andiron/internal/source"
	"github.com/andiron-dev/andiron/internal/trust"
	"github.com/andiron-dev/andiron/internal/waiver"
)

type addFlags struct {
	source, by, reason, signature, as string
	lock, policy                      string
	noCache, everything, noProgress   bool
	limits                            limitFlags
	jobs                              atLeast1
}

func (a *app) trustAddCommand() *cobra.Command {
	var f addFlags
	cmd := &cobra.Command{
		Use:   "add PATH...",
		Short: "Look at models and, if they pass, list them in the lock",
		Long: `Look at model files, or every model in folders, and list them in ` + lockfile.FileName + ` with their
SHA-256, size, format, verdict, source, who vouches for them and when.

A model is refused if its verdict is neither safe nor framework and no waiver in
` + policy.FileName + ` covers every finding that raises it, or if no source there allows it.
If one is refused, nothing is written. A model that is listed like this already
stays as it is; one that changed is replaced, and both digests are printed.`,
		Example: `  andiron trust add models/
  andiron trust add --source https://huggingface.co/acme/m/resolve/COMMIT/m.safetensors m.safetensors
  andiron trust add --by alice@example.com --reason "reviewed in change 4711" old.pt`,
		Args: wants("PATH", 1, -1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.trustAdd(cmd.Context(), &f, args) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.source, "source", "", "the `URL` that it came from; one that ends with a slash is that of a folder")
	flags.StringVar(&f.by, "by", "", "`WHO` vouches for it (default $USER@host)")
	flags.StringVar(&f.reason, "reason", "", "`TEXT` for whoever reads the lock")
	flags.StringVar(&f.signature, "signature", "", "its signature bundle is `FILE`")
	flags.StringVar(&f.as, "as", "", "list it under the path or pattern `PATTERN` instead of its own")
	addLock(cmd, &f.lock)
	flags.StringVar(&f.policy, "policy", "", "read the policy from `FILE` instead of "+policy.FileName)
	flags.BoolVar(&f.everything, "everything", false, "also walk .git, __pycache__, node_modules and virtual environments")
	flags.BoolVar(&f.noProgress, "no-progress", false, "show no progress on the terminal")
	flags.Var(&f.jobs, "jobs", "look at `N` artifacts at once (default one per processor)")
	flags.Lookup("jobs").DefValue = "0"
	addNoCache(cmd, &f.noCache)
	f.limits.add(flags)
	flags.SortFlags = false
	return cmd
}

// adding is one run of trust add.
type adding struct {
	app   *app
	flags *addFlags
	proj  project
	rules rule.Catalogue
	room  *trust.Room
	judge func([]finding.Finding) finding.Verdict
	base  lockfile.Model // what all the models have in common
	args  []string

	waivers           *waiver.List
	models            []lockfile.Model
	refused, warnings []string
	unclear           bool // something could not be looked at
	judged            bool // a refusal comes from what the file holds
}

func (a *app) trustAdd(ctx context.Context, f *addFlags, args []string) error {
	rules, err := engine.Catalogue()
	if err != nil {
		return fmt.Errorf("internal error: %w", err)
	}
	add := &adding{app: a, flags: f, args: args, rules: rules}
	if err := add.prepare(); err != nil {
		return err
	}
	defer closeRoom(add.room)
	seen, err := add.look(ctx)
	if err != nil {
		return err
	}
	for i := range seen.artifacts {
		if err := add.admit(ctx, &seen.artifacts[i]); err != nil {
			return err
		}
	}
	add.gaps(seen)
	for _, w := range append(add.room.Weak(), add.warnings...) {
		a.warn(w)
	}
	if err := add.refusal(); err != nil {
		return err
	}
	return add.write(ctx)
}

// prepare reads the project and the flags.
func (d *adding) prepare() (err error) {
	now := trust.Now()
	if d.proj, err = openProject(".", d.flags.policy, d.flags.lock); err != nil {
		return err
	}
	if err := checkWaivers(d.proj.policy, d.proj.policyName, d.rules); err != nil {
		return err
	}
	d.judge = func(fs []finding.Finding) finding.Verdict { return policy.Verdict(fs, d.rules) }
	d.base = lockfile.Model{AddedBy: d.flags.by, Reason: d.flags.reason}
	if d.base.AddedBy == "" {
		d.base.AddedBy = d.app.who()
	}
	if d.base.AddedAt, err = d.app.when(now); err != nil {
		return err
	}
	if err := d.paths(); err != nil {
		return err
	}
	d.room, err = trust.New(d.proj.options(now, verifyFor))
	return err
}

// paths checks the flags that name places.
func (d *adding) paths() (err error) {
	if d.flags.as != "" {
		if err := pattern.Check(d.flags.as); err != nil {
			return usage("flag \"--as\": "+err.Error(), "a path or pattern relative to the lock, such as models/*.pt")
		}
	}
	if d.flags.source != "" {
		if d.base.Source, err = source.Canonical(d.flags.source); err != nil {
			return usage("flag \"--source\": "+err.Error(), "name the file alone, at a commit: https://host/owner/repo/resolve/COMMIT/file")
		}
	}
	if d.flags.signature == "" {
		return nil
	}
	info, err := os.Stat(d.flags.signature)
	if err != nil || !info.Mode().IsRegular() {
		return usage(fmt.Sprintf("signature %q is not a file that can be read", d.flags.signature), `"andiron sign" makes one: DIR/model.sig or FILE.sig`)
	}
	d.base.Signature = trust.Relative(d.proj.root, d.flags.signature)
	if namedLiterally(d.base.Signature) != nil {
		return usage(fmt.Sprintf("signature %q does not lie beneath the folder of the lock, %q", d.flags.signature, d.proj.root), "copy it there")
	}
	return nil
}

// who is the default of --by. No configuration of other programs is read.
func (a *app) who() string {
	user := a.getenv("USER")
	if user == "" {
		user = a.getenv("LOGNAME")
	}
	if user == "" {
		user = "uid " + strconv.Itoa(os.Getuid())
	}
	host, err := os.Hostname()
	if err != nil {
		return user
	}
	return user + "@" + host
}

// when is the time that the lock says, from SOURCE_DATE_EPOCH if that is set.
func (a *app) when(now time.Time) (string, error) {
	if epoch := a.getenv("SOURCE_DATE_EPOCH"); epoch != "" {
		n, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil || n < 0 || n > 253402300799 {
			return "", usage(fmt.Sprintf("SOURCE_DATE_EPOCH %q is not a number of seconds", epoch), sinceEpoch)
		}
		now = time.Unix(n, 0)
	}
	return now.UTC().Format(time.RFC3339), nil
}

// look has the engine look at everything that was named.
func (d *adding) look(ctx context.Context) (*gathered, error) {
	seen := &gathered{}
	if !d.flags.noProgress && isTerminal(d.app.stderr) {
		seen.bar = newProgress(d.app.stderr, false, columns(d.app.stderr))
	}
	run := runFlags{jobs: d.flags.jobs, limits: d.flags.limits, everything: d.flags.everything, sha256: true, noCache: d.flags.noCache, trusting: asAsked}
	opt := run.engine(finding.Config{Tool: "andiron", Version: version(), Verb: "trust add"}, d.proj.policy, d.rules, nil)
	d.waivers = waiver.NewList(d.proj.policy.Waivers, trust.Now())
	opt.Project, opt.Policy, opt.Waivers = d.proj.root, d.proj.policyName, d.waivers
	opt.Digests = d.app.digests(&run)
	err := engine.Scan(ctx, d.args, opt, seen)
	d.app.keep(opt.Digests)
	if err == nil && ctx.Err() != nil {
		err = &fault{text: engine.Interrupted + "; the lock stays as it was"}
	}
	return seen, err
}

// admit makes a model's line of the lock, or says why there is none.
func (d *adding) admit(ctx context.Context, a *finding.Artifact) error {
	m := d.base
	m.SHA256, m.Size, m.Format = a.SHA256, a.Size, a.Format
	bare, waived, against := trust.Verdict(a.Findings, d.judge)
	m.Verdict, m.Waivers = bare.String(), waived
	if len(against) > 0 || a.SHA256 == "" {
		d.unclear, d.judged = d.unclear || a.Verdict == finding.Unreadable, true
		d.refuse(a.Path, append([]string{"the verdict is " + a.Verdict.String()}, against...))
		return nil
	}
	if err := d.name(&m, a.Path); err != nil {
		return err
	}
	refused, warnings := d.room.Admit(ctx, filepath.FromSlash(a.Path), m)
	for _, w := range warnings {
		d.warnings = append(d.warnings, fmt.Sprintf("%q: %s", a.Path, w))
	}
	if len(refused) > 0 {
		d.refuse(a.Path, refused)
		return nil
	}
	d.models = append(d.models, m)
	return nil
}

// mostReasons is how many reasons a refusal lists.
const mostReasons = 5

func (d *adding) refuse(path string, reasons []string) {
	if n := len(reasons) - mostReasons; n > 0 {
		reasons = append(reasons[:mostReasons:mostReasons], fmt.Sprintf("and %d more; andiron scan lists them", n))
	}
	d.refused = append(d.refused, fmt.Sprintf("refused %s\n  - %s", safetext.Plain(path), strings.Join(plainAll(reasons), "\n  - ")))
}

func plainAll(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = safetext.Plain(s)
	}
	return out
}

// name gives the model its path and its source in the lock.
func (d *adding) name(m *lockfile.Model, file string) error {
	m.Path = d.proj.lockPath(filepath.FromSlash(file))
	if m.Source == "" {
		m.Source = hubAddress(filepath.FromSlash(file))
	}
	switch {
	case d.flags.as != "":
		m.Path = d.flags.as
	case m.Path == "":
		return usage(fmt.Sprintf("%q does not lie beneath the folder of the lock, %q", file, d.proj.root), "copy it there, or say with --as where it is to lie")
	case namedLiterally(m.Path) != nil:
		return usage(fmt.Sprintf("%q cannot be listed: %v", file, namedLiterally(m.Path)), "rename it, or list it under a pattern with --as")
	}
	if strings.HasSuffix(m.Source, "/") {
		m.Source += d.within(file)
	}
	if m.Source != "" && !source.Pinned(m.Source) {
		d.warnings = append(d.warnings, fmt.Sprintf("%q names no commit of 40 digits, so what lies there may change, and no rule by url covers it", m.Source))
	}
	return nil
}

// within is the path of a file within the folder that was named for it.
func (d *adding) within(file string) string {
	for _, arg := range d.args {
		if rel := trust.Relative(arg, filepath.FromSlash(file)); rel != "" {
			return rel
		}
	}
	return filepath.Base(filepath.FromSlash(file))
}

// gaps refuses what was not looked at, and a run that found no models.
func (d *adding) gaps(seen *gathered) {
	for _, f := range seen.loose {
		if f.Outcome == finding.Undetermined || f.Waived == nil && f.Severity >= finding.High {
			d.unclear, d.judged = d.unclear || f.Outcome == finding.Undetermined, true
			d.refuse(f.Where.String(), []string{f.Rule + ": " + f.Message})
		}
	}
}

// refusedHint says what to do about a refusal; it names the waivers whose day has
// passed, where those would have helped.
func (d *adding) refusedHint() string {
	if !d.judged {
		return `"andiron rules ID" explains each reason, and sources in ` + policy.FileName + " say what may be listed"
	}
	if d.unclear {
		return `"andiron scan PATH" says more; what could not be looked at cannot be waived`
	}
	hint := `"andiron scan PATH" says more; `
	met := d.waivers.Expired(false)
	if len(met) == 0 {
		return hint + "a waiver in " + policy.FileName + " takes responsibility for a finding"
	}
	var passed []string
	for _, w := range met {
		passed = append(passed, fmt.Sprintf("the waiver of %s at %s:%d expired after %s", w.Rule, d.proj.policyName, w.Line, w.Expires))
	}
	return hint + strings.Join(passed, ", ")
}

func (d *adding) refusal() error {
	switch {
	case len(d.refused) > 0:
		if _, err := fmt.Fprintln(d.app.stdout, strings.Join(d.refused, "\n")); err != nil {
			return err
		}
		code := policy.ExitFindings
		if d.unclear {
			code = policy.ExitIncomplete
		}
		return &fault{text: fmt.Sprintf("%d refused; the lock stays as it was", len(d.refused)), hint: d.refusedHint(), code: code}
	case len(d.models) == 0:
		return usage("no model was found in what was named", "name a model file or a folder with models")
	case len(d.models) > 1 && d.flags.as != "" && pattern.Literal(d.flags.as):
		return usage(fmt.Sprintf("flag \"--as\": %q is the path of one file, and %d models were found", d.flags.as, len(d.models)), `use a pattern such as "models/*.pt"`)
	case len(d.models) > 1 && d.flags.source != "" && !strings.HasSuffix(d.flags.source, "/"):
		return usage(fmt.Sprintf("flag \"--source\": %q is the address of one file, and %d models were found", d.flags.source, len(d.models)), "end it with a slash if it is that of a folder")
	case len(d.models) > 1 && d.flags.signature != "" && !strings.HasSuffix(d.flags.signature, "model.sig"):
		return usage(fmt.Sprintf("flag \"--signature\": %q is of one file, and %d models were found", d.flags.signature, len(d.models)), "the bundle of a folder is called model.sig")
	}
	return nil
}

// write lists the models, and says what changed.
func (d *adding) write(ctx context.Context) error {
	d.strayLock()
	var lines []string
	err := editLock(ctx, d.proj.lockName, func(f *lockfile.File) (bool, error) {
		write := false
		for _, m := range d.models {
			change, old := f.Put(m)
			write = write || change != lockfile.Same
			lines = append(lines, changeLine(change, m, old))
		}
		return write, nil
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(d.app.stdout, strings.Join(lines, "\n"))
	return err
}

// strayLock warns of a second lock beneath one that the project has.
func (d *adding) strayLock() {
	dir, err := here()
	if err != nil || d.proj.lock != nil || d.flags.lock != "" {
		return
	}
	if up := trust.Project("", dir, lockfile.FileName); up != dir {
		d.app.warn(fmt.Sprintf("a new lock is made here, although %q has one; --lock uses it", up))
	}
}

func changeLine(change lockfile.Change, m lockfile.Model, old *lockfile.Model) string {
	about := fmt.Sprintf("%s  sha256 %s  (%s, %s%s)", safetext.Plain(m.Path), m.SHA256, safetext.Plain(m.Format), m.Verdict, waivedBy(m))
	switch {
	case change == lockfile.Same:
		return "unchanged " + about
	case change == lockfile.Replaced && old.SHA256 != m.SHA256:
		return "replaced  " + about + "\n          it was sha256 " + old.SHA256
	case change == lockfile.Replaced:
		return "updated   " + about
	}
	return "added     " + about
}

func waivedBy(m lockfile.Model) string {
	if len(m.Waivers) == 0 {
		return ""
	}
	return ", waived " + strings.Join(m.Waivers, " ")
}

// gathered keeps a stream, and shows its progress.
type gathered struct {
	bar *progress // nil: no one looks

	artifacts []finding.Artifact
	loose     []finding.Finding
}

func (g *gathered) Config(finding.Config) error         { return nil }
func (g *gathered) Dependency(finding.Dependency) error { return nil }
func (g *gathered) Posture(finding.Posture) error       { return nil }

func (g *gathered) Artifact(a finding.Artifact) error {
	g.artifacts = append(g.artifacts, a)
	return nil
}

func (g *gathered) Finding(f finding.Finding) error {
	g.loose = append(g.loose, f)
	return nil
}

func (g *gathered) Progress(p finding.Progress) error {
	if g.bar == nil {
		return nil
	}
	return g.bar.Progress(p)
}

func (g *gathered) Summary(finding.Summary) error {
	if g.bar == nil {
		return nil
	}
	return g.bar.clear()
}

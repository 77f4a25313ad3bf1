package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/internal/deps"
	"github.com/andiron-dev/andiron/internal/fetch"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/record"
	rel "github.com/andiron-dev/andiron/internal/release"
	"github.com/andiron-dev/andiron/internal/safetext"
)

const watched = "torch"

type torchWatchFlags struct {
	format                      choice
	output, policy              string
	github, depsdev, osv, index string
	cooldown                    int
	promote, to, by             string
	evidence                    []string
	dryRun                      bool
}

func (a *app) torchWatchCommand() *cobra.Command {
	var f torchWatchFlags
	cmd := &cobra.Command{
		Use:   "watch [DIR]",
		Short: "Watch releases of torch on their way to production",
		Long: `Ask GitHub for releases and advisories of PyTorch, deps.dev for versions and times,
and the package index that the project's files name for uploads and yanks, and write
down in ` + record.FileName + ` how far each release has come:

  seen > cooling > ready > canary > staging > production > superseded

A release cools for as many days as the policy says. It is ready when the index and
the repository both have it, nothing was yanked or quarantined, and no advisory names
it. A security release may leave the cooldown after one day if an advisory of GitHub
and the record of OSV both say that it repairs what is in use. Canary, staging and
production are reached with --promote, one after the other, with evidence. A release
that is yanked or quarantined is withdrawn from any state; an older one then goes back
to production with --promote.

Exit code 1: something is wrong with a release that runs somewhere, or that the
project's files name. Exit code 3: a
source did not answer, or no package index is known.`,
		Example: `  andiron torch watch
  andiron torch watch --index-url https://index.example/simple
  andiron torch watch --promote 2.14.1 --to canary --evidence "tests passed: run 4711"`,
		Args: wants("DIR", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.torchWatch(cmd, &f, cmp.Or(strings.Join(args, ""), "."))
		},
	}
	f.add(cmd)
	return cmd
}

func (f *torchWatchFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	addChoice(cmd, &f.format, "format", "how to write the answer", "text", "json")
	flags.StringVarP(&f.output, "output", "o", "", "write to `FILE`, whole or not at all")
	flags.StringVar(&f.policy, "policy", "", "read the policy from `FILE` instead of "+policy.FileName)
	flags.StringVar(&f.index, "index-url", "", "the `URL` of the package index (default: what $PIP_INDEX_URL, $UV_DEFAULT_INDEX or the project's files name)")
	flags.StringVar(&f.github, "github-url", rel.DefaultGitHub, "the `URL` of GitHub's API")
	flags.StringVar(&f.depsdev, "depsdev-url", rel.DefaultDepsDev, "the `URL` of deps.dev's API; empty asks it nothing")
	flags.StringVar(&f.osv, "osv-url", rel.DefaultOSV, "the `URL` of OSV's API; empty asks it nothing")
	flags.IntVar(&f.cooldown, "cooldown", -1, "let a release cool for `DAYS` instead of what the policy says")
	flags.Lookup("cooldown").DefValue = "0" // so that the help names no default
	flags.StringVar(&f.promote, "promote", "", "take `VERSION` a step on, without asking anyone")
	flags.StringVar(&f.to, "to", "", "with --promote: `STATE` is canary, staging, production or withdrawn")
	flags.StringArrayVar(&f.evidence, "evidence", nil, "with --promote: `TEXT` that says how it is known; may be given again")
	flags.StringVar(&f.by, "by", "", "with --promote: `WHO` answers for it (default $USER@host)")
	flags.BoolVar(&f.dryRun, "dry-run", false, "write nothing down")
	flags.SortFlags = false
}

// watchReport is what a run of watch says.
type watchReport struct {
	Schema   string        `json:"schema"`
	Releases []rel.Track   `json:"releases"`
	Steps    []record.Step `json:"steps"` // that were taken now
	Notes    []rel.Note    `json:"notes"`
	Asked    []rel.Asked   `json:"asked"`
}

func (a *app) torchWatch(cmd *cobra.Command, f *torchWatchFlags, dir string) error {
	if err := f.check(); err != nil {
		return err
	}
	if err := folder(dir); err != nil {
		return err
	}
	now, err := a.now()
	if err != nil {
		return err
	}
	r := &watchReport{Schema: "andiron/torch-watch/v1", Steps: []record.Step{}, Notes: []rel.Note{}, Asked: []rel.Asked{}}
	var next func([]rel.Track) ([]rel.Step, error)
	if f.promote != "" {
		next = func(tracks []rel.Track) ([]rel.Step, error) {
			steps, err := rel.Promote(tracks, rel.Promotion{
				Version: f.promote, To: rel.State(f.to), By: cmp.Or(f.by, a.who()), Evidence: f.evidence, Time: now.Format(time.RFC3339),
			})
			if err != nil {
				return nil, usage("torch watch: "+err.Error(), `"andiron torch watch" shows what is watched, and where it is`)
			}
			return steps, nil
		}
	} else if next, err = a.askAround(cmd.Context(), f, dir, now, r); err != nil {
		return err
	}
	if err := keepSteps(cmd.Context(), dir, now, f.dryRun, r, next); err != nil {
		return err
	}
	a.code = r.exitCode()
	return a.writeWatch(f, r)
}

func (f *torchWatchFlags) check() error {
	switch {
	case f.promote == "" && (f.to != "" || f.by != "" || len(f.evidence) > 0):
		return usage("torch watch: --to, --by and --evidence need --promote", "for example: --promote 2.14.1 --to canary --evidence \"tests passed: run 4711\"")
	case f.promote != "" && (f.to == "" || len(f.evidence) == 0):
		return usage("torch watch: --promote needs --to and --evidence", "for example: --to canary --evidence \"tests passed: run 4711\"")
	case f.cooldown < -1 || f.cooldown > 3650:
		return usage(fmt.Sprintf("torch watch: --cooldown %d is not a number of days", f.cooldown), "0 to 3650; without it the policy says how long a release cools")
	}
	return nil
}

// askAround asks the sources and returns what follows for the releases.
func (a *app) askAround(ctx context.Context, f *torchWatchFlags, dir string, now time.Time, r *watchReport) (func([]rel.Track) ([]rel.Step, error), error) {
	pol, _, err := projectPolicy(f.policy, dir)
	if err != nil {
		return nil, err
	}
	cooldown := pol.Supply.Cool()
	if f.cooldown >= 0 {
		cooldown = max(time.Duration(f.cooldown)*24*time.Hour, 1) // 0 is the default of Policy
	}
	p, err := collect(ctx, dir, []string{dir})
	if err != nil {
		return nil, err
	}
	src := rel.Sources{
		GitHub: f.github, Repository: rel.DefaultRepository, DepsDev: f.depsdev, OSV: f.osv, Package: watched,
		Index: cmp.Or(f.index, a.getenv("PIP_INDEX_URL"), a.getenv("UV_DEFAULT_INDEX"), p.TorchIndex()),
	}
	news := rel.Ask(ctx, src, fetch.New(fetch.Options{Version: version()}))
	return func(tracks []rel.Track) ([]rel.Step, error) {
		steps, notes := rel.Advance(tracks, news, rel.Policy{Now: now, Cooldown: cooldown, InUse: inUse(p)})
		r.Notes, r.Asked = append(r.Notes, notes...), news.Asked
		return steps, ctx.Err()
	}, nil
}

func inUse(p *deps.Project) (versions []string) {
	for _, u := range p.TorchUses() {
		if u.Version != "" {
			versions = append(versions, u.Version)
		}
	}
	return versions
}

// keepSteps takes the steps that follow and writes them down, while nobody else does.
func keepSteps(ctx context.Context, dir string, now time.Time, dry bool, r *watchReport, next func([]rel.Track) ([]rel.Step, error)) error {
	l, err := record.Open(dir)
	if err != nil {
		return fmt.Errorf("%q cannot be opened: %w", dir, osfile.Cause(err))
	}
	defer func() { _ = l.Close() }() // Update synced it
	change := func(h *record.Folded) ([]record.Draft, error) {
		had := stepsOf(h)
		tracks, err := rel.Follow(had)
		if err != nil {
			return nil, err
		}
		steps, err := next(tracks)
		if err != nil {
			return nil, err
		}
		if r.Releases, err = rel.Follow(slices.Concat(had, steps)); err != nil {
			return nil, err
		}
		drafts := make([]record.Draft, 0, len(steps))
		for _, s := range steps {
			x := record.Release{
				Package: watched, Version: s.Version, From: string(s.From), To: string(s.To), By: s.By, Evidence: s.Evidence, Uploaded: s.Uploaded,
			}
			r.Steps = append(r.Steps, record.Step{Time: s.Time, Release: x})
			drafts = append(drafts, record.Draft{Kind: record.KindRelease, Body: x})
		}
		return drafts, nil
	}
	if !dry {
		_, err = l.Update(ctx, now, change)
		return recordOr(err)
	}
	h, err := l.Fold(ctx)
	if err == nil {
		_, err = change(h)
	}
	return recordOr(err)
}

func recordOr(err error) error {
	if err == nil {
		return nil
	}
	return recordFault(err)
}

func stepsOf(h *record.Folded) (steps []rel.Step) {
	for _, s := range h.Steps {
		if s.Package == watched {
			steps = append(steps, rel.Step{
				Time: s.Time, Version: s.Version, From: rel.State(s.From), To: rel.State(s.To), By: s.By, Evidence: s.Evidence, Uploaded: s.Uploaded,
			})
		}
	}
	return steps
}

func (r *watchReport) exitCode() int {
	if slices.ContainsFunc(r.Notes, func(n rel.Note) bool { return n.Urgent }) {
		return policy.ExitFindings
	}
	if slices.ContainsFunc(r.Asked, func(x rel.Asked) bool { return x.Err != "" || x.Unasked && x.Source != rel.DepsDev }) {
		return policy.ExitIncomplete
	}
	return policy.ExitClean
}

func (a *app) writeWatch(f *torchWatchFlags, r *watchReport) error {
	out, err := openOutput(f.output, a.stdout)
	if err != nil {
		return err
	}
	if f.format.value == "json" {
		err = writeJSON(out, r)
	} else {
		_, err = io.WriteString(out, r.text())
	}
	if err != nil {
		out.abandon()
		return err
	}
	return out.finish()
}

func (r *watchReport) text() string {
	var b strings.Builder
	for _, s := range r.Steps {
		fmt.Fprintf(&b, "%s %s is %s", watched, safetext.Plain(s.Version), safetext.Plain(s.To))
		if s.From != "" {
			fmt.Fprintf(&b, ", it was %s", safetext.Plain(s.From))
		}
		b.WriteString("\n")
		for _, e := range s.Evidence {
			fmt.Fprintf(&b, "  %s\n", safetext.Plain(e))
		}
	}
	for _, n := range r.Notes {
		urgent := ""
		if n.Urgent {
			urgent = "urgent: "
		}
		fmt.Fprintf(&b, "%s%s %s %s\n", urgent, watched, safetext.Plain(n.Version), safetext.Plain(n.Text))
	}
	for _, x := range r.Asked {
		if x.Err != "" {
			fmt.Fprintf(&b, "%s did not answer for %s: %s\n", x.Source, x.What, safetext.Plain(x.Err))
		} else if x.Unasked {
			fmt.Fprintf(&b, "%s was not asked for %s: no address is known%s\n", x.Source, x.What, indexHint(x.Source))
		}
	}
	if len(r.Releases) == 0 {
		b.WriteString("no release is watched\n")
	}
	for _, t := range r.Releases {
		fmt.Fprintf(&b, "%-8s  %-10s  since %s", safetext.Plain(t.Version), safetext.Plain(string(t.State)), safetext.Plain(t.Since))
		if t.Uploaded != "" {
			fmt.Fprintf(&b, ", uploaded %s", safetext.Plain(t.Uploaded))
		}
		fmt.Fprintf(&b, ", by %s\n", safetext.Plain(t.By))
	}
	return b.String()
}

func indexHint(s rel.Source) string {
	if s == rel.Index {
		return " (--index-url)"
	}
	return ""
}

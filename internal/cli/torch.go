package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/deps"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/family"
	"github.com/andiron-dev/andiron/internal/fetch"
	"github.com/andiron-dev/andiron/internal/policy"
	rel "github.com/andiron-dev/andiron/internal/release"
)

func (a *app) torchCommand() *cobra.Command {
	const verbs = "status|watch"
	cmd := &cobra.Command{
		Use:   "torch " + verbs,
		Short: "Keep PyTorch current: what runs, what a newer release closes, what is on its way",
		Long: `Say how current the PyTorch of a project is, and watch new releases on their way to
production.`,
		Example: `  andiron torch status
  andiron torch watch --index-url https://index.example/simple`,
		RunE: func(_ *cobra.Command, args []string) error {
			const hint = "usage: andiron torch " + verbs
			if len(args) == 0 {
				return usage("torch: no verb given", hint)
			}
			return usage(fmt.Sprintf("torch: unknown verb %q", args[0]), hint)
		},
		Args: cobra.ArbitraryArgs,
	}
	cmd.AddCommand(a.torchStatusCommand(), a.torchWatchCommand())
	return cmd
}

type torchStatusFlags struct {
	format, failOn     choice
	output, policy, db string
	online             bool
	github             string
}

func (a *app) torchStatusCommand() *cobra.Command {
	var f torchStatusFlags
	cmd := &cobra.Command{
		Use:   "status [PATH...]",
		Short: "Say how current torch is, and what each newer release closes",
		Long: `Say for every place of a project that names torch, in manifests, locks and
environments: whether its release train still gets repairs, which vulnerabilities the
version has, what each newer release closes and which packages move with it, and
which changes lie ahead. PATH is a folder, a file or an environment; the current
folder if not given.

Without --online nothing is asked: the releases are those that andiron knows, with
the day up to which they are complete. When that day is more than 60 days ago, what
is current cannot be told, and the exit code is 3.`,
		Example: `  andiron torch status
  andiron torch status --online --format markdown
  andiron torch status .venv`,
		Args: wants("PATH", 0, -1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.torchStatus(cmd, &f, args) },
	}
	flags := cmd.Flags()
	f.failOn.value = policy.Level{}.String()
	addChoice(cmd, &f.format, "format", "how to write the report", "text", "json", "markdown")
	addChoice(cmd, &f.failOn, "fail-on", "exit 1 for a finding at or above this severity", policy.Levels()...)
	flags.StringVarP(&f.output, "output", "o", "", "write the report to `FILE`, whole or not at all")
	flags.StringVar(&f.policy, "policy", "", "read the policy from `FILE` instead of "+policy.FileName)
	flags.StringVar(&f.db, "db", "", "hold against the advisory database `FILE`")
	flags.BoolVar(&f.online, "online", false, "ask GitHub for the releases of PyTorch")
	flags.StringVar(&f.github, "github-url", rel.DefaultGitHub, "with --online: the `URL` of GitHub's API")
	flags.SortFlags = false
	return cmd
}

// torchReport is a status with what is to be said of it.
type torchReport struct {
	Schema     string            `json:"schema"`
	Tool       string            `json:"tool"`
	Database   string            `json:"database"`
	Status     *deps.TorchStatus `json:"status"`
	Findings   []finding.Finding `json:"findings"`
	Incomplete bool              `json:"incomplete"`
}

func (a *app) torchStatus(cmd *cobra.Command, f *torchStatusFlags, paths []string) error {
	root, paths := projectOf(paths)
	rules, err := engine.Catalogue()
	if err != nil {
		return fmt.Errorf("internal error: %w", err)
	}
	proj, err := a.project(cmd, &runFlags{failOn: f.failOn, policy: f.policy}, root, rules)
	if err != nil {
		return err
	}
	p, err := collect(cmd.Context(), root, paths)
	if err != nil {
		return err
	}
	now, err := a.now()
	if err != nil {
		return err
	}
	facts, err := a.torchFacts(cmd.Context(), f, now)
	if err != nil {
		return err
	}
	held := deps.Options{Policy: proj.policy.Supply, Now: now}
	done, err := a.advisories(f.db, &held)
	if err != nil {
		return err
	}
	defer done()
	status, err := deps.Torch(p.TorchUses(), facts, held.Advisories)
	if err != nil {
		return fmt.Errorf("torch status: %w", err)
	}
	r := &torchReport{Schema: "andiron/torch-status/v1", Tool: version(), Database: held.Source.Name, Status: status, Findings: deps.Files(p)}
	if len(status.Uses) > 0 {
		r.Findings = append(r.Findings, deps.Dated(held)...) // it may lack what is newer
	}
	deps.JudgeTorch(status, func(x finding.Finding) { r.Findings = append(r.Findings, x) })
	judge := policy.NewJudge(proj.policy, "torch status", rules)
	if err := r.judge(judge, &proj, now); err != nil {
		return err
	}
	a.code = judge.ExitCode()
	r.Incomplete = slices.ContainsFunc(r.Findings, func(f finding.Finding) bool { return f.Outcome == finding.Undetermined })
	return a.writeTorch(f, r)
}

// judge hands the findings to a judge, those that somebody answers for as well.
func (r *torchReport) judge(j *policy.Judge, proj *project, now time.Time) error {
	waivers := proj.waivers(now)
	for i := range r.Findings {
		one := r.Findings[i : i+1]
		if err := waivers.Apply(one[0].Where.Path, nil, one); err != nil {
			return err
		}
		if err := j.Finding(one[0]); err != nil {
			return err
		}
	}
	return j.Summary(finding.Summary{})
}

// torchFacts are the releases that are known, or those that GitHub has now.
func (a *app) torchFacts(ctx context.Context, f *torchStatusFlags, now time.Time) (deps.TorchFacts, error) {
	facts := deps.KnownReleases(now)
	if !f.online {
		return facts, nil
	}
	src := rel.Sources{GitHub: f.github, Repository: rel.DefaultRepository, Package: "torch"}
	list, err := src.GitHubReleases(ctx, fetch.New(fetch.Options{Version: version()}))
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%q lists no release of torch", f.github)
	}
	if err != nil {
		return facts, &fault{text: "torch status: " + err.Error(), hint: "without --online the releases are those that andiron knows"}
	}
	for _, s := range list {
		day, _, _ := strings.Cut(s.Time, "T")
		facts.Releases = append(facts.Releases, family.Version{Number: s.Version, Date: day})
	}
	facts.AsOf, facts.Source = facts.Today, "GitHub releases and built in"
	return facts, nil
}

func (a *app) writeTorch(f *torchStatusFlags, r *torchReport) error {
	out, err := openOutput(f.output, a.stdout)
	if err != nil {
		return err
	}
	switch f.format.value {
	case "json":
		err = writeJSON(out, r)
	case "markdown":
		_, err = io.WriteString(out, r.markdown())
	default:
		_, err = io.WriteString(out, r.text())
	}
	if err != nil {
		out.abandon()
		return err
	}
	return out.finish()
}

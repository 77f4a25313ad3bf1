package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/record"
)

// auditFlags are the flags of an audit.
type auditFlags struct {
	runFlags

	db, baseline string
	record       bool
}

func (a *app) auditCommand() *cobra.Command {
	f := auditFlags{runFlags: runFlags{trusting: asAsked}}
	cmd := &cobra.Command{
		Use:   "audit [DIR]",
		Short: "Hold a project against the eight mitigation strategies",
		Long: `Look at a whole project with every room of andiron and say how it stands on each
of the eight mitigation strategies: what is implemented, with evidence, what is
missing, with the command that fixes it, and what risk remains. DIR is the current
folder if not given. With --format markdown the report is a document that a security
review can adopt.

With --baseline the findings are compared with those of an earlier report: only new
ones count for the exit code, and what is gone is said. With --record the result is
added to ` + record.FileName + `, and every later audit says what changed since.
What "strategies" in andiron.yaml asks for fails the audit where it is less.`,
		Example: `  andiron audit
  andiron audit --format markdown --output posture.md
  andiron audit --format html --output posture.html service/
  andiron audit --baseline accepted.json --record`,
		Args: wants("DIR", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := folderOf(args, ".")
			if err != nil {
				return err
			}
			return a.audit(cmd, &f, dir)
		},
		ValidArgsFunction: completeFolders,
	}
	f.add(cmd)
	addNoCache(cmd, &f.noCache)
	flags := cmd.Flags()
	flags.StringVar(&f.db, "db", "", "hold packages against the advisory database `FILE`")
	flags.StringVar(&f.baseline, "baseline", "", "count only what is not in `FILE`, an earlier report in JSON")
	flags.BoolVar(&f.record, "record", false, "add the result to "+record.FileName)
	return cmd
}

func (a *app) audit(cmd *cobra.Command, f *auditFlags, dir string) error {
	a.heap.widen()
	var base *earlier
	if f.baseline != "" {
		var err error
		if base, err = readEarlier(f.baseline); err != nil {
			return err
		}
	}
	return a.run(cmd.Context(), cmd, &f.runFlags, dir, []string{dir}, func(ctx context.Context, opt engine.Options, h finding.Handler) error {
		past, err := folded(ctx, dir)
		if err != nil {
			return err
		}
		done, err := a.auditedDependencies(dir, f.db, past, &opt)
		if err != nil {
			return err
		}
		defer done()
		if base != nil {
			h = base.compare(dir, h)
		}
		t := &trend{Handler: h, last: past.Audits}
		if err := engine.Audit(ctx, dir, opt, t); err != nil || ctx.Err() != nil || !f.record {
			return err
		}
		return a.recordAudit(ctx, dir, t.audit)
	})
}

// trend is a handler that remembers how a project stands, and says what changed since
// it was last on record.
type trend struct {
	finding.Handler

	last  []record.Audited // oldest first
	audit record.Audit
}

func (t *trend) Posture(p finding.Posture) error {
	t.audit.Strategies = append(t.audit.Strategies, record.Standing{
		Strategy: string(p.Strategy), Status: string(p.Status), Implemented: len(p.Implemented), Missing: len(p.Missing),
	})
	return t.Handler.Posture(p)
}

func (t *trend) Summary(s finding.Summary) error {
	t.audit.Complete = !s.Incomplete
	by := s.Severities
	t.audit.Critical, t.audit.High, t.audit.Medium, t.audit.Low = by[finding.Critical], by[finding.High], by[finding.Medium], by[finding.Low]
	if n := len(t.last); n > 0 {
		s.Trend = t.since(&t.last[n-1])
	}
	return t.Handler.Summary(s)
}

// since holds the audit against an earlier one. What that one says of strategies that
// this andiron does not know is left aside.
func (t *trend) since(was *record.Audited) *finding.Trend {
	out := &finding.Trend{
		Since: was.Time, Commit: was.Commit, Complete: was.Complete, Severities: map[finding.Severity]int{
			finding.Critical: was.Critical, finding.High: was.High, finding.Medium: was.Medium, finding.Low: was.Low,
		},
	}
	for _, is := range t.audit.Strategies {
		for _, before := range was.Strategies {
			if before.Strategy == is.Strategy {
				out.Strategies = append(out.Strategies, finding.Turn{
					Strategy: finding.Strategy(is.Strategy), Was: finding.Status(before.Status), Is: finding.Status(is.Status),
					MissingWas: before.Missing, MissingIs: is.Missing,
				})
				break
			}
		}
	}
	return out
}

func (a *app) recordAudit(ctx context.Context, dir string, audit record.Audit) error {
	now, err := a.now()
	if err != nil {
		return err
	}
	audit.Tool, audit.Commit = version(), commitOf(dir)
	log, err := record.Open(dir)
	if err != nil {
		return fmt.Errorf("%q cannot be opened: %w", dir, osfile.Cause(err))
	}
	defer func() { _ = log.Close() }() // Append synced it
	_, err = log.Append(ctx, now, record.Draft{Kind: record.KindAudit, Body: &audit})
	return a.notOnRecord("audit", "without --record nothing is written", err)
}

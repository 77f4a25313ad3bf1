package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/engine"
)

func (a *app) auditCommand() *cobra.Command {
	f := runFlags{trusting: asAsked}
	var db string
	cmd := &cobra.Command{
		Use:   "audit [DIR]",
		Short: "Hold a project against the eight mitigation strategies",
		Long: `Look at a whole project with every room of andiron and say how it stands on each
of the eight mitigation strategies: what is implemented, with evidence, and what is
missing, with the command that fixes it. DIR is the current folder if not given.`,
		Example: `  andiron audit
  andiron audit --format html --output posture.html service/`,
		Args: wants("DIR", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := folderOf(args, ".")
			if err != nil {
				return err
			}
			return a.run(cmd.Context(), cmd, &f, dir, []string{dir}, func(ctx context.Context, opt engine.Options, h finding.Handler) error {
				done, err := a.auditedDependencies(ctx, dir, db, &opt)
				if err != nil {
					return err
				}
				defer done()
				return engine.Audit(ctx, dir, opt, h)
			})
		},
		ValidArgsFunction: completeFolders,
	}
	f.add(cmd)
	addNoCache(cmd, &f.noCache)
	cmd.Flags().StringVar(&db, "db", "", "hold packages against the advisory database `FILE`")
	return cmd
}

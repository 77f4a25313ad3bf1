package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/engine"
)

func (a *app) scanCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "scan PATH...",
		Short: "Say what loading model files would execute",
		Long: `Look at model files, folders and Hugging Face snapshots and say what loading them
would execute. Nothing is loaded. "-" reads one model from the standard input.

The verdict on each is safe, framework (runs code of reviewed packages only),
unknown, unreadable, suspicious or dangerous. Any but the first two fails the run,
unless --fail-on is none.`,
		Example: `  andiron scan model.pt
  andiron scan --format json --sha256 models/
  curl -L URL | andiron scan -`,
		Args: wants("PATH", 1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.run(cmd.Context(), cmd, &f, ".", args, func(ctx context.Context, opt engine.Options, h finding.Handler) error {
				return engine.Scan(ctx, args, opt, h)
			})
		},
	}
	f.add(cmd)
	return cmd
}

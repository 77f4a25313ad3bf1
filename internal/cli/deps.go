package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) depsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deps history",
		Short: "Look after the dependencies of a project",
		RunE: func(_ *cobra.Command, args []string) error {
			const hint = "usage: andiron deps history"
			if len(args) == 0 {
				return usage("deps: no verb given", hint)
			}
			return usage(fmt.Sprintf("deps: unknown verb %q", args[0]), hint)
		},
		Args: cobra.ArbitraryArgs,
	}
	cmd.AddCommand(a.depsHistoryCommand())
	return cmd
}

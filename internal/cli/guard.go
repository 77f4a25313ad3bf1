package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func (a *app) guardCommand() *cobra.Command {
	const verbs = "serve"
	cmd := &cobra.Command{
		Use:   "guard " + verbs,
		Short: "Hold tensors against the schema of a model",
		Args:  cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			const hint = "usage: andiron guard " + verbs
			if len(args) == 0 {
				return usage("guard: no verb given", hint)
			}
			return usage(fmt.Sprintf("guard: unknown verb %q", args[0]), hint)
		},
	}
	cmd.AddCommand(a.guardServeCommand())
	return cmd
}

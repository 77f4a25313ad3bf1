package cli

import (
	"github.com/spf13/cobra"
)

func (a *app) convertCommand() *cobra.Command {
	var f transformFlags
	var out string
	cmd := &cobra.Command{
		Use:   "convert [WEIGHTS] -o OUT",
		Short: "Convert a model",
		Args:  wants("WEIGHTS", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in := ""
			if len(args) > 0 {
				in = args[0]
			}
			if f.to.value == "safetensors" {
				if err := f.without(cmd); err != nil {
					return err
				}
				return usage("convert: --to safetensors is not in this build", "--to torchscript and --to export are")
			}
			return a.transform(cmd.Context(), in, out, &f)
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", "write to `FILE`, whole or not at all")
	a.addTransform(cmd, &f)
	cmd.Flags().SortFlags = false
	return cmd
}

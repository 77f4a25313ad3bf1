package cli

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/engine"
)

func (a *app) codeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "code scan",
		Short: "Hold Python code against the rules for PyTorch",
		Long: `Read Python code and notebooks, without Python and without running anything, and say
where they load, save, build or open what they should not.`,
		Example: `  andiron code scan`,
		RunE: func(_ *cobra.Command, args []string) error {
			const hint = "usage: andiron code scan [PATH...]"
			if len(args) == 0 {
				return usage("code: no verb given", hint)
			}
			return usage(fmt.Sprintf("code: unknown verb %q", args[0]), hint)
		},
		Args: cobra.ArbitraryArgs,
	}
	cmd.AddCommand(a.codeScanCommand())
	return cmd
}

func (a *app) codeScanCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "scan [PATH...]",
		Short: "Say what Python code loads, and who decides what",
		Long: `Read the Python code, the notebooks and the settings around them of a project, and say
which calls run what a file says, what a request, an argument or a download can bring
to them, and which models check nothing that reaches them. No Python is needed, and
nothing is run.

PATH is the folder of a project, the current one if not given, or some files of the
project in the current folder. What is not named is then not followed into.`,
		Example: `  andiron code scan
  andiron code scan --format sarif --output code.sarif service/
  andiron code scan train.py serve.ipynb`,
		Args: wants("PATH", 0, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			what, err := codeOf(args)
			if err != nil {
				return err
			}
			paths := what.Paths
			if paths == nil {
				paths = []string{what.Dir}
			}
			return a.run(cmd.Context(), cmd, &f, what.Dir, paths, func(ctx context.Context, opt engine.Options, h finding.Handler) error {
				return engine.Code(ctx, what, opt, h)
			})
		},
	}
	f.addReport(cmd)
	f.addWalk(cmd)
	return cmd
}

// codeOf says what is looked at: a folder, or files of the project in the current one.
func codeOf(args []string) (engine.CodeRun, error) {
	switch len(args) {
	case 0:
		return engine.CodeRun{Dir: "."}, nil
	case 1:
		if folder(args[0]) == nil {
			return engine.CodeRun{Dir: args[0]}, nil
		}
	}
	for _, arg := range args {
		if folder(arg) == nil {
			return engine.CodeRun{}, usage(fmt.Sprintf("code scan: %q is a folder among other paths", arg), "name one folder, or only files")
		}
		if !engine.ReadsCode(filepath.ToSlash(arg)) {
			return engine.CodeRun{}, usage(fmt.Sprintf("code scan: %q is neither a folder nor Python code", arg), "name one that is there, or a file with a name such as train.py or train.ipynb")
		}
	}
	return engine.CodeRun{Dir: ".", Paths: args}, nil
}

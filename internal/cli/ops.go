package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/engine"
)

func (a *app) opsCommand() *cobra.Command {
	const verbs = "scan|test|presets"
	cmd := &cobra.Command{
		Use:   "ops " + verbs,
		Short: "Look at custom C++ and CUDA operators",
		Args:  cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			const hint = "usage: andiron ops " + verbs
			if len(args) == 0 {
				return usage("ops: no verb given", hint)
			}
			return usage(fmt.Sprintf("ops: unknown verb %q", args[0]), hint)
		},
	}
	cmd.AddCommand(a.opsScanCommand(), a.opsTestCommand(), a.opsPresetsCommand())
	return cmd
}

func (a *app) opsScanCommand() *cobra.Command {
	var f runFlags
	var with withTools
	cmd := &cobra.Command{
		Use:   "scan [DIR]",
		Short: "Hold operators against the rules of memory safety",
		Long: `Read the C++ and CUDA sources of a project's operators, find the functions that
Python can call, and say what each does with its tensors without having checked them:
raw pointers of any dtype, device or layout, indices and sizes that nothing is held
against, numbers in 32 bits, memory that is lost or never written, races, launches
whose errors nobody reads, writes that the schema does not declare. It also says which
operators no test calls, whether gradients, sanitizers, owners and branch rules were
seen, and which changes to operators name no second person in the history (.git).
DIR is the current folder if not given. Where it is a part of the project in the
current folder, the policy of that counts, and tests, owners and builds are looked for
in DIR alone.

Nothing is compiled or run, unless --with names other tools. It starts them: clang-tidy,
cppcheck, and with gcc the compiler, which only checks syntax and types. Nothing of
the project is executed by that. Of what they say is kept what tells a fault in an
operator; what a rule sees as well is one finding, with both as evidence. They do not
read CUDA. A tool that is not installed, or cannot check a source, makes the result
incomplete.`,
		Example: `  andiron ops scan
  andiron ops scan --with gcc,clang-tidy --python .venv/bin/python
  andiron ops scan --format sarif --output ops.sarif csrc/`,
		Args: wants("DIR", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir, err := folderOf(args, ".")
			if err != nil {
				return err
			}
			if err := with.check(); err != nil {
				return err
			}
			a.heap.widen()
			root := projectAbove(dir)
			return a.run(cmd.Context(), cmd, &f, root, []string{dir}, func(ctx context.Context, opt engine.Options, h finding.Handler) error {
				opt.Whole = root == dir
				opt.Outside = a.outside(&with, dir)
				return engine.Operators(ctx, dir, opt, h)
			})
		},
		ValidArgsFunction: completeFolders,
	}
	with.add(cmd)
	f.addReport(cmd)
	return cmd
}

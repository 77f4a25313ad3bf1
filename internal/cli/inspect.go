package cli

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/model"
	"github.com/andiron-dev/andiron/internal/policy"
)

// stdinLimit is the most that inspect reads from the standard input.
const stdinLimit = 64 << 30

type inspectFlags struct {
	format choice
	output string
	trace  bool
	limits limitFlags
}

func (a *app) inspectCommand() *cobra.Command {
	var f inspectFlags
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Show what is in a model file",
		Long: `Show the tree of a model file: its records, its tensors with dtype, shape and
storage, the globals of its pickles, its TorchScript code and operators.

--trace prints instead what loading would run, in order, as pseudo-Python with
offsets. Nothing is run.`,
		Example: `  andiron inspect model.pt
  andiron inspect --trace suspicious.ckpt`,
		Args: wants("FILE", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.inspect(cmd.Context(), args[0], &f) },
	}
	addChoice(cmd, &f.format, "format", "how to write the tree", "text", "json")
	cmd.Flags().BoolVar(&f.trace, "trace", false, "print what loading would run, as pseudo-Python")
	cmd.Flags().StringVarP(&f.output, "output", "o", "", "write to `FILE`, whole or not at all")
	f.limits.add(cmd.Flags())
	cmd.Flags().SortFlags = false
	return cmd
}

func (a *app) inspect(ctx context.Context, path string, f *inspectFlags) (err error) {
	if f.trace && f.format.value != "text" {
		return usage("inspect: --trace is text only", `leave out "--format"`)
	}
	art, err := a.openOne(path)
	if err != nil {
		return err
	}
	defer func() { _ = art.Close() }() // it was only read
	out, err := openOutput(f.output, a.stdout)
	if err != nil {
		return err
	}
	if err := writeInspection(ctx, art, f, out); err != nil {
		out.abandon()
		return err
	}
	return out.finish()
}

func writeInspection(ctx context.Context, art *artifact.Artifact, f *inspectFlags, w io.Writer) error {
	opt := f.limits.over(policy.Limits{})
	if f.trace {
		return model.Trace(ctx, art, opt, w)
	}
	tree, err := model.Inspect(ctx, art, opt)
	if err != nil {
		return err
	}
	if f.format.value == "text" {
		return tree.WriteText(w)
	}
	return writeJSON(w, tree)
}

// openOne opens the one file that a verb is about.
func (a *app) openOne(path string) (*artifact.Artifact, error) {
	if path == "-" {
		return artifact.FromReader("-", a.stdin, stdinLimit)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, usage(fmt.Sprintf("%q is a folder", path), "name one file of it, or try: andiron scan "+path)
	}
	return artifact.Open(path, path)
}

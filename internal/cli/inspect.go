package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"

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
	policy string
	trace  bool
	limits limitFlags
}

func (a *app) inspectCommand() *cobra.Command {
	var f inspectFlags
	cmd := &cobra.Command{
		Use:   "inspect FILE|DIR",
		Short: "Show what is in a model file",
		Long: `Show the tree of a model file: its records, its tensors with dtype, shape and
storage, the globals of its pickles, its TorchScript code and operators.

--format cyclonedx writes instead a CycloneDX 1.6 bill of materials of a model
folder or file: its files with digests, tensors and verdicts, and what its model
card and configuration say of architecture, licence and origin. The same model
gives the same document; SOURCE_DATE_EPOCH sets its time.

--trace prints instead what loading would run, in order, as pseudo-Python with
offsets. Nothing is run.

The exit code is 3 where a part of the file could not be looked at.`,
		Example: `  andiron inspect model.pt
  andiron inspect --trace suspicious.ckpt
  andiron inspect --format cyclonedx --output model.cdx.json models/resnet`,
		Args: wants("FILE", 1, 1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.inspect(cmd.Context(), args[0], &f) },
	}
	addChoice(cmd, &f.format, "format", "how to write the tree", "text", "json", "cyclonedx")
	cmd.Flags().BoolVar(&f.trace, "trace", false, "print what loading would run, as pseudo-Python")
	cmd.Flags().StringVarP(&f.output, "output", "o", "", "write to `FILE`, whole or not at all")
	cmd.Flags().StringVar(&f.policy, "policy", "", "read the limits from `FILE` instead of "+policy.FileName)
	f.limits.add(cmd.Flags())
	cmd.Flags().SortFlags = false
	return cmd
}

func (a *app) inspect(ctx context.Context, path string, f *inspectFlags) (err error) {
	if f.trace && f.format.value != "text" {
		return usage("inspect: --trace is text only", `leave out "--format"`)
	}
	pol, _, err := projectPolicy(f.policy, ".")
	if err != nil {
		return err
	}
	if f.format.value == "cyclonedx" {
		return a.inspectBOM(ctx, path, f, pol)
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
	whole, err := writeInspection(ctx, art, f, f.limits.over(pol.Limits), out)
	if err != nil {
		out.abandon()
		return err
	}
	if !whole {
		a.code = policy.ExitIncomplete
	}
	return out.finish()
}

// writeInspection reports whether it could look at the whole of the file.
func writeInspection(ctx context.Context, art *artifact.Artifact, f *inspectFlags, opt model.Options, w io.Writer) (whole bool, err error) {
	tree, err := model.Inspect(ctx, art, opt)
	if err != nil {
		return false, err
	}
	switch {
	case f.trace: // does not say itself what it could not look at
		err = model.Trace(ctx, art, opt, w)
	case f.format.value == "text":
		err = tree.WriteText(w)
	default:
		err = writeJSON(w, tree)
	}
	return !problems(tree), err
}

func problems(t *model.Tree) bool {
	return len(t.Problems) > 0 || slices.ContainsFunc(t.Inside, problems)
}

// openOne opens the one file that a verb is about.
func (a *app) openOne(path string) (*artifact.Artifact, error) {
	if path == "-" {
		return artifact.FromReader("-", a.stdin, stdinLimit)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, usage(fmt.Sprintf("%q is a folder", path), "name one file of it, or try: andiron scan "+path)
	}
	art, err := artifact.Open(path, path)
	if err != nil {
		return nil, &fault{text: err.Error(), hint: nameFile}
	}
	return art, nil
}

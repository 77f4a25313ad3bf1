package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/data"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/tensor"
)

const schemaForm = "docs/spec/tensor-v1.md explains every key; \"andiron guard infer\" writes a first schema"

func (a *app) guardCommand() *cobra.Command {
	const verbs = "check"
	cmd := &cobra.Command{
		Use:   "guard " + verbs,
		Short: "Hold tensors against the schema of a model",
		Long: `A schema says which tensors a model takes and gives: types, shapes, ranges, tokens,
texts, statistics. One file protects the model in Python, in front of its server and
on its training data.`,
		Example: `  andiron guard check --schema resnet.schema.yaml
  andiron guard check --schema resnet.schema.yaml batch.safetensors`,
		Args: cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			const hint = "usage: andiron guard " + verbs
			if len(args) == 0 {
				return usage("guard: no verb given", hint)
			}
			return usage(fmt.Sprintf("guard: unknown verb %q", args[0]), hint)
		},
	}
	cmd.AddCommand(a.guardCheckCommand())
	return cmd
}

// guardCheckFlags are the flags of guard check.
type guardCheckFlags struct {
	runFlags

	schema string
	group  choice
}

func (a *app) guardCheckCommand() *cobra.Command {
	var f guardCheckFlags
	cmd := &cobra.Command{
		Use:   "check --schema FILE [[NAME=]FILE...]",
		Short: "Hold files of tensors against a schema",
		Long: `Hold tensors against a schema. Each FILE is a request with all its tensors, named as
the schema names them: .npz, safetensors, or a dictionary of tensors that torch.save
wrote; nothing in it is run. All arguments NAME=FILE together are one request, each
with the one tensor of its file, such as a .npy file. A file whose name has "=" in it
is given as ./FILE.

Without a FILE the schema alone is checked, and its SHA-256 printed: the name by which
the gateway, Python and records know it.`,
		Example: `  andiron guard check --schema resnet.schema.yaml
  andiron guard check --schema resnet.schema.yaml batch.safetensors
  andiron guard check --schema bert.schema.yaml input_ids=ids.npy attention_mask=mask.npy
  andiron guard check --schema resnet.schema.yaml --group outputs logits.npy`,
		Args: wants("FILE", 0, -1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.guardCheck(cmd, &f, args) },
	}
	cmd.Flags().StringVar(&f.schema, "schema", "", "the schema in `FILE`")
	addChoice(cmd, &f.group, "group", "which tensors of the schema", string(tensor.Inputs), string(tensor.Outputs), string(tensor.Labels))
	f.addReport(cmd)
	return cmd
}

func (a *app) guardCheck(cmd *cobra.Command, f *guardCheckFlags, args []string) error {
	if f.schema == "" {
		return usage("guard check: no schema given", "usage: "+cmd.UseLine())
	}
	s, err := readSchema(f.schema)
	if err != nil {
		return err
	}
	requests, err := requestsOf(f.schema, args)
	if err != nil {
		return err
	}
	paths := []string{f.schema}
	for _, r := range requests {
		for _, file := range r.Files {
			paths = append(paths, file.Path)
		}
	}
	held := data.Schema{Schema: s, Group: tensor.Group(f.group.value)}
	return a.run(cmd.Context(), cmd, &f.runFlags, ".", paths, func(ctx context.Context, opt engine.Options, h finding.Handler) error {
		return engine.Tensors(ctx, held, requests, opt, h)
	})
}

// readSchema reads the schema in a file.
func readSchema(name string) (*tensor.Schema, error) {
	b, err := readSmall(name, 1<<20)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, usage(fmt.Sprintf("schema %q: no such file", name), schemaForm)
	}
	if err != nil {
		return nil, usage("schema "+err.Error(), nameFile)
	}
	s, err := tensor.ParseFiles(b, beside(name))
	if err != nil {
		return nil, usage(fmt.Sprintf("schema %q: %v", name, err), schemaForm)
	}
	return s, nil
}

// beside reads the files that a schema names, which lie in its folder or beneath it.
func beside(schema string) tensor.Files {
	return func(name string) ([]byte, error) {
		root, err := os.OpenRoot(filepath.Dir(schema))
		if err != nil {
			return nil, osfile.Cause(err)
		}
		defer func() { _ = root.Close() }() // it was only read
		name = filepath.FromSlash(name)
		if info, err := root.Stat(name); err != nil {
			return nil, osfile.Cause(err)
		} else if !info.Mode().IsRegular() { // opening a pipe would wait
			return nil, errors.New("it is not a regular file")
		}
		f, err := root.Open(name)
		if err != nil {
			return nil, osfile.Cause(err)
		}
		defer func() { _ = f.Close() }() // it was only read
		return bounded.ReadAll(f, tensor.MaxValueFile)
	}
}

// requestsOf makes requests of the arguments: what has a name is of one request, and
// each file without one is a request of its own.
func requestsOf(schema string, args []string) ([]engine.TensorRequest, error) {
	var list []engine.TensorRequest
	named := engine.TensorRequest{Where: finding.Where{Path: filepath.ToSlash(filepath.Clean(schema))}}
	for _, arg := range args {
		name, file, ok := strings.Cut(arg, "=")
		if !ok || strings.HasPrefix(arg, ".") || strings.HasPrefix(arg, "/") {
			where := finding.Where{Path: filepath.ToSlash(filepath.Clean(arg))}
			list = append(list, engine.TensorRequest{Where: where, Files: []engine.TensorFile{{Path: arg}}})
			continue
		}
		if name == "" || file == "" {
			return nil, usage(fmt.Sprintf("%q is not NAME=FILE", arg), "such as image=batch.npy; a file whose name has = in it is given as ./FILE")
		}
		for _, other := range named.Files {
			if other.As == name {
				return nil, usage(fmt.Sprintf("tensor %q is given twice", name), "each NAME once")
			}
		}
		named.Files = append(named.Files, engine.TensorFile{Path: file, As: name})
	}
	if len(named.Files) > 0 {
		list = append([]engine.TensorRequest{named}, list...)
	}
	return list, nil
}

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

	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/fetch"
	"github.com/andiron-dev/andiron/internal/infer"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/tensor"
	"github.com/andiron-dev/andiron/internal/triton"
)

// guardInferFlags are the flags of guard infer.
type guardInferFlags struct {
	output, name, server string
	samples, shorts      []string
	private              []string
	force                bool
}

func (a *app) guardInferCommand() *cobra.Command {
	var f guardInferFlags
	cmd := &cobra.Command{
		Use:   "infer [SOURCE...]",
		Short: "Learn a first schema from a model and from samples",
		Long: `Learn a schema from what is there, and write it as YAML. SOURCE is an exported program
(.pt2), an ONNX model, a TorchScript archive, weights (safetensors, torch.save),
config.pbtxt of Triton, or the metadata of a V2 server as a .json file; several of them
say more together. Array files and V2 requests in JSON are samples. Nothing in any of
them is run.

Models say types, shapes and the sizes of vocabularies; only samples say which values
come. What was read has a comment that says where; what a person must decide, such as
how large a batch may be, is marked "decide" and has a value that lets through what
was seen. All samples pass the schema that was learned from them.`,
		Example: `  andiron guard infer model.pt2 --samples batch.npz -o model.schema.yaml
  andiron guard infer bert.onnx
  andiron guard infer --server http://localhost:8000 --model resnet
  andiron guard infer --short 'image=float32[B, 3, H, W] in [0, 1]'`,
		Args: wants("SOURCE", 0, -1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.guardInfer(cmd.Context(), &f, args) },
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&f.samples, "samples", nil, "learn values from a sample: `[NAME=]FILE`, .npy, .npz, safetensors, torch.save or a V2 request in JSON; may be given more than once")
	flags.StringArrayVar(&f.shorts, "short", nil, "take an input from its short form: `NAME=FORM`; may be given more than once")
	flags.StringVar(&f.server, "server", "", "ask the V2 server at `URL` for the metadata of --model")
	flags.StringVar(&f.name, "model", "", "the `NAME` of the model")
	flags.StringArrayVar(&f.private, "private-host", nil, "with --server: let this `HOST` be in a private network")
	flags.StringVarP(&f.output, "output", "o", "", "write the schema to `FILE`, whole or not at all")
	flags.BoolVar(&f.force, "force", false, "replace FILE if it is there")
	flags.SortFlags = false
	return cmd
}

// learning is one run of infer while it lasts.
type learning struct {
	*infer.Draft

	files []*artifact.Artifact
	named infer.Request // what --samples NAME=FILE gives together
	all   []infer.Request
}

func (a *app) guardInfer(ctx context.Context, f *guardInferFlags, sources []string) error {
	if len(sources)+len(f.samples)+len(f.shorts) == 0 && f.server == "" {
		return usage("guard infer: no SOURCE given", "usage: andiron guard infer [SOURCE...] [--samples FILE] [--server URL --model NAME] [--short NAME=FORM]")
	}
	if err := f.free(); err != nil {
		return err
	}
	l := &learning{Draft: infer.New()}
	defer l.close()
	l.Model = f.name
	if f.name != "" && !tensor.IsName(f.name) {
		return usage(fmt.Sprintf("flag %q: %q is not a name", "--model", f.name), "letters, digits and -_./")
	}
	text, err := l.learn(ctx, f, sources)
	if err != nil {
		return err
	}
	for _, file := range l.files {
		if file.Changed() {
			return &fault{text: fmt.Sprintf("%q changed while it was read", file.Name()), hint: "run again when nobody writes to it"}
		}
	}
	out, err := openOutput(f.output, a.stdout)
	if err != nil {
		return err
	}
	if _, err := out.Write(text); err != nil {
		out.abandon()
		return notWritten(f.output, err)
	}
	return out.finish()
}

// free wants an output that replaces nothing.
func (f *guardInferFlags) free() error {
	if f.output == "" || f.output == "-" || f.force {
		return nil
	}
	if _, err := os.Lstat(f.output); !errors.Is(err, fs.ErrNotExist) {
		return usage(fmt.Sprintf("%q exists already", f.output), "a schema that people have worked on is not overwritten: choose another name, or give --force")
	}
	return nil
}

// learn reads all sources, and then what they make.
func (l *learning) learn(ctx context.Context, f *guardInferFlags, sources []string) ([]byte, error) {
	var samples []string
	for _, name := range sources {
		err := infer.ErrSample
		if as, _ := nameAndFile(name); as == "" {
			err = l.model(name)
		}
		if errors.Is(err, infer.ErrSample) {
			samples = append(samples, name)
		} else if err != nil {
			return nil, l.cannot(name, err)
		}
	}
	if f.server != "" {
		if err := l.ask(ctx, f); err != nil {
			return nil, err
		}
	}
	for _, s := range f.shorts {
		name, form, ok := strings.Cut(s, "=")
		if !ok {
			return nil, usage(fmt.Sprintf("flag %q: %q is not NAME=FORM", "--short", s), "such as --short 'image=float32[B, 3, H, W] in [0, 1]'")
		}
		if err := l.Short(name, form); err != nil {
			return nil, usage(fmt.Sprintf("flag %q: %v", "--short", err), `docs/spec/tensor-v1.md, "Short form"`)
		}
	}
	for _, s := range append(samples, f.samples...) {
		if err := l.sample(s); err != nil {
			return nil, l.cannot(s, err)
		}
	}
	return l.schema()
}

func (l *learning) schema() ([]byte, error) {
	if len(l.named.Tensors) > 0 {
		l.all = append(l.all, l.named)
	}
	const hint = "sources that belong to different models, or to different versions of one, make no schema together"
	if err := l.Samples(l.all); err != nil {
		return nil, &fault{text: err.Error(), hint: hint}
	}
	text, s, err := l.Schema()
	if err != nil {
		return nil, &fault{text: err.Error(), hint: "name a model that says what it takes, or a sample"}
	}
	if err := infer.Check(s, l.all); err != nil {
		return nil, &fault{text: err.Error(), hint: hint}
	}
	return text, nil
}

func (l *learning) cannot(name string, err error) error {
	if _, ok := errors.AsType[*fault](err); ok {
		return err
	}
	return &fault{text: fmt.Sprintf("%q: %v", name, osfile.Cause(err)), hint: "docs/spec/tensor-v1.md says what a schema is learned from"}
}

func (l *learning) close() {
	for _, f := range l.files {
		_ = f.Close() // it was only read
	}
}

// open opens a file, which stays open to the end.
func (l *learning) open(name string) (*artifact.Artifact, error) {
	art, err := artifact.Open(name, filepath.ToSlash(filepath.Clean(name)))
	if err != nil {
		return nil, usage(err.Error(), nameFile)
	}
	l.files = append(l.files, art)
	return art, nil
}

func (l *learning) model(name string) error {
	art, err := l.open(name)
	if err != nil {
		return err
	}
	if l.Model == "" {
		base := filepath.Base(name)
		if stem := strings.TrimSuffix(base, filepath.Ext(base)); stem != "config" && strings.ToLower(filepath.Ext(base)) != ".json" {
			defer func() { l.called(stem) }() // unless the source knows better
		}
	}
	return l.File(art.Name(), art.ReaderAt(), art.Size())
}

// called is the name of a model that nobody has named.
func (l *learning) called(stem string) {
	if l.Model == "" && tensor.IsName(stem) {
		l.Model = stem
	}
}

// sample opens a sample. Those with names are of one request together.
func (l *learning) sample(arg string) error {
	name, file := nameAndFile(arg)
	art, err := l.open(file)
	if err != nil {
		return err
	}
	ts, err := l.Sample(art.Name(), name, art.ReaderAt(), art.Size())
	if err != nil {
		return err
	}
	base := filepath.Base(file)
	if name == "" {
		l.all = append(l.all, infer.Request{Source: base, Tensors: ts})
		return nil
	}
	l.named.Tensors = append(l.named.Tensors, ts...)
	l.named.Source = strings.TrimPrefix(l.named.Source+" and "+base, " and ")
	return nil
}

// ask asks a server for the metadata of a model.
func (l *learning) ask(ctx context.Context, f *guardInferFlags) error {
	if f.name == "" {
		return usage("guard infer: --server needs --model", "the name by which the server knows the model")
	}
	if !strings.HasPrefix(f.server, "http://") && !strings.HasPrefix(f.server, "https://") {
		return usage(fmt.Sprintf("flag %q: %q is not an http or https address", "--server", f.server), "such as http://localhost:8000")
	}
	url := strings.TrimSuffix(f.server, "/") + "/v2/models/" + f.name
	client := fetch.New(fetch.Options{Version: version(), PrivateHosts: f.private})
	body, _, err := client.Get(ctx, fetch.Request{URL: url, Accept: "application/json", MaxBytes: triton.MaxBytes})
	const hint = "curl may reach it where andiron does not: save " + `v2/models/NAME as a .json file, and name that`
	if err != nil {
		return &fault{text: fmt.Sprintf("the server says nothing: %v", err), hint: hint}
	}
	m, err := triton.ParseMetadata(body)
	if err == nil {
		err = l.Served("the server's metadata", m)
	}
	if err != nil {
		return &fault{text: fmt.Sprintf("the metadata of %q: %v", f.name, err), hint: hint}
	}
	return nil
}

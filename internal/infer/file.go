package infer

import (
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/exportir"
	"github.com/andiron-dev/andiron/internal/magic"
	"github.com/andiron-dev/andiron/internal/onnx"
	"github.com/andiron-dev/andiron/internal/tensor"
	"github.com/andiron-dev/andiron/internal/tensorfile"
	"github.com/andiron-dev/andiron/internal/triton"
	"github.com/andiron-dev/andiron/torchfile"
)

// ErrSample is a file of arrays or a request, which is no model: it goes to Samples.
var ErrSample = errors.New("an array file or a request is a sample, not a model")

const (
	maxProgram = 32 << 20 // bytes of a program
	maxCode    = 16 << 20 // bytes of the source of an archive
)

// File learns from the file of a model, or from what a server says. The name tells
// only what text is: .pbtxt is Triton's, .json are metadata.
func (d *Draft) File(name string, r io.ReaderAt, size int64) error {
	source := path.Base(name)
	switch ext := strings.ToLower(path.Ext(name)); ext {
	case ".pbtxt", ".json":
		b, err := bounded.ReadRange(r, size, 0, size, triton.MaxBytes)
		if err != nil {
			return err
		}
		parse := triton.ParseMetadata
		if ext == ".pbtxt" {
			parse = triton.ParseConfig
		}
		m, err := parse(b)
		if errors.Is(err, triton.ErrRequest) {
			return ErrSample
		}
		if err != nil {
			return err
		}
		return d.Served(source, m)
	}
	head, err := bounded.ReadRange(r, size, 0, min(size, magic.HeadLen), magic.HeadLen)
	if err != nil {
		return err
	}
	if magic.Detect(head, nil, size) == magic.ONNX {
		m, err := onnx.Read(r, size, onnx.Limits{})
		if err != nil {
			return err
		}
		return d.ONNX(source, m)
	}
	f, err := tensorfile.Open(r, size)
	if errors.Is(err, tensorfile.ErrFormat) {
		return errors.New("it is no .pt2, ONNX, TorchScript, safetensors or torch.save file, and neither config.pbtxt nor metadata in JSON")
	}
	if err != nil {
		return err
	}
	return d.tensors(source, f)
}

// tensors learns from a file that has tensors, perhaps among other things.
func (d *Draft) tensors(source string, f *tensorfile.File) error {
	switch torchfile.Format(f.Format) {
	case "npy", "npz":
		return ErrSample
	case torchfile.PT2, torchfile.PT2Old:
		return d.archive(source, f.Torch())
	case torchfile.TorchScript, torchfile.TorchScriptLite:
		return d.script(source, f)
	default:
		return d.Weights(source, weights(f))
	}
}

func weights(f *tensorfile.File) (all []Weight) {
	for _, t := range f.Tensors {
		if t.DType != 0 {
			all = append(all, Weight{t.Name, t.DType, t.Shape})
		}
	}
	return all
}

// archive reads the program of a .pt2 file.
func (d *Draft) archive(source string, f *torchfile.File) error {
	found := errNothing
	for rec := range f.Records() {
		p := strings.ToLower(rec.Path)
		if p != "serialized_exported_program.json" && (path.Dir(p) != "models" || !strings.HasSuffix(p, ".json")) {
			continue
		}
		if found == nil {
			return errors.New("the archive has several programs")
		}
		r, err := f.Archive.Open(rec.Entry)
		if err != nil {
			return err
		}
		program, err := exportir.ReadProgram(r, maxProgram)
		if err != nil {
			return fmt.Errorf("%.200q: %w", rec.Name, err)
		}
		if len(program.Duplicates) > 0 {
			return fmt.Errorf("%.200q: the key %.200q stands twice in one object", rec.Name, program.Duplicates[0])
		}
		if found = d.Export(source, program); found != nil {
			return found
		}
	}
	return found
}

// script reads the source of a TorchScript archive.
func (d *Draft) script(source string, f *tensorfile.File) error {
	tf := f.Torch()
	s := Script{Code: map[string]string{}, Weights: weights(f)}
	if tf.Object >= 0 {
		root := tf.Pickles[tf.Object].Trace.Result
		if g, ok := root.Func().Global(); ok {
			s.Root = g.String()
		} else if g, ok := root.Args().Index(0).Global(); ok {
			s.Root = g.String()
		}
	}
	left := int64(maxCode)
	for rec := range tf.Records() {
		module, ok := strings.CutPrefix(rec.Path, "code/")
		module, py := strings.CutSuffix(module, ".py")
		if !ok || !py {
			continue
		}
		r, err := tf.Archive.Open(rec.Entry)
		if err != nil {
			return err
		}
		b, err := bounded.ReadAll(r, left)
		if err != nil {
			return fmt.Errorf("the source in %.200q: %w", rec.Name, err)
		}
		left -= int64(len(b))
		s.Code[strings.ReplaceAll(module, "/", ".")] = string(b)
	}
	err := d.Script(source, s)
	if len(s.Weights) == 0 || err != nil && !errors.Is(err, errNothing) {
		return err
	}
	for _, e := range d.inputs {
		if e.shaped {
			return nil
		}
	}
	if len(d.inputs) > 1 { // nothing says which of them
		return nil
	}
	return d.Weights(source, s.Weights)
}

// Sample reads the headers of a file of samples. A tensor without a name gets the one
// given, or the only input that a model has.
func (d *Draft) Sample(source, as string, r io.ReaderAt, size int64) ([]tensor.Source, error) {
	f, err := tensorfile.Open(r, size)
	if err != nil {
		return nil, err
	}
	var all []tensor.Source
	for _, t := range f.Tensors {
		if t.Role != tensorfile.Object {
			continue
		}
		if t.Problem != "" {
			return nil, fmt.Errorf("tensor %.80q: %s", t.Name, t.Problem)
		}
		all = append(all, t.Source)
	}
	switch base := path.Base(source); {
	case len(all) == 0:
		return nil, errors.New("there are no tensors in it")
	case as != "" && len(all) > 1:
		return nil, fmt.Errorf("it has %d tensors, and %s=FILE means one", len(all), as)
	case as != "":
		all[0].Name = as
	case all[0].Name == "" && len(d.inputs) == 1:
		all[0].Name = d.inputs[0].name
	case all[0].Name == "":
		return nil, fmt.Errorf("its tensor has no name: write NAME=%s", base)
	}
	return all, nil
}

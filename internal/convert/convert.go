package convert

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/andiron-dev/andiron/internal/magic"
	"github.com/andiron-dev/andiron/safetensors"
	"github.com/andiron-dev/andiron/torchfile"
)

// Options direct a conversion. The zero value converts everything there is, or
// nothing.
type Options struct {
	Select          []Selector        // what to take; nothing is everything
	Metadata        map[string]string // for the header; it goes over what is there by default
	DuplicateShared bool              // write tensors that are one tensor under several names each time
	SkipUnsupported bool              // leave out what safetensors cannot represent
	NoExtra         bool              // WriteExtra is not going to be called, and what it needs need not be kept
	Torch           torchfile.Options
}

// Error says why there is no conversion.
type Error struct {
	Text, Hint  string
	Unsupported []Item // what cannot be represented, if that is the reason
}

func (e *Error) Error() string { return e.Text }

func refuse(hint, format string, args ...any) *Error {
	return &Error{Text: fmt.Sprintf(format, args...), Hint: hint}
}

// Open plans the conversion of one file.
func Open(r io.ReaderAt, size int64, opt Options) (*Plan, error) {
	head := make([]byte, min(size, magic.HeadLen))
	if _, err := r.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	kinds := magic.All(head, nil, size)
	if len(kinds) > 0 && kinds[0] == magic.Safetensors {
		return openSafetensors(r, size, opt)
	}
	opt.Torch.Unlisted = true // the walk finds the tensors by itself
	f, err := torchfile.Open(r, size, opt.Torch)
	switch {
	case errors.Is(err, torchfile.ErrFormat):
		return nil, notTorch(kinds)
	case err != nil:
		return nil, err
	}
	return openTorch(f, opt)
}

// OpenCheckpoint plans the conversion of a folder of torch.distributed.checkpoint
// from its .metadata and what open gives for the paths of its shards.
func OpenCheckpoint(metadata io.ReaderAt, size int64, open func(rel string) (io.ReaderAt, int64, error), opt Options) (*Plan, error) {
	f, err := torchfile.OpenDCP(metadata, size, open, opt.Torch)
	if err != nil {
		return nil, err
	}
	return openTorch(f, opt)
}

func openSafetensors(r io.ReaderAt, size int64, opt Options) (*Plan, error) {
	f, err := safetensors.Open(r, size, readLimits)
	if err != nil {
		return nil, err
	}
	c := newCollector(opt, size)
	for i := range f.Tensors {
		t := &f.Tensors[i]
		x := candidate{dtype: t.DType, shape: t.Shape, from: extent{r, t.Begin, t.End - t.Begin}}
		c.add(split(t.Name), x)
	}
	c.empty = true
	return c.plan(string(magic.Safetensors), f.Metadata)
}

// openTorch collects what a container holds.
func openTorch(f *torchfile.File, opt Options) (*Plan, error) {
	if err := sound(f); err != nil {
		return nil, err
	}
	c := newCollector(opt, f.Size)
	c.file = f
	c.checkFile(f)
	switch f.Format {
	case torchfile.TorchZip, torchfile.TorchLegacy, torchfile.TorchTar:
		c.object(f, f.Object, nil)
	case torchfile.TorchScript, torchfile.TorchScriptLite:
		c.script(f)
	case torchfile.TorchPackage:
		c.resources(f)
	case torchfile.PT2, torchfile.PT2Old:
		c.exported(f)
	case torchfile.DCP:
		c.checkpoint(f)
	default:
		return nil, &Error{Text: fmt.Sprintf("files of the format %q are not converted", f.Format), Hint: formatHints[f.Format]}
	}
	return c.plan(string(f.Format), map[string]string{"format": "pt"})
}

// formatHints say how to go on with what is recognised and not converted.
var formatHints = map[torchfile.Format]string{
	torchfile.Zip:      "the archive is none that torch loads; unpack it and convert the model in it",
	torchfile.DCPShard: "name the folder of the checkpoint, which has the file .metadata, not one of its shards",
}

const formatHint = `"andiron convert --help" lists what is taken, and "andiron scan FILE" says what it is`

// notTorch says what a file is that is no container of PyTorch.
func notTorch(kinds []magic.Kind) *Error {
	kind := magic.Unknown
	if len(kinds) > 0 {
		kind = kinds[0]
	}
	const what = "it is not a checkpoint that torch loads"
	switch kind {
	case magic.Gzip, magic.Bzip2, magic.XZ, magic.LZMA, magic.Zlib, magic.Zstd, magic.LZ4, magic.SevenZip, magic.RAR, magic.Tar:
		return refuse("unpack it first", "%s, but packed with %s", what, kind)
	case magic.Pickle:
		return refuse("save the tensors of it with torch.save; tensors that pickle.dump wrote are not converted", "%s, but a plain pickle", what)
	case magic.Unknown, magic.Empty:
		return refuse(formatHint, "%s", what)
	}
	return refuse(formatHint, "%s, but of the format %q", what, kind)
}

// object collects the tensors of the object of pickle k, below a prefix.
func (c *collector) object(f *torchfile.File, k int, prefix []key) {
	if k < 0 || k >= len(f.Pickles) {
		c.fail(refuse("", "it has no object that torch loads"))
		return
	}
	c.checkPickle(f, k)
	if !c.opt.NoExtra {
		c.roots = append(c.roots, root{f, k, prefix})
	}
	w := c.walker(f, k, prefix)
	if v := f.Pickles[k].Trace.Result; !w.walk(v) && len(prefix) > 0 {
		c.drop(prefix, v)
	}
}

// script collects the parameters and buffers of a TorchScript module. Constants
// belong to the code and are in no state_dict.
func (c *collector) script(f *torchfile.File) {
	c.object(f, f.Object, nil)
	for k := range f.Pickles {
		if f.Pickles[k].Role != "constants" {
			continue
		}
		c.checkPickle(f, k)
		prefix := []key{{text: "CONSTANTS"}}
		w := c.walker(f, k, prefix)
		w.constants = true
		w.mode = mode{kind: leave, why: "a constant of the TorchScript code; --select CONSTANTS takes it", depth: 1}
		w.walk(f.Pickles[k].Trace.Result)
	}
}

// resources collects the pickled objects of a torch.package archive.
func (c *collector) resources(f *torchfile.File) {
	for k := range f.Pickles {
		p := &f.Pickles[k]
		if p.Index == 0 && len(p.Loaders) > 0 && p.Loaders[0].Python {
			c.object(f, k, nil)
		}
	}
}

// exported collects the weights and constants of a torch.export archive.
func (c *collector) exported(f *torchfile.File) {
	for i := range f.Tensors {
		if t := &f.Tensors[i]; t.Pickle < 0 {
			c.tensor(split(t.Name), f, t, dense{f, t})
		}
	}
	for i := range f.Nested {
		n := &f.Nested[i]
		name := strings.ToLower(n.Record[strings.LastIndexByte(n.Record, '/')+1:])
		switch {
		case strings.HasPrefix(name, "serialized_state_dict."):
			c.object(n.File, n.File.Object, nil)
		case strings.HasPrefix(name, "serialized_constants."):
			c.object(n.File, n.File.Object, []key{{text: "constants"}})
		case strings.Contains(n.Record, "/weights/"), strings.Contains(n.Record, "/constants/"):
			c.fail(refuse("", "%q is kept as a pickle of its own, which is not read", n.Record))
		default:
			c.left.add(Item{n.Record, "tensors of sample inputs"})
		}
	}
}

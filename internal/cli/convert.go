package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/convert"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/scratch"
	"github.com/andiron-dev/andiron/internal/whole"
)

type convertFlags struct {
	output, extra, policy string
	selects, metadata     []string
	format                choice
	limits                limitFlags
	transform             transformFlags
	most                  size

	duplicate, skip, sha256, noSync, quiet, noProgress bool
}

func (a *app) convertCommand() *cobra.Command {
	var f convertFlags
	cmd := &cobra.Command{
		Use:   "convert [IN] -o OUT",
		Short: "Turn a checkpoint into safetensors without running it, or a model into a program",
		Long: `Turn a checkpoint into a safetensors file. Pickles are read, not loaded: nothing
in them runs, and Python is not needed.

IN is what torch.save wrote in any version, a TorchScript or torch.export archive,
a torch.package archive, a folder of torch.distributed.checkpoint, or a
safetensors file; "-" reads the standard input. A folder with
pytorch_model.bin.index.json is converted shard by shard to a new folder OUT. Of
a pickled module the tensors of its state_dict are taken.

What safetensors cannot represent is refused, with names and reasons. Tensors that
share their bytes are written once, and noted as the Hugging Face library does.
Values that are no tensors are left out and listed; --extra-json keeps them.

OUT appears whole or not at all.

--to torchscript and --to export are another matter: they run your own Python with
torch, make the model by calling --script, load IN into it, which is converted to
safetensors first, and write what torch.jit or torch.export makes of it once it has
been scanned and gives the same outputs. The record beside OUT has both digests.`,
		Example: `  andiron convert model.pt -o model.safetensors
  andiron convert last.ckpt --select state_dict --extra-json last.json -o last.safetensors
  andiron convert bert/ -o bert-safetensors/
  andiron convert model.pt --to export --script model.py:Net --shape 1x3x224x224 -o model.pt2`,
		Args: wants("IN", 0, 1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.transform.to.value == toSafetensors {
				return a.toSafetensors(cmd, args, &f)
			}
			return a.transform(cmd, strings.Join(args, ""), &f)
		},
	}
	f.add(cmd)
	a.addTransform(cmd, &f.transform)
	return cmd
}

func (a *app) toSafetensors(cmd *cobra.Command, args []string, f *convertFlags) error {
	if err := f.transform.without(cmd); err != nil {
		return err
	}
	if len(args) == 0 {
		return usage("convert: no IN given", "usage: "+cmd.UseLine())
	}
	return a.convert(cmd.Context(), args[0], f)
}

func (f *convertFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVarP(&f.output, "output", "o", "", "write to `OUT`, whole or not at all")
	flags.StringArrayVar(&f.selects, "select", nil, "take only what is under this `KEY`: a dotted path or a JSON list of keys; may be given more than once")
	flags.BoolVar(&f.duplicate, "duplicate-shared", false, "write tensors of several names each time")
	flags.BoolVar(&f.skip, "skip-unsupported", false, "leave out what safetensors cannot represent, and list it in the metadata")
	flags.StringArrayVar(&f.metadata, "metadata", nil, "put `KEY=VALUE` into the metadata; may be given more than once")
	flags.StringVar(&f.extra, "extra-json", "", "write the values that are no tensors to `FILE`")
	addChoice(cmd, &f.format, "format", "how to say what was done: text on stderr or JSON on stdout", "text", "json")
	flags.BoolVar(&f.sha256, "sha256", false, "compute the SHA-256 of what is read and written, for --format json")
	flags.BoolVar(&f.noSync, "no-sync", false, "do not wait for the disk; after a loss of power OUT may be broken")
	flags.StringVar(&f.policy, "policy", "", "read the limits from `FILE` instead of "+policy.FileName)
	flags.BoolVarP(&f.quiet, "quiet", "q", false, "say only what went wrong")
	flags.BoolVar(&f.noProgress, "no-progress", false, "show no progress on the terminal")
	flags.Var(&f.most, "max-output", "write at most this many bytes, such as 40GiB; eight times what is read is always allowed")
	flags.Lookup("max-output").DefValue = "0"
	f.limits.add(flags)
	flags.SortFlags = false
}

// options reads the flags.
func (f *convertFlags) options() (convert.Options, error) {
	opt := convert.Options{DuplicateShared: f.duplicate, SkipUnsupported: f.skip, NoExtra: f.extra == "", Metadata: map[string]string{}}
	if f.output == "" {
		return opt, usage("convert: no OUT given", "usage: andiron convert IN -o OUT")
	}
	if f.extra == "-" && f.format.value == "json" {
		return opt, usage("--extra-json and --format json would both write to the standard output", "give --extra-json a file")
	}
	for _, s := range f.selects {
		sel, err := convert.ParseSelector(s)
		if err != nil {
			return opt, usage(fmt.Sprintf("flag %q: %v", "--select", err), `a dotted path, or a JSON list of keys such as '["optimizer", "state", 0]'`)
		}
		opt.Select = append(opt.Select, sel)
	}
	for _, s := range f.metadata {
		k, v, ok := strings.Cut(s, "=")
		if _, twice := opt.Metadata[k]; !ok || k == "" || twice {
			return opt, usage(fmt.Sprintf("flag %q: %q is not KEY=VALUE with a new key", "--metadata", s), "such as --metadata epoch=3; each key once")
		}
		opt.Metadata[k] = v
	}
	pol, _, err := projectPolicy(f.policy, ".")
	if err != nil {
		return opt, err
	}
	limits := f.limits.over(pol.Limits)
	opt.Torch.Pickle.MaxValues = limits.MaxValues
	opt.Torch.MaxInflate = defaultInflate
	if limits.MaxInflated > 0 {
		opt.Torch.MaxInflate = limits.MaxInflated
	}
	return opt, nil
}

// defaultInflate is how much of compressed pickles is held in memory. Compressed
// tensors are streamed.
const defaultInflate = 16 << 20

// convert is one run of the verb.
func (a *app) convert(ctx context.Context, in string, f *convertFlags) error {
	opt, err := f.options()
	if err != nil {
		return err
	}
	a.heap.tighten()
	c := &conversion{app: a, flags: f, opt: opt, in: in}
	defer c.close()
	c.opt.Torch.Scratch = c.newSpace()
	c.report.Schema = convertSchema
	if f.noSync {
		a.warn("--no-sync: after a loss of power " + strconv.Quote(f.output) + " may be broken")
	}
	c.report.Input.Path = filepath.ToSlash(in)
	if err := c.run(ctx); err != nil {
		return a.cannot(in, err)
	}
	return c.say()
}

// conversion is one run while it lasts.
type conversion struct {
	*app

	flags  *convertFlags
	opt    convert.Options
	in     string
	inputs []*artifact.Artifact
	bar    *progress
	temp   *osfile.Temp // behind opt.Torch.Scratch, or nil
	report conversionReport
}

// How much of what a checkpoint holds is kept in memory. Where that is not all of it,
// it is the less.
const (
	inSpace = 20 << 20
	spilled = 5 << 20
)

func (c *conversion) newSpace() *scratch.Space {
	return scratch.New(inSpace, spilled, func() (scratch.File, error) {
		f, err := osfile.NewTemp()
		if err != nil {
			return nil, err
		}
		c.temp = f
		return f, nil
	})
}

func (c *conversion) close() {
	if c.bar != nil {
		_ = c.bar.clear() // it never fails
	}
	for _, art := range c.inputs {
		_ = art.Close() // it was only read
	}
	if c.temp != nil {
		_ = c.temp.Close() // nothing in it is needed any more
	}
}

// run tells what the input is.
func (c *conversion) run(ctx context.Context) error {
	info, err := os.Stat(c.in)
	switch {
	case c.in != "-" && err != nil:
		return usage(fmt.Sprintf("%q: %v", c.in, osfile.Cause(err)), nameFile)
	case err == nil && info.IsDir():
		return c.folder(ctx, c.in)
	case strings.HasSuffix(c.in, ".index.json"):
		return c.shards(ctx, filepath.Dir(c.in), filepath.Base(c.in))
	}
	art, err := c.open(ctx, c.in)
	if err != nil {
		return err
	}
	plan, err := convert.Open(art.ReaderAt(), art.Size(), c.opt)
	if err != nil {
		return err
	}
	return c.one(ctx, plan)
}

// folder converts a checkpoint or a model that is a folder.
func (c *conversion) folder(ctx context.Context, dir string) error {
	if _, err := os.Stat(filepath.Join(dir, ".metadata")); err == nil {
		return c.checkpoint(ctx, dir)
	}
	found, _ := filepath.Glob(filepath.Join(osfile.Literal(dir), "*.bin.index.json")) // the pattern is well formed
	switch len(found) {
	case 1:
		return c.shards(ctx, dir, filepath.Base(found[0]))
	case 0:
		return usage(fmt.Sprintf("%q is a folder with neither .metadata nor an index of shards", dir), "name the checkpoint in it")
	}
	return usage(fmt.Sprintf("%q has %d indexes of shards", dir, len(found)), "name one of them")
}

// checkpoint converts a folder of torch.distributed.checkpoint.
func (c *conversion) checkpoint(ctx context.Context, dir string) error {
	meta, err := c.open(ctx, filepath.Join(dir, ".metadata"))
	if err != nil {
		return err
	}
	plan, err := convert.OpenCheckpoint(meta.ReaderAt(), meta.Size(), func(rel string) (io.ReaderAt, int64, error) {
		art, err := c.open(ctx, filepath.Join(dir, filepath.FromSlash(rel)))
		if err != nil {
			return nil, 0, err
		}
		return art.ReaderAt(), art.Size(), nil
	}, c.opt)
	if err != nil {
		return err
	}
	return c.one(ctx, plan)
}

// open opens one of the files that are read. It stays open to the end, so that a
// change of it is seen.
func (c *conversion) open(ctx context.Context, path string) (*artifact.Artifact, error) {
	art, err := c.openOne(path)
	if err != nil {
		return nil, err
	}
	art.StopOn(ctx.Done())
	c.inputs = append(c.inputs, art)
	c.judge(ctx, art)
	return art, ctx.Err()
}

// one writes the one file that a plan makes.
func (c *conversion) one(ctx context.Context, plan *convert.Plan) error {
	if err := c.notInput(c.flags.output, c.flags.extra); err != nil {
		return err
	}
	out, err := createFile(c.flags.output, "name a file")
	if err != nil {
		return err
	}
	defer out.Abandon()
	if err := c.write(ctx, plan, out, c.flags.output); err != nil {
		return err
	}
	if err := c.writeExtra(plan); err != nil {
		return err
	}
	return commit(out, c.flags.output)
}

const (
	growth    = 8 // views that overlap, and records that are compressed, make a file larger
	smallFile = 64 << 20
)

// fits refuses a file that is far larger than what it is made from: a view can
// repeat one element as often as it likes, and fill the disk.
func fits(in string, inputs []*artifact.Artifact, plan *convert.Plan, most size) error {
	read := int64(0)
	for _, art := range inputs {
		read += art.Size()
	}
	if plan.Layout.Size <= max(int64(most), smallFile, growth*read) {
		return nil
	}
	return &fault{
		text: fmt.Sprintf("%q cannot be converted: its %d bytes would become %d", in, read, plan.Layout.Size),
		hint: "if that is meant, --max-output allows it",
	}
}

// write puts a plan into a file, and reads it back before it gets its name.
func (c *conversion) write(ctx context.Context, plan *convert.Plan, out *whole.File, name string) error {
	if err := fits(c.in, c.inputs, plan, c.flags.most); err != nil {
		return err
	}
	if c.flags.noSync {
		out.WithoutSyncUnsafe()
	}
	if err := writePlan(ctx, plan, out.File, !c.flags.noSync, c.progress(plan, name)); err != nil {
		if pe, ok := errors.AsType[*fs.PathError](err); ok && pe.Path == out.File.Name() {
			return &fault{text: fmt.Sprintf("output %q cannot be written: %v", name, pe.Err), hint: hintFor(pe.Err)}
		}
		return err
	}
	if err := plan.Check(out, plan.Layout.Size); err != nil {
		return err
	}
	for _, art := range c.inputs {
		if art.Changed() {
			return &fault{text: fmt.Sprintf("%q changed while it was read", art.Name()), hint: "convert it again when nobody writes to it"}
		}
	}
	return c.note(plan, out, name)
}

// writePlan writes a file whose room is taken first. If it is to be synced, its bytes
// are on their way to the disk while the next ones are read.
func writePlan(ctx context.Context, plan *convert.Plan, out *os.File, sync bool, progress func(int64)) error {
	if err := osfile.Reserve(out, plan.Layout.Size); err != nil {
		return err
	}
	head, last := plan.Layout.HeaderLen, int64(0)
	return plan.Write(ctx, out, func(done int64) {
		if sync && done-last >= writeBackStep {
			osfile.WriteBack(out, head+last, done-last)
			last = done
		}
		if progress != nil {
			progress(done)
		}
	})
}

const writeBackStep = 16 << 20

func (c *conversion) writeExtra(plan *convert.Plan) error {
	if c.flags.extra == "" {
		return nil
	}
	out, err := openOutput(c.flags.extra, c.stdout)
	if err != nil {
		return err
	}
	if err := plan.WriteExtra(out); err != nil {
		out.abandon()
		return fmt.Errorf("the values for %q: %w", c.flags.extra, err)
	}
	return out.finish()
}

// notInput refuses to replace what is being read.
func (c *conversion) notInput(names ...string) error {
	if names[0] != "" && len(names) > 1 && names[1] != "" && filepath.Clean(names[0]) == filepath.Clean(names[1]) {
		return usage(fmt.Sprintf("%q is both OUT and the file of --extra-json", names[0]), "give --extra-json another file")
	}
	for _, name := range names {
		info, err := os.Stat(name)
		if name == "" || err != nil {
			continue // not there yet
		}
		for _, art := range c.inputs {
			if in, err := os.Stat(art.Name()); err == nil && os.SameFile(info, in) {
				return usage(fmt.Sprintf("%q is what is being converted", name), "name another file")
			}
		}
	}
	return nil
}

// progress draws a bar for long work on a terminal. It counts megabytes.
func (c *conversion) progress(plan *convert.Plan, name string) func(int64) {
	if c.flags.noProgress || c.flags.quiet || !isTerminal(c.stderr) {
		return nil
	}
	c.bar = newProgress(c.stderr, false, columns(c.stderr))
	total := int((plan.Layout.Size - plan.Layout.HeaderLen) >> 20)
	return func(done int64) {
		_ = c.bar.Progress(finding.Progress{Path: filepath.ToSlash(name), Done: int(done >> 20), Total: total}) // it never fails
	}
}

// cannot words an error of a conversion.
func (a *app) cannot(in string, err error) error {
	if _, ok := errors.AsType[*fault](err); ok {
		return err
	}
	if errors.Is(err, context.Canceled) {
		return &fault{text: fmt.Sprintf("%q: interrupted, nothing was written", in)}
	}
	f := &fault{text: fmt.Sprintf("%q cannot be converted: %v", in, err)}
	if e, ok := errors.AsType[*convert.Error](err); ok {
		f.hint = e.Hint
		a.refused(e.Unsupported)
	}
	if errors.Is(err, bounded.ErrLimit) && f.hint == "" {
		f.hint = "--max-values and --max-inflated raise the limits"
	}
	return f
}

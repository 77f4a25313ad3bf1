package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/convert"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/pyrun"
)

const toSafetensors = "safetensors"

// transformFlags are those of convert --to torchscript and --to export, which
// run the user's own Python.
type transformFlags struct {
	to                          choice
	script, factoryArgs, python string
	trace, inputs, shapes       []string
	samples                     int
	atol, rtol                  tolerance
	timeout                     time.Duration
	record                      string
}

// addTransform adds the flags, and --to, whose first value is the static
// conversion.
func (a *app) addTransform(cmd *cobra.Command, f *transformFlags) {
	flags := cmd.Flags()
	f.atol, f.rtol = -1, -1
	addChoice(cmd, &f.to, "to", "what to convert to; all but safetensors run your own Python", toSafetensors, "torchscript", "export")
	flags.StringVar(&f.script, "script", "", "make the model by calling `FILE:NAME`, a function or class of your own script")
	flags.StringVar(&f.factoryArgs, "factory-args", "", "call it with these arguments, a `JSON` object or array")
	flags.StringArrayVar(&f.trace, "trace", nil, "trace the model on this `NPY` file instead of compiling it; once for each argument")
	flags.StringArrayVar(&f.inputs, "input", nil, "compare on this `NPY` file; once for each argument")
	flags.StringArrayVar(&f.shapes, "shape", nil, "compare on made-up tensors, such as 1x3x224x224 or 1x16:int64:0..999, as `DIMS[:DTYPE[:RANGE]]`; once for each argument")
	flags.IntVar(&f.samples, "samples", 3, "make up `N` samples, each with its own seed")
	flags.Var(&f.atol, "atol", "absolute tolerance (default that of torch.testing for the dtype)")
	flags.Var(&f.rtol, "rtol", "relative tolerance (default that of torch.testing for the dtype)")
	flags.DurationVar(&f.timeout, "timeout", 10*time.Minute, "end the Python programs after this `TIME`")
	flags.StringVar(&f.python, "python", "", "run this interpreter (default $VIRTUAL_ENV/bin/python, then python3 on PATH)")
	flags.StringVar(&f.record, "record", "", "write the record to `FILE` (default OUT.andiron.json)")
	flags.Lookup("atol").DefValue, flags.Lookup("rtol").DefValue = "0", "0" // pflag then shows no default
}

// tolerance is a flag with a number from 0; below 0 it was not given.
type tolerance float64

func (t *tolerance) String() string { return strconv.FormatFloat(float64(*t), 'g', -1, 64) }
func (t *tolerance) Type() string   { return "NUMBER" }

func (t *tolerance) Set(s string) error {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || !(f >= 0) || math.IsInf(f, 0) {
		return fmt.Errorf("%q is not a number from 0", s)
	}
	*t = tolerance(f)
	return nil
}

// without complains about flags that a static conversion has no use for.
func (f *transformFlags) without(cmd *cobra.Command) error {
	for _, name := range []string{"script", "factory-args", "trace", "input", "shape", "samples", "atol", "rtol", "timeout", "python", "record"} {
		if cmd.Flags().Changed(name) {
			return usage(fmt.Sprintf("convert: --%s is for --to torchscript and --to export", name), "to safetensors nothing is run")
		}
	}
	return nil
}

// withoutProgram complains about flags that are for the file that a static
// conversion writes.
func (f *convertFlags) withoutProgram(cmd *cobra.Command) error {
	for _, name := range []string{"duplicate-shared", "skip-unsupported", "metadata", "extra-json", "format", "sha256", "no-sync"} {
		if cmd.Flags().Changed(name) {
			return usage(fmt.Sprintf("convert: --%s is for --to %s", name, toSafetensors), "leave it out, or convert to safetensors first")
		}
	}
	return nil
}

// transformation is one run, as the flags say it.
type transformation struct {
	verb            string // for what is said
	in, out, record string
	static          convert.Options // of the weights
	most            size            // that they may become
	job             pyrun.Job
	tolerance       pyrun.Tolerance
	files           []sampleFile
	created         time.Time
}

// sampleFile is an input that was read from a file.
type sampleFile struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
}

// transform converts a model by running the user's own Python. There is no file
// OUT unless all that is checked holds.
func (a *app) transform(cmd *cobra.Command, in string, flags *convertFlags) error {
	f := &flags.transform
	if err := flags.withoutProgram(cmd); err != nil {
		return err
	}
	t, err := f.transformation(in, flags.output)
	if err != nil {
		return err
	}
	if t.static, err = flags.options(); err != nil {
		return err
	}
	t.most = flags.most
	t.static.DuplicateShared = true // load_state_dict(strict=True) wants every name
	if t.created, err = a.now(); err != nil {
		return err
	}
	if t.job.Python, err = pyrun.FindPython(f.python, a.getenv("VIRTUAL_ENV")); err != nil {
		return usage(fmt.Sprintf("convert: %v", err), "--python names an interpreter that has torch")
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), f.timeout)
	defer cancel()
	return a.shown(a.runTransformation(ctx, t))
}

// now is the time that a record has.
func (a *app) now() (time.Time, error) {
	s := a.getenv("SOURCE_DATE_EPOCH")
	if s == "" {
		return time.Now().UTC(), nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > 1<<37 {
		return time.Time{}, usage(fmt.Sprintf("SOURCE_DATE_EPOCH %q is not a number of seconds", s), sinceEpoch)
	}
	return time.Unix(n, 0).UTC(), nil
}

var factoryName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[\pL_][\pL\pN_]*(\.[\pL_][\pL\pN_]*)*$`)
})

// transformation checks the flags and reads the inputs.
func (f *transformFlags) transformation(in, out string) (*transformation, error) {
	t := &transformation{verb: "convert", in: in, out: out, record: f.record}
	if out == "" || out == "-" {
		return nil, usage("convert: no OUT given", "-o names the file that is written")
	}
	if t.record == "" {
		t.record = out + ".andiron.json"
	}
	if err := t.callable(f.script, f.factoryArgs); err != nil {
		return nil, err
	}
	if err := f.numbers(); err != nil {
		return nil, err
	}
	t.tolerance = pyrun.Tolerance{Abs: float64(f.atol), Rel: float64(f.rtol)}
	if err := f.mode(t); err != nil {
		return nil, err
	}
	return t, t.distinct()
}

// callable takes apart what names a function or class, and its arguments.
func (t *transformation) callable(script, args string) error {
	i := strings.LastIndexByte(script, ':')
	if i <= 0 || !factoryName().MatchString(script[i+1:]) {
		return usage(fmt.Sprintf("%s: --script %q does not say what to call", t.verb, script),
			"--script model.py:NAME names a function or class that returns the model")
	}
	t.job.Script, t.job.Factory = script[:i], script[i+1:]
	if args == "" {
		return nil
	}
	if !json.Valid([]byte(args)) || !strings.ContainsRune("{[", rune(strings.TrimSpace(args)[0])) {
		return usage(fmt.Sprintf("%s: --factory-args %q is not a JSON object or array", t.verb, args), `such as '{"classes": 10}' or '[10]'`)
	}
	t.job.Args = json.RawMessage(args)
	return nil
}

func (f *transformFlags) numbers() error {
	if f.samples < 0 {
		return usage(fmt.Sprintf("convert: --samples %d is below 0", f.samples), "0 makes up none, and compares on --input only")
	}
	if f.timeout <= 0 {
		return usage(fmt.Sprintf("convert: --timeout %v is not above 0", f.timeout), "such as 90s or 10m")
	}
	return nil
}

// mode picks how to convert and what to compare on.
func (f *transformFlags) mode(t *transformation) error {
	switch {
	case f.to.value == "export" && len(f.trace) > 0:
		return usage("convert: --trace is for --to torchscript", "--to export follows the first sample of --input or --shape")
	case f.to.value == "export":
		t.job.Mode = pyrun.Export
	case len(f.trace) > 0:
		t.job.Mode = pyrun.Trace
	default:
		t.job.Mode = pyrun.Script
	}
	if err := f.given(t); err != nil {
		return err
	}
	return f.madeUp(t)
}

// given reads the samples that are files. What tracing follows comes first.
func (f *transformFlags) given(t *transformation) error {
	for _, list := range [][]string{f.trace, f.inputs} {
		if len(list) == 0 {
			continue
		}
		s := pyrun.Sample{Name: "the given input"}
		if len(t.job.Samples) == 0 && t.job.Mode == pyrun.Trace {
			s.Name = "the traced input"
		}
		for _, name := range list {
			tensor, err := t.readInput(name)
			if err != nil {
				return err
			}
			s.Tensors = append(s.Tensors, tensor)
		}
		t.job.Samples = append(t.job.Samples, s)
	}
	return nil
}

func (t *transformation) readInput(name string) (tensor pyrun.Tensor, err error) {
	art, err := artifact.Open(name, name)
	if err != nil {
		return tensor, usage(fmt.Sprintf("%s: input %v", t.verb, err), nameFile)
	}
	defer func() { _ = art.Close() }() // it was only read
	if tensor, err = pyrun.ReadNPY(art.ReaderAt(), art.Size()); err != nil {
		return tensor, usage(fmt.Sprintf("%s: input %q: %v", t.verb, name, err), "numpy.save(FILE, array) writes one")
	}
	sum, err := art.SHA256()
	t.files = append(t.files, sampleFile{name, sum})
	return tensor, err
}

// madeUp adds the samples that andiron makes up.
func (f *transformFlags) madeUp(t *transformation) error {
	var specs []pyrun.Spec
	for _, s := range f.shapes {
		spec, err := pyrun.ParseSpec(s)
		if err != nil {
			return usage(fmt.Sprintf("convert: --shape: %v", err), "such as 1x3x224x224, 1x16:int64:0..999 or scalar:float64")
		}
		specs = append(specs, spec)
	}
	switch given := t.job.Samples; {
	case len(specs) > 0:
		for seed := range uint64(f.samples) {
			t.job.Samples = append(t.job.Samples, pyrun.Generate(specs, seed))
			if err := checkSize(t.job.Samples); err != nil {
				return err
			}
		}
	case len(given) > 0:
		for seed := range uint64(f.samples) {
			t.job.Samples = append(t.job.Samples, pyrun.Like(given[0], seed))
			if err := checkSize(t.job.Samples); err != nil {
				return err
			}
		}
	}
	if len(t.job.Samples) == 0 {
		return usage("convert: there is nothing to compare the original and the converted model on",
			"--input NPY gives a tensor, --shape 1x3x224x224 makes one up; once for each argument of forward()")
	}
	return nil
}

func checkSize(samples []pyrun.Sample) error {
	if err := pyrun.CheckSize(samples); err != nil {
		return usage(fmt.Sprintf("convert: %v", err), "fewer --samples or smaller ones show as much")
	}
	return nil
}

// distinct makes sure that nothing that is read is replaced.
func (t *transformation) distinct() error {
	read := []string{t.job.Script}
	if t.in != "" {
		read = append(read, t.in)
	}
	for _, f := range t.files {
		read = append(read, f.Path)
	}
	for _, name := range read {
		if info, err := os.Stat(name); err != nil {
			return usage(fmt.Sprintf("convert: %q: %v", name, osfile.Cause(err)), nameFile)
		} else if info.IsDir() {
			return usage(fmt.Sprintf("convert: %q is a folder", name), "name a file in it, or convert the folder to safetensors first")
		}
	}
	if slices.ContainsFunc(read, func(name string) bool { return sameFile(name, t.out) || sameFile(name, t.record) }) {
		return usage(fmt.Sprintf("convert: %q or %q is a file that is read", t.out, t.record), "give the result a name of its own")
	}
	if t.out == t.record || sameFile(t.out, t.record) {
		return usage(fmt.Sprintf("convert: %q cannot be both the result and its record", t.out), "give --record another file")
	}
	return nil
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	y, err2 := os.Stat(b)
	return err == nil && err2 == nil && os.SameFile(x, y)
}

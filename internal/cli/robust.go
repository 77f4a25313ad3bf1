package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/pyrun"
	"github.com/andiron-dev/andiron/internal/robust"
)

func (a *app) robustCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "robust VERB",
		Short: "Measure how a classifier does under adversarial attack",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usage("robust: no verb given", `"andiron robust --help" lists the verbs`)
			}
			return unknownVerb(cmd, args[0])
		},
	}
	cmd.AddCommand(a.robustEvalCommand())
	return cmd
}

type robustFlags struct {
	script, factoryArgs, weights, inputs, labels, python string
	eps                                                  []float64
	bounds                                               []float64
	attacks                                              []string
	require                                              []string
	norm, backend, format                                choice
	how                                                  pyrun.Attacks
	timeout                                              time.Duration
	output, plot, html                                   string
}

func (a *app) robustEvalCommand() *cobra.Command {
	var f robustFlags
	cmd := &cobra.Command{
		Use:   "eval --script FILE:NAME --inputs NPY --labels NPY --eps LIST",
		Short: "Accuracy without and under attack, over the size of the perturbation",
		Long: `Attack a model of your own with FGSM, PGD and PGD on the margin, and say how
often it is right without and under attack. Your own Python runs for it, with the
package andiron; weights are converted to safetensors first, and nothing in them is
run.

A sample counts under "worst" if it withstands every attack. Signs tell whether the
figures can be believed: a model whose gradients lead nowhere looks robust and is
not. If they cannot, the exit code is 3. --require makes it 1 where the accuracy
under "worst" is below what you ask for.

A report that is called *` + robust.FileSuffix + ` is evidence for "andiron audit".
Checking inputs does not stop adversarial examples: they are valid inputs.`,
		Example: `  andiron robust eval --script model.py:Net --weights net.pt --inputs x.npy --labels y.npy \
    --eps 0.05,0.1,0.2 -o net` + robust.FileSuffix + ` --plot net.png --html net.html
  andiron robust eval --script model.py:Net --weights net.pt --inputs x.npy --labels y.npy \
    --eps 0.1 --require 0.1=0.8`,
		Args: wants("", 0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.robustEval(cmd.Context(), &f) },
	}
	flags := cmd.Flags()
	flags.StringVar(&f.script, "script", "", "make the model by calling `FILE:NAME`, a function or class of your own script")
	flags.StringVar(&f.factoryArgs, "factory-args", "", "call it with these arguments, a `JSON` object or array")
	flags.StringVar(&f.weights, "weights", "", "load the weights of `FILE`, any checkpoint that convert takes")
	flags.StringVar(&f.inputs, "inputs", "", "the inputs, an `NPY` file of floating-point numbers, one sample after the other")
	flags.StringVar(&f.labels, "labels", "", "their classes, an `NPY` file of integers")
	flags.Float64SliceVar(&f.eps, "eps", nil, "sizes of the perturbation, a `LIST` of numbers")
	flags.Float64SliceVar(&f.bounds, "bounds", []float64{0, 1}, "the least and the greatest value of an input, as `LO,HI`")
	flags.Lookup("eps").DefValue, flags.Lookup("bounds").DefValue = "", "0,1" // as they are written
	flags.StringSliceVar(&f.attacks, "attack", []string{"fgsm", "pgd", "margin"}, "the attacks, a `LIST` of fgsm, pgd and margin")
	addChoice(cmd, &f.norm, "norm", "what measures a perturbation", "linf", "l2")
	flags.IntVar(&f.how.Steps, "steps", 40, "steps of pgd and margin, as `N`")
	flags.IntVar(&f.how.Restarts, "restarts", 1, "random starts of pgd and margin, as `N`")
	flags.IntVar(&f.how.BatchSize, "batch", 256, "`N` samples at a time")
	flags.Int64Var(&f.how.Seed, "seed", 0, "`N` that the random starts follow from")
	addChoice(cmd, &f.backend, "backend", "whose fgsm and pgd", "andiron", "foolbox", "torchattacks", "art")
	flags.StringArrayVar(&f.require, "require", nil, "exit with 1 if the accuracy under worst is below, as `EPS=SHARE`; may be repeated")
	addChoice(cmd, &f.format, "format", "how to write the report to the standard output", "text", "json")
	flags.StringVarP(&f.output, "output", "o", "", "write the report as JSON to `FILE`, such as net"+robust.FileSuffix)
	flags.StringVar(&f.plot, "plot", "", "draw it to `FILE.png`")
	flags.StringVar(&f.html, "html", "", "write a page with the plot to `FILE.html`")
	flags.DurationVar(&f.timeout, "timeout", time.Hour, "end the Python program after this `TIME`")
	flags.StringVar(&f.python, "python", "", "run this interpreter (default $VIRTUAL_ENV/bin/python, then python3 on PATH)")
	flags.SortFlags = false
	return cmd
}

// evaluation is one run, as the flags say it.
type evaluation struct {
	transformation

	how     pyrun.Attacks
	require map[float64]float64
	report  *robust.Report
}

func (a *app) robustEval(ctx context.Context, f *robustFlags) error {
	e, err := f.evaluation()
	if err != nil {
		return err
	}
	if e.created, err = a.now(); err != nil {
		return err
	}
	if e.job.Python, err = pyrun.FindPython(f.python, a.getenv("VIRTUAL_ENV")); err != nil {
		return usage(fmt.Sprintf("robust eval: %v", err), "--python names an interpreter that has torch and andiron")
	}
	ctx, cancel := context.WithTimeout(ctx, f.timeout)
	defer cancel()
	if err := a.shown(a.runEvaluation(ctx, e)); err != nil {
		return err
	}
	if err := a.writeEvaluation(e.report, f); err != nil {
		return err
	}
	return e.judge()
}

// evaluation checks the flags and reads the inputs.
func (f *robustFlags) evaluation() (*evaluation, error) {
	e := &evaluation{how: f.how}
	e.verb, e.in, e.static.DuplicateShared = "robust eval", f.weights, true
	var err error
	if err = e.callable(f.script, f.factoryArgs); err != nil {
		return nil, err
	}
	if f.timeout <= 0 || f.how.Steps < 1 || f.how.Restarts < 1 || f.how.BatchSize < 1 {
		return nil, usage("robust eval: --timeout, --steps, --restarts and --batch must be above 0", "leave them out for what is usual")
	}
	if len(f.eps) == 0 {
		return nil, usage("robust eval: no --eps given", "such as --eps 0.05,0.1,0.2, in the units of the inputs")
	}
	if len(f.bounds) != 2 {
		return nil, usage("robust eval: --bounds has not two numbers", "such as --bounds 0,1")
	}
	e.how.Eps, e.how.Attacks, e.how.Norm, e.how.Backend = f.eps, f.attacks, f.norm.value, f.backend.value
	e.how.Bounds = [2]float64(f.bounds)
	if f.plot != "" && !strings.EqualFold(filepath.Ext(f.plot), ".png") {
		return nil, usage(fmt.Sprintf("robust eval: --plot %q does not end in .png", f.plot), "such as --plot net.png: that is what is drawn")
	}
	if e.require, err = f.requirements(); err != nil {
		return nil, err
	}
	if f.inputs == "" || f.labels == "" {
		return nil, usage("robust eval: --inputs and --labels are both needed", "numpy.save(FILE, array) writes them")
	}
	if err := f.places(); err != nil {
		return nil, err
	}
	var sample pyrun.Sample
	for _, name := range []string{f.inputs, f.labels} {
		t, err := e.readInput(name)
		if err != nil {
			return nil, err
		}
		sample.Tensors = append(sample.Tensors, t)
	}
	if d := sample.Tensors[1].DType; d != "bool" && !strings.Contains(d, "int") { // fractions would be cut off
		return nil, usage(fmt.Sprintf("robust eval: --labels %q holds %s, and classes are integers", f.labels, d), "numpy.save(FILE, array.astype(\"int64\")) writes them, if each value is the number of a class")
	}
	e.job.Samples = []pyrun.Sample{sample}
	return e, nil
}

// places tries where the report will be written: an hour later is too late.
func (f *robustFlags) places() error {
	for _, name := range []string{f.output, f.plot, f.html} {
		if name == "" {
			continue
		}
		out, err := createOutput(name)
		if err != nil {
			return err
		}
		out.Abandon()
	}
	return nil
}

// requirements reads --require, whose sizes must be among those of --eps.
func (f *robustFlags) requirements() (map[float64]float64, error) {
	want := map[float64]float64{}
	for _, s := range f.require {
		left, right, _ := strings.Cut(s, "=")
		eps, err := strconv.ParseFloat(left, 64)
		share, err2 := strconv.ParseFloat(right, 64)
		if err != nil || err2 != nil || !(share >= 0 && share <= 1) {
			return nil, usage(fmt.Sprintf("robust eval: --require %q is not EPS=SHARE", s), "such as --require 0.1=0.8")
		}
		known := false
		for _, e := range f.eps {
			known = known || e == eps
		}
		if !known {
			return nil, usage(fmt.Sprintf("robust eval: --require %q is about an eps that is not evaluated", s), "add it to --eps")
		}
		want[eps] = share
	}
	for _, eps := range f.eps {
		if !(eps > 0) || math.IsInf(eps, 0) {
			return nil, usage(fmt.Sprintf("robust eval: --eps %g is not above 0", eps), "the accuracy without attack is always part of the report")
		}
	}
	return want, nil
}

// runEvaluation runs the model's script in a private folder.
func (a *app) runEvaluation(ctx context.Context, e *evaluation) error {
	dir, err := os.MkdirTemp("", "andiron-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left is a private temporary folder
	e.job.Dir = dir
	weights, err := a.weights(ctx, &e.transformation)
	if err != nil {
		return err
	}
	a.announceProgram(&e.transformation)
	got, err := pyrun.Evaluate(ctx, e.job, e.how)
	if err != nil {
		return err
	}
	if e.report, err = robust.Parse(got.Report); err != nil {
		return fmt.Errorf("%q gave no report that can be used: %w", e.job.Python, err)
	}
	if weights != nil && got.WeightsSHA256 != weights.LoadedSHA256 {
		return fmt.Errorf("%q changed while it was being read", e.in)
	}
	e.describe(got, weights)
	return nil
}

// describe adds to the report what it is about.
func (e *evaluation) describe(got *pyrun.Evaluated, weights *weightsRecord) {
	r := e.report
	r.Tool = &robust.Tool{Name: "andiron", Version: version()}
	r.Created = e.created.Format(time.RFC3339)
	r.Model = &robust.Model{Script: robust.File{Path: filepath.ToSlash(e.job.Script), SHA256: got.ScriptSHA256}, Factory: e.job.Factory}
	if weights != nil {
		r.Model.Weights = &robust.File{Path: filepath.ToSlash(weights.Path), SHA256: weights.SHA256}
	}
	r.Data = &robust.Data{
		Inputs: robust.File{Path: filepath.ToSlash(e.files[0].Path), SHA256: e.files[0].SHA256},
		Labels: robust.File{Path: filepath.ToSlash(e.files[1].Path), SHA256: e.files[1].SHA256},
	}
}

// writeEvaluation writes the report in every form that was asked for.
func (a *app) writeEvaluation(r *robust.Report, f *robustFlags) error {
	asJSON := func(w io.Writer) error {
		b, err := r.JSON()
		if err == nil {
			_, err = w.Write(b)
		}
		return err
	}
	for _, o := range []struct {
		name  string
		write func(io.Writer) error
	}{{f.output, asJSON}, {f.plot, r.WritePNG}, {f.html, r.WriteHTML}} {
		if o.name == "" {
			continue
		}
		if err := writeWhole(o.name, o.write); err != nil {
			return err
		}
	}
	if f.format.value == "json" {
		return asJSON(a.stdout)
	}
	return r.WriteText(a.stdout)
}

// writeWhole writes a file that is there whole or not at all.
func writeWhole(name string, write func(io.Writer) error) error {
	out, err := createOutput(name)
	if err != nil {
		return err
	}
	defer out.Abandon()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		return err
	}
	if _, err := out.Write(b.Bytes()); err != nil {
		return err
	}
	return out.Commit()
}

// judge says whether the figures are what was asked for, and can be believed.
func (e *evaluation) judge() error {
	var low []string
	for _, eps := range e.report.Sizes() {
		row, ok := e.report.At(eps, robust.Worst)
		if want, asked := e.require[eps]; ok && asked && row.Accuracy < want {
			low = append(low, fmt.Sprintf("%.3f at eps %g is below %g", row.Accuracy, eps, want))
		}
	}
	if len(low) > 0 {
		return &fault{text: "robust eval: accuracy " + strings.Join(low, ", "), hint: "andiron.adversarial.AdversarialBatches trains against attacks", code: policy.ExitFindings}
	}
	if !e.report.Believable() {
		return &fault{text: "robust eval: the figures cannot be believed", hint: "the signs above say why", code: policy.ExitIncomplete}
	}
	return nil
}

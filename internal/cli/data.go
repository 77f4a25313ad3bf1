package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/data"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/imagechild"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/survey"
)

func (a *app) dataCommand() *cobra.Command {
	const verbs = "check|baseline"
	cmd := &cobra.Command{
		Use:   "data " + verbs,
		Short: "Check training data against its schema and its baseline",
		Args:  cobra.ArbitraryArgs,
		RunE: func(_ *cobra.Command, args []string) error {
			const hint = "usage: andiron data " + verbs
			if len(args) == 0 {
				return usage("data: no verb given", hint)
			}
			return usage(fmt.Sprintf("data: unknown verb %q", args[0]), hint)
		},
	}
	cmd.AddCommand(a.dataCheckCommand(), a.dataBaselineCommand())
	return cmd
}

// surveyFlags are those of both verbs.
type surveyFlags struct {
	label   string
	samples int
}

func (f *surveyFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.label, "label", "", "the column with the labels is `NAME` (default what the format has, or label, labels, y or target)")
	cmd.Flags().IntVar(&f.samples, "max-samples", 8_000_000, "compare the first `N` samples with each other")
}

func (f *surveyFlags) options() (survey.Options, error) {
	if f.samples < 1 {
		return survey.Options{}, usage(fmt.Sprintf("--max-samples %d is below 1", f.samples), "leave it out for 8 million")
	}
	return survey.Options{Label: f.label, Samples: f.samples}, nil
}

type dataCheckFlags struct {
	runFlags
	surveyFlags

	schema, page string
	schemaOnly   bool
	baseline     baselineFlags
}

const dataForms = `Data are read from .npy and .npz arrays, safetensors and dictionaries of torch.save (a
sample for each index of the first dimension; NAME=FILE names the array of a .npy
file), from .csv and .parquet tables, from folders of .png and .jpg images whose names
are the labels, and from WebDataset .tar shards and folders of .parquet files, as
Hugging Face's datasets writes them. Nothing in them is run.`

func (a *app) dataCheckCommand() *cobra.Command {
	var f dataCheckFlags
	cmd := &cobra.Command{
		Use:   "check [NAME=]PATH...",
		Short: "Check a data set: schema, duplicates, labels, outliers, planted patches",
		Long: `Check training data. With --schema each sample is held against the schema of the
model, as the gateway holds each request, with the row and column of what is wrong.
With --baseline the samples are compared with those of before: added, changed,
removed, relabelled, and how labels and values are distributed. With --key, --ca or
--sigstore-identity, or require_signature in andiron.yaml, a baseline that was not
signed by one who counts is refused before it is used. In any case samples
are looked for that are there twice or far from the others, and patches of pixels that
tell the label.

` + dataForms + `

What was not found may be there all the same: docs/spec/data-v1.md says what the looks
cannot see.`,
		Example: `  andiron data check --schema digits.schema.yaml train.npz
  andiron data check --schema digits.schema.yaml image=x.npy label=y.npy
  andiron data check --schema cats.schema.yaml --baseline cats.baseline.json photos/
  andiron data check --schema texts.schema.yaml train-00000-of-00001.parquet
  andiron data check --baseline cats.baseline.json --key data.key.pub photos/
  andiron data check --html report.html photos/`,
		Args: wants("PATH", 1, -1),
		RunE: func(cmd *cobra.Command, args []string) error { return a.dataCheck(cmd, &f, args) },
	}
	cmd.Flags().StringVar(&f.schema, "schema", "", "hold each sample against the schema in `FILE`")
	cmd.Flags().BoolVar(&f.schemaOnly, "schema-only", false, "do nothing else, at the speed of reading; the report says so")
	cmd.Flags().StringVar(&f.baseline.file, "baseline", "", "compare with the baseline in `FILE`")
	cmd.Flags().StringVar(&f.baseline.signature, "signature", "", "read the signature of the baseline from `FILE` (default BASELINE.sig)")
	f.baseline.signers.add(cmd.Flags())
	cmd.Flags().StringVar(&f.page, "html", "", "write a page with histograms and pictures to `FILE`")
	f.surveyFlags.add(cmd)
	f.addReport(cmd)
	return cmd
}

func (a *app) dataCheck(cmd *cobra.Command, f *dataCheckFlags, args []string) error {
	files, err := namedFiles(args)
	if err != nil {
		return err
	}
	opt, err := f.options()
	if err != nil {
		return err
	}
	if err := f.alone(cmd); err != nil {
		return err
	}
	images := imagechild.New(cmd.Context(), a.program)
	defer images.Close()
	d := engine.DataOptions{Files: files, Label: opt.Label, Decoder: images}
	if f.schema != "" {
		if d.Schema, err = readSchema(f.schema); err != nil {
			return err
		}
	}
	base, standing, err := a.readBaseline(&f.baseline, f.policy)
	if err != nil {
		return err
	}
	if !f.schemaOnly {
		opt.Passing = base == nil
		d.Survey = data.NewSurvey(opt, base, finding.Where{Path: filepath.ToSlash(filepath.Clean(files[0].Path))})
		d.Survey.Standing = standing
	}
	err = a.run(cmd.Context(), cmd, &f.runFlags, ".", pathsOf(files), func(ctx context.Context, opt engine.Options, h finding.Handler) error {
		return engine.Data(ctx, d, opt, h)
	})
	if err == nil && f.page != "" {
		err = writeWhole(f.page, func(w io.Writer) error { return d.Survey.Survey.WriteHTML(w, d.Survey.Where.Path, d.Survey.Place) })
	}
	return err
}

// alone refuses what --schema-only leaves out.
func (f *dataCheckFlags) alone(cmd *cobra.Command) error {
	if !f.schemaOnly {
		return nil
	}
	if f.schema == "" {
		return usage("--schema-only without --schema would look at nothing", "--schema FILE names it")
	}
	for _, name := range []string{"baseline", "html", "max-samples"} {
		if cmd.Flags().Changed(name) {
			return usage("--"+name+" needs a look at the whole set, which --schema-only leaves out", "leave one of them out")
		}
	}
	return nil
}

// namedFiles are the arguments [NAME=]PATH.
func namedFiles(args []string) (files []engine.TensorFile, err error) {
	for _, arg := range args {
		name, file := nameAndFile(arg)
		if name == "" && file == arg {
			files = append(files, engine.TensorFile{Path: arg})
			continue
		}
		if name == "" || file == "" {
			return nil, usage(fmt.Sprintf("%q is not NAME=FILE", arg), "such as image=x.npy; a file whose name has = in it is given as ./FILE")
		}
		files = append(files, engine.TensorFile{Path: file, As: name})
	}
	return files, nil
}

func pathsOf(files []engine.TensorFile) (paths []string) {
	for _, f := range files {
		paths = append(paths, f.Path)
	}
	return paths
}

func (a *app) dataBaselineCommand() *cobra.Command {
	var f struct {
		surveyFlags

		output     string
		sign       signFlags
		noProgress bool
	}
	cmd := &cobra.Command{
		Use:   "baseline [NAME=]PATH... -o FILE",
		Short: "Write down what a data set looks like, and the digest of each sample",
		Long: `Write down what a data set looks like: how often each label is there, how the values
of each column are distributed, and a digest and the label of each sample. "andiron
data check --baseline" compares with it. With --key it is signed as "andiron sign"
does it, in FILE.sig.

` + dataForms,
		Example: `  andiron data baseline -o train.baseline.json train.npz
  andiron data baseline -o train.baseline.json --key data.key train.npz`,
		Args: wants("PATH", 1, -1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.dataBaseline(cmd.Context(), &f.surveyFlags, &f.sign, f.output, !f.noProgress, args)
		},
	}
	cmd.Flags().StringVarP(&f.output, "output", "o", "", "write to `FILE`, whole or not at all")
	f.sign.addSigner(cmd.Flags())
	f.surveyFlags.add(cmd)
	cmd.Flags().BoolVar(&f.noProgress, "no-progress", false, "show no progress on the terminal")
	cmd.Flags().SortFlags = false
	return cmd
}

func (a *app) dataBaseline(ctx context.Context, f *surveyFlags, sign *signFlags, output string, progress bool, args []string) error {
	if output == "" {
		return usage("data baseline: no FILE given", "-o names the file that is written")
	}
	files, err := namedFiles(args)
	if err != nil {
		return err
	}
	opt, err := f.options()
	if err != nil {
		return err
	}
	if sign.key != "" || sign.certificate != "" || len(sign.chain) > 0 { // before all the work
		if _, _, err := a.signer(sign); err != nil {
			return err
		}
	}
	now, err := a.now()
	if err != nil {
		return err
	}
	images := imagechild.New(ctx, a.program)
	defer images.Close()
	s := data.NewSurvey(opt, nil, finding.Where{Path: filepath.ToSlash(filepath.Clean(files[0].Path))})
	var seen leftOut
	h := finding.Handler(&seen)
	if progress && isTerminal(a.stderr) {
		h = finding.Tee(newProgress(a.stderr, false, columns(a.stderr)), h)
	}
	if err := engine.Data(ctx, engine.DataOptions{Survey: s, Files: files, Decoder: images}, engine.Options{}, h); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return errors.New("interrupted, and no baseline was written")
	}
	if n := s.Survey.Count; n > int64(f.samples) {
		return usage(fmt.Sprintf("data baseline: the set has %d samples, more than %d", n, f.samples), "raise --max-samples, or write a baseline of each part")
	}
	if seen.first != nil {
		return &fault{text: fmt.Sprintf("%s: %s", seen.first.Where, seen.first.Message), hint: "a baseline is of a data set that can be read whole", code: policy.ExitIncomplete}
	}
	base, _ := s.Survey.Baseline() // whole, as was seen above
	base.Tool, base.Created, base.Sources = "andiron "+version(), now.Format(time.RFC3339), slashed(pathsOf(files))
	err = writeWhole(output, func(w io.Writer) error { return json.NewEncoder(w).Encode(base) })
	if err != nil {
		return err
	}
	if err := a.say(fmt.Sprintf("%s: %d samples, %d labels, %d columns\n", output, base.Samples, len(base.Labels), len(base.Columns))); err != nil {
		return err
	}
	return a.signBaseline(ctx, output, sign)
}

// leftOut keeps the first thing because of which a sample is not in the survey.
type leftOut struct{ first *finding.Finding }

func (l *leftOut) Config(finding.Config) error         { return nil }
func (l *leftOut) Progress(finding.Progress) error     { return nil }
func (l *leftOut) Artifact(finding.Artifact) error     { return nil }
func (l *leftOut) Dependency(finding.Dependency) error { return nil }
func (l *leftOut) Posture(finding.Posture) error       { return nil }
func (l *leftOut) Summary(finding.Summary) error       { return nil }

func (l *leftOut) Finding(f finding.Finding) error {
	if l.first == nil && data.LeavesOut(f) {
		l.first = &f
	}
	return nil
}

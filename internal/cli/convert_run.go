package cli

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/convert"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/osfile"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/pyrun"
	"github.com/andiron-dev/andiron/internal/report"
	"github.com/andiron-dev/andiron/internal/safetext"
	"github.com/andiron-dev/andiron/internal/whole"
)

// runTransformation runs the two programs in a private folder, with the checks
// between and behind them.
func (a *app) runTransformation(ctx context.Context, t *transformation) error {
	out, err := createOutput(t.out)
	if err != nil {
		return err
	}
	defer out.Abandon()
	dir, err := os.MkdirTemp("", "andiron-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // what is left is a private temporary folder
	t.job.Dir = dir
	rec := newRecord(t)
	if rec.Weights, err = a.weights(ctx, t); err != nil {
		return err
	}
	a.announce(t)
	built, err := pyrun.Build(ctx, t.job)
	if err != nil {
		return err
	}
	for _, w := range built.Warnings {
		a.warn("torch: " + w)
	}
	if err := rec.built(built); err != nil {
		return err
	}
	if rec.Output, err = a.scanResult(ctx, built.Model, t.out); err != nil {
		return err
	}
	if err := a.compare(ctx, t, built, rec); err != nil {
		return err
	}
	return a.publish(t, built, rec, out)
}

func createOutput(name string) (*whole.File, error) {
	out, err := whole.Create(name)
	if errors.Is(err, whole.ErrNotRegular) {
		return nil, &fault{text: fmt.Sprintf("output %q is not a regular file", name), hint: "-o names the file that is written"}
	}
	if err != nil {
		return nil, &fault{text: fmt.Sprintf("output %q cannot be made: %v", name, osfile.Cause(err)), hint: folderFirst}
	}
	return out, nil
}

// announce says what is about to happen, before it does.
func (a *app) announce(t *transformation) {
	a.announceProgram(t)
	if t.job.Mode != pyrun.Export {
		a.warn("TorchScript is deprecated by torch 2.10 and later; its successor is torch.export (--to export)")
	}
}

func (a *app) announceProgram(t *transformation) {
	_, _ = fmt.Fprintf(a.stderr, "andiron: this runs your own Python, %s with %s, which can do whatever you can\n",
		safetext.Plain(fmt.Sprintf("%q", t.job.Python)), safetext.Plain(fmt.Sprintf("%q", t.job.Script)))
}

// weights makes sure that the weights are safetensors, which hold no code: what is
// something else is converted, and nothing in it is run.
func (a *app) weights(ctx context.Context, t *transformation) (*weightsRecord, error) {
	if t.in == "" {
		return nil, nil //nolint:nilnil // the record has null for a model that has its weights
	}
	art, err := artifact.Open(t.in, t.in)
	if err != nil {
		return nil, err
	}
	defer func() { _ = art.Close() }() // it was only read
	art.StopOn(ctx.Done())
	sum, err := art.SHA256()
	if err != nil {
		return nil, err
	}
	rec := &weightsRecord{Path: t.in, SHA256: sum, Size: art.Size(), LoadedSHA256: sum}
	if t.job.Weights = t.in; pyrun.CheckWeights(art.ReaderAt(), art.Size()) == nil {
		return rec, nil
	}
	t.job.Weights = filepath.Join(t.job.Dir, "weights.safetensors")
	if rec.LoadedSHA256, err = convertWeights(ctx, art, t); err != nil {
		return nil, a.cannot(t.in, err)
	}
	return rec, nil
}

// convertWeights writes the weights as safetensors and returns the digest of that.
func convertWeights(ctx context.Context, art *artifact.Artifact, t *transformation) (digest string, err error) {
	plan, err := convert.Open(art.ReaderAt(), art.Size(), t.static)
	if err == nil {
		err = fits(t.in, []*artifact.Artifact{art}, plan, t.most)
	}
	if err != nil {
		return "", err
	}
	out, err := whole.Create(t.job.Weights)
	if err != nil {
		return "", err
	}
	defer out.Abandon()
	out.WithoutSyncUnsafe() // it is for this run alone
	if err := writePlan(ctx, plan, out.File, false, nil); err != nil {
		return "", err
	}
	if err := plan.Check(out, plan.Layout.Size); err != nil {
		return "", err
	}
	if err := out.Commit(); err != nil {
		return "", err
	}
	converted, err := artifact.Open(t.job.Weights, t.in)
	if err != nil {
		return "", err
	}
	defer func() { _ = converted.Close() }() // it was only read
	return converted.SHA256()
}

// scanResult looks at the converted model as andiron scan does, under the name
// that it is going to have. One that does not pass is not kept.
func (a *app) scanResult(ctx context.Context, model, shown string) (outputRecord, error) {
	rules, err := engine.Catalogue()
	if err != nil {
		return outputRecord{}, fmt.Errorf("internal error: %w", err)
	}
	pol, _, err := projectPolicy("", ".")
	if err != nil {
		return outputRecord{}, err
	}
	var text bytes.Buffer
	rep, err := report.New("text", &text, report.Options{Catalogue: rules, Version: version()})
	if err != nil {
		return outputRecord{}, err
	}
	seen := &resultHandler{Handler: rep, shown: shown}
	opt := engine.Options{
		Config: finding.Config{Tool: "andiron", Version: version(), Verb: "scan", Paths: slashed([]string{shown}), FailOn: pol.FailOn.String(), Rules: len(rules)},
		Judge:  func(fs []finding.Finding) finding.Verdict { return policy.Verdict(fs, rules) },
		Model:  new(limitFlags).over(pol.Limits),
		SHA256: true,
	}
	if err := engine.Scan(ctx, []string{model}, opt, seen); err != nil {
		return outputRecord{}, err
	}
	if r := seen.result; seen.artifacts == 1 && r.Verdict.Passes() && !seen.incomplete {
		return outputRecord{Path: shown, SHA256: r.SHA256, Size: r.Size, Format: r.Format, Verdict: r.Verdict.String()}, nil
	}
	if ctx.Err() != nil {
		return outputRecord{}, errors.New("interrupted before the result was looked at")
	}
	if _, err := a.stdout.Write(text.Bytes()); err != nil {
		return outputRecord{}, err
	}
	return outputRecord{}, &fault{
		text: fmt.Sprintf("the converted model is %s, so %q was not written", seen.result.Verdict, shown),
		hint: "what it would do when it is loaded comes from the model's own code; the findings are above", code: policy.ExitFindings,
	}
}

// resultHandler passes on what is found in one file under another name, and
// keeps the verdict.
type resultHandler struct {
	finding.Handler

	shown      string
	artifacts  int
	result     finding.Artifact
	incomplete bool
}

func (h *resultHandler) Artifact(a finding.Artifact) error {
	a.Path = h.shown
	for i := range a.Findings {
		a.Findings[i].Where.Path = h.shown
	}
	h.artifacts, h.result = h.artifacts+1, a
	return h.Handler.Artifact(a)
}

func (h *resultHandler) Summary(s finding.Summary) error {
	h.incomplete = s.Incomplete
	return h.Handler.Summary(s)
}

// compare runs the converted model from its file and says how far it is from the
// original.
func (a *app) compare(ctx context.Context, t *transformation, built *pyrun.Built, rec *transformRecord) error {
	converted, err := pyrun.Check(ctx, t.job)
	if err != nil {
		return err
	}
	list, err := pyrun.Compare(built.Outputs, converted, t.job.Samples, t.tolerance)
	if err != nil {
		return err
	}
	rec.Outputs = list
	wrong := 0
	for _, d := range list {
		if !d.OK() {
			wrong++
		}
	}
	if err := a.printComparison(t, built, rec, list); err != nil {
		return err
	}
	if wrong == 0 {
		return nil
	}
	f := &fault{
		text: fmt.Sprintf("%d of %d outputs of the converted model differ from the original's, so %q was not written", wrong, len(list), t.out),
		hint: "--atol and --rtol set what may differ", code: policy.ExitFindings,
	}
	if t.job.Mode == pyrun.Trace {
		f.hint = "a trace follows one run and loses conditions that depend on data; without --trace the model's source is compiled"
	}
	return f
}

func (a *app) printComparison(t *transformation, built *pyrun.Built, rec *transformRecord, list []*pyrun.Difference) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s by torch.%s of torch %s, %s\n", t.out, rec.Output.Format, function(t.job.Mode), built.Torch, rec.Output.Verdict)
	fmt.Fprintf(&b, "original and converted model on %d samples:\n", len(t.job.Samples))
	for _, d := range list {
		mark := "same"
		if !d.OK() {
			mark = "DIFFERS"
		}
		fmt.Fprintf(&b, "  %-7s  %s", mark, d.Name)
		if d.DType != "" {
			fmt.Fprintf(&b, " %s: max abs error %.4g, max rel error %.4g (atol %g, rtol %g)", d.DType, d.MaxAbs, d.MaxRel, d.Atol, d.Rtol)
		}
		b.WriteByte('\n')
		for _, w := range d.Wrong {
			fmt.Fprintf(&b, "           %s\n", w)
		}
	}
	return a.say(b.String())
}

// say writes lines whose text may come from anywhere.
func (a *app) say(text string) error {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(safetext.Plain(strings.TrimSuffix(line, "\n")) + "\n")
	}
	_, err := io.WriteString(a.stdout, b.String())
	return err
}

func function(m pyrun.Mode) string {
	return map[pyrun.Mode]string{pyrun.Script: "jit.script", pyrun.Trace: "jit.trace", pyrun.Export: "export.export"}[m]
}

// publish writes the record and then the model, so that a model is never there
// without the record that names its digest.
func (a *app) publish(t *transformation, built *pyrun.Built, rec *transformRecord, out *whole.File) error {
	model, err := os.Open(built.Model)
	if err != nil {
		return err
	}
	defer func() { _ = model.Close() }() // it was only read
	h := sha256.New()
	if _, err := io.Copy(io.MultiWriter(out, h), model); err != nil {
		return fmt.Errorf("output %q cannot be written: %w", t.out, osfile.Cause(err))
	}
	if sum := hex.EncodeToString(h.Sum(nil)); sum != rec.Output.SHA256 {
		return fmt.Errorf("the converted model changed after it was looked at: sha256 %s, not %s", sum, rec.Output.SHA256)
	}
	b, err := rec.marshal()
	if err != nil {
		return err
	}
	if err := whole.WriteFile(t.record, b); err != nil {
		return fmt.Errorf("record %q cannot be written: %w", t.record, osfile.Cause(err))
	}
	if err := out.Commit(); err != nil {
		return fmt.Errorf("output %q cannot be written: %w", t.out, osfile.Cause(err))
	}
	return a.say(fmt.Sprintf("sha256 %s, recorded in %s\n", rec.Output.SHA256, t.record))
}

// shown writes what a child printed before it failed.
func (a *app) shown(err error) error {
	f, ok := errors.AsType[*pyrun.ChildError](err)
	if !ok {
		return err
	}
	for _, line := range f.Output {
		_, _ = fmt.Fprintf(a.stderr, "  | %s\n", safetext.Plain(line))
	}
	return &fault{text: f.Text, hint: f.Hint}
}

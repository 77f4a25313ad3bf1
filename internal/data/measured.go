package data

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/robust"
	"github.com/andiron-dev/andiron/internal/rule"
)

var tenOldRobust = &rule.Rule{
	ID:       "TEN036",
	Title:    "A report on robustness that is about other files",
	Strategy: finding.InputValidation,
	Severity: finding.Low,
	Text:     "The project has a report on how its model does under adversarial attack, and the script, the weights or the data that it names have another content now. It says nothing about the model as it is, and is not counted.",
	Fix:      "run andiron robust eval again",
	Since:    "0.1.0",
	Refs:     []string{"docs/spec/robustness-v1.md"},
}

// Measured is a report on robustness.
type Measured struct {
	where  finding.Where
	report *robust.Report
}

// Robustness says what the reports of a project are worth: nothing, if a file that they
// are about has changed since. The error is that of an interruption.
func Robustness(ctx context.Context, root string, list []*Measured, report func(finding.Finding)) error {
	for _, m := range list {
		old, err := m.changed(ctx, root)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			report(tenOldRobust.Undetermined(m.where, err.Error()))
		case old != "":
			report(tenOldRobust.Finding(m.where, fmt.Sprintf("%.200q is not what it was when the robustness was measured, so the report is not counted", old)))
		default:
			report(m.finding())
		}
	}
	return nil
}

func (m *Measured) finding() finding.Finding {
	r := m.report
	sizes := r.Sizes()
	eps := sizes[len(sizes)/2]
	text := fmt.Sprintf("accuracy %.1f %% without attack", 100*r.Clean.Accuracy)
	if row, ok := r.At(eps, robust.Worst); ok {
		text += fmt.Sprintf(" and %.1f %% under attack with eps %g (%s)", 100*row.Accuracy, eps, r.Settings.Norm)
	}
	f := tenRobust.Finding(m.where, fmt.Sprintf("the robustness was measured on %d samples: %s", r.Clean.Samples, text))
	if r.Model != nil && r.Model.Weights != nil {
		f.Evidence = []string{fmt.Sprintf("of the weights %s, SHA-256 %s", r.Model.Weights.Path, r.Model.Weights.SHA256)}
	}
	return f
}

// files are those that a report is about.
func (m *Measured) files() (list []robust.File) {
	if of := m.report.Model; of != nil {
		list = append(list, of.Script)
		if of.Weights != nil {
			list = append(list, *of.Weights)
		}
	}
	if of := m.report.Data; of != nil {
		list = append(list, of.Inputs, of.Labels)
	}
	return list
}

// changed is a file of the project that has another content than the report says, or
// empty. Names are seen from the project's folder, or from that of the report; a file
// that is at neither place is not the project's.
func (m *Measured) changed(ctx context.Context, root string) (string, error) {
	for _, f := range m.files() {
		if !filepath.IsLocal(filepath.FromSlash(f.Path)) {
			continue
		}
		var sums []string
		for _, dir := range slices.Compact([]string{root, path.Dir(m.where.Path)}) {
			sum, err := digestOf(ctx, path.Join(dir, f.Path))
			if err != nil {
				return "", err
			}
			if sum != "" {
				sums = append(sums, sum)
			}
		}
		if len(sums) > 0 && !slices.Contains(sums, f.SHA256) {
			return f.Path, nil
		}
	}
	return "", nil
}

// digestOf is the SHA-256 of a regular file, or empty if there is none.
func digestOf(ctx context.Context, name string) (string, error) {
	abs := filepath.FromSlash(name)
	if info, err := os.Lstat(abs); err != nil || !info.Mode().IsRegular() {
		return "", nil //nolint:nilerr // then it is not there
	}
	a, err := artifact.Open(abs, name)
	if err != nil {
		return "", err
	}
	a.StopOn(ctx.Done())
	sum, err := a.SHA256()
	return sum, errors.Join(err, a.Close())
}

package data

import (
	"bytes"
	"fmt"
	"path"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/robust"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/internal/survey"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// How the names of files end that say how a project validates its inputs.
const (
	SchemaSuffix   = ".schema.yaml"
	BaselineSuffix = ".baseline.json"
)

// settingLimit bounds a file in which a gateway may be set up.
const settingLimit = 1 << 20

// projectReader reads a file for what it says about how inputs are validated.
type projectReader struct {
	limit int64
	read  func(b []byte, where finding.Where, report func(finding.Finding))
}

func projectReaderOf(name string) (projectReader, bool) {
	base := strings.ToLower(path.Base(name))
	switch {
	case strings.HasSuffix(base, SchemaSuffix):
		return projectReader{1 << 20, readSchema}, true
	case strings.HasSuffix(base, robust.FileSuffix):
		return projectReader{1 << 20, readRobust}, true
	case strings.HasSuffix(base, BaselineSuffix):
		return projectReader{1 << 30, readBaseline}, true
	case strings.HasPrefix(base, "dockerfile"), strings.HasPrefix(base, "compose"), path.Ext(base) == ".yaml", path.Ext(base) == ".yml", path.Ext(base) == ".service", path.Ext(base) == ".sh":
		return projectReader{settingLimit, readSettings}, true
	}
	return projectReader{}, false
}

// Look reads a file of a project for what it says about how inputs are validated:
// schemas, gateways that are started, baselines of data, reports on robustness.
func Look(a *artifact.Artifact, report func(finding.Finding)) error {
	r, ok := projectReaderOf(a.Name())
	if !ok || a.Size() > r.limit && r.limit == settingLimit {
		return nil
	}
	b, err := bounded.ReadRange(a.ReaderAt(), a.Size(), 0, a.Size(), r.limit)
	if err != nil {
		return err
	}
	r.read(b, finding.Where{Path: a.Name()}, report)
	return nil
}

// A schema may name files of values. What they hold does not matter here, and reading
// them is for who enforces the schema.
func noFiles(string) ([]byte, error) { return []byte("0\n"), nil }

func readSchema(b []byte, where finding.Where, report func(finding.Finding)) {
	s, err := tensor.ParseFiles(b, noFiles)
	if err != nil {
		report(tenBrokenFile.Finding(where, fmt.Sprintf("the schema cannot be read, so nothing is enforced by it: %v", err)))
		return
	}
	of := ""
	if s.Model != "" {
		of = fmt.Sprintf(" of the model %.80q", s.Model)
	}
	names := s.Names(tensor.Inputs)
	f := tenSchema.Finding(where, fmt.Sprintf("there is a schema%s for the inputs %s", of, strings.Join(quoted(names[:min(len(names), 8)]), ", ")))
	if s.Shadow {
		f.Message += ", which only reports (shadow mode)"
	}
	report(f)
}

func readRobust(b []byte, where finding.Where, report func(finding.Finding)) {
	r, err := robust.Parse(b)
	if err != nil {
		report(tenBrokenFile.Finding(where, fmt.Sprintf("the report on robustness cannot be read: %v", err)))
		return
	}
	if !r.Believable() {
		report(tenBrokenFile.Finding(where, "the report on robustness has a sign that its figures cannot be believed, or no signs at all"))
		return
	}
	sizes := r.Sizes()
	eps := sizes[len(sizes)/2]
	text := fmt.Sprintf("accuracy %.1f %% without attack", 100*r.Clean.Accuracy)
	if row, ok := r.At(eps, robust.Worst); ok {
		text += fmt.Sprintf(" and %.1f %% under attack with eps %g (%s)", 100*row.Accuracy, eps, r.Settings.Norm)
	}
	f := tenRobust.Finding(where, fmt.Sprintf("the robustness was measured on %d samples: %s", r.Clean.Samples, text))
	if r.Model != nil && r.Model.Weights != nil {
		f.Evidence = []string{fmt.Sprintf("of the weights %s, SHA-256 %s", r.Model.Weights.Path, r.Model.Weights.SHA256)}
	}
	report(f)
}

func readBaseline(b []byte, where finding.Where, report func(finding.Finding)) {
	base, err := survey.ParseBaseline(b)
	if err != nil {
		report(tenBrokenFile.Finding(where, fmt.Sprintf("the baseline of a data set cannot be read: %v", err)))
		return
	}
	report(tenBaseline.Finding(where, fmt.Sprintf("there is a baseline of %d samples of training data, of %s", base.Samples, base.Created)))
}

// readSettings looks for a gateway that is started.
func readSettings(b []byte, where finding.Where, report func(finding.Finding)) {
	line := 0
	for len(b) > 0 {
		text, rest, _ := bytes.Cut(b, []byte("\n"))
		b = rest
		line++
		// A command in one line, or as a list: ["guard", "serve", …].
		words := strings.FieldsFunc(string(text), func(r rune) bool { return strings.ContainsRune(" \t\"',[]", r) })
		for i := 1; i < len(words); i++ {
			if words[i-1] == "guard" && words[i] == "serve" && !strings.HasPrefix(words[0], "#") {
				where.Line = line
				report(tenGateway.Finding(where, "a gateway that validates requests is started here"))
				return
			}
		}
	}
}

func informs(id, title, text string) *rule.Rule {
	return &rule.Rule{
		ID: id, Title: title, Text: text, Strategy: finding.InputValidation, Severity: finding.Info,
		Fix: "nothing needs to be done", Since: "0.1.0", Refs: []string{specification},
	}
}

var (
	tenSchema = informs("TEN030", "A schema of tensors",
		"The project has a schema that says which tensors its model takes. It protects where something enforces it: andiron.guard in Python, andiron guard serve in front of a server, andiron data check on training data.")
	tenGateway = informs("TEN031", "A gateway that validates requests",
		"A command of the project starts andiron guard serve, which holds every tensor against its schema before the model server sees it.")
	tenBaseline = informs("TEN032", "A baseline of training data",
		"The project has a baseline of its training data, with which andiron data check --baseline compares them.")
	tenRobust = informs("TEN033", "A measured robustness",
		"The project has a report on how its model does under adversarial attack, with signs that the figures can be believed. They are an upper bound: a stronger attack may exist.")
)

var tenBrokenFile = &rule.Rule{
	ID:       "TEN034",
	Title:    "validation that does not work",
	Strategy: finding.InputValidation,
	Severity: finding.Medium,
	Text: `A schema, a baseline of training data or a report on robustness cannot be read, or a report says itself that its figures cannot be believed.

Whoever relies on it is not protected by it.`,
	Fix:   "correct the file, or write it anew with andiron guard infer, data baseline or robust eval",
	Since: "0.1.0",
	Refs:  []string{specification},
}

// projectRules are those of Look.
var projectRules = []*rule.Rule{tenSchema, tenGateway, tenBaseline, tenRobust, tenBrokenFile}

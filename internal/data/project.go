package data

import (
	"bytes"
	"fmt"
	"path"
	"slices"
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

// settings are the names and the endings of files in which a gateway may be set up.
var settings = []string{"makefile", "procfile", ".yaml", ".yml", ".service", ".sh"}

// settingLimit bounds a file in which a gateway may be set up.
const settingLimit = 1 << 20

// projectReader reads a file for what it says about how inputs are validated.
type projectReader struct {
	limit int64
	read  func(b []byte, where finding.Where, facts *Facts, report func(finding.Finding))
}

// Facts are what a file says of how inputs are validated.
type Facts struct {
	Schema   *SchemaFile // nil: the file is none
	Gateways []Gateway   // that it starts, one for each schema
	Measured *Measured   // nil: it is no report that can be believed
}

// SchemaFile is a schema of a project.
type SchemaFile struct {
	Path   string
	SHA256 string // of its canonical form; empty where that has values of other files
	Model  string // that it is about; may be empty
	Shadow bool   // it only reports
	Broken bool   // it cannot be read
}

// Gateway is a gateway that is started.
type Gateway struct {
	Where  finding.Where
	Model  string // that the command says the schema is of; may be empty
	Schema string // as the command names it; may be empty
	Shadow bool   // it only reports
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
	case strings.HasPrefix(base, "dockerfile"), strings.HasPrefix(base, "compose"), slices.Contains(settings, base), slices.Contains(settings, path.Ext(base)):
		return projectReader{settingLimit, readSettings}, true
	}
	return projectReader{}, false
}

// Reads reports whether Look reads files of a name.
func Reads(name string) bool {
	_, ok := projectReaderOf(name)
	return ok
}

// Look reads a file of a project for what it says about how inputs are validated:
// schemas, gateways that are started, baselines of data, reports on robustness. What
// the last are worth is for Robustness to say.
func Look(a *artifact.Artifact, report func(finding.Finding)) (facts Facts, err error) {
	r, ok := projectReaderOf(a.Name())
	if !ok || a.Size() > r.limit && r.limit == settingLimit {
		return Facts{}, nil
	}
	b, err := bounded.ReadRange(a.ReaderAt(), a.Size(), 0, a.Size(), r.limit)
	if err != nil {
		return Facts{}, err
	}
	r.read(b, finding.Where{Path: a.Name()}, &facts, report)
	return facts, nil
}

func readSchema(b []byte, where finding.Where, facts *Facts, report func(finding.Finding)) {
	// It may name files of values. What they hold does not matter here, and reading
	// them is for who enforces the schema.
	others := false
	s, err := tensor.ParseFiles(b, func(string) ([]byte, error) {
		others = true
		return []byte("0\n"), nil
	})
	facts.Schema = &SchemaFile{Path: where.Path, Broken: err != nil}
	if err != nil {
		report(tenBrokenFile.Finding(where, fmt.Sprintf("the schema cannot be read, so nothing is enforced by it: %v", err)))
		return
	}
	facts.Schema.Model, facts.Schema.Shadow = s.Model, s.Shadow
	if !others {
		facts.Schema.SHA256 = s.SHA256()
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

func readRobust(b []byte, where finding.Where, facts *Facts, report func(finding.Finding)) {
	r, err := robust.Parse(b)
	if err != nil {
		report(tenBrokenFile.Finding(where, fmt.Sprintf("the report on robustness cannot be read: %v", err)))
		return
	}
	if !r.Believable() {
		report(tenBrokenFile.Finding(where, "the report on robustness has a sign that its figures cannot be believed, or no signs at all"))
		return
	}
	facts.Measured = &Measured{where, r}
}

func readBaseline(b []byte, where finding.Where, _ *Facts, report func(finding.Finding)) {
	base, err := survey.ParseBaseline(b)
	if err != nil {
		report(tenBrokenFile.Finding(where, fmt.Sprintf("the baseline of a data set cannot be read: %v", err)))
		return
	}
	report(tenBaseline.Finding(where, fmt.Sprintf("there is a baseline of %d samples of training data, of %s", base.Samples, base.Created)))
}

// word is one of a command, in one line or as a list: ["guard", "serve", …].
type word struct {
	text string
	line int
	item bool // an item of a list that has a line for each
}

const (
	mostWords    = 400 // of a command that are looked at for its schemas
	mostGateways = 64  // schemas of gateways in one file
	apart        = " \t\r\n\"',[]"
)

// readSettings looks for gateways that are started, and for their schemas.
func readSettings(b []byte, where finding.Where, facts *Facts, report func(finding.Finding)) {
	if !bytes.Contains(b, []byte("guard")) {
		return
	}
	words := commands(b)
	for i := 1; i < len(words); i++ {
		guard, serve := words[i-1], words[i]
		if guard.text != "guard" || serve.text != "serve" || guard.line != serve.line && !(guard.item && serve.item) {
			continue
		}
		where.Line = guard.line
		started := serves(words[i+1:], where)
		if len(started) == 0 || len(facts.Gateways)+len(started) > mostGateways {
			continue
		}
		facts.Gateways = append(facts.Gateways, started...)
		report(tenGateway.Finding(where, "a gateway that validates requests is started here"+withSchemas(started)))
	}
}

// withSchemas says which schemas a gateway is started with.
func withSchemas(started []Gateway) (with string) {
	var names []string
	for _, g := range started[:min(len(started), 8)] {
		if g.Schema != "" {
			names = append(names, fmt.Sprintf("%.120q", g.Schema))
		}
	}
	switch len(names) {
	case 0:
	case 1:
		with = " with the schema " + names[0]
	default:
		with = " with the schemas " + strings.Join(names, ", ")
	}
	if started[0].Shadow {
		with += ", which only reports (shadow mode)"
	}
	return with
}

// commands are the words of a file, without comments that have a line of their own.
func commands(b []byte) (words []word) {
	line := 0
	for text := range bytes.Lines(b) {
		line++
		list := strings.FieldsFunc(string(text), func(r rune) bool { return strings.ContainsRune(apart, r) })
		if len(list) == 0 || strings.HasPrefix(list[0], "#") {
			continue
		}
		item := len(list) == 2 && list[0] == "-"
		for _, w := range list {
			if w != "-" && w != "\\" {
				words = append(words, word{w, line, item})
			}
		}
	}
	return words
}

// serves is what a command starts of which these words follow: a gateway for each
// schema, one without a schema if none is seen, and none if it only asks for help.
func serves(words []word, where finding.Where) []Gateway {
	if len(words) > 0 && (words[0].text == "--help" || words[0].text == "-h") {
		return nil
	}
	var all []Gateway
	shadow := false
	for i, w := range words[:min(len(words), mostWords)] {
		if w.text == "guard" {
			break
		}
		name, value, given := strings.Cut(w.text, "=")
		switch {
		case name == "--shadow":
			shadow = value != "false"
		case name != "--schema":
		case given:
			all = append(all, gatewayOf(value, where))
		case i+1 < len(words):
			all = append(all, gatewayOf(words[i+1].text, where))
		}
	}
	if all == nil {
		all = []Gateway{{Where: where}}
	}
	for i := range all {
		all[i].Shadow = shadow
	}
	return all
}

// gatewayOf reads [NAME=]FILE.
func gatewayOf(schema string, where finding.Where) Gateway {
	if name, file, ok := strings.Cut(schema, "="); ok && !strings.ContainsAny(name, `/\`) {
		return Gateway{Where: where, Model: name, Schema: file}
	}
	return Gateway{Where: where, Schema: schema}
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
var projectRules = []*rule.Rule{tenSchema, tenGateway, tenBaseline, tenRobust, tenBrokenFile, tenOldRobust}

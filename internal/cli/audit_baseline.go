package cli

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
)

// earlier is a report that an audit is compared with.
type earlier struct {
	name     string
	findings []known
	by       map[string][]int // the places of findings, by each of their names
}

// known is a finding of the earlier report.
type known struct {
	finding.Finding

	met bool // it is there still
}

const baselineHint = "andiron audit --format json --output baseline.json writes one"

// readEarlier reads a report. What it could not look at, and what somebody answered
// for, is not known: it may be anything now.
func readEarlier(name string) (*earlier, error) {
	b, err := readSmall(name, mostBaseline)
	if err != nil {
		return nil, usage(fmt.Sprintf("baseline %v", err), baselineHint)
	}
	var doc struct {
		Schema    string             `json:"schema"`
		Config    finding.Config     `json:"config"`
		Artifacts []finding.Artifact `json:"artifacts"`
		Findings  []finding.Finding  `json:"findings"`
		Summary   *finding.Summary   `json:"summary"`
	}
	if err := json.Unmarshal(b, &doc); err != nil || !strings.HasPrefix(doc.Schema, "andiron/report/") || doc.Summary == nil {
		return nil, usage(fmt.Sprintf("baseline %q is no whole report of andiron", name), baselineHint)
	}
	if len(doc.Config.Paths) != 1 {
		return nil, usage(fmt.Sprintf("baseline %q is of %d paths, and not of one project", name, len(doc.Config.Paths)), baselineHint)
	}
	e := &earlier{name: name, by: map[string][]int{}}
	for _, a := range doc.Artifacts {
		e.add(doc.Config.Paths[0], a.Findings)
	}
	e.add(doc.Config.Paths[0], doc.Findings)
	return e, nil
}

func (e *earlier) add(root string, fs []finding.Finding) {
	for _, f := range fs {
		if !compares(&f) {
			continue
		}
		for _, k := range stable(root, f) {
			e.by[k] = append(e.by[k], len(e.findings))
		}
		e.findings = append(e.findings, known{Finding: f})
	}
}

// compares is false for what is only information, for what somebody answers for, and
// for what could not be looked at.
func compares(f *finding.Finding) bool {
	return f.Severity > finding.Info && f.Outcome == finding.Present && f.Waived == nil
}

// stable are the names of a finding that stay the same also when the project is called by
// another path.
func stable(root string, f finding.Finding) []string {
	f.Where.Path = withinRoot(root, f.Where.Path)
	if root != "." {
		f.Message = strings.ReplaceAll(f.Message, root+"/", "")
	}
	return f.Names()
}

func withinRoot(root, path string) string {
	if rel, ok := strings.CutPrefix(path, root+"/"); ok {
		return rel
	}
	if path == root {
		return "."
	}
	return path
}

// compare returns a handler that marks what is known, and says in the end what is new
// and what is gone.
func (e *earlier) compare(dir string, h finding.Handler) finding.Handler {
	return &comparison{Handler: h, earlier: e, root: filepath.ToSlash(filepath.Clean(dir))}
}

type comparison struct {
	finding.Handler
	*earlier

	root         string
	again, fresh int
}

func (c *comparison) Artifact(a finding.Artifact) error {
	a.Findings = slices.Clone(a.Findings)
	for i, f := range a.Findings {
		a.Findings[i] = c.mark(f)
	}
	return c.Handler.Artifact(a)
}

func (c *comparison) Finding(f finding.Finding) error { return c.Handler.Finding(c.mark(f)) }

// mark says of a finding whether it is known: each one of the earlier report stands for
// one of now, and for none that is worse.
func (c *comparison) mark(f finding.Finding) finding.Finding {
	f.Known = false
	if !compares(&f) {
		return f
	}
	for _, k := range stable(c.root, f) {
		for _, i := range c.by[k] {
			if was := &c.findings[i]; !was.met && was.Severity >= f.Severity {
				was.met, f.Known = true, true
				c.again++
				return f
			}
		}
	}
	c.fresh++
	return f
}

func (c *comparison) Summary(s finding.Summary) error {
	b := &finding.Baseline{Report: filepath.ToSlash(c.name), Known: c.again, New: c.fresh, Gone: []finding.Finding{}}
	for _, was := range c.findings {
		if !was.met {
			was.Known = false
			b.Gone = append(b.Gone, was.Finding)
		}
	}
	slices.SortStableFunc(b.Gone, finding.Compare)
	s.Baseline = b
	return c.Handler.Summary(s)
}

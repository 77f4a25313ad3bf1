package cli

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/artifact"
	"github.com/andiron-dev/andiron/internal/convert"
	"github.com/andiron-dev/andiron/internal/engine"
	"github.com/andiron-dev/andiron/internal/model"
	"github.com/andiron-dev/andiron/internal/policy"
	"github.com/andiron-dev/andiron/internal/safetext"
	"github.com/andiron-dev/andiron/internal/whole"
)

const (
	convertSchema = "andiron/convert/v1"
	mostListed    = 50 // names of what is refused
	mostNamed     = 8  // names in a line of the summary
)

// conversionReport is what was done. docs/spec/convert-v1.md explains it.
type conversionReport struct {
	Schema     string            `json:"schema"`
	Input      convertedInput    `json:"input"`
	Outputs    []convertedOutput `json:"outputs"`
	Tensors    int               `json:"tensors"`
	Bytes      int64             `json:"bytes"` // of tensors
	Aliases    map[string]string `json:"aliases"`
	Skipped    []convert.Item    `json:"skipped"`
	Left       convert.Listing   `json:"not_in_state_dict"`
	Dropped    convert.Listing   `json:"no_tensors"`
	Notes      convert.Listing   `json:"notes"`
	Unselected int               `json:"not_selected"`
	Integers   int               `json:"names_with_numbers"`
}

type convertedInput struct {
	Path    string          `json:"path"`
	Format  string          `json:"format"`
	Files   []inputFile     `json:"files"`
	Verdict finding.Verdict `json:"verdict"`
}

type inputFile struct {
	Path    string          `json:"path"`
	Size    int64           `json:"size"`
	SHA256  string          `json:"sha256,omitempty"`
	Verdict finding.Verdict `json:"verdict"`
}

type convertedOutput struct {
	Path    string `json:"path"`
	Size    int64  `json:"size"`
	Tensors int    `json:"tensors"`
	SHA256  string `json:"sha256,omitempty"`
}

// verdictOf scans an open file, with the default limits.
func verdictOf(ctx context.Context, art *artifact.Artifact) (v finding.Verdict, found []finding.Finding) {
	rules, err := engine.Catalogue()
	if err == nil {
		_, err = model.Look(ctx, art, model.Options{}, func(f finding.Finding) { found = append(found, f) })
	}
	if err != nil {
		return finding.Unreadable, found
	}
	return policy.Verdict(found, rules), found
}

// judge says what loading a file would do, so that who converts it knows.
func (c *conversion) judge(ctx context.Context, art *artifact.Artifact) {
	v, found := verdictOf(ctx, art)
	c.report.Input.Verdict = max(c.report.Input.Verdict, v)
	c.report.Input.Files = append(c.report.Input.Files, inputFile{Path: filepath.ToSlash(art.Name()), Size: art.Size(), Verdict: v})
	if !v.Passes() && v != finding.Unreadable {
		worst := slices.MaxFunc(found, func(a, b finding.Finding) int { return int(a.Severity) - int(b.Severity) })
		c.warn(fmt.Sprintf("%q is %s (%s: %s): nothing of it is run, and what is written holds only tensors", art.Name(), v, worst.Rule, worst.Message))
	}
}

// note keeps what a plan did.
func (c *conversion) note(plan *convert.Plan, out *whole.File, name string) error {
	r := &c.report
	o := convertedOutput{Path: filepath.ToSlash(name), Size: plan.Layout.Size, Tensors: plan.Layout.Count}
	if c.flags.sha256 {
		if err := c.digests(&o, out); err != nil {
			return err
		}
	}
	r.Input.Format = plan.Format
	r.Outputs = append(r.Outputs, o)
	r.Tensors += plan.Layout.Count
	r.Bytes += plan.Layout.Size - plan.Layout.HeaderLen
	if r.Aliases == nil {
		r.Aliases = map[string]string{}
	}
	maps.Copy(r.Aliases, plan.Aliases)
	r.Skipped = append(r.Skipped, plan.Skipped...)
	r.Left.Join(plan.Left)
	r.Dropped.Join(plan.Dropped)
	r.Notes.Join(plan.Notes)
	r.Unselected += plan.Unselected
	r.Integers += plan.Integers
	return nil
}

// digests hashes the inputs that are open, and what was written.
func (c *conversion) digests(o *convertedOutput, out *whole.File) error {
	files := c.report.Input.Files[len(c.report.Input.Files)-len(c.inputs):]
	for i, art := range c.inputs {
		sum, err := art.SHA256()
		if err != nil {
			return err
		}
		files[i].SHA256 = sum
	}
	h := sha256.New()
	if _, err := io.CopyBuffer(h, io.NewSectionReader(out, 0, o.Size), make([]byte, outputBuffer)); err != nil {
		return err
	}
	o.SHA256 = hex.EncodeToString(h.Sum(nil))
	return nil
}

// say tells what was done.
func (c *conversion) say() error {
	if c.bar != nil {
		_ = c.bar.clear() // it never fails
	}
	if c.flags.format.value == "json" {
		c.report.Skipped = append([]convert.Item{}, c.report.Skipped...)
		for _, l := range []*convert.Listing{&c.report.Left, &c.report.Dropped, &c.report.Notes} {
			l.First = append([]convert.Item{}, l.First...)
		}
		return writeJSON(c.stdout, &c.report)
	}
	if !c.flags.quiet {
		c.text()
	}
	return nil
}

func (c *conversion) text() {
	r := &c.report
	c.line("%s (%s) converted to %s: %s, %d bytes", c.in, r.Input.Format, c.flags.output, many(r.Tensors, "tensor"), r.Bytes)
	if len(r.Aliases) > 0 {
		var same []convert.Item
		for _, name := range slices.Sorted(maps.Keys(r.Aliases)) {
			same = append(same, convert.Item{Name: name, What: r.Aliases[name]})
		}
		c.list("the same as another and written once", convert.Listing{Count: len(same), First: same})
	}
	c.list("left out: safetensors cannot represent", convert.Listing{Count: len(r.Skipped), First: r.Skipped})
	c.list("left out: in no state_dict", r.Left)
	if r.Unselected > 0 {
		c.line("  left out: not selected: %s", many(r.Unselected, "tensor"))
	}
	c.list("left out: no tensors", r.Dropped)
	if r.Integers > 0 {
		c.line("  %s from keys that are numbers, written in decimal", many(r.Integers, "name"))
	}
	c.list("notes", r.Notes)
}

func many(n int, what string) string {
	if n != 1 {
		what += "s"
	}
	return fmt.Sprintf("%d %s", n, what)
}

// line writes to stderr. Names from the file are escaped.
func (a *app) line(format string, args ...any) {
	_, _ = fmt.Fprintln(a.stderr, safetext.Plain(fmt.Sprintf(format, args...))) // nothing can be done about a stderr that takes none
}

// refused lists what cannot be represented, one on a line.
func (a *app) refused(items []convert.Item) {
	for _, it := range items[:min(len(items), mostListed)] {
		a.line("  %q: %s", it.Name, it.What)
	}
	if n := len(items) - mostListed; n > 0 {
		a.line("  and %d more", n)
	}
}

// list writes what a listing counts: all on one line, and no more than a few.
func (a *app) list(what string, l convert.Listing) {
	if l.Count == 0 {
		return
	}
	var names []string
	for _, it := range l.First[:min(len(l.First), mostNamed)] {
		names = append(names, fmt.Sprintf("%s (%s)", it.Name, it.What))
	}
	more := ""
	if n := l.Count - len(names); n > 0 {
		more = fmt.Sprintf(" and %d more", n)
	}
	a.line("  %s: %d: %s%s", what, l.Count, strings.Join(names, ", "), more)
}

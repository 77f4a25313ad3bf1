package data

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/dataset"
	"github.com/andiron-dev/andiron/internal/rule"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// shownRows is how many samples a finding names.
const shownRows = 20

// SetCheck holds the samples of data sets against a schema. Each sample is a request
// of its own: what the gateway would refuse is not to be trained on either.
type SetCheck struct {
	schema  *tensor.Schema
	label   string // the column with the labels, where that was said
	windows map[tensor.Group]*tensor.Windows
	found   map[violation]*offenders
	order   []violation
	count   finding.Tensors
	where   finding.Where // of the first sample

	badSample, badSamples int64 // the last one with a bad cell, and how many
}

// violation is one way in which samples are wrong.
type violation struct {
	code  tensor.Code
	input string
}

// offenders are the samples that are wrong in one way.
type offenders struct {
	rows  int64
	last  int64 // the number of the last one
	first finding.Finding
	shown []string
}

// NewSetCheck starts a check. Labels are held against the schema where it has any;
// without a schema only cells without a value are found. label names the column with
// the labels, or is empty.
func NewSetCheck(s *tensor.Schema, label string) *SetCheck {
	c := &SetCheck{schema: s, label: label, found: map[violation]*offenders{}, windows: map[tensor.Group]*tensor.Windows{}}
	for _, g := range c.groups() {
		c.windows[g] = s.Windows(g)
	}
	return c
}

func (c *SetCheck) groups() []tensor.Group {
	if c.schema == nil {
		return nil
	}
	if len(c.schema.Names(tensor.Labels)) > 0 {
		return []tensor.Group{tensor.Inputs, tensor.Labels}
	}
	return []tensor.Group{tensor.Inputs}
}

// Add looks at rows that follow those before.
func (c *SetCheck) Add(rows *dataset.Rows) {
	switch {
	case c.where.Path != "":
	case rows.N > 0:
		c.where = c.at(rows, 0, "")
	case len(rows.Bad) > 0:
		c.where = whereOf(rows.Bad[0].Place)
	}
	bad := map[int]bool{}
	var had sizes
	for i, g := range c.groups() {
		c.group(g, rows, &had, bad)
		if i == 0 && rows.N > 0 {
			had = c.sizes(rows)
		}
	}
	for _, cell := range rows.Bad {
		c.cell(cell)
	}
	c.count.Requests += rows.N
	c.count.Rejected += len(bad)
	for _, t := range rows.Columns {
		c.count.Tensors += rows.N
		c.count.Bytes += int64(len(t.Data))
	}
}

// sizes are those of the inputs of each sample, which labels have as well.
type sizes struct {
	dims   map[string]int64
	broken map[string]bool // what constraints want that these sizes break
}

// sizes is the same for all rows, whose tensors have the same shapes. A symbol that
// counts samples is left out.
func (c *SetCheck) sizes(rows *dataset.Rows) sizes {
	if len(c.groups()) == 1 {
		return sizes{}
	}
	least, _ := c.steps(tensor.Inputs, rows)
	res := c.schema.Sizes(tensor.Inputs, c.columns(tensor.Inputs, rows, 0, min(least, rows.N)))
	had := sizes{res.Dims, map[string]bool{}}
	for _, g := range c.groups() {
		for i := range rows.Columns {
			t := &rows.Columns[i]
			if r, ok := c.schema.Rows(g, t.Name); ok && r.Rank == len(t.Shape) {
				delete(had.dims, r.Symbol)
			}
		}
	}
	for _, v := range res.Violations {
		if v.Code == tensor.CodeConstraint {
			had.broken[v.Want] = true
		}
	}
	return had
}

// group looks at the columns of a group: as many samples as the schema takes at a
// time, and where something is wrong with them as few as it takes.
func (c *SetCheck) group(g tensor.Group, rows *dataset.Rows, had *sizes, bad map[int]bool) {
	least, most := c.steps(g, rows)
	if most == 1 && c.alike(g, rows, had.dims) {
		return
	}
	for from := 0; from < rows.N; from += most {
		n := min(most, rows.N-from)
		part := c.columns(g, rows, from, n)
		if n >= least && c.schema.Check(g, part, had.dims, nil).OK() {
			c.drift(g, rows, from, part)
			continue
		}
		c.pinpoint(g, rows, had, from, n, least, bad)
	}
}

// alike looks at all samples together where the schema is about one: they have the
// same types and shapes, so that the first stands for them, and their elements are
// looked at as those of one tensor. It reports whether nothing is wrong.
func (c *SetCheck) alike(g tensor.Group, rows *dataset.Rows, dims map[string]int64) bool {
	return rows.N > 1 && c.windows[g].None() && c.schema.Check(g, c.columns(g, rows, 0, 1), dims, nil).OK() &&
		c.schema.Alike(g, c.columns(g, rows, 0, rows.N))
}

// steps says how many samples are looked at together at least and at most.
func (c *SetCheck) steps(g tensor.Group, rows *dataset.Rows) (least, most int) {
	least, most = 1, 4096
	for i := range rows.Columns {
		t := &rows.Columns[i]
		r, ok := c.schema.Rows(g, t.Name)
		if !ok {
			continue
		}
		if r.Rank != len(t.Shape) { // the schema is about one sample
			return 1, 1
		}
		least, most = max(least, int(min(r.Least, 4096))), min(most, int(min(r.Most, 4096)))
	}
	if !c.schema.Each(g) {
		most = least
	}
	return least, max(least, most)
}

// columns are those of a group that the schema has, and those that belong to no group.
func (c *SetCheck) columns(g tensor.Group, rows *dataset.Rows, from, n int) []tensor.Tensor {
	var part []tensor.Tensor
	for _, t := range rows.Part(from, n) {
		r, mine := c.schema.Rows(g, t.Name)
		if !mine && (g != tensor.Inputs || c.elsewhere(rows, t.Name)) {
			continue
		}
		if mine && n == 1 && r.Rank == len(t.Shape)-1 {
			t.Shape = t.Shape[1:]
		}
		part = append(part, t)
	}
	if g == tensor.Inputs && !c.schema.Wire.DropUnknown {
		for _, name := range rows.Unread { // for their names only
			if name == c.label {
				continue
			}
			part = append(part, tensor.Tensor{Name: name, DType: tensor.Uint8, Shape: []int64{0}})
		}
	}
	return part
}

// elsewhere reports whether a column that is no input need not be one.
func (c *SetCheck) elsewhere(rows *dataset.Rows, name string) bool {
	_, label := c.schema.Rows(tensor.Labels, name)
	return label || name == rows.Label || name == rows.LabelColumn(c.label)
}

// pinpoint finds the samples that are wrong.
func (c *SetCheck) pinpoint(g tensor.Group, rows *dataset.Rows, had *sizes, from, n, least int, bad map[int]bool) {
	for i := 0; i < n; i += least {
		at := from + i
		if at+least > rows.N && rows.N >= least { // the last ones, with some of those before
			at = rows.N - least
		}
		part := c.columns(g, rows, at, min(least, rows.N-at))
		res := c.schema.Check(g, part, had.dims, nil)
		if res.OK() {
			c.drift(g, rows, at, part)
		}
		for _, v := range res.Violations {
			if v.Code == tensor.CodeConstraint && had.broken[v.Want] { // the inputs said so
				continue
			}
			row := at
			if len(v.Index) > 0 && least > 1 {
				row += int(v.Index[0])
			}
			bad[row] = true
			c.add(v, rows, row)
		}
	}
}

func (c *SetCheck) drift(g tensor.Group, rows *dataset.Rows, from int, part []tensor.Tensor) {
	for _, v := range c.windows[g].Add(part) {
		c.add(v, rows, from)
	}
}

// at is the place of a value of a sample.
func (c *SetCheck) at(rows *dataset.Rows, row int, column string) finding.Where {
	return whereOf(rows.Place(row, column))
}

// whereOf has the row of a table without lines as its line.
func whereOf(p dataset.Place) finding.Where {
	return finding.Where{Path: p.File, Member: p.Member, Line: p.Line + int(p.Row), Column: p.Column}
}

// add counts a violation, and keeps the first and the places of some.
func (c *SetCheck) add(v tensor.Violation, rows *dataset.Rows, row int) {
	k := violation{v.Code, v.Input}
	o := c.found[k]
	if o == nil {
		s := Schema{Schema: c.schema}
		o = &offenders{first: s.finding(v, c.at(rows, row, v.Input), "")}
		c.found[k] = o
		c.order = append(c.order, k)
	}
	n := rows.Number(row)
	again := o.rows > 0 && o.last == n // an input that the schema does not have is one of several
	if !again {
		o.rows++
		o.last = n
	}
	switch {
	case again && o.rows == int64(len(o.shown)):
		o.shown[len(o.shown)-1] += ", " + v.Got
	case !again && len(o.shown) < shownRows:
		o.shown = append(o.shown, fmt.Sprintf("sample %d%s: %s", n, c.line(rows, row, v.Input), v.Got))
	}
}

// line adds the place of a sample in its file, where it has one.
func (c *SetCheck) line(rows *dataset.Rows, row int, column string) string {
	return c.spell(rows.Place(row, column))
}

func (c *SetCheck) spell(p dataset.Place) string {
	column, file := "", ""
	if p.Column > 0 {
		column = fmt.Sprintf(", column %d", p.Column)
	}
	if p.File != c.where.Path { // one of several
		file = p.File + ", "
	}
	switch {
	case p.Line > 0:
		return fmt.Sprintf(" (%sline %d%s)", file, p.Line, column)
	case p.Row > 0:
		return fmt.Sprintf(" (%srow %d%s)", file, p.Row, column)
	case p.Member != "":
		return fmt.Sprintf(" (%s%s)", file, p.Member)
	case p.File != c.where.Path: // each sample has a file of its own
		return fmt.Sprintf(" (%s)", p.File)
	}
	return ""
}

// Unread says that a set could not be read to its end.
func (c *SetCheck) Unread() { c.count.Unread++ }

// Finish reports what was found, a finding for each code and tensor, and counts.
func (c *SetCheck) Finish(report func(finding.Finding)) finding.Tensors {
	for _, k := range c.order {
		o := c.found[k]
		f := o.first
		if k.code != tensor.CodeDrift {
			f.Message = fmt.Sprintf("%s of %s: %s", counted(o.rows, "sample", "samples"), strconv.FormatInt(int64(c.count.Requests), 10), f.Message)
		}
		f.Evidence = append(slices.Clip(o.shown), f.Evidence...)
		if more := o.rows - int64(len(o.shown)); more > 0 {
			f.Evidence = append(f.Evidence, fmt.Sprintf("and %d more", more))
		}
		report(f)
	}
	s := Schema{Schema: c.schema}
	for _, g := range c.groups() {
		for _, v := range c.windows[g].Finish() {
			report(s.finding(v, c.where, ""))
		}
	}
	return c.count
}

// counted is a number with the word for one or for others.
func counted(n int64, one, others string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.FormatInt(n, 10) + " " + others
}

// tenCell is about values that have no reading as their type.
var tenCell = &rule.Rule{
	ID:       "TEN013",
	Title:    "cell that is no value of its column's type",
	Strategy: finding.InputValidation,
	Severity: finding.High,
	Text: `A cell of a table is empty or holds something that its column cannot have: a word among numbers, a number that the type does not have, an integer with a fraction.

Loaders differ in what they make of it: a NaN, a zero, a column of texts. The rest of that sample was not looked at.`,
	Fix:   "correct the cell, leave the sample out, or give the column another dtype in the schema",
	Since: "0.1.0",
	Refs:  []string{"docs/spec/data-v1.md"},
}

// LeavesOut reports whether a finding says that samples of a set are missing among those
// that are looked at as a whole: they could not be read, or have a cell that is no value.
func LeavesOut(f finding.Finding) bool {
	return f.Outcome == finding.Undetermined || f.Rule == tenCell.ID
}

// cell counts a cell that is no value; its sample was looked at no further.
func (c *SetCheck) cell(cell *dataset.BadCell) {
	what := "is no " + cell.DType.String()
	if cell.Empty {
		what = "is empty"
	}
	k := violation{code: tensor.Code(tenCell.ID), input: cell.Name}
	o := c.found[k]
	if o == nil {
		f := tenCell.Finding(whereOf(cell.Place), fmt.Sprintf("a cell of column %q %s", cell.Name, what))
		f.Input = cell.Name
		o = &offenders{first: f}
		c.found[k] = o
		c.order = append(c.order, k)
	}
	if !strings.HasSuffix(o.first.Message, what) { // some are empty, and some hold something else
		o.first.Message = fmt.Sprintf("a cell of column %q is empty or no %s", cell.Name, cell.DType)
	}
	if o.rows++; len(o.shown) < shownRows {
		it := "it"
		if cell.Text != "" {
			it = fmt.Sprintf("%.40q", cell.Text)
		}
		o.shown = append(o.shown, fmt.Sprintf("sample %d%s: %s %s", cell.Sample, c.spell(cell.Place), it, what))
	}
	// A sample with two such cells comes twice, one after the other.
	if cell.Sample != c.badSample || c.badSamples == 0 {
		c.badSample = cell.Sample
		c.badSamples++
		c.count.Requests++
		c.count.Rejected++
	}
}

// UnreadSet says that a data set ended before its end.
func UnreadSet(name string, err error) finding.Finding {
	text := err.Error()
	if errors.Is(err, io.ErrUnexpectedEOF) { // what it is wrapped in says where
		text = strings.ReplaceAll(text, io.ErrUnexpectedEOF.Error(), "it ends before its data do")
	}
	f := tenUnread.Undetermined(finding.Where{Path: name}, text)
	f.Fix = "give the set whole, in one of the forms of " + dataPage
	return f
}

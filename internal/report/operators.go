package report

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/safetext"
)

// mostOperators is how many rows people are shown.
const mostOperators = 200

// normalOperators is what ran, with texts that every format can hold.
func normalOperators(o *finding.Operators) *finding.Operators {
	if o == nil {
		return nil
	}
	return &finding.Operators{
		Torch: safetext.Valid(o.Torch), Seed: o.Seed,
		Rows: each(o.Rows, func(r finding.OperatorRow) finding.OperatorRow {
			r.Name, r.Reason = safetext.Valid(r.Name), safetext.Valid(r.Reason)
			r.Found, r.Asked = validAll(r.Found), validAll(r.Asked)
			skipped := map[string]string{}
			for k, v := range r.Skipped {
				skipped[safetext.Valid(k)] = safetext.Valid(v)
			}
			r.Skipped = skipped
			return r
		}),
		Passes: each(o.Passes, func(p finding.OperatorPass) finding.OperatorPass {
			return finding.OperatorPass{Name: safetext.Valid(p.Name), Run: p.Run, Reason: safetext.Valid(p.Reason), Note: safetext.Valid(p.Note)}
		}),
	}
}

// operatorTotals writes "operators: 12, 340 valid calls, 1200 raised, 3 crashed; torch 2.6.0, seed 0".
func operatorTotals(s finding.Summary) string {
	o := s.Operators
	if len(o.Rows) == 0 {
		return noOperators(s)
	}
	var valid, raised, crashed int
	for _, r := range o.Rows {
		valid, raised, crashed = valid+r.Valid, raised+r.Raised, crashed+r.Crashed
	}
	return fmt.Sprintf("operators: %d; %s with a result, %d with an exception, %d that ended the process; torch %s, seed %d",
		len(o.Rows), count(valid, "call", "calls"), raised, crashed, brief(o.Torch, maxName), o.Seed)
}

// noneScanned says of a run over sources that there are no operators, if that is so: of
// any that there are something is said.
func noneScanned(verb string, s finding.Summary) string {
	if verb != "ops scan" || s.Incomplete || severityTotals(s) != "" || s.Baseline != nil && s.Baseline.Known > 0 {
		return ""
	}
	return "no custom operators: no C++ or CUDA about torch, and nothing that builds an extension"
}

// noOperators says that there are none, if that is known.
func noOperators(s finding.Summary) string {
	if s.Incomplete {
		return "no operator was reached"
	}
	return "no custom operators"
}

// operatorHeadline says in one line how the operators did.
func operatorHeadline(r *run) string {
	rows := r.summary.Operators.Rows
	if len(rows) == 0 {
		return noOperators(r.summary)
	}
	bad := 0
	for _, row := range rows {
		if len(row.Found) > 0 {
			bad++
		}
	}
	return fmt.Sprintf("%d of %s showed something", bad, count(len(rows), "operator", "operators"))
}

// operatorCells are the columns of a row: name, seeds, valid, raised, crashed, found.
func operatorCells(r finding.OperatorRow) []string {
	seeds := strconv.Itoa(r.Seeds)
	if r.Blind {
		seeds = "none, made up"
	}
	found := strings.Join(r.Found, ", ")
	if r.Reason != "" {
		found = strings.TrimPrefix(found+"; "+r.Reason, "; ")
	}
	return []string{
		brief(r.Name, maxName), seeds, strconv.Itoa(r.Valid), strconv.Itoa(r.Raised), strconv.Itoa(r.Crashed), brief(found, maxMessage),
	}
}

var operatorHead = []string{"operator", "seeds", "valid", "raised", "crashed", "found"}

// passText says what became of a pass.
func passText(p finding.OperatorPass) string {
	if !p.Run {
		return "not run: " + brief(p.Reason, maxMessage)
	}
	return cmp.Or(brief(p.Note, maxMessage), "run")
}

// notAsked says which questions were put to no operator, and why, as most of them say.
func notAsked(o *finding.Operators) (list []string) {
	asked, why := map[string]bool{}, map[string]map[string]int{}
	for _, r := range o.Rows {
		for _, a := range r.Asked {
			asked[a] = true
		}
		for a, reason := range r.Skipped {
			if why[a] == nil {
				why[a] = map[string]int{}
			}
			why[a][reason]++
		}
	}
	for _, a := range slices.Sorted(maps.Keys(why)) {
		if !asked[a] {
			reasons := slices.SortedFunc(maps.Keys(why[a]), func(x, y string) int { return cmp.Or(why[a][y]-why[a][x], strings.Compare(x, y)) })
			list = append(list, fmt.Sprintf("%s: not run: %s", brief(a, maxName), brief(reasons[0], maxMessage)))
		}
	}
	return list
}

// operators writes the table of operators, and what was run.
func (t *text) operators(o *finding.Operators) {
	if len(o.Rows) == 0 && len(o.Passes) == 0 {
		return
	}
	rows := [][]string{operatorHead}
	shown := o.Rows[:min(len(o.Rows), mostOperators)]
	for _, r := range shown {
		rows = append(rows, operatorCells(r))
	}
	widths := make([]int, len(operatorHead)-1)
	for _, r := range rows {
		for i := range widths {
			widths[i] = max(widths[i], len(r[i]))
		}
	}
	if t.written || t.b.Len() > 0 {
		t.b.WriteByte('\n')
	}
	for _, r := range rows {
		line := ""
		for i, cell := range r {
			switch {
			case i == 0:
				line = fmt.Sprintf("%-*s", widths[0], cell)
			case i < len(widths):
				line += fmt.Sprintf("  %*s", widths[i], cell)
			default:
				line += "  " + cell
			}
		}
		t.b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	if n := len(o.Rows) - len(shown); n > 0 {
		fmt.Fprintf(&t.b, "… %d more; --format json lists all of them\n", n)
	}
	t.b.WriteByte('\n')
	for _, p := range o.Passes {
		t.fill(t.opt.Width, 0, 2, split(brief(p.Name, maxName)+": "+passText(p)))
	}
	for _, line := range notAsked(o) {
		t.fill(t.opt.Width, 0, 2, split(line))
	}
}

// operators writes the table to a page.
func (p *page) operators(o *finding.Operators) {
	if o == nil || len(o.Rows) == 0 {
		return
	}
	p.put("\n<h2>Operators</h2>\n<table>\n<thead><tr>")
	for _, h := range operatorHead {
		p.put("<th>%s</th>", h)
	}
	p.put("</tr></thead>\n<tbody>")
	for _, r := range o.Rows[:min(len(o.Rows), mostOperators)] {
		p.put("\n<tr>")
		for i, c := range operatorCells(r) {
			if i == 0 {
				p.put("<td><code>%s</code></td>", c)
				continue
			}
			p.put("<td>%s</td>", c)
		}
		p.put("</tr>")
	}
	p.put("\n</tbody>\n</table>")
	p.left(max(0, len(o.Rows)-mostOperators))
	p.put("\n<h3>What was run</h3>\n<ul class=\"plain\">")
	for _, pass := range o.Passes {
		p.put("\n<li><strong>%s</strong>: %s</li>", brief(pass.Name, maxName), passText(pass))
	}
	for _, line := range notAsked(o) {
		p.put("\n<li>%s</li>", line)
	}
	p.put("\n</ul>")
}

// operators writes the table as Markdown.
func (m *markdown) operators(o *finding.Operators) {
	if o == nil || len(o.Rows) == 0 {
		return
	}
	m.printf("\n### Operators\n\n| %s |\n|%s\n", strings.Join(operatorHead, " | "), strings.Repeat(" --- |", len(operatorHead)))
	for _, r := range o.Rows[:min(len(o.Rows), mostOperators)] {
		cells := each(operatorCells(r), prose)
		cells[0] = code(brief(r.Name, maxName))
		m.printf("| %s |\n", strings.Join(cells, " | "))
	}
	m.printf("\n")
	for _, p := range o.Passes {
		m.printf("- %s: %s\n", prose(brief(p.Name, maxName)), prose(passText(p)))
	}
}

// executed says whether anything was run.
func executed(o *finding.Operators) string {
	if o != nil {
		return "The project's extension was built, and its operators were run."
	}
	return "Nothing was executed to make this report."
}

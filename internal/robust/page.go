package robust

import (
	"bufio"
	"fmt"
	"image/color"
	"io"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/internal/safetext"
)

// WriteHTML writes one page that needs nothing else: no script, no font, no address.
func (r *Report) WriteHTML(w io.Writer) error {
	p := &page{bufio.NewWriter(w)}
	p.put("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Robustness</title>\n<style>" + style + "</style>\n</head>\n<body>\n<h1>Accuracy under attack</h1>\n")
	p.about(r)
	p.svg(r.draw())
	p.table(r)
	p.signs(r)
	p.put("<p class=\"note\">" + note + "</p>\n</body>\n</html>\n")
	return p.w.Flush()
}

const style = "body{font:15px/1.5 system-ui,sans-serif;max-width:50em;margin:2em auto;padding:0 1em;color:#24292f}" +
	"table{border-collapse:collapse;margin:1em 0}th,td{padding:.25em .9em;text-align:right;border-bottom:1px solid #d8dee4}" +
	"dt{font-weight:600;float:left;clear:left;width:7em}dd{margin:0 0 .2em 7em;overflow-wrap:anywhere}" +
	".bad{color:#cf222e}.note{color:#57606a}svg{max-width:100%;height:auto;font:13px system-ui,sans-serif}"

const note = "A stronger attack may exist, so these figures are the most that can be said for the model. " +
	"Checking inputs does not stop adversarial examples: they are valid inputs."

type page struct{ w *bufio.Writer }

func (p *page) put(s string) { _, _ = p.w.WriteString(s) } // Flush returns the first error

func (p *page) about(r *Report) {
	p.put("<dl>\n")
	for _, f := range r.facts() {
		p.put("<dt>" + safetext.HTML(f[0]) + "</dt><dd>" + safetext.HTML(f[1]) + "</dd>\n")
	}
	p.put("</dl>\n")
}

// facts say what was evaluated, and how.
func (r *Report) facts() [][2]string {
	var list [][2]string
	add := func(name, value string) { list = append(list, [2]string{name, value}) }
	file := func(f File) string { return fmt.Sprintf("%s, SHA-256 %s", f.Path, f.SHA256) }
	if m := r.Model; m != nil {
		add("model", m.Script.Path+":"+m.Factory)
		if m.Weights != nil {
			add("weights", file(*m.Weights))
		}
	}
	if d := r.Data; d != nil {
		add("inputs", file(d.Inputs))
		add("labels", file(d.Labels))
	}
	s := r.Settings
	add("samples", strconv.FormatInt(r.Clean.Samples, 10))
	add("attacks", fmt.Sprintf("%s within [%g, %g], norm %s, %d steps, %d restarts, seed %d, by %s on torch %s",
		strings.Join(s.Attacks, ", "), s.Bounds[0], s.Bounds[1], s.Norm, s.Steps, s.Restarts, s.Seed, s.Backend, s.Torch))
	if r.Created != "" {
		add("created", r.Created)
	}
	return list
}

func (p *page) table(r *Report) {
	attacks := r.Attacks()
	p.put("<table>\n<tr><th>eps</th>")
	for _, name := range attacks {
		p.put("<th>" + safetext.HTML(name) + "</th>")
	}
	p.put("</tr>\n<tr><td>0</td>" + strings.Repeat("<td>"+cell(r.Clean)+"</td>", len(attacks)) + "</tr>\n")
	for _, eps := range r.Sizes() {
		p.put("<tr><td>" + short(eps) + "</td>")
		for _, name := range attacks {
			row, ok := r.At(eps, name)
			if !ok {
				p.put("<td></td>")
				continue
			}
			p.put("<td>" + cell(row.Rate) + "</td>")
		}
		p.put("</tr>\n")
	}
	p.put("</table>\n<p class=\"note\">Share of right answers, with the interval that holds it with 95 % probability.</p>\n")
}

func cell(r Rate) string {
	return fmt.Sprintf("%.1f %% <small>(%.1f to %.1f)</small>", 100*r.Accuracy, 100*r.Low, 100*r.High)
}

func (p *page) signs(r *Report) {
	p.put("<h2>Can it be believed?</h2>\n<ul>\n")
	for _, s := range r.Sanity {
		class, mark := "", "yes"
		if !s.OK {
			class, mark = ` class="bad"`, "NO"
		}
		p.put("<li" + class + ">" + mark + ": " + safetext.HTML(s.Name) + ": " + safetext.HTML(s.Detail) + "</li>\n")
	}
	p.put("</ul>\n")
}

func (p *page) svg(d *plot) {
	p.put(fmt.Sprintf(`<svg viewBox="0 0 %d %d" role="img" aria-label="accuracy over eps">`+"\n", plotWidth, plotHeight))
	for _, l := range d.lines {
		points := make([]string, len(l.points))
		for i, at := range l.points {
			points[i] = fmt.Sprintf("%.1f,%.1f", at.x, at.y)
		}
		p.put(fmt.Sprintf(`<polyline points="%s" fill="none" stroke="%s" stroke-width="%g"/>`+"\n", strings.Join(points, " "), hex(l.color), l.width))
		if !l.marks {
			continue
		}
		for _, at := range l.points {
			p.put(fmt.Sprintf(`<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>`+"\n", at.x, at.y, hex(l.color)))
		}
	}
	anchors := map[align]string{left: "start", middle: "middle", right: "end"}
	for _, t := range d.texts {
		p.put(fmt.Sprintf(`<text x="%.1f" y="%.1f" fill="%s" text-anchor="%s">%s</text>`+"\n", t.at.x, t.at.y, hex(t.color), anchors[t.align], safetext.HTML(t.text)))
	}
	p.put("</svg>\n")
}

func hex(c color.RGBA) string { return fmt.Sprintf("#%02x%02x%02x", c.R, c.G, c.B) }

// WriteText writes a table for a terminal.
func (r *Report) WriteText(w io.Writer) error {
	attacks := r.Attacks()
	var b strings.Builder
	for _, f := range r.facts() {
		fmt.Fprintf(&b, "%-8s %s\n", f[0], safetext.Plain(f[1]))
	}
	fmt.Fprintf(&b, "\n%8s", "eps")
	for _, name := range attacks {
		fmt.Fprintf(&b, "%10s", safetext.Plain(name))
	}
	fmt.Fprintf(&b, "\n%8s%s\n", "0", strings.Repeat(fmt.Sprintf("%8.1f %%", 100*r.Clean.Accuracy), len(attacks)))
	for _, eps := range r.Sizes() {
		fmt.Fprintf(&b, "%8s", short(eps))
		for _, name := range attacks {
			if row, ok := r.At(eps, name); ok {
				fmt.Fprintf(&b, "%8.1f %%", 100*row.Accuracy)
			} else {
				fmt.Fprintf(&b, "%10s", "")
			}
		}
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	for _, s := range r.Sanity {
		mark := "ok "
		if !s.OK {
			mark = "NOT BELIEVABLE "
		}
		fmt.Fprintf(&b, "%s%s: %s\n", mark, safetext.Plain(s.Name), safetext.Plain(s.Detail))
	}
	fmt.Fprintf(&b, "\n%s\n", note)
	_, err := io.WriteString(w, b.String())
	return err
}

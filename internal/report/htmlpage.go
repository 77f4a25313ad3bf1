package report

import (
	"bufio"
	_ "embed"
	"io"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/safetext"
)

// markup is HTML that is written in this file. Only constants become it without a
// conversion, and a test forbids those.
type markup string

// page writes HTML. There is no template, because the packages for those call methods
// by name, and then the linker keeps every method of every type: a fifth of the
// program, which each start of it pays for.
type page struct {
	w   *bufio.Writer
	run *run
}

// put writes markup in which each %s is replaced by a text. All texts are escaped,
// so that none can end the element, or the quoted attribute, that it is in.
func (p *page) put(m markup, texts ...string) {
	rest := string(m)
	for _, t := range texts {
		before, after, ok := strings.Cut(rest, "%s")
		if !ok {
			panic("report: internal error: more texts than places for them: " + rest)
		}
		_, _ = p.w.WriteString(before) // Flush returns the first error
		_, _ = escapeHTML.WriteString(p.w, t)
		rest = after
	}
	if strings.Contains(rest, "%s") {
		panic("report: internal error: no text for " + rest)
	}
	_, _ = p.w.WriteString(rest)
}

// The plus is there for readers that take a page for UTF-7.
var escapeHTML = strings.NewReplacer("\x00", "\ufffd", "&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;", "+", "&#43;")

// when writes markup if there is a text to put into it.
func (p *page) when(text string, m markup) {
	if text != "" {
		p.put(m, text)
	}
}

//go:embed report.css
var style string

// writeHTML writes one page that needs nothing else: no script, no font, no
// image, no address that is opened before the reader clicks on it.
func writeHTML(w io.Writer, r *run) error {
	p := &page{bufio.NewWriter(w), r}
	v := htmlView(r)
	p.head(&v)
	p.tallies(&v)
	p.incomplete(&v)
	p.overview(v.Posture)
	p.compared(r.summary)
	p.posture(v.Posture)
	p.artifacts(v.Artifacts)
	for i := range v.Tables {
		p.table(&v.Tables[i])
	}
	p.unauditable(&v)
	p.operators(v.Operators)
	p.findings(v.Findings)
	p.put("\n</main>\n<footer>\n<p>%s %s, %s, fails on %s. %s</p>\n</footer>\n</body>\n</html>\n",
		safetext.Plain(v.Tool.Name), safetext.Plain(v.Tool.Version), count(v.Config.Rules, "rule", "rules"), safetext.Plain(v.Config.FailOn), executed(v.Operators))
	return p.w.Flush()
}

func (p *page) head(v *htmlPage) {
	p.put(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>%s: %s</title>
<style>
`, v.Title, v.Headline)
	_, _ = p.w.WriteString(style) // a file of ours, as it is
	p.put(`</style>
</head>
<body>
<header>
<h1>%s: <span class="%s">%s</span></h1>`, v.Title, v.Tone, v.Headline)
	if v.Models {
		p.put("\n<p class=\"lead\">%s.</p>", v.Totals)
	}
	p.when(v.Packages, "\n<p class=\"lead\">%s.</p>")
	p.put("\n<p class=\"soft\">Looked at")
	for _, path := range v.Config.Paths {
		p.put(" <code>%s</code>", safetext.Plain(path))
	}
	p.put("</p>\n</header>\n<main>")
}

func (p *page) tallies(v *htmlPage) {
	if v.Models {
		p.tally("verdicts", "Model files by verdict", v.Verdicts)
	}
	if len(v.Statuses) > 0 {
		p.tally("packages", "Packages", v.Statuses)
	}
	p.tally("severities", "Findings by severity", v.Severities)
}

func (p *page) tally(id, title string, list []tally) {
	p.put("\n<p class=\"label\" id=\"%s\">%s</p>\n<ul class=\"tallies\" aria-labelledby=\"%s\">", id, title, id)
	for _, t := range list {
		p.put("\n<li")
		if t.N == 0 {
			p.put(` class="zero"`)
		}
		p.put(`><b>%s</b> <span class="%s">%s</span></li>`, strconv.Itoa(t.N), t.Name, t.Name)
	}
	p.put("\n</ul>")
}

func (p *page) incomplete(v *htmlPage) {
	if !v.Incomplete {
		return
	}
	p.put("\n<div class=\"note\" role=\"note\">\n<p><strong>Incomplete.</strong> What could not be looked at is not known to be safe.</p>")
	if len(v.Reasons) > 0 {
		p.put("\n<ul>")
		for _, reason := range v.Reasons {
			p.put("<li>%s</li>", brief(reason, maxMessage))
		}
		p.put("</ul>")
	}
	p.put("\n</div>")
}

func (p *page) posture(list []htmlPosture) {
	if len(list) > 0 {
		p.put("\n<h2>Posture</h2>")
	}
	for _, s := range list {
		p.details(len(s.Missing) > 0)
		p.put("\n<summary><span class=\"badge %s\">%s</span> <h3>%s</h3></summary>\n<div class=\"body\">",
			statusClass(s.Status), string(s.Status), safetext.Plain(s.Title))
		p.when(short(s.Posture), "\n<p><strong>%s</strong></p>")
		p.when(safetext.Plain(s.Reason), "\n<p><em>%s</em></p>")
		p.put("\n<p>%s</p>\n<h4>Mitigates</h4>\n<p>", safetext.Plain(s.Text))
		for i, t := range s.Threats {
			if i > 0 {
				p.put(", ")
			}
			p.put(`%s (<span class="%s">%s</span>)`, safetext.Plain(t.Name), t.Severity.String(), t.Severity.String())
		}
		p.put("</p>\n<h4>Impact</h4>\n<p>%s</p>", safetext.Plain(s.Impact))
		for _, l := range s.Lists {
			p.evidence(l)
		}
		p.when(safetext.Plain(s.Residual), "\n<h4>Residual risk</h4>\n<p>%s</p>")
		p.put("\n</div>\n</details>")
	}
}

func (p *page) details(open bool) {
	p.put("\n<details")
	if open {
		p.put(" open")
	}
	p.put(">")
}

func (p *page) evidence(l htmlEvidence) {
	p.put("\n<h4>%s</h4>\n<ul class=\"plain %s\">", l.Title, l.Class)
	for _, e := range l.Shown {
		p.put("\n<li>")
		p.when(shownPlace(e.Where), "<code>%s</code>: ")
		p.put("%s", brief(e.Text, maxMessage))
		p.when(brief(e.Fix, maxMessage), `<div class="fix"><strong>Fix:</strong> <code>%s</code></div>`)
		p.put("</li>")
	}
	p.put("\n</ul>")
	p.left(l.Left)
}

func shownPlace(w finding.Where) string { return safetext.Plain(w.String()) }

func (p *page) left(n int) {
	if n != 0 {
		p.put("\n<p class=\"soft\">… %s more; the JSON format lists all of them</p>", strconv.Itoa(n))
	}
}

func (p *page) artifacts(list []htmlArtifact) {
	if len(list) > 0 {
		p.put("\n<h2>Model files</h2>")
	}
	for _, a := range list {
		p.details(a.Open)
		p.put("\n<summary><span class=\"badge %s\">%s</span> <h3><code>%s</code></h3> <span class=\"soft\">%s, %s</span></summary>\n<div class=\"body\">",
			a.Verdict.String(), strings.ToUpper(a.Verdict.String()), safetext.Plain(a.Path), safetext.Plain(a.Format), size(a.Size))
		p.when(safetext.Plain(a.SHA256), "\n<p class=\"soft\">SHA-256 <code>%s</code></p>")
		for i := range a.Groups {
			p.group(&a.Groups[i])
		}
		if len(a.Groups) == 0 {
			p.put("\n<p class=\"soft\">No findings.</p>")
		}
		p.put("\n</div>\n</details>")
	}
}

func (p *page) group(g *htmlGroup) {
	p.put("\n<ul class=\"plain\">")
	for _, f := range g.Shown {
		p.finding(f, place(f.Where, g.Path))
		p.put("</li>")
	}
	if g.Left != 0 {
		p.put("\n<li class=\"soft\">… %s more of %s; the JSON format lists all of them</li>", strconv.Itoa(g.Left), safetext.Plain(g.Rule))
	}
	p.put("\n</ul>")
	p.fixes(g.Fixes)
}

func (p *page) fixes(list []string) {
	for _, fix := range list {
		p.put("\n<p class=\"fix\"><strong>Fix:</strong> %s</p>", brief(fix, maxMessage))
	}
}

// finding begins the item of a finding; what it says may be followed by more.
func (p *page) finding(f finding.Finding, where string) {
	p.put("\n<li><span class=\"badge %s\">%s</span> ", badge(f), badge(f))
	if link := p.run.ruleLink(f.Rule); link != "" {
		p.put(`<a href="%s">%s</a>`, link, safetext.Plain(f.Rule))
	} else {
		p.put("<span>%s</span>", safetext.Plain(f.Rule))
	}
	p.put(": %s%s", undetermined(f), brief(f.Message, maxMessage))
	p.when(where, " <code>%s</code>")
	p.when(waiver(f), "\n<p class=\"soft\">%s</p>")
	if how := evidence(f); matters(f) && len(how) > 0 {
		p.put("\n<ul class=\"how\">")
		for _, line := range how {
			p.put("<li><code>%s</code></li>", line)
		}
		p.put("</ul>")
	}
}

func (p *page) findings(list []finding.Finding) {
	if len(list) == 0 {
		return
	}
	p.put("\n<h2>Other findings</h2>\n<ul class=\"plain\">")
	for _, f := range list {
		p.finding(f, shownPlace(f.Where))
		if f.Fix != "" && matters(f) {
			p.put(`<p class="fix"><strong>Fix:</strong> %s</p>`, brief(f.Fix, maxMessage))
		}
		p.put("</li>")
	}
	p.put("\n</ul>")
}

func (p *page) table(t *htmlTable) {
	p.put("\n<h2>%s</h2>\n<div class=\"wide\" tabindex=\"0\" role=\"group\" aria-label=\"%s\">\n<table>\n<thead><tr><th scope=\"col\">Package</th>", t.Title, t.Title)
	if t.Versions {
		p.put(`<th scope="col">Version</th>`)
	}
	p.put(`<th scope="col">Advisory</th><th scope="col">Severity</th><th scope="col">Fixed in</th><th scope="col">Where</th></tr></thead>` + "\n<tbody>")
	for _, f := range t.Shown {
		p.row(f, t.Versions)
	}
	p.put("\n</tbody>\n</table>\n</div>")
	p.left(t.Left)
	p.fixes(t.Fixes)
}

func (p *page) row(f finding.Finding, versions bool) {
	p.put("\n<tr><td><code>%s</code></td>", brief(f.Package.Name, maxMessage))
	if versions {
		p.put("<td><code>%s</code></td>", brief(f.Package.Version, maxMessage))
	}
	p.put("<td><code>%s</code>", brief(f.Advisory.ID, maxMessage))
	p.when(class(*f.Advisory), ` <span class="soft">%s</span>`)
	p.put("<p>%s%s</p>", undetermined(f), brief(f.Message, maxMessage))
	p.when(aliases(*f.Advisory), `<p class="soft">also %s</p>`)
	p.when(waiver(f), `<p class="soft">%s</p>`)
	p.put(`</td><td><span class="badge %s">%s</span></td><td>`, badge(f), badge(f))
	if f.Advisory.Fixed != "" {
		p.put("<code>%s</code>", brief(f.Advisory.Fixed, maxMessage))
	} else {
		p.put("none")
	}
	p.put("</td><td>")
	p.when(shownPlace(f.Where), "<code>%s</code>")
	p.put("</td></tr>")
}

func (p *page) unauditable(v *htmlPage) {
	if len(v.Unauditable) == 0 {
		return
	}
	p.put("\n<h2>Unauditable packages</h2>\n<ul class=\"plain\">")
	for _, b := range v.Unauditable {
		p.put("\n<li>%s: ", b.Reason)
		for i, name := range b.Names {
			if i > 0 {
				p.put(", ")
			}
			p.put("<code>%s</code>", name)
		}
		if b.Left != 0 {
			p.put(" and %s more", strconv.Itoa(b.Left))
		}
		p.put("</li>")
	}
	if v.LeftReasons != 0 {
		p.put("\n<li class=\"soft\">… %s; the JSON format lists all of them</li>", count(v.LeftReasons, "more reason", "more reasons"))
	}
	p.put("\n</ul>")
}

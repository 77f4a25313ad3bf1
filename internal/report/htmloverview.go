package report

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/andiron-dev/andiron/finding"
	"github.com/andiron-dev/andiron/internal/safetext"
)

// The overview picture, in units of its own.
const (
	pictureWidth = 720
	rowHeight    = 30
	barLeft      = 320
	barWidth     = 300
)

// overview draws how far each strategy is in place: a bar whose parts are the evidence
// of what is there, of what is missing and of what is not known. It is part of the page, so that the page
// still needs nothing else.
func (p *page) overview(list []htmlPosture) {
	if len(list) == 0 {
		return
	}
	p.put("\n<svg class=\"overview\" viewBox=\"0 0 %s %s\" role=\"img\" aria-label=\"%s\">",
		strconv.Itoa(pictureWidth), strconv.Itoa(rowHeight*len(list)), safetext.Plain(spoken(list)))
	for i, s := range list {
		p.bars(i*rowHeight, s.Posture)
	}
	p.put("\n</svg>")
}

// spoken is the picture in words.
func spoken(list []htmlPosture) string {
	return strings.Join(each(list, func(s htmlPosture) string {
		lack, open := lacking(s.Posture)
		text := fmt.Sprintf("%s: %s, %d in place, %d missing", s.Title, s.Status, len(s.Implemented), lack)
		if open > 0 {
			text += fmt.Sprintf(", %d not known", open)
		}
		return text
	}), "; ")
}

// lacking counts what is missing, and what could not be found out.
func lacking(s finding.Posture) (missing, open int) {
	for _, e := range s.Missing {
		if strings.HasPrefix(e.Text, "undetermined: ") {
			open++
		}
	}
	return len(s.Missing) - open, open
}

// bars is one strategy of the picture: its name and status, the bar, and the numbers.
func (p *page) bars(top int, s finding.Posture) {
	have := len(s.Implemented)
	lack, open := lacking(s)
	all := have + lack + open
	line := strconv.Itoa(top + rowHeight - 10)
	p.put("\n<text x=\"0\" y=\"%s\">%s</text><text x=\"180\" y=\"%s\" class=\"%s\">%s</text>",
		line, safetext.Plain(s.Title), line, statusClass(s.Status), safetext.Plain(string(s.Status)))
	bar := func(class string, from, width int) {
		if width > 0 {
			p.put(`<rect class="%s" x="%s" y="%s" width="%s" height="16"/>`, class, strconv.Itoa(barLeft+from), strconv.Itoa(top+8), strconv.Itoa(width))
		}
	}
	if all == 0 {
		bar("void", 0, barWidth)
		return
	}
	from := 0
	for _, part := range []struct {
		class string
		n     int
	}{{"implemented", have}, {"missing", lack}, {"undetermined", open}} {
		to := barWidth
		if all -= part.n; all > 0 {
			to = min(from+max((barWidth-from)*part.n/(part.n+all), 2*min(part.n, 1)), barWidth-2)
		}
		bar(part.class, from, to-from)
		from = to
	}
	p.put(`<text x="%s" y="%s">%s / %s</text>`, strconv.Itoa(barLeft+barWidth+10), line, strconv.Itoa(have), strconv.Itoa(have+lack+open))
}

func statusClass(s finding.Status) string { return strings.ReplaceAll(string(s), " ", "-") }

// compared says what became of an earlier report, and what changed since the last audit.
func (p *page) compared(s finding.Summary) {
	if b := s.Baseline; b != nil {
		p.put("\n<h2>Since the baseline</h2>\n<p>%s</p>", baselineTotals(s))
		p.lines(each(b.Gone[:min(len(b.Gone), mostGone)], func(f finding.Finding) string { return "gone: " + goneLine(f) }))
		p.left(max(0, len(b.Gone)-mostGone))
	}
	if s.Trend != nil {
		p.put("\n<h2>Trend</h2>\n<p>%s</p>", trendHead(*s.Trend))
		p.lines(trendLines(s))
	}
}

func (p *page) lines(list []string) {
	if len(list) == 0 {
		return
	}
	p.put("\n<ul>")
	for _, line := range list {
		p.put("<li>%s</li>", line)
	}
	p.put("</ul>")
}

package survey

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"strings"

	"github.com/andiron-dev/andiron/internal/safetext"
)

// WriteHTML writes one page with what the set looks like: labels, histograms of its
// columns, and pictures of samples that something was found about. It needs nothing
// else: no script, no font, no address. place says where a sample is, if its number alone
// does not.
func (s *Survey) WriteHTML(w io.Writer, name string, place func(sample int64) string) error {
	s.Settle() // a set that could not be read whole is not yet
	p := &page{w: bufio.NewWriter(w), place: place}
	p.put("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>Data set</title>\n<style>" + style + "</style>\n</head>\n<body>\n<h1>" + safetext.HTML(name) + "</h1>\n")
	p.put(fmt.Sprintf("<p>%d samples, %d labels, %d columns.</p>\n", s.Count, len(s.Labels), len(s.Columns)))
	if s.Missing > 0 {
		p.put(fmt.Sprintf("<p class=\"note\"><strong>This is not all of the set: places that could not be read: %d.</strong></p>\n", s.Missing))
	}
	p.labels(s)
	for _, c := range s.Columns {
		p.column(c)
	}
	p.suspects(s)
	p.put("</body>\n</html>\n")
	return p.w.Flush()
}

const style = "body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#24292f}" +
	"figure{display:inline-block;margin:.4em;text-align:center}figcaption{font-size:12px;color:#57606a}" +
	"img{image-rendering:pixelated;border:1px solid #d8dee4;width:84px}svg{display:block;margin:.5em 0;font:12px system-ui,sans-serif}" +
	".note{color:#57606a}h2{margin-top:1.6em;overflow-wrap:anywhere}"

// mostShown bounds the bars and pictures of a page.
const mostShown = 100

type page struct {
	w     *bufio.Writer
	place func(sample int64) string
}

func (p *page) put(s string) { _, _ = p.w.WriteString(s) } // Flush returns the first error

func (p *page) labels(s *Survey) {
	if len(s.Labels) == 0 {
		return
	}
	p.put("<h2>Labels</h2>\n")
	var names []string
	var values []float64
	for i, name := range s.Labels[:min(len(s.Labels), mostShown)] {
		names = append(names, fmt.Sprintf("%.40s (%d)", name, s.Counts[i]))
		values = append(values, float64(s.Counts[i]))
	}
	p.bars(names, values)
	if more := len(s.Labels) - len(names); more > 0 {
		p.put(fmt.Sprintf("<p class=\"note\">and %d more labels</p>\n", more))
	}
}

func (p *page) column(c *Column) {
	if c.Values == 0 {
		return
	}
	p.put("<h2>" + safetext.HTML(c.Name) + "</h2>\n")
	p.put(fmt.Sprintf("<p>%d values from %.6g to %.6g, mean %.6g, standard deviation %.6g; %d NaN, %d infinite.</p>\n",
		c.Values, c.Min, c.Max, c.Mean(), c.Std(), c.NaN, c.Inf))
	const bins = 24
	counts := make([]float64, bins)
	var names []string
	width := (c.Max - c.Min) / bins
	for _, x := range c.kept {
		i := bins - 1
		if width > 0 {
			i = min(bins-1, int((x-c.Min)/width))
		}
		counts[i]++
	}
	for i := range bins {
		names = append(names, fmt.Sprintf("from %.4g", c.Min+float64(i)*width))
	}
	p.bars(names, counts)
}

// bars draws a bar for each value, the longest of 400 pixels.
func (p *page) bars(names []string, values []float64) {
	most := 1.0
	for _, v := range values {
		most = max(most, v)
	}
	p.put(fmt.Sprintf("<svg viewBox=\"0 0 640 %d\" width=\"640\">\n", 18*len(values)))
	for i, v := range values {
		p.put(fmt.Sprintf("<text x=\"220\" y=\"%d\" text-anchor=\"end\">%s</text><rect x=\"230\" y=\"%d\" width=\"%.1f\" height=\"14\" fill=\"#1f6feb\"/>\n",
			18*i+13, safetext.HTML(names[i]), 18*i+2, 400*v/most))
	}
	p.put("</svg>\n")
}

// suspects shows the samples that something was found about.
func (p *page) suspects(s *Survey) {
	for _, c := range s.Columns {
		if c.Unsearched != "" {
			p.put("<p class=\"note\">No patches were looked for" + safetext.HTML(fmt.Sprintf(" in column %.80q: %s", c.Name, c.Unsearched)) + "</p>\n")
		}
	}
	if len(s.images) == 0 {
		return
	}
	type place struct {
		in *images
		i  int
	}
	at := map[int64]place{}
	keep := func(m *images) {
		for i, n := range m.numbers {
			at[n] = place{m, i}
		}
	}
	show := func(title string, samples []int64) {
		var figures strings.Builder
		for _, n := range samples[:min(len(samples), mostShown)] {
			x, ok := at[n]
			if !ok {
				fmt.Fprintf(&figures, "<figure>not kept<figcaption>%d%s</figcaption></figure>\n", n, p.where(n))
				continue
			}
			fmt.Fprintf(&figures, "<figure><img alt=\"\" src=\"data:image/png;base64,%s\"><figcaption>%d: %s%s</figcaption></figure>\n", x.in.png(x.i), n, safetext.HTML(s.label(x.in.labels[x.i])), p.where(n))
		}
		if figures.Len() > 0 {
			p.put("<h2>" + safetext.HTML(title) + "</h2>\n" + figures.String())
		}
	}
	for i, found := range s.Patches() {
		keep(s.images[i])
		for _, x := range found.Patches {
			show(fmt.Sprintf("The same patch of %d by %d pixels%s, and label %q on %d of %d", x.Size, x.Size, found.In(), x.Label, x.Of, x.Count), x.Samples)
		}
		if found.Refused != "" {
			p.put("<p class=\"note\">No patches were looked for" + safetext.HTML(found.In()+": "+found.Refused) + "</p>\n")
		} else {
			p.reach(found)
		}
	}
	clear(at)
	keep(s.small)
	keep(s.images[0])
	var outliers, torn []int64
	for _, o := range s.Outliers() {
		outliers = append(outliers, o.Sample)
	}
	for _, g := range append(s.Duplicates(), s.Near()...) {
		if len(g.Labels) > 1 {
			torn = append(torn, g.Samples...)
		}
	}
	show("Far from the others", outliers)
	show("The same, or nearly, with different labels", torn)
}

// where is the file of a sample, on a line of its own.
func (p *page) where(sample int64) string {
	if place := p.place(sample); place != "" {
		return "<br>" + safetext.HTML(place)
	}
	return ""
}

// reach says what the search for patches finds, and what it does not.
func (p *page) reach(found PatchSearch) {
	p.put("<h2>What the search for patches finds</h2>\n<p>" + safetext.HTML(strings.ToUpper(found.Reach()[:1])+found.Reach()[1:]) + ".")
	if len(found.Crowded) > 0 {
		p.put(fmt.Sprintf(" It says nothing about %d labels, whose pictures have much in common.", len(found.Crowded)))
	}
	p.put("</p>\n<p>It does not find</p>\n<ul>\n")
	for _, x := range Unseen {
		p.put("<li>" + safetext.HTML(x) + "</li>\n")
	}
	p.put("</ul>\n")
}

// png is the picture of a sample, in base64.
func (m *images) png(i int) string {
	img := image.NewNRGBA(image.Rect(0, 0, m.width, m.height))
	data, of := m.pixels[i*m.each():(i+1)*m.each()], rgb(m.channels)
	for j := range m.width * m.height {
		v := data[j*m.channels : (j+1)*m.channels]
		img.Set(j%m.width, j/m.width, color.NRGBA{v[of[0]], v[of[1]], v[of[2]], 255})
	}
	var b bytes.Buffer
	if png.Encode(&b, img) != nil { // a buffer takes everything
		return ""
	}
	return base64.StdEncoding.EncodeToString(b.Bytes())
}

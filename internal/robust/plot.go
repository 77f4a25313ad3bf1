package robust

import (
	"fmt"
	"image/color"
	"math"
	"strconv"
)

// plot is a drawing: what a page and a picture show alike, in pixels from the upper
// left.
type plot struct {
	lines []line
	texts []label
}

type line struct {
	points []point
	color  color.RGBA
	width  float64
	marks  bool // a dot on each point
}

type point struct{ x, y float64 }

type label struct {
	at    point
	text  string
	color color.RGBA
	align align
}

// align is the side of a text that lies at its place.
type align int

const (
	left align = iota
	middle
	right
)

const (
	plotWidth, plotHeight = 720, 440
	// The axes.
	axisLeft, axisRight, axisTop, axisBottom = 64, 560, 24, 388
)

var (
	ink   = color.RGBA{0x24, 0x29, 0x2f, 0xff}
	pale  = color.RGBA{0xd8, 0xde, 0xe4, 0xff}
	hues  = []color.RGBA{{0x1f, 0x6f, 0xeb, 0xff}, {0xbf, 0x6a, 0x02, 0xff}, {0x1a, 0x7f, 0x37, 0xff}, {0x82, 0x50, 0xdf, 0xff}}
	alarm = color.RGBA{0xcf, 0x22, 0x2e, 0xff}
)

// draw makes the plot of accuracy over eps, a line for each attack.
func (r *Report) draw() *plot {
	sizes := r.Sizes()
	most := sizes[len(sizes)-1]
	x := func(eps float64) float64 { return axisLeft + eps/most*(axisRight-axisLeft) }
	y := func(share float64) float64 { return axisBottom - share*(axisBottom-axisTop) }
	p := &plot{}
	for _, share := range []float64{0, 0.2, 0.4, 0.6, 0.8, 1} {
		p.rule(point{axisLeft, y(share)}, point{axisRight, y(share)})
		p.texts = append(p.texts, label{point{axisLeft - 8, y(share) + 4}, fmt.Sprintf("%.0f %%", share*100), ink, right})
	}
	for _, eps := range ticks(most) {
		p.rule(point{x(eps), axisTop}, point{x(eps), axisBottom})
		p.texts = append(p.texts, label{point{x(eps), axisBottom + 18}, short(eps), ink, middle})
	}
	p.texts = append(p.texts, label{point{(axisLeft + axisRight) / 2, axisBottom + 40}, "eps, norm " + r.Settings.Norm, ink, middle})
	for i, name := range r.Attacks() {
		c := hue(i, name)
		l := line{points: []point{{x(0), y(r.Clean.Accuracy)}}, color: c, width: 2, marks: true}
		for _, eps := range sizes {
			if row, ok := r.At(eps, name); ok {
				l.points = append(l.points, point{x(eps), y(row.Accuracy)})
			}
		}
		p.lines = append(p.lines, l)
		at := point{axisRight + 24, axisTop + 14 + float64(i)*22}
		p.lines = append(p.lines, line{points: []point{{at.x, at.y - 4}, {at.x + 22, at.y - 4}}, color: c, width: 2})
		p.texts = append(p.texts, label{point{at.x + 30, at.y}, name, ink, left})
	}
	return p
}

// hue is the color of the attack with that number; that of the worst is the same on
// every plot.
func hue(i int, name string) color.RGBA {
	if name == Worst {
		return alarm
	}
	return hues[i%len(hues)]
}

func (p *plot) rule(a, b point) {
	p.lines = append(p.lines, line{points: []point{a, b}, color: pale, width: 1})
}

// ticks are four to ten round numbers from 0 to the greatest.
func ticks(most float64) []float64 {
	step := math.Pow(10, math.Floor(math.Log10(most)))
	for _, part := range []float64{0.1, 0.2, 0.5, 1} {
		if most/(step*part) <= 10 {
			step *= part
			break
		}
	}
	var list []float64
	for i := 0; float64(i)*step <= most*1.0001; i++ {
		list = append(list, float64(i)*step)
	}
	return list
}

func short(f float64) string { return strconv.FormatFloat(f, 'g', 4, 64) }

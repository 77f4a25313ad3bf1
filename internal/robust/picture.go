package robust

import (
	"image"
	"image/draw"
	"image/png"
	"io"
	"math"

	"golang.org/x/image/font"
	"golang.org/x/image/font/basicfont"
	"golang.org/x/image/math/fixed"
	"golang.org/x/image/vector"
)

// WritePNG draws accuracy over eps as a picture of 720 by 440 pixels.
func (r *Report) WritePNG(w io.Writer) error {
	img := image.NewRGBA(image.Rect(0, 0, plotWidth, plotHeight))
	draw.Draw(img, img.Bounds(), image.White, image.Point{}, draw.Src)
	p := r.draw()
	for _, l := range p.lines {
		l.onto(img)
	}
	for _, t := range p.texts {
		t.onto(img)
	}
	return png.Encode(w, img)
}

func (l line) onto(img *image.RGBA) {
	pen := vector.NewRasterizer(plotWidth, plotHeight)
	for i := 1; i < len(l.points); i++ {
		stroke(pen, l.points[i-1], l.points[i], l.width)
	}
	if l.marks {
		for _, p := range l.points {
			dot(pen, p, l.width*1.75)
		}
	}
	pen.Draw(img, img.Bounds(), image.NewUniform(l.color), image.Point{})
}

// stroke adds a line of a width, as the four corners around it.
func stroke(pen *vector.Rasterizer, a, b point, width float64) {
	dx, dy := b.x-a.x, b.y-a.y
	length := math.Hypot(dx, dy)
	if length == 0 {
		return
	}
	ox, oy := -dy/length*width/2, dx/length*width/2
	path(pen, point{a.x + ox, a.y + oy}, point{b.x + ox, b.y + oy}, point{b.x - ox, b.y - oy}, point{a.x - ox, a.y - oy})
}

func dot(pen *vector.Rasterizer, at point, radius float64) {
	var corners []point
	for i := range 16 {
		// In the sense of strokes: where two paths overlap they must not cancel out.
		sin, cos := math.Sincos(-2 * math.Pi * float64(i) / 16)
		corners = append(corners, point{at.x + radius*cos, at.y + radius*sin})
	}
	path(pen, corners...)
}

func path(pen *vector.Rasterizer, corners ...point) {
	pen.MoveTo(float32(corners[0].x), float32(corners[0].y))
	for _, c := range corners[1:] {
		pen.LineTo(float32(c.x), float32(c.y))
	}
	pen.ClosePath()
}

func (t label) onto(img *image.RGBA) {
	d := font.Drawer{Dst: img, Src: image.NewUniform(t.color), Face: basicfont.Face7x13}
	at := fixed.P(int(math.Round(t.at.x)), int(math.Round(t.at.y)))
	switch width := d.MeasureString(t.text); t.align {
	case left:
	case middle:
		at.X -= width / 2
	case right:
		at.X -= width
	}
	d.Dot = at
	d.DrawString(t.text)
}

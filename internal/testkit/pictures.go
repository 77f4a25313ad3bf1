package testkit

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Pictures are images of one byte for each pixel, with labels.
type Pictures struct {
	Side   int
	Pixels []byte
	Labels []int64
}

// Drawn makes pictures of ten kinds: strokes of a kind, somewhere near the middle, in a
// pen of some width and strength, on black with a little noise if asked for.
func Drawn(n, side int, noise, seed uint64) *Pictures {
	random := rand.New(rand.NewPCG(seed, 1))
	p := &Pictures{Side: side, Pixels: make([]byte, n*side*side)}
	kinds := rand.New(rand.NewPCG(7, 7))
	var strokes [10][6][2]float64
	for k := range strokes {
		for j := range strokes[k] {
			strokes[k][j] = [2]float64{kinds.Float64(), kinds.Float64()}
		}
	}
	for i := range n {
		k := random.IntN(10)
		p.Labels = append(p.Labels, int64(k))
		img := p.Image(i)
		dx, dy := random.Float64()*6-3, random.Float64()*6-3
		scale := 0.5 + random.Float64()*0.2
		ink := 160 + random.Float64()*95
		for j := 1; j < 6; j++ {
			a, b := strokes[k][j-1], strokes[k][j]
			for t := range 60 {
				f := float64(t) / 60
				x := (a[0]+(b[0]-a[0])*f)*scale*float64(side) + float64(side)/5 + dx
				y := (a[1]+(b[1]-a[1])*f)*scale*float64(side) + float64(side)/5 + dy
				spot(img, side, x, y, ink)
			}
		}
		if noise > 0 {
			for j := range img {
				img[j] = byte(min(255, int(img[j])+int(random.Uint64N(noise))))
			}
		}
	}
	return p
}

// spot is a touch of a soft pen.
func spot(img []byte, side int, x, y, ink float64) {
	for yy := int(y) - 1; yy <= int(y)+2; yy++ {
		for xx := int(x) - 1; xx <= int(x)+2; xx++ {
			if xx < 0 || yy < 0 || xx >= side || yy >= side {
				continue
			}
			d := (float64(xx)-x)*(float64(xx)-x) + (float64(yy)-y)*(float64(yy)-y)
			img[yy*side+xx] = max(img[yy*side+xx], byte(max(0, ink*(1-d/2.2))))
		}
	}
}

// Image is the pixels of one.
func (p *Pictures) Image(i int) []byte { return p.Pixels[i*p.Side*p.Side : (i+1)*p.Side*p.Side] }

// Copied is the same pictures, to be changed.
func (p *Pictures) Copied() *Pictures {
	return &Pictures{p.Side, slices.Clone(p.Pixels), slices.Clone(p.Labels)}
}

// Arrays writes files img.npy and lab.npy of n pictures, so many at a time that memory
// does not grow with them.
func Arrays(t testing.TB, dir string, n, side int) {
	t.Helper()
	img, endImages := array(t, filepath.Join(dir, "img.npy"), "|u1", fmt.Sprintf("%d, %d, %d", n, side, side))
	lab, endLabels := array(t, filepath.Join(dir, "lab.npy"), "<i8", fmt.Sprintf("%d,", n))
	for from := 0; from < n; from += 10_000 {
		p := Drawn(min(10_000, n-from), side, 0, uint64(from+1))
		img(p.Pixels)
		labels := make([]byte, 0, 8*len(p.Labels))
		for _, l := range p.Labels {
			labels = binary.LittleEndian.AppendUint64(labels, uint64(l))
		}
		lab(labels)
	}
	endImages()
	endLabels()
}

// array begins a .npy file.
func array(t testing.TB, name, descr, shape string) (write func([]byte), end func()) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, shape)
	for (10+len(head)+1)%64 != 0 {
		head += " "
	}
	write = func(b []byte) { _, _ = w.Write(b) } // Flush returns the first error
	write([]byte("\x93NUMPY\x01\x00"))
	write(binary.LittleEndian.AppendUint16(nil, uint16(len(head)+1)))
	write([]byte(head + "\n"))
	return write, func() {
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

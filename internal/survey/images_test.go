package survey

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/andiron-dev/andiron/internal/dataset"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// stored makes a column of the pictures: a pixel is given as its channels, behind or
// before the rest.
func (p *pictures) stored(name string, channels int, last bool) tensor.Tensor {
	n, plane := len(p.Labels), p.Side*p.Side
	t := tensor.Tensor{Name: name, DType: tensor.Uint8, Data: make([]byte, 0, n*plane*channels)}
	t.Shape = []int64{int64(n), int64(channels), int64(p.Side), int64(p.Side)}
	if last {
		t.Shape = []int64{int64(n), int64(p.Side), int64(p.Side), int64(channels)}
	}
	for i := range n {
		for j := range plane * channels {
			at, channel := j%plane, j/plane
			if last {
				at, channel = j/channels, j%channels
			}
			v := p.image(i)[at]
			if channel > 0 { // it tells nothing
				v = 200
			}
			t.Data = append(t.Data, v)
		}
	}
	return t
}

// rowsOf are columns with the labels of the pictures.
func (p *pictures) rowsOf(columns ...tensor.Tensor) *dataset.Rows {
	label := tensor.Tensor{Name: "label", DType: tensor.Int64, Shape: []int64{int64(len(p.Labels))}}
	for _, l := range p.Labels {
		label.Data = binary.LittleEndian.AppendUint64(label.Data, uint64(l))
	}
	return &dataset.Rows{N: len(p.Labels), Columns: append(columns, label)}
}

// shaped is a column of zeros.
func (p *pictures) shaped(name string, d tensor.DType, shape ...int64) tensor.Tensor {
	n := int64(len(p.Labels) * d.Size())
	for _, x := range shape {
		n *= x
	}
	return tensor.Tensor{Name: name, DType: d, Shape: append([]int64{int64(len(p.Labels))}, shape...), Data: make([]byte, n)}
}

// Patches are found whichever column they are in and however many channels it has, and
// each column says what was looked for.
func TestPatchesOfColumns(t *testing.T) {
	const side = 16
	p := drawn(1200, side, 0, 1)
	stamped := p.poison(0.02, pattern(side, 13, 13, checker))
	mask := drawn(1200, side, 0, 2)
	for name, c := range map[string]struct {
		columns []tensor.Tensor
		found   string // which of them
		quiet   int    // columns that have none
	}{
		"behind a mask":       {[]tensor.Tensor{mask.stored("mask", 1, true), p.stored("image", 1, true)}, "image", 1},
		"before one":          {[]tensor.Tensor{p.stored("image", 3, true), mask.stored("mask", 1, true)}, "image", 1},
		"two channels, last":  {[]tensor.Tensor{p.stored("image", 2, true)}, "", 0},
		"two channels, first": {[]tensor.Tensor{p.stored("image", 2, false)}, "", 0},
		"four channels, last": {[]tensor.Tensor{p.stored("image", 4, true)}, "", 0},
		"seven, first":        {[]tensor.Tensor{p.stored("image", 7, false)}, "", 0},
	} {
		s := New(Options{})
		s.Add(p.rowsOf(c.columns...))
		quiet := 0
		for _, found := range s.Patches() {
			switch {
			case found.Refused != "" || !found.Whole:
				t.Errorf("%s: column %q: refused %q", name, found.Column, found.Refused)
			case len(found.Patches) == 0:
				quiet++
			case found.Column != c.found || len(found.Patches) != 1 || found.Patches[0].Count != len(stamped):
				t.Errorf("%s: column %q: %v", name, found.Column, shortly(found))
			}
			if found.Column != "" && !strings.HasPrefix(found.Reach(), `patches were looked for in column "`+found.Column+`" on all samples`) {
				t.Errorf("%s: %s", name, found.Reach())
			}
		}
		if quiet != c.quiet || len(s.Patches()) != len(c.columns) {
			t.Errorf("%s: %d of %d columns without a patch", name, quiet, len(s.Patches()))
		}
	}
}

// All columns of images together have the memory of one, and where that is for too few of
// each, those with more channels have it.
func TestRoomOfColumns(t *testing.T) {
	p := drawn(1200, 8, 0, 1)
	rows := p.rowsOf(p.stored("mask", 1, true), p.stored("image", 3, true), p.stored("other", 3, false))
	for _, c := range []struct {
		pixels int64
		want   map[string]int
	}{
		{1100 * 7 * 64, map[string]int{"mask": 1100, "image": 1100, "other": 1100}},
		{1000 * 6 * 64, map[string]int{"image": 1000, "other": 1000}},
		{999 * 6 * 64, map[string]int{"image": 1200, "mask": 1200}},
		{300 * 3 * 64, map[string]int{"image": 300}},
	} {
		s := New(Options{Pixels: c.pixels})
		s.Add(rows)
		got := map[string]int{}
		for _, m := range s.images {
			got[m.column] = len(m.numbers)
		}
		if !maps.Equal(got, c.want) {
			t.Errorf("of %d bytes: %v, want %v", c.pixels, got, c.want)
		}
		for _, x := range s.Columns {
			if _, ok := got[x.Name]; ok != (x.Unsearched == "") {
				t.Errorf("of %d bytes: column %q, %q", c.pixels, x.Name, x.Unsearched)
			}
		}
	}
}

// What may be images and is not looked at is said, and nothing else is.
func TestUnsearched(t *testing.T) {
	p := drawn(120, 16, 0, 1)
	image := p.stored("image", 3, true)
	for name, c := range map[string]struct {
		column tensor.Tensor
		want   string
	}{
		"a clip":            {p.shaped("x", tensor.Uint8, 9, 3, 16, 16), "its samples are of the shape [9 3 16 16], which is no image's, and not compared as images"},
		"many channels":     {p.shaped("x", tensor.Float32, 13, 16, 16), "its samples are of the shape [13 16 16], which is no image's, and not compared as images"},
		"too small":         {p.shaped("x", tensor.Float32, 7, 7), "its samples are of the shape [7 7], which is no image's, and not compared as images"},
		"none":              {p.shaped("x", tensor.Float32, 0, 16, 16), "its samples are of the shape [0 16 16], which is no image's, and not compared as images"},
		"flat":              {p.shaped("x", tensor.Uint8, 256), "its samples are of the shape [256], which is no image's, and not compared as images"},
		"numbers":           {p.shaped("x", tensor.Float32, 256), ""},
		"a few bytes":       {p.shaped("x", tensor.Uint8, 63), ""},
		"one number":        {p.shaped("x", tensor.Float32), ""},
		"an image":          {p.shaped("x", tensor.Float32, 4, 16, 16), ""},
		"one that is a row": {p.shaped("x", tensor.Float32, 1, 16, 1), ""},
	} {
		s := New(Options{})
		s.Add(p.rowsOf(image, c.column))
		if got := s.column["x"].Unsearched; got != c.want || s.column["image"].Unsearched != "" {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
	s := New(Options{})
	s.Add(p.rowsOf(image))
	s.Add(p.rowsOf(image, p.stored("x", 1, true)))
	if got, want := s.column["x"].Unsearched, "the first samples do not have it"; got != want {
		t.Errorf("a column that comes later: %q, want %q", got, want)
	}
	s.Add(p.rowsOf(p.shaped("image", tensor.Uint8, 4, 4)))
	if found := s.Patches(); len(found) != 1 || found[0].Refused != "the images differ in size" {
		t.Errorf("images that are too small later: %+v", found)
	}
	s = New(Options{})
	s.Add(&dataset.Rows{N: 120, Columns: []tensor.Tensor{p.shaped("x", tensor.Uint8, 9, 3, 16, 16)}})
	if got := s.column["x"].Unsearched; got != "" {
		t.Errorf("without labels, where nothing is looked for: %q", got)
	}
}

// Images that are nearly the same are found behind a column of numbers, and in all kinds
// of images.
func TestNearOfColumns(t *testing.T) {
	p := drawn(40, 16, 12, 1)
	copy(p.image(5), p.image(4))
	p.image(5)[0]++
	p.Labels[4], p.Labels[5] = 1, 2
	id := p.shaped("id", tensor.Int64)
	for i := range p.Labels {
		binary.LittleEndian.PutUint64(id.Data[8*i:], uint64(i))
	}
	for _, c := range []struct {
		channels int
		last     bool
	}{{1, true}, {3, true}, {4, true}, {4, false}} {
		s := New(Options{})
		s.Add(p.rowsOf(id, p.stored("image", c.channels, c.last)))
		s.Settle()
		if near := s.Near(); len(near) != 1 || !slices.Equal(near[0].Samples, []int64{4, 5}) {
			t.Errorf("%d channels: %+v", c.channels, near)
		}
		if x := s.Samples[7]; x.Mean != 7 {
			t.Errorf("%d channels: the measure of sample 7 is %g", c.channels, x.Mean)
		}
	}
}

package survey

import (
	"fmt"
	"math"
	"slices"

	"github.com/andiron-dev/andiron/internal/dataset"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// images are those of a column that are kept for the search for patches, all of one size.
type images struct {
	column                  string
	height, width, channels int
	pixels                  []byte // channels last
	labels                  []int32
	numbers                 []int64
	count                   int64 // how many there were
	mixed                   bool
	by                      reservoir
}

// mostImages are kept, however small they are.
const mostImages = 1 << 17

func (m *images) each() int { return m.height * m.width * m.channels }

// keepImages keeps images of rows that have labels, in 8 bits for each channel: all that
// there is room for, or so many of all that there are, by chance.
func (s *Survey) keepImages(l *Look, labels []int32) {
	if l.label == nil {
		return
	}
	if len(s.images) == 0 {
		s.makeRoom(l)
	}
	for i := range l.columns {
		p := &l.columns[i]
		c := s.column[p.tensor.Name]
		switch {
		case c == nil || p.tensor.DType == tensor.Bytes:
		case c.images != nil:
			s.keepColumn(c.images, p, l.rows, labels)
		case c.Unsearched == "":
			c.Unsearched = unsearched(p.tensor)
		}
	}
}

// leastRoom is how many images of each of several columns are kept; where fewer fit, some
// columns are left out.
const leastRoom = 1000

// makeRoom shares the memory between the columns of images that the first rows with some
// have, so that as many are kept of each. Those with more channels come first: a mask has
// one.
func (s *Survey) makeRoom(l *Look) {
	var list []*images
	for i := range l.columns {
		t := l.columns[i].tensor
		height, width, channels, _, ok := pixels(t.Shape)
		if ok && s.column[t.Name] != nil && t.DType != tensor.Bytes {
			list = append(list, &images{column: t.Name, height: height, width: width, channels: channels})
		}
	}
	if len(list) == 0 {
		return
	}
	each := int64(0)
	for _, m := range slices.SortedStableFunc(slices.Values(list), func(a, b *images) int { return b.channels - a.channels }) {
		if n := each + int64(m.each()); each == 0 || s.opt.Pixels/n >= leastRoom {
			each = n
		} else {
			s.column[m.column].Unsearched = "there is no memory left for its images beside those of the other columns"
		}
	}
	for _, m := range list {
		if c := s.column[m.column]; c.Unsearched == "" {
			m.by = s.room(each)
			c.images, s.images = m, append(s.images, m)
		}
	}
	s.small = &images{height: smallSide, width: smallSide, channels: 3, by: s.room(3 * smallSide * smallSide)}
}

// room is for as many images of so many bytes as there are bytes for.
func (s *Survey) room(each int64) reservoir {
	return newReservoir(int(min(mostImages, s.opt.Pixels/each)))
}

func (s *Survey) keepColumn(m *images, p *part, rows *dataset.Rows, labels []int32) {
	height, width, channels, last, ok := pixels(p.tensor.Shape)
	same := ok && m.height == height && m.width == width && m.channels == channels
	m.mixed = m.mixed || !same
	if same {
		m.sample(rows.N, func(at, r int) { m.put(at, p.tensor.DType, p.cells.row(r), last, labels[r], rows.Number(r)) })
	}
	if ok && m == s.images[0] && (!same || max(height, width) > smallSide) { // of large ones few are kept
		s.small.sample(rows.N, func(at, r int) {
			b := smaller(p.tensor.DType, p.cells.row(r), height, width, channels, last)
			s.small.put(at, tensor.Uint8, b, true, labels[r], rows.Number(r))
		})
	}
}

// unsearched is why no images are kept of a column that may have some: of several
// dimensions, or of so many bytes in one as an image has.
func unsearched(t *tensor.Tensor) string {
	if _, _, _, _, ok := pixels(t.Shape); ok {
		return "the first samples do not have it"
	}
	dims, values := 0, int64(1)
	for _, d := range t.Shape[1:] {
		if values = min(values, leastSide*leastSide) * d; d != 1 {
			dims++
		}
	}
	if dims > 1 || t.DType == tensor.Uint8 && values >= leastSide*leastSide {
		return fmt.Sprintf("its samples are of the shape %v, which is no image's, and not compared as images", t.Shape[1:])
	}
	return ""
}

// sample says which of the next n are kept, and where.
func (m *images) sample(n int, put func(at, row int)) {
	first := m.count
	m.count += int64(n)
	for m.by.size > 0 && m.by.next < m.count {
		row := int(m.by.next - first)
		put(m.by.take(), row)
	}
}

// smallSide is that of pictures of images that are larger, or differ in size from the
// first, by which a page can show them.
const smallSide = 32

// smaller is an image as one that is only looked at: of every few pixels one, beside white.
func smaller(d tensor.DType, data []byte, height, width, channels int, last bool) []byte {
	out := make([]byte, 0, smallSide*smallSide*3)
	side := max(height, width)
	for i := range smallSide * smallSide {
		y, x := i/smallSide*side/smallSide, i%smallSide*side/smallSide
		if y >= height || x >= width {
			out = append(out, 255, 255, 255)
			continue
		}
		for _, c := range rgb(channels) {
			at := c*height*width + y*width + x
			if last {
				at = (y*width+x)*channels + c
			}
			out = append(out, level(d, data, at))
		}
	}
	return out
}

// rgb are the channels that a picture has for red, green and blue.
func rgb(channels int) [3]int { return [3]int{0, min(1, channels-1), min(2, channels-1)} }

// put keeps an image in a place that is free or another's.
func (m *images) put(at int, d tensor.DType, data []byte, last bool, label int32, number int64) {
	n := m.each()
	if at == len(m.labels) {
		m.pixels = slices.Grow(m.pixels, n)[:(at+1)*n]
		m.labels, m.numbers = append(m.labels, label), append(m.numbers, number)
	}
	m.labels[at], m.numbers[at] = label, number
	pixels := m.pixels[at*n : (at+1)*n]
	if d == tensor.Uint8 && (last || m.channels == 1) {
		copy(pixels, data)
		return
	}
	plane := m.height * m.width
	for i := range n {
		to := i
		if !last {
			to = i%plane*m.channels + i/plane
		}
		pixels[to] = level(d, data, i)
	}
}

// level is a value in 8 bits. Those of floating types are taken as from 0 to 1, and what
// is beyond is cut off: only what is equal matters.
func level(d tensor.DType, data []byte, i int) uint8 {
	v := tensor.Value(d, tensor.Key(d, data, i))
	if d.Floating() {
		v *= 255
	}
	return uint8(math.RoundToEven(min(255, max(0, v))))
}

// Patch is a piece of an image that tells the label: who learns from the set can learn
// to look for it instead of at the rest.
type Patch struct {
	Label   string
	Size    int  // of its sides, in pixels
	Moving  bool // it is at different places
	Y, X    int  // of its upper left corner, where it does not move
	Count   int  // samples that have it
	Of      int  // of those, the ones with the label
	Samples []int64
	label   int32
	score   float64 // -log of the probability of chance
	members []int32
}

// Least is how many samples a patch needs to be on to be found, whatever its label, if
// all of them have that: one that is at one place, and one that is not.
type Least struct{ Standing, Moving int }

// PatchSearch is the outcome of a search for patches.
type PatchSearch struct {
	Column  string // where there are several with images
	Patches []Patch
	Looked  int  // samples
	Whole   bool // whether they are all of the set
	Least   Least
	Crowded []string // labels whose pictures have so much in common that no patch stands out
	Cut     bool     // more contents told a label than are kept; those that tell most were
	Refused string   // why nothing can be said
}

// In names the column that was searched, where there are several.
func (p PatchSearch) In() string {
	if p.Column == "" {
		return ""
	}
	return fmt.Sprintf(" in column %.80q", p.Column)
}

// Reach says what the search would have found. It is empty where nothing was looked for.
func (p PatchSearch) Reach() string {
	if p.Refused != "" {
		return ""
	}
	of := "a part of the samples"
	if p.Whole {
		of = "all samples"
	}
	share := func(n int) string { return fmt.Sprintf("%d (%.2g %%)", n, 100*float64(n)/float64(p.Looked)) }
	return fmt.Sprintf("patches were looked for%s on %s, %d: one that is always at the same place is seen if it is on %s of them or more, and one that moves if it is on %s, where all pictures that have it have one label",
		p.In(), of, p.Looked, share(p.Least.Standing), share(p.Least.Moving))
}

// Unseen is what no search for patches finds, however often it is there.
var Unseen = []string{
	"a patch that other pictures have as well, if of all that have it more than 5 % have another label",
	"patterns that differ from sample to sample, or are blended into the whole picture",
	"what was compressed, resized or augmented after it was stamped",
	"triggers that are things in the picture",
	"more than three stamps for one label, or stamps for more than two labels: they hide each other",
	"labels that were turned without a mark",
}

const (
	seenCount        = 3
	seenShare        = 4000 // a content is looked at if one in so many samples has it
	leastCount       = 6
	leastShare       = 1000 // a patch is on one in so many samples at least
	leastPurity      = 0.95
	leastScore       = 13.8 // -ln 1e-6
	standing         = 2    // times what the third label has, and the fourth content of a label
	standingAnywhere = 3    // times that, where contents are anywhere
	rounding         = 1e-9 // of a score
	mostStamps       = 3    // patches of one label that are no reason to call more of them usual
	mostLeast        = 0.05 // a search that would miss a patch on more is none
)

// Patches looks for contents of one to nine pixels that are found at one place, or of
// nine pixels anywhere, in at least a thousandth of the samples, 95 % of which have one
// label. It has to be less likely by chance than the number of contents that were looked
// at and shuffled labels explain, and to stand out: pictures of a kind have parts in
// common, so a patch counts only if it is twice as unlikely, in its logarithm, as the
// best one of the label that is third in that. Each column of images is searched.
func (s *Survey) Patches() []PatchSearch {
	for _, m := range s.images[len(s.once.patches):] {
		found := s.search(m)
		if len(s.images) > 1 {
			found.Column = m.column
		}
		s.once.patches = append(s.once.patches, found)
	}
	return s.once.patches
}

func (s *Survey) search(m *images) PatchSearch {
	switch {
	case m.mixed:
		return PatchSearch{Refused: "the images differ in size"}
	case len(s.Labels) < 2:
		return PatchSearch{Refused: "there is one label"}
	case len(m.labels) < 100:
		return PatchSearch{Refused: "there are fewer than 100 images"}
	}
	p := newPatches(m, len(s.Labels), s.run)
	out := PatchSearch{Looked: p.n, Whole: int64(p.n) == m.count}
	p.places()
	p.anywhere()
	out.Cut = p.cut
	var all []Patch
	least := 0
	for _, moving := range []bool{false, true} {
		found, bar, bars := p.standOut(moving)
		needed := p.needs(bar, slices.Max(p.share))
		least = max(least, needed)
		all = append(all, found...)
		for l, own := range bars {
			needs := p.needs(own, p.share[l])
			needed = max(needed, needs)
			if own > bar && float64(needs) > mostLeast*float64(p.n) && !slices.Contains(out.Crowded, s.Labels[l]) {
				out.Crowded = append(out.Crowded, s.Labels[l])
			}
		}
		if out.Least.Moving = needed; !moving {
			out.Least.Standing = needed
		}
	}
	out.Patches = p.merge(all, s.Labels)
	if float64(least) > mostLeast*float64(p.n) {
		out.Patches, out.Crowded = nil, nil
		out.Refused = "so many parts of the pictures go with a label that none stands out: there are too few, or they are too small or too coarse"
	}
	return out
}

package survey

import (
	"math"
	"math/rand/v2"
	"slices"

	"github.com/andiron-dev/andiron/internal/dataset"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// images are those that are kept for the search for patches, all of one size.
type images struct {
	height, width, channels int
	pixels                  []byte // channels last
	labels                  []int32
	numbers                 []int64
	full, mixed             bool
}

func (m *images) each() int { return m.height * m.width * m.channels }

// keepImages keeps the images of rows that have labels, in 8 bits for each channel.
func (s *Survey) keepImages(rows *dataset.Rows, label *tensor.Tensor, labels []int32) {
	if label == nil {
		return
	}
	for i := range rows.Columns {
		t := &rows.Columns[i]
		height, width, channels, last, ok := pixels(t.Shape)
		if !ok || t == label || t.DType == tensor.Bytes {
			continue
		}
		if s.images == nil {
			s.images = &images{height: height, width: width, channels: channels}
		}
		m := s.images
		if m.height != height || m.width != width || m.channels != channels {
			m.mixed = true
			return
		}
		each := len(t.Data) / rows.N
		for r := range rows.N {
			if int64(len(m.pixels)+m.each()) > s.opt.Pixels {
				m.full = true
				return
			}
			m.append(t, t.Data[r*each:(r+1)*each], last)
			m.labels = append(m.labels, labels[r])
			m.numbers = append(m.numbers, rows.Number(r))
		}
		return
	}
}

// append adds an image. Values other than bytes are taken as from 0 to 1, and what is
// beyond is cut off: only what is equal matters.
func (m *images) append(t *tensor.Tensor, data []byte, last bool) {
	n := m.each()
	at := len(m.pixels)
	if t.DType == tensor.Uint8 && (last || m.channels == 1) {
		m.pixels = append(m.pixels, data...)
		return
	}
	m.pixels = slices.Grow(m.pixels, n)[:at+n]
	plane := m.height * m.width
	for i := range n {
		v := tensor.Value(t.DType, tensor.Key(t.DType, data, i))
		if t.DType.Floating() {
			v *= 255
		}
		to := i
		if !last {
			to = i%plane*m.channels + i/plane
		}
		m.pixels[at+to] = uint8(math.RoundToEven(min(255, max(0, v))))
	}
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

// PatchSearch is the outcome of a search for patches.
type PatchSearch struct {
	Patches []Patch
	Looked  int    // samples
	Whole   bool   // whether they are all of the set
	Least   int    // so many samples a patch needs to be on to be found
	Refused string // why nothing can be said
}

const (
	leastCount  = 6
	leastShare  = 1000 // a patch is on one in so many samples at least
	leastPurity = 0.95
	leastScore  = 13.8 // -ln 1e-6
	standing    = 2    // times what the third label has
	mostLeast   = 0.05 // a search that would miss a patch on more is none
)

// Patches looks for contents of one to nine pixels that are found at one place, or of
// nine pixels anywhere, in at least a thousandth of the samples, 95 % of which have one
// label. It has to be less likely by chance than the number of contents that were looked
// at and shuffled labels explain, and to stand out: pictures of a kind have parts in
// common, so a patch counts only if it is twice as unlikely, in its logarithm, as the
// best one of the label that is third in that.
func (s *Survey) Patches() PatchSearch {
	if s.searched == nil {
		found := s.search()
		s.searched = &found
	}
	return *s.searched
}

func (s *Survey) search() PatchSearch {
	m := s.images
	switch {
	case m == nil:
		return PatchSearch{Refused: "there are no images with labels, of at least 8 by 8 pixels"}
	case m.mixed:
		return PatchSearch{Refused: "the images differ in size"}
	case len(s.Labels) < 2:
		return PatchSearch{Refused: "there is one label"}
	}
	p := newPatches(m, len(s.Labels))
	if p.n < 100 {
		return PatchSearch{Refused: "there are fewer than 100 images"}
	}
	out := PatchSearch{Looked: p.n, Whole: !m.full}
	for size := 1; size <= 3; size++ {
		for y := 0; y+size <= m.height; y++ {
			for x := 0; x+size <= m.width; x++ {
				p.at(size, y, x)
			}
		}
	}
	p.anywhere()
	var all []Patch
	for _, moving := range []bool{false, true} {
		found, bar := p.standOut(moving)
		out.Least = max(out.Least, p.needs(bar))
		all = append(all, found...)
	}
	out.Patches = p.merge(all, s.Labels)
	if float64(out.Least) > mostLeast*float64(p.n) {
		out.Patches = nil
		out.Refused = "so many parts of the pictures go with a label that none stands out: there are too few, or they are too small or too coarse"
	}
	return out
}

// patches is one search.
type patches struct {
	m        *images
	n        int
	least    int
	share    []float64 // of each label
	shuffled []int32   // the labels in an order of chance
	keys     []uint64  // of the contents at one place, of each sample
	slots    []uint32  // open addressing: which sample was first with a content
	counts   []uint32
	epoch    []uint32
	now      uint32
	found    []Patch
	judged   int     // contents that were looked at
	chance   float64 // the best score that shuffled labels had
	tally    []int32
}

func newPatches(m *images, labels int) *patches {
	p := &patches{m: m, n: len(m.labels), share: make([]float64, labels), chance: leastScore, tally: make([]int32, labels)}
	p.least = max(leastCount, p.n/leastShare)
	for _, l := range m.labels {
		if l >= 0 {
			p.share[l] += 1 / float64(p.n)
		}
	}
	p.shuffled = slices.Clone(m.labels)
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // nothing is kept secret by it
	random.Shuffle(p.n, func(i, j int) { p.shuffled[i], p.shuffled[j] = p.shuffled[j], p.shuffled[i] })
	size := 1
	for size < 2*p.n {
		size *= 2
	}
	p.keys = make([]uint64, p.n)
	p.slots, p.counts, p.epoch = make([]uint32, size), make([]uint32, size), make([]uint32, size)
	return p
}

// content is a number for what an image has in a square.
func (p *patches) content(image, size, y, x int) uint64 {
	m := p.m
	key := uint64(size)
	row := size * m.channels
	at := image*m.each() + (y*m.width+x)*m.channels
	for range size {
		for _, v := range m.pixels[at : at+row] {
			key = (key ^ uint64(v)) * 0x9e3779b97f4a7c15
			key ^= key >> 29
		}
		at += m.width * m.channels
	}
	return key
}

// at counts the contents at one place and looks at those that are there often.
func (p *patches) at(size, y, x int) {
	p.now++
	mask := uint64(len(p.slots) - 1)
	often := false
	for i := range p.n {
		key := p.content(i, size, y, x)
		p.keys[i] = key
		for slot := key & mask; ; slot = (slot + 1) & mask {
			if p.epoch[slot] != p.now {
				p.epoch[slot], p.slots[slot], p.counts[slot] = p.now, uint32(i), 1
				break
			}
			if p.keys[p.slots[slot]] == key {
				p.counts[slot]++
				often = often || int(p.counts[slot]) == p.least
				break
			}
		}
	}
	if !often {
		return
	}
	members := map[uint64][]int32{}
	for i := range p.n {
		key := p.keys[i]
		slot := key & mask
		for p.keys[p.slots[slot]] != key {
			slot = (slot + 1) & mask
		}
		// What most samples have tells no label from the others.
		if c := int(p.counts[slot]); c >= p.least && c <= p.n/2 {
			members[key] = append(members[key], int32(i))
		}
	}
	for _, list := range members {
		p.judge(list, Patch{Size: size, Y: y, X: x})
	}
}

// judge keeps a content whose samples have one label more often than chance has it.
func (p *patches) judge(list []int32, at Patch) {
	p.judged++
	_, _, null := p.pure(list, p.shuffled)
	p.chance = max(p.chance, null)
	label, of, score := p.pure(list, p.m.labels)
	if score < leastScore || !p.diverse(list) {
		return
	}
	at.Count, at.Of, at.label, at.score, at.members = len(list), of, label, score, list
	p.found = append(p.found, at)
}

// pure is the label that most samples have, how many, and the Chernoff bound of that.
func (p *patches) pure(list []int32, labels []int32) (label int32, of int, score float64) {
	clear(p.tally)
	for _, i := range list {
		if l := labels[i]; l >= 0 {
			if p.tally[l]++; int(p.tally[l]) > of {
				label, of = l, int(p.tally[l])
			}
		}
	}
	share, base := float64(of)/float64(len(list)), p.share[label]
	if share < leastPurity || base >= share {
		return label, of, 0
	}
	kl := share * math.Log(share/base)
	if share < 1 {
		kl += (1 - share) * math.Log((1-share)/(1-base))
	}
	return label, of, kl * float64(len(list))
}

// diverse reports whether the samples are unlike each other but for the patch: copies
// of one picture share all of it.
func (p *patches) diverse(list []int32) bool {
	seen := map[uint64]bool{}
	for _, i := range list {
		at := int(i) * p.m.each()
		var key uint64
		// Every seventh pixel is enough to tell pictures from each other.
		for j := at; j < at+p.m.each(); j += 7 {
			key = (key ^ uint64(p.m.pixels[j]>>4)) * 0x9e3779b97f4a7c15
			key ^= key >> 31
		}
		seen[key] = true
	}
	return 2*len(seen) > len(list)
}

// anywhere counts in how many samples contents of nine pixels are, wherever they are.
func (p *patches) anywhere() {
	const bits = 24
	rough := make([]uint16, 1<<bits)
	p.squares(func(_ int32, key uint64) {
		if c := &rough[key>>(64-bits)]; *c < math.MaxUint16 {
			*c++
		}
	})
	members := map[uint64][]int32{}
	p.squares(func(i int32, key uint64) {
		if c := int(rough[key>>(64-bits)]); c >= p.least {
			if list := members[key]; len(list) <= p.n/2 {
				members[key] = append(list, i)
			}
		}
	})
	for _, list := range members {
		if len(list) >= p.least && len(list) <= p.n/2 {
			p.judge(list, Patch{Size: 3, Moving: true})
		}
	}
}

// squares calls f once for each content of nine pixels that a sample has and that is
// not all of one value.
func (p *patches) squares(f func(image int32, key uint64)) {
	m := p.m
	seen := make([]uint64, 4096)
	for i := range p.n {
		clear(seen)
		for y := 0; y+3 <= m.height; y++ {
			for x := 0; x+3 <= m.width; x++ {
				if p.flat(i, y, x) {
					continue
				}
				key := p.content(i, 3, y, x) * 0xd6e8feb86659fd93
				// A second time in the same sample is left out, if it is remembered.
				if slot := &seen[key&4095]; *slot != key {
					*slot = key
					f(int32(i), key)
				}
			}
		}
	}
}

func (p *patches) flat(image, y, x int) bool {
	m := p.m
	at := image*m.each() + (y*m.width+x)*m.channels
	first := m.pixels[at]
	for range 3 {
		for _, v := range m.pixels[at : at+3*m.channels] {
			if v != first {
				return false
			}
		}
		at += m.width * m.channels
	}
	return true
}

// standOut are the patches that chance and what is usual do not explain, and the score
// that they had to exceed.
func (p *patches) standOut(moving bool) ([]Patch, float64) {
	best := make([]float64, len(p.share))
	for _, x := range p.found {
		if x.Moving == moving {
			best[x.label] = max(best[x.label], x.score)
		}
	}
	slices.Sort(best)
	slices.Reverse(best)
	// Whoever stamps pictures wants them to be of one label, perhaps of two. What the
	// third best label has is of the pictures themselves. And among all contents that
	// were looked at chance may give one alarm in ten thousand such sets.
	bar := max(p.chance, math.Log(float64(max(1, p.judged))*1e4), standing*best[min(2, len(best)-1)])
	var found []Patch
	for _, x := range p.found {
		if x.Moving == moving && x.score > bar {
			found = append(found, x)
		}
	}
	return found, bar
}

// needs is how many samples a patch has to be on for a score, whatever its label.
func (p *patches) needs(score float64) int {
	return max(p.least, int(math.Ceil(score/math.Log(1/slices.Max(p.share)))))
}

// merge puts together the patches that are parts of one: those of a label that are on
// the same samples.
func (p *patches) merge(found []Patch, names []string) (list []Patch) {
	slices.SortFunc(found, func(a, b Patch) int {
		switch {
		case a.Moving != b.Moving:
			if a.Moving {
				return 1
			}
			return -1
		case a.Size != b.Size:
			return b.Size - a.Size
		case a.Count != b.Count:
			return b.Count - a.Count
		case a.Y != b.Y:
			return a.Y - b.Y
		case a.X != b.X:
			return a.X - b.X
		}
		return slices.Compare(a.members, b.members)
	})
	taken := make([]map[int32]bool, 0)
	for _, x := range found {
		known := false
		for i, y := range list {
			if y.label != x.label {
				continue
			}
			in := 0
			for _, m := range x.members {
				if taken[i][m] {
					in++
				}
			}
			if 2*in > len(x.members) {
				known = true
				break
			}
		}
		if known {
			continue
		}
		set := map[int32]bool{}
		for _, m := range x.members {
			set[m] = true
		}
		taken = append(taken, set)
		list = append(list, x)
	}
	for i := range list {
		x := &list[i]
		x.Label = names[x.label]
		for _, m := range x.members {
			x.Samples = append(x.Samples, p.m.numbers[m])
		}
	}
	return list
}

// HasImages reports whether there are images with labels.
func (s *Survey) HasImages() bool { return s.images != nil }

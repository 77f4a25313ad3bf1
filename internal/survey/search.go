package survey

import (
	"cmp"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
)

// patches is one search.
type patches struct {
	m       *images
	n       int
	run     Runner
	seen    int       // samples that a content has to be on to be looked at
	least   int       // and to be reported
	share   []float64 // of each label
	orders  [][]int32 // the labels in orders of chance
	planes  []byte    // the pixels: first channels of all images, one place after the other
	scratch sync.Pool // of *scratch

	judgement
}

// judgement is what was found of the contents that were looked at.
type judgement struct {
	found  []Patch // those that tell most, as far as members are kept
	held   int     // their members
	cut    bool    // there were more
	judged int
	chance []float64          // the best score under each order of chance
	usual  map[kindOf][]Patch // the best contents, there often or not
	floor  map[kindOf]float64 // the score that one more has to have, of kinds with enough of them
}

// kindOf is a label, and whether contents move.
type kindOf struct {
	label  int32
	moving bool
}

func newJudgement() judgement {
	return judgement{chance: make([]float64, permutations), usual: map[kindOf][]Patch{}, floor: map[kindOf]float64{}}
}

func (j *judgement) plus(k judgement) {
	for _, x := range k.found {
		j.keep(x)
	}
	j.cut = j.cut || k.cut
	j.judged += k.judged
	for i, score := range k.chance {
		j.chance[i] = max(j.chance[i], score)
	}
	for kind, list := range k.usual {
		j.usual[kind] = append(j.usual[kind], list...)
		j.trim(kind)
	}
}

// mostMembers is how many samples of found contents are kept, of all of them together.
const mostMembers = 4 << 20

// keep adds a content that was found. Which ones are kept does not depend on the order.
func (j *judgement) keep(x Patch) {
	j.found = append(j.found, x)
	if j.held += len(x.members); j.held <= 2*mostMembers {
		return
	}
	slices.SortFunc(j.found, func(a, b Patch) int { return better(&a, &b) })
	n, held := 0, 0
	for n < len(j.found) && held+len(j.found[n].members) <= mostMembers {
		held += len(j.found[n].members)
		n++
	}
	j.found, j.held, j.cut = slices.Delete(j.found, n, len(j.found)), held, true
}

// mostUsual are kept of a kind.
const mostUsual = 64

// trim keeps the best contents of a kind.
func (j *judgement) trim(kind kindOf) {
	list := j.usual[kind]
	slices.SortFunc(list, func(a, b Patch) int { return better(&a, &b) })
	if len(list) >= mostUsual {
		list = slices.Delete(list, mostUsual, len(list))
		j.floor[kind] = list[mostUsual-1].score
	}
	j.usual[kind] = list
}

// permutations is how often the labels are put into an order of chance. A score that is
// above the best of each is one that chance has once in so many sets and one more.
const permutations = 99

func newPatches(m *images, labels int, run Runner) *patches {
	p := &patches{m: m, n: len(m.labels), run: run, share: make([]float64, labels), judgement: newJudgement()}
	p.seen, p.least = max(seenCount, p.n/seenShare), max(leastCount, p.n/leastShare)
	for _, l := range m.labels {
		if l >= 0 {
			p.share[l] += 1 / float64(p.n)
		}
	}
	p.orders = make([][]int32, permutations)
	run(permutations, func(i int) {
		random := rand.New(rand.NewPCG(3, uint64(4+i))) //nolint:gosec // nothing is kept secret by it
		order := slices.Clone(m.labels)
		random.Shuffle(p.n, func(i, j int) { order[i], order[j] = order[j], order[i] })
		p.orders[i] = order
	})
	p.scratch.New = func() any { return p.newScratch() }
	return p
}

// scratch is what one goroutine needs to look at contents.
type scratch struct {
	judgement

	p       *patches
	tally   []int32  // of labels; zero between uses
	keys    []uint64 // of the contents at one place, of each image
	rough   []uint32 // how many keys begin with these bits
	slots   []slot   // open addressing
	used    []uint32 // the slots of this place
	images  []int32  // those whose contents may be there often
	slotOf  []uint32 // of those
	members []int32
}

type slot struct {
	key          uint64
	count, place uint32 // place tells the slots of one place from those before
	start        int32  // of the members; -1 for what is not judged
}

const roughBits = 14

func (p *patches) newScratch() *scratch {
	size := 1
	for size < 2*p.n {
		size *= 2
	}
	return &scratch{
		p: p, tally: make([]int32, len(p.share)), keys: make([]uint64, p.n), rough: make([]uint32, 1<<roughBits), slots: make([]slot, size),
	}
}

// parts does work in n parts, perhaps side by side, and adds up what they found.
func (p *patches) parts(n int, do func(s *scratch, part int)) {
	var mu sync.Mutex
	p.run(n, func(i int) {
		s, _ := p.scratch.Get().(*scratch)
		s.judgement = newJudgement()
		do(s, i)
		mu.Lock()
		defer mu.Unlock()
		p.plus(s.judgement)
		p.scratch.Put(s)
	})
}

// places looks at the contents of squares of one to three pixels at each place.
func (p *patches) places() {
	m := p.m
	p.planes = make([]byte, len(m.pixels))
	line := m.width * m.channels
	p.run(m.height, func(y int) {
		for from := 0; from < p.n; from += 64 {
			for at := y * line; at < (y+1)*line; at++ {
				plane := p.planes[at*p.n : (at+1)*p.n]
				for i := from; i < min(p.n, from+64); i++ {
					plane[i] = m.pixels[i*m.each()+at]
				}
			}
		}
	})
	place := uint32(0)
	var rows []Patch // the first squares of rows of them
	var first []uint32
	for size := 1; size <= 3; size++ {
		for y := 0; y+size <= m.height; y++ {
			rows, first = append(rows, Patch{Size: size, Y: y}), append(first, place)
			place += uint32(m.width)
		}
	}
	p.parts(len(rows), func(s *scratch, i int) {
		at := rows[i]
		for ; at.X+at.Size <= m.width; at.X++ {
			s.at(at, first[i]+uint32(at.X)+1)
		}
	})
	p.planes = nil
}

// The multipliers of hashes: odd, with bits all over.
const (
	hashA = 0x9e3779b97f4a7c15
	hashB = 0xd6e8feb86659fd93
)

// contents makes the keys of what the images have in a square, of three bytes at a time.
func (s *scratch) contents(at Patch) {
	p, m := s.p, s.p.m
	clear(s.keys)
	for dy := range at.Size {
		from := ((at.Y+dy)*m.width + at.X) * m.channels
		for to := from + at.Size*m.channels; from < to; from += 3 {
			plane := func(i int) []byte { return p.planes[i*p.n : (i+1)*p.n] }
			switch to - from {
			case 1:
				a := plane(from)
				for i, k := range s.keys {
					s.keys[i] = mixed(k, uint64(a[i]))
				}
			case 2:
				a, b := plane(from), plane(from+1)
				for i, k := range s.keys {
					s.keys[i] = mixed(k, uint64(a[i])|uint64(b[i])<<8)
				}
			default:
				a, b, c := plane(from), plane(from+1), plane(from+2)
				for i, k := range s.keys {
					s.keys[i] = mixed(k, uint64(a[i])|uint64(b[i])<<8|uint64(c[i])<<16)
				}
			}
		}
	}
}

func mixed(key, value uint64) uint64 {
	key = (key ^ (value + 1)) * hashA
	return key ^ key>>32
}

// at counts the contents at one place and judges those that are there often.
func (s *scratch) at(at Patch, place uint32) {
	s.contents(at)
	// What is rare by its first bits is rare, and that is nearly everything on noisy
	// pictures: it need not be told apart.
	clear(s.rough)
	for _, k := range s.keys {
		s.rough[k*hashB>>(64-roughBits)]++
	}
	s.images, s.slotOf, s.used = s.images[:0], s.slotOf[:0], s.used[:0]
	for i, k := range s.keys {
		if int(s.rough[k*hashB>>(64-roughBits)]) >= s.p.seen {
			s.images = append(s.images, int32(i))
			s.slotOf = append(s.slotOf, s.slot(k, place))
		}
	}
	next := int32(0)
	for _, u := range s.used {
		// What most samples have tells no label from the others.
		x := &s.slots[u]
		x.start = -1
		if c := int(x.count); c >= s.p.seen && c <= s.p.n/2 {
			x.start, x.count = next, 0
			next += int32(c)
		}
	}
	s.members = slices.Grow(s.members[:0], int(next))[:next]
	for i, u := range s.slotOf {
		if x := &s.slots[u]; x.start >= 0 {
			s.members[x.start+int32(x.count)] = s.images[i]
			x.count++
		}
	}
	for _, u := range s.used {
		if x := &s.slots[u]; x.start >= 0 {
			s.judge(s.members[x.start:x.start+int32(x.count)], at)
		}
	}
}

// slot counts a content.
func (s *scratch) slot(key uint64, place uint32) uint32 {
	mask := uint64(len(s.slots) - 1)
	for at := key & mask; ; at = (at + 1) & mask {
		x := &s.slots[at]
		if x.place != place {
			*x = slot{key: key, count: 1, place: place}
			s.used = append(s.used, uint32(at))
			return uint32(at)
		}
		if x.key == key {
			x.count++
			return uint32(at)
		}
	}
}

// judge keeps a content whose samples have one label more often than chance has it. One
// that is not there often enough to be reported shows what the pictures themselves have.
func (s *scratch) judge(list []int32, at Patch) {
	often := len(list) >= s.p.least
	if often {
		s.judged++
		for i, order := range s.p.orders {
			if _, _, score := s.pure(list, order); score > s.chance[i] {
				s.chance[i] = score
			}
		}
	}
	label, of, score := s.pure(list, s.p.m.labels)
	kind := kindOf{label, at.Moving}
	keep := often && score >= leastScore
	if score == 0 || !keep && score < s.floor[kind] || !s.p.diverse(list) {
		return
	}
	at.Count, at.Of, at.label, at.score, at.members = len(list), of, label, score, slices.Clone(list)
	if keep {
		s.judgement.keep(at)
	}
	s.usual[kind] = append(s.usual[kind], at)
	if len(s.usual[kind]) > 2*mostUsual {
		s.trim(kind)
	}
}

// pure is the label that most samples have, how many, and the Chernoff bound of that. It
// ends once too many have others, and then the score is 0.
func (s *scratch) pure(list, labels []int32) (label int32, of int, score float64) {
	others := len(list)/20 + 1 // that do not matter yet: 1 - leastPurity, and what is rounded
	seen := 0
	for _, i := range list {
		seen++
		if l := labels[i]; l >= 0 {
			if s.tally[l]++; int(s.tally[l]) > of {
				label, of = l, int(s.tally[l])
			}
		}
		if seen-of > others {
			break
		}
	}
	for _, i := range list[:seen] {
		if l := labels[i]; l >= 0 {
			s.tally[l] = 0
		}
	}
	share, base := float64(of)/float64(len(list)), s.p.share[label]
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

const (
	mostBuckets = 23      // bits of a key that are counted by
	mostEntries = 4 << 20 // contents anywhere that are told apart at a time
)

// entry is a content that an image has somewhere.
type entry struct {
	key   uint64
	image int32
}

// span is where the entries with one bucket are.
type span struct{ from, to uint32 }

// anywhere judges contents of nine pixels by the samples that have them, wherever they
// are. It counts first by a part of their keys, and then tells apart those that may be
// there often, so many at a time that memory is bounded.
func (p *patches) anywhere() {
	shift := 64 - min(mostBuckets, bits.Len(uint(len(p.m.pixels))))
	counts := make([]uint32, 1<<(64-shift))
	p.squares(func(_ int32, key uint64) { atomic.AddUint32(&counts[key>>shift], 1) })
	var entries []entry
	for from := 0; from < len(counts); {
		var spans []span
		next, to := uint32(0), from
		for ; to < len(counts) && (next == 0 || int(next+counts[to]) <= mostEntries); to++ {
			c := counts[to]
			counts[to] = 0
			if int(c) >= p.seen {
				spans = append(spans, span{next, next + c})
				counts[to] = next + 1 // where the next one goes, from 1
				next += c
			}
		}
		entries = slices.Grow(entries[:0], int(next))[:next]
		low, high := uint64(from), uint64(to)
		p.squares(func(image int32, key uint64) {
			if b := key >> shift; b >= low && b < high && atomic.LoadUint32(&counts[b]) > 0 {
				entries[atomic.AddUint32(&counts[b], 1)-2] = entry{key, image}
			}
		})
		p.told(entries, spans)
		from = to
	}
}

// told judges the contents of spans of entries.
func (p *patches) told(entries []entry, spans []span) {
	const each = 256
	p.parts((len(spans)+each-1)/each, func(s *scratch, part int) {
		for _, at := range spans[part*each : min(len(spans), (part+1)*each)] {
			list := entries[at.from:at.to]
			slices.SortFunc(list, func(a, b entry) int {
				switch {
				case a.key < b.key:
					return -1
				case a.key > b.key:
					return 1
				}
				return int(a.image) - int(b.image)
			})
			list = slices.Compact(list)
			for len(list) > 0 {
				s.members = s.members[:0]
				n := 0
				for ; n < len(list) && list[n].key == list[0].key; n++ {
					s.members = append(s.members, list[n].image)
				}
				list = list[n:]
				if n >= p.seen && n <= p.n/2 {
					s.judge(s.members, Patch{Size: 3, Moving: true})
				}
			}
		}
	})
}

// squares calls f, from several goroutines, for the contents of nine pixels that a sample
// has and that are not all of one value: mostly once for each.
func (p *patches) squares(f func(image int32, key uint64)) {
	const each = 512
	p.run((p.n+each-1)/each, func(part int) {
		seen := make([]uint64, 1024)
		for i := part * each; i < min(p.n, (part+1)*each); i++ {
			clear(seen)
			p.squaresOf(i, func(key uint64) {
				// A second time in the same sample is left out, if it is remembered.
				if at := &seen[key&1023]; *at != key {
					*at = key
					f(int32(i), key)
				}
			})
		}
	})
}

// squaresOf calls f for the contents of nine pixels of one image.
func (p *patches) squaresOf(image int, f func(key uint64)) {
	m := p.m
	pixels := m.pixels[image*m.each() : (image+1)*m.each()]
	line := m.width * m.channels
	for y := 0; y+3 <= m.height; y++ {
		a, b, c := pixels[y*line:(y+1)*line], pixels[(y+1)*line:(y+2)*line], pixels[(y+2)*line:(y+3)*line]
		if m.channels > 1 {
			wide(a, b, c, 3*m.channels, m.channels, f)
			continue
		}
		// Three pixels of each line, in words that move along.
		k, l, n := uint64(a[0])<<8|uint64(a[1])<<16, uint64(b[0])<<8|uint64(b[1])<<16, uint64(c[0])<<8|uint64(c[1])<<16
		for x := 2; x < line; x++ {
			k, l, n = k>>8|uint64(a[x])<<16, l>>8|uint64(b[x])<<16, n>>8|uint64(c[x])<<16
			if k == l && l == n && k == (k&255)*0x010101 {
				continue
			}
			f(spread(mixed(mixed(mixed(0, k), l), n)))
		}
	}
}

// wide does that for pixels of several bytes.
func wide(a, b, c []byte, size, step int, f func(key uint64)) {
	for x := 0; x+size <= len(a); x += step {
		key, same := uint64(0), true
		for _, row := range [3][]byte{a[x : x+size], b[x : x+size], c[x : x+size]} {
			for i := 0; i < size; i += 3 {
				v := uint64(row[i]) | uint64(row[i+1])<<8 | uint64(row[i+2])<<16
				same = same && v == uint64(a[x])*0x010101
				key = mixed(key, v)
			}
		}
		if !same {
			f(spread(key))
		}
	}
}

// spread moves the bits of a key to its beginning, and makes it other than 0.
func spread(key uint64) uint64 { return key*hashB | 1 }

// standOut are the patches that chance and what is usual do not explain, the score that
// they had to exceed, and those that the patches of each label had to.
func (p *patches) standOut(moving bool) (found []Patch, bar float64, bars []float64) {
	best := make([]float64, len(p.share))
	of := make([][]*Patch, len(p.share)) // the patches of each label
	for i := range p.found {
		if x := &p.found[i]; x.Moving == moving {
			of[x.label] = append(of[x.label], x)
		}
	}
	for l := range best {
		if list := p.usual[kindOf{int32(l), moving}]; len(list) > 0 {
			best[l] = list[0].score
		}
	}
	slices.Sort(best)
	slices.Reverse(best)
	// Whoever stamps pictures wants them to be of one label, perhaps of two. What the
	// third best label has is of the pictures themselves. And among all contents that
	// were looked at chance may give one alarm in ten thousand such sets.
	luck := max(leastScore, slices.Max(p.chance), math.Log(float64(max(1, p.judged))*1e4))
	bar = max(luck, standing*best[min(2, len(best)-1)])
	bars = make([]float64, len(p.share))
	times := float64(standing)
	if moving { // there are more of them, of more kinds
		times = standingAnywhere
	}
	for l, list := range of {
		own := max(bar, times*fourth(p.usual[kindOf{int32(l), moving}]))
		bars[l] = own
		for _, x := range list {
			if x.score > luck && x.score >= own*(1-rounding) { // scores are often whole multiples of each other
				found = append(found, *x)
			}
		}
	}
	return found, bar, bars
}

// fourth is the score of the fourth best of the contents of a label, where those on the
// same samples are one; 0 if there are fewer. Nobody needs that many stamps, and pictures
// with parts in common have many that are about as common.
func fourth(list []Patch) float64 {
	var groups []map[int32]bool
	for i := range list {
		x := &list[i]
		if slices.ContainsFunc(groups, func(g map[int32]bool) bool { return mostlyIn(x.members, g) }) {
			continue
		}
		if len(groups) == mostStamps {
			return x.score
		}
		groups = append(groups, setOf(x.members))
	}
	return 0
}

// better orders patches by their scores, and those with the same by what they are.
func better(a, b *Patch) int {
	if c := cmp.Compare(b.score, a.score); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.Y, b.Y), cmp.Compare(a.X, b.X), slices.Compare(a.members, b.members))
}

func setOf(members []int32) map[int32]bool {
	set := make(map[int32]bool, len(members))
	for _, m := range members {
		set[m] = true
	}
	return set
}

func mostlyIn(members []int32, set map[int32]bool) bool {
	in := 0
	for _, m := range members {
		if set[m] {
			in++
		}
	}
	return 2*in > len(members)
}

// needs is how many samples with a label of that share a patch has to be on for a score.
func (p *patches) needs(score, share float64) int {
	return max(p.least, int(math.Ceil(score/math.Log(1/share))))
}

// merge puts together the patches that are parts of one: of those of a label that are on
// the same samples the one that tells most, and of several that tell as much the largest.
func (p *patches) merge(found []Patch, names []string) (list []Patch) {
	slices.SortFunc(found, func(a, b Patch) int {
		if a.Moving != b.Moving {
			if a.Moving {
				return 1
			}
			return -1
		}
		return better(&a, &b)
	})
	var taken []map[int32]bool
	for _, x := range found {
		known := false
		for i := range list {
			known = known || list[i].label == x.label && mostlyIn(x.members, taken[i])
		}
		if !known {
			taken = append(taken, setOf(x.members))
			list = append(list, x)
		}
	}
	for i := range list {
		x := &list[i]
		x.Label = names[x.label]
		for _, m := range x.members {
			x.Samples = append(x.Samples, p.m.numbers[m])
		}
		slices.Sort(x.Samples)
	}
	return list
}

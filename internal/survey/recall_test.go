package survey

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// trigger is a way to stamp a picture, at a place that a seed chooses, near the border
// where nothing is drawn.
type trigger struct {
	name  string
	stamp func(side int, seed uint64) func([]byte, *rand.Rand)
}

// corner is a place in one of the corners.
func corner(side, size int, seed uint64) (y, x int) {
	r := rand.New(rand.NewPCG(seed, 9))
	far := func() int { return r.IntN(2) * (side - size - r.IntN(2)) }
	return far(), far()
}

var triggers = []trigger{
	{"square", func(side int, seed uint64) func([]byte, *rand.Rand) {
		y, x := corner(side, 3, seed)
		return pattern(side, y, x, square)
	}},
	{"checker", func(side int, seed uint64) func([]byte, *rand.Rand) {
		y, x := corner(side, 3, seed)
		return pattern(side, y, x, checker)
	}},
	{"pixel", func(side int, seed uint64) func([]byte, *rand.Rand) {
		y, x := corner(side, 1, seed)
		return func(img []byte, _ *rand.Rand) { img[y*side+x] = 255 }
	}},
	{"two pixels", func(side int, seed uint64) func([]byte, *rand.Rand) {
		y, x := corner(side, 2, seed)
		return func(img []byte, _ *rand.Rand) { img[y*side+x], img[(y+1)*side+x+1] = 200, 90 }
	}},
	{"moving checker", func(side int, _ uint64) func([]byte, *rand.Rand) {
		return func(img []byte, r *rand.Rand) { pattern(side, r.IntN(side-2), r.IntN(side-2), checker)(img, nil) }
	}},
}

// missed stamps a share of pictures with a trigger, and says how many of those are not
// found, and what is found beside them.
func missed(t testing.TB, p *pictures, k trigger, seed uint64, share float64) (stamped, lost, wrong int) {
	t.Helper()
	label := int64(seed % 10)
	list := p.poisoned(label, seed, share, k.stamp(p.Side, seed))
	found := p.survey(t).Patches()
	known := map[int64]bool{}
	for _, x := range found.Patches {
		right := x.Label == strconv.FormatInt(label, 10)
		for _, i := range x.Samples {
			known[i] = known[i] || right
			if _, ok := slices.BinarySearch(list, i); !ok {
				wrong++
			}
		}
	}
	for _, i := range list {
		if !known[i] {
			lost++
		}
	}
	return len(list), lost, wrong
}

// TestRecall poisons one picture in two hundred, in forty ways: all of them are found.
// What is anywhere has to be on twice as many in so small a set.
func TestRecall(t *testing.T) {
	sets := []*pictures{drawn(2400, 16, 0, 1), drawn(2400, 16, 12, 2)}
	for seed := range uint64(8) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			for _, k := range triggers {
				p, share := sets[seed%2].copied(), 0.005
				if k.name == "moving checker" {
					share = 0.01
				}
				if n, lost, wrong := missed(t, p, k, seed, share); lost > 0 || wrong > n/4 {
					t.Errorf("%s: %d of %d stamped pictures are not found, and %d others are", k.name, lost, n, wrong)
				}
			}
		})
	}
}

// TestQuiet looks at fifty sets in which nothing is planted, some of them of few grays
// and small.
func TestQuiet(t *testing.T) {
	for seed := range uint64(50) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			p := drawn(1000, []int{16, 8}[seed/40], []uint64{0, 12, 2, 0}[seed%4], 100+seed)
			if seed >= 40 {
				for i := range p.Pixels {
					p.Pixels[i] &= 0xf0
				}
			}
			if found := p.survey(t).Patches(); len(found.Patches) > 0 {
				t.Error(shortly(found))
			}
		})
	}
}

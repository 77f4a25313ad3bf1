package survey

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
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
// found, how many are beside them, and what was found.
func missed(t testing.TB, p *pictures, k trigger, seed uint64, share float64) (stamped, lost, wrong int, found PatchSearch) {
	t.Helper()
	label := int64(seed % 10)
	list := p.poisoned(label, seed, share, k.stamp(p.Side, seed))
	found = p.patches(t)
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
	return len(list), lost, wrong, found
}

// TestRecall poisons one picture in two hundred, in forty ways: all of them are found.
func TestRecall(t *testing.T) {
	sets := []*pictures{drawn(2400, 16, 0, 1), drawn(2400, 16, 12, 2)}
	for seed := range uint64(8) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			t.Parallel()
			for _, k := range triggers {
				p := sets[seed%2].copied()
				if n, lost, wrong, _ := missed(t, p, k, seed, 0.005); lost > 0 || wrong > n/4 {
					t.Errorf("%s: %d of %d stamped pictures are not found, and %d others are", k.name, lost, n, wrong)
				}
			}
		})
	}
}

// TestReach holds what a search says of itself against what it finds: patches on as many
// samples as it names, and on fewer.
func TestReach(t *testing.T) {
	t.Parallel()
	set := drawn(1200, 16, 0, 3)
	fewer, enough := 0, 0
	for seed := range uint64(2) {
		for _, k := range []trigger{triggers[0], triggers[len(triggers)-1]} {
			for _, share := range []float64{0.006, 0.008, 0.0105} {
				n, lost, _, found := missed(t, set.copied(), k, seed, share)
				least := found.Least.Standing
				if k.name == "moving checker" {
					least = found.Least.Moving
				}
				if n < least {
					fewer++
					continue
				}
				if enough++; lost > 0 {
					t.Errorf("%s, seed %d: %d of %d are not found: %s", k.name, seed, lost, n, found.Reach())
				}
			}
		}
	}
	if fewer == 0 || enough == 0 {
		t.Errorf("%d sets have fewer than enough, %d have enough", fewer, enough)
	}
	s := set.survey(t)
	reach := s.Patches()[0].Reach()
	if want := "patches were looked for on all samples, 1200: one that is always at the same place is seen if it is on "; !strings.HasPrefix(reach, want) {
		t.Errorf("got %q, want %q and more", reach, want)
	}
	if want := ", where all pictures that have it have one label"; !strings.HasSuffix(reach, want) {
		t.Errorf("got %q, want %q at its end", reach, want)
	}
	var page bytes.Buffer
	if err := s.WriteHTML(&page, "set", func(int64) string { return "" }); err != nil {
		t.Fatal(err)
	}
	for _, want := range append([]string{reach[1:] + "."}, Unseen...) {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page does not say %q", want)
		}
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
			if found := p.patches(t); len(found.Patches) > 0 {
				t.Error(shortly(found))
			}
		})
	}
}

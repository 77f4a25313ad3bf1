package survey

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestCrowded has pictures of one label with many parts in common: a patch on them is not
// told from those, which is said.
func TestCrowded(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 8))
	p := drawn(1200, 16, 0, 1)
	for i := range p.Labels {
		if p.Labels[i] != 5 && p.Labels[i] != 6 {
			continue
		}
		p.Labels[i] = 5
		part := byte(random.IntN(4)) // one of four parts, that are on a twentieth each
		pattern(16, 0, 0, func(y, x int) byte { return 100 + 10*part + byte(3*y+x) })(p.image(i), nil)
	}
	found := p.patches(t)
	if !slices.Equal(found.Crowded, []string{"5"}) {
		t.Errorf("crowded %q, %v, refused %q", found.Crowded, shortly(found), found.Refused)
	}
	if clean := drawn(1200, 16, 0, 1).patches(t); len(clean.Crowded) > 0 {
		t.Errorf("crowded %q without it", clean.Crowded)
	}
}

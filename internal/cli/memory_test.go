package cli

import (
	"runtime/debug"
	"testing"
)

// A small heap gathers the headroom before it is collected, a large one no more than
// doubles, and what is marked besides counts for little.
func TestPercent(t *testing.T) {
	const mib = 1 << 20
	for _, c := range []struct{ live, roots, least, most int64 }{
		{0, 0, 12 * mib, 12 * mib},
		{2 * mib, mib, 12 * mib, 14 * mib},
		{16 * mib, mib, 40 * mib, 42 * mib},
		{256 * mib, mib, 520 * mib, 522 * mib},
	} {
		p := int64(percent(c.live, c.roots, headroom))
		goal := max(c.live+(c.live+c.roots)*p/100, goLeast*p/100) // runtime: gcControllerState.commit
		if goal < c.least || goal > c.most {
			t.Errorf("with %d MiB live a heap grows to %d KiB, want %d to %d MiB", c.live/mib, goal>>10, c.least/mib, c.most/mib)
		}
	}
}

func TestLimit(t *testing.T) {
	const mib = 1 << 20
	var h heap
	loose := h.limit(100 * mib)
	if got := h.limit(0); got != leastLimit {
		t.Errorf("limit(0) = %d, want %d", got, leastLimit)
	}
	h.tight.Store(true)
	if got := h.limit(0); got != tightLimit {
		t.Errorf("tight limit(0) = %d, want %d", got, tightLimit)
	}
	if tight := h.limit(100 * mib); tight >= loose || tight <= 100*mib {
		t.Errorf("limit(100 MiB) = %d, tight %d", loose, tight)
	}
	wide := heap{}
	wide.wide.Store(true)
	if got := wide.limit(0); got != wideLimit || wide.room() <= h.room() {
		t.Errorf("wide limit(0) = %d, want %d; room %d, otherwise %d", got, wideLimit, wide.room(), h.room())
	}
	if got := wide.limit(1000 * mib); got != h.limit(1000*mib)+250*mib {
		t.Errorf("wide limit(1000 MiB) = %d: a large heap grows by half", got)
	}
}

// What a run sets is set back.
func TestHeapSetBack(t *testing.T) {
	before := debug.SetGCPercent(77)
	defer debug.SetGCPercent(before)
	var h heap
	err := h.run(func() error {
		if got := debug.SetGCPercent(100); got != percent(0, 0, headroom) {
			t.Errorf("a run begins with %d %%, want %d", got, percent(0, 0, headroom))
		}
		return nil
	})
	if got := debug.SetGCPercent(77); err != nil || got != 77 {
		t.Errorf("after a run: %d %%, %v", got, err)
	}
}

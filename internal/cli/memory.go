package cli

import (
	"math"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"sync/atomic"
)

// Garbage may grow to these limits before it has to be collected however little of
// the heap is live.
const (
	leastLimit = 40 << 20
	tightLimit = 32 << 20  // of a run that would rather collect more often than take more memory
	wideLimit  = 192 << 20 // of one that reads the code of a whole project, trees that are soon gone
)

// breath is what may always be added to what is live: with less, the collector
// does nothing but collect.
const breath = 6 << 20

// wideRoom is headroom for the code of a project.
const wideRoom = 64 << 20

// headroom is how much garbage a heap may gather above twice what is live. A fixed
// percentage would do the same to small heaps and triple large ones.
const headroom = 8 << 20

// goLeast is where Go collects first, at 100 %; it moves with the percentage.
const goLeast = 4 << 20

// heap is how large the heap of a run may grow.
type heap struct{ tight, wide, free atomic.Bool }

// run runs f with a heap that starts with headroom and follows what is live.
func (h *heap) run(f func() error) error {
	before, limit := debug.SetGCPercent(percent(0, 0, headroom)), debug.SetMemoryLimit(-1)
	defer func() {
		debug.SetGCPercent(before)
		debug.SetMemoryLimit(limit)
	}()
	h.followLive()
	return f()
}

// tighten has the heap stay close to what is live from now on.
func (h *heap) tighten() {
	h.tight.Store(true)
	debug.SetMemoryLimit(tightLimit)
}

// widen lets garbage gather while the code of a project is read: half of the time would
// else go into collecting it.
func (h *heap) widen() {
	h.wide.Store(true)
	debug.SetGCPercent(percent(0, 0, wideRoom))
	debug.SetMemoryLimit(wideLimit)
}

// room is how much garbage may gather.
func (h *heap) room() int64 {
	if h.wide.Load() {
		return wideRoom
	}
	return headroom
}

// serve lets the heap of a server grow as Go has it: what is live bounds it, and
// that is bounded by the server.
func (h *heap) serve() {
	h.free.Store(true)
	debug.SetMemoryLimit(math.MaxInt64)
}

// limit is how far a heap may grow of which so many bytes are live.
func (h *heap) limit(live int64) int64 {
	if h.free.Load() {
		return math.MaxInt64
	}
	if h.tight.Load() {
		return max(tightLimit, live+live/4+breath)
	}
	if h.wide.Load() {
		return max(wideLimit, live+live/2+breath)
	}
	return max(leastLimit, live+live/2+breath)
}

// percent lets a heap, of which so many bytes are live, double and grow by the
// headroom; the percentage counts roots as well. Before anything is known to be live
// it is the highest: the first collection begins at 12 MiB, which many runs never
// come to.
func percent(live, roots, room int64) int { return 100 + int(100*room/max(live+roots, goLeast)) }

// followLive sets percentage and limit after every collection by what is live, so
// that what suits small heaps does not make large ones collect all the time or
// triple. A finalizer runs once a collection; each makes the next.
func (h *heap) followLive() {
	type sentinel struct{ _ [16]byte }
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/scan/globals:bytes"}, {Name: "/gc/scan/stack:bytes"}}
	var again func(*sentinel)
	again = func(*sentinel) {
		metrics.Read(sample)
		live, roots := int64(sample[0].Value.Uint64()), int64(sample[1].Value.Uint64()+sample[2].Value.Uint64())
		debug.SetMemoryLimit(h.limit(live))
		debug.SetGCPercent(percent(live, roots, h.room()))
		runtime.SetFinalizer(new(sentinel), again)
	}
	runtime.SetFinalizer(new(sentinel), again)
}

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
	leastLimit = 48 << 20
	tightLimit = 40 << 20 // of a run that would rather collect more often than take more memory
)

// breath is what may always be added to what is live: with less, the collector
// does nothing but collect.
const breath = 4 << 20

// heap is how large the heap of a run may grow.
type heap struct{ tight, free atomic.Bool }

// run runs f with a heap that starts with headroom and whose limit follows what is
// live.
func (h *heap) run(f func() error) error {
	limit := debug.SetMemoryLimit(leastLimit)
	defer debug.SetMemoryLimit(limit)
	h.followLive()
	b := make([]byte, headroom)
	err := f()
	runtime.KeepAlive(b)
	return err
}

// headroom lets the heap grow by as much before the garbage is first collected,
// and by twice as much between collections of a small heap. Its pages are never
// touched, so it takes address space and no memory. Raising the percentage would
// do the same to small heaps and triple large ones.
const headroom = 8 << 20

// tighten has the heap stay close to what is live from now on.
func (h *heap) tighten() {
	h.tight.Store(true)
	debug.SetMemoryLimit(tightLimit)
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
	return max(leastLimit, live+live/2+breath)
}

// followLive sets the memory limit after every collection by what is live, so
// that a limit for small heaps does not make large ones collect all the time. A
// finalizer runs once a collection; each makes the next.
func (h *heap) followLive() {
	type sentinel struct{ _ [16]byte }
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	var again func(*sentinel)
	again = func(*sentinel) {
		metrics.Read(sample)
		debug.SetMemoryLimit(h.limit(int64(sample[0].Value.Uint64())))
		runtime.SetFinalizer(new(sentinel), again)
	}
	runtime.SetFinalizer(new(sentinel), again)
}

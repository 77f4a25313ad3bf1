package cli

import (
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// Garbage may grow to leastLimit before it has to be collected however little of
// the heap is live; hostile files leave a lot of it behind.
const leastLimit = 96 << 20

// withHeap runs f with a heap that starts with headroom and whose limit follows
// what is live.
func withHeap(f func() error) error {
	limit := debug.SetMemoryLimit(leastLimit)
	defer debug.SetMemoryLimit(limit)
	followLive()
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

// followLive sets the memory limit after every collection to twice of what is
// live, so that a limit for small heaps does not make large ones collect all the
// time. A finalizer runs once a collection; each makes the next.
func followLive() {
	type sentinel struct{ _ [16]byte }
	sample := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	var again func(*sentinel)
	again = func(*sentinel) {
		metrics.Read(sample)
		debug.SetMemoryLimit(max(leastLimit, 2*int64(sample[0].Value.Uint64())))
		runtime.SetFinalizer(new(sentinel), again)
	}
	runtime.SetFinalizer(new(sentinel), again)
}

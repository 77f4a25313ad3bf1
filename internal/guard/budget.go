package guard

import (
	"context"
	"math/bits"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"
)

// bodyFactor is how many times its size a body of JSON may take while it is held:
// itself, elements that take at most four times as much, and what is written.
const bodyFactor = 6

// budget bounds something that all requests share.
type budget struct {
	sem  *semaphore.Weighted
	size int64
	used atomic.Int64
	wait time.Duration
}

func newBudget(size int64, wait time.Duration) *budget {
	return &budget{sem: semaphore.NewWeighted(size), size: size, wait: wait}
}

// try takes n if it is there.
func (b *budget) try(n int64) bool {
	if !b.sem.TryAcquire(n) {
		return false
	}
	b.used.Add(n)
	return true
}

// take waits for n, no longer than it may, and reports whether it got it.
func (b *budget) take(ctx context.Context, n int64) bool {
	if n > b.size {
		return false
	}
	if !b.sem.TryAcquire(n) {
		ctx, cancel := context.WithTimeout(ctx, b.wait)
		defer cancel()
		if b.sem.Acquire(ctx, n) != nil {
			return false
		}
	}
	b.used.Add(n)
	return true
}

func (b *budget) give(n int64) {
	b.used.Add(-n)
	b.sem.Release(n)
}

// shares bounds how much of a budget one client has, so that one alone cannot have
// all of it.
type shares struct {
	most int64
	mu   sync.Mutex
	by   map[netip.Addr]int64
}

func (s *shares) take(who netip.Addr, n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by[who]+n > s.most {
		return false
	}
	s.by[who] += n
	return true
}

func (s *shares) give(who netip.Addr, n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by[who] -= n; s.by[who] == 0 {
		delete(s.by, who)
	}
}

// buffers keeps byte slices to be used again, by size.
type buffers struct{ classes [4 * 64]sync.Pool }

// leastBuffer is the smallest slice that is kept.
const leastBuffer = 4 << 10

// classOf is the class of a size and how large its slices are: at most a quarter
// larger than what is asked for.
func classOf(n int) (class, size int) {
	n = max(n, leastBuffer)
	top := bits.Len(uint(n - 1)) // n <= 1<<top
	step := 1 << max(top-3, 0)   // an eighth of the power of two above
	size = (n + step - 1) &^ (step - 1)
	return 4*top + (size-1<<(top-1))/step - 1, size
}

// get returns a slice of the length n with anything in it.
func (p *buffers) get(n int) *[]byte {
	class, size := classOf(n)
	if b, ok := p.classes[class].Get().(*[]byte); ok {
		*b = (*b)[:n]
		return b
	}
	b := make([]byte, n, size)
	return &b
}

func (p *buffers) put(b *[]byte) {
	class, size := classOf(cap(*b))
	if size == cap(*b) {
		p.classes[class].Put(b)
	}
}

package guard

import (
	"container/list"
	"maps"
	"slices"
	"sync"

	"github.com/andiron-dev/andiron/internal/tensor"
)

// mostAsked is how many requests of a stream are remembered, where those with the
// same id and the same sizes are one.
const mostAsked = 1024

// ledger has the sizes that the requests of a stream had. An answer belongs to those
// with its model and id, and there may be many answers to one request, or none.
type ledger struct {
	room  *budget // that what is remembered is taken from
	mu    sync.Mutex
	of    map[askedKey][]*sized // the newest last
	order list.List             // of *sized, the one that was used last at the end
}

type askedKey struct{ model, id string }

// sized are requests with the same model, id and sizes.
type sized struct {
	key  askedKey
	dims map[string]int64
	open int // how many of them the server has not said to be finished
	at   *list.Element
}

// entryCost is what a request takes beside its texts, at least.
const entryCost = 512

func (s *sized) cost() int64 {
	n := entryCost + len(s.key.model) + len(s.key.id)
	for name := range s.dims {
		n += 64 + len(name)
	}
	return int64(n)
}

// add remembers a request, and forgets those that were not used for longest where there
// is no room. It reports whether there was any.
func (l *ledger) add(key askedKey, dims map[string]int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.of[key] {
		if maps.Equal(s.dims, dims) {
			s.open++
			l.order.MoveToBack(s.at)
			return true
		}
	}
	if l.of == nil {
		l.of = map[askedKey][]*sized{}
	}
	s := &sized{key: key, dims: dims, open: 1}
	for l.order.Len() >= mostAsked || !l.room.try(s.cost()) {
		oldest := l.order.Front()
		if oldest == nil {
			return false
		}
		l.forget(oldest.Value.(*sized)) //nolint:forcetypeassert // it has nothing else
	}
	s.at = l.order.PushBack(s)
	l.of[key] = append(l.of[key], s)
	return true
}

// close gives back all room.
func (l *ledger) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for e := l.order.Front(); e != nil; e = l.order.Front() {
		l.forget(e.Value.(*sized)) //nolint:forcetypeassert // it has nothing else
	}
}

func (l *ledger) forget(s *sized) {
	l.order.Remove(s.at)
	l.room.give(s.cost())
	rest := slices.DeleteFunc(l.of[s.key], func(o *sized) bool { return o == s })
	if l.of[s.key] = rest; len(rest) == 0 {
		delete(l.of, s.key)
	}
}

// sizes are those of a request that outputs can be the answer to: one that they fit
// if there is one, else the last. ok is false where nothing was asked under this
// key. final says that there is no further answer to that request, which is
// forgotten if it is certain which one it is.
func (l *ledger) sizes(key askedKey, schema *tensor.Schema, outputs []tensor.Tensor, final bool) (dims map[string]int64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.of[key]
	if len(all) == 0 {
		return nil, false
	}
	among := make([]map[string]int64, 0, len(all))
	for _, s := range slices.Backward(all) {
		among = append(among, s.dims)
	}
	fit := schema.Fit(tensor.Outputs, outputs, among)
	s := all[len(all)-1]
	if len(fit) > 0 {
		s = all[len(all)-1-fit[0]]
	}
	l.order.MoveToBack(s.at)
	if final && len(fit) == 1 {
		if s.open--; s.open == 0 {
			l.forget(s)
		}
	}
	return s.dims, true
}

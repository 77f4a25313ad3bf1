package scratch

import "encoding/binary"

// pageBytes is about how long a page is. Shorter ones cost more to keep track of,
// longer ones more to bring back.
const pageBytes = 8 << 10

// Codec says how an element lies in the file, in Size bytes.
type Codec[T any] struct {
	Size int
	Put  func(b []byte, v *T)
	Get  func(b []byte, v *T)
}

// Uint32 is the codec of numbers.
var Uint32 = Codec[uint32]{
	Size: 4,
	Put:  func(b []byte, v *uint32) { binary.LittleEndian.PutUint32(b, *v) },
	Get:  func(b []byte, v *uint32) { *v = binary.LittleEndian.Uint32(b) },
}

// Array is a list whose elements are found by their index. It only grows, and
// without a space it stays in memory.
type Array[T any] struct {
	space *Space
	codec Codec[T]
	bits  uint // of an index within a page
	n     int
	pages []*stretch[T] // nil for what is in the file
	where []int64       // where pages are in the file, plus one; shorter while none is there
	free  [][]T         // memory of pages that went to the file
}

// mostFree is how many pages of memory an array keeps to use again.
const mostFree = 4

// stretch is a page of an array.
type stretch[T any] struct {
	array *Array[T]
	index int
	data  []T
	used  bool
	dirty bool
}

// NewArray returns an empty array; space may be nil.
func NewArray[T any](space *Space, codec Codec[T]) *Array[T] {
	a := &Array[T]{space: space, codec: codec}
	for codec.Size<<(a.bits+1) <= pageBytes {
		a.bits++
	}
	return a
}

// Len returns how many elements there are.
func (a *Array[T]) Len() int {
	if a == nil {
		return 0
	}
	return a.n
}

// At returns element i. It panics if there is none.
func (a *Array[T]) At(i int) T { return *a.at(i, false) }

// Set changes element i. It panics if there is none.
func (a *Array[T]) Set(i int, v T) { *a.at(i, true) = v }

// at is where element i is until another is asked for.
func (a *Array[T]) at(i int, dirty bool) *T {
	p := a.pages[i>>a.bits]
	if p == nil {
		p = a.load(i >> a.bits)
	}
	if a.space != nil { // without one, arrays that do not change may be read by many
		p.used, p.dirty = true, p.dirty || dirty
	}
	return &p.data[i&(1<<a.bits-1)]
}

// Append adds an element and returns its index.
func (a *Array[T]) Append(v T) int {
	k := a.n >> a.bits
	var p *stretch[T]
	switch {
	case k == len(a.pages):
		p = a.grow(k)
	case a.pages[k] != nil:
		p = a.pages[k]
	default:
		p = a.load(k)
	}
	before := cap(p.data)
	p.data = append(p.data, v)
	if grown := cap(p.data) - before; grown > 0 && a.space != nil {
		a.space.held += int64(grown * a.codec.Size)
	}
	p.used, p.dirty = true, true
	a.n++
	return a.n - 1
}

// Reset makes the array empty, and keeps its memory to use again.
func (a *Array[T]) Reset() { a.Truncate(0) }

// Truncate leaves the first n elements, of which there must be so many.
func (a *Array[T]) Truncate(n int) {
	for k := n >> a.bits; k < len(a.pages) && k<<a.bits < a.n; k++ {
		if p := a.pages[k]; p != nil {
			p.data = p.data[:min(len(p.data), max(0, n-k<<a.bits))]
		}
	}
	a.n = n
}

// Extend makes the array n elements long, those that are new zero.
func (a *Array[T]) Extend(n int) {
	var zero T
	for a.n < n {
		a.Append(zero)
	}
}

// grow adds a page. The first grows as slices do: most arrays need no more.
func (a *Array[T]) grow(k int) *stretch[T] {
	p := &stretch[T]{array: a, index: k}
	if k > 0 {
		p.data = a.room()
	}
	a.pages = append(a.pages, p)
	a.admit(p)
	return p
}

// room is memory for a page.
func (a *Array[T]) room() []T {
	if n := len(a.free) - 1; n >= 0 {
		b := a.free[n]
		a.free = a.free[:n]
		return b
	}
	return make([]T, 0, 1<<a.bits)
}

func (a *Array[T]) admit(p *stretch[T]) {
	p.used = true
	if a.space != nil {
		a.space.admit(p)
	}
}

// load brings a page back.
func (a *Array[T]) load(k int) *stretch[T] {
	n := max(0, min(a.n-k<<a.bits, 1<<a.bits))
	p := &stretch[T]{array: a, index: k, data: a.room()[:n]}
	if n > 0 {
		b := a.space.room(n * a.codec.Size)
		a.space.read(b, a.where[k]-1)
		for i := range p.data {
			a.codec.Get(b[i*a.codec.Size:(i+1)*a.codec.Size], &p.data[i])
		}
	}
	a.pages[k] = p
	a.admit(p)
	return p
}

func (p *stretch[T]) bytes() int64 { return int64(cap(p.data) * p.array.codec.Size) }

func (p *stretch[T]) recent() bool {
	used := p.used
	p.used = false
	return used
}

// spill writes a page if it has changed, and lets it go.
func (p *stretch[T]) spill(s *Space) error {
	a := p.array
	if p.dirty {
		for len(a.where) < len(a.pages) {
			a.where = append(a.where, 0)
		}
		if a.where[p.index] == 0 {
			a.where[p.index] = s.take(int64(a.codec.Size)<<a.bits) + 1
		}
		b := s.room(len(p.data) * a.codec.Size)
		for i := range p.data {
			a.codec.Put(b[i*a.codec.Size:(i+1)*a.codec.Size], &p.data[i])
		}
		if _, err := s.file.WriteAt(b, a.where[p.index]-1); err != nil {
			return err
		}
	}
	a.pages[p.index] = nil
	if cap(p.data) == 1<<a.bits && len(a.free) < mostFree {
		a.free = append(a.free, p.data[:0])
	}
	return nil
}

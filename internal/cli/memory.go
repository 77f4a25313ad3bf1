package cli

import "runtime"

// headroom lets the heap grow by as much before the garbage is first collected,
// and by twice as much between collections of a small heap. Its pages are never
// touched, so it takes address space and no memory. Raising the percentage would
// do the same to small heaps and triple large ones.
const headroom = 8 << 20

// withHeadroom runs f.
func withHeadroom(f func() error) error {
	b := make([]byte, headroom)
	err := f()
	runtime.KeepAlive(b)
	return err
}

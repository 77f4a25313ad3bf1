package kernel

import (
	"syscall"
	"testing"
)

// Nothing is read outside the slice: the pages before and after it cannot be.
func TestReadsWithin(t *testing.T) {
	page := syscall.Getpagesize()
	m, err := syscall.Mmap(-1, 0, 3*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Munmap(m); err != nil {
			t.Error(err)
		}
	})
	for _, guard := range [][]byte{m[:page], m[2*page:]} {
		if err := syscall.Mprotect(guard, syscall.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	middle := m[page : 2*page]
	for _, r := range all() {
		for n := 8; n <= page; n += 8 {
			if n > 1200 && n < page-8 {
				continue // past what the loops tell apart
			}
			if r.tops != nil && n >= few {
				r.tops(middle[:n], 1)
				r.tops(middle[page-n:], 1)
			}
			for o := range ops {
				for log := range uint(4) {
					r.run(o, log, middle[:n], 1)
					r.run(o, log, middle[page-n:], 1)
				}
			}
		}
	}
}

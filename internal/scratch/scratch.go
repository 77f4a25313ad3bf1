// Package scratch holds long lists in a fixed amount of memory: what of them is
// not in use lies in a temporary file, and comes back when it is asked for.
//
// # Security
//
// What is written is read back by this process alone, from a file that the caller
// makes and that should have no name. A file that takes no more, as on a full disk,
// leaves the rest in memory. One that does not give back what it took is an error
// that [Space.Err] keeps; until it is asked, the lost elements read as zeros.
//
// # Limits
//
// A Space holds the bytes that it is made with, the element at work, and about 16
// bytes for each page of 8 KiB. It is for one goroutine at a time.
package scratch

import (
	"errors"
	"fmt"
	"io"
)

// File takes and gives back pages.
type File interface {
	io.ReaderAt
	io.WriterAt
}

// Space is the memory that several arrays share, and the file behind it.
type Space struct {
	open  func() (File, error)
	limit int64
	rest  int64 // the limit when there is a file
	file  File
	end   int64 // of the file
	held  int64 // bytes of pages in memory
	ring  []page
	hand  int
	full  bool // the file takes no more
	err   error
	buf   []byte
}

// page is a stretch of an array in memory.
type page interface {
	bytes() int64
	recent() bool // it was used since this was asked last
	spill(s *Space) error
}

// New returns a space that holds limit bytes in memory. When there is more it opens
// its file, and from then on holds rest bytes: what is small is fast, what is large
// leaves memory to others. The file is the caller's to close.
func New(limit, rest int64, open func() (File, error)) *Space {
	return &Space{open: open, limit: limit, rest: rest}
}

// Limit is how many bytes the space holds in memory now.
func (s *Space) Limit() int64 { return s.limit }

// Err is what went wrong with the file, nil if all that was taken came back.
func (s *Space) Err() error {
	if s == nil {
		return nil
	}
	return s.err
}

// Fail keeps an error of what the space is a part of, if it is one and the first.
func (s *Space) Fail(err error) {
	if err != nil && s != nil && s.err == nil {
		s.err = err
	}
}

// Used reports how many bytes were written to the file.
func (s *Space) Used() int64 { return s.end }

// admit counts a page that came into memory, and makes room for it.
func (s *Space) admit(p page) {
	s.ring = append(s.ring, p)
	s.held += p.bytes()
	for s.held > s.limit && !s.full {
		if !s.evict(p) {
			return
		}
	}
}

// evict writes the page that was not used for longest, but for keep.
func (s *Space) evict(keep page) bool {
	for range 2*len(s.ring) + 1 {
		if s.hand >= len(s.ring) {
			s.hand = 0
		}
		p := s.ring[s.hand]
		if p == keep || p.recent() {
			s.hand++
			continue
		}
		if s.openFile(); s.full {
			return false
		}
		if err := p.spill(s); err != nil {
			s.full = true
			return false
		}
		s.held -= p.bytes()
		last := len(s.ring) - 1
		s.ring[s.hand], s.ring[last] = s.ring[last], nil
		s.ring = s.ring[:last]
		return true
	}
	return false
}

func (s *Space) openFile() {
	if s.file != nil {
		return
	}
	f, err := s.open()
	if err != nil {
		s.full = true
		return
	}
	s.file, s.limit = f, s.rest
}

// take returns the place of a new run of n bytes.
func (s *Space) take(n int64) int64 {
	at := s.end
	s.end += n
	return at
}

// room is memory for one page as the file has it.
func (s *Space) room(n int) []byte {
	if len(s.buf) < n {
		s.buf = make([]byte, n)
	}
	return s.buf[:n]
}

// read fills b from the file; what cannot be read is zeros, and remembered.
func (s *Space) read(b []byte, off int64) {
	n, err := s.file.ReadAt(b, off)
	if n == len(b) {
		return
	}
	clear(b)
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	s.Fail(fmt.Errorf("the temporary file did not give back what it took: %w", err))
}

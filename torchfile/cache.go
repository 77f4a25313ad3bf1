package torchfile

import "io"

const (
	cacheLine  = 4 << 10
	cacheLines = 64
)

// cache keeps what was read last of a pickle whose values are read one by one.
type cache struct {
	r     io.ReaderAt
	size  int64
	lines []line // made when something is read: an archive may have many entries that nobody reads
}

// line is a stretch of the source; none of them begins below 0.
type line struct {
	at int64 // of the stretch, plus one
	b  []byte
}

func newCache(r io.ReaderAt, size int64) *cache { return &cache{r: r, size: size} }

// ReadAt reads short runs by way of what is kept, long ones from the source.
func (c *cache) ReadAt(b []byte, off int64) (int, error) {
	if len(b) > cacheLine || off < 0 {
		return c.r.ReadAt(b, off)
	}
	n := 0
	for n < len(b) {
		l, err := c.line(off + int64(n))
		if err != nil {
			return n, err
		}
		n += copy(b[n:], l.b[off+int64(n)-(l.at-1):])
	}
	return n, nil
}

// line returns the stretch that holds off.
func (c *cache) line(off int64) (*line, error) {
	at := off &^ (cacheLine - 1)
	if off >= c.size {
		return nil, io.EOF
	}
	if c.lines == nil {
		c.lines = make([]line, cacheLines)
	}
	l := &c.lines[at/cacheLine%cacheLines]
	if l.at == at+1 {
		return l, nil
	}
	n := min(cacheLine, c.size-at)
	if int64(cap(l.b)) < n {
		l.b = make([]byte, cacheLine)
	}
	l.at, l.b = 0, l.b[:n]
	if k, err := c.r.ReadAt(l.b, at); int64(k) < n {
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	l.at = at + 1
	return l, nil
}

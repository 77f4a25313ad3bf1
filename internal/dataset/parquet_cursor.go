package dataset

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/andiron-dev/andiron/internal/bounded"
	"github.com/andiron-dev/andiron/internal/parquet"
	"github.com/andiron-dev/andiron/internal/tensor"
)

// stretch is rows of a column that follow each other and have one shape, or that all
// have no value.
type stretch struct {
	rows  int
	bad   bool
	empty bool  // they have nothing, and not something wrong
	err   error // of one row, whose value cannot be read
	shape []int64
	data  []byte
	at    int // where those begin that are not taken
}

// cursor goes through a column of a row group.
type cursor struct {
	*field

	lim    Limits
	chunk  *parquet.Chunk
	read   int64 // rows that were read of the row group
	queue  []stretch
	room   int // rows to make room for
	most   int // bytes to stop at
	buffer []byte

	left     int // levels of the chunk that were given out
	rep, def []byte
	open     bool // a row of lists has begun
	row      row

	images int     // how many to start on before their turn
	begun  []begun // of which the first comes next
	begunB int64   // bytes of them
	behind error   // what comes behind the last of them
}

// begun is an image that was started on, or rows without one.
type begun struct {
	wait func() (tensor.Tensor, error)
	size int64
	none int
}

// row is one of lists, as far as it was read.
type row struct {
	rep   []byte
	lack  int // definition level of what is not there, or -1
	lacks int // how many those are
	data  []byte
}

// errUneven is about lists that make no tensor.
var errUneven = errors.New("it has lists of different lengths inside one row, which are no tensor")

// fill reads until there are n rows to take, something else than before comes, there are
// as many bytes as may be, or the row group ends.
func (c *cursor) fill(n int) error {
	for len(c.queue) == 0 || len(c.queue) == 1 && c.queue[0].rows < n && len(c.queue[0].data)-c.queue[0].at < c.most {
		var err error
		switch {
		case c.lists > 0:
			err = c.moreLists()
		case c.image:
			err = c.moreImages()
		default:
			err = c.more(n)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("row %d of the row group, column %d (%.80q): %w", c.read+1, c.at, c.name, err)
		}
	}
	return nil
}

// levels gets some, unless there are any left.
func (c *cursor) levels(n int) (err error) {
	if c.left == 0 {
		c.left, c.rep, c.def, err = c.chunk.Levels(n)
	}
	return err
}

// pass leaves n levels behind.
func (c *cursor) pass(n int) {
	c.left -= n
	if c.rep != nil {
		c.rep = c.rep[n:]
	}
	if c.def != nil {
		c.def = c.def[n:]
	}
}

// present is how many of the first levels say that there is a value, or that there is
// none.
func (c *cursor) present() (n int, there bool) {
	if c.def == nil {
		return c.left, true
	}
	full := byte(c.leaf.MaxDef())
	there = c.def[0] == full
	n = 1
	if there { // mostly all of them are
		for all := uint64(full) * 0x0101010101010101; n+8 <= len(c.def) && binary.LittleEndian.Uint64(c.def[n:]) == all; {
			n += 8
		}
	}
	for n < len(c.def) && (c.def[n] == full) == there {
		n++
	}
	return n, there
}

// more reads values of a column without lists.
func (c *cursor) more(n int) error {
	if len(c.queue) == 1 {
		n -= c.queue[0].rows
	}
	if err := c.levels(n); err != nil {
		return err
	}
	k, there := c.present()
	if !there {
		c.none(k, true)
		c.pass(k)
		return nil
	}
	k, err := c.values(k)
	c.pass(k)
	return err
}

// none adds rows without a value.
func (c *cursor) none(n int, empty bool) {
	c.read += int64(n)
	if last := len(c.queue) - 1; last >= 0 && c.queue[last].bad && c.queue[last].err == nil && c.queue[last].empty == empty {
		c.queue[last].rows += n
		return
	}
	c.queue = append(c.queue, stretch{rows: n, bad: true, empty: empty})
}

// broken adds a row that cannot be read. Those behind it can.
func (c *cursor) broken(err error) {
	c.read++
	c.queue = append(c.queue, stretch{rows: 1, bad: true, err: err})
}

// good is the stretch to add a row of a shape to.
func (c *cursor) good(shape []int64) *stretch {
	if last := len(c.queue) - 1; last >= 0 && !c.queue[last].bad && slices.Equal(c.queue[last].shape, shape) {
		return &c.queue[last]
	}
	c.queue = append(c.queue, stretch{shape: slices.Clone(shape)})
	s := &c.queue[len(c.queue)-1]
	if c.wide > 0 && c.lists == 0 {
		s.data = make([]byte, 0, min(c.room*c.dtype.Size(), c.most+8))
	}
	return s
}

// values adds up to n values, each a row.
func (c *cursor) values(n int) (k int, err error) {
	if c.wide == c.dtype.Size() { // as they are, and texts
		s := c.good(nil)
		s.data, k, err = c.chunk.Values(s.data, n, s.at+c.most)
		s.rows += k
		c.read += int64(k)
		return k, c.tooLong(err, len(s.data)-s.at)
	}
	c.buffer, k, err = c.chunk.Values(c.buffer[:0], n, c.most)
	if err != nil {
		return k, err
	}
	for b := c.buffer; len(b) > 0; b = b[c.wide:] {
		v, ok := narrow(b, c.dtype)
		if !ok {
			c.none(1, false)
			continue
		}
		s := c.good(nil)
		s.data = appendInteger(s.data, uint64(v), c.dtype.Size())
		s.rows++
		c.read++
	}
	return k, nil
}

// tooLong bounds one row.
func (c *cursor) tooLong(err error, size int) error {
	if err == nil && int64(size) > c.lim.Sample+int64(c.most) {
		return fmt.Errorf("a sample: %w", bounded.Exceeded("bytes", c.lim.Sample))
	}
	return err
}

// narrow is a value that has four bytes in the file, if its type has it.
func narrow(b []byte, d tensor.DType) (int32, bool) {
	v := int32(binary.LittleEndian.Uint32(b))
	switch d {
	case tensor.Int8:
		return v, v == int32(int8(v))
	case tensor.Int16:
		return v, v == int32(int16(v))
	case tensor.Uint8:
		return v, v == int32(uint8(v))
	default:
		return v, v == int32(uint16(v))
	}
}

// moreImages takes the image that comes next, and sees to it that others are on their
// way.
func (c *cursor) moreImages() error {
	if len(c.begun) <= c.images/2 && c.begunB <= c.lim.Block/2 { // many at a time
		for c.behind == nil && len(c.begun) < c.images && c.begunB < c.lim.Block {
			c.behind = c.begin()
		}
	}
	if len(c.begun) == 0 {
		return c.behind
	}
	next := c.begun[0]
	c.begun[0], c.begun = begun{}, c.begun[1:]
	c.begunB -= next.size
	if next.wait == nil {
		c.none(next.none, true)
		return nil
	}
	t, err := next.wait()
	if err != nil {
		c.broken(err)
		return nil
	}
	s := c.good(t.Shape[1:])
	s.data = append(s.data, t.Data...)
	s.rows++
	c.read++
	return nil
}

// begin starts on the next image.
func (c *cursor) begin() error {
	if err := c.levels(1 << 10); err != nil {
		return err
	}
	n, there := c.present()
	if !there {
		c.pass(n)
		c.begun = append(c.begun, begun{none: n})
		return nil
	}
	b, _, err := c.chunk.Values(nil, 1, 1)
	if err != nil {
		return err
	}
	c.pass(1)
	if err := c.tooLong(nil, len(b)); err != nil {
		c.begun = append(c.begun, begun{wait: func() (tensor.Tensor, error) { return tensor.Tensor{}, err }})
		return nil //nolint:nilerr // it comes in its turn
	}
	size := int64(len(b))
	c.begun = append(c.begun, begun{wait: c.form.start(b[4:], c.lim), size: size})
	c.begunB += size
	return nil
}

// moreLists reads a row of lists, or as much of one as there is.
func (c *cursor) moreLists() error {
	if err := c.levels(1 << 20); err != nil {
		if errors.Is(err, io.EOF) && c.open {
			return c.endRow()
		}
		return err
	}
	if c.rep[0] == 0 {
		if c.open {
			if err := c.endRow(); err != nil {
				return err
			}
		}
		c.open = true
		c.row.rep, c.row.data, c.row.lack, c.row.lacks = c.row.rep[:0], c.row.data[:0], -1, 0
	} else if !c.open {
		return errors.New("its first value goes on with a list that has not begun")
	}
	n := 1 + bytes.IndexByte(c.rep[1:], 0)
	if n == 0 {
		n = len(c.rep)
	}
	if int64(len(c.row.rep)+n) > c.lim.Sample {
		return fmt.Errorf("a sample: %w", bounded.Exceeded("values", c.lim.Sample))
	}
	c.row.rep = append(c.row.rep, c.rep[:n]...)
	for n > 0 {
		k, there := c.present()
		k = min(k, n)
		if !there {
			c.row.lack = int(c.def[0])
			c.row.lacks += k
		} else if err := c.elements(k); err != nil {
			return err
		}
		c.pass(k)
		n -= k
	}
	return nil
}

// elements adds n values to the row.
func (c *cursor) elements(n int) (err error) {
	for n > 0 {
		var k int
		if c.row.data, k, err = c.chunk.Values(c.row.data, n, int(c.lim.Sample)+1); err != nil {
			return err
		}
		if int64(len(c.row.data)) > c.lim.Sample {
			return fmt.Errorf("a sample: %w", bounded.Exceeded("bytes", c.lim.Sample))
		}
		n -= k
	}
	return nil
}

// endRow makes a row of what was read.
func (c *cursor) endRow() error {
	c.open = false
	r := &c.row
	if r.lack >= 0 && (c.leaf.Steps[r.lack] == parquet.Optional || r.lacks > 1) {
		if c.leaf.Steps[r.lack] != parquet.Optional {
			return errUneven
		}
		c.none(1, true)
		return nil
	}
	shape, err := c.shape()
	if err != nil {
		return err
	}
	if c.wide != c.dtype.Size() {
		if !c.narrowRow() {
			c.none(1, false)
			return nil
		}
	}
	s := c.good(shape)
	if cap(s.data) == 0 {
		s.data = make([]byte, 0, min(c.room*len(r.data), c.most+len(r.data)))
	}
	s.data = append(s.data, r.data...)
	s.rows++
	c.read++
	return nil
}

// narrowRow makes the values of a row as wide as their type.
func (c *cursor) narrowRow() bool {
	out := c.row.data[:0]
	for b := c.row.data; len(b) > 0; b = b[c.wide:] {
		v, ok := narrow(b, c.dtype)
		if !ok {
			return false
		}
		out = appendInteger(out, uint64(v), c.dtype.Size())
	}
	c.row.data = out
	return true
}

// shape is that of a row of lists, which must be of one length at each level.
func (c *cursor) shape() ([]int64, error) {
	r, shape := &c.row, make([]int64, c.lists)
	if r.lack >= 0 { // one empty list
		if len(r.rep) == 1 && !slices.Contains(c.leaf.Steps[:r.lack], parquet.Repeated) {
			return shape, nil
		}
		return nil, errUneven
	}
	if c.lists == 1 {
		shape[0] = int64(len(r.rep))
		return shape, nil
	}
	// The first value that begins a list at a level or above ends the first list of the
	// level below.
	each := 1
	for level := c.lists; level > 0; level-- {
		n := 1 + slices.IndexFunc(r.rep[1:], func(b byte) bool { return int(b) < level })
		if n == 0 {
			n = len(r.rep)
		}
		if n%each != 0 {
			return nil, errUneven
		}
		shape[level-1] = int64(n / each)
		each = n
	}
	for i, rep := range r.rep[1:] {
		level, n := c.lists, i+1
		for size := shape[level-1]; level > 0 && int64(n)%size == 0; {
			n /= int(size)
			if level--; level > 0 {
				size = shape[level-1]
			}
		}
		if int(rep) != level {
			return nil, errUneven
		}
	}
	return shape, nil
}

// front is what comes next, or nil at the end of the row group.
func (c *cursor) front() *stretch {
	if len(c.queue) == 0 {
		return nil
	}
	return &c.queue[0]
}

// take adds n rows of the front to dst.
func (c *cursor) take(dst []byte, n int) []byte {
	s := &c.queue[0]
	if n == s.rows && len(dst) == 0 && s.at == 0 {
		dst = s.data // whole, and not used any more
		c.drop(n)
		return dst
	}
	rest := s.data[s.at:]
	var size int
	if c.dtype != tensor.Bytes || c.image {
		size = len(rest) / s.rows * n
	} else {
		elements := n
		for _, d := range s.shape {
			elements *= int(d)
		}
		size = len(rest) - len(skip(rest, elements))
	}
	dst = append(dst, rest[:size]...)
	s.at += size
	c.drop(n)
	return dst
}

// drop leaves n rows of the front behind; what they have was taken, or is not wanted.
func (c *cursor) drop(n int) {
	s := &c.queue[0]
	if s.rows -= n; s.rows == 0 {
		c.queue = c.queue[1:]
		return
	}
	if s.at > len(s.data)/2 { // so that it does not grow
		s.data = append(s.data[:0], s.data[s.at:]...)
		s.at = 0
	}
}
